//! What webhooks promise, proven with a real Postgres, a real receiver and real commands. Each
//! module is one group of promises.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

mod addresses;
mod answers;
mod backfill;
mod counter;
mod disabling;
mod durability;
mod isolation;
mod log;
mod measure;
mod node;
mod order;
mod probes;
mod redelivery;
mod requests;
mod rotation;
