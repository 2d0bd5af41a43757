//! The yardstick: what this machine's Postgres does with one durable row per transaction.
//!
//! Must not: be helped or hindered. The table is made once, and emptied before each window.

use std::path::PathBuf;
use std::process::Stdio;

use baton_harness::backup::tool;
use baton_harness::place::Place;
use baton_harness::postgres::{Cluster, Database};
use serde_json::json;
use tokio_postgres::Client;

use crate::figure::rounded;
use crate::latency::Latencies;
use crate::processes::{Cpu, Processes};
use crate::windows::Measured;

const TABLE: &str = include_str!("sql/yardstick_table.sql");
const INSERT: &str = include_str!("sql/yardstick.sql");
const EMPTY: &str = include_str!("sql/yardstick_empty.sql");
const CHECKPOINT: &str = include_str!("sql/checkpoint.sql");
const TYPE: &str = "task.created";
/// As many bytes as the payload of the tasks that are created here.
pub const PAYLOAD_BYTES: usize = 400;

/// A table to write to with pgbench.
#[derive(Debug)]
pub struct Yardstick {
    database: Database,
    superuser: Client,
    processes: Processes,
    script: PathBuf,
    _place: Place,
}

impl Yardstick {
    /// A new one in this cluster.
    ///
    /// # Panics
    ///
    /// When it cannot be made.
    pub async fn new(cluster: &Cluster) -> Yardstick {
        let database = cluster.database().await;
        database.connect().await.batch_execute(TABLE).await.expect("a table");
        let superuser = database.connect_as_superuser().await;
        let processes = Processes { postgres: cluster.pid(), ..Processes::default() };
        let place = Place::new();
        let script = place.path().join("yardstick.sql");
        std::fs::write(&script, INSERT).expect("a script");
        Yardstick { database, superuser, processes, script, _place: place }
    }

    /// Everything so far goes to the disk now, and not into the next window.
    ///
    /// # Panics
    ///
    /// When Postgres does not answer.
    pub async fn checkpoint(&self) {
        self.superuser.batch_execute(CHECKPOINT).await.expect("a checkpoint");
    }

    /// Transactions a second of so many clients.
    ///
    /// # Panics
    ///
    /// When pgbench is missing or fails.
    pub async fn window(&self, clients: usize, seconds: u64) -> Measured {
        let (said, cpu) = self.run(clients, seconds, &[]).await;
        let rate = number_after(&said, "tps = ");
        let latency = number_after(&said, "latency average = ");
        let raw = json!({
            "clients": clients, "per_second": rounded(rate), "latency_mean_ms": rounded(latency),
            "cpu_per_command": cpu.per_command(rate * seconds as f64),
        });
        Measured { rate, faults: Vec::new(), raw }
    }

    /// Latencies of so many clients that together begin so many transactions a second: what the
    /// machine makes of one durable row at that rate. Counted from the moment at which each should
    /// have begun.
    ///
    /// # Panics
    ///
    /// When pgbench is missing or fails.
    pub async fn paced(&self, clients: usize, rate: f64, seconds: u64) -> Latencies {
        let place = Place::new();
        let prefix = format!("--log-prefix={}", place.path().join("latencies").display());
        let rate = format!("--rate={rate:.0}");
        self.run(clients, seconds, &[&rate, "--log", &prefix]).await;
        let mut latencies = Latencies::default();
        for file in std::fs::read_dir(place.path()).expect("a folder") {
            let text = std::fs::read_to_string(file.expect("a file").path()).expect("a text");
            text.lines().filter_map(latency_in).for_each(|ms| latencies.add_ms(ms));
        }
        latencies
    }

    /// What pgbench said, and what it cost.
    async fn run(&self, clients: usize, seconds: u64, options: &[&str]) -> (String, Cpu) {
        self.superuser.batch_execute(EMPTY).await.expect("an empty table");
        let threads = std::thread::available_parallelism().map_or(1, usize::from).min(clients);
        let mut command = tool("pgbench");
        command.args(["--no-vacuum", "--protocol=prepared", "--file"]).arg(&self.script);
        command.arg(format!("--client={clients}")).arg(format!("--jobs={threads}"));
        command.arg(format!("--time={seconds}")).args(options);
        for (name, value) in [("version", "1"), ("type", TYPE), ("payload", &payload())] {
            command.arg(format!("--define={name}={value}"));
        }
        let before = self.processes.cpu();
        let run = command.arg(&self.database.url).stdin(Stdio::null()).output().await;
        let cpu = self.processes.cpu().since(&before);
        let output = run.expect("pgbench is installed");
        let failed = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "pgbench: {failed}");
        (String::from_utf8_lossy(&output.stdout).into_owned(), cpu)
    }
}

/// Milliseconds of a line of pgbench's log: client, transaction, microseconds, and more.
fn latency_in(line: &str) -> Option<f64> {
    let micros: f64 = line.split_whitespace().nth(2)?.parse().ok()?;
    Some(micros / 1_000.0)
}

/// A JSON object of [`PAYLOAD_BYTES`].
#[must_use]
pub fn payload() -> String {
    let empty = json!({ "content": "" }).to_string();
    json!({ "content": "x".repeat(PAYLOAD_BYTES - empty.len()) }).to_string()
}

/// Not a number where it says none: no transaction was begun in time.
fn number_after(text: &str, name: &str) -> f64 {
    let rest = text.split_once(name).map(|(_, rest)| rest);
    let number = rest.and_then(|rest| rest.split_whitespace().next()?.parse().ok());
    number.unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_pgbench_says_is_understood() {
        let said = "latency average = 3.512 ms\ntps = 9111.73 (without initial connection time)";
        assert_eq!(number_after(said, "tps = "), 9111.73);
        assert_eq!(number_after(said, "latency average = "), 3.512);
        assert!(number_after("number of transactions: 0", "tps = ").is_nan());
        assert_eq!(latency_in("3 7 2184 0 1795290000 41 12"), Some(2.184));
        assert_eq!(latency_in("3 7 skipped 0 1795290000 41 12"), None);
        assert_eq!(payload().len(), PAYLOAD_BYTES);
    }
}
