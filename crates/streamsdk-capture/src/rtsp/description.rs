//! What a camera says about its video (SDP, RFC 8866).

use streamsdk_codec::VIDEO_CLOCK_RATE;

/// A stream of H264 that can be taken as it comes.
#[derive(Debug, PartialEq)]
pub(crate) struct Description {
    /// Where it is asked for.
    pub(crate) track: String,
    /// Where it is started.
    pub(crate) session: String,
    /// What its packets have.
    pub(crate) payload_type: u8,
    /// Parameter sets behind start codes; empty if they come with the video only.
    pub(crate) parameters: Vec<u8>,
    /// Frames per second, where that is said.
    pub(crate) frame_rate: Option<f64>,
}

/// Lines of a description: of a section, or of what comes before the first.
type Lines<'a> = Vec<(&'a str, &'a str)>;

impl Description {
    /// Reads it. `base` is what relative addresses in it are relative to. Otherwise why it is nothing that can be
    /// taken as it comes.
    pub(crate) fn parse(text: &str, base: &str) -> Result<Self, &'static str> {
        let mut sections = sections(text);
        let session = sections.remove(0);
        let mut videos = sections.iter().filter(|section| is_in_use(section));
        let video = videos.next().ok_or("there is no video in its description")?;
        if videos.next().is_some() {
            return Err("it has several videos");
        }
        let payload_type = payload_type(video).ok_or("its video has no payload type")?;
        let prefix = format!("{payload_type} ");
        let of_type = |name| attributes(video, name).find_map(|value| value.strip_prefix(&prefix));
        if !of_type("rtpmap").is_some_and(is_h264) {
            return Err("its video is not H264");
        }
        let format = of_type("fmtp").unwrap_or_default();
        if parameter(format, "packetization-mode").is_some_and(|mode| !["0", "1"].contains(&mode)) {
            return Err("its packets are interleaved");
        }
        let control =
            |section: &Lines<'_>| attributes(section, "control").next().map(str::to_owned);
        Ok(Self {
            track: at(base, control(video).as_deref().unwrap_or("*")),
            session: match control(&session) {
                Some(absolute) if is_absolute(&absolute) => absolute,
                _ => base.to_owned(),
            },
            payload_type,
            parameters: parameter(format, "sprop-parameter-sets")
                .map(parameter_sets)
                .unwrap_or_default(),
            frame_rate: ["framerate", "x-framerate"].into_iter().find_map(|name| rate(video, name)),
        })
    }
}

/// What comes before the first section, and the sections.
fn sections(text: &str) -> Vec<Lines<'_>> {
    let mut sections = vec![Vec::new()];
    for (kind, value) in text.lines().filter_map(|line| line.trim().split_once('=')) {
        if kind == "m" {
            if sections.len() > MAX_SECTIONS {
                break;
            }
            sections.push(Vec::new());
        }
        if let Some(section) = sections.last_mut() {
            section.push((kind, value));
        }
    }
    sections
}

fn attributes<'a>(section: &Lines<'a>, name: &str) -> impl Iterator<Item = &'a str> {
    let values = section.iter().filter(|(kind, _)| *kind == "a").map(|(_, value)| *value);
    values.filter_map(move |value| value.strip_prefix(name)?.strip_prefix(':')).map(str::trim)
}

/// Whether it is a video over RTP. The port says nothing before it is asked for.
fn is_in_use(section: &Lines<'_>) -> bool {
    section.first().is_some_and(|(_, media)| {
        let mut words = media.split_whitespace();
        words.next() == Some("video") && words.nth(1).is_some_and(|how| how.starts_with("RTP/"))
    })
}

fn payload_type(video: &Lines<'_>) -> Option<u8> {
    let (_, media) = video.first()?;
    media.split_whitespace().nth(3)?.parse().ok().filter(|number| *number < 128)
}

fn is_h264(encoding: &str) -> bool {
    let mut parts = encoding.split('/');
    let is_named = parts.next().is_some_and(|name| name.eq_ignore_ascii_case("H264"));
    is_named && parts.next().and_then(|rate| rate.trim().parse().ok()) == Some(VIDEO_CLOCK_RATE)
}

/// Of a format, as `name=value; name=value`.
fn parameter<'a>(format: &'a str, name: &str) -> Option<&'a str> {
    let mut parameters = format.split(';').filter_map(|parameter| parameter.split_once('='));
    let found = parameters.find(|(known, _)| known.trim().eq_ignore_ascii_case(name));
    found.map(|(_, value)| value.trim())
}

/// What cannot be read is left out: it may come with the video.
fn parameter_sets(encoded: &str) -> Vec<u8> {
    let decode = |set: &str| base64_simd::forgiving_decode_to_vec(set.as_bytes()).ok();
    let sets = encoded.split(',').filter_map(decode).filter(|set| !set.is_empty());
    sets.flat_map(|set| [&[0, 0, 0, 1], &set[..]].concat()).collect()
}

fn rate(video: &Lines<'_>, name: &str) -> Option<f64> {
    let rate: f64 = attributes(video, name).next()?.parse().ok()?;
    (rate.is_finite() && rate > 0.0).then_some(rate)
}

fn is_absolute(address: &str) -> bool {
    let scheme = address.split_once("://").map(|(scheme, _)| scheme);
    scheme.is_some_and(|scheme| scheme.eq_ignore_ascii_case("rtsp"))
}

/// As cameras mean it, which is not as addresses are put together elsewhere: it is appended to what there is.
fn at(base: &str, control: &str) -> String {
    match control {
        "" | "*" => base.to_owned(),
        absolute if is_absolute(absolute) => absolute.to_owned(),
        relative => format!("{}/{relative}", base.trim_end_matches('/')),
    }
}

/// More than any camera's.
const MAX_SECTIONS: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    const CAMERA: &str = "v=0\r\no=- 0 0 IN IP4 0.0.0.0\r\ns=camera\r\na=control:*\r\n\
        m=audio 0 RTP/AVP 0\r\na=control:track2\r\n\
        m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=framerate:12.5\r\n\
        a=fmtp:96 packetization-mode=1; sprop-parameter-sets=Z0LgHw==,aM4= ;profile-level-id=42e01f\r\n\
        a=control:track1\r\n";

    fn parse(text: &str) -> Result<Description, &'static str> {
        Description::parse(text, "rtsp://cam/live?x=1/")
    }

    #[test]
    fn a_camera_says_where_its_video_is_and_what() {
        let expected = Description {
            track: "rtsp://cam/live?x=1/track1".to_owned(),
            session: "rtsp://cam/live?x=1/".to_owned(),
            payload_type: 96,
            parameters: vec![0, 0, 0, 1, 0x67, 0x42, 0xe0, 0x1f, 0, 0, 0, 1, 0x68, 0xce],
            frame_rate: Some(12.5),
        };
        assert_eq!(parse(CAMERA), Ok(expected));
    }

    #[test]
    fn addresses_are_absolute_relative_or_none() {
        for (control, track) in [
            ("rtsp://10.0.0.1/t", "rtsp://10.0.0.1/t"),
            ("*", "rtsp://cam/live?x=1/"),
            ("trackID=1", "rtsp://cam/live?x=1/trackID=1"),
        ] {
            let text = CAMERA.replace("control:track1", &format!("control:{control}"));
            assert_eq!(parse(&text).unwrap().track, track);
        }
        let absolute = CAMERA.replace("control:*", "control:rtsp://cam/all");
        assert_eq!(parse(&absolute).unwrap().session, "rtsp://cam/all");
    }

    #[test]
    fn what_cannot_be_taken_as_it_comes_is_said() {
        for (from, to) in [
            ("m=video 0 RTP/AVP 96", "m=application 0 RTP/AVP 96"),
            ("m=video 0 RTP/AVP 96", "m=video 0 udp 96"),
            ("m=video 0 RTP/AVP 96", "m=video 0 RTP/AVP"),
            ("m=video 0 RTP/AVP 96", "m=video 0 RTP/AVP 300"),
            ("m=audio", "m=video"),
            ("H264", "H265"),
            ("90000", "1000"),
            ("packetization-mode=1", "packetization-mode=2"),
        ] {
            assert!(parse(&CAMERA.replace(from, to)).is_err(), "{from} -> {to}");
        }
        assert!(parse("").is_err());
        assert_eq!(parse(&CAMERA.replace("Z0LgHw==", "?")).unwrap().parameters.len(), 6);
    }
}
