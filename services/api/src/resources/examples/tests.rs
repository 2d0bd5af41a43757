//! Every example of a request is taken by the reader of that operation.

use std::collections::BTreeSet;

use poem_openapi::registry::MetaSchemaRef;
use poem_openapi::types::Type;
use serde_json::Value;

use super::super::{
    agent_bodies::{AgentUpdate, NewAgent},
    annotation_bodies::{NewComment, NewLink, NewSubtask, SubtaskUpdate},
    as_of_query::AsOfQuery,
    audit::ExportQuery,
    claim_bodies::{ClaimRequest, Heartbeat, Release, SessionReport},
    context_bodies::{ContextPatch, Supersession},
    context_query::{ContextHistoryQuery, ContextQuery, ContextWriteQuery, RecallQuery},
    duplicate_bodies::DuplicateCheck,
    event_query::{EventQuery, EventStreamQuery, TaskEventsQuery, TaskWaitQuery},
    finish_bodies::{Cancellation, Completion, Failure},
    ledger::{ConsistencyQuery, InclusionQuery},
    project_bodies::{NewProject, ProjectUpdate},
    queue_bodies::NextClaim,
    recurrence_bodies::{NewRecurrence, RecurrenceUpdate},
    stats::FleetQuery,
    task_bodies::{BatchDeletion, Delegation, NewTask, TaskUpdate},
    task_query::TaskQuery,
    webhook_bodies::{NewWebhook, WebhookUpdate},
    webhooks::DeliveryWindow,
};
use crate::{
    body::{self, FromFields, NoFields},
    document_tests::{operations, served},
    problem::Problem,
    query::{self, FromParams},
};

/// Reads a body; and the name of the schema that is shown for it.
type BodyReader = (fn(&[u8]) -> Result<(), Problem>, fn() -> MetaSchemaRef);
type QueryReader = fn(Vec<(String, String)>) -> Result<(), Problem>;

fn body<T: FromFields>() -> BodyReader {
    (|bytes| body::parse::<T>(bytes).map(|_| ()), T::Document::schema_ref)
}

fn query<T: FromParams>(pairs: Vec<(String, String)>) -> Result<(), Problem> {
    query::parse::<T>(pairs).map(|_| ())
}

fn body_reader(operation: &str) -> BodyReader {
    match operation {
        "createTask" => body::<NewTask>(),
        "updateTask" | "putTask" => body::<TaskUpdate>(),
        "batchDeleteTasks" => body::<BatchDeletion>(),
        "findDuplicateTasks" => body::<DuplicateCheck>(),
        "delegateTask" => body::<Delegation>(),
        "completeTask" => body::<Completion>(),
        "failTask" => body::<Failure>(),
        "cancelTask" => body::<Cancellation>(),
        "uncompleteTask" | "retryTask" | "rotateKey" => body::<NoFields>(),
        "claimTask" => body::<ClaimRequest>(),
        "claimNextTask" => body::<NextClaim>(),
        "heartbeatTask" => body::<Heartbeat>(),
        "setTaskState" => body::<SessionReport>(),
        "releaseTask" => body::<Release>(),
        "mergeTaskContext" | "putTaskContext" => body::<ContextPatch>(),
        "supersedeTaskContext" => body::<Supersession>(),
        "createComment" => body::<NewComment>(),
        "createSubtask" => body::<NewSubtask>(),
        "updateSubtask" | "putSubtask" => body::<SubtaskUpdate>(),
        "createLink" => body::<NewLink>(),
        "createProject" => body::<NewProject>(),
        "updateProject" | "putProject" => body::<ProjectUpdate>(),
        "createRecurrence" => body::<NewRecurrence>(),
        "updateRecurrence" | "putRecurrence" => body::<RecurrenceUpdate>(),
        "createAgent" => body::<NewAgent>(),
        "updateAgent" | "putAgent" => body::<AgentUpdate>(),
        "createWebhook" => body::<NewWebhook>(),
        "updateWebhook" | "putWebhook" => body::<WebhookUpdate>(),
        other => panic!("{other} has a body: which is its reader?"),
    }
}

fn query_reader(operation: &str) -> QueryReader {
    match operation {
        "listTasks" => query::<TaskQuery>,
        "getTask" | "getTaskChain" | "listTaskChildren" | "listComments" | "listSubtasks"
        | "listLinks" | "listAgents" | "getAgent" | "getStats" => query::<AsOfQuery>,
        "listEvents" => query::<EventQuery>,
        "streamEvents" => query::<EventStreamQuery>,
        "listTaskEvents" => query::<TaskEventsQuery>,
        "waitForTask" => query::<TaskWaitQuery>,
        "listDeliveries" => query::<DeliveryWindow>,
        "getTaskContext" => query::<ContextQuery>,
        "mergeTaskContext" | "putTaskContext" => query::<ContextWriteQuery>,
        "getTaskContextHistory" => query::<ContextHistoryQuery>,
        "recallContext" => query::<RecallQuery>,
        "getFleetAttention" => query::<FleetQuery>,
        "exportEvents" => query::<ExportQuery>,
        "proveInclusion" => query::<InclusionQuery>,
        "proveConsistency" => query::<ConsistencyQuery>,
        other => panic!("{other} has query parameters: which is their reader?"),
    }
}

#[test]
fn every_body_is_taken_by_the_reader_of_its_operation() {
    let document = served();
    for (id, operation) in operations(&document) {
        let examples = super::operation(&id).unwrap_or_else(|| panic!("{id} has no examples"));
        let bodies: Vec<&Value> = examples.requests().collect();
        let Some(shown) = operation.get("requestBody") else {
            assert!(bodies.is_empty(), "{id} takes no body");
            continue;
        };
        let (read, schema) = body_reader(&id);
        let MetaSchemaRef::Reference(name) = schema() else { panic!("{id} has no named schema") };
        let shown = &shown["content"]["application/json"]["schema"]["$ref"];
        assert_eq!(shown.as_str(), Some(&*format!("#/components/schemas/{name}")), "{id}");
        for example in bodies {
            let taken = read(example.to_string().as_bytes());
            assert!(taken.is_ok(), "{id}: {taken:?}: {example}");
        }
    }
}

#[test]
fn every_parameter_is_taken_by_the_reader_of_its_operation() {
    let document = served();
    for (id, operation) in operations(&document) {
        let parameters = operation["parameters"].as_array().into_iter().flatten();
        let in_query: Vec<&Value> = parameters.filter(|p| p["in"] == "query").collect();
        if in_query.is_empty() {
            continue;
        }
        let pairs = in_query.into_iter().flat_map(|parameter| {
            let name = parameter["name"].as_str().unwrap().to_owned();
            let values = match &parameter["example"] {
                Value::Array(items) => items.clone(),
                one => vec![one.clone()],
            };
            let text = |value: Value| value.as_str().map_or(value.to_string(), str::to_owned);
            values.into_iter().map(move |value| (name.clone(), text(value)))
        });
        let taken = query_reader(&id)(pairs.collect());
        assert!(taken.is_ok(), "{id}: {taken:?}");
    }
}

/// An example of an operation that there is not is read by nobody.
#[test]
fn every_example_belongs_to_an_operation() {
    let document = served();
    let ids: BTreeSet<String> = operations(&document).map(|(id, _)| id).collect();
    let sources = [
        include_str!("agents.rs"),
        include_str!("annotations.rs"),
        include_str!("audit.rs"),
        include_str!("projects.rs"),
        include_str!("recurrences.rs"),
        include_str!("claims.rs"),
        include_str!("context.rs"),
        include_str!("events.rs"),
        include_str!("stats.rs"),
        include_str!("tasks.rs"),
        include_str!("webhooks.rs"),
    ];
    for arm in sources.iter().flat_map(|text| text.lines()).filter(|line| line.contains("\" => ")) {
        let (names, _) = arm.split_once(" => ").unwrap();
        for name in names.split('"').skip(1).step_by(2) {
            assert!(ids.contains(name), "{name}");
        }
    }
}
