//! Which documents are like a text (protocol 1.2): equal normal forms score 1; of all others the
//! score is the cosine of TF-IDF vectors, fitted on the text and those others, as scikit-learn's
//! `TfidfVectorizer` has it: counts, times `ln((1 + n) / (1 + df)) + 1`, to length 1.
//!
//! A document is at least as long as the terms that it shares with the text, and counts weigh
//! nowhere less than themselves: that bounds its score, and most are never measured. Nothing here
//! is approximate. It must not look at documents outside the caller's sight.

use std::collections::HashMap;

use baton_domain::{Standing, TaskId, Timestamp};

use crate::{
    index::{Entry, Index, Sight},
    text::normal_form,
    view::View,
};

/// Matches that an answer has at most.
pub const MATCHES_MAX: usize = 5;

/// A score is a whole number of these.
const PARTS: f64 = 1_000.0;
/// What sums in another order may differ by.
const EPSILON: f64 = 1e-9;
/// So many of those that may score highest are measured before all others.
const FIRST: usize = 64;

/// A task that is like a text.
#[derive(Debug, Clone, PartialEq)]
pub struct Match {
    /// The task.
    pub task: TaskId,
    /// What is to be done.
    pub content: String,
    /// How much alike they are, from 0 to 1, to 3 decimals.
    pub score: f64,
}

/// A term of the text.
struct Term {
    /// None where no document has it.
    number: Option<u32>,
    idf: f64,
    weight: f64,
}

/// What a document shares with the text.
#[derive(Clone, Copy, Default)]
struct Shared {
    /// The product of the two vectors before they are brought to length 1.
    product: f64,
    /// By how much the square of its length is above that of its counts, at least.
    excess: f64,
    /// What the square of its length gains because the text has the terms, too.
    gain: f64,
}

/// The text, and what it is compared with.
struct Query<'a> {
    index: &'a Index,
    view: Frequencies<'a>,
    terms: Vec<Term>,
    length: f64,
    threshold: f64,
    /// `1 + ln(1 + n)`.
    base: f64,
}

/// In how many documents each term occurs.
enum Frequencies<'a> {
    Of(&'a View),
    Counted(HashMap<u32, u32>),
}

/// The best matches so far, the best first.
#[derive(Default)]
struct Best(Vec<Place>);

/// A match's place: by its score, then the older one first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    parts_lacking: u16,
    created_at: Timestamp,
    task: TaskId,
    slot: u32,
}

/// The caller's tasks that are like the content, at or above the threshold, best first; none where
/// the caller's view must be made first.
pub(crate) fn search(
    index: &Index,
    caller: &Standing,
    content: &str,
    threshold: f64,
) -> Option<Vec<Match>> {
    let sight = index.sight(caller);
    let form = normal_form(content);
    let mut best = Best::default();
    let equal = index.slots_of_form(&form);
    match sight {
        Sight::Unknown => return None,
        _ if form.is_empty() => {}
        Sight::Few(slots) => {
            let is_equal = |slot: &u32| equal.binary_search(slot).is_ok();
            let (equal, others): (Vec<u32>, Vec<u32>) = slots.into_iter().partition(is_equal);
            equal.iter().for_each(|slot| best.offer(index, *slot, 1.0));
            let counted = counted(index, &others);
            let query = Query::new(index, counted, (others.len(), 0), &form, threshold);
            query.measure_each(&others, &mut best);
        }
        Sight::Many(view) => {
            let equal: Vec<u32> = equal.into_iter().filter(|slot| view.has(*slot)).collect();
            equal.iter().for_each(|slot| best.offer(index, *slot, 1.0));
            let counts = (view.count() - equal.len(), equal.len());
            let query = Query::new(index, Frequencies::Of(view), counts, &form, threshold);
            query.measure_likely(view, &equal, &mut best);
        }
    }
    Some(best.matches(index))
}

impl<'a> Query<'a> {
    /// `compared` documents are compared; `equal` others are among the frequencies, each of them
    /// with the terms of the text.
    fn new(
        index: &'a Index,
        view: Frequencies<'a>,
        (compared, equal): (usize, usize),
        form: &str,
        threshold: f64,
    ) -> Self {
        let texts = (compared + 1) as f64;
        let base = 1.0 + texts.ln_1p();
        let term = |(number, times): (Option<u32>, u16)| {
            let found = number.map_or(0, |number| view.of(number) as usize);
            // The text has it; those that are equal to it are not compared.
            let frequency = (found - equal.min(found) + 1) as f64;
            let idf = base - frequency.ln_1p();
            Term { number, idf, weight: f64::from(times) * idf }
        };
        let mut terms: Vec<Term> = index.terms_of(form).into_iter().map(term).collect();
        terms.sort_unstable_by_key(|term| term.number);
        let length = terms.iter().map(|term| term.weight.powi(2)).sum::<f64>().sqrt();
        Self { index, view, terms, length, threshold, base }
    }

    /// What a term weighs in a document where the text does not have it.
    fn idf(&self, number: u32) -> f64 {
        self.base - self.index.log(self.view.of(number))
    }

    /// Measures every one of these.
    fn measure_each(&self, slots: &[u32], best: &mut Best) {
        for slot in slots {
            let Some(entry) = self.index.entry(*slot) else { continue };
            let (mut product, mut square) = (0.0, 0.0);
            for term in &entry.terms {
                let shared = self.terms.binary_search_by_key(&Some(term.number), |it| it.number);
                let shared = shared.ok().map(|at| &self.terms[at]);
                let idf = shared.map_or_else(|| self.idf(term.number), |shared| shared.idf);
                let weight = f64::from(term.times) * idf;
                product += shared.map_or(0.0, |shared| shared.weight * weight);
                square += weight.powi(2);
            }
            self.offer(*slot, product, square, best);
        }
    }

    /// Measures those of the view, but for `equal` ones, that may be among the best.
    fn measure_likely(&self, view: &View, equal: &[u32], best: &mut Best) {
        let mut all = vec![Shared::default(); self.index.slots()];
        for term in &self.terms {
            let Some(number) = term.number else { continue };
            let plain = self.idf(number);
            for posting in self.index.postings(number) {
                let times = f64::from(posting.times);
                let shared = &mut all[posting.slot as usize];
                let square = (times * term.idf).powi(2);
                shared.product += term.weight * times * term.idf;
                shared.excess += square - times.powi(2);
                shared.gain += square - (times * plain).powi(2);
            }
        }
        let every = self.threshold <= 0.0;
        let mut likely = Vec::new();
        for (slot, shared) in (0u32..).zip(&all) {
            if (shared.product > 0.0 || every) && view.has(slot) {
                let square = self.index.square(slot) + shared.excess;
                let most = self.cosine(shared.product, square) + EPSILON;
                if most >= self.threshold && equal.binary_search(&slot).is_err() {
                    likely.push((most, slot));
                }
            }
        }
        if likely.len() > FIRST {
            likely.select_nth_unstable_by(FIRST, |one, other| other.0.total_cmp(&one.0));
        }
        for (most, slot) in likely {
            if best.may_take(most)
                && let Some(entry) = self.index.entry(slot)
            {
                let Shared { product, gain, .. } = all[slot as usize];
                self.offer(slot, product, self.square(entry) + gain, best);
            }
        }
    }

    /// The square of a document's length, if the text had none of its terms.
    fn square(&self, entry: &Entry) -> f64 {
        let weight = |number, times| f64::from(times) * self.idf(number);
        entry.terms.iter().map(|term| weight(term.number, term.times).powi(2)).sum()
    }

    fn offer(&self, slot: u32, product: f64, square: f64, best: &mut Best) {
        let score = self.cosine(product, square);
        if score + EPSILON >= self.threshold && (score > 0.0 || self.threshold <= 0.0) {
            best.offer(self.index, slot, score);
        }
    }

    fn cosine(&self, product: f64, square: f64) -> f64 {
        if product <= 0.0 { 0.0 } else { (product / (self.length * square.sqrt())).min(1.0) }
    }
}

impl Frequencies<'_> {
    fn of(&self, number: u32) -> u32 {
        match self {
            Self::Of(view) => view.frequency(number),
            Self::Counted(counted) => counted.get(&number).copied().unwrap_or_default(),
        }
    }
}

/// In how many of these documents each of their terms occurs.
fn counted(index: &Index, slots: &[u32]) -> Frequencies<'static> {
    let mut counted = HashMap::new();
    for term in slots.iter().filter_map(|slot| index.entry(*slot)).flat_map(|it| it.terms.iter()) {
        *counted.entry(term.number).or_default() += 1;
    }
    Frequencies::Counted(counted)
}

impl Best {
    /// A document with at most this score may be among them.
    fn may_take(&self, score: f64) -> bool {
        let worst = self.0.get(MATCHES_MAX - 1);
        worst.is_none_or(|worst| parts_lacking(score) <= worst.parts_lacking)
    }

    fn offer(&mut self, index: &Index, slot: u32, score: f64) {
        let Some(entry) = index.entry(slot) else { return };
        let (task, created_at) = (entry.document.task, entry.document.created_at);
        let place = Place { parts_lacking: parts_lacking(score), created_at, task, slot };
        let at = self.0.partition_point(|other| *other < place);
        if at < MATCHES_MAX {
            self.0.insert(at, place);
            self.0.truncate(MATCHES_MAX);
        }
    }

    fn matches(self, index: &Index) -> Vec<Match> {
        let found = self.0.into_iter().filter_map(|place| {
            let content = index.entry(place.slot)?.document.content.clone();
            let score = (PARTS - f64::from(place.parts_lacking)) / PARTS;
            Some(Match { task: place.task, content, score })
        });
        found.collect()
    }
}

/// By how many parts a score is below 1.
fn parts_lacking(score: f64) -> u16 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a whole number from 0 to 1000"
    )]
    let parts = (score.clamp(0.0, 1.0) * PARTS).round() as u16;
    PARTS as u16 - parts
}

#[cfg(test)]
#[path = "score_tests.rs"]
mod tests;
