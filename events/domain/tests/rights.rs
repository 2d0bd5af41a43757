//! Rights on a task, by random trial: what a caller may do to a task with any history is what
//! protocol 0.11 says, said here a second time and from the history.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use baton_domain::{
    Actor, AgentId, Envelope, Right, Standing, TaskId, Timestamp,
    account::Role,
    task::{self, Changes, HopKind, Parent, Task, TaskEvent, readers_of},
};
use proptest::{collection::vec, option::of, prelude::*, sample::select};

/// Few agents, so that they meet.
fn agent() -> impl Strategy<Value = AgentId> {
    (0..5_u128).prop_map(|n| AgentId(uuid::Uuid::from_u128(n)))
}

/// Few times, so that leases end and do not.
fn time() -> impl Strategy<Value = Timestamp> {
    (0..6_i64).prop_map(|millis| Timestamp::from_millis(millis).unwrap())
}

fn actor() -> impl Strategy<Value = Actor> {
    let project = select(vec![Actor::Project, Actor::System("policies".to_owned())]);
    prop_oneof![4 => agent().prop_map(Actor::Agent), 1 => project]
}

fn labels() -> impl Strategy<Value = Vec<String>> {
    let label = select(vec!["@Data_Team", "@@data team", "@ops", "data-team", "ops", "@"]);
    vec(label.prop_map(str::to_owned), 0..3)
}

fn created() -> impl Strategy<Value = TaskEvent> {
    let parent = (of(agent()), any::<bool>()).prop_map(|(accountable, is_child)| {
        let (parent_id, root_id, depth) = (TaskId::default(), TaskId::default(), 1);
        is_child.then_some(Parent { parent_id, root_id, depth, accountable })
    });
    (labels(), of(of(agent())), parent).prop_map(|(labels, assigned_to, parent)| {
        let changes = Changes { labels: Some(labels), assigned_to, ..Changes::default() };
        let (task_id, waits, origin) = (TaskId::default(), false, None);
        TaskEvent::Created { task_id, changes, parent, waits, origin }
    })
}

fn event() -> BoxedStrategy<TaskEvent> {
    use TaskEvent as E;
    let kind = select(vec![HopKind::Child, HopKind::Handover]);
    let none = Changes::default;
    prop_oneof![
        (of(agent()), of(agent()), kind)
            .prop_map(move |(from, to, kind)| { E::Delegated { from, to, kind, changes: none() } }),
        of(agent()).prop_map(|to| E::Assigned { to, previous: None }),
        labels().prop_map(|labels| {
            let changes = Changes { labels: Some(labels), ..Changes::default() };
            E::Updated { changes, transition: None }
        }),
        of(time()).prop_map(|lease_expires_at| E::Claimed { lease_expires_at }),
        Just(E::Released { handoff: None }),
        Just(E::Completed { changes: none(), evidence: None }),
        Just(E::Failed { changes: none() }),
    ]
    .boxed()
}

fn history() -> impl Strategy<Value = Vec<(Actor, Timestamp, TaskEvent)>> {
    let first = (actor(), time(), created()).prop_map(|first| vec![first]);
    (first, vec((actor(), time(), event()), 0..10))
        .prop_map(|(first, later)| first.into_iter().chain(later).collect())
}

fn caller() -> impl Strategy<Value = Standing> {
    let role = select(vec![Role::Worker, Role::Coordinator, Role::Auditor, Role::Admin]);
    let held = vec(select(vec!["tasks.read_all", "tasks.comment_all", "agents.read", "x"]), 0..3);
    let routes = vec(select(vec!["data-team", "ops", ""]), 0..3);
    let agent = (agent(), role, held, routes).prop_map(|(agent, role, held, routes)| Standing {
        actor: Actor::Agent(agent),
        role: Some(role),
        permissions: held.into_iter().map(str::to_owned).collect(),
        routes: routes.into_iter().map(str::to_owned).collect(),
    });
    prop_oneof![8 => agent, 1 => Just(Standing::project())]
}

fn folded(history: &[(Actor, Timestamp, TaskEvent)]) -> Task {
    let fold = |task, (actor, at, event): &(Actor, Timestamp, TaskEvent)| {
        let envelope = Envelope { at: *at, actor: actor.clone() };
        task::fold(task, &envelope, event.clone())
    };
    history.iter().fold(Task::default(), fold)
}

/// The agent had something to do with the task and so may read it.
fn is_involved(agent: AgentId, history: &[(Actor, Timestamp, TaskEvent)], task: &Task) -> bool {
    let by_event = history.iter().any(|(actor, _, event)| match event {
        TaskEvent::Created { .. } | TaskEvent::Claimed { .. } => actor.agent() == Some(agent),
        TaskEvent::Delegated { from, to, .. } => [*from, *to].contains(&Some(agent)),
        _ => false,
    });
    by_event || [task.assigned_to, task.completed_by, task.accountable].contains(&Some(agent))
}

/// A label `@x` where `x` is one of the caller's names.
fn is_routed(caller: &Standing, task: &Task) -> bool {
    let normal = |name: &str| name.to_lowercase().replace([' ', '_'], "-");
    let mut routes = task.labels.iter().filter_map(|label| label.strip_prefix('@'));
    routes.any(|name| caller.routes.contains(&normal(name)))
}

proptest! {
    #[test]
    fn rights_on_a_task_are_those_of_the_protocol(
        history in history(), caller in caller(), now in time(),
    ) {
        let task = folded(&history);
        let agent = caller.agent();
        let is_admin = matches!(caller.role, None | Some(Role::Admin));
        let is_auditor = caller.role == Some(Role::Auditor);
        let holds = |wanted: &str| caller.permissions.iter().any(|held| held == wanted);
        let is_coordinator = caller.role == Some(Role::Coordinator);
        let live_holder = task.claim.as_ref().filter(|claim| {
            claim.lease_expires_at.is_none_or(|end| now < end)
        });

        let reads = is_admin || is_auditor || is_coordinator || holds("tasks.read_all")
            || agent.is_some_and(|agent| is_involved(agent, &history, &task))
            || is_routed(&caller, &task);
        let is_its_own = agent.is_some() && (task.created_by == agent || task.assigned_to == agent
            || live_holder.is_some_and(|claim| claim.by == agent));
        let may_take = task.assigned_to.is_none() && live_holder.is_none()
            && is_routed(&caller, &task);
        let writes = is_admin || (!is_auditor && (is_its_own || may_take));
        let comments = writes
            || (!is_auditor && reads && (is_coordinator || holds("tasks.comment_all")));

        prop_assert_eq!(task.is_readable_by(&caller), reads);
        prop_assert_eq!(task.is_writable_by(&caller, now), writes);
        prop_assert_eq!(task.is_commentable_by(&caller, now), comments);
        // Each right includes the one below it.
        prop_assert!(!writes || comments);
        prop_assert!(!comments || reads);
        // The readers that an index keeps are the readers.
        let listed = readers_of(&task);
        let is_listed = caller.readers().any(|reader| listed.contains(&reader));
        prop_assert_eq!(caller.may(Right::ReadAllTasks) || is_listed, reads);
    }

    /// Reading everything never writes anything (protocol 0.11).
    #[test]
    fn who_reads_all_writes_no_more_than_before(
        history in history(), caller in caller(), now in time(),
    ) {
        let task = folded(&history);
        let mut reader = caller.clone();
        reader.permissions.push("tasks.read_all".to_owned());
        prop_assert!(task.is_readable_by(&reader));
        prop_assert_eq!(task.is_writable_by(&reader, now), task.is_writable_by(&caller, now));
    }
}
