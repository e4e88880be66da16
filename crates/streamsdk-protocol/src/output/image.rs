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
    text(base64_of(value)?, json).map(|base64| EncodedImage { base64 })
}

/// The string with the base64, if `value` is an image.
fn base64_of(value: &[u8]) -> Option<&[u8]> {
    if !value.starts_with(b"{") {
        return None;
    }
    let (mut is_image, mut base64) = (false, None);
    for member in members(value) {
        let Member { name, value, .. } = member.ok()?;
        match &*name {
            "type" => is_image = value == b"\"base64\"",
            "value" => base64 = Some(value).filter(|value| value.starts_with(b"\"")),
            _ => {}
        }
    }
    base64.filter(|_| is_image)
}

fn is_image(value: &[u8]) -> bool {
    base64_of(value).is_some()
}

/// What a string says. It is copied only if there are escapes in it.
fn text(string: &[u8], json: &Bytes) -> Option<Bytes> {
    match plain_string(string) {
        Some(text) => Some(json.slice_ref(text)),
        None => serde_json::from_slice::<String>(string).ok().map(Bytes::from),
    }
}

/// All images in `json`, at whatever depth, in their order.
pub(super) fn all(json: &Bytes) -> Vec<EncodedImage> {
    let mut found = Vec::new();
    if may_have_images(json) {
        find_all(json, json, &mut found);
    }
    found
}

fn find_all(value: &[u8], json: &Bytes, found: &mut Vec<EncodedImage>) {
    match value.first() {
        Some(b'{') => match read(value, json) {
            Some(image) => found.push(image),
            None => members(value).flatten().for_each(|it| find_all(it.value, json, found)),
        },
        Some(b'[') => elements(value).for_each(|element| find_all(element, json, found)),
        _ => {}
    }
}

/// `json` without the base64 of images; `None` if it is an image itself.
pub(super) fn without_images(json: &Bytes) -> Option<Cow<'_, str>> {
    if is_image(json) { None } else { Some(with_urls(json, &mut std::iter::empty())) }
}

/// `json` with URLs in the place of the base64 of images, in their order. An image for which there is none has neither.
pub(super) fn with_urls<'j>(
    json: &'j Bytes,
    urls: &mut dyn Iterator<Item = Option<String>>,
) -> Cow<'j, str> {
    if !may_have_images(json) {
        return String::from_utf8_lossy(json);
    }
    let mut out = Vec::new();
    write_with_urls(json, urls, &mut out);
    Cow::Owned(String::from_utf8(out).unwrap_or_default())
}

fn may_have_images(json: &[u8]) -> bool {
    memchr::memmem::find(json, b"\"base64\"").is_some()
}

/// Takes only what is known to be JSON, and so not nested deeply.
fn write_with_urls(
    value: &[u8],
    urls: &mut dyn Iterator<Item = Option<String>>,
    out: &mut Vec<u8>,
) {
    match value.first() {
        Some(b'{') if is_image(value) => write_image(value, urls.next().flatten(), out),
        Some(b'{') => {
            let members = members(value).flatten();
            write_list(out, b"{}", members, |member, out| {
                write_name(&member.name, out);
                write_with_urls(member.value, urls, out);
            });
        }
        Some(b'[') => {
            let write = |element: &[u8], out: &mut Vec<u8>| write_with_urls(element, urls, out);
            write_list(out, b"[]", elements(value), write);
        }
        _ => out.extend_from_slice(value),
    }
}

/// What else is said about an image stays.
fn write_image(image: &[u8], url: Option<String>, out: &mut Vec<u8>) {
    let kept = members(image).flatten().filter(|member| url.is_some() || member.name != "value");
    write_list(out, b"{}", kept, |member, out| {
        write_name(&member.name, out);
        match (&*member.name, &url) {
            ("type", Some(_)) => out.extend_from_slice(b"\"url\""),
            ("value", Some(url)) => write_string(url, out),
            _ => out.extend_from_slice(member.value),
        }
    });
}

fn write_name(name: &str, out: &mut Vec<u8>) {
    write_string(name, out);
    out.push(b':');
}

fn write_string(text: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(serde_json::Value::from(text).to_string().as_bytes());
}

fn write_list<T>(
    out: &mut Vec<u8>,
    [open, close]: &[u8; 2],
    items: impl Iterator<Item = T>,
    mut write: impl FnMut(T, &mut Vec<u8>),
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
    fn urls_take_the_place_of_base64_in_the_order_of_the_images() {
        let other = IMAGE.replace("AAQ", "BBQ");
        let found =
            outputs(&format!(r#"{{"a":{{"x":[{IMAGE},1],"y":{other}}},"b":{IMAGE},"c":7}}"#));
        let jpegs: Vec<_> = found.iter().flat_map(|(_, output)| output.all_images()).collect();
        let fifth: Vec<_> = jpegs.iter().map(|image| image.jpeg().unwrap()[4]).collect();
        assert_eq!(fifth, [0, 16, 0]);
        let mut urls = [Some("file:///\"1\"".to_owned()), None, Some("2".into())].into_iter();
        let mut shown =
            |name| found.get(name).unwrap().json_with_image_urls(&mut urls).into_owned();
        assert_eq!(
            shown("a"),
            r#"{"x":[{"type":"url","value":"file:///\"1\"","video_metadata":{"n":1}},1],"y":{"type":"base64","video_metadata":{"n":1}}}"#
        );
        assert_eq!(shown("b"), r#"{"type":"url","value":"2","video_metadata":{"n":1}}"#);
        assert_eq!(shown("c"), "7");
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
