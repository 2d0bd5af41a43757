//! A batch as the arrays that `baton_append` takes, in its order. Borrows everything.

use tokio_postgres::types::ToSql;
use uuid::Uuid;

use crate::append::{Append, Prepared};
use crate::batch::Waiting;
use crate::event::{NewEvent, StreamId};

/// The arguments of one call.
#[derive(Default)]
pub(crate) struct Parameters<'a> {
    commands: Commands<'a>,
    checks: Checks<'a>,
    events: Events<'a>,
}

/// One element per command.
#[derive(Default)]
struct Commands<'a> {
    accounts: Vec<&'a str>,
    heads: Vec<Option<i64>>,
    credentials: Vec<Option<&'a str>>,
    keys: Vec<Option<&'a str>>,
    request_hashes: Vec<Option<&'a [u8]>>,
    stream_kinds: Vec<Option<&'a str>>,
    stream_ids: Vec<Option<&'a str>>,
    versions: Vec<Option<i64>>,
    sealed: Vec<Option<&'a [u8]>>,
}

/// One element per stream that must be at a version: those written and those guarded.
#[derive(Default)]
struct Checks<'a> {
    commands: Vec<i32>,
    accounts: Vec<&'a str>,
    stream_kinds: Vec<&'a str>,
    stream_ids: Vec<&'a str>,
    versions: Vec<i64>,
}

/// One element per event.
#[derive(Default)]
struct Events<'a> {
    commands: Vec<i32>,
    accounts: Vec<&'a str>,
    stream_kinds: Vec<&'a str>,
    stream_ids: Vec<&'a str>,
    versions: Vec<i64>,
    ids: Vec<Uuid>,
    types: Vec<&'a str>,
    schema_versions: Vec<i16>,
    payloads: Vec<&'a str>,
    actors: Vec<&'a str>,
    correlation_ids: Vec<Uuid>,
    causation_ids: Vec<Option<Uuid>>,
    content_hashes: Vec<&'a [u8]>,
}

impl<'a> Parameters<'a> {
    pub(crate) fn of(batch: &'a [Waiting]) -> Self {
        let mut parameters = Self::default();
        for (ordinal, waiting) in (1..).zip(batch) {
            let Prepared { append, hashes, .. } = &waiting.command;
            parameters.commands.push(append);
            let mut hashes = hashes.iter();
            for write in &append.writes {
                parameters.checks.push(ordinal, &write.stream, write.expected_version);
                let versions = write.expected_version + 1..;
                // The events come first: a zip asks its left side first, and a hash taken for
                // an event that is not there would be lost.
                for ((event, version), hash) in write.events.iter().zip(versions).zip(&mut hashes) {
                    parameters.events.push(ordinal, append, &write.stream, version);
                    parameters.events.push_content(event, hash);
                }
            }
            for guard in &append.guards {
                parameters.checks.push(ordinal, &guard.stream, guard.version);
            }
        }
        parameters
    }

    pub(crate) fn as_sql(&self) -> [&(dyn ToSql + Sync); 27] {
        let Self { commands, checks, events } = self;
        [
            &commands.accounts,
            &commands.heads,
            &commands.credentials,
            &commands.keys,
            &commands.request_hashes,
            &commands.stream_kinds,
            &commands.stream_ids,
            &commands.versions,
            &commands.sealed,
            &checks.commands,
            &checks.accounts,
            &checks.stream_kinds,
            &checks.stream_ids,
            &checks.versions,
            &events.commands,
            &events.accounts,
            &events.stream_kinds,
            &events.stream_ids,
            &events.versions,
            &events.ids,
            &events.types,
            &events.schema_versions,
            &events.payloads,
            &events.actors,
            &events.correlation_ids,
            &events.causation_ids,
            &events.content_hashes,
        ]
    }
}

impl<'a> Commands<'a> {
    fn push(&mut self, append: &'a Append) {
        let key = append.key.as_ref();
        self.accounts.push(&append.account);
        self.heads.push(append.head);
        self.credentials.push(key.map(|key| key.credential.as_str()));
        self.keys.push(key.map(|key| key.key.as_str()));
        self.request_hashes.push(key.map(|key| key.request_hash.as_slice()));
        self.stream_kinds.push(key.map(|key| key.subject.kind.as_str()));
        self.stream_ids.push(key.map(|key| key.subject.id.as_str()));
        self.versions.push(key.map(|key| key.subject_version));
        self.sealed.push(key.and_then(|key| key.sealed.as_deref()));
    }
}

impl<'a> Checks<'a> {
    fn push(&mut self, command: i32, stream: &'a StreamId, version: i64) {
        self.commands.push(command);
        self.accounts.push(&stream.account);
        self.stream_kinds.push(&stream.kind);
        self.stream_ids.push(&stream.id);
        self.versions.push(version);
    }
}

impl<'a> Events<'a> {
    fn push(&mut self, command: i32, append: &'a Append, stream: &'a StreamId, version: i64) {
        self.commands.push(command);
        self.accounts.push(&stream.account);
        self.stream_kinds.push(&stream.kind);
        self.stream_ids.push(&stream.id);
        self.versions.push(version);
        self.actors.push(&append.actor);
        self.correlation_ids.push(append.correlation_id);
        self.causation_ids.push(append.causation_id);
    }

    fn push_content(&mut self, event: &'a NewEvent, hash: &'a [u8; 32]) {
        self.ids.push(event.event_id);
        self.types.push(event.event_type);
        self.schema_versions.push(event.schema_version);
        self.payloads.push(&event.payload);
        self.content_hashes.push(hash);
    }
}
