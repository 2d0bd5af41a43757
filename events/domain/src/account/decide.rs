//! The account's rules (protocol 1.1).

use super::{
    AccountCommand, AccountEvent, AccountRefusal, AgentChanges, AgentCreated, AgentUpdated,
    NewAgent, project,
    state::{Account, Agent, Role},
};
use crate::{AgentId, Order, Right, Standing};

/// Agents an account may hold, living and remembered: each node keeps them all in memory.
pub const AGENTS_MAX: usize = 10_000;

pub(super) fn decide(
    account: &Account,
    order: Order<AccountCommand>,
) -> Result<Vec<AccountEvent>, AccountRefusal> {
    let by = &order.by;
    match order.command {
        AccountCommand::Open { token_hash } if account.opened || !account.agents.is_empty() => {
            // The same opening again is harmless.
            if account.token_hash == Some(token_hash) {
                Ok(vec![])
            } else {
                Err(AccountRefusal::AlreadyOpened)
            }
        }
        AccountCommand::Open { token_hash } => Ok(vec![AccountEvent::Opened { token_hash }]),
        AccountCommand::RotateToken { .. } if !account.opened => Err(AccountRefusal::NotOpened),
        AccountCommand::RotateToken { token_hash } => {
            Ok(vec![AccountEvent::TokenRotated { token_hash }])
        }
        AccountCommand::CreateAgent(agent) => create(account, by, agent),
        AccountCommand::CreateFirstAgent(_) if !account.agents.is_empty() => {
            Err(AccountRefusal::NotFirst)
        }
        AccountCommand::CreateFirstAgent(agent) => {
            let admin = NewAgent { role: Some(Role::Admin), permissions: None, ..agent };
            create(account, by, admin)
        }
        AccountCommand::UpdateAgent { agent, changes } => update(account, by, agent, changes),
        AccountCommand::RotateKey { agent, key } => {
            living(account, agent)?;
            if !by.may(Right::ManageAgents) && by.agent() != Some(agent) {
                return Err(AccountRefusal::NotAdmin { action: "rotate another agent's key" });
            }
            Ok(vec![AccountEvent::AgentKeyRotated {
                agent_id: agent,
                key_hash: key.hash,
                key_prefix: key.prefix,
            }])
        }
        AccountCommand::DeleteAgent { agent, unfinished_tasks } => {
            delete(account, by, agent, unfinished_tasks)
        }
        AccountCommand::Project(command) => project::decide(account, by, command),
    }
}

fn create(
    account: &Account,
    by: &Standing,
    agent: NewAgent,
) -> Result<Vec<AccountEvent>, AccountRefusal> {
    if !by.may(Right::ManageAgents) {
        return Err(AccountRefusal::NotAdmin { action: "create agents" });
    }
    if account.agents.len() >= AGENTS_MAX {
        return Err(AccountRefusal::Full { max: AGENTS_MAX });
    }
    check_name(account, &agent.name)?;
    let role = agent.role.unwrap_or(Role::Worker);
    Ok(vec![AccountEvent::AgentCreated(AgentCreated {
        agent_id: agent.id,
        name: agent.name,
        display_name: agent.display_name.or_else(|| agent.label.clone()),
        label: agent.label,
        description: agent.description,
        role,
        permissions: agent.permissions.unwrap_or_else(|| role.preset()),
        key_hash: agent.key.hash,
        key_prefix: agent.key.prefix,
    })])
}

fn update(
    account: &Account,
    by: &Standing,
    id: AgentId,
    changes: AgentChanges,
) -> Result<Vec<AccountEvent>, AccountRefusal> {
    let agent = living(account, id)?;
    if !by.may(Right::ManageAgents) && by.agent() != Some(id) {
        return Err(AccountRefusal::NotAdmin { action: "change another agent" });
    }
    let mut role = changes.role.or(match changes.is_admin {
        Some(true) if agent.role != Role::Admin => Some(Role::Admin),
        Some(false) if agent.role == Role::Admin => Some(Role::Worker),
        _ => None,
    });
    let mut permissions = changes.permissions.or_else(|| role.map(Role::preset));
    // A coordinator is its preset: other permissions make it a worker with exactly these.
    if role.is_none() && permissions.is_some() && agent.role == Role::Coordinator {
        role = Some(Role::Worker);
    }
    if role == Some(agent.role)
        && changes.role.is_some()
        && permissions == Some(agent.role.preset())
    {
        // The role it has already, sent back in a whole record: its permissions stay.
        permissions = None;
    }
    let updated = AgentUpdated {
        agent_id: id,
        name: changes.name.filter(|name| *name != agent.name),
        label: changes.label.filter(|label| *label != agent.label),
        display_name: changes.display_name.filter(|name| *name != agent.display_name),
        description: changes.description.filter(|text| *text != agent.description),
        role: role.filter(|role| *role != agent.role),
        permissions: permissions.filter(|held| *held != agent.permissions),
        active: changes.active.filter(|active| *active != agent.active),
    };
    if let Some(field) = protected_field(&updated).filter(|_| !by.may(Right::ManageAgents)) {
        return Err(AccountRefusal::Protected { field });
    }
    if let Some(name) = &updated.name {
        check_name(account, name)?;
    }
    let unchanged = AgentUpdated {
        agent_id: id,
        name: None,
        label: None,
        display_name: None,
        description: None,
        role: None,
        permissions: None,
        active: None,
    };
    Ok(if updated == unchanged { vec![] } else { vec![AccountEvent::AgentUpdated(updated)] })
}

/// The first changed field that an agent may not change of itself.
fn protected_field(updated: &AgentUpdated) -> Option<&'static str> {
    let changed = [
        ("name", updated.name.is_some()),
        ("role", updated.role.is_some()),
        ("permissions", updated.permissions.is_some()),
        ("active", updated.active.is_some()),
    ];
    changed.into_iter().find_map(|(field, is_changed)| is_changed.then_some(field))
}

fn delete(
    account: &Account,
    by: &Standing,
    id: AgentId,
    unfinished_tasks: u64,
) -> Result<Vec<AccountEvent>, AccountRefusal> {
    if !by.may(Right::ManageAgents) {
        return Err(AccountRefusal::NotAdmin { action: "delete agents" });
    }
    let agent = living(account, id)?;
    if by.agent() == Some(id) {
        return Err(AccountRefusal::Self_);
    }
    let is_active_admin = |agent: &&Agent| agent.active && agent.role == Role::Admin;
    if is_active_admin(&agent) && account.living().filter(is_active_admin).count() == 1 {
        return Err(AccountRefusal::LastAdmin);
    }
    if unfinished_tasks > 0 {
        return Err(AccountRefusal::StillAtWork { unfinished_tasks });
    }
    Ok(vec![AccountEvent::AgentDeleted { agent_id: id }])
}

fn living(account: &Account, id: AgentId) -> Result<&Agent, AccountRefusal> {
    let agent = account.agents.get(&id).filter(|agent| !agent.deleted);
    agent.ok_or(AccountRefusal::NoSuchAgent)
}

fn check_name(account: &Account, name: &str) -> Result<(), AccountRefusal> {
    if name.parse::<AgentId>().is_ok() {
        return Err(AccountRefusal::NameIsAnId);
    }
    if account.living().any(|agent| agent.name == name) {
        return Err(AccountRefusal::NameTaken { name: name.to_owned() });
    }
    Ok(())
}

#[cfg(test)]
#[path = "decide_tests.rs"]
mod tests;
