//! For the operator who rebuilds the stream: away with it, and how far the new one is. The relay
//! itself makes and fills it.

use async_nats::Client;
use async_nats::header::NATS_MESSAGE_ID;
use async_nats::jetstream::context::GetStreamErrorKind;
use async_nats::jetstream::stream::{RawMessageErrorKind, Stream};
use async_nats::jetstream::{self, Context, ErrorCode};
use baton_log::{Log, Position};

use super::stream::position;
use super::{ANSWER_TIMEOUT, RelayError, RelaySettings};

/// What a stream holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StreamState {
    /// The first sequence it has.
    pub first: Position,
    /// The last sequence it had.
    pub last: Position,
    /// How many messages it has.
    pub messages: i64,
}

/// Deletes the stream; what it held, if there was one.
///
/// # Errors
/// Where NATS does not answer, or refuses.
pub async fn delete_stream(
    client: &Client,
    settings: &RelaySettings,
) -> Result<Option<StreamState>, RelayError> {
    must_reach(client).await?;
    let Some(state) = stream_state(client, settings).await? else { return Ok(None) };
    let deleted = context(client).delete_stream(&settings.stream).await;
    let name = settings.stream.clone();
    deleted.map_err(|cause| RelayError::Delete { name, cause: Box::new(cause) })?;
    Ok(Some(state))
}

/// Whether the stream was written from this log, as far as its first and its last message tell:
/// one of them is the event at its position. One that holds nothing may be anybody's.
///
/// # Errors
/// Where NATS does not answer, or the log cannot be read.
pub async fn is_of_log(
    client: &Client,
    settings: &RelaySettings,
    log: &Log,
) -> Result<bool, RelayError> {
    must_reach(client).await?;
    let Some(stream) = find(client, settings).await? else { return Ok(true) };
    let state = &stream.cached_info().state;
    if state.messages == 0 {
        return Ok(true);
    }
    for sequence in [position(state.first_sequence), position(state.last_sequence)] {
        let events = log.after(sequence - 1, 1).await.map_err(RelayError::Log)?;
        let event = events.first().filter(|event| event.position == sequence);
        if let Some(event) = event
            && message_id(&stream, sequence).await? == Some(event.event_id.to_string())
        {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The id of the message at this place, if there is one and it has one.
async fn message_id(stream: &Stream, sequence: Position) -> Result<Option<String>, RelayError> {
    let at = u64::try_from(sequence).expect("sequences are above zero");
    match stream.get_raw_message(at).await {
        Ok(message) => Ok(message.headers.get(NATS_MESSAGE_ID).map(|id| id.as_str().to_owned())),
        Err(cause) if cause.kind() == RawMessageErrorKind::NoMessageFound => Ok(None),
        Err(cause) => Err(RelayError::Message { sequence, cause }),
    }
}

/// What the stream holds now; `None` while there is none.
///
/// # Errors
/// Where NATS does not answer.
pub async fn stream_state(
    client: &Client,
    settings: &RelaySettings,
) -> Result<Option<StreamState>, RelayError> {
    let Some(stream) = find(client, settings).await? else { return Ok(None) };
    let state = &stream.cached_info().state;
    Ok(Some(StreamState {
        first: position(state.first_sequence),
        last: position(state.last_sequence),
        messages: position(state.messages),
    }))
}

async fn find(client: &Client, settings: &RelaySettings) -> Result<Option<Stream>, RelayError> {
    match context(client).get_stream(&settings.stream).await {
        Ok(stream) => Ok(Some(stream)),
        Err(cause) if is_missing(&cause.kind()) => Ok(None),
        Err(cause) => {
            let name = settings.stream.clone();
            Err(RelayError::Look { name, cause: Box::new(cause) })
        }
    }
}

/// A client that was just made has not reached NATS yet.
async fn must_reach(client: &Client) -> Result<(), RelayError> {
    match tokio::time::timeout(ANSWER_TIMEOUT, client.flush()).await {
        Ok(Ok(())) => Ok(()),
        _ => Err(RelayError::Disconnected),
    }
}

fn is_missing(kind: &GetStreamErrorKind) -> bool {
    let GetStreamErrorKind::JetStream(error) = kind else { return false };
    error.error_code() == ErrorCode::STREAM_NOT_FOUND
}

fn context(client: &Client) -> Context {
    let mut context = jetstream::new(client.clone());
    context.set_timeout(ANSWER_TIMEOUT);
    context
}
