//! Signers of webhooks, made once from secrets that Commands opens.
//!
//! Must not: keep a secret as text, print one, or write one anywhere.

use std::error::Error;
use std::sync::Arc;

use baton_commands::{CommandError, Commands, SecretsError};
use baton_domain::{AccountId, Timestamp, id::SecretId, webhook::FormerSecret};

use crate::endpoint::Endpoint;
use crate::sign::{Keyring, Signer};

/// Opens webhooks' secrets. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Secrets(Commands);

impl Secrets {
    pub(crate) fn new(commands: Commands) -> Self {
        Self(commands)
    }

    /// The signers of an endpoint's secrets. Workers keep theirs: a changed secret has another id.
    /// A former secret whose time is over is left out; so is one that is lost, since the present
    /// one signs without it.
    pub(crate) async fn keyring(&self, endpoint: &Endpoint) -> Result<Arc<Keyring>, CommandError> {
        let current = self.signer(&endpoint.account, endpoint.secret_id).await?;
        let mut former = Vec::with_capacity(endpoint.former_secrets.len());
        let now = Timestamp::from(jiff::Timestamp::now());
        let signing = endpoint.former_secrets.iter().filter(|secret| secret.until > now);
        for FormerSecret { secret_id, until } in signing {
            match self.signer(&endpoint.account, *secret_id).await {
                Ok(signer) => former.push((*until, signer)),
                Err(error) if is_lost(&error) => {
                    let (webhook, error): (_, &dyn Error) = (endpoint.id, &error);
                    tracing::warn!(%webhook, error, "a former secret of a webhook signs no more");
                }
                Err(error) => return Err(error),
            }
        }
        Ok(Arc::new(Keyring { current, former }))
    }

    async fn signer(&self, account: &AccountId, id: SecretId) -> Result<Signer, CommandError> {
        let secret = self.0.webhook_secret(account, id).await?;
        Ok(Signer::new(&secret.0))
    }
}

/// Asking again would find no more.
fn is_lost(error: &CommandError) -> bool {
    matches!(error, CommandError::Seal(_) | CommandError::Secrets(SecretsError::Missing))
}
