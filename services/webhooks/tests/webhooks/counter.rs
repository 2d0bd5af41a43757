//! A receiver that only notes when what arrived: the harness's keeps everything, and would be what
//! is measured.

use std::sync::Arc;
use std::time::Instant;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc};

/// Arrivals that may wait to be counted.
const ARRIVALS_MAX: usize = 100_000;
const CONTENT: &[u8] = b"\"content\":\"";

/// A delivery that arrived.
pub(crate) struct Arrival {
    pub(crate) at: Instant,
    /// The task's content.
    pub(crate) content: String,
}

/// A receiver that answers 200 at once: its URL and what arrives there.
pub(crate) async fn counter() -> (String, mpsc::Receiver<Arrival>) {
    held(Arc::new(Semaphore::new(1))).await
}

/// A receiver that answers 200 once there is a permit, which it gives back.
pub(crate) async fn held(open: Arc<Semaphore>) -> (String, mpsc::Receiver<Arrival>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let (arrived, arrivals) = mpsc::channel(ARRIVALS_MAX);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(count(stream, arrived.clone(), Arc::clone(&open)));
        }
    });
    (url, arrivals)
}

async fn count(mut stream: TcpStream, arrived: mpsc::Sender<Arrival>, open: Arc<Semaphore>) {
    stream.set_nodelay(true).unwrap();
    let mut buffer = Vec::with_capacity(64 * 1024);
    while stream.read_buf(&mut buffer).await.is_ok_and(|read| read > 0) {
        let Some(head) = buffer.windows(4).position(|window| window == b"\r\n\r\n") else {
            continue;
        };
        let text = String::from_utf8_lossy(&buffer[..head]).to_lowercase();
        let length = text.split("content-length: ").nth(1).unwrap();
        let length: usize = length.lines().next().unwrap().parse().unwrap();
        if buffer.len() < head + 4 + length {
            continue;
        }
        let arrival = Arrival { at: Instant::now(), content: content(&buffer[head + 4..]) };
        buffer.clear();
        // Whoever has seen enough may have left.
        let _is_counted = arrived.send(arrival).await;
        let _ = open.acquire().await.unwrap();
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await.unwrap();
    }
}

fn content(body: &[u8]) -> String {
    let found = body.windows(CONTENT.len()).position(|window| window == CONTENT);
    let after = found.map_or(&body[..0], |at| &body[at + CONTENT.len()..]);
    let end = after.iter().position(|byte| *byte == b'"').unwrap_or(after.len());
    String::from_utf8_lossy(&after[..end]).into_owned()
}
