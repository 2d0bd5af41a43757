//! One attempt to decide: the caller's standing, the time, and every state looked at.
//!
//! Everything looked at becomes a guard of the append: a decision commits only if all of it is
//! still true.

use std::{collections::BTreeMap, sync::Mutex};

use baton_domain::{
    AccountId, Order, RecurrenceId, Right, Standing, TaskId, Timestamp, WebhookId,
    recurrence::Recurrence,
    task::{Task, TaskRefusal},
    webhook::{Webhook, WebhookRefusal},
};
use baton_history::{
    KnownAccount, Versioned, account_stream, recurrence_stream, task_stream, webhook_stream,
};
use baton_log::{Guard, Log, StreamId};

use crate::{caller::Caller, error::CommandError, execute::Commands};

pub(crate) struct Attempt<'a> {
    commands: &'a Commands,
    caller: &'a Caller,
    /// The caller's account as decided on.
    pub(crate) account: KnownAccount,
    /// The caller's standing in it.
    pub(crate) standing: Standing,
    /// When the node received the command.
    pub(crate) at: Timestamp,
    seen: Mutex<BTreeMap<StreamId, i64>>,
}

impl<'a> Attempt<'a> {
    pub(crate) fn new(
        commands: &'a Commands,
        caller: &'a Caller,
        at: Timestamp,
    ) -> Result<Self, CommandError> {
        if commands.directory().is_closed(&caller.account) {
            return Err(CommandError::AccountClosed);
        }
        let account = commands.directory().account(&caller.account);
        let standing = caller.standing(&account.state).ok_or(CommandError::Unauthenticated)?;
        if !standing.may(Right::Write) {
            return Err(CommandError::ReadOnly);
        }
        let seen = BTreeMap::from([(account_stream(&caller.account), account.version)]);
        Ok(Self { commands, caller, account, standing, at, seen: Mutex::new(seen) })
    }

    pub(crate) fn account_id(&self) -> &AccountId {
        &self.caller.account
    }

    pub(crate) fn log(&self) -> &Log {
        self.commands.log()
    }

    /// Who may not manage webhooks is told so before it learns what there is.
    pub(crate) fn webhook_managers_only(&self) -> Result<(), CommandError> {
        match self.standing.may(Right::ManageWebhooks) {
            true => Ok(()),
            false => Err(WebhookRefusal::NotAdmin.into()),
        }
    }

    pub(crate) fn order<C>(&self, command: C) -> Order<C> {
        Order { by: self.standing.clone(), at: self.at, command }
    }

    /// A task that the caller may read; others are not there for it.
    pub(crate) async fn readable_task(
        &self,
        id: &str,
        what: &'static str,
    ) -> Result<(StreamId, Versioned<Task>), CommandError> {
        let id: TaskId = id.parse().map_err(|_| CommandError::NotFound { what })?;
        let (stream, task) = self.task(id).await?;
        if task.state.is_alive() && task.state.is_readable_by(&self.standing) {
            Ok((stream, task))
        } else {
            Err(CommandError::NotFound { what })
        }
    }

    /// Claims belong to agents: whoever is none is told so before it learns what there is.
    pub(crate) fn agents_only(&self) -> Result<(), CommandError> {
        match self.standing.agent() {
            Some(_) => Ok(()),
            None => Err(TaskRefusal::NoAgent.into()),
        }
    }

    /// A task that the caller may read, or that waits for it in the queue.
    pub(crate) async fn claimable_task(
        &self,
        id: &str,
    ) -> Result<(StreamId, Versioned<Task>), CommandError> {
        self.agents_only()?;
        let what = "Task";
        let id: TaskId = id.parse().map_err(|_| CommandError::NotFound { what })?;
        let (stream, task) = self.task(id).await?;
        let is_theirs = task.state.is_readable_by(&self.standing)
            || task.state.is_queued_for(&self.standing, self.at);
        match task.state.is_alive() && is_theirs {
            true => Ok((stream, task)),
            false => Err(CommandError::NotFound { what }),
        }
    }

    /// A task, whoever may read it: for what is decided on, not for what is shown.
    pub(crate) async fn task(
        &self,
        id: TaskId,
    ) -> Result<(StreamId, Versioned<Task>), CommandError> {
        let stream = task_stream(&self.caller.account, id);
        let task = self.commands.history().tasks().latest(&stream).await?;
        self.saw(&stream, task.version);
        Ok((stream, task))
    }

    /// A task that the caller may comment on.
    pub(crate) async fn commentable_task(
        &self,
        id: &str,
    ) -> Result<(StreamId, Versioned<Task>), CommandError> {
        let (stream, task) = self.readable_task(id, "Task").await?;
        match task.state.is_commentable_by(&self.standing, self.at) {
            true => Ok((stream, task)),
            false => Err(CommandError::NotWritable),
        }
    }

    /// A task that the caller may write.
    pub(crate) async fn writable_task(
        &self,
        id: &str,
        what: &'static str,
    ) -> Result<(StreamId, Versioned<Task>), CommandError> {
        let (stream, task) = self.readable_task(id, what).await?;
        if task.state.is_writable_by(&self.standing, self.at) {
            Ok((stream, task))
        } else {
            Err(CommandError::NotWritable)
        }
    }

    pub(crate) async fn webhook(
        &self,
        id: &str,
    ) -> Result<(StreamId, Versioned<Webhook>), CommandError> {
        let what = "Webhook";
        let id: WebhookId = id.parse().map_err(|_| CommandError::NotFound { what })?;
        let stream = webhook_stream(&self.caller.account, id);
        let webhook = self.commands.history().webhooks().latest(&stream).await?;
        self.saw(&stream, webhook.version);
        if webhook.state.is_alive() {
            Ok((stream, webhook))
        } else {
            Err(CommandError::NotFound { what })
        }
    }

    /// A recurrence that the caller may read; others are not there for it.
    pub(crate) async fn readable_recurrence(
        &self,
        id: &str,
    ) -> Result<(StreamId, Versioned<Recurrence>), CommandError> {
        let what = "Recurrence";
        let id: RecurrenceId = id.parse().map_err(|_| CommandError::NotFound { what })?;
        let (stream, recurrence) = self.recurrence(id).await?;
        let is_theirs = recurrence.state.is_readable_by(&self.standing);
        match recurrence.state.is_alive() && is_theirs {
            true => Ok((stream, recurrence)),
            false => Err(CommandError::NotFound { what }),
        }
    }

    /// A recurrence, whoever may read it.
    pub(crate) async fn recurrence(
        &self,
        id: RecurrenceId,
    ) -> Result<(StreamId, Versioned<Recurrence>), CommandError> {
        let stream = recurrence_stream(&self.caller.account, id);
        let recurrence = self.commands.history().recurrences().latest(&stream).await?;
        self.saw(&stream, recurrence.version);
        Ok((stream, recurrence))
    }

    /// The active agent that a reference means, to be given a task.
    pub(crate) fn assignee(&self, reference: &str) -> Result<baton_domain::AgentId, CommandError> {
        let found = self.account.state.find(reference);
        let agent = found.ok_or(CommandError::NotFound { what: "Agent" })?;
        if agent.is_live() {
            Ok(agent.id)
        } else {
            Err(CommandError::InactiveAgent { name: agent.name.clone() })
        }
    }

    /// What was looked at so far, with the versions it had.
    pub(crate) fn seen(&self) -> Vec<Guard> {
        let seen = self.seen.lock().expect("no holder of this lock panics");
        let guard = |(stream, version): (&StreamId, &i64)| Guard {
            stream: stream.clone(),
            version: *version,
        };
        seen.iter().map(guard).collect()
    }

    fn saw(&self, stream: &StreamId, version: i64) {
        let mut seen = self.seen.lock().expect("no holder of this lock panics");
        seen.entry(stream.clone()).or_insert(version);
    }
}
