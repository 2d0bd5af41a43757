//! Agents in whose name a trusted proxy speaks (protocol 0.2): it has checked who they are.
//!
//! It must not know which proxies are trusted: who asks here has made sure of that.

use baton_domain::AccountId;

use crate::{
    caller::{Caller, Who},
    error::CommandError,
    execute::Commands,
};

impl Commands {
    /// The default account's active agent of this name, in lower case, or of the part of it before
    /// an `@`. On a miss the directory first catches up.
    ///
    /// # Errors
    /// [`CommandError::Unauthenticated`] where there is none.
    pub async fn authenticate_user(&self, user: &str) -> Result<Caller, CommandError> {
        let caller = match self.find_user(user) {
            Some(caller) => caller,
            None => {
                self.directory().catch_up().await?;
                self.find_user(user).ok_or(CommandError::Unauthenticated)?
            }
        };
        self.saw(&caller);
        Ok(caller)
    }

    fn find_user(&self, user: &str) -> Option<Caller> {
        let account = AccountId::default_account();
        if self.directory().is_closed(&account) {
            return None;
        }
        let user = user.to_lowercase();
        let known = self.directory().account(&account).state;
        let named = |name: &str| known.living().find(|agent| agent.active && agent.name == name);
        let local_part = user.split_once('@').map(|(local_part, _)| local_part);
        let agent = named(&user).or_else(|| named(local_part?))?;
        Some(Caller { account, who: Who::Agent { id: agent.id, key_hash: None } })
    }
}
