//! Reads of one account's events by their place in the account, for those who fold all of them up
//! to a moment.
//!
//! A moment is found by halving, in the index of the account, and a page costs what it holds.
//! Nothing here knows what an event means.

use std::pin::pin;

use futures_util::TryStreamExt;
use jiff::Timestamp;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use crate::error::ReadError;
use crate::event::{Position, RecordedEvent};
use crate::log::Log;
use crate::page::PAGE_BYTES_MAX;
use crate::read::{PAGE_EVENTS_MAX, prepared, recorded};

const READ_ACCOUNT_PLACE: &str = include_str!("sql/read_account_place.sql");
const READ_OF_ACCOUNT: &str = include_str!("sql/read_of_account.sql");

/// Where an event is: in its account, in the log, in time. Each rises with the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Which of the account's events it is, from 1.
    pub account_seq: i64,
    /// Which of all events.
    pub position: Position,
    /// When it was recorded.
    pub recorded_at: Timestamp,
}

impl Log {
    /// Where the account's last event is that is neither above `position` nor later than `time`;
    /// what is none does not bound. None where there is no such event.
    pub async fn account_place(
        &self,
        account: &str,
        position: Option<Position>,
        time: Option<Timestamp>,
    ) -> Result<Option<Place>, ReadError> {
        let (client, statement) = prepared(self.pool(), READ_ACCOUNT_PLACE).await?;
        let row = client.query_opt(&statement, &[&account, &position, &time]).await;
        row.map_err(ReadError::Query)?.map(|row| place(&row)).transpose().map_err(ReadError::Query)
    }

    /// The account's next events after its `after`th, none beyond its `up_to`th, in order: at
    /// most [`PAGE_EVENTS_MAX`], and no more once they take [`PAGE_BYTES_MAX`]. Empty at the end
    /// alone.
    pub async fn of_account_after(
        &self,
        account: &str,
        after: i64,
        up_to: i64,
    ) -> Result<Vec<RecordedEvent>, ReadError> {
        let (client, statement) = prepared(self.pool(), READ_OF_ACCOUNT).await?;
        let parameters: [&(dyn ToSql + Sync); 4] = [&account, &after, &up_to, &PAGE_EVENTS_MAX];
        let rows = client.query_raw(&statement, parameters).await.map_err(ReadError::Query)?;
        let mut rows = pin!(rows);
        let (mut events, mut bytes) = (Vec::new(), 0);
        // One row after another, so that no more of them are in memory than belong to the page.
        while bytes < PAGE_BYTES_MAX
            && let Some(row) = rows.try_next().await.map_err(ReadError::Query)?
        {
            let event = recorded(&row).map_err(ReadError::Query)?;
            bytes += event.payload.len();
            events.push(event);
        }
        Ok(events)
    }
}

fn place(row: &Row) -> Result<Place, tokio_postgres::Error> {
    Ok(Place {
        account_seq: row.try_get("account_seq")?,
        position: row.try_get("position")?,
        recorded_at: row.try_get("recorded_at")?,
    })
}
