//! What led to an event, and what it led to (protocol 1.18). From the log, not from a read model.
//!
//! Who reads all events sees all of it. Others see events of tasks that they may read, and a trace
//! ends where it leaves these.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use baton_commands::Caller;
use baton_domain::{
    Right,
    task::{self, Task},
};
use baton_feed::{FeedError, Item};
use baton_log::{Link, StreamId, Trace, TraceBounds, Traced};
use poem::web::Data;
use poem_openapi::OpenApi;
use serde::Serialize;
use serde_json::value::RawValue;
use uuid::Uuid;

use super::Tag;
use crate::{
    answer::Rendered,
    caller::Read,
    path::{Id, Path},
    problem::Problem,
    schema::EventTrace,
    service::{Reader, Services},
};

/// How much of a trace one answer has.
const BOUNDS: TraceBounds = TraceBounds { depth_max: 50, events_max: 200 };

#[derive(Default)]
pub(crate) struct CausalityApi;

#[OpenApi(tag = "Tag::Events")]
impl CausalityApi {
    /// Find out what led to an event
    ///
    /// The event that led to it, the one that led to that, and so on: the nearest first. An event
    /// that somebody asked for has no cause; `correlationid` names the request. For those who may
    /// read all events; others see events of tasks that they may read, and the trace ends where it
    /// leaves these. Events of more than 32 KiB are shortened: their `data` says `truncated`.
    #[oai(path = "/events/:id/causes", method = "get", operation_id = "getEventCauses")]
    async fn causes(
        &self,
        services: Data<&Arc<Services>>,
        call: Read<Caller>,
        id: Path<Id>,
    ) -> Result<Rendered<EventTrace>, Problem> {
        let (of, mut sight) = find(&services, &call, id.as_str()).await?;
        let log = services.commands.log();
        let Trace { events, is_cut } = log.causes(&of, BOUNDS).await.map_err(FeedError::Read)?;
        let mut seen = Vec::with_capacity(events.len());
        for traced in events {
            if !sight.reaches(&traced.link).await? {
                return rendered(&services, &of, &seen, false).await;
            }
            seen.push(traced);
        }
        rendered(&services, &of, &seen, is_cut).await
    }

    /// Find out what an event led to
    ///
    /// The events that it led to, what these led to, and so on, in the order of the log: each
    /// comes after the one that led to it, which its `causationid` names. Of more than 200, or
    /// more than 50 steps away, the nearest are there, and `truncated` is true; all of them carry
    /// the same `correlationid`. For those who may read all events; others see events of tasks that
    /// they may read, and the trace ends where it leaves these. Events of more than 32 KiB are
    /// shortened: their `data` says `truncated`.
    #[oai(path = "/events/:id/effects", method = "get", operation_id = "getEventEffects")]
    async fn effects(
        &self,
        services: Data<&Arc<Services>>,
        call: Read<Caller>,
        id: Path<Id>,
    ) -> Result<Rendered<EventTrace>, Problem> {
        let (of, mut sight) = find(&services, &call, id.as_str()).await?;
        let log = services.commands.log();
        let Trace { events, is_cut } = log.effects(&of, BOUNDS).await.map_err(FeedError::Read)?;
        let mut reached = HashSet::from([of.event_id]);
        let mut seen = Vec::with_capacity(events.len());
        for traced in events {
            let is_reached = traced.link.causation_id.is_some_and(|cause| reached.contains(&cause));
            if is_reached && sight.reaches(&traced.link).await? {
                reached.insert(traced.link.event_id);
                seen.push(traced);
            }
        }
        rendered(&services, &of, &seen, is_cut).await
    }
}

/// The event, if there is one for this caller; and what else the caller may see.
async fn find<'s>(
    services: &'s Services,
    call: &Read<Caller>,
    id: &str,
) -> Result<(Link, Sight<'s>), Problem> {
    let not_found = || Problem::not_found("Event");
    services.has_reached(call.min_position).await?;
    // One spelling each, as for every id.
    let id = Uuid::try_parse(id).ok().filter(|read| read.hyphenated().to_string() == id);
    let id = id.ok_or_else(not_found)?;
    let log = services.commands.log();
    let of = log.link(call.caller.account.as_str(), id).await.map_err(FeedError::Read)?;
    let of = of.ok_or_else(not_found)?;
    let reader = services.standing(&call.caller)?;
    let mut sight = Sight { services, reader, tasks: HashMap::new() };
    match sight.reaches(&of).await? {
        true => Ok((of, sight)),
        false => Err(not_found()),
    }
}

/// What a reader may see.
struct Sight<'s> {
    services: &'s Services,
    reader: Reader,
    /// Of tasks looked at before.
    tasks: HashMap<StreamId, bool>,
}

impl Sight<'_> {
    async fn reaches(&mut self, event: &Link) -> Result<bool, Problem> {
        let standing = &self.reader.standing;
        if standing.may(Right::ReadAllEvents) {
            return Ok(true);
        }
        if event.stream.kind != task::KIND {
            return Ok(false);
        }
        if let Some(known) = self.tasks.get(&event.stream) {
            return Ok(*known);
        }
        let task: Arc<Task> = self.services.feed.task(&event.stream).await?.state;
        let may_read = task.is_alive() && task.is_readable_by(standing);
        self.tasks.insert(event.stream.clone(), may_read);
        Ok(may_read)
    }
}

#[derive(Serialize)]
struct TraceDocument<'a> {
    event: &'a RawValue,
    items: Vec<TracedDocument<'a>>,
    truncated: bool,
}

#[derive(Serialize)]
struct TracedDocument<'a> {
    depth: usize,
    event: &'a RawValue,
}

async fn rendered(
    services: &Services,
    of: &Link,
    seen: &[Traced],
    is_cut: bool,
) -> Result<Rendered<EventTrace>, Problem> {
    let mut links: Vec<&Link> = seen.iter().map(|traced| &traced.link).chain([of]).collect();
    links.sort_unstable_by_key(|link| link.position);
    let ids: Vec<Uuid> = links.iter().map(|link| link.event_id).collect();
    let items = services.feed.picked(&of.stream.account, &ids).await?;
    let items: HashMap<i64, Item> = items.into_iter().map(|item| (item.position, item)).collect();
    let mut traced = Vec::with_capacity(seen.len());
    for Traced { depth, link } in seen {
        traced.push(TracedDocument { depth: *depth, event: shown(&items, link)? });
    }
    let event = shown(&items, of)?;
    Rendered::of(&TraceDocument { event, items: traced, truncated: is_cut })
}

fn shown<'i>(items: &'i HashMap<i64, Item>, link: &Link) -> Result<&'i RawValue, Problem> {
    // The log loses nothing: what was there a moment ago is there.
    let item = items.get(&link.position).ok_or_else(|| Problem::not_found("Event"))?;
    serde_json::from_slice(&item.document).map_err(|cause| Problem::internal(&cause))
}
