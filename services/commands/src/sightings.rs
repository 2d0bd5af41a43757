//! When agents were last seen. Operational: no event carries it, and losing the last second of
//! it in a crash costs nothing.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use baton_domain::{AccountId, AgentId, Timestamp};
use deadpool_postgres::Pool;

use crate::secrets::SecretsError;

const FLUSH_EVERY: Duration = Duration::from_secs(1);

/// Sightings not written yet.
#[derive(Clone)]
pub(crate) struct Sightings {
    pool: Pool,
    pending: Arc<Mutex<HashMap<(AccountId, AgentId), Timestamp>>>,
}

impl Sightings {
    pub(crate) fn new(pool: Pool) -> Self {
        Self { pool, pending: Arc::default() }
    }

    pub(crate) fn note(&self, account: &AccountId, agent: AgentId, at: Timestamp) {
        let mut pending = self.pending.lock().expect("no holder of this lock panics");
        pending.insert((account.clone(), agent), at);
    }

    /// When each agent of the account was last seen.
    pub(crate) async fn of(
        &self,
        account: &AccountId,
    ) -> Result<HashMap<AgentId, Timestamp>, SecretsError> {
        let client = self.pool.get().await.map_err(SecretsError::Pool)?;
        let statement = client.prepare_cached(include_str!("sql/read_sightings.sql")).await?;
        let mut seen = HashMap::new();
        for row in client.query(&statement, &[&account.as_str()]).await? {
            let at: jiff::Timestamp = row.try_get("last_seen_at")?;
            seen.insert(AgentId(row.try_get("agent_id")?), Timestamp::from(at));
        }
        let pending = self.pending.lock().expect("no holder of this lock panics");
        let here = pending.iter().filter(|((of, _), _)| of == account);
        seen.extend(here.map(|((_, agent), at)| (*agent, *at)));
        Ok(seen)
    }

    /// Writes what is pending, every second, for ever.
    pub(crate) async fn flush_always(&self) {
        let mut every = tokio::time::interval(FLUSH_EVERY);
        every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            every.tick().await;
            if let Err(error) = self.flush().await {
                let error: &dyn std::error::Error = &error;
                tracing::warn!(error, "cannot note when agents were last seen");
            }
        }
    }

    async fn flush(&self) -> Result<(), SecretsError> {
        let seen = std::mem::take(&mut *self.pending.lock().expect("no holder panics"));
        if seen.is_empty() {
            return Ok(());
        }
        let accounts: Vec<&str> = seen.keys().map(|(account, _)| account.as_str()).collect();
        let agents: Vec<uuid::Uuid> = seen.keys().map(|(_, agent)| agent.0).collect();
        let times: Vec<jiff::Timestamp> = seen.values().map(|at| at.to_jiff()).collect();
        let client = self.pool.get().await.map_err(SecretsError::Pool)?;
        let statement = client.prepare_cached(include_str!("sql/note_sightings.sql")).await?;
        client.execute(&statement, &[&accounts, &agents, &times]).await?;
        Ok(())
    }
}
