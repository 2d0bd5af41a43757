//! For tests: tasks made by commands, one command a second.

use esrs::Aggregate as _;
use serde_json::Value;

use super::{
    Changes, Dependencies, Draft, EvidenceItem, EvidenceKind, Fence, Finish, Parent, Status, Task,
    TaskCommand, TaskEvent, TaskRefusal, Tasks, Update, fold,
};
use crate::{
    Actor, AgentId, Envelope, Order, Standing, TaskId, Timestamp,
    account::{self, Account, AccountEvent, AgentCreated, KeyHash, Role},
    json::Object,
    stored::Event as _,
};

pub(super) const ADA: u128 = 0xada;
pub(super) const BOB: u128 = 0xb0b;
pub(super) const CY: u128 = 0xc;

/// No event.
pub(super) const NOTHING: Then<'static> = Ok(&[]);

/// Who gives a command, and which.
pub(super) type Step = (Standing, TaskCommand);
/// The types of the events, in order, or why there are none.
pub(super) type Then<'a> = Result<&'a [&'a str], TaskRefusal>;

pub(super) fn agent(n: u128) -> AgentId {
    AgentId(uuid::Uuid::from_u128(n))
}

pub(super) fn task_id(n: u128) -> TaskId {
    TaskId(uuid::Uuid::from_u128(n))
}

pub(super) fn at(seconds: usize) -> Timestamp {
    let millis = 1_773_738_000_000 + 1_000 * i64::try_from(seconds).unwrap();
    Timestamp::from_millis(millis).unwrap()
}

pub(super) fn object(value: &Value) -> Object {
    value.as_object().unwrap().clone()
}

pub(super) fn worker(n: u128) -> Standing {
    Standing {
        actor: Actor::Agent(agent(n)),
        role: Some(Role::Worker),
        permissions: vec![],
        routes: vec![],
    }
}

pub(super) fn admin(n: u128) -> Standing {
    Standing { role: Some(Role::Admin), ..worker(n) }
}

/// The account in which the three live.
pub(super) fn account() -> Account {
    let envelope = Envelope { at: at(0), actor: Actor::Project };
    [(ADA, "ada"), (BOB, "bob"), (CY, "cy")].into_iter().fold(
        Account::default(),
        |all, (n, name)| {
            let created = AccountEvent::AgentCreated(AgentCreated {
                agent_id: agent(n),
                name: name.to_owned(),
                label: None,
                display_name: None,
                description: None,
                role: Role::Worker,
                permissions: vec![],
                key_hash: KeyHash([0; 32]),
                key_prefix: "dlg_abcdefgh".to_owned(),
            });
            account::fold(all, &envelope, created)
        },
    )
}

pub(super) fn by(n: u128, command: TaskCommand) -> Step {
    (worker(n), command)
}

pub(super) fn by_project(command: TaskCommand) -> Step {
    (Standing::project(), command)
}

/// The task with id 1, created by Ada.
pub(super) fn created() -> Step {
    by(ADA, create(1, Changes::default(), None))
}

pub(super) fn create(id: u128, mut changes: Changes, parent: Option<Parent>) -> TaskCommand {
    changes.content.get_or_insert("Research".to_owned());
    TaskCommand::Create(Box::new(Draft {
        id: task_id(id),
        changes,
        parent,
        dependencies: Dependencies::default(),
        origin: None,
    }))
}

pub(super) fn create_with(changes: Changes) -> Step {
    by(ADA, create(1, changes, None))
}

pub(super) fn patch(changes: Changes) -> TaskCommand {
    TaskCommand::Update(Box::new(Update { changes, ..Update::default() }))
}

pub(super) fn patch_status(status: Status) -> TaskCommand {
    TaskCommand::Update(Box::new(Update { status: Some(status), ..Update::default() }))
}

pub(super) fn assign(to: Option<u128>) -> Changes {
    Changes { assigned_to: Some(to.map(agent)), ..Changes::default() }
}

pub(super) fn hand_over(to: u128) -> TaskCommand {
    TaskCommand::HandOver { to: agent(to), changes: Box::default() }
}

pub(super) fn add_child() -> TaskCommand {
    TaskCommand::AddChild { child: task_id(2) }
}

pub(super) fn claim(lease_seconds: i64) -> TaskCommand {
    TaskCommand::Claim { lease_seconds }
}

pub(super) fn complete() -> TaskCommand {
    TaskCommand::Complete(Box::default())
}

pub(super) fn complete_with(finish: Finish) -> TaskCommand {
    TaskCommand::Complete(Box::new(finish))
}

pub(super) fn fail() -> TaskCommand {
    TaskCommand::Fail(Box::default())
}

pub(super) fn retry() -> TaskCommand {
    TaskCommand::Retry(Dependencies::default())
}

pub(super) fn cancel() -> TaskCommand {
    TaskCommand::Cancel(Box::default())
}

pub(super) fn evidence(kind: EvidenceKind) -> Option<Vec<EvidenceItem>> {
    Some(vec![EvidenceItem { kind, reference: "r1".to_owned(), summary: None }])
}

pub(super) fn fence(expected_revision: Option<i64>, claim_generation: Option<i64>) -> Fence {
    Fence { expected_revision, claim_generation }
}

pub(super) fn content(text: &str) -> Changes {
    Changes { content: Some(text.to_owned()), ..Changes::default() }
}

pub(super) fn metadata(value: Value) -> Changes {
    Changes { metadata: Some(object(&value)), ..Changes::default() }
}

pub(super) fn context(value: Value) -> Changes {
    Changes { context: Some(object(&value)), ..Changes::default() }
}

pub(super) fn notes(texts: &[&str]) -> Changes {
    let notes = texts.iter().map(|text| (*text).to_owned()).collect();
    Changes { notes, ..Changes::default() }
}

pub(super) fn update(update: Update) -> TaskCommand {
    TaskCommand::Update(Box::new(update))
}

/// A new task, brought to the status in the usual way; Bob holds the claimed one.
pub(super) fn in_status(status: Status) -> Vec<Step> {
    let mut steps = vec![created()];
    match status {
        Status::Open => (),
        Status::Blocked => steps.push(by(ADA, patch_status(Status::Blocked))),
        Status::Claimed => steps.push(by(BOB, patch_status(Status::Claimed))),
        Status::Delegated => steps.push(by(ADA, add_child())),
        Status::Completed => steps.push(by(ADA, complete())),
        Status::Failed => steps.push(by(ADA, fail())),
        Status::Cancelled => steps.push(by(ADA, cancel())),
    }
    steps
}

pub(super) fn decide(
    task: &Task,
    (by, command): &Step,
    seconds: usize,
) -> Result<Vec<TaskEvent>, TaskRefusal> {
    let order = Order { by: by.clone(), at: at(seconds), command: command.clone() };
    Tasks::handle_command(task, order)
}

/// Folds events of one step, as they come back from the log.
pub(super) fn apply(task: Task, events: Vec<TaskEvent>, by: &Standing, seconds: usize) -> Task {
    let envelope = Envelope { at: at(seconds), actor: by.actor.clone() };
    events.into_iter().fold(task, |task, event| {
        let stored = event.encode();
        let read =
            TaskEvent::decode(stored.event_type, stored.schema_version, &stored.payload).unwrap();
        assert_eq!(read, event, "the log keeps what was decided");
        fold(task, &envelope, read)
    })
}

/// The task after the steps, none of which may be refused.
pub(super) fn given(steps: &[Step]) -> Task {
    let steps = steps.iter().enumerate();
    steps.fold(Task::default(), |task, (second, step)| {
        let events = decide(&task, step, second).unwrap_or_else(|refusal| {
            panic!("step {second} of the given ones is refused: {refusal}: {step:?}")
        });
        apply(task, events, &step.0, second)
    })
}

/// The one way through every row: the task as it is afterwards, for what the row does not say.
pub(super) fn check(steps: &[Step], when: &Step, then: Then<'_>) -> Task {
    let task = given(steps);
    let decision = decide(&task, when, steps.len());
    let types = decision
        .clone()
        .map(|events| events.iter().map(|event| event.encode().event_type).collect::<Vec<_>>());
    assert_eq!(types.as_deref(), then.as_deref(), "{when:?} on {task:#?}");
    let is_change = |events: &Vec<TaskEvent>| events.iter().any(|event| !event.is_silent());
    let changed = decision.as_ref().is_ok_and(is_change);
    let after = apply(task.clone(), decision.unwrap_or_default(), &when.0, steps.len());
    assert_eq!(after.revision, task.revision + i64::from(changed), "one change, one revision");
    assert_sound(&after);
    after
}

/// What no event may ever break.
pub(super) fn assert_sound(task: &Task) {
    let status = task.status;
    match status {
        Status::Claimed => assert!(task.claim.is_some(), "a claimed task has a holder's claim"),
        Status::Delegated => (),
        _ => assert_eq!(task.claim, None, "a task that is {status} is not held"),
    }
    assert_eq!(task.completed_at.is_some(), status == Status::Completed, "{task:#?}");
}
