//! Checkpoints kept elsewhere: what was signed of each account, at which size.
//!
//! Only what the key of the ledger has signed is taken; whatever else lies there is a fault. Must
//! not read the database: whoever can change the log can change what lies beside it.

use std::{collections::BTreeMap, path::Path};

use baton_ledger::{Checkpoint, CheckpointDir, Hash, Verifier, account_of};
use uuid::Uuid;

use crate::{
    error::AuditError,
    fault::{FaultKind, Report},
};

/// One signed checkpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Anchor {
    /// How many events the tree had.
    pub(crate) size: u64,
    /// Its root.
    pub(crate) root: Hash,
    /// Where it was found.
    pub(crate) source: String,
}

/// The checkpoints of every account, the smallest tree first.
#[derive(Clone, Debug, Default)]
pub struct Anchors {
    pub(crate) accounts: BTreeMap<String, Vec<Anchor>>,
    /// The log that they are of.
    pub(crate) log_id: Option<Uuid>,
    /// Where they were looked for.
    pub(crate) looked: String,
    /// What cannot be relied on.
    pub(crate) faults: Vec<FaultKind>,
}

impl Anchors {
    /// All those of a directory that a ledger keeps.
    ///
    /// # Errors
    /// The directory cannot be read.
    pub fn of_directory(directory: &Path, key: &Verifier) -> Result<Self, AuditError> {
        let kept = CheckpointDir::new(directory.to_owned());
        let mut anchors = Self { looked: directory.display().to_string(), ..Self::default() };
        for account in kept.accounts()? {
            for (path, note) in kept.all(&account)? {
                anchors.add(&path.display().to_string(), &note, key, Some(&account));
            }
        }
        Ok(anchors.sorted())
    }

    /// The one in a file.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn of_file(path: &Path, key: &Verifier) -> Result<Self, AuditError> {
        let source = path.display().to_string();
        let note = std::fs::read_to_string(path)
            .map_err(|cause| AuditError::File { path: path.to_owned(), cause })?;
        let mut anchors = Self { looked: source.clone(), ..Self::default() };
        anchors.add(&source, &note, key, None);
        Ok(anchors.sorted())
    }

    /// Takes a note that holds; notes what does not.
    fn add(&mut self, source: &str, note: &str, key: &Verifier, account: Option<&str>) {
        match opened(note, key) {
            Ok((_, of_account, _)) if account.is_some_and(|account| account != of_account) => {
                self.refuse(source, format!("is of the account {of_account}"));
            }
            Ok((log_id, ..)) if self.log_id.is_some_and(|known| known != log_id) => {
                self.refuse(source, "is of another log than the others".to_owned());
            }
            Ok((log_id, account, Checkpoint { size, root, .. })) => {
                self.log_id = Some(log_id);
                let anchor = Anchor { size, root, source: source.to_owned() };
                self.accounts.entry(account).or_default().push(anchor);
            }
            Err(cause) => self.refuse(source, cause),
        }
    }

    fn refuse(&mut self, source: &str, cause: String) {
        self.faults.push(FaultKind::Checkpoint { checkpoint: source.to_owned(), cause });
    }

    fn sorted(mut self) -> Self {
        for anchors in self.accounts.values_mut() {
            anchors.sort_by_key(|anchor| anchor.size);
            // The latest is also that of its hour.
            anchors.dedup_by(|one, other| one.size == other.size && one.root == other.root);
        }
        self
    }

    /// Notes what was wrong with them.
    pub(crate) fn report(&mut self, report: &mut Report) {
        if self.accounts.is_empty() && self.faults.is_empty() {
            let looked = self.looked.clone();
            report.fault(None, FaultKind::NothingToCompare { looked });
        }
        for fault in std::mem::take(&mut self.faults) {
            report.fault(None, fault);
        }
    }
}

/// The log, the account and what was signed of it.
pub(crate) fn opened(note: &str, key: &Verifier) -> Result<(Uuid, String, Checkpoint), String> {
    let claimed = Checkpoint::parse(note).map_err(|cause| format!("is no checkpoint: {cause}"))?;
    // One key signs for all accounts of a log, each under its own name.
    let checkpoint = key.named(&claimed.origin).open(note);
    let checkpoint = checkpoint.map_err(|cause| format!("is not signed by the key: {cause}"))?;
    let Some((log_id, account)) = account_of(&checkpoint.origin) else {
        return Err(format!("is not of a log of Baton: {}", checkpoint.origin));
    };
    Ok((log_id, account.to_owned(), checkpoint))
}
