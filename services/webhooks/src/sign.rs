//! Signatures of deliveries (protocol 4.2). Pure: the time and the secret are given.
//!
//! Must not: print a secret or anything made from one but the signatures.

use std::fmt;
use std::ops::RangeInclusive;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use baton_domain::Timestamp;
use baton_domain::webhook::SignatureScheme;
use hmac::{Hmac, Mac as _};
use sha2::Sha256;

/// What marks a secret that may hold a key of Standard Webhooks.
const SECRET_PREFIX: &str = "whsec_";
/// Bytes of a key of Standard Webhooks.
const STANDARD_KEY_BYTES: RangeInclusive<usize> = 24..=64;

/// A webhook's secret, ready to sign with either key made from it.
#[derive(Clone)]
pub(crate) struct Signer {
    delega: Hmac<Sha256>,
    standard: Hmac<Sha256>,
}

/// A webhook's secrets: the present one, and those it replaced that still sign.
#[derive(Clone, Debug)]
pub(crate) struct Keyring {
    pub(crate) current: Signer,
    /// With the time from which each signs no more.
    pub(crate) former: Vec<(Timestamp, Signer)>,
}

impl Keyring {
    /// Value of `X-Delega-Signature`, which has room for one signature: the present secret's.
    pub(crate) fn delega(&self, scheme: SignatureScheme, timestamp: &str, body: &[u8]) -> String {
        self.current.delega(scheme, timestamp, body)
    }

    /// Value of `webhook-signature` at `now`: one signature per secret, the present one's first.
    pub(crate) fn standard(&self, id: &str, now: Timestamp, body: &[u8]) -> String {
        let unix_seconds = unix_seconds(now);
        let former = self.former.iter().filter(|(until, _)| now < *until).map(|(_, it)| it);
        let signers = std::iter::once(&self.current).chain(former);
        let signed: Vec<String> =
            signers.map(|signer| signer.standard(id, &unix_seconds, body)).collect();
        signed.join(" ")
    }
}

/// Value of `webhook-timestamp`.
pub(crate) fn unix_seconds(at: Timestamp) -> String {
    at.as_millis().div_euclid(1_000).to_string()
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Signer(..)")
    }
}

impl Signer {
    /// Keys from a webhook's secret.
    pub(crate) fn new(secret: &str) -> Self {
        Self { delega: keyed(secret.as_bytes()), standard: keyed(&standard_key(secret)) }
    }

    /// As [`Keyring::delega`]; `timestamp` is the value of `X-Delega-Timestamp`.
    fn delega(&self, scheme: SignatureScheme, timestamp: &str, body: &[u8]) -> String {
        let mut mac = self.delega.clone();
        if scheme == SignatureScheme::Timestamped {
            mac.update(timestamp.as_bytes());
            mac.update(b".");
        }
        mac.update(body);
        format!("sha256={}", hex::encode(mac.finalize().into_bytes()))
    }

    /// One signature of `webhook-signature`; `id` and `unix_seconds` are those of the other two
    /// headers.
    fn standard(&self, id: &str, unix_seconds: &str, body: &[u8]) -> String {
        let mut mac = self.standard.clone();
        for part in [id.as_bytes(), b".", unix_seconds.as_bytes(), b".", body] {
            mac.update(part);
        }
        format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
    }
}

fn keyed(key: &[u8]) -> Hmac<Sha256> {
    Hmac::new_from_slice(key).expect("HMAC takes keys of any length")
}

/// The bytes after `whsec_` where they are base64 of a fitting length, else the whole text.
fn standard_key(secret: &str) -> Vec<u8> {
    secret
        .strip_prefix(SECRET_PREFIX)
        .and_then(|text| STANDARD.decode(text).ok())
        .filter(|key| STANDARD_KEY_BYTES.contains(&key.len()))
        .unwrap_or_else(|| secret.as_bytes().to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "7d0c1d57-8f4b-5c3e-9d3a-0c9f1b5f2a10";
    const TIMESTAMP: &str = "2026-03-17T10:00:00.123Z";
    const UNIX_SECONDS: &str = "1773741600";
    const BODY: &str = r#"{"event":"task.completed","task":{"content":"café"}}"#;

    /// Expected values come from Python's `hmac`, not from this code.
    #[test]
    fn signatures_match_those_of_another_tool() {
        for (secret, body, timestamped, standard) in [
            (
                "whsec_your_signing_secret",
                "f49e131045842c7ba91b0967c3c1b581ba4f9f797dcba0962429fdb73a0ece24",
                "780d7ed371c50a44e29ccc180635f52193ea30a61bfdc658135707664820e3e0",
                "s8Pf358LDhthZxCXaj3l63eSHd64+Oe442Zqh8e8OJc=",
            ),
            (
                "plain sécret",
                "0cf8d7095240ee53ff7dc40b93b3bf7883a58db51c422af84cfb40e56a9e510b",
                "937ff8feefb26ffd5ab6aced4f7c08ce7e954757b845370528f01da9545d5f26",
                "goC6oKRKgfB+ryJ3+UgGogALTJH5U15XbNeliR/J86Q=",
            ),
            // Base64 of 32 bytes after the prefix: those bytes are the standard key.
            (
                "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
                "7a8bfb24b196af33414df6be2dc35485a4d3883c66d90939dca8c9807f78ebf0",
                "50763a467569566fbd1af3ae9f095c3a7ab50ae2bbccc314d86f344430961eb1",
                "3E/850FuP+/LRC0SeKsiJJx6SID/ITOqGzajY+YMBkw=",
            ),
        ] {
            let signer = Signer::new(secret);
            let found = signer.delega(SignatureScheme::Body, TIMESTAMP, BODY.as_bytes());
            assert_eq!(found, format!("sha256={body}"), "{secret}");
            let found = signer.delega(SignatureScheme::Timestamped, TIMESTAMP, BODY.as_bytes());
            assert_eq!(found, format!("sha256={timestamped}"), "{secret}");
            let found = signer.standard(ID, UNIX_SECONDS, BODY.as_bytes());
            assert_eq!(found, format!("v1,{standard}"), "{secret}");
        }
    }

    /// Which secrets hold a standard key, at the edges; again by Python's `hmac`.
    #[test]
    fn only_fitting_base64_after_the_prefix_is_a_standard_key() {
        let of_24 = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX";
        let of_64 = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLS4vMDEyMzQ1\
                     Njc4OTo7PD0+Pw==";
        let of_65 = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLS4vMDEyMzQ1\
                     Njc4OTo7PD0+P0A=";
        for (secret, standard) in [
            (of_24, "HG9jYj0bOH3NqR2WRuziPQH0pFtn06L5JyqEoY+Y/g8="),
            (of_64, "xPeloTHuoLT19r+/SEfWpZVabEQVOwlj3tnR/4yei+s="),
            // The whole text is the key: too short or long, unpadded, another alphabet, no prefix.
            (
                "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRY=",
                "EHm0H+h1+jzNI679VcsX+5qrU9dBsJLAWV85w8uvHWM=",
            ),
            (of_65, "xs9PPIJLODe9EvOOXq8hQNJkzdX+bAZXOpjGvpyGIuc="),
            (
                "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGA",
                "6/fFfGy6fclGHFOek90yTyzBv5d5tzLvYDpNFqO0zAE=",
            ),
            (
                "whsec_-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_v7",
                "8HzQ30ZqQ2jpNql6XIDS/WaK3t7ouZ96B9wqXmc2/LU=",
            ),
            ("whsec_", "4SWY5lWgyya0XIO8I3DNzwQQGEapEjlIRX+FQVWFV44="),
            (
                "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
                "Vb0g8tBwe1IsDLMRiGHKb+DWlbxIm9HrEcqkXkd7T3U=",
            ),
        ] {
            let found = Signer::new(secret).standard(ID, UNIX_SECONDS, BODY.as_bytes());
            assert_eq!(found, format!("v1,{standard}"), "{secret}");
        }
    }

    /// Standard Webhooks: a space between the signatures of several secrets.
    #[test]
    fn former_secrets_sign_beside_the_present_one_until_their_time() {
        let at = |ms: i64| Timestamp::from_millis(1_773_741_600_000 + ms).unwrap();
        let keyring = Keyring {
            current: Signer::new("new"),
            former: vec![(at(1), Signer::new("older")), (at(2), Signer::new("old"))],
        };
        let one = |secret| Signer::new(secret).standard(ID, UNIX_SECONDS, BODY.as_bytes());
        for (now, secrets) in
            [(0, &["new", "older", "old"][..]), (1, &["new", "old"]), (2, &["new"])]
        {
            let expected: Vec<String> = secrets.iter().map(|secret| one(secret)).collect();
            assert_eq!(keyring.standard(ID, at(now), BODY.as_bytes()), expected.join(" "));
        }
        let found = keyring.delega(SignatureScheme::Body, TIMESTAMP, BODY.as_bytes());
        let new = Signer::new("new").delega(SignatureScheme::Body, TIMESTAMP, BODY.as_bytes());
        assert_eq!(found, new, "the header has room for one");
    }

    #[test]
    fn a_signer_prints_nothing_of_its_secret() {
        assert_eq!(format!("{:?}", Signer::new("whsec_abc")), "Signer(..)");
    }
}
