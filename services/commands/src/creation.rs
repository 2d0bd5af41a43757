//! What is known of the creation of a task before it is tried: for those who look for something
//! else first, and must say all the same what the command would be refused for.
//!
//! Must not: record anything.

use baton_domain::task::Task;

use crate::{
    attempt::Attempt,
    error::CommandError,
    execute::{ATTEMPTS_MAX, Answer, Commands, Context, now},
    plan::Command as _,
    tasks::CreateTask,
};

impl Commands {
    /// The answer of an earlier creation with the same idempotency key, if there was one.
    ///
    /// # Errors
    /// [`CommandError::KeyReused`], or the log cannot be read.
    pub async fn created_before(
        &self,
        context: &Context,
    ) -> Result<Option<Answer<Task>>, CommandError> {
        self.earlier(context).await
    }

    /// Decides the creation of a task as the log has things now, and records nothing.
    ///
    /// # Errors
    /// What [`Commands::create_task`] would be refused for.
    pub async fn check_creation(
        &self,
        context: &Context,
        command: CreateTask,
    ) -> Result<(), CommandError> {
        for _ in 0..ATTEMPTS_MAX {
            let attempt = match Attempt::new(self, &context.caller, now()) {
                Err(_) if self.directory_moved(context).await? => continue,
                attempt => attempt?,
            };
            match command.clone().plan(&attempt).await {
                Err(refusal) if refusal.is_refusal() => {
                    if self.is_still_true(&attempt.seen()).await? {
                        return Err(refusal);
                    }
                    self.look_again(&attempt.seen()).await?;
                }
                planned => return planned.map(drop),
            }
        }
        Err(CommandError::Contended)
    }
}
