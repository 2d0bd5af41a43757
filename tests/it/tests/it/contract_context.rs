//! The context of a task: merging, provenance, history, supersession and recall (protocol 0.13,
//! 1.5, 2.2).

use baton_harness::client::{Answer, Client};
use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::record;
use crate::world::{Agent, World, assert_timestamp, problem, text, with, wrong_field};

fn path(task: &str, rest: &str) -> String {
    format!("/v1/tasks/{task}/context{rest}")
}

async fn merge(client: &Client, task: &str, query: &str, patch: Value) -> Answer {
    client.patch(&path(task, query), patch).await
}

async fn read(client: &Client, task: &str, query: &str) -> Value {
    client.get(&path(task, query)).await.expect(200)
}

async fn history(client: &Client, task: &str, query: &str) -> Vec<Value> {
    let page = read(client, task, &format!("/history{query}")).await;
    page["entries"].as_array().expect("entries").clone()
}

/// What a recall finds: the keys, best first.
async fn recall(client: &Client, query: &str) -> Vec<String> {
    let found = client.get(&format!("/v1/context/search?{query}")).await.expect(200);
    let results = found["results"].as_array().expect("results");
    assert_eq!(found["count"], results.len(), "{found}");
    results.iter().map(|result| text(result, "key")).collect()
}

#[tokio::test]
async fn a_patch_is_merged_deeply_and_answered_with_the_whole() {
    let world = World::shared().await;
    let ada = world.agent("ada").await;
    let task = ada.task_id("merging").await;
    assert_eq!(read(&ada.client, &task, "").await, json!({ "context": {}, "version": 0 }));
    let first = json!({ "a": { "b": 1, "c": [1, 2] }, "id": "own" });
    let answer = merge(&ada.client, &task, "", first).await;
    assert_ne!(answer.header("Baton-Position"), "");
    let whole = answer.expect(200);
    assert_eq!(whole["version"], 1);
    assert!(whole.get("id").is_none(), "clients tell the shape by it");
    let second = json!({ "a": { "c": [3], "d": null } });
    let whole = merge(&ada.client, &task, "", second.clone()).await.expect(200);
    let context = json!({ "a": { "b": 1, "c": [3], "d": null }, "id": "own" });
    assert_eq!(whole, json!({ "context": context, "version": 2 }));
    assert_eq!(read(&ada.client, &task, "").await, whole);
    let shown = ada.client.get(&format!("/v1/tasks/{task}")).await.expect(200);
    assert_eq!((&shown["context"], &shown["context_version"]), (&context, &json!(2)));
    // By PUT the same: nothing is taken away.
    let put = ada.client.put(&path(&task, "?expected_version=2"), json!({ "e": 1 })).await;
    let (version, context) = (3, with(context, json!({ "e": 1 })));
    assert_eq!(put.expect(200), json!({ "context": context, "version": version }));
    // What is there already, and nothing at all, are no news.
    for nothing in [second, json!({})] {
        let again = merge(&ada.client, &task, "", nothing).await.expect(200);
        assert_eq!(again["version"], version);
    }
    for wrong in [json!([1]), json!("a"), json!(null)] {
        wrong_field(&merge(&ada.client, &task, "", wrong).await, "body");
    }
    let large = json!({ "k": "x".repeat(262_145) });
    wrong_field(&merge(&ada.client, &task, "", large).await, "context");
    wrong_field(
        &merge(&ada.client, &task, "?expected_version=-1", json!({})).await,
        "expected_version",
    );
    wrong_field(&merge(&ada.client, &task, "?source=guessed", json!({})).await, "source");
}

#[tokio::test]
async fn writers_of_different_keys_lose_nothing() {
    let world = World::shared().await;
    let ada = world.agent("ada").await;
    let task = ada.task_id("many writers").await;
    let writes = (0..40).map(|n| {
        let patch = json!({ format!("k{n}"): n, "shared": { format!("s{n}"): n } });
        merge(&ada.client, &task, "", patch)
    });
    let answers = join_all(writes).await;
    let mut versions: Vec<i64> = Vec::new();
    for (n, answer) in answers.into_iter().enumerate() {
        let whole = answer.expect(200);
        assert_eq!(whole["context"][format!("k{n}")], n);
        versions.push(whole["version"].as_i64().expect("a version"));
    }
    versions.sort_unstable();
    assert_eq!(versions, (1..=40).collect::<Vec<_>>(), "each write has a version of its own");
    let whole = read(&ada.client, &task, "").await;
    for n in 0..40 {
        assert_eq!(whole["context"][format!("k{n}")], n);
        assert_eq!(whole["context"]["shared"][format!("s{n}")], n);
    }
    let of_shared = history(&ada.client, &task, "?key=shared").await;
    assert_eq!(of_shared.len(), 40);
    let live = of_shared.iter().filter(|entry| entry["superseded_at"].is_null());
    assert_eq!(live.count(), 1, "one entry of a key is live");
}

#[tokio::test]
async fn a_guarded_write_wins_or_learns_what_there_is() {
    let world = World::shared().await;
    let ada = world.agent("ada").await;
    let task = ada.task_id("guarded").await;
    merge(&ada.client, &task, "?expected_version=0", json!({ "a": 1 })).await.expect(200);
    let refused = merge(&ada.client, &task, "?expected_version=0", json!({ "b": 2 })).await;
    let told = problem(&refused, 409);
    assert_eq!((&told["version"], &told["context"]), (&json!(1), &json!({ "a": 1 })));
    // Of many with the same version one gets through.
    let writes =
        (0..10).map(|n| merge(&ada.client, &task, "?expected_version=1", json!({ "winner": n })));
    let answers = join_all(writes).await;
    let won = answers.iter().filter(|answer| answer.status == 200).count();
    assert_eq!(won, 1);
    for lost in answers.iter().filter(|answer| answer.status != 200) {
        assert_eq!(problem(lost, 409)["version"], 2);
    }
}

/// Who wrote what, and how it knows.
#[tokio::test]
async fn every_live_key_has_its_provenance() {
    let world = World::shared().await;
    let (ada, bob) = (world.agent("ada").await, world.agent("bob").await);
    let body = json!({ "content": "known", "context": { "goal": "g" }, "assigned_to": bob.id });
    let task = text(&ada.client.post("/v1/tasks", body).await.expect(201), "id");
    let seen = json!({ "found": 3 });
    merge(&bob.client, &task, "?source=agent_observed", seen).await.expect(200);
    merge(&world.project(), &task, "?source=human_stated", json!({ "limit": 5 })).await.expect(200);
    let done = json!({ "context": { "result": "r" } });
    bob.client.post(&format!("/v1/tasks/{task}/complete"), done).await.expect(200);
    let plain = read(&ada.client, &task, "").await;
    assert!(plain.get("provenance").is_none());
    let whole = read(&ada.client, &task, "?include=provenance").await;
    let provenance = whole["provenance"].as_object().expect("a map");
    assert_eq!(provenance.len(), 4);
    for (key, author, source, version) in [
        ("goal", Some(&ada), "agent_inferred", 1),
        ("found", Some(&bob), "agent_observed", 2),
        ("limit", None, "human_stated", 3),
        ("result", Some(&bob), "agent_inferred", 4),
    ] {
        let known = &provenance[key];
        let (id, name) = (author.map(|it| &it.id), author.map(|it| &it.name));
        assert_eq!(known["author_agent_id"], json!(id), "{key}");
        assert_eq!(known["author_name"], json!(name), "{key}");
        assert_eq!((&known["source"], &known["version"]), (&json!(source), &json!(version)));
        assert_timestamp(&known["created_at"]);
    }
    // Vouching for others is the admins'.
    for source in ["human_stated", "imported"] {
        let query = format!("?source={source}");
        problem(&merge(&ada.client, &task, &query, json!({ "x": 1 })).await, 403);
        merge(&world.project(), &task, &query, json!({ source: 1 })).await.expect(200);
    }
}

#[tokio::test]
async fn history_is_newest_first_by_pages_and_keys() {
    let world = World::shared().await;
    let ada = world.agent("ada").await;
    let task = ada.task_id("history").await;
    for n in 0..5 {
        merge(&ada.client, &task, "", json!({ "a": n, "b": { format!("n{n}"): n } }))
            .await
            .expect(200);
    }
    let entries = history(&ada.client, &task, "").await;
    let said: Vec<(String, Value, i64)> = entries
        .iter()
        .map(|it| (text(it, "key"), it["value"].clone(), it["version"].as_i64().expect("one")))
        .collect();
    assert_eq!(said[0], ("b".to_owned(), json!({"n0": 0, "n1": 1, "n2": 2, "n3": 3, "n4": 4}), 5));
    assert_eq!(said[1], ("a".to_owned(), json!(4), 5));
    assert_eq!(said[9], ("a".to_owned(), json!(0), 1));
    assert_eq!(
        (&entries[1]["superseded_by"], &entries[1]["superseded_at"]),
        (&json!(null), &json!(null))
    );
    // An entry names the one that took its place.
    assert_eq!(entries[3]["superseded_by"], entries[1]["id"]);
    assert_eq!(entries[3]["superseded_at"], entries[1]["created_at"]);
    for entry in &entries {
        assert_eq!((&entry["task_id"], &entry["author_agent_id"]), (&json!(task), &json!(ada.id)));
        assert_eq!(entry["source"], "agent_inferred");
    }
    assert_eq!(history(&ada.client, &task, "?key=a").await.len(), 5);
    assert!(history(&ada.client, &task, "?key=never").await.is_empty());
    let (mut walked, mut query) = (Vec::new(), "?limit=3".to_owned());
    loop {
        let page = read(&ada.client, &task, &format!("/history{query}")).await;
        walked.extend(page["entries"].as_array().expect("entries").clone());
        match page["next_cursor"].as_str() {
            Some(cursor) => query = format!("?limit=3&cursor={cursor}"),
            None => break,
        }
    }
    assert_eq!(walked, entries);
    for (query, field) in [("?limit=0", "limit"), ("?limit=101", "limit"), ("?cursor=x", "cursor")]
    {
        let path = path(&task, &format!("/history{query}"));
        wrong_field(&ada.client.get(&path).await, field);
    }
}

#[tokio::test]
async fn what_is_superseded_stays_and_is_trusted_no_more() {
    let world = World::shared().await;
    let ada = world.agent("ada").await;
    let task = ada.task_id("superseding").await;
    let word = format!("zanzibar{}", &task[20..]);
    merge(&ada.client, &task, "", json!({ "rate": word, "other": 1 })).await.expect(200);
    let supersede = path(&task, "/supersede");
    let answer =
        ada.client.post_once(&supersede, &task, json!({ "key": "rate" })).await.expect(200);
    let entry = &answer["superseded"];
    assert_eq!(
        (&entry["key"], &entry["value"], &entry["version"]),
        (&json!("rate"), &json!(word), &json!(1))
    );
    assert_eq!(entry["superseded_by"], Value::Null);
    assert_timestamp(&entry["superseded_at"]);
    assert_eq!(&history(&ada.client, &task, "?key=rate").await[0], entry);
    let whole = read(&ada.client, &task, "?include=provenance").await;
    assert_eq!((&whole["context"]["rate"], &whole["version"]), (&json!(word), &json!(1)));
    assert!(whole["provenance"].get("rate").is_none() && whole["provenance"]["other"].is_object());
    assert!(recall(&ada.client, &format!("q={word}")).await.is_empty());
    let all = format!("q={word}&include_superseded=true");
    assert_eq!(recall(&ada.client, &all).await, ["rate"]);
    // The same request again is answered as before; another finds nothing live.
    let again = ada.client.post_once(&supersede, &task, json!({ "key": "rate" })).await.expect(200);
    assert_eq!(again, answer);
    for key in ["rate", "never"] {
        problem(&ada.client.post(&supersede, json!({ "key": key })).await, 404);
    }
    wrong_field(&ada.client.post(&supersede, json!({})).await, "key");
}

#[tokio::test]
async fn who_writes_what_was_superseded_again_means_it() {
    let world = World::shared().await;
    let ada = world.agent("ada").await;
    let task = ada.task_id("superseding").await;
    let word = format!("sansibar{}", &task[20..]);
    merge(&ada.client, &task, "", json!({ "rate": word })).await.expect(200);
    let supersede = path(&task, "/supersede");
    ada.client.post(&supersede, json!({ "key": "rate" })).await.expect(200);
    merge(&ada.client, &task, "", json!({ "rate": word })).await.expect(200);
    assert_eq!(recall(&ada.client, &format!("q={word}")).await, ["rate"]);
    let of_key = history(&ada.client, &task, "?key=rate").await;
    assert_eq!(of_key.len(), 2);
    assert_eq!(of_key[1]["superseded_by"], Value::Null, "nothing took its place when it ended");
}

/// A task of `agent` with a context: its id.
async fn knowing(agent: &Agent, content: &str, context: Value) -> String {
    let body = json!({ "content": content, "context": context });
    text(&agent.client.post("/v1/tasks", body).await.expect(201), "id")
}

#[tokio::test]
async fn recall_ranks_what_a_human_stated_first_and_then_what_fits() {
    let world = World::new().await;
    let ada = world.agent("ada").await;
    let burst = json!({ "note": "three times the limit", "minutes": 1 });
    let context = json!({ "burst_window": burst, "unrelated": "weather" });
    let task = knowing(&ada, "Rate limits of the API", context).await;
    let other = knowing(&ada, "Something else", json!({ "limits": "limits limits limits" })).await;
    let stated = json!({ "owner": "Ann says the limits are soft" });
    merge(&world.project(), &other, "?source=human_stated", stated).await.expect(200);
    let found = ada.client.get("/v1/context/search?q=limit").await.expect(200);
    assert_eq!(found["query"], "limit");
    let keys: Vec<String> =
        found["results"].as_array().expect("results").iter().map(|it| text(it, "key")).collect();
    assert_eq!(keys, ["owner", "limits", "burst_window", "unrelated"], "{found}");
    let best = &found["results"][0];
    assert_eq!(
        (&best["task_id"], &best["task_content"]),
        (&json!(other), &json!("Something else"))
    );
    assert_eq!((&best["source"], &best["version"]), (&json!("human_stated"), &json!(2)));
    assert_eq!(best["value"], "Ann says the limits are soft");
    assert_eq!((&best["author_agent_id"], &best["author_name"]), (&json!(null), &json!(null)));
    assert_timestamp(&best["created_at"]);
    let scores: Vec<f64> = found["results"]
        .as_array()
        .expect("results")
        .iter()
        .map(|it| it["score"].as_f64().expect("a number"))
        .collect();
    assert!(scores.is_sorted_by(|one, next| one >= next), "{scores:?}");
    // By key, by value at any depth, by the task's words, in any form of the word.
    for (query, keys) in [
        ("q=burst", vec!["burst_window"]),
        ("q=minutes", vec!["burst_window"]),
        ("q=weather+api", vec!["unrelated"]),
        ("q=window+limiting", vec!["owner", "burst_window"]),
        ("q=nothingofthesort", vec![]),
        ("q=limit&limit=1", vec!["owner"]),
        ("q=limit&key=limits", vec!["limits"]),
        ("q=limit&source=human_stated", vec!["owner"]),
        ("q=limit&source=imported", vec![]),
        ("q=the", vec![]),
    ] {
        let found = recall(&ada.client, query).await;
        assert_eq!(found[..keys.len().min(found.len())], keys[..], "{query}: {found:?}");
        assert_eq!(found.is_empty(), keys.is_empty(), "{query}: {found:?}");
    }
    // The task's words are those of now.
    let renamed = json!({ "content": "Quotas" });
    ada.client.patch(&format!("/v1/tasks/{task}"), renamed).await.expect(200);
    assert_eq!(recall(&ada.client, "q=quota").await, ["burst_window", "unrelated"]);
    assert!(recall(&ada.client, "q=api").await.is_empty());
    ada.client.delete(&format!("/v1/tasks/{task}")).await.expect(200);
    assert!(recall(&ada.client, "q=quota").await.is_empty(), "a deleted task is not recalled");
    for (query, field) in
        [("", "q"), ("q=", "q"), ("q=a&limit=0", "limit"), ("q=a&source=x", "source")]
    {
        wrong_field(&ada.client.get(&format!("/v1/context/search?{query}")).await, field);
    }
    record::assert_models_equal_a_rebuild(&world).await;
}

#[tokio::test]
async fn a_worker_recalls_only_what_it_may_read() {
    let world = World::new().await;
    let (ada, bob) = (world.agent("ada").await, world.agent("bob").await);
    let coordinator = world.agent_with("cy", json!({ "role": "coordinator" })).await;
    for n in 0..30 {
        knowing(&ada, "Ada's", json!({ format!("a{n}"): "quokka" })).await;
    }
    let own = knowing(&bob, "Bob's", json!({ "own": "quokka" })).await;
    let routed = json!({
        "content": "routed", "labels": [format!("@{}", bob.name)], "priority": 4,
        "context": { "routed": "quokka" },
    });
    ada.client.post("/v1/tasks", routed).await.expect(201);
    let mut found = recall(&bob.client, "q=quokka").await;
    found.sort_unstable();
    assert_eq!(found, ["own", "routed"]);
    assert_eq!(recall(&ada.client, "q=quokka&limit=100").await.len(), 31);
    assert_eq!(recall(&coordinator.client, "q=quokka&limit=100").await.len(), 32);
    // Once it is given the task, it reads it.
    let given = knowing(&ada, "Ada's", json!({ "given": "quokka" })).await;
    assert!(!recall(&bob.client, "q=quokka").await.contains(&"given".to_owned()));
    let to_bob = json!({ "assigned_to": bob.id });
    ada.client.patch(&format!("/v1/tasks/{given}"), to_bob).await.expect(200);
    assert!(recall(&bob.client, "q=quokka").await.contains(&"given".to_owned()));
    bob.client.post(&format!("/v1/tasks/{own}/complete"), json!({})).await.expect(200);
    assert!(recall(&bob.client, "q=quokka").await.contains(&"own".to_owned()));
    problem(&bob.client.get("/v1/context/search?q=quokka&project_id=p").await, 403);
    assert!(recall(&coordinator.client, "q=quokka&project_id=p").await.is_empty());
    for rest in ["", "/history"] {
        let hidden = path(&text(&ada.task("hidden").await, "id"), rest);
        problem(&bob.client.get(&hidden).await, 404);
    }
}

#[tokio::test]
async fn a_large_context_is_read_in_parts() {
    let world = World::shared().await;
    let ada = world.agent("ada").await;
    let mut context = json!({ "long": "x".repeat(500), "short": [1, 2] });
    for n in 0..150 {
        context = with(context, json!({ format!("k{n:03}"): n }));
    }
    let task = knowing(&ada, "large", context.clone()).await;
    let whole = read(&ada.client, &task, "").await;
    assert_eq!(whole, json!({ "context": context, "version": 1 }));
    assert_eq!(read(&ada.client, &task, "?view=full").await, whole);
    let keys = read(&ada.client, &task, "?view=keys&key_limit=2&key_offset=150").await;
    assert_eq!(keys["context"], json!({}));
    let items = json!([{ "key": "long", "chars": 502 }, { "key": "short", "chars": 5 }]);
    let page = json!({
        "items": items, "total": 152, "limit": 2, "offset": 150, "has_more": false,
        "next_offset": null,
    });
    assert_eq!(keys["keys"], page);
    let summary = read(&ada.client, &task, "?view=summary&key_offset=149").await;
    assert_eq!(
        summary["context"],
        json!({ "k149": 149, "short": [1, 2] }),
        "what is long is left out"
    );
    let first = read(&ada.client, &task, "?view=summary").await;
    assert_eq!(
        (&first["keys"]["limit"], &first["keys"]["next_offset"]),
        (&json!(100), &json!(100))
    );
    assert_eq!(first["context"].as_object().expect("an object").len(), 100);
    let named = read(&ada.client, &task, "?keys=%5B%22short%22,%22none%22%5D").await;
    let part = json!({ "context": { "short": [1, 2] }, "version": 1, "missing_keys": ["none"] });
    assert_eq!(named, part);
    for (query, field) in [
        ("?keys=short", "keys"),
        ("?view=most", "view"),
        ("?include=everything", "include"),
        ("?view=keys&key_limit=0", "key_limit"),
        ("?view=keys&key_offset=10001", "key_offset"),
    ] {
        wrong_field(&ada.client.get(&path(&task, query)).await, field);
    }
}

/// Whatever is written, however often and by whatever way: the ledger follows from the log.
#[tokio::test]
async fn a_rebuilt_ledger_is_the_live_one() {
    let world = World::new().await;
    let (ada, project) = (world.agent("ada").await, world.project());
    let long = "k".repeat(5_000);
    for round in 0..6 {
        let task = knowing(&ada, "round", json!({ "a": round, "b": { "n": round } })).await;
        let task_path = format!("/v1/tasks/{task}");
        let patches = (0..4).map(|n| {
            merge(
                &ada.client,
                &task,
                "",
                json!({ "b": { format!("n{n}"): "words" }, long.as_str(): n }),
            )
        });
        join_all(patches).await.into_iter().for_each(|answer| drop(answer.expect(200)));
        ada.client
            .patch(&task_path, json!({ "content": format!("renamed {round}") }))
            .await
            .expect(200);
        let supersede = path(&task, "/supersede");
        project.post(&supersede, json!({ "key": "a" })).await.expect(200);
        if round % 2 == 0 {
            merge(&project, &task, "?source=imported", json!({ "a": "again" })).await.expect(200);
        }
        let described = json!({ "description": "later words", "context": { "c": null } });
        ada.client.patch(&task_path, described).await.expect(200);
        let end = ["complete", "fail", "cancel"][round % 3];
        ada.client
            .post(&format!("{task_path}/{end}"), json!({ "context": { "end": end } }))
            .await
            .expect(200);
    }
    record::caught_up(&world).await;
    record::assert_models_equal_a_rebuild(&world).await;
    let before = recall(&ada.client, "q=words+renamed&limit=100").await;
    let rebuilt = world.baton.command(&["rebuild", "context"]).await;
    assert!(rebuilt.status.success(), "{rebuilt:?}");
    record::assert_models_equal_a_rebuild(&world).await;
    assert_eq!(recall(&ada.client, "q=words+renamed&limit=100").await, before);
    assert!(!before.is_empty());
}
