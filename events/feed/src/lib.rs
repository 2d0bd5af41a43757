//! Followers of the log: the subscription runner, and the relay to JetStream.
//!
//! Events always come from the log; what wakes a follower may be lost, repeated or reordered.
//! This crate keeps each follower's checkpoint. It must not append, decide, or know what a
//! handler does with its events.

mod checkpoint;
mod feed;
mod follow;
mod handler;
mod message;
mod outage;
pub mod relay;
mod replay;
mod runner;
mod running;
mod status;
mod tail;
mod wake;

pub use checkpoint::{CheckpointError, lock_position, migrate};
pub use deadpool_postgres::Transaction;
pub use feed::{Batch, Feed, FeedError, Item};
pub use handler::{Cause, HandleError, Handler, Rebuildable};
pub use replay::{ReplayError, Stretch, replay};
pub use running::{Progress, Running, Subscription, observe, spawn};
pub use status::{Failure, SubscriptionStatus, status};
pub use tail::{ListenError, Listener, Tail, Told, WAITING_MAX};
pub use wake::{WAKE_SUBJECT, share_wakes};
