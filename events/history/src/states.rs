//! Folded streams of one kind, kept by stream and version: the latest that anybody here has seen,
//! and for a while those before it, for followers that have not come as far.
//!
//! A state is kept under the version it was folded to and is never anything else. The latest one
//! may lag behind the log: whoever decides on it lets the log check its version.

use std::{
    hash::{Hash, Hasher},
    sync::Arc,
};

use baton_log::{Cut, Log, Position, RecordedEvent, StreamId};
use quick_cache::{
    DefaultHashBuilder, Equivalent, OptionsBuilder, Weighter,
    sync::{Cache, DefaultLifecycle},
};

use crate::fold::{FoldError, Folded, fold};

/// How many states a cache is laid out for.
const STATES_EXPECTED: usize = 16_384;
/// What an entry takes beside its state and the name of its stream.
const ENTRY_BYTES: u64 = 128;
/// The part of a cache for what was asked for again. The rest is for what is new: a state is wanted
/// most in the moments after it was folded, by those who follow the log or take the queue's next
/// task, and may have to wait there for its first question.
const ASKED_AGAIN: f64 = 0.5;
/// How far behind what this node has written a follower may be to be level with it: what it folds
/// is then worth keeping as the latest. One that reads the past leaves no traces there.
const LEVEL_WITHIN: Position = 2_000;
/// Events that a stream has at most to be folded before anybody asks for it.
const WARM_EVENTS_MAX: usize = 32;
/// Stands for whatever version was seen last; no event has it.
const LATEST: i64 = -1;

/// A state and the version of its stream that it was folded to; 0 for a stream without events.
#[derive(Debug)]
pub struct Versioned<S> {
    /// The state.
    pub state: Arc<S>,
    /// The version.
    pub version: i64,
}

impl<S> Clone for Versioned<S> {
    fn clone(&self) -> Self {
        Self { state: Arc::clone(&self.state), version: self.version }
    }
}

impl<S: Default> Default for Versioned<S> {
    fn default() -> Self {
        Self { state: Arc::default(), version: 0 }
    }
}

/// Folded streams of one kind. Cheap to clone; clones share what they keep.
#[derive(Clone)]
pub struct States<S: Folded> {
    log: Log,
    cache: Arc<Cache<Name, Kept<S>, ByWeight>>,
}

/// A state at one of its versions, or the latest one.
#[derive(PartialEq, Eq, Hash)]
struct Name {
    account: Box<str>,
    id: Box<str>,
    version: i64,
}

/// The same, of a stream of the cache's kind, to ask with.
struct Wanted<'a> {
    stream: &'a StreamId,
    version: i64,
}

struct Kept<S> {
    state: Versioned<S>,
    /// Asked for many times, and long to find out.
    weight_bytes: u64,
}

#[derive(Clone)]
struct ByWeight;

impl<S: Folded> States<S> {
    /// Nothing is kept yet, and never more than `bytes_max` at once.
    #[must_use]
    pub(crate) fn new(log: Log, bytes_max: u64) -> Self {
        let options = OptionsBuilder::new()
            .estimated_items_capacity(STATES_EXPECTED)
            .weight_capacity(bytes_max)
            .hot_allocation(ASKED_AGAIN)
            .build()
            .expect("both capacities are set");
        let (hasher, lifecycle) = (DefaultHashBuilder::default(), DefaultLifecycle::default());
        let cache = Cache::with_options(options, ByWeight, hasher, lifecycle);
        Self { log, cache: Arc::new(cache) }
    }

    /// The state as last seen here, or else as the log has it now.
    ///
    /// # Errors
    /// [`FoldError`] where history cannot be read.
    pub async fn latest(&self, stream: &StreamId) -> Result<Versioned<S>, FoldError> {
        match self.seen(stream) {
            Some(seen) => Ok(seen),
            None => self.fresh(stream).await,
        }
    }

    /// The state as the log has it now.
    ///
    /// # Errors
    /// [`FoldError`] where history cannot be read.
    pub async fn fresh(&self, stream: &StreamId) -> Result<Versioned<S>, FoldError> {
        let base = self.seen(stream).unwrap_or_default();
        let folded = self.roll(stream, base, Cut::Head).await?;
        if folded.version > 0 {
            self.put(stream, folded.clone());
        }
        Ok(folded)
    }

    /// Folds those of these streams that nobody here has seen, in one read: who will ask for them
    /// one by one finds them. A stream with a long history is left to whoever asks for it.
    ///
    /// # Errors
    /// [`FoldError`] where history cannot be read.
    pub async fn warm(&self, streams: Vec<StreamId>) -> Result<(), FoldError> {
        let unseen = |stream: &StreamId| self.seen(stream).is_none();
        let unseen: Vec<StreamId> = streams.into_iter().filter(unseen).collect();
        if unseen.is_empty() {
            return Ok(());
        }
        let events = self.log.beginnings(&unseen, WARM_EVENTS_MAX + 1).await?;
        for of_one in events.chunk_by(|one, other| one.stream == other.stream) {
            let (Some(last), true) = (of_one.last(), of_one.len() <= WARM_EVENTS_MAX) else {
                continue;
            };
            let state = Arc::new(of_one.iter().try_fold(S::default(), fold)?);
            self.put(&last.stream, Versioned { state, version: last.version });
        }
        Ok(())
    }

    /// The state at exactly `version`, however long ago that was.
    ///
    /// # Errors
    /// [`FoldError`] where history cannot be read, or ends before.
    pub async fn at(&self, stream: &StreamId, version: i64) -> Result<Arc<S>, FoldError> {
        if let Some(kept) = self.exactly(stream, version) {
            return Ok(kept);
        }
        let base = self.seen(stream).filter(|seen| seen.version < version).unwrap_or_default();
        let folded = self.roll(stream, base, Cut::Version(version)).await?;
        Ok(must_be(folded, stream, version)?.state)
    }

    /// The state after `event`, for a follower that reads the log in order: usually it is still
    /// here, or else the state before it, and nothing is read.
    ///
    /// # Errors
    /// [`FoldError`] where history cannot be read.
    pub async fn after(&self, event: &RecordedEvent) -> Result<Arc<S>, FoldError> {
        let (stream, version) = (&event.stream, event.version);
        if let Some(kept) = self.exactly(stream, version) {
            return Ok(kept);
        }
        let before = match version {
            1 => Some(Arc::default()),
            _ => self.exactly(stream, version - 1),
        };
        let state = match before {
            Some(before) => Arc::new(fold(Arc::unwrap_or_clone(before), event)?),
            None => self.at(stream, version).await?,
        };
        let after = Versioned { state: Arc::clone(&state), version };
        match event.position + LEVEL_WITHIN >= self.log.acknowledged() {
            true => self.put(stream, after),
            false => self.keep(stream, version, after),
        }
        Ok(state)
    }

    /// The state after `event`, for a reader of the past: from the state that it has come by, or
    /// a nearer one that is here. Keeps nothing: what is here is for those who are level.
    pub(crate) async fn past(
        &self,
        known: Option<Versioned<S>>,
        event: &RecordedEvent,
    ) -> Result<Versioned<S>, FoldError> {
        let (stream, version) = (&event.stream, event.version);
        if let Some(state) = self.exactly(stream, version) {
            return Ok(Versioned { state, version });
        }
        let near = known.into_iter().chain(self.seen(stream));
        let near = near.filter(|state| state.version <= version);
        let base = near.max_by_key(|state| state.version).unwrap_or_default();
        let folded = match version - base.version {
            0 => base,
            1 => {
                let state = fold(Arc::unwrap_or_clone(base.state), event)?;
                Versioned { state: Arc::new(state), version }
            }
            _ => self.roll(stream, base, Cut::Version(version)).await?,
        };
        must_be(folded, stream, version)
    }

    /// Keeps a state that its writer just appended, or its reader just folded. A later one that
    /// is here already stays the latest.
    pub fn put(&self, stream: &StreamId, state: Versioned<S>) {
        match self.seen(stream) {
            Some(seen) if seen.version == state.version => {}
            Some(seen) if seen.version > state.version => {
                self.keep(stream, state.version, state);
            }
            Some(seen) => {
                self.keep(stream, seen.version, seen);
                self.keep(stream, LATEST, state);
            }
            None => self.keep(stream, LATEST, state),
        }
    }

    /// The latest state that anybody here has seen.
    fn seen(&self, stream: &StreamId) -> Option<Versioned<S>> {
        self.cache.get(&Wanted { stream, version: LATEST }).map(|kept| kept.state)
    }

    /// The state at a version, where it is here.
    #[must_use]
    pub fn exactly(&self, stream: &StreamId, version: i64) -> Option<Arc<S>> {
        let seen = self.seen(stream).filter(|seen| seen.version == version);
        let kept = || self.cache.get(&Wanted { stream, version }).map(|kept| kept.state);
        seen.or_else(kept).map(|found| found.state)
    }

    fn keep(&self, stream: &StreamId, version: i64, state: Versioned<S>) {
        let (account, id) = (stream.account.as_str().into(), stream.id.as_str().into());
        let names = (stream.account.len() + stream.id.len()) as u64;
        let weight_bytes = ENTRY_BYTES + names + state.state.weight_bytes();
        self.cache.insert(Name { account, id, version }, Kept { state, weight_bytes });
    }

    async fn roll(
        &self,
        stream: &StreamId,
        base: Versioned<S>,
        cut: Cut,
    ) -> Result<Versioned<S>, FoldError> {
        let events = self.log.stream(stream, base.version, cut).await?;
        let Some(last) = events.last() else { return Ok(base) };
        let state = events.iter().try_fold(Arc::unwrap_or_clone(base.state), fold)?;
        Ok(Versioned { state: Arc::new(state), version: last.version })
    }
}

fn must_be<S>(
    folded: Versioned<S>,
    stream: &StreamId,
    version: i64,
) -> Result<Versioned<S>, FoldError> {
    match folded.version == version {
        true => Ok(folded),
        false => {
            let (stream, found) = (stream.clone(), folded.version);
            Err(FoldError::Missing { stream, wanted: version, found })
        }
    }
}

impl<S> Clone for Kept<S> {
    fn clone(&self) -> Self {
        Self { state: self.state.clone(), weight_bytes: self.weight_bytes }
    }
}

impl<S> Weighter<Name, Kept<S>> for ByWeight {
    fn weight(&self, _name: &Name, kept: &Kept<S>) -> u64 {
        kept.weight_bytes
    }
}

/// As `Name` is hashed.
impl Hash for Wanted<'_> {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        self.stream.account.hash(hasher);
        self.stream.id.hash(hasher);
        self.version.hash(hasher);
    }
}

impl Equivalent<Name> for Wanted<'_> {
    fn equivalent(&self, name: &Name) -> bool {
        self.version == name.version
            && self.stream.id == *name.id
            && self.stream.account == *name.account
    }
}

#[cfg(test)]
#[path = "states_tests.rs"]
mod tests;
