//! Models whose rows come of single events: nothing is folded into them, so nothing need be loaded.
//!
//! Nothing here knows a concrete model.

use std::future::Future;

use baton_feed::HandleError;
use baton_history::History;
use baton_log::{RecordedEvent, Wanted};

use crate::statement::Tables;

/// A model of such rows.
pub(crate) trait Rows {
    /// The kind of the streams that have its events.
    const KIND: &'static str;

    /// The events that have an effect. By the text alone: most events have none, and cost as little
    /// as a look at it.
    const EFFECTIVE: &'static [Wanted];

    /// Whether the event has an effect.
    fn has_effect(event: &RecordedEvent) -> bool {
        Self::EFFECTIVE.iter().any(|wanted| wanted.is(event))
    }

    /// Writes what these events lead to. They are in order, and all of them have an effect. What
    /// they are about is in the history.
    fn write(
        tables: Tables<'_>,
        history: &History,
        events: &[&RecordedEvent],
    ) -> impl Future<Output = Result<(), HandleError>> + Send;
}

/// Those that have an effect.
pub(crate) fn effective<R: Rows>(events: &[RecordedEvent]) -> Vec<&RecordedEvent> {
    events.iter().filter(|event| R::has_effect(event)).collect()
}
