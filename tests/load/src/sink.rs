//! A server that does nothing: it reads a request, notes when it was whole, and answers. It
//! receives webhooks, and shows what the load generator reaches when nobody stands in its way.
//!
//! Must not: share a thread with the load generator, or look into what it receives while it is
//! receiving.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Instant, SystemTime};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

use crate::http::{Head, head, value_of};

const BUFFER_BYTES: usize = 8_192;

/// A request that arrived.
#[derive(Clone, Debug)]
pub struct Receipt {
    /// When its last byte was read.
    pub at: Instant,
    /// The same by the clock on the wall.
    pub wall: SystemTime,
    /// The delivery's id, the same in each attempt.
    pub delivery: String,
    /// The body.
    pub body: Vec<u8>,
}

/// A running server. It goes when this is dropped.
#[derive(Debug)]
pub struct Sink {
    address: SocketAddr,
    receipts: Arc<Mutex<Vec<Receipt>>>,
    _stop: oneshot::Sender<()>,
}

impl Sink {
    /// A receiver of webhooks.
    ///
    /// # Panics
    ///
    /// When there is no free port.
    #[must_use]
    pub fn start() -> Sink {
        Sink::answering("200 OK", "")
    }

    /// A server that always answers this.
    ///
    /// # Panics
    ///
    /// When there is no free port.
    #[must_use]
    pub fn answering(status: &str, body: &str) -> Sink {
        let length = body.len();
        let answer = format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\n\r\n{body}");
        let answer: Arc<[u8]> = answer.into_bytes().into();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        listener.set_nonblocking(true).expect("a socket may not block");
        let address = listener.local_addr().expect("a bound port");
        let receipts = Arc::<Mutex<Vec<Receipt>>>::default();
        let (stop, stopped) = oneshot::channel();
        let received = receipts.clone();
        thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("a runtime").block_on(async move {
                tokio::select! {
                    () = serve(listener, &answer, received) => (),
                    _ = stopped => (),
                }
            });
        });
        Sink { address, receipts, _stop: stop }
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The address to register as a webhook.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}/hook", self.address)
    }

    /// How many requests have arrived since the last [`Sink::take`].
    #[must_use]
    pub fn count(&self) -> usize {
        lock(&self.receipts).len()
    }

    /// Everything that has arrived since the last time.
    #[must_use]
    pub fn take(&self) -> Vec<Receipt> {
        std::mem::take(&mut *lock(&self.receipts))
    }
}

async fn serve(
    listener: std::net::TcpListener,
    answer: &Arc<[u8]>,
    receipts: Arc<Mutex<Vec<Receipt>>>,
) {
    let listener = TcpListener::from_std(listener).expect("a listener of this thread");
    loop {
        let Ok((stream, _)) = listener.accept().await else { continue };
        let (answer, receipts) = (answer.clone(), receipts.clone());
        // A client that goes has been noted as far as it got.
        tokio::spawn(async move { connection(stream, &answer, &receipts).await });
    }
}

async fn connection(
    mut stream: TcpStream,
    answer: &[u8],
    receipts: &Mutex<Vec<Receipt>>,
) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut received = Vec::with_capacity(BUFFER_BYTES);
    loop {
        while let Some(head) = head(&received)?
            && received.len() >= head.bytes + head.body_bytes
        {
            let rest = received.split_off(head.bytes + head.body_bytes);
            let receipt = receipt(&received, &head);
            lock(receipts).push(receipt);
            stream.write_all(answer).await?;
            received = rest;
        }
        if stream.read_buf(&mut received).await? == 0 {
            return Ok(());
        }
    }
}

fn receipt(request: &[u8], head: &Head) -> Receipt {
    let lines = request[..head.bytes].split(|byte| *byte == b'\n');
    let delivery = lines.filter_map(|line| value_of(line, b"x-delega-delivery")).next();
    Receipt {
        at: Instant::now(),
        wall: SystemTime::now(),
        delivery: delivery.unwrap_or_default().to_owned(),
        body: request[head.bytes..].to_vec(),
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn requests_that_arrive_in_pieces_or_together_are_told_apart() {
        let sink = Sink::start();
        let mut stream = TcpStream::connect(sink.address()).await.unwrap();
        let request = b"POST / HTTP/1.1\r\nX-Delega-Delivery: d1\r\nContent-Length: 4\r\n\r\nbody";
        let twice = [&request[..], &request[..]].concat();
        let (first, rest) = twice.split_at(30);
        stream.write_all(first).await.unwrap();
        stream.write_all(rest).await.unwrap();
        let mut answers = [0; 2 * b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n".len()];
        stream.read_exact(&mut answers).await.unwrap();
        let receipts = sink.take();
        let seen = receipts.iter().map(|it| (it.delivery.as_str(), &it.body[..]));
        assert_eq!(seen.collect::<Vec<_>>(), [("d1", &b"body"[..]); 2]);
        assert_eq!(sink.count(), 0);
    }
}
