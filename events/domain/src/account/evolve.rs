//! How an account's events change it. Total: history is not judged twice.

use super::{
    AccountEvent, AgentCreated, AgentUpdated,
    state::{Account, Agent},
};
use crate::Timestamp;

pub(super) fn evolve(mut account: Account, event: AccountEvent) -> Account {
    let at = account.touched_at.unwrap_or_default();
    match event {
        AccountEvent::Opened { token_hash } => {
            account.opened = true;
            account.token_hash = Some(token_hash);
        }
        AccountEvent::TokenRotated { token_hash } => account.token_hash = Some(token_hash),
        AccountEvent::AgentCreated(created) => {
            account.agents.insert(created.agent_id, agent(created, at));
        }
        AccountEvent::AgentUpdated(updated) => {
            if let Some(agent) = account.agents.get_mut(&updated.agent_id) {
                agent.updated_at = at;
                set(agent, updated);
            }
        }
        AccountEvent::AgentKeyRotated { agent_id, key_hash, key_prefix } => {
            if let Some(agent) = account.agents.get_mut(&agent_id) {
                agent.updated_at = at;
                agent.key_hash = key_hash;
                agent.key_prefix = key_prefix;
            }
        }
        AccountEvent::AgentDeleted { agent_id } => {
            if let Some(agent) = account.agents.get_mut(&agent_id) {
                agent.updated_at = at;
                agent.active = false;
                agent.deleted = true;
            }
        }
        AccountEvent::ProjectCreated(created) => created.apply(&mut account, at),
        AccountEvent::ProjectUpdated(updated) => updated.apply(&mut account, at),
        AccountEvent::ProjectDeleted(deleted) => deleted.apply(&mut account),
    }
    account
}

fn agent(created: AgentCreated, at: Timestamp) -> Agent {
    Agent {
        id: created.agent_id,
        name: created.name,
        label: created.label,
        display_name: created.display_name,
        description: created.description,
        role: created.role,
        permissions: created.permissions,
        active: true,
        key_hash: created.key_hash,
        key_prefix: created.key_prefix,
        created_at: at,
        updated_at: at,
        deleted: false,
    }
}

fn set(agent: &mut Agent, updated: AgentUpdated) {
    let AgentUpdated {
        agent_id: _,
        name,
        label,
        display_name,
        description,
        role,
        permissions,
        active,
    } = updated;
    name.into_iter().for_each(|name| agent.name = name);
    label.into_iter().for_each(|label| agent.label = label);
    display_name.into_iter().for_each(|name| agent.display_name = name);
    description.into_iter().for_each(|text| agent.description = text);
    role.into_iter().for_each(|role| agent.role = role);
    permissions.into_iter().for_each(|permissions| agent.permissions = permissions);
    active.into_iter().for_each(|active| agent.active = active);
}
