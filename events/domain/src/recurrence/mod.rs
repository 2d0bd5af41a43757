//! A recurrence: a task that is to be created again and again, by a rule (protocol 1.9). One
//! stream per recurrence.
//!
//! When it is due next is decided together with each event and recorded in it: folding asks no
//! calendar. What it spawned are tasks like others, each with a stream of its own.

mod decide;
mod event;
mod fields;
mod state;

pub use decide::{RecurrenceCommand, RecurrenceRefusal};
pub use event::RecurrenceEvent;
pub(crate) use event::payload;
pub use fields::RecurrenceFields;
pub use state::{Recurrence, RecurrenceDocument};

use crate::{Envelope, Order};

/// The stream kind of recurrences.
pub const KIND: &str = "recurrence";

/// The aggregate: one recurrence.
pub struct Recurrences;

impl esrs::Aggregate for Recurrences {
    const NAME: &'static str = KIND;
    type State = Recurrence;
    type Command = Order<RecurrenceCommand>;
    type Event = RecurrenceEvent;
    type Error = RecurrenceRefusal;

    fn handle_command(
        recurrence: &Recurrence,
        order: Self::Command,
    ) -> Result<Vec<RecurrenceEvent>, RecurrenceRefusal> {
        decide::decide(recurrence, order)
    }

    fn apply_event(recurrence: Recurrence, event: RecurrenceEvent) -> Recurrence {
        state::evolve(recurrence, event)
    }
}

/// Folds one recorded event into the recurrence.
#[must_use]
pub fn fold(mut recurrence: Recurrence, envelope: &Envelope, event: RecurrenceEvent) -> Recurrence {
    recurrence.updated_at = envelope.at;
    recurrence.updated_by = envelope.actor.agent();
    <Recurrences as esrs::Aggregate>::apply_event(recurrence, event)
}

#[cfg(test)]
#[path = "recurrence_tests.rs"]
mod tests;
