//! Claims of whatever task is next: candidates come from outside, one after the other; the task
//! itself, as the log has it, says whether it can be taken.

use baton_domain::{
    Standing, TaskId,
    task::{Task, TaskCommand, TaskRefusal, Tasks, Wish},
};
use esrs::Aggregate as _;

use crate::{
    attempt::Attempt,
    count,
    error::CommandError,
    execute::{Answer, Commands, Context, now},
    idempotency::Held,
    plan::{Change, Command, Plan},
};

/// A claim that has begun.
pub enum Begun {
    /// It was carried out before, under the same idempotency key.
    Replayed(Box<Answer<Task>>),
    /// It looks for a task.
    Fresh(Box<QueueClaim>),
}

/// A claim that looks for a task. Its idempotency key stands for the one that it takes, however
/// many it tries; as long as it has none, nothing stands under the key.
pub struct QueueClaim {
    commands: Commands,
    context: Context,
    standing: Standing,
    wish: Wish,
    lease_seconds: i64,
    _held: Option<Held>,
}

/// What became of a candidate.
#[derive(Debug)]
pub enum Taken {
    /// The caller holds it. A replay where a request with the same key was faster at another node:
    /// then the answer may be about another task.
    Claimed(Box<Answer<Task>>),
    /// It is not in the queue for this caller, or not any more.
    Gone,
}

/// Claims this task, if the queue has it for the caller and it is one that was asked for.
#[derive(Debug, Clone)]
struct TakeTask<'a> {
    id: TaskId,
    wish: &'a Wish,
    lease_seconds: i64,
}

impl Commands {
    /// Begins to claim a task of the queue.
    ///
    /// # Errors
    /// [`CommandError`]: the caller is no agent, or may not write.
    pub async fn claim_queued(
        &self,
        context: &Context,
        wish: Wish,
        lease_seconds: i64,
    ) -> Result<Begun, CommandError> {
        let begun = self.begin(context, wish, lease_seconds).await;
        match &begun {
            Ok(Begun::Replayed(_)) => count::answered(Ok(true)),
            Ok(Begun::Fresh(_)) => {}
            Err(error) => count::answered(Err(error)),
        }
        begun
    }

    async fn begin(
        &self,
        context: &Context,
        wish: Wish,
        lease_seconds: i64,
    ) -> Result<Begun, CommandError> {
        let held = self.hold(context)?;
        if let Some(answer) = self.earlier(context).await? {
            return Ok(Begun::Replayed(Box::new(answer)));
        }
        let standing = match self.claimer(context) {
            // The caller may have become another since this node looked.
            Err(_) if self.directory_moved(context).await? => self.claimer(context)?,
            standing => standing?,
        };
        let (commands, context) = (self.clone(), context.clone());
        let claim = QueueClaim { commands, context, standing, wish, lease_seconds, _held: held };
        Ok(Begun::Fresh(Box::new(claim)))
    }

    fn claimer(&self, context: &Context) -> Result<Standing, CommandError> {
        let attempt = Attempt::new(self, &context.caller, now())?;
        attempt.agents_only()?;
        Ok(attempt.standing)
    }
}

impl QueueClaim {
    /// What the caller is.
    #[must_use]
    pub fn standing(&self) -> &Standing {
        &self.standing
    }

    /// What it asks for.
    #[must_use]
    pub fn wish(&self) -> &Wish {
        &self.wish
    }

    /// Tries to take this task.
    ///
    /// # Errors
    /// [`CommandError`]: the claim has failed, whatever the candidate.
    pub async fn take(&self, id: TaskId) -> Result<Taken, CommandError> {
        let command = TakeTask { id, wish: &self.wish, lease_seconds: self.lease_seconds };
        match self.commands.attempt(&self.context, command).await {
            Ok(answer) => {
                count::answered(Ok(answer.is_replay));
                Ok(Taken::Claimed(Box::new(answer)))
            }
            // But for one that is about the caller.
            Err(CommandError::Task(refusal)) if !matches!(refusal, TaskRefusal::NoAgent) => {
                count::conflict();
                Ok(Taken::Gone)
            }
            Err(CommandError::Contended) => Ok(Taken::Gone),
            Err(error) => {
                count::answered(Err(&error));
                Err(error)
            }
        }
    }
}

impl Command for TakeTask<'_> {
    type State = Task;

    async fn plan(self, attempt: &Attempt<'_>) -> Result<Plan<Task>, CommandError> {
        attempt.agents_only()?;
        let (stream, before) = attempt.task(self.id).await?;
        let Task { labels, project_id, .. } = &*before.state;
        if !self.wish.is_for(labels, *project_id) {
            return Err(TaskRefusal::NotQueued.into());
        }
        let command = TaskCommand::ClaimQueued { lease_seconds: self.lease_seconds };
        let events = Tasks::handle_command(&before.state, attempt.order(command))?;
        Ok(Plan::new(Change { stream, before, events }))
    }
}
