//! Load: clients that each tell a story again and again, as fast as they are answered, or at
//! given moments whatever the answers.
//!
//! Must not: share a thread with what receives webhooks, or leave out the time that a request
//! waited for its turn.

use std::future::Future;
use std::net::SocketAddr;
use std::thread;
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::sync::mpsc;

use crate::http::{Line, Tally};

/// What a client does again and again.
pub trait Script: Send + 'static {
    /// One story. Requests that fail are counted by the line; the story may end early.
    fn tell(&mut self, line: &mut Line) -> impl Future<Output = ()>;
}

/// What a load came to.
#[derive(Debug)]
pub struct Load<S> {
    /// Of all clients.
    pub tally: Tally,
    /// From the first request to the end of the window, or to the last answer.
    pub took: Duration,
    /// The clients, with what they noted.
    pub scripts: Vec<S>,
}

impl<S> Load<S> {
    /// Requests answered with success, by the second.
    #[must_use]
    pub fn rate(&self) -> f64 {
        self.tally.answered as f64 / self.took.as_secs_f64()
    }
}

/// Each client asks as soon as it is answered, for so long.
///
/// # Panics
///
/// When there is no thread for it.
pub async fn closed<S: Script>(address: SocketAddr, scripts: Vec<S>, span: Duration) -> Load<S> {
    on_a_thread(move || async move {
        let start = Instant::now();
        let end = start + span;
        let clients = scripts.into_iter().map(|mut script| async move {
            let mut line = Line::to(address, Some(end));
            while Instant::now() < end {
                script.tell(&mut line).await;
            }
            (script, line.into_tally())
        });
        gather(clients.collect(), start, Some(span)).await
    })
    .await
}

/// Stories begin at this rate in all, each at its moment; a client that is late begins at once,
/// and the wait is part of the latency.
///
/// # Panics
///
/// When there is no thread for it.
pub async fn paced<S: Script>(
    address: SocketAddr,
    scripts: Vec<S>,
    rate: f64,
    span: Duration,
) -> Load<S> {
    on_a_thread(move || async move {
        let stories = (rate * span.as_secs_f64() / scripts.len() as f64).round() as usize;
        let stories = stories.max(1);
        let (mut turns, mut clients) = (Vec::new(), Vec::new());
        for script in scripts {
            let (turn, moments) = mpsc::channel(stories);
            turns.push(turn);
            clients.push((script, moments));
        }
        let start = Instant::now();
        let pace = Duration::from_secs_f64(1.0 / rate);
        thread::spawn(move || keep_pace(&turns, start, pace, stories));
        let clients = clients.into_iter().map(|(mut script, mut moments)| async move {
            let mut line = Line::to(address, None);
            while let Some(moment) = moments.recv().await {
                line.intend(moment);
                script.tell(&mut line).await;
            }
            (script, line.into_tally())
        });
        gather(clients.collect(), start, None).await
    })
    .await
}

/// Tells the clients, one after the other, when it is their turn. A thread of its own: the timers
/// of the runtime are late by a millisecond or two.
fn keep_pace(turns: &[mpsc::Sender<Instant>], start: Instant, pace: Duration, rounds: usize) {
    let mut moment = start;
    for _ in 0..rounds {
        for turn in turns {
            while let Some(early) = moment.checked_duration_since(Instant::now())
                && !early.is_zero()
            {
                thread::park_timeout(early);
            }
            turn.try_send(moment).expect("there is room for all of a client's turns");
            moment += pace;
        }
    }
}

async fn gather<S>(
    mut clients: FuturesUnordered<impl Future<Output = (S, Tally)>>,
    start: Instant,
    span: Option<Duration>,
) -> Load<S> {
    let (mut tally, mut scripts) = (Tally::default(), Vec::new());
    while let Some((script, told)) = clients.next().await {
        scripts.push(script);
        tally.absorb(told);
    }
    Load { tally, took: span.unwrap_or_else(|| start.elapsed()), scripts }
}

/// One thread drives all clients: it costs less than several, and takes one core at most.
async fn on_a_thread<T, F>(make: impl FnOnce() -> F + Send + 'static) -> T
where
    T: Send + 'static,
    F: Future<Output = T>,
{
    let run = tokio::task::spawn_blocking(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.expect("a runtime").block_on(make())
    });
    run.await.expect("the load is not cancelled")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::Request;
    use crate::sink::Sink;

    struct Ask;

    impl Script for Ask {
        async fn tell(&mut self, line: &mut Line) {
            let request = Request { method: "POST", path: "/", key: "k", body: "{}" };
            assert!(line.ask(request).await.is_some());
        }
    }

    #[tokio::test]
    async fn a_closed_loop_counts_what_was_answered_in_time() {
        let sink = Sink::start();
        let load = closed(sink.address(), vec![Ask, Ask], Duration::from_millis(200)).await;
        let counted = usize::try_from(load.tally.answered).unwrap();
        assert!(counted > 10 && load.tally.errors.is_empty(), "{:?}", load.tally.errors);
        assert!((counted..=counted + 2).contains(&sink.count()));
        assert_eq!((load.tally.latencies.count(), load.scripts.len()), (counted, 2));
    }

    #[tokio::test]
    async fn a_paced_load_keeps_its_rate() {
        let sink = Sink::start();
        let scripts = vec![Ask, Ask, Ask, Ask];
        let load = paced(sink.address(), scripts, 200.0, Duration::from_millis(500)).await;
        assert_eq!((load.tally.answered, sink.count()), (100, 100));
        assert!(load.took >= Duration::from_millis(480), "{:?}", load.took);
    }

    #[tokio::test]
    async fn what_is_refused_is_an_error() {
        let sink = Sink::answering("500 Internal Server Error", "{}");
        struct Fail;
        impl Script for Fail {
            async fn tell(&mut self, line: &mut Line) {
                let request = Request { method: "GET", path: "/", key: "k", body: "" };
                assert!(line.ask(request).await.is_none());
            }
        }
        let load = paced(sink.address(), vec![Fail], 100.0, Duration::from_millis(50)).await;
        assert_eq!(load.tally.answered, 0);
        assert_eq!(load.tally.errors.values().sum::<u64>(), 5);
    }
}
