//! Nobody waits for an endpoint that hangs. Shown by what arrives and what does not, never by how
//! long it took: how late deliveries are is measured in `measure`.

use std::collections::HashSet;
use std::ops::Range;
use std::time::Duration;

use baton_harness::receiver::{Answer, Receiver};
use baton_webhooks::Settings;
use futures_util::{StreamExt as _, stream};
use tokio::sync::mpsc;

use crate::counter::{Arrival, counter};
use crate::node::{LIMIT, Node, only, received, retrying, settings};

/// Tasks that may be on their way into the log at once.
const COMMITS_MAX: usize = 16;

async fn commit(node: &Node, tasks: Range<usize>) {
    let create = async |number: usize| node.create_task(&number.to_string()).await;
    stream::iter(tasks).map(create).buffer_unordered(COMMITS_MAX).count().await;
}

/// Waits until so many tasks have arrived, however slowly, as long as they do not stop.
async fn all_arrive(arrivals: &mut mpsc::Receiver<Arrival>, tasks: usize) {
    let mut arrived = HashSet::new();
    while arrived.len() < tasks {
        let next = tokio::time::timeout(LIMIT, arrivals.recv()).await;
        let next = next.unwrap_or_else(|_| panic!("no more than {} arrive", arrived.len()));
        arrived.insert(next.unwrap().content);
    }
}

/// The attempts that hang do not end within the test: whatever waits for them waits for good, on
/// a fast machine and on a slow one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_endpoint_that_hangs_delays_nobody_elses_deliveries() {
    /// More than its worker holds in memory: the hanging endpoint's backlog is in the table too.
    const TASKS: usize = 1_200;
    let (node, hanging) = (Node::new().await, Receiver::start().await);
    let (url, mut arrivals) = counter().await;
    let settings = Settings { attempt_timeout: Duration::from_hours(1), ..settings() };
    let in_flight_max = settings.in_flight_max;
    let webhooks = node.start(settings);
    hanging.answer_always(Answer::hang());
    let webhook = node.register_with(&hanging.url(), only(&["task.created"])).await;
    node.register_with(&url, only(&["task.created"])).await;
    // All that may be under way to it hangs before the rest comes.
    commit(&node, 0..in_flight_max).await;
    received(&hanging, in_flight_max).await;

    commit(&node, in_flight_max..TASKS).await;
    all_arrive(&mut arrivals, TASKS).await;

    assert_eq!(hanging.requests().len(), in_flight_max);
    let waiting = node.deliveries.deliveries(&node.account, webhook, i64::MAX).await.unwrap();
    assert_eq!(waiting.len(), TASKS);
    assert!(waiting.iter().all(|it| it.attempt == 0), "an attempt ended");
    // Dropped: a shutdown would wait for the attempts that hang.
    drop(webhooks);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn attempts_that_time_out_make_room_for_more_and_delay_nobody_elses_deliveries() {
    const TASKS: usize = 200;
    let (node, hanging) = (Node::new().await, Receiver::start().await);
    let (url, mut arrivals) = counter().await;
    // Nobody is given up, also where a machine is so busy that the other one's time out too.
    let settings = Settings {
        attempt_timeout: Duration::from_secs(1),
        failures_max: i32::MAX,
        ..retrying(&[500; 100])
    };
    let in_flight_max = settings.in_flight_max;
    let webhooks = node.start(settings);
    hanging.answer_always(Answer::hang());
    node.register_with(&hanging.url(), only(&["task.created"])).await;
    node.register_with(&url, only(&["task.created"])).await;
    commit(&node, 0..TASKS / 2).await;
    // All that may be under way, and one more once some of them have timed out.
    received(&hanging, in_flight_max + 1).await;

    commit(&node, TASKS / 2..TASKS).await;
    all_arrive(&mut arrivals, TASKS).await;
    drop(webhooks);
}
