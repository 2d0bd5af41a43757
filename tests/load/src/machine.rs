//! On what was measured, and with what: machine, versions, settings of Postgres.
//!
//! Must not: leave out what would explain a figure.

use std::fs;
use std::process::Command;

use baton_harness::nats;
use baton_harness::postgres::Cluster;
use serde_json::{Map, Value, json};

const SETTINGS: &str = include_str!("sql/settings.sql");
/// Without these a commit is no commit.
const DURABLE: [&str; 3] = ["fsync", "synchronous_commit", "full_page_writes"];

/// Everything about it.
///
/// # Panics
///
/// When Postgres does not commit durably, or a server does not answer.
pub async fn about(cluster: &Cluster) -> Value {
    let settings = settings(cluster).await;
    for name in DURABLE {
        assert_eq!(settings[name], "on", "{name}");
    }
    let nats = nats::server().await;
    let nats_version = nats.connect().await.server_info().version;
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    json!({
        "machine": {
            "cores": cores,
            "cpu": line_of("/proc/cpuinfo", "model name"),
            "memory": line_of("/proc/meminfo", "MemTotal"),
            "kernel": first_line("/proc/sys/kernel/osrelease"),
            "load_at_start": first_line("/proc/loadavg"),
        },
        "versions": {
            "postgres": settings["server_version"],
            "nats_server": nats_version,
            "rustc": said("rustc", &["--version"]),
            "git_revision": said("git", &["rev-parse", "HEAD"]),
            "git_changed_files": said("git", &["status", "--porcelain"]).lines().count(),
        },
        "postgres_settings": settings,
    })
}

async fn settings(cluster: &Cluster) -> Value {
    let database = cluster.database().await;
    let client = database.connect_as_superuser().await;
    let rows = client.query(SETTINGS, &[]).await.expect("settings can be read");
    let pair = |row: &tokio_postgres::Row| (row.get::<_, String>(0), json!(row.get::<_, &str>(1)));
    Value::Object(rows.iter().map(pair).collect::<Map<_, _>>())
}

fn first_line(path: &str) -> String {
    let text = fs::read_to_string(path).unwrap_or_default();
    text.lines().next().unwrap_or_default().trim().to_owned()
}

fn line_of(path: &str, name: &str) -> String {
    let text = fs::read_to_string(path).unwrap_or_default();
    let line = text.lines().find(|line| line.starts_with(name));
    let value = line.and_then(|line| line.split_once(':')).map(|(_, value)| value.trim());
    value.unwrap_or_default().to_owned()
}

/// What a program says; nothing where it is not there.
fn said(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    text.unwrap_or_default().trim().to_owned()
}
