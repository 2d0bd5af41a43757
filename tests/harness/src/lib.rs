//! What integration tests stand on: real Postgres, real NATS, the real binary, a real webhook
//! receiver. Each test has its own; nothing survives the test process, however it ends.
//!
//! Must not: be linked into the product, share state between tests, or sleep for a fact.

pub mod backup;
pub mod baton;
pub mod client;
mod installed;
pub mod nats;
pub mod node;
pub mod place;
pub mod postgres;
pub mod python;
pub mod receiver;
pub mod record;
pub mod signature;
mod wait;

pub use wait::{before_a_fault, wait_for, wait_until};
