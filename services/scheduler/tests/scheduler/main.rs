//! The scheduler against a real Postgres: what is due is done, once, whatever dies in between and
//! however many fire.

#![expect(clippy::unwrap_used, reason = "what fails here fails the test")]

mod crashes;
mod node;
mod recurrences;
mod reminders;
