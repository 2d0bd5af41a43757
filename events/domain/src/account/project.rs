//! The account's projects: drawers that admins put tasks into (protocol 1.7).
//!
//! A task keeps the id of its project; whether that project still is, and its name, are here.

use serde::{Deserialize, Serialize};

use super::{AccountEvent, AccountRefusal, state::Account};
use crate::{ProjectId, Right, Standing, Timestamp, json::settable};

/// Projects that an account may have: each node keeps them all in memory.
pub const PROJECTS_MAX: usize = 10_000;

/// A project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Project {
    /// Its id.
    pub id: ProjectId,
    /// Its name. Several may have the same.
    pub name: String,
    /// For people.
    pub emoji: Option<String>,
    /// For people.
    pub color: Option<String>,
    /// Its place among the projects.
    pub sort_order: i64,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// Fields of a project to be set; `None` leaves a field as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ProjectChanges {
    /// New name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// New emoji, or none.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "settable::deserialize")]
    pub emoji: Option<Option<String>>,
    /// New color, or none.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "settable::deserialize")]
    pub color: Option<Option<String>>,
    /// New place.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sort_order: Option<i64>,
}

/// What may be done about projects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProjectCommand {
    /// Create one.
    Create(ProjectCreated),
    /// Change one.
    Update {
        /// Which.
        project: ProjectId,
        /// What to set.
        changes: ProjectChanges,
    },
    /// Delete one. Its tasks stay, in no project.
    Delete {
        /// Which.
        project: ProjectId,
    },
}

/// Payload of `project.created`, and what it is decided from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProjectCreated {
    /// The new project.
    pub project_id: ProjectId,
    /// Its name.
    pub name: String,
    /// For people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub emoji: Option<String>,
    /// For people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub color: Option<String>,
    /// Its place among the projects.
    pub sort_order: i64,
}

/// Payload of `project.updated`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProjectUpdated {
    /// The project.
    pub project_id: ProjectId,
    /// What changed.
    pub changes: ProjectChanges,
}

/// Payload of `project.deleted`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProjectDeleted {
    /// The project.
    pub project_id: ProjectId,
}

pub(super) fn decide(
    account: &Account,
    by: &Standing,
    command: ProjectCommand,
) -> Result<Vec<AccountEvent>, AccountRefusal> {
    if !by.may(Right::ManageProjects) {
        return Err(AccountRefusal::NotAdmin { action: "manage projects" });
    }
    match command {
        ProjectCommand::Create(_) if account.projects.len() >= PROJECTS_MAX => {
            Err(AccountRefusal::TooManyProjects { max: PROJECTS_MAX })
        }
        ProjectCommand::Create(created) => Ok(vec![AccountEvent::ProjectCreated(created)]),
        ProjectCommand::Update { project, changes } => {
            let changes = changes.only_new(found(account, project)?);
            let updated = ProjectUpdated { project_id: project, changes };
            let is_news = updated.changes != ProjectChanges::default();
            Ok(is_news.then_some(AccountEvent::ProjectUpdated(updated)).into_iter().collect())
        }
        ProjectCommand::Delete { project } => {
            let project_id = found(account, project)?.id;
            Ok(vec![AccountEvent::ProjectDeleted(ProjectDeleted { project_id })])
        }
    }
}

fn found(account: &Account, project: ProjectId) -> Result<&Project, AccountRefusal> {
    account.projects.get(&project).ok_or(AccountRefusal::NoSuchProject)
}

impl ProjectChanges {
    fn only_new(self, project: &Project) -> Self {
        let Self { name, emoji, color, sort_order } = self;
        Self {
            name: name.filter(|name| *name != project.name),
            emoji: emoji.filter(|emoji| *emoji != project.emoji),
            color: color.filter(|color| *color != project.color),
            sort_order: sort_order.filter(|place| *place != project.sort_order),
        }
    }
}

impl ProjectCreated {
    pub(super) fn apply(self, account: &mut Account, at: Timestamp) {
        let Self { project_id: id, name, emoji, color, sort_order } = self;
        let (created_at, updated_at) = (at, at);
        let project = Project { id, name, emoji, color, sort_order, created_at, updated_at };
        account.projects.insert(id, project);
    }
}

impl ProjectUpdated {
    pub(super) fn apply(self, account: &mut Account, at: Timestamp) {
        let Some(project) = account.projects.get_mut(&self.project_id) else { return };
        let ProjectChanges { name, emoji, color, sort_order } = self.changes;
        project.updated_at = at;
        name.into_iter().for_each(|name| project.name = name);
        emoji.into_iter().for_each(|emoji| project.emoji = emoji);
        color.into_iter().for_each(|color| project.color = color);
        sort_order.into_iter().for_each(|place| project.sort_order = place);
    }
}

impl ProjectDeleted {
    pub(super) fn apply(self, account: &mut Account) {
        account.projects.remove(&self.project_id);
    }
}

impl Account {
    /// Its projects in the order in which clients list them.
    #[must_use]
    pub fn projects_in_order(&self) -> Vec<&Project> {
        let mut projects: Vec<&Project> = self.projects.values().collect();
        projects.sort_by_key(|project| (project.sort_order, project.created_at, project.id));
        projects
    }
}

/// A project as clients see it (protocol 2.2).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[expect(missing_docs, reason = "protocol 2.2 describes each; the OpenAPI document repeats it")]
pub struct ProjectDocument {
    pub id: ProjectId,
    pub name: String,
    pub emoji: Option<String>,
    pub color: Option<String>,
    pub sort_order: i64,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

impl Project {
    /// The project as clients see it.
    #[must_use]
    pub fn document(&self) -> ProjectDocument {
        let Self { id, name, emoji, color, sort_order, created_at, updated_at } = self.clone();
        ProjectDocument { id, name, emoji, color, sort_order, created_at, updated_at }
    }
}

#[cfg(test)]
#[path = "project_tests.rs"]
mod tests;
