//! Checkpoints as signed notes: <https://c2sp.org/signed-note>, <https://c2sp.org/tlog-checkpoint>.
//! Pure: signs and checks, and must not know where a checkpoint comes from or goes to.

use std::{fmt, str::FromStr, sync::Arc};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use crate::tree::Hash;

/// What a signature's line begins with.
const SIGNED_BY: &str = "\u{2014} ";
/// The kind of key, as the format numbers it.
const ED25519_KIND: u8 = 1;
const KEY_ID_BYTES: usize = 4;
/// A note is small: whatever is larger is none.
const NOTE_BYTES_MAX: usize = 64 * 1_024;
const PRODUCT: &str = "baton";

/// Why a text is not the checkpoint that it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    /// It is no signed note.
    #[error("not a signed note")]
    NotANote,
    /// Nobody of this name signed it with this key.
    #[error("not signed by {name} with this key")]
    NotSigned {
        /// Who should have signed it.
        name: String,
    },
    /// The signature is of another text or of another key.
    #[error("the signature of {name} is not of this text")]
    Signature {
        /// Who should have signed it.
        name: String,
    },
    /// It was signed, but says something else than how large a tree is, and its root.
    #[error("not a checkpoint: an origin, a size and a root are wanted, each on a line")]
    NotACheckpoint,
    /// It is of another tree.
    #[error("a checkpoint of {origin}")]
    Origin {
        /// The tree it is of.
        origin: String,
    },
}

/// The text is not a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Not a secret key.
    #[error("not a ledger key: 32 bytes as 64 hexadecimal characters or 44 of base64 are wanted")]
    NotASecret,
    /// Not a verifier's key.
    #[error("not a verifier's key: NAME+ID+KEY is wanted")]
    NotAVerifier,
}

/// The name of an account's tree, and of the key that signs its checkpoints.
#[must_use]
pub fn origin(log_id: Uuid, account: &str) -> String {
    format!("{PRODUCT}/{log_id}/{account}")
}

/// The log and the account of an origin.
#[must_use]
pub fn account_of(origin: &str) -> Option<(Uuid, &str)> {
    let (log_id, account) = origin.strip_prefix(PRODUCT)?.strip_prefix('/')?.split_once('/')?;
    Some((log_id.parse().ok()?, account))
}

/// The hash as documents and notes show it.
#[must_use]
pub fn shown(hash: &Hash) -> String {
    STANDARD.encode(hash)
}

/// The hash that [`shown`] shows.
#[must_use]
pub fn read_hash(text: &str) -> Option<Hash> {
    STANDARD.decode(text).ok()?.try_into().ok()
}

/// How large a tree was, and its root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// Which tree: see [`origin`].
    pub origin: String,
    /// The number of its leaves.
    pub size: u64,
    /// Its root.
    pub root: Hash,
}

impl Checkpoint {
    /// The text that is signed.
    #[must_use]
    pub fn body(&self) -> String {
        format!("{}\n{}\n{}\n", self.origin, self.size, shown(&self.root))
    }

    /// Reads a checkpoint, signed or not. Nothing is said of who made it.
    ///
    /// # Errors
    /// [`NoteError::NotACheckpoint`].
    pub fn parse(text: &str) -> Result<Self, NoteError> {
        let body = text.split_inclusive('\n').take(3).collect::<String>();
        let rest = &text[body.len()..];
        let mut lines = body.lines();
        let mut line = || lines.next().ok_or(NoteError::NotACheckpoint);
        let (origin, size, root) = (line()?.to_owned(), line()?, line()?);
        let size = size.parse().map_err(|_| NoteError::NotACheckpoint)?;
        let root = read_hash(root).ok_or(NoteError::NotACheckpoint)?;
        let checkpoint = Self { origin, size, root };
        // One way to write it: neither signs nor zeros before a number, and nothing after the root.
        let is_whole = checkpoint.body() == body && !checkpoint.origin.is_empty();
        match is_whole && (rest.is_empty() || rest.starts_with('\n')) {
            true => Ok(checkpoint),
            false => Err(NoteError::NotACheckpoint),
        }
    }
}

/// The key that signs checkpoints. Prints nothing of itself.
#[derive(Clone)]
pub struct LedgerKey(Arc<Ed25519KeyPair>);

impl fmt::Debug for LedgerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LedgerKey(..)")
    }
}

impl LedgerKey {
    /// Reads the 32 bytes of a key (RFC 8032: the private key) written as 64 hexadecimal characters
    /// or as base64.
    ///
    /// # Errors
    /// [`KeyError::NotASecret`] for any other text.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        let bytes = hex::decode(text).or_else(|_| STANDARD.decode(text));
        let bytes = bytes.map_err(|_| KeyError::NotASecret)?;
        let pair = Ed25519KeyPair::from_seed_unchecked(&bytes);
        pair.map(|pair| Self(Arc::new(pair))).map_err(|_| KeyError::NotASecret)
    }

    /// What checks the signatures that this key makes in this name.
    #[must_use]
    pub fn verifier(&self, name: &str) -> Verifier {
        Verifier { name: name.to_owned(), public_key: self.public_key() }
    }

    /// The checkpoint as a signed note, in the name of its origin.
    #[must_use]
    pub fn sign(&self, checkpoint: &Checkpoint) -> String {
        self.sign_text(&checkpoint.origin, &checkpoint.body())
    }

    /// The note with the text, which ends in a line's end, and one signature.
    fn sign_text(&self, name: &str, text: &str) -> String {
        let id = self.verifier(name).key_id();
        let signature = [id.as_slice(), self.0.sign(text.as_bytes()).as_ref()].concat();
        format!("{text}\n{SIGNED_BY}{name} {}\n", STANDARD.encode(signature))
    }

    /// Lets nodes compare their keys without showing them.
    #[must_use]
    pub fn check_value(&self) -> [u8; 32] {
        let check = Sha256::new().chain_update("baton.ledger-key.check.v1");
        check.chain_update(self.public_key()).finalize().into()
    }

    fn public_key(&self) -> [u8; 32] {
        self.0.public_key().as_ref().try_into().expect("a public key of Ed25519 has 32 bytes")
    }
}

/// A name and a public key: what checks signatures. Shown, and read, as `NAME+ID+KEY`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verifier {
    name: String,
    public_key: [u8; 32],
}

impl Verifier {
    /// Who signs.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The same key in another name.
    #[must_use]
    pub fn named(&self, name: &str) -> Self {
        Self { name: name.to_owned(), public_key: self.public_key }
    }

    /// The checkpoint in a signed note, whose origin is the signer's name.
    ///
    /// # Errors
    /// [`NoteError`] where it was not signed, or is no such checkpoint.
    pub fn open(&self, note: &str) -> Result<Checkpoint, NoteError> {
        let checkpoint = Checkpoint::parse(self.verified(note)?)?;
        match checkpoint.origin == self.name {
            true => Ok(checkpoint),
            false => Err(NoteError::Origin { origin: checkpoint.origin }),
        }
    }

    /// The text of a note that this key has signed, whoever else has signed it.
    fn verified<'n>(&self, note: &'n str) -> Result<&'n str, NoteError> {
        let end = note.rfind("\n\n").filter(|_| note.len() <= NOTE_BYTES_MAX);
        let (text, lines) = note.split_at(end.ok_or(NoteError::NotANote)? + 1);
        let own = format!("{SIGNED_BY}{} ", self.name);
        let mut is_signed = false;
        for line in lines[1..].split_inclusive('\n') {
            let line = line.strip_suffix('\n').ok_or(NoteError::NotANote)?;
            line.strip_prefix(SIGNED_BY).ok_or(NoteError::NotANote)?;
            let Some(signature) = line.strip_prefix(&own) else { continue };
            let signature = STANDARD.decode(signature).map_err(|_| NoteError::NotANote)?;
            let parts = signature.split_at_checked(KEY_ID_BYTES).ok_or(NoteError::NotANote)?;
            // Somebody else may have the same name, with another key.
            if parts.0 == self.key_id() {
                let key = UnparsedPublicKey::new(&ED25519, self.public_key);
                let wrong = |_| NoteError::Signature { name: self.name.clone() };
                key.verify(text.as_bytes(), parts.1).map_err(wrong)?;
                is_signed = true;
            }
        }
        is_signed.then_some(text).ok_or_else(|| NoteError::NotSigned { name: self.name.clone() })
    }

    fn key_id(&self) -> [u8; KEY_ID_BYTES] {
        let hash = Sha256::new()
            .chain_update(&self.name)
            .chain_update([b'\n', ED25519_KIND])
            .chain_update(self.public_key)
            .finalize();
        [hash[0], hash[1], hash[2], hash[3]]
    }
}

impl fmt::Display for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = [&[ED25519_KIND], self.public_key.as_slice()].concat();
        write!(f, "{}+{}+{}", self.name, hex::encode(self.key_id()), STANDARD.encode(key))
    }
}

impl FromStr for Verifier {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        let mut parts = text.splitn(3, '+');
        let mut part = || parts.next().ok_or(KeyError::NotAVerifier);
        let (name, _id, key) = (part()?, part()?, part()?);
        let key = STANDARD.decode(key).map_err(|_| KeyError::NotAVerifier)?;
        let public_key = match key.split_first() {
            Some((&ED25519_KIND, key)) => key.try_into().map_err(|_| KeyError::NotAVerifier)?,
            _ => return Err(KeyError::NotAVerifier),
        };
        let verifier = Self { name: name.to_owned(), public_key };
        // The id is of name and key: it shows a name that was changed.
        match verifier.to_string() == text {
            true => Ok(verifier),
            false => Err(KeyError::NotAVerifier),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of golang.org/x/mod/sumdb/note.
    const SECRET: &str = "gQoUAtUUbI2E8kQzMPVAgOv5juF9nHT2JS/F1ccoMXM=";
    const VERIFIER: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
    const TEXT: &str = "If you think cryptography is the answer to your problem,\n\
                        then you don't know what your problem is.\n";
    const SIGNATURE: &str = "\u{2014} PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNI\
                             uGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";

    fn key() -> LedgerKey {
        LedgerKey::parse(&"07".repeat(32)).unwrap()
    }

    fn checkpoint() -> Checkpoint {
        let log_id = "0195a3c2-1dd2-7196-a8e4-2df1f00b8e9b".parse().unwrap();
        Checkpoint { origin: origin(log_id, "default"), size: 258, root: [0xab; 32] }
    }

    #[test]
    fn notes_are_those_of_the_reference_implementation() {
        let peter: Verifier = VERIFIER.parse().unwrap();
        assert_eq!((peter.name(), peter.to_string().as_str()), ("PeterNeumann", VERIFIER));
        let note = format!("{TEXT}\n{SIGNATURE}");
        assert_eq!(peter.verified(&note), Ok(TEXT));
        let key = LedgerKey::parse(SECRET).unwrap();
        assert_eq!(key.verifier("PeterNeumann"), peter);
        assert_eq!(key.sign_text("PeterNeumann", TEXT), note);
    }

    #[test]
    fn a_checkpoint_is_three_lines_and_comes_back() {
        let checkpoint = checkpoint();
        let lines = "baton/0195a3c2-1dd2-7196-a8e4-2df1f00b8e9b/default\n258\n\
                     q6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6s=\n";
        assert_eq!(checkpoint.body(), lines);
        let note = key().sign(&checkpoint);
        assert!(note.starts_with(&format!("{lines}\n{SIGNED_BY}{} ", checkpoint.origin)), "{note}");
        let verifier = key().verifier(&checkpoint.origin);
        assert_eq!(verifier.open(&note), Ok(checkpoint.clone()));
        assert_eq!(Checkpoint::parse(&note), Ok(checkpoint.clone()));
        assert_eq!(verifier.to_string().parse(), Ok(verifier.clone()));
        // A witness may sign below.
        let more = format!("{note}{SIGNATURE}");
        assert_eq!(verifier.open(&more), Ok(checkpoint.clone()));
        let (log_id, account) = account_of(&checkpoint.origin).unwrap();
        assert_eq!((origin(log_id, account), account), (checkpoint.origin.clone(), "default"));
        assert_eq!(account_of("baton/x/default"), None);
    }

    #[test]
    fn what_was_changed_or_signed_by_others_is_refused() {
        let note = key().sign(&checkpoint());
        let name = checkpoint().origin;
        let verifier = key().verifier(&name);
        let other = LedgerKey::parse(&"08".repeat(32)).unwrap();
        let signature = Err(NoteError::Signature { name: name.clone() });
        let unsigned = Err(NoteError::NotSigned { name: name.clone() });
        assert_eq!(verifier.open(&note.replace("\n258\n", "\n259\n")), signature);
        assert_eq!(verifier.open(&note.replace("q6ur", "r6ur")), signature);
        assert_eq!(other.verifier(&name).open(&note), unsigned);
        assert_eq!(
            key().verifier("baton/else").open(&note),
            Err(NoteError::NotSigned { name: "baton/else".to_owned() })
        );
        for none in ["", "\n\n", &note[..note.len() - 1], &note.replace(SIGNED_BY, "- "), &name] {
            assert!(verifier.open(none).is_err(), "{none:?}");
        }
        let elsewhere = Checkpoint { origin: "elsewhere".to_owned(), ..checkpoint() };
        let note = key().sign_text(&name, &elsewhere.body());
        assert_eq!(verifier.open(&note), Err(NoteError::Origin { origin: elsewhere.origin }));
    }

    #[test]
    fn a_checkpoint_is_written_one_way() {
        let body = checkpoint().body();
        for wrong in [
            body.replace("258", "+258"),
            body.replace("258", "0258"),
            body.replace("258", ""),
            body.replace("q6ur", "ur"),
            format!("{body}more\n"),
            body.trim_end().to_owned(),
            body.replacen(&checkpoint().origin, "", 1),
            body.replace('\n', "\r\n"),
        ] {
            assert_eq!(Checkpoint::parse(&wrong), Err(NoteError::NotACheckpoint), "{wrong:?}");
        }
    }

    #[test]
    fn a_key_is_32_bytes_and_shows_nothing() {
        for wrong in ["", "short", &"a".repeat(63), &"ab".repeat(31), &"ab".repeat(33)] {
            assert_eq!(LedgerKey::parse(wrong).unwrap_err(), KeyError::NotASecret, "{wrong}");
        }
        assert_eq!(format!("{:?}", key()), "LedgerKey(..)");
        let other = LedgerKey::parse(&"08".repeat(32)).unwrap();
        assert_ne!(key().check_value(), other.check_value());
        let verifier = key().verifier("a").to_string();
        for wrong in ["a", "a+b", &verifier.replacen('a', "b", 1), &verifier.replace("+A", "+B")] {
            assert_eq!(wrong.parse::<Verifier>(), Err(KeyError::NotAVerifier), "{wrong}");
        }
    }
}
