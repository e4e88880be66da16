use streamsdk_capture::{NetworkStream, NetworkStreamOptions};
use streamsdk_protocol::init::InitRequest;
use streamsdk_protocol::sdp::sends_video;

use crate::error_response::ErrorResponse;

/// Pixels of the largest picture of live video that is taken, a little more than 4K: some are kept, and
/// whoever sends them chooses their size.
pub(crate) const MAX_LIVE_PIXELS: u32 = 4096 * 2304;

/// Where a session's frames will come from.
#[derive(Debug, Clone)]
pub(crate) enum SourcePlan {
    /// A file that the client uploads.
    Upload,
    /// The video track that the client sends.
    Track,
    /// A camera that the worker pulls.
    Network {
        /// Its address, with what is secret in it.
        url: String,
        options: NetworkStreamOptions,
    },
}

impl SourcePlan {
    /// Like the real server, goes by the URLs and then by what the offer brings: not every client says
    /// that it uploads a file.
    pub(crate) fn of(request: &InitRequest) -> Result<Self, ErrorResponse> {
        if let Some(url) = &request.rtsp_url {
            return camera("rtsp_url", url, &["rtsp://", "rtsps://"]);
        }
        if let Some(url) = &request.mjpeg_url {
            return camera("mjpeg_url", url, &["http://", "https://"]);
        }
        let is_track = request.manual_mode || sends_video(&request.webrtc_offer.sdp);
        Ok(match is_track && !request.video_file_upload {
            true => Self::Track,
            false => Self::Upload,
        })
    }
}

fn camera(field: &str, url: &str, schemes: &[&str]) -> Result<SourcePlan, ErrorResponse> {
    let is_scheme = |scheme: &&str| {
        url.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme))
    };
    if !schemes.iter().any(is_scheme) {
        let schemes = schemes.join(" or ");
        // The URL is not repeated: it may hold a password.
        return Err(ErrorResponse::internal(&format!(
            "The field {field} must begin with {schemes}."
        )));
    }
    let options = NetworkStream::options(url).max_pixels(MAX_LIVE_PIXELS.into());
    Ok(SourcePlan::Network { url: url.to_owned(), options })
}

#[cfg(test)]
mod tests {
    use streamsdk_protocol::init::SessionDescription;

    use super::*;

    fn plan(configure: impl FnOnce(&mut InitRequest)) -> Result<SourcePlan, ErrorResponse> {
        let mut request = InitRequest::default();
        configure(&mut request);
        SourcePlan::of(&request)
    }

    fn offer(direction: &str) -> SessionDescription {
        let sdp =
            format!("v=0\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\na={direction}\r\nm=application 9");
        SessionDescription::offer(sdp)
    }

    #[test]
    fn a_slot_that_sends_is_a_track_and_anything_else_without_a_url_an_upload() {
        use SourcePlan::{Network, Track, Upload};
        assert!(matches!(plan(|_| {}), Ok(Upload)));
        for (direction, is_track) in [("sendrecv", true), ("sendonly", true), ("recvonly", false)] {
            let planned = plan(|request| request.webrtc_offer = offer(direction));
            assert_eq!(matches!(planned, Ok(Track)), is_track, "{direction}");
            let planned = plan(|request| {
                request.webrtc_offer = offer(direction);
                request.video_file_upload = true;
            });
            assert!(matches!(planned, Ok(Upload)));
        }
        assert!(matches!(plan(|request| request.manual_mode = true), Ok(Track)));
        let url = |url: &str| Some(url.to_owned());
        assert!(matches!(plan(|request| request.rtsp_url = url("RTSP://cam")), Ok(Network { .. })));
        assert!(matches!(
            plan(|request| request.mjpeg_url = url("http://cam")),
            Ok(Network { .. })
        ));
    }

    #[test]
    fn a_url_of_another_scheme_is_refused_and_not_repeated() {
        for url in ["file:///etc/s3cret", "s3cret", "", "rtspé", "http://s3cret@cam"] {
            let refused = plan(|request| request.rtsp_url = Some(url.to_owned())).unwrap_err();
            assert!(!format!("{refused:?}").contains("s3cret"), "{refused:?}");
        }
        let refused = plan(|request| request.mjpeg_url = Some("rtsp://cam".to_owned()));
        assert!(refused.is_err());
    }
}
