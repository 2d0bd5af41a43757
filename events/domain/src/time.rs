//! Instants in whole milliseconds, as protocol 0.4 prints them. Nothing here reads a clock.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// Milliseconds since 1970-01-01T00:00:00Z; prints as `2026-03-17T10:00:00.000Z`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Timestamp(i64);

/// The text is not an RFC 3339 instant within the years 0000 to 9999.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an RFC 3339 time")]
pub struct NotATime;

impl Timestamp {
    /// The last instant there is.
    pub const LAST: Self = Self(Self::YEAR_9999_END_MS);

    const YEAR_9999_END_MS: i64 = 253_402_207_199_999;

    /// The instant, or `None` outside the years 0000 to 9999, which RFC 3339 cannot print.
    #[must_use]
    pub fn from_millis(millis: i64) -> Option<Self> {
        const YEAR_0_MS: i64 = -62_167_219_200_000;
        (YEAR_0_MS..=Self::YEAR_9999_END_MS).contains(&millis).then_some(Self(millis))
    }

    /// Milliseconds since 1970-01-01T00:00:00Z.
    #[must_use]
    pub fn as_millis(self) -> i64 {
        self.0
    }

    /// This instant as the time library's type, for storage.
    #[must_use]
    pub fn to_jiff(self) -> jiff::Timestamp {
        jiff::Timestamp::from_millisecond(self.0).expect("checked when made")
    }
}

impl From<jiff::Timestamp> for Timestamp {
    /// Cuts to whole milliseconds.
    fn from(time: jiff::Timestamp) -> Self {
        Self(time.as_millisecond())
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.3}", self.to_jiff())
    }
}

impl FromStr for Timestamp {
    type Err = NotATime;

    fn from_str(text: &str) -> Result<Self, NotATime> {
        let time: jiff::Timestamp = text.parse().map_err(|_| NotATime)?;
        Self::from_millis(time.as_millisecond()).ok_or(NotATime)
    }
}

impl Serialize for Timestamp {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_three_digits_in_utc() {
        for (text, printed) in [
            ("2026-03-17T10:00:00Z", "2026-03-17T10:00:00.000Z"),
            ("2026-03-17T12:00:00.1239+02:00", "2026-03-17T10:00:00.123Z"),
            ("1969-12-31T23:59:59.999Z", "1969-12-31T23:59:59.999Z"),
        ] {
            let time: Timestamp = text.parse().unwrap();
            assert_eq!(time.to_string(), printed);
            assert_eq!(printed.parse::<Timestamp>().unwrap(), time);
        }
        assert_eq!("yesterday".parse::<Timestamp>(), Err(NotATime));
    }
}
