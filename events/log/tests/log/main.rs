//! The log's promises, proven against a real Postgres. Each module is one group of promises.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

mod append_only;
mod batches;
mod causality;
mod commands;
mod content_hash;
mod database;
mod durability;
mod model;
mod order;
mod pages;
mod proxy;
mod races;
mod reads;
mod recent;
mod unknown_outcome;
