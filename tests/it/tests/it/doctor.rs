//! `baton doctor`: live models against the log, beside a node that goes on.

use serde_json::json;

use crate::record;
use crate::world::{World, text};

/// Behind the projector's back.
const TAMPER: &str = "update read.tasks set state = replace(state, '\"content\":\"Tampered\"', \
     '\"content\":\"Tempered\"') where task_id = $1 and state like '%\"content\":\"Tampered\"%'";
const REMOVE: &str = "delete from read.comments where task_id = $1";
const OTHER_VERSION: &str = "update read.models set version = version + $1 where name = 'webhooks'";

/// What the doctor says, and whether all is well.
async fn doctor(world: &World) -> (String, bool) {
    let run = world.baton.command(&["doctor"]).await;
    let said = String::from_utf8(run.stdout).expect("text");
    let code = run.status.code().expect("an exit code");
    assert!([0, 1].contains(&code), "{code}: {}", String::from_utf8_lossy(&run.stderr));
    assert_eq!(run.status.success(), !said.is_empty() && !said.contains("differs"), "{said}");
    (said, code == 0)
}

#[tokio::test]
async fn what_differs_from_the_log_is_named_and_the_node_goes_on() {
    let world = World::new().await;
    let agent = world.agent("patient").await;
    let task = agent.task_id("Tampered").await;
    let path = format!("/v1/tasks/{task}");
    agent.client.post(&format!("{path}/comments"), json!({ "content": "c" })).await.expect(201);
    record::caught_up(&world).await;
    let (said, is_well) = doctor(&world).await;
    assert!(is_well, "{said}");
    for model in ["tasks", "webhooks", "comments", "context"] {
        assert!(said.contains(&format!("{model}: equal to the log up to position ")), "{said}");
    }

    let database = world.database.connect().await;
    let id: uuid::Uuid = task.parse().expect("an id");
    assert_eq!(database.execute(TAMPER, &[&id]).await.expect("a row"), 1);
    assert_eq!(database.execute(REMOVE, &[&id]).await.expect("a row"), 1);
    let before = database.query_one("select count(*) from read.tasks", &[]).await.expect("a row");
    let (said, is_well) = doctor(&world).await;
    assert!(!is_well, "{said}");
    let at = |lines: &str| said.contains(lines);
    assert!(at("tasks: differs from the log up to position "), "{said}");
    assert!(at(&format!("  tasks default/{id}\n")), "{said}");
    assert!(at("    state.content: \"Tempered\", by the log \"Tampered\"\n"), "{said}");
    assert!(at(&format!("  comments default/{id}/")) && at(": is missing\n"), "{said}");
    assert!(at("webhooks: equal to the log"), "{said}");
    // It looked, and changed nothing; the node served on.
    let after = database.query_one("select count(*) from read.tasks", &[]).await.expect("a row");
    assert_eq!(before.get::<_, i64>(0), after.get::<_, i64>(0));
    assert_eq!(text(&agent.client.get(&path).await.expect(200), "content"), "Tempered");
    agent.client.patch(&path, json!({ "priority": 1 })).await.expect(200);

    for model in ["tasks", "comments"] {
        let run = world.baton.command(&["rebuild", model]).await;
        assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    }
    let (said, is_well) = doctor(&world).await;
    assert!(is_well, "{said}");

    database.execute(OTHER_VERSION, &[&1]).await.expect("a row");
    let run = world.baton.command(&["doctor"]).await;
    let said = String::from_utf8_lossy(&run.stdout).into_owned();
    assert!(run.status.code() == Some(1) && said.contains("webhooks: not compared"), "{said}");
    database.execute(OTHER_VERSION, &[&-1]).await.expect("a row");
}
