//! The lists in which a task stands: the one index behind rights and every list page.

use std::{collections::BTreeMap, fmt};

use baton_domain::{
    AgentId, ProjectId, TaskId, Timestamp,
    task::{Line, Reader, Status, Task, lines_of, readers_of},
};
use jiff::civil::Date;
use sha2::{Digest, Sha256};
use uuid::{Builder, Uuid};

use super::tallies::Counted;

/// A list of tasks. Its text is its name within the account; the first character tells them apart.
///
/// Some are kept in two parts, that of tasks for anybody and that of all others: so the queue
/// walks past nothing that it may not give away, and costs an open task no row of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum List {
    /// All tasks of the account.
    All,
    /// All tasks again, in the order in which they were changed, the last one first.
    Updated,
    /// The completed ones again, in the order of their completion, the last one first.
    Completed,
    /// The unfinished ones again that have a day when they are due, the first due first.
    Due,
    /// The unfinished ones again that were reopened or released, those first that were most often.
    Looping,
    /// An agent's own tasks.
    Assignee(AgentId),
    /// The tasks of nobody.
    Nobody(Audience),
    /// The tasks that someone may read without a right to read all.
    Reader(Reader),
    /// The tasks with a label.
    Label(Audience, String),
    /// The tasks of a project.
    Project(Audience, ProjectId),
    /// The children of a task.
    Parent(TaskId),
    /// A line of the queue: open tasks that wait in it, where no other list is just these;
    /// claimed ones, the one whose lease ends first before all others.
    Line(Line),
}

/// For whom a task is: the two parts of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Audience {
    /// For anybody: nobody's, and routed nowhere.
    Anybody,
    /// For somebody: an agent's, or routed.
    Somebody,
}

impl Audience {
    pub(super) const ALL: [Self; 2] = [Self::Anybody, Self::Somebody];
}

impl fmt::Display for List {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("*"),
            Self::Updated => f.write_str("*updated"),
            Self::Completed => f.write_str("*completed"),
            Self::Due => f.write_str("*due"),
            Self::Looping => f.write_str("*looping"),
            Self::Assignee(agent) => write!(f, "={agent}"),
            Self::Nobody(Audience::Anybody) => f.write_str("="),
            Self::Nobody(Audience::Somebody) => f.write_str("=@"),
            Self::Reader(reader) => write!(f, "{reader}"), // an agent's id, or `@` and a route
            Self::Label(Audience::Anybody, label) => write!(f, "+{label}"),
            Self::Label(Audience::Somebody, label) => write!(f, "#{label}"),
            Self::Project(Audience::Anybody, project) => write!(f, "%{project}"),
            Self::Project(Audience::Somebody, project) => write!(f, "~{project}"),
            Self::Parent(parent) => write!(f, "^{parent}"),
            Self::Line(line) => write!(f, "!{line}"),
        }
    }
}

impl List {
    /// What stands for the list of an account in the table.
    pub(super) fn id(&self, account: &str) -> Uuid {
        list_id(account, &self.to_string())
    }
}

/// What stands for lists of an account in the table.
pub(super) fn ids(account: &str, lists: impl IntoIterator<Item = List>) -> Vec<Uuid> {
    lists.into_iter().map(|list| list.id(account)).collect()
}

/// What stands for a list of an account in the table: the first half of a SHA-256 over both
/// names, as a UUID of version 8 (RFC 9562). Keys of one short width compare in a fraction of the
/// time that names take, and nobody finds a name that shares one with another list.
pub(super) fn list_id(account: &str, list: &str) -> Uuid {
    let hash = Sha256::new().chain_update(account).chain_update([0]).chain_update(list).finalize();
    let mut half = [0; 16];
    half.copy_from_slice(&hash[..16]);
    Builder::from_custom_bytes(half).into_uuid()
}

/// What stands for a status in the table.
pub(super) fn code(status: Status) -> i16 {
    match status {
        Status::Open => 0,
        Status::Blocked => 1,
        Status::Claimed => 2,
        Status::Delegated => 3,
        Status::Completed => 4,
        Status::Failed => 5,
        Status::Cancelled => 6,
    }
}

/// What stands for statuses in the table.
pub(super) fn codes(statuses: impl IntoIterator<Item = Status>) -> Vec<i16> {
    statuses.into_iter().map(code).collect()
}

/// The words of the statuses, each in the place of its code.
pub(crate) fn words_by_code() -> Vec<&'static str> {
    let mut all = Status::ALL;
    all.sort_unstable_by_key(|status| code(*status));
    all.map(Status::word).to_vec()
}

/// The rows of a task in the table of lists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entries {
    /// The lists, each with the task's rank in it, which comes before priority and age.
    pub(super) lists: BTreeMap<String, i64>,
    pub(super) status: Status,
    pub(super) priority: i16,
    pub(super) created_at: Timestamp,
    /// What it is counted as.
    pub(super) counted: Counted,
}

impl Entries {
    /// The rows of a task; none for one that was deleted.
    pub(super) fn of(task: &Task) -> Self {
        Self {
            lists: if task.is_alive() { lists_of(task) } else { BTreeMap::new() },
            status: task.status,
            priority: i16::from(task.priority),
            created_at: task.created_at,
            counted: Counted::of(task),
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
    let lines = lines_of(task);
    let audience = match lines.contains(&Line::Anybody) {
        true => Audience::Anybody,
        false => Audience::Somebody,
    };
    let own = task.assigned_to.map_or(List::Nobody(audience), List::Assignee);
    let mut lists = vec![List::All, own];
    lists.extend(readers_of(task).into_iter().map(List::Reader));
    lists.extend(task.labels.iter().map(|label| List::Label(audience, label.clone())));
    lists.extend(task.project_id.map(|project| List::Project(audience, project)));
    lists.extend(task.parent.map(List::Parent));
    let mut ranked = vec![(List::Updated, latest_first(task.updated_at))];
    ranked.extend(task.completed_at.map(|at| (List::Completed, latest_first(at))));
    if !task.status.is_finished() {
        let rounds = task.reopen_count + task.release_count;
        ranked.extend(task.due_date.map(|day| (List::Due, days_of(day))));
        ranked.extend((rounds > 0).then_some((List::Looping, -rounds)));
    }
    let rank_in = |line: Line| Some((waits(task, &line)?, List::Line(line)));
    ranked.extend(lines.into_iter().filter_map(rank_in).map(|(rank, list)| (list, rank)));
    let lists = lists.into_iter().map(|list| (list, RANK)).chain(ranked);
    lists.map(|(list, rank)| (list.to_string(), rank)).collect()
}

/// The rank of a task in its line of the queue; none where it has no row there: its other lists
/// have it, or no claim can end by itself.
fn waits(task: &Task, line: &Line) -> Option<i64> {
    match task.status {
        Status::Open => matches!(line, Line::Route(_)).then_some(RANK),
        Status::Claimed => Some(task.claim.as_ref()?.lease_expires_at?.as_millis()),
        _ => None,
    }
}

/// Days since 1970-01-01: the rank of a day.
pub(super) fn days_of(day: Date) -> i64 {
    day.duration_since(Date::constant(1970, 1, 1)).as_hours() / 24
}

/// A row of a task in the table of lists, but for what all its rows have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Row<'a> {
    pub(super) list: &'a str,
    pub(super) rank: i64,
}

/// The rank in a list that is in the order of priority, then age.
pub(super) const RANK: i64 = 0;

/// The rank in a list whose last comes first. Below [`RANK`], so that a task that stands in a list
/// for a moment comes before those that stand in one for none.
fn latest_first(at: Timestamp) -> i64 {
    -at.as_millis()
}

#[cfg(test)]
#[path = "lists_tests.rs"]
mod tests;
