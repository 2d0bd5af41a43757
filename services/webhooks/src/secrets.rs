//! Signers of webhooks, made once from secrets that Commands opens.
//!
//! Must not: keep a secret as text, print one, or write one anywhere.

use std::sync::Arc;

use baton_commands::{CommandError, Commands};
use baton_domain::{AccountId, id::SecretId, webhook::FormerSecret};

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
    pub(crate) async fn keyring(&self, endpoint: &Endpoint) -> Result<Arc<Keyring>, CommandError> {
        let current = self.signer(&endpoint.account, endpoint.secret_id).await?;
        let mut former = Vec::with_capacity(endpoint.former_secrets.len());
        for FormerSecret { secret_id, until } in &endpoint.former_secrets {
            former.push((*until, self.signer(&endpoint.account, *secret_id).await?));
        }
        Ok(Arc::new(Keyring { current, former }))
    }

    async fn signer(&self, account: &AccountId, id: SecretId) -> Result<Signer, CommandError> {
        let secret = self.0.webhook_secret(account, id).await?;
        Ok(Signer::new(&secret.0))
    }
}
