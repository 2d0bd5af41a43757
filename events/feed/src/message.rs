//! An event as a message: CloudEvents 1.0 in JSON, structured mode, and its NATS subject.
//!
//! One rendering for everybody outside: what NATS publishes is what HTTP answers. The same event
//! always renders the same, so that publishing again changes nothing. Pure.

mod redact;

use baton_domain::task::TaskDocument;
use baton_domain::{AgentId, account, recurrence, stored, task, time::Timestamp, webhook};
use baton_history::{ActorDocument, Subject};
use baton_log::RecordedEvent;
use bytes::Bytes;
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::handler::HandleError;

/// Room for headers and for what NATS itself adds to a message, of its `max_payload`.
const HEADER_BYTES: usize = 1_024;
/// What most messages take beside the event's payload: room that is made at once.
const BODY_BYTES_EXPECTED: usize = 3 * 1_024;

/// What is published of an event.
#[derive(Debug)]
pub(crate) struct Message {
    /// `Nats-Msg-Id`: the event's id.
    pub(crate) id: String,
    /// `baton.v1.<account>.<kind>.<event>.<id>`.
    pub(crate) subject: String,
    /// The CloudEvent.
    pub(crate) body: Bytes,
}

/// The CloudEvent. Its members are the standard's attributes, then Baton's extensions; numbers of
/// events are texts, because the standard's integers end at 2^31.
#[derive(serde::Serialize)]
struct CloudEvent<'a> {
    specversion: &'static str,
    id: String,
    source: String,
    #[serde(rename = "type")]
    event_type: &'a str,
    subject: String,
    time: Timestamp,
    datacontenttype: &'static str,
    position: String,
    accountseq: String,
    streamversion: String,
    actor: &'a str,
    correlationid: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    causationid: Option<String>,
    internal: bool,
    data: Data<'a>,
}

/// What the event says, what it is about, who caused it.
struct Data<'a> {
    payload: Option<&'a RawValue>,
    /// Name of the subject's member: `task`, `webhook`, `recurrence`, `account`, `project`, or
    /// `subject_agent`, because `agent` is who acted, as it is for webhooks.
    kind: &'static str,
    document: Document,
    agent: Option<ActorDocument>,
    is_truncated: bool,
    is_unreadable: bool,
}

/// What the event is about, as the world sees it. A task, which most events are about and which
/// has many members, is written as it is, without a tree of values in between.
#[derive(serde::Serialize)]
#[serde(untagged)]
enum Document {
    Task(Box<TaskDocument>),
    Other(Value),
}

#[derive(serde::Serialize)]
struct Agent<'a> {
    id: AgentId,
    name: &'a str,
    display_name: Option<&'a str>,
}

impl Serialize for Data<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let agent = self.agent.as_ref().map(|agent| Agent {
            id: agent.id,
            name: &agent.name,
            display_name: agent.display_name.as_deref(),
        });
        let mut members = serializer.serialize_map(None)?;
        members.serialize_entry("event", &self.payload)?;
        members.serialize_entry(self.kind, &self.document)?;
        members.serialize_entry("agent", &agent)?;
        if self.is_truncated {
            members.serialize_entry("truncated", &true)?;
        }
        if self.is_unreadable {
            members.serialize_entry("unreadable", &true)?;
        }
        members.end()
    }
}

/// Renders the event with its subject as a CloudEvent, whole; see [`render`] for `None`.
///
/// # Errors
/// Where no JSON comes of it: of nothing that the log holds.
pub(crate) fn document(
    event: &RecordedEvent,
    subject: Option<&Subject>,
) -> Result<Bytes, HandleError> {
    render(event, subject, usize::MAX).map(|message| message.body)
}

/// Renders the event with its subject, in at most `bytes_max` with its headers.
///
/// What is too large loses first the subject but for its id and status, then the event's payload:
/// a message must take its place in the stream, and everything is in the log. For the same reason
/// an event whose subject cannot be read, `None` here, goes out without it, and says so.
pub(crate) fn render(
    event: &RecordedEvent,
    subject: Option<&Subject>,
    bytes_max: usize,
) -> Result<Message, HandleError> {
    // Where nobody can tell what it holds, nothing of it leaves.
    let payload = redact::payload(event).ok();
    let is_unreadable = subject.is_none() || payload.is_none();
    let (kind, document) = document_of(event, subject);
    let about = About::of(event, kind, &document);
    let kind = if kind == "agent" { "subject_agent" } else { kind };
    let agent = subject.and_then(Subject::actor_document);
    let payload = payload.as_deref();
    let data = Data { payload, kind, document, agent, is_truncated: false, is_unreadable };
    let mut cloud_event = cloud_event(event, &about, data);
    let fits = |body: &Vec<u8>| body.len() + HEADER_BYTES <= bytes_max;
    let mut body = Vec::with_capacity(event.payload.len() + BODY_BYTES_EXPECTED);
    serde_json::to_writer(&mut body, &cloud_event).map_err(unreadable)?;
    if !fits(&body) {
        cloud_event.data.is_truncated = true;
        cloud_event.data.document = Document::Other(outline(&cloud_event.data.document));
        body = serde_json::to_vec(&cloud_event).map_err(unreadable)?;
    }
    if !fits(&body) {
        cloud_event.data.payload = None;
        body = serde_json::to_vec(&cloud_event).map_err(unreadable)?;
    }
    let subject = about.nats_subject(event);
    Ok(Message { id: event.event_id.to_string(), subject, body: Bytes::from(body) })
}

fn cloud_event<'a>(event: &'a RecordedEvent, about: &About, data: Data<'a>) -> CloudEvent<'a> {
    CloudEvent {
        specversion: "1.0",
        id: event.event_id.to_string(),
        source: format!("/accounts/{}", event.stream.account),
        event_type: &event.event_type,
        subject: format!("{}/{}", about.kind, about.id),
        time: Timestamp::from(event.recorded_at),
        datacontenttype: "application/json",
        position: event.position.to_string(),
        accountseq: event.account_seq.to_string(),
        streamversion: event.version.to_string(),
        actor: &event.actor,
        correlationid: event.correlation_id.to_string(),
        causationid: event.causation_id.map(|id| id.to_string()),
        internal: !stored::is_public(&event.event_type),
        data,
    }
}

/// The member that would hold the subject.
fn unread_kind(event: &RecordedEvent) -> &'static str {
    match event.stream.kind.as_str() {
        task::KIND => "task",
        webhook::KIND => "webhook",
        recurrence::KIND => "recurrence",
        account::KIND => "account",
        _ => "subject",
    }
}

/// The subject with the name of its member.
fn document_of(event: &RecordedEvent, subject: Option<&Subject>) -> (&'static str, Document) {
    let Some(subject) = subject else {
        return (unread_kind(event), Document::Other(Value::Null));
    };
    if let Some(task) = subject.task_document() {
        return ("task", Document::Task(Box::new(task)));
    }
    let (kind, document) = subject.document(event);
    (kind, Document::Other(document))
}

fn outline(document: &Document) -> Value {
    let document = match document {
        Document::Task(task) => return json!({"id": task.id, "status": task.status}),
        Document::Other(document) => document,
    };
    let members = document.as_object().into_iter().flatten();
    let kept = members.filter(|(name, _)| matches!(name.as_str(), "id" | "status"));
    Value::Object(kept.map(|(name, value)| (name.clone(), value.clone())).collect())
}

fn unreadable(cause: serde_json::Error) -> HandleError {
    HandleError::event("cannot render the event as a message", cause)
}

/// What an event is about: its stream, or the agent or project on an account's stream.
struct About {
    kind: String,
    id: String,
}

impl About {
    fn of(event: &RecordedEvent, kind: &str, document: &Document) -> Self {
        let stream = &event.stream;
        let id = match document {
            Document::Other(document) => document.get("id").and_then(Value::as_str),
            Document::Task(_) => None,
        };
        match id {
            Some(id) if stream.kind == account::KIND && matches!(kind, "agent" | "project") => {
                Self { kind: kind.to_owned(), id: id.to_owned() }
            }
            _ => Self { kind: stream.kind.clone(), id: stream.id.clone() },
        }
    }

    fn nats_subject(&self, event: &RecordedEvent) -> String {
        let kind_and_name = event.event_type.split_once('.');
        let (kind, name) = kind_and_name.unwrap_or((&event.stream.kind, &event.event_type));
        let tokens = [&event.stream.account, kind, name, &self.id].map(token);
        format!("baton.v1.{}", tokens.join("."))
    }
}

/// A subject's token: no dots, no wildcards, no spaces, not empty. Names of Baton's own need no
/// change.
fn token(text: &str) -> String {
    if text.is_empty() {
        return "_".to_owned();
    }
    let is_safe = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    text.chars().map(|c| if is_safe(c) { c } else { '_' }).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use baton_domain::account::Account;
    use baton_domain::task::Task;
    use baton_domain::{Actor, AgentId};
    use baton_history::SubjectState;
    use baton_log::StreamId;
    use uuid::Uuid;

    use super::*;

    fn event(payload: String) -> RecordedEvent {
        RecordedEvent {
            position: 7,
            account_seq: 3,
            stream: StreamId { account: "default".into(), kind: "task".into(), id: "ab".into() },
            version: 2,
            event_id: Uuid::nil(),
            event_type: "task.updated".into(),
            schema_version: 1,
            payload,
            actor: "project".into(),
            correlation_id: Uuid::nil(),
            causation_id: Some(Uuid::max()),
            recorded_at: "2026-03-17T10:00:00Z".parse().unwrap(),
            content_hash: [0; 32],
        }
    }

    fn subject(description_bytes: usize) -> Subject {
        let description = Some("d".repeat(description_bytes));
        Subject {
            state: SubjectState::Task(Arc::new(Task { description, ..Task::default() })),
            account: Arc::new(Account::default()),
            actor: Actor::Agent(AgentId::default()),
        }
    }

    fn data(event: &RecordedEvent, subject: &Subject, bytes_max: usize) -> Value {
        let message = render(event, Some(subject), bytes_max).unwrap();
        assert!(message.body.len() + HEADER_BYTES <= bytes_max);
        let body: Value = serde_json::from_slice(&message.body).unwrap();
        assert_eq!(body["position"], "7");
        assert_eq!(body["time"], "2026-03-17T10:00:00.000Z");
        assert_eq!(body["causationid"], Uuid::max().to_string());
        body["data"].clone()
    }

    #[test]
    fn what_does_not_fit_is_left_out_and_said_so() {
        let payload = format!(r#"{{"padding" : "{}"}}"#, "p".repeat(4_000));
        let event = event(payload);
        let whole = data(&event, &subject(4_000), 64 * 1024);
        assert_eq!(whole["task"]["description"].as_str().map(str::len), Some(4_000));
        assert_eq!(whole.get("truncated"), None);

        let outline = json!({"id": "0".repeat(32), "status": "open"});
        let without_document = data(&event, &subject(4_000), 8 * 1024);
        assert_eq!(without_document["task"], outline);
        assert_eq!(without_document["event"]["padding"].as_str().map(str::len), Some(4_000));
        assert_eq!(without_document["truncated"], true);

        let neither = data(&event, &subject(4_000), 4 * 1024);
        assert_eq!(neither["task"], outline);
        assert_eq!((&neither["event"], &neither["truncated"]), (&Value::Null, &json!(true)));
    }

    #[test]
    fn a_message_is_the_same_every_time() {
        let (event, subject) = (event("{ \"b\":1,\"a\":2 }".into()), subject(10));
        let (one, other) = (
            render(&event, Some(&subject), 1 << 20).unwrap(),
            render(&event, Some(&subject), 1 << 20).unwrap(),
        );
        assert_eq!(one.body, other.body);
        let text = std::str::from_utf8(&one.body).unwrap();
        assert!(text.contains("\"event\":{ \"b\":1,\"a\":2 }"), "byte for byte: {text}");
    }

    #[test]
    fn what_cannot_be_read_goes_out_without_it_and_says_so() {
        let unread = event(r#"{"a" : 1}"#.into());
        let message = render(&unread, None, 1 << 20).unwrap();
        let body: Value = serde_json::from_slice(&message.body).unwrap();
        let data = json!({"event": {"a": 1}, "task": null, "agent": null, "unreadable": true});
        assert_eq!(body["data"], data);
        assert_eq!(body["position"], "7");

        let mut unread = event(r#"{"key_hash": "secret", "n": 1e999}"#.into());
        unread.stream.kind = account::KIND.into();
        let message = render(&unread, None, 1 << 20).unwrap();
        let body: Value = serde_json::from_slice(&message.body).unwrap();
        assert_eq!(
            (&body["data"]["event"], &body["data"]["unreadable"]),
            (&Value::Null, &json!(true))
        );
    }

    #[test]
    fn an_event_about_a_project_is_about_that_project() {
        let id = baton_domain::ProjectId(Uuid::from_u128(5));
        let created = account::AccountEvent::ProjectCreated(account::ProjectCreated {
            project_id: id,
            name: "Launch".to_owned(),
            emoji: None,
            color: None,
            sort_order: 0,
        });
        let by_project = baton_domain::Envelope { at: Timestamp::default(), actor: Actor::Project };
        let with_project = account::fold(Account::default(), &by_project, created);
        for (name, account, shown) in [
            ("created", with_project, json!("Launch")),
            ("deleted", Account::default(), Value::Null),
        ] {
            let subject = Subject {
                state: SubjectState::Account,
                account: Arc::new(account),
                actor: Actor::Project,
            };
            let mut event = event(json!({ "project_id": id }).to_string());
            event.stream.kind = account::KIND.into();
            event.event_type = format!("project.{name}");
            let message = render(&event, Some(&subject), 1 << 20).unwrap();
            assert_eq!(message.subject, format!("baton.v1.default.project.{name}.{id}"));
            let body: Value = serde_json::from_slice(&message.body).unwrap();
            assert_eq!(body["subject"], format!("project/{id}"));
            let project = &body["data"]["project"];
            assert_eq!((&project["id"], &project["name"]), (&json!(id), &shown));
        }
    }

    #[test]
    fn tokens_are_safe_in_subjects() {
        for (text, safe) in [
            ("default", "default"),
            ("key_rotated", "key_rotated"),
            ("018f-3a", "018f-3a"),
            ("a.b*c>d e\r\n", "a_b_c_d_e__"),
            ("\u{e9}t\u{e9}", "_t_"),
            ("", "_"),
        ] {
            assert_eq!(token(text), safe);
        }
    }
}
