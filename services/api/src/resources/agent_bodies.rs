//! Bodies about agents (protocol 1.1).

use baton_commands::CreateAgent;
use baton_domain::account::{AgentChanges, Role};
use poem_openapi::Object;

use crate::{
    body::FromFields,
    field::{Field, Patch, Text},
    fields::{Fields, ListRule, Shape},
    schema::{Nullable, Role as RoleWord},
};

const NAME: Text = Text::filled(100);
const LABEL: Text = Text::up_to(200);
const DESCRIPTION: Text = Text::up_to(2_000);
const PERMISSIONS: ListRule =
    ListRule { shape: Shape::Array, items_max: 100, item: Text::filled(100) };
const ROLES: [(&str, Role); 4] = [
    ("worker", Role::Worker),
    ("coordinator", Role::Coordinator),
    ("admin", Role::Admin),
    ("auditor", Role::Auditor),
];

/// An agent to be created.
#[derive(Debug)]
pub(super) struct NewAgent(pub(super) CreateAgent);

/// An agent to be created. Give `role` or `permissions`, not both.
#[derive(Object)]
#[oai(rename = "NewAgent")]
pub(super) struct NewAgentDocument {
    /// Unique among the account's agents, without `/`.
    #[oai(validator(min_length = 1, max_length = 100))]
    name: String,
    /// Free text; tasks labelled `@label` route to it.
    #[oai(validator(max_length = 200))]
    label: Option<Nullable<String>>,
    /// For people; the label when left out.
    #[oai(validator(max_length = 200))]
    display_name: Option<Nullable<String>>,
    /// For people.
    #[oai(validator(max_length = 2000))]
    description: Option<Nullable<String>>,
    /// Its role; worker when left out.
    role: Option<Nullable<RoleWord>>,
    /// Its permissions; the role's when left out.
    #[oai(validator(max_items = 100))]
    permissions: Option<Nullable<Vec<String>>>,
    /// The same as role admin.
    is_admin: Option<Nullable<bool>>,
}

impl FromFields for NewAgent {
    type Document = NewAgentDocument;

    fn from_fields(fields: &mut Fields<'_>) -> Self {
        refuse_role_with_permissions(fields);
        let has_permissions = fields.has_value("permissions");
        let mut agent = CreateAgent::new(read_name(fields).required());
        agent.label = fields.text("label", LABEL).optional();
        agent.display_name = fields.text("display_name", LABEL).optional();
        agent.description = fields.text("description", DESCRIPTION).optional();
        agent.role = fields.choice("role", &ROLES).optional();
        agent.permissions = fields.texts("permissions", PERMISSIONS).optional();
        let is_admin = fields.boolean("is_admin").optional();
        refuse_torn_admin(fields, (agent.role, is_admin), has_permissions);
        if is_admin == Some(true) {
            agent.role = Some(Role::Admin);
        }
        Self(agent)
    }
}

/// Fields of an agent to be set.
#[derive(Debug)]
pub(super) struct AgentUpdate(pub(super) AgentChanges);

/// Fields to set; what is left out stays. An agent changes its own `label`, `display_name` and
/// `description`; everything else is for admins.
#[derive(Object)]
#[oai(rename = "AgentUpdate")]
pub(super) struct AgentUpdateDocument {
    /// Unique among the account's agents, without `/`.
    #[oai(validator(min_length = 1, max_length = 100))]
    name: Option<String>,
    /// Free text; tasks labelled `@label` route to it.
    #[oai(validator(max_length = 200))]
    label: Option<Nullable<String>>,
    /// For people.
    #[oai(validator(max_length = 200))]
    display_name: Option<Nullable<String>>,
    /// For people.
    #[oai(validator(max_length = 2000))]
    description: Option<Nullable<String>>,
    /// Its role; replaces its permissions by the role's.
    role: Option<RoleWord>,
    /// Its permissions, whole; makes a coordinator a worker with exactly these.
    #[oai(validator(max_items = 100))]
    permissions: Option<Nullable<Vec<String>>>,
    /// The same as role admin.
    is_admin: Option<bool>,
    /// Whether its key works and tasks may be given to it.
    active: Option<bool>,
}

impl FromFields for AgentUpdate {
    type Document = AgentUpdateDocument;

    fn from_fields(fields: &mut Fields<'_>) -> Self {
        refuse_role_with_permissions(fields);
        let has_permissions = fields.has_value("permissions");
        let role = fields.choice("role", &ROLES).change();
        let is_admin = fields.boolean("is_admin").change();
        refuse_torn_admin(fields, (role, is_admin), has_permissions);
        let brings_its_own = role.is_some() || is_admin == Some(true);
        let permissions = match fields.texts("permissions", PERMISSIONS).patch() {
            Patch::Keep => None,
            Patch::Clear if brings_its_own => None,
            Patch::Clear => Some(Vec::new()),
            Patch::Set(permissions) => Some(permissions),
        };
        Self(AgentChanges {
            name: read_name(fields).change(),
            label: fields.text("label", LABEL).patch().into_option(),
            display_name: fields.text("display_name", LABEL).patch().into_option(),
            description: fields.text("description", DESCRIPTION).patch().into_option(),
            role,
            is_admin,
            permissions,
            active: fields.boolean("active").change(),
        })
    }
}

fn read_name<'f>(fields: &'f mut Fields<'_>) -> Field<'f, String> {
    fields.text("name", NAME).check(|name| !name.contains('/'), "must not contain /")
}

fn refuse_role_with_permissions(fields: &mut Fields<'_>) {
    if fields.has_value("role") && fields.has_value("permissions") {
        fields.wrong("permissions", "cannot be set together with role, which brings its own");
    }
}

/// `is_admin` is another word for role admin.
fn refuse_torn_admin(
    fields: &mut Fields<'_>,
    (role, is_admin): (Option<Role>, Option<bool>),
    has_permissions: bool,
) {
    match (role, is_admin) {
        (Some(role), Some(is_admin)) if (role == Role::Admin) != is_admin => {
            fields.wrong("is_admin", "contradicts role: it is another word for role admin");
        }
        (None, Some(true)) if has_permissions => {
            let message = "cannot be set together with is_admin, which brings its own";
            fields.wrong("permissions", message);
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drift;

    #[test]
    fn what_is_read_is_what_is_shown() {
        assert_eq!(drift::of_body::<NewAgent>(), [""; 0]);
        assert_eq!(drift::of_body::<AgentUpdate>(), [""; 0]);
    }
}
