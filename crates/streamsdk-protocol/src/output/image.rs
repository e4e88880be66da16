//! Images in outputs: alone, in lists, and inside of something else.

use std::borrow::Cow;

use bytes::Bytes;

use super::OutputError;
use super::outline::{Member, elements, members, plain_string};

/// An image as it travels: base64 of JPEG. Cloning is cheap.
#[derive(Debug, Clone)]
pub struct EncodedImage {
    base64: Bytes,
}

impl EncodedImage {
    /// The JPEG file. Decodes the base64 at every call.
    ///
    /// # Errors
    ///
    /// [`OutputError::Base64`] when it is none. Whether it is a JPEG is found out by who decodes it.
    pub fn jpeg(&self) -> Result<Bytes, OutputError> {
        decode(&self.base64)
    }
}

/// The file that base64 holds.
pub(crate) fn decode(base64: &[u8]) -> Result<Bytes, OutputError> {
    let base64 = without_media_type(base64);
    base64_simd::STANDARD
        .decode_to_vec(base64)
        // Some encoders break lines, or leave the padding out.
        .or_else(|_| base64_simd::forgiving_decode_to_vec(base64))
        .map(Bytes::from)
        .map_err(|_| OutputError::Base64 { len: base64.len() })
}

/// What stands behind `data:image/jpeg;base64,`, which some servers write as for a web page.
fn without_media_type(base64: &[u8]) -> &[u8] {
    match base64.strip_prefix(b"data:") {
        Some(rest) => memchr::memchr(b',', rest).map_or(rest, |comma| &rest[comma + 1..]),
        None => base64,
    }
}

/// The image that `value` is, a part of `json`; `None` if it is something else.
pub(super) fn read(value: &[u8], json: &Bytes) -> Option<EncodedImage> {
    if !value.starts_with(b"{") {
        return None;
    }
    let (mut is_image, mut base64) = (false, None);
    for member in members(value) {
        let Member { name, value, .. } = member.ok()?;
        match &*name {
            "type" => is_image = value == b"\"base64\"",
            "value" => base64 = text(value, json),
            _ => {}
        }
    }
    base64.filter(|_| is_image).map(|base64| EncodedImage { base64 })
}

/// What a string says. It is copied only if there are escapes in it.
fn text(string: &[u8], json: &Bytes) -> Option<Bytes> {
    match plain_string(string) {
        Some(text) => Some(json.slice_ref(text)),
        None => serde_json::from_slice::<String>(string).ok().map(Bytes::from),
    }
}

/// `json` without the base64 of images; `None` if it is an image itself.
pub(super) fn without_images(json: &Bytes) -> Option<Cow<'_, str>> {
    if is_image(json) {
        return None;
    }
    let has_images = memchr::memmem::find(json, b"\"base64\"").is_some();
    if !has_images {
        return std::str::from_utf8(json).ok().map(Cow::Borrowed);
    }
    let mut out = Vec::new();
    write_without_images(json, &mut out);
    String::from_utf8(out).ok().map(Cow::Owned)
}

fn is_image(value: &[u8]) -> bool {
    let is = |name: &str, value: &[u8]| match name {
        "type" => value == b"\"base64\"",
        "value" => value.starts_with(b"\""),
        _ => false,
    };
    let is = |member: &Member<'_>| is(&member.name, member.value);
    value.starts_with(b"{") && members(value).flatten().filter(is).count() >= 2
}

/// Takes only what is known to be JSON, and so not nested deeply.
fn write_without_images(value: &[u8], out: &mut Vec<u8>) {
    match value.first() {
        Some(b'{') => {
            let is_image = is_image(value);
            let members = members(value).flatten();
            let kept = members.filter(|member| !(is_image && member.name == "value"));
            write_list(out, b"{}", kept, |member, out| {
                out.extend_from_slice(
                    serde_json::Value::from(&*member.name).to_string().as_bytes(),
                );
                out.push(b':');
                write_without_images(member.value, out);
            });
        }
        Some(b'[') => write_list(out, b"[]", elements(value), write_without_images),
        _ => out.extend_from_slice(value),
    }
}

fn write_list<T>(
    out: &mut Vec<u8>,
    [open, close]: &[u8; 2],
    items: impl Iterator<Item = T>,
    write: impl Fn(T, &mut Vec<u8>),
) {
    out.push(*open);
    for (place, item) in items.enumerate() {
        if place > 0 {
            out.push(b',');
        }
        write(item, out);
    }
    out.push(*close);
}

/// The output that `image` is of: `crops` for `crops[2]`, and `image` for `image`.
///
/// Servers know outputs, and not the images in a list: this is the name to ask for.
pub fn output_name(image: &str) -> &str {
    split_index(image).map_or(image, |(name, _)| name)
}

/// `crops[2]` as `crops` and 2.
pub(super) fn split_index(image: &str) -> Option<(&str, usize)> {
    let (name, index) = image.strip_suffix(']')?.rsplit_once('[')?;
    let is_number = !index.is_empty() && index.bytes().all(|byte| byte.is_ascii_digit());
    Some((name, index.parse().ok().filter(|_| is_number && !name.is_empty())?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chunk::ChunkedMessage;
    use crate::output::{OutputMessage, Outputs};
    use crate::{Limits, Redactor};

    const IMAGE: &str = r#"{"type":"base64","value":"/9j/4AAQ","video_metadata":{"n":1}}"#;

    fn outputs(json: &str) -> Outputs {
        let payload = format!(r#"{{"serialized_output_data":{json}}}"#).into();
        let message = ChunkedMessage { frame_id: 1, payload };
        let read = OutputMessage::parse(message, &Limits::default(), &Redactor::default());
        read.unwrap().outputs.unwrap()
    }

    #[test]
    fn images_of_a_list_have_an_index() {
        let other = IMAGE.replace("AAQ", "BBQ");
        let outputs = outputs(&format!(
            r#"{{"one":{IMAGE},"crops":[{IMAGE}, {other}],"mixed":[{IMAGE},1],"none":[],"x[0]":{other}}}"#
        ));
        let found =
            |name| outputs.image(name).map(|(name, image)| (name, image.jpeg().unwrap()[4]));
        assert_eq!(found("one"), Some(("one".into(), 0)));
        assert_eq!(found("crops"), Some(("crops[0]".into(), 0)));
        assert_eq!(found("crops[1]"), Some(("crops[1]".into(), 16)));
        assert_eq!(found("x[0]"), Some(("x[0]".into(), 16)));
        for none in ["crops[2]", "one[0]", "mixed", "mixed[0]", "none", "crops[-1]", "crops[]", "y"]
        {
            assert_eq!(found(none), None, "{none}");
        }
        assert_eq!(
            (output_name("crops[2]"), output_name("crops"), output_name("[2]")),
            ("crops", "crops", "[2]")
        );
    }

    #[test]
    fn only_the_base64_of_images_is_left_out() {
        let bare = r#"{"type":"base64","video_metadata":{"n":1}}"#;
        let cases = [
            (format!("[{IMAGE}, {IMAGE}]"), format!("[{bare},{bare}]")),
            (
                format!(r#"{{"a":[1, {{"é\"":{IMAGE}}}]}}"#),
                format!(r#"{{"a":[1,{{"é\"":{bare}}}]}}"#),
            ),
            (r#"{"type":"base64"}"#.into(), r#"{"type":"base64"}"#.into()),
            ("[1, 2]".into(), "[1, 2]".into()),
        ];
        for (json, expected) in cases {
            let outputs = outputs(&format!(r#"{{"a":{json}}}"#));
            let shown = outputs.get("a").unwrap().json_without_images();
            assert_eq!(shown.as_deref(), Some(&*expected), "{json}");
        }
        let alone = outputs(&format!(r#"{{"a":{IMAGE}}}"#));
        assert_eq!(alone.get("a").unwrap().json_without_images(), None);
    }

    #[test]
    fn base64_is_taken_as_web_pages_and_mail_have_it() {
        for value in ["/9j/4AAQ", "data:image/jpeg;base64,/9j/4AAQ", r"/9j/\n4AAQ\n", r"\/9j\/4AAQ"]
        {
            let outputs = outputs(&format!(r#"{{"a":{{"type":"base64","value":"{value}"}}}}"#));
            let jpeg = outputs.image("a").unwrap().1.jpeg().unwrap();
            assert_eq!(jpeg.as_ref(), [0xff, 0xd8, 0xff, 0xe0, 0, 0x10], "{value}");
        }
    }
}
