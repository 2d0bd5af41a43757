//! Folds the log from its beginning into empty tables: pages are read ahead, documents are
//! gathered in memory and written many at a time, what is derived from them comes last.

use baton_log::{Log, PAGE_EVENTS_MAX, Position, ReadError, RecordedEvent};
use deadpool_postgres::Pool;
use tokio::sync::mpsc;

use crate::batch::{Batch, Document, Extent, Key};
use crate::error::RebuildError;
use crate::scope;

/// Documents that are gathered before they are written.
const CHUNK_DOCUMENTS_MAX: usize = 10_000;
/// Bytes of payloads that are gathered before they are written.
const CHUNK_PAYLOAD_BYTES_MAX: usize = 32 * 1024 * 1024;
/// Pages that are read ahead.
const PAGES_AHEAD_MAX: usize = 4;

type Page = Result<Vec<RecordedEvent>, ReadError>;

/// Fills the empty tables of `schema` with the documents of all events up to a position.
pub(crate) async fn fill<S: Document>(
    log: &Log,
    pool: &Pool,
    schema: &str,
    up_to: Position,
) -> Result<Position, RebuildError> {
    let mut pages = read_ahead(log.clone(), up_to);
    let mut filled = 0;
    while filled < up_to {
        filled = fill_chunk::<S>(&mut pages, pool, schema, filled).await?;
        tracing::debug!(kind = S::KIND, filled, up_to, "filling");
        if pages.is_closed() && pages.is_empty() && filled < up_to {
            return Err(RebuildError::LogTooShort { head: filled, checkpoint: up_to });
        }
    }
    derive::<S>(pool, schema).await?;
    Ok(filled)
}

/// Reads pages in order until the position is reached, or nobody wants them any more.
fn read_ahead(log: Log, up_to: Position) -> mpsc::Receiver<Page> {
    let (send, receive) = mpsc::channel(PAGES_AHEAD_MAX);
    tokio::spawn(async move {
        let mut after = 0;
        while after < up_to {
            let page = log.after(after, PAGE_EVENTS_MAX.min(up_to - after)).await;
            let last = page.as_ref().ok().and_then(|events| events.last());
            let Some(last) = last.map(|event| event.position) else {
                // A failure, or the end of the log: whoever fills will say so.
                let _ended = send.send(page).await;
                return;
            };
            if send.send(page).await.is_err() {
                return;
            }
            after = last;
        }
    });
    receive
}

async fn fill_chunk<S: Document>(
    pages: &mut mpsc::Receiver<Page>,
    pool: &Pool,
    schema: &str,
    filled: Position,
) -> Result<Position, RebuildError> {
    let failed = RebuildError::statement("fill the tables of the model being rebuilt");
    let apply = |cause| RebuildError::Apply { after: filled, cause };
    let mut client = pool.get().await.map_err(RebuildError::Pool)?;
    let transaction = client.transaction().await.map_err(failed)?;
    scope::building(&transaction, schema).await.map_err(failed)?;
    scope::probing(&transaction, schema).await.map_err(failed)?;
    let mut batch = Batch::<S>::new();
    let mut position = filled;
    while batch.len() < CHUNK_DOCUMENTS_MAX && batch.payload_bytes() < CHUNK_PAYLOAD_BYTES_MAX {
        let Some(page) = pages.recv().await else { break };
        let events = page?;
        batch.absorb(&transaction, &events).await.map_err(apply)?;
        position = events.last().map_or(position, |event| event.position);
    }
    S::save(&transaction, &batch.into_changes(), Extent::Documents).await.map_err(apply)?;
    transaction.commit().await.map_err(failed)?;
    Ok(position)
}

async fn derive<S: Document>(pool: &Pool, schema: &str) -> Result<(), RebuildError> {
    let failed = RebuildError::statement("fill the tables of the model being rebuilt");
    let mut next = Some(Key::default());
    while let Some(after) = next {
        let mut client = pool.get().await.map_err(RebuildError::Pool)?;
        let transaction = client.transaction().await.map_err(failed)?;
        scope::building(&transaction, schema).await.map_err(failed)?;
        scope::probing(&transaction, schema).await.map_err(failed)?;
        let derived = S::derive_after(&transaction, &after).await;
        next = derived.map_err(RebuildError::Derive)?;
        transaction.commit().await.map_err(failed)?;
    }
    Ok(())
}
