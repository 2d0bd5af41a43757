//! The account's rules as rows: given events, when a command, then events or a refusal.

use esrs::Aggregate as _;

use super::*;
use crate::{
    Envelope, Timestamp,
    account::{Accounts, KeyHash, NewKey, fold},
};

fn id(n: u128) -> AgentId {
    AgentId(uuid::Uuid::from_u128(n))
}

fn key(n: u8) -> NewKey {
    NewKey { hash: KeyHash([n; 32]), prefix: "dlg_abcdefgh".to_owned() }
}

fn agent(n: u128, name: &str, role: Option<Role>) -> AccountCommand {
    AccountCommand::CreateAgent(NewAgent {
        id: id(n),
        name: name.to_owned(),
        label: None,
        display_name: None,
        description: None,
        role,
        permissions: None,
        key: key(1),
    })
}

fn account(commands: &[AccountCommand]) -> Account {
    commands.iter().fold(Account::default(), |account, command| {
        let events = run(&account, &Standing::project(), command.clone()).unwrap();
        let envelope = Envelope { at: Timestamp::default(), actor: crate::Actor::Project };
        events.into_iter().fold(account, |account, event| fold(account, &envelope, event))
    })
}

fn run(
    account: &Account,
    by: &Standing,
    command: AccountCommand,
) -> Result<Vec<AccountEvent>, AccountRefusal> {
    Accounts::handle_command(account, Order { by: by.clone(), at: Timestamp::default(), command })
}

fn update(n: u128, changes: AgentChanges) -> AccountCommand {
    AccountCommand::UpdateAgent { agent: id(n), changes }
}

#[test]
fn names_are_unique_among_the_living() {
    let given = account(&[agent(1, "ada", None)]);
    let taken = AccountRefusal::NameTaken { name: "ada".to_owned() };
    assert_eq!(run(&given, &Standing::project(), agent(2, "ada", None)), Err(taken));
    let delete = AccountCommand::DeleteAgent { agent: id(1), unfinished_tasks: 0 };
    let given = account(&[agent(1, "ada", None), delete]);
    assert!(run(&given, &Standing::project(), agent(2, "ada", None)).is_ok());
    let as_id = agent(2, &id(7).to_string(), None);
    assert_eq!(run(&given, &Standing::project(), as_id), Err(AccountRefusal::NameIsAnId));
}

#[test]
fn the_first_agent_is_an_admin_and_there_is_but_one_first() {
    let first = |n, name, role| match agent(n, name, role) {
        AccountCommand::CreateAgent(agent) => {
            let permissions = Some(vec!["agents.read".to_owned()]);
            AccountCommand::CreateFirstAgent(NewAgent { permissions, ..agent })
        }
        other => other,
    };
    let by = Standing::system("bootstrap");
    let given = account(&[first(1, "ada", Some(Role::Worker))]);
    let ada = given.find("ada").unwrap();
    assert_eq!((ada.role, &ada.permissions), (Role::Admin, &vec![]));
    let again = run(&given, &by, first(2, "bob", Some(Role::Admin)));
    assert_eq!(again, Err(AccountRefusal::NotFirst));
    // One that was deleted was the first all the same.
    let delete = AccountCommand::DeleteAgent { agent: id(1), unfinished_tasks: 0 };
    let given = account(&[agent(1, "ada", None), delete]);
    assert_eq!(run(&given, &by, first(2, "bob", None)), Err(AccountRefusal::NotFirst));
    let worker = Standing { role: Some(Role::Worker), ..by };
    let refused = run(&Account::default(), &worker, first(1, "ada", None));
    assert!(matches!(refused, Err(AccountRefusal::NotAdmin { .. })));
}

#[test]
fn only_an_account_that_was_opened_gets_another_token() {
    let token = |n| KeyHash([n; 32]);
    let rotate = AccountCommand::RotateToken { token_hash: token(2) };
    let by = Standing::system("operator");
    for never_opened in [Account::default(), account(&[agent(1, "ada", None)])] {
        assert_eq!(run(&never_opened, &by, rotate.clone()), Err(AccountRefusal::NotOpened));
    }
    let given = account(&[AccountCommand::Open { token_hash: token(1) }, rotate]);
    assert_eq!(given.token_hash, Some(token(2)));
    let again = AccountCommand::Open { token_hash: token(1) };
    assert_eq!(run(&given, &by, again), Err(AccountRefusal::AlreadyOpened));
}

#[test]
fn an_agent_changes_only_what_is_its_own() {
    let given = account(&[agent(1, "ada", None), agent(2, "bob", None)]);
    let ada = Standing::of(given.find("ada").unwrap());
    let label = AgentChanges { label: Some(Some("L".to_owned())), ..AgentChanges::default() };
    assert_eq!(run(&given, &ada, update(1, label.clone())).unwrap().len(), 1);
    assert_eq!(
        run(&given, &ada, update(2, label)),
        Err(AccountRefusal::NotAdmin { action: "change another agent" })
    );
    for (field, changes) in [
        ("name", AgentChanges { name: Some("eve".to_owned()), ..AgentChanges::default() }),
        ("role", AgentChanges { role: Some(Role::Admin), ..AgentChanges::default() }),
        ("active", AgentChanges { active: Some(false), ..AgentChanges::default() }),
        (
            "permissions",
            AgentChanges {
                permissions: Some(vec!["tasks.read_all".to_owned()]),
                ..AgentChanges::default()
            },
        ),
    ] {
        assert_eq!(run(&given, &ada, update(1, changes)), Err(AccountRefusal::Protected { field }));
    }
    // The value it has already is never a reason for 403, and never an event.
    let same = AgentChanges {
        name: Some("ada".to_owned()),
        role: Some(Role::Worker),
        active: Some(true),
        ..AgentChanges::default()
    };
    assert_eq!(run(&given, &ada, update(1, same)), Ok(vec![]));
}

#[test]
fn permissions_of_its_own_make_a_coordinator_a_worker() {
    let given = account(&[agent(1, "ada", Some(Role::Coordinator))]);
    let changes =
        AgentChanges { permissions: Some(vec!["x".to_owned()]), ..AgentChanges::default() };
    let events = run(&given, &Standing::project(), update(1, changes)).unwrap();
    let AccountEvent::AgentUpdated(updated) = &events[0] else { panic!("{events:?}") };
    assert_eq!(updated.role, Some(Role::Worker));
    assert_eq!(updated.permissions, Some(vec!["x".to_owned()]));
}

#[test]
fn who_cannot_be_deleted() {
    let given = account(&[agent(1, "ada", Some(Role::Admin)), agent(2, "bob", None)]);
    let ada = Standing::of(given.find("ada").unwrap());
    let bob = Standing::of(given.find("bob").unwrap());
    let delete =
        |n, unfinished_tasks| AccountCommand::DeleteAgent { agent: id(n), unfinished_tasks };
    for (by, command, refusal) in [
        (&ada, delete(1, 0), AccountRefusal::Self_),
        (&Standing::project(), delete(1, 0), AccountRefusal::LastAdmin),
        (&ada, delete(2, 3), AccountRefusal::StillAtWork { unfinished_tasks: 3 }),
        (&bob, delete(2, 0), AccountRefusal::NotAdmin { action: "delete agents" }),
        (&ada, delete(9, 0), AccountRefusal::NoSuchAgent),
    ] {
        assert_eq!(run(&given, by, command), Err(refusal));
    }
    assert_eq!(
        run(&given, &ada, delete(2, 0)),
        Ok(vec![AccountEvent::AgentDeleted { agent_id: id(2) }])
    );
}
