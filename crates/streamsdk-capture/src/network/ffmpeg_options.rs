//! What FFmpeg is told when it opens a stream.

use std::time::Duration;

use ffmpeg_next::Dictionary;

use super::address::AddressKind;
use super::gateway::Gateway;
use super::options::{NetworkStreamOptions, Transport};

const SOCKET_TIMEOUT_GRACE: Duration = Duration::from_secs(1);

pub(super) fn ffmpeg_options(
    kind: AddressKind,
    options: &NetworkStreamOptions,
    gateway: Option<&Gateway>,
) -> Dictionary<'static> {
    let mut dictionary = Dictionary::new();
    dictionary.set("protocol_whitelist", kind.protocols());
    let mut formats = kind.formats();
    if let Some(gateway) = gateway {
        dictionary.set("http_proxy", &gateway.url());
        if has_exceptions() {
            formats = kind.formats_without_playlists();
            dictionary.set("max_redirects", "0");
        }
    }
    dictionary.set("format_whitelist", &formats);
    if options.is_low_latency {
        dictionary.set("probesize", "32768");
        // Otherwise FFmpeg waits for twenty frames to tell their rate.
        dictionary.set("fpsprobesize", "0");
    }
    // Otherwise it waits for up to fifty frames to find the first timestamp: a camera that gives one a
    // second would seem to be silent.
    dictionary.set("max_ts_probe", "0");
    // In microseconds of video. Some formats let FFmpeg wait much longer for streams to appear.
    let look_ahead = if options.is_low_latency { "500000" } else { "2000000" };
    dictionary.set("analyzeduration", look_ahead);
    if kind == AddressKind::Rtsp {
        let transport = match options.transport {
            Transport::Auto => "tcp+udp",
            Transport::Tcp => "tcp",
            Transport::Udp => "udp",
        };
        dictionary.set("rtsp_transport", transport);
        // Of those that are allowed the first; the next one if the server refuses it.
        dictionary.set("rtsp_flags", "prefer_tcp");
        dictionary.set("allowed_media_types", "video");
    }
    if let Some(micros) = socket_timeout(options) {
        let name = if kind == AddressKind::Rtsp { "timeout" } else { "rw_timeout" };
        dictionary.set(name, &micros.to_string());
    }
    dictionary
}

/// Whether FFmpeg connects to some hosts by itself, whatever proxy it is told of. A server may send on to them, and a
/// playlist name them.
fn has_exceptions() -> bool {
    std::env::var_os("no_proxy").is_some_and(|hosts| !hosts.is_empty())
}

/// Microseconds, for the waits of FFmpeg's that do not ask the watch; `None` if FFmpeg cannot wait that
/// long. Comes after the watch, since FFmpeg gives errors for it that mean something else, too.
fn socket_timeout(options: &NetworkStreamOptions) -> Option<i32> {
    let longest = options.connect_timeout.max(options.read_timeout);
    i32::try_from(longest.saturating_add(SOCKET_TIMEOUT_GRACE).as_micros()).ok()
}
