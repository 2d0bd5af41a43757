//! Reads of the log: bounded pages through the pool. Nothing here waits, writes or interprets.

use std::time::Duration;

use deadpool_postgres::{Object, Pool};
use tokio_postgres::types::ToSql;
use tokio_postgres::{Row, Statement};

use crate::append::Replay;
use crate::error::ReadError;
use crate::event::{Position, RecordedEvent, StreamId};
use crate::log::Log;

/// Events that one statement returns at most.
pub const PAGE_EVENTS_MAX: i64 = 1_000;

const READ_STREAM: &str = include_str!("sql/read_stream.sql");
const READ_BEGINNINGS: &str = include_str!("sql/read_beginnings.sql");
const READ_VERSIONS: &str = include_str!("sql/read_versions.sql");
const READ_AFTER: &str = include_str!("sql/read_after.sql");
const READ_ACCOUNTS_AFTER: &str = include_str!("sql/read_accounts_after.sql");
const READ_HEAD: &str = include_str!("sql/read_head.sql");
const READ_ACCOUNT_HEAD: &str = include_str!("sql/read_account_head.sql");
const READ_KEY: &str = include_str!("sql/read_key.sql");
const FORGET_KEYS: &str = include_str!("sql/forget_keys.sql");

/// How far a stream is read. Every cut includes the event it names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// To its end.
    Head,
    /// To this version of the stream.
    Version(i64),
    /// To this position of the log.
    Position(Position),
}

impl Log {
    /// The stream's events above `after_version` and up to the cut, in order.
    pub async fn stream(
        &self,
        stream: &StreamId,
        after_version: i64,
        cut: Cut,
    ) -> Result<Vec<RecordedEvent>, ReadError> {
        let (version_max, position_max) = match cut {
            Cut::Head => (i64::MAX, i64::MAX),
            Cut::Version(version) => (version, i64::MAX),
            Cut::Position(position) => (i64::MAX, position),
        };
        let (client, statement) = prepared(self.pool(), READ_STREAM).await?;
        let mut events: Vec<RecordedEvent> = Vec::new();
        loop {
            let after = events.last().map_or(after_version, |event| event.version);
            let parameters: [&(dyn ToSql + Sync); 7] = [
                &stream.account,
                &stream.kind,
                &stream.id,
                &after,
                &version_max,
                &position_max,
                &PAGE_EVENTS_MAX,
            ];
            if page(&client, &statement, &parameters, &mut events).await? < PAGE_EVENTS_MAX {
                return Ok(events);
            }
        }
    }

    /// The first events of each of these streams, at most `limit` of each, stream by stream.
    pub async fn beginnings(
        &self,
        streams: &[StreamId],
        limit: usize,
    ) -> Result<Vec<RecordedEvent>, ReadError> {
        let (client, statement) = prepared(self.pool(), READ_BEGINNINGS).await?;
        let [accounts, kinds, ids] = names(streams);
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let mut events = Vec::new();
        page(&client, &statement, &[&accounts, &kinds, &ids, &limit], &mut events).await?;
        Ok(events)
    }

    /// The version each stream is at, in the order asked; 0 for a stream that does not exist.
    pub async fn versions(&self, streams: &[StreamId]) -> Result<Vec<i64>, ReadError> {
        let (client, statement) = prepared(self.pool(), READ_VERSIONS).await?;
        let [accounts, kinds, ids] = names(streams);
        let rows = client.query(&statement, &[&accounts, &kinds, &ids]).await;
        rows.map_err(ReadError::Query)?
            .iter()
            .map(|row| row.try_get("version").map_err(ReadError::Query))
            .collect()
    }

    /// The events above a position, in order: at most `limit`, and at most [`PAGE_EVENTS_MAX`].
    ///
    /// What this process committed last comes out of its memory, everything else from Postgres.
    /// So fewer events than `limit` do not mean the end of the log: other processes may have
    /// committed more. But a short answer has all that [`Log::wake`] had spoken of before the
    /// call; whoever looks at it before the read, and waits for its next change after a short
    /// answer, misses nothing that is heard of. An empty answer always comes from Postgres.
    pub async fn after(
        &self,
        position: Position,
        limit: i64,
    ) -> Result<Vec<RecordedEvent>, ReadError> {
        let limit = limit.clamp(0, PAGE_EVENTS_MAX);
        if let Some(events) = self.recent(position, limit) {
            return Ok(events);
        }
        let (client, statement) = prepared(self.pool(), READ_AFTER).await?;
        let mut events = Vec::new();
        page(&client, &statement, &[&position, &limit], &mut events).await?;
        Ok(events)
    }

    /// All events of streams of kind `account` above a position, in order.
    pub async fn accounts_after(
        &self,
        position: Position,
    ) -> Result<Vec<RecordedEvent>, ReadError> {
        let (client, statement) = prepared(self.pool(), READ_ACCOUNTS_AFTER).await?;
        let mut events: Vec<RecordedEvent> = Vec::new();
        loop {
            let after = events.last().map_or(position, |event| event.position);
            let read = page(&client, &statement, &[&after, &PAGE_EVENTS_MAX], &mut events).await?;
            if read < PAGE_EVENTS_MAX {
                return Ok(events);
            }
        }
    }

    /// The position of the last event; 0 while there is none.
    pub async fn head(&self) -> Result<Position, ReadError> {
        head(self.pool()).await
    }

    /// The account's last `account_seq` and that event's position; zeros while there is none.
    pub async fn account_head(&self, account: &str) -> Result<(i64, Position), ReadError> {
        let (client, statement) = prepared(self.pool(), READ_ACCOUNT_HEAD).await?;
        let row = client.query_opt(&statement, &[&account]).await.map_err(ReadError::Query)?;
        row.map_or(Ok((0, 0)), |row| Ok((row.try_get("account_seq")?, row.try_get("position")?)))
            .map_err(ReadError::Query)
    }

    /// What is stored under an idempotency key of the last 24 hours: request hash and answer.
    pub async fn key(
        &self,
        account: &str,
        credential: &str,
        key: &str,
    ) -> Result<Option<([u8; 32], Replay)>, ReadError> {
        let (client, statement) = prepared(self.pool(), READ_KEY).await?;
        let row = client.query_opt(&statement, &[&account, &credential, &key]).await;
        row.map_err(ReadError::Query)?
            .map(|row| Ok((bytes32(&row, "request_hash")?, replay(account, &row)?)))
            .transpose()
            .map_err(ReadError::Query)
    }

    /// Deletes idempotency keys that are older than this, and older than the 24 hours for which
    /// they count, and says how many.
    pub async fn forget_keys(&self, kept_for: Duration) -> Result<u64, ReadError> {
        let (client, statement) = prepared(self.pool(), FORGET_KEYS).await?;
        let seconds = kept_for.as_secs_f64();
        client.execute(&statement, &[&seconds]).await.map_err(ReadError::Query)
    }
}

/// The head, also before there is a [`Log`].
pub(crate) async fn head(pool: &Pool) -> Result<Position, ReadError> {
    let (client, statement) = prepared(pool, READ_HEAD).await?;
    let row = client.query_opt(&statement, &[]).await.map_err(ReadError::Query)?;
    row.map_or(Ok(0), |row| row.try_get("position")).map_err(ReadError::Query)
}

/// A stored answer, from a row of the key table.
fn replay(account: &str, row: &Row) -> Result<Replay, tokio_postgres::Error> {
    Ok(Replay {
        subject: StreamId {
            account: account.to_owned(),
            kind: row.try_get("stream_kind")?,
            id: row.try_get("stream_id")?,
        },
        subject_version: row.try_get("version")?,
        position: row.try_get("position")?,
        recorded_at: row.try_get("recorded_at")?,
        sealed: row.try_get("sealed")?,
    })
}

/// Accounts, kinds and ids of streams.
fn names(streams: &[StreamId]) -> [Vec<&str>; 3] {
    let part = |of: fn(&StreamId) -> &str| streams.iter().map(of).collect();
    [part(|stream| &stream.account), part(|stream| &stream.kind), part(|stream| &stream.id)]
}

/// A connection, and the statement prepared on it.
pub(crate) async fn prepared(
    pool: &Pool,
    sql: &'static str,
) -> Result<(Object, Statement), ReadError> {
    let client = pool.get().await.map_err(ReadError::Pool)?;
    let statement = client.prepare_cached(sql).await.map_err(ReadError::Query)?;
    Ok((client, statement))
}

/// Appends one page to `events` and says how many it had.
async fn page(
    client: &Object,
    statement: &Statement,
    parameters: &[&(dyn ToSql + Sync)],
    events: &mut Vec<RecordedEvent>,
) -> Result<i64, ReadError> {
    let rows = client.query(statement, parameters).await.map_err(ReadError::Query)?;
    events.reserve(rows.len());
    for row in &rows {
        events.push(recorded(row).map_err(ReadError::Query)?);
    }
    Ok(i64::try_from(rows.len()).expect("a page is bounded"))
}

/// The event of a row.
pub(crate) fn recorded(row: &Row) -> Result<RecordedEvent, tokio_postgres::Error> {
    Ok(RecordedEvent {
        position: row.try_get("position")?,
        account_seq: row.try_get("account_seq")?,
        stream: StreamId {
            account: row.try_get("account_id")?,
            kind: row.try_get("stream_kind")?,
            id: row.try_get("stream_id")?,
        },
        version: row.try_get("version")?,
        event_id: row.try_get("event_id")?,
        event_type: row.try_get("event_type")?,
        schema_version: row.try_get("schema_version")?,
        payload: row.try_get("payload")?,
        actor: row.try_get("actor")?,
        correlation_id: row.try_get("correlation_id")?,
        causation_id: row.try_get("causation_id")?,
        recorded_at: row.try_get("recorded_at")?,
        content_hash: bytes32(row, "content_hash")?,
    })
}

/// A 32 byte column; the schema's CHECK makes any other length impossible.
pub(crate) fn bytes32(row: &Row, column: &str) -> Result<[u8; 32], tokio_postgres::Error> {
    let bytes: &[u8] = row.try_get(column)?;
    Ok(bytes.try_into().expect("the schema checks the length of hashes"))
}
