//! Sealing: what must be read again but never lie open (webhook secrets, one-time keys of
//! repeated requests) is encrypted with the master key before it reaches the database.

use std::fmt;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use chacha20poly1305::{
    XChaCha20Poly1305, XNonce,
    aead::{Aead as _, KeyInit as _, Payload},
};

use crate::keys::random_bytes;

const NONCE_BYTES: usize = 24;

/// The key that seals secrets. Prints nothing of itself.
#[derive(Clone)]
pub struct MasterKey([u8; 32]);

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MasterKey(..)")
    }
}

/// What sealing and opening may fail with. Never says what was inside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// The text is not a master key.
    #[error("not a master key: 32 bytes as 64 hexadecimal characters or 44 of base64 are wanted")]
    NotAKey,
    /// The sealed bytes were made with another key, for another purpose, or were changed.
    #[error("cannot open a sealed secret: wrong master key, or changed bytes")]
    CannotOpen,
    /// The cipher refused; does not happen for secrets of bounded size.
    #[error("cannot seal")]
    CannotSeal,
}

impl MasterKey {
    /// Reads a key of 32 bytes written as 64 hexadecimal characters or as base64.
    ///
    /// # Errors
    /// [`SealError::NotAKey`] for any other text.
    pub fn parse(text: &str) -> Result<Self, SealError> {
        if let Ok(hash) = text.parse::<baton_domain::account::KeyHash>() {
            return Ok(Self(hash.0));
        }
        let bytes = STANDARD.decode(text).map_err(|_| SealError::NotAKey)?;
        bytes.try_into().map(Self).map_err(|_| SealError::NotAKey)
    }

    /// A fresh key, in the form [`MasterKey::parse`] reads.
    #[must_use]
    pub fn random_text() -> String {
        STANDARD.encode(random_bytes::<32>())
    }

    /// Seals `secret` for one purpose; opening it for another fails.
    ///
    /// # Errors
    /// [`SealError::CannotSeal`].
    pub fn seal(&self, purpose: &str, secret: &[u8]) -> Result<Vec<u8>, SealError> {
        let nonce = random_bytes::<NONCE_BYTES>();
        let payload = Payload { msg: secret, aad: purpose.as_bytes() };
        let sealed = XChaCha20Poly1305::new(&self.0.into())
            .encrypt(XNonce::from_slice(&nonce), payload)
            .map_err(|_| SealError::CannotSeal)?;
        Ok([nonce.as_slice(), &sealed].concat())
    }

    /// Opens what was sealed for the same purpose.
    ///
    /// # Errors
    /// [`SealError::CannotOpen`].
    pub fn open(&self, purpose: &str, sealed: &[u8]) -> Result<Vec<u8>, SealError> {
        let (nonce, sealed) = sealed.split_at_checked(NONCE_BYTES).ok_or(SealError::CannotOpen)?;
        let payload = Payload { msg: sealed, aad: purpose.as_bytes() };
        XChaCha20Poly1305::new(&self.0.into())
            .decrypt(XNonce::from_slice(nonce), payload)
            .map_err(|_| SealError::CannotOpen)
    }

    /// Lets nodes compare their keys without showing them.
    #[must_use]
    pub fn check_value(&self) -> [u8; 32] {
        use sha2::{Digest as _, Sha256};
        Sha256::new()
            .chain_update("baton.master-key.check.v1")
            .chain_update(self.0)
            .finalize()
            .into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sealed_opens_for_the_same_key_and_purpose_only() {
        let key = MasterKey::parse(&MasterKey::random_text()).unwrap();
        let sealed = key.seal("webhook a", b"secret").unwrap();
        assert_eq!(key.open("webhook a", &sealed).unwrap(), b"secret");
        assert_eq!(key.open("webhook b", &sealed), Err(SealError::CannotOpen));
        let other = MasterKey::parse(&"ab".repeat(32)).unwrap();
        assert_eq!(other.open("webhook a", &sealed), Err(SealError::CannotOpen));
        let mut changed = sealed.clone();
        *changed.last_mut().unwrap() ^= 1;
        assert_eq!(key.open("webhook a", &changed), Err(SealError::CannotOpen));
        assert_eq!(key.open("webhook a", b"short"), Err(SealError::CannotOpen));
        assert!(!sealed.windows(6).any(|window| window == b"secret"));
    }

    #[test]
    fn a_master_key_is_32_bytes() {
        for wrong in ["", "short", &"a".repeat(63), &"ab".repeat(31)] {
            assert_eq!(MasterKey::parse(wrong).unwrap_err(), SealError::NotAKey, "{wrong}");
        }
    }
}
