//! Which lists a page walks: the shortest that hold every task it may show.

use baton_domain::{AccountId, Standing, task::Reader, task::Status};
use tokio_postgres::types::{ToSql, Type};
use uuid::Uuid;

use super::filter::{Assignee, Page, TaskFilter};
use super::lists::List;
use crate::error::QueryError;
use crate::reads::Reads;
use crate::statement::Bound;

const LENGTHS: &str = include_str!("sql/lengths.sql");

/// Entries that are counted of a list before it counts as long.
const LENGTH_MAX: i64 = 1_000;

/// Some lists that together hold every task the filter lets pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Walk {
    pub(super) lists: Vec<String>,
    /// Every task in them is one that the caller may read.
    readable: bool,
    ensures: Ensures,
}

/// The filter that a walk makes needless.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ensures {
    Nothing,
    Assignee,
    Parent,
    TheLabel,
    AnyLabel,
}

impl Walk {
    fn of(lists: Vec<String>, ensures: Ensures) -> Self {
        Self { lists, readable: false, ensures }
    }

    fn readable(self, readable: bool) -> Self {
        Self { readable, ..self }
    }
}

/// The walks that would show the page, the narrower ones first. Never empty.
pub(super) fn walks(caller: &Standing, filter: &TaskFilter) -> Vec<Walk> {
    let reads_all = caller.reads_all();
    let own = |agent: Option<baton_domain::AgentId>| {
        reads_all || (agent == caller.agent() && agent.is_some())
    };
    let one = |list: List| vec![list.to_string()];
    let label = |label: &String| List::Label(label.clone()).to_string();
    let mut walks = Vec::new();
    if let Some(parent) = filter.parent {
        walks.push(Walk::of(one(List::Parent(parent)), Ensures::Parent).readable(reads_all));
    }
    if let Some(assignee) = filter.assigned_to.map(Assignee::agent) {
        let lists = one(List::Assignee(assignee));
        walks.push(Walk::of(lists, Ensures::Assignee).readable(own(assignee)));
    }
    let ensures = if filter.labels.len() == 1 { Ensures::TheLabel } else { Ensures::Nothing };
    for wanted in &filter.labels {
        walks.push(Walk::of(vec![label(wanted)], ensures).readable(reads_all));
    }
    if !filter.any_label.is_empty() {
        let lists = filter.any_label.iter().map(label).collect();
        walks.push(Walk::of(lists, Ensures::AnyLabel).readable(reads_all));
    }
    if let Some(creator) = filter.created_by {
        // Who created a task may read it: it stands in the creator's list.
        let lists = one(List::Reader(Reader::Agent(creator)));
        walks.push(Walk::of(lists, Ensures::Nothing).readable(own(Some(creator))));
    }
    if !reads_all {
        let lists = readers_of(caller);
        walks.push(Walk::of(lists, Ensures::Nothing).readable(true));
    } else if walks.is_empty() {
        walks.push(Walk::of(one(List::All), Ensures::Nothing).readable(true));
    }
    walks
}

/// The lists of those that the caller is.
fn readers_of(caller: &Standing) -> Vec<String> {
    caller.readers().map(|reader| List::Reader(reader).to_string()).collect()
}

impl Reads {
    /// The walk that has the least to step over.
    pub(super) async fn shortest(
        &self,
        account: &AccountId,
        statuses: &[&str],
        mut walks: Vec<Walk>,
    ) -> Result<Walk, QueryError> {
        if walks.len() > 1 {
            let lists: Vec<&str> =
                walks.iter().flat_map(|walk| walk.lists.iter().map(String::as_str)).collect();
            let bound = [
                (&account.as_str() as _, Type::TEXT),
                (&lists as _, Type::TEXT_ARRAY),
                (&statuses as _, Type::TEXT_ARRAY),
                (&LENGTH_MAX as _, Type::INT8),
            ];
            let rows = self.rows(LENGTHS, &bound).await?;
            let mut lengths = Vec::with_capacity(rows.len());
            for row in &rows {
                lengths.push((row.try_get::<_, String>("list")?, row.try_get::<_, i64>("tasks")?));
            }
            let length = |list: &String| {
                lengths.iter().find(|(name, _)| name == list).map_or(0, |(_, tasks)| *tasks)
            };
            // Stable: of walks that are equally long, or too long to tell, the narrower one.
            walks.sort_by_key(|walk| walk.lists.iter().map(length).sum::<i64>().min(LENGTH_MAX));
        }
        Ok(walks.swap_remove(0))
    }
}

/// The values of `walk.sql`, or of a count of the same.
pub(super) struct Values<'a> {
    account: &'a str,
    lists: &'a [String],
    statuses: &'a [&'a str],
    readers: Option<Vec<String>>,
    priority: Option<i16>,
    assigned_to: Option<Uuid>,
    created_by: Option<Uuid>,
    parent: Option<Uuid>,
    labels: Option<&'a [String]>,
    any_label: Option<&'a [String]>,
    search: Option<String>,
    claimed: Option<bool>,
    now: Option<jiff::Timestamp>,
    due_from: Option<jiff::civil::Date>,
    due_to: Option<jiff::civil::Date>,
    offset: i64,
    limit: i64,
}

impl<'a> Values<'a> {
    pub(super) fn new(
        account: &'a AccountId,
        caller: &Standing,
        filter: &'a TaskFilter,
        statuses: &'a [&'a str],
        walk: &'a Walk,
    ) -> Self {
        let unless = |ensured| walk.ensures != ensured;
        let nobody_is_nil = |it: Assignee| it.agent().map_or(Uuid::nil(), |agent| agent.0);
        let given = |labels: &'a Vec<String>| Some(labels.as_slice()).filter(|it| !it.is_empty());
        Self {
            account: account.as_str(),
            lists: &walk.lists,
            statuses,
            readers: (!walk.readable).then(|| readers_of(caller)),
            priority: filter.priority.map(i16::from),
            assigned_to: filter
                .assigned_to
                .filter(|_| unless(Ensures::Assignee))
                .map(nobody_is_nil),
            created_by: filter.created_by.map(|agent| agent.0),
            parent: filter.parent.filter(|_| unless(Ensures::Parent)).map(|task| task.0),
            labels: given(&filter.labels).filter(|_| unless(Ensures::TheLabel)),
            any_label: given(&filter.any_label).filter(|_| unless(Ensures::AnyLabel)),
            search: filter.search.as_ref().map(|text| text.to_lowercase()),
            claimed: filter.claimed.map(|(claimed, _)| claimed),
            now: filter.claimed.map(|(_, now)| now.to_jiff()),
            due_from: filter.due_from,
            due_to: filter.due_to,
            offset: 0,
            limit: 0,
        }
    }

    /// One task more than the page has shows whether there are more.
    pub(super) fn of_page(self, page: Page) -> Self {
        Self { offset: i64::from(page.offset), limit: i64::from(page.limit) + 1, ..self }
    }

    /// The parameters of `walk.sql`.
    pub(super) fn of_walk(&self) -> Vec<Bound<'_>> {
        let mut bound = self.of_count();
        bound.extend([bind(&self.offset, Type::INT8), bind(&self.limit, Type::INT8)]);
        bound
    }

    /// The parameters of `count_one.sql` and `count_several.sql`.
    pub(super) fn of_count(&self) -> Vec<Bound<'_>> {
        vec![
            bind(&self.account, Type::TEXT),
            bind(&self.lists, Type::TEXT_ARRAY),
            bind(&self.statuses, Type::TEXT_ARRAY),
            bind(&self.readers, Type::TEXT_ARRAY),
            bind(&self.priority, Type::INT2),
            bind(&self.assigned_to, Type::UUID),
            bind(&self.created_by, Type::UUID),
            bind(&self.parent, Type::UUID),
            bind(&self.labels, Type::TEXT_ARRAY),
            bind(&self.any_label, Type::TEXT_ARRAY),
            bind(&self.search, Type::TEXT),
            bind(&self.claimed, Type::BOOL),
            bind(&self.now, Type::TIMESTAMPTZ),
            bind(&self.due_from, Type::DATE),
            bind(&self.due_to, Type::DATE),
        ]
    }
}

fn bind<T: ToSql + Sync>(value: &T, kind: Type) -> Bound<'_> {
    (value, kind)
}

/// The words of the statuses that the filter can show. A live claim is on a claimed task, or on
/// one that was delegated under it.
pub(super) fn words(filter: &TaskFilter) -> Vec<&'static str> {
    let claimed = matches!(filter.claimed, Some((true, _)));
    let may_be_claimed = |it: &Status| matches!(it, Status::Claimed | Status::Delegated);
    let statuses = Status::ALL.into_iter().filter(|it| filter.statuses.contains(it));
    statuses.filter(|it| !claimed || may_be_claimed(it)).map(Status::word).collect()
}
