//! The log held against itself and against the checkpoints, one event after the other.
//!
//! Pure. Believes nothing that is stored but the columns that the content hash and the leaf cover.

use std::collections::{BTreeMap, HashMap};

use baton_ledger::{Frontier, Hash};
use jiff::Timestamp;

use crate::{
    anchors::{Anchor, Anchors},
    fault::{CutOff, FaultKind, Proved, Report},
    row::Checked,
};

/// The lowest level of a tree of which the ledger keeps hashes.
const KEPT_LEVEL: u8 = 8;

/// The check, as far as it is.
#[derive(Default)]
pub(crate) struct LogCheck {
    report: Report,
    last: Option<(i64, Timestamp)>,
    accounts: BTreeMap<String, AccountCheck>,
    versions: HashMap<u128, i64>,
    /// Where trees differ from what was signed.
    pub(crate) other_trees: Vec<OtherTree>,
    /// Every account with events must have a checkpoint.
    is_whole: bool,
}

/// A tree that is not the one that was signed, and where that can begin.
#[derive(Clone, Debug)]
pub(crate) struct OtherTree {
    pub(crate) account: String,
    /// The last event that is as signed, by its `account_seq`.
    pub(crate) proved_seq: u64,
    /// `account_seq` of the last event that there is and how many were signed, where there are
    /// fewer.
    pub(crate) missing: Option<(i64, u64)>,
    /// Positions of the first event that may differ, and of the last that was compared.
    pub(crate) from: i64,
    pub(crate) to: i64,
    pub(crate) checkpoint: String,
    /// What was computed between them.
    pub(crate) kept: Vec<Kept>,
    /// Where the ledger's tables, which nothing proves, say that the difference is.
    pub(crate) hint: Option<(i64, i64)>,
}

/// A subtree of [`KEPT_LEVEL`], as it was computed.
#[derive(Clone, Debug)]
pub(crate) struct Kept {
    pub(crate) index: u64,
    pub(crate) hash: Hash,
    /// Positions of its first and its last event.
    pub(crate) from: i64,
    pub(crate) to: i64,
}

/// One account's events.
#[derive(Default)]
struct AccountCheck {
    tree: Frontier,
    anchors: std::vec::IntoIter<Anchor>,
    next: Option<Anchor>,
    proved: Option<(u64, String)>,
    last_seq: i64,
    first_position: Option<i64>,
    last_position: i64,
    /// The first position that no checkpoint has proved.
    open_from: Option<i64>,
    page_from: i64,
    kept: Vec<Kept>,
    /// Its tree is known to be another: what follows says nothing new.
    is_broken: bool,
}

impl AccountCheck {
    fn of(anchors: Vec<Anchor>) -> Self {
        let mut anchors = anchors.into_iter();
        Self { next: anchors.next(), anchors, ..Self::default() }
    }

    fn proved_seq(&self) -> u64 {
        self.proved.as_ref().map_or(0, |(size, _)| *size)
    }

    /// What is missing at the end, by the largest checkpoint.
    fn missing(&mut self, account: &str) -> Option<OtherTree> {
        let largest = self.anchors.by_ref().last().or_else(|| self.next.take())?;
        // Where numbers are missing, that was said.
        let is_short = i64::try_from(largest.size).is_ok_and(|size| self.last_seq < size);
        is_short.then(|| OtherTree {
            account: account.to_owned(),
            proved_seq: self.proved_seq(),
            missing: Some((self.last_seq, largest.size)),
            from: self.open_from.unwrap_or(self.last_position + 1),
            to: self.last_position + 1,
            checkpoint: largest.source,
            kept: std::mem::take(&mut self.kept),
            hint: None,
        })
    }

    /// Takes the next leaf; the checkpoint that it contradicts.
    fn push(&mut self, position: i64, leaf: Hash) -> Option<Anchor> {
        self.first_position.get_or_insert(position);
        self.open_from.get_or_insert(position);
        self.last_position = position;
        if self.tree.size().is_multiple_of(1 << KEPT_LEVEL) {
            self.page_from = position;
        }
        let (kept, from) = (&mut self.kept, self.page_from);
        self.tree.push_noting(leaf, |subtree, hash| {
            if subtree.level == KEPT_LEVEL {
                kept.push(Kept { index: subtree.index, hash: *hash, from, to: position });
            }
        });
        while let Some(anchor) = self.next.take_if(|next| next.size <= self.tree.size()) {
            self.next = self.anchors.next();
            if anchor.size < self.tree.size() || self.is_broken {
                continue;
            }
            if anchor.root != self.tree.root() {
                return Some(anchor);
            }
            self.proved = Some((anchor.size, anchor.source));
            self.open_from = None;
            self.kept.clear();
        }
        None
    }
}

impl LogCheck {
    /// Against these checkpoints; whether they should speak of every account.
    pub(crate) fn new(mut anchors: Anchors, is_whole: bool) -> Self {
        let mut check = Self { is_whole, ..Self::default() };
        anchors.report(&mut check.report);
        for (account, anchors) in anchors.accounts {
            check.accounts.insert(account, AccountCheck::of(anchors));
        }
        check
    }

    /// The next row.
    pub(crate) fn push(&mut self, row: Result<Checked, (i64, String)>) {
        self.report.events += 1;
        match row {
            Ok(event) => {
                self.check_log(event.position, event.recorded_at);
                self.check_event(&event);
                self.check_stream(&event);
                self.check_account(event);
            }
            Err((position, cause)) => {
                self.check_log(position, self.last.map_or(Timestamp::MIN, |(_, at)| at));
                self.report.fault(Some(position), FaultKind::Unreadable { cause });
                // Nobody knows whose it is: the numbers of its account will say so, too.
            }
        }
    }

    fn check_log(&mut self, position: i64, recorded_at: Timestamp) {
        let (last, at) = self.last.unwrap_or((0, recorded_at));
        let expected = last.saturating_add(1);
        if position == last {
            self.report.fault(Some(position), FaultKind::PositionTwice);
        } else if position > expected {
            let missing = FaultKind::PositionsMissing { to: position - 1 };
            self.report.fault(Some(expected), missing);
        } else if position < expected {
            let cause = "positions begin with 1".to_owned();
            self.report.fault(Some(position), FaultKind::Unreadable { cause });
        }
        if recorded_at < at {
            self.report.fault(Some(position), FaultKind::TimeFalls);
        }
        self.last = Some((position.max(0), recorded_at.max(at)));
    }

    fn check_event(&mut self, event: &Checked) {
        if event.is_altered {
            let altered = FaultKind::Altered { event_id: event.event_id };
            self.report.fault(Some(event.position), altered);
        }
    }

    fn check_stream(&mut self, event: &Checked) {
        let last = self.versions.entry(event.stream_mark).or_default();
        let (expected, found) = (last.saturating_add(1), event.version);
        *last = found;
        if found != expected {
            let stream = event.stream.to_string();
            let order = FaultKind::StreamOrder { stream, expected, found };
            self.report.fault(Some(event.position), order);
        }
    }

    fn check_account(&mut self, event: Checked) {
        let Checked { position, account_seq: found, leaf, .. } = event;
        let name = event.stream.account;
        if !self.accounts.contains_key(&name) {
            self.accounts.insert(name.clone(), AccountCheck::default());
        }
        let account = self.accounts.get_mut(&name).expect("it is there now");
        let expected = account.last_seq.saturating_add(1);
        account.last_seq = found;
        if found != expected {
            account.is_broken = true;
            let order = FaultKind::AccountOrder { account: name.clone(), expected, found };
            self.report.fault(Some(position), order);
        }
        if let Some(anchor) = account.push(position, leaf) {
            account.is_broken = true;
            self.other_trees.push(OtherTree {
                account: name,
                proved_seq: account.proved_seq(),
                missing: None,
                from: account.open_from.unwrap_or(position),
                to: position,
                checkpoint: anchor.source,
                kept: std::mem::take(&mut account.kept),
                hint: None,
            });
        }
    }

    /// All rows were taken: whatever is still to come was cut off.
    pub(crate) fn end(&mut self) {
        for (name, account) in &mut self.accounts {
            self.other_trees.extend(account.missing(name));
        }
    }

    /// What was found.
    pub(crate) fn finish(self) -> Report {
        let Self { mut report, accounts, other_trees, is_whole, .. } = self;
        for other in other_trees {
            let OtherTree { account, proved_seq, missing, from, to, checkpoint, hint, .. } = other;
            let kind = match missing {
                None => FaultKind::OtherTree { account, proved_seq, to, checkpoint, hint },
                Some((last_seq, size)) => {
                    let cut = CutOff { proved_seq, last_seq, size, to, hint };
                    FaultKind::CutOff { account, checkpoint, cut }
                }
            };
            report.fault(Some(from), kind);
        }
        let proved_to = accounts.values().filter_map(|account| {
            let open_from = account.open_from.unwrap_or(account.last_position + 1);
            account.proved.is_some().then_some(open_from - 1)
        });
        // Beyond this position nothing is signed yet, in any account.
        let proved_to = proved_to.max().unwrap_or(0);
        for (name, account) in accounts {
            let AccountCheck { tree, proved, .. } = account;
            let is_old = account.first_position.is_some_and(|first| first <= proved_to);
            if proved.is_none() && is_whole && is_old && !account.is_broken {
                let unknown = FaultKind::NoCheckpoint { account: name.clone() };
                report.fault(account.first_position, unknown);
            }
            let (events, checkpoint) = proved.unwrap_or_default();
            let beyond = tree.size() - events;
            report.proved.push(Proved { account: name, events, beyond, checkpoint });
        }
        report.sort();
        report
    }
}
