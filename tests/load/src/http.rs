//! As much HTTP/1.1 as a load generator needs: one connection that is kept, requests with a
//! known length, answers with one. It costs little, so that the machine is left to what is
//! measured.
//!
//! Must not: be taken for a client of other servers. It refuses what it does not know.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::latency::Latencies;

/// Longer than any answer may take.
const ANSWER_LIMIT: Duration = Duration::from_secs(30);
/// More than any head that is sent here.
const HEAD_BYTES_MAX: usize = 16 * 1024;
const HEAD_END: &[u8] = b"\r\n\r\n";

/// A request.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The method.
    pub method: &'static str,
    /// Path and query.
    pub path: &'a str,
    /// An agent's key, or the project token.
    pub key: &'a str,
    /// A JSON body; none where it is empty.
    pub body: &'a str,
}

/// What became of requests.
#[derive(Debug, Default)]
pub struct Tally {
    /// Answered with 2xx within the window.
    pub answered: u64,
    /// All others, by what they were.
    pub errors: BTreeMap<String, u64>,
    /// From the intended moment of sending to the last byte of the answer.
    pub latencies: Latencies,
    /// From the intended moment of sending to the sending: the generator's own delay.
    pub lateness: Latencies,
}

impl Tally {
    /// All of another's.
    pub fn absorb(&mut self, other: Tally) {
        self.answered += other.answered;
        for (error, count) in other.errors {
            *self.errors.entry(error).or_default() += count;
        }
        self.latencies.absorb(other.latencies);
        self.lateness.absorb(other.lateness);
    }
}

/// One client's connection with the tally of what it asked.
#[derive(Debug)]
pub struct Line {
    address: SocketAddr,
    stream: Option<TcpStream>,
    sent: Vec<u8>,
    received: Vec<u8>,
    /// When the next request should have been sent, where that was before now.
    intended: Option<Instant>,
    /// Answers after it are not counted.
    end: Option<Instant>,
    tally: Tally,
}

/// A message's head, as far as it matters here.
#[derive(Debug, PartialEq, Eq)]
pub struct Head {
    /// Its length, the blank line included.
    pub bytes: usize,
    /// The length of the body behind it.
    pub body_bytes: usize,
}

/// The head at the beginning of `received`; none while it is not whole.
///
/// # Errors
///
/// When it is too long, or the body's length is not given by `Content-Length`.
pub fn head(received: &[u8]) -> io::Result<Option<Head>> {
    let end = received.windows(HEAD_END.len()).position(|window| window == HEAD_END);
    let Some(end) = end else {
        let is_too_long = received.len() > HEAD_BYTES_MAX;
        return if is_too_long { Err(malformed("a head without an end")) } else { Ok(None) };
    };
    let mut body_bytes = 0;
    for line in received[..end].split(|byte| *byte == b'\n').skip(1) {
        if let Some(value) = value_of(line, b"content-length") {
            body_bytes = value.parse().map_err(|_| malformed("a length that is no number"))?;
        } else if value_of(line, b"transfer-encoding").is_some() {
            return Err(malformed("a body in chunks"));
        }
    }
    Ok(Some(Head { bytes: end + HEAD_END.len(), body_bytes }))
}

/// The value of the header that this line is, if it is that.
#[must_use]
pub fn value_of<'a>(line: &'a [u8], name: &[u8]) -> Option<&'a str> {
    let (found, value) = line.split_at_checked(name.len())?;
    let value = value.strip_prefix(b":").filter(|_| found.eq_ignore_ascii_case(name))?;
    std::str::from_utf8(value).ok().map(str::trim)
}

impl Line {
    /// A line to this server; it connects when it is first used.
    #[must_use]
    pub fn to(address: SocketAddr, end: Option<Instant>) -> Line {
        let (sent, received) = (Vec::with_capacity(2_048), Vec::with_capacity(8_192));
        let tally = Tally::default();
        Line { address, stream: None, sent, received, intended: None, end, tally }
    }

    /// The next request's latency counts from this moment.
    pub fn intend(&mut self, moment: Instant) {
        self.intended = Some(moment);
    }

    /// What became of everything asked.
    #[must_use]
    pub fn into_tally(self) -> Tally {
        self.tally
    }

    /// Asks, and gives the body of an answer of success; everything else is counted as an error.
    pub async fn ask(&mut self, request: Request<'_>) -> Option<&[u8]> {
        let sending = Instant::now();
        let intended = self.intended.take().unwrap_or(sending);
        self.tally.lateness.add(sending - intended);
        let answer = timeout(ANSWER_LIMIT, self.exchange(request)).await;
        let answered = Instant::now();
        let (status, head) = match answer {
            Ok(Ok(answer)) => answer,
            Ok(Err(cause)) => return self.failed(cause.to_string()),
            Err(_) => return self.failed("no answer in time".to_owned()),
        };
        if !(200..300).contains(&status) {
            let body = String::from_utf8_lossy(&self.received[head.bytes..]);
            let start: String = body.chars().take(160).collect();
            return self.refused(format!("{} {status}: {start}", request.method));
        }
        if self.end.is_none_or(|end| answered <= end) {
            self.tally.answered += 1;
            self.tally.latencies.add(answered - intended);
        }
        Some(&self.received[head.bytes..])
    }

    async fn exchange(&mut self, request: Request<'_>) -> io::Result<(u16, Head)> {
        let stream = match &mut self.stream {
            Some(stream) => stream,
            none => {
                let stream = TcpStream::connect(self.address).await?;
                stream.set_nodelay(true)?;
                none.insert(stream)
            }
        };
        self.sent.clear();
        write_request(&mut self.sent, self.address, request);
        stream.write_all(&self.sent).await?;
        self.received.clear();
        loop {
            if stream.read_buf(&mut self.received).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            if let Some(head) = head(&self.received)? {
                return finish(stream, &mut self.received, head).await;
            }
        }
    }

    /// The connection can no longer be used.
    fn failed(&mut self, error: String) -> Option<&[u8]> {
        self.stream = None;
        self.refused(error)
    }

    fn refused(&mut self, error: String) -> Option<&[u8]> {
        *self.tally.errors.entry(error).or_default() += 1;
        None
    }
}

/// Reads the rest of an answer whose head is there.
async fn finish(
    stream: &mut TcpStream,
    received: &mut Vec<u8>,
    head: Head,
) -> io::Result<(u16, Head)> {
    let status = received.get(9..12).and_then(|digits| std::str::from_utf8(digits).ok());
    let status = status.and_then(|digits| digits.parse().ok());
    let status = status.ok_or_else(|| malformed("an answer without a status"))?;
    let whole = head.bytes + head.body_bytes;
    while received.len() < whole {
        if stream.read_buf(received).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    if received.len() > whole {
        return Err(malformed("more than one answer"));
    }
    Ok((status, head))
}

fn write_request(out: &mut Vec<u8>, address: SocketAddr, request: Request<'_>) {
    use io::Write as _;
    let Request { method, path, key, body } = request;
    let written = write!(
        out,
        "{method} {path} HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {key}\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    written.expect("memory takes text");
}

fn malformed(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_found_when_it_is_whole() {
        let answer = b"HTTP/1.1 200 OK\r\nContent-Length:  2\r\ndate: x\r\n\r\n{}";
        let bytes = answer.len() - b"{}".len();
        assert_eq!(head(answer).unwrap(), Some(Head { bytes, body_bytes: 2 }));
        assert_eq!(head(&answer[..bytes - 1]).unwrap(), None);
        let bare = b"HTTP/1.1 204 No Content\r\n\r\n";
        assert_eq!(head(bare).unwrap(), Some(Head { bytes: bare.len(), body_bytes: 0 }));
    }

    #[test]
    fn what_is_not_known_is_refused() {
        head(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").unwrap_err();
        head(b"HTTP/1.1 200 OK\r\ncontent-length: many\r\n\r\n").unwrap_err();
        head(&[b'a'; HEAD_BYTES_MAX + 1]).unwrap_err();
    }
}
