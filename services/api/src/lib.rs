//! The HTTP edge of Baton: what the protocol (`docs/protocol.md`) says about requests, answers
//! and errors.
//!
//! The edge kit lives here once, so that an endpoint only translates: a document to a command,
//! a result to a document. This crate must not hold SQL, rules, rights or a connection.
//!
//! An endpoint takes, in this order, its caller ([`caller::Read`], [`caller::Write`] or
//! [`caller::OpenWrite`]), its id ([`path::Path`] of [`path::Id`]), its query ([`query::Query`])
//! and its body ([`body::Body`]), and returns an [`answer`] or a [`problem::Problem`]. What a body
//! or a query has is said twice, once as a schema and once as a reader; a test keeps the two
//! together.

pub mod allow;
pub mod answer;
pub mod body;
pub mod caller;
pub mod catch;
pub mod cors;
pub mod credential;
pub mod document;
mod documented;
pub mod download;
pub mod edge;
pub mod entrance;
pub mod event_stream;
pub mod example;
pub mod field;
pub mod fields;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
pub mod header;
pub mod measure;
pub mod moment;
pub mod page;
pub mod path;
pub mod problem;
pub mod proxy;
pub mod query;
pub mod rate_limit;
mod refusal;
pub mod request_id;
mod resources;
mod root;
pub mod schema;
mod service;
mod snapshot;

pub use service::{Services, openapi, server, side_server};

#[cfg(test)]
mod document_tests;
#[cfg(test)]
mod drift;
#[cfg(test)]
mod kit_tests;
