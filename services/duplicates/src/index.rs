//! The open tasks of one account by the terms of their contents, for all who may read them.
//!
//! Held in memory, made of the read model and kept level with the log by whoever owns it. It must
//! not read or wait; which tasks belong in it says [`Document::of`].

use std::{
    collections::{HashMap, HashSet},
    hash::{BuildHasher as _, RandomState},
};

use baton_domain::{
    Right, Standing, TaskId, Timestamp,
    task::{Reader, Task, readers_of},
};

use crate::{
    text::{TermHash, normal_form, terms},
    view::View,
};

/// A caller who may read at most so many tasks is answered from these alone. For others their
/// frequencies are kept.
pub(crate) const FEW_MAX: usize = if cfg!(test) { 10 } else { 1_000 };

/// What an entry takes beside its texts, terms and readers, near enough.
const ENTRY_BYTES: usize = 240;
/// What one of its terms takes here and among the postings.
const TERM_BYTES: usize = 24;
/// What a term takes once.
const NEW_TERM_BYTES: usize = 90;
/// What one of its readers takes.
const READER_BYTES: usize = 56;

/// An open task, as far as duplicates ask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Document {
    pub(crate) task: TaskId,
    pub(crate) created_at: Timestamp,
    pub(crate) content: String,
    /// Those who may read it without a right to read all.
    pub(crate) readers: Vec<Reader>,
}

impl Document {
    /// The task, where it is one to compare with (protocol 1.2): there, and not finished.
    pub(crate) fn of(task: &Task) -> Option<Self> {
        (task.is_alive() && !task.status.is_finished()).then(|| Self {
            task: task.id,
            created_at: task.created_at,
            content: task.content.clone(),
            readers: readers_of(task).into_iter().collect(),
        })
    }
}

/// A document with its terms.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) document: Document,
    /// By number.
    pub(crate) terms: Box<[Term]>,
}

/// A term of a document.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Term {
    pub(crate) number: u32,
    /// Where among the term's postings this document is.
    at: u32,
    /// How often it occurs.
    pub(crate) times: u16,
}

/// A document that has a term.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Posting {
    pub(crate) slot: u32,
    pub(crate) times: u16,
}

/// A term that some document has.
#[derive(Debug)]
struct Known {
    hash: TermHash,
    postings: Vec<Posting>,
}

/// The index.
#[derive(Debug, Default)]
pub(crate) struct Index {
    secret: RandomState,
    /// Documents in their slots; those that are free are used again.
    entries: Vec<Option<Entry>>,
    free: Vec<u32>,
    slots: HashMap<TaskId, u32>,
    /// By slot: the hash of the normal form.
    forms: Vec<u64>,
    /// By slot: the sum of the squares of how often each term occurs.
    squares: Vec<f64>,
    numbers: HashMap<TermHash, u32>,
    /// By the number of the term; numbers that are free are used again.
    known: Vec<Known>,
    free_numbers: Vec<u32>,
    readers: HashMap<Reader, HashSet<u32>>,
    /// What everybody sees who may read all tasks.
    all: View,
    /// What others see who may read many.
    views: Vec<View>,
    /// `ln(1 + i)` by `i`, for every number of documents that a term can occur in.
    logs: Vec<f64>,
    bytes: usize,
}

/// Which documents a caller may read.
pub(crate) enum Sight<'a> {
    /// These and no others, each once.
    Few(Vec<u32>),
    /// Those of a view.
    Many(&'a View),
    /// Those of a view that must be made first.
    Unknown,
}

impl Index {
    /// What it takes in memory, near enough.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes_of_documents() + self.views.iter().map(View::bytes).sum::<usize>()
    }

    pub(crate) fn bytes_of_documents(&self) -> usize {
        self.bytes
    }

    /// How the task stands now: a document, or none where it is not to be compared with.
    pub(crate) fn set(&mut self, task: TaskId, document: Option<Document>) {
        if let Some(slot) = self.slots.get(&task).copied() {
            if document.as_ref() == self.entry(slot).map(|entry| &entry.document) {
                return;
            }
            self.remove(slot);
        }
        if let Some(document) = document {
            self.insert(document);
        }
    }

    /// The document in a slot.
    pub(crate) fn entry(&self, slot: u32) -> Option<&Entry> {
        self.entries.get(slot as usize)?.as_ref()
    }

    /// How many slots there are, free ones included.
    pub(crate) fn slots(&self) -> usize {
        self.entries.len()
    }

    /// The sum of the squares of how often each term of a document occurs in it.
    pub(crate) fn square(&self, slot: u32) -> f64 {
        self.squares[slot as usize]
    }

    /// The terms of a normal form: the number of each that some document has, and how often it
    /// occurs.
    pub(crate) fn terms_of(&self, form: &str) -> Vec<(Option<u32>, u16)> {
        let found = terms(form, &self.secret).into_iter();
        found.map(|(hash, times)| (self.numbers.get(&hash).copied(), times)).collect()
    }

    /// `ln(1 + documents)`, for no more documents than there are.
    pub(crate) fn log(&self, documents: u32) -> f64 {
        self.logs[documents as usize]
    }

    /// The documents that have a term.
    pub(crate) fn postings(&self, number: u32) -> &[Posting] {
        &self.known[number as usize].postings
    }

    /// The slots whose documents have this normal form.
    pub(crate) fn slots_of_form(&self, form: &str) -> Vec<u32> {
        let hash = self.secret.hash_one(form);
        let slots = (0u32..).zip(&self.forms).filter(|(_, other)| **other == hash);
        slots.map(|(slot, _)| slot).filter(|slot| self.entry(*slot).is_some()).collect()
    }

    /// What a caller may read.
    pub(crate) fn sight(&self, caller: &Standing) -> Sight<'_> {
        if caller.may(Right::ReadAllTasks) {
            return Sight::Many(&self.all);
        }
        let readers: Vec<Reader> = caller.readers().collect();
        let of_each = || readers.iter().filter_map(|reader| self.readers.get(reader));
        if of_each().map(HashSet::len).sum::<usize>() <= FEW_MAX {
            let mut slots: Vec<u32> = of_each().flatten().copied().collect();
            slots.sort_unstable();
            slots.dedup();
            return Sight::Few(slots);
        }
        let view = self.views.iter().find(|view| view.is_of(&readers));
        view.map_or(Sight::Unknown, Sight::Many)
    }

    /// Makes the view of a caller. The one that was longest unused makes room.
    pub(crate) fn view(&mut self, caller: &Standing) {
        let mut view = View::new(caller.readers().collect());
        if self.views.iter().any(|other| other.is_of(view.readers())) {
            return;
        }
        View::make_room(&mut self.views);
        let slots: HashSet<u32> = view
            .readers()
            .iter()
            .filter_map(|reader| self.readers.get(reader))
            .flatten()
            .copied()
            .collect();
        for slot in slots {
            if let Some(entry) = self.entry(slot) {
                view.add(slot, entry);
            }
        }
        self.views.push(view);
    }

    fn insert(&mut self, document: Document) {
        let form = normal_form(&document.content);
        let slot = self.free.pop().unwrap_or_else(|| {
            self.entries.push(None);
            self.forms.push(0);
            self.squares.push(0.0);
            self.logs.extend((self.logs.len()..=self.entries.len()).map(|n| (n as f64).ln_1p()));
            u32::try_from(self.entries.len() - 1).expect("memory ends before")
        });
        let found = terms(&form, &self.secret);
        let mut terms = Vec::with_capacity(found.len());
        for (hash, times) in found {
            let number = self.number(hash);
            let postings = &mut self.known[number as usize].postings;
            let at = u32::try_from(postings.len()).expect("there are no more than slots");
            postings.push(Posting { slot, times });
            terms.push(Term { number, at, times });
        }
        terms.sort_unstable_by_key(|term| term.number);
        for reader in &document.readers {
            self.readers.entry(reader.clone()).or_default().insert(slot);
        }
        let square = |term: &Term| f64::from(term.times).powi(2);
        self.squares[slot as usize] = terms.iter().map(square).sum();
        self.forms[slot as usize] = self.secret.hash_one(&form);
        self.slots.insert(document.task, slot);
        let entry = Entry { document, terms: terms.into() };
        self.bytes += bytes(&entry);
        for view in [&mut self.all].into_iter().chain(&mut self.views) {
            if view.sees(&entry.document) {
                view.add(slot, &entry);
            }
        }
        self.entries[slot as usize] = Some(entry);
    }

    fn remove(&mut self, slot: u32) {
        let Some(entry) = self.entries[slot as usize].take() else { return };
        self.bytes -= bytes(&entry);
        for view in [&mut self.all].into_iter().chain(&mut self.views) {
            if view.sees(&entry.document) {
                view.take(slot, &entry);
            }
        }
        for term in &entry.terms {
            self.unlink(*term);
        }
        for reader in &entry.document.readers {
            let is_empty = self.readers.get_mut(reader).is_some_and(|slots| {
                slots.remove(&slot);
                slots.is_empty()
            });
            if is_empty {
                self.readers.remove(reader);
            }
        }
        self.slots.remove(&entry.document.task);
        self.forms[slot as usize] = 0;
        self.squares[slot as usize] = 0.0;
        self.free.push(slot);
    }

    /// Takes a document from the postings of a term; the last one gets its place.
    fn unlink(&mut self, term: Term) {
        let known = &mut self.known[term.number as usize];
        known.postings.swap_remove(term.at as usize);
        if let Some(moved) = known.postings.get(term.at as usize) {
            let entry = self.entries[moved.slot as usize].as_mut();
            let terms = entry.map(|entry| &mut entry.terms);
            if let Some(terms) = terms
                && let Ok(at) = terms.binary_search_by_key(&term.number, |term| term.number)
            {
                terms[at].at = term.at;
            }
        } else if known.postings.is_empty() {
            self.numbers.remove(&known.hash);
            known.postings = Vec::new();
            self.free_numbers.push(term.number);
            self.bytes -= NEW_TERM_BYTES;
        }
    }

    /// The number of a term.
    fn number(&mut self, hash: TermHash) -> u32 {
        if let Some(number) = self.numbers.get(&hash) {
            return *number;
        }
        self.bytes += NEW_TERM_BYTES;
        let known = Known { hash, postings: Vec::new() };
        let number = match self.free_numbers.pop() {
            Some(number) => {
                self.known[number as usize] = known;
                number
            }
            None => {
                self.known.push(known);
                u32::try_from(self.known.len() - 1).expect("memory ends before")
            }
        };
        self.numbers.insert(hash, number);
        number
    }
}

fn bytes(entry: &Entry) -> usize {
    let Entry { document, terms } = entry;
    ENTRY_BYTES
        + document.content.len()
        + terms.len() * TERM_BYTES
        + document.readers.len() * READER_BYTES
}
