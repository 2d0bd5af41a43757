//! Waiting until nothing is left to do: every follower level with the log, every delivery made,
//! the stream complete.
//!
//! Must not: call it quiet because time has passed.

use std::time::Duration;

use baton_harness::record;
use baton_harness::wait_for;
use tokio_postgres::Client;

use crate::Violation;
use crate::world::World;

const DUE: &str = "select count(*) from public.webhook_deliveries where state = 'due'";
/// A world whose faults are over is quiet long before.
const LIMIT: Duration = Duration::from_secs(60);
/// Beside the read models, which have names of their own.
const FOLLOWERS: [&str; 5] = ["ledger", "policies", "relay", "scheduler", "webhooks"];

/// Waits, and tells what came last.
///
/// # Errors
///
/// What is still not level after a long time.
pub async fn wait(world: &World, database: &Client) -> Result<String, Violation> {
    let mut last = String::new();
    let quiet = wait_for(LIMIT * 2, "quiet", async || match look(world, database).await {
        Ok(()) => Some(()),
        Err(standing) => {
            last = standing;
            None
        }
    });
    match tokio::time::timeout(LIMIT, quiet).await {
        Ok(()) => Ok(last),
        Err(_) => Err(format!("not quiet {LIMIT:?} after the last fault: {last}")),
    }
}

async fn look(world: &World, database: &Client) -> Result<(), String> {
    let text = |cause: tokio_postgres::Error| cause.to_string();
    let followers = record::followers(database).await.map_err(text)?;
    let (head, _) = record::head_and_count(database).await;
    let is_level = |name: &str, position: i64| {
        let follower = followers.iter().find(|follower| follower.name == name);
        follower.is_some_and(|one| one.position >= position && one.failure.is_none())
    };
    let are_level = followers.iter().all(|one| is_level(&one.name, head))
        && FOLLOWERS.iter().all(|name| is_level(name, head));
    let due: i64 = database.query_one(DUE, &[]).await.map_err(text)?.get(0);
    let reached = world.watcher.reached();
    if are_level && due == 0 && reached == head {
        return Ok(());
    }
    let standing = record::standing(&followers);
    Err(format!("head {head}, {due} deliveries due, stream seen to {reached}, {standing}"))
}
