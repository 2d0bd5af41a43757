//! Streams as a reader of the past has come by them: folded along its way, and forgotten with it.
//! What everybody in the process shares is for those who are level with the log.

use std::{collections::HashMap, sync::Arc};

use baton_log::{RecordedEvent, StreamId};

use crate::{
    fold::{FoldError, Folded},
    states::{States, Versioned},
};

/// What the states that a reading has come by may weigh together, of each kind.
const PASSED_BYTES_MAX: u64 = 8 * 1024 * 1024;

/// Streams of one kind, each as of the last of its events that was asked about.
pub(crate) struct Passed<S: Folded> {
    states: States<S>,
    passed: HashMap<StreamId, Versioned<S>>,
    weight_bytes: u64,
}

impl<S: Folded> Passed<S> {
    pub(crate) fn new(states: States<S>) -> Self {
        Self { states, passed: HashMap::new(), weight_bytes: 0 }
    }

    /// The state after `event`.
    pub(crate) async fn after(&mut self, event: &RecordedEvent) -> Result<Arc<S>, FoldError> {
        let base = self.passed.remove(&event.stream);
        self.weight_bytes -= base.as_ref().map_or(0, |base| base.state.weight_bytes());
        let folded = self.states.past(base, event).await?;
        let state = Arc::clone(&folded.state);
        self.weight_bytes += state.weight_bytes();
        if self.weight_bytes > PASSED_BYTES_MAX {
            self.passed.clear();
            self.weight_bytes = state.weight_bytes();
        }
        self.passed.insert(event.stream.clone(), folded);
        Ok(state)
    }
}
