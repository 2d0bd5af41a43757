//! The lanes of the queue hold what waits in them, in the order of its turns.

use std::collections::BTreeSet;

use baton_domain::{
    ProjectId, Standing, Timestamp,
    account::Role,
    task::{Changes, Finish, Status, Task, TaskCommand, Turn, Wish},
};
use baton_projections::tasks::{Ask, Lane};
use uuid::Uuid;

use crate::world::{Tenant, World, agent, now, standing, worker};

const LABELS: [&[&str]; 6] =
    [&[], &["a"], &["b", "a"], &["@worker-1"], &["a", "@Team_One"], &["@nobody", "@team-one"]];
const MANY: i64 = 1_000;

fn project() -> ProjectId {
    ProjectId(Uuid::from_u128(7))
}

/// Tasks of all kinds, each kind left open, claimed, completed and deleted.
async fn live(world: &World, tenant: &mut Tenant) {
    for (n, labels) in LABELS.into_iter().enumerate() {
        for assignee in [None, Some(agent(1)), Some(agent(2))] {
            for left in 0..6 {
                let changes = Changes {
                    labels: Some(labels.iter().map(|label| (*label).to_owned()).collect()),
                    assigned_to: Some(assignee),
                    priority: Some(1 + ((n * 7 + left) % 3) as u8),
                    project_id: (left % 2 == 0).then(|| Some(project())),
                    ..Changes::default()
                };
                let id = tenant.create(world, &worker(5), changes, None).await;
                // Whoever may claim it.
                let by = match assignee {
                    Some(assignee) if assignee == agent(2) => worker(2),
                    _ => standing(1, Role::Worker, &["worker-1", "team-one"]),
                };
                let lease_seconds = if left == 1 { 30 } else { 3_600 };
                let claim = TaskCommand::ClaimQueued { lease_seconds };
                let commands = match left {
                    0 | 5 => vec![],
                    1 | 2 => vec![claim],
                    3 => vec![claim, TaskCommand::Complete(Box::<Finish>::default())],
                    _ => vec![TaskCommand::Delete],
                };
                for command in commands {
                    let by = if left == 4 { worker(5) } else { by.clone() };
                    tenant.tell(world, &by, id, command).await.unwrap();
                }
            }
        }
    }
}

fn later(seconds: i64) -> Timestamp {
    Timestamp::from_millis(now().as_millis() + seconds * 1_000).unwrap()
}

fn lanes(caller: &Standing, wish: &Wish) -> Vec<Lane> {
    caller.lines().into_iter().map(|line| Lane { line, wish: wish.clone() }).collect()
}

/// What is found for the caller is what a look at every task gives.
pub(crate) async fn assert_queued(
    world: &World,
    tenant: &Tenant,
    (caller, wish): (&Standing, &Wish),
    at: Timestamp,
) -> BTreeSet<Turn> {
    let lanes = lanes(caller, wish).into_iter();
    let asks: Vec<Ask> = lanes.map(|lane| Ask { lane, after: None }).collect();
    let turns = world.reads.queue(&tenant.id, &asks, at, MANY).await.unwrap();
    assert!(turns.iter().all(|lane| lane.is_sorted_by(|one, next| one < next)));
    let turns: BTreeSet<Turn> = turns.into_iter().flatten().collect();
    let waits = tenant.tasks.values().map(|(task, _)| task).filter(|task| {
        task.is_queued_for(caller, at) && wish.is_for(&task.labels, task.project_id)
    });
    assert_eq!(turns, waits.map(Turn::of).collect(), "{caller:?} {wish:?} {at}");
    turns
}

/// Page by page, all tasks in each status are there in the order of their turns.
async fn assert_paged(world: &World, tenant: &Tenant) {
    for status in Status::ALL {
        let mut found: Vec<Task> = Vec::new();
        loop {
            let last = found.last().map(Turn::of);
            let page = world.reads.tasks_after(&tenant.id, status, last, 3).await.unwrap();
            if page.is_empty() {
                break;
            }
            found.extend(page);
        }
        let tasks = tenant.tasks.values().map(|(task, _)| task);
        let mut tasks: Vec<&Task> =
            tasks.filter(|task| task.is_alive() && task.status == status).collect();
        tasks.sort_by_key(|task| Turn::of(task));
        assert_eq!(found.iter().collect::<Vec<_>>(), tasks, "{status}");
    }
}

#[tokio::test]
async fn a_claimer_finds_what_waits_for_it_and_nothing_else() {
    let world = World::new().await;
    let (mut tenant, mut other) = (Tenant::new(), Tenant::new());
    live(&world, &mut tenant).await;
    other.create(&world, &worker(5), Changes::default(), None).await;
    world.settle().await;
    assert_paged(&world, &tenant).await;
    let wish = |labels: &[&str], project_id| Wish {
        labels: labels.iter().map(|label| (*label).to_owned()).collect(),
        project_id,
    };
    let wishes = [
        wish(&[], None),
        wish(&["a"], None),
        wish(&["a", "b"], None),
        wish(&["a"], Some(project())),
        wish(&[], Some(project())),
        wish(&["@Team_One"], None),
        wish(&["c"], None),
        wish(&[], Some(ProjectId::default())),
    ];
    let callers = [
        worker(1),
        worker(2),
        worker(3),
        standing(3, Role::Admin, &["x", "team-one"]),
        standing(1, Role::Auditor, &["worker-1"]),
    ];
    let (mut found, mut lapsed) = (0, 0);
    for at in [now(), later(31), later(4_000)] {
        for (caller, wish) in callers.iter().flat_map(|it| wishes.iter().map(move |to| (it, to))) {
            let turns = assert_queued(&world, &tenant, (caller, wish), at).await;
            found += turns.len();
            lapsed += turns.iter().filter(|it| tenant.task(it.id).claim.is_some()).count();
        }
    }
    assert!(found > 100 && lapsed > 20, "{found} found, {lapsed} of them lapsed");
    world.stop().await;
}

#[tokio::test]
async fn a_lane_is_read_part_by_part() {
    let world = World::new().await;
    let mut tenant = Tenant::new();
    live(&world, &mut tenant).await;
    world.settle().await;
    let at = later(4_000);
    for lane in lanes(&worker(1), &Wish::default()) {
        let read = async |after, limit| {
            let ask = Ask { lane: lane.clone(), after };
            world.reads.queue(&tenant.id, &[ask], at, limit).await.unwrap().remove(0)
        };
        let whole = read(None, MANY).await;
        assert!(whole.len() > 2, "{lane:?}: {whole:?}");
        let (mut parts, mut after) = (Vec::new(), None);
        loop {
            let part = read(after, 2).await;
            assert!(part.len() <= 2);
            let Some(last) = part.last() else { break };
            after = Some(*last);
            parts.extend(part);
        }
        assert_eq!(parts, whole, "{lane:?}");
    }
    world.stop().await;
}
