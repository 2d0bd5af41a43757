//! A webhook receiver on a real port: it records every request and answers as it is told.
//!
//! Must not: judge what it receives. Signatures are checked by `signature`, bodies by the test.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::future::pending;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::{JoinHandle, JoinSet};

use crate::wait_for;

const UP_LIMIT: Duration = Duration::from_secs(10);

/// One request as it arrived.
#[derive(Clone, Debug)]
pub struct Received {
    /// When its last byte arrived.
    pub at: SystemTime,
    /// Path and query.
    pub path: String,
    /// All headers.
    pub headers: HeaderMap,
    /// The raw body.
    pub body: Bytes,
}

/// How to answer a request.
#[derive(Clone, Debug)]
pub struct Answer {
    status: Option<u16>,
    after: Duration,
    headers: HeaderMap,
}

/// A running receiver. It goes with the test.
#[derive(Debug)]
pub struct Receiver {
    address: SocketAddr,
    state: Arc<State>,
    server: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct State {
    requests: Mutex<Vec<Received>>,
    arrived: Notify,
    answers: Mutex<Answers>,
}

#[derive(Debug)]
struct Answers {
    next: VecDeque<Answer>,
    then: Answer,
}

impl Answer {
    /// At once, with this status and no body.
    #[must_use]
    pub fn status(status: u16) -> Answer {
        Answer { status: Some(status), after: Duration::ZERO, headers: HeaderMap::new() }
    }

    /// Never: the connection stays open.
    #[must_use]
    pub fn hang() -> Answer {
        Answer { status: None, ..Answer::status(200) }
    }

    /// The same answer, late.
    #[must_use]
    pub fn after(self, delay: Duration) -> Answer {
        Answer { after: delay, ..self }
    }

    /// The same answer with one more header, such as `Retry-After` or `Location`.
    ///
    /// # Panics
    ///
    /// When it is no header.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: &str) -> Answer {
        let value = HeaderValue::from_str(value).expect("a header value");
        self.headers.insert(HeaderName::from_static(name), value);
        self
    }
}

impl Received {
    pub(crate) fn new(headers: HeaderMap, body: Bytes) -> Received {
        Received { at: SystemTime::now(), path: "/".to_owned(), headers, body }
    }

    /// A header's value, empty where it is missing.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// The body as JSON.
    ///
    /// # Panics
    ///
    /// When it is none.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("a JSON body")
    }

    /// The event's name, as the header says.
    #[must_use]
    pub fn event(&self) -> &str {
        self.header("X-Delega-Event")
    }
}

impl Receiver {
    /// A receiver that answers 200 until told otherwise.
    ///
    /// # Panics
    ///
    /// When there is no free port.
    pub async fn start() -> Receiver {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("a bound port");
        let answers = Answers { next: VecDeque::new(), then: Answer::status(200) };
        let state = Arc::new(State {
            requests: Mutex::default(),
            arrived: Notify::new(),
            answers: Mutex::new(answers),
        });
        let server = tokio::spawn(serve(listener, state.clone()));
        Receiver { address, state, server: Some(server) }
    }

    /// The address to register as a webhook.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}/hook", self.address)
    }

    /// Answers the requests to come with these, one each, before the usual answer.
    pub fn answer_next(&self, answers: impl IntoIterator<Item = Answer>) {
        lock(&self.state.answers).next.extend(answers);
    }

    /// The usual answer from now on. Requests that hang go on hanging.
    pub fn answer_always(&self, answer: Answer) {
        lock(&self.state.answers).then = answer;
    }

    /// Everything that has arrived so far.
    #[must_use]
    pub fn requests(&self) -> Vec<Received> {
        lock(&self.state.requests).clone()
    }

    /// Waits until what has arrived satisfies `enough`, and gives it.
    ///
    /// # Panics
    ///
    /// When `limit` passes first, showing the events that did arrive.
    pub async fn wait_for(
        &self,
        limit: Duration,
        mut enough: impl FnMut(&[Received]) -> bool,
    ) -> Vec<Received> {
        let waited = tokio::time::timeout(limit, async {
            loop {
                // Registered before looking, so that nothing arrives unseen in between.
                let arrived = self.state.arrived.notified();
                let requests = self.requests();
                if enough(&requests) {
                    return requests;
                }
                arrived.await;
            }
        });
        match waited.await {
            Ok(requests) => requests,
            Err(_) => {
                let requests = self.requests();
                let events: Vec<&str> = requests.iter().map(Received::event).collect();
                panic!("waited {limit:?} in vain; received {events:?}")
            }
        }
    }

    /// Refuses connections, and breaks those that are open.
    pub async fn down(&mut self) {
        if let Some(server) = self.server.take() {
            server.abort();
            // Its end, which is the abortion, drops listener and connections.
            let _ = server.await;
        }
    }

    /// Takes connections again at the same address.
    ///
    /// # Panics
    ///
    /// When the port is not given back.
    pub async fn up(&mut self) {
        self.down().await;
        let bound = wait_for(UP_LIMIT, "the receiver's port", async || {
            TcpListener::bind(self.address).await.ok()
        });
        self.server = Some(tokio::spawn(serve(bound.await, self.state.clone())));
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        if let Some(server) = &self.server {
            server.abort();
        }
    }
}

/// Connections live in the server's own task set, so that ending it breaks them too.
async fn serve(listener: TcpListener, state: Arc<State>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let Ok((stream, _)) = accepted else { continue };
                connections.spawn(connection(stream, state.clone()));
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn connection(stream: TcpStream, state: Arc<State>) {
    let service = service_fn(|request| answer(request, &state));
    // A client that breaks off has been recorded as far as it got.
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

async fn answer(
    request: Request<Incoming>,
    state: &State,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let path = request.uri().path_and_query().map(ToString::to_string).unwrap_or_default();
    let headers = request.headers().clone();
    let Ok(body) = request.into_body().collect().await else {
        return pending().await;
    };
    lock(&state.requests).push(Received { path, ..Received::new(headers, body.to_bytes()) });
    let answer = {
        let mut answers = lock(&state.answers);
        answers.next.pop_front().unwrap_or_else(|| answers.then.clone())
    };
    state.arrived.notify_waiters();
    tokio::time::sleep(answer.after).await;
    let Some(status) = answer.status else {
        return pending().await;
    };
    let mut response = Response::builder().status(status);
    if let Some(headers) = response.headers_mut() {
        headers.extend(answer.headers);
    }
    Ok(response.body(Full::default()).expect("a response of valid parts"))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_secs(10);

    fn client() -> reqwest::Client {
        reqwest::Client::builder().no_proxy().build().unwrap()
    }

    async fn post(client: &reqwest::Client, url: &str) -> Option<u16> {
        let sent = client.post(url).header("X-Delega-Event", "task.created").body("{}").send();
        sent.await.ok().map(|response| response.status().as_u16())
    }

    #[tokio::test]
    async fn records_and_answers_as_told() {
        let receiver = Receiver::start().await;
        let client = client();
        receiver.answer_next([Answer::status(500), Answer::status(410)]);
        for expected in [500, 410, 200] {
            assert_eq!(post(&client, &receiver.url()).await, Some(expected));
        }
        let requests = receiver.wait_for(LIMIT, |requests| requests.len() == 3).await;
        assert_eq!(requests[0].event(), "task.created");
        assert_eq!((requests[0].path.as_str(), &requests[0].body[..]), ("/hook", &b"{}"[..]));
    }

    #[tokio::test]
    async fn waits_for_what_is_still_to_come() {
        let receiver = Receiver::start().await;
        let (url, client) = (receiver.url(), client());
        let (waited, sent) = tokio::join!(
            receiver.wait_for(LIMIT, |requests| requests.len() == 1),
            post(&client, &url)
        );
        assert_eq!((waited.len(), sent), (1, Some(200)));
    }

    #[tokio::test]
    async fn down_breaks_open_connections_and_up_is_the_same_address() {
        let mut receiver = Receiver::start().await;
        let (url, client) = (receiver.url(), client());
        assert_eq!(post(&client, &url).await, Some(200));
        receiver.answer_next([Answer::hang()]);
        let hanging = tokio::spawn({
            let (client, url) = (client.clone(), url.clone());
            async move { post(&client, &url).await }
        });
        receiver.wait_for(LIMIT, |requests| requests.len() == 2).await;

        receiver.down().await;
        assert_eq!(hanging.await.unwrap(), None);
        assert_eq!(post(&client, &url).await, None);
        receiver.up().await;
        assert_eq!(post(&client, &url).await, Some(200));
    }
}
