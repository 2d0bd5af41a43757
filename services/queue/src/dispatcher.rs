//! One account's dispatcher: asks the shelves, reads what they lack, one read at a time.

use std::{
    sync::{Arc, Mutex, MutexGuard},
    time::{Duration, Instant},
};

use baton_commands::{Commands, Listening};
use baton_domain::{
    AccountId, TaskId, Timestamp,
    task::{Task, Turn},
};
use baton_history::{States, task_stream};
use baton_log::{Log, Position};
use baton_projections::{
    Model, Reads,
    tasks::{Ask, Lane},
};
use tokio::sync::Mutex as AsyncMutex;

use crate::{
    error::ClaimError,
    shelf::TURNS_MAX,
    shelves::{Need, Next, Reading, Shelves},
};

/// How long a read waits for what was heard here and is not kept. Later it makes do with what the
/// read model has: each task says itself whether it can be taken.
const DUE_WAIT_MAX: Duration = Duration::from_secs(1);
/// How long one waits for the read model to show that there is nothing.
const CERTAINTY_WAIT_MAX: Duration = Duration::from_secs(5);

/// So many tasks handed out since the last read tell that those it brings will be, too.
const IS_BUSY: usize = 8;

/// Hands out the tasks of one account.
pub(crate) struct Dispatcher {
    account: AccountId,
    log: Log,
    tasks: States<Task>,
    reads: Reads,
    known: Mutex<Known>,
    /// Held by whoever reads.
    reading: Arc<AsyncMutex<()>>,
}

struct Known {
    shelves: Shelves,
    listening: Listening,
    /// Tasks handed out since the last read.
    taken: usize,
}

impl Known {
    fn next(&mut self, lanes: &[Lane]) -> Next {
        let next = self.shelves.next(lanes, Instant::now());
        self.taken += usize::from(matches!(next, Next::Take(_)));
        next
    }
}

/// A claimer while it is here.
pub(crate) struct Visit {
    lanes: Vec<Lane>,
    arrived: Instant,
    /// Where the log ended after it had arrived, where that was asked.
    head: Option<Position>,
}

/// A task in a claimer's hand: nobody else gets it. Dropped, it goes back.
pub(crate) struct Ticket {
    dispatcher: Arc<Dispatcher>,
    turn: Turn,
    is_settled: bool,
}

impl Visit {
    pub(crate) fn of(lanes: Vec<Lane>) -> Self {
        Self { lanes, arrived: Instant::now(), head: None }
    }
}

impl Dispatcher {
    pub(crate) fn new(account: AccountId, commands: &Commands, reads: Reads) -> Self {
        let listening = commands.openings_from_now();
        let log = commands.log().clone();
        let shelves = Shelves::new(log.acknowledged());
        let known = Mutex::new(Known { shelves, listening, taken: 0 });
        let tasks = commands.history().tasks().clone();
        Self { account, log, tasks, reads, known, reading: Arc::default() }
    }

    /// The next task for the claimer; none where there surely is none.
    pub(crate) async fn next(
        self: &Arc<Self>,
        visit: &mut Visit,
    ) -> Result<Option<Ticket>, ClaimError> {
        loop {
            let next = self.level().next(&visit.lanes);
            match next {
                Next::Take(turn) => {
                    let dispatcher = Arc::clone(self);
                    let ticket = Ticket { dispatcher, turn, is_settled: false };
                    self.look_ahead(&visit.lanes);
                    return Ok(Some(ticket));
                }
                Next::Read => self.read(&visit.lanes, Need::Lacking).await?,
                Next::Leave => {
                    let head = match visit.head {
                        Some(head) => head,
                        None => self.log.head().await?,
                    };
                    visit.head = Some(head);
                    let need = Need::Certainty { head, arrived: visit.arrived };
                    if self.asks(&visit.lanes, need).0.is_empty() {
                        return Ok(None);
                    }
                    self.read(&visit.lanes, need).await?;
                }
            }
        }
    }

    /// Reads in the background what will be wanted soon, unless somebody reads already.
    fn look_ahead(self: &Arc<Self>, lanes: &[Lane]) {
        if self.asks(lanes, Need::Ahead).0.is_empty() {
            return;
        }
        let Ok(alone) = Arc::clone(&self.reading).try_lock_owned() else { return };
        let (this, lanes) = (Arc::clone(self), lanes.to_vec());
        tokio::spawn(async move {
            if let Err(error) = this.read_alone(&lanes, Need::Ahead).await {
                // Whoever lacks it reads it again, and is told.
                let error: &dyn std::error::Error = &error;
                tracing::debug!(error, "cannot read the queue ahead");
            }
            drop(alone);
        });
    }

    async fn read(&self, lanes: &[Lane], need: Need) -> Result<(), ClaimError> {
        let _alone = self.reading.lock().await;
        self.read_alone(lanes, need).await
    }

    /// Reads what is still needed: who read before may have brought it.
    async fn read_alone(&self, lanes: &[Lane], need: Need) -> Result<(), ClaimError> {
        let (asks, due) = self.asks(lanes, need);
        if asks.is_empty() {
            return Ok(());
        }
        match need {
            Need::Certainty { .. } => {
                self.reads.wait(Model::Tasks, due, CERTAINTY_WAIT_MAX).await?;
            }
            Need::Lacking | Need::Ahead => {
                let _behind = self.reads.wait(Model::Tasks, due, DUE_WAIT_MAX).await;
            }
        }
        // Known before the read: it may only show more.
        let position = self.reads.position(Model::Tasks);
        let (began, now) = (Instant::now(), Timestamp::from(jiff::Timestamp::now()));
        let turns = self.reads.queue(&self.account, &asks, now, TURNS_MAX as i64).await?;
        let reading = Reading { position, began, took: began.elapsed() };
        self.warm(&turns).await;
        self.known().shelves.put(&reading, asks.into_iter().zip(turns).collect());
        Ok(())
    }

    /// Has the tasks folded in one go that will be claimed one by one, where many are. Whoever
    /// claims one folds it anyway, and is told where that fails.
    async fn warm(&self, turns: &[Vec<Turn>]) {
        if std::mem::take(&mut self.known().taken) < IS_BUSY {
            return;
        }
        let next = turns.iter().flatten();
        let streams = next.map(|turn| task_stream(&self.account, turn.id)).collect();
        if let Err(error) = self.tasks.warm(streams).await {
            let error: &dyn std::error::Error = &error;
            tracing::debug!(error, "cannot fold the next tasks of the queue ahead");
        }
    }

    fn asks(&self, lanes: &[Lane], need: Need) -> (Vec<Ask>, Position) {
        self.known().shelves.asks(lanes, need, Instant::now())
    }

    /// What is known, level with everything that this process has recorded.
    fn level(&self) -> MutexGuard<'_, Known> {
        let mut known = self.known();
        match known.listening.heard() {
            Some(openings) => {
                let ours = openings.iter().filter(|it| it.account == self.account.as_str());
                ours.for_each(|opening| known.shelves.hear(opening));
            }
            None => known.shelves.lost(self.log.acknowledged()),
        }
        known
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().expect("no holder of this lock panics")
    }
}

impl Ticket {
    /// The task.
    pub(crate) fn task(&self) -> TaskId {
        self.turn.id
    }

    /// The claimer holds it since this position.
    pub(crate) fn claimed(mut self, position: Position) {
        self.is_settled = true;
        self.dispatcher.known().shelves.claimed(&self.turn, position);
    }

    /// It could not be taken; the log that said so ended at `head`, or before.
    pub(crate) fn gone(mut self, head: Position) {
        self.is_settled = true;
        self.dispatcher.known().shelves.gone(&self.turn, head);
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if !self.is_settled {
            self.dispatcher.known().shelves.let_go(&self.turn);
        }
    }
}
