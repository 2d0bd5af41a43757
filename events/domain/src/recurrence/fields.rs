//! The fields of a recurrence that its creation or an update may set.

use serde::{Deserialize, Serialize};

use super::state::Recurrence;
use crate::{AgentId, ProjectId, Timestamp, calendar::Start, json::settable, task::RecurringType};

/// Declares [`RecurrenceFields`] once, with what each kind of field means.
macro_rules! fields {
    (
        plain { $($(#[$pdoc:meta])* $plain:ident: $pty:ty,)* }
        nullable { $($(#[$ndoc:meta])* $nullable:ident: $nty:ty,)* }
    ) => {
        /// Fields to set; what is `None` stays as it is. In an event: what was decided.
        #[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
        #[serde(default)]
        pub struct RecurrenceFields {
            $(
                $(#[$pdoc])*
                #[serde(skip_serializing_if = "Option::is_none")]
                pub $plain: Option<$pty>,
            )*
            $(
                $(#[$ndoc])*
                #[serde(
                    skip_serializing_if = "Option::is_none",
                    deserialize_with = "settable::deserialize"
                )]
                pub $nullable: Option<Option<$nty>>,
            )*
        }

        impl RecurrenceFields {
            /// Drops what would set a field to the value it has.
            #[must_use]
            pub(super) fn only_new(mut self, recurrence: &Recurrence) -> Self {
                $(self.$plain = self.$plain.filter(|value| *value != recurrence.$plain);)*
                $(self.$nullable = self.$nullable.filter(|value| *value != recurrence.$nullable);)*
                self
            }

            /// Sets the fields of a recurrence.
            pub(super) fn apply(self, recurrence: &mut Recurrence) {
                $(if let Some(value) = self.$plain { recurrence.$plain = value; })*
                $(if let Some(value) = self.$nullable { recurrence.$nullable = value; })*
            }
        }
    };
}

fields! {
    plain {
        /// What is to be done, 1 to 2000 characters.
        content: String,
        /// 1 to 5.
        priority: u8,
        /// All labels.
        labels: Vec<String>,
        /// Every day, week, month or year.
        rule_type: RecurringType,
        /// Every how many of these.
        interval: i64,
        /// IANA name of the time zone, as the rules of zones spell it.
        timezone: String,
        /// No task while the last one is unfinished.
        skip_if_open: bool,
        /// It is in use.
        active: bool,
        /// When it is due next.
        next_due_at: Timestamp,
        /// What its occurrences are counted from. Decided, never sent.
        start: Start,
    }
    nullable {
        /// More about it.
        description: String,
        /// The project that its tasks are put into.
        project_id: ProjectId,
        /// Whose its tasks are.
        assigned_to: AgentId,
        /// Day of the month, 1 to 31.
        anchor_day: i8,
        /// Month, 1 to 12.
        anchor_month: i8,
        /// Day of the week, 0 to 6 from Sunday.
        anchor_weekday: i8,
    }
}

impl RecurrenceFields {
    /// By other days than before, or by other clocks.
    pub(super) fn change_the_rule(&self) -> bool {
        self.rule_type.is_some()
            || self.interval.is_some()
            || self.timezone.is_some()
            || self.anchor_day.is_some()
            || self.anchor_month.is_some()
            || self.anchor_weekday.is_some()
    }
}
