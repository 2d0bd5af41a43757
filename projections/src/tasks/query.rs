//! Reads of tasks: one, a list's page, a chain, children, and how many an agent has.

use std::collections::HashMap;

use baton_domain::{AccountId, AgentId, Standing, TaskId, task::Task};
use baton_log::Position;
use tokio_postgres::types::Type;

use super::filter::{Page, Scope, TaskFilter};
use super::lists::List;
use super::tallies::Tally;
use super::values::{Values, shown};
use super::walk::walks;
use crate::error::QueryError;
use crate::model::Model;
use crate::reads::{Reads, state, states, within};

const TASK: &str = include_str!("sql/task.sql");
const TREE: &str = include_str!("sql/tree.sql");
const CHILDREN: &str = include_str!("sql/children.sql");
const CLAIMED_ELSEWHERE: &str = include_str!("sql/claimed_elsewhere.sql");

/// Tasks of one chain, or children of one task, that one answer has at most.
pub const TASKS_MAX: i64 = 10_000;

/// A task as the model has it.
#[derive(Clone, Debug, PartialEq)]
pub struct TaskRow {
    /// The task.
    pub task: Task,
    /// The version of its stream.
    pub version: i64,
    /// The position of its last event.
    pub position: Position,
}

/// A page of a list.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TaskPage {
    /// In the order asked for.
    pub tasks: Vec<Task>,
    /// The list goes on.
    pub has_more: bool,
    /// How long the list is, where that was asked.
    pub total: Option<i64>,
}

/// What stands in the way of deleting an agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unfinished {
    /// Unfinished tasks that are assigned to it or held by it.
    pub count: i64,
    /// All events up to this position were counted, and perhaps later ones.
    pub position: Position,
}

impl TaskPage {
    /// The page of a list in which there can be nothing.
    #[must_use]
    pub fn empty(scope: Scope) -> Self {
        Self { total: (scope == Scope::Total).then_some(0), ..Self::default() }
    }
}

impl Reads {
    /// A task, also a deleted one; none where it was never created.
    ///
    /// # Errors
    /// When the model cannot be read.
    pub async fn task(
        &self,
        account: &AccountId,
        task: TaskId,
    ) -> Result<Option<TaskRow>, QueryError> {
        let rows = self.prepared(TASK, &[&account.as_str(), &task.0]).await?;
        let Some(row) = rows.first() else { return Ok(None) };
        let task = state(row)?;
        let (version, position) = (row.try_get("version")?, row.try_get("position")?);
        Ok(Some(TaskRow { task, version, position }))
    }

    /// Every task with this root, deleted ones included, whoever may read them.
    ///
    /// # Errors
    /// When the model cannot be read, or the chain has more than [`TASKS_MAX`] tasks.
    pub async fn tasks_by_root(
        &self,
        account: &AccountId,
        root: TaskId,
    ) -> Result<Vec<Task>, QueryError> {
        let limit = TASKS_MAX + 1;
        let rows = self.prepared(TREE, &[&account.as_str(), &root.0, &limit]).await?;
        within(states(&rows)?, "tasks in the chain", TASKS_MAX)
    }

    /// The children of a task that the caller may read, oldest first.
    ///
    /// # Errors
    /// When the model cannot be read, or the task has more than [`TASKS_MAX`] children.
    pub async fn children(
        &self,
        account: &AccountId,
        parent: TaskId,
        caller: &Standing,
    ) -> Result<Vec<Task>, QueryError> {
        let (list, limit) = (List::Parent(parent).id(account.as_str()), TASKS_MAX + 1);
        let bound = [
            (&account.as_str() as _, Type::TEXT),
            (&list as _, Type::UUID),
            (&limit as _, Type::INT8),
        ];
        let children: Vec<Task> = states(&self.rows(CHILDREN, &bound).await?)?;
        let mut children = within(children, "children of the task", TASKS_MAX)?;
        children.retain(|child| child.is_readable_by(caller));
        Ok(children)
    }

    /// A page of the tasks that the caller may read and the filter lets pass.
    ///
    /// # Errors
    /// When the model cannot be read.
    pub async fn list(
        &self,
        account: &AccountId,
        caller: &Standing,
        filter: &TaskFilter,
        page: Page,
    ) -> Result<TaskPage, QueryError> {
        let statuses = shown(filter);
        if statuses.is_empty() {
            return Ok(TaskPage::empty(page.scope));
        }
        let walk = self.shortest(account, &statuses, walks(caller, filter)).await?;
        let values = Values::new(account, caller, filter, &statuses, &walk);
        let values = values.of_page(page, &statuses, &walk);
        let (sql, bound) = values.page();
        let mut tasks: Vec<Task> = states(&self.rows(sql, &bound).await?)?;
        let limit = usize::try_from(page.limit).unwrap_or(usize::MAX);
        let has_more = tasks.len() > limit;
        tasks.truncate(limit);
        let total = match page.scope {
            Scope::Page => None,
            Scope::Total => {
                let (sql, bound) = values.count();
                Some(self.count(sql, &bound).await?)
            }
        };
        Ok(TaskPage { tasks, has_more, total })
    }

    /// How many unfinished tasks are assigned to each of these agents.
    ///
    /// # Errors
    /// When the model cannot be read.
    pub async fn open_task_counts(
        &self,
        account: &AccountId,
        agents: &[AgentId],
    ) -> Result<HashMap<AgentId, i64>, QueryError> {
        let name = |agent: &AgentId| Tally::Assignee(*agent).to_string();
        let names: Vec<String> = agents.iter().map(name).collect();
        let mut counts: HashMap<String, i64> = HashMap::with_capacity(agents.len());
        for row in self.tallies_within(account, &names, &names).await? {
            counts.insert(row.try_get("tally")?, row.try_get("tasks")?);
        }
        let counted = |agent: &AgentId| counts.get(&name(agent)).copied().unwrap_or_default();
        Ok(agents.iter().map(|agent| (*agent, counted(agent))).collect())
    }

    /// Unfinished tasks that are assigned to an agent or held by it.
    ///
    /// # Errors
    /// When the model cannot be read.
    pub async fn unfinished_tasks(
        &self,
        account: &AccountId,
        agent: AgentId,
    ) -> Result<Unfinished, QueryError> {
        // Known before the count: it may only have seen more.
        let position = self.position(Model::Tasks);
        let assigned = self.open_task_counts(account, &[agent]).await?;
        let bound = [(&account.as_str() as _, Type::TEXT), (&agent.0 as _, Type::UUID)];
        let claimed = self.count(CLAIMED_ELSEWHERE, &bound).await?;
        let count = assigned.values().sum::<i64>() + claimed;
        Ok(Unfinished { count, position })
    }

    async fn count(
        &self,
        sql: &str,
        bound: &[crate::statement::Bound<'_>],
    ) -> Result<i64, QueryError> {
        let rows = self.rows(sql, bound).await?;
        rows.first().map_or(Ok(0), |row| row.try_get("tasks")).map_err(QueryError::Query)
    }
}
