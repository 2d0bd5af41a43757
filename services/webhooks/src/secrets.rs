//! Signers of webhooks, made once from secrets that Commands opens.
//!
//! Must not: keep a secret as text, print one, or write one anywhere.

use std::sync::Arc;

use baton_commands::{CommandError, Commands};
use baton_domain::{AccountId, id::SecretId};

use crate::sign::Signer;

/// Opens webhooks' secrets. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Secrets(Commands);

impl Secrets {
    pub(crate) fn new(commands: Commands) -> Self {
        Self(commands)
    }

    /// The signer of a secret. Workers keep theirs: a changed secret has another id.
    pub(crate) async fn signer(
        &self,
        account: &AccountId,
        id: SecretId,
    ) -> Result<Arc<Signer>, CommandError> {
        let secret = self.0.webhook_secret(account, id).await?;
        Ok(Arc::new(Signer::new(&secret.0)))
    }
}
