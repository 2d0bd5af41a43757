//! An export verified by itself, offline: every line, the tree that they make, and who signed it.
//!
//! Reads the file once and keeps none of it. It must not need a database or a network.

use std::{
    fs::File,
    io::{BufRead, BufReader},
    num::NonZeroUsize,
    path::Path,
    thread,
};

use baton_ledger::{Hash, Verifier, read_hash};
use baton_log::content_hash;
use jiff::Timestamp;
use uuid::Uuid;

use crate::{
    anchors::{Anchor, Anchors, opened},
    cover::Cover,
    error::AuditError,
    fault::{CutOff, Fault, FaultKind, Proved, Report},
    line,
    manifest::{Manifest, Place, Range},
    row,
};

/// Bytes that one core takes at once.
const BLOCK_BYTES: usize = 1 << 20;
/// How a manifest begins; no event does.
const MANIFEST_BEGINS: &str = "{\"manifest\":";
/// The checkpoint that comes with the file.
const OWN: &str = "the checkpoint in the file";

/// Verifies an export. Without a `key` that is trusted, the one in the file is taken, and said so.
///
/// # Errors
/// A file cannot be read.
pub fn verify_file(
    path: &Path,
    key: Option<&Verifier>,
    anchors: Option<Anchors>,
) -> Result<Report, AuditError> {
    let unreadable = |cause| AuditError::File { path: path.to_owned(), cause };
    let mut file = BufReader::with_capacity(BLOCK_BYTES, File::open(path).map_err(unreadable)?);
    let cores = thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let mut check = FileCheck::new(anchors);
    loop {
        let mut blocks = Vec::with_capacity(cores);
        while blocks.len() < cores {
            let block = read_block(&mut file).map_err(unreadable)?;
            if block.is_empty() {
                break;
            }
            blocks.push(block);
        }
        if blocks.is_empty() {
            return Ok(check.finish(key));
        }
        let items: Vec<Vec<Item>> = thread::scope(|scope| {
            let threads: Vec<_> =
                blocks.iter().map(|block| scope.spawn(move || items(block))).collect();
            let items = threads.into_iter().map(|thread| thread.join());
            items.map(|items| items.expect("reading a line does not fail")).collect()
        });
        items.into_iter().flatten().for_each(|item| check.push(item));
    }
}

/// Some whole lines; nothing at the end of the file.
fn read_block(file: &mut impl BufRead) -> std::io::Result<Vec<u8>> {
    let mut block = Vec::with_capacity(BLOCK_BYTES + BLOCK_BYTES / 4);
    while block.len() < BLOCK_BYTES && file.read_until(b'\n', &mut block)? > 0 {}
    Ok(block)
}

/// What a line is.
enum Item {
    Event(Box<Event>),
    Manifest(Box<Manifest>),
    Nothing(String),
}

/// What counts of an event.
struct Event {
    place: Place,
    account: String,
    event_id: Uuid,
    recorded_at: Timestamp,
    omitted: Vec<Hash>,
    leaf: Hash,
    is_altered: bool,
}

fn items(block: &[u8]) -> Vec<Item> {
    block.split_inclusive(|byte| *byte == b'\n').map(item).collect()
}

fn item(bytes: &[u8]) -> Item {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return Item::Nothing("is not UTF-8".to_owned());
    };
    let Some(text) = text.strip_suffix('\n') else {
        return Item::Nothing("has no end: the file was cut off".to_owned());
    };
    if text.starts_with(MANIFEST_BEGINS) {
        return match Manifest::read(text) {
            Ok(manifest) => Item::Manifest(Box::new(manifest)),
            Err(cause) => Item::Nothing(format!("is no manifest: {cause}")),
        };
    }
    match line::read(text) {
        Ok(line::Line { event, omitted }) => {
            let computed = content_hash(&(&event).into());
            Item::Event(Box::new(Event {
                place: Place { position: event.position, account_seq: event.account_seq },
                leaf: row::leaf(&event, computed),
                is_altered: computed != event.content_hash,
                account: event.stream.account,
                event_id: event.event_id,
                recorded_at: event.recorded_at,
                omitted,
            }))
        }
        Err(cause) => Item::Nothing(cause.to_string()),
    }
}

/// The check of a file, as far as it is.
#[derive(Default)]
struct FileCheck {
    report: Report,
    lines: u64,
    cover: Cover,
    account: Option<String>,
    first: Option<Place>,
    last: Option<(Place, Timestamp)>,
    /// Something was left out between two events.
    has_gaps: bool,
    /// The tree cannot be computed any more.
    is_broken: bool,
    anchors: Vec<Anchor>,
    log_id: Option<Uuid>,
    compared: bool,
    proved_seq: u64,
    manifest: Option<Manifest>,
}

impl FileCheck {
    fn new(anchors: Option<Anchors>) -> Self {
        let mut check = Self::default();
        if let Some(mut anchors) = anchors {
            anchors.report(&mut check.report);
            check.log_id = anchors.log_id;
            for (account, anchors) in anchors.accounts {
                check.account = Some(account);
                check.anchors.extend(anchors);
            }
        } else {
            check.compared = true;
        }
        check
    }

    fn push(&mut self, item: Item) {
        self.lines += 1;
        if self.manifest.is_some() {
            self.wrong("stands behind the manifest, which is the last line");
            return;
        }
        match item {
            Item::Event(event) => self.push_event(*event),
            Item::Manifest(manifest) => self.manifest = Some(*manifest),
            Item::Nothing(cause) => {
                self.is_broken = true;
                self.wrong(&cause);
            }
        }
    }

    fn push_event(&mut self, event: Event) {
        self.report.events += 1;
        let Event { place, account, event_id, recorded_at, omitted, leaf, is_altered } = event;
        if is_altered {
            self.fault(place, FaultKind::Altered { event_id });
        }
        if *self.account.get_or_insert_with(|| account.clone()) != account {
            self.fault(place, FaultKind::File { what: format!("is of the account {account}") });
        }
        if let Some((last, at)) = self.last {
            if place.position <= last.position {
                let what = format!("stands behind the event at position {}", last.position);
                self.fault(place, FaultKind::File { what });
            }
            if recorded_at < at {
                self.fault(place, FaultKind::TimeFalls);
            }
        }
        self.has_gaps |= self.first.is_some() && !omitted.is_empty();
        self.first.get_or_insert(place);
        self.last = Some((place, recorded_at));
        self.grow(place, &omitted, leaf);
    }

    /// Adds the event to the tree, behind what was left out before it.
    fn grow(&mut self, place: Place, omitted: &[Hash], leaf: Hash) {
        if self.is_broken {
            return;
        }
        let index = u64::try_from(place.account_seq).ok().and_then(|seq| seq.checked_sub(1));
        let covered = self.cover.size();
        let is_next =
            index.is_some_and(|index| index >= covered && self.cover.push_omitted(index, omitted));
        if !is_next {
            self.is_broken = true;
            let account = self.account.clone().unwrap_or_default();
            let expected = i64::try_from(covered + 1).unwrap_or(i64::MAX);
            let found = place.account_seq;
            self.fault(place, FaultKind::AccountOrder { account, expected, found });
            return;
        }
        self.compare(place);
        self.cover.push_leaf(leaf);
        self.compare(place);
    }

    /// Holds the tree against a checkpoint of its size that was kept elsewhere.
    fn compare(&mut self, place: Place) {
        let size = self.cover.size();
        while let Some(anchor) = self.anchors.pop_if(|anchor| anchor.size == size) {
            self.compared = true;
            if anchor.root != self.cover.root() {
                self.other_tree(place.position, anchor.source);
            } else {
                self.proved_seq = size;
            }
        }
    }

    fn other_tree(&mut self, to: i64, checkpoint: String) {
        let account = self.account.clone().unwrap_or_default();
        let (proved_seq, hint) = (self.proved_seq, None);
        let other = FaultKind::OtherTree { account, proved_seq, to, checkpoint, hint };
        self.report.fault(self.first.map(|first| first.position), other);
    }

    fn fault(&mut self, place: Place, kind: FaultKind) {
        let (position, line) = (Some(place.position), Some(self.lines));
        self.report.note(Fault { position, line, kind });
    }

    fn wrong(&mut self, what: &str) {
        let kind = FaultKind::File { what: what.to_owned() };
        self.report.note(Fault { position: None, line: Some(self.lines), kind });
    }

    fn finish(mut self, key: Option<&Verifier>) -> Report {
        match self.manifest.take() {
            None => self.wrong("no manifest behind it: the file was cut off"),
            Some(manifest) => self.check_manifest(&manifest, key),
        }
        self.report.sort();
        self.report
    }

    fn check_manifest(&mut self, manifest: &Manifest, key: Option<&Verifier>) {
        self.check_counts(manifest);
        let last = self.last.map(|(last, _)| last);
        let place = last.unwrap_or(Place { position: 0, account_seq: 0 });
        let omitted: Option<Vec<Hash>> =
            manifest.omitted.iter().map(|text| read_hash(text)).collect();
        if !self.is_broken {
            let is_covered = omitted
                .is_some_and(|omitted| self.cover.push_omitted(manifest.tree_size, &omitted));
            if self.cover.size() == manifest.tree_size && is_covered {
                self.compare(place);
                self.check_signed(manifest, key);
            } else {
                self.is_broken = true;
                let (account, size) = (manifest.account_id.clone(), manifest.tree_size);
                let checkpoint = OWN.to_owned();
                let (proved_seq, last_seq, hint) = (self.proved_seq, place.account_seq, None);
                let cut = CutOff { proved_seq, last_seq, size, to: place.position, hint };
                let cut_off = FaultKind::CutOff { account, checkpoint, cut };
                self.report.fault(last.map(|last| last.position), cut_off);
            }
        }
        if !self.compared && !self.is_broken {
            self.wrong("the checkpoint is of a size at which the file does not show the tree");
        }
    }

    /// What the manifest says of the lines before it.
    fn check_counts(&mut self, manifest: &Manifest) {
        let (first, last) = (self.first, self.last.map(|(last, _)| last));
        let seqs = first.zip(last).map(|(first, last)| (first.account_seq, last.account_seq));
        let range = seqs.filter(|_| !self.has_gaps);
        let range = range.map(|(from_seq, to_seq)| Range { from_seq, to_seq });
        let rows = [
            (manifest.events == self.report.events, "another number of events"),
            (manifest.first == first && manifest.last == last, "another first or last event"),
            (manifest.range.is_none() || manifest.range == range, "another range of events"),
            (
                self.account.as_ref().is_none_or(|account| *account == manifest.account_id),
                "another account",
            ),
        ];
        for (holds, what) in rows {
            if !holds {
                self.wrong(&format!("the manifest speaks of {what} than the file has"));
            }
        }
    }

    /// Who signed the tree.
    fn check_signed(&mut self, manifest: &Manifest, key: Option<&Verifier>) {
        let Ok(own) = manifest.key.parse::<Verifier>() else {
            return self.wrong("the manifest has no key");
        };
        let trusted = key.map_or_else(|| own.clone(), |key| key.named(own.name()));
        if trusted.to_string() != manifest.key {
            return self.wrong("the manifest's key is not the one that is trusted");
        }
        if key.is_none() {
            self.report.key_of_the_file = Some(manifest.key.clone());
        }
        let (log_id, account, checkpoint) = match opened(&manifest.checkpoint, &trusted) {
            Ok(opened) => opened,
            Err(cause) => return self.wrong(&format!("the manifest's checkpoint {cause}")),
        };
        let root = self.cover.root();
        if account != manifest.account_id || own.name() != checkpoint.origin {
            self.wrong("the manifest's checkpoint is of another account");
        } else if self.log_id.is_some_and(|known| known != log_id) {
            self.wrong("the manifest's checkpoint is of another log");
        } else if checkpoint.size != manifest.tree_size
            || read_hash(&manifest.root) != Some(checkpoint.root)
        {
            self.wrong("the manifest's root and size are not those that were signed");
        } else if checkpoint.root != root {
            let to = self.last.map_or(0, |(last, _)| last.position);
            self.other_tree(to, OWN.to_owned());
        } else {
            let events = self.report.events;
            let checkpoint = OWN.to_owned();
            self.report.proved.push(Proved { account, events, beyond: 0, checkpoint });
        }
    }
}
