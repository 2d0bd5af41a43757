//! Models whose rows come of single events: nothing is folded into them, so nothing need be loaded.
//!
//! Nothing here knows a concrete model.

use std::future::Future;

use baton_feed::HandleError;
use baton_history::History;
use baton_log::RecordedEvent;

use crate::statement::Tables;

/// A model of such rows.
pub(crate) trait Rows {
    /// The kind of the streams that have its events.
    const KIND: &'static str;

    /// The types of the events that have an effect.
    const EVENT_TYPES: &'static [&'static str];

    /// Whether the event has an effect.
    fn has_effect(event: &RecordedEvent) -> bool {
        Self::EVENT_TYPES.contains(&event.event_type.as_str())
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
