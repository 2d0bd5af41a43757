//! Black-box tests of the whole: the real binary over HTTP, on real Postgres and real NATS.
//!
//! Must not: hold code. The tests are in `tests/it`, one binary with a module per subject.
