//! Folded streams, kept by stream and version. A cached state may lag behind the log: whoever
//! decides on it lets the log check its version.

use std::sync::Arc;

use baton_log::{Cut, Log, RecordedEvent, StreamId};
use quick_cache::{Weighter, sync::Cache};

use crate::fold::{FoldError, Folded, fold};

/// How much the states of one cache may weigh together.
const CACHE_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// How many states the cache is laid out for.
const CACHE_STATES_EXPECTED: usize = 16_384;

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

#[derive(Clone)]
struct ByWeight;

impl<S: Folded> Weighter<StreamId, Versioned<S>> for ByWeight {
    fn weight(&self, _stream: &StreamId, cached: &Versioned<S>) -> u64 {
        cached.state.weight_bytes()
    }
}

/// Folded streams of one kind. Cheap to clone; clones share what they keep.
#[derive(Clone)]
pub struct States<S: Folded> {
    log: Log,
    cache: Arc<Cache<StreamId, Versioned<S>, ByWeight>>,
}

impl<S: Folded> States<S> {
    /// An empty cache over the log.
    #[must_use]
    pub fn new(log: Log) -> Self {
        let cache = Cache::with_weighter(CACHE_STATES_EXPECTED, CACHE_BYTES_MAX, ByWeight);
        Self { log, cache: Arc::new(cache) }
    }

    /// The state as last seen here, or else as the log has it now.
    ///
    /// # Errors
    /// [`FoldError`] where history cannot be read.
    pub async fn latest(&self, stream: &StreamId) -> Result<Versioned<S>, FoldError> {
        match self.cache.get(stream) {
            Some(cached) => Ok(cached),
            None => self.fresh(stream).await,
        }
    }

    /// The state as the log has it now.
    ///
    /// # Errors
    /// [`FoldError`] where history cannot be read.
    pub async fn fresh(&self, stream: &StreamId) -> Result<Versioned<S>, FoldError> {
        let base = self.cache.get(stream).unwrap_or_default();
        let folded = self.roll(stream, base, Cut::Head).await?;
        if folded.version > 0 {
            self.put(stream.clone(), folded.clone());
        }
        Ok(folded)
    }

    /// The state at exactly `version`, however long ago that was.
    ///
    /// # Errors
    /// [`FoldError`] where history cannot be read, or ends before.
    pub async fn at(&self, stream: &StreamId, version: i64) -> Result<Arc<S>, FoldError> {
        let cached = self.cache.get(stream).filter(|cached| cached.version <= version);
        let folded = match cached {
            Some(cached) if cached.version == version => cached,
            base => self.roll(stream, base.unwrap_or_default(), Cut::Version(version)).await?,
        };
        if folded.version != version {
            let (stream, found) = (stream.clone(), folded.version);
            return Err(FoldError::Missing { stream, wanted: version, found });
        }
        Ok(folded.state)
    }

    /// The state after `event`, for a follower that reads the log in order: usually the state
    /// before it is still here, and nothing is read.
    ///
    /// # Errors
    /// [`FoldError`] where history cannot be read.
    pub async fn after(&self, event: &RecordedEvent) -> Result<Arc<S>, FoldError> {
        let (stream, version) = (&event.stream, event.version);
        let before = match self.cache.get(stream) {
            Some(cached) if cached.version == version - 1 => Some(cached.state),
            _ if version == 1 => Some(Arc::default()),
            _ => None,
        };
        let state = match before {
            Some(before) => Arc::new(fold(Arc::unwrap_or_clone(before), event)?),
            None => self.at(stream, version).await?,
        };
        self.put(stream.clone(), Versioned { state: Arc::clone(&state), version });
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
        let near = known.into_iter().chain(self.cache.get(stream));
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
        if folded.version != version {
            let (stream, found) = (stream.clone(), folded.version);
            return Err(FoldError::Missing { stream, wanted: version, found });
        }
        Ok(folded)
    }

    /// Keeps a state that its writer just appended, or its reader just folded.
    pub fn put(&self, stream: StreamId, state: Versioned<S>) {
        self.cache.insert(stream, state);
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
