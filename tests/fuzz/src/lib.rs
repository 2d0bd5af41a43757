//! Fuzz targets: whatever bytes arrive in a request or lie in the log, nothing panics, and what is
//! accepted survives storage. `make fuzz-parsers` runs them.
//!
//! A target's input is text, so that one that crashed can be read, and go into a plain test as it
//! is. Must not: need a database or a network; be part of the root workspace.

pub mod history;
pub mod mutation;
pub mod seeds;

pub use baton_api::fuzzing::read_request;
