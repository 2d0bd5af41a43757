//! Followers of the log on a real Postgres and a real nats-server.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

mod connections;
mod faults;
mod holders;
mod relay;
mod running;
mod stream_faults;
mod subjects;
mod support;
mod tail;
mod without_effect;
