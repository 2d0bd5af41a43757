//! A small API made with the kit, called through all layers: what an endpoint author may rely on.

mod document;
mod requests;

use std::sync::Arc;

use poem::endpoint::BoxEndpoint;
use poem::http::Method;
use poem::middleware::AddData;
use poem::{Endpoint, EndpointExt, Request, Response, Route};
use poem_openapi::{Object, OpenApi, OpenApiService};
use serde_json::{Value, json};

use crate::allow::Allow;
use crate::answer::{Created, NoContent, Rendered};
use crate::body::{Body, BodyLimit, FromFields, NoFields};
use crate::caller::{Authenticate, Authenticated, OpenWrite, Origin, Read, Write};
use crate::cors::{DEFAULT_ORIGINS, Origins};
use crate::credential::Credential;
use crate::edge::{EdgeSettings, edge, routes};
use crate::field::Text;
use crate::fields::{Fields, ListRule, Shape};
use crate::header::DedupCheck;
use crate::page::{self, Window};
use crate::path::{Id, Path};
use crate::problem::Problem;
use crate::proxy::TrustedProxies;
use crate::query::{FromParams, Params, Query};
use crate::rate_limit::Rates;
use crate::schema::{EvidenceItem, EvidenceKind, Nullable, TaskStatus};

/// A caller as the commands crate would define it.
#[derive(Debug, Clone, PartialEq)]
struct Who(&'static str);

struct Door;

impl Authenticate<Who> for Door {
    fn authenticate<'a>(
        &'a self,
        credential: &'a Credential,
        _: &'a Origin,
    ) -> Authenticated<'a, Who> {
        Box::pin(async move {
            match credential {
                Credential::AgentKey(key) if key.expose() == "dlg_writer" => Ok(Who("writer")),
                Credential::ProjectToken(token) if token.expose() == "token" => Ok(Who("project")),
                _ => Err(Problem::unauthorized()),
            }
        })
    }

    fn admit<'a>(&'a self, _: &'a Origin) -> Authenticated<'a, Who> {
        Box::pin(async { Ok(Who("nobody")) })
    }
}

/// A note as sent.
#[derive(Object)]
struct NewNoteDocument {
    /// What it says.
    #[oai(validator(min_length = 1, max_length = 10))]
    content: String,
    /// 1 to 5.
    priority: Option<i64>,
    /// An array or a comma separated string.
    labels: Option<Vec<String>>,
    /// The assignee.
    assigned_to: Option<Nullable<String>>,
}

#[derive(Debug)]
struct NewNote {
    content: String,
    priority: i64,
    labels: Vec<String>,
    assigned_to: Option<String>,
}

const LABELS: ListRule =
    ListRule { shape: Shape::ArrayOrCommas, items_max: 50, item: Text::filled(100) };

impl FromFields for NewNote {
    type Document = NewNoteDocument;

    fn from_fields(fields: &mut Fields<'_>) -> Self {
        Self {
            content: fields.text("content", Text::filled(10)).required(),
            priority: fields.integer("priority", 1..=5).or(2),
            labels: fields.texts("labels", LABELS).or(Vec::new()),
            assigned_to: fields.agent("assigned_to").optional(),
        }
    }
}

/// Filters of the list.
#[derive(Object)]
struct ListNotesDocument {
    /// Only done, or only open ones.
    completed: Option<bool>,
    /// Has all of these.
    labels: Option<Vec<String>>,
    /// At most so many.
    limit: Option<i64>,
    /// Skip so many.
    offset: Option<i64>,
}

struct ListNotes {
    completed: Option<bool>,
    labels: Vec<String>,
    window: Window,
}

impl FromParams for ListNotes {
    type Document = ListNotesDocument;

    fn from_params(params: &mut Params<'_>) -> Self {
        Self {
            completed: params.flag("completed").optional(),
            labels: params.texts("labels", Text::filled(100)).or(Vec::new()),
            window: params.window(page::TASKS),
        }
    }
}

/// A note.
#[derive(Object)]
struct Noted {
    /// Opaque id.
    id: String,
    /// What it says.
    content: Nullable<String>,
    /// Where it stands.
    status: TaskStatus,
    /// Kind of the evidence.
    kind: Nullable<EvidenceKind>,
    /// Evidence.
    evidence: Nullable<EvidenceItem>,
}

struct Notes;

#[OpenApi]
impl Notes {
    /// Write a note.
    #[oai(path = "/notes", method = "post", operation_id = "create_note")]
    async fn create(
        &self,
        write: Write<Who>,
        dedup: DedupCheck,
        body: Body<NewNote>,
    ) -> Result<Created<Noted>, Problem> {
        let hash = write.request_hash(body.digest);
        let NewNote { content, priority, labels, assigned_to } = body.value;
        let document = json!({
            "by": write.caller.0, "content": content, "priority": priority, "labels": labels,
            "assigned_to": assigned_to, "key": write.key, "hash": hash[0], "dedup": dedup.0,
        });
        Ok(Created::of(&document)?.at(7))
    }

    /// List notes.
    #[oai(path = "/notes", method = "get", operation_id = "list_notes")]
    async fn list(
        &self,
        read: Read<Who>,
        query: Query<ListNotes>,
    ) -> Result<Rendered<Vec<Noted>>, Problem> {
        let Window { limit, offset } = query.window;
        Rendered::of(&json!([read.0, query.completed, query.labels, limit, offset]))
    }

    /// Read a note.
    #[oai(path = "/notes/:id", method = "get", operation_id = "get_note")]
    async fn get(&self, read: Read<Who>, id: Path<Id>) -> Result<Rendered<Noted>, Problem> {
        match id.as_str() {
            "panic" => panic!("dlg_writer in a panic"),
            "internal" => Err(Problem::internal(&std::io::Error::other("dlg_writer inside"))),
            "missing" => Err(Problem::not_found("Note")),
            id => Rendered::of(&json!({"id": id, "min": read.min_position})),
        }
    }

    /// Throw a note away.
    #[oai(path = "/notes/:id", method = "delete", operation_id = "delete_note")]
    async fn delete(&self, write: Write<Who>, id: Path<Id>) -> Result<NoContent, Problem> {
        assert_eq!((write.caller, id.as_str()), (Who("writer"), "1"));
        Ok(NoContent::at(9))
    }

    /// Finish a note.
    #[oai(path = "/notes/:id/done", method = "post", operation_id = "finish_note")]
    async fn done(
        &self,
        write: Write<Who>,
        id: Path<Id>,
        _body: Body<NoFields>,
    ) -> Result<Rendered<Noted>, Problem> {
        Rendered::of(&json!({"id": id.as_str(), "by": write.caller.0}))
    }

    /// A literal segment beside an id.
    #[oai(path = "/notes/search", method = "post", operation_id = "search_notes")]
    async fn search(&self, call: OpenWrite<Who>) -> Result<Rendered<Noted>, Problem> {
        Rendered::of(&json!({"search": call.0.caller.0, "key": call.0.key}))
    }

    /// Open to all.
    #[oai(path = "/open", method = "get", operation_id = "open")]
    async fn open(&self) -> Result<Rendered<Noted>, Problem> {
        Rendered::of(&json!({}))
    }
}

fn server(rates: Rates) -> BoxEndpoint<'static, Response> {
    let door: Arc<dyn Authenticate<Who>> = Arc::new(Door);
    let service = OpenApiService::new(Notes, "Notes", "1")
        .with(AddData::new(door))
        .with(Allow::of::<Notes>());
    let settings = EdgeSettings {
        body: BodyLimit { bytes_max: 1_000 },
        rates,
        origins: Origins::new(DEFAULT_ORIGINS).unwrap(),
        proxies: TrustedProxies::default(),
    };
    edge(routes(service, Route::new()), settings)
}

const NO_LIMIT: Rates = Rates { reads_per_minute: 0, writes_per_minute: 0 };

struct Answer {
    status: u16,
    response: Response,
    text: String,
    body: Value,
}

async fn send(request: Request) -> Answer {
    let mut response = server(NO_LIMIT).call(request).await.expect("the edge never fails");
    let text = response.take_body().into_string().await.unwrap();
    let body = serde_json::from_str(&text).unwrap_or(Value::Null);
    Answer { status: response.status().as_u16(), response, text, body }
}

fn call(method: Method, path: &str) -> poem::RequestBuilder {
    Request::builder().method(method).uri_str(path).header("X-Agent-Key", "dlg_writer")
}
