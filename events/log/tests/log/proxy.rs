//! A proxy that understands just enough of the Postgres protocol to break a connection at an
//! exact message: before a batch reaches the server, after its commit, or in between.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::sync::{oneshot, watch};
use tokio_postgres::Config;
use tokio_postgres::config::Host;

type Reader = Box<dyn AsyncRead + Send + Unpin>;
type Writer = Box<dyn AsyncWrite + Send + Unpin>;

/// Frontend messages that matter here.
const BIND: u8 = b'B';
const SYNC: u8 = b'S';
/// The backend message that follows a commit.
const READY_FOR_QUERY: u8 = b'Z';

/// What happens to the next batch that passes; connections after it pass untouched.
enum Rule {
    Pass,
    CutBeforeForward,
    CutAfterCommit,
    WithholdSync(oneshot::Sender<()>),
}

/// Listens on a port of its own and connects to the server that `config` names.
pub(crate) struct Proxy {
    /// Leads to the server through the proxy.
    pub(crate) config: Config,
    rule: Arc<Mutex<Rule>>,
    cut: watch::Sender<u32>,
    refuse: watch::Sender<bool>,
}

impl Proxy {
    pub(crate) async fn to(server: &Config) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let rule = Arc::new(Mutex::new(Rule::Pass));
        let cut = watch::Sender::new(0);
        let refuse = watch::Sender::new(false);
        let accepting =
            Accepting { server: server.clone(), rule: Arc::clone(&rule), cut: cut.subscribe() };
        tokio::spawn(accepting.run(listener, refuse.subscribe()));
        let mut config = Config::new();
        config.host("127.0.0.1").port(port).dbname(server.get_dbname().unwrap());
        config.user(server.get_user().unwrap());
        if let Some(password) = server.get_password() {
            config.password(password);
        }
        Self { config, rule, cut, refuse }
    }

    /// The next batch does not reach the server.
    pub(crate) fn cut_before_forward(&self) {
        *self.rule.lock().unwrap() = Rule::CutBeforeForward;
    }

    /// The next batch commits and its answer does not reach the node.
    pub(crate) fn cut_after_commit(&self) {
        *self.rule.lock().unwrap() = Rule::CutAfterCommit;
    }

    /// The next batch runs but its last message stays behind; tells when that has happened.
    pub(crate) fn withhold_sync(&self) -> oneshot::Receiver<()> {
        let (withheld, happened) = oneshot::channel();
        *self.rule.lock().unwrap() = Rule::WithholdSync(withheld);
        happened
    }

    /// Breaks all connections towards the node; the server does not notice.
    pub(crate) fn cut_now(&self) {
        self.cut.send_modify(|cuts| *cuts += 1);
    }

    /// From now on new connections are closed at once (or served again).
    pub(crate) fn refuse(&self, refuse: bool) {
        self.refuse.send_replace(refuse);
    }
}

struct Accepting {
    server: Config,
    rule: Arc<Mutex<Rule>>,
    cut: watch::Receiver<u32>,
}

impl Accepting {
    async fn run(self, listener: TcpListener, refuse: watch::Receiver<bool>) {
        loop {
            let (node, _) = listener.accept().await.unwrap();
            if *refuse.borrow() {
                continue;
            }
            let (server_reads, server_writes) = connect(&self.server).await;
            let (node_reads, node_writes) = node.into_split();
            let (swallow, swallowing) = watch::channel(false);
            let rule = Arc::clone(&self.rule);
            let mut cut = self.cut.clone();
            cut.mark_unchanged();
            tokio::spawn(async move {
                let mut server = (server_reads, server_writes);
                let over = tokio::select! {
                    over = to_server(Box::new(node_reads), &mut server.1, &rule, swallow) => over,
                    () = to_node(&mut server.0, Box::new(node_writes), swallowing) => Over::Close,
                    _ = cut.changed() => Over::KeepServer,
                };
                if let Over::KeepServer = over {
                    // The server's side stays open, as after a network that just went silent.
                    let _open = server;
                    std::future::pending::<()>().await;
                }
            });
        }
    }
}

/// How a connection ends.
enum Over {
    Close,
    KeepServer,
}

async fn connect(server: &Config) -> (Reader, Writer) {
    let port = server.get_ports().first().copied().unwrap_or(5432);
    match &server.get_hosts()[0] {
        Host::Tcp(host) => {
            let (reads, writes) =
                TcpStream::connect((host.as_str(), port)).await.unwrap().into_split();
            (Box::new(reads), Box::new(writes))
        }
        Host::Unix(folder) => {
            let socket = folder.join(format!(".s.PGSQL.{port}"));
            let (reads, writes) = UnixStream::connect(socket).await.unwrap().into_split();
            (Box::new(reads), Box::new(writes))
        }
    }
}

async fn to_server(
    mut node: Reader,
    server: &mut Writer,
    rule: &Mutex<Rule>,
    swallow: watch::Sender<bool>,
) -> Over {
    // The start-up message has no type.
    let Some(startup) = body(&mut node).await else {
        return Over::Close;
    };
    if server.write_all(&startup).await.is_err() {
        return Over::Close;
    }
    let mut withhold = None;
    loop {
        let Some((kind, message)) = message(&mut node).await else {
            return Over::Close;
        };
        if kind == BIND {
            match std::mem::replace(&mut *rule.lock().unwrap(), Rule::Pass) {
                Rule::Pass => (),
                Rule::CutBeforeForward => return Over::Close,
                Rule::CutAfterCommit => {
                    swallow.send_replace(true);
                }
                Rule::WithholdSync(withheld) => withhold = Some(withheld),
            }
        }
        if kind == SYNC
            && let Some(withheld) = withhold.take()
        {
            withheld.send(()).unwrap();
            // The node is stopped: the connection stays, and nothing more comes through it.
            std::future::pending::<()>().await;
        }
        if server.write_all(&message).await.is_err() {
            return Over::Close;
        }
    }
}

async fn to_node(server: &mut Reader, mut node: Writer, swallowing: watch::Receiver<bool>) {
    while let Some((kind, message)) = message(server).await {
        if *swallowing.borrow() {
            if kind == READY_FOR_QUERY {
                return;
            }
        } else if node.write_all(&message).await.is_err() {
            return;
        }
    }
}

/// One whole message with its type.
async fn message(from: &mut Reader) -> Option<(u8, Vec<u8>)> {
    let kind = from.read_u8().await.ok()?;
    let mut message = vec![kind];
    message.extend(body(from).await?);
    Some((kind, message))
}

/// A length and what it counts.
async fn body(from: &mut Reader) -> Option<Vec<u8>> {
    let length = from.read_u32().await.ok()?;
    let mut message = length.to_be_bytes().to_vec();
    message.resize(usize::try_from(length).unwrap(), 0);
    from.read_exact(&mut message[4..]).await.ok()?;
    Some(message)
}
