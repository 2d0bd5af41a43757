//! What a read stands on: who asks, as of today, and what it sees of the account, as it is or as
//! it was at a moment (protocol 0.14). The same questions to both, so that an operation is written
//! once.
//!
//! Must not: filter, render, or choose a status.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use baton_commands::Caller;
use baton_domain::{
    AccountId, AgentId, Standing, TaskId, Timestamp,
    account::Account,
    task::{CommentDocument, ContextEntry, Task},
};
use baton_history::{AsOf, LedgerPage, Moment, Past, TasksThen};
use baton_projections::{
    Model,
    context::HistoryPage,
    tasks::{
        Attention, FleetRules, Page, TaskFilter, TaskPage, TaskRow, TaskStats, open_task_counts,
    },
};
use jiff::{civil::Date, tz::TimeZone};
use serde::Serialize;

use crate::{
    answer::Rendered,
    caller::Read,
    problem::Problem,
    service::{Reader, Services, now},
};

/// An account as a read sees it.
pub(crate) struct Snapshot<'a> {
    /// What the caller may do, today.
    pub(crate) standing: Standing,
    /// The account's agents and projects.
    pub(crate) directory: Arc<Account>,
    /// The time by which leases and days are judged.
    pub(crate) now: Timestamp,
    account: &'a AccountId,
    source: Source<'a>,
}

/// Where the answers come from.
enum Source<'a> {
    /// What is kept.
    Present(&'a Services),
    /// What is folded anew.
    Past(&'a Past, Moment),
}

impl Services {
    /// What a read sees: the account as of the moment asked for, or as it is. Then it shows every
    /// write that this node had acknowledged, and every write the reader knows of (promise P8).
    pub(crate) async fn snapshot<'a>(
        &'a self,
        call: &'a Read<Caller>,
        as_of: Option<AsOf>,
        model: Model,
    ) -> Result<Snapshot<'a>, Problem> {
        let account = &call.caller.account;
        let Some(as_of) = as_of else {
            let Reader { standing, directory } = self.reader(call, model).await?;
            let source = Source::Present(self);
            return Ok(Snapshot { standing, directory, now: now(), account, source });
        };
        self.has_reached(call.min_position).await?;
        // Rights are those of today, whatever the account was like then.
        let standing = self.standing(&call.caller)?.standing;
        let moment = self.past.moment(account, as_of, now()).await?;
        let directory = self.past.account(account, &moment).await?;
        let source = Source::Past(&self.past, moment);
        Ok(Snapshot { standing, directory, now: moment.at, account, source })
    }

    /// The account as this node has it, without a wait; what else a read needs, it has waited for.
    pub(crate) fn present<'a>(&'a self, caller: &'a Caller) -> Result<Snapshot<'a>, Problem> {
        let Reader { standing, directory } = self.standing(caller)?;
        let (account, source) = (&caller.account, Source::Present(self));
        Ok(Snapshot { standing, directory, now: now(), account, source })
    }
}

impl Snapshot<'_> {
    /// A task, also a deleted one; none where it was never created.
    pub(crate) async fn task(&self, id: TaskId) -> Result<Option<TaskRow>, Problem> {
        match &self.source {
            Source::Present(services) => Ok(services.reads.task(self.account, id).await?),
            Source::Past(past, moment) => {
                let then = past.task(self.account, id, moment).await?;
                let row = then.map(|then| TaskRow {
                    task: then.task,
                    version: then.version,
                    position: then.position,
                });
                Ok(row)
            }
        }
    }

    /// What the comments say that the task has, oldest first.
    pub(crate) async fn comments(&self, row: &TaskRow) -> Result<Vec<CommentDocument>, Problem> {
        if row.task.comments.is_empty() {
            return Ok(Vec::new());
        }
        let mut comments = match &self.source {
            Source::Present(services) => {
                services.level(Model::Comments, row.position).await?;
                services.reads.comments(self.account, row.task.id).await?
            }
            Source::Past(past, moment) => {
                let then = past.task(self.account, row.task.id, moment).await?;
                then.map(|then| then.comments).unwrap_or_default()
            }
        };
        // The task is as of its last event; the comments may be as of a later one.
        let known: HashSet<_> = row.task.comments.iter().collect();
        comments.retain(|comment| known.contains(&comment.id));
        Ok(comments)
    }

    /// Every task with this root, deleted ones included, whoever may read them.
    pub(crate) async fn tasks_by_root(&self, root: TaskId) -> Result<Vec<Task>, Problem> {
        match &self.source {
            Source::Present(services) => {
                Ok(services.reads.tasks_by_root(self.account, root).await?)
            }
            Source::Past(past, moment) => Ok(past.chain(self.account, root, moment).await?),
        }
    }

    /// The children of a task that the caller may read, oldest first.
    pub(crate) async fn children(&self, parent: TaskId) -> Result<Vec<Task>, Problem> {
        match &self.source {
            Source::Present(services) => {
                Ok(services.reads.children(self.account, parent, &self.standing).await?)
            }
            Source::Past(past, moment) => {
                let mut children = past.children(self.account, parent, moment).await?;
                children.retain(|child| child.is_readable_by(&self.standing));
                Ok(children)
            }
        }
    }

    /// Entries of the ledger of a task's context, newest first.
    pub(crate) async fn context_history(
        &self,
        task: TaskId,
        wanted: HistoryPage,
    ) -> Result<Vec<ContextEntry>, Problem> {
        match &self.source {
            Source::Present(services) => {
                Ok(services.reads.context_history(self.account, task, &wanted).await?)
            }
            Source::Past(past, moment) => {
                let HistoryPage { key, below, limit } = wanted;
                let limit = usize::try_from(limit).unwrap_or_default();
                let wanted = LedgerPage { key, below, limit };
                Ok(past.context_history(self.account, task, wanted, moment).await?)
            }
        }
    }

    /// A page of the tasks that the caller may read and the filter lets pass.
    pub(crate) async fn list(&self, filter: TaskFilter, page: Page) -> Result<TaskPage, Problem> {
        match &self.source {
            Source::Present(services) => {
                Ok(services.reads.list(self.account, &self.standing, &filter, page).await?)
            }
            Source::Past(past, moment) => {
                let standing = self.standing.clone();
                let list =
                    move |tasks: &TasksThen| TaskPage::of(tasks.iter(), &standing, &filter, page);
                self.of_all(past, moment, list).await
            }
        }
    }

    /// Counts the tasks that the caller may read.
    pub(crate) async fn task_stats(&self) -> Result<TaskStats, Problem> {
        let today = self.today();
        match &self.source {
            Source::Present(services) => {
                Ok(services.reads.task_stats(self.account, &self.standing, today).await?)
            }
            Source::Past(past, moment) => {
                let standing = self.standing.clone();
                let count = move |tasks: &TasksThen| TaskStats::of(tasks.iter(), &standing, today);
                self.of_all(past, moment, count).await
            }
        }
    }

    /// What of the tasks that the caller may read needs attention: of each kind so many at most.
    pub(crate) async fn attention(
        &self,
        rules: FleetRules,
        limit: usize,
    ) -> Result<Attention, Problem> {
        let rules = (rules, self.now);
        match &self.source {
            Source::Present(services) => {
                Ok(services.reads.attention(self.account, &self.standing, rules, limit).await?)
            }
            Source::Past(past, moment) => {
                let standing = self.standing.clone();
                let look =
                    move |tasks: &TasksThen| Attention::of(tasks.iter(), &standing, rules, limit);
                self.of_all(past, moment, look).await
            }
        }
    }

    /// How many unfinished tasks are assigned to each of these agents; one that has none may be
    /// missing.
    pub(crate) async fn open_task_counts(
        &self,
        agents: &[AgentId],
    ) -> Result<HashMap<AgentId, i64>, Problem> {
        match &self.source {
            Source::Present(services) => {
                let position = services.commands.log().acknowledged();
                services.level(Model::Tasks, position).await?;
                Ok(services.reads.open_task_counts(self.account, agents).await?)
            }
            Source::Past(past, moment) => {
                self.of_all(past, moment, |tasks| open_task_counts(tasks.iter())).await
            }
        }
    }

    /// When each agent was last heard of. No event says it: of the past nobody knows.
    pub(crate) async fn last_seen(&self) -> Result<HashMap<AgentId, Timestamp>, Problem> {
        match &self.source {
            Source::Present(services) => Ok(services.commands.last_seen(self.account).await?),
            Source::Past(..) => Ok(HashMap::new()),
        }
    }

    /// The day that it is, in UTC (protocol 0.4).
    pub(crate) fn today(&self) -> Date {
        self.now.to_jiff().to_zoned(TimeZone::UTC).date()
    }

    /// The document as an answer: one about the past says where in the log that was.
    pub(crate) fn show<T>(&self, document: &impl Serialize) -> Result<Rendered<T>, Problem> {
        let rendered = Rendered::of(document)?;
        Ok(match &self.source {
            Source::Present(_) => rendered,
            Source::Past(_, moment) => rendered.at(moment.position),
        })
    }

    /// What comes of a look at all tasks, which may take longer than a request may hold a thread.
    async fn of_all<T: Send + 'static>(
        &self,
        past: &Past,
        moment: &Moment,
        look: impl FnOnce(&TasksThen) -> T + Send + 'static,
    ) -> Result<T, Problem> {
        let tasks = past.tasks(self.account, moment).await?;
        let looked = tokio::task::spawn_blocking(move || look(&tasks)).await;
        looked.map_err(|error| Problem::internal(&error))
    }
}
