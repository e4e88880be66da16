//! The little that has to be known about SDP without speaking WebRTC: whether a description can
//! lead to a connection at all, and which program wrote it.
//!
//! The real server answers an offer that it cannot read with status 200 and a description without
//! media, and then waits for ever.

use thiserror::Error;

/// A description that cannot lead to a connection.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SdpError {
    /// Not SDP at all.
    #[error("it does not start like SDP (v=0)")]
    NotSdp,
    /// No media section that is in use.
    #[error("it has no media section in use")]
    NoMedia,
    /// The answer has another number of media sections than the offer.
    #[error("it has {answer} media sections where the offer has {offer}")]
    MediaCount {
        /// Sections in the offer.
        offer: usize,
        /// Sections in the answer.
        answer: usize,
    },
    /// No section in use for data channels.
    #[error("it refuses data channels")]
    NoDataChannels,
    /// A line without which no connection can be made is missing.
    #[error("it has no a={0} line")]
    Missing(&'static str),
}

/// Which program wrote a description, as far as that shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Author {
    /// This project, which signs its offers ([`signed`]).
    Streamsdk,
    /// aiortc, on which the Python SDK is built.
    Aiortc,
    /// Another, such as a browser.
    Other,
}

/// The attribute that is meant for the name of the program.
const SIGNATURE: &str = "a=tool:streamsdk";

impl Author {
    /// The author of `sdp`.
    pub fn of(sdp: &str) -> Self {
        let mut head = sdp.lines().take_while(|line| !line.starts_with("m="));
        let is_signed = |line: &str| {
            line.strip_prefix(SIGNATURE)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        if head.clone().any(is_signed) {
            Self::Streamsdk
        } else if head.find_map(|line| line.strip_prefix("o=")).is_some_and(is_origin_of_aiortc) {
            Self::Aiortc
        } else {
            Self::Other
        }
    }
}

/// aiortc takes the time for both numbers, and gives no address: `- 4004324454 4004324454 IN IP4 0.0.0.0`.
fn is_origin_of_aiortc(origin: &str) -> bool {
    let words: Vec<&str> = origin.split_whitespace().collect();
    matches!(words[..], ["-", id, version, "IN", "IP4", "0.0.0.0"] if id == version)
}

/// The description with the name of this project in it, by which [`Author::of`] knows it.
pub fn signed(sdp: &str) -> String {
    let head_len = sdp.find("\nm=").map_or(sdp.len(), |newline| newline + 1);
    let (head, media) = sdp.split_at(head_len);
    format!("{head}{SIGNATURE}/{}\r\n{media}", env!("CARGO_PKG_VERSION"))
}

/// Checks that `answer` can lead to a connection with the side that made `offer`, and has data channels where that
/// asks for some.
///
/// # Errors
///
/// What is wrong with it.
pub fn check_answer(offer: &str, answer: &str) -> Result<(), SdpError> {
    let answered = check_description(answer, has_data_channels(offer))?;
    let offered = media_sections(offer).count();
    if answered != offered {
        return Err(SdpError::MediaCount { offer: offered, answer: answered });
    }
    if !has_candidate_in_use(answer) {
        return Err(SdpError::Missing("candidate"));
    }
    Ok(())
}

/// Checks that `offer` can be answered by a server that says what it has to say over data channels.
///
/// # Errors
///
/// What is wrong with it.
pub fn check_offer(offer: &str) -> Result<(), SdpError> {
    check_description(offer, true).map(|_| ())
}

/// Whether the description has a section in use for data channels.
pub fn has_data_channels(sdp: &str) -> bool {
    media_sections(sdp).any(|section| section.starts_with("application ") && is_in_use(section))
}

/// Whether the side that wrote the description wants to send video: in its first video section.
pub fn sends_video(sdp: &str) -> bool {
    let silent = |line: &str| matches!(line.trim(), "a=recvonly" | "a=inactive");
    video_section(sdp).is_some_and(|section| !section.lines().any(silent))
}

/// The first video section, from what follows its `m=`.
pub fn video_section(sdp: &str) -> Option<&str> {
    sdp.split("\nm=").skip(1).find(|section| section.starts_with("video "))
}

/// Returns the number of media sections.
fn check_description(sdp: &str, needs_data_channels: bool) -> Result<usize, SdpError> {
    if !sdp.trim_start().starts_with("v=0") {
        return Err(SdpError::NotSdp);
    }
    if !media_sections(sdp).any(is_in_use) {
        return Err(SdpError::NoMedia);
    }
    if needs_data_channels && !has_data_channels(sdp) {
        return Err(SdpError::NoDataChannels);
    }
    for name in ["ice-ufrag", "ice-pwd", "fingerprint"] {
        let present = |line: &str| {
            line.strip_prefix("a=")
                .and_then(|rest| rest.strip_prefix(name))
                .is_some_and(|rest| rest.starts_with(':') && rest.trim().len() > 1)
        };
        if !sdp.lines().any(present) {
            return Err(SdpError::Missing(name));
        }
    }
    Ok(media_sections(sdp).count())
}

/// Whether a candidate stands where a peer looks for it: not in a section that is refused.
fn has_candidate_in_use(sdp: &str) -> bool {
    let mut in_use = true;
    sdp.lines().any(|line| {
        if let Some(section) = line.strip_prefix("m=") {
            in_use = is_in_use(section);
        }
        in_use && line.starts_with("a=candidate:")
    })
}

/// Whether a section has a port; 0 refuses it. Takes its media line or all of it, with or without the `m=`.
pub fn is_in_use(section: &str) -> bool {
    section.split_whitespace().nth(1).is_some_and(|port| port != "0")
}

/// What follows `m=` in each media line.
fn media_sections(sdp: &str) -> impl Iterator<Item = &str> {
    sdp.lines().filter_map(|line| line.strip_prefix("m="))
}

#[cfg(test)]
mod tests {
    use super::*;

    const USABLE: &str = "v=0\r\na=ice-ufrag:u\r\na=ice-pwd:p\r\na=fingerprint:sha-256 AA\r\n\
        m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\na=candidate:1 1 udp 1 10.0.0.1 9 typ host\r\n";

    #[test]
    fn video_is_sent_unless_its_section_says_otherwise() {
        let offer = |direction: &str| {
            format!("v=0\r\nm=application 9\r\na=recvonly\r\nm=video 9 X 96\r\n{direction}")
        };
        for (direction, sends) in
            [("a=sendrecv\r\n", true), ("", true), ("a=recvonly\r\n", false), ("a=inactive", false)]
        {
            assert_eq!(sends_video(&offer(direction)), sends, "{direction:?}");
        }
        assert!(!sends_video(USABLE));
    }

    #[test]
    fn authors_are_known_by_what_they_write_before_the_media() {
        let by = |head: &str| Author::of(&format!("v=0\r\n{head}\r\ns=-\r\nt=0 0\r\n{USABLE}"));
        assert_eq!(by("o=- 4004324454 4004324454 IN IP4 0.0.0.0"), Author::Aiortc);
        for other in [
            // Chromium and WebKit, Firefox, and what other engines write.
            "o=- 3034805021081125337 2 IN IP4 127.0.0.1",
            "o=mozilla...THIS_IS_SDPARTA-99.0 6990844348346443218 0 IN IP4 0.0.0.0",
            "o=- 7273498012 1764298123 IN IP4 0.0.0.0",
            "o=rtc 1764298123 0 IN IP4 127.0.0.1",
            "o=",
        ] {
            assert_eq!(by(other), Author::Other, "{other}");
        }
        assert_eq!(Author::of(""), Author::Other);
    }

    #[test]
    fn this_projects_offers_are_signed() {
        let signed = signed(USABLE);
        assert_eq!(Author::of(&signed), Author::Streamsdk);
        assert_eq!(Author::of(USABLE), Author::Other);
        assert_eq!(check_offer(&signed), Ok(()));
        let added: Vec<&str> = signed.lines().filter(|line| !USABLE.contains(line)).collect();
        assert_eq!(added, [format!("{SIGNATURE}/{}", env!("CARGO_PKG_VERSION"))]);
        assert_eq!(Author::of(&signed.replace("streamsdk", "streamsdk-like")), Author::Other);
        // A signature among the media is none.
        assert_eq!(Author::of(&format!("{USABLE}{SIGNATURE}\r\n")), Author::Other);
    }

    #[test]
    fn a_usable_answer_passes() {
        assert_eq!(check_answer(USABLE, USABLE), Ok(()));
    }

    #[test]
    fn candidates_of_a_refused_section_do_not_count() {
        let media = "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\n";
        let candidate = "a=candidate:1 1 udp 1 10.0.0.1 9 typ host\r\n";
        let head = USABLE.replace(media, "").replace(candidate, "");
        let refused = format!("{head}m=video 0 X\r\n{candidate}{media}");
        assert_eq!(check_answer(&refused, &refused), Err(SdpError::Missing("candidate")));
        let used = format!("{head}m=video 0 X\r\n{media}{candidate}");
        assert_eq!(check_answer(&used, &used), Ok(()));
    }

    #[test]
    fn an_answer_needs_data_channels_only_where_they_were_offered() {
        let video = USABLE.replace("application 9", "video 9");
        assert_eq!(check_answer(&video, &video), Ok(()));
        assert_eq!(check_answer(USABLE, &video), Err(SdpError::NoDataChannels));
        assert_eq!(check_offer(&video), Err(SdpError::NoDataChannels));
        let refused = USABLE.replace("application 9", "video 0");
        assert_eq!(check_answer(&video, &refused), Err(SdpError::NoMedia));
    }

    #[test]
    fn each_way_to_be_unusable_has_a_name() {
        let without = |line: &str| USABLE.replace(line, "");
        let cases = [
            (String::new(), SdpError::NotSdp),
            ("garbage".into(), SdpError::NotSdp),
            ("v=0\r\ns=-\r\n".into(), SdpError::NoMedia),
            (USABLE.replace("application 9", "application 0"), SdpError::NoMedia),
            (USABLE.replace("application 9", "video 9"), SdpError::NoDataChannels),
            (without("a=ice-ufrag:u\r\n"), SdpError::Missing("ice-ufrag")),
            (without("a=ice-pwd:p\r\n"), SdpError::Missing("ice-pwd")),
            (USABLE.replace("sha-256 AA", ""), SdpError::Missing("fingerprint")),
            (
                without("a=candidate:1 1 udp 1 10.0.0.1 9 typ host\r\n"),
                SdpError::Missing("candidate"),
            ),
            (format!("{USABLE}m=video 9 X\r\n"), SdpError::MediaCount { offer: 1, answer: 2 }),
        ];
        for (answer, error) in cases {
            assert_eq!(check_answer(USABLE, &answer), Err(error), "{answer:?}");
        }
    }
}
