//! A Baton with everything around it: all roles, a database and a NATS of its own, agents, and a
//! receiver for its webhooks.
//!
//! Must not: be configured otherwise than an operator would.

use std::future::Future;
use std::mem::ManuallyDrop;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use baton_domain::AgentId;
use baton_harness::baton::{Baton, Builder};
use baton_harness::client::{Client, project};
use baton_harness::nats::{self, Nats};
use baton_harness::postgres::Database;
use baton_harness::wait_until;
use serde_json::{Value, json};
use tokio_postgres::Client as Connection;

use crate::bench::Bench;
use crate::figure::rounded;
use crate::fill::{Filled, Goal, fill, log_on};
use crate::followers;
use crate::generator::Load;
use crate::processes::Processes;
use crate::report::say;
use crate::sink::Sink;
use crate::windows::Measured;

/// Agents of a stand.
const AGENTS: usize = 8;
/// Different errors that are shown.
const ERRORS_SHOWN: usize = 3;
/// The metric, and what ends its name.
const DELIVERIES_DUE: &str = "baton_webhook_deliveries_due ";
/// A backlog of a window is gone in the end.
const DELIVERED_WITHIN: Duration = Duration::from_secs(600);
const VACUUM: &str = include_str!("sql/vacuum.sql");

/// An agent with its key.
#[derive(Clone, Debug)]
pub struct Agent {
    /// Its id.
    pub id: AgentId,
    /// What it shows.
    pub key: String,
}

/// A running Baton. Its parts go in this order.
#[derive(Debug)]
pub struct Stand {
    /// The process.
    pub baton: Baton,
    /// Where webhooks go.
    pub sink: Sink,
    /// Agents that give commands.
    pub agents: Vec<Agent>,
    /// A connection to look with.
    pub watch: Connection,
    /// Its NATS.
    pub nats: Nats,
    /// Its database; it goes with its cluster, not while the next scenario is measured.
    pub database: ManuallyDrop<Database>,
    postgres: i32,
}

impl Stand {
    /// A new one with all roles, or with these.
    ///
    /// # Panics
    ///
    /// When a part of it does not start.
    pub async fn new(bench: &Bench, roles: Option<&str>) -> Stand {
        let stand = Stand::without_webhook(bench, roles).await;
        stand.hear_of_completions().await;
        stand
    }

    /// A new one with all roles and a data set, which its webhook does not hear of.
    ///
    /// # Panics
    ///
    /// When a part of it does not start, or a command is refused.
    pub async fn with(bench: &Bench, goal: Goal) -> (Stand, Filled) {
        let (stand, filled) = Stand::quiet_with(bench, goal).await;
        stand.hear_of_completions().await;
        (stand, filled)
    }

    /// The same without a webhook.
    ///
    /// # Panics
    ///
    /// When a part of it does not start, or a command is refused.
    pub async fn quiet_with(bench: &Bench, goal: Goal) -> (Stand, Filled) {
        let stand = Stand::without_webhook(bench, None).await;
        let log = log_on(&stand.database).await;
        let filled = fill(&log, &stand.agent_ids(), goal).await;
        log.shutdown().await;
        let (tasks, events, took) = (filled.tasks, filled.events, filled.took);
        say(&format!("{tasks} tasks, {events} events written in {took:.1?}; waiting"));
        stand.settle().await;
        (stand, filled)
    }

    async fn without_webhook(bench: &Bench, roles: Option<&str>) -> Stand {
        let database = ManuallyDrop::new(bench.cluster.database().await);
        let nats = nats::server().await;
        let mut builder = builder(bench, &database, &nats);
        if let Some(roles) = roles {
            builder = builder.roles(roles);
        }
        let baton = builder.start().await;
        let (admin, mut agents) = (project(&baton), Vec::new());
        for n in 0..AGENTS {
            let body = json!({ "name": format!("bench-{n}") });
            let made = admin.post("/v1/agents", body).await.expect(201);
            let text = |field: &str| made[field].as_str().expect("a text").to_owned();
            let id = text("id").parse().expect("an agent's id");
            agents.push(Agent { id, key: text("api_key") });
        }
        let watch = database.connect().await;
        let (sink, postgres) = (Sink::start(), bench.cluster.pid());
        Stand { baton, sink, agents, watch, nats, database, postgres }
    }

    /// Another process on the same database and NATS, with these roles.
    ///
    /// # Panics
    ///
    /// When it does not start.
    pub async fn beside(&self, bench: &Bench, roles: &str) -> Baton {
        builder(bench, &self.database, &self.nats).roles(roles).start().await
    }

    /// The account's admin.
    #[must_use]
    pub fn admin(&self) -> Client {
        project(&self.baton)
    }

    /// Where it listens.
    ///
    /// # Panics
    ///
    /// Never: the address is the harness's.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        let url = self.baton.url();
        url.trim_start_matches("http://").parse().expect("an address")
    }

    /// Ids of all agents.
    #[must_use]
    pub fn agent_ids(&self) -> Vec<AgentId> {
        self.agents.iter().map(|agent| agent.id).collect()
    }

    /// The agent of this client.
    #[must_use]
    pub fn agent(&self, client: usize) -> &Agent {
        &self.agents[client % self.agents.len()]
    }

    /// The agent with this key.
    ///
    /// # Panics
    ///
    /// When there is none.
    #[must_use]
    pub fn agent_with(&self, key: &str) -> &Agent {
        self.agents.iter().find(|agent| agent.key == key).expect("an agent of this stand")
    }

    /// Its processes.
    #[must_use]
    pub fn processes(&self) -> Processes {
        let (baton, nats) = (Some(self.baton.pid()), Some(self.nats.pid()));
        Processes { baton, postgres: self.postgres, nats }
    }

    /// As a database is that has lived for a while: what was written is cleaned up and counted.
    async fn settle(&self) {
        followers::caught_up(&self.watch, &[]).await;
        let superuser = self.database.connect_as_superuser().await;
        superuser.batch_execute(VACUUM).await.expect("a vacuum");
    }

    /// What a load came to: its rate, its errors, what it cost, and whether the followers are
    /// level with the log one second later.
    pub async fn measured<S>(&self, load: impl Future<Output = Load<S>>) -> (Measured, Load<S>) {
        drop(self.sink.take());
        let before = self.processes().cpu();
        let load = load.await;
        let ended = Instant::now();
        let level = followers::level(&self.watch).await;
        let cpu = self.processes().cpu().since(&before);
        let errors: u64 = load.tally.errors.values().sum();
        let shown: Vec<_> = load.tally.errors.iter().take(ERRORS_SHOWN).collect();
        let mut faults = Vec::from_iter(level.fault());
        if errors > 0 {
            faults.push(format!("{errors} errors, such as {shown:?}"));
        }
        // The next window is not to pay for this one.
        followers::caught_up(&self.watch, &[]).await;
        let is_done = async || self.deliveries_due().await == 0.0;
        wait_until(DELIVERED_WITHIN, "webhooks are delivered", is_done).await;
        let raw = json!({
            "per_second": rounded(load.rate()), "answered": load.tally.answered,
            "seconds": rounded(load.took.as_secs_f64()), "errors": errors,
            "latency": load.tally.latencies.summary(),
            "generator_late": load.tally.lateness.summary(),
            "followers": level.summary(),
            "webhooks": {
                "received": self.sink.count(),
                "delivered_after_ms": rounded(ended.elapsed().as_secs_f64() * 1_000.0),
            },
            "cpu_per_command": cpu.per_command(load.tally.answered as f64),
            "rss_mib": resident(&self.baton),
        });
        (Measured { rate: load.rate(), faults, raw }, load)
    }

    /// Deliveries that were planned and not made, as Baton counts them.
    async fn deliveries_due(&self) -> f64 {
        let metrics = self.admin().get("/metrics").await.text;
        let value = metrics.lines().find_map(|line| line.strip_prefix(DELIVERIES_DUE));
        let value = value.unwrap_or_else(|| panic!("{DELIVERIES_DUE} is a metric: {metrics}"));
        value.trim().parse().expect("a metric has a number")
    }

    /// From now on a webhook hears of every completion.
    ///
    /// # Panics
    ///
    /// When it is not registered.
    pub async fn hear_of_completions(&self) {
        let hook = json!({ "url": self.sink.url(), "events": ["task.completed"] });
        self.admin().post("/v1/webhooks", hook).await.expect(201);
    }
}

fn builder(bench: &Bench, database: &Database, nats: &Nats) -> Builder {
    let builder = Builder::on(database, nats);
    match &bench.extent.baton {
        Some(binary) => builder.program(binary.clone()),
        None => builder,
    }
}

fn resident(baton: &Baton) -> Value {
    crate::processes::resident_mib(baton.pid()).map_or(Value::Null, rounded)
}
