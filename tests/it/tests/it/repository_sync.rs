//! A mirror of the tasks in a repository, as continuous integration pulls and pushes it: whole
//! records, contexts with the version that was read, links.

use baton_harness::client::Client;
use reqwest::Method;
use serde_json::{Value, json};

use crate::world::{Agent, World, assert_has, ids, problem, text, with};

const PREFIXES: [&str; 2] = ["/v1", "/api"];

/// One repository: who mirrors it, and where.
struct Mirror {
    agent: Agent,
    prefix: &'static str,
}

impl Mirror {
    fn client(&self) -> &Client {
        &self.agent.client
    }

    fn path(&self, path: &str) -> String {
        format!("{}{path}", self.prefix)
    }

    fn of(&self, id: &str, what: &str) -> String {
        self.path(&format!("/tasks/{id}{what}"))
    }

    /// Every task with its context and its links.
    async fn pull(&self, query: &str) -> Vec<Value> {
        let list = self.client().get(&self.path(&format!("/tasks?{query}limit=500"))).await;
        let mut records = Vec::new();
        for task in list.expect(200).as_array().expect("an array") {
            let id = text(task, "id");
            let context = self.client().get(&self.of(&id, "/context")).await.expect(200);
            let members: Vec<&String> = context.as_object().expect("an object").keys().collect();
            assert_eq!(members, ["context", "version"]);
            let links = self.client().get(&self.of(&id, "/links")).await.expect(200);
            let context =
                json!({ "context": context["context"], "context_version": context["version"] });
            records.push(with(task.clone(), with(context, json!({ "links": links }))));
        }
        records
    }

    /// What is pushed of a record, whole; the context apart, against the version that was read.
    async fn push(&self, record: &Value) -> Value {
        let mut body = json!({});
        for field in ["content", "description", "priority", "labels", "due_date"] {
            body[field] = record[field].clone();
        }
        body["assigned_to_agent_id"] = record["assigned_to_agent_id"].clone();
        if record["project_id"].is_string() {
            body["project_id"] = record["project_id"].clone();
        }
        let path = self.of(&text(record, "id"), "");
        let request = self.client().request(Method::PUT, &path).json(&body);
        baton_harness::client::send(request).await.expect(200)
    }
}

async fn head(world: &World) -> Value {
    world.project().get("/v1/events?limit=1").await.expect(200)["head"].clone()
}

#[tokio::test]
async fn x6_what_was_pulled_and_is_pushed_unchanged_changes_nothing() {
    for prefix in PREFIXES {
        let world = World::new().await;
        let mirror = Mirror { agent: world.agent("sync").await, prefix };
        let admin = world.project();
        let project = json!({ "name": "Mirrored" });
        let project = admin.post("/v1/projects", project).await.expect(201);
        let other = world.agent("other").await;
        for fields in [
            json!({ "labels": ["a", "b"], "due_date": "2031-01-02", "description": "d" }),
            json!({ "priority": 1, "context": { "k": [1, null] }, "assigned_to": other.id }),
            // Only an admin puts a task into a project; who mirrors it sends that back.
            json!({ "project_id": project["id"], "assigned_to": mirror.agent.id }),
        ] {
            let is_filed = fields.get("project_id").is_some();
            let by = if is_filed { &admin } else { mirror.client() };
            let body = with(json!({ "content": "Mirrored" }), fields);
            by.post(&mirror.path("/tasks"), body).await.expect(201);
        }
        let records = mirror.pull("").await;
        assert_eq!(records.len(), 3);
        let before = head(&world).await;
        for record in &records {
            let pushed = mirror.push(record).await;
            assert_eq!(pushed["revision"], record["revision"], "{pushed}");
            assert_eq!(pushed["updated_at"], record["updated_at"], "{pushed}");
        }
        assert_eq!(head(&world).await, before, "something was recorded");
        assert_eq!(mirror.pull("").await, records);
        // By project, for those who read everything.
        let filed = format!("project_id={}&", text(&project, "id"));
        let path = mirror.path(&format!("/tasks?{filed}limit=500"));
        problem(&mirror.client().get(&path).await, 403);
        let filed = admin.get(&path).await.expect(200);
        assert_eq!(filed.as_array().map(Vec::len), Some(1), "{filed}");
        assert_eq!(filed[0]["project_id"], project["id"]);
    }
}

/// Not only the fields that are mirrored: everything that was read, the place in the chain too.
#[tokio::test]
async fn a_record_that_is_sent_back_with_all_its_fields_changes_nothing() {
    let world = World::shared().await;
    let (creator, other) = (world.agent("creator").await, world.agent("other").await);
    let root = creator.task_id("Whole").await;
    let path = format!("/v1/tasks/{root}");
    let said = json!({
        "notes": "Noted", "due_date": "2031-01-02", "metadata": { "m": 1 },
        "context": { "k": [1] }, "labels": ["a"],
    });
    creator.client.patch(&path, said).await.expect(200);
    let child = json!({ "content": "Part", "assigned_to": other.name });
    let child = creator.client.post(&format!("{path}/delegate"), child).await.expect(201);
    for id in [root, text(&child, "id")] {
        let path = format!("/v1/tasks/{id}");
        let record = creator.client.get(&path).await.expect(200);
        for method in [Method::PUT, Method::PATCH] {
            let request = creator.client.request(method, &path).json(&record);
            let pushed = baton_harness::client::send(request).await.expect(200);
            assert_eq!(pushed["revision"], record["revision"], "{pushed}");
        }
        assert_eq!(creator.client.get(&path).await.expect(200), record);
    }
}

#[tokio::test]
async fn x6_changes_are_pushed_and_a_context_that_moved_on_is_a_conflict() {
    let world = World::shared().await;
    for prefix in PREFIXES {
        let mirror = Mirror { agent: world.agent("sync").await, prefix };
        // A record of the repository's own: made, then given its context.
        let body = json!({
            "content": "Born in a file", "description": null, "priority": 1, "labels": [],
            "due_date": null,
        });
        let made = mirror.client().post(&mirror.path("/tasks"), body).await.expect(201);
        let id = text(&made, "id");
        let context =
            |version: u64| mirror.of(&id, &format!("/context?expected_version={version}"));
        let first = json!({ "decision": { "by": "review", "open": true } });
        let written = mirror.client().patch(&context(0), first.clone()).await.expect(200);
        assert_eq!(written, json!({ "context": first, "version": 1 }));

        let mut record = mirror.pull("").await.remove(0);
        assert_has(&record, json!({ "id": id, "context_version": 1, "context": first }));
        record["content"] = json!("Changed in a file");
        record["labels"] = json!(["changed"]);
        let pushed = mirror.push(&record).await;
        assert_has(&pushed, json!({ "content": "Changed in a file", "labels": ["changed"] }));
        let second = json!({ "decision": { "open": false } });
        let merged = json!({ "decision": { "by": "review", "open": false } });
        let written = mirror.client().patch(&context(1), second.clone()).await.expect(200);
        assert_eq!(written, json!({ "context": merged, "version": 2 }));
        // Read before that, written after it.
        let late = mirror.client().patch(&context(1), json!({ "late": true })).await;
        assert_has(problem(&late, 409), json!({ "version": 2, "context": merged }));
        let read = mirror.client().get(&mirror.of(&id, "/context")).await.expect(200);
        assert_eq!(read, json!({ "context": merged, "version": 2 }));
    }
}

#[tokio::test]
async fn x6_a_link_is_made_once() {
    let world = World::shared().await;
    for prefix in PREFIXES {
        let mirror = Mirror { agent: world.agent("sync").await, prefix };
        let id = mirror.agent.task_id("Linked").await;
        let links = mirror.of(&id, "/links");
        assert_eq!(mirror.client().get(&links).await.expect(200), json!([]));
        let (head, url) = ("0123456789abcdef0123456789abcdef01234567", "https://git.example/main");
        let mut made = Vec::new();
        for link in [
            json!({ "kind": "branch", "repo": "owner/name", "ref": "main", "url": url }),
            json!({ "kind": "commit", "repo": null, "ref": head, "url": null }),
        ] {
            let first = mirror.client().post(&links, link.clone()).await.expect(201);
            assert_has(&first, with(link.clone(), json!({ "task_id": id })));
            let again = mirror.client().post(&links, link).await.expect(200);
            assert_eq!(again, first);
            made.push(text(&first, "id"));
        }
        let mut listed = ids(&mirror.client().get(&links).await.expect(200));
        listed.sort();
        made.sort();
        assert_eq!(listed, made);
    }
}
