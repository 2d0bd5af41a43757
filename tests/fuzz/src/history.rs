//! A history as text, one event a line: decoded, stored again, folded and shown.
//!
//! It must not know how the text came about. It panics where the domain breaks a promise.

use std::fmt::Debug;

use baton_domain::{
    Actor, Envelope, Standing, Timestamp,
    account::{self, Account, AccountEvent, KeyExposure},
    recurrence::{self, Recurrence, RecurrenceEvent},
    stored::Event,
    task::{self, Task, TaskEvent, View},
    webhook::{self, Webhook, WebhookEvent},
};
use serde::Serialize;

/// The states that a history folds to.
#[derive(Default)]
struct States {
    account: Account,
    task: Task,
    webhook: Webhook,
    recurrence: Recurrence,
    tasks: Vec<Task>,
}

/// Folds all events of the text that can be read. A line is `type version millis actor payload`.
///
/// # Panics
/// Where an event that can be read cannot be stored and read again, or the domain panics.
pub fn fold(text: &str) {
    let mut states = States::default();
    for line in text.lines() {
        let mut words = line.splitn(5, ' ');
        let (Some(event_type), Some(version), Some(millis), Some(actor), Some(payload)) =
            (words.next(), words.next(), words.next(), words.next(), words.next())
        else {
            continue;
        };
        let version = version.parse().unwrap_or(1);
        let at = millis.parse().ok().and_then(Timestamp::from_millis).unwrap_or_default();
        let envelope = Envelope { at, actor: actor.parse().unwrap_or(Actor::Project) };
        states.apply(&envelope, event_type, version, payload);
    }
    states.show();
}

impl States {
    fn apply(&mut self, envelope: &Envelope, event_type: &str, version: i16, payload: &str) {
        if let Some(event) = read::<TaskEvent>(event_type, version, payload) {
            if matches!(event, TaskEvent::Created { .. }) {
                self.tasks.push(std::mem::take(&mut self.task));
            }
            self.task = task::fold(std::mem::take(&mut self.task), envelope, event);
            self.show_task();
        }
        if let Some(event) = read::<WebhookEvent>(event_type, version, payload) {
            self.webhook = webhook::fold(std::mem::take(&mut self.webhook), envelope, event);
            self.show_webhook();
        }
        if let Some(event) = read::<RecurrenceEvent>(event_type, version, payload) {
            let before = std::mem::take(&mut self.recurrence);
            self.recurrence = recurrence::fold(before, envelope, event);
            self.show_recurrence();
        }
        if let Some(event) = read::<AccountEvent>(event_type, version, payload) {
            self.account = account::fold(std::mem::take(&mut self.account), envelope, event);
        }
    }

    fn show_task(&self) {
        for view in [View::Plain, View::Detail, View::Message] {
            print(&self.task.document(&self.account, view));
        }
        let kept = print(&self.task);
        let read: Task = serde_json::from_str(&kept).expect("what was kept can be read");
        assert_eq!(read, self.task);
    }

    fn show_webhook(&self) {
        print(&self.webhook.document(i64::MAX));
        let wants = self.webhook.wants("task.created");
        assert!(!wants || self.webhook.is_alive(), "who is gone hears nothing");
        let kept = print(&self.webhook);
        let read: Webhook = serde_json::from_str(&kept).expect("what was kept can be read");
        assert_eq!(read, self.webhook);
    }

    fn show_recurrence(&self) {
        print(&self.recurrence.document(&self.account));
        let next = self.recurrence.next_due_at;
        print(&self.recurrence.task_of(next, &self.account));
        assert!(self.recurrence.due_at().is_none_or(|due| due == next && self.recurrence.active));
        let kept = print(&self.recurrence);
        let read: Recurrence = serde_json::from_str(&kept).expect("what was kept can be read");
        assert_eq!(read, self.recurrence);
    }

    fn show(mut self) {
        for agent in self.account.agents.values() {
            for exposure in [KeyExposure::Prefix, KeyExposure::Hidden] {
                print(&agent.document(u64::MAX, Some(Timestamp::default()), exposure));
            }
            let found = self.account.find(&agent.id.to_string());
            assert_eq!(found.is_some(), !agent.deleted, "an id goes before a name");
            print(&self.account.agent_ref(agent.id));
            let creator = self.task.created_by == Some(agent.id);
            assert!(!creator || self.task.is_readable_by(&Standing::of(agent)));
        }
        self.tasks.push(self.task.clone());
        let standing = self.account.living().next().map_or_else(Standing::project, Standing::of);
        print(&task::chain(&self.task, self.tasks, &standing, &self.account));
    }
}

/// The event, if its stream has such events. What was read is stored and read again.
fn read<E: Event + PartialEq + Debug>(event_type: &str, version: i16, text: &str) -> Option<E> {
    let event = E::decode(event_type, version, text).ok()?;
    let stored = event.encode();
    assert_eq!(stored.event_type, event_type, "an event keeps its name");
    let again = E::decode(stored.event_type, stored.schema_version, &stored.payload)
        .expect("what Baton stores it can read");
    assert_eq!(again, event, "nothing is lost by storing");
    assert_eq!(again.encode(), stored, "what is stored has one form");
    Some(event)
}

fn print(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("plain values always print")
}
