//! How fast Baton is, measured side by side with what its Postgres can do: `make bench`.
//!
//! Must not: tune what it measures. Postgres commits durably and has its own defaults, Baton is
//! the release binary with the settings of its operator's manual, and a figure whose window left
//! followers behind, or met an error, is no figure.

pub mod bench;
pub mod extent;
pub mod figure;
pub mod fill;
pub mod followers;
pub mod generator;
pub mod http;
pub mod latency;
pub mod machine;
pub mod processes;
pub mod report;
pub mod scenarios;
pub mod sink;
pub mod stand;
pub mod windows;
pub mod yardstick;
