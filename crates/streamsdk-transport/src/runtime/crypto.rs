//! What the engine encrypts with, and draws its random bytes from: the usual, but for two things that make connecting
//! shorter, and one that makes sending cheaper.
//!
//! Where both sides know the cookie of a handshake, the engine draws that one ([`cookie`](super::cookie)). And of an
//! association that is being made, it is looked at what is said, which nobody but the engine can read otherwise
//! ([`association`](super::association)). Where a track is sent, it is learnt how its packets are encrypted
//! ([`FastPath`]).

use std::sync::{Arc, OnceLock};

use rtc::crypto::{
    ActiveKeyExchange, AeadAlgorithm, AeadCipher, BlockCipherAlgorithm, CbcAlgorithm, CbcCipher,
    CryptoAlgorithm, CryptoError, HashAlgorithm, HmacAlgorithm, KeyExchangeAlgorithm, Mac,
    PublicKey, RTCCrypto, RTCCryptoProvider, RTCRandom, SignatureScheme, SigningKey, StreamCipher,
    StreamCipherAlgorithm, default_provider,
};

use super::association::Association;
use super::cookie::{COOKIE_SIZE, Cookie};
use crate::video::FastPath;

/// The cryptography of one connection's engine.
pub(crate) struct EngineCrypto {
    usual: Arc<dyn RTCCryptoProvider>,
    /// `None` if it is drawn at random.
    cookie: OnceLock<Cookie>,
    association: Arc<Association>,
    fast_path: Arc<FastPath>,
}

impl EngineCrypto {
    pub(crate) fn new(
        association: &Arc<Association>,
        fast_path: &Arc<FastPath>,
    ) -> Result<Self, CryptoError> {
        let (association, fast_path) = (Arc::clone(association), Arc::clone(fast_path));
        Ok(Self { usual: default_provider()?, cookie: OnceLock::new(), association, fast_path })
    }

    /// From now on the engine asks for that one.
    pub(crate) fn set_cookie(&self, cookie: Cookie) {
        // An offer is made once.
        let _ = self.cookie.set(cookie);
    }

    fn usual(&self) -> &dyn RTCCrypto {
        self.usual.crypto()
    }
}

impl RTCCryptoProvider for EngineCrypto {
    fn name(&self) -> &'static str {
        self.usual.name()
    }

    fn crypto(&self) -> &dyn RTCCrypto {
        self
    }

    fn random(&self) -> &dyn RTCRandom {
        self
    }
}

impl RTCRandom for EngineCrypto {
    fn fill(&self, output: &mut [u8]) -> Result<(), CryptoError> {
        match self.cookie.get() {
            Some(cookie) if output.len() == COOKIE_SIZE => {
                output.copy_from_slice(&cookie.0);
                Ok(())
            }
            _ => self.usual.random().fill(output),
        }
    }
}

impl RTCCrypto for EngineCrypto {
    fn new_aead(
        &self,
        algorithm: AeadAlgorithm,
        key: &[u8],
    ) -> Result<Box<dyn AeadCipher>, CryptoError> {
        let usual = self.usual().new_aead(algorithm, key)?;
        let is_gcm = matches!(algorithm, AeadAlgorithm::Aes128Gcm | AeadAlgorithm::Aes256Gcm);
        if !is_gcm || !(self.association.is_watched() || self.fast_path.is_expected()) {
            return Ok(usual);
        }
        let twin = || self.usual().new_aead(algorithm, key);
        let twin = self.fast_path.is_expected().then(twin).transpose()?;
        let (association, fast_path) = (Arc::clone(&self.association), Arc::clone(&self.fast_path));
        Ok(Box::new(WatchedAead { usual, association, fast_path, twin }))
    }

    fn supports(&self, algorithm: CryptoAlgorithm) -> bool {
        self.usual().supports(algorithm)
    }

    fn hash(&self, algorithm: HashAlgorithm, data: &[u8]) -> Result<Vec<u8>, CryptoError> {
        self.usual().hash(algorithm, data)
    }

    fn block_encrypt(
        &self,
        algorithm: BlockCipherAlgorithm,
        key: &[u8],
        block: &mut [u8],
    ) -> Result<(), CryptoError> {
        self.usual().block_encrypt(algorithm, key, block)
    }

    fn new_hmac(&self, algorithm: HmacAlgorithm, key: &[u8]) -> Result<Box<dyn Mac>, CryptoError> {
        self.usual().new_hmac(algorithm, key)
    }

    fn new_stream_cipher(
        &self,
        algorithm: StreamCipherAlgorithm,
        key: &[u8],
    ) -> Result<Box<dyn StreamCipher>, CryptoError> {
        self.usual().new_stream_cipher(algorithm, key)
    }

    fn new_cbc(
        &self,
        algorithm: CbcAlgorithm,
        key: &[u8],
    ) -> Result<Box<dyn CbcCipher>, CryptoError> {
        self.usual().new_cbc(algorithm, key)
    }

    fn start_key_exchange(
        &self,
        algorithm: KeyExchangeAlgorithm,
    ) -> Result<Box<dyn ActiveKeyExchange>, CryptoError> {
        self.usual().start_key_exchange(algorithm)
    }

    fn generate_signing_key(
        &self,
        scheme: SignatureScheme,
    ) -> Result<Arc<dyn SigningKey>, CryptoError> {
        self.usual().generate_signing_key(scheme)
    }

    fn import_signing_key(
        &self,
        scheme: SignatureScheme,
        pkcs8_der: &[u8],
    ) -> Result<Arc<dyn SigningKey>, CryptoError> {
        self.usual().import_signing_key(scheme, pkcs8_der)
    }

    fn verify_signature(
        &self,
        scheme: SignatureScheme,
        public_key: PublicKey<'_>,
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), CryptoError> {
        self.usual().verify_signature(scheme, public_key, message, signature)
    }
}

/// A cipher whose records of application data are looked at in the open, while an association is being made, and of
/// whose packets it is looked at how they are encrypted, before a track's leave around the engine.
struct WatchedAead {
    usual: Box<dyn AeadCipher>,
    association: Arc<Association>,
    fast_path: Arc<FastPath>,
    /// With the same key, for packets that leave around the engine.
    twin: Option<Box<dyn AeadCipher>>,
}

impl WatchedAead {
    /// The number of the record to which this additional data belongs, if it is looked at.
    fn watched(&self, aad: &[u8]) -> Option<u64> {
        self.association.is_watched().then(|| application_record(aad)).flatten()
    }
}

impl AeadCipher for WatchedAead {
    fn tag_len(&self) -> usize {
        self.usual.tag_len()
    }

    fn seal_in_place(
        &mut self,
        nonce: &[u8],
        aad: &[u8],
        data: &mut [u8],
        tag: &mut [u8],
    ) -> Result<(), CryptoError> {
        if let Some(number) = self.watched(aad) {
            self.association.on_seal(number, data);
        }
        if self.fast_path.is_expected() {
            self.fast_path.on_seal(nonce, aad, &mut self.twin);
        }
        self.usual.seal_in_place(nonce, aad, data, tag)
    }

    fn open_in_place(
        &mut self,
        nonce: &[u8],
        aad: &[u8],
        data: &mut [u8],
        tag: &[u8],
    ) -> Result<(), CryptoError> {
        let Some(number) = self.watched(aad) else {
            return self.usual.open_in_place(nonce, aad, data, tag);
        };
        if self.association.is_echo(number, tag) {
            return Ok(());
        }
        self.usual.open_in_place(nonce, aad, data, tag)?;
        match self.association.on_open(number, data) {
            true => Ok(()),
            // The engine drops what it cannot open.
            false => Err(CryptoError::AuthenticationFailed),
        }
    }
}

/// The number, epoch included, of a record of application data with this additional data (RFC 5246, 6.2.3.3).
fn application_record(aad: &[u8]) -> Option<u64> {
    const APPLICATION_DATA: u8 = 23;
    let (number, [APPLICATION_DATA, 0xfe, 0xfd, _, _]) = aad.split_first_chunk()? else {
        return None;
    };
    Some(u64::from_be_bytes(*number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_engine_draws_the_cookie_that_is_set_and_all_else_at_random() {
        let crypto = EngineCrypto::new(&Arc::default(), &Arc::default()).unwrap();
        let draw = |size| {
            let mut drawn = vec![0; size];
            crypto.random().fill(&mut drawn).unwrap();
            drawn
        };
        assert_ne!(draw(COOKIE_SIZE), draw(COOKIE_SIZE));
        let cookie = Cookie([5; COOKIE_SIZE]);
        crypto.set_cookie(cookie);
        assert_eq!(draw(COOKIE_SIZE), cookie.0);
        assert_ne!(draw(32), draw(32));
    }

    #[test]
    fn only_records_of_application_data_are_looked_at() {
        let aad = [0, 1, 0, 0, 0, 0, 2, 3, 23, 0xfe, 0xfd, 0, 40];
        assert_eq!(application_record(&aad), Some(1 << 48 | 0x203));
        let mut handshake = aad;
        handshake[8] = 22;
        let of_media = [0x80, 96, 0, 1, 0, 0, 0, 0, 23, 0xfe, 0xfd, 0];
        for other in [&handshake[..], &aad[..12], &[&aad[..], &[0]].concat(), &of_media, &[]] {
            assert_eq!(application_record(other), None, "{other:?}");
        }
    }
}
