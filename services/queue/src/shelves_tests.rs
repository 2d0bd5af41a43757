//! Who gets which task.

use baton_domain::{
    AgentId, Timestamp,
    task::{Line, Wish},
};
use uuid::Uuid;

use super::*;

fn turn(n: u128) -> Turn {
    let created_at = Timestamp::from_millis(i64::try_from(n).unwrap()).unwrap();
    Turn { priority: 2, created_at, id: TaskId(Uuid::from_u128(n)) }
}

fn lane(line: Line, label: Option<&str>) -> Lane {
    let labels = label.map(str::to_owned).into_iter().collect();
    Lane { line, wish: Wish { labels, project_id: None } }
}

fn own() -> Line {
    Line::Agent(AgentId(Uuid::from_u128(1)))
}

/// The lanes of an agent that wishes for nothing in particular.
fn lanes() -> Vec<Lane> {
    vec![lane(Line::Anybody, None), lane(own(), None)]
}

fn opening(turn: Turn, line: Line, position: Position) -> Opening {
    let (labels, lines) = (vec!["a".to_owned()], [line].into());
    Opening { account: "a".to_owned(), position, turn, lines, labels, project_id: None }
}

struct Account {
    shelves: Shelves,
    now: Instant,
}

impl Account {
    /// Everything is read up to 10: nothing is there.
    fn new(lanes: &[Lane]) -> Self {
        let mut account = Self { shelves: Shelves::new(10), now: Instant::now() };
        assert_eq!(account.next(lanes), Next::Read);
        account.read(lanes, Need::Lacking, 10, &[]);
        account
    }

    fn next(&mut self, lanes: &[Lane]) -> Next {
        self.shelves.next(lanes, self.now)
    }

    /// Answers what is asked with these turns, in every lane; up to where it had to show.
    fn read(
        &mut self,
        lanes: &[Lane],
        need: Need,
        position: Position,
        turns: &[Turn],
    ) -> (usize, Position) {
        let (asks, due) = self.shelves.asks(lanes, need, self.now);
        let asked = asks.len();
        let read = asks.into_iter().map(|ask| (ask, turns.to_vec())).collect();
        let reading = Reading { position, began: self.now, took: Duration::from_millis(1) };
        self.shelves.put(&reading, read);
        (asked, due)
    }

    fn certainty(&self, head: Position) -> Need {
        Need::Certainty { head, arrived: self.now }
    }
}

#[test]
fn no_two_claimers_have_the_same_task_in_hand() {
    let mut account = Account::new(&lanes());
    for n in 1..=2 {
        account.shelves.hear(&opening(turn(n), Line::Anybody, 11));
    }
    let labelled = [lane(Line::Anybody, Some("a"))];
    assert_eq!(account.next(&labelled), Next::Read);
    account.read(&labelled, Need::Lacking, 11, &[turn(1), turn(2)]);
    assert_eq!(account.next(&lanes()), Next::Take(turn(1)));
    assert_eq!(account.next(&labelled), Next::Take(turn(2)));
    assert_eq!(account.next(&lanes()), Next::Leave);
    account.shelves.let_go(&turn(1));
    assert_eq!(account.next(&labelled), Next::Take(turn(1)));
}

#[test]
fn the_first_of_all_lanes_is_next() {
    let mut account = Account::new(&lanes());
    account.shelves.hear(&opening(turn(2), Line::Anybody, 11));
    account.shelves.hear(&opening(turn(1), own(), 12));
    account.shelves.hear(&opening(turn(0), Line::Route("x".to_owned()), 13));
    assert_eq!(account.next(&lanes()), Next::Take(turn(1)));
    assert_eq!(account.next(&lanes()), Next::Take(turn(2)));
    assert_eq!(account.next(&lanes()), Next::Leave);
}

#[test]
fn what_is_taken_stays_out_until_the_model_shows_it() {
    let lanes = [lane(Line::Anybody, None)];
    let mut account = Account::new(&lanes);
    account.shelves.hear(&opening(turn(1), Line::Anybody, 11));
    assert_eq!(account.next(&lanes), Next::Take(turn(1)));
    account.shelves.claimed(&turn(1), 12);
    // The model shows it open still.
    let need = account.certainty(12);
    assert_eq!(account.read(&lanes, need, 11, &[turn(1)]), (1, 12));
    assert_eq!(account.next(&lanes), Next::Leave);
    // It shows 12, and that its lease has ended, or that it was given back.
    let need = account.certainty(13);
    account.read(&lanes, need, 12, &[turn(1)]);
    assert_eq!(account.next(&lanes), Next::Take(turn(1)));
}

#[test]
fn what_is_given_back_here_is_next_at_once() {
    let lanes = [lane(Line::Anybody, None)];
    let mut account = Account::new(&lanes);
    account.shelves.hear(&opening(turn(1), Line::Anybody, 11));
    account.next(&lanes);
    account.shelves.claimed(&turn(1), 12);
    // What was told late is older than the claim.
    account.shelves.hear(&opening(turn(1), Line::Anybody, 11));
    assert_eq!(account.next(&lanes), Next::Leave);
    account.shelves.hear(&opening(turn(1), Line::Anybody, 13));
    assert_eq!(account.next(&lanes), Next::Take(turn(1)));
}

#[test]
fn a_task_that_others_took_is_not_offered_again() {
    let lanes = [lane(Line::Anybody, None)];
    let mut account = Account::new(&lanes);
    account.shelves.hear(&opening(turn(1), Line::Anybody, 11));
    account.next(&lanes);
    account.shelves.gone(&turn(1), 20);
    let need = account.certainty(20);
    account.read(&lanes, need, 19, &[turn(1)]);
    assert_eq!(account.next(&lanes), Next::Leave);
}

#[test]
fn after_some_openings_were_lost_everything_is_read_again() {
    let lanes = [lane(Line::Anybody, None)];
    let mut account = Account::new(&lanes);
    account.shelves.lost(30);
    assert_eq!(account.next(&lanes), Next::Read);
    assert_eq!(account.read(&lanes, Need::Lacking, 30, &[turn(1)]), (1, 30));
    assert_eq!(account.next(&lanes), Next::Take(turn(1)));
}

#[test]
fn who_leaves_has_seen_what_the_log_had_when_it_came() {
    let lanes = [lane(Line::Anybody, None)];
    let mut account = Account::new(&lanes);
    assert_eq!(account.next(&lanes), Next::Leave);
    let need = account.certainty(11);
    assert_eq!(account.read(&lanes, need, 11, &[]), (1, 11));
    assert_eq!(account.read(&lanes, need, 11, &[]).0, 0, "that was seen");
}

#[test]
fn lanes_that_nobody_uses_are_forgotten() {
    let mut account = Account::new(&lanes());
    for n in 0..LANES_MAX {
        let lanes = [lane(Line::Anybody, Some(&n.to_string()))];
        account.now += Duration::from_millis(1);
        account.next(&lanes);
        assert!(account.shelves.shelves.len() <= LANES_MAX);
    }
    assert_eq!(account.next(&lanes()), Next::Read, "the longest unused went first");
    account.now += UNUSED_MAX;
    account.next(&[lane(own(), Some("z"))]);
    assert_eq!(account.shelves.shelves.len(), 1);
}
