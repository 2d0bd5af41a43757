//! What the log says of claims, held against what claimers were told.
//!
//! Must not: ask the product.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use tokio_postgres::{Client, Row};

use crate::{Violation, must};

const EVENTS: &str = "select stream_id, event_type, payload::text, actor, recorded_at \
     from public.events where stream_kind = 'task' order by position";

/// A task, the number of a claim on it, and the agent.
pub type Claimed = (String, i64, String);

/// What claimers were told.
#[derive(Debug, Default)]
pub struct Told {
    /// That they hold a task.
    pub claims: Vec<Claimed>,
    /// That they have completed one.
    pub accepted: Vec<Claimed>,
    /// That they have not.
    pub refused: Vec<Claimed>,
}

/// An event of a task.
#[derive(Clone, Debug)]
pub struct Event {
    /// The task.
    pub task: String,
    /// Its name.
    pub name: String,
    /// When its lease ends, where it begins or extends one.
    pub lease_end: Option<jiff::Timestamp>,
    /// Who caused it.
    pub actor: String,
    /// When it was recorded.
    pub at: jiff::Timestamp,
}

/// What was found.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// Claims.
    pub claims: usize,
    /// Of tasks whose holder had lost them.
    pub taken_over: usize,
    /// Completions of holders that had lost their task: kept, and not accepted.
    pub late: usize,
}

/// A task on its way.
#[derive(Default)]
struct Course {
    generation: i64,
    holder: Option<(String, jiff::Timestamp)>,
    /// Every claim on it.
    claims: BTreeSet<(i64, String)>,
    completed: Option<(i64, String)>,
}

/// The log's events of tasks.
///
/// # Panics
///
/// When it cannot be read.
pub async fn recorded(database: &Client) -> Vec<Event> {
    let rows = database.query(EVENTS, &[]).await.expect("the log can be read");
    let event = |row: &Row| {
        let payload: Value = serde_json::from_str(row.get(2)).expect("payloads are JSON");
        let lease_end = payload["lease_expires_at"].as_str();
        Event {
            task: row.get(0),
            name: row.get(1),
            lease_end: lease_end.map(|end| end.parse().expect("a moment")),
            actor: row.get(3),
            at: row.get(4),
        }
    };
    rows.iter().map(event).collect()
}

/// Every task was completed once, by who held it then; no two held one at a time; and nobody was
/// told otherwise.
///
/// # Errors
///
/// The first thing that was broken.
pub fn check(events: &[Event], told: &Told, tasks: usize) -> Result<Found, Violation> {
    let mut courses: BTreeMap<&str, Course> = BTreeMap::new();
    let mut found = Found::default();
    for event in events {
        let course = courses.entry(&event.task).or_default();
        course.follow(event, &mut found).map_err(|broken| format!("{broken}: {event:?}"))?;
    }
    must!(courses.len() == tasks, "{} tasks of {tasks} are in the log", courses.len());
    for (task, course) in &courses {
        must!(course.completed.is_some(), "{task} was not completed");
    }
    let course = |task: &String| courses.get(task.as_str());
    for (task, generation, by) in &told.claims {
        let is_so = course(task).is_some_and(|it| it.claims.contains(&(*generation, by.clone())));
        must!(is_so, "{by} was told of claim {generation} on {task}, which is none of its own");
    }
    let completed_by = |(task, generation, by): &Claimed| {
        course(task).is_some_and(|it| it.completed == Some((*generation, by.clone())))
    };
    for accepted in &told.accepted {
        must!(completed_by(accepted), "accepted, and not in the log: {accepted:?}");
    }
    for refused in &told.refused {
        must!(!completed_by(refused), "refused, and in the log: {refused:?}");
    }
    Ok(found)
}

impl Course {
    fn follow(&mut self, event: &Event, found: &mut Found) -> Result<(), Violation> {
        let Event { name, lease_end, actor, at, .. } = event;
        let holds = |holder: &Option<(String, jiff::Timestamp)>| {
            holder.as_ref().is_some_and(|(holder, _)| holder == actor)
        };
        match name.as_str() {
            "task.claimed" => {
                if let Some((holder, end)) = &self.holder {
                    must!(end <= at, "{holder} held it until {end}");
                    found.taken_over += 1;
                }
                let end = lease_end.ok_or("a claim without an end")?;
                self.generation += 1;
                self.claims.insert((self.generation, agent_of(actor)));
                self.holder = Some((actor.clone(), end));
                found.claims += 1;
            }
            "task.lease_extended" => {
                must!(holds(&self.holder), "extended by another than its holder");
                let end = lease_end.ok_or("an extension without an end")?;
                self.holder = Some((actor.clone(), end));
            }
            "task.released" => {
                must!(holds(&self.holder), "released by another than its holder");
                self.holder = None;
            }
            "task.completed" => {
                must!(self.completed.is_none(), "completed twice");
                must!(holds(&self.holder), "completed by another than its holder");
                self.completed = Some((self.generation, agent_of(actor)));
                self.holder = None;
            }
            "task.completion_late" => {
                let is_live =
                    holds(&self.holder) && self.holder.as_ref().is_some_and(|(_, end)| end > at);
                must!(!is_live, "late, while its claim was live");
                found.late += 1;
            }
            _ => {}
        }
        Ok(())
    }
}

/// The agent's id in the name of an actor.
fn agent_of(actor: &str) -> String {
    actor.rsplit(':').next().unwrap_or(actor).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(name: &str, actor: &str, at: i64, end: Option<i64>) -> Event {
        let moment = |second| jiff::Timestamp::from_second(second).unwrap();
        let (task, name) = ("t".to_owned(), format!("task.{name}"));
        let (lease_end, actor) = (end.map(moment), format!("agent:{actor}"));
        Event { task, name, lease_end, actor, at: moment(at) }
    }

    fn by(agent: &str, generation: i64) -> Claimed {
        ("t".to_owned(), generation, agent.to_owned())
    }

    fn good() -> Vec<Event> {
        vec![
            event("created", "x", 0, None),
            event("claimed", "a", 1, Some(31)),
            event("claimed", "b", 31, Some(61)),
            event("completion_late", "a", 32, None),
            event("completed", "b", 33, None),
        ]
    }

    #[test]
    fn what_holds_is_counted() {
        let told = Told {
            claims: vec![by("a", 1), by("b", 2)],
            accepted: vec![by("b", 2)],
            refused: vec![by("a", 1)],
        };
        let found = check(&good(), &told, 1);
        assert_eq!(found, Ok(Found { claims: 2, taken_over: 1, late: 1 }));
    }

    #[test]
    fn what_is_broken_is_found() {
        let broken = |change: fn(&mut Vec<Event>)| {
            let mut events = good();
            change(&mut events);
            check(&events, &Told::default(), 1).unwrap_err()
        };
        for (found, expected) in [
            (broken(|it| it[2].at = it[1].at), "held it until"),
            (broken(|it| it.push(event("completed", "b", 34, None))), "completed twice"),
            (broken(|it| it[4].actor = "agent:a".into()), "by another than its holder"),
            (broken(|it| it.truncate(4)), "was not completed"),
            (broken(|it| it[3].actor = "agent:b".into()), "while its claim was live"),
            (broken(|it| it.clear()), "0 tasks of 1"),
        ] {
            assert!(found.contains(expected), "{found}");
        }
        let told = Told { claims: vec![by("b", 1)], ..Told::default() };
        assert!(check(&good(), &told, 1).is_err());
        let told = Told { accepted: vec![by("a", 1)], ..Told::default() };
        assert!(check(&good(), &told, 1).is_err());
        let told = Told { refused: vec![by("b", 2)], ..Told::default() };
        assert!(check(&good(), &told, 1).is_err());
    }
}
