//! The table of rights: what a caller may do beyond its own tasks, by role or by permission.
//!
//! The only place where a role or a permission stands for a right; everybody else asks
//! [`Standing::may`]. Who may read or write one task because it is theirs says `task/rights.rs`,
//! on top of this table. What must not be here: rules that depend on the state of a thing.

use crate::{Standing, account::Role};

/// The permission to read every task.
pub const TASKS_READ_ALL: &str = "tasks.read_all";
/// The permission to comment on every task that one may read.
pub const TASKS_COMMENT_ALL: &str = "tasks.comment_all";
/// The permission to see the directory of agents.
pub const AGENTS_READ: &str = "agents.read";

/// What may be allowed to a caller in its account (protocol 0.11, 1, 3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Right {
    /// Write anything at all: who lacks it only reads.
    Write,
    /// Read every task, also by project.
    ReadAllTasks,
    /// Comment on every task that it may read.
    CommentOnAllTasks,
    /// Write every task, and release what others hold.
    WriteAllTasks,
    /// Put tasks into projects.
    UseProjects,
    /// Everything about projects themselves, reading them included.
    ManageProjects,
    /// Say of a context that a human stated it, or that it was imported.
    VouchForContext,
    /// Take back that a task asks for evidence.
    LiftEvidencePolicy,
    /// Retry a task beyond its `max_retries`.
    RetryWithoutLimit,
    /// Read every event, internal ones and those about agents and webhooks included.
    ReadAllEvents,
    /// See the directory of agents: who they are, not what they may do.
    ReadDirectory,
    /// See agents whole, their permissions and the beginnings of their keys included.
    ReadAgentsWhole,
    /// Create and delete agents, change all of any agent, give it a new key.
    ManageAgents,
    /// Everything about webhooks, reading them included.
    ManageWebhooks,
    /// Change and delete recurrences of others.
    ManageRecurrences,
    /// Take the account's events away as the log has them.
    ExportEvents,
}

/// Who has a right.
struct Holders {
    roles: &'static [Role],
    permission: Option<&'static str>,
}

impl Right {
    /// The table. A right without a row does not compile.
    const fn holders(self) -> Holders {
        use Role::{Admin, Auditor, Coordinator, Worker};
        let (roles, permission): (&'static [Role], _) = match self {
            Self::Write => (&[Worker, Coordinator, Admin], None),
            Self::ReadAllTasks => (&[Coordinator, Auditor, Admin], Some(TASKS_READ_ALL)),
            Self::CommentOnAllTasks => (&[Coordinator, Admin], Some(TASKS_COMMENT_ALL)),
            Self::WriteAllTasks => (&[Admin], None),
            Self::UseProjects => (&[Admin], None),
            Self::ManageProjects => (&[Admin], None),
            Self::VouchForContext => (&[Admin], None),
            Self::LiftEvidencePolicy => (&[Admin], None),
            Self::RetryWithoutLimit => (&[Admin], None),
            Self::ReadAllEvents => (&[Coordinator, Auditor, Admin], None),
            Self::ReadDirectory => (&[Coordinator, Auditor, Admin], Some(AGENTS_READ)),
            Self::ReadAgentsWhole => (&[Admin], None),
            Self::ManageAgents => (&[Admin], None),
            Self::ManageWebhooks => (&[Admin], None),
            Self::ManageRecurrences => (&[Admin], None),
            Self::ExportEvents => (&[Auditor, Admin], None),
        };
        Holders { roles, permission }
    }
}

impl Standing {
    /// Whether the table gives the caller the right, by its role or by a permission. The project
    /// token and Baton itself have an admin's rights.
    #[must_use]
    pub fn may(&self, right: Right) -> bool {
        let Holders { roles, permission } = right.holders();
        roles.contains(&self.role.unwrap_or(Role::Admin))
            || permission.is_some_and(|wanted| self.permissions.iter().any(|held| held == wanted))
    }
}

impl Standing {
    /// What the caller reads is recorded: it reads everything, and nobody sees it do so.
    #[must_use]
    pub fn is_witnessed(&self) -> bool {
        self.role == Some(Role::Auditor)
    }
}

impl Role {
    /// The permissions that come with the role.
    #[must_use]
    pub fn preset(self) -> Vec<String> {
        match self {
            Self::Coordinator => vec![TASKS_READ_ALL.to_owned(), TASKS_COMMENT_ALL.to_owned()],
            Self::Worker | Self::Admin | Self::Auditor => Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Actor;

    /// The rows of the table as the protocol prints them: worker, coordinator, auditor, admin,
    /// and the permission that grants the right to others.
    const TABLE: [(Right, [bool; 4], Option<&str>); 16] = {
        let (yes, no) = (true, false);
        [
            (Right::Write, [yes, yes, no, yes], None),
            (Right::ReadAllTasks, [no, yes, yes, yes], Some("tasks.read_all")),
            (Right::CommentOnAllTasks, [no, yes, no, yes], Some("tasks.comment_all")),
            (Right::WriteAllTasks, [no, no, no, yes], None),
            (Right::UseProjects, [no, no, no, yes], None),
            (Right::ManageProjects, [no, no, no, yes], None),
            (Right::VouchForContext, [no, no, no, yes], None),
            (Right::LiftEvidencePolicy, [no, no, no, yes], None),
            (Right::RetryWithoutLimit, [no, no, no, yes], None),
            (Right::ReadAllEvents, [no, yes, yes, yes], None),
            (Right::ReadDirectory, [no, yes, yes, yes], Some("agents.read")),
            (Right::ReadAgentsWhole, [no, no, no, yes], None),
            (Right::ManageAgents, [no, no, no, yes], None),
            (Right::ManageWebhooks, [no, no, no, yes], None),
            (Right::ManageRecurrences, [no, no, no, yes], None),
            (Right::ExportEvents, [no, no, yes, yes], None),
        ]
    };

    const ROLES: [Role; 4] = [Role::Worker, Role::Coordinator, Role::Auditor, Role::Admin];

    fn agent(role: Role, permissions: &[&str]) -> Standing {
        Standing {
            actor: Actor::Agent(crate::AgentId(uuid::Uuid::from_u128(1))),
            role: Some(role),
            permissions: permissions.iter().map(|held| (*held).to_owned()).collect(),
            routes: vec![],
        }
    }

    #[test]
    fn every_row_says_yes_and_no_to_every_role() {
        for (place, (right, by_role, _)) in TABLE.into_iter().enumerate() {
            assert_eq!(right as usize, place, "{right:?}: the rows stand in the rights' order");
            for (role, expected) in ROLES.into_iter().zip(by_role) {
                assert_eq!(agent(role, &[]).may(right), expected, "{role:?}: {right:?}");
            }
            assert!(Standing::project().may(right), "the project token: {right:?}");
            assert!(Standing::system("policies").may(right), "Baton itself: {right:?}");
        }
    }

    #[test]
    fn a_permission_grants_its_own_right_and_no_other() {
        let strings = [
            "tasks.read_all",
            "tasks.comment_all",
            "agents.read",
            "tasks.write_all",
            "Tasks.read_all",
            "admin",
            "*",
            "",
        ];
        for held in strings {
            for (right, [by_worker, ..], permission) in TABLE {
                let expected = by_worker || permission == Some(held);
                assert_eq!(agent(Role::Worker, &[held]).may(right), expected, "{held}: {right:?}");
            }
        }
    }

    #[test]
    fn presets_grant_nothing_that_the_role_has_not() {
        for role in ROLES {
            let preset = role.preset();
            let held: Vec<&str> = preset.iter().map(String::as_str).collect();
            for (right, ..) in TABLE {
                assert_eq!(agent(role, &held).may(right), agent(role, &[]).may(right));
            }
        }
    }
}
