//! Policies: commands that Baton gives itself because of events (protocol 1.2, "Delete" and
//! "Dependency completes").
//!
//! A policy looks at events in the log's order and issues commands, each with a key made from the
//! event and its target, so that a crash between command and checkpoint repeats nothing. What
//! follows is decided by the domain on what is true then; nothing here decides, and nothing here
//! writes an event other than through a command.

mod dependents;
mod migrations;
mod notice;
mod policy;

pub use migrations::migrate;
pub use policy::{Policies, SUBSCRIPTION, spawn};
