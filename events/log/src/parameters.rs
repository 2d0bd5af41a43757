//! A batch as the arrays that `baton_append_batch` takes, in its order. Borrows everything.

use std::collections::HashMap;

use tokio_postgres::types::ToSql;
use uuid::Uuid;

use crate::append::{Append, KeyClaim, Prepared};
use crate::batch::Waiting;
use crate::event::{NewEvent, StreamId};

/// The arguments of one call.
#[derive(Default)]
pub(crate) struct Parameters<'a> {
    accounts: Accounts<'a>,
    checks: Checks<'a>,
    heads: Heads,
    keys: Keys<'a>,
    events: Events<'a>,
}

/// Each account once; the others name it by its place, from 1.
#[derive(Default)]
struct Accounts<'a> {
    names: Vec<&'a str>,
    places: HashMap<&'a str, i32>,
    /// Events of each account so far.
    events: Vec<i32>,
}

/// One element per stream that must be at a version: those written and those guarded.
#[derive(Default)]
struct Checks<'a> {
    commands: Vec<i32>,
    accounts: Vec<i32>,
    stream_kinds: Vec<&'a str>,
    stream_ids: Vec<&'a str>,
    versions: Vec<i64>,
}

/// One element per command that names its account's head.
#[derive(Default)]
struct Heads {
    commands: Vec<i32>,
    accounts: Vec<i32>,
    account_seqs: Vec<i64>,
}

/// One element per command with a key.
#[derive(Default)]
struct Keys<'a> {
    commands: Vec<i32>,
    accounts: Vec<i32>,
    credentials: Vec<&'a str>,
    keys: Vec<&'a str>,
    request_hashes: Vec<&'a [u8]>,
    stream_kinds: Vec<&'a str>,
    stream_ids: Vec<&'a str>,
    versions: Vec<i64>,
    sealed: Vec<Option<&'a [u8]>>,
    events: Vec<i32>,
}

/// One element per event.
#[derive(Default)]
struct Events<'a> {
    ordinals: Vec<i32>,
    commands: Vec<i32>,
    checks: Vec<i32>,
    ranks: Vec<i32>,
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
        for (command, waiting) in (1..).zip(batch) {
            parameters.push(command, &waiting.command);
        }
        parameters
    }

    fn push(&mut self, command: i32, prepared: &'a Prepared) {
        let Prepared { append, hashes, .. } = prepared;
        let account = self.accounts.place(&append.account);
        let mut hashes = hashes.iter();
        for write in &append.writes {
            self.checks.push(command, account, &write.stream, write.expected_version);
            let check = place(&self.checks.commands);
            let versions = write.expected_version + 1..;
            // The events come first: a zip asks its left side first, and a hash taken for an
            // event that is not there would be lost.
            for ((event, version), hash) in write.events.iter().zip(versions).zip(&mut hashes) {
                let rank = self.accounts.next_rank(account);
                self.events.push_place(command, check, rank, version);
                self.events.push_content(append, event, hash);
            }
        }
        for guard in &append.guards {
            self.checks.push(command, account, &guard.stream, guard.version);
        }
        if let Some(head) = append.head {
            self.heads.commands.push(command);
            self.heads.accounts.push(account);
            self.heads.account_seqs.push(head);
        }
        if let Some(key) = &append.key {
            let last = if append.writes.is_empty() { 0 } else { place(&self.events.ordinals) };
            self.keys.push(command, account, key, last);
        }
    }

    /// Where an account stands in what the function answers for each account.
    pub(crate) fn account_index(&self, account: &str) -> Option<usize> {
        self.accounts.places.get(account).and_then(|place| usize::try_from(place - 1).ok())
    }

    /// Whether some command names a head or a key; without them the function takes fewer arrays.
    pub(crate) fn has_heads_or_keys(&self) -> bool {
        !self.heads.commands.is_empty() || !self.keys.commands.is_empty()
    }

    /// Accounts, checks and events.
    pub(crate) fn as_sql(&self) -> [&(dyn ToSql + Sync); 19] {
        let Self { accounts, checks, events, .. } = self;
        [
            &accounts.names,
            &checks.commands,
            &checks.accounts,
            &checks.stream_kinds,
            &checks.stream_ids,
            &checks.versions,
            &events.ordinals,
            &events.commands,
            &events.checks,
            &events.ranks,
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

    /// Heads and keys, which follow.
    pub(crate) fn heads_and_keys_as_sql(&self) -> [&(dyn ToSql + Sync); 13] {
        let Self { heads, keys, .. } = self;
        [
            &heads.commands,
            &heads.accounts,
            &heads.account_seqs,
            &keys.commands,
            &keys.accounts,
            &keys.credentials,
            &keys.keys,
            &keys.request_hashes,
            &keys.stream_kinds,
            &keys.stream_ids,
            &keys.versions,
            &keys.sealed,
            &keys.events,
        ]
    }
}

/// The place of the last element, from 1; 0 where there is none.
fn place<T>(elements: &[T]) -> i32 {
    i32::try_from(elements.len()).expect("a batch is bounded")
}

impl<'a> Accounts<'a> {
    fn place(&mut self, account: &'a str) -> i32 {
        let Self { names, places, events } = self;
        *places.entry(account).or_insert_with(|| {
            names.push(account);
            events.push(0);
            place(names)
        })
    }

    /// Which of the account's events in this batch the next one is, from 1.
    fn next_rank(&mut self, account: i32) -> i32 {
        let index = usize::try_from(account - 1).expect("places count from 1");
        self.events[index] += 1;
        self.events[index]
    }
}

impl<'a> Checks<'a> {
    fn push(&mut self, command: i32, account: i32, stream: &'a StreamId, version: i64) {
        self.commands.push(command);
        self.accounts.push(account);
        self.stream_kinds.push(&stream.kind);
        self.stream_ids.push(&stream.id);
        self.versions.push(version);
    }
}

impl<'a> Keys<'a> {
    fn push(&mut self, command: i32, account: i32, key: &'a KeyClaim, last_event: i32) {
        self.commands.push(command);
        self.accounts.push(account);
        self.credentials.push(&key.credential);
        self.keys.push(&key.key);
        self.request_hashes.push(&key.request_hash);
        self.stream_kinds.push(&key.subject.kind);
        self.stream_ids.push(&key.subject.id);
        self.versions.push(key.subject_version);
        self.sealed.push(key.sealed.as_deref());
        self.events.push(last_event);
    }
}

impl<'a> Events<'a> {
    fn push_place(&mut self, command: i32, check: i32, rank: i32, version: i64) {
        self.ordinals.push(place(&self.ordinals) + 1);
        self.commands.push(command);
        self.checks.push(check);
        self.ranks.push(rank);
        self.versions.push(version);
    }

    fn push_content(&mut self, append: &'a Append, event: &'a NewEvent, hash: &'a [u8; 32]) {
        self.ids.push(event.event_id);
        self.types.push(event.event_type);
        self.schema_versions.push(event.schema_version);
        self.payloads.push(&event.payload);
        self.actors.push(&append.actor);
        self.correlation_ids.push(append.correlation_id);
        self.causation_ids.push(append.cause_of(event));
        self.content_hashes.push(hash);
    }
}
