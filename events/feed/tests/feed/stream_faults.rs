//! A stream that crashes, is lost, trimmed, or written by somebody else: sequence = position
//! afterwards, or the relay stops and says why.

use std::time::Duration;

use async_nats::jetstream::{self, context::PublishErrorKind, message::PublishMessage};
use baton_feed::Running;
use baton_harness::nats::Nats;
use baton_harness::{before_a_fault, wait_for, wait_until};
use baton_log::Position;

use crate::relay::{messages, must_equal_log, relay};
use crate::support::{SOON, World, soon, world};

/// A relay that has published some events.
async fn relayed(events: usize) -> (World, Nats, Running) {
    let (world, nats) = (world().await, baton_harness::nats::server().await);
    let running = relay(&world, &nats).await;
    let position = world.append(events).await;
    assert!(running.wait_until(position, soon()).await);
    (world, nats, running)
}

async fn all_there(world: &World, nats: &Nats, relay: &Running, position: Position) {
    assert!(relay.wait_until(position, soon()).await);
    must_equal_log(world, nats).await;
}

#[tokio::test]
async fn nats_crashes_and_comes_back() {
    let (world, mut nats, relay) = relayed(30).await;
    for _ in 0..3 {
        nats.kill().await;
        let position = world.append(5).await;
        nats.restart().await;
        all_there(&world, &nats, &relay, position).await;
    }
}

#[tokio::test]
async fn nats_crashes_under_load() {
    let (world, mut nats, relay) = relayed(1).await;
    let mut position = 0;
    for round in 0..6 {
        for _ in 0..30 {
            position = world.append(20).await;
        }
        if round % 2 == 0 {
            nats.restart().await;
        } else {
            nats.lose_everything().await;
            nats.restart().await;
        }
    }
    all_there(&world, &nats, &relay, position).await;
}

#[tokio::test]
async fn nats_loses_everything_and_gets_it_again() {
    let (world, mut nats, relay) = relayed(700).await;
    let before = ids(&nats).await;
    nats.lose_everything().await;
    nats.restart().await;
    let position = world.append(3).await;
    all_there(&world, &nats, &relay, position).await;
    assert_eq!(ids(&nats).await[..700], before[..], "same ids, same order, same bytes");
}

#[tokio::test]
async fn a_lost_stream_comes_back_without_any_new_event() {
    let (world, mut nats, _relay) = relayed(20).await;
    nats.lose_everything().await;
    nats.restart().await;
    wait_until(SOON, "the stream is back", async || messages(&nats).await.len() == 20).await;
    must_equal_log(&world, &nats).await;
}

#[tokio::test]
async fn a_stream_deleted_under_a_living_server_comes_back() {
    let (world, nats, relay) = relayed(20).await;
    jetstream::new(nats.connect().await).delete_stream("BATON").await.unwrap();
    let position = world.append(1).await;
    all_there(&world, &nats, &relay, position).await;
}

#[tokio::test]
async fn a_trimmed_stream_goes_on() {
    let (world, nats, relay) = relayed(20).await;
    let stream = jetstream::new(nats.connect().await).get_stream("BATON").await.unwrap();
    stream.purge().sequence(15).await.unwrap();
    relay.shutdown().await;
    let relay = crate::relay::relay(&world, &nats).await;
    let position = world.append(5).await;
    assert!(relay.wait_until(position, soon()).await);
    let sequences: Vec<u64> = messages(&nats).await.iter().map(|it| it.sequence).collect();
    assert_eq!(sequences, (15..=25).collect::<Vec<_>>());

    // Nothing at all is left, not even a message to compare with.
    stream.purge().await.unwrap();
    relay.shutdown().await;
    let relay = crate::relay::relay(&world, &nats).await;
    let position = world.append(2).await;
    assert!(relay.wait_until(position, soon()).await);
    let sequences: Vec<u64> = messages(&nats).await.iter().map(|it| it.sequence).collect();
    assert_eq!(sequences, [26, 27]);
}

#[tokio::test]
async fn a_checkpoint_that_fell_behind_the_stream_catches_up_without_publishing() {
    let (world, nats, relay) = relayed(20).await;
    relay.shutdown().await;
    world.sql.execute(include_str!("sql/set_position.sql"), &[&"relay", &5_i64]).await.unwrap();
    let relay = crate::relay::relay(&world, &nats).await;
    let position = world.append(1).await;
    all_there(&world, &nats, &relay, position).await;
}

#[tokio::test]
async fn a_relay_that_comes_late_is_refused() {
    let (world, nats, relay) = relayed(20).await;
    let jetstream = jetstream::new(nats.connect().await);
    // Its event was published by its successor already, and its id is forgotten.
    let late = PublishMessage::build().message_id("forgotten").expected_last_sequence(11);
    let refused = jetstream.send_publish("baton.v1.x.y.z.late", late).await.unwrap().await;
    assert_eq!(refused.unwrap_err().kind(), PublishErrorKind::WrongLastSequence);
    let position = world.append(2).await;
    all_there(&world, &nats, &relay, position).await;
}

#[tokio::test]
async fn a_relay_that_is_quicker_than_its_successor_does_no_harm() {
    let (world, nats, relay) = relayed(5).await;
    relay.shutdown().await;
    let position = world.append(3).await;
    let jetstream = jetstream::new(nats.connect().await);
    let event = world.log.after(5, 1).await.unwrap().remove(0);
    let quick =
        PublishMessage::build().message_id(event.event_id.to_string()).expected_last_sequence(5);
    jetstream.send_publish("baton.v1.x.y.z.quick", quick).await.unwrap().await.unwrap();
    let relay = crate::relay::relay(&world, &nats).await;
    all_there(&world, &nats, &relay, position).await;
}

#[tokio::test]
async fn a_foreign_message_stops_the_relay_and_nothing_else() {
    let (world, nats, relay) = relayed(5).await;
    let jetstream = jetstream::new(nats.connect().await);
    jetstream.publish("baton.v1.foreign", "?".into()).await.unwrap().await.unwrap();
    let position = world.append(3).await;
    let failure = wait_for(SOON, "the divergence is told", async || {
        let failure = world.status("relay").await.failure?;
        failure.text.contains("is not the event").then_some(failure)
    })
    .await;
    let told = "cannot relay: sequence 6 of the stream BATON is not the event at this position of \
                the log";
    assert_eq!(failure.text, told);
    assert_eq!(*relay.position().borrow(), 5);
    assert_eq!(messages(&nats).await.len(), 6, "nothing is published on top of it");

    // Mended by removing the stream: it is rebuilt from the log.
    jetstream.delete_stream("BATON").await.unwrap();
    all_there(&world, &nats, &relay, position).await;
}

#[tokio::test]
async fn a_foreign_message_is_noticed_although_nothing_happens() {
    let (world, nats, _relay) = relayed(5).await;
    let jetstream = jetstream::new(nats.connect().await);
    jetstream.publish("baton.v1.foreign", "?".into()).await.unwrap().await.unwrap();
    wait_until(SOON, "the divergence is told", async || {
        let failure = world.status("relay").await.failure;
        failure.is_some_and(|failure| failure.text.contains("is not the event"))
    })
    .await;
}

#[tokio::test]
async fn a_stream_of_another_log_stops_the_relay() {
    let (_world, nats, relay) = relayed(5).await;
    relay.shutdown().await;
    let other = world().await;
    other.append(8).await;
    let relay = crate::relay::relay(&other, &nats).await;
    wait_until(SOON, "the divergence is told", async || {
        let all = baton_feed::status(&other.pool).await.unwrap();
        let failure = all.into_iter().find_map(|status| status.failure);
        failure.is_some_and(|failure| failure.text.contains("is not the event"))
    })
    .await;
    assert_eq!(*relay.position().borrow(), 0);
    assert_eq!(messages(&nats).await.len(), 5);
}

#[tokio::test]
async fn a_server_that_stops_answering_is_waited_for() {
    let (world, nats, relay) = relayed(5).await;
    nats.sigstop();
    let position = world.append(10).await;
    wait_until(SOON, "a failure", async || world.status("relay").await.failure.is_some()).await;
    nats.sigcont();
    all_there(&world, &nats, &relay, position).await;
}

/// What is on its way when the connection goes is not waited for: nobody will acknowledge it.
#[tokio::test]
async fn a_crash_in_the_middle_of_publishing_is_noticed_at_once() {
    let (world, mut nats, relay) = relayed(5).await;
    nats.sigstop();
    let position = world.append(10).await;
    // Long enough to publish, not for NATS to have taken too long to answer.
    before_a_fault(Duration::from_millis(300)).await;
    nats.kill().await;
    let failure = wait_for(SOON, "a failure", async || world.status("relay").await.failure).await;
    assert!(failure.text.contains("not connected"), "{}", failure.text);
    nats.restart().await;
    all_there(&world, &nats, &relay, position).await;
}

async fn ids(nats: &Nats) -> Vec<Vec<u8>> {
    messages(nats).await.into_iter().map(|message| message.payload.to_vec()).collect()
}
