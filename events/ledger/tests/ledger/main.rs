//! The ledger on a real Postgres: trees that grow with the log, proofs of them, what is kept
//! outside, and everything that it does not put up with.

#![expect(clippy::unwrap_used, reason = "what fails here fails the test")]

mod anchoring;
mod divergence;
mod growth;
mod node;
