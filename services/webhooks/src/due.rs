//! Deliveries as they are planned: which bytes go to whom, and their rows.
//!
//! Shared by the planner and by backfills, so that an event leads to the same delivery whenever
//! it is planned. Must not: decide who gets an event, or send.

use baton_domain::stored::is_public;
use baton_domain::task;
use baton_domain::webhook::Webhook;
use baton_domain::{AccountId, WebhookId};
use baton_feed::{HandleError, Transaction};
use baton_history::Subject;
use baton_log::RecordedEvent;
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use crate::body::Content;
use crate::delivery::{Delivery, delivery_id, lane};
use crate::send::Letter;

const PLAN_DELIVERIES: &str = include_str!("sql/plan_deliveries.sql");

/// A planned delivery with what only its row says.
pub(crate) struct Due {
    pub(crate) account: AccountId,
    pub(crate) webhook: WebhookId,
    event_id: Uuid,
    /// The id of what the event is about.
    stream: String,
    pub(crate) delivery: Delivery,
}

/// Webhooks may hear of the event.
pub(crate) fn may_be_told(event: &RecordedEvent) -> bool {
    event.stream.kind == task::KIND && is_public(&event.event_type)
}

/// What the event tells those who hear of it.
pub(crate) fn content(
    event: &RecordedEvent,
    subject: &Subject,
) -> Result<Option<Content>, HandleError> {
    let Some(task) = subject.task_document() else { return Ok(None) };
    Content::new(event, subject, &task).map(Some).map_err(unreadable)
}

/// The delivery of an event to one of an account's webhooks.
pub(crate) fn due(
    account: &AccountId,
    webhook: &Webhook,
    event: &RecordedEvent,
    content: &Content,
) -> Result<Due, HandleError> {
    let id = delivery_id(webhook.id, event.event_id);
    let letter = Letter {
        id,
        event_type: event.event_type.clone(),
        body: content.body(id).map_err(unreadable)?,
    };
    let stream = event.stream.id.clone();
    let lane = lane(webhook.ordering, stream.clone());
    Ok(Due {
        account: account.clone(),
        webhook: webhook.id,
        event_id: event.event_id,
        stream,
        delivery: Delivery::new(letter, event.position, lane),
    })
}

/// Writes the rows, in the transaction that moves what plans them.
pub(crate) async fn insert(transaction: &Transaction<'_>, rows: &[Due]) -> Result<(), HandleError> {
    fn column<'a, T>(rows: &'a [Due], of: impl Fn(&'a Due) -> T) -> Vec<T> {
        rows.iter().map(of).collect()
    }
    if rows.is_empty() {
        return Ok(());
    }
    let bodies = rows.iter().map(|row| std::str::from_utf8(&row.delivery.letter.body));
    let bodies: Vec<&str> = bodies.collect::<Result<_, _>>().map_err(unreadable)?;
    let parameters: [&(dyn ToSql + Sync); 8] = [
        &column(rows, |row| row.delivery.letter.id),
        &column(rows, |row| row.account.as_str()),
        &column(rows, |row| row.webhook.0),
        &column(rows, |row| row.delivery.position),
        &column(rows, |row| row.event_id),
        &column(rows, |row| row.delivery.letter.event_type.as_str()),
        &column(rows, |row| row.stream.as_str()),
        &bodies,
    ];
    let statement = transaction.prepare_cached(PLAN_DELIVERIES).await?;
    transaction.execute(&statement, &parameters).await?;
    Ok(())
}

/// An event that leads nowhere as it is.
pub(crate) fn unreadable(cause: impl Into<baton_feed::Cause>) -> HandleError {
    HandleError::event("cannot plan the event's deliveries", cause)
}
