//! The table of what waits for a moment, as of the checkpoint.

use std::collections::BTreeSet;

use baton_domain::{AccountId, RecurrenceId, TaskId, Timestamp};
use baton_feed::{Cause, HandleError, Transaction};
use deadpool_postgres::Pool;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;
use uuid::Uuid;

const SAVE: &str = include_str!("sql/save.sql");
const FORGET: &str = include_str!("sql/forget.sql");
const READ_DUE: &str = include_str!("sql/read_due.sql");
const READ_KNOWN: &str = include_str!("sql/read_known.sql");
const HAS_REMINDERS: &str = include_str!("sql/has_reminders.sql");

/// Rows that are read at once.
pub(crate) const PAGE_ROWS: i64 = 256;
/// No moment is before the year 0, of which this is the first one.
const FIRST_MOMENT_MS: i64 = -62_167_219_200_000;

/// What may be due.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Matter {
    /// The next occurrence of a recurrence.
    Recurrence(RecurrenceId),
    /// The reminder of a task.
    Reminder(TaskId),
}

impl Matter {
    /// The word for its kind.
    pub(crate) fn kind(self) -> &'static str {
        match self {
            Self::Recurrence(_) => "recurrence",
            Self::Reminder(_) => "reminder",
        }
    }

    /// Its id, which is unique among those of its kind.
    pub(crate) fn id(self) -> Uuid {
        match self {
            Self::Recurrence(id) => id.0,
            Self::Reminder(id) => id.0,
        }
    }

    fn of(kind: &str, id: Uuid) -> Self {
        match kind {
            "recurrence" => Self::Recurrence(RecurrenceId(id)),
            // The table takes no third word.
            _ => Self::Reminder(TaskId(id)),
        }
    }
}

/// A matter within its account.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Place {
    pub(crate) account: AccountId,
    pub(crate) matter: Matter,
}

/// What a matter waits for after an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Waits {
    /// For this moment.
    Until(Timestamp),
    /// For an event that lets it wait again.
    Idle,
    /// For nothing any more.
    Gone,
}

impl Waits {
    /// The moment, if it waits for one.
    fn until(self) -> Option<jiff::Timestamp> {
        match self {
            Self::Until(moment) => Some(moment.to_jiff()),
            Self::Idle | Self::Gone => None,
        }
    }
}

/// What the table is to say from an event on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) place: Place,
    pub(crate) waits: Waits,
    /// The event, and the request that it came from.
    pub(crate) event_id: Uuid,
    pub(crate) correlation_id: Uuid,
}

/// A matter that waits for a moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Due {
    pub(crate) place: Place,
    pub(crate) due_at: Timestamp,
    /// The event because of which it is due then, and the request that it came from.
    pub(crate) event_id: Uuid,
    pub(crate) correlation_id: Uuid,
}

/// What waits, earliest first: one page behind `last`, or the first one.
pub(crate) async fn page(pool: &Pool, last: Option<&Due>) -> Result<Vec<Due>, HandleError> {
    let first = Timestamp::from_millis(FIRST_MOMENT_MS).unwrap_or_default();
    let due_at = last.map_or(first, |due| due.due_at).to_jiff();
    let account = last.map_or("", |due| due.place.account.as_str());
    let kind = last.map_or("", |due| due.place.matter.kind());
    let id = last.map_or(Uuid::nil(), |due| due.place.matter.id());
    let parameters: [&(dyn ToSql + Sync); 5] = [&due_at, &account, &kind, &id, &PAGE_ROWS];
    let rows = read(pool, READ_DUE, &parameters).await?;
    rows.iter().map(due).collect()
}

fn account(row: &Row) -> Result<AccountId, HandleError> {
    let name: &str = row.try_get("account_id")?;
    name.parse::<AccountId>().map_err(|cause| unread(cause.into()))
}

fn due(row: &Row) -> Result<Due, HandleError> {
    let account = account(row)?;
    let due_at: jiff::Timestamp = row.try_get("due_at")?;
    let matter = Matter::of(row.try_get("kind")?, row.try_get("id")?);
    Ok(Due {
        place: Place { account, matter },
        due_at: due_at.into(),
        event_id: row.try_get("event_id")?,
        correlation_id: row.try_get("correlation_id")?,
    })
}

/// Those of these tasks that have a reminder in the table.
pub(crate) async fn known(
    pool: &Pool,
    tasks: &[(AccountId, TaskId)],
) -> Result<BTreeSet<Place>, HandleError> {
    if tasks.is_empty() {
        return Ok(BTreeSet::new());
    }
    let accounts: Vec<&str> = tasks.iter().map(|(account, _)| account.as_str()).collect();
    let ids: Vec<Uuid> = tasks.iter().map(|(_, task)| task.0).collect();
    let rows = read(pool, READ_KNOWN, &[&accounts, &ids]).await?;
    rows.iter().map(reminder).collect()
}

fn reminder(row: &Row) -> Result<Place, HandleError> {
    let matter = Matter::Reminder(TaskId(row.try_get("id")?));
    Ok(Place { account: account(row)?, matter })
}

/// Whether the table has any reminder.
pub(crate) async fn has_reminders(pool: &Pool) -> Result<bool, HandleError> {
    let rows = read(pool, HAS_REMINDERS, &[]).await?;
    match rows.first() {
        Some(row) => Ok(row.try_get("found")?),
        None => Ok(false),
    }
}

/// Writes what the table is to say, each place once.
pub(crate) async fn save(
    transaction: &Transaction<'_>,
    entries: &[Entry],
) -> Result<(), HandleError> {
    let (gone, kept): (Vec<&Entry>, Vec<&Entry>) =
        entries.iter().partition(|entry| entry.waits == Waits::Gone);
    if !gone.is_empty() {
        let Places { accounts, kinds, ids } = Places::of(&gone);
        let forget = transaction.prepare_cached(FORGET).await?;
        transaction.execute(&forget, &[&accounts, &kinds, &ids]).await?;
    }
    if !kept.is_empty() {
        let Places { accounts, kinds, ids } = Places::of(&kept);
        let moments: Vec<_> = kept.iter().map(|entry| entry.waits.until()).collect();
        let events: Vec<Uuid> = kept.iter().map(|entry| entry.event_id).collect();
        let requests: Vec<Uuid> = kept.iter().map(|entry| entry.correlation_id).collect();
        let save = transaction.prepare_cached(SAVE).await?;
        let parameters: [&(dyn ToSql + Sync); 6] =
            [&accounts, &kinds, &ids, &moments, &events, &requests];
        transaction.execute(&save, &parameters).await?;
    }
    Ok(())
}

/// Places, column by column.
struct Places<'a> {
    accounts: Vec<&'a str>,
    kinds: Vec<&'static str>,
    ids: Vec<Uuid>,
}

impl<'a> Places<'a> {
    fn of(entries: &[&'a Entry]) -> Self {
        Self {
            accounts: entries.iter().map(|entry| entry.place.account.as_str()).collect(),
            kinds: entries.iter().map(|entry| entry.place.matter.kind()).collect(),
            ids: entries.iter().map(|entry| entry.place.matter.id()).collect(),
        }
    }
}

async fn read(
    pool: &Pool,
    sql: &str,
    parameters: &[&(dyn ToSql + Sync)],
) -> Result<Vec<Row>, HandleError> {
    let client = pool.get().await.map_err(|cause| unread(cause.into()))?;
    let statement = client.prepare_cached(sql).await.map_err(|cause| unread(cause.into()))?;
    client.query(&statement, parameters).await.map_err(|cause| unread(cause.into()))
}

fn unread(cause: Cause) -> HandleError {
    HandleError::unavailable("cannot read what is due", cause)
}
