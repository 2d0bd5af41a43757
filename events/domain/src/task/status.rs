//! The words for where a task stands (protocol 0.5).

use std::fmt;

use serde::{Deserialize, Serialize};

/// Where a task stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Ready to be worked on.
    #[default]
    Open,
    /// Waits for its dependencies, or was set so by hand.
    Blocked,
    /// An agent holds it.
    Claimed,
    /// Has a delegated child.
    Delegated,
    /// Done.
    Completed,
    /// Given up; may be retried.
    Failed,
    /// Called off.
    Cancelled,
}

impl Status {
    /// Every status, in the order of the protocol.
    pub const ALL: [Self; 7] = [
        Self::Open,
        Self::Blocked,
        Self::Claimed,
        Self::Delegated,
        Self::Completed,
        Self::Failed,
        Self::Cancelled,
    ];

    /// The canonical word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Blocked => "blocked",
            Self::Claimed => "claimed",
            Self::Delegated => "delegated",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    /// The status that a canonical word or an alias means.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Some(match word {
            "open" | "pending" => Self::Open,
            "blocked" => Self::Blocked,
            "claimed" | "running" | "in_progress" => Self::Claimed,
            "delegated" => Self::Delegated,
            "completed" | "done" => Self::Completed,
            "failed" => Self::Failed,
            "cancelled" | "canceled" => Self::Cancelled,
            _ => return None,
        })
    }

    /// Completed, failed or cancelled.
    #[must_use]
    pub fn is_finished(self) -> bool {
        matches!(self, Self::Completed | Self::Failed | Self::Cancelled)
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_aliases() {
        for status in Status::ALL {
            assert_eq!(Status::from_word(status.word()), Some(status));
        }
        for (alias, status) in [
            ("pending", Status::Open),
            ("running", Status::Claimed),
            ("in_progress", Status::Claimed),
            ("done", Status::Completed),
            ("canceled", Status::Cancelled),
        ] {
            assert_eq!(Status::from_word(alias), Some(status));
        }
        assert_eq!(Status::from_word("Open"), None);
    }
}
