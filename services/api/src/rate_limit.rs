//! Request rates (protocol 0.10): a budget of reads and one of writes per credential and minute.
//!
//! Keys are hashes, never secrets; requests without a credential share a budget per address. The
//! memory it uses is bounded however many credentials are tried. It must not look at validity.

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use governor::clock::{Clock, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use poem::http::Method;
use poem::{Endpoint, IntoResponse, Middleware, Request, Response, Result};
use sha2::{Digest, Sha256};

use crate::caller::Origin;
use crate::credential::Credential;
use crate::problem::Problem;

/// Checks between two sweeps of forgotten keys.
const SWEEP_EVERY_CHECKS: u32 = 4_096;

/// When so many keys are busy within one minute, new requests share [`SHARED_KEYS`] budgets.
const KEYS_MAX: usize = 100_000;

const SHARED_KEYS: u16 = 1_024;

type Key = [u8; 16];

/// Requests per minute and credential; 0 turns a budget off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rates {
    /// GET, HEAD and OPTIONS.
    pub reads_per_minute: u32,
    /// Everything else.
    pub writes_per_minute: u32,
}

impl Default for Rates {
    fn default() -> Self {
        Self { reads_per_minute: 6_000, writes_per_minute: 6_000 }
    }
}

/// Middleware: answers 429 to a credential that is over its budget.
#[derive(Clone)]
pub struct RateLimits {
    reads: Option<Arc<Budget>>,
    writes: Option<Arc<Budget>>,
}

impl RateLimits {
    /// Budgets with these rates.
    pub fn new(rates: Rates) -> Self {
        let budget = |per_minute| NonZeroU32::new(per_minute).map(Budget::new).map(Arc::new);
        Self { reads: budget(rates.reads_per_minute), writes: budget(rates.writes_per_minute) }
    }

    fn check(&self, request: &Request) -> Result<(), Problem> {
        let budget = match *request.method() {
            Method::GET | Method::HEAD | Method::OPTIONS => &self.reads,
            _ => &self.writes,
        };
        let Some(budget) = budget else {
            return Ok(());
        };
        budget.check(key_of(request)).map_err(|wait| {
            let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
            Problem::rate_limited(seconds)
        })
    }
}

impl<E: Endpoint> Middleware<E> for RateLimits {
    type Output = RateLimitsEndpoint<E>;

    fn transform(&self, inner: E) -> Self::Output {
        RateLimitsEndpoint { limits: self.clone(), inner }
    }
}

/// The endpoint of [`RateLimits`].
pub struct RateLimitsEndpoint<E> {
    limits: RateLimits,
    inner: E,
}

impl<E: Endpoint> Endpoint for RateLimitsEndpoint<E> {
    type Output = Response;

    async fn call(&self, request: Request) -> Result<Response> {
        self.limits.check(&request)?;
        Ok(self.inner.call(request).await?.into_response())
    }
}

struct Budget {
    limiter: DefaultKeyedRateLimiter<Key>,
    clock: DefaultClock,
    checks: AtomicU32,
    is_full: AtomicBool,
}

impl Budget {
    fn new(per_minute: NonZeroU32) -> Self {
        Self {
            limiter: RateLimiter::keyed(Quota::per_minute(per_minute)),
            clock: DefaultClock::default(),
            checks: AtomicU32::new(0),
            is_full: AtomicBool::new(false),
        }
    }

    /// Takes one request from the key's budget, or says how long to wait.
    fn check(&self, key: Key) -> Result<(), Duration> {
        if self.checks.fetch_add(1, Ordering::Relaxed).is_multiple_of(SWEEP_EVERY_CHECKS) {
            self.sweep(KEYS_MAX);
        }
        let key = if self.is_full.load(Ordering::Relaxed) { shared(key) } else { key };
        self.limiter.check_key(&key).map_err(|wait| wait.wait_time_from(self.clock.now()))
    }

    fn sweep(&self, keys_max: usize) {
        self.limiter.retain_recent();
        self.limiter.shrink_to_fit();
        self.is_full.store(self.limiter.len() >= keys_max, Ordering::Relaxed);
    }
}

fn shared(key: Key) -> Key {
    let bucket = u16::from_be_bytes([key[0], key[1]]) % SHARED_KEYS;
    let mut shared = Key::default();
    shared[..2].copy_from_slice(&bucket.to_be_bytes());
    shared
}

fn key_of(request: &Request) -> Key {
    let hash = Credential::of_request(request).fingerprint().unwrap_or_else(|| {
        let address = Origin::of(request).peer.map(|peer| network_of(peer.ip()));
        Sha256::digest(format!("{address:?}")).into()
    });
    let mut key = Key::default();
    key.copy_from_slice(&hash[..16]);
    key
}

/// One household has a whole /64 of IPv6: counting single addresses would count nothing.
fn network_of(ip: IpAddr) -> IpAddr {
    match ip.to_canonical() {
        IpAddr::V4(ip) => IpAddr::V4(ip),
        IpAddr::V6(ip) => IpAddr::V6((ip.to_bits() >> 64 << 64).into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(method: Method, key: Option<&str>) -> Request {
        let builder = Request::builder().method(method);
        match key {
            Some(key) => builder.header("X-Agent-Key", key).finish(),
            None => builder.finish(),
        }
    }

    fn allowed(limits: &RateLimits, method: &Method, key: Option<&str>, tries: u32) -> u32 {
        let tried = (0..tries).map(|_| limits.check(&request(method.clone(), key)));
        tried.map(|outcome| u32::from(outcome.is_ok())).sum()
    }

    #[test]
    fn reads_and_writes_have_budgets_per_credential() {
        let limits = RateLimits::new(Rates { reads_per_minute: 3, writes_per_minute: 2 });
        assert_eq!(allowed(&limits, &Method::GET, Some("a"), 9), 3);
        assert_eq!(allowed(&limits, &Method::HEAD, Some("a"), 9), 0);
        assert_eq!(allowed(&limits, &Method::POST, Some("a"), 9), 2);
        assert_eq!(allowed(&limits, &Method::DELETE, Some("a"), 9), 0);
        assert_eq!(allowed(&limits, &Method::GET, Some("b"), 9), 3);
        assert_eq!(allowed(&limits, &Method::GET, None, 9), 3);
    }

    #[test]
    fn zero_turns_a_budget_off() {
        let limits = RateLimits::new(Rates { reads_per_minute: 0, writes_per_minute: 1 });
        assert_eq!(allowed(&limits, &Method::GET, Some("a"), 10_000), 10_000);
        assert_eq!(allowed(&limits, &Method::POST, Some("a"), 10), 1);
    }

    #[test]
    fn over_the_budget_is_429_with_seconds_to_wait() {
        let limits = RateLimits::new(Rates { reads_per_minute: 1, writes_per_minute: 1 });
        assert!(limits.check(&request(Method::GET, Some("a"))).is_ok());
        let problem = limits.check(&request(Method::GET, Some("a"))).unwrap_err();
        let response = problem.respond("");
        assert_eq!(response.status(), 429);
        let seconds: u64 = response.header("retry-after").unwrap().parse().unwrap();
        assert!((1..=60).contains(&seconds), "{seconds}");
    }

    #[test]
    fn memory_is_bounded_when_credentials_are_guessed() {
        let budget = Budget::new(NonZeroU32::MIN);
        let key = |n: u32| -> Key {
            let mut key = Key::default();
            key.copy_from_slice(&Sha256::digest(n.to_be_bytes())[..16]);
            key
        };
        for n in 0..1_000 {
            budget.limiter.check_key(&key(n)).unwrap();
        }
        budget.sweep(1_000);
        for n in 1_000..20_000 {
            // Refused or not, no new key is remembered beyond the shared ones.
            budget.limiter.check_key(&shared(key(n))).ok();
        }
        assert!(budget.is_full.load(Ordering::Relaxed));
        assert!(budget.limiter.len() <= 1_000 + usize::from(SHARED_KEYS));
    }

    #[test]
    fn addresses_count_by_network() {
        let of = |text: &str| network_of(text.parse().unwrap());
        assert_eq!(of("2001:db8:1:2:3:4:5:6"), of("2001:db8:1:2::9"));
        assert_ne!(of("2001:db8:1:2::1"), of("2001:db8:1:3::1"));
        assert_eq!(of("::ffff:10.0.0.1"), of("10.0.0.1"));
        assert_ne!(of("10.0.0.1"), of("10.0.0.2"));
    }
}
