//! The time at which a packet leaves, as it says itself (the header extension abs-send-time).

use bytes::Bytes;
use rtc::interceptor::StreamInfo;
use rtc::rtp::header::Header;

use super::codec::ABS_SEND_TIME;
use super::feedback::ntp_now;

/// Stamps packets, if that was agreed upon.
///
/// Each is stamped once, before it is kept to be repeated. A repeated packet is encrypted with the nonce that it had
/// at first, and AES-GCM gives its key of authentication away where two packets have one nonce and are not the same
/// (RFC 7714, 8.4).
#[derive(Debug, Default)]
pub(super) struct SendTimeStamp {
    extension: Option<u8>,
}

impl SendTimeStamp {
    /// Takes what was agreed upon.
    pub(super) fn bind(&mut self, info: &StreamInfo) {
        let extension = info.rtp_header_extensions.iter().find(|known| known.uri == ABS_SEND_TIME);
        self.extension = extension.and_then(|extension| u8::try_from(extension.id).ok());
    }

    /// Has the packet say that it leaves now.
    pub(super) fn stamp(&self, header: &mut Header) {
        let Some(id) = self.extension else { return };
        // 24 bits: six of seconds, eighteen of fraction.
        let time = (ntp_now() >> 14) as u32 & 0xff_ffff;
        let stamp = Bytes::copy_from_slice(&time.to_be_bytes()[1..]);
        // A header without room for it is sent without it.
        let _ = header.set_extension(id, stamp);
    }
}
