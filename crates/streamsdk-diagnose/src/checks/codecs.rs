//! Is there a codec that servers take?

use streamsdk_transport::VideoCodec;

use crate::{Code, Finding};

/// What servers take.
const OF_SERVERS: [VideoCodec; 2] = [VideoCodec::Vp8, VideoCodec::H264];

/// `ours` are those that this build encodes and decodes.
pub(crate) fn check(ours: &[VideoCodec]) -> Finding {
    let common: Vec<_> = OF_SERVERS.iter().filter(|codec| ours.contains(codec)).collect();
    if common.is_empty() {
        let what =
            "No codec for video tracks works here that servers take: only files can be streamed.";
        return Finding::new(Code::NoCommonCodec, what);
    }
    let names: Vec<_> = common.iter().map(ToString::to_string).collect();
    Finding::new(Code::CodecsFound, format!("Codecs for video tracks: {}.", names.join(", ")))
}

/// What this build has; `None` if it is built without video tracks.
pub(crate) fn built_in() -> Option<Vec<VideoCodec>> {
    cfg!(feature = "video").then(streamsdk_video::codecs)
}
