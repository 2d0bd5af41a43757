//! Bodies about recurrences (protocol 1.9).

use std::ops::RangeInclusive;

use baton_commands::CreateRecurrence;
use baton_domain::{Timestamp, calendar, recurrence::RecurrenceFields, task::RecurringType};
use poem_openapi::Object;

use super::task_bodies::{CONTENT_CHARS_MAX, DESCRIPTION, INTERVAL_MAX, LABELS};
use crate::{
    body::FromFields,
    field::{Field, Patch, Text},
    fields::Fields,
    schema::{Moment, Nullable, RuleType},
};

const CONTENT: Text = Text::filled(CONTENT_CHARS_MAX);
const TIMEZONE: Text = Text::filled(100);
const RULES: [(&str, RecurringType); 4] = [
    ("daily", RecurringType::Daily),
    ("weekly", RecurringType::Weekly),
    ("monthly", RecurringType::Monthly),
    ("yearly", RecurringType::Yearly),
];

/// A recurrence to be created.
#[derive(Debug)]
pub(super) struct NewRecurrence(pub(super) CreateRecurrence);

/// A recurrence to be created.
#[derive(Object)]
#[oai(rename = "NewRecurrence")]
pub(super) struct NewRecurrenceDocument {
    /// What is to be done.
    #[oai(validator(min_length = 1, max_length = 2000))]
    content: String,
    /// By which periods it recurs.
    rule_type: RuleType,
    /// Every how many of these; 1 when left out.
    #[oai(validator(minimum(value = "1"), maximum(value = "10000")))]
    interval: Option<i64>,
    /// IANA name of the time zone by whose clocks it recurs, such as Europe/Berlin; UTC when left
    /// out.
    #[oai(validator(min_length = 1, max_length = 100))]
    timezone: Option<String>,
    /// Day of the month, for monthly and yearly; in a month that lacks it, its last day.
    #[oai(validator(minimum(value = "1"), maximum(value = "31")))]
    anchor_day: Option<Nullable<i64>>,
    /// Month, for yearly.
    #[oai(validator(minimum(value = "1"), maximum(value = "12")))]
    anchor_month: Option<Nullable<i64>>,
    /// Day of the week from Sunday, for weekly.
    #[oai(validator(minimum(value = "0"), maximum(value = "6")))]
    anchor_weekday: Option<Nullable<i64>>,
    /// When the first task is created, from 1970 on; its time of day is kept. When left out, at the
    /// next midnight that fits.
    next_due_at: Option<Moment>,
    /// More about it.
    #[oai(validator(max_length = 10000))]
    description: Option<Nullable<String>>,
    /// 1 (most urgent) to 5; 2 when left out.
    #[oai(validator(minimum(value = "1"), maximum(value = "5")))]
    priority: Option<i64>,
    /// Labels of its tasks.
    #[oai(validator(max_items = 50))]
    labels: Option<Vec<String>>,
    /// Id of the project that its tasks are put into; admins only.
    project_id: Option<Nullable<String>>,
    /// Id or name of the agent whose its tasks are.
    assigned_to_agent_id: Option<Nullable<String>>,
    /// No task while the last one is unfinished; true when left out.
    skip_if_open: Option<bool>,
    /// False for one that is not to be in use yet; true when left out.
    active: Option<bool>,
}

impl FromFields for NewRecurrence {
    type Document = NewRecurrenceDocument;

    fn from_fields(fields: &mut Fields<'_>) -> Self {
        let content = Some(fields.text("content", CONTENT).required());
        let rule_type = fields.choice("rule_type", &RULES);
        let rule_type = Some(rule_type.required_or(RecurringType::Daily));
        let new = RecurrenceFields {
            content,
            rule_type,
            priority: read_priority(fields).optional(),
            labels: fields.texts("labels", LABELS).optional(),
            interval: fields.integer("interval", 1..=INTERVAL_MAX).optional(),
            timezone: read_timezone(fields).optional(),
            skip_if_open: fields.boolean("skip_if_open").optional(),
            active: fields.boolean("active").optional(),
            next_due_at: read_due(fields).optional(),
            description: fields.text("description", DESCRIPTION).optional().map(Some),
            anchor_day: read_small(fields, "anchor_day", 1..=31).optional().map(Some),
            anchor_month: read_small(fields, "anchor_month", 1..=12).optional().map(Some),
            anchor_weekday: read_small(fields, "anchor_weekday", 0..=6).optional().map(Some),
            ..RecurrenceFields::default()
        };
        let mut recurrence = CreateRecurrence::new(new);
        recurrence.assigned_to = fields.agent("assigned_to_agent_id").optional();
        recurrence.project_id = fields.id("project_id").optional();
        Self(recurrence)
    }
}

/// An update of a recurrence.
#[derive(Debug)]
pub(super) struct RecurrenceUpdate {
    pub(super) fields: RecurrenceFields,
    pub(super) assigned_to: Option<Option<String>>,
    pub(super) project_id: Option<Option<String>>,
}

/// Fields to set; what is left out stays.
#[derive(Object)]
#[oai(rename = "RecurrenceUpdate")]
pub(super) struct RecurrenceUpdateDocument {
    /// What is to be done.
    #[oai(validator(min_length = 1, max_length = 2000))]
    content: Option<String>,
    /// By which periods it recurs.
    rule_type: Option<RuleType>,
    /// Every how many of these.
    #[oai(validator(minimum(value = "1"), maximum(value = "10000")))]
    interval: Option<i64>,
    /// IANA name of the time zone by whose clocks it recurs.
    #[oai(validator(min_length = 1, max_length = 100))]
    timezone: Option<String>,
    /// Day of the month, for monthly and yearly.
    #[oai(validator(minimum(value = "1"), maximum(value = "31")))]
    anchor_day: Option<Nullable<i64>>,
    /// Month, for yearly.
    #[oai(validator(minimum(value = "1"), maximum(value = "12")))]
    anchor_month: Option<Nullable<i64>>,
    /// Day of the week from Sunday, for weekly.
    #[oai(validator(minimum(value = "0"), maximum(value = "6")))]
    anchor_weekday: Option<Nullable<i64>>,
    /// When the next task is created, from 1970 on. When left out with another rule or time zone,
    /// at the next moment that fits these.
    next_due_at: Option<Moment>,
    /// More about it.
    #[oai(validator(max_length = 10000))]
    description: Option<Nullable<String>>,
    /// 1 (most urgent) to 5.
    #[oai(validator(minimum(value = "1"), maximum(value = "5")))]
    priority: Option<i64>,
    /// All labels of its tasks.
    #[oai(validator(max_items = 50))]
    labels: Option<Vec<String>>,
    /// Id of the project that its tasks are put into, or null for none; admins only.
    project_id: Option<Nullable<String>>,
    /// Id or name of the agent whose its tasks are; null for none.
    assigned_to_agent_id: Option<Nullable<String>>,
    /// No task while the last one is unfinished.
    skip_if_open: Option<bool>,
    /// Whether it is in use.
    active: Option<bool>,
}

impl FromFields for RecurrenceUpdate {
    type Document = RecurrenceUpdateDocument;

    fn from_fields(fields: &mut Fields<'_>) -> Self {
        let changed = RecurrenceFields {
            content: fields.text("content", CONTENT).change(),
            rule_type: fields.choice("rule_type", &RULES).change(),
            priority: read_priority(fields).change(),
            labels: match fields.texts("labels", LABELS).patch() {
                Patch::Keep => None,
                Patch::Clear => Some(Vec::new()),
                Patch::Set(labels) => Some(labels),
            },
            interval: fields.integer("interval", 1..=INTERVAL_MAX).change(),
            timezone: read_timezone(fields).change(),
            skip_if_open: fields.boolean("skip_if_open").change(),
            active: fields.boolean("active").change(),
            next_due_at: read_due(fields).change(),
            description: fields.text("description", DESCRIPTION).patch().into_option(),
            anchor_day: read_small(fields, "anchor_day", 1..=31).patch().into_option(),
            anchor_month: read_small(fields, "anchor_month", 1..=12).patch().into_option(),
            anchor_weekday: read_small(fields, "anchor_weekday", 0..=6).patch().into_option(),
            ..RecurrenceFields::default()
        };
        let assigned_to = fields.agent("assigned_to_agent_id").patch().into_option();
        let project_id = fields.id("project_id").patch().into_option();
        Self { fields: changed, assigned_to, project_id }
    }
}

fn read_priority<'r>(fields: &'r mut Fields<'_>) -> Field<'r, u8> {
    let priority = fields.integer("priority", 1..=5);
    priority.parse(|priority| u8::try_from(priority).map_err(|error| error.to_string()))
}

fn read_small<'r>(
    fields: &'r mut Fields<'_>,
    name: &'static str,
    range: RangeInclusive<i64>,
) -> Field<'r, i8> {
    let number = fields.integer(name, range);
    number.parse(|number| i8::try_from(number).map_err(|error| error.to_string()))
}

/// The name as the rules of zones spell it.
fn read_timezone<'r>(fields: &'r mut Fields<'_>) -> Field<'r, String> {
    fields.text("timezone", TIMEZONE).parse(|name| {
        let zone = calendar::time_zone(&name);
        let spelled = zone.as_ref().and_then(jiff::tz::TimeZone::iana_name).map(str::to_owned);
        spelled.ok_or_else(|| "must be the IANA name of a time zone, such as Europe/Berlin".into())
    })
}

/// A moment whose date every zone can print in four digits.
fn read_due<'r>(fields: &'r mut Fields<'_>) -> Field<'r, Timestamp> {
    fields.timestamp("next_due_at").parse(|time| {
        let due = Timestamp::from_millis(time.as_millisecond());
        let in_range = due.filter(|due| due.as_millis() >= 0);
        in_range.ok_or_else(|| "must be in the years 1970 to 9999".to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{body, drift};

    #[test]
    fn what_is_read_is_what_is_shown() {
        assert_eq!(drift::of_body::<NewRecurrence>(), [""; 0]);
        assert_eq!(drift::of_body::<RecurrenceUpdate>(), [""; 0]);
    }

    #[test]
    fn zones_have_one_spelling_and_moments_a_range() {
        let read = |member: &str| {
            body::parse::<RecurrenceUpdate>(format!("{{{member}}}").as_bytes())
                .map(|body| body.value.fields)
        };
        for (sent, spelled) in [
            ("Europe/Berlin", Some("Europe/Berlin")),
            ("america/new_york", Some("America/New_York")),
            ("utc", Some("UTC")),
            ("Mars/Olympus", None),
            ("Etc/Unknown", None),
            ("+01:00", None),
            ("", None),
        ] {
            let read = read(&format!(r#""timezone": "{sent}""#)).ok();
            assert_eq!(read.and_then(|fields| fields.timezone).as_deref(), spelled, "{sent}");
        }
        for (sent, is_taken) in [
            ("1970-01-01T00:00:00Z", true),
            ("1969-12-31T23:59:59.999Z", false),
            ("9999-12-30T21:59:59Z", true),
        ] {
            assert_eq!(read(&format!(r#""next_due_at": "{sent}""#)).is_ok(), is_taken, "{sent}");
        }
    }
}
