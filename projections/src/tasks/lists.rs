//! The lists in which a task stands: the one index behind rights and every list page.

use std::{collections::BTreeMap, fmt};

use baton_domain::{
    AgentId, TaskId, Timestamp,
    task::{Reader, Status, Task, readers_of},
};

/// A list of tasks. Its text is its name in the table; the first character tells them apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum List {
    /// All tasks of the account.
    All,
    /// All tasks again, in the order in which they were changed, the last one first.
    Updated,
    /// The completed ones again, in the order of their completion, the last one first.
    Completed,
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
            Self::Updated => f.write_str("*updated"),
            Self::Completed => f.write_str("*completed"),
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
    /// The lists, each with the task's rank in it, which comes before priority and age.
    pub(super) lists: BTreeMap<String, i64>,
    pub(super) status: Status,
    pub(super) priority: i16,
    pub(super) created_at: Timestamp,
    /// Whose count of unfinished tasks it is in.
    pub(super) counted_for: Option<AgentId>,
}

impl Entries {
    /// The rows of a task; none for one that was deleted.
    pub(super) fn of(task: &Task) -> Self {
        Self {
            lists: if task.is_alive() { lists_of(task) } else { BTreeMap::new() },
            status: task.status,
            priority: i16::from(task.priority),
            created_at: task.created_at,
            counted_for: task.assigned_to.filter(|_| task.is_alive() && !task.status.is_finished()),
        }
    }

    /// The lists whose rows go, and those whose rows come, on the way to `after`.
    pub(super) fn difference<'a>(&'a self, after: &'a Self) -> (Vec<Row<'a>>, Vec<Row<'a>>) {
        let place = |it: &Self| (it.status, it.priority, it.created_at);
        let stays = place(self) == place(after);
        (self.rows_without(after, stays), after.rows_without(self, stays))
    }

    /// Its rows, but for those that the other has too.
    fn rows_without(&self, other: &Self, in_the_same_place: bool) -> Vec<Row<'_>> {
        let stays = |row: &Row<'_>| other.lists.get(row.list) == Some(&row.rank);
        self.rows().filter(|row| !(in_the_same_place && stays(row))).collect()
    }

    /// All its rows.
    pub(super) fn rows(&self) -> impl Iterator<Item = Row<'_>> {
        self.lists.iter().map(|(list, rank)| Row { list, rank: *rank })
    }
}

fn lists_of(task: &Task) -> BTreeMap<String, i64> {
    let mut lists = vec![List::All, List::Assignee(task.assigned_to)];
    lists.extend(readers_of(task).into_iter().map(List::Reader));
    lists.extend(task.labels.iter().cloned().map(List::Label));
    lists.extend(task.parent.map(List::Parent));
    let mut ranked = vec![(List::Updated, latest_first(task.updated_at))];
    ranked.extend(task.completed_at.map(|at| (List::Completed, latest_first(at))));
    let lists = lists.into_iter().map(|list| (list, RANK)).chain(ranked);
    lists.map(|(list, rank)| (list.to_string(), rank)).collect()
}

/// A row of a task in the table of lists, but for what all its rows have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Row<'a> {
    pub(super) list: &'a str,
    pub(super) rank: i64,
}

/// The rank in a list that is in the order of priority, then age.
const RANK: i64 = 0;

/// The rank in a list whose last comes first. Below [`RANK`], so that a task that stands in a list
/// for a moment comes before those that stand in one for none.
fn latest_first(at: Timestamp) -> i64 {
    -at.as_millis()
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
        let lists: Vec<&str> = lists.keys().map(String::as_str).collect();
        assert_eq!(lists, ["#@Data Team", "#a", "*", "*updated", &one, "=", "@data-team"]);
        assert!(Entries::of(&Task { deleted: true, ..task() }).lists.is_empty());
    }

    #[test]
    fn only_what_changes_is_written() {
        let before = Entries::of(&task());
        assert_eq!(before.difference(&before), (vec![], vec![]));
        let mut other = task();
        other.assigned_to = Some(agent(1));
        let own = format!("={}", agent(1));
        let row = |list, rank| Row { list, rank };
        let other = Entries::of(&other);
        assert_eq!(before.difference(&other), (vec![row("=", 0)], vec![row(&own, 0)]));
        let moved = Entries::of(&Task { status: Status::Blocked, ..task() });
        let (gone, come) = before.difference(&moved);
        assert_eq!((gone.len(), come.len()), (7, 7));
        let updated_at = Timestamp::from_millis(9).unwrap();
        let touched = Entries::of(&Task { updated_at, ..task() });
        let (gone, come) = before.difference(&touched);
        assert_eq!((gone, come), (vec![row("*updated", 0)], vec![row("*updated", -9)]));
    }

    #[test]
    fn a_completed_task_stands_where_its_completion_was() {
        let completed_at = Timestamp::from_millis(7);
        let task = Task { status: Status::Completed, completed_at, ..task() };
        assert_eq!(Entries::of(&task).lists.get("*completed"), Some(&-7));
    }
}
