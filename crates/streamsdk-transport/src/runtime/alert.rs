//! Alerts in the open, by which a handshake of DTLS fails.

use std::fmt;

/// Content type, any version of DTLS, epoch 0: nothing is encrypted yet.
const TYPE: u8 = 21;
const VERSION: u8 = 0xfe;
const EPOCH_AT: usize = 3;
const LENGTH: usize = 13 + 2;
const FATAL: u8 = 2;

/// Why a side gave a handshake up (RFC 5246, section 7.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Alert(u8);

impl Alert {
    pub(crate) const BAD_CERTIFICATE: Self = Self(42);

    /// The fatal alert in a packet, if it is one in the open.
    pub(crate) fn of(packet: &[u8]) -> Option<Self> {
        match packet {
            [TYPE, VERSION, .., FATAL, description]
                if packet.len() == LENGTH && packet[EPOCH_AT..EPOCH_AT + 2] == [0, 0] =>
            {
                Some(Self(*description))
            }
            _ => None,
        }
    }
}

impl fmt::Display for Alert {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            10 => f.write_str("unexpected message"),
            40 => f.write_str("no common parameters"),
            42 => f.write_str("bad certificate"),
            43 => f.write_str("unsupported certificate"),
            45 => f.write_str("certificate expired"),
            46 => f.write_str("certificate unknown"),
            47 => f.write_str("illegal parameter"),
            50 => f.write_str("message cannot be decoded"),
            51 => f.write_str("message cannot be decrypted"),
            70 => f.write_str("unsupported version"),
            71 => f.write_str("insufficient security"),
            80 => f.write_str("internal error"),
            code => write!(f, "alert {code}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_fatal_alert_in_the_open_is_one() {
        let packet = [21, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 3, 0, 2, 2, 42];
        assert_eq!(Alert::of(&packet), Some(Alert::BAD_CERTIFICATE));
        assert_eq!(Alert::of(&packet[..14]), None);
        for (at, other) in [(0, 22), (1, 3), (4, 1), (13, 1)] {
            let mut packet = packet;
            packet[at] = other;
            assert_eq!(Alert::of(&packet), None, "byte {at}");
        }
        assert_eq!(Alert::of(&[]), None);
    }
}
