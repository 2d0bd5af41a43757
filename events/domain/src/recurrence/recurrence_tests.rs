//! What a recurrence answers to commands, and when it is due.

use esrs::Aggregate as _;

use super::*;
use crate::{
    Actor, AgentId, ProjectId, RecurrenceId, Standing, TaskId, Timestamp,
    account::{Account, Role},
    task::RecurringType,
};

const ADA: u128 = 0xada;
const BOB: u128 = 0xb0b;
const WEEKLY: RecurringType = RecurringType::Weekly;
/// A Tuesday.
const NOW: &str = "2026-03-17T10:00:00Z";

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn agent(n: u128) -> AgentId {
    AgentId(uuid::Uuid::from_u128(n))
}

fn task(n: u128) -> TaskId {
    TaskId(uuid::Uuid::from_u128(n))
}

fn standing(n: u128, role: Role) -> Standing {
    let actor = Actor::Agent(agent(n));
    Standing { actor, role: Some(role), permissions: vec![], routes: vec![] }
}

fn ada() -> Standing {
    standing(ADA, Role::Worker)
}

fn scheduler() -> Standing {
    Standing::system("scheduler")
}

fn fields(rule_type: RecurringType) -> RecurrenceFields {
    let (content, rule_type) = (Some("Make the round".to_owned()), Some(rule_type));
    RecurrenceFields { content, rule_type, ..RecurrenceFields::default() }
}

fn tell(
    recurrence: &Recurrence,
    by: &Standing,
    when: &str,
    command: RecurrenceCommand,
) -> Result<Vec<RecurrenceEvent>, RecurrenceRefusal> {
    let order = Order { by: by.clone(), at: at(when), command };
    Recurrences::handle_command(recurrence, order)
}

fn apply(
    recurrence: Recurrence,
    by: &Standing,
    when: &str,
    events: Vec<RecurrenceEvent>,
) -> Recurrence {
    let envelope = Envelope { at: at(when), actor: by.actor.clone() };
    events.into_iter().fold(recurrence, |state, event| fold(state, &envelope, event))
}

/// Created by Ada, now.
fn created(fields: RecurrenceFields) -> Recurrence {
    let id = RecurrenceId(uuid::Uuid::from_u128(7));
    let command = RecurrenceCommand::Create { id, fields: Box::new(fields) };
    let new = Recurrence::default();
    let events = tell(&new, &ada(), NOW, command).unwrap();
    apply(new, &ada(), NOW, events)
}

fn updated(recurrence: &Recurrence, when: &str, fields: RecurrenceFields) -> Recurrence {
    let command = RecurrenceCommand::Update { fields: Box::new(fields) };
    let events = tell(recurrence, &ada(), when, command).unwrap();
    apply(recurrence.clone(), &ada(), when, events)
}

fn fire(occurrence: &str, is_last_open: bool) -> RecurrenceCommand {
    RecurrenceCommand::Fire { occurrence: at(occurrence), task_id: task(1), is_last_open }
}

#[test]
fn what_its_creator_leaves_out_has_a_value() {
    let daily = created(fields(RecurringType::Daily));
    assert_eq!((daily.priority, daily.interval, &*daily.timezone), (2, 1, "UTC"));
    assert!(daily.is_alive() && daily.active && daily.skip_if_open);
    assert_eq!((daily.created_by, daily.last_spawned_at), (Some(agent(ADA)), None));
    assert_eq!(daily.next_due_at, at("2026-03-18T00:00:00Z"));
    assert_eq!((daily.created_at, daily.updated_at), (at(NOW), at(NOW)));
    let again = RecurrenceCommand::Create { id: daily.id, fields: Box::default() };
    assert_eq!(tell(&daily, &ada(), NOW, again), Err(RecurrenceRefusal::AlreadyExists));
}

#[test]
fn it_is_first_due_at_the_next_midnight_that_fits_or_when_it_is_said() {
    let with = |set: fn(&mut RecurrenceFields)| {
        move |mut fields: RecurrenceFields| {
            set(&mut fields);
            created(fields).next_due_at
        }
    };
    let berlin = with(|fields| fields.timezone = Some("Europe/Berlin".to_owned()));
    assert_eq!(berlin(fields(RecurringType::Daily)), at("2026-03-17T23:00:00Z"));
    let monday = with(|fields| fields.anchor_weekday = Some(Some(1)));
    assert_eq!(monday(fields(RecurringType::Weekly)), at("2026-03-23T00:00:00Z"));
    let seldom = with(|fields| {
        fields.anchor_weekday = Some(Some(1));
        fields.interval = Some(6);
    });
    assert_eq!(seldom(fields(RecurringType::Weekly)), at("2026-03-23T00:00:00Z"));
    let last = with(|fields| fields.anchor_day = Some(Some(31)));
    assert_eq!(last(fields(RecurringType::Monthly)), at("2026-03-31T00:00:00Z"));
    let passed = with(|fields| fields.anchor_day = Some(Some(17)));
    assert_eq!(passed(fields(RecurringType::Monthly)), at("2026-04-17T00:00:00Z"));
    let leap = with(|fields| {
        fields.anchor_day = Some(Some(29));
        fields.anchor_month = Some(Some(2));
    });
    assert_eq!(leap(fields(RecurringType::Yearly)), at("2027-02-28T00:00:00Z"));
    let given = with(|fields| fields.next_due_at = Some(at("2020-01-01T07:45:00.123Z")));
    assert_eq!(given(fields(RecurringType::Yearly)), at("2020-01-01T07:45:00.123Z"));
}

#[test]
fn an_occurrence_is_fired_once_and_those_missed_with_it() {
    let given = Some(at("2026-03-10T09:30:00Z"));
    let mut daily =
        created(RecurrenceFields { next_due_at: given, ..fields(RecurringType::Daily) });
    let due = "2026-03-10T09:30:00Z";
    let early = tell(&daily, &scheduler(), "2026-03-10T09:29:59.999Z", fire(due, false));
    assert_eq!(early, Err(RecurrenceRefusal::NotDue));
    let events = tell(&daily, &scheduler(), NOW, fire(due, false)).unwrap();
    // Seven were missed and one is still to come today's next.
    let next_due_at = at("2026-03-18T09:30:00Z");
    let spawned = RecurrenceEvent::Spawned { occurrence: at(due), task_id: task(1), next_due_at };
    assert_eq!(events, [spawned]);
    daily = apply(daily, &scheduler(), NOW, events);
    assert_eq!((daily.last_task, daily.last_spawned_at), (Some(task(1)), Some(at(NOW))));
    assert_eq!(daily.due_at(), Some(next_due_at));
    assert_eq!(tell(&daily, &scheduler(), NOW, fire(due, false)), Ok(vec![]), "it was fired");
    for (change, what) in [
        (RecurrenceFields { active: Some(false), ..RecurrenceFields::default() }, "inactive"),
        (
            RecurrenceFields { next_due_at: Some(at(NOW)), ..RecurrenceFields::default() },
            "due at another time",
        ),
    ] {
        let other = updated(&daily, NOW, change);
        let nothing =
            tell(&other, &scheduler(), "2026-03-19T00:00:00Z", fire("2026-03-18T09:30:00Z", false));
        assert_eq!(nothing, Ok(vec![]), "{what}");
    }
    let never = tell(&Recurrence::default(), &scheduler(), NOW, fire(due, false));
    assert_eq!(never, Ok(vec![]));
    let by_hand = tell(
        &daily,
        &Standing::project(),
        "2026-03-19T00:00:00Z",
        fire("2026-03-18T09:30:00Z", false),
    );
    assert_eq!(by_hand, Err(RecurrenceRefusal::NotYours), "only Baton itself fires");
}

#[test]
fn an_unfinished_task_keeps_the_next_from_coming_where_that_is_wanted() {
    let given = Some(at(NOW));
    let careful = created(RecurrenceFields { next_due_at: given, ..fields(RecurringType::Daily) });
    let (occurrence, next_due_at) = (at(NOW), at("2026-03-18T10:00:00Z"));
    let skipped = tell(&careful, &scheduler(), NOW, fire(NOW, true)).unwrap();
    assert_eq!(skipped, [RecurrenceEvent::Skipped { occurrence, next_due_at }]);
    let after = apply(careful.clone(), &scheduler(), NOW, skipped);
    assert_eq!((after.due_at(), after.last_spawned_at), (Some(next_due_at), None));
    let no = Some(false);
    let eager = updated(
        &careful,
        NOW,
        RecurrenceFields { skip_if_open: no, ..RecurrenceFields::default() },
    );
    let spawned = tell(&eager, &scheduler(), NOW, fire(NOW, true)).unwrap();
    let task_id = task(1);
    assert_eq!(spawned, [RecurrenceEvent::Spawned { occurrence, task_id, next_due_at }]);
}

#[test]
fn another_rule_is_followed_from_now_on_at_the_same_time_of_day() {
    let due = at("2026-03-20T08:30:00Z");
    let given = Some(due);
    let weekly = created(RecurrenceFields { next_due_at: given, ..fields(RecurringType::Weekly) });
    let changed = |set: fn(&mut RecurrenceFields)| {
        let mut fields = RecurrenceFields::default();
        set(&mut fields);
        updated(&weekly, NOW, fields).next_due_at
    };
    assert_eq!(changed(|it| it.anchor_weekday = Some(Some(3))), at("2026-03-18T08:30:00Z"));
    assert_eq!(changed(|it| it.interval = Some(2)), at("2026-03-20T08:30:00Z"));
    // The series begins on the 20th.
    assert_eq!(changed(|it| it.rule_type = Some(RecurringType::Daily)), at("2026-03-20T08:30:00Z"));
    let new_york = changed(|it| it.timezone = Some("America/New_York".to_owned()));
    assert_eq!(new_york, at("2026-03-20T12:30:00Z"));
    assert_eq!(changed(|it| it.content = Some("Another".to_owned())), weekly.next_due_at);
    let kept =
        RecurrenceFields { interval: Some(3), next_due_at: given, ..RecurrenceFields::default() };
    let kept = updated(&weekly, NOW, kept);
    assert_eq!((kept.next_due_at, kept.start.local), (due, weekly.start.local));
    let moved = RecurrenceFields {
        next_due_at: Some(at("2026-04-01T17:00:00Z")),
        ..RecurrenceFields::default()
    };
    let moved = updated(&weekly, NOW, moved);
    assert_eq!(moved.start.local.to_string(), "2026-04-01T17:00:00");
}

#[test]
fn an_end_of_month_is_kept_through_a_short_one() {
    let new = RecurrenceFields {
        next_due_at: Some(at("2026-01-31T00:00:00Z")),
        ..fields(RecurringType::Monthly)
    };
    let mut monthly = created(new);
    for (when, next) in [
        ("2026-01-31T00:00:00Z", "2026-02-28T00:00:00Z"),
        ("2026-02-28T00:00:00Z", "2026-03-31T00:00:00Z"),
    ] {
        let events = tell(&monthly, &scheduler(), when, fire(when, false)).unwrap();
        monthly = apply(monthly, &scheduler(), when, events);
        assert_eq!(monthly.next_due_at, at(next));
    }
}

/// Whether it was made so or changed so later: the interval is counted from the first occurrence.
#[test]
fn an_interval_is_counted_from_the_first_occurrence_that_fits() {
    let weekday = Some(Some(1));
    let seldom = RecurrenceFields { interval: Some(6), anchor_weekday: weekday, ..fields(WEEKLY) };
    let seldom = created(seldom);
    let often = created(RecurrenceFields { anchor_weekday: weekday, ..fields(WEEKLY) });
    let change = RecurrenceFields { interval: Some(6), ..RecurrenceFields::default() };
    for recurrence in [seldom, updated(&often, NOW, change.clone())] {
        let first = "2026-03-23T00:00:00Z";
        assert_eq!(recurrence.next_due_at, at(first));
        let events = tell(&recurrence, &scheduler(), first, fire(first, false)).unwrap();
        let after = apply(recurrence, &scheduler(), first, events);
        assert_eq!(after.next_due_at, at("2026-05-04T00:00:00Z"));
    }
    // The 30th comes next, and six weeks later.
    let (passed, next) = ("2026-03-23T00:00:00Z", "2026-03-30T00:00:00Z");
    let events = tell(&often, &scheduler(), passed, fire(passed, false)).unwrap();
    let later = updated(&apply(often, &scheduler(), passed, events), passed, change);
    assert_eq!(later.next_due_at, at(next));
    let events = tell(&later, &scheduler(), next, fire(next, false)).unwrap();
    let after = apply(later, &scheduler(), next, events);
    assert_eq!(after.next_due_at, at("2026-05-11T00:00:00Z"));
}

#[test]
fn equal_values_are_no_news_and_null_clears() {
    let new = RecurrenceFields {
        description: Some(Some("All rooms".to_owned())),
        assigned_to: Some(Some(agent(BOB))),
        anchor_weekday: Some(Some(1)),
        ..fields(RecurringType::Weekly)
    };
    let weekly = created(new.clone());
    let same = RecurrenceCommand::Update { fields: Box::new(new) };
    assert_eq!(tell(&weekly, &ada(), NOW, same), Ok(vec![]));
    let cleared = RecurrenceFields {
        description: Some(None),
        assigned_to: Some(None),
        ..RecurrenceFields::default()
    };
    let cleared = updated(&weekly, "2026-03-17T11:00:00Z", cleared);
    assert_eq!((&cleared.description, cleared.assigned_to), (&None, None));
    assert_eq!(cleared.next_due_at, weekly.next_due_at);
    assert_eq!(cleared.updated_at, at("2026-03-17T11:00:00Z"));
}

#[test]
fn its_creator_and_admins_change_it_and_more_may_read() {
    let new =
        RecurrenceFields { assigned_to: Some(Some(agent(BOB))), ..fields(RecurringType::Daily) };
    let daily = created(new);
    let (can, cannot) = (true, false);
    let by_permission =
        Standing { permissions: vec!["tasks.read_all".to_owned()], ..standing(9, Role::Worker) };
    for (caller, reads, writes) in [
        (ada(), can, can),
        (standing(BOB, Role::Worker), can, cannot),
        (standing(9, Role::Worker), cannot, cannot),
        (by_permission, can, cannot),
        (standing(9, Role::Coordinator), can, cannot),
        (standing(9, Role::Auditor), can, cannot),
        (standing(ADA, Role::Auditor), can, cannot),
        (standing(9, Role::Admin), can, can),
        (Standing::project(), can, can),
    ] {
        assert_eq!(daily.is_readable_by(&caller), reads, "{caller:?}");
        assert_eq!(daily.is_writable_by(&caller), writes, "{caller:?}");
        let deleted = tell(&daily, &caller, NOW, RecurrenceCommand::Delete);
        assert_eq!(deleted.is_ok(), writes, "{caller:?}");
    }
    let gone = apply(daily, &ada(), NOW, vec![RecurrenceEvent::Deleted]);
    assert_eq!(gone.due_at(), None);
    let again = tell(&gone, &ada(), NOW, RecurrenceCommand::Delete);
    assert_eq!(again, Err(RecurrenceRefusal::NotFound));
}

#[test]
fn its_task_is_due_on_the_day_that_the_clocks_show() {
    let new = RecurrenceFields {
        timezone: Some("Pacific/Auckland".to_owned()),
        description: Some(Some("All rooms".to_owned())),
        labels: Some(vec!["round".to_owned()]),
        priority: Some(4),
        project_id: Some(Some(ProjectId::default())),
        assigned_to: Some(Some(agent(BOB))),
        ..fields(RecurringType::Daily)
    };
    let daily = created(new);
    assert_eq!(daily.next_due_at, at("2026-03-17T11:00:00Z"));
    // Nobody is left in this account, and nothing.
    let task = daily.task_of(daily.next_due_at, &Account::default());
    assert_eq!(task.due_date, Some(Some(jiff::civil::date(2026, 3, 18))));
    assert_eq!(task.names(), ["content", "priority", "labels", "description", "due_date"]);
    assert_eq!(task.content.as_deref(), Some("Make the round"));
}
