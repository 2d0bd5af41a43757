//! The past: a task, a chain or all tasks of an account, folded from the log up to a moment.
//!
//! Bounded in events and bytes, in short pages, and a few at a time: who asks for the past must
//! not starve those who are at work. It must not know who asks, or what they may read; nor leave
//! what it folds to those who are level with the log.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use baton_domain::{
    AccountId, TaskId, Timestamp,
    account::Account,
    task::{ContextEntry, Task},
};
use baton_log::{
    COMMAND_EVENTS_MAX, EventFilter, Log, PAGE_EVENTS_MAX, Place, Position, RecordedEvent, Scope,
};
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::{
    directory::Directory,
    fold::{FoldError, account_stream, fold, task_stream},
};

mod kept;
mod tasks;
mod then;

use kept::Kept;
pub use tasks::TasksThen;
pub use then::{LedgerPage, TaskThen};

/// Events that are folded for one answer at most.
const EVENTS_MAX: u64 = 200_000;
/// Bytes of their payloads at most.
const BYTES_MAX: u64 = 128 * 1024 * 1024;
/// Tasks of one chain, or children of one task, at most.
const TASKS_MAX: u64 = 10_000;
/// Positions over which the events of one append may be spread: they follow each other.
const APPEND_EVENTS_MAX: Position = COMMAND_EVENTS_MAX as Position;
/// Accounts that are folded at once: no more than one core of the machine.
const ACCOUNTS_AT_ONCE: usize = 1;
/// Streams that are folded at once.
const STREAMS_AT_ONCE: usize = 4;
/// How long a read waits for its turn.
const TURN_WAIT_MAX: Duration = Duration::from_secs(10);
/// Events that are folded before others in the process get their turn.
const FOLDED_AT_ONCE: usize = 100;

/// Which moment is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AsOf {
    /// When the log ended at this position.
    Position(Position),
    /// At this time.
    Time(Timestamp),
}

/// A moment in the life of an account: after one of its events, before the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// The account's last event up to then.
    pub place: Place,
    /// Where in the log it is: as was asked, or that of the last event.
    pub position: Position,
    /// The time by which leases and days are judged: as was asked, or that of the last event.
    pub at: Timestamp,
}

/// Why there is no answer about the past.
#[derive(Debug, thiserror::Error)]
pub enum PastError {
    /// The log does not reach that far.
    #[error("must be a position in the log, which ends at {head}")]
    Ahead {
        /// Where it ends.
        head: Position,
    },
    /// It has not happened yet.
    #[error("must not be in the future: it is {now}")]
    Future {
        /// The time that it is.
        now: Timestamp,
    },
    /// The account was not there yet.
    #[error(
        "must not be before the account's first event, which is at position {} and of {}",
        .first.position,
        Timestamp::from(.first.recorded_at)
    )]
    Before {
        /// Its first event.
        first: Place,
    },
    /// Nothing has ever happened in the account.
    #[error("asks for a past that there is not: nothing has happened in the account yet")]
    Empty,
    /// More would have to be folded than one answer may cost.
    #[error("cannot be answered: it would have to go through more than {max} {what}")]
    TooLong {
        /// Of which there are too many.
        what: &'static str,
        /// How many there may be.
        max: u64,
    },
    /// Others are being answered.
    #[error("too many reads of the past are under way")]
    Busy,
    /// History cannot be folded.
    #[error("cannot fold the past")]
    Fold(#[from] FoldError),
}

/// What one answer may cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PastBounds {
    /// Events that are folded for it.
    pub events_max: u64,
    /// Bytes of their payloads.
    pub bytes_max: u64,
    /// Tasks of one chain, or children of one task.
    pub tasks_max: u64,
}

impl Default for PastBounds {
    fn default() -> Self {
        Self { events_max: EVENTS_MAX, bytes_max: BYTES_MAX, tasks_max: TASKS_MAX }
    }
}

/// The past of all accounts. Cheap to clone; clones share the few accounts that were asked for
/// last, and how many may be folded at once.
#[derive(Clone)]
pub struct Past {
    log: Log,
    directory: Directory,
    bounds: PastBounds,
    kept: Arc<Kept>,
    accounts: Arc<Semaphore>,
    streams: Arc<Semaphore>,
}

/// What one answer has cost so far.
struct Spent {
    bounds: PastBounds,
    events: u64,
    bytes: u64,
}

impl Past {
    /// Nothing was asked for yet. To be made once per process: two of these would fold more at
    /// once than one may.
    #[must_use]
    pub fn new(log: Log, directory: Directory) -> Self {
        Self {
            log,
            directory,
            bounds: PastBounds::default(),
            kept: Arc::default(),
            accounts: Arc::new(Semaphore::new(ACCOUNTS_AT_ONCE)),
            streams: Arc::new(Semaphore::new(STREAMS_AT_ONCE)),
        }
    }

    /// The same with other bounds.
    #[must_use]
    pub fn bounded(self, bounds: PastBounds) -> Self {
        Self { bounds, ..self }
    }

    /// The moment that is meant; `now` is the caller's clock.
    ///
    /// # Errors
    /// [`PastError`] where there is no such moment, or the log cannot be read.
    pub async fn moment(
        &self,
        account: &AccountId,
        as_of: AsOf,
        now: Timestamp,
    ) -> Result<Moment, PastError> {
        if let AsOf::Position(position) = as_of
            && position > self.log.acknowledged()
        {
            let head = self.log.head().await.map_err(FoldError::from)?;
            if position > head {
                return Err(PastError::Ahead { head });
            }
        }
        let place = match as_of {
            AsOf::Position(position) => self.place(account, Some(position), None).await?,
            AsOf::Time(time) => self.place(account, None, Some(time)).await?,
        };
        if let AsOf::Time(time) = as_of {
            // Where the clocks of node and database differ, an event's own time is none to come.
            let is_of_event = place.is_some_and(|place| Timestamp::from(place.recorded_at) == time);
            if time > now && !is_of_event {
                return Err(PastError::Future { now });
            }
        }
        let Some(place) = place else { return Err(self.before(account).await?) };
        Ok(match as_of {
            AsOf::Position(position) => {
                Moment { place, position, at: Timestamp::from(place.recorded_at) }
            }
            AsOf::Time(at) => Moment { place, position: place.position, at },
        })
    }

    /// The account with its agents and projects, from what is known of it now, or folded anew
    /// where it has changed since.
    ///
    /// # Errors
    /// [`PastError`] where the account has too long a history, or it cannot be read.
    pub async fn account(
        &self,
        account: &AccountId,
        moment: &Moment,
    ) -> Result<Arc<Account>, PastError> {
        // Another node may have changed the account before that moment.
        self.directory.reach(moment.place.position).await?;
        let known = self.directory.account(account);
        if known.position <= moment.place.position {
            return Ok(known.state);
        }
        let _turn = turn(&self.streams).await?;
        let scope = Scope::Stream(account_stream(account));
        let (mut spent, mut state) = (self.spent(), Account::default());
        self.each(&scope, moment.place.position, &mut spent, |event| {
            state = fold(std::mem::take(&mut state), event)?;
            Ok(())
        })
        .await?;
        Ok(Arc::new(state))
    }

    /// All tasks of the account.
    ///
    /// # Errors
    /// [`PastError`] where the account has too long a history, or it cannot be read.
    pub async fn tasks(
        &self,
        account: &AccountId,
        moment: &Moment,
    ) -> Result<Arc<TasksThen>, PastError> {
        let last = moment.place.account_seq;
        if last.unsigned_abs() > self.bounds.events_max {
            return Err(PastError::TooLong { what: "events", max: self.bounds.events_max });
        }
        if let Some(kept) = self.kept.find(account, last) {
            return Ok(kept);
        }
        let _turn = turn(&self.accounts).await?;
        // Who had the turn before may have asked for the same.
        if let Some(kept) = self.kept.find(account, last) {
            return Ok(kept);
        }
        let (mut spent, mut folding, mut seq) = (self.spent(), TasksThen::default(), 0);
        while seq < last {
            let events = self.log.of_account_after(account.as_str(), seq, last).await;
            let events = events.map_err(FoldError::from)?;
            for some in events.chunks(FOLDED_AT_ONCE) {
                for event in some {
                    spent.take(event)?;
                    folding.absorb(event)?;
                }
                tokio::task::yield_now().await;
            }
            let Some(end) = events.last() else { break };
            seq = end.account_seq;
        }
        let folded = Arc::new(folding.folded());
        self.kept.put(account, last, &folded);
        Ok(folded)
    }

    /// One task with what stands beside it; none where it was not created yet.
    ///
    /// # Errors
    /// [`PastError`] where it has too long a history, or it cannot be read.
    pub async fn task(
        &self,
        account: &AccountId,
        task: TaskId,
        moment: &Moment,
    ) -> Result<Option<TaskThen>, PastError> {
        let _turn = turn(&self.streams).await?;
        self.fold_task(account, task, TaskThen::default(), moment).await
    }

    /// Entries of the ledger of a task's context, newest first.
    ///
    /// # Errors
    /// [`PastError`] where the task has too long a history, or it cannot be read.
    pub async fn context_history(
        &self,
        account: &AccountId,
        task: TaskId,
        wanted: LedgerPage,
        moment: &Moment,
    ) -> Result<Vec<ContextEntry>, PastError> {
        let _turn = turn(&self.streams).await?;
        let then = self.fold_task(account, task, TaskThen::with_ledger(wanted), moment).await?;
        Ok(then.map(TaskThen::into_entries).unwrap_or_default())
    }

    /// Every task with this root, deleted ones included.
    ///
    /// # Errors
    /// [`PastError`] where there are too many, they have too long a history, or it cannot be read.
    pub async fn chain(
        &self,
        account: &AccountId,
        root: TaskId,
        moment: &Moment,
    ) -> Result<Vec<Task>, PastError> {
        let _turn = turn(&self.streams).await?;
        let mut spent = self.spent();
        let mut tasks = Vec::new();
        let mut next = VecDeque::from([root]);
        while let Some(id) = next.pop_front() {
            let (task, children) = self.with_children(account, id, moment, &mut spent).await?;
            if let Some(task) = task {
                next.extend(children);
                tasks.push(task);
            }
            self.check_tasks(tasks.len() + next.len())?;
        }
        Ok(tasks)
    }

    /// The living children of a task, oldest first.
    ///
    /// # Errors
    /// [`PastError`] where there are too many, they have too long a history, or it cannot be read.
    pub async fn children(
        &self,
        account: &AccountId,
        parent: TaskId,
        moment: &Moment,
    ) -> Result<Vec<Task>, PastError> {
        let _turn = turn(&self.streams).await?;
        let mut spent = self.spent();
        let (_, ids) = self.with_children(account, parent, moment, &mut spent).await?;
        self.check_tasks(ids.len())?;
        let mut children = Vec::new();
        for id in ids {
            let (child, _) = self.with_children(account, id, moment, &mut spent).await?;
            children.extend(child.filter(Task::is_alive));
        }
        children.sort_by_key(|child| (child.created_at, child.id));
        Ok(children)
    }

    async fn fold_task(
        &self,
        account: &AccountId,
        task: TaskId,
        mut then: TaskThen,
        moment: &Moment,
    ) -> Result<Option<TaskThen>, PastError> {
        let scope = Scope::Stream(task_stream(account, task));
        let mut spent = self.spent();
        let upto = moment.place.position;
        self.each(&scope, upto, &mut spent, |event| then.absorb(event)).await?;
        Ok(Some(then).filter(|then| then.task.exists))
    }

    /// A task, and the ids of the children that it has: also of one that is there a little before
    /// its parent says so, in the same append.
    async fn with_children(
        &self,
        account: &AccountId,
        task: TaskId,
        moment: &Moment,
        spent: &mut Spent,
    ) -> Result<(Option<Task>, Vec<TaskId>), PastError> {
        let scope = Scope::Stream(task_stream(account, task));
        let cut = moment.place.position;
        let upto = cut.saturating_add(APPEND_EVENTS_MAX);
        let (mut state, mut children) = (Task::default(), Vec::new());
        self.each(&scope, upto, spent, |event| {
            children.extend(then::child_of(event)?);
            if event.position <= cut {
                state = fold(std::mem::take(&mut state), event)?;
            }
            Ok(())
        })
        .await?;
        Ok((Some(state).filter(|state| state.exists), children))
    }

    /// Takes the events of a scope in their order, none above `upto`.
    async fn each(
        &self,
        scope: &Scope,
        upto: Position,
        spent: &mut Spent,
        mut take: impl FnMut(&RecordedEvent) -> Result<(), FoldError>,
    ) -> Result<(), PastError> {
        let (mut after, all) = (0, EventFilter::default());
        loop {
            let page = self.log.page(scope, after, &all, PAGE_EVENTS_MAX).await;
            let page = page.map_err(FoldError::from)?;
            for some in page.events.chunks(FOLDED_AT_ONCE) {
                for event in some {
                    if event.position > upto {
                        return Ok(());
                    }
                    spent.take(event)?;
                    take(event)?;
                }
                tokio::task::yield_now().await;
            }
            if page.events.is_empty() || page.to >= page.head.min(upto) {
                return Ok(());
            }
            after = page.to;
        }
    }

    async fn place(
        &self,
        account: &AccountId,
        position: Option<Position>,
        time: Option<Timestamp>,
    ) -> Result<Option<Place>, PastError> {
        let time = time.map(Timestamp::to_jiff);
        let place = self.log.account_place(account.as_str(), position, time).await;
        Ok(place.map_err(FoldError::from)?)
    }

    fn spent(&self) -> Spent {
        Spent { bounds: self.bounds, events: 0, bytes: 0 }
    }

    fn check_tasks(&self, tasks: usize) -> Result<(), PastError> {
        let max = self.bounds.tasks_max;
        match tasks as u64 > max {
            true => Err(PastError::TooLong { what: "tasks", max }),
            false => Ok(()),
        }
    }

    /// Why there is no moment as early as was asked.
    async fn before(&self, account: &AccountId) -> Result<PastError, PastError> {
        let first = self.log.of_account_after(account.as_str(), 0, 1).await;
        let first = first.map_err(FoldError::from)?;
        let place = |event: &RecordedEvent| Place {
            account_seq: event.account_seq,
            position: event.position,
            recorded_at: event.recorded_at,
        };
        let first = first.first().map(place);
        Ok(first.map_or(PastError::Empty, |first| PastError::Before { first }))
    }
}

impl Spent {
    fn take(&mut self, event: &RecordedEvent) -> Result<(), PastError> {
        self.events += 1;
        self.bytes += event.payload.len() as u64;
        let PastBounds { events_max, bytes_max, .. } = self.bounds;
        if self.events > events_max {
            return Err(PastError::TooLong { what: "events", max: events_max });
        }
        match self.bytes > bytes_max {
            true => Err(PastError::TooLong { what: "bytes of events", max: bytes_max }),
            false => Ok(()),
        }
    }
}

/// One of the turns; held until it is dropped.
async fn turn(turns: &Semaphore) -> Result<SemaphorePermit<'_>, PastError> {
    let turn = tokio::time::timeout(TURN_WAIT_MAX, turns.acquire()).await;
    turn.map_err(|_late| PastError::Busy)?.map_err(|_closed| PastError::Busy)
}
