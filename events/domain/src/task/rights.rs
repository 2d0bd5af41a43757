//! Who may read and who may write a task (protocol 0.11, 0.12).
//!
//! [`readers_of`] and [`Task::is_readable_by`] are one rule said twice: as rows for an index, and
//! as a question about one task. A test holds them together.

use std::{collections::BTreeSet, fmt};

use super::{state::Task, status::Status};
use crate::{AgentId, Right, Standing, Timestamp, names::route_of};

/// Someone who may read a task without a right to read all.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reader {
    /// This agent.
    Agent(AgentId),
    /// Every agent that a label routes to, by the normal form of its name or label.
    Route(String),
}

impl fmt::Display for Reader {
    /// The form in which the index keeps it: the agent's id, or `@` and the route.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Agent(agent) => write!(f, "{agent}"),
            Self::Route(route) => write!(f, "@{route}"),
        }
    }
}

/// Everyone who may read the task without a right to read all: creator, assignee, completer,
/// present and past holders, those named in a hop, the accountable agent, and who it routes to.
#[must_use]
pub fn readers_of(task: &Task) -> BTreeSet<Reader> {
    let people = [task.created_by, task.assigned_to, task.completed_by, task.accountable];
    let hops = task.hops.iter().flat_map(|hop| [hop.from, hop.to]);
    let agents = people.into_iter().chain(hops).flatten().chain(task.holders.iter().copied());
    let routes = task.labels.iter().filter_map(|label| route_of(label)).map(Reader::Route);
    agents.map(Reader::Agent).chain(routes).collect()
}

impl Standing {
    /// The readers that the caller is.
    pub fn readers(&self) -> impl Iterator<Item = Reader> {
        let agent = self.agent().map(Reader::Agent);
        agent.into_iter().chain(self.routes.iter().cloned().map(Reader::Route))
    }
}

impl Task {
    /// Right R: the caller may read the task.
    #[must_use]
    pub fn is_readable_by(&self, caller: &Standing) -> bool {
        if caller.may(Right::ReadAllTasks) {
            return true;
        }
        let readers = readers_of(self);
        caller.readers().any(|reader| readers.contains(&reader))
    }

    /// Right W: the caller may write the task at `now`.
    #[must_use]
    pub fn is_writable_by(&self, caller: &Standing, now: Timestamp) -> bool {
        if caller.may(Right::WriteAllTasks) {
            return true;
        }
        let Some(agent) = caller.agent().filter(|_| caller.may(Right::Write)) else {
            return false;
        };
        let live_claim = self.live_claim(now);
        self.created_by == Some(agent)
            || self.assigned_to == Some(agent)
            || live_claim.is_some_and(|claim| claim.by == Some(agent))
            || (self.assigned_to.is_none() && live_claim.is_none() && self.routes_to(caller))
    }

    /// Right C: the caller may comment on the task at `now`.
    #[must_use]
    pub fn is_commentable_by(&self, caller: &Standing, now: Timestamp) -> bool {
        let comments_on_all = caller.may(Right::Write) && caller.may(Right::CommentOnAllTasks);
        self.is_writable_by(caller, now) || (comments_on_all && self.is_readable_by(caller))
    }

    /// The queue has the task for the caller at `now`, whether it may read it or not: nobody holds
    /// it, and it is the caller's or nobody's and routes to the caller or to nobody (protocol 1.4).
    #[must_use]
    pub fn is_queued_for(&self, caller: &Standing, now: Timestamp) -> bool {
        let Some(agent) = caller.agent().filter(|_| caller.may(Right::Write)) else {
            return false;
        };
        let may_wait = matches!(self.status, Status::Open | Status::Claimed);
        let is_waiting = may_wait && self.live_claim(now).is_none();
        let is_routed = || self.labels.iter().any(|label| route_of(label).is_some());
        let is_theirs = match self.assigned_to {
            Some(to) => to == agent,
            None => !is_routed() || self.routes_to(caller),
        };
        self.is_alive() && is_waiting && is_theirs
    }

    /// One of the task's labels routes to the caller.
    #[must_use]
    pub fn routes_to(&self, caller: &Standing) -> bool {
        let mut routes = self.labels.iter().filter_map(|label| route_of(label));
        routes.any(|route| caller.routes.contains(&route))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Actor, account::Role, task::Claim};

    fn id(n: u128) -> AgentId {
        AgentId(uuid::Uuid::from_u128(n))
    }

    fn worker(n: u128, route: &str) -> Standing {
        Standing {
            actor: Actor::Agent(id(n)),
            role: Some(Role::Worker),
            permissions: vec![],
            routes: vec![route.to_owned()],
        }
    }

    #[test]
    fn reading_and_writing() {
        let now = Timestamp::from_millis(1_000).unwrap();
        let mut task =
            Task { created_by: Some(id(1)), assigned_to: Some(id(2)), ..Task::default() };
        task.completed_by = Some(id(3));
        task.labels = vec!["plain".into(), "@Data Team".into()];
        let (can, cannot) = (true, false);
        let auditor = Standing { role: Some(Role::Auditor), ..worker(1, "x") };
        let coordinator = Standing { role: Some(Role::Coordinator), ..worker(9, "x") };
        for (caller, reads, writes) in [
            (worker(1, "x"), can, can),
            (worker(2, "x"), can, can),
            (worker(3, "x"), can, cannot),
            (worker(4, "x"), cannot, cannot),
            (worker(4, "plain"), cannot, cannot),
            (worker(4, "data-team"), can, cannot), // routed, but assigned to another
            (coordinator, can, cannot),
            (auditor, can, cannot),
            (Standing::project(), can, can),
        ] {
            assert_eq!(task.is_readable_by(&caller), reads, "{caller:?}");
            assert_eq!(task.is_writable_by(&caller, now), writes, "{caller:?}");
        }
        task.assigned_to = None;
        assert!(task.is_writable_by(&worker(4, "data-team"), now));
        let lease_expires_at = Timestamp::from_millis(2_000);
        let by = Some(id(5));
        task.claim =
            Some(Claim { by, at: now, lease_expires_at, session_state: None, detail: None });
        assert!(!task.is_writable_by(&worker(4, "data-team"), now));
        assert!(task.is_writable_by(&worker(5, "x"), now));
        assert!(!task.is_writable_by(&worker(5, "x"), lease_expires_at.unwrap()));
    }
}
