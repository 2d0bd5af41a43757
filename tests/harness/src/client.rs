//! HTTP as a client of Baton speaks it: a base address, a credential, JSON both ways.
//!
//! Must not: know the product's types. What it sends and reads is the wire itself.

use std::time::Duration;

use http::HeaderMap;
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use crate::baton::{Baton, PROJECT_TOKEN};

/// Longer than any wait that the server promises to bound.
const ANSWER_LIMIT: Duration = Duration::from_secs(60);

/// Who is asking.
#[derive(Clone, Debug)]
pub enum Credential {
    /// Nobody.
    None,
    /// `Authorization: Bearer`: the project token, or a key sent that way.
    Bearer(String),
    /// `X-Agent-Key`.
    AgentKey(String),
}

/// A client of one node with one credential.
#[derive(Clone, Debug)]
pub struct Client {
    base: String,
    credential: Credential,
    http: reqwest::Client,
}

/// What came back.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// All headers.
    pub headers: HeaderMap,
    /// The body as JSON; null where it is none.
    pub body: Value,
    /// The body as sent.
    pub text: String,
}

/// The account's admin at `baton`.
#[must_use]
pub fn project(baton: &Baton) -> Client {
    Client::new(&baton.url(), Credential::Bearer(PROJECT_TOKEN.to_owned()))
}

/// A new agent `name` at `baton`: its client and its id.
///
/// # Panics
///
/// When it cannot be created.
pub async fn agent(baton: &Baton, name: &str) -> (Client, String) {
    let made = project(baton).post("/v1/agents", json!({ "name": name })).await.expect(201);
    let text = |field: &str| made[field].as_str().expect("a string").to_owned();
    (Client::new(&baton.url(), Credential::AgentKey(text("api_key"))), text("id"))
}

impl Client {
    /// A client of the server at `base`, such as `http://127.0.0.1:18890`.
    ///
    /// # Panics
    ///
    /// When the system has no randomness for TLS, which is not used.
    #[must_use]
    pub fn new(base: &str, credential: Credential) -> Client {
        let http = reqwest::Client::builder().no_proxy().timeout(ANSWER_LIMIT).build();
        let http = http.expect("a client without special wishes");
        Client { base: base.trim_end_matches('/').to_owned(), credential, http }
    }

    /// The same credential at another node.
    #[must_use]
    pub fn at(&self, baton: &Baton) -> Client {
        Client { base: baton.url(), ..self.clone() }
    }

    /// The same node as somebody else.
    #[must_use]
    pub fn with(&self, credential: Credential) -> Client {
        Client { credential, ..self.clone() }
    }

    /// The key or token in use.
    #[must_use]
    pub fn secret(&self) -> &str {
        match &self.credential {
            Credential::None => "",
            Credential::Bearer(secret) | Credential::AgentKey(secret) => secret,
        }
    }

    /// GET `path`, such as `/v1/tasks?limit=5`.
    pub async fn get(&self, path: &str) -> Answer {
        send(self.request(Method::GET, path)).await
    }

    /// POST of a JSON body.
    pub async fn post(&self, path: &str, body: Value) -> Answer {
        send(self.request(Method::POST, path).json(&body)).await
    }

    /// POST of a JSON body with an `Idempotency-Key`.
    pub async fn post_once(&self, path: &str, key: &str, body: Value) -> Answer {
        send(self.request(Method::POST, path).header("Idempotency-Key", key).json(&body)).await
    }

    /// PUT of a JSON body.
    pub async fn put(&self, path: &str, body: Value) -> Answer {
        send(self.request(Method::PUT, path).json(&body)).await
    }

    /// PATCH of a JSON body.
    pub async fn patch(&self, path: &str, body: Value) -> Answer {
        send(self.request(Method::PATCH, path).json(&body)).await
    }

    /// DELETE `path`.
    pub async fn delete(&self, path: &str) -> Answer {
        send(self.request(Method::DELETE, path)).await
    }

    /// A request with the credential, to be shaped further and given to [`send`].
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.http.request(method, format!("{}{path}", self.base));
        match &self.credential {
            Credential::None => request,
            Credential::Bearer(token) => request.bearer_auth(token),
            Credential::AgentKey(key) => request.header("X-Agent-Key", key),
        }
    }
}

/// Sends a shaped request.
///
/// # Panics
///
/// When no answer comes.
pub async fn send(request: RequestBuilder) -> Answer {
    try_send(request).await.expect("an answer")
}

/// Sends a shaped request to a node that may be dying.
///
/// # Errors
///
/// When no whole answer comes.
pub async fn try_send(request: RequestBuilder) -> Result<Answer, reqwest::Error> {
    let response = request.send().await?;
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let text = response.text().await?;
    let body = serde_json::from_str(&text).unwrap_or(Value::Null);
    Ok(Answer { status, headers, body, text })
}

impl Answer {
    /// The body of an answer with this status.
    ///
    /// # Panics
    ///
    /// When the status is another one, showing the body.
    #[track_caller]
    pub fn expect(self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.text);
        self.body
    }

    /// A header's value, empty where it is missing.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}
