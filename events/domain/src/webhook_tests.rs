//! The webhook's rules as rows: given commands, when a command, then events or a refusal.

use esrs::Aggregate as _;
use serde_json::json;

use super::*;
use crate::{
    Actor, Standing,
    account::Role,
    stored::{Event as _, is_public},
};

const NOTHING: Result<&[&str], WebhookRefusal> = Ok(&[]);
const UPDATED: Result<&[&str], WebhookRefusal> = Ok(&["webhook.updated"]);

fn id(n: u128) -> uuid::Uuid {
    uuid::Uuid::from_u128(n)
}

fn at(seconds: usize) -> Timestamp {
    Timestamp::from_millis(1_000 * i64::try_from(seconds).unwrap()).unwrap()
}

fn agent(role: Role) -> Standing {
    Standing {
        actor: Actor::Agent(AgentId(id(7))),
        role: Some(role),
        permissions: vec!["tasks.read_all".to_owned()],
        routes: vec![],
    }
}

fn whole() -> WebhookFields {
    WebhookFields {
        url: Some("https://your-server.com/hooks/delega".to_owned()),
        events: Some(vec!["task.completed".to_owned(), "task.failed".to_owned()]),
        signature_scheme: Some(SignatureScheme::Body),
        ordering: Some(Ordering::PerTask),
        active: Some(true),
        secret_id: Some(SecretId(id(1))),
    }
}

fn create() -> WebhookCommand {
    WebhookCommand::Create { id: WebhookId(id(2)), fields: whole(), from_position: None }
}

fn update(fields: WebhookFields) -> WebhookCommand {
    WebhookCommand::Update { fields, secret_overlap_seconds: 10 }
}

fn rotate(secret: u128, secret_overlap_seconds: i64) -> WebhookCommand {
    let fields = WebhookFields { secret_id: Some(SecretId(id(secret))), ..Default::default() };
    WebhookCommand::Update { fields, secret_overlap_seconds }
}

fn redeliver() -> WebhookCommand {
    WebhookCommand::Redeliver { delivery_id: DeliveryId(id(8)) }
}

fn active(active: bool) -> WebhookFields {
    WebhookFields { active: Some(active), ..WebhookFields::default() }
}

fn disable() -> WebhookCommand {
    WebhookCommand::Disable { reason: DisableReason::Failing }
}

fn decide(
    webhook: &Webhook,
    by: &Standing,
    command: WebhookCommand,
) -> Result<Vec<WebhookEvent>, WebhookRefusal> {
    Webhooks::handle_command(webhook, Order { by: by.clone(), at: at(0), command })
}

fn apply(webhook: Webhook, events: Vec<WebhookEvent>, by: &Standing, seconds: usize) -> Webhook {
    let envelope = Envelope { at: at(seconds), actor: by.actor.clone() };
    events.into_iter().fold(webhook, |webhook, event| fold(webhook, &envelope, event))
}

fn given(commands: &[WebhookCommand]) -> Webhook {
    let by = Standing::project();
    let commands = commands.iter().cloned().enumerate();
    commands.fold(Webhook::default(), |webhook, (second, command)| {
        let events = decide(&webhook, &by, command).unwrap();
        apply(webhook, events, &by, second)
    })
}

fn check(
    commands: &[WebhookCommand],
    (by, command): (Standing, WebhookCommand),
    then: Result<&[&str], WebhookRefusal>,
) -> Webhook {
    let webhook = given(commands);
    let decision = decide(&webhook, &by, command.clone());
    let types: Result<Vec<&str>, _> =
        decision.clone().map(|events| events.iter().map(|it| it.encode().event_type).collect());
    assert_eq!(types.as_deref(), then.as_deref(), "{command:?} on {webhook:#?}");
    apply(webhook, decision.unwrap_or_default(), &by, commands.len())
}

#[test]
fn only_admins_manage_webhooks() {
    for (by, allowed) in [
        (Standing::project(), true),
        (Standing::system("webhooks"), true),
        (agent(Role::Admin), true),
        (agent(Role::Coordinator), false),
        (agent(Role::Worker), false),
        (agent(Role::Auditor), false),
    ] {
        for (given, command, event) in [
            (&[][..], create(), "webhook.created"),
            (&[create()], update(active(false)), "webhook.updated"),
            (&[create()], disable(), "webhook.disabled"),
            (&[create()], redeliver(), "webhook.redelivery_requested"),
            (&[create()], WebhookCommand::Delete, "webhook.deleted"),
        ] {
            let types = [event];
            let then = if allowed { Ok(&types[..]) } else { Err(WebhookRefusal::NotAdmin) };
            check(given, (by.clone(), command), then);
        }
    }
}

#[test]
fn creation_sets_every_field() {
    let webhook = check(&[], (agent(Role::Admin), create()), Ok(&["webhook.created"]));
    assert_eq!(
        serde_json::to_value(webhook.document(3)).unwrap(),
        json!({
            "id": id(2), "agent_id": id(7), "url": "https://your-server.com/hooks/delega",
            "events": ["task.completed", "task.failed"], "active": true, "failure_count": 3,
            "signature_scheme": "body", "ordering": "per_task",
            "created_at": "1970-01-01T00:00:00.000Z", "updated_at": "1970-01-01T00:00:00.000Z",
        })
    );
    let webhook = check(&[], (Standing::project(), create()), Ok(&["webhook.created"]));
    assert_eq!((webhook.created_by, webhook.secret_id), (None, SecretId(id(1))));
    check(&[create()], (Standing::project(), create()), Err(WebhookRefusal::AlreadyExists));
}

#[test]
fn only_what_differs_is_an_event() {
    let by = Standing::project;
    let same = WebhookFields { active: None, ..whole() };
    check(&[create()], (by(), update(same)), NOTHING);
    let events = Some(vec![ALL_EVENTS.to_owned()]);
    let sent = WebhookFields { events, active: None, ..whole() };
    let decided = decide(&given(&[create()]), &by(), update(sent.clone())).unwrap();
    let fields = WebhookFields { events: sent.events.clone(), ..WebhookFields::default() };
    assert_eq!(decided, [WebhookEvent::Updated { fields, former_secrets: vec![] }]);
    let webhook = check(&[create()], (agent(Role::Admin), update(sent)), UPDATED);
    assert_eq!((webhook.events, webhook.updated_at), (vec!["*".to_owned()], at(1)));
    assert_eq!((webhook.created_at, webhook.created_by), (at(0), None));
    let fields = WebhookFields {
        url: Some("https://b".to_owned()),
        signature_scheme: Some(SignatureScheme::Timestamped),
        ordering: Some(Ordering::Strict),
        secret_id: Some(SecretId(id(9))),
        ..WebhookFields::default()
    };
    let webhook = check(&[create()], (by(), update(fields)), UPDATED);
    assert_eq!((webhook.url.as_str(), webhook.secret_id), ("https://b", SecretId(id(9))));
    assert_eq!(webhook.signature_scheme, SignatureScheme::Timestamped);
    assert_eq!(webhook.ordering, Ordering::Strict);
}

#[test]
fn switching_off_and_on() {
    let by = Standing::project;
    let off = check(&[create()], (by(), disable()), Ok(&["webhook.disabled"]));
    assert!(!off.active && off.is_alive() && !off.wants("task.completed"));
    check(&[create(), disable()], (by(), disable()), NOTHING);
    check(&[create(), disable()], (by(), update(active(false))), NOTHING);
    let on = check(&[create(), disable()], (by(), update(active(true))), UPDATED);
    assert!(on.active);
    // Said again, it resets the count of failures, which no event carries: so it is an event.
    check(&[create()], (by(), update(active(true))), UPDATED);
}

#[test]
fn a_deleted_webhook_is_gone() {
    let by = Standing::project;
    let gone = [create(), WebhookCommand::Delete];
    assert!(!given(&gone).is_alive() && !given(&gone).wants("task.completed"));
    for command in [update(active(true)), disable(), redeliver(), WebhookCommand::Delete] {
        check(&gone, (by(), command.clone()), Err(WebhookRefusal::NotFound));
        check(&[], (by(), command), Err(WebhookRefusal::NotFound));
    }
    check(&gone, (by(), create()), Err(WebhookRefusal::AlreadyExists));
}

#[test]
fn where_a_webhooks_events_begin_is_on_record() {
    for from_position in [None, Some(0), Some(17)] {
        let command =
            WebhookCommand::Create { id: WebhookId(id(2)), fields: whole(), from_position };
        let decided = decide(&Webhook::default(), &Standing::project(), command).unwrap();
        let fields = whole();
        let created = WebhookEvent::Created { webhook_id: WebhookId(id(2)), fields, from_position };
        assert_eq!(decided, [created]);
    }
}

#[test]
fn a_redelivery_leaves_the_webhook_as_it_is() {
    let before = given(&[create()]);
    let by = (agent(Role::Admin), redeliver());
    let after = check(&[create()], by, Ok(&["webhook.redelivery_requested"]));
    assert_eq!(after, before, "not even its time of change");
    let off = [create(), disable()];
    check(&off, (Standing::project(), redeliver()), Err(WebhookRefusal::Inactive));
}

/// The former secrets with the second at which each ends; commands come a second apart.
fn former(webhook: &Webhook) -> Vec<(u128, i64)> {
    let seconds =
        |secret: &FormerSecret| (secret.secret_id.0.as_u128(), secret.until.as_millis() / 1_000);
    webhook.former_secrets.iter().map(seconds).collect()
}

#[test]
fn a_replaced_secret_goes_on_for_its_overlap() {
    // Commands are decided at second 0 (`decide`), so overlaps count from there.
    for (rotations, secret, then) in [
        (&[(2, 10)][..], 2, &[(1, 10)][..]),
        (&[(2, SECRET_OVERLAP_SECONDS_MAX)], 2, &[(1, SECRET_OVERLAP_SECONDS_MAX)]),
        (&[(2, 0)], 2, &[]),
        // Each has its own time.
        (&[(2, 10), (3, 5)], 3, &[(1, 10), (2, 5)]),
        // No overlap: whatever was before is known to somebody.
        (&[(2, 10), (3, 0)], 3, &[]),
        // Only so many: the one that ends first goes.
        (&[(2, 9), (3, 1), (4, 8), (5, 7), (6, 6)], 6, &[(1, 9), (3, 8), (4, 7), (5, 6)]),
        // What no clock can say is no overlap.
        (&[(2, i64::MAX)], 2, &[]),
        (&[(2, -1)], 2, &[]),
    ] {
        let mut commands = vec![create()];
        commands.extend(rotations.iter().map(|&(secret, overlap)| rotate(secret, overlap)));
        let webhook = given(&commands);
        assert_eq!(former(&webhook), then, "{rotations:?}");
        assert_eq!(webhook.secret_id, SecretId(id(secret)));
        // Any other change leaves them.
        commands.push(update(active(false)));
        assert_eq!(former(&given(&commands)), then, "{rotations:?}");
    }
    check(&[create()], (Standing::project(), rotate(1, 10)), NOTHING);
}

#[test]
fn a_former_secret_that_ended_is_forgotten_with_the_next_one() {
    let by = Standing::project();
    let webhook = given(&[create(), rotate(2, 10)]);
    let rotate = |seconds| {
        let order = Order { by: by.clone(), at: at(seconds), command: rotate(3, 10) };
        apply(webhook.clone(), Webhooks::handle_command(&webhook, order).unwrap(), &by, seconds)
    };
    assert_eq!(former(&rotate(9)), [(1, 10), (2, 19)]);
    assert_eq!(former(&rotate(10)), [(2, 20)]);
}

#[test]
fn it_wants_what_it_names() {
    let named = given(&[create()]);
    assert!(named.wants("task.completed") && named.wants("task.failed"));
    assert!(!named.wants("task.created") && !named.wants("task"));
    let events = Some(vec![ALL_EVENTS.to_owned()]);
    let all = given(&[create(), update(WebhookFields { events, ..WebhookFields::default() })]);
    assert!(EVENTS.iter().all(|event| all.wants(event)));
    assert!(!all.wants("task.child_delegated"), "internal");
    assert!(!Webhook::default().wants("task.completed"));
}

#[test]
fn webhooks_hear_of_tasks_and_not_of_what_is_internal() {
    for (event_type, public) in [
        ("task.created", true),
        ("task.unblocked", true),
        ("execution.cancelled", true),
        ("task.child_delegated", false),
        ("agent.created", false),
        ("webhook.created", false),
        ("webhook.redelivery_requested", false),
        (ALL_EVENTS, false),
    ] {
        assert_eq!(is_public(event_type), public, "{event_type}");
    }
}
