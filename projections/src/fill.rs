//! Folds the log from its beginning into empty tables: pages are read ahead, documents are
//! gathered in memory, and written many at a time while the next are folded: most of them once,
//! when they will hardly change any more.

use baton_feed::HandleError;
use baton_history::History;
use baton_log::{Log, Position, ReadError, RecordedEvent, Wanted};
use deadpool_postgres::Pool;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::batch::{Batch, Change, Document};
use crate::error::RebuildError;
use crate::rows::Rows;
use crate::scope;
use crate::statement::Tables;

/// Documents that are gathered in memory.
const DOCUMENTS_MAX: usize = 20_000;
/// Documents that stay there when the others are written, because they may change again.
const DOCUMENTS_LEFT_MAX: usize = 10_000;
/// Bytes of payloads that are gathered in memory.
const PAYLOAD_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Pages that are read ahead.
const PAGES_AHEAD_MAX: usize = 4;

/// Events, and the position that they reach to.
type Page = Result<(Vec<RecordedEvent>, Position), ReadError>;

/// Fills the empty tables of `schema` with the documents of all events up to a position.
pub(crate) async fn fill<S: Document>(
    log: &Log,
    pool: &Pool,
    schema: &'static str,
    up_to: Position,
) -> Result<Position, RebuildError> {
    must_reach(log, up_to).await?;
    let mut pages = read_ahead(log.clone(), (S::KIND, None), up_to);
    let mut filling = Filling::<S>::new(pool.clone(), schema);
    while let Some(page) = pages.recv().await {
        let (events, reached) = page?;
        filling.absorb(&events).await?;
        filling.filled = reached;
    }
    filling.finish().await
}

/// Fills the empty tables of `schema` with the rows of all events up to a position.
pub(crate) async fn fill_rows<R: Rows>(
    history: &History,
    pool: &Pool,
    schema: &'static str,
    up_to: Position,
) -> Result<Position, RebuildError> {
    let log = history.log();
    must_reach(log, up_to).await?;
    let mut pages = read_ahead(log.clone(), (R::KIND, Some(R::EFFECTIVE)), up_to);
    let mut filled = 0;
    while let Some(page) = pages.recv().await {
        let (events, reached) = page?;
        if !events.is_empty() {
            let events: Vec<&RecordedEvent> = events.iter().collect();
            let written =
                fill_part(pool, schema, async |tables| R::write(tables, history, &events).await);
            written.await?.map_err(|cause| RebuildError::Apply { after: filled, cause })?;
        }
        filled = reached;
    }
    Ok(filled)
}

async fn must_reach(log: &Log, up_to: Position) -> Result<(), RebuildError> {
    let head = log.head().await?;
    match head < up_to {
        true => Err(RebuildError::LogTooShort { head, checkpoint: up_to }),
        false => Ok(()),
    }
}

/// Reads pages in order until the position is reached, or nobody wants them any more.
fn read_ahead(
    log: Log,
    (kind, wanted): (&'static str, Option<&'static [Wanted]>),
    up_to: Position,
) -> mpsc::Receiver<Page> {
    let (send, receive) = mpsc::channel(PAGES_AHEAD_MAX);
    tokio::spawn(async move {
        let mut after = 0;
        while after < up_to {
            let page = log.of_kind_after(kind, wanted, after, up_to).await;
            let reached = page.as_ref().ok().map(|(_, reached)| *reached);
            // A failure is the last that is said.
            let is_sent = send.send(page).await.is_ok();
            let Some(reached) = reached.filter(|_| is_sent) else { return };
            after = reached;
        }
    });
    receive
}

/// Documents in memory, and those on their way into the tables.
struct Filling<S: Document> {
    pool: Pool,
    schema: &'static str,
    /// Everything up to here is folded.
    filled: Position,
    batch: Batch<S>,
    /// At most one.
    writing: JoinSet<Result<(), RebuildError>>,
}

impl<S: Document> Filling<S> {
    fn new(pool: Pool, schema: &'static str) -> Self {
        Self { pool, schema, filled: 0, batch: Batch::new(), writing: JoinSet::new() }
    }

    async fn absorb(&mut self, page: &[RecordedEvent]) -> Result<(), RebuildError> {
        let after = self.filled;
        let apply = |cause| RebuildError::Apply { after, cause };
        let events = Batch::<S>::keyed(page).map_err(apply)?;
        if self.batch.lacks(&events) {
            // They were written, or are about to be.
            self.written().await?;
            let mut client = self.pool.get().await.map_err(RebuildError::Pool)?;
            let transaction = client.transaction().await.map_err(failed)?;
            scope::probing(&transaction).await.map_err(failed)?;
            let tables = Tables::new(&transaction, self.schema);
            self.batch.load(tables, &events).await.map_err(apply)?;
            transaction.commit().await.map_err(failed)?;
        }
        self.batch.fold(events).map_err(apply)?;
        if self.is_full() {
            let settled = self.batch.settled(DOCUMENTS_LEFT_MAX);
            // One very large document after the other is no reason to keep any.
            let rest = if self.is_full() { self.batch.settled(0) } else { Vec::new() };
            for changes in [settled, rest] {
                self.write(changes).await?;
            }
        }
        Ok(())
    }

    fn is_full(&self) -> bool {
        self.batch.len() > DOCUMENTS_MAX || self.batch.payload_bytes() > PAYLOAD_BYTES_MAX
    }

    /// Has these written, after the ones before.
    async fn write(&mut self, changes: Vec<Change<S>>) -> Result<(), RebuildError> {
        self.written().await?;
        if !changes.is_empty() {
            let (pool, schema, after) = (self.pool.clone(), self.schema, self.filled);
            self.writing.spawn(async move {
                // Two connections: the database fills one table as fast as one processor can.
                let (documents, derived) = tokio::join!(
                    fill_part(&pool, schema, async |tables| S::fill(tables, &changes).await),
                    fill_part(&pool, schema, async |tables| S::fill_derived(tables, &changes)
                        .await),
                );
                let apply = |cause| RebuildError::Apply { after, cause };
                documents?.and(derived?).map_err(apply)
            });
        }
        Ok(())
    }

    /// Waits until nothing is on its way.
    async fn written(&mut self) -> Result<(), RebuildError> {
        while let Some(written) = self.writing.join_next().await {
            written.expect("nobody cancels it, and its panic is this task's")?;
        }
        Ok(())
    }

    async fn finish(mut self) -> Result<Position, RebuildError> {
        let rest = self.batch.settled(0);
        self.write(rest).await?;
        self.written().await?;
        let mut client = self.pool.get().await.map_err(RebuildError::Pool)?;
        let transaction = client.transaction().await.map_err(failed)?;
        scope::building(&transaction, self.schema).await.map_err(failed)?;
        let finished = S::finish(Tables::new(&transaction, self.schema)).await;
        finished.map_err(RebuildError::Derive)?;
        transaction.commit().await.map_err(failed)?;
        Ok(self.filled)
    }
}

/// Fills tables in a transaction of its own.
async fn fill_part(
    pool: &Pool,
    schema: &'static str,
    fill: impl AsyncFnOnce(Tables<'_>) -> Result<(), HandleError>,
) -> Result<Result<(), HandleError>, RebuildError> {
    let mut client = pool.get().await.map_err(RebuildError::Pool)?;
    let transaction = client.transaction().await.map_err(failed)?;
    scope::filling(&transaction).await.map_err(failed)?;
    let filled = fill(Tables::new(&transaction, schema)).await;
    if filled.is_ok() {
        transaction.commit().await.map_err(failed)?;
    }
    Ok(filled)
}

fn failed(cause: tokio_postgres::Error) -> RebuildError {
    RebuildError::Statement { action: "fill the tables of the model being rebuilt", cause }
}
