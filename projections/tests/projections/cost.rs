//! What a read costs in rows looked at, which no busy machine can blur: what it shows, and not
//! what there is.

use baton_domain::{Standing, account::Role, task::Status};
use baton_projections::tasks::{Assignee, Page, Scope, TaskFilter};
use baton_projections::{Model, Reads, observe, rebuild};
use deadpool_postgres::{Manager, Pool};
use tokio_postgres::NoTls;

use crate::flood::{id, set_checkpoint, write_log};
use crate::world::{Tenant, World, agent, standing};

const TASKS: usize = 5_000;
const PAGE: u32 = 10;

/// Rows looked at since the database was made: by scans of whole tables, and by index.
async fn looked_at(pool: &Pool) -> (i64, i64) {
    let client = pool.get().await.unwrap();
    client.execute("select pg_stat_force_next_flush()", &[]).await.unwrap();
    let looked = "select (select sum(seq_tup_read)::bigint from pg_stat_user_tables
                where schemaname = 'read' and relname <> 'models'),
            (select sum(idx_tup_read)::bigint from pg_stat_user_indexes where schemaname = 'read')";
    let row = client.query_one(looked, &[]).await.unwrap();
    (row.get(0), row.get(1))
}

#[tokio::test]
async fn a_page_looks_at_what_it_shows() {
    let world = World::idle().await;
    let tenant = Tenant::new();
    let client = world.database.connect().await;
    let events = write_log(&client, tenant.id.as_str(), TASKS, 1).await;
    set_checkpoint(&client, events).await;
    // The server counts per connection, and tells when it is asked to there: so there is one.
    let manager = Manager::new(world.database.config(), NoTls);
    let pool = Pool::builder(manager).max_size(1).build().unwrap();
    rebuild(&world.log, &pool, Model::Tasks).await.unwrap();
    let [tasks, webhooks] = Model::ALL.map(|model| observe(world.pool.clone(), model));
    let reads = Reads::new(pool.clone(), tasks.progress(), webhooks.progress());

    let creator = standing(0, Role::Worker, &["orchestrator", "nobody"]);
    let labelled = TaskFilter { labels: vec!["common".into()], ..TaskFilter::default() };
    let own = Some(Assignee::Agent(agent(3)));
    let own = TaskFilter { assigned_to: own, ..TaskFilter::default() };
    let blocked = TaskFilter { statuses: vec![Status::Blocked], ..TaskFilter::default() };
    // A page of one list looks at little more than it shows, in each status. Where the shortest
    // of several lists is sought, up to a thousand entries of each are counted before.
    let (merged, sought) = (200, 5_000);
    for (caller, filter, entries_max) in [
        (Standing::project(), TaskFilter::default(), merged),
        (creator.clone(), TaskFilter::default(), merged),
        (Standing::project(), labelled.clone(), merged),
        (Standing::project(), own.clone(), merged),
        (creator.clone(), blocked, merged),
        (creator.clone(), labelled, sought),
        (creator, own, sought),
    ] {
        for offset in [0, 30] {
            let page = Page { limit: PAGE, offset, scope: Scope::Page };
            let (whole_before, entries_before) = looked_at(&pool).await;
            reads.list(&tenant.id, &caller, &filter, page).await.unwrap();
            let (whole, entries) = looked_at(&pool).await;
            assert_eq!(whole, whole_before, "a table is scanned: {caller:?} {filter:?}");
            let entries = entries - entries_before;
            assert!(entries <= entries_max, "{entries} entries: {caller:?} {filter:?}");
        }
    }
    let (whole_before, entries_before) = looked_at(&pool).await;
    reads.task(&tenant.id, id(7)).await.unwrap().unwrap();
    assert_eq!(reads.tasks_by_root(&tenant.id, id(7)).await.unwrap().len(), 1);
    reads.children(&tenant.id, id(7), &Standing::project()).await.unwrap();
    let (whole, entries) = looked_at(&pool).await;
    assert_eq!((whole, entries - entries_before), (whole_before, 2));
    world.stop().await;
}
