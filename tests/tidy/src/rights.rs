//! Who may do what is one table: no other place asks for a role or a permission by its name.

use crate::{Finding, rust_text::RustText, tree::TextFile};

/// The table.
const TABLE: &str = "events/domain/src/rights.rs";
/// Where roles are what it is about: agents that have one, and the words for them on the wire.
const ABOUT_ROLES: [&str; 2] =
    ["events/domain/src/account/", "services/api/src/resources/agent_bodies.rs"];
/// Files that are compiled for tests only.
const TESTS: [&str; 3] = ["tests/", "_tests.rs", "/given.rs"];
const ROLES: [&str; 6] = ["Worker", "Coordinator", "Auditor", "Admin", "{", "*"];
const PERMISSIONS: [&str; 3] = ["tasks.read_all", "tasks.comment_all", "agents.read"];

/// The places of a source that decide by a role or a permission, tests aside.
#[must_use]
pub fn check(file: &TextFile) -> Vec<Finding> {
    let is_test = TESTS.iter().any(|place| file.path.contains(place));
    if is_test || file.path == TABLE {
        return vec![];
    }
    let rust = RustText::of(&file.text);
    let is_about_roles = ABOUT_ROLES.iter().any(|place| file.path.starts_with(place));
    let roles = rust.words("Role").filter(|at| !is_about_roles && is_role(&rust.code[*at..]));
    let permissions = rust.literals.iter().filter(|it| PERMISSIONS.contains(&it.text.as_str()));
    let places = roles.chain(permissions.map(|literal| literal.at));
    let mend = format!("ask `Standing::may`; who has which right is said in {TABLE} alone");
    places
        .filter(|at| !rust.is_test(*at))
        .map(|at| Finding::new(&file.path, rust.line(at), "rights", mend.clone()))
        .collect()
}

fn is_role(code: &str) -> bool {
    let name = code.strip_prefix("Role::");
    name.is_some_and(|name| ROLES.iter().any(|role| name.starts_with(role)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_decides_by_a_role_is_found() {
        for (path, line, is_found) in [
            ("services/api/src/a.rs", "if agent.role == Role::Admin {}", true),
            ("services/api/src/a.rs", "use baton_domain::account::Role::{Admin};", true),
            ("services/api/src/a.rs", "if held.contains(\"tasks.read_all\") {}", true),
            ("events/domain/src/account/b.rs", "if held.contains(\"agents.read\") {}", true),
            ("events/domain/src/account/b.rs", "let role = Role::Admin;", false),
            ("services/baton/src/b.rs", "if roles.has(Role::Api) {}", false),
            ("services/api/src/a.rs", "// Role::Admin, \"tasks.read_all\"", false),
            (
                "services/api/src/a.rs",
                "#[cfg(test)]\nmod tests { const A: Role = Role::Admin; }",
                false,
            ),
            (TABLE, "let role = Role::Admin;", false),
        ] {
            let found = check(&TextFile::new(path, &format!("//! x\n{line}\n")));
            assert_eq!(!found.is_empty(), is_found, "{path}: {line}");
        }
    }
}
