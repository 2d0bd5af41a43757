//! P6: a model built again is the live one, row for row, and takes its place unnoticed.

use std::sync::atomic::{AtomicBool, Ordering};

use baton_domain::{
    Actor, Standing, TaskId,
    id::CommentId,
    task::{Annotation, Changes, Comment, ContextMerge, Finish, TaskCommand, TaskEvent, Update},
};
use baton_feed::{HandleError, Handler, Transaction, status};
use baton_harness::wait_for;
use baton_log::{NewEvent, RecordedEvent, StreamWrite};
use baton_projections::tasks::{Page, Scope, Sort, TaskFilter, shown_statuses};
use baton_projections::{Model, RebuildError, check, install, rebuild, subscription};
use tokio_postgres::Client;
use tokio_postgres::error::SqlState;
use uuid::Uuid;

use crate::flood::{Lives, write_lives};
use crate::world::{LIMIT, Tenant, World, agent, worker};

/// A little of everything: tasks that change hands, labels, status and disappear.
async fn live(world: &World, tenant: &mut Tenant, rounds: usize) {
    for round in 0..rounds {
        let changes = Changes {
            labels: Some(vec!["css".into(), format!("@worker-{}", round % 3)]),
            assigned_to: Some(Some(agent(round as u128 % 4))),
            metadata: serde_json::json!({"n": 9_987.952_197_299_523}).as_object().cloned(),
            context: serde_json::json!({"a": {"n": round}, "b": "words"}).as_object().cloned(),
            ..Changes::default()
        };
        let id = tenant.create(world, &worker(1), changes, tenant.order.last().copied()).await;
        let to = agent(5);
        let over = TaskCommand::HandOver { to, changes: Box::default() };
        tenant.tell(world, &worker(1), id, over).await.unwrap();
        know(world, tenant, id, round).await;
        say(world, tenant, id).await;
        let last = match round % 4 {
            0 => TaskCommand::Delete,
            1 => TaskCommand::Complete(Box::<Finish>::default()),
            2 => TaskCommand::Fail(Box::<Finish>::default()),
            _ => continue,
        };
        tenant.tell(world, &worker(5), id, last).await.unwrap();
    }
}

/// Writes of a context, other words of its task, and an entry that is trusted no more.
async fn know(world: &World, tenant: &mut Tenant, id: TaskId, round: usize) {
    let patch = |value: serde_json::Value| value.as_object().cloned().unwrap();
    let merge = |value| {
        let merge = ContextMerge { patch: patch(value), ..ContextMerge::default() };
        TaskCommand::MergeContext(Box::new(merge))
    };
    let changes = Changes { content: Some(format!("round {round}")), ..Changes::default() };
    let update = Update { changes, ..Update::default() };
    let commands = [
        merge(serde_json::json!({"a": {"m": round}, "c": [1, "two", null]})),
        TaskCommand::Update(Box::new(update)),
        TaskCommand::SupersedeContext { key: "b".to_owned() },
        merge(serde_json::json!({"a": "other", "b": "again"})),
    ];
    for command in commands.into_iter().take(round % 5) {
        tenant.tell(world, &worker(5), id, command).await.unwrap();
    }
}

/// Two comments, of which one is deleted again.
async fn say(world: &World, tenant: &mut Tenant, id: TaskId) {
    let ids = [(); 2].map(|()| CommentId(Uuid::now_v7()));
    let written = |id| Comment { id, content: "words".into(), author: Some("somebody".into()) };
    let written = ids.map(|id| Annotation::Comment(written(id)));
    for annotation in written.into_iter().chain([Annotation::DeleteComment(ids[0])]) {
        let command = TaskCommand::Annotate(Box::new(annotation));
        tenant.tell(world, &worker(5), id, command).await.unwrap();
    }
}

async fn assert_equal(world: &World) {
    for model in Model::ALL {
        assert_eq!(check(&world.log, &world.pool, model).await.unwrap(), []);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rebuild_equals_the_live_model() {
    let world = World::new().await;
    let mut tenant = Tenant::new();
    live(&world, &mut tenant, 40).await;
    world.settle().await;
    assert_equal(&world).await;
    for model in Model::ALL {
        rebuild(&world.log, &world.pool, model).await.unwrap();
    }
    assert_equal(&world).await;
    // The follower goes on in the new tables.
    live(&world, &mut tenant, 10).await;
    world.settle().await;
    assert_equal(&world).await;
    world.stop().await;
}

/// While others write and read: no read fails or goes back, no event is lost.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_rebuild_takes_over_under_load() {
    let world = World::new().await;
    let mut tenant = Tenant::new();
    live(&world, &mut tenant, 20).await;
    world.settle().await;
    let done = AtomicBool::new(false);
    let account = tenant.id.clone();
    let rebuilds = async {
        for _ in 0..5 {
            rebuild(&world.log, &world.pool, Model::Tasks).await.unwrap();
            assert_eq!(check(&world.log, &world.pool, Model::Tasks).await.unwrap(), []);
        }
        done.store(true, Ordering::SeqCst);
    };
    let writes = async {
        while !done.load(Ordering::SeqCst) {
            live(&world, &mut tenant, 4).await;
        }
    };
    let reads = async {
        let (caller, page) = (
            Standing::project(),
            Page { limit: 5, offset: 0, sort: Sort::Priority, scope: Scope::Total },
        );
        let filter = TaskFilter::default();
        let mut known = 0;
        while !done.load(Ordering::SeqCst) {
            // P8 through all swaps.
            let acknowledged = world.log.acknowledged();
            world.reads.wait(Model::Tasks, acknowledged, LIMIT).await.unwrap();
            let found = world.reads.list(&account, &caller, &filter, page).await.unwrap();
            let total = found.total.unwrap();
            assert!(total >= known, "{total} of {known} are left");
            known = total - 4; // deleted, completed at most
        }
    };
    tokio::join!(rebuilds, writes, reads);
    world.settle().await;
    assert_equal(&world).await;
    for (id, (task, _)) in &tenant.tasks {
        assert_eq!(&world.reads.task(&account, *id).await.unwrap().unwrap().task, task);
    }
    world.stop().await;
}

/// More than a rebuild keeps in memory: it writes them before their next event comes.
#[tokio::test]
async fn tasks_that_stay_open_for_long_are_rebuilt_equal() {
    let world = World::idle().await;
    let tenant = Tenant::new();
    let client = world.database.connect().await;
    let lives = Lives { families: 700, open: 700, sentences: 400 };
    let events = write_lives(&client, tenant.id.as_str(), lives).await;
    let world = world.followed();
    world.reads.wait(Model::Tasks, events, LIMIT).await.unwrap();
    assert_eq!(check(&world.log, &world.pool, Model::Tasks).await.unwrap(), []);
    rebuild(&world.log, &world.pool, Model::Tasks).await.unwrap();
    let everything = shown_statuses(None, None, true);
    let filter = TaskFilter { statuses: everything, ..TaskFilter::default() };
    let page = Page { limit: 1, offset: 0, sort: Sort::Updated, scope: Scope::Total };
    let found = world.reads.list(&tenant.id, &Standing::project(), &filter, page).await.unwrap();
    assert_eq!(found.total, Some(1_400));
    world.stop().await;
}

#[tokio::test]
async fn a_check_finds_what_was_changed_behind_the_projector() {
    let world = World::new().await;
    let mut tenant = Tenant::new();
    live(&world, &mut tenant, 8).await;
    world.settle().await;
    let client = world.database.connect().await;
    for (tampering, table) in [
        (
            "update read.tasks set state = replace(state, 'css', 'CSS')
          where task_id = $1",
            "tasks",
        ),
        (
            "delete from read.task_lists
          where ctid = (select min(ctid) from read.task_lists where task_id = $1)",
            "task_lists",
        ),
        (
            "insert into read.task_lists (list_id, status, rank, priority, created_at, task_id)
          select gen_random_uuid(), status, rank, priority, created_at, task_id
          from read.task_lists where task_id = $1 limit 1",
            "task_lists",
        ),
        ("delete from read.tasks where task_id = $1", "tasks"),
    ] {
        let id = tenant.order[3];
        assert_eq!(client.execute(tampering, &[&id.0]).await.unwrap(), 1, "{tampering}");
        let found = check(&world.log, &world.pool, Model::Tasks).await.unwrap();
        assert_eq!(found.len(), 1, "{tampering}");
        assert_eq!(found[0].table, table);
        assert!(found[0].key.contains(&id.0.to_string()), "{}", found[0].key);
        rebuild(&world.log, &world.pool, Model::Tasks).await.unwrap();
        assert_eq!(check(&world.log, &world.pool, Model::Tasks).await.unwrap(), []);
    }
    world.stop().await;
}

/// Reads keep their place in the queue: a swap that meets a long reader tries again later.
#[tokio::test(flavor = "multi_thread")]
async fn a_long_reader_delays_the_swap_and_nobody_else() {
    let world = World::new().await;
    let mut tenant = Tenant::new();
    live(&world, &mut tenant, 4).await;
    world.settle().await;
    let mut client = world.database.connect().await;
    let reader = client.transaction().await.unwrap();
    reader.query("select task_id from read.tasks", &[]).await.unwrap();
    let (log, pool) = (world.log.clone(), world.pool.clone());
    let rebuilding = tokio::spawn(async move { rebuild(&log, &pool, Model::Tasks).await });
    let waits = "select count(*) from pg_catalog.pg_locks l
        join pg_catalog.pg_class c on c.oid = l.relation
        where c.relname = 'tasks' and l.mode = 'AccessExclusiveLock' and not l.granted";
    let other = world.database.connect().await;
    wait_for(LIMIT, "the swap waits", async || {
        let row = other.query_one(waits, &[]).await.unwrap();
        (row.get::<_, i64>(0) > 0).then_some(())
    })
    .await;
    // The model goes on meanwhile, between the attempts.
    live(&world, &mut tenant, 1).await;
    world.settle().await;
    reader.commit().await.unwrap();
    rebuilding.await.unwrap().unwrap();
    assert_equal(&world).await;
    world.stop().await;
}

#[tokio::test]
async fn another_version_is_built_again_at_the_next_start() {
    let world = World::new().await;
    let mut tenant = Tenant::new();
    live(&world, &mut tenant, 8).await;
    world.settle().await;
    let client = world.database.connect().await;
    client
        .execute("update read.models set version = 0 where name = $1", &[&"tasks"])
        .await
        .unwrap();
    client.execute("alter table read.tasks rename column search_text to words", &[]).await.unwrap();
    let (one, other) =
        tokio::join!(install(&world.log, &world.pool), install(&world.log, &world.pool));
    one.unwrap();
    other.unwrap();
    assert_equal(&world).await;
    // Also when somebody dropped everything: the checkpoint stays, the rows come back.
    client.batch_execute("drop schema read cascade").await.unwrap();
    install(&world.log, &world.pool).await.unwrap();
    assert_equal(&world).await;
    live(&world, &mut tenant, 3).await;
    world.settle().await;
    assert_equal(&world).await;
    world.stop().await;
}

/// Stands for a projector of the version that the tables have.
struct Newer;

impl Handler for Newer {
    async fn apply(
        &mut self,
        _transaction: &Transaction<'_>,
        _events: &[RecordedEvent],
    ) -> Result<(), HandleError> {
        Ok(())
    }
}

/// The rows of the live model, and where its checkpoint stands.
async fn live_rows(client: &Client) -> String {
    let rows = "select concat(
            (select string_agg(t::text, e'\n' order by t::text) from read.tasks t),
            (select string_agg(l::text, e'\n' order by l::text) from read.task_lists l),
            (select string_agg(c::text, e'\n' order by c::text) from read.task_tallies c))";
    client.query_one(rows, &[]).await.unwrap().get(0)
}

/// While processes are replaced, old ones meet tables that a newer one has swapped in.
#[tokio::test]
async fn a_projector_of_another_version_writes_nothing_and_gives_way() {
    let world = World::new().await;
    let mut tenant = Tenant::new();
    live(&world, &mut tenant, 8).await;
    world.settle().await;
    let (client, name) = (world.database.connect().await, Model::Tasks.subscription_name());
    let set_version = "update read.models set version = version + $1 where name = 'tasks'";
    client.execute(set_version, &[&1]).await.unwrap();
    let before = (live_rows(&client).await, world.log.acknowledged());
    live(&world, &mut tenant, 4).await;
    let failure = wait_for(LIMIT, "the failure is written down", async || {
        let all = status(&world.pool).await.unwrap();
        all.into_iter().find(|it| it.name == name).unwrap().failure
    })
    .await;
    assert!(failure.text.contains("the live model tasks is of version"), "{}", failure.text);
    assert_eq!(failure.position, None, "no event is to blame");
    assert_eq!((live_rows(&client).await, world.reads.position(Model::Tasks)), before);
    // When the tables are of its own version again, it goes on by itself.
    client.execute(set_version, &[&-1]).await.unwrap();
    world.settle().await;
    assert_equal(&world).await;
    // While it lives, another that fits the tables takes over.
    client.execute(set_version, &[&1]).await.unwrap();
    let before = live_rows(&client).await;
    live(&world, &mut tenant, 1).await;
    let subscription = subscription(Model::Tasks);
    let newer = baton_feed::spawn(world.log.clone(), world.pool.clone(), subscription, Newer);
    let limit = tokio::time::Instant::now() + LIMIT;
    assert!(newer.wait_until(world.log.acknowledged(), limit).await);
    assert_eq!(live_rows(&client).await, before);
    newer.shutdown().await;
    world.stop().await;
}

/// Projectors before this one did not look at the version: what each of their writes names must
/// not be there.
#[tokio::test]
async fn what_old_projectors_write_is_refused() {
    let world = World::idle().await;
    let client = world.database.connect().await;
    for old in ["update read.tasks set search = ''", "insert into read.tasks (search) values ('')"]
    {
        let refused = client.execute(old, &[]).await.unwrap_err();
        assert_eq!(refused.code(), Some(&SqlState::UNDEFINED_COLUMN), "{old}");
    }
    world.stop().await;
}

/// An event that nobody can read stops the model where it is, loudly, and every rebuild.
#[tokio::test]
async fn a_poisoned_payload_stops_the_model_and_is_not_skipped() {
    let world = World::new().await;
    let mut tenant = Tenant::new();
    let id = tenant.create(&world, &worker(1), Changes::default(), None).await;
    world.settle().await;
    let poisoned = world.log.acknowledged() + 1;
    let stream = tenant.stream("task", &id.to_string());
    let released = [TaskEvent::Released { handoff: None }];
    let mut append = tenant.append(&Actor::Project, stream, 1, &released);
    append.writes[0].events[0].payload = r#"{"lease_expires_at": "soon"}"#.to_owned();
    append.writes[0].events[0].event_type = "task.claimed";
    world.append(append).await;
    let other = tenant.create(&world, &worker(1), Changes::default(), None).await;
    let failure = wait_for(LIMIT, "the failure is written down", async || {
        let all = status(&world.pool).await.unwrap();
        let tasks = all.into_iter().find(|it| it.name == Model::Tasks.subscription_name());
        tasks.unwrap().failure
    })
    .await;
    assert_eq!(failure.position, Some(poisoned), "{}", failure.text);
    assert!(failure.text.contains("task.claimed"), "{}", failure.text);
    assert_eq!(world.reads.position(Model::Tasks), poisoned - 1);
    assert_eq!(world.reads.task(&tenant.id, other).await.unwrap(), None);
    // The model stands before the event; up to there it can be built.
    rebuild(&world.log, &world.pool, Model::Tasks).await.unwrap();
    assert_eq!(check(&world.log, &world.pool, Model::Tasks).await.unwrap(), []);
    world.stop().await;
}

/// A row that is not what the next event was recorded on stops the model, too.
#[tokio::test]
async fn a_model_that_does_not_fit_the_log_stops() {
    let world = World::new().await;
    let mut tenant = Tenant::new();
    let id = tenant.create(&world, &worker(1), Changes::default(), None).await;
    world.settle().await;
    let client = world.database.connect().await;
    client.execute("update read.tasks set version = 9", &[]).await.unwrap();
    let over = TaskCommand::HandOver { to: agent(2), changes: Box::default() };
    tenant.tell(&world, &worker(1), id, over).await.unwrap();
    let failure = wait_for(LIMIT, "the failure is written down", async || {
        let all = status(&world.pool).await.unwrap();
        let tasks = all.into_iter().find(|it| it.name == Model::Tasks.subscription_name());
        tasks.unwrap().failure
    })
    .await;
    assert!(failure.text.contains("is at version 9"), "{}", failure.text);
    // Built again, it goes on by itself.
    rebuild(&world.log, &world.pool, Model::Tasks).await.unwrap();
    world.settle().await;
    assert_equal(&world).await;
    world.stop().await;
}

/// A checkpoint beyond the log's end belongs to another log.
#[tokio::test]
async fn a_log_that_ends_before_the_checkpoint_is_refused() {
    let world = World::idle().await;
    let client = world.database.connect().await;
    let name = Model::Tasks.subscription_name();
    client
        .execute("update public.subscriptions set position = 5 where name = $1", &[&name])
        .await
        .unwrap();
    let refused = rebuild(&world.log, &world.pool, Model::Tasks).await;
    assert!(matches!(refused, Err(RebuildError::LogTooShort { head: 0, checkpoint: 5 })));
    world.stop().await;
}

/// Events of other kinds pass by.
#[tokio::test]
async fn other_streams_move_the_checkpoint_only() {
    let world = World::new().await;
    let tenant = Tenant::new();
    let stream = tenant.stream("account", tenant.id.as_str());
    let mut append = tenant.append::<TaskEvent>(&Actor::Project, stream.clone(), 0, &[]);
    append.writes = vec![StreamWrite {
        stream,
        expected_version: 0,
        events: vec![NewEvent {
            event_id: Uuid::now_v7(),
            event_type: "account.unheard_of",
            schema_version: 1,
            payload: "{}".into(),
            causation_id: None,
        }],
    }];
    world.append(append).await;
    world.settle().await;
    assert_equal(&world).await;
    world.stop().await;
}
