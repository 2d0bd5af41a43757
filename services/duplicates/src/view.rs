//! What one kind of caller sees of an index: which documents, and in how many of them each term
//! occurs. Kept level by the index. It must not know what is in a document beside its terms.

use std::sync::atomic::{AtomicU64, Ordering};

use baton_domain::task::Reader;

use crate::index::{Document, Entry};

/// Views that an index keeps at once, beside that of those who read all.
const VIEWS_MAX: usize = 32;

/// Counts the uses of all views, to tell which was used last.
static USES: AtomicU64 = AtomicU64::new(1);

/// A view. By default that of those who may read everything.
#[derive(Debug, Default)]
pub(crate) struct View {
    /// Whose; none for those who may read everything.
    readers: Vec<Reader>,
    /// One bit a slot.
    seen: Vec<u64>,
    count: usize,
    /// By the number of the term: in how many documents it occurs.
    frequencies: Vec<u32>,
    used: AtomicU64,
}

impl View {
    /// The view of these readers, which have nothing to read yet.
    pub(crate) fn new(mut readers: Vec<Reader>) -> Self {
        readers.sort_unstable();
        Self { readers, ..Self::default() }
    }

    pub(crate) fn readers(&self) -> &[Reader] {
        &self.readers
    }

    /// It is that of these readers; then it is used.
    pub(crate) fn is_of(&self, readers: &[Reader]) -> bool {
        let is_theirs = self.readers.len() == readers.len()
            && readers.iter().all(|reader| self.readers.contains(reader));
        if is_theirs {
            self.used.store(USES.fetch_add(1, Ordering::Relaxed), Ordering::Relaxed);
        }
        is_theirs
    }

    /// Drops the view that was longest unused where there is no room for another.
    pub(crate) fn make_room(views: &mut Vec<Self>) {
        while views.len() >= VIEWS_MAX {
            let used = |at: &usize| views[*at].used.load(Ordering::Relaxed);
            let Some(longest) = (0..views.len()).min_by_key(used) else { return };
            views.swap_remove(longest);
        }
    }

    /// A document belongs in it.
    pub(crate) fn sees(&self, document: &Document) -> bool {
        let is_theirs = |reader: &Reader| self.readers.contains(reader);
        self.readers.is_empty() || document.readers.iter().any(is_theirs)
    }

    /// The document in a slot is in it.
    pub(crate) fn has(&self, slot: u32) -> bool {
        let word = self.seen.get(slot as usize / 64);
        word.is_some_and(|word| word & bit(slot) != 0)
    }

    /// What it takes in memory.
    pub(crate) fn bytes(&self) -> usize {
        self.frequencies.capacity() * size_of::<u32>() + self.seen.capacity() * size_of::<u64>()
    }

    /// How many documents it has.
    pub(crate) fn count(&self) -> usize {
        self.count
    }

    /// In how many of them a term occurs.
    pub(crate) fn frequency(&self, number: u32) -> u32 {
        self.frequencies.get(number as usize).copied().unwrap_or_default()
    }

    pub(crate) fn add(&mut self, slot: u32, entry: &Entry) {
        let word = slot as usize / 64;
        if self.seen.len() <= word {
            self.seen.resize(word + 1, 0);
        }
        self.seen[word] |= bit(slot);
        self.count += 1;
        for term in &entry.terms {
            let number = term.number as usize;
            if self.frequencies.len() <= number {
                self.frequencies.resize(number + 1, 0);
            }
            self.frequencies[number] += 1;
        }
    }

    pub(crate) fn take(&mut self, slot: u32, entry: &Entry) {
        self.seen[slot as usize / 64] &= !bit(slot);
        self.count -= 1;
        for term in &entry.terms {
            self.frequencies[term.number as usize] -= 1;
        }
    }
}

fn bit(slot: u32) -> u64 {
    1 << (slot % 64)
}
