//! Local mode: the private Postgres and the private nats-server of a `baton serve` that was
//! given neither. They outlive a killed baton and are adopted by the next one.
//!
//! Must not: know what is stored in them, read settings, or touch a server it did not start.

mod binaries;
mod data_dir;
mod error;
mod nats;
mod owner;
mod postgres;
mod process;
mod secret;

pub use data_dir::DataDir;
pub use error::LocalError;
pub use nats::Nats;
pub use postgres::{Postgres, PostgresSettings};
pub use secret::{Secret, random_token, secret_file};
