//! Faults under load, round after round, and what must hold after each of them: every
//! acknowledged command is in the log, and everything that follows the log is level with it.
//!
//! Must not: know the product from within. It is its operator, its clients, its receivers and the
//! machine that fails under it.

pub mod claimers;
pub mod claims;
pub mod deeds;
pub mod deliveries;
pub mod faults;
pub mod fill;
pub mod journal;
pub mod load;
pub mod proxy;
pub mod quiet;
pub mod rebuild;
pub mod round;
pub mod stream;
pub mod suite;
pub mod world;

/// What was found broken.
pub type Violation = String;

/// Ends the check with a [`Violation`] unless the condition holds.
#[macro_export]
macro_rules! must {
    ($holds:expr, $($what:tt)+) => {
        if !$holds {
            return Err(format!($($what)+));
        }
    };
}
