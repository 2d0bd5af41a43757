//! The log of a database held against checkpoints: pages of it read side by side, hashed on all
//! cores, and checked in their order.
//!
//! Reads in short statements, so that nothing is held back in a database at work. Must not write.

use deadpool_postgres::{Object, Pool};
use futures_util::{Stream, TryStreamExt, stream};
use tokio_postgres::Row;
use uuid::Uuid;

use crate::{
    anchors::Anchors,
    error::AuditError,
    fault::{FaultKind, Report},
    log_check::{LogCheck, OtherTree},
    row::{self, Checked, Marks},
};

/// Events that one statement reads.
const PAGE_EVENTS: i64 = 8_192;
/// Pages that are read, hashed or wait for their turn.
const PAGES_AT_ONCE: usize = 8;

const READ_BOUND: &str = include_str!("sql/read_bound.sql");
const READ_LOG: &str = include_str!("sql/read_log.sql");
const READ_NODES: &str = include_str!("sql/read_nodes.sql");
const READ_LOG_ID: &str = include_str!("sql/read_log_id.sql");

/// What a row is, or at which position it is unreadable, and why.
type Read = Result<Checked, (i64, String)>;

/// Verifies the whole log. `is_whole` says that the checkpoints are all that there are, so that an
/// account without one is a fault.
///
/// # Errors
/// The database cannot be read.
pub async fn verify_log(
    pool: &Pool,
    anchors: Anchors,
    is_whole: bool,
) -> Result<Report, AuditError> {
    let client = pool.get().await.map_err(AuditError::Pool)?;
    let signed_log = anchors.log_id;
    let mut check = LogCheck::new(anchors, is_whole);
    let marks = Marks::default();
    let pages = bounds(&client).map_ok(|bounds| {
        let page = tokio::spawn(page(pool.clone(), bounds, marks.clone()));
        async { page.await.expect("reading a page neither panics nor is cancelled") }
    });
    let mut pages = std::pin::pin!(pages.try_buffered(PAGES_AT_ONCE));
    while let Some(page) = pages.try_next().await? {
        page.into_iter().for_each(|row| check.push(row));
    }
    check.end();
    for other in &mut check.other_trees {
        other.hint = hint(&client, other).await?;
    }
    let mut report = check.finish();
    if let Some(signed) = signed_log {
        let own = log_id(&client).await?;
        if own.is_some_and(|own| own != signed) {
            let what = format!("the checkpoints are of the log {signed}, not of this one");
            report.fault(None, FaultKind::File { what });
        }
    }
    Ok(report)
}

/// Positions after which pages of the log begin, and those with which they end. The last ends with
/// the log.
fn bounds(client: &Object) -> impl Stream<Item = Result<(i64, i64), AuditError>> + '_ {
    stream::try_unfold(Some(i64::MIN), async |after| {
        let Some(after) = after else { return Ok(None) };
        let statement = client.prepare_cached(READ_BOUND).await?;
        let last = client.query_opt(&statement, &[&after, &(PAGE_EVENTS - 1)]).await?;
        let last: Option<i64> = last.map(|row| row.try_get(0)).transpose()?;
        Ok(Some(((after, last.unwrap_or(i64::MAX)), last)))
    })
}

/// One page, read and hashed.
async fn page(pool: Pool, bounds: (i64, i64), marks: Marks) -> Result<Vec<Read>, AuditError> {
    let rows = {
        let client = pool.get().await.map_err(AuditError::Pool)?;
        let statement = client.prepare_cached(READ_LOG).await?;
        client.query(&statement, &[&bounds.0, &bounds.1]).await?
    };
    let hashed = tokio::task::spawn_blocking(move || hash(&rows, &marks));
    Ok(hashed.await.expect("hashing neither panics nor is cancelled"))
}

fn hash(rows: &[Row], marks: &Marks) -> Vec<Read> {
    let read = |row: &Row| match row::event(row) {
        Ok(event) => Ok(row::check(event, marks)),
        Err(cause) => Err((row.try_get(0).unwrap_or_default(), cause)),
    };
    rows.iter().map(read).collect()
}

/// Where the subtrees that the ledger keeps are first others than what the events make.
async fn hint(client: &Object, other: &OtherTree) -> Result<Option<(i64, i64)>, AuditError> {
    let (Some(first), Some(last)) = (other.kept.first(), other.kept.last()) else {
        return Ok(None);
    };
    let number = |index: u64| i64::try_from(index).unwrap_or(i64::MAX);
    let (from, to) = (number(first.index), number(last.index + 1));
    let statement = client.prepare_cached(READ_NODES).await?;
    let rows = client.query(&statement, &[&other.account, &from, &to]).await?;
    let (mut kept, mut same_to) = (other.kept.iter(), other.from);
    for row in &rows {
        let (index, hash): (i64, &[u8]) = (row.try_get(0)?, row.try_get(1)?);
        let Some(computed) = kept.find(|kept| number(kept.index) == index) else { break };
        if hash != computed.hash {
            return Ok(Some((computed.from, computed.to)));
        }
        same_to = computed.to;
    }
    Ok((same_to > other.from).then_some((same_to, other.to)))
}

/// The log's own id; none where the ledger has none yet.
async fn log_id(client: &Object) -> Result<Option<Uuid>, AuditError> {
    let statement = client.prepare_cached(READ_LOG_ID).await?;
    let row = client.query_opt(&statement, &[]).await?;
    Ok(row.map(|row| row.try_get(0)).transpose()?)
}
