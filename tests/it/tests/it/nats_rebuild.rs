//! `baton nats rebuild`: NATS has the whole log again, with the same ids in the same order.

use baton_harness::baton::{Baton, Builder};
use baton_harness::client::{agent, project};
use baton_harness::nats::Nats;
use baton_harness::postgres;
use baton_harness::{wait_for, wait_until};
use serde_json::{Value, json};

use crate::record::{self, Message};
use crate::world::{LIMIT, World, text};

async fn rebuild(baton: &Baton) -> String {
    let run = baton.command(&["nats", "rebuild"]).await;
    let said = String::from_utf8_lossy(&run.stdout).into_owned();
    let errors = String::from_utf8_lossy(&run.stderr);
    assert!(run.status.success(), "{said}\n{errors}");
    said
}

/// When the stream was made, in seconds; none while there is none.
async fn made_at(nats: &Nats) -> Option<i128> {
    let context = async_nats::jetstream::new(nats.connect().await);
    let stream = context.get_stream("BATON").await.ok()?;
    Some(stream.cached_info().created.unix_timestamp_nanos())
}

fn same(one: &[Message], other: &[Message]) {
    assert_eq!(one.len(), other.len());
    for (one, other) in one.iter().zip(other) {
        assert_eq!((one.sequence, &one.id), (other.sequence, &other.id));
        assert_eq!((&one.subject, &one.body), (&other.subject, &other.body));
    }
}

#[tokio::test]
async fn a_running_node_publishes_everything_again() {
    let world = World::new().await;
    let writer = world.agent("writer").await;
    for n in 0..30 {
        writer.task(&format!("before {n}")).await;
    }
    let head = record::caught_up(&world).await;
    let before = record::messages(&world.nats, head).await;
    let first_made = made_at(&world.nats).await;
    let rebuilds = async { rebuild(&world.baton).await };
    // Nobody stops working for it.
    let works = async {
        for n in 0..30 {
            writer.task(&format!("meanwhile {n}")).await;
        }
    };
    let (said, ()) = tokio::join!(rebuilds, works);
    assert!(said.contains("deleted the stream BATON, which ended at"), "{said}");
    assert_ne!(made_at(&world.nats).await, first_made, "it is another stream");
    writer.task("after").await;
    let head = record::caught_up(&world).await;
    let after = record::messages(&world.nats, head).await;
    same(&before, &after[..before.len()]);
    let log = record::log(&world.database.connect().await).await;
    record::assert_stream_is_log(&after, &log);
}

#[tokio::test]
async fn without_a_relay_the_command_publishes_by_itself() {
    let mut world = World::new().await;
    let writer = world.agent("writer").await;
    for n in 0..600 {
        writer.task(&format!("task {n}")).await;
    }
    let head = record::caught_up(&world).await;
    let before = record::messages(&world.nats, head).await;
    assert!(world.baton.stop().await.success());
    let said = rebuild(&world.baton).await;
    assert!(said.contains(&format!("published {head} events, up to position {head}")), "{said}");
    same(&before, &record::messages(&world.nats, head).await);
    // The subscription is free again.
    world.baton.restart().await;
    world.agent("another").await.task("after").await;
    let head = record::caught_up(&world).await;
    let log = record::log(&world.database.connect().await).await;
    record::assert_stream_is_log(&record::messages(&world.nats, head).await, &log);
}

#[tokio::test]
async fn a_rebuild_that_is_cut_off_is_finished_by_the_relay() {
    let mut world = World::new().await;
    let writer = world.agent("writer").await;
    for n in 0..50 {
        writer.task(&format!("task {n}")).await;
    }
    let head = record::caught_up(&world).await;
    let before = record::messages(&world.nats, head).await;
    // Exactly what is left when the command dies after its only deed.
    let context = async_nats::jetstream::new(world.nats.connect().await);
    context.delete_stream("BATON").await.expect("a stream to delete");
    world.baton.kill9();
    assert_eq!(made_at(&world.nats).await, None);
    world.baton.restart().await;
    same(&before, &record::messages(&world.nats, head).await);
}

#[tokio::test]
async fn in_local_mode_the_command_finds_the_private_nats() {
    let baton = Builder::local().start().await;
    let (writer, _) = agent(&baton, "writer").await;
    let made: Value = writer.post("/v1/tasks", json!({ "content": "kept" })).await.expect(201);
    let url = std::fs::read_to_string(baton.data_dir().join("nats-url")).expect("word of NATS");
    let client = async_nats::ConnectOptions::with_token(
        url.trim().trim_start_matches("nats://").split('@').next().unwrap_or_default().to_owned(),
    );
    let client = client.connect(url.trim()).await.expect("the private NATS");
    let context = async_nats::jetstream::new(client);
    let last = async || {
        let mut stream = context.get_stream("BATON").await.ok()?;
        stream.info().await.ok().map(|info| info.state.last_sequence)
    };
    wait_until(LIMIT, "the relay published", async || last().await == Some(2)).await;
    let said = rebuild(&baton).await;
    assert!(said.contains("published 2 events, up to position 2"), "{said}");
    let stream = wait_for(LIMIT, "a stream", async || context.get_stream("BATON").await.ok()).await;
    let message = stream.get_raw_message(2).await.expect("a message");
    let event: Value = serde_json::from_slice(&message.payload).expect("JSON");
    assert_eq!(event["data"]["task"]["id"], json!(text(&made, "id")));
    project(&baton).get("/v1/tasks").await.expect(200);
}

#[tokio::test]
async fn the_stream_of_another_log_is_left_alone_unless_forced() {
    let others = World::new().await;
    let stranger = others.agent("stranger").await;
    for n in 0..5 {
        stranger.task(&format!("another's {n}")).await;
    }
    let theirs = record::caught_up(&others).await;
    let before = record::messages(&others.nats, theirs).await;
    let made = made_at(&others.nats).await;
    // Told of the wrong NATS; its log is longer than that stream.
    let database = postgres::database().await;
    let baton = Baton::on(&database, &others.nats).await;
    let (writer, _) = agent(&baton, "writer").await;
    for n in 0..10 {
        let task = json!({ "content": format!("ours {n}") });
        writer.post("/v1/tasks", task).await.expect(201);
    }
    let run = baton.command(&["nats", "rebuild"]).await;
    let errors = String::from_utf8_lossy(&run.stderr);
    assert!(!run.status.success());
    assert!(errors.contains("not of this log") && errors.contains("--force"), "{errors}");
    assert_eq!(made_at(&others.nats).await, made, "it is the same stream");
    same(&before, &record::messages(&others.nats, theirs).await);
    // Theirs is gone for good.
    let mut others = others;
    assert!(others.baton.stop().await.success());
    let run = baton.command(&["nats", "rebuild", "--force"]).await;
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    let reader = database.connect().await;
    let (head, _) = record::head_and_count(&reader).await;
    let log = record::log(&reader).await;
    record::assert_stream_is_log(&record::messages(&others.nats, head).await, &log);
}

#[tokio::test]
async fn without_a_nats_the_command_says_what_to_do() {
    // With a Postgres that others may share there is no private NATS either.
    let mut world = World::with(|builder| builder.without("BATON_NATS_URL")).await;
    let log = world.baton.log();
    let said: Vec<_> = log.lines().filter(|line| line.contains("set BATON_NATS_URL")).collect();
    assert_eq!(said.len(), 1, "{log}");
    let ready = crate::operations::ready(&world.baton).await.body;
    assert_eq!(ready["dependencies"]["nats"]["status"], "none", "{ready}");
    // Word of one that ran here before is not left behind.
    let file = world.baton.data_dir().join("nats-url");
    assert!(!file.exists());
    std::fs::write(&file, "nats://127.0.0.1:1\n").expect("word of a NATS that is gone");
    world.baton.restart().await;
    assert!(!file.exists());
    let run = world.baton.command(&["nats", "rebuild"]).await;
    assert!(!run.status.success());
    let errors = String::from_utf8_lossy(&run.stderr);
    assert!(errors.contains("set BATON_NATS_URL"), "{errors}");
}
