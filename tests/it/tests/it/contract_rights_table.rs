//! The table of rights (protocol 1, 3): every operation, for every kind of caller.
//!
//! The rows are held against the document that the server gives: an operation without a row fails,
//! and so does a row without its operation. What is asked for is valid, so that whoever may do it
//! truly does it.

use std::collections::{BTreeMap, BTreeSet};

use baton_harness::client::{Client, Credential};
use baton_harness::receiver::Receiver;
use baton_harness::wait_for;
use futures_util::future::join_all;
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use crate::document::{Operation, filled};
use crate::world::{LIMIT, World, fresh, text, with};

/// Who asks. All agents but the last are of the account that the target is in.
const CALLERS: [&str; 10] = [
    "a worker",
    "the task's creator",
    "a worker with tasks.read_all",
    "a coordinator",
    "an auditor",
    "an admin",
    "the project token",
    "another account's project token",
    "another account's worker",
    "nobody",
];
/// Of them, those who read every task and write none, but might claim it.
const ONLOOKERS: [usize; 2] = [2, 3];

/// What each of them is answered.
type Statuses = [u16; CALLERS.len()];

/// There is nothing of the caller's own to ask for.
const UNASKED: u16 = 0;

const fn anybody(status: u16) -> Statuses {
    let s = status;
    [s, s, s, s, s, s, s, s, s, 401]
}

/// Any agent and the project token, but who only reads.
const fn any_writer(status: u16) -> Statuses {
    let s = status;
    [s, s, s, s, 403, s, s, s, s, 401]
}

/// R on a task.
const fn readers(status: u16) -> Statuses {
    let s = status;
    [404, s, s, s, s, s, s, 404, 404, 401]
}

/// W on a task.
const fn writers(status: u16) -> Statuses {
    let s = status;
    [404, s, 403, 403, 403, s, s, 404, 404, 401]
}

/// Admins, about the account they are in.
const fn admins(status: u16) -> Statuses {
    let s = status;
    [403, 403, 403, 403, 403, s, s, s, 403, 401]
}

/// Admins, about a thing of the first account.
const fn admins_of_it(status: u16) -> Statuses {
    let s = status;
    [403, 403, 403, 403, 403, s, s, 404, 403, 401]
}

/// Whoever reads what is the whole account's.
const fn overseers(status: u16) -> Statuses {
    let s = status;
    [403, 403, 403, s, s, s, s, s, 403, 401]
}

/// Agents about themselves; the creator is a worker like the first.
const fn themselves(worker: u16, auditor: u16, admin: u16) -> Statuses {
    let (w, u) = (worker, UNASKED);
    [w, u, w, w, auditor, admin, u, u, w, u]
}

/// What an operation is tried on; made anew for each caller.
#[derive(Clone, Copy, Debug, PartialEq)]
enum On {
    Nothing,
    /// An open task of the creator's.
    Task,
    /// Another one, with an assignee, that asks for evidence.
    Guarded,
    /// One with a context.
    Knowing,
    /// One that the caller holds, where it can hold any.
    Held,
    /// One that the assignee holds.
    Claimed,
    /// One that somebody had finished who had lost it.
    Late,
    Completed,
    Failed,
    /// Failed, with no retry left.
    Spent,
    /// An agent that is none of the callers.
    Agent,
    /// The caller itself.
    Own,
    /// An open task of the creator's with a comment, a subtask and a link.
    Annotated,
    /// A project.
    Project,
    /// A recurrence of the creator's.
    Recurrence,
    /// A webhook.
    Webhook,
    /// The one webhook that was sent something.
    Delivery,
    /// An event of a task of the creator's.
    Event,
    /// An event about an agent.
    EventOfAgent,
}

/// The ids of what there is to name.
#[derive(Clone, Debug, Default)]
struct Ids {
    id: String,
    delivery: String,
    completion: String,
    comment: String,
    subtask: String,
    link: String,
}

impl Ids {
    /// Whatever an operation is about, its id is the target's.
    fn by_name(&self) -> [(&str, &str); 7] {
        [
            ("id", &self.id),
            ("agent_id", &self.id),
            ("delivery_id", &self.delivery),
            ("completion_id", &self.completion),
            ("comment_id", &self.comment),
            ("subtask_id", &self.subtask),
            ("link_id", &self.link),
        ]
    }
}

struct Row {
    operation: &'static str,
    on: On,
    query: &'static str,
    body: Option<fn(&Ids) -> Value>,
    expected: Statuses,
}

fn row(operation: &'static str, on: On, expected: Statuses) -> Row {
    Row { operation, on, query: "", body: None, expected }
}

impl Row {
    /// `{id}` in it is the target's.
    fn asking(self, query: &'static str) -> Row {
        Row { query, ..self }
    }

    fn sending(self, body: fn(&Ids) -> Value) -> Row {
        Row { body: Some(body), ..self }
    }
}

fn rows() -> Vec<Row> {
    let rows =
        [service_rows(), agent_rows(), task_rows(), task_write_rows(), claim_rows(), event_rows()];
    let more =
        [annotation_rows(), context_rows(), project_rows(), recurrence_rows(), webhook_rows()];
    rows.into_iter().chain(more).flatten().collect()
}

fn service_rows() -> Vec<Row> {
    vec![
        row("getHealth", On::Nothing, [200; CALLERS.len()]),
        row("getMe", On::Nothing, anybody(200)),
        row("getStats", On::Nothing, anybody(200)),
        row("getFleetAttention", On::Nothing, anybody(200)),
        row("getUsage", On::Nothing, anybody(200)),
    ]
}

fn agent_rows() -> Vec<Row> {
    let label: fn(&Ids) -> Value = |_| json!({ "label": "other" });
    vec![
        row("listAgents", On::Nothing, overseers(200)),
        row("createAgent", On::Nothing, admins(201)).sending(|_| json!({ "name": fresh("made") })),
        row("getAgent", On::Agent, [403, 403, 403, 200, 200, 200, 200, 404, 403, 401]),
        row("getAgent", On::Own, themselves(200, 200, 200)),
        row("updateAgent", On::Agent, admins_of_it(200)).sending(label),
        row("updateAgent", On::Own, themselves(200, 403, 200)).sending(label),
        row("updateAgent", On::Own, themselves(403, 403, 200))
            .sending(|_| json!({ "role": "admin" })),
        row("updateAgent", On::Own, themselves(403, 403, 200))
            .sending(|_| json!({ "permissions": ["agents.read"] })),
        row("putAgent", On::Agent, admins_of_it(200)).sending(label),
        row("putAgent", On::Own, themselves(200, 403, 200)).sending(label),
        row("deleteAgent", On::Agent, admins_of_it(200)),
        row("rotateKey", On::Agent, admins_of_it(200)),
        row("rotateKey", On::Own, themselves(200, 403, 200)),
    ]
}

fn task_rows() -> Vec<Row> {
    let child: fn(&Ids) -> Value = |ids| json!({ "content": "c", "parent_task_id": ids.id });
    let waiting: fn(&Ids) -> Value = |ids| json!({ "content": "c", "depends_on": [ids.id] });
    let given: fn(&Ids) -> Value = |ids| json!({ "content": "c", "assigned_to": ids.id });
    let of_project: fn(&Ids) -> Value = |_| json!({ "content": "c", "project_id": "p" });
    vec![
        row("listTasks", On::Nothing, anybody(200)),
        row("listTasks", On::Nothing, [403, 403, 200, 200, 200, 200, 200, 200, 403, 401])
            .asking("?project_id=p"),
        row("getTask", On::Task, readers(200)),
        row("getTaskChain", On::Task, readers(200)),
        row("listTaskChildren", On::Task, readers(200)),
        row("listTaskEvents", On::Task, readers(200)),
        row("waitForTask", On::Task, readers(200)).asking("?timeout=0"),
        row("createTask", On::Nothing, any_writer(201)).sending(|_| json!({ "content": "c" })),
        row("findDuplicateTasks", On::Nothing, anybody(200)).sending(|_| json!({ "content": "c" })),
        row("createTask", On::Task, writers(201)).sending(child),
        row("createTask", On::Task, [404, 201, 201, 201, 403, 201, 201, 404, 404, 401])
            .sending(waiting),
        row("createTask", On::Agent, [201, 201, 201, 201, 403, 201, 201, 404, 404, 401])
            .sending(given),
        // There is no such project: who may use one is told so.
        row("createTask", On::Nothing, [403, 403, 403, 403, 403, 404, 404, 404, 403, 401])
            .sending(of_project),
    ]
}

fn task_write_rows() -> Vec<Row> {
    let priority: fn(&Ids) -> Value = |_| json!({ "priority": 4 });
    let unguarded: fn(&Ids) -> Value = |_| json!({ "evidence_policy": null });
    let of_project: fn(&Ids) -> Value = |_| json!({ "project_id": "p" });
    let beyond = |by_creator| [404, by_creator, 403, 403, 403, 200, 200, 404, 404, 401];
    vec![
        row("updateTask", On::Task, writers(200)).sending(priority),
        row("updateTask", On::Guarded, beyond(403)).sending(unguarded),
        row("updateTask", On::Task, [404, 403, 403, 403, 403, 404, 404, 404, 404, 401])
            .sending(of_project),
        row("putTask", On::Task, writers(200)).sending(priority),
        row("putTask", On::Guarded, beyond(403)).sending(unguarded),
        row("deleteTask", On::Task, writers(200)),
        row("batchDeleteTasks", On::Task, writers(204))
            .sending(|ids| json!({ "task_ids": [ids.id] })),
        row("completeTask", On::Task, writers(200)),
        row("uncompleteTask", On::Completed, writers(200)),
        row("failTask", On::Task, writers(200)),
        row("retryTask", On::Failed, writers(200)),
        row("retryTask", On::Spent, beyond(409)),
        row("cancelTask", On::Task, writers(200)),
        row("delegateTask", On::Task, writers(201)).sending(|_| json!({ "content": "child" })),
        row("delegateTask", On::Guarded, writers(200))
            .sending(|_| json!({ "agent_id": "assignee" })),
    ]
}

fn claim_rows() -> Vec<Row> {
    // The project token is no agent, and holds nothing.
    let holders = |other_worker| [200, 200, 200, 200, 403, 200, 403, 403, other_worker, 401];
    let onlookers = |creator| [404, creator, 409, 409, 403, 409, 403, 403, 404, 401];
    let working: fn(&Ids) -> Value = |_| json!({ "state": "working" });
    let admins_only = |creator| [404, creator, 403, 403, 403, 200, 200, 404, 404, 401];
    // Nothing waits with this label: the rows leave each other's tasks alone.
    let next: fn(&Ids) -> Value = |_| json!({ "labels": ["waits for nobody"] });
    let of_project: fn(&Ids) -> Value = |_| json!({ "project_id": "p" });
    vec![
        row("claimNextTask", On::Nothing, holders(200)).sending(next),
        row("claimNextTask", On::Nothing, [403, 403, 200, 200, 403, 200, 403, 403, 403, 401])
            .sending(of_project),
        // The queue has it for everybody: it need not be readable.
        row("claimTask", On::Task, holders(404)),
        row("claimTask", On::Claimed, onlookers(409)),
        row("heartbeatTask", On::Held, holders(404)),
        row("heartbeatTask", On::Claimed, onlookers(409)),
        row("setTaskState", On::Held, holders(404)).sending(working),
        row("setTaskState", On::Claimed, onlookers(409)).sending(working),
        row("releaseTask", On::Held, [200, 200, 200, 200, 403, 200, 409, 404, 404, 401]),
        row("releaseTask", On::Claimed, admins_only(403)),
        row("acceptLateCompletion", On::Late, admins_only(200)),
    ]
}

fn annotation_rows() -> Vec<Row> {
    let commenters = |status| [404, status, 403, status, 403, status, status, 404, 404, 401];
    let said: fn(&Ids) -> Value = |_| json!({ "content": "c" });
    let linked: fn(&Ids) -> Value = |_| json!({ "kind": "pr", "ref": "41" });
    vec![
        row("listComments", On::Annotated, readers(200)),
        row("createComment", On::Task, commenters(201)).sending(said),
        // Another's claim is in the way of no comment.
        row("createComment", On::Claimed, commenters(201)).sending(said),
        row("deleteComment", On::Annotated, writers(200)),
        row("listSubtasks", On::Annotated, readers(200)),
        row("createSubtask", On::Task, writers(201)).sending(said),
        row("updateSubtask", On::Annotated, writers(200)).sending(said),
        row("putSubtask", On::Annotated, writers(200)).sending(said),
        row("toggleSubtask", On::Annotated, writers(200)),
        row("deleteSubtask", On::Annotated, writers(200)),
        row("listLinks", On::Annotated, readers(200)),
        row("createLink", On::Task, commenters(201)).sending(linked),
        row("deleteLink", On::Annotated, writers(200)),
    ]
}

fn project_rows() -> Vec<Row> {
    let name: fn(&Ids) -> Value = |_| json!({ "name": "p" });
    let task: fn(&Ids) -> Value = |ids| json!({ "content": "c", "project_id": ids.id });
    let in_none: fn(&Ids) -> Value = |_| json!({ "project_id": null });
    vec![
        row("listProjects", On::Nothing, admins(200)),
        row("createProject", On::Nothing, admins(201)).sending(name),
        row("getProject", On::Project, admins_of_it(200)),
        row("updateProject", On::Project, admins_of_it(200)).sending(name),
        row("putProject", On::Project, admins_of_it(200)).sending(name),
        row("deleteProject", On::Project, admins_of_it(200)),
        row("createTask", On::Project, [403, 403, 403, 403, 403, 201, 201, 404, 403, 401])
            .sending(task),
        // It is in none already: that is no change.
        row("updateTask", On::Task, writers(200)).sending(in_none),
    ]
}

fn recurrence_rows() -> Vec<Row> {
    let daily: fn(&Ids) -> Value = |_| json!({ "content": "c", "rule_type": "daily" });
    let given: fn(&Ids) -> Value =
        |ids| json!({ "content": "c", "rule_type": "daily", "assigned_to_agent_id": ids.id });
    let of_project: fn(&Ids) -> Value =
        |_| json!({ "content": "c", "rule_type": "daily", "project_id": "p" });
    let paused: fn(&Ids) -> Value = |_| json!({ "active": false });
    let moved: fn(&Ids) -> Value = |_| json!({ "project_id": "p" });
    vec![
        row("listRecurrences", On::Nothing, anybody(200)),
        row("createRecurrence", On::Nothing, any_writer(201)).sending(daily),
        row("createRecurrence", On::Agent, [201, 201, 201, 201, 403, 201, 201, 404, 404, 401])
            .sending(given),
        // There is no such project: who may use one is told so.
        row("createRecurrence", On::Nothing, [403, 403, 403, 403, 403, 404, 404, 404, 403, 401])
            .sending(of_project),
        row("getRecurrence", On::Recurrence, readers(200)),
        row("updateRecurrence", On::Recurrence, writers(200)).sending(paused),
        row("updateRecurrence", On::Recurrence, [404, 403, 403, 403, 403, 404, 404, 404, 404, 401])
            .sending(moved),
        row("putRecurrence", On::Recurrence, writers(200)).sending(paused),
        row("deleteRecurrence", On::Recurrence, writers(200)),
    ]
}

fn context_rows() -> Vec<Row> {
    let known: fn(&Ids) -> Value = |_| json!({ "k": 2 });
    let vouched = [404, 403, 403, 403, 403, 200, 200, 404, 404, 401];
    let by_project = [403, 403, 200, 200, 200, 200, 200, 200, 403, 401];
    vec![
        row("getTaskContext", On::Knowing, readers(200)),
        row("getTaskContextHistory", On::Knowing, readers(200)),
        row("mergeTaskContext", On::Knowing, writers(200)).sending(known),
        row("putTaskContext", On::Knowing, writers(200)).sending(known),
        row("mergeTaskContext", On::Knowing, vouched).asking("?source=human_stated").sending(known),
        row("mergeTaskContext", On::Knowing, vouched).asking("?source=imported").sending(known),
        row("supersedeTaskContext", On::Knowing, writers(200)).sending(|_| json!({ "key": "k" })),
        row("recallContext", On::Nothing, anybody(200)).asking("?q=words"),
        row("recallContext", On::Nothing, by_project).asking("?q=words&project_id=p"),
    ]
}

fn event_rows() -> Vec<Row> {
    // Who may read all events may also ask for those of a task that is not there.
    let of_task = [404, 200, 200, 200, 200, 200, 200, 200, 404, 401];
    let of_agent = [404, 404, 404, 200, 200, 200, 200, 404, 404, 401];
    vec![
        row("listEvents", On::Nothing, overseers(200)),
        row("listEvents", On::Task, of_task).asking("?task={id}"),
        row("streamEvents", On::Nothing, overseers(200)),
        row("streamEvents", On::Task, of_task).asking("?task={id}"),
        row("exportEvents", On::Nothing, [403, 403, 403, 403, 200, 200, 200, 200, 403, 401]),
        row("getLedgerCheckpoint", On::Nothing, overseers(200)),
        row("proveInclusion", On::Event, [403, 403, 403, 200, 200, 200, 200, 404, 403, 401])
            .asking("?event={id}"),
        row("proveConsistency", On::Nothing, overseers(200)).asking("?from=1"),
        row("getEventCauses", On::Event, readers(200)),
        row("getEventCauses", On::EventOfAgent, of_agent),
        row("getEventEffects", On::Event, readers(200)),
        row("getEventEffects", On::EventOfAgent, of_agent),
    ]
}

fn webhook_rows() -> Vec<Row> {
    let inactive: fn(&Ids) -> Value = |_| json!({ "active": false });
    vec![
        row("listWebhooks", On::Nothing, admins(200)),
        row("createWebhook", On::Nothing, admins(201))
            .sending(|_| json!({ "url": "https://hooks.example/x" })),
        row("getWebhook", On::Delivery, admins_of_it(200)),
        row("updateWebhook", On::Webhook, admins_of_it(200)).sending(inactive),
        row("putWebhook", On::Webhook, admins_of_it(200)).sending(inactive),
        row("deleteWebhook", On::Webhook, admins_of_it(200)),
        row("listDeliveries", On::Delivery, admins_of_it(200)),
        row("redeliver", On::Delivery, admins_of_it(202)),
    ]
}

/// An account's people, and another account.
struct Scene {
    world: World,
    /// One of each kind: its client, and its id if it is an agent.
    callers: Vec<(Client, String)>,
    /// Somebody who is none of the callers.
    assignee: Client,
    delivery: Ids,
    _receiver: Receiver,
}

impl Scene {
    async fn new() -> Scene {
        let world = World::new().await;
        let other = world.another_account("other").await;
        let mut callers = Vec::new();
        for caller in 0..CALLERS.len() {
            callers.push(made(caller, &world, &other).await);
        }
        let body = json!({ "name": "assignee" });
        let made = world.project().post("/v1/agents", body).await.expect(201);
        let assignee = world.project().with(Credential::AgentKey(text(&made, "api_key")));
        let receiver = Receiver::start().await;
        let delivery = delivery(&world.project(), &receiver).await;
        Scene { world, callers, assignee, delivery, _receiver: receiver }
    }

    async fn target(&self, on: On) -> Ids {
        match on {
            On::Nothing | On::Own => Ids::default(),
            On::Agent => {
                let id = made_agent(&self.world.project(), json!({})).await.1;
                Ids { id, ..Ids::default() }
            }
            On::Webhook => {
                let body = json!({ "url": "https://hooks.example/x", "events": ["task.deleted"] });
                let made = self.world.project().post("/v1/webhooks", body).await.expect(201);
                Ids { id: text(&made, "id"), ..Ids::default() }
            }
            On::Delivery => self.delivery.clone(),
            On::Late => self.late().await,
            On::Event => {
                let id = self.task(On::Task).await;
                self.event(&format!("task={id}")).await
            }
            On::EventOfAgent => self.event("types=agent.created").await,
            On::Annotated => self.annotated().await,
            On::Recurrence => {
                let body = json!({
                    "content": "c", "rule_type": "daily", "next_due_at": "2099-01-01T00:00:00Z",
                });
                let made = self.callers[1].0.post("/v1/recurrences", body).await.expect(201);
                Ids { id: text(&made, "id"), ..Ids::default() }
            }
            On::Project => {
                let body = json!({ "name": "p" });
                let made = self.world.project().post("/v1/projects", body).await.expect(201);
                Ids { id: text(&made, "id"), ..Ids::default() }
            }
            _ => Ids { id: self.task(on).await, ..Ids::default() },
        }
    }

    /// The first of these events.
    async fn event(&self, query: &str) -> Ids {
        let events = self.world.project().get(&format!("/v1/events?limit=1&{query}")).await;
        Ids { id: text(&events.expect(200)["items"][0], "id"), ..Ids::default() }
    }

    async fn task(&self, on: On) -> String {
        let creator = &self.callers[1].0;
        let fields = match on {
            On::Guarded => json!({ "evidence_policy": "required", "assigned_to": "assignee" }),
            On::Knowing => json!({ "context": { "k": 1 } }),
            On::Spent => json!({ "max_retries": 0 }),
            _ => json!({}),
        };
        let body = with(json!({ "content": "c" }), fields);
        let id = text(&creator.post("/v1/tasks", body).await.expect(201), "id");
        if on == On::Claimed {
            let claim = format!("/v1/tasks/{id}/claim");
            self.assignee.post(&claim, json!({})).await.expect(200);
        }
        let action = match on {
            On::Completed => "complete",
            On::Failed | On::Spent => "fail",
            _ => return id,
        };
        creator.post(&format!("/v1/tasks/{id}/{action}"), json!({})).await.expect(200);
        id
    }

    /// A task of the creator's, and what hangs on it.
    async fn annotated(&self) -> Ids {
        let id = self.task(On::Task).await;
        let add = async |list: &str, body: Value| {
            let path = format!("/v1/tasks/{id}/{list}");
            text(&self.callers[1].0.post(&path, body).await.expect(201), "id")
        };
        let comment = add("comments", json!({ "content": "c" })).await;
        let subtask = add("subtasks", json!({ "content": "s" })).await;
        let link = add("links", json!({ "kind": "pr", "ref": "1" })).await;
        Ids { comment, subtask, link, id, ..Ids::default() }
    }

    /// A task of the creator's, and what another agent had finished of it too late.
    async fn late(&self) -> Ids {
        let id = self.task(On::Claimed).await;
        let path = format!("/v1/tasks/{id}");
        self.callers[1].0.patch(&path, json!({ "status": "open" })).await.expect(200);
        let refused = self.assignee.post(&format!("{path}/complete"), json!({})).await.expect(403);
        Ids { id, completion: text(&refused["late_completion"], "id"), ..Ids::default() }
    }

    /// Lets the caller try the operation on a target of its own; says what is wrong.
    async fn ask(&self, row: &Row, operation: &Operation, caller: usize) -> Vec<String> {
        let Operation { method, path, .. } = operation;
        let (client, own) = match row.on {
            // What it does to itself shall not be felt by others.
            On::Own => made(caller, &self.world, &self.callers[7].0).await,
            _ => self.callers[caller].clone(),
        };
        let target = self.target(row.on).await;
        if row.on == On::Held {
            // Whoever cannot has nothing to show for it.
            client.post(&format!("/v1/tasks/{}/claim", target.id), json!({})).await;
        }
        let ids = if row.on == On::Own { Ids { id: own, ..target } } else { target };
        let path = filled(&format!("{path}{}", row.query), &ids.by_name());
        // What changes nothing may be asked twice: the prefixes are one API.
        let prefixes = if *method == Method::GET { &["/v1", "/api"][..] } else { &["/v1"] };
        let mut wrong = Vec::new();
        for prefix in prefixes {
            let request = client.request(method.clone(), &format!("{prefix}{path}"));
            let request = match row.body {
                Some(body) => request.json(&body(&ids)),
                None => request,
            };
            if let Err(why) = check(row, caller, request).await {
                let (operation, on, who) = (row.operation, row.on, CALLERS[caller]);
                wrong.push(format!("{operation} on {on:?} by {who}, {prefix}{path}: {why}"));
            }
        }
        wrong
    }
}

/// A caller of the kind: its client, and its id if it is an agent.
async fn made(caller: usize, world: &World, other: &Client) -> (Client, String) {
    let fields = match CALLERS[caller] {
        "a worker" | "the task's creator" | "another account's worker" => json!({}),
        "a worker with tasks.read_all" => json!({ "permissions": ["tasks.read_all"] }),
        "a coordinator" => json!({ "role": "coordinator" }),
        "an auditor" => json!({ "role": "auditor" }),
        "an admin" => json!({ "role": "admin" }),
        "the project token" => return (world.project(), String::new()),
        "another account's project token" => return (other.clone(), String::new()),
        "nobody" => return (world.nobody(), String::new()),
        unknown => panic!("who is {unknown}?"),
    };
    let is_of_other = CALLERS[caller].starts_with("another account");
    made_agent(&if is_of_other { other.clone() } else { world.project() }, fields).await
}

/// A webhook that was sent something.
async fn delivery(project: &Client, receiver: &Receiver) -> Ids {
    let body = json!({ "url": receiver.url(), "events": ["task.created"] });
    let id = text(&project.post("/v1/webhooks", body).await.expect(201), "id");
    project.post("/v1/tasks", json!({ "content": "news" })).await.expect(201);
    let path = format!("/v1/webhooks/{id}/deliveries");
    let delivery = wait_for(LIMIT, "a delivery", async || {
        let log = project.get(&path).await.expect(200);
        log.get(0).map(|delivery| text(delivery, "id"))
    });
    Ids { delivery: delivery.await, id, ..Ids::default() }
}

async fn made_agent(project: &Client, fields: Value) -> (Client, String) {
    let body = with(fields, json!({ "name": fresh("caller") }));
    let made = project.post("/v1/agents", body).await.expect(201);
    (project.with(Credential::AgentKey(text(&made, "api_key"))), text(&made, "id"))
}

/// Asks; says what is not as the row has it. What streams is not waited for.
async fn check(row: &Row, caller: usize, request: RequestBuilder) -> Result<(), String> {
    let answer = request.send().await.expect("an answer");
    let status = answer.status().as_u16();
    let is_problem = status >= 400;
    let header = |name: &str| match answer.headers().get(name) {
        Some(value) => value.to_str().expect("text").to_owned(),
        None => String::new(),
    };
    if (header("content-type") == "application/problem+json") != is_problem {
        return Err(format!("{status} as {}", header("content-type")));
    }
    if (header("www-authenticate") == "Bearer") != (status == 401) {
        return Err(format!("{status} with WWW-Authenticate {:?}", header("www-authenticate")));
    }
    let problem = if is_problem { answer.json().await.expect("a problem") } else { Value::Null };
    if status != row.expected[caller] {
        return Err(format!("{status}, not {}: {problem}", row.expected[caller]));
    }
    let is_told_to_claim = problem["detail"].to_string().contains("/tasks/:id/claim");
    let is_its_own = ["releaseTask", "acceptLateCompletion"].contains(&row.operation)
        || row.on == On::Recurrence;
    let might_claim =
        !is_its_own && status == 403 && ONLOOKERS.contains(&caller) && row.expected[0] == 404;
    match is_told_to_claim == might_claim {
        true => Ok(()),
        false => Err(format!("told to claim: {is_told_to_claim}: {problem}")),
    }
}

#[tokio::test]
async fn every_operation_answers_every_caller_as_the_table_says() {
    let scene = Scene::new().await;
    let operations = Operation::served(&scene.world).await;
    let operations: BTreeMap<&str, &Operation> =
        operations.iter().map(|one| (one.id.as_str(), one)).collect();
    let rows = rows();
    let with_a_row: BTreeSet<&str> = rows.iter().map(|row| row.operation).collect();
    let offered: BTreeSet<&str> = operations.keys().copied().collect();
    let missing: Vec<_> = offered.symmetric_difference(&with_a_row).collect();
    assert!(missing.is_empty(), "operations without a row, or rows without one: {missing:?}");

    let mut wrong = Vec::new();
    for row in &rows {
        let operation = operations[row.operation];
        let asked = (0..CALLERS.len()).filter(|caller| row.expected[*caller] != UNASKED);
        let answers = asked.map(|caller| scene.ask(row, operation, caller));
        wrong.extend(join_all(answers).await.into_iter().flatten());
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
