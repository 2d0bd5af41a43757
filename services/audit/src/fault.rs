//! What a verification finds wrong, in words that name the place, and what it reports in the end.

use std::fmt;

use uuid::Uuid;

/// Faults that are named one by one; of more, how many there are.
pub const FAULTS_NAMED_MAX: usize = 100;

/// Something that does not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The first position at which something may be wrong; none where the log as a whole is meant.
    pub position: Option<i64>,
    /// The line of the file, where a file is verified.
    pub line: Option<u64>,
    /// What is wrong.
    pub kind: FaultKind,
}

/// What can be wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// The event's own hash is not that of its columns.
    Altered {
        /// Which event.
        event_id: Uuid,
    },
    /// Positions are missing in the log, from this fault's on.
    PositionsMissing {
        /// The last missing one.
        to: i64,
    },
    /// Two events have the position.
    PositionTwice,
    /// The numbers of an account's events are not 1, 2, 3 and so on.
    AccountOrder {
        /// Whose events.
        account: String,
        /// What the number must be.
        expected: i64,
        /// What it is.
        found: i64,
    },
    /// The versions of a stream are not 1, 2, 3 and so on.
    StreamOrder {
        /// Which stream.
        stream: String,
        /// What the version must be.
        expected: i64,
        /// What it is.
        found: i64,
    },
    /// It was recorded before the event that stands before it.
    TimeFalls,
    /// It cannot be read as an event.
    Unreadable {
        /// Why not.
        cause: String,
    },
    /// The tree that the events make is not the one that was signed.
    OtherTree {
        /// Whose events.
        account: String,
        /// Up to here they are as signed: `account_seq` of the last event that is proved.
        proved_seq: u64,
        /// The last position at which the first difference may be.
        to: i64,
        /// Which checkpoint says so.
        checkpoint: String,
        /// Between which positions the ledger's own tables say that it is.
        hint: Option<(i64, i64)>,
    },
    /// There are fewer events than were signed.
    CutOff {
        /// Whose events.
        account: String,
        /// Which checkpoint says so.
        checkpoint: String,
        /// How many, and where.
        cut: CutOff,
    },
    /// No checkpoint speaks of the account, though others reach further in the log.
    NoCheckpoint {
        /// Whose events.
        account: String,
    },
    /// A checkpoint cannot be relied on.
    Checkpoint {
        /// Which.
        checkpoint: String,
        /// Why not.
        cause: String,
    },
    /// There is no checkpoint to compare with.
    NothingToCompare {
        /// Where some were looked for.
        looked: String,
    },
    /// The file is not what an export writes.
    File {
        /// What is wrong.
        what: String,
    },
}

/// What is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CutOff {
    /// Up to here events are as signed: `account_seq` of the last event that is proved.
    pub proved_seq: u64,
    /// `account_seq` of the last event that there is; 0 where there is none.
    pub last_seq: i64,
    /// How many were signed.
    pub size: u64,
    /// The last position at which the first missing one may have been.
    pub to: i64,
    /// Between which positions the ledger's own tables say that it was.
    pub hint: Option<(i64, i64)>,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(line) = self.line {
            write!(f, "line {line}: ")?;
        }
        if let Some(position) = self.position {
            write!(f, "position {position}: ")?;
        }
        write!(f, "{}", self.kind)
    }
}

impl fmt::Display for FaultKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Altered { event_id } => {
                write!(f, "event {event_id} is not what was recorded: its content hash differs")
            }
            Self::PositionsMissing { to } => {
                write!(f, "no event here and up to position {to}: removed from the log")
            }
            Self::PositionTwice => f.write_str("two events have this position"),
            Self::AccountOrder { account, expected, found } => write!(
                f,
                "the event's number in the account {account} is {found}, not {expected}: events \
                 were removed, inserted or moved"
            ),
            Self::StreamOrder { stream, expected, found } => write!(
                f,
                "the version of {stream} is {found}, not {expected}: events were removed, \
                 inserted or moved"
            ),
            Self::TimeFalls => f.write_str("recorded before the event before it"),
            Self::Unreadable { cause } => write!(f, "cannot be read as an event: {cause}"),
            Self::OtherTree { account, proved_seq, to, checkpoint, hint } => {
                write!(
                    f,
                    "the account {account} is not as it was signed: the first difference is here \
                     or later, up to position {to}; events 1 to {proved_seq} of the account are \
                     as signed; compared with {checkpoint}"
                )?;
                write_hint(f, *hint)
            }
            Self::CutOff { account, checkpoint, cut: CutOff { last_seq: 0, size, .. } } => write!(
                f,
                "all {size} events of the account {account} are missing; compared with {checkpoint}"
            ),
            Self::CutOff { account, checkpoint, cut } => {
                let CutOff { proved_seq, last_seq, size, to, hint } = cut;
                write!(
                    f,
                    "the account {account} has only {last_seq} of {size} events: the first missing \
                     one was here or later, up to position {to}; events 1 to {proved_seq} of the \
                     account are as signed; compared with {checkpoint}"
                )?;
                write_hint(f, *hint)
            }
            Self::NoCheckpoint { account } => {
                write!(f, "no checkpoint speaks of the account {account}")
            }
            Self::Checkpoint { checkpoint, cause } => write!(f, "{checkpoint}: {cause}"),
            Self::NothingToCompare { looked } => {
                write!(f, "no checkpoint in {looked}: there is nothing to compare the log with")
            }
            Self::File { what } => f.write_str(what),
        }
    }
}

fn write_hint(f: &mut fmt::Formatter<'_>, hint: Option<(i64, i64)>) -> fmt::Result {
    match hint {
        Some((from, to)) => write!(
            f,
            "; the ledger's tables, which prove nothing, place it between the positions {from} and \
             {to}"
        ),
        None => Ok(()),
    }
}

/// What a verification found.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Events that were read.
    pub events: u64,
    /// What is proved of each account, by its name.
    pub proved: Vec<Proved>,
    /// What does not hold, by position; at most [`FAULTS_NAMED_MAX`].
    pub faults: Vec<Fault>,
    /// How many faults there are beyond those that are named.
    pub more_faults: u64,
    /// Who signed what was compared, where the file itself had to say it.
    pub key_of_the_file: Option<String>,
}

/// What is proved of an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proved {
    /// Whose events.
    pub account: String,
    /// How many of them are as they were signed.
    pub events: u64,
    /// How many there are beyond the last checkpoint: nothing is known of these.
    pub beyond: u64,
    /// The checkpoint.
    pub checkpoint: String,
}

impl Report {
    /// Everything holds.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.faults.is_empty() && self.more_faults == 0
    }

    /// Notes what does not hold.
    pub(crate) fn fault(&mut self, position: Option<i64>, kind: FaultKind) {
        self.note(Fault { position, line: None, kind });
    }

    pub(crate) fn note(&mut self, fault: Fault) {
        match self.faults.len() < FAULTS_NAMED_MAX {
            true => self.faults.push(fault),
            false => self.more_faults += 1,
        }
    }

    /// What was found last may stand first.
    pub(crate) fn sort(&mut self) {
        self.faults.sort_by_key(|fault| (fault.position.is_none(), fault.position, fault.line));
    }
}
