//! What a shelf hands out, and when it must read.

use baton_domain::{TaskId, Timestamp};
use uuid::Uuid;

use super::*;

/// The n-th turn.
fn turn(n: usize) -> Turn {
    let created_at = Timestamp::from_millis(n as i64).unwrap();
    Turn { priority: 2, created_at, id: TaskId(Uuid::from_u128(n as u128)) }
}

fn turns(range: std::ops::Range<usize>) -> Vec<Turn> {
    range.map(turn).collect()
}

fn reading(position: Position, began: Instant) -> Reading {
    Reading { position, began, took: Duration::from_millis(1) }
}

fn nobody(_: &Turn) -> bool {
    false
}

/// Read up to `position`, with these.
fn shelf(position: Position, turns: &[Turn]) -> (Shelf, Instant) {
    let now = Instant::now();
    let mut shelf = Shelf::new(0, now);
    assert_eq!((shelf.first(nobody), shelf.lacking()), (First::Unknown, Part::Front));
    shelf.put(Part::Front, reading(position, now), turns, nobody);
    (shelf, now)
}

#[test]
fn the_first_that_is_not_out_is_next() {
    let (mut shelf, _) = shelf(9, &turns(1..4));
    assert_eq!(shelf.first(nobody), First::Turn(turn(1)));
    assert_eq!(shelf.first(|it| *it < turn(3)), First::Turn(turn(3)));
    assert_eq!(shelf.first(|_| true), First::None);
    shelf.remove(&turn(1));
    assert_eq!(shelf.first(nobody), First::Turn(turn(2)));
}

#[test]
fn what_was_left_open_here_is_next_before_it_is_read() {
    let (mut shelf, now) = shelf(9, &turns(5..8));
    shelf.hear(turn(1), 12);
    assert_eq!(shelf.first(nobody), First::Turn(turn(1)));
    // A read that does not show it yet.
    shelf.put(Part::Front, reading(11, now), &turns(5..8), nobody);
    assert_eq!(shelf.first(nobody), First::Turn(turn(1)));
    // One that shows it is not there any more.
    shelf.put(Part::Front, reading(12, now), &turns(5..8), nobody);
    assert_eq!(shelf.first(nobody), First::Turn(turn(5)));
}

#[test]
fn what_lies_between_is_read_before_what_comes_later_is_handed_out() {
    let (mut shelf, now) = shelf(9, &turns(0..TURNS_MAX));
    let later = turn(TURNS_MAX + 2);
    shelf.hear(later, 12);
    let is_out = |it: &Turn| *it <= turn(TURNS_MAX - 1);
    assert_eq!(shelf.first(is_out), First::Unknown);
    let after = Part::After(turn(TURNS_MAX - 1));
    assert_eq!(shelf.lacking(), after);
    shelf.put(after, reading(13, now), &[turn(TURNS_MAX), later], nobody);
    assert_eq!(shelf.first(is_out), First::Turn(turn(TURNS_MAX)));
    assert_eq!(shelf.first(|it| is_out(it) || *it == turn(TURNS_MAX)), First::Turn(later));
    assert_eq!(shelf.first(|_| true), First::None);
}

#[test]
fn what_falls_from_a_full_shelf_is_read_again() {
    let (mut shelf, now) = shelf(9, &[]);
    for n in 0..=KEPT_MAX {
        shelf.hear(turn(n), 100 + n as Position);
    }
    assert_eq!(shelf.due(), 100 + KEPT_MAX as Position);
    let is_out = |it: &Turn| *it < turn(TURNS_MAX);
    assert_eq!(shelf.first(is_out), First::Unknown);
    let after = Part::After(turn(TURNS_MAX - 1));
    assert_eq!(shelf.lacking(), after);
    // What was being read before it fell comes after it: it says nothing.
    shelf.put(Part::After(turn(KEPT_MAX)), reading(9, now), &[], nobody);
    assert_eq!(shelf.first(is_out), First::Unknown);
    shelf.put(after, reading(9_999, now), &turns(TURNS_MAX..TURNS_MAX + 1), nobody);
    assert_eq!(shelf.first(is_out), First::Turn(turn(TURNS_MAX)));
}

#[test]
fn what_is_gone_does_not_come_back_by_an_old_read() {
    let (mut shelf, now) = shelf(9, &turns(1..3));
    shelf.remove(&turn(1));
    shelf.put(Part::Front, reading(10, now), &turns(1..3), |it| *it == turn(1));
    assert_eq!(shelf.first(nobody), First::Turn(turn(2)));
}

#[test]
fn nothing_is_sure_only_when_it_was_looked_for() {
    let (mut shelf, began) = shelf(9, &[]);
    let after = |millis| began + Duration::from_millis(millis);
    assert!(shelf.is_surely_empty(9, began, after(5_000)));
    assert!(shelf.is_surely_empty(9, after(99), after(100)));
    assert!(!shelf.is_surely_empty(10, began, after(1)), "the log has gone on");
    assert!(!shelf.is_surely_empty(9, after(1), after(101)), "a lease may have ended");
    shelf.put(Part::Front, reading(9, began), &turns(0..TURNS_MAX), nobody);
    assert!(!shelf.is_surely_empty(9, began, began), "there may be more");
}

#[test]
fn it_reads_ahead_before_it_runs_out_and_looks_again_after_a_while() {
    let (mut shelf, began) = shelf(9, &turns(0..TURNS_MAX));
    let after = |millis| began + Duration::from_millis(millis);
    assert_eq!(shelf.ahead(after(250)), None);
    assert_eq!(shelf.ahead(after(251)), Some(Part::Front));
    assert!(shelf.ahead(after(30)).is_none());
    shelf.miss(&turn(0));
    assert_eq!(shelf.ahead(after(30)), Some(Part::Front), "others take from it");
    shelf.put(Part::Front, reading(9, began), &turns(0..TURNS_MAX), nobody);
    (0..=TURNS_MAX - LOW).for_each(|n| shelf.remove(&turn(n)));
    assert_eq!(shelf.ahead(after(30)), Some(Part::After(turn(TURNS_MAX - 1))));
    let slow = Reading { took: Duration::from_millis(100), ..reading(9, began) };
    shelf.put(Part::Front, slow, &turns(0..TURNS_MAX), nobody);
    assert_eq!(shelf.ahead(after(2_000)), None, "it cost too much to be done so often");
    assert_eq!(shelf.ahead(after(2_001)), Some(Part::Front));
}
