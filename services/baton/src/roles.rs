//! What a process does: all of it, or some, with other processes around the same Postgres and
//! NATS doing the rest. Holds no logic of any role.

use clap::ValueEnum;

/// One thing that a process may do. Several processes may have the same role: requests go to
/// any of them, and of each follower one is active while the others stand by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Role {
    /// Serves the API.
    Api,
    /// Keeps the read models.
    Projector,
    /// Publishes events on NATS.
    Relay,
    /// Plans and sends webhook deliveries.
    Webhooks,
    /// Gives the commands that follow from events, such as unblocking a task.
    Policies,
    /// Gives the commands that are due at a time: occurrences of recurrences, reminders.
    Scheduler,
    /// Signs what is in the log, so that it can be proved.
    Ledger,
}

impl Role {
    fn name(self) -> &'static str {
        match self {
            Self::Api => "api",
            Self::Projector => "projector",
            Self::Relay => "relay",
            Self::Webhooks => "webhooks",
            Self::Policies => "policies",
            Self::Scheduler => "scheduler",
            Self::Ledger => "ledger",
        }
    }
}

/// The roles of one process.
#[derive(Debug, Clone)]
pub(crate) struct Roles(Vec<Role>);

impl Roles {
    /// The roles named; all where none is.
    pub(crate) fn of(named: Vec<Role>) -> Self {
        match named.is_empty() {
            true => Self(Role::value_variants().to_vec()),
            false => Self(named),
        }
    }

    /// The process has this role.
    pub(crate) fn has(&self, role: Role) -> bool {
        self.0.contains(&role)
    }

    /// Their names.
    pub(crate) fn names(&self) -> Vec<&'static str> {
        self.0.iter().map(|role| role.name()).collect()
    }

    /// Nothing is left to other processes.
    pub(crate) fn are_all(&self) -> bool {
        Role::value_variants().iter().all(|role| self.has(*role))
    }
}
