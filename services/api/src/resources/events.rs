//! The event feed: what happened, from any position, at once or as it happens.
//!
//! Events come from the log, not from a read model. Requests that wait hold no connection to the
//! database meanwhile.

use std::sync::Arc;

use baton_commands::Caller;
use baton_domain::{Right, task};
use baton_feed::{Batch, Listener};
use baton_log::{EventFilter, Scope, StreamId};
use poem::web::Data;
use poem_openapi::OpenApi;
use serde::Serialize;
use serde_json::value::RawValue;
use tokio::time::Instant;

use super::{
    Tag,
    event_flow::{Flow, flow},
    event_query::{EventQuery, EventStreamQuery, Wanted},
};
use crate::{
    answer::Rendered,
    caller::Read,
    event_stream::{EventStream, LastEventId},
    problem::Problem,
    query::Query,
    schema::EventPage,
    service::{Reader, Services},
};

#[derive(Default)]
pub(crate) struct EventsApi;

#[OpenApi(tag = "Tag::Events")]
impl EventsApi {
    /// List events
    ///
    /// Every event of the account in the order in which they happened, internal ones and those
    /// about agents and webhooks included: for the project token and for agents whose role is
    /// admin, coordinator or auditor. Others may ask for the events of a task that they may read,
    /// with `task`; any other task is 404 to them. Each item is the document that NATS has of the
    /// event; what is secret is withheld. Events about webhooks carry the webhook's URL. Ask again
    /// with `after` set to `next_after`; with `wait`, the answer comes when there is news.
    #[oai(path = "/events", method = "get", operation_id = "listEvents")]
    async fn list(
        &self,
        services: Data<&Arc<Services>>,
        call: Read<Caller>,
        query: Query<EventQuery>,
    ) -> Result<Rendered<EventPage>, Problem> {
        let EventQuery { wanted, after, limit, wait } = query.0;
        let Asked { scope, filter } = asked(&services, &call, &wanted).await?;
        if wait.is_zero() {
            return page(services.feed.read(&scope, &filter, after, limit).await?);
        }
        let deadline = Instant::now() + wait;
        let mut listener = services.feed.listen(scope.clone()).await?;
        let mut batch = services.feed.next(&listener, &filter, after, limit).await?;
        while batch.items.is_empty() && batch.is_level() && is_awaited(&listener, deadline) {
            listener.news(deadline).await;
            batch = services.feed.next(&listener, &filter, batch.next_after, limit).await?;
        }
        // Rights may have changed meanwhile, also at another node. A task that was deleted has had
        // its last event.
        reach_items(&services, &batch).await?;
        may_read(&services, &call.caller, &scope, Deleted::Readable).await?;
        page(batch)
    }

    /// Stream events
    ///
    /// The same events as Server-Sent Events, as they happen: `id` is the position, `event` the
    /// type, `data` the CloudEvents document. A client that was cut off goes on where it was by
    /// `Last-Event-ID`, which browsers send by themselves; without it and without `after` the
    /// stream begins with the next event. Comments every 15 seconds keep the connection alive.
    #[oai(path = "/events/stream", method = "get", operation_id = "streamEvents")]
    async fn stream(
        &self,
        services: Data<&Arc<Services>>,
        call: Read<Caller>,
        last_event_id: LastEventId,
        query: Query<EventStreamQuery>,
    ) -> Result<EventStream, Problem> {
        let EventStreamQuery { wanted, after } = query.0;
        let Asked { scope, filter } = asked(&services, &call, &wanted).await?;
        let listener = services.feed.listen(scope.clone()).await?;
        let after = match last_event_id.0.or(after) {
            Some(position) => position,
            None => services.feed.head(&scope).await?,
        };
        // What cannot be read at all is said before the stream begins.
        services.feed.read(&scope, &filter, after, 1).await?;
        let services = Arc::clone(&services);
        let caller = call.caller.clone();
        Ok(EventStream::of(flow(Flow::new(services, caller, listener, filter, after))))
    }
}

/// What a reader asked for and may have.
struct Asked {
    scope: Scope,
    filter: EventFilter,
}

async fn asked(
    services: &Services,
    call: &Read<Caller>,
    wanted: &Wanted,
) -> Result<Asked, Problem> {
    services.has_reached(call.min_position).await?;
    let account = call.caller.account.to_string();
    let scope = match &wanted.task {
        None => Scope::Account(account),
        Some(id) => {
            Scope::Stream(StreamId { account, kind: task::KIND.to_owned(), id: id.clone() })
        }
    };
    let reader = may_read(services, &call.caller, &scope, Deleted::Hidden).await?;
    Ok(Asked { scope, filter: wanted.filter(&call.caller, &reader.directory) })
}

/// Whether a deleted task still has events for those who read its tasks alone.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Deleted {
    Hidden,
    Readable,
}

/// Makes the directory know of everything that happened to the account before the last item.
pub(super) async fn reach_items(services: &Services, batch: &Batch) -> Result<(), Problem> {
    match batch.items.last() {
        Some(last) => Ok(services.commands.directory().reach(last.position).await?),
        None => Ok(()),
    }
}

/// The reader, if it may read the events of the scope.
pub(super) async fn may_read(
    services: &Services,
    caller: &Caller,
    scope: &Scope,
    deleted: Deleted,
) -> Result<Reader, Problem> {
    let reader = services.standing(caller)?;
    if reader.standing.may(Right::ReadAllEvents) {
        return Ok(reader);
    }
    let Scope::Stream(stream) = scope else {
        return Err(Problem::forbidden(
            "Only admins, coordinators, auditors and the project token may read all events; \
             others may ask for those of a task, with task=",
        ));
    };
    let task = services.feed.task(stream).await?.state;
    let is_there = task.is_alive() || deleted == Deleted::Readable;
    match is_there && task.is_readable_by(&reader.standing) {
        true => Ok(reader),
        false => Err(Problem::not_found("Task")),
    }
}

fn is_awaited(listener: &Listener, deadline: Instant) -> bool {
    !listener.is_over() && Instant::now() < deadline
}

/// The batch as a page.
pub(super) fn page(batch: Batch) -> Result<Rendered<EventPage>, Problem> {
    #[derive(Serialize)]
    struct PageDocument<'a> {
        items: Vec<&'a RawValue>,
        next_after: i64,
        head: i64,
    }
    let items: Result<Vec<&RawValue>, _> =
        batch.items.iter().map(|item| serde_json::from_slice(&item.document)).collect();
    let items = items.map_err(|cause| Problem::internal(&cause))?;
    Rendered::of(&PageDocument { items, next_after: batch.next_after, head: batch.head })
}
