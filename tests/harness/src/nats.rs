//! A nats-server with JetStream per test, which can crash, come back and lose everything.
//!
//! Must not: be shared between tests.

use std::fs;
use std::io::ErrorKind;
use std::path::PathBuf;

use baton_local::DataDir;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::place::Place;

/// A running nats-server of one test, gone with it.
#[derive(Debug)]
pub struct Nats {
    /// Its address with the token: the value of `BATON_NATS_URL`. Restarts keep it.
    pub url: String,
    /// `None` while it is down.
    server: Option<baton_local::Nats>,
    port: u16,
    store: PathBuf,
    data: DataDir,
    _place: Place,
}

/// A new empty nats-server.
///
/// # Panics
///
/// When nats-server is not installed or does not start.
pub async fn server() -> Nats {
    let place = Place::new();
    let data = DataDir::open(&place.path().join("data")).expect("a data directory");
    let server = start(&data, None).await;
    let (url, port, store) = (server.url(), server.port(), server.store());
    Nats { url, server: Some(server), port, store, data, _place: place }
}

impl Nats {
    /// A client of this server, on the calling test's runtime.
    ///
    /// # Panics
    ///
    /// When the server does not take it.
    pub async fn connect(&self) -> async_nats::Client {
        // The client library ignores what a URL says before the `@`.
        let token = self.url.trim_start_matches("nats://").split('@').next().unwrap_or_default();
        let options = async_nats::ConnectOptions::with_token(token.to_owned());
        options.connect(self.url.as_str()).await.expect("the test's nats-server answers")
    }

    /// Where JetStream keeps its streams.
    #[must_use]
    pub fn store(&self) -> &PathBuf {
        &self.store
    }

    /// Its process id.
    ///
    /// # Panics
    ///
    /// When it is down.
    #[must_use]
    pub fn pid(&self) -> i32 {
        self.server.as_ref().expect("the nats-server is up").pid()
    }

    /// A crash. Without effect while it is down.
    pub async fn kill(&mut self) {
        if let Some(server) = self.server.take() {
            server.kill().await;
        }
    }

    /// Up again after [`Nats::kill`], at the same address, with what it had stored.
    ///
    /// # Panics
    ///
    /// When it does not start.
    pub async fn restart(&mut self) {
        self.kill().await;
        self.server = Some(start(&self.data, Some(self.port)).await);
    }

    /// A crash that takes all streams along. [`Nats::restart`] brings up an empty server.
    ///
    /// # Panics
    ///
    /// When the store cannot be removed.
    pub async fn lose_everything(&mut self) {
        self.kill().await;
        match fs::remove_dir_all(&self.store) {
            Err(cause) if cause.kind() != ErrorKind::NotFound => panic!("the store stays: {cause}"),
            _ => (),
        }
    }

    /// Stops time for the server: it accepts connections and says nothing.
    ///
    /// # Panics
    ///
    /// When it is down.
    pub fn sigstop(&self) {
        self.signal(Signal::SIGSTOP);
    }

    /// Ends [`Nats::sigstop`].
    ///
    /// # Panics
    ///
    /// When it is down.
    pub fn sigcont(&self) {
        self.signal(Signal::SIGCONT);
    }

    fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.pid()), signal).expect("the nats-server takes a signal");
    }
}

async fn start(data: &DataDir, port: Option<u16>) -> baton_local::Nats {
    let started = baton_local::Nats::start_at(data, port).await.expect("a private nats-server");
    started.expect("nats-server is not installed: install the Debian package `nats-server`")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use async_nats::jetstream;

    use super::*;
    use crate::wait_until;

    async fn messages(nats: &Nats) -> Option<u64> {
        let context = jetstream::new(nats.connect().await);
        context.get_stream("kept").await.ok().map(|stream| stream.cached_info().state.messages)
    }

    #[tokio::test]
    async fn streams_survive_a_crash_and_can_be_lost() {
        let mut nats = server().await;
        let client = nats.connect().await;
        let context = jetstream::new(client.clone());
        let stream = jetstream::stream::Config {
            name: "kept".to_owned(),
            subjects: vec!["kept.>".to_owned()],
            ..Default::default()
        };
        context.create_stream(stream).await.unwrap();
        context.publish("kept.one", "1".into()).await.unwrap().await.unwrap();

        nats.restart().await;
        assert_eq!(messages(&nats).await, Some(1));
        wait_until(Duration::from_secs(10), "the old client is back", async || {
            client.connection_state() == async_nats::connection::State::Connected
        })
        .await;

        nats.lose_everything().await;
        nats.restart().await;
        assert_eq!(messages(&nats).await, None);
    }
}
