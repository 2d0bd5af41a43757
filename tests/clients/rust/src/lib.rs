//! The client that progenitor makes of `openapi/baton.json`; its use is in `tests/pipeline.rs`.
//!
//! Must not: hold anything written by hand but the way in, or be linked into the product.

// Generated code calls it `reqwest`, which is another version in this workspace.
extern crate reqwest_of_progenitor as reqwest;

use reqwest::header::{HeaderMap, HeaderValue};

#[expect(
    missing_docs,
    unreachable_pub,
    unused_imports,
    unused_qualifications,
    clippy::unwrap_used,
    reason = "written by progenitor"
)]
mod generated {
    include!(concat!(env!("OUT_DIR"), "/client.rs"));
}

pub use generated::{Client, Error, ResponseValue, types};

/// What progenitor wrote.
pub const SOURCE: &str = include_str!(concat!(env!("OUT_DIR"), "/client.rs"));
/// What it was made of.
pub const DOCUMENT: &str = include_str!("../../../../openapi/baton.json");

/// A client of the server at `base_url`, such as `http://127.0.0.1:18890/v1`, that sends one
/// header with every request.
///
/// # Panics
///
/// When the value is none that a header may have.
#[must_use]
pub fn client(base_url: &str, header: &'static str, value: &str) -> Client {
    let value = HeaderValue::from_str(value).expect("the value of a header");
    let headers = HeaderMap::from_iter([(header.parse().expect("a header"), value)]);
    let http = reqwest::Client::builder().default_headers(headers).build().expect("a client");
    Client::new_with_client(base_url, http)
}
