//! Statistics and what needs attention are what a look at every task would give.

use baton_domain::{
    ProjectId, Right, Standing, Timestamp,
    account::Role,
    task::{Changes, Finish, SessionState, Status, Task, TaskCommand, TaskEvent, Update},
};
use baton_projections::tasks::{Attention, Bucket, FleetRules, TaskStats};
use jiff::ToSpan as _;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use uuid::Uuid;

use crate::world::{Tenant, World, agent, now, standing, worker};

const MINUTE_MS: i64 = 60_000;
const RULES: FleetRules =
    FleetRules { silent_minutes: 5, silent_minutes_without_lease: 20, looping_rounds: 2 };

fn day_of(at: Timestamp) -> Date {
    at.to_jiff().to_zoned(TimeZone::UTC).date()
}

fn readable<'a>(tenant: &'a Tenant, caller: &Standing) -> Vec<&'a Task> {
    let tasks = tenant.tasks.values().map(|(task, _)| task);
    tasks.filter(|task| task.is_alive() && task.is_readable_by(caller)).collect()
}

pub(crate) fn naive_stats(tenant: &Tenant, caller: &Standing, today: Date) -> TaskStats {
    let mut stats = TaskStats::default();
    let last = today.checked_add(7.days()).unwrap();
    for task in readable(tenant, caller) {
        *stats.by_status.entry(task.status).or_default() += 1;
        let completed_on = task.completed_at.map(day_of);
        if task.status == Status::Completed && completed_on == Some(today) {
            stats.completed_today += 1;
        }
        if task.status.is_finished() {
            continue;
        }
        *stats.by_project.entry(task.project_id).or_default() += 1;
        match task.due_date {
            Some(due) if due < today => stats.overdue += 1,
            Some(due) if due == today => stats.due_today += 1,
            Some(due) if due <= last => stats.upcoming += 1,
            _ => (),
        }
    }
    stats
}

fn naive_attention(tenant: &Tenant, caller: &Standing, at: Timestamp) -> Attention {
    let ranked = |rank: &dyn Fn(&Task) -> Option<i64>, urgency: fn(&Task) -> (u8, Timestamp)| {
        let tasks = readable(tenant, caller).into_iter();
        let mut tasks: Vec<(i64, Task)> = tasks
            .filter(|task| !task.status.is_finished())
            .filter_map(|task| Some((rank(task)?, task.clone())))
            .collect();
        tasks.sort_by_key(|(rank, task)| (*rank, urgency(task), task.id));
        Bucket { tasks: tasks.into_iter().map(|(_, task)| task).collect(), has_more: false }
    };
    let claims = |rank: &dyn Fn(&Task) -> Option<i64>| ranked(rank, |_| Default::default());
    let tasks =
        |rank: &dyn Fn(&Task) -> Option<i64>| ranked(rank, |task| (task.priority, task.created_at));
    let heard = |task: &Task| task.heard_at.unwrap_or_default().as_millis();
    let says = |task: &Task, state| {
        let claim = task.live_claim(at)?;
        (claim.session_state == Some(state)).then(|| heard(task))
    };
    Attention {
        abandoned_claims: claims(&|task| {
            let end = task.claim.as_ref()?.lease_expires_at?;
            (end <= at).then(|| end.as_millis())
        }),
        silent_holders: claims(&|task| {
            let minutes = match task.live_claim(at)?.lease_expires_at {
                Some(_) => RULES.silent_minutes,
                None => RULES.silent_minutes_without_lease,
            };
            (heard(task) <= at.as_millis() - minutes * MINUTE_MS).then(|| heard(task))
        }),
        errored: claims(&|task| says(task, SessionState::Errored)),
        waiting_input: claims(&|task| says(task, SessionState::WaitingInput)),
        overdue: tasks(&|task| {
            let due = task.due_date.filter(|due| *due < day_of(at))?;
            Some(due.duration_since(Date::constant(1970, 1, 1)).as_hours())
        }),
        looping: tasks(&|task| {
            let rounds = task.reopen_count + task.release_count;
            (rounds >= RULES.looping_rounds).then_some(-rounds)
        }),
    }
}

/// Asserts that what is kept of a tenant's tasks is what there is.
pub(crate) async fn assert_counted(world: &World, tenant: &Tenant, caller: &Standing) {
    let today = day_of(now());
    for day in [today, "2026-03-02".parse().unwrap()] {
        let stats = world.reads.task_stats(&tenant.id, caller, day).await.unwrap();
        assert_eq!(stats, naive_stats(tenant, caller, day), "{caller:?} on {day}");
        let tasks = tenant.tasks.values().map(|(task, _)| task);
        assert_eq!(stats, TaskStats::of(tasks, caller, day), "{caller:?} on {day}");
    }
    for minutes in [0, 10, 30, 100] {
        let at = Timestamp::from_millis(now().as_millis() + minutes * MINUTE_MS).unwrap();
        let found = world.reads.attention(&tenant.id, caller, (RULES, at), 1_000).await.unwrap();
        assert_eq!(found, naive_attention(tenant, caller, at), "{caller:?} at {at}");
        let tasks = || tenant.tasks.values().map(|(task, _)| task);
        let looked = Attention::of(tasks(), caller, (RULES, at), 1_000);
        assert_eq!(looked, found, "{caller:?} at {at}");
        if minutes == 10 {
            let kept = world.reads.attention(&tenant.id, caller, (RULES, at), 2).await.unwrap();
            assert_eq!(Attention::of(tasks(), caller, (RULES, at), 2), kept, "{caller:?}");
        }
    }
    if caller.may(Right::ReadAllTasks) {
        let created = world.reads.tasks_created(&tenant.id, today).await.unwrap();
        assert_eq!(created, i64::try_from(tenant.tasks.len()).unwrap());
    }
}

/// A claim by the worker, until then; and what it says that it does.
async fn hold(
    world: &World,
    tenant: &mut Tenant,
    (n, lease_minutes): (u128, Option<i64>),
    state: Option<SessionState>,
) {
    let id = tenant.create(world, &worker(1), Changes::default(), None).await;
    let end = lease_minutes.map(|minutes| now().as_millis() + minutes * MINUTE_MS);
    let lease_expires_at = end.map(|end| Timestamp::from_millis(end).unwrap());
    let mut events = vec![TaskEvent::Claimed { lease_expires_at }];
    let said = |state| TaskEvent::StateChanged { state, detail: None, previous: None };
    events.extend(state.map(said));
    tenant.record(world, &worker(n).actor, id, events).await;
}

#[tokio::test]
async fn what_is_kept_is_what_there_is() {
    let world = World::new().await;
    let mut tenant = Tenant::new();
    let project = |n| ProjectId(Uuid::from_u128(n));
    for (n, project_id) in [(0, None), (1, Some(project(1))), (2, Some(project(2)))] {
        for from_today in [-30, -1, 0, 1, 7, 8] {
            let due = day_of(now()).checked_add(from_today.days()).unwrap();
            let changes = Changes {
                due_date: Some(Some(due)),
                project_id: Some(project_id),
                assigned_to: Some((n == 2).then(|| agent(2))),
                labels: Some(vec!["@worker-3".to_owned()]),
                ..Changes::default()
            };
            let id = tenant.create(&world, &worker(1), changes, None).await;
            let moved = Changes { project_id: Some(Some(project(1))), ..Changes::default() };
            let moved =
                TaskCommand::Update(Box::new(Update { changes: moved, ..Update::default() }));
            let finish = || Box::<Finish>::default();
            let command = match from_today {
                -30 => TaskCommand::Complete(finish()),
                0 => TaskCommand::Fail(finish()),
                7 => TaskCommand::Delete,
                8 => moved,
                _ => continue,
            };
            tenant.tell(&world, &worker(1), id, command).await.unwrap();
        }
    }
    for round in 0..3 {
        for id in tenant.order.clone().into_iter().skip(round) {
            let _ =
                tenant.tell(&world, &worker(1), id, TaskCommand::Complete(Box::default())).await;
            let _ = tenant.tell(&world, &worker(1), id, TaskCommand::Uncomplete).await;
        }
    }
    for state in [None, Some(SessionState::Working), Some(SessionState::Errored)] {
        hold(&world, &mut tenant, (2, Some(60)), state).await;
        hold(&world, &mut tenant, (2, Some(8)), state).await;
        hold(&world, &mut tenant, (3, None), state).await;
        hold(&world, &mut tenant, (3, None), Some(SessionState::WaitingInput)).await;
    }
    world.settle().await;
    for caller in [
        Standing::project(),
        standing(9, Role::Auditor, &["auditor"]),
        worker(1),
        worker(2),
        worker(3),
        worker(9),
    ] {
        assert_counted(&world, &tenant, &caller).await;
    }
    world.stop().await;
}

#[tokio::test]
async fn no_more_is_shown_than_asked_for() {
    let world = World::new().await;
    let mut tenant = Tenant::new();
    for lease_minutes in 1..=5 {
        let state = Some(SessionState::Errored);
        hold(&world, &mut tenant, (2, Some(lease_minutes)), state).await;
    }
    for priority in [3, 1, 2] {
        let due_date = Some(Some("2026-01-01".parse().unwrap()));
        let changes = Changes { due_date, priority: Some(priority), ..Changes::default() };
        tenant.create(&world, &worker(2), changes, None).await;
    }
    world.settle().await;
    let at = Timestamp::from_millis(now().as_millis() + 10 * MINUTE_MS).unwrap();
    for caller in [Standing::project(), worker(2)] {
        for limit in [2, 3, 5] {
            let found =
                world.reads.attention(&tenant.id, &caller, (RULES, at), limit).await.unwrap();
            let all = naive_attention(&tenant, &caller, at);
            for (found, mut all) in
                [(&found.abandoned_claims, all.abandoned_claims), (&found.overdue, all.overdue)]
            {
                all.has_more = all.tasks.len() > limit;
                all.tasks.truncate(limit);
                assert_eq!(*found, all, "{limit}: {caller:?}");
            }
            let tasks = tenant.tasks.values().map(|(task, _)| task);
            assert_eq!(Attention::of(tasks, &caller, (RULES, at), limit).overdue, found.overdue);
        }
    }
    world.stop().await;
}
