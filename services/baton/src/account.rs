//! `baton account create`.

use baton_commands::{Caller, Context, OpenAccount, hash_of, random_token};
use baton_domain::AccountId;
use uuid::Uuid;

use crate::{
    config::Settings,
    wiring::{Core, StartError},
};

/// Opens an account and prints its project token.
#[expect(clippy::print_stdout, reason = "the token is this command's output")]
pub(crate) async fn create(settings: Settings, name: &str) -> Result<(), StartError> {
    let account: AccountId = name.parse().map_err(|_| StartError::AccountName)?;
    if account == AccountId::default_account() {
        return Err(StartError::DefaultAccount);
    }
    let core = Core::of_running(&settings).await?;
    let token = random_token();
    let context = Context {
        caller: Caller::system(account, "operator"),
        correlation_id: Uuid::now_v7(),
        causation_id: None,
        key: None,
    };
    let command = OpenAccount { token_hash: hash_of(&token) };
    core.commands.open_account(&context, command).await.map_err(StartError::Command)?;
    core.log.shutdown().await;
    println!("{token}");
    Ok(())
}
