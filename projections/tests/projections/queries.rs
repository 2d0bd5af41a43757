//! Reads that have no random counterpart: accounts apart, webhooks, what is not there.

use baton_domain::{
    Standing, TaskId, WebhookId,
    task::{Changes, Dependencies, Draft, SessionState, TaskCommand, TaskEvent},
    webhook::{Webhook, WebhookCommand, WebhookFields},
};
use baton_projections::tasks::{Assignee, Page, Scope, Sort, TaskFilter};
use uuid::Uuid;

use crate::world::{Tenant, World, agent, worker};

const FIRST: Page = Page { limit: 500, offset: 0, sort: Sort::Priority, scope: Scope::Total };

/// P11: the same ids, agents and labels in two accounts; each sees its own.
#[tokio::test]
async fn one_account_shows_nothing_to_another() {
    let world = World::new().await;
    let (mut one, mut other) = (Tenant::new(), Tenant::new());
    let changes = || Changes {
        content: Some("content".into()),
        labels: Some(vec!["@worker-1".into()]),
        assigned_to: Some(Some(agent(1))),
        ..Changes::default()
    };
    let own = one.create(&world, &worker(1), changes(), None).await;
    let child = one.create(&world, &worker(1), changes(), Some(own)).await;
    // An id is unique within its account only: the same one lives in the other, too.
    let dependencies = Dependencies::default();
    let (parent, origin) = (None, None);
    let draft = Draft { id: own, changes: changes(), parent, dependencies, origin };
    let create = TaskCommand::Create(Box::new(draft));
    other.tell(&world, &worker(2), own, create).await.unwrap();
    let others = other.create(&world, &worker(2), changes(), None).await;
    let empty = Tenant::new();
    world.settle().await;
    let ids = async |tenant: &Tenant, caller: &Standing, filter: &TaskFilter| {
        let page = world.reads.list(&tenant.id, caller, filter, FIRST).await.unwrap();
        assert_eq!(page.total, Some(i64::try_from(page.tasks.len()).unwrap()));
        assert!(!page.has_more);
        for task in &page.tasks {
            assert_eq!(task, tenant.task(task.id));
        }
        page.tasks.iter().map(|task| task.id).collect::<Vec<TaskId>>()
    };
    for caller in [worker(1), Standing::project()] {
        for filter in [
            TaskFilter::default(),
            TaskFilter { labels: vec!["@worker-1".into()], ..TaskFilter::default() },
            TaskFilter { assigned_to: Some(Assignee::Agent(agent(1))), ..TaskFilter::default() },
        ] {
            assert_eq!(ids(&one, &caller, &filter).await, [own, child]);
            assert_eq!(ids(&other, &caller, &filter).await, [own, others]);
            assert!(ids(&empty, &caller, &filter).await.is_empty());
        }
    }
    let (reads, project) = (&world.reads, Standing::project());
    for (tenant, tasks, tree) in [(&one, 2, 2), (&other, 2, 1)] {
        let row = reads.task(&tenant.id, own).await.unwrap().unwrap();
        assert_eq!(&row.task, tenant.task(own));
        assert_eq!(reads.tasks_by_root(&tenant.id, own).await.unwrap().len(), tree);
        let children = reads.children(&tenant.id, own, &project).await.unwrap();
        assert_eq!(children.len(), tree - 1);
        let counts = reads.open_task_counts(&tenant.id, &[agent(1)]).await.unwrap();
        assert_eq!(counts[&agent(1)], tasks);
    }
    assert_eq!(reads.task(&other.id, child).await.unwrap(), None);
    assert_eq!(reads.task(&one.id, others).await.unwrap(), None);
    assert_eq!(reads.unfinished_tasks(&empty.id, agent(1)).await.unwrap().count, 0);
    world.stop().await;
}

#[tokio::test]
async fn webhooks_show_by_age_until_they_are_deleted() {
    let world = World::new().await;
    let (tenant, other) = (Tenant::new(), Tenant::new());
    let fields = |url: &str| WebhookFields {
        url: Some(url.to_owned()),
        events: Some(vec!["task.completed".into()]),
        active: Some(true),
        ..WebhookFields::default()
    };
    let mut known = Vec::new();
    for url in ["https://b.example", "https://a.example", "https://c.example"] {
        let id = WebhookId(Uuid::new_v4());
        let command = WebhookCommand::Create { id, fields: fields(url), from_position: None };
        let new = (Webhook::default(), 0);
        known.push(tenant.tell_webhook(&world, new, id, command).await);
    }
    let (gone, version) = known.remove(1);
    tenant.tell_webhook(&world, (gone.clone(), version), gone.id, WebhookCommand::Delete).await;
    let (moved, version) = known.remove(0);
    let update =
        WebhookCommand::Update { fields: fields("https://z.example"), secret_overlap_seconds: 0 };
    known.insert(0, tenant.tell_webhook(&world, (moved.clone(), version), moved.id, update).await);
    world.settle().await;
    let wanted: Vec<Webhook> = known.into_iter().map(|(webhook, _)| webhook).collect();
    assert_eq!(world.reads.webhooks(&tenant.id).await.unwrap(), wanted);
    let found = world.reads.webhook(&tenant.id, moved.id).await.unwrap();
    assert_eq!(found.unwrap().url, "https://z.example");
    assert_eq!(world.reads.webhook(&tenant.id, gone.id).await.unwrap(), None);
    assert!(world.reads.webhooks(&other.id).await.unwrap().is_empty());
    assert_eq!(world.reads.webhook(&other.id, moved.id).await.unwrap(), None);
    world.stop().await;
}

/// No event says a session state yet: the rows are written as a claim will have them.
#[tokio::test]
async fn a_session_state_is_filtered_by_what_the_rows_say() {
    let world = World::new().await;
    let mut tenant = Tenant::new();
    for _ in 0..3 {
        let id = tenant.create(&world, &worker(1), Changes::default(), None).await;
        let claimed = TaskEvent::Claimed { lease_expires_at: None };
        tenant.record(&world, &worker(1).actor, id, vec![claimed]).await;
    }
    let ids = tenant.order.clone();
    world.settle().await;
    let client = world.database.connect().await;
    for (id, state) in ids.iter().zip(["working", "errored", "working"]) {
        let set = "update read.tasks set session_state = $2 where task_id = $1";
        assert_eq!(client.execute(set, &[&id.0, &state]).await.unwrap(), 1);
    }
    for (state, expected) in [
        (SessionState::Working, vec![ids[0], ids[2]]),
        (SessionState::Errored, vec![ids[1]]),
        (SessionState::WaitingInput, vec![]),
    ] {
        let filter = TaskFilter { session_state: Some(state), ..TaskFilter::default() };
        let found = world.reads.list(&tenant.id, &worker(1), &filter, FIRST).await.unwrap();
        assert_eq!(found.total, Some(i64::try_from(expected.len()).unwrap()));
        assert_eq!(found.tasks.iter().map(|task| task.id).collect::<Vec<_>>(), expected);
    }
    world.stop().await;
}
