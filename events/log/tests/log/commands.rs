//! Commands to append, built from what a test cares about.

use baton_log::{
    Append, AppendError, Appended, Guard, KeyClaim, Log, NewEvent, Receipt, Replay, StreamId,
    StreamWrite,
};
use uuid::Uuid;

pub(crate) const ACCOUNT: &str = "default";

pub(crate) fn task(id: &str) -> StreamId {
    stream(ACCOUNT, "task", id)
}

pub(crate) fn stream(account: &str, kind: &str, id: &str) -> StreamId {
    StreamId { account: account.to_owned(), kind: kind.to_owned(), id: id.to_owned() }
}

pub(crate) fn event(payload: &str) -> NewEvent {
    NewEvent {
        event_id: Uuid::now_v7(),
        event_type: "task.updated",
        schema_version: 1,
        payload: payload.to_owned(),
        causation_id: None,
    }
}

/// A command of [`ACCOUNT`] that does nothing yet.
pub(crate) fn nothing() -> Append {
    Append {
        account: ACCOUNT.to_owned(),
        actor: "project".to_owned(),
        correlation_id: Uuid::now_v7(),
        causation_id: None,
        writes: Vec::new(),
        guards: Vec::new(),
        head: None,
        key: None,
    }
}

/// A command that writes one event to one stream.
pub(crate) fn write(stream: StreamId, expected_version: i64) -> Append {
    Append { account: stream.account.clone(), ..nothing() }.and_write(stream, expected_version)
}

pub(crate) trait Commands: Sized {
    fn and_write(self, stream: StreamId, expected_version: i64) -> Self;
    fn and_guard(self, stream: StreamId, version: i64) -> Self;
    fn and_head(self, account_seq: i64) -> Self;
    fn and_key(self, key: &str, request: u8) -> Self;
}

impl Commands for Append {
    fn and_write(mut self, stream: StreamId, expected_version: i64) -> Self {
        self.writes.push(StreamWrite { stream, expected_version, events: vec![event("{}")] });
        self
    }

    fn and_guard(mut self, stream: StreamId, version: i64) -> Self {
        self.guards.push(Guard { stream, version });
        self
    }

    fn and_head(mut self, account_seq: i64) -> Self {
        self.head = Some(account_seq);
        self
    }

    fn and_key(mut self, key: &str, request: u8) -> Self {
        let (subject, subject_version) =
            self.writes.first().map_or((task("subject"), 0), |write| {
                (write.stream.clone(), write.expected_version + 1)
            });
        self.key = Some(KeyClaim {
            credential: "agent:alfa".to_owned(),
            key: key.to_owned(),
            request_hash: [request; 32],
            subject,
            subject_version,
            sealed: Some(vec![request, 0, 255]),
        });
        self
    }
}

pub(crate) type Outcome = Result<Appended, AppendError>;

pub(crate) fn committed(outcome: Outcome) -> Receipt {
    match outcome {
        Ok(Appended::Committed(receipt)) => receipt,
        other => panic!("not committed: {other:?}"),
    }
}

pub(crate) fn replayed(outcome: Outcome) -> Replay {
    match outcome {
        Ok(Appended::Replayed(replay)) => replay,
        other => panic!("not replayed: {other:?}"),
    }
}

pub(crate) fn conflict(outcome: Outcome) {
    assert!(matches!(outcome, Err(AppendError::Conflict)), "no conflict: {outcome:?}");
}

/// An append that is under way while the test goes on.
pub(crate) fn spawn(log: &Log, append: Append) -> tokio::task::JoinHandle<Outcome> {
    let log = log.clone();
    tokio::spawn(async move { log.append(append).await })
}
