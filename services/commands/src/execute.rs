//! The one way of a command: attempt, decide, append, answer.

use std::{collections::HashSet, sync::Arc};

use baton_domain::{
    Envelope, Timestamp,
    account::{Account, KeyHash},
    recurrence::Recurrence,
    task::Task,
    webhook::Webhook,
};
use baton_history::{Directory, Folded, History, account_stream};
use baton_log::{Append, AppendError, Appended, Guard, KeyClaim, Log, Position, Replay, StreamId};
use deadpool_postgres::Pool;
use uuid::Uuid;

use crate::{
    attempt::Attempt,
    caller::{Caller, Who},
    count,
    error::CommandError,
    idempotency::{Held, InUse},
    keys::{KEY_PREFIX, KeyText, hash_of},
    openings::Openings,
    plan::{Command, Kept, Plan},
    seal::MasterKey,
    sightings::Sightings,
};

/// How often a command is decided anew because others were faster, before it is given up.
pub(crate) const ATTEMPTS_MAX: usize = 64;

/// Everything commands need. Cheap to clone.
#[derive(Clone)]
pub struct Commands {
    history: History,
    pool: Pool,
    directory: Directory,
    master_key: MasterKey,
    project_token: KeyHash,
    in_use: InUse,
    sightings: Sightings,
    openings: Openings,
}

/// What surrounds a command.
#[derive(Debug, Clone)]
pub struct Context {
    /// Who gives it.
    pub caller: Caller,
    /// The request's id; every event that follows carries it.
    pub correlation_id: Uuid,
    /// The event that made Baton itself give the command.
    pub causation_id: Option<Uuid>,
    /// The request's idempotency key.
    pub key: Option<RequestKey>,
}

/// An idempotency key with what it stands for (protocol 0.8).
#[derive(Debug, Clone)]
pub struct RequestKey {
    /// The key as sent.
    pub key: String,
    /// SHA-256 over method, path and body of the request.
    pub request_hash: [u8; 32],
}

/// What a command led to.
#[derive(Debug, Clone)]
pub struct Answer<S> {
    /// What it was about: `task/<id>`, `webhook/<id>`, `recurrence/<id>`, `agent/<id>` or
    /// `project/<id>` for changes of an account, or what hangs on a task, such as
    /// `comment/<id of the task>/<id>`.
    pub subject: StreamId,
    /// The state after the command's own events.
    pub state: Arc<S>,
    /// The account as of the same position.
    pub directory: Arc<Account>,
    /// Position of the last event, or of the log's head where nothing changed.
    pub position: Position,
    /// The command had been carried out before, under the same idempotency key.
    pub is_replay: bool,
    /// The secret to be shown once.
    pub secret: Option<KeyText>,
}

impl Commands {
    /// Commands over a log. `project_token` is the hash of the default account's token.
    #[must_use]
    pub fn new(
        history: History,
        pool: Pool,
        directory: Directory,
        master_key: MasterKey,
        project_token: KeyHash,
    ) -> Self {
        Self {
            sightings: Sightings::new(pool.clone()),
            in_use: InUse::default(),
            openings: Openings::default(),
            history,
            pool,
            directory,
            master_key,
            project_token,
        }
    }

    /// The directory of accounts and agents.
    #[must_use]
    pub fn directory(&self) -> &Directory {
        &self.directory
    }

    /// The log.
    #[must_use]
    pub fn log(&self) -> &Log {
        self.history.log()
    }

    /// What this process has folded of the log.
    #[must_use]
    pub fn history(&self) -> &History {
        &self.history
    }

    pub(crate) fn openings(&self) -> &Openings {
        &self.openings
    }

    pub(crate) fn pool(&self) -> &Pool {
        &self.pool
    }

    pub(crate) fn master_key(&self) -> &MasterKey {
        &self.master_key
    }

    /// Follows what other nodes do to accounts and writes down when agents were seen, for ever.
    pub async fn run(&self) {
        tokio::join!(self.directory.follow(), self.sightings.flush_always());
    }

    /// The caller that a credential stands for. On a miss the directory first catches up.
    ///
    /// # Errors
    /// [`CommandError::Unauthenticated`] for a credential that is none, or none any more.
    pub async fn authenticate(&self, credential: &str) -> Result<Caller, CommandError> {
        let hash = hash_of(credential);
        let is_agent_key = credential.starts_with(KEY_PREFIX);
        let caller = match self.find_caller(&hash, is_agent_key) {
            Some(caller) => caller,
            None => {
                self.directory.catch_up().await?;
                let found = self.find_caller(&hash, is_agent_key);
                found.ok_or(CommandError::Unauthenticated)?
            }
        };
        self.saw(&caller);
        Ok(caller)
    }

    /// Notes that an agent was there.
    pub(crate) fn saw(&self, caller: &Caller) {
        if let Some(agent) = caller.agent() {
            self.sightings.note(&caller.account, agent, now());
        }
    }

    fn find_caller(&self, hash: &KeyHash, is_agent_key: bool) -> Option<Caller> {
        use subtle::ConstantTimeEq as _;
        if is_agent_key {
            let (account, agent) = self.directory.by_key(hash)?;
            let who = Who::Agent { id: agent.id, key_hash: Some(*hash) };
            return Some(Caller { account, who });
        }
        let (account, token_hash) = if bool::from(hash.0.ct_eq(&self.project_token.0)) {
            (baton_domain::AccountId::default_account(), None)
        } else {
            (self.directory.by_token(hash)?, Some(*hash))
        };
        let is_closed = self.directory.is_closed(&account);
        (!is_closed).then_some(Caller { account, who: Who::Project { token_hash } })
    }

    /// When each agent of the account was last seen.
    ///
    /// # Errors
    /// [`CommandError::Secrets`] where the database does not answer.
    pub async fn last_seen(
        &self,
        account: &baton_domain::AccountId,
    ) -> Result<std::collections::HashMap<baton_domain::AgentId, Timestamp>, CommandError> {
        Ok(self.sightings.of(account).await?)
    }

    /// Carries a command out: answered only after its events are durable.
    pub(crate) async fn execute<C: Command>(
        &self,
        context: &Context,
        command: C,
    ) -> Result<Answer<C::State>, CommandError> {
        let outcome = self.carry_out(context, command).await;
        count::answered(outcome.as_ref().map(|answer| answer.is_replay));
        outcome
    }

    async fn carry_out<C: Command>(
        &self,
        context: &Context,
        command: C,
    ) -> Result<Answer<C::State>, CommandError> {
        let _held = self.hold(context)?;
        match self.earlier(context).await? {
            Some(answer) => Ok(answer),
            None => self.attempt(context, command).await,
        }
    }

    /// Keeps the idempotency key to this request while it runs.
    pub(crate) fn hold(&self, context: &Context) -> Result<Option<Held>, CommandError> {
        let Some(key) = &context.key else { return Ok(None) };
        let (account, credential) = (&context.caller.account, context.caller.credential());
        self.in_use.hold(account.as_str(), &credential, &key.key).map(Some)
    }

    /// The answer of an earlier request with the same idempotency key.
    pub(crate) async fn earlier<S: Kept>(
        &self,
        context: &Context,
    ) -> Result<Option<Answer<S>>, CommandError> {
        let Some(key) = &context.key else { return Ok(None) };
        let (account, credential) = (&context.caller.account, context.caller.credential());
        match self.log().key(account.as_str(), &credential, &key.key).await? {
            Some((hash, _)) if hash != key.request_hash => Err(CommandError::KeyReused),
            Some((_, replay)) => self.replay(context, replay).await.map(Some),
            None => Ok(None),
        }
    }

    /// Decides and records, again where what was looked at has moved.
    pub(crate) async fn attempt<C: Command>(
        &self,
        context: &Context,
        command: C,
    ) -> Result<Answer<C::State>, CommandError> {
        let at = now();
        for _ in 0..ATTEMPTS_MAX {
            let attempt = match Attempt::new(self, &context.caller, at) {
                Ok(attempt) => attempt,
                Err(refusal) if self.directory_moved(context).await? => {
                    drop(refusal);
                    continue;
                }
                Err(refusal) => return Err(refusal),
            };
            let plan = match command.clone().plan(&attempt).await {
                Err(refusal) if refusal.is_refusal() => {
                    if self.is_still_true(&attempt.seen()).await? {
                        return Err(refusal);
                    }
                    self.look_again(&attempt.seen()).await?;
                    continue;
                }
                planned => planned?,
            };
            let rests_on_count = plan.head.is_some();
            match self.record(context, &attempt, plan).await {
                // Deciding again cannot help: what was counted outside must be counted again.
                Err(CommandError::Append(AppendError::Conflict)) if rests_on_count => break,
                Err(CommandError::Append(AppendError::Conflict)) => {
                    count::conflict();
                    self.look_again(&attempt.seen()).await?;
                }
                recorded => return recorded,
            }
        }
        Err(CommandError::Contended)
    }

    /// Appends a plan with everything the attempt looked at as its guards.
    async fn record<S: Kept>(
        &self,
        context: &Context,
        attempt: &Attempt<'_>,
        mut plan: Plan<S>,
    ) -> Result<Answer<S>, CommandError> {
        let refusal = plan.refusal.take();
        let version = plan.change.version_after();
        let writes = plan.to_writes();
        let mut guards = attempt.seen();
        let written: HashSet<&StreamId> = writes.iter().map(|write| &write.stream).collect();
        guards.retain(|guard| !written.contains(&guard.stream));
        if writes.is_empty() && context.key.is_none() && plan.head.is_none() {
            // Nothing to record: it is enough that what was looked at is still true.
            if !self.is_still_true(&guards).await? {
                return Err(CommandError::Append(AppendError::Conflict));
            }
            let position = self.log().head().await?;
            return Ok(self.answer(attempt, plan, None, position));
        }
        // A refusal is not kept under the key, what is recorded along with it or not.
        let key = match &refusal {
            Some(_) => None,
            None => self.claim(context, &plan, version)?,
        };
        let append = Append {
            account: context.caller.account.to_string(),
            actor: attempt.standing.actor.to_string(),
            correlation_id: context.correlation_id,
            causation_id: context.causation_id,
            writes,
            guards,
            head: plan.head,
            key,
        };
        match self.log().append(append).await {
            Ok(Appended::Committed(receipt)) => {
                let at = Timestamp::from(receipt.recorded_at);
                if plan.change.stream == account_stream(&context.caller.account) {
                    self.show_at_once().await;
                }
                let answer = self.answer(attempt, plan, Some(at), receipt.position);
                refusal.map_or(Ok(answer), Err)
            }
            Ok(Appended::Replayed(replay)) => self.replay(context, replay).await,
            Err(AppendError::KeyReused) => Err(CommandError::KeyReused),
            Err(error) => Err(CommandError::Append(error)),
        }
    }

    /// What was recorded about an account is in the directory before it is answered. Where the
    /// log does not answer now, [`Directory::follow`] brings it later: the command is done, and
    /// its answer rests on its own events.
    async fn show_at_once(&self) {
        if let Err(error) = self.directory.catch_up().await {
            let error: &dyn std::error::Error = &error;
            tracing::warn!(error, "the directory does not show yet what was recorded");
        }
    }

    fn claim<S: Folded>(
        &self,
        context: &Context,
        plan: &Plan<S>,
        subject_version: i64,
    ) -> Result<Option<KeyClaim>, CommandError> {
        let Some(key) = &context.key else {
            return Ok(None);
        };
        let sealed = match &plan.secret {
            Some(secret) => {
                Some(self.master_key.seal(&sealed_for(&plan.subject), secret.0.as_bytes())?)
            }
            None => None,
        };
        Ok(Some(KeyClaim {
            credential: context.caller.credential(),
            key: key.key.clone(),
            request_hash: key.request_hash,
            subject: plan.subject.clone(),
            subject_version,
            sealed,
        }))
    }

    /// The state after the command's own events, kept for the next command.
    fn answer<S: Kept>(
        &self,
        attempt: &Attempt<'_>,
        plan: Plan<S>,
        recorded_at: Option<Timestamp>,
        position: Position,
    ) -> Answer<S> {
        let envelope = |at| Envelope { at, actor: attempt.standing.actor.clone() };
        let after = match recorded_at {
            Some(at) => {
                for change in plan.also {
                    change.keep(self, &envelope(at), position);
                }
                plan.change.keep(self, &envelope(at), position)
            }
            None => plan.change.before,
        };
        Answer {
            subject: plan.subject,
            state: after.state,
            directory: Arc::clone(&attempt.account.state),
            position,
            is_replay: false,
            secret: plan.secret,
        }
    }

    /// The answer of the first request with the same key, rendered again as of then.
    async fn replay<S: Kept>(
        &self,
        context: &Context,
        replay: Replay,
    ) -> Result<Answer<S>, CommandError> {
        let account = &context.caller.account;
        let directory = self.directory.at(account, replay.position).await?;
        let state = match S::kept(self) {
            Some(kept) => {
                let stream = S::stream_of(&replay.subject);
                kept.at(&stream, replay.subject_version).await?
            }
            // An answer about an account is rendered from the directory.
            None => Arc::default(),
        };
        let secret = match &replay.sealed {
            Some(sealed) => {
                let opened = self.master_key.open(&sealed_for(&replay.subject), sealed)?;
                Some(KeyText(String::from_utf8_lossy(&opened).into_owned()))
            }
            None => None,
        };
        Ok(Answer {
            subject: replay.subject,
            state,
            directory,
            position: replay.position,
            is_replay: true,
            secret,
        })
    }

    pub(crate) async fn is_still_true(&self, seen: &[Guard]) -> Result<bool, CommandError> {
        let streams: Vec<StreamId> = seen.iter().map(|guard| guard.stream.clone()).collect();
        let versions = self.log().versions(&streams).await?;
        Ok(seen.iter().zip(versions).all(|(guard, version)| guard.version == version))
    }

    /// Brings what a decision rested on level with the log.
    pub(crate) async fn look_again(&self, seen: &[Guard]) -> Result<(), CommandError> {
        let streams: Vec<StreamId> = seen.iter().map(|guard| guard.stream.clone()).collect();
        let versions = self.log().versions(&streams).await?;
        let moved = seen.iter().zip(versions).filter(|(guard, version)| guard.version != *version);
        for (guard, _) in moved {
            match guard.stream.kind.as_str() {
                Task::KIND => drop(self.history.tasks().fresh(&guard.stream).await?),
                Webhook::KIND => drop(self.history.webhooks().fresh(&guard.stream).await?),
                Recurrence::KIND => drop(self.history.recurrences().fresh(&guard.stream).await?),
                _ => self.directory.catch_up().await?,
            }
        }
        Ok(())
    }

    /// The caller's account has changed since this node looked.
    pub(crate) async fn directory_moved(&self, context: &Context) -> Result<bool, CommandError> {
        let account = &context.caller.account;
        let before = self.directory.account(account).version;
        self.directory.catch_up().await?;
        Ok(self.directory.account(account).version != before)
    }
}

fn sealed_for(subject: &StreamId) -> String {
    format!("idempotent answer about {subject}")
}

/// The node's clock.
pub(crate) fn now() -> Timestamp {
    Timestamp::from(jiff::Timestamp::now())
}
