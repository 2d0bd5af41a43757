//! Examples of projects.

use baton_commands::CommandError;
use baton_domain::account::{AccountRefusal, PROJECTS_MAX};
use serde_json::{Value, json};

use super::{annotations::done, with};
use crate::{example::Operation, problem::Problem};

/// The project of all examples.
pub(super) const PROJECT: &str = "0195a3b0-7711-7e02-8c44-1b9d6e3f5a20";

pub(super) fn of(operation: &str) -> Option<Operation> {
    let common = || {
        let gone = refused(AccountRefusal::NoSuchProject);
        let read_only = CommandError::ReadOnly.into();
        [refused(AccountRefusal::NotAdmin { action: "manage projects" }), read_only, gone]
    };
    let only_admins = || common().into_iter().take(2);
    Some(match operation {
        "listProjects" => {
            let second = json!({ "name": "Launch", "sort_order": 1, "emoji": null });
            let other = json!({ "id": "0195a3b0-8f3e-7a41-9b06-d27c5e1f8043" });
            let all = json!([project(), with(with(project(), second), other)]);
            Operation::answering(200, "All of the account", all).refusing(only_admins().take(1))
        }
        "createProject" => Operation::answering(201, "The project", project())
            .to(
                "With its marks",
                json!({ "name": "Blog", "emoji": "\u{270f}", "color": "#2f6fed" }),
            )
            .to("Only a name", json!({ "name": "Blog" }))
            .refusing(only_admins())
            .refusing([
                refused(AccountRefusal::TooManyProjects { max: PROJECTS_MAX }),
                Problem::invalid_field("name", "is required"),
            ]),
        "getProject" => {
            let [forbidden, _, gone] = common();
            Operation::answering(200, "The project", project()).refusing([forbidden, gone])
        }
        "updateProject" | "putProject" => {
            Operation::answering(200, "The project", with(project(), json!({ "name": "Magazine" })))
                .to("Another name", json!({ "name": "Magazine" }))
                .to("To the front, without an emoji", json!({ "sort_order": -1, "emoji": null }))
                .refusing(common())
                .refusing([Problem::invalid_field("name", "must not be blank")])
        }
        "deleteProject" => Operation::answering(200, "It is gone", done()).refusing(common()),
        _ => return None,
    })
}

fn project() -> Value {
    json!({
        "id": PROJECT,
        "name": "Blog",
        "emoji": "\u{270f}",
        "color": "#2f6fed",
        "sort_order": 0,
        "created_at": "2026-03-17T09:58:00.000Z",
        "updated_at": "2026-03-17T09:58:00.000Z",
    })
}

fn refused(refusal: AccountRefusal) -> Problem {
    CommandError::from(refusal).into()
}
