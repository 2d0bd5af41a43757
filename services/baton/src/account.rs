//! `baton account`: accounts are an operator's to open, list and give new tokens.

use baton_commands::{
    Answer, Caller, CommandError, Commands, Context, OpenAccount, RotateToken, hash_of,
    random_token,
};
use baton_domain::{
    AccountId,
    account::{Account, KeyHash},
};
use uuid::Uuid;

use crate::{
    AccountCommand,
    config::Settings,
    wiring::{Core, StartError},
};

pub(crate) async fn run(settings: Settings, command: AccountCommand) -> Result<(), StartError> {
    match command {
        AccountCommand::Create { name } => create(settings, &name).await,
        AccountCommand::List => list(settings).await,
        AccountCommand::RotateToken { name } => rotate_token(settings, &name).await,
    }
}

/// Opens an account and prints its project token.
async fn create(settings: Settings, name: &str) -> Result<(), StartError> {
    with_token(settings, name, async |commands, context, token_hash| {
        commands.open_account(&context, OpenAccount { token_hash }).await
    })
    .await
}

/// Makes a new project token and prints it.
async fn rotate_token(settings: Settings, name: &str) -> Result<(), StartError> {
    with_token(settings, name, async |commands, context, token_hash| {
        commands.rotate_token(&context, RotateToken { token_hash }).await
    })
    .await
}

/// Prints a fresh project token, once the command that records it is done.
#[expect(clippy::print_stdout, reason = "the token is this command's output")]
async fn with_token(
    settings: Settings,
    name: &str,
    record: impl AsyncFnOnce(&Commands, Context, KeyHash) -> Result<Answer<Account>, CommandError>,
) -> Result<(), StartError> {
    let context = operator(name)?;
    let core = Core::of_running(&settings).await?;
    let token = random_token();
    let recorded = record(&core.commands, context, hash_of(&token)).await;
    recorded.map_err(StartError::Command)?;
    core.log.shutdown().await;
    println!("{token}");
    Ok(())
}

/// Prints a line for each account.
#[expect(clippy::print_stdout, reason = "the table is this command's output")]
async fn list(settings: Settings) -> Result<(), StartError> {
    let core = Core::of_running(&settings).await?;
    let mut accounts = core.commands.directory().accounts();
    // It is there before anything happens in it.
    accounts.entry(AccountId::default_account()).or_insert_with(|| Some(Default::default()));
    core.log.shutdown().await;
    let name = |account: &AccountId| account.as_str().len();
    let width = accounts.keys().map(name).max().unwrap_or_default().max("ACCOUNT".len());
    println!("{:width$}  AGENTS  STATE", "ACCOUNT");
    for (account, known) in &accounts {
        let agents = known.as_ref().map(|known| known.living().count().to_string());
        let state = if known.is_some() { "open" } else { "closed" };
        let agents = agents.unwrap_or_else(|| "-".to_owned());
        println!("{:width$}  {agents:>6}  {state}", account.as_str());
    }
    Ok(())
}

/// An operator, acting in the account; the default one's token is a setting.
fn operator(name: &str) -> Result<Context, StartError> {
    let account: AccountId = name.parse().map_err(|_| StartError::AccountName)?;
    if account == AccountId::default_account() {
        return Err(StartError::DefaultAccount);
    }
    Ok(Context {
        caller: Caller::system(account, "operator"),
        correlation_id: Uuid::now_v7(),
        causation_id: None,
        key: None,
    })
}
