//! One attempt: sign, send, look at the answer (protocol 4.2, 4.4).
//!
//! Must not: touch the database, follow a redirect, use a proxy, or log what a receiver says.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use baton_domain::Timestamp;
use bytes::Bytes;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderValue, RETRY_AFTER};
use reqwest::{Client, Method, Request, Response, Url, redirect};
use tokio::time::{Instant, timeout_at};
use uuid::Uuid;

use crate::endpoint::Endpoint;
use crate::resolve::{AddressRefused, AddressRules};
use crate::settings::Settings;
use crate::sign::{Keyring, unix_seconds};

const USER_AGENT: &str = concat!("baton/", env!("CARGO_PKG_VERSION"));
/// Characters of an answer that are kept (protocol 2.5).
const RESPONSE_CHARS_MAX: usize = 500;
/// Bytes of an answer that are read; what is longer costs the connection.
const RESPONSE_BYTES_MAX: usize = 16 * 1024;
/// How long the rest of an answer may take once its status is known.
const RESPONSE_REST_MAX: Duration = Duration::from_secs(1);
/// How long an unused connection is kept.
const IDLE_CONNECTION_MAX: Duration = Duration::from_secs(90);

/// What goes out in one attempt.
#[derive(Clone, Debug)]
pub(crate) struct Letter {
    /// The delivery's id, the same in every attempt.
    pub(crate) id: Uuid,
    /// The event's name.
    pub(crate) event_type: String,
    /// The body, byte for byte the same in every attempt.
    pub(crate) body: Bytes,
}

/// What became of one attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The receiver answered.
    Answered {
        status: u16,
        /// The beginning of what it said.
        body: String,
        /// How long it asks to wait.
        retry_after: Option<Duration>,
    },
    /// There was no answer in time.
    TimedOut,
    /// There was no answer.
    Unreached { why: &'static str },
}

impl Outcome {
    pub(crate) fn is_success(&self) -> bool {
        matches!(self, Self::Answered { status: 200..=299, .. })
    }

    /// The receiver wants no more, ever.
    pub(crate) fn is_gone(&self) -> bool {
        matches!(self, Self::Answered { status: 410, .. })
    }
}

/// The HTTP client of all deliveries. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Post {
    client: Client,
    rules: AddressRules,
    timeout: Duration,
}

impl Post {
    pub(crate) fn new(settings: &Settings) -> Result<Self, reqwest::Error> {
        let rules = AddressRules::new(settings.allow_private, settings.lookup.clone());
        let client = Client::builder()
            .user_agent(USER_AGENT)
            .redirect(redirect::Policy::none())
            .no_proxy()
            .referer(false)
            .tcp_nodelay(true)
            .pool_idle_timeout(IDLE_CONNECTION_MAX)
            .pool_max_idle_per_host(settings.in_flight_max)
            .dns_resolver(Arc::new(rules.clone()))
            .build()?;
        Ok(Self { client, rules, timeout: settings.attempt_timeout })
    }

    /// Makes one attempt, signed for `now`.
    pub(crate) async fn send(
        &self,
        endpoint: &Endpoint,
        keyring: &Keyring,
        letter: &Letter,
        now: Timestamp,
    ) -> Outcome {
        let deadline = Instant::now() + self.timeout;
        let Some(url) = endpoint.url.clone() else {
            return Outcome::Unreached { why: "the URL is not valid" };
        };
        if !self.rules.allows_literal(&url) {
            return Outcome::Unreached { why: "the address is not allowed" };
        }
        let request = request(url, endpoint, keyring, letter, now);
        match timeout_at(deadline, self.client.execute(request)).await {
            Err(_) => Outcome::TimedOut,
            Ok(Err(error)) => unreached(&error),
            Ok(Ok(response)) => answered(response, deadline).await,
        }
    }
}

fn request(
    url: Url,
    endpoint: &Endpoint,
    keyring: &Keyring,
    letter: &Letter,
    now: Timestamp,
) -> Request {
    let (id, timestamp) = (letter.id.to_string(), now.to_string());
    let delega = keyring.delega(endpoint.signature_scheme, &timestamp, &letter.body);
    let standard = keyring.standard(&id, now, &letter.body);
    let mut headers = HeaderMap::with_capacity(9);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert("x-delega-event", plain(&letter.event_type));
    headers.insert("x-delega-delivery", plain(&id));
    headers.insert("x-delega-timestamp", plain(&timestamp));
    headers.insert("x-delega-signature", plain(&delega));
    headers.insert("webhook-id", plain(&id));
    headers.insert("webhook-timestamp", plain(&unix_seconds(now)));
    headers.insert("webhook-signature", plain(&standard));
    let mut request = Request::new(Method::POST, url);
    *request.headers_mut() = headers;
    *request.body_mut() = Some(letter.body.clone().into());
    request
}

fn plain(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).expect("ids, names, times and signatures are plain ASCII")
}

async fn answered(mut response: Response, deadline: Instant) -> Outcome {
    let deadline = deadline.min(Instant::now() + RESPONSE_REST_MAX);
    let status = response.status().as_u16();
    let retry_after = response.headers().get(RETRY_AFTER).and_then(retry_after);
    let mut bytes = Vec::new();
    // The status decides: an answer that breaks off is known as far as it got.
    while let Ok(Ok(Some(chunk))) = timeout_at(deadline, response.chunk()).await {
        let room = RESPONSE_BYTES_MAX - bytes.len();
        bytes.extend_from_slice(&chunk[..chunk.len().min(room)]);
        if bytes.len() == RESPONSE_BYTES_MAX {
            break;
        }
    }
    Outcome::Answered { status, body: excerpt(&bytes), retry_after }
}

/// The beginning of an answer as text that Postgres takes.
fn excerpt(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let clean = text.chars().map(|c| if c == '\0' { char::REPLACEMENT_CHARACTER } else { c });
    clean.take(RESPONSE_CHARS_MAX).collect()
}

/// Seconds, or a date.
fn retry_after(value: &HeaderValue) -> Option<Duration> {
    let text = value.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = jiff::fmt::rfc2822::parse(text).ok()?.timestamp();
    Duration::try_from(date.duration_since(jiff::Timestamp::now())).ok()
}

/// Why there was no answer, in words of our own: the client's would name the URL, which may hold
/// a secret.
fn unreached(error: &reqwest::Error) -> Outcome {
    let mut causes = std::iter::successors(error.source(), |cause| (*cause).source());
    let why = if causes.any(|cause| cause.is::<AddressRefused>()) {
        "the address is not allowed"
    } else if error.is_timeout() {
        return Outcome::TimedOut;
    } else if error.is_connect() {
        "cannot connect"
    } else {
        "the connection broke"
    };
    Outcome::Unreached { why }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_excerpt_is_text_that_the_database_takes() {
        assert_eq!(excerpt(b"ok"), "ok");
        assert_eq!(excerpt(b"a\0b\xffc"), "a\u{fffd}b\u{fffd}c");
        let long = "ä".repeat(RESPONSE_BYTES_MAX);
        assert_eq!(excerpt(long.as_bytes()), "ä".repeat(500));
    }

    #[test]
    fn a_receiver_may_say_when_in_seconds_or_as_a_date() {
        let parsed = |text| retry_after(&HeaderValue::from_static(text));
        assert_eq!(parsed("120"), Some(Duration::from_secs(120)));
        assert_eq!(parsed("soon"), None);
        assert_eq!(parsed("-1"), None);
        assert_eq!(parsed("Fri, 31 Dec 1999 23:59:59 GMT"), None, "in the past");
        let far = parsed("Fri, 31 Dec 2100 23:59:59 GMT");
        assert!(far.is_some_and(|wait| wait > Duration::from_hours(24)));
    }
}
