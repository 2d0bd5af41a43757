//! Who a task waits for in the queue, and when its turn is (protocol 0.6, 0.12, 1.4).
//!
//! [`lines_of`] with [`Standing::lines`] and [`Task::is_queued_for`] are one rule said twice: as
//! rows for an index, and as a question about one task. A test holds them together.

use std::{collections::BTreeSet, fmt};

use super::state::Task;
use crate::{AgentId, ProjectId, Right, Standing, TaskId, Timestamp, names::route_of};

/// Tasks that wait for the same agents.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Line {
    /// Nobody's, and routed nowhere: whoever comes takes them.
    Anybody,
    /// This agent's.
    Agent(AgentId),
    /// Nobody's, and routed to those with this name or label, in its normal form.
    Route(String),
}

impl fmt::Display for Line {
    /// The form in which the index keeps it: nothing, `=` and the agent's id, `@` and the route.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Anybody => Ok(()),
            Self::Agent(agent) => write!(f, "={agent}"),
            Self::Route(route) => write!(f, "@{route}"),
        }
    }
}

/// The lines in which a task stands when it waits.
#[must_use]
pub fn lines_of(task: &Task) -> BTreeSet<Line> {
    if let Some(agent) = task.assigned_to {
        return BTreeSet::from([Line::Agent(agent)]);
    }
    let routes = task.labels.iter().filter_map(|label| route_of(label));
    let routes: BTreeSet<Line> = routes.map(Line::Route).collect();
    if routes.is_empty() { BTreeSet::from([Line::Anybody]) } else { routes }
}

impl Standing {
    /// The lines from which the caller may take tasks.
    #[must_use]
    pub fn lines(&self) -> Vec<Line> {
        let Some(agent) = self.agent().filter(|_| self.may(Right::Write)) else {
            return Vec::new();
        };
        let routes = self.routes.iter().cloned().map(Line::Route);
        [Line::Anybody, Line::Agent(agent)].into_iter().chain(routes).collect()
    }
}

/// When a task's turn is: the most urgent first, then the oldest, then by id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Turn {
    /// 1 (most urgent) to 5.
    pub priority: u8,
    /// When it was created.
    pub created_at: Timestamp,
    /// Its id.
    pub id: TaskId,
}

impl Turn {
    /// When the task's turn is.
    #[must_use]
    pub fn of(task: &Task) -> Self {
        Self { priority: task.priority, created_at: task.created_at, id: task.id }
    }
}

/// Which of the tasks that wait for a claimer it asks for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Wish {
    /// With all of these.
    pub labels: BTreeSet<String>,
    /// Of this project.
    pub project_id: Option<ProjectId>,
}

impl Wish {
    /// A task with these labels, in this project, is asked for.
    #[must_use]
    pub fn is_for(&self, labels: &[String], project_id: Option<ProjectId>) -> bool {
        self.labels.iter().all(|label| labels.contains(label))
            && (self.project_id.is_none() || self.project_id == project_id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Actor,
        account::Role,
        task::{Claim, Status},
    };

    fn agent(n: u128) -> AgentId {
        AgentId(uuid::Uuid::from_u128(n))
    }

    fn worker(n: u128, routes: &[&str]) -> Standing {
        Standing {
            actor: Actor::Agent(agent(n)),
            role: Some(Role::Worker),
            permissions: vec![],
            routes: routes.iter().map(|route| (*route).to_owned()).collect(),
        }
    }

    fn tasks() -> Vec<Task> {
        let labels: [&[&str]; 4] = [&[], &["a"], &["a", "@Data Team"], &["@x", "@data_team"]];
        let mut tasks = Vec::new();
        for labels in labels {
            for assigned_to in [None, Some(agent(1)), Some(agent(2))] {
                let labels = labels.iter().map(|label| (*label).to_owned()).collect();
                tasks.push(Task { exists: true, labels, assigned_to, ..Task::default() });
            }
        }
        tasks
    }

    #[test]
    fn a_claimer_takes_from_its_lines_and_from_no_other() {
        let now = Timestamp::default();
        let auditor = Standing { role: Some(Role::Auditor), ..worker(1, &["x"]) };
        let admin = Standing { role: Some(Role::Admin), ..worker(9, &["y"]) };
        let callers = [
            worker(1, &["data-team"]),
            worker(2, &["two", "x"]),
            worker(3, &["a"]),
            auditor,
            admin,
            Standing::project(),
        ];
        for task in tasks() {
            for caller in &callers {
                let lines = lines_of(&task);
                let stands = caller.lines().iter().any(|line| lines.contains(line));
                assert_eq!(stands, task.is_queued_for(caller, now), "{caller:?}: {task:?}");
            }
        }
    }

    #[test]
    fn only_open_tasks_and_those_whose_lease_has_ended_wait() {
        let end = Timestamp::from_millis(2_000).unwrap();
        let (before, after) = (Timestamp::from_millis(1_999).unwrap(), end);
        let caller = worker(1, &[]);
        for status in Status::ALL {
            let mut task = Task { exists: true, status, ..Task::default() };
            let lease_expires_at = Some(end);
            if status == Status::Claimed {
                let at = Timestamp::default();
                task.claim = Some(Claim { by: Some(agent(2)), at, lease_expires_at, ..claim() });
            }
            let (early, late) = (status == Status::Open, status == Status::Claimed);
            assert_eq!(task.is_queued_for(&caller, before), early, "{status}");
            assert_eq!(task.is_queued_for(&caller, after), early || late, "{status}");
        }
    }

    fn claim() -> Claim {
        let at = Timestamp::default();
        Claim { by: None, at, lease_expires_at: None, session_state: None, detail: None }
    }

    #[test]
    fn the_order_is_that_of_lists() {
        let turn = |priority, created_at, id| Turn {
            priority,
            created_at: Timestamp::from_millis(created_at).unwrap(),
            id: TaskId(uuid::Uuid::from_u128(id)),
        };
        let in_order = [turn(1, 9, 9), turn(2, 1, 9), turn(2, 2, 1), turn(2, 2, 2)];
        assert!(in_order.is_sorted_by(|one, next| one < next));
    }

    #[test]
    fn a_wish_names_all_that_it_wants() {
        let project = |n| ProjectId(uuid::Uuid::from_u128(n));
        let labels = ["a".to_owned(), "b".to_owned()];
        let wish = |names: &[&str], project_id| Wish {
            labels: names.iter().map(|name| (*name).to_owned()).collect(),
            project_id,
        };
        for (wish, is_met) in [
            (wish(&[], None), true),
            (wish(&["a", "b"], Some(project(1))), true),
            (wish(&["a", "c"], None), false),
            (wish(&["a"], Some(project(2))), false),
        ] {
            assert_eq!(wish.is_for(&labels, Some(project(1))), is_met, "{wish:?}");
        }
        assert!(!wish(&[], Some(project(1))).is_for(&labels, None));
    }
}
