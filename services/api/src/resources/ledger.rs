//! The ledger: what was signed of the log, and proofs that something is in it (protocol 1.19).
//!
//! From the log and the ledger's own tables, not from a read model.

use std::{sync::Arc, time::Duration};

use baton_commands::Caller;
use baton_domain::{Right, Timestamp};
use baton_feed::FeedError;
use baton_ledger::{Signed, shown};
use poem::web::Data;
use poem_openapi::{Object, OpenApi};
use serde_json::{Value, json};
use tokio::time::Instant;
use uuid::Uuid;

use super::Tag;
use crate::{
    answer::Rendered,
    caller::Read,
    problem::Problem,
    query::{FromParams, Params, Query},
    schema::{LedgerCheckpoint, LedgerConsistency, LedgerInclusion},
    service::Services,
};

/// How long a request waits for the ledger.
const WAIT_MAX: Duration = Duration::from_secs(5);
/// Sizes that every client can write as a number.
const SIZE_MAX: i64 = 1 << 53;

#[derive(Default)]
pub(crate) struct LedgerApi;

/// What to prove.
#[derive(Object)]
#[oai(rename = "LedgerInclusionQuery")]
pub(super) struct InclusionQueryDocument {
    /// Id of the event.
    event: String,
    /// The size of the tree that it is to be in; that of the last checkpoint when left out.
    size: Option<i64>,
}

/// `GET /ledger/inclusion`.
pub(super) struct InclusionQuery {
    event: Uuid,
    size: Option<i64>,
}

/// What to prove.
#[derive(Object)]
#[oai(rename = "LedgerConsistencyQuery")]
pub(super) struct ConsistencyQueryDocument {
    /// The size of the smaller tree.
    from: i64,
    /// The size of the larger tree; that of the last checkpoint when left out.
    to: Option<i64>,
}

/// `GET /ledger/consistency`.
pub(super) struct ConsistencyQuery {
    from: i64,
    to: Option<i64>,
}

impl FromParams for InclusionQuery {
    type Document = InclusionQueryDocument;

    fn from_params(params: &mut Params<'_>) -> Self {
        let event = params
            .read("event", |text| text.parse::<Uuid>().map_err(|_| "must be a UUID".to_owned()));
        Self { event: event.required(), size: params.integer("size", 1..=SIZE_MAX).optional() }
    }
}

impl FromParams for ConsistencyQuery {
    type Document = ConsistencyQueryDocument;

    fn from_params(params: &mut Params<'_>) -> Self {
        let from = params.integer("from", 1..=SIZE_MAX).required();
        let to = params.integer("to", 1..=SIZE_MAX).optional();
        if to.is_some_and(|to| to < from) {
            params.wrong("to", "must not be less than from");
        }
        Self { from, to }
    }
}

#[OpenApi(tag = "Tag::Ledger")]
impl LedgerApi {
    /// Get the last checkpoint
    ///
    /// What was signed last of the account's events: how many there are, and the root of the
    /// Merkle tree over them (RFC 6962), as a signed note that any verifier of such notes reads. It
    /// is at most a second behind the log; with `Baton-Min-Position`, it covers that position.
    /// Kept somewhere else, it finds every later change to what it covers. 404 before the first
    /// event. For the project token and for agents whose role is admin, coordinator or auditor.
    #[oai(path = "/ledger/checkpoint", method = "get", operation_id = "getLedgerCheckpoint")]
    async fn checkpoint(
        &self,
        services: Data<&Arc<Services>>,
        call: Read<Caller>,
    ) -> Result<Rendered<LedgerCheckpoint>, Problem> {
        let signed = signed(&services, &call, None).await?;
        let account = call.caller.account.as_str();
        let head = services.commands.log().account_head(account).await.map_err(FeedError::Read)?;
        let anchored = signed
            .anchored
            .map(|anchored| json!({ "size": anchored.size, "at": Timestamp::from(anchored.at) }));
        let document = json!({
            "origin": services.ledger.origin(account),
            "size": signed.size,
            "position": signed.position,
            "recorded_at": Timestamp::from(signed.recorded_at),
            "root": shown(&signed.root),
            "note": signed.note,
            "signed_at": Timestamp::from(signed.signed_at),
            "key": services.ledger.verifier(account).to_string(),
            "head": { "size": head.0, "position": head.1 },
            "anchored": anchored,
        });
        Rendered::of(&document)
    }

    /// Prove that an event is in the ledger
    ///
    /// The hashes that lead from the event's leaf to the root of a checkpoint: with them, whoever
    /// has the event and the checkpoint knows that it was recorded as it is, at its place. Waits
    /// until the event is signed. For those who may read all events.
    #[oai(path = "/ledger/inclusion", method = "get", operation_id = "proveInclusion")]
    async fn inclusion(
        &self,
        services: Data<&Arc<Services>>,
        call: Read<Caller>,
        query: Query<InclusionQuery>,
    ) -> Result<Rendered<LedgerInclusion>, Problem> {
        may_read(&services, &call)?;
        let (ledger, account) = (&services.ledger, call.caller.account.as_str());
        services.has_reached(call.min_position).await?;
        let leaf = ledger.leaf(account, query.event).await?;
        let leaf = leaf.ok_or_else(|| Problem::not_found("Event"))?;
        let signed = signed(&services, &call, Some(leaf.position)).await?;
        let size = within("size", query.size, leaf.account_seq, &signed)?;
        let proved = ledger.inclusion(account, leaf, size).await?;
        let document = json!({
            "event_id": query.event,
            "position": leaf.position,
            "account_seq": leaf.account_seq,
            "recorded_at": Timestamp::from(leaf.recorded_at),
            "content_hash": shown(&leaf.content_hash),
            "leaf_index": leaf.account_seq - 1,
            "leaf_hash": shown(&leaf.hash()),
            "size": size,
            "root": shown(&proved.root),
            "proof": proved.proof.iter().map(shown).collect::<Vec<_>>(),
            "note": note(&signed, size),
            "key": ledger.verifier(account).to_string(),
        });
        Rendered::of(&document)
    }

    /// Prove that the ledger only grew
    ///
    /// The hashes that lead to the roots of two trees: with them, whoever has the checkpoints knows
    /// that the larger tree has all that the smaller one has, unchanged. For those who may read all
    /// events.
    #[oai(path = "/ledger/consistency", method = "get", operation_id = "proveConsistency")]
    async fn consistency(
        &self,
        services: Data<&Arc<Services>>,
        call: Read<Caller>,
        query: Query<ConsistencyQuery>,
    ) -> Result<Rendered<LedgerConsistency>, Problem> {
        let signed = signed(&services, &call, None).await?;
        let (ledger, account) = (&services.ledger, call.caller.account.as_str());
        let from = within("from", Some(query.from), 1, &signed)?;
        let to = within("to", query.to, query.from, &signed)?;
        let proved = ledger.consistency(account, from, to).await?;
        let document = json!({
            "from": from,
            "to": to,
            "from_root": shown(&proved.from.1),
            "to_root": shown(&proved.to.1),
            "proof": proved.proof.iter().map(shown).collect::<Vec<_>>(),
            "note": note(&signed, to),
            "key": ledger.verifier(account).to_string(),
        });
        Rendered::of(&document)
    }
}

fn may_read(services: &Services, call: &Read<Caller>) -> Result<(), Problem> {
    match services.standing(&call.caller)?.standing.may(Right::ReadAllEvents) {
        true => Ok(()),
        false => Err(Problem::forbidden(
            "Only admins, coordinators, auditors and the project token may read the ledger",
        )),
    }
}

/// The account's last checkpoint, for a caller that may read it. Waits until it covers this
/// position and those that the caller names.
async fn signed(
    services: &Services,
    call: &Read<Caller>,
    position: Option<i64>,
) -> Result<Signed, Problem> {
    may_read(services, call)?;
    services.has_reached(call.min_position).await?;
    let (ledger, account) = (&services.ledger, call.caller.account.as_str());
    let deadline = Instant::now() + WAIT_MAX;
    if let Some(position) = position.max(call.min_position) {
        ledger.reaches(&services.ledger_progress, position, deadline).await?;
    }
    if let Some(signed) = ledger.checkpoint(account).await? {
        return Ok(signed);
    }
    // The first one comes within a second of the first event.
    let head = services.commands.log().account_head(account).await.map_err(FeedError::Read)?;
    if head.1 > 0 {
        ledger.reaches(&services.ledger_progress, head.1, deadline).await?;
    }
    ledger.checkpoint(account).await?.ok_or_else(|| Problem::not_found("Checkpoint"))
}

/// The size that was asked for, or else that of the last checkpoint.
fn within(
    field: &'static str,
    asked: Option<i64>,
    least: i64,
    signed: &Signed,
) -> Result<u64, Problem> {
    let Some(asked) = asked else { return Ok(signed.size) };
    match u64::try_from(asked) {
        Ok(size) if asked >= least && size <= signed.size => Ok(size),
        _ => {
            let most = signed.size;
            let message = format!("must be an integer from {least} to {most}, which is signed");
            Err(Problem::invalid_field(field, message))
        }
    }
}

/// What was signed of a tree of this size, if it is the last.
fn note(signed: &Signed, size: u64) -> Value {
    (signed.size == size).then(|| signed.note.clone()).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drift;

    #[test]
    fn what_is_read_is_what_is_shown() {
        assert_eq!(drift::of_query::<InclusionQuery>(), [""; 0]);
        assert_eq!(drift::of_query::<ConsistencyQuery>(), [""; 0]);
    }
}
