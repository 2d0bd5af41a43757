//! Policies against a real Postgres: what follows from a completion or a deletion, exactly once
//! whatever dies in between.

#![expect(clippy::unwrap_used, reason = "what fails here fails the test")]

mod crashes;
mod dependencies;
mod node;
mod probes;
