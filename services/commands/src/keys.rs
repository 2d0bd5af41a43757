//! Keys and tokens: made from 256 random bits, shown once, kept as hashes.

use std::fmt;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use baton_domain::account::{KeyHash, NewKey};
use sha2::{Digest as _, Sha256};

/// What every agent key begins with.
pub(crate) const KEY_PREFIX: &str = "dlg_";
/// Characters of a key that admins may see.
const SHOWN_CHARS: usize = 12;

/// A key or token in clear. Prints nothing of itself.
#[derive(Clone, PartialEq, Eq)]
pub struct KeyText(pub String);

impl fmt::Debug for KeyText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyText(..)")
    }
}

impl KeyText {
    /// A fresh agent key: `dlg_` and 43 url-safe base64 characters (protocol 0.2).
    #[must_use]
    pub fn random() -> Self {
        Self(format!("{KEY_PREFIX}{}", random_token()))
    }

    /// What the log keeps of the key.
    #[must_use]
    pub fn to_new_key(&self) -> NewKey {
        NewKey { hash: hash_of(&self.0), prefix: self.0.chars().take(SHOWN_CHARS).collect() }
    }
}

/// 256 random bits as 43 url-safe base64 characters.
///
/// # Panics
/// If the operating system has no randomness to give.
#[must_use]
pub fn random_token() -> String {
    URL_SAFE_NO_PAD.encode(random_bytes::<32>())
}

/// Random bytes from the operating system.
pub(crate) fn random_bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the operating system has randomness");
    bytes
}

/// SHA-256 of a key or token: 256 random bits need no slow hash.
#[must_use]
pub fn hash_of(secret: &str) -> KeyHash {
    KeyHash(Sha256::digest(secret.as_bytes()).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_the_form_of_the_protocol() {
        let key = KeyText::random();
        assert_eq!(key.0.len(), 4 + 43);
        assert!(key.0.starts_with("dlg_"));
        assert_ne!(key, KeyText::random());
        assert_eq!(key.to_new_key().prefix, key.0[..12]);
        assert_eq!(format!("{key:?}"), "KeyText(..)");
    }
}
