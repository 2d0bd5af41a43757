//! The index of one account: made of the read model, kept level with the log.
//!
//! It begins at a position that the read model is known to show before it is read: whatever a page
//! of it shows of later events, or lacks, these bring again. No event is missed then, and one that
//! comes twice changes nothing. Must not: compare.

use std::{
    sync::{Arc, Mutex, RwLock},
    time::Duration,
};

use baton_domain::{
    AccountId, TaskId,
    task::{KIND, Status, Turn},
};
use baton_log::{Position, RecordedEvent};
use baton_projections::Model;
use tokio::{
    sync::{Mutex as AsyncMutex, OwnedMutexGuard},
    time::{Instant, timeout_at},
};

use crate::{
    Question, Shared, WAIT_MAX,
    error::CheckError,
    index::{Document, Index},
    score::{Match, search},
};

/// Tasks of one page of the read model.
const PAGE_TASKS: i64 = 256;
/// Events of one page of the log.
const PAGE_EVENTS: i64 = 1_000;
/// How long the read model is waited for.
const MODEL_WAIT_MAX: Duration = Duration::from_secs(5);
/// For how long an account whose index is too large is not tried again.
const TOO_LARGE_FOR: Duration = Duration::from_secs(60);

const UNPOISONED: &str = "no holder of the lock panics";

/// An account's index.
pub(crate) struct Followed {
    account: AccountId,
    index: Arc<RwLock<Index>>,
    /// Held by whoever changes the index.
    stage: Arc<AsyncMutex<Stage>>,
    used: Mutex<Instant>,
}

/// How far an index is.
#[derive(Debug, Clone, Copy)]
enum Stage {
    /// Nothing is in it.
    Empty,
    /// Everything up to here is in it.
    Level(Position),
    /// It does not fit; it may be tried again then.
    TooLarge(Instant),
}

impl Followed {
    pub(crate) fn new(account: AccountId) -> Self {
        let stage = Arc::new(AsyncMutex::new(Stage::Empty));
        Self { account, index: Arc::default(), stage, used: Mutex::new(Instant::now()) }
    }

    pub(crate) fn account(&self) -> &AccountId {
        &self.account
    }

    /// Somebody asks.
    pub(crate) fn use_now(&self) {
        *self.used.lock().expect(UNPOISONED) = Instant::now();
    }

    /// When somebody last asked.
    pub(crate) fn used(&self) -> Instant {
        *self.used.lock().expect(UNPOISONED)
    }

    /// What the index takes in memory.
    pub(crate) fn bytes(&self) -> usize {
        self.read(Index::bytes)
    }

    /// Waits until the index shows everything up to a position. One that is empty is filled, also
    /// when nobody waits for it any more.
    pub(crate) async fn reach(
        self: &Arc<Self>,
        shared: &Arc<Shared>,
        wanted: Position,
        deadline: Instant,
    ) -> Result<(), CheckError> {
        let late = |_elapsed| CheckError::NotReady { waited: WAIT_MAX };
        loop {
            let stage = Arc::clone(&self.stage).lock_owned();
            let mut stage = timeout_at(deadline, stage).await.map_err(late)?;
            match *stage {
                Stage::Level(_) => {
                    let followed = self.follow(shared, &mut stage, wanted);
                    return timeout_at(deadline, followed).await.map_err(late)?;
                }
                Stage::TooLarge(until) if Instant::now() < until => {
                    return Err(CheckError::TooLarge { bytes_max: shared.bytes_max });
                }
                Stage::Empty | Stage::TooLarge(_) => {
                    let filling = Arc::clone(self).fill(Arc::clone(shared), stage);
                    let filled = timeout_at(deadline, tokio::spawn(filling)).await;
                    filled.map_err(late)?.map_err(|_panicked| CheckError::Broken)??;
                }
            }
        }
    }

    /// Follows the log, unless somebody does already or there is nothing to keep level.
    pub(crate) async fn keep_level(&self, shared: &Shared, wanted: Position) {
        let Ok(mut stage) = self.stage.try_lock() else { return };
        if let Err(error) = self.follow(shared, &mut stage, wanted).await {
            // Whoever asks tries again, and is told.
            let error: &dyn std::error::Error = &error;
            tracing::debug!(error, "cannot keep an index of open tasks level");
        }
        if !shared.make_room(self) {
            self.give_up(shared, &mut stage);
        }
    }

    /// The tasks that are like the text.
    pub(crate) async fn search(&self, question: &Question<'_>) -> Result<Vec<Match>, CheckError> {
        let index = Arc::clone(&self.index);
        let (caller, content) = (question.caller.clone(), question.content.to_owned());
        let threshold = question.threshold;
        let searching = tokio::task::spawn_blocking(move || {
            loop {
                let found = {
                    let index = index.read().expect(UNPOISONED);
                    search(&index, &caller, &content, threshold)
                };
                if let Some(found) = found {
                    return found;
                }
                index.write().expect(UNPOISONED).view(&caller);
            }
        });
        searching.await.map_err(|_panicked| CheckError::Broken)
    }

    /// Reads all open tasks.
    async fn fill(
        self: Arc<Self>,
        shared: Arc<Shared>,
        mut stage: OwnedMutexGuard<Stage>,
    ) -> Result<(), CheckError> {
        *stage = Stage::Empty;
        self.write(|index| *index = Index::default());
        let acknowledged = shared.history.log().acknowledged();
        shared.reads.wait(Model::Tasks, acknowledged, MODEL_WAIT_MAX).await?;
        // Known before the read: it may only show more.
        let position = shared.reads.position(Model::Tasks);
        for status in Status::ALL.into_iter().filter(|status| !status.is_finished()) {
            let mut last: Option<Turn> = None;
            loop {
                let page = shared.reads.tasks_after(&self.account, status, last, PAGE_TASKS);
                let tasks = page.await?;
                let Some(task) = tasks.last() else { break };
                last = Some(Turn::of(task));
                let changes = tasks.iter().map(|task| (task.id, Document::of(task))).collect();
                self.apply(changes);
                if !shared.make_room(&self) {
                    self.give_up(&shared, &mut stage);
                    return Err(CheckError::TooLarge { bytes_max: shared.bytes_max });
                }
                // A page is a while of computing.
                tokio::task::yield_now().await;
            }
        }
        *stage = Stage::Level(position);
        Ok(())
    }

    /// Applies what happened up to a position to an index that is level; where the log ends
    /// before it, up to there.
    async fn follow(
        &self,
        shared: &Shared,
        stage: &mut Stage,
        wanted: Position,
    ) -> Result<(), CheckError> {
        while let Stage::Level(position) = *stage
            && position < wanted
        {
            let events = shared.history.log().after(position, PAGE_EVENTS).await?;
            let Some(last) = events.last() else { return Ok(()) };
            let reached = last.position;
            let mut changes = Vec::new();
            for event in events.iter().filter(|event| self.is_about_a_task(event)) {
                let task = shared.history.tasks().after(event).await?;
                changes.push((task.id, Document::of(&task)));
            }
            self.apply(changes);
            *stage = Stage::Level(reached);
        }
        Ok(())
    }

    fn is_about_a_task(&self, event: &RecordedEvent) -> bool {
        event.stream.kind == KIND && event.stream.account == self.account.as_str()
    }

    fn apply(&self, changes: Vec<(TaskId, Option<Document>)>) {
        if !changes.is_empty() {
            self.write(|index| {
                changes.into_iter().for_each(|(task, document)| index.set(task, document));
            });
        }
    }

    fn give_up(&self, shared: &Shared, stage: &mut Stage) {
        *stage = Stage::TooLarge(Instant::now() + TOO_LARGE_FOR);
        self.write(|index| *index = Index::default());
        tracing::error!(
            account = %self.account,
            bytes_max = shared.bytes_max,
            "the open tasks of an account are too many to be compared: \
             raise BATON_DUPLICATES_MEMORY_MB"
        );
    }

    fn read<T>(&self, read: impl FnOnce(&Index) -> T) -> T {
        read(&self.index.read().expect(UNPOISONED))
    }

    fn write(&self, write: impl FnOnce(&mut Index)) {
        write(&mut self.index.write().expect(UNPOISONED));
    }
}
