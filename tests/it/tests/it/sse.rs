//! A client of Server-Sent Events, as browsers read them.
//!
//! Must not: reconnect by itself, or know what a test expects.

use std::time::Duration;

use baton_harness::client::Client;
use reqwest::{Method, RequestBuilder, Response};
use serde_json::Value;

/// One event, or a comment.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Block {
    Event { id: i64, event: String, data: Value },
    Comment(String),
    Retry(u64),
}

/// An open stream.
pub(crate) struct Sse {
    response: Response,
    text: String,
}

impl Sse {
    /// Opens `path`, such as `/v1/events/stream`, after the event with this id.
    pub(crate) async fn open(client: &Client, path: &str, last: Option<i64>) -> Sse {
        let request = client.request(Method::GET, path);
        let request = match last {
            Some(id) => request.header("Last-Event-ID", id.to_string()),
            None => request,
        };
        Sse::of(request).await.expect("a stream")
    }

    /// Opens it, if the server is there.
    pub(crate) async fn of(request: RequestBuilder) -> Option<Sse> {
        let response = request.timeout(Duration::from_secs(300)).send().await.ok()?;
        if response.status().as_u16() != 200 {
            return None;
        }
        let content_type = response.headers().get("content-type").map(|value| value.to_str());
        assert_eq!(content_type.and_then(Result::ok), Some("text/event-stream"));
        Some(Sse { response, text: String::new() })
    }

    /// The next block; `None` at the end, `Err` where the connection breaks.
    pub(crate) async fn block(&mut self) -> Result<Option<Block>, reqwest::Error> {
        loop {
            if let Some((block, rest)) = self.text.split_once("\n\n") {
                let parsed = parse(block);
                self.text = rest.to_owned();
                return Ok(Some(parsed));
            }
            match self.response.chunk().await? {
                Some(bytes) => self.text.push_str(std::str::from_utf8(&bytes).expect("UTF-8")),
                None => return Ok(None),
            }
        }
    }

    /// The next event; `None` when the stream ends or breaks.
    pub(crate) async fn event(&mut self) -> Option<(i64, String, Value)> {
        loop {
            if let Block::Event { id, event, data } = self.block().await.ok()?? {
                return Some((id, event, data));
            }
        }
    }
}

fn parse(block: &str) -> Block {
    let field = |name: &str| {
        let of = |line: &str| line.strip_prefix(&format!("{name}: ")).map(str::to_owned);
        block.lines().filter_map(of).collect::<Vec<_>>()
    };
    if let Some(comment) = block.strip_prefix(':') {
        return Block::Comment(comment.trim().to_owned());
    }
    if let [retry] = &field("retry")[..] {
        return Block::Retry(retry.parse().expect("milliseconds"));
    }
    Block::Event {
        id: field("id").concat().parse().expect("a position"),
        event: field("event").concat(),
        data: serde_json::from_str(&field("data").join("\n")).expect("JSON"),
    }
}
