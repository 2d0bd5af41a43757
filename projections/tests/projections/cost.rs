//! What a read costs in rows looked at, which no busy machine can blur: what it shows, and not
//! what there is.

use baton_domain::{
    Standing,
    account::Role,
    task::{Line, Status, Turn, Wish},
};
use baton_feed::Running;
use baton_projections::tasks::{
    Ask, Assignee, Attention, FleetRules, Lane, Page, Scope, Sort, TaskFilter,
};
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

/// A model of many tasks, read through one connection: the server counts per connection, and tells
/// when it is asked to there.
struct Model5000 {
    world: World,
    tenant: Tenant,
    pool: Pool,
    reads: Reads,
}

impl Model5000 {
    async fn new(steps: usize) -> Self {
        let world = World::idle().await;
        let tenant = Tenant::new();
        let client = world.database.connect().await;
        let events = write_log(&client, tenant.id.as_str(), TASKS, steps).await;
        set_checkpoint(&client, Model::Tasks, events).await;
        let manager = Manager::new(world.database.config(), NoTls);
        let pool = Pool::builder(manager).max_size(1).build().unwrap();
        rebuild(&world.log, &pool, Model::Tasks).await.unwrap();
        let models = Model::ALL.map(|model| observe(world.pool.clone(), model));
        let reads = Reads::new(pool.clone(), models.each_ref().map(Running::progress));
        Self { world, tenant, pool, reads }
    }

    async fn queue(&self, lane: &Lane, after: Option<Turn>) -> Vec<Turn> {
        let ask = Ask { lane: lane.clone(), after };
        let (account, now) = (&self.tenant.id, jiff::Timestamp::now().into());
        self.reads.queue(account, &[ask], now, i64::from(PAGE)).await.unwrap().remove(0)
    }

    /// Asserts that a page looks at no more than so many entries, and scans no table.
    async fn assert_cost(
        &self,
        caller: &Standing,
        filter: &TaskFilter,
        sort: Sort,
        entries_max: i64,
    ) {
        for offset in [0, 30] {
            let page = Page { limit: PAGE, offset, sort, scope: Scope::Page };
            let (whole_before, entries_before) = looked_at(&self.pool).await;
            let found = self.reads.list(&self.tenant.id, caller, filter, page).await.unwrap();
            assert_eq!(found.tasks.len(), PAGE as usize, "{caller:?} {filter:?}");
            let (whole, entries) = looked_at(&self.pool).await;
            let asked = format!("{sort:?} {caller:?} {filter:?}");
            assert_eq!(whole, whole_before, "a table is scanned: {asked}");
            let entries = entries - entries_before;
            assert!(entries <= entries_max, "{entries} entries: {asked}");
        }
    }
}

// A page of one list looks at little more than it shows, in each status. Where the shortest of
// several lists is sought, up to a thousand entries of each are counted before.
const MERGED: i64 = 200;
const SOUGHT: i64 = 5_000;

#[tokio::test]
async fn a_page_looks_at_what_it_shows() {
    let model = Model5000::new(1).await;
    let creator = standing(0, Role::Worker, &["orchestrator", "nobody"]);
    let labelled = TaskFilter { labels: vec!["common".into()], ..TaskFilter::default() };
    let own = Some(Assignee::Agent(agent(3)));
    let own = TaskFilter { assigned_to: own, ..TaskFilter::default() };
    for (caller, filter, entries_max) in [
        (Standing::project(), TaskFilter::default(), MERGED),
        (creator.clone(), TaskFilter::default(), MERGED),
        (Standing::project(), labelled.clone(), MERGED),
        (Standing::project(), own.clone(), MERGED),
        (creator.clone(), labelled, SOUGHT),
        (creator, own.clone(), SOUGHT),
        // Nothing is sought: whoever is assigned a task may read it.
        (standing(3, Role::Worker, &["worker-3"]), own, MERGED),
    ] {
        model.assert_cost(&caller, &filter, Sort::Priority, entries_max).await;
    }
    let (whole_before, entries_before) = looked_at(&model.pool).await;
    let Model5000 { world, tenant, reads, pool } = model;
    reads.task(&tenant.id, id(7)).await.unwrap().unwrap();
    assert_eq!(reads.tasks_by_root(&tenant.id, id(7)).await.unwrap().len(), 1);
    reads.children(&tenant.id, id(7), &Standing::project()).await.unwrap();
    let (whole, entries) = looked_at(&pool).await;
    assert_eq!((whole, entries - entries_before), (whole_before, 2));
    world.stop().await;
}

#[tokio::test]
async fn an_order_that_is_kept_is_walked_and_any_other_costs_the_shortest_list() {
    // Nine of ten tasks are completed.
    let model = Model5000::new(2).await;
    let (default, all) = (TaskFilter::default, Status::ALL.to_vec());
    let everything = TaskFilter { statuses: all.clone(), ..default() };
    let completed = TaskFilter { statuses: vec![Status::Completed], ..default() };
    let own = Some(Assignee::Agent(agent(4)));
    let own = TaskFilter { assigned_to: own, statuses: all, ..default() };
    // Its list is counted, read, and each task of it looked up; the page is looked up again.
    let own_list = 4 * i64::try_from(TASKS).unwrap() / 50;
    let project = Standing::project();
    for (filter, sort, entries_max) in [
        (&everything, Sort::Updated, MERGED),
        (&default(), Sort::Updated, MERGED),
        (&everything, Sort::Completed, MERGED),
        (&completed, Sort::Completed, MERGED),
        (&own, Sort::Updated, own_list),
        (&own, Sort::Due, own_list),
        (&own, Sort::Completed, own_list),
    ] {
        model.assert_cost(&project, filter, sort, entries_max).await;
    }
    model.world.stop().await;
}

#[tokio::test]
async fn statistics_look_at_what_is_kept_and_attention_at_what_is_shown() {
    // Nine of ten tasks are completed, and nothing is claimed.
    let model = Model5000::new(2).await;
    let (account, project) = (&model.tenant.id, Standing::project());
    let at: jiff::Timestamp = jiff::Timestamp::now();
    let today = at.to_zoned(jiff::tz::TimeZone::UTC).date();
    let (whole_before, entries_before) = looked_at(&model.pool).await;
    let stats = model.reads.task_stats(account, &project, today).await.unwrap();
    assert_eq!(stats.total(), i64::try_from(TASKS).unwrap());
    model.reads.tasks_created(account, today).await.unwrap();
    let rules = (FleetRules::default(), at.into());
    let found = model.reads.attention(account, &project, rules, 10).await.unwrap();
    assert_eq!(found, Attention::default());
    let (whole, entries) = looked_at(&model.pool).await;
    // The few tallies may be read as a whole.
    let looked = whole - whole_before + entries - entries_before;
    assert!(looked <= MERGED, "{looked} rows");
    model.world.stop().await;
}

#[tokio::test]
async fn a_lane_of_the_queue_is_walked_from_a_turn_on() {
    let model = Model5000::new(1).await;
    let page = i64::from(PAGE);
    // What is walked, and what is looked into besides; a list that is counted is counted at most
    // so far.
    let (walked, looked_into, counted) = (2 * page, 6 * page, 1_000);
    for (line, labels, waits, entries_max) in [
        (Line::Anybody, &[][..], true, walked),
        (Line::Agent(agent(3)), &[], true, walked),
        (Line::Route("writer".to_owned()), &[], true, walked),
        (Line::Route("nobody".to_owned()), &[], false, walked),
        (Line::Anybody, &["common"], true, walked),
        (Line::Anybody, &["nothing"], false, walked),
        (Line::Agent(agent(3)), &["common"], true, looked_into + 2 * counted),
        (Line::Anybody, &["common", "rare"], true, looked_into + counted),
    ] {
        let labels = labels.iter().map(|label: &&str| (*label).to_owned()).collect();
        let lane = Lane { line, wish: Wish { labels, project_id: None } };
        let mut after = None;
        for _ in 0..2 {
            let (whole_before, entries_before) = looked_at(&model.pool).await;
            let turns = model.queue(&lane, after).await;
            let (whole, entries) = looked_at(&model.pool).await;
            assert_eq!(whole, whole_before, "a table is scanned: {lane:?}");
            let entries = entries - entries_before;
            assert!(entries <= entries_max, "{entries} entries: {lane:?}");
            assert!(after.is_some() || turns.is_empty() != waits, "{lane:?}");
            let Some(last) = turns.last() else { break };
            after = Some(*last);
        }
    }
    model.world.stop().await;
}
