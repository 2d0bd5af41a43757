//! The fields of a recurrence that its creation or an update may set.

use super::state::Recurrence;
use crate::{
    AgentId, ProjectId, Timestamp, calendar::Start, fields::fields_of, task::RecurringType,
};

fields_of! {
    Recurrence as RecurrenceFields
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
    own {}
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
