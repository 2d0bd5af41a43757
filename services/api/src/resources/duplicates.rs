//! Open tasks that are like one to be created (protocol 1.2).

use std::sync::Arc;

use baton_commands::{Answer, Caller, Context, CreateTask};
use baton_domain::task::Task;
use baton_duplicates::{Match, Question};
use poem::web::Data;
use poem_openapi::OpenApi;
use serde_json::{Value, json};

use super::{
    Tag,
    duplicate_bodies::{DuplicateCheck, THRESHOLD},
};
use crate::{
    answer::Rendered, body::Body, caller::Read, problem::Problem, schema::Duplicates,
    service::Services,
};

/// What one who is refused a duplicate may do.
const HINT: &str = "Go on with one of the matches; without the header X-Dedup-Check the task is \
                    created all the same";

#[derive(Default)]
pub(crate) struct DuplicatesApi;

#[OpenApi(tag = "Tag::Tasks")]
impl DuplicatesApi {
    /// Find duplicates
    ///
    /// Open tasks that the caller may read and whose content is like this one, best first, at most
    /// five. Contents that differ in nothing but case, space or a leading word such as `TODO:`
    /// score 1; of others the words and pairs of words are compared, rare ones weighing most.
    #[oai(path = "/tasks/dedup", method = "post", operation_id = "findDuplicateTasks")]
    async fn find(
        &self,
        services: Data<&Arc<Services>>,
        call: Read<Caller>,
        body: Body<DuplicateCheck>,
    ) -> Result<Rendered<Duplicates>, Problem> {
        services.has_reached(call.min_position).await?;
        let wanted = call.min_position.unwrap_or_default();
        let DuplicateCheck { content, threshold } = body.value;
        let matches = find(&services, &call.caller, (&content, threshold), wanted).await?;
        Rendered::of(&json!({
            "has_duplicates": !matches.is_empty(),
            "matches": documents(&matches),
        }))
    }
}

/// Creates a task, unless an open one is like it.
///
/// What the task would be refused for anyway is said first, and a request that is repeated with
/// its idempotency key gets its first answer, which the task that it created must not prevent.
pub(super) async fn create_unless_there(
    services: &Services,
    context: &Context,
    command: CreateTask,
) -> Result<Answer<Task>, Problem> {
    let Context { caller, .. } = context;
    let content = command.changes.content.clone().unwrap_or_default();
    let _turn = services.duplicates.turn(&caller.account, &content).await;
    if let Some(answer) = services.commands.created_before(context).await? {
        return Ok(answer);
    }
    services.commands.check_creation(context, command.clone()).await?;
    let matches = find(services, caller, (&content, THRESHOLD), 0).await?;
    match matches.is_empty() {
        true => Ok(services.commands.create_task(context, command).await?),
        false => Err(duplicate(documents(&matches))),
    }
}

/// 409: a similar task is there.
pub(super) fn duplicate(matches: Value) -> Problem {
    Problem::conflict("A similar open task exists").with("matches", matches).with("hint", HINT)
}

/// The matches among everything that this node has acknowledged (promise P8) and that happened up
/// to `wanted`.
async fn find(
    services: &Services,
    caller: &Caller,
    (content, threshold): (&str, f64),
    wanted: i64,
) -> Result<Vec<Match>, Problem> {
    let wanted = wanted.max(services.commands.log().acknowledged());
    let reader = services.standing(caller)?;
    let account = &caller.account;
    let question = Question { account, caller: &reader.standing, content, threshold };
    Ok(services.duplicates.find(&question, wanted).await?)
}

fn documents(matches: &[Match]) -> Value {
    matches.iter().map(document).collect()
}

fn document(Match { task, content, score }: &Match) -> Value {
    json!({ "task_id": task.to_string(), "content": content, "score": score })
}
