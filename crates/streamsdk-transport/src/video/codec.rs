//! The codecs, as SDP describes them.

use rtc::peer_connection::configuration::media_engine::{MIME_TYPE_H264, MIME_TYPE_VP8};
use rtc::rtp_transceiver::rtp_sender::{
    RTCPFeedback, RTCRtpCodec, RTCRtpCodecParameters, RTCRtpHeaderExtensionCapability, RtpCodecKind,
};
use streamsdk_codec::{VIDEO_CLOCK_RATE, VideoCodec};
use streamsdk_protocol::sdp::{is_in_use, video_section};
use webrtc::peer_connection::MediaEngine;

pub(super) const ABS_SEND_TIME: &str = "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time";

/// The variants of a codec that are offered, with their payload types. H264 is constrained baseline and
/// baseline, in packetization mode 1.
fn variants(codec: VideoCodec) -> Vec<RTCRtpCodecParameters> {
    let h264 = |profile: &str| {
        format!("level-asymmetry-allowed=1;packetization-mode=1;profile-level-id={profile}")
    };
    let variants = match codec {
        VideoCodec::Vp8 => vec![(96, MIME_TYPE_VP8, String::new())],
        VideoCodec::H264 => {
            vec![(125, MIME_TYPE_H264, h264("42e01f")), (102, MIME_TYPE_H264, h264("42001f"))]
        }
    };
    let parameters =
        |(payload_type, mime_type, sdp_fmtp_line): (u8, &str, String)| RTCRtpCodecParameters {
            rtp_codec: RTCRtpCodec {
                mime_type: mime_type.to_owned(),
                clock_rate: VIDEO_CLOCK_RATE,
                channels: 0,
                sdp_fmtp_line,
                rtcp_feedback: feedback(),
            },
            payload_type,
        };
    variants.into_iter().map(parameters).collect()
}

/// What a track is made of before the peer has chosen a variant.
pub(super) fn capability(codec: VideoCodec) -> RTCRtpCodec {
    variants(codec).swap_remove(0).rtp_codec
}

fn feedback() -> Vec<RTCPFeedback> {
    [("nack", ""), ("nack", "pli"), ("ccm", "fir"), ("goog-remb", "")]
        .map(|(kind, parameter)| RTCPFeedback {
            typ: kind.to_owned(),
            parameter: parameter.to_owned(),
        })
        .into()
}

/// What can be negotiated: the codecs in order of preference, and the time stamps without which
/// aiortc makes no estimate of the bandwidth.
pub(crate) fn media_engine(codecs: &[VideoCodec]) -> Result<MediaEngine, webrtc::error::Error> {
    let mut engine = MediaEngine::default();
    for codec in codecs.iter().flat_map(|codec| variants(*codec)) {
        engine.register_codec(codec, RtpCodecKind::Video)?;
    }
    let abs_send_time = RTCRtpHeaderExtensionCapability { uri: ABS_SEND_TIME.to_owned() };
    engine.register_header_extension(abs_send_time, RtpCodecKind::Video, None)?;
    Ok(engine)
}

/// The codecs that the side that made an offer takes or sends video in, in its order; none if there is no video in it.
pub fn offered_codecs(offer: &str) -> Vec<VideoCodec> {
    let mut codecs = Vec::new();
    for variant in Negotiated::all(offer) {
        if !codecs.contains(&variant.codec) {
            codecs.push(variant.codec);
        }
    }
    codecs
}

/// What two sides agreed on for a video section.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Negotiated {
    pub(crate) codec: VideoCodec,
    pub(crate) payload_type: u8,
}

impl Negotiated {
    /// The first variant of an offer's video section whose codec is among `codecs`.
    pub(crate) fn offered(sdp: &str, codecs: &[VideoCodec]) -> Option<Self> {
        Self::all(sdp).find(|variant| codecs.contains(&variant.codec))
    }

    /// Reads the first video section of a description: its first payload type is the one that is used. `None`
    /// if there is no such section, if it is refused, or if it begins with another codec.
    pub(crate) fn of(sdp: &str) -> Option<Self> {
        let first = payload_types(sdp).next()?;
        Self::all(sdp).find(|variant| variant.payload_type == first)
    }

    /// All variants of a video section that is in use, in its order; codecs that are not known here are
    /// left out.
    fn all(sdp: &str) -> impl Iterator<Item = Self> {
        let section = video_section(sdp).unwrap_or_default();
        payload_types(sdp).filter_map(move |payload_type| {
            let prefix = format!("a=rtpmap:{payload_type} ");
            let name = section.lines().find_map(|line| line.trim().strip_prefix(&prefix))?;
            let codec = name.split('/').next()?.parse().ok()?;
            Some(Self { codec, payload_type })
        })
    }
}

/// The payload types of a video section; none if there is no such section, or if it is refused.
fn payload_types(sdp: &str) -> impl Iterator<Item = u8> {
    let section = video_section(sdp).filter(|section| is_in_use(section)).unwrap_or_default();
    let line = section.lines().next().unwrap_or_default();
    // After the kind of media, the port and the transport.
    line.split_whitespace().skip(3).map_while(|word| word.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_payload_type_of_a_video_section_is_what_was_agreed() {
        let sdp = "v=0\r\nm=application 9 X\r\nm=video 9 UDP/TLS/RTP/SAVPF 101 97\r\n\
            a=rtpmap:97 VP8/90000\r\na=rtpmap:101 H264/90000\r\n";
        let agreed = Negotiated { codec: VideoCodec::H264, payload_type: 101 };
        assert_eq!(Negotiated::of(sdp), Some(agreed));
        assert_eq!(Negotiated::of(&sdp.replace("video 9", "video 0")), None);
        assert_eq!(Negotiated::of(&sdp.replace("H264", "AV1")), None);
        assert_eq!(Negotiated::of("v=0\r\n"), None);
        let vp8 = Negotiated { codec: VideoCodec::Vp8, payload_type: 97 };
        assert_eq!(Negotiated::offered(sdp, &[VideoCodec::Vp8]), Some(vp8));
        assert_eq!(Negotiated::offered(sdp, &[]), None);
        assert_eq!(offered_codecs(sdp), [VideoCodec::H264, VideoCodec::Vp8]);
        assert_eq!(offered_codecs("v=0\r\n"), []);
    }
}
