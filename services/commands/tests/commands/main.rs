//! Two nodes on one database: what one does, the other must not overlook. Everything here runs
//! against a real Postgres; the nodes are in one process, so that each race is laid by hand.

#![expect(clippy::unwrap_used, reason = "what fails here fails the test")]

mod idempotency;
mod node;
mod stale_views;
