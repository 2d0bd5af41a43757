//! The scheduler: commands that Baton gives itself because of time (protocol 1.2, 1.9).
//!
//! A follower of the log keeps the moments that recurrences and reminders wait for; whoever holds
//! the subscription fires what is due, each by a command. What follows is decided by the domain on
//! what is true then, so that nothing fires twice, whoever fires and how often. Nothing here
//! decides, and nothing here writes an event other than through a command.

mod firing;
mod migrations;
mod notice;
mod schedule;
mod scheduler;

pub use migrations::migrate;
pub use scheduler::{SUBSCRIPTION, Scheduler, spawn};
