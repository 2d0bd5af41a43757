//! The statements behind a page of a list, and the values they are planned with.

use std::sync::LazyLock;

use baton_domain::{
    AccountId, ProjectId, Standing,
    task::{SessionState, Status},
};
use tokio_postgres::types::{ToSql, Type};
use uuid::Uuid;

use super::filter::{Assignee, Page, Sort, TaskFilter};
use super::lists::{Audience, List, codes, ids};
use super::walk::{Ensures, Walk, lists_of};
use crate::statement::Bound;

static WALK: LazyLock<String> = LazyLock::new(|| filtering(include_str!("sql/walk.sql")));
static SORTED: LazyLock<String> = LazyLock::new(|| filtering(include_str!("sql/sorted.sql")));
static COUNT_ONE: LazyLock<String> = LazyLock::new(|| filtering(include_str!("sql/count_one.sql")));
static COUNT_SEVERAL: LazyLock<String> =
    LazyLock::new(|| filtering(include_str!("sql/count_several.sql")));

/// The filter that these statements share, in the place of its name.
fn filtering(statement: &str) -> String {
    statement.replace("/* filter.sql */", include_str!("sql/filter.sql"))
}

/// The values of `walk.sql` or `sorted.sql`, or of a count of the same.
pub(super) struct Values<'a> {
    account: &'a str,
    lists: Vec<Uuid>,
    statuses: Vec<i16>,
    /// The lists, each with a status, to be walked.
    walked: Option<(Vec<Uuid>, Vec<i16>)>,
    readers: Option<Vec<Uuid>>,
    priority: Option<i16>,
    assigned_to: Option<Uuid>,
    created_by: Option<Uuid>,
    parent: Option<Uuid>,
    labels: Option<&'a [String]>,
    any_label: Option<&'a [String]>,
    search: Option<String>,
    claimed: Option<bool>,
    now: Option<jiff::Timestamp>,
    session_state: Option<&'static str>,
    due_from: Option<jiff::civil::Date>,
    due_to: Option<jiff::civil::Date>,
    project: Option<Vec<Uuid>>,
    offset: i64,
    limit: i64,
    sort: &'static str,
}

impl<'a> Values<'a> {
    pub(super) fn new(
        account: &'a AccountId,
        caller: &Standing,
        filter: &'a TaskFilter,
        statuses: &[Status],
        walk: &'a Walk,
    ) -> Self {
        let unless = |ensured| walk.ensures != ensured;
        let nobody_is_nil = |it: Assignee| it.agent().map_or(Uuid::nil(), |agent| agent.0);
        let name = account.as_str();
        let project = filter.project.filter(|_| unless(Ensures::Project));
        let given = |labels: &'a Vec<String>| Some(labels.as_slice()).filter(|it| !it.is_empty());
        Self {
            account: name,
            lists: ids(name, walk.lists.iter().cloned()),
            statuses: codes(statuses.iter().copied()),
            walked: None,
            readers: (!walk.readable).then(|| lists_of(account, caller)),
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
            session_state: filter.session_state.map(SessionState::word),
            due_from: filter.due_from,
            due_to: filter.due_to,
            project: project.map(|project| ids(name, of_project(project))),
            offset: 0,
            limit: 0,
            sort: Sort::default().word(),
        }
    }

    /// One task more than the page has shows whether there are more.
    pub(super) fn of_page(self, page: Page, statuses: &[Status], walk: &Walk) -> Self {
        let (offset, limit) = (i64::from(page.offset), i64::from(page.limit) + 1);
        let walked = walk.in_order(page.sort, statuses).map(|walked| {
            let (lists, statuses): (Vec<_>, Vec<_>) = walked.into_iter().unzip();
            (ids(self.account, lists), codes(statuses))
        });
        Self { offset, limit, sort: page.sort.word(), walked, ..self }
    }

    /// The statement of the page, and its parameters.
    pub(super) fn page(&self) -> (&'static str, Vec<Bound<'_>>) {
        let end = [bind(&self.offset, Type::INT8), bind(&self.limit, Type::INT8)];
        match &self.walked {
            Some((lists, statuses)) => {
                let mut bound = self.of_lists(lists, statuses);
                bound.extend(end);
                (&WALK, bound)
            }
            None => {
                let mut bound = self.of_lists(&self.lists, &self.statuses);
                bound.extend(end);
                bound.push(bind(&self.sort, Type::TEXT));
                (&SORTED, bound)
            }
        }
    }

    /// The statement that counts what all pages together show, and its parameters.
    pub(super) fn count(&self) -> (&'static str, Vec<Bound<'_>>) {
        // One list holds a task once.
        let sql = if self.lists.len() == 1 { &COUNT_ONE } else { &COUNT_SEVERAL };
        (sql, self.of_lists(&self.lists, &self.statuses))
    }

    /// The parameters that all statements share.
    fn of_lists<'b, L, S>(&'b self, lists: &'b L, statuses: &'b S) -> Vec<Bound<'b>>
    where
        L: ToSql + Sync,
        S: ToSql + Sync,
    {
        vec![
            bind(&self.account, Type::TEXT),
            bind(lists, Type::UUID_ARRAY),
            bind(statuses, Type::INT2_ARRAY),
            bind(&self.readers, Type::UUID_ARRAY),
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
            bind(&self.session_state, Type::TEXT),
            bind(&self.project, Type::UUID_ARRAY),
        ]
    }
}

fn of_project(project: ProjectId) -> [List; 2] {
    Audience::ALL.map(|part| List::Project(part, project))
}

fn bind<T: ToSql + Sync>(value: &T, kind: Type) -> Bound<'_> {
    (value, kind)
}

/// The statuses that the filter can show. A claim is on a claimed task, or on one that was
/// delegated under it.
pub(super) fn shown(filter: &TaskFilter) -> Vec<Status> {
    let claimed = matches!(filter.claimed, Some((true, _))) || filter.session_state.is_some();
    let may_be_claimed = |it: &Status| matches!(it, Status::Claimed | Status::Delegated);
    let statuses = Status::ALL.into_iter().filter(|it| filter.statuses.contains(it));
    statuses.filter(|it| !claimed || may_be_claimed(it)).collect()
}
