//! Recurrences (protocol 1.9): tasks that are created again and again.

use std::sync::Arc;

use baton_commands::{Answer, Caller, ChangeRecurrence, RecurrenceAction};
use baton_domain::{
    Right,
    recurrence::{Recurrence, RecurrenceDocument},
};
use baton_projections::Model;
use poem::web::Data;
use poem_openapi::OpenApi;
use serde_json::json;

use super::{
    Tag,
    recurrence_bodies::{NewRecurrence, RecurrenceUpdate},
};
use crate::{
    answer::{Created, Rendered},
    body::Body,
    caller::{Read, Write},
    path::{Id, Path},
    problem::Problem,
    schema::{Done, Recurrence as RecurrenceSchema},
    service::Services,
};

#[derive(Default)]
pub(crate) struct RecurrencesApi;

#[OpenApi(tag = "Tag::Recurrences")]
impl RecurrencesApi {
    /// List recurrences
    ///
    /// Oldest first: your own, and those whose tasks are yours. Who reads every task reads every
    /// recurrence.
    #[oai(path = "/recurrences", method = "get", operation_id = "listRecurrences")]
    async fn list(
        &self,
        services: Data<&Arc<Services>>,
        call: Read<Caller>,
    ) -> Result<Rendered<Vec<RecurrenceSchema>>, Problem> {
        let reader = services.reader(&call, Model::Recurrences).await?;
        let of = match reader.standing.may(Right::ReadAllTasks) {
            true => None,
            false => reader.standing.agent(),
        };
        let found = services.reads.recurrences(&call.caller.account, of).await?;
        // The index says who may read; the rule has the last word.
        let readable = found.iter().filter(|it| it.is_readable_by(&reader.standing));
        let shown: Vec<RecurrenceDocument> =
            readable.map(|it| it.document(&reader.directory)).collect();
        Rendered::of(&shown)
    }

    /// Create a recurrence
    ///
    /// At `next_due_at` a task is created with these fields, in the name of the caller, and from
    /// then on by the rule. Of several occurrences that have passed, one task is created.
    #[oai(path = "/recurrences", method = "post", operation_id = "createRecurrence")]
    async fn create(
        &self,
        services: Data<&Arc<Services>>,
        call: Write<Caller>,
        body: Body<NewRecurrence>,
    ) -> Result<Created<RecurrenceSchema>, Problem> {
        let context = services.context(&call, body.digest);
        rendered(&services.commands.create_recurrence(&context, body.value.0).await?)
    }

    /// Read a recurrence
    ///
    /// Yours, or one whose tasks are yours; any, for who reads every task.
    #[oai(path = "/recurrences/:id", method = "get", operation_id = "getRecurrence")]
    async fn get(
        &self,
        services: Data<&Arc<Services>>,
        call: Read<Caller>,
        id: Path<Id>,
    ) -> Result<Rendered<RecurrenceSchema>, Problem> {
        let reader = services.reader(&call, Model::Recurrences).await?;
        let found = match id.as_str().parse() {
            Ok(id) => services.reads.recurrence(&call.caller.account, id).await?,
            Err(_) => None,
        };
        let found = found.filter(|recurrence| recurrence.is_readable_by(&reader.standing));
        let recurrence = found.ok_or_else(|| Problem::not_found("Recurrence"))?;
        Rendered::of(&recurrence.document(&reader.directory))
    }

    /// Change a recurrence
    ///
    /// Only the fields in the body change; for its creator and admins. Another rule or time zone
    /// is followed from now on, at the same time of day.
    #[oai(path = "/recurrences/:id", method = "patch", operation_id = "updateRecurrence")]
    async fn update(
        &self,
        services: Data<&Arc<Services>>,
        call: Write<Caller>,
        id: Path<Id>,
        body: Body<RecurrenceUpdate>,
    ) -> Result<Rendered<RecurrenceSchema>, Problem> {
        let RecurrenceUpdate { fields, assigned_to, project_id } = body.value;
        let fields = Box::new(fields);
        let action = RecurrenceAction::Update { fields, assigned_to, project_id };
        rendered(&change(&services, &call, (id.0, body.digest), action).await?)
    }

    /// Change a recurrence (the same as PATCH)
    ///
    /// Only the fields in the body change.
    #[oai(path = "/recurrences/:id", method = "put", operation_id = "putRecurrence")]
    async fn put(
        &self,
        services: Data<&Arc<Services>>,
        call: Write<Caller>,
        id: Path<Id>,
        body: Body<RecurrenceUpdate>,
    ) -> Result<Rendered<RecurrenceSchema>, Problem> {
        self.update(services, call, id, body).await
    }

    /// Delete a recurrence
    ///
    /// The tasks that it has created stay.
    #[oai(path = "/recurrences/:id", method = "delete", operation_id = "deleteRecurrence")]
    async fn delete(
        &self,
        services: Data<&Arc<Services>>,
        call: Write<Caller>,
        id: Path<Id>,
    ) -> Result<Rendered<Done>, Problem> {
        let action = RecurrenceAction::Delete;
        let answer = change(&services, &call, (id.0, [0; 32]), action).await?;
        Ok(Rendered::of(&json!({"ok": true}))?.at(answer.position))
    }
}

async fn change(
    services: &Services,
    call: &Write<Caller>,
    (id, digest): (Id, [u8; 32]),
    action: RecurrenceAction,
) -> Result<Answer<Recurrence>, Problem> {
    let context = services.context(call, digest);
    let command = ChangeRecurrence { id: id.into_string(), action };
    Ok(services.commands.change_recurrence(&context, command).await?)
}

fn rendered<const STATUS: u16>(
    answer: &Answer<Recurrence>,
) -> Result<Rendered<RecurrenceSchema, STATUS>, Problem> {
    let document = answer.state.document(&answer.directory);
    Ok(Rendered::of(&document)?.at(answer.position).replayed(answer.is_replay))
}
