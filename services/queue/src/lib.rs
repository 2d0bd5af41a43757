//! The queue: hands waiting claimers distinct tasks, the next one first (protocol 1.4).
//!
//! For each account a dispatcher keeps the next tasks of every lane that somebody claims from:
//! read ahead from the read model by key, and heard of from commands of this process. What it has
//! handed out it remembers until the read model shows it. All of this only proposes: whether a task
//! can be taken decides the task itself, so a wrong proposal costs another try and nothing else.
//!
//! Must not: decide a claim, know HTTP, or hold SQL.

mod dispatcher;
mod error;
mod shelf;
mod shelves;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use baton_commands::{Answer, Begun, Commands, Context, QueueClaim, Taken};
use baton_domain::{
    AccountId,
    task::{Task, Wish},
};
use baton_projections::{Reads, tasks::Lane};

use dispatcher::{Dispatcher, Visit};
pub use error::ClaimError;

/// Candidates that a claim tries before it is told to come back. Only other processes, or a read
/// model that is far behind, make it try more than one.
const TRIES_MAX: usize = 64;

/// The queue of each account, as this process hands it out. Cheap to clone.
#[derive(Clone)]
pub struct Queue {
    shared: Arc<Shared>,
}

struct Shared {
    commands: Commands,
    reads: Reads,
    accounts: Mutex<HashMap<AccountId, Arc<Dispatcher>>>,
}

impl Queue {
    /// Of the tasks that `reads` shows, through `commands`.
    #[must_use]
    pub fn new(commands: Commands, reads: Reads) -> Self {
        Self { shared: Arc::new(Shared { commands, reads, accounts: Mutex::default() }) }
    }

    /// Claims the next task that waits for the caller and that it wishes for; none where the log,
    /// as it was when this was asked, has none.
    ///
    /// # Errors
    /// [`ClaimError`]: the caller may not claim, or nothing can be said now.
    pub async fn claim(
        &self,
        context: &Context,
        wish: Wish,
        lease_seconds: i64,
    ) -> Result<Option<Answer<Task>>, ClaimError> {
        match self.shared.commands.claim_queued(context, wish, lease_seconds).await? {
            Begun::Replayed(answer) => Ok(Some(*answer)),
            Begun::Fresh(claim) => self.take_next(&context.caller.account, &claim).await,
        }
    }

    async fn take_next(
        &self,
        account: &AccountId,
        claim: &QueueClaim,
    ) -> Result<Option<Answer<Task>>, ClaimError> {
        let dispatcher = self.dispatcher(account);
        let mut visit = Visit::of(lanes(claim));
        for _ in 0..TRIES_MAX {
            let Some(ticket) = dispatcher.next(&mut visit).await? else { return Ok(None) };
            match claim.take(ticket.task()).await? {
                Taken::Claimed(answer) => {
                    // A replay may be about another task; this one is as it was.
                    if !answer.is_replay {
                        ticket.claimed(answer.position);
                    }
                    return Ok(Some(*answer));
                }
                Taken::Gone => ticket.gone(self.shared.commands.log().head().await?),
            }
        }
        Err(ClaimError::Contended)
    }

    fn dispatcher(&self, account: &AccountId) -> Arc<Dispatcher> {
        let mut accounts = self.shared.accounts.lock().expect("no holder of this lock panics");
        if let Some(dispatcher) = accounts.get(account) {
            return Arc::clone(dispatcher);
        }
        let Shared { commands, reads, .. } = &*self.shared;
        let dispatcher = Arc::new(Dispatcher::new(account.clone(), commands, reads.clone()));
        accounts.insert(account.clone(), Arc::clone(&dispatcher));
        dispatcher
    }
}

/// The lanes from which a claimer takes.
fn lanes(claim: &QueueClaim) -> Vec<Lane> {
    let lines = claim.standing().lines().into_iter();
    lines.map(|line| Lane { line, wish: claim.wish().clone() }).collect()
}
