//! Operations on the context of a task, and recall over all of them (protocol 1.5).

#![expect(clippy::too_many_arguments, reason = "an id, a query and a body are three parameters")]

use std::sync::Arc;

use baton_commands::{Caller, TaskAction};
use baton_domain::{
    AgentId, ProjectId, Right, TaskId, Timestamp,
    account::Account,
    json::Object,
    task::{ContextEntry, ContextMerge, ContextSource, Task, TaskCommand},
};
use baton_projections::{
    Model,
    context::{HistoryPage, Recall, Recalled},
};
use poem::web::Data;
use poem_openapi::OpenApi;
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::{
    Tag,
    context_bodies::{ContextPatch, Supersession},
    context_query::{
        ContextHistoryQuery, ContextQuery, ContextView, ContextWriteQuery, RecallQuery,
    },
    task_reads::find,
    task_writes::change,
};
use crate::{
    answer::Rendered,
    body::Body,
    caller::{Read, Write},
    page::{Page, Window},
    path::{Id, Path},
    problem::Problem,
    query::Query,
    schema::{ContextHistory, ContextSuperseded, RecallResults, VersionedContext},
    service::Services,
};

/// Characters of a value, as compact JSON, that a summary still shows.
const SHORT_CHARS_MAX: usize = 200;

#[derive(Default)]
pub(crate) struct ContextApi;

#[OpenApi(tag = "Tag::Context")]
impl ContextApi {
    /// Read the context of a task
    ///
    /// All of it with its version, unless `view` or `keys` ask for less.
    #[oai(path = "/tasks/:id/context", method = "get", operation_id = "getTaskContext")]
    async fn get(
        &self,
        services: Data<&Arc<Services>>,
        call: Read<Caller>,
        id: Path<Id>,
        query: Query<ContextQuery>,
    ) -> Result<Rendered<VersionedContext>, Problem> {
        let snapshot = services.snapshot(&call, query.as_of, Model::Tasks).await?;
        let task = find(&snapshot, id.as_str()).await?.task;
        snapshot.show(&shown(task, query.0, &snapshot.directory))
    }

    /// Merge keys into the context of a task
    ///
    /// The body is the object of keys. Objects are merged at every depth, arrays and everything
    /// else are overwritten, keys that are not named are kept: who writes other keys at the same
    /// time loses nothing. With `expected_version` the context must be the one that the caller
    /// knows; otherwise the answer is 409 and has the version and the context as they are.
    #[oai(path = "/tasks/:id/context", method = "patch", operation_id = "mergeTaskContext")]
    async fn merge(
        &self,
        services: Data<&Arc<Services>>,
        call: Write<Caller>,
        id: Path<Id>,
        query: Query<ContextWriteQuery>,
        body: Body<ContextPatch>,
    ) -> Result<Rendered<VersionedContext>, Problem> {
        let ContextWriteQuery { source, expected_version } = query.0;
        let merge = ContextMerge { patch: body.value.0, source, expected_version };
        let action = TaskAction::Tell(TaskCommand::MergeContext(Box::new(merge)));
        let answer = change(&services, &call, id.0, body.digest, action).await?;
        let task = &answer.state;
        let document = json!({ "context": task.context, "version": task.context_version });
        Ok(Rendered::of(&document)?.at(answer.position))
    }

    /// Merge keys into the context of a task (the same as PATCH)
    ///
    /// Keys that are not named are kept.
    #[oai(path = "/tasks/:id/context", method = "put", operation_id = "putTaskContext")]
    async fn put(
        &self,
        services: Data<&Arc<Services>>,
        call: Write<Caller>,
        id: Path<Id>,
        query: Query<ContextWriteQuery>,
        body: Body<ContextPatch>,
    ) -> Result<Rendered<VersionedContext>, Problem> {
        self.merge(services, call, id, query, body).await
    }

    /// The history of the context of a task
    ///
    /// Every write of every key, or of one, newest first: who wrote which value, how it knows, and
    /// what took its place. Nothing in it is ever changed or removed.
    #[oai(
        path = "/tasks/:id/context/history",
        method = "get",
        operation_id = "getTaskContextHistory"
    )]
    async fn history(
        &self,
        services: Data<&Arc<Services>>,
        call: Read<Caller>,
        id: Path<Id>,
        query: Query<ContextHistoryQuery>,
    ) -> Result<Rendered<ContextHistory>, Problem> {
        let ContextHistoryQuery { key, window, below, as_of } = query.0;
        let snapshot = services.snapshot(&call, as_of, Model::Tasks).await?;
        let task = find(&snapshot, id.as_str()).await?.task;
        let snapshot = services.snapshot(&call, as_of, Model::Context).await?;
        let wanted = HistoryPage { key, below, limit: window.limit_and_one() };
        let mut entries = snapshot.context_history(task.id, wanted).await?;
        let goes_on = window.cut(&mut entries);
        let last = entries.last().map(|entry| entry.provenance.entry.to_string());
        let entries = entries.into_iter().map(|entry| entry.document(&snapshot.directory));
        let entries: Vec<_> = entries.collect();
        snapshot.show(&json!({ "entries": entries, "next_cursor": last.filter(|_| goes_on) }))
    }

    /// Supersede an entry of the context of a task
    ///
    /// Says that what the live entry of a key states is not to be trusted any more. The value
    /// stays in the context; recall leaves the entry out. Writing the key again makes another
    /// entry, which is live.
    #[oai(
        path = "/tasks/:id/context/supersede",
        method = "post",
        operation_id = "supersedeTaskContext"
    )]
    async fn supersede(
        &self,
        services: Data<&Arc<Services>>,
        call: Write<Caller>,
        id: Path<Id>,
        body: Body<Supersession>,
    ) -> Result<Rendered<ContextSuperseded>, Problem> {
        let key = body.value.key;
        let action = TaskAction::Tell(TaskCommand::SupersedeContext { key: key.clone() });
        let answer = change(&services, &call, id.0, body.digest, action).await?;
        let entry = answer.state.context_entry(&key).map(|it| it.document(&answer.directory));
        let document = Rendered::of(&json!({ "superseded": entry }))?;
        Ok(document.at(answer.position).replayed(answer.is_replay))
    }

    /// Recall
    ///
    /// Finds entries of the contexts of all tasks that the caller may read, by the words of their
    /// keys, of their values and of the texts of their tasks; English words in any form. What a
    /// human stated comes first, then what fits best: entries with every word, and where these are
    /// fewer than `limit`, those with any. What is superseded is left out unless asked for.
    #[oai(path = "/context/search", method = "get", operation_id = "recallContext")]
    async fn recall(
        &self,
        services: Data<&Arc<Services>>,
        call: Read<Caller>,
        query: Query<RecallQuery>,
    ) -> Result<Rendered<RecallResults>, Problem> {
        let RecallQuery { words, project, source, key, limit, include_superseded } = query.0;
        services.reader(&call, Model::Context).await?;
        let reader = services.reader(&call, Model::Tasks).await?;
        if project.is_some() && !reader.standing.may(Right::ReadAllTasks) {
            return Err(Problem::forbidden("you may not filter tasks by project"));
        }
        let found = match project.map(|id| project_of(&reader.directory, &id)) {
            // In no project is nothing.
            Some(None) => Vec::new(),
            project => {
                let limit = u32::try_from(limit).unwrap_or(u32::MAX);
                let (words, project) = (words.clone(), project.flatten());
                let wanted = Recall { words, project, source, key, include_superseded, limit };
                let account = &call.caller.account;
                services.reads.recall(account, &reader.standing, &wanted).await?
            }
        };
        let results = found.into_iter().map(|it| Recollection::of(it, &reader.directory));
        let results: Vec<_> = results.collect();
        Rendered::of(&json!({ "query": words, "count": results.len(), "results": results }))
    }
}

fn project_of(directory: &Account, id: &str) -> Option<ProjectId> {
    let id: ProjectId = id.parse().ok()?;
    directory.projects.contains_key(&id).then_some(id)
}

/// What `GET /tasks/{id}/context` shows.
#[derive(Serialize)]
struct Shown {
    context: Object,
    version: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    provenance: Option<Map<String, Value>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    keys: Option<Page<ShownKey>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    missing_keys: Option<Vec<String>>,
}

#[derive(Serialize)]
struct ShownKey {
    key: String,
    chars: usize,
}

fn shown(task: Task, query: ContextQuery, directory: &Account) -> Shown {
    let ContextQuery { provenance, view, keys, window, as_of: _ } = query;
    let version = task.context_version;
    let provenance = provenance.then(|| provenance_of(&task, directory));
    let whole = task.context;
    if let Some(named) = keys {
        let (there, missing): (Vec<_>, Vec<_>) =
            named.into_iter().partition(|key| whole.contains_key(key));
        let context = whole.into_iter().filter(|(key, _)| there.contains(key)).collect();
        return Shown { context, version, provenance, keys: None, missing_keys: Some(missing) };
    }
    let (context, keys) = match view {
        ContextView::Full => (whole, None),
        ContextView::Keys => (Object::new(), Some(page_of(&whole, window))),
        ContextView::Summary => {
            let page = page_of(&whole, window);
            let is_short = |it: &&ShownKey| it.chars <= SHORT_CHARS_MAX;
            let short = page.items.iter().filter(is_short);
            let short = short.map(|it| (it.key.clone(), whole[&it.key].clone()));
            (short.collect(), Some(page))
        }
    };
    Shown { context, version, provenance, keys, missing_keys: None }
}

/// Of the keys whose last entry is live.
fn provenance_of(task: &Task, directory: &Account) -> Map<String, Value> {
    let live = task.context_provenance.iter().filter(|(_, last)| last.is_live());
    live.map(|(key, last)| (key.clone(), json!(last.document(directory)))).collect()
}

/// The keys of a context, in their order.
fn page_of(context: &Object, window: Window) -> Page<ShownKey> {
    let mut keys: Vec<&String> = context.keys().collect();
    keys.sort_unstable();
    let total = i64::try_from(keys.len()).unwrap_or(i64::MAX);
    let (skip, take) = (to_usize(window.offset), to_usize(window.limit));
    let items = keys
        .into_iter()
        .skip(skip)
        .take(take)
        .map(|key| ShownKey { key: key.clone(), chars: context[key].to_string().chars().count() });
    Page::new(items.collect(), total, window)
}

fn to_usize(number: i64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

/// An entry that a recall found, as clients see it (protocol 2.2).
#[derive(Serialize)]
struct Recollection {
    task_id: TaskId,
    task_content: String,
    key: String,
    value: Value,
    source: ContextSource,
    score: f64,
    version: i64,
    author_agent_id: Option<AgentId>,
    author_name: Option<String>,
    created_at: Timestamp,
    superseded_at: Option<Timestamp>,
}

impl Recollection {
    fn of(found: Recalled, directory: &Account) -> Self {
        let Recalled { entry, task, score } = found;
        let ContextEntry { key, value, provenance, .. } = entry;
        let author = provenance.document(directory);
        Self {
            task_id: task.id,
            task_content: task.content,
            key,
            value,
            source: provenance.source,
            // More digits say nothing.
            score: (score * 1e6).round() / 1e6,
            version: provenance.version,
            author_agent_id: author.author_agent_id,
            author_name: author.author_name,
            created_at: provenance.at,
            superseded_at: provenance.superseded_at,
        }
    }
}
