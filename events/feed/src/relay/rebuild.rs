//! For the operator who rebuilds the stream: away with it, and how far the new one is. The relay
//! itself makes and fills it.

use async_nats::Client;
use async_nats::jetstream::{self, Context, ErrorCode, context::GetStreamErrorKind};
use baton_log::Position;

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
    // A client that was just made has not reached NATS yet.
    let reached = tokio::time::timeout(ANSWER_TIMEOUT, client.flush()).await;
    if !matches!(reached, Ok(Ok(()))) {
        return Err(RelayError::Disconnected);
    }
    let Some(state) = stream_state(client, settings).await? else { return Ok(None) };
    let deleted = context(client).delete_stream(&settings.stream).await;
    let name = settings.stream.clone();
    deleted.map_err(|cause| RelayError::Delete { name, cause: Box::new(cause) })?;
    Ok(Some(state))
}

/// What the stream holds now; `None` while there is none.
///
/// # Errors
/// Where NATS does not answer.
pub async fn stream_state(
    client: &Client,
    settings: &RelaySettings,
) -> Result<Option<StreamState>, RelayError> {
    let found = context(client).get_stream(&settings.stream).await;
    let stream = match found {
        Ok(stream) => stream,
        Err(cause) if is_missing(&cause.kind()) => return Ok(None),
        Err(cause) => {
            let name = settings.stream.clone();
            return Err(RelayError::Look { name, cause: Box::new(cause) });
        }
    };
    let state = &stream.cached_info().state;
    Ok(Some(StreamState {
        first: position(state.first_sequence),
        last: position(state.last_sequence),
        messages: position(state.messages),
    }))
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
