//! Encrypting packets as the engine does (SRTP with AES-GCM, RFC 7714).

use rtc::crypto::AeadCipher;

use super::header::{sequence_number, ssrc};

/// What is put behind each packet.
pub(super) const TAG_SIZE: usize = 16;
const NONCE_SIZE: usize = 12;

/// Encrypts the packets of one stream, each once.
pub(super) struct Sealing {
    cipher: Box<dyn AeadCipher>,
    salt: [u8; NONCE_SIZE],
    ssrc: u32,
    /// The number of the newest packet, which does not wrap.
    newest: u64,
}

impl Sealing {
    /// Goes on behind a packet that the engine has encrypted with that nonce and the same key. It must be of the first
    /// 65,536.
    pub(super) fn after(cipher: Box<dyn AeadCipher>, nonce: &[u8], header: &[u8]) -> Option<Self> {
        let number = u64::from(sequence_number(header)?);
        let ssrc = ssrc(header)?;
        let mut salt: [u8; NONCE_SIZE] = nonce.try_into().ok()?;
        mix(&mut salt, &packet_nonce(ssrc, number));
        (cipher.tag_len() == TAG_SIZE).then_some(Self { cipher, salt, ssrc, newest: number })
    }

    /// Whether the packet of that number follows the newest one.
    pub(super) fn is_next(&self, number: u16) -> bool {
        self.step_to(number) == 1
    }

    /// The engine has encrypted another packet.
    pub(super) fn engine_has_sealed(&mut self, header: &[u8]) {
        if let Some(number) = sequence_number(header) {
            self.advance_to(number);
        }
    }

    /// Encrypts a packet that is newer than all before, from `start` of `buffer` to its end, and appends its tag. Its
    /// header has so many bytes. `None` if that cannot be.
    pub(super) fn seal(&mut self, buffer: &mut Vec<u8>, start: usize, header: usize) -> Option<()> {
        let packet = &mut buffer[start..];
        // No number is used twice.
        sequence_number(packet).filter(|number| self.advance_to(*number))?;
        let mut nonce = packet_nonce(self.ssrc, self.newest);
        mix(&mut nonce, &self.salt);
        let (header, payload) = packet.split_at_mut(header);
        let mut tag = [0; TAG_SIZE];
        self.cipher.seal_in_place(&nonce, header, payload, &mut tag).ok()?;
        buffer.extend_from_slice(&tag);
        Some(())
    }

    /// Whether that number is newer than all before.
    fn advance_to(&mut self, number: u16) -> bool {
        let step = self.step_to(number);
        let is_newer = (1..1 << 15).contains(&step);
        if is_newer {
            self.newest += u64::from(step);
        }
        is_newer
    }

    fn step_to(&self, number: u16) -> u16 {
        number.wrapping_sub(self.newest as u16)
    }
}

/// Of a packet, before the salt is mixed in (RFC 7714, 8.1).
fn packet_nonce(ssrc: u32, number: u64) -> [u8; NONCE_SIZE] {
    let mut nonce = [0; NONCE_SIZE];
    nonce[2..6].copy_from_slice(&ssrc.to_be_bytes());
    nonce[6..].copy_from_slice(&number.to_be_bytes()[2..]);
    nonce
}

fn mix(nonce: &mut [u8; NONCE_SIZE], other: &[u8; NONCE_SIZE]) {
    nonce.iter_mut().zip(other).for_each(|(byte, other)| *byte ^= other);
}

#[cfg(test)]
mod tests {
    use rtc::crypto::{AeadAlgorithm, default_provider};

    use super::*;

    const SALT: [u8; NONCE_SIZE] = [9, 8, 7, 6, 5, 4, 3, 2, 1, 0, 1, 2];
    const SSRC: u32 = 0x0708_090a;
    const HEADER: usize = 12;

    fn cipher() -> Box<dyn AeadCipher> {
        let provider = default_provider().unwrap();
        provider.crypto().new_aead(AeadAlgorithm::Aes128Gcm, &[7; 16]).unwrap()
    }

    fn packet(number: u16) -> Vec<u8> {
        let [high, low] = number.to_be_bytes();
        [&[0x80, 96, high, low, 0, 0, 0, 0], &SSRC.to_be_bytes()[..], b"payload"].concat()
    }

    /// As RFC 7714 has it.
    fn nonce(rollovers: u32, number: u16) -> [u8; NONCE_SIZE] {
        let parts =
            [&[0, 0], &SSRC.to_be_bytes()[..], &rollovers.to_be_bytes(), &number.to_be_bytes()];
        let mut nonce: [u8; NONCE_SIZE] = parts.concat().try_into().unwrap();
        mix(&mut nonce, &SALT);
        nonce
    }

    fn open(mut sealed: Vec<u8>, nonce: &[u8]) -> Option<Vec<u8>> {
        let tag = sealed.split_off(sealed.len() - TAG_SIZE);
        let (header, payload) = sealed.split_at_mut(HEADER);
        cipher().open_in_place(nonce, header, payload, &tag).ok()?;
        Some(payload.to_vec())
    }

    #[test]
    fn packets_are_encrypted_with_the_nonces_that_follow_the_engines() {
        let first = packet(65_533);
        let mut sealing = Sealing::after(cipher(), &nonce(0, 65_533), &first).unwrap();
        sealing.engine_has_sealed(&packet(65_534));
        // Once more, since it was asked for.
        sealing.engine_has_sealed(&packet(65_533));
        assert!(sealing.is_next(65_535) && !sealing.is_next(0));
        for (number, rollovers) in [(65_535, 0), (0, 1), (1, 1)] {
            let mut sealed = b"before".to_vec();
            sealed.extend_from_slice(&packet(number));
            sealing.seal(&mut sealed, 6, HEADER).unwrap();
            let opened = open(sealed.split_off(6), &nonce(rollovers, number));
            assert_eq!((sealed, opened), (b"before".to_vec(), Some(b"payload".to_vec())));
        }
    }

    #[test]
    fn no_number_is_used_twice() {
        let mut sealing = Sealing::after(cipher(), &nonce(0, 7), &packet(7)).unwrap();
        for (number, is_new) in
            [(7, false), (8, true), (8, false), (6, false), (12, true), (9, false)]
        {
            let sealed = sealing.seal(&mut packet(number), 0, HEADER);
            assert_eq!(sealed.is_some(), is_new, "{number}");
        }
    }
}
