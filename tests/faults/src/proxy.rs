//! A line between a node and NATS that can be cut.
//!
//! Must not: look at what goes through.

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// A listening proxy, gone with it.
#[derive(Debug)]
pub struct Proxy {
    /// The address to use instead of the server's, with the same credentials.
    pub url: String,
    is_cut: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Proxy {
    /// A proxy before the server at `url`, such as `nats://token@127.0.0.1:4222`.
    ///
    /// # Panics
    ///
    /// When there is no free port.
    pub async fn before(url: &str) -> Proxy {
        let (credentials, server) = url.rsplit_once('@').expect("a test's NATS asks for a token");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("a bound port");
        let (is_cut, cut) = watch::channel(false);
        let task = tokio::spawn(serve(listener, server.to_owned(), cut));
        Proxy { url: format!("{credentials}@{address}"), is_cut, task }
    }

    /// Breaks every connection and lets none through.
    pub fn cut(&self) {
        self.is_cut.send_replace(true);
    }

    /// Lets connections through again.
    pub fn mend(&self) {
        self.is_cut.send_replace(false);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(listener: TcpListener, server: String, cut: watch::Receiver<bool>) {
    loop {
        let Ok((client, _)) = listener.accept().await else { continue };
        if !*cut.borrow() {
            tokio::spawn(through(client, server.clone(), cut.clone()));
        }
    }
}

async fn through(mut client: TcpStream, server: String, mut cut: watch::Receiver<bool>) {
    let Ok(mut server) = TcpStream::connect(server).await else { return };
    tokio::select! {
        // However it ends, both ends see it.
        _ = copy_bidirectional(&mut client, &mut server) => {}
        _ = cut.wait_for(|is_cut| *is_cut) => {}
    }
}
