//! Webhooks: deliveries due from the log, signed, sent, tried again, written down (protocol 4).
//!
//! `plan` turns events into rows in the transaction that moves its checkpoint, `backfill` those
//! from before a webhook's registration; `sender` has a `worker` per endpoint that sends them;
//! `record` writes down what became of each attempt. A committed event is delivered at least
//! once, always with the same id. Nothing here runs in a request, appends an event other than
//! through a command, or can deliver a replayed event.

mod address;
mod backfill;
mod backlog;
mod body;
mod count;
mod deliveries;
mod delivery;
mod disable;
mod due;
mod endpoint;
mod error;
mod handover;
mod housekeeping;
mod inbox;
mod lanes;
mod lookups;
mod migrations;
mod plan;
mod probe;
mod record;
mod resolve;
mod running;
mod schedule;
mod secrets;
mod send;
mod sender;
mod settings;
mod sign;
mod slots;
mod url;
mod worker;

pub use backlog::{Backlog, backlog};
pub use deliveries::{Deliveries, DeliveryDocument};
pub use error::{StartError, StoreError};
pub use migrations::migrate;
pub use plan::SUBSCRIPTION;
pub use resolve::{AddressRules, Lookup, SystemLookup};
pub use running::Webhooks;
pub use schedule::Schedule;
pub use settings::Settings;
pub use url::{UrlRefusal, check_url};
