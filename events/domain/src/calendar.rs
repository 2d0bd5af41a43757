//! When things come round again: rules of days, weeks, months and years in a time zone
//! (protocol 1.9).
//!
//! The zones' rules are those that the binary carries, so that every machine gives the same
//! answer. Pure: it must not read a clock or ask which zone the machine is in.

use jiff::{
    Span,
    civil::{Date, DateTime, Time},
    tz::{TimeZone, TimeZoneDatabase},
};
use serde::{Deserialize, Serialize};

use crate::{Timestamp, task::RecurringType};

const DAYS_A_WEEK: i64 = 7;
const MONTHS_A_YEAR: i64 = 12;
/// How many periods earlier than it should be the search for the next occurrence begins: an anchor
/// or a clock that was put forward moves one within its own period and the next.
const PERIODS_BEFORE: i64 = 2;

/// The time zone of an IANA name, in whatever case it is written; `None` for a name there is not.
#[must_use]
pub fn time_zone(name: &str) -> Option<TimeZone> {
    let zone = TimeZoneDatabase::bundled().get(name).ok()?;
    (!zone.is_unknown()).then_some(zone)
}

/// The date `interval` days, weeks, months or years after `date`; in a month that lacks the day,
/// its last one. `None` for an interval below 1, and beyond the year 9999.
#[must_use]
pub fn advance(date: Date, every: RecurringType, interval: i64) -> Option<Date> {
    (interval >= 1).then(|| shifted(date, every, interval, date.day())).flatten()
}

/// On which days of its period something recurs. What is not said comes from [`Start`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Anchors {
    /// Day of the month, 1 to 31, for monthly and yearly rules.
    pub day: Option<i8>,
    /// Month, 1 to 12, for yearly rules.
    pub month: Option<i8>,
    /// Day of the week, 0 to 6 from Sunday, for weekly rules.
    pub weekday: Option<i8>,
}

/// What a series is counted from: the first of its periods is the day, week, month or year of it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Start {
    /// A day, by the clocks of the zone, with the time of day at which the series occurs.
    pub local: DateTime,
    /// The day of the month that is meant: that of `local`, or a later one where its month is too
    /// short for that.
    pub day: i8,
}

impl Start {
    /// Counted from this very moment.
    #[must_use]
    pub fn at(local: DateTime) -> Self {
        Self { local, day: local.date().day() }
    }

    /// Counted from the beginning of that day.
    #[must_use]
    pub fn of_day(date: Date) -> Self {
        Self::at(date.to_datetime(Time::midnight()))
    }

    /// Counted from another moment of the same series.
    #[must_use]
    pub fn moved_to(self, local: DateTime) -> Self {
        Self { local, ..self }
    }
}

/// A rule: every so many days, weeks, months or years. Weeks begin on Monday.
#[derive(Debug, Clone)]
pub struct Rule {
    /// Days, weeks, months or years.
    pub every: RecurringType,
    /// Every how many of these; what is below 1 counts as 1.
    pub interval: i64,
    /// On which day of these.
    pub anchors: Anchors,
    /// By whose clocks.
    pub zone: TimeZone,
}

impl Rule {
    /// What the clocks of the zone show.
    #[must_use]
    pub fn local(&self, at: Timestamp) -> DateTime {
        self.zone.to_datetime(at.to_jiff())
    }

    /// The first occurrence after `after` of the series that is counted from `start`; `None` where
    /// there is none before the year 9999 ends.
    #[must_use]
    pub fn next(&self, start: Start, after: Timestamp) -> Option<Timestamp> {
        let (from, to) = (start.local.date(), self.local(after).date());
        let passed = match self.every {
            RecurringType::Daily => days_between(from, to),
            RecurringType::Weekly => days_between(from, to).div_euclid(DAYS_A_WEEK),
            RecurringType::Monthly => month_number(to) - month_number(from),
            RecurringType::Yearly => i64::from(to.year()) - i64::from(from.year()),
        };
        let mut number = (passed.div_euclid(self.step()) - PERIODS_BEFORE).max(0);
        loop {
            let at = self.occurrence(start, number)?;
            if at > after {
                return Some(at);
            }
            number += 1;
        }
    }

    /// The first moment after `after` that fits the rule, in whichever period it is: where a series
    /// begins that is given no beginning.
    #[must_use]
    pub fn first(&self, start: Start, after: Timestamp) -> Option<Timestamp> {
        Self { interval: 1, ..self.clone() }.next(start, after)
    }

    fn step(&self) -> i64 {
        self.interval.max(1)
    }

    /// Occurrence `number` of a series. Where clocks skip its time it is as much later as they
    /// skip; of a time that they show twice it is the first.
    fn occurrence(&self, start: Start, number: i64) -> Option<Timestamp> {
        let periods = number.checked_mul(self.step())?;
        let anchored = self.anchored(start.local.date())?;
        let day = self.anchors.day.unwrap_or(start.day);
        let date = shifted(anchored, self.every, periods, day)?;
        let at = self.zone.to_timestamp(date.to_datetime(start.local.time())).ok()?;
        Timestamp::from_millis(at.as_millisecond())
    }

    /// The date's period with the day of the week, or the month, that the rule wants.
    fn anchored(&self, date: Date) -> Option<Date> {
        match (self.every, self.anchors) {
            (RecurringType::Weekly, Anchors { weekday: Some(weekday), .. }) => {
                // From Monday, as the week begins.
                let wanted = (i64::from(weekday) - 1).rem_euclid(DAYS_A_WEEK);
                days_after(date, wanted - i64::from(date.weekday().to_monday_zero_offset()))
            }
            (RecurringType::Yearly, Anchors { month: Some(month), .. }) => {
                Date::new(date.year(), month, 1).ok()
            }
            _ => Some(date),
        }
    }
}

/// The date so many periods later; by months and years on `day`, or the last one of the month.
fn shifted(date: Date, every: RecurringType, periods: i64, day: i8) -> Option<Date> {
    match every {
        RecurringType::Daily => days_after(date, periods),
        RecurringType::Weekly => days_after(date, periods.checked_mul(DAYS_A_WEEK)?),
        RecurringType::Monthly => on_day(month_number(date).checked_add(periods)?, day),
        RecurringType::Yearly => {
            let months = periods.checked_mul(MONTHS_A_YEAR)?;
            on_day(month_number(date).checked_add(months)?, day)
        }
    }
}

fn days_after(date: Date, days: i64) -> Option<Date> {
    date.checked_add(Span::new().try_days(days).ok()?).ok()
}

fn days_between(from: Date, to: Date) -> i64 {
    const HOURS_A_DAY: i64 = 24;
    to.duration_since(from).as_hours() / HOURS_A_DAY
}

/// Months since January of the year 0.
fn month_number(date: Date) -> i64 {
    i64::from(date.year()) * MONTHS_A_YEAR + i64::from(date.month()) - 1
}

fn on_day(month_number: i64, day: i8) -> Option<Date> {
    let year = i16::try_from(month_number.div_euclid(MONTHS_A_YEAR)).ok()?;
    let month = i8::try_from(month_number.rem_euclid(MONTHS_A_YEAR) + 1).ok()?;
    let first = Date::new(year, month, 1).ok()?;
    Date::new(year, month, day.clamp(1, first.days_in_month())).ok()
}

#[cfg(test)]
#[path = "calendar_tests.rs"]
mod tests;
