//! Projects as rows: given an account, when somebody changes its projects, then events or a
//! refusal.

use esrs::Aggregate as _;
use serde_json::json;

use super::*;
use crate::{
    Actor, AgentId, Envelope, Order,
    account::{AccountCommand, Accounts, Role, fold},
    stored::Event as _,
    task::{Task, View},
};

fn id(n: u128) -> ProjectId {
    ProjectId(uuid::Uuid::from_u128(n))
}

fn create(n: u128, name: &str, sort_order: i64) -> ProjectCommand {
    let (project_id, name) = (id(n), name.to_owned());
    let color = Some("#2f6fed".to_owned());
    ProjectCommand::Create(ProjectCreated { project_id, name, emoji: None, color, sort_order })
}

fn update(n: u128, changes: ProjectChanges) -> ProjectCommand {
    ProjectCommand::Update { project: id(n), changes }
}

fn delete(n: u128) -> ProjectCommand {
    ProjectCommand::Delete { project: id(n) }
}

fn run(
    account: &Account,
    by: &Standing,
    command: ProjectCommand,
) -> Result<Vec<AccountEvent>, AccountRefusal> {
    let command = AccountCommand::Project(command);
    Accounts::handle_command(account, Order { by: by.clone(), at: Timestamp::default(), command })
}

/// The types of the events.
fn types(decision: Result<Vec<AccountEvent>, AccountRefusal>) -> Vec<&'static str> {
    decision.unwrap().iter().map(|event| event.encode().event_type).collect()
}

/// After these commands of the project token, one a millisecond.
fn given(commands: &[ProjectCommand]) -> Account {
    commands.iter().zip(1..).fold(Account::default(), |account, (command, millis)| {
        let at = Timestamp::from_millis(millis).unwrap();
        let envelope = Envelope { at, actor: Actor::Project };
        let events = run(&account, &Standing::project(), command.clone()).unwrap();
        events.into_iter().fold(account, |account, event| fold(account, &envelope, event))
    })
}

#[test]
fn a_project_is_created_changed_and_deleted() {
    let account = given(&[create(1, "Launch", 3)]);
    assert_eq!(account.projects[&id(1)].name, "Launch");
    let changes = ProjectChanges {
        name: Some("Relaunch".into()),
        color: Some(None),
        ..ProjectChanges::default()
    };
    let account = given(&[create(1, "Launch", 3), update(1, changes.clone())]);
    let project = &account.projects[&id(1)];
    assert_eq!((project.name.as_str(), project.color.as_deref()), ("Relaunch", None));
    assert_eq!((project.sort_order, &project.emoji), (3, &None));
    let millis = |time: Timestamp| time.as_millis();
    assert_eq!((millis(project.created_at), millis(project.updated_at)), (1, 2));
    // A value that it has already is no change.
    let project_token = Standing::project();
    assert_eq!(types(run(&account, &project_token, update(1, changes))), [""; 0]);
    assert_eq!(types(run(&account, &project_token, delete(1))), ["project.deleted"]);
    let account = given(&[create(1, "Launch", 3), delete(1)]);
    for command in [delete(1), update(1, ProjectChanges::default()), delete(2)] {
        let refused = run(&account, &project_token, command);
        assert_eq!(refused, Err(AccountRefusal::NoSuchProject));
    }
}

#[test]
fn only_admins_change_projects() {
    let account = given(&[create(1, "Launch", 0)]);
    for role in [Role::Worker, Role::Coordinator, Role::Auditor, Role::Admin] {
        let by = Standing {
            actor: Actor::Agent(AgentId::default()),
            role: Some(role),
            permissions: vec!["tasks.read_all".to_owned()],
            routes: vec![],
        };
        let changes = ProjectChanges { name: Some("x".into()), ..ProjectChanges::default() };
        for command in [create(2, "x", 0), update(1, changes), delete(1), delete(7)] {
            let is_refused =
                matches!(run(&account, &by, command), Err(AccountRefusal::NotAdmin { .. }));
            assert_eq!(is_refused, role != Role::Admin, "{role:?}");
        }
    }
}

#[test]
fn projects_are_listed_by_their_place_then_age() {
    let account = given(&[create(9, "c", 1), create(1, "b", 0), create(5, "a", 1)]);
    let names: Vec<&str> =
        account.projects_in_order().iter().map(|project| project.name.as_str()).collect();
    assert_eq!(names, ["b", "c", "a"]);
}

#[test]
fn an_account_holds_a_bounded_number_of_projects() {
    let one = given(&[create(0, "p", 0)]).projects.remove(&id(0)).unwrap();
    let many = (0..PROJECTS_MAX).map(|n| (id(n as u128), one.clone()));
    let mut account = Account { projects: many.collect(), ..Account::default() };
    let full = Err(AccountRefusal::TooManyProjects { max: PROJECTS_MAX });
    assert_eq!(run(&account, &Standing::project(), create(u128::MAX, "p", 0)), full);
    account.projects.remove(&id(0));
    assert!(run(&account, &Standing::project(), create(u128::MAX, "p", 0)).is_ok());
}

#[test]
fn a_task_shows_the_project_that_is_still_there() {
    let task = Task { project_id: Some(id(1)), ..Task::default() };
    let members = ["project_id", "project_name", "project"];
    let shown = |commands: &[ProjectCommand], view| {
        let document = json!(task.document(&given(commands), view));
        members.map(|name| document.get(name).cloned())
    };
    let there = [create(1, "Launch", 0)];
    let [of_id, name, project] = shown(&there, View::Plain);
    assert_eq!((of_id, name), (Some(json!(id(1))), Some(json!("Launch"))));
    assert_eq!(project.unwrap()["color"], "#2f6fed");
    for view in [View::Summary, View::Message] {
        let short = [Some(json!(id(1))), Some(json!("Launch")), None];
        assert_eq!(shown(&there, view), short, "{view:?}");
    }
    let gone = [create(1, "Launch", 0), delete(1)];
    assert_eq!(
        shown(&gone, View::Plain),
        [Some(json!(null)), Some(json!(null)), Some(json!(null))]
    );
}
