//! What operators see of a process: whether it can serve (`/health/ready`), what it counts
//! (`/metrics`), where every subscription stands (`baton status`).
//!
//! Everything here is open to whoever reaches the port: it must not show an account, an id or
//! anything that a client sent, and it must never change what it looks at.

mod catalog;
mod error;
mod facts;
mod gauges;
mod process;
mod ready;
mod recorder;
mod routes;
mod standing;

pub use catalog::{CATALOG, Kind, Metric};
pub use error::InstallError;
pub use facts::{IsConnected, Node, Part};
pub use recorder::{Recorder, install};
pub use routes::{Operations, PATHS};
pub use standing::Standing;
