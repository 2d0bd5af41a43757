//! Everything that a round needs: a Postgres, a NATS, a receiver, and Baton as several processes
//! with split roles, each follower with two processes that can hold it.
//!
//! Must not: outlive its rounds. A broken one leaves its directories for inspection.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use baton_harness::baton::{Baton, Builder, PROJECT_TOKEN};
use baton_harness::client::{Client, Credential};
use baton_harness::nats::{self, Nats};
use baton_harness::place;
use baton_harness::postgres::{Cluster, Database, own_cluster};
use baton_harness::receiver::Receiver;
use baton_harness::record;
use serde_json::json;
use tokio::sync::{Mutex, RwLock};

use crate::proxy::Proxy;
use crate::stream::Watcher;

/// Processes of Baton.
pub const PROCESSES: usize = 6;
/// The name and the roles of each process; none are all.
const NODES: [(&str, Option<&str>); PROCESSES] = [
    ("api-1", Some("api")),
    ("api-2", Some("api")),
    ("all", None),
    ("projector", Some("projector")),
    ("relay", Some("relay")),
    ("webhooks", Some("webhooks,policies,scheduler,ledger")),
];
/// Those that take requests come first.
pub const API_NODES: usize = 3;
/// Agents that give commands.
pub const CLIENTS: usize = 4;
/// The webhook's secret.
pub const SECRET: &str = "whsec_of-the-fault-suite";
/// Retries come soon and often: no fault lasts until the last of them.
const RETRY_SCHEDULE: &str = "1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1";
/// Longer than any wait of a healthy world takes on a busy machine.
pub const LIMIT: Duration = Duration::from_secs(90);

/// A process of Baton.
#[derive(Debug)]
pub struct Node {
    /// What it is called here.
    pub name: &'static str,
    /// Where it listens, whatever becomes of it.
    pub url: String,
    /// The process.
    pub baton: Mutex<Baton>,
    /// Its line to NATS.
    pub proxy: Proxy,
}

/// A running world.
#[derive(Debug)]
pub struct World {
    /// All processes.
    pub nodes: Vec<Node>,
    /// Held to start a process; held alone to take Postgres away, without which none starts.
    pub starting: RwLock<()>,
    /// The account's admin at each API node.
    pub admins: Vec<Client>,
    /// The agents' clients, one for each API node.
    pub agents: Vec<Vec<Client>>,
    /// Whom tasks are handed to.
    pub assignee: String,
    /// Where webhooks go.
    pub receiver: Mutex<Receiver>,
    /// The directories of its processes.
    places: Vec<PathBuf>,
    /// What the stream said.
    pub watcher: Watcher,
    /// The database of all processes.
    pub database: Database,
    /// The server of the stream.
    pub nats: Mutex<Nats>,
    /// The server of the database.
    pub cluster: Mutex<Cluster>,
}

impl World {
    /// A new one, with a webhook that hears of everything.
    ///
    /// # Panics
    ///
    /// When a part of it does not start.
    pub async fn new() -> World {
        let cluster = own_cluster().await;
        let (database, nats) = (cluster.database().await, nats::server().await);
        let receiver = Receiver::start().await;
        let mut nodes = Vec::new();
        for (name, roles) in NODES {
            nodes.push(start(name, roles, &database, &nats).await);
        }
        let clients = |credential: &Credential| -> Vec<Client> {
            let api = nodes[..API_NODES].iter();
            api.map(|node| Client::new(&node.url, credential.clone())).collect()
        };
        let admins = clients(&Credential::Bearer(PROJECT_TOKEN.to_owned()));
        let admin = &admins[0];
        let hook = json!({ "url": receiver.url(), "events": ["*"], "secret": SECRET });
        admin.post("/v1/webhooks", hook).await.expect(201);
        let mut agents = Vec::new();
        for n in 0..CLIENTS {
            let body = json!({ "name": format!("client-{n}") });
            let made = admin.post("/v1/agents", body).await.expect(201);
            let key = made["api_key"].as_str().expect("a key").to_owned();
            agents.push(clients(&Credential::AgentKey(key)));
        }
        let made = admin.post("/v1/agents", json!({ "name": "assignee" })).await.expect(201);
        let assignee = made["id"].as_str().expect("an id").to_owned();
        let watcher = Watcher::start(&nats.url);
        let mut places = vec![cluster.path().to_owned(), nats.store().clone()];
        for node in &nodes {
            places.push(node.baton.lock().await.data_dir());
        }
        World {
            places,
            nodes,
            starting: RwLock::new(()),
            admins,
            agents,
            assignee,
            receiver: Mutex::new(receiver),
            watcher,
            database,
            nats: Mutex::new(nats),
            cluster: Mutex::new(cluster),
        }
    }

    /// Which process holds each subscription.
    ///
    /// # Panics
    ///
    /// When the database does not answer.
    pub async fn holders(&self) -> BTreeMap<String, usize> {
        let followers = record::followers(&self.database.connect().await).await;
        let mut pids = BTreeMap::new();
        for (at, node) in self.nodes.iter().enumerate() {
            pids.insert(node.baton.lock().await.pid().to_string(), at);
        }
        let held = |follower: &record::Follower| {
            let pid = follower.holder.as_deref()?.split('-').next()?;
            Some((follower.name.clone(), *pids.get(pid)?))
        };
        let followers = followers.expect("subscriptions can be read");
        followers.iter().filter_map(held).collect()
    }
}

impl Drop for World {
    #[expect(clippy::print_stderr, reason = "where to look belongs to the output of what failed")]
    fn drop(&mut self) {
        if std::thread::panicking() {
            place::keep_all();
            for place in &self.places {
                eprintln!("kept: {}", place.display());
            }
        }
    }
}

async fn start(name: &'static str, roles: Option<&str>, database: &Database, nats: &Nats) -> Node {
    let proxy = Proxy::before(&nats.url).await;
    let mut builder = Builder::on(database, nats)
        .env("BATON_NATS_URL", &proxy.url)
        .env("BATON_WEBHOOK_RETRY_SCHEDULE", RETRY_SCHEDULE);
    if let Some(roles) = roles {
        builder = builder.roles(roles);
    }
    let baton = builder.start().await;
    Node { name, url: baton.url(), baton: Mutex::new(baton), proxy }
}
