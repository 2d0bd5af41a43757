//! The lists in which a task stands: the one index behind rights and every list page.

use std::{collections::BTreeSet, fmt};

use baton_domain::{
    AgentId, TaskId, Timestamp,
    task::{Reader, Status, Task, readers_of},
};

/// A list of tasks. Its text is its name in the table; the first character tells them apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum List {
    /// All tasks of the account.
    All,
    /// An agent's own tasks; those of nobody.
    Assignee(Option<AgentId>),
    /// The tasks that someone may read without a right to read all.
    Reader(Reader),
    /// The tasks with a label.
    Label(String),
    /// The children of a task.
    Parent(TaskId),
}

impl fmt::Display for List {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("*"),
            Self::Assignee(None) => f.write_str("="),
            Self::Assignee(Some(agent)) => write!(f, "={agent}"),
            Self::Reader(reader) => write!(f, "{reader}"), // an agent's id, or `@` and a route
            Self::Label(label) => write!(f, "#{label}"),
            Self::Parent(parent) => write!(f, "^{parent}"),
        }
    }
}

/// The rows of a task in the table of lists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entries {
    pub(super) lists: BTreeSet<String>,
    pub(super) status: Status,
    pub(super) priority: i16,
    pub(super) created_at: Timestamp,
    /// Whose count of unfinished tasks it is in.
    pub(super) counted_for: Option<AgentId>,
}

impl Entries {
    /// The rows of a task; none for one that was deleted.
    pub(super) fn of(task: &Task) -> Self {
        let mut lists = BTreeSet::new();
        if task.is_alive() {
            lists.insert(List::All.to_string());
            lists.insert(List::Assignee(task.assigned_to).to_string());
            lists.extend(readers_of(task).into_iter().map(|it| List::Reader(it).to_string()));
            lists.extend(task.labels.iter().map(|it| List::Label(it.clone()).to_string()));
            lists.extend(task.parent.map(|parent| List::Parent(parent).to_string()));
        }
        Self {
            lists,
            status: task.status,
            priority: i16::from(task.priority),
            created_at: task.created_at,
            counted_for: task.assigned_to.filter(|_| task.is_alive() && !task.status.is_finished()),
        }
    }

    /// The lists whose rows go, and those whose rows come, on the way to `after`.
    pub(super) fn difference<'a>(&'a self, after: &'a Self) -> (Vec<&'a str>, Vec<&'a str>) {
        let place = |it: &Self| (it.status, it.priority, it.created_at);
        let stays = place(self) == place(after);
        let gone = self.lists.iter().filter(|list| !(stays && after.lists.contains(*list)));
        let come = after.lists.iter().filter(|list| !(stays && self.lists.contains(*list)));
        (gone.map(String::as_str).collect(), come.map(String::as_str).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn agent(n: u128) -> AgentId {
        AgentId(uuid::Uuid::from_u128(n))
    }

    fn task() -> Task {
        Task {
            exists: true,
            created_by: Some(agent(1)),
            labels: vec!["a".into(), "@Data Team".into()],
            ..Task::default()
        }
    }

    #[test]
    fn a_task_stands_in_the_lists_of_its_readers_labels_and_assignee() {
        let one = agent(1).to_string();
        let lists = Entries::of(&task()).lists;
        let lists: Vec<&str> = lists.iter().map(String::as_str).collect();
        assert_eq!(lists, ["#@Data Team", "#a", "*", &one, "=", "@data-team"]);
        assert!(Entries::of(&Task { deleted: true, ..task() }).lists.is_empty());
    }

    #[test]
    fn only_what_changes_is_written() {
        let before = Entries::of(&task());
        assert_eq!(before.difference(&before), (vec![], vec![]));
        let mut other = task();
        other.assigned_to = Some(agent(1));
        let own = format!("={}", agent(1));
        assert_eq!(before.difference(&Entries::of(&other)), (vec!["="], vec![own.as_str()]));
        let moved = Entries::of(&Task { status: Status::Blocked, ..task() });
        let (gone, come) = before.difference(&moved);
        assert_eq!((gone.len(), come.len()), (6, 6));
    }
}
