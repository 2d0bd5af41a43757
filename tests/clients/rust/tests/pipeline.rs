//! The pipeline of the tutorial, driven by the generated client alone.
//!
//! Must not: look at raw JSON where the client has a type for it.

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::num::NonZeroU64;
use std::str::FromStr;
use std::time::Duration;

use baton_generated_client::types::{
    Agent, Completion, Delegation, HopKind, ListAgentsResponseItem, ListedTask, NewAgent,
    NewAgentLabel, NewTask, NewTaskContent, NewWebhook, NewWebhookSecret, Problem, Role,
    SignatureScheme, Task, TaskFailure, TaskFailureErrorMessage, TaskList, TaskListInclude,
    TaskStatus, TaskUpdate,
};
use baton_generated_client::{Client, DOCUMENT, Error, ResponseValue, SOURCE, client};
use baton_harness::baton::{Baton, PROJECT_TOKEN};
use baton_harness::nats::{self, Nats};
use baton_harness::postgres::{self, Database};
use baton_harness::receiver::Receiver;
use baton_harness::signature::verify_body;
use serde_json::{Map, Value, json};

const LIMIT: Duration = Duration::from_secs(60);
const SECRET: &str = "whsec_your_signing_secret";
const UNKNOWN: &str = "0123456789abcdef0123456789abcdef";

/// A server, and its clients.
struct World {
    baton: Baton,
    admin: Client,
    _parts: (Database, Nats),
}

impl World {
    async fn new() -> World {
        let parts = (postgres::database().await, nats::server().await);
        let baton = Baton::on(&parts.0, &parts.1).await;
        let token = format!("Bearer {PROJECT_TOKEN}");
        let admin = client(&format!("{}/v1", baton.url()), "authorization", &token);
        World { baton, admin, _parts: parts }
    }

    fn with_key(&self, key: &str) -> Client {
        client(&format!("{}/v1", self.baton.url()), "x-agent-key", key)
    }

    async fn agent(&self, name: &str, label: &str) -> Client {
        let new = NewAgent::builder().name(name.to_owned()).label(bounded::<NewAgentLabel>(label));
        let made = done(self.admin.create_agent().body(new).send().await);
        assert!(made.api_key.starts_with("dlg_"), "{}", made.api_key);
        assert_eq!((made.name.as_str(), made.label.as_deref()), (name, Some(label)));
        assert_eq!((made.role, made.description), (Role::Worker, None));
        self.with_key(&made.api_key)
    }
}

/// What a successful call gave.
#[track_caller]
fn done<T, E: Debug>(answer: Result<ResponseValue<T>, Error<E>>) -> T {
    answer.expect("an answer of success").into_inner()
}

/// What the server said when it refused.
#[track_caller]
fn refused<T: Debug>(answer: Result<ResponseValue<T>, Error<Problem>>, status: u16) -> Problem {
    let Err(Error::ErrorResponse(response)) = answer else { panic!("refused: {answer:?}") };
    assert_eq!(response.status().as_u16(), status, "{response:?}");
    let problem = response.into_inner();
    assert_eq!(problem.status, i32::from(status), "{problem:?}");
    assert_eq!(problem.detail, problem.error, "{problem:?}");
    assert!(!problem.title.is_empty() && !problem.detail.is_empty(), "{problem:?}");
    problem
}

/// A text whose length the client checks by itself.
fn bounded<T: FromStr<Err: Debug>>(text: &str) -> T {
    text.parse().expect("a text within its bounds")
}

fn object(value: Value) -> Map<String, Value> {
    let Value::Object(members) = value else { panic!("an object: {value}") };
    members
}

async fn create(by: &Client, content: &str, metadata: Value) -> Task {
    let new = NewTask::builder()
        .content(bounded::<NewTaskContent>(content))
        .priority(NonZeroU64::new(1))
        .metadata(object(metadata.clone()));
    let task = done(by.create_task().body(new).send().await);
    assert_eq!((task.content.as_str(), task.priority), (content, 1));
    assert_eq!(task.metadata, object(metadata));
    assert_eq!((task.status, task.completed), (TaskStatus::Open, false));
    assert_eq!((task.due_date, task.completed_at, &task.assigned_to), (None, None, &None));
    task
}

async fn hand_over(by: &Client, task: &str, to: &str) -> Task {
    let body = Delegation::builder().agent_id(to.to_owned());
    let handed = done(by.delegate_task().id(task).body(body).send().await);
    assert_eq!((handed.id.as_str(), handed.status), (task, TaskStatus::Open));
    let assignee = handed.assigned_to_agent.as_ref().expect("an assignee");
    assert_eq!((assignee.name.as_str(), assignee.active), (to, true));
    handed
}

fn listed(list: TaskList) -> Vec<ListedTask> {
    let TaskList::Array(tasks) = list else { panic!("an array: {list:?}") };
    tasks
}

#[test]
fn every_operation_is_generated() {
    let document: Value = serde_json::from_str(DOCUMENT).unwrap();
    let paths = document["paths"].as_object().unwrap();
    let operations = paths.values().flat_map(|item| item.as_object().unwrap().values());
    let described: Vec<String> =
        operations.filter_map(|each| each["operationId"].as_str()).map(snake_case).collect();
    let calls = SOURCE.split("operation_id : \"").skip(1);
    let generated: BTreeSet<&str> = calls.filter_map(|call| call.split('"').next()).collect();
    assert_eq!(generated.len(), described.len());
    assert_eq!(generated, described.iter().map(String::as_str).collect());
}

fn snake_case(name: &str) -> String {
    let mut words = String::new();
    for letter in name.chars() {
        if letter.is_ascii_uppercase() {
            words.push('_');
        }
        words.push(letter.to_ascii_lowercase());
    }
    words
}

#[tokio::test]
async fn one_task_from_creation_to_result() {
    let world = World::new().await;
    let orchestrator = world.agent("orchestrator", "Orchestrator Agent").await;
    let researcher = world.agent("research-agent", "Research Agent").await;
    let receiver = Receiver::start().await;
    let events = ["task.completed", "task.failed"].map(str::to_owned);
    let hook = NewWebhook::builder().url(receiver.url()).events(events.to_vec()).secret(bounded::<
        NewWebhookSecret,
    >(
        SECRET
    ));
    let hook = done(world.admin.create_webhook().body(hook).send().await);
    assert_eq!((hook.active, hook.failure_count, hook.secret), (true, 0, None));
    assert_eq!((hook.signature_scheme, hook.agent_id), (SignatureScheme::Body, None));
    assert_eq!(hook.events, events);

    let metadata = json!({ "pipeline": "blog-post-q1", "step": "research" });
    let task = create(&orchestrator, "Research top 5 competitors", metadata.clone()).await;
    let creator = task.created_by_agent.expect("an agent made it");
    assert_eq!(creator.name, "orchestrator");
    hand_over(&orchestrator, &task.id, "research-agent").await;
    let mine = listed(done(researcher.list_tasks().assigned_to("research-agent").send().await));
    assert_eq!(mine.len(), 1);
    assert_eq!((&mine[0].id, &mine[0].metadata), (&task.id, &object(metadata)));

    let wait = |timeout| orchestrator.wait_for_task().id(&task.id).timeout(timeout);
    let waited = done(wait(0).until(vec!["completed".to_owned()]).send().await);
    assert_eq!((waited.reached, waited.task.status), (false, TaskStatus::Open));
    let result = json!({ "result": "five tools", "sources": ["https://example.com/report1"] });
    let body = Completion::builder().metadata(object(result));
    let completed = done(researcher.complete_task().id(&task.id).body(body).send().await);
    assert_eq!(completed.status, TaskStatus::Completed);
    assert_eq!(completed.completed_by.as_deref(), Some("research-agent"));
    assert!(completed.completed_at.is_some_and(|at| at >= completed.created_at));
    assert_eq!(completed.metadata.get("step"), Some(&json!("research")));
    assert_eq!(completed.metadata.get("result"), Some(&json!("five tools")));
    let waited = done(wait(20).until(vec!["completed".to_owned()]).send().await);
    assert!(waited.reached);

    let sent = receiver.wait_for(LIMIT, |requests| !requests.is_empty()).await;
    verify_body(&sent[0], SECRET).expect("a good signature");
    assert_eq!(sent[0].json()["task"]["id"], json!(task.id));
}

#[tokio::test]
async fn three_hops_dependencies_and_a_failure() {
    let world = World::new().await;
    let orchestrator = world.agent("orchestrator", "Orchestrator Agent").await;
    let researcher = world.agent("research-agent", "Research Agent").await;
    let data = world.agent("data-agent", "Data Agent").await;
    let research =
        create(&orchestrator, "Research", json!({ "pipeline": "blog", "step": 1 })).await;
    let next = NewTask::builder()
        .content(bounded::<NewTaskContent>("Write"))
        .depends_on(vec![research.id.clone()]);
    let next = done(orchestrator.create_task().body(next).send().await);
    assert_eq!((next.status, &next.depends_on), (TaskStatus::Blocked, &vec![research.id.clone()]));

    hand_over(&orchestrator, &research.id, "research-agent").await;
    hand_over(&researcher, &research.id, "data-agent").await;
    hand_over(&data, &research.id, "research-agent").await;
    let chain = done(orchestrator.get_task_chain().id(&research.id).send().await);
    assert_eq!((&chain.task_id, &chain.root_id), (&research.id, &research.id));
    assert_eq!((chain.depth, chain.total_count), (0, 1));
    let names = |name: &Option<String>| name.clone().expect("a name");
    let hops: Vec<_> = chain.chain.iter().map(|hop| (names(&hop.from), names(&hop.to))).collect();
    let expected = [
        ("orchestrator", "research-agent"),
        ("research-agent", "data-agent"),
        ("data-agent", "research-agent"),
    ];
    assert_eq!(hops, expected.map(|(from, to)| (from.to_owned(), to.to_owned())));
    assert!(chain.chain.is_sorted_by_key(|hop| hop.at));
    assert!(chain.chain.iter().all(|hop| hop.kind == HopKind::Handover));

    // Without a body, as a client may.
    let nothing = Completion::builder();
    done(researcher.complete_task().id(&research.id).body(nothing).send().await);
    let opened = orchestrator.wait_for_task().id(&next.id).until(vec!["open".to_owned()]);
    let opened = done(opened.timeout(20).send().await);
    assert_eq!((opened.reached, opened.task.status), (true, TaskStatus::Open));
    let failure =
        TaskFailure::builder().error_message(bounded::<TaskFailureErrorMessage>("no data"));
    let failed = done(orchestrator.fail_task().id(&next.id).body(failure).send().await);
    assert_eq!(failed.status, TaskStatus::Failed);
    assert_eq!(failed.error_message.as_deref(), Some("no data"));
    let update = TaskUpdate::builder().status("failed".to_owned());
    let again = done(orchestrator.update_task().id(&next.id).body(update).send().await);
    assert_eq!(again.revision, failed.revision);
}

#[tokio::test]
async fn refusals_are_typed() {
    let world = World::new().await;
    let worker = world.agent("worker", "Worker").await;
    let same = || world.admin.create_agent().body(NewAgent::builder().name("worker".to_owned()));
    refused(same().send().await, 409);
    refused(worker.get_task().id(UNKNOWN).send().await, 404);
    refused(world.with_key("dlg_wrong").get_me().send().await, 401);
    refused(worker.list_webhooks().send().await, 403);
    let problem = refused(worker.list_tasks().limit(0).send().await, 422);
    assert_eq!(problem.errors[0].field, "limit", "{problem:?}");
    assert!(!problem.errors[0].message.is_empty());
    let empty = NewTask::builder().labels(vec!["x".to_owned()]);
    let problem = refused(worker.create_task().body(empty).send().await, 422);
    assert_eq!(problem.errors[0].field, "content", "{problem:?}");
}

#[tokio::test]
async fn headers_and_repeated_parameters_arrive() {
    let world = World::new().await;
    let worker = world.agent("worker", "Worker").await;
    let labelled = |content: &str, labels: &[&str]| {
        let labels: Vec<String> = labels.iter().map(|label| (*label).to_owned()).collect();
        let new = NewTask::builder().content(bounded::<NewTaskContent>(content)).labels(labels);
        worker.create_task().idempotency_key("one-and-only").body(new)
    };
    let first = labelled("both", &["alpha", "beta"]).send().await.expect("a task");
    assert!(first.headers().get("idempotency-replayed").is_none());
    let again = labelled("both", &["alpha", "beta"]).send().await.expect("the same");
    assert_eq!(again.headers()["idempotency-replayed"], "true");
    assert_eq!(first.id, again.id);
    refused(labelled("another", &[]).send().await, 422);
    let one = NewTask::builder()
        .content(bounded::<NewTaskContent>("one"))
        .labels(vec!["alpha".to_owned()]);
    let one = worker.create_task().body(one).send().await.expect("a task");
    let position: i64 = one.headers()["baton-position"].to_str().unwrap().parse().unwrap();

    let list = |labels: &[&str]| {
        let labels: Vec<String> = labels.iter().map(|label| (*label).to_owned()).collect();
        worker.list_tasks().baton_min_position(position).labels(labels)
    };
    assert_eq!(listed(done(list(&["alpha"]).send().await)).len(), 2);
    let both = listed(done(list(&["alpha", "beta"]).send().await));
    assert_eq!(both.iter().map(|task| &task.id).collect::<Vec<_>>(), [&first.id]);

    let paged = worker.list_tasks().include(vec![TaskListInclude::Pagination]).limit(1);
    let TaskList::TaskPage(page) = done(paged.baton_min_position(position).send().await) else {
        panic!("a page")
    };
    assert_eq!((page.items.len(), page.total, page.next_offset), (1, 2, Some(1)));
    let page = done(world.admin.list_events().types(vec!["task.*".to_owned()]).send().await);
    assert_eq!(page.items.len(), 2);
    assert!(page.items.iter().all(|event| event.type_ == "task.created"));
    assert!(page.next_after <= page.head);
    let agents = done(world.admin.list_agents().send().await);
    let ListAgentsResponseItem::Agent(Agent { name, label, .. }) = &agents[0] else {
        panic!("admins see everything: {agents:?}")
    };
    assert_eq!((name.as_str(), label.as_deref()), ("worker", Some("Worker")));
}
