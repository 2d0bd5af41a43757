//! The read model of recurrences: who finds which, and that it equals a rebuild.

use baton_domain::{
    AgentId, RecurrenceId, Standing, TaskId,
    recurrence::{Recurrence, RecurrenceCommand, RecurrenceFields},
    task::RecurringType,
};
use baton_projections::{Model, check, rebuild};
use uuid::Uuid;

use crate::world::{Tenant, World, agent, worker};

fn create(content: &str, to: Option<AgentId>) -> RecurrenceCommand {
    let fields = RecurrenceFields {
        content: Some(content.to_owned()),
        rule_type: Some(RecurringType::Daily),
        next_due_at: Some("2020-01-01T00:00:00Z".parse().unwrap()),
        assigned_to: to.map(Some),
        ..RecurrenceFields::default()
    };
    RecurrenceCommand::Create { id: RecurrenceId(Uuid::now_v7()), fields: Box::new(fields) }
}

/// Asserts that these are found, each as it was folded.
async fn assert_found(
    world: &World,
    tenant: &Tenant,
    of: Option<AgentId>,
    expected: &[&(Recurrence, i64)],
) {
    let found = world.reads.recurrences(&tenant.id, of).await.unwrap();
    assert_eq!(
        found.iter().collect::<Vec<_>>(),
        expected.iter().map(|it| &it.0).collect::<Vec<_>>()
    );
}

#[tokio::test]
async fn recurrences_show_by_age_to_those_whose_they_are() {
    let world = World::new().await;
    let (tenant, other) = (Tenant::new(), Tenant::new());
    let (one, two) = (worker(1), worker(2));
    let new = || (Recurrence::default(), 0);
    let own = tenant.tell_recurrence(&world, new(), &one, create("own", None)).await;
    let given = tenant.tell_recurrence(&world, new(), &two, create("given", Some(agent(1)))).await;
    let gone = tenant.tell_recurrence(&world, new(), &one, create("gone", None)).await;
    let id = gone.0.id;
    tenant.tell_recurrence(&world, gone, &one, RecurrenceCommand::Delete).await;
    let theirs = other.tell_recurrence(&world, new(), &one, create("theirs", None)).await;
    world.settle().await;
    assert_found(&world, &tenant, None, &[&own, &given]).await;
    assert_found(&world, &tenant, Some(agent(1)), &[&own, &given]).await;
    assert_found(&world, &tenant, Some(agent(2)), &[&given]).await;
    assert_found(&world, &tenant, Some(agent(3)), &[]).await;
    assert_found(&world, &other, None, &[&theirs]).await;
    assert_eq!(world.reads.recurrence(&tenant.id, id).await.unwrap(), None);
    assert_eq!(world.reads.recurrence(&tenant.id, theirs.0.id).await.unwrap(), None);

    // It is another's from now on, and has spawned.
    let moved = RecurrenceFields { assigned_to: Some(Some(agent(3))), ..Default::default() };
    let moved = RecurrenceCommand::Update { fields: Box::new(moved) };
    let given = tenant.tell_recurrence(&world, given, &two, moved).await;
    let (occurrence, task_id) = (given.0.next_due_at, TaskId(Uuid::now_v7()));
    let fire = RecurrenceCommand::Fire { occurrence, task_id, is_last_open: false };
    let given = tenant.tell_recurrence(&world, given, &Standing::system("test"), fire).await;
    assert_eq!(given.0.last_task, Some(task_id));
    world.settle().await;
    assert_found(&world, &tenant, Some(agent(1)), &[&own]).await;
    assert_found(&world, &tenant, Some(agent(3)), &[&given]).await;
    let read = world.reads.recurrence(&tenant.id, given.0.id).await.unwrap();
    assert_eq!(read.as_ref(), Some(&given.0));
    assert_eq!(check(&world.log, &world.pool, Model::Recurrences).await.unwrap(), []);
    rebuild(&world.log, &world.pool, Model::Recurrences).await.unwrap();
    assert_found(&world, &tenant, None, &[&own, &given]).await;
    world.stop().await;
}
