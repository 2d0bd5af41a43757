//! Time travel: at every position of random histories the past is what a fold of the events up to
//! there gives, and says what a look at every task would say.

use std::collections::BTreeMap;

use baton_domain::{
    AgentId, Envelope, Standing, TaskId, Timestamp,
    stored::Event as _,
    task::{self, CommentDocument, ContextEntry, Task, TaskEvent},
};
use baton_history::{AsOf, Directory, LedgerPage, Moment, Past, PastBounds, PastError};
use baton_log::{EventFilter, RecordedEvent, Scope};
use baton_projections::context::HistoryPage;
use baton_projections::tasks::{TaskPage, TaskStats, open_task_counts};
use proptest::collection::vec;
use proptest::test_runner::{Config, TestRunner};

use crate::counted::naive_stats;
use crate::lists::{Question, callers, live_through, naive, question, steps};
use crate::world::{Tenant, World, agent, now};

/// Looked at closely at each position.
const TASKS_CLOSELY: usize = 3;

async fn past_of(world: &World) -> Past {
    let directory = Directory::open(world.log.clone()).await.unwrap();
    Past::new(world.log.clone(), directory)
}

async fn events_of(world: &World, tenant: &Tenant) -> Vec<RecordedEvent> {
    let (scope, all) = (Scope::Account(tenant.id.to_string()), EventFilter::default());
    let mut events: Vec<RecordedEvent> = Vec::new();
    loop {
        let after = events.last().map_or(0, |last| last.position);
        let page = world.log.page(&scope, after, &all, 1_000).await.unwrap();
        if page.events.is_empty() {
            return events;
        }
        events.extend(page.events);
    }
}

/// What a fold of the events gives, one after another, and nothing else.
struct Replay {
    /// The tasks, in the form that the questions of other tests are asked of.
    tenant: Tenant,
    ledgers: BTreeMap<TaskId, Vec<ContextEntry>>,
    comments: BTreeMap<TaskId, Vec<CommentDocument>>,
}

impl Replay {
    fn new(tenant: &Tenant) -> Self {
        let tenant = Tenant { id: tenant.id.clone(), ..Tenant::new() };
        Self { tenant, ledgers: BTreeMap::new(), comments: BTreeMap::new() }
    }

    fn take(&mut self, event: &RecordedEvent) {
        let id: TaskId = event.stream.id.parse().unwrap();
        let (before, _) = self.tenant.tasks.remove(&id).unwrap_or_default();
        let (name, version) = (&event.event_type, event.schema_version);
        let decoded = TaskEvent::decode(name, version, &event.payload).unwrap();
        let at = Timestamp::from(event.recorded_at);
        let envelope = Envelope { at, actor: event.actor.parse().unwrap() };
        let task = task::fold(before, &envelope, decoded.clone());
        if let TaskEvent::Commented(commented) = &decoded {
            self.comments.entry(id).or_default().push(CommentDocument {
                id: commented.comment.id,
                task_id: id,
                content: commented.comment.content.clone(),
                author: commented.comment.author.clone(),
                author_agent_id: envelope.actor.agent(),
                created_at: at,
            });
        }
        let ledger = self.ledgers.entry(id).or_default();
        if let TaskEvent::ContextSuperseded { key } = &decoded {
            end(ledger, key, None, at);
        }
        let patch = decoded.changes().and_then(|changes| changes.context.clone());
        for (key, _) in patch.into_iter().flatten() {
            let entry = task.context_entry(&key).unwrap();
            end(ledger, &key, Some(entry.provenance.entry), at);
            ledger.push(entry);
        }
        self.tenant.tasks.insert(id, (task, event.version));
    }

    fn tasks(&self) -> impl Iterator<Item = &Task> {
        self.tenant.tasks.values().map(|(task, _)| task)
    }
}

fn end(ledger: &mut [ContextEntry], key: &str, by: Option<i64>, at: Timestamp) {
    let last = ledger.iter_mut().rev().find(|entry| entry.key == key);
    if let Some(last) = last.filter(|last| last.provenance.superseded_at.is_none()) {
        last.provenance.superseded_at = Some(at);
        last.superseded_by = by;
    }
}

/// Everything that folds the account.
async fn check_account(past: &Past, replay: &Replay, moment: &Moment, question: &Question) {
    let id = &replay.tenant.id;
    let then = past.tasks(id, moment).await.unwrap();
    let mut found: Vec<&Task> = then.iter().collect();
    found.sort_by_key(|task| task.id);
    assert_eq!(found, replay.tasks().collect::<Vec<_>>(), "{moment:?}");
    let Question { caller, filter, page } = question;
    let caller = &callers()[*caller];
    let list = TaskPage::of(then.iter(), caller, filter, *page);
    let all = naive(&replay.tenant, caller, filter, page.sort);
    let shown = all.iter().skip(page.offset as usize).take(page.limit as usize).cloned();
    assert_eq!(list.tasks, shown.collect::<Vec<_>>(), "{moment:?}: {question:?}");
    assert_eq!(list.total, Some(i64::try_from(all.len()).unwrap()));
    let today = moment.at.to_jiff().to_zoned(jiff::tz::TimeZone::UTC).date();
    let stats = TaskStats::of(then.iter(), caller, today);
    assert_eq!(stats, naive_stats(&replay.tenant, caller, today), "{moment:?}");
    let counts = open_task_counts(then.iter());
    for agent in (1..=5).map(agent) {
        let is_open = |task: &&Task| task.is_alive() && !task.status.is_finished();
        let of_agent = |task: &&Task| task.assigned_to == Some(agent);
        let open = replay.tasks().filter(is_open).filter(of_agent).count();
        let counted = counts.get(&agent).copied().unwrap_or_default();
        assert_eq!(counted, i64::try_from(open).unwrap(), "{agent}");
    }
}

/// Everything that folds streams.
async fn check_task(past: &Past, replay: &Replay, moment: &Moment, id: TaskId) {
    let account = &replay.tenant.id;
    let then = past.task(account, id, moment).await.unwrap();
    let Some((task, version)) = replay.tenant.tasks.get(&id) else {
        assert!(then.is_none(), "{id} was not there yet at {moment:?}");
        return;
    };
    let then = then.unwrap();
    assert_eq!((&then.task, then.version), (task, *version), "{moment:?}");
    let comments = replay.comments.get(&id).cloned().unwrap_or_default();
    assert_eq!(then.comments, comments, "{moment:?}");
    let mut tree: Vec<Task> =
        replay.tasks().filter(|other| other.root == task.root).cloned().collect();
    let mut chain = past.chain(account, task.root, moment).await.unwrap();
    chain.sort_by_key(|task| task.id);
    assert_eq!(chain, tree, "{moment:?}");
    tree.retain(|other| other.parent == Some(id) && other.is_alive());
    tree.sort_by_key(|child| (child.created_at, child.id));
    assert_eq!(past.children(account, id, moment).await.unwrap(), tree, "{moment:?}");
    let ledger = &replay.ledgers[&id];
    for (key, below, limit) in [
        (None, None, 100),
        (None, None, 2),
        (Some("found"), None, 2),
        (None, Some(3), 1),
        (Some("to do"), Some(4), 100),
    ] {
        let is_wanted = |entry: &&ContextEntry| {
            key.is_none_or(|key| key == entry.key)
                && below.is_none_or(|below| entry.provenance.entry < below)
        };
        let expected = ledger.iter().rev().filter(is_wanted).take(limit).cloned();
        let wanted = LedgerPage { key: key.map(str::to_owned), below, limit };
        let found = past.context_history(account, id, wanted, moment).await.unwrap();
        assert_eq!(found, expected.collect::<Vec<_>>(), "{key:?} {below:?} {limit}: {moment:?}");
    }
}

/// The same time, and the one before, resolve to what the log says.
async fn check_times(past: &Past, events: &[RecordedEvent], at: usize, tenant: &Tenant) {
    let time = Timestamp::from(events[at].recorded_at);
    for time in [time, Timestamp::from_millis(time.as_millis() - 1).unwrap()] {
        let upto = events.iter().rfind(|event| Timestamp::from(event.recorded_at) <= time);
        match (past.moment(&tenant.id, AsOf::Time(time), now()).await, upto) {
            (Ok(moment), Some(last)) => {
                assert_eq!((moment.position, moment.at), (last.position, time));
                assert_eq!(moment.place.account_seq, last.account_seq);
            }
            (Err(PastError::Before { first }), None) => {
                assert_eq!(first.position, events[0].position);
            }
            (moment, upto) => panic!("{time}: {moment:?} is not {upto:?}"),
        }
    }
}

#[test]
fn the_past_is_what_a_replay_gives() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let world = runtime.block_on(World::new());
    let past = runtime.block_on(past_of(&world));
    let questions = vec(question(), 80);
    let config = Config { cases: 6, max_shrink_iters: 60, ..Config::default() };
    let outcome = TestRunner::new(config).run(&(steps(), questions), |(history, questions)| {
        let mut tenant = Tenant::new();
        runtime.block_on(async {
            live_through(&world, &mut tenant, &history).await;
            let events = events_of(&world, &tenant).await;
            let mut replay = Replay::new(&tenant);
            for (at, event) in events.iter().enumerate() {
                replay.take(event);
                let as_of = AsOf::Position(event.position);
                let moment = past.moment(&tenant.id, as_of, now()).await.unwrap();
                let place = (moment.position, moment.at);
                assert_eq!(place, (event.position, Timestamp::from(event.recorded_at)));
                let question = &questions[at % questions.len()];
                check_account(&past, &replay, &moment, question).await;
                let closely = tenant.order.iter().cycle().skip(at).take(TASKS_CLOSELY);
                for id in closely {
                    check_task(&past, &replay, &moment, *id).await;
                }
                check_times(&past, &events, at, &tenant).await;
            }
            check_present(&world, &past, &tenant).await;
        });
        Ok(())
    });
    outcome.unwrap_or_else(|failure| panic!("{failure}"));
    runtime.block_on(world.stop());
}

/// What is kept of the present is what the past says of it.
async fn check_present(world: &World, past: &Past, tenant: &Tenant) {
    world.settle().await;
    let head = AsOf::Position(world.log.acknowledged());
    let Ok(moment) = past.moment(&tenant.id, head, now()).await else {
        assert!(tenant.tasks.is_empty());
        return;
    };
    for id in &tenant.order {
        let wanted = HistoryPage { key: None, below: None, limit: 1_000 };
        let kept = world.reads.context_history(&tenant.id, *id, &wanted).await.unwrap();
        let wanted = LedgerPage { key: None, below: None, limit: 1_000 };
        let folded = past.context_history(&tenant.id, *id, wanted, &moment).await.unwrap();
        assert_eq!(folded, kept);
        let kept = world.reads.comments(&tenant.id, *id).await.unwrap();
        let then = past.task(&tenant.id, *id, &moment).await.unwrap().unwrap();
        let expected = if then.task.is_alive() { then.comments } else { Vec::new() };
        assert_eq!(expected, kept);
    }
    let agents: Vec<AgentId> = (1..=5).map(agent).collect();
    let kept = world.reads.open_task_counts(&tenant.id, &agents).await.unwrap();
    let folded = open_task_counts(past.tasks(&tenant.id, &moment).await.unwrap().iter());
    for agent in agents {
        assert_eq!(kept[&agent], folded.get(&agent).copied().unwrap_or_default());
    }
}

#[tokio::test]
async fn no_answer_costs_more_than_it_may() {
    let world = World::new().await;
    let mut tenant = Tenant::new();
    let parent = tenant.create(&world, &Standing::project(), task::Changes::default(), None).await;
    for n in 0..9 {
        let content = Some(format!("content {n}"));
        let changes = task::Changes { content, ..task::Changes::default() };
        let update = Box::new(task::Update { changes, ..task::Update::default() });
        let by = Standing::project();
        tenant.tell(&world, &by, parent, task::TaskCommand::Update(update)).await.unwrap();
    }
    let past = past_of(&world).await;
    let head = AsOf::Position(world.log.acknowledged());
    let moment = past.moment(&tenant.id, head, now()).await.unwrap();
    let all = PastBounds::default();
    for (bounds, what) in [
        (PastBounds { events_max: 9, ..all }, Some("events")),
        (PastBounds { bytes_max: 100, ..all }, Some("bytes of events")),
        (PastBounds { events_max: 10, ..all }, None),
    ] {
        let past = past_of(&world).await.bounded(bounds);
        let outcomes = [
            past.tasks(&tenant.id, &moment).await.map(|_| ()),
            past.task(&tenant.id, parent, &moment).await.map(|_| ()),
            past.chain(&tenant.id, parent, &moment).await.map(|_| ()),
        ];
        for outcome in outcomes {
            match (outcome, what) {
                (Ok(()), None) => (),
                (Err(PastError::TooLong { what, .. }), Some(expected)) => {
                    assert_eq!(what, expected);
                }
                (outcome, _) => panic!("{bounds:?}: {outcome:?}"),
            }
        }
    }
    let nothing = past_of(&world).await.bounded(PastBounds { tasks_max: 0, ..all });
    let too_many = nothing.chain(&tenant.id, parent, &moment).await;
    assert!(matches!(too_many, Err(PastError::TooLong { what: "tasks", .. })), "{too_many:?}");
    world.stop().await;
}

#[tokio::test]
async fn there_are_moments_that_are_none() {
    let world = World::new().await;
    let (mut tenant, later) = (Tenant::new(), Tenant::new());
    tenant.create(&world, &Standing::project(), task::Changes::default(), None).await;
    let past = past_of(&world).await;
    let head = world.log.acknowledged();
    let ahead = past.moment(&tenant.id, AsOf::Position(head + 1), now()).await;
    assert!(matches!(ahead, Err(PastError::Ahead { head: found }) if found == head), "{ahead:?}");
    let future = Timestamp::from_millis(now().as_millis() + 60_000).unwrap();
    let ahead = past.moment(&tenant.id, AsOf::Time(future), now()).await;
    assert!(matches!(ahead, Err(PastError::Future { .. })), "{ahead:?}");
    let empty = past.moment(&later.id, AsOf::Position(head), now()).await;
    assert!(matches!(empty, Err(PastError::Empty)), "{empty:?}");
    // Where the clocks differ, what was recorded has happened all the same.
    let first = world.log.of_account_after(tenant.id.as_str(), 0, 1).await.unwrap();
    let recorded = Timestamp::from(first[0].recorded_at);
    let behind = Timestamp::from_millis(recorded.as_millis() - 5_000).unwrap();
    let moment = past.moment(&tenant.id, AsOf::Time(recorded), behind).await.unwrap();
    assert_eq!(moment.position, first[0].position);
    world.stop().await;
}
