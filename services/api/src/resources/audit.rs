//! Exports of the log, which can be verified without the server that gave them (protocol 1.20).

use std::{error::Error, io, sync::Arc, time::Duration};

use baton_audit::{AuditError, Export, Form, Wanted};
use baton_commands::Caller;
use baton_domain::{Actor, AgentId, ProjectId, Right, TaskId, account::Account};
use baton_feed::FeedError;
use futures_util::{Stream, stream};
use jiff::Timestamp;
use poem::web::Data;
use poem_openapi::{Object, OpenApi};
use tokio::time::Instant;

use super::Tag;
use crate::{
    caller::Read,
    download::{CSV, Download, JSON_LINES},
    field::Text,
    moment,
    problem::Problem,
    query::{FromParams, Params, Query},
    service::Services,
};

const REFERENCE: Text = Text::filled(2_000);
const FORMS: [(&str, Form); 2] = [("jsonl", Form::Jsonl), ("csv", Form::Csv)];
/// How long a request waits until all that happened before it is signed.
const WAIT_MAX: Duration = Duration::from_secs(5);

#[derive(Default)]
pub(crate) struct AuditApi;

/// Which events, and in which form.
#[derive(Object)]
#[oai(rename = "AuditExportQuery")]
pub(super) struct ExportQueryDocument {
    /// `jsonl`, which can be verified, or `csv`; `jsonl` when left out.
    format: Option<String>,
    /// Only those recorded at this time or later.
    from: Option<String>,
    /// Only those recorded before this time.
    to: Option<String>,
    /// Only those that this agent caused: its id, also after it was deleted, its name, or `me`.
    agent: Option<String>,
    /// Only those about this project, or a task that was in it before the event or after it.
    project_id: Option<String>,
    /// Only those about the tasks of the chain that this task is in.
    task: Option<String>,
}

/// `GET /audit/export`.
pub(super) struct ExportQuery {
    form: Form,
    from: Option<Timestamp>,
    to: Option<Timestamp>,
    agent: Option<String>,
    project: Option<String>,
    task: Option<String>,
}

impl FromParams for ExportQuery {
    type Document = ExportQueryDocument;

    fn from_params(params: &mut Params<'_>) -> Self {
        let form = params.choice("format", &FORMS).or(Form::Jsonl);
        let from = params.read("from", |text| moment::timestamp(&text)).optional();
        let to = params.read("to", |text| moment::timestamp(&text)).optional();
        if from.zip(to).is_some_and(|(from, to)| to <= from) {
            params.wrong("to", "must be later than from");
        }
        Self {
            form,
            from,
            to,
            agent: params.text("agent", REFERENCE).optional(),
            project: params.text("project_id", REFERENCE).optional(),
            task: params.text("task", REFERENCE).optional(),
        }
    }
}

#[OpenApi(tag = "Tag::Ledger")]
impl AuditApi {
    /// Export events
    ///
    /// The account's events as the log has them, in order, as a file. The last line of `jsonl` is a
    /// manifest with the signed checkpoint of the ledger and what proves that each event is part of
    /// it, and, without a filter other than a period, that none between the first and the last is
    /// missing: `baton verify --file` needs nothing else, and docs/audit.md says how it is done.
    /// All that had happened before the request is in it. Payloads are those of the log, byte for
    /// byte; they hold hashes of keys, and no key. For the project token and for agents whose role
    /// is admin or auditor.
    #[oai(path = "/audit/export", method = "get", operation_id = "exportEvents")]
    async fn export(
        &self,
        services: Data<&Arc<Services>>,
        call: Read<Caller>,
        query: Query<ExportQuery>,
    ) -> Result<Download, Problem> {
        services.has_reached(call.min_position).await?;
        let reader = services.standing(&call.caller)?;
        if !reader.standing.may(Right::ExportEvents) {
            return Err(Problem::forbidden(
                "Only admins, auditors and the project token may export events",
            ));
        }
        let account = call.caller.account.as_str();
        signed_to_head(&services, account).await?;
        let form = query.form;
        let wanted = wanted(query.0, &call.caller, &reader.directory);
        let export = services.exports.begin(wanted, form).await?;
        let (content_type, ending) = match form {
            Form::Jsonl => (JSON_LINES, "jsonl"),
            Form::Csv => (CSV, "csv"),
        };
        let name = format!("baton-{account}.{ending}");
        Ok(Download::of(pieces(first_piece(export).await?), content_type, name))
    }
}

/// Waits until all that has happened to the account is signed.
async fn signed_to_head(services: &Services, account: &str) -> Result<(), Problem> {
    let head = services.commands.log().account_head(account).await.map_err(FeedError::Read)?;
    if head.1 > 0 {
        let deadline = Instant::now() + WAIT_MAX;
        services.ledger.reaches(&services.ledger_progress, head.1, deadline).await?;
    }
    Ok(())
}

/// What is asked for, as the log names it. What there is not has no events (0.3).
fn wanted(query: ExportQuery, caller: &Caller, directory: &Account) -> Wanted {
    let actor = query.agent.map(|reference| {
        let known = |id: &AgentId| directory.agents.contains_key(id);
        let agent = match reference.as_str() {
            "me" => caller.agent(),
            reference => reference
                .parse()
                .ok()
                .filter(known)
                .or_else(|| directory.find(reference).map(|agent| agent.id)),
        };
        agent.map(|id| Actor::Agent(id).to_string()).unwrap_or_default()
    });
    Wanted {
        account: caller.account.to_string(),
        from: query.from,
        to: query.to,
        actor,
        // Nothing has the id that is all zeros.
        project: query.project.map(|id| id.parse::<ProjectId>().unwrap_or_default()),
        task: query.task.map(|id| id.parse::<TaskId>().unwrap_or_default()),
    }
}

/// An export and its next piece.
type Begun = (Option<Vec<u8>>, Export);

/// What cannot be exported at all is said before the file begins.
async fn first_piece(mut export: Export) -> Result<Begun, AuditError> {
    Ok((export.next().await?, export))
}

/// The pieces of the file.
fn pieces(begun: Begun) -> impl Stream<Item = io::Result<Vec<u8>>> + Send + 'static {
    stream::unfold(Some(begun), |begun| async move {
        let (piece, mut export) = begun?;
        let piece = piece?;
        match export.next().await {
            Ok(next) => Some((Ok(piece), Some((next, export)))),
            Err(error) => {
                tracing::warn!(error = &error as &dyn Error, "an export breaks off");
                Some((Err(io::Error::other("the export breaks off")), None))
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drift;

    #[test]
    fn what_is_read_is_what_is_shown() {
        assert_eq!(drift::of_query::<ExportQuery>(), [""; 0]);
    }
}
