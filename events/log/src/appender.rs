//! Group commit: one task per process that gathers waiting commands, sends them as one batch and
//! answers each. It decides nothing about events, and it never guesses an outcome.

use std::collections::VecDeque;
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Instant;
use tokio_postgres::Config;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::ToSql;

use crate::append::Appended;
use crate::batch::{self, Waiting};
use crate::count;
use crate::error::{AppendError, InvalidAppend, Trouble};
use crate::event::Position;
use crate::log::{LogSettings, raise, wake_up};
use crate::outcome::Outcome;
use crate::recent::{self, Recent};
use crate::session::{Failure, Session};
use crate::settle::{self, Settled};

/// Commands taken out of the queue to choose a batch from.
const WAITING_COMMANDS_MAX: usize = 1_024;
/// Tries of one batch that failed in a way that may pass.
const BATCH_ATTEMPTS_MAX: u32 = 4;
/// How much longer than a statement may run its transaction may take to commit.
const HOLDER_GRACE: Duration = Duration::from_secs(1);

const FREE_LOCK: &str = include_str!("sql/free_lock.sql");

/// The appender's state between batches.
pub(crate) struct Appender {
    config: Config,
    settings: LogSettings,
    session: Option<Session>,
    told: Told,
}

/// Where the appender tells the rest of the process what was committed.
pub(crate) struct Told {
    pub(crate) committed: Arc<watch::Sender<Position>>,
    pub(crate) wake: Arc<watch::Sender<Position>>,
    pub(crate) recent: Arc<Recent>,
}

/// How to answer a command, and what.
type Answer = (oneshot::Sender<Outcome>, Outcome);

/// What a failed try leaves to do.
enum Next {
    Again(Vec<Waiting>),
    OneByOne(Vec<Waiting>),
    Unreachable(Vec<Waiting>, Trouble),
    Done,
}

impl Appender {
    pub(crate) fn new(config: Config, settings: LogSettings, session: Session, told: Told) -> Self {
        Self { config, settings, session: Some(session), told }
    }

    /// Commits until the queue is closed and empty. `stop` closes it; so does dropping the log.
    pub(crate) async fn run(
        mut self,
        mut queue: mpsc::Receiver<Waiting>,
        mut stop: oneshot::Receiver<()>,
    ) {
        let mut waiting = VecDeque::new();
        loop {
            if waiting.is_empty() {
                tokio::select! {
                    next = queue.recv() => match next {
                        Some(next) => waiting.push_back(next),
                        None => return,
                    },
                    _ = &mut stop, if !queue.is_closed() => queue.close(),
                }
            } else if stop.try_recv() != Err(oneshot::error::TryRecvError::Empty) {
                queue.close();
            }
            while waiting.len() < WAITING_COMMANDS_MAX
                && let Ok(next) = queue.try_recv()
            {
                waiting.push_back(next);
            }
            let batch = batch::take(&mut waiting);
            if let Err(unreachable) = self.commit(batch).await {
                // Those that wait have waited as long, and would be told one batch at a time.
                while let Ok(next) = queue.try_recv() {
                    waiting.push_back(next);
                }
                refuse(waiting.drain(..), &unreachable);
            }
        }
    }

    /// Commits one batch and answers all its commands. Fails when there is no database to send to.
    async fn commit(&mut self, batch: Vec<Waiting>) -> Result<(), AppendError> {
        let mut batches = VecDeque::from([batch]);
        while let Some(mut batch) = batches.pop_front().filter(|batch| !batch.is_empty()) {
            for attempt in 1.. {
                match self.attempt(batch, attempt == BATCH_ATTEMPTS_MAX).await {
                    Next::Again(rest) => batch = rest,
                    Next::OneByOne(rest) => {
                        batches.extend(rest.into_iter().map(|waiting| vec![waiting]));
                        break;
                    }
                    Next::Done => break,
                    Next::Unreachable(rest, trouble) => {
                        let unreachable = unavailable(trouble);
                        refuse(rest.into_iter().chain(batches.into_iter().flatten()), &unreachable);
                        return Err(unreachable);
                    }
                }
            }
        }
        Ok(())
    }

    /// Sends the batch once. `last` forbids another try.
    async fn attempt(&mut self, batch: Vec<Waiting>, last: bool) -> Next {
        let session = match self.connected().await {
            Ok(session) => session,
            Err(trouble) => return Next::Unreachable(batch, trouble),
        };
        let lost = session.backend;
        let sent = std::time::Instant::now();
        let appended = session.append(&batch).await;
        count::batch(&batch, sent);
        match appended {
            Ok(outcomes) => self.answer(batch, outcomes),
            Err(Failure::Refused(cause)) => return self.refused(batch, cause, last).await,
            Err(Failure::Unknown(trouble)) => {
                tracing::warn!(error = &trouble as &dyn Error, "the outcome of a batch is unknown");
                self.session = None;
                match settle::settle(&self.config, &self.settings, lost, &batch).await {
                    Ok(settled) => return self.settled(batch, settled, trouble, last),
                    Err(trouble) => {
                        let source = Arc::new(trouble);
                        refuse(batch, &AppendError::OutcomeUnknown { source });
                    }
                }
            }
        }
        Next::Done
    }

    /// The session, made anew where the last one ended between batches.
    async fn connected(&mut self) -> Result<&Session, Trouble> {
        let session = match self.session.take().filter(|session| !session.client.is_closed()) {
            Some(session) => session,
            None => {
                let deadline = Instant::now() + self.settings.reconnect_within;
                self.told.recent.clear();
                settle::reconnect(&self.config, &self.settings, deadline).await?
            }
        };
        Ok(self.session.insert(session))
    }

    /// The server rolled the batch back.
    async fn refused(
        &mut self,
        batch: Vec<Waiting>,
        cause: tokio_postgres::Error,
        last: bool,
    ) -> Next {
        let code = cause.code().cloned().unwrap_or(SqlState::INTERNAL_ERROR);
        if blames_the_data(&code) {
            // One command's fault, and its neighbours shall not pay for it.
            if batch.len() > 1 {
                return Next::OneByOne(batch);
            }
            let source = InvalidAppend::Refused { source: Arc::new(cause) };
            refuse(batch, &AppendError::Invalid { source });
            return Next::Done;
        }
        if last || !may_pass(&code) {
            // Another connection may lead to a server that takes writes.
            self.session = None;
            refuse(batch, &unavailable(Trouble::Statement(cause)));
            return Next::Done;
        }
        tracing::warn!(
            error = &cause as &dyn Error,
            code = code.code(),
            "a batch was rolled back, trying again"
        );
        if matches!(code, SqlState::QUERY_CANCELED | SqlState::LOCK_NOT_AVAILABLE) {
            self.free_lock().await;
        }
        Next::Again(batch)
    }

    /// After a wait for the lock that timed out: ends a holder that no timeout reaches.
    async fn free_lock(&self) {
        let Some(session) = &self.session else { return };
        let held_max = (self.settings.statement_timeout + HOLDER_GRACE).as_secs_f64();
        let held_max: [&(dyn ToSql + Sync); 1] = [&held_max];
        let freed = session.client.execute(FREE_LOCK, &held_max);
        // Where this fails the next try meets the same trouble and handles it.
        match tokio::time::timeout(self.settings.answer_timeout, freed).await {
            Ok(Ok(0)) => (),
            Ok(Ok(ended)) => tracing::warn!(ended, "ended a backend that kept the append lock"),
            Ok(Err(cause)) => {
                tracing::warn!(error = &cause as &dyn Error, "cannot look for the lock's holder");
            }
            Err(_elapsed) => tracing::warn!("no answer about the lock's holder"),
        }
    }

    /// Answers what the lost connection had committed; the rest of the batch never happened.
    fn settled(
        &mut self,
        batch: Vec<Waiting>,
        settled: Settled,
        trouble: Trouble,
        last: bool,
    ) -> Next {
        self.session = Some(settled.session);
        self.told.recent.clear();
        let mut rest = Vec::new();
        let mut answers = Vec::new();
        for (waiting, receipt) in batch.into_iter().zip(settled.receipts) {
            match receipt {
                Some(receipt) => answers.push((waiting.answer, Ok(Appended::Committed(receipt)))),
                None => rest.push(waiting),
            }
        }
        self.publish(answers);
        if !rest.is_empty() && !last {
            return Next::Again(rest);
        }
        refuse(rest, &unavailable(trouble));
        Next::Done
    }

    /// Keeps what was committed for this process's followers, and answers.
    fn answer(&self, batch: Vec<Waiting>, outcomes: Vec<Outcome>) {
        let mut recorded = Vec::with_capacity(batch.len());
        let mut answers = Vec::with_capacity(batch.len());
        for (Waiting { command, answer }, outcome) in batch.into_iter().zip(outcomes) {
            if let Ok(Appended::Committed(receipt)) = &outcome {
                recent::record(command, receipt, &mut recorded);
            }
            answers.push((answer, outcome));
        }
        self.told.recent.push(recorded);
        self.publish(answers);
    }

    /// Raises the watched positions, then answers: whoever has an answer finds the node there.
    fn publish(&self, answers: Vec<Answer>) {
        let positions = answers.iter().filter_map(|(_, outcome)| match outcome {
            Ok(Appended::Committed(receipt)) => Some(receipt.position),
            Ok(Appended::Replayed(replay)) => Some(replay.position),
            Err(_) => None,
        });
        if let Some(position) = positions.max() {
            raise(&self.told.committed, position);
            wake_up(&self.told.wake, position);
        }
        for (answer, outcome) in answers {
            // A caller that went away needs no answer.
            let _gone = answer.send(outcome);
        }
    }
}

fn refuse(commands: impl IntoIterator<Item = Waiting>, error: &AppendError) {
    for waiting in commands {
        let _gone = waiting.answer.send(Err(error.clone()));
    }
}

fn unavailable(trouble: Trouble) -> AppendError {
    AppendError::Unavailable { source: Arc::new(trouble) }
}

/// Data exceptions, broken constraints, exceeded limits: sending it again changes nothing.
fn blames_the_data(code: &SqlState) -> bool {
    ["22", "23", "54"].iter().any(|class| code.code().starts_with(class))
}

/// Rolled back transactions, resources, interventions: another try may succeed.
fn may_pass(code: &SqlState) -> bool {
    ["40", "53", "55", "57"].iter().any(|class| code.code().starts_with(class))
}
