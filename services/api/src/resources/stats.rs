//! Statistics, what needs attention, and usage (protocol 1.15, 2.8).

use std::{collections::BTreeMap, sync::Arc};

use baton_commands::Caller;
use baton_domain::{
    account::{AGENTS_MAX, Account, PROJECTS_MAX},
    task::{Status, View},
};
use baton_history::AsOf;
use baton_projections::{
    Model,
    tasks::{Bucket, TaskStats},
};
use jiff::{ToSpan as _, civil::Date, tz::TimeZone};
use poem::web::Data;
use poem_openapi::{Object, OpenApi};
use serde_json::{Map, Value, json};

use super::{
    Tag,
    as_of_query::{AsOfQuery, as_of},
    task_bodies::CONTENT_CHARS_MAX,
};
use crate::{
    answer::Rendered,
    caller::Read,
    problem::Problem,
    query::{FromParams, Params, Query},
    rate_limit::Rates,
    schema::{FleetAttention, Stats, Usage},
    service::{Services, now},
};

/// What stands for a project where a task is in none.
const NO_PROJECT: &str = "Inbox";
const BUCKET_TASKS_MAX: i64 = 1_000;
const BUCKET_TASKS: i64 = 100;

#[derive(Default)]
pub(crate) struct StatsApi;

/// How much is shown.
#[derive(Object)]
#[oai(rename = "FleetQuery")]
pub(super) struct FleetQueryDocument {
    /// At most so many tasks of each kind, 1 to 1000; 100 when left out.
    limit: Option<i64>,
    /// As it was then: an RFC 3339 time, or a position in the log.
    as_of: Option<String>,
}

/// How much is asked for.
pub(super) struct FleetQuery {
    limit: usize,
    as_of: Option<AsOf>,
}

impl FromParams for FleetQuery {
    type Document = FleetQueryDocument;

    fn from_params(params: &mut Params<'_>) -> Self {
        let limit = params.integer("limit", 1..=BUCKET_TASKS_MAX).or(BUCKET_TASKS);
        Self { limit: usize::try_from(limit).unwrap_or_default(), as_of: as_of(params) }
    }
}

#[OpenApi(tag = "Tag::Service")]
impl StatsApi {
    /// Statistics
    ///
    /// Of the tasks that the caller may read, and of the account's agents.
    #[oai(path = "/stats", method = "get", operation_id = "getStats")]
    async fn stats(
        &self,
        services: Data<&Arc<Services>>,
        call: Read<Caller>,
        query: Query<AsOfQuery>,
    ) -> Result<Rendered<Stats>, Problem> {
        let snapshot = services.snapshot(&call, query.0.0, Model::Tasks).await?;
        let stats = snapshot.task_stats().await?;
        snapshot.show(&stats_document(&stats, &snapshot.directory))
    }

    /// What needs attention
    ///
    /// Of the tasks that the caller may read: claims that nobody works on any more, holders in
    /// trouble, what is overdue, and what goes in circles.
    #[oai(path = "/fleet/attention", method = "get", operation_id = "getFleetAttention")]
    async fn attention(
        &self,
        services: Data<&Arc<Services>>,
        call: Read<Caller>,
        query: Query<FleetQuery>,
    ) -> Result<Rendered<FleetAttention>, Problem> {
        let FleetQuery { limit, as_of } = query.0;
        let snapshot = services.snapshot(&call, as_of, Model::Tasks).await?;
        let found = snapshot.attention(services.fleet, limit).await?;
        let buckets = [
            ("abandoned_claims", found.abandoned_claims),
            ("silent_holders", found.silent_holders),
            ("errored", found.errored),
            ("waiting_input", found.waiting_input),
            ("overdue", found.overdue),
            ("looping", found.looping),
        ];
        snapshot.show(&attention_document(&buckets, &snapshot.directory))
    }

    /// Usage
    ///
    /// What the account uses, and how much it may.
    #[oai(path = "/usage", method = "get", operation_id = "getUsage")]
    async fn usage(
        &self,
        services: Data<&Arc<Services>>,
        call: Read<Caller>,
    ) -> Result<Rendered<Usage>, Problem> {
        let reader = services.reader(&call, Model::Tasks).await?;
        let position = services.commands.log().acknowledged();
        services
            .level(Model::Webhooks, position.max(call.min_position.unwrap_or_default()))
            .await?;
        let account = &call.caller.account;
        let tasks = services.reads.tasks_created(account, today()).await?;
        let webhooks = services.reads.webhook_count(account).await?;
        let deleted = reader.directory.agents.values().filter(|agent| agent.deleted).count();
        Rendered::of(&json!({
            "plan": "self-hosted",
            "task_count_month": tasks,
            "task_limit": null,
            "reset_date": next_month(today()).to_string(),
            "agent_count": reader.directory.living().count(),
            "agent_limit": AGENTS_MAX.saturating_sub(deleted),
            "webhook_count": webhooks,
            "webhook_limit": null,
            "project_count": reader.directory.projects.len(),
            "project_limit": PROJECTS_MAX,
            "rate_limit_rpm": requests_per_minute(services.rates),
            "max_content_chars": CONTENT_CHARS_MAX,
        }))
    }
}

fn stats_document(stats: &TaskStats, directory: &Account) -> Value {
    let completed = stats.in_status(Status::Completed);
    let pending = stats.total() - completed - stats.in_status(Status::Cancelled);
    let by_status: Map<String, Value> = Status::ALL
        .into_iter()
        .map(|status| (status.word().to_owned(), stats.in_status(status).into()))
        .collect();
    json!({
        "total": stats.total(),
        "total_tasks": stats.total(),
        "pending_tasks": pending,
        "completed_tasks": completed,
        "total_completed": completed,
        "completed_today": stats.completed_today,
        "due_today": stats.due_today,
        "overdue": stats.overdue,
        "upcoming": stats.upcoming,
        "by_project": by_project(stats, directory),
        "by_status": by_status,
        "total_agents": directory.living().count(),
        "active_agents": directory.living().filter(|agent| agent.active).count(),
    })
}

/// By name: several projects may have the same, and of one that was deleted the tasks are in none.
fn by_project<'a>(stats: &TaskStats, directory: &'a Account) -> BTreeMap<&'a str, i64> {
    let mut counts = BTreeMap::new();
    for (project, tasks) in &stats.by_project {
        let project = project.and_then(|project| directory.projects.get(&project));
        let name = project.map_or(NO_PROJECT, |project| project.name.as_str());
        *counts.entry(name).or_default() += tasks;
    }
    counts
}

fn attention_document(buckets: &[(&str, Bucket); 6], directory: &Account) -> Value {
    let count: usize = buckets.iter().map(|(_, bucket)| bucket.tasks.len()).sum();
    let more = buckets.iter().filter(|(_, bucket)| bucket.has_more).map(|(name, _)| *name);
    let shown = buckets.iter().map(|(name, bucket)| {
        let tasks = bucket.tasks.iter().map(|task| task.document(directory, View::Summary));
        ((*name).to_owned(), json!(tasks.collect::<Vec<_>>()))
    });
    json!({
        "count": count,
        "buckets": shown.collect::<Map<_, _>>(),
        "more": more.collect::<Vec<_>>(),
    })
}

/// The fewer of reads and writes; none where neither has a limit.
fn requests_per_minute(rates: Rates) -> Option<u32> {
    let limits = [rates.reads_per_minute, rates.writes_per_minute];
    limits.into_iter().filter(|limit| *limit > 0).min()
}

fn today() -> Date {
    now().to_jiff().to_zoned(TimeZone::UTC).date()
}

fn next_month(day: Date) -> Date {
    day.first_of_month().saturating_add(1.month())
}

#[cfg(test)]
mod tests {
    use baton_domain::{ProjectId, account::Project};

    use super::*;
    use crate::drift;

    #[test]
    fn what_is_read_is_what_is_shown() {
        assert_eq!(drift::of_query::<FleetQuery>(), [""; 0]);
    }

    #[test]
    fn projects_of_one_name_are_one_and_deleted_ones_none() {
        let id = |n| ProjectId(uuid::Uuid::from_u128(n));
        let at = now();
        let project = |n| Project {
            id: id(n),
            name: "same".to_owned(),
            emoji: None,
            color: None,
            sort_order: 0,
            created_at: at,
            updated_at: at,
        };
        let projects = [(id(1), project(1)), (id(2), project(2))].into();
        let directory = Account { projects, ..Account::default() };
        let by_project = [(Some(id(1)), 1), (Some(id(2)), 2), (Some(id(3)), 4), (None, 8)].into();
        let stats = TaskStats { by_project, ..TaskStats::default() };
        assert_eq!(super::by_project(&stats, &directory), [("Inbox", 12), ("same", 3)].into());
    }

    #[test]
    fn a_month_ends_and_zero_is_no_limit() {
        let next = |day: &str| next_month(day.parse().unwrap()).to_string();
        assert_eq!(next("2026-11-30"), "2026-12-01");
        assert_eq!(next("2026-12-31"), "2027-01-01");
        let rates = |reads_per_minute, writes_per_minute| {
            requests_per_minute(Rates { reads_per_minute, writes_per_minute })
        };
        assert_eq!((rates(6, 3), rates(0, 3), rates(0, 0)), (Some(3), Some(3), None));
    }
}
