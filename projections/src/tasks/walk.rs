//! Which lists a page walks: the shortest that hold every task it may show.

use std::collections::HashMap;

use baton_domain::{AccountId, Right, Standing, task::Reader, task::Status};
use uuid::Uuid;

use super::filter::{Assignee, Sort, TaskFilter};
use super::lists::{Audience, List, codes, ids};
use crate::error::QueryError;
use crate::reads::Reads;
use crate::statement::Value;

const LENGTHS: &str = include_str!("sql/lengths.sql");

/// Entries that are counted of a list before it counts as long.
const LENGTH_MAX: i64 = 1_000;

/// Some lists that together hold every task the filter lets pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Walk {
    pub(super) lists: Vec<List>,
    /// Every task in them is one that the caller may read.
    pub(super) readable: bool,
    pub(super) ensures: Ensures,
}

/// The filter that a walk makes needless.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ensures {
    Nothing,
    Assignee,
    Parent,
    Project,
    TheLabel,
    AnyLabel,
}

impl Walk {
    fn of(lists: Vec<List>, ensures: Ensures) -> Self {
        Self { lists, readable: false, ensures }
    }

    /// The lists, each with a status, that together are the walk's tasks in this order; none where
    /// none are kept in it.
    pub(super) fn in_order(&self, sort: Sort, statuses: &[Status]) -> Option<Vec<(List, Status)>> {
        let in_status = |list: &List, status| match (list, sort) {
            (list, Sort::Priority) => Some(list.clone()),
            (List::All, Sort::Updated) => Some(List::Updated),
            // Only completed tasks have a moment of completion: the others are all equal.
            (List::All, Sort::Completed) if status == Status::Completed => Some(List::Completed),
            (List::All, Sort::Completed) => Some(List::All),
            (_, Sort::Updated | Sort::Due | Sort::Completed) => None,
        };
        let each = self.lists.iter().flat_map(|list| statuses.iter().map(move |it| (list, *it)));
        each.map(|(list, status)| Some((in_status(list, status)?, status))).collect()
    }

    fn readable(self, readable: bool) -> Self {
        Self { readable, ..self }
    }
}

/// The walks that would show the page, the narrower ones first. Never empty.
pub(super) fn walks(caller: &Standing, filter: &TaskFilter) -> Vec<Walk> {
    let reads_all = caller.may(Right::ReadAllTasks);
    let own = |agent: Option<baton_domain::AgentId>| {
        reads_all || (agent == caller.agent() && agent.is_some())
    };
    let label = |label: &String| Audience::ALL.map(|part| List::Label(part, label.clone()));
    let mut walks = Vec::new();
    if let Some(parent) = filter.parent {
        walks.push(Walk::of(vec![List::Parent(parent)], Ensures::Parent).readable(reads_all));
    }
    if let Some(assignee) = filter.assigned_to.map(Assignee::agent) {
        let lists = match assignee {
            Some(agent) => vec![List::Assignee(agent)],
            None => Audience::ALL.map(List::Nobody).to_vec(),
        };
        walks.push(Walk::of(lists, Ensures::Assignee).readable(own(assignee)));
    }
    if let Some(project) = filter.project {
        let lists = Audience::ALL.map(|part| List::Project(part, project)).to_vec();
        walks.push(Walk::of(lists, Ensures::Project).readable(reads_all));
    }
    let ensures = if filter.labels.len() == 1 { Ensures::TheLabel } else { Ensures::Nothing };
    for wanted in &filter.labels {
        walks.push(Walk::of(label(wanted).to_vec(), ensures).readable(reads_all));
    }
    if !filter.any_label.is_empty() {
        let lists = filter.any_label.iter().flat_map(label).collect();
        walks.push(Walk::of(lists, Ensures::AnyLabel).readable(reads_all));
    }
    if let Some(creator) = filter.created_by {
        // Who created a task may read it: it stands in the creator's list.
        let lists = vec![List::Reader(Reader::Agent(creator))];
        walks.push(Walk::of(lists, Ensures::Nothing).readable(own(Some(creator))));
    }
    if !reads_all {
        // What the caller was assigned or created it reads: such a list is no longer than these.
        if !walks.iter().any(|walk| walk.readable) {
            let lists = readers_of(caller).collect();
            walks.push(Walk::of(lists, Ensures::Nothing).readable(true));
        }
    } else if walks.is_empty() {
        walks.push(Walk::of(vec![List::All], Ensures::Nothing).readable(true));
    }
    walks
}

/// What stands in the table for the lists of those that the caller is.
pub(crate) fn lists_of(account: &AccountId, caller: &Standing) -> Vec<Uuid> {
    ids(account.as_str(), readers_of(caller))
}

/// The lists of those that the caller is.
pub(super) fn readers_of(caller: &Standing) -> impl Iterator<Item = List> {
    caller.readers().map(List::Reader)
}

impl Reads {
    /// The walk that has the least to step over.
    pub(super) async fn shortest(
        &self,
        account: &AccountId,
        statuses: &[Status],
        mut walks: Vec<Walk>,
    ) -> Result<Walk, QueryError> {
        if walks.len() > 1 {
            let id = |list: &List| list.id(account.as_str());
            let lists: Vec<Uuid> = walks.iter().flat_map(|walk| &walk.lists).map(id).collect();
            let statuses = codes(statuses.iter().copied());
            let values: [Value<'_>; 3] = [&lists, &statuses, &LENGTH_MAX];
            let rows = self.probed(LENGTHS, &values).await?;
            let mut lengths = HashMap::with_capacity(rows.len());
            for row in &rows {
                let list: Uuid = row.try_get("list_id")?;
                lengths.insert(list, row.try_get::<_, i64>("tasks")?);
            }
            let length = |list: &List| lengths.get(&id(list)).copied().unwrap_or_default();
            // Stable: of walks that are equally long, or too long to tell, the narrower one.
            walks.sort_by_key(|walk| walk.lists.iter().map(length).sum::<i64>().min(LENGTH_MAX));
        }
        Ok(walks.swap_remove(0))
    }
}
