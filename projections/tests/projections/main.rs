//! The read models on a real log and a real Postgres: what they hold, what they show, and that
//! they can be built again.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

mod comments;
mod cost;
mod counted;
mod flood;
mod lists;
mod past;
mod queries;
mod queue;
mod rebuilding;
mod recurrences;
mod speed;
mod world;
