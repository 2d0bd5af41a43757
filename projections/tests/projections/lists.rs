//! Random histories and random questions: every list is what a look at every task would give.

use std::cmp::Reverse;

use baton_domain::{
    ProjectId, Standing, TaskId,
    account::Role,
    id::CommentId,
    task::{
        Annotation, Changes, Comment, ContextMerge, Dependencies, Finish, Status, Task,
        TaskCommand, TaskEvent, Update, Wish,
    },
};
use baton_projections::Model;
use baton_projections::tasks::{Assignee, Page, Scope, Sort, TaskFilter, TaskPage, shown_statuses};
use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::test_runner::{Config, TestRunner};
use serde_json::json;

use crate::counted::assert_counted;
use crate::queue::assert_queued;
use crate::world::{LIMIT, Tenant, World, agent, now, standing, worker};

const SORTS: [Sort; 4] = [Sort::Priority, Sort::Updated, Sort::Due, Sort::Completed];

/// Of contexts.
const KEYS: [&str; 2] = ["found", "to do"];

const LABELS: [&str; 5] = ["css", "", "@Data Team", "@worker_2", "q\"uote\\d, {x}"];

/// One thing that happens to one task.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    Create {
        assigned_to: Option<u128>,
        labels: Vec<&'static str>,
        priority: u8,
        child: bool,
        due: Option<i8>,
        project: Option<u128>,
    },
    Assign(Option<u128>),
    HandOver(u128),
    Relabel(Vec<&'static str>),
    Reprioritise(u8),
    Rename(String),
    Measure(f64),
    Status(Status),
    Lease(bool),
    Retry,
    Delete,
    Remember(&'static str, i64),
    Doubt(&'static str),
    Comment,
}

pub(crate) fn steps() -> impl Strategy<Value = Vec<(usize, Index, Step)>> {
    let someone = || prop::option::of(1..=4u128);
    let labels = || prop::collection::vec(select(&LABELS[..]), 0..3);
    let (due, project) = (prop::option::of(0..4i8), prop::option::of(1..=2u128));
    let create = (someone(), labels(), 1..=5u8, any::<bool>(), due, project);
    let create = create.prop_map(|(assigned_to, labels, priority, child, due, project)| {
        Step::Create { assigned_to, labels, priority, child, due, project }
    });
    let step = prop_oneof![
        5 => create,
        1 => someone().prop_map(Step::Assign),
        1 => (1..=4u128).prop_map(Step::HandOver),
        1 => labels().prop_map(Step::Relabel),
        1 => (1..=5u8).prop_map(Step::Reprioritise),
        1 => "[a-zÄß%_ ]{1,6}".prop_map(Step::Rename),
        1 => any::<f64>().prop_filter("JSON has no such number", |it| it.is_finite())
            .prop_map(Step::Measure),
        4 => select(&Status::ALL[..]).prop_map(Step::Status),
        1 => any::<bool>().prop_map(Step::Lease),
        1 => Just(Step::Retry),
        1 => Just(Step::Delete),
        1 => (select(&KEYS[..]), 0..3i64).prop_map(|(key, value)| Step::Remember(key, value)),
        1 => select(&KEYS[..]).prop_map(Step::Doubt),
        1 => Just(Step::Comment),
    ];
    prop::collection::vec((0..5usize, any::<Index>(), step), 1..80)
}

#[derive(Clone, Debug)]
pub(crate) struct Question {
    pub(crate) caller: usize,
    pub(crate) filter: TaskFilter,
    pub(crate) page: Page,
}

pub(crate) fn question() -> impl Strategy<Value = Question> {
    let statuses = (
        prop::option::weighted(0.3, prop::collection::vec(select(&Status::ALL[..]), 0..3)),
        prop::option::of(any::<bool>()),
        any::<bool>(),
    );
    let statuses = statuses
        .prop_map(|(status, completed, all)| shown_statuses(status.as_deref(), completed, all));
    let labels = || {
        let some = prop::collection::vec(select(&LABELS[..]), 1..3);
        prop_oneof![3 => Just(vec![]), 1 => some]
            .prop_map(|labels| labels.into_iter().map(str::to_owned).collect::<Vec<String>>())
    };
    let whose = prop::option::weighted(
        0.3,
        prop_oneof![Just(Assignee::Nobody), (1..=5u128).prop_map(|n| Assignee::Agent(agent(n)))],
    );
    let creator = prop::option::weighted(0.2, (1..=5u128).prop_map(agent));
    let priority = prop::option::weighted(0.2, 1..=5u8);
    let search = prop::option::weighted(0.2, "[A-Zäß%_]{1,2}");
    let claimed = prop::option::weighted(0.2, any::<bool>());
    let due = (prop::option::weighted(0.2, 0..4i8), prop::option::weighted(0.2, 0..4i8));
    let page = (0..9u32, 0..6u32, select(&SORTS[..])).prop_map(|(limit, offset, sort)| Page {
        limit,
        offset,
        sort,
        scope: Scope::Total,
    });
    let project = prop::option::weighted(0.2, (1..=3u128).prop_map(project));
    let by = (whose, creator, project);
    let filter = (statuses, labels(), labels(), by, priority, search, claimed, due);
    (0..6usize, filter, page).prop_map(|(caller, filter, page)| {
        let (statuses, labels, any_label, by, priority, search, claimed, due) = filter;
        let (assigned_to, created_by, project) = by;
        let claimed = claimed.map(|claimed| (claimed, now()));
        let parent = None;
        let (due_from, due_to) = (due.0.map(day), due.1.map(day));
        let filter = TaskFilter {
            statuses,
            assigned_to,
            created_by,
            parent,
            project,
            priority,
            labels,
            any_label,
            search,
            claimed,
            session_state: None, // no event says one yet
            due_from,
            due_to,
        };
        Question { caller, filter, page }
    })
}

fn project(n: u128) -> ProjectId {
    ProjectId(uuid::Uuid::from_u128(n))
}

fn day(n: i8) -> jiff::civil::Date {
    jiff::civil::date(2026, 3, 1 + n)
}

pub(crate) fn callers() -> [Standing; 6] {
    [
        worker(1),
        standing(2, Role::Worker, &["worker-2", "data-team"]),
        standing(3, Role::Worker, &["nobody", "data-team"]),
        standing(4, Role::Coordinator, &["worker-4"]),
        Standing::project(),
        worker(9), // knows nobody
    ]
}

/// What a look at every task would give.
pub(crate) fn naive(
    tenant: &Tenant,
    caller: &Standing,
    filter: &TaskFilter,
    sort: Sort,
) -> Vec<Task> {
    let passes = |task: &Task| {
        let text = format!("{}\n{}", task.content, task.description.as_deref().unwrap_or(""));
        let has = |label: &String| task.labels.contains(label);
        task.is_alive()
            && task.is_readable_by(caller)
            && filter.statuses.contains(&task.status)
            && filter.assigned_to.is_none_or(|whose| whose.agent() == task.assigned_to)
            && filter.created_by.is_none_or(|by| Some(by) == task.created_by)
            && filter.parent.is_none_or(|parent| Some(parent) == task.parent)
            && filter.project.is_none_or(|project| Some(project) == task.project_id)
            && filter.priority.is_none_or(|priority| priority == task.priority)
            && filter.labels.iter().all(has)
            && (filter.any_label.is_empty() || filter.any_label.iter().any(has))
            && filter
                .search
                .as_ref()
                .is_none_or(|it| text.to_lowercase().contains(&it.to_lowercase()))
            && filter.claimed.is_none_or(|(claimed, now)| task.live_claim(now).is_some() == claimed)
            && filter.due_from.is_none_or(|from| task.due_date.is_some_and(|due| due >= from))
            && filter.due_to.is_none_or(|to| task.due_date.is_some_and(|due| due <= to))
    };
    let tasks = tenant.tasks.values().map(|(task, _)| task);
    let mut tasks: Vec<Task> = tasks.filter(|task| passes(task)).cloned().collect();
    tasks.sort_by_key(|task| (task.priority, task.created_at, task.id));
    // Stable: equal ones stay in that order. Of options none is the least.
    match sort {
        Sort::Priority => (),
        Sort::Updated => tasks.sort_by_key(|task| Reverse(task.updated_at)),
        Sort::Due => tasks.sort_by_key(|task| (task.due_date.is_none(), task.due_date)),
        Sort::Completed => tasks.sort_by_key(|task| Reverse(task.completed_at)),
    }
    tasks
}

pub(crate) async fn live_through(
    world: &World,
    tenant: &mut Tenant,
    history: &[(usize, Index, Step)],
) {
    for (who, which, step) in history {
        let by = callers()[*who].clone();
        if let Step::Create { assigned_to, labels, priority, child, due, project: of } = step {
            let changes = Changes {
                assigned_to: Some(assigned_to.map(agent)),
                labels: Some(labels.iter().map(|label| (*label).to_owned()).collect()),
                priority: Some(*priority),
                due_date: due.map(|due| Some(day(due))),
                project_id: of.map(|of| Some(project(of))),
                description: Some(Some("Ünder".into())),
                ..Changes::default()
            };
            let parent = (*child && !tenant.order.is_empty()).then(|| *which.get(&tenant.order));
            let id = TaskId(uuid::Uuid::now_v7());
            let parent = match parent {
                Some(parent) => delegated(world, tenant, &by, (parent, id)).await,
                None => None,
            };
            tenant.create_as(world, &by, (id, changes), parent).await;
            continue;
        }
        if tenant.order.is_empty() {
            continue;
        }
        let id = *which.get(&tenant.order);
        if let Step::Lease(live) = step {
            let end = now().as_millis() + if *live { 3_600_000 } else { -1_000 };
            let lease_expires_at = baton_domain::Timestamp::from_millis(end);
            let status = tenant.task(id).status;
            if tenant.task(id).is_alive() && status == Status::Open {
                let claimed = TaskEvent::Claimed { lease_expires_at };
                tenant.record(world, &by.actor, id, vec![claimed]).await;
            }
            continue;
        }
        // A refusal is an outcome like another.
        let _ = tenant.tell(world, &by, id, command(step)).await;
    }
}

/// The parent, when it lets a child be delegated from it; its claim may live on.
async fn delegated(
    world: &World,
    tenant: &mut Tenant,
    by: &Standing,
    (parent, child): (TaskId, TaskId),
) -> Option<TaskId> {
    let add = TaskCommand::AddChild { child };
    tenant.tell(world, by, parent, add).await.is_ok().then_some(parent)
}

fn command(step: &Step) -> TaskCommand {
    let update =
        |changes: Changes| TaskCommand::Update(Box::new(Update { changes, ..Update::default() }));
    match step.clone() {
        Step::Create { .. } | Step::Lease(_) => unreachable!("these are no commands to a task"),
        Step::Assign(to) => {
            update(Changes { assigned_to: Some(to.map(agent)), ..Changes::default() })
        }
        Step::HandOver(to) => TaskCommand::HandOver { to: agent(to), changes: Box::default() },
        Step::Relabel(labels) => update(Changes {
            labels: Some(labels.into_iter().map(str::to_owned).collect()),
            ..Changes::default()
        }),
        Step::Reprioritise(priority) => {
            update(Changes { priority: Some(priority), ..Changes::default() })
        }
        Step::Rename(content) => update(Changes { content: Some(content), ..Changes::default() }),
        Step::Measure(number) => {
            let metadata = json!({"number": number}).as_object().cloned();
            update(Changes { metadata, ..Changes::default() })
        }
        Step::Status(Status::Completed) => TaskCommand::Complete(Box::<Finish>::default()),
        Step::Status(status) => {
            TaskCommand::Update(Box::new(Update { status: Some(status), ..Update::default() }))
        }
        Step::Retry => TaskCommand::Retry(Dependencies::default()),
        Step::Delete => TaskCommand::Delete,
        Step::Remember(key, value) => {
            let patch = json!({ key: { "value": value, value.to_string(): true } });
            let patch = patch.as_object().cloned().unwrap_or_default();
            TaskCommand::MergeContext(Box::new(ContextMerge { patch, ..ContextMerge::default() }))
        }
        Step::Doubt(key) => TaskCommand::SupersedeContext { key: key.to_owned() },
        Step::Comment => {
            let id = CommentId(uuid::Uuid::now_v7());
            let comment = Comment { id, content: "so be it".to_owned(), author: None };
            TaskCommand::Annotate(Box::new(Annotation::Comment(comment)))
        }
    }
}

async fn check(world: &World, tenant: &Tenant, question: &Question) {
    let Question { caller, filter, page } = question;
    let caller = &callers()[*caller];
    let all = naive(tenant, caller, filter, page.sort);
    let (limit, offset) = (page.limit as usize, page.offset as usize);
    let found = world.reads.list(&tenant.id, caller, filter, *page).await.unwrap();
    // Of tasks in memory, the same.
    let tasks = tenant.tasks.values().map(|(task, _)| task);
    assert_eq!(TaskPage::of(tasks, caller, filter, *page), found, "{question:?}");
    let wanted: Vec<Task> = all.iter().skip(offset).take(limit).cloned().collect();
    assert_eq!(found.tasks, wanted, "{question:?}");
    assert_eq!(found.has_more, all.len() > offset + limit, "{question:?}");
    assert_eq!(found.total, Some(i64::try_from(all.len()).unwrap()), "{question:?}");
}

#[test]
fn every_list_is_what_a_look_at_every_task_gives() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let world = runtime.block_on(World::new());
    let questions = prop::collection::vec(question(), 60);
    let config = Config { cases: 24, max_shrink_iters: 200, ..Config::default() };
    let outcome = TestRunner::new(config).run(&(steps(), questions), |(history, questions)| {
        // A tenant of its own in a database full of others: nothing of theirs may show.
        let mut tenant = Tenant::new();
        runtime.block_on(async {
            live_through(&world, &mut tenant, &history).await;
            world.settle().await;
            for question in &questions {
                check(&world, &tenant, question).await;
            }
            everything_else(&world, &tenant).await;
            for caller in callers() {
                assert_counted(&world, &tenant, &caller).await;
                for question in &questions {
                    let labels = question.filter.labels.iter().cloned().collect();
                    let wish = Wish { labels, project_id: question.filter.project };
                    assert_queued(&world, &tenant, (&caller, &wish), now()).await;
                }
            }
        });
        Ok(())
    });
    outcome.unwrap_or_else(|failure| panic!("{failure}"));
    runtime.block_on(world.stop());
}

/// Points, children, chains and counts of the same history.
async fn everything_else(world: &World, tenant: &Tenant) {
    let project = Standing::project();
    for (id, (task, version)) in &tenant.tasks {
        let row = world.reads.task(&tenant.id, *id).await.unwrap().unwrap();
        assert_eq!((&row.task, row.version), (task, *version));
        let mut tree: Vec<Task> = tenant.tasks.values().map(|(task, _)| task.clone()).collect();
        tree.retain(|other| other.root == task.root);
        tree.sort_by_key(|task| (task.delegation_depth, task.created_at, task.id));
        assert_eq!(world.reads.tasks_by_root(&tenant.id, task.root).await.unwrap(), tree);
        for caller in callers() {
            tree.retain(|other| other.parent == Some(*id) && other.is_alive());
            tree.sort_by_key(|task| (task.created_at, task.id));
            let mut readable = tree.clone();
            readable.retain(|child| child.is_readable_by(&caller));
            let children = world.reads.children(&tenant.id, *id, &caller).await.unwrap();
            assert_eq!(children, readable);
        }
        let filter = TaskFilter { parent: Some(*id), ..TaskFilter::default() };
        for sort in SORTS {
            let page = Page { limit: 500, offset: 0, sort, scope: Scope::Page };
            let found = world.reads.list(&tenant.id, &project, &filter, page).await;
            assert_eq!(found.unwrap().tasks, naive(tenant, &project, &filter, sort));
        }
    }
    let agents: Vec<_> = (1..=5).map(agent).collect();
    let counts = world.reads.open_task_counts(&tenant.id, &agents).await.unwrap();
    for agent in agents {
        let unfinished = || {
            let tasks = tenant.tasks.values().map(|(task, _)| task);
            tasks.filter(|task| task.is_alive() && !task.status.is_finished())
        };
        let assigned = unfinished().filter(|task| task.assigned_to == Some(agent)).count();
        assert_eq!(counts[&agent], i64::try_from(assigned).unwrap());
        let holds = |task: &&Task| task.claim.as_ref().is_some_and(|it| it.by == Some(agent));
        let either = unfinished().filter(|task| task.assigned_to == Some(agent) || holds(task));
        let found = world.reads.unfinished_tasks(&tenant.id, agent).await.unwrap();
        assert_eq!(found.count, i64::try_from(either.count()).unwrap());
        assert!(found.position >= world.log.acknowledged());
    }
}

#[tokio::test]
async fn waiting_for_what_never_comes_ends() {
    let world = World::new().await;
    let reads = world.reads.clone();
    let short = std::time::Duration::from_millis(50);
    let behind = reads.wait(Model::Tasks, 7, short).await.unwrap_err();
    assert_eq!((behind.wanted, behind.reached, behind.model), (7, 0, Model::Tasks));
    let mut tenant = Tenant::new();
    tenant.create(&world, &worker(1), Changes::default(), None).await;
    reads.wait(Model::Tasks, 1, LIMIT).await.unwrap();
    world.stop().await;
}
