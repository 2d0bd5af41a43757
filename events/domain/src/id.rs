//! Identities, parsed once at the edge. An id of any other form matches nothing.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The text is not an id of the wanted kind; nothing can carry it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an id")]
pub struct NotAnId;

macro_rules! uuid_id {
    ($(#[$doc:meta])* $name:ident, $form:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(pub Uuid);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}", self.0.$form())
            }
        }

        impl FromStr for $name {
            type Err = NotAnId;

            fn from_str(text: &str) -> Result<Self, NotAnId> {
                let id = Uuid::try_parse(text).map_err(|_| NotAnId)?;
                // One spelling each: an id is compared as text by clients and by the log.
                if id.$form().to_string() == text { Ok(Self(id)) } else { Err(NotAnId) }
            }
        }

        impl Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

uuid_id!(
    /// A task: 32 lowercase hexadecimal characters (protocol 0.3).
    TaskId,
    as_simple
);
uuid_id!(
    /// An agent.
    AgentId,
    as_hyphenated
);
uuid_id!(
    /// A project.
    ProjectId,
    as_hyphenated
);
uuid_id!(
    /// A recurrence.
    RecurrenceId,
    as_hyphenated
);
uuid_id!(
    /// A completion that came after its claim was lost.
    CompletionId,
    as_hyphenated
);
uuid_id!(
    /// A comment on a task.
    CommentId,
    as_hyphenated
);
uuid_id!(
    /// A subtask of a task.
    SubtaskId,
    as_hyphenated
);
uuid_id!(
    /// A link of a task.
    LinkId,
    as_hyphenated
);
uuid_id!(
    /// A webhook.
    WebhookId,
    as_hyphenated
);
uuid_id!(
    /// One event for one webhook.
    DeliveryId,
    as_hyphenated
);
uuid_id!(
    /// Where a webhook's sealed secret is kept, outside the log.
    SecretId,
    as_hyphenated
);

/// An account (tenant): a slug of 1 to 63 characters `a-z 0-9 -`, starting with a letter.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct AccountId(String);

impl AccountId {
    /// The account that exists from the start.
    #[must_use]
    pub fn default_account() -> Self {
        Self("default".to_owned())
    }

    /// The slug.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for AccountId {
    type Err = NotAnId;

    fn from_str(text: &str) -> Result<Self, NotAnId> {
        let starts_well = text.starts_with(|c: char| c.is_ascii_lowercase());
        let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if starts_well && text.len() <= 63 && text.chars().all(allowed) {
            Ok(Self(text.to_owned()))
        } else {
            Err(NotAnId)
        }
    }
}

impl<'de> Deserialize<'de> for AccountId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_has_one_spelling() {
        let simple = "0198f0000000700080000000000000aa";
        assert_eq!(simple.parse::<TaskId>().unwrap().to_string(), simple);
        let hyphenated = "0198f000-0000-7000-8000-0000000000aa";
        assert_eq!(hyphenated.parse::<AgentId>().unwrap().to_string(), hyphenated);
        for wrong in ["", "abc123", hyphenated, "0198F0000000700080000000000000AA"] {
            assert_eq!(wrong.parse::<TaskId>(), Err(NotAnId), "{wrong}");
        }
        assert_eq!(simple.parse::<AgentId>(), Err(NotAnId));
    }

    #[test]
    fn an_account_is_a_slug() {
        assert!("default".parse::<AccountId>().is_ok());
        assert!("team-7".parse::<AccountId>().is_ok());
        for wrong in ["", "7up", "Team", "a.b", "a b", "-a"] {
            assert_eq!(wrong.parse::<AccountId>(), Err(NotAnId), "{wrong}");
        }
    }
}
