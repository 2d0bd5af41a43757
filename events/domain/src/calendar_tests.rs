//! Ends of months, leap years, and the days on which clocks change.

use jiff::civil::{date, datetime};

use super::*;

const DAILY: RecurringType = RecurringType::Daily;
const WEEKLY: RecurringType = RecurringType::Weekly;
const MONTHLY: RecurringType = RecurringType::Monthly;
const YEARLY: RecurringType = RecurringType::Yearly;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn rule(every: RecurringType, interval: i64, zone: &str) -> Rule {
    Rule { every, interval, anchors: Anchors::default(), zone: time_zone(zone).unwrap() }
}

fn on(rule: Rule, day: Option<i8>, month: Option<i8>, weekday: Option<i8>) -> Rule {
    Rule { anchors: Anchors { day, month, weekday }, ..rule }
}

/// The next occurrences after one moment, as the zone's clocks show them.
fn clocks(rule: &Rule, start: Start, after: &str, count: usize) -> Vec<String> {
    let mut after = at(after);
    (0..count)
        .map(|_| {
            after = rule.next(start, after).unwrap();
            rule.local(after).to_string()
        })
        .collect()
}

#[test]
fn zones_are_found_by_name_and_nothing_else_is_one() {
    for (name, spelled) in [
        ("Europe/Berlin", Some("Europe/Berlin")),
        ("EUROPE/berlin", Some("Europe/Berlin")),
        ("utc", Some("UTC")),
        ("Asia/Kolkata", Some("Asia/Kolkata")),
        ("Etc/Unknown", None),
        ("Europe/Atlantis", None),
        ("+02:00", None),
        ("", None),
    ] {
        let zone = time_zone(name);
        assert_eq!(zone.as_ref().and_then(TimeZone::iana_name), spelled, "{name}");
    }
}

#[test]
fn a_date_advances_and_stays_within_its_month() {
    for (from, every, interval, to) in [
        (date(2026, 2, 27), DAILY, 2, Some(date(2026, 3, 1))),
        (date(2024, 2, 27), DAILY, 2, Some(date(2024, 2, 29))),
        (date(2025, 12, 31), DAILY, 1, Some(date(2026, 1, 1))),
        (date(2026, 12, 28), WEEKLY, 1, Some(date(2027, 1, 4))),
        (date(2026, 1, 31), MONTHLY, 1, Some(date(2026, 2, 28))),
        (date(2024, 1, 31), MONTHLY, 1, Some(date(2024, 2, 29))),
        (date(2026, 3, 31), MONTHLY, 1, Some(date(2026, 4, 30))),
        (date(2025, 11, 15), MONTHLY, 14, Some(date(2027, 1, 15))),
        (date(2024, 2, 29), YEARLY, 1, Some(date(2025, 2, 28))),
        (date(2024, 2, 29), YEARLY, 4, Some(date(2028, 2, 29))),
        (date(9999, 12, 31), DAILY, 1, None),
        (date(9990, 1, 1), YEARLY, 10, None),
        (date(2026, 1, 1), DAILY, i64::MAX, None),
        (date(2026, 1, 1), WEEKLY, i64::MAX, None),
        (date(2026, 1, 1), MONTHLY, i64::MAX, None),
        (date(2026, 1, 1), YEARLY, i64::MAX, None),
        (date(2026, 1, 1), DAILY, 0, None),
        (date(2026, 1, 1), DAILY, -1, None),
    ] {
        assert_eq!(advance(from, every, interval), to, "{from} {every:?} {interval}");
    }
}

/// In 2026 the clocks of Berlin skip 02:00 to 03:00 on 29 March and show it twice on 25 October.
#[test]
fn a_time_of_day_is_kept_when_the_clocks_change() {
    let daily = rule(DAILY, 1, "Europe/Berlin");
    let start = Start::at(datetime(2026, 3, 27, 9, 0, 0, 0));
    let next = |after: &str| daily.next(start, at(after)).unwrap().to_string();
    assert_eq!(next("2026-03-27T08:00:00Z"), "2026-03-28T08:00:00.000Z");
    assert_eq!(next("2026-03-28T08:00:00Z"), "2026-03-29T07:00:00.000Z");
    assert_eq!(next("2026-10-24T07:00:00Z"), "2026-10-25T08:00:00.000Z");
}

#[test]
fn a_time_that_the_clocks_skip_is_later_that_day_and_not_from_then_on() {
    let daily = rule(DAILY, 1, "Europe/Berlin");
    let start = Start::at(datetime(2026, 3, 27, 2, 30, 0, 0));
    let seen = clocks(&daily, start, "2026-03-27T12:00:00Z", 3);
    assert_eq!(seen, ["2026-03-28T02:30:00", "2026-03-29T03:30:00", "2026-03-30T02:30:00"]);
    // Midnight itself is skipped in Beirut on that day: the day begins at one.
    let daily = rule(DAILY, 1, "Asia/Beirut");
    let start = Start::of_day(date(2026, 3, 1));
    let seen = clocks(&daily, start, "2026-03-27T23:00:00Z", 2);
    assert_eq!(seen, ["2026-03-29T01:00:00", "2026-03-30T00:00:00"]);
}

#[test]
fn a_time_that_the_clocks_show_twice_occurs_once() {
    let daily = rule(DAILY, 1, "Europe/Berlin");
    let start = Start::at(datetime(2026, 10, 1, 2, 30, 0, 0));
    let first = daily.next(start, at("2026-10-24T12:00:00Z")).unwrap();
    assert_eq!(first.to_string(), "2026-10-25T00:30:00.000Z");
    let then = daily.next(start, first).unwrap();
    assert_eq!(then.to_string(), "2026-10-26T01:30:00.000Z");
}

/// Samoa went without 30 December 2011.
#[test]
fn a_day_that_never_was_is_no_second_occurrence() {
    let daily = rule(DAILY, 1, "Pacific/Apia");
    let start = Start::of_day(date(2011, 12, 1));
    let seen = clocks(&daily, start, "2011-12-28T12:00:00Z", 3);
    assert_eq!(seen, ["2011-12-29T00:00:00", "2011-12-31T00:00:00", "2012-01-01T00:00:00"]);
}

#[test]
fn the_end_of_a_month_is_meant_as_such() {
    let start = Start::of_day(date(2026, 1, 31));
    let monthly = rule(MONTHLY, 1, "UTC");
    let expected = [
        "2026-02-28T00:00:00",
        "2026-03-31T00:00:00",
        "2026-04-30T00:00:00",
        "2026-05-31T00:00:00",
    ];
    assert_eq!(clocks(&monthly, start, "2026-01-31T00:00:00Z", 4), expected);
    // Also where the first one fell on a shorter month.
    let moved = start.moved_to(datetime(2026, 2, 28, 0, 0, 0, 0));
    assert_eq!(clocks(&monthly, moved, "2026-01-31T00:00:00Z", 4), expected);
    for (day, february, leap) in [(29, 28, 29), (30, 28, 29), (31, 28, 29), (28, 28, 28)] {
        let anchored = on(monthly.clone(), Some(day), None, None);
        let next = |after: &str| anchored.local(anchored.next(start, at(after)).unwrap()).date();
        assert_eq!(next("2027-02-01T00:00:00Z"), date(2027, 2, february), "{day}");
        assert_eq!(next("2028-02-01T00:00:00Z"), date(2028, 2, leap), "{day}");
        assert_eq!(next("2028-04-01T00:00:00Z"), date(2028, 4, day.min(30)), "{day}");
    }
}

#[test]
fn years_have_their_month_and_leap_days_their_stand_in() {
    let start = Start::of_day(date(2026, 3, 17));
    let yearly = on(rule(YEARLY, 1, "UTC"), Some(29), Some(2), None);
    assert_eq!(
        clocks(&yearly, start, "2026-03-17T00:00:00Z", 3),
        ["2027-02-28T00:00:00", "2028-02-29T00:00:00", "2029-02-28T00:00:00"]
    );
    let of_month = on(rule(YEARLY, 2, "UTC"), None, Some(12), None);
    assert_eq!(
        clocks(&of_month, start, "2026-03-17T00:00:00Z", 2),
        ["2026-12-17T00:00:00", "2028-12-17T00:00:00"]
    );
}

/// 16 March 2026 is a Monday.
#[test]
fn weeks_begin_on_monday_and_have_their_day() {
    let thursday = Start::of_day(date(2026, 3, 19));
    let weekly = rule(WEEKLY, 1, "UTC");
    assert_eq!(
        clocks(&weekly, thursday, "2026-03-19T00:00:00Z", 2),
        ["2026-03-26T00:00:00", "2026-04-02T00:00:00"]
    );
    for (weekday, expected) in [
        (1, ["2026-03-30T00:00:00", "2026-04-13T00:00:00"]),
        (4, ["2026-04-02T00:00:00", "2026-04-16T00:00:00"]),
        (5, ["2026-03-20T00:00:00", "2026-04-03T00:00:00"]),
        (0, ["2026-03-22T00:00:00", "2026-04-05T00:00:00"]),
    ] {
        let anchored = on(rule(WEEKLY, 2, "UTC"), None, None, Some(weekday));
        let seen = clocks(&anchored, thursday, "2026-03-19T00:00:00Z", 2);
        assert_eq!(seen, expected, "{weekday}");
    }
    // Where a series begins that is given no beginning is in whichever week comes first.
    let monday = on(rule(WEEKLY, 2, "UTC"), None, None, Some(1));
    let first = monday.first(thursday, at("2026-03-19T00:00:00Z")).unwrap();
    assert_eq!(first.to_string(), "2026-03-23T00:00:00.000Z");
}

#[test]
fn intervals_are_counted_from_the_start_however_much_was_missed() {
    let third = rule(DAILY, 3, "UTC");
    let start = Start::at(datetime(2026, 3, 1, 6, 0, 0, 0));
    assert_eq!(
        clocks(&third, start, "2026-03-17T12:00:00Z", 2),
        ["2026-03-19T06:00:00", "2026-03-22T06:00:00"]
    );
    let fifth = rule(MONTHLY, 5, "UTC");
    assert_eq!(
        clocks(&fifth, start, "2031-01-01T00:00:00Z", 2),
        ["2031-03-01T06:00:00", "2031-08-01T06:00:00"]
    );
}

#[test]
fn the_date_is_that_of_the_zone() {
    let daily = rule(DAILY, 1, "Pacific/Auckland");
    assert_eq!(daily.local(at("2026-03-16T11:30:00Z")).date(), date(2026, 3, 17));
    let first = daily.first(Start::of_day(date(2026, 3, 17)), at("2026-03-16T11:30:00Z"));
    assert_eq!(first.unwrap().to_string(), "2026-03-17T11:00:00.000Z");
}

#[test]
fn there_is_an_end_and_it_is_found() {
    let start = Start::of_day(date(2026, 3, 17));
    for every in [DAILY, WEEKLY, MONTHLY, YEARLY] {
        assert_eq!(rule(every, 1, "UTC").next(start, Timestamp::LAST), None, "{every:?}");
        assert_eq!(rule(every, i64::MAX, "UTC").next(start, at("2026-03-18T00:00:00Z")), None);
        // What no edge lets in is no reason to fail.
        assert!(rule(every, 0, "UTC").next(start, at("2026-03-18T00:00:00Z")).is_some());
        assert!(rule(every, -7, "UTC").next(start, at("2026-03-18T00:00:00Z")).is_some());
    }
    let nowhere = on(rule(YEARLY, 1, "UTC"), None, Some(13), None);
    assert_eq!(nowhere.next(start, at("2026-03-18T00:00:00Z")), None);
}

proptest::proptest! {
    /// Whatever the rule: what comes next is later, and nothing of the series lies between.
    #[test]
    fn nothing_is_left_out_and_nothing_comes_twice(
        every in proptest::sample::select(vec![DAILY, WEEKLY, MONTHLY, YEARLY]),
        zone in proptest::sample::select(vec![
            "UTC", "Europe/Berlin", "America/New_York", "Asia/Beirut", "Pacific/Apia",
            "Australia/Lord_Howe", "America/Havana",
        ]),
        (interval, days, hour) in (1..40_i64, 0..20_000_i64, 0..24_i8),
        (day, month, weekday) in (
            proptest::option::of(1..=31_i8),
            proptest::option::of(1..=12_i8),
            proptest::option::of(0..=6_i8),
        ),
        later_minutes in 0..2_000_000_i64,
    ) {
        let rule = on(rule(every, interval, zone), day, month, weekday);
        let local = days_after(date(1995, 1, 1), days).unwrap().at(hour, 30, 0, 0);
        let start = Start::at(local);
        let begun = rule.zone.to_timestamp(local).unwrap().as_millisecond();
        let after = Timestamp::from_millis(begun + 60_000 * later_minutes).unwrap();
        let next = rule.next(start, after).unwrap();
        proptest::prop_assert!(next > after);
        // Counted one by one from the first.
        let mut number = 0;
        let counted = loop {
            let at = rule.occurrence(start, number).unwrap();
            if at > after {
                break at;
            }
            number += 1;
        };
        proptest::prop_assert_eq!(next, counted);
    }
}
