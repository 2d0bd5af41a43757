//! `baton serve` as an operator meets it: with no settings at all, after a kill, and with wrong
//! ones.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use baton_harness::baton::{Baton, Builder};
use baton_harness::client::{Client, Credential};
use baton_harness::{nats, postgres};
use serde_json::json;

use crate::world::{World, patiently, problem, text};

/// Everything left to Baton but where it keeps its data and where it listens.
fn bare() -> Builder {
    [
        "BATON_PROJECT_TOKEN",
        "BATON_MASTER_KEY",
        "BATON_LEDGER_KEY",
        "BATON_ALLOW_PRIVATE_WEBHOOKS",
        "BATON_RATE_LIMIT_READS_PER_MINUTE",
        "BATON_RATE_LIMIT_WRITES_PER_MINUTE",
    ]
    .into_iter()
    .fold(Builder::local(), Builder::without)
}

fn token(baton: &Baton) -> Client {
    let file = baton.data_dir().join("project-token");
    let token = fs::read_to_string(&file).expect("the project token is kept in a file");
    Client::new(&baton.url(), Credential::Bearer(token.trim().to_owned()))
}

#[tokio::test]
async fn no_settings_are_enough_and_a_kill_loses_nothing() {
    let mut baton = bare().start().await;
    let data = baton.data_dir();
    let file = data.join("project-token");
    let mode = fs::metadata(&file).expect("a token").permissions().mode() & 0o777;
    assert_eq!(mode, 0o600);
    assert!(baton.log().contains("project-token"), "its place is said\n{}", baton.log());
    let admin = token(&baton);
    assert!(!baton.log().contains(admin.secret()), "its value is not");

    let made = admin.post("/v1/agents", json!({ "name": "agent" })).await.expect(201);
    let agent = admin.with(Credential::AgentKey(text(&made, "api_key")));
    let task = agent.post("/v1/tasks", json!({ "content": "kept" })).await.expect(201);
    let hook = json!({ "url": "https://hooks.example/x", "active": false });
    let hook = admin.post_once("/v1/webhooks", "w", hook.clone()).await;
    let path = format!("/v1/tasks/{}", text(&task, "id"));

    // The private servers outlive a kill; the next start adopts them or cleans up after them.
    for _ in 0..2 {
        baton.restart().await;
        assert_eq!(token(&baton).secret(), admin.secret());
        assert_eq!(patiently(&agent, &path).await.expect(200)["content"], "kept");
        agent.post("/v1/tasks", json!({ "content": "more" })).await.expect(201);
        // What seals secrets was kept as well.
        let body = json!({ "url": "https://hooks.example/x", "active": false });
        assert_eq!(admin.post_once("/v1/webhooks", "w", body).await.text, hook.text);
    }
    let status = baton.stop().await;
    assert!(status.success(), "{status}");
    baton.restart().await;
    assert_eq!(patiently(&agent, &path).await.expect(200)["content"], "kept");
}

#[tokio::test]
async fn private_webhooks_are_refused_unless_they_are_allowed() {
    let (database, nats) = (postgres::database().await, nats::server().await);
    let settings = Builder::on(&database, &nats);
    let baton = settings.without("BATON_ALLOW_PRIVATE_WEBHOOKS").start().await;
    let admin = baton_harness::client::project(&baton);
    let body = json!({ "url": "http://127.0.0.1:9/" });
    problem(&admin.post("/v1/webhooks", body).await, 400);
}

/// A start that is refused in one line that names the setting.
async fn refused(builder: Builder, setting: &str) {
    let (status, said) = builder.refusal().await;
    assert!(!status.success(), "{setting}: {status}");
    let lines: Vec<&str> = said.lines().filter(|line| line.contains(setting)).collect();
    assert_eq!(lines.len(), 1, "{setting}:\n{said}");
    assert!(!said.contains("panicked"), "{said}");
    assert!(said.lines().count() <= 6, "{setting} took many words:\n{said}");
}

#[tokio::test]
async fn a_wrong_setting_stops_the_start_with_one_line_that_names_it() {
    for (setting, value) in [
        ("BATON_LISTEN", "nowhere"),
        ("BATON_LISTEN", "127.0.0.1:99999"),
        ("BATON_DATABASE_URL", "mysql://localhost/x"),
        ("BATON_NATS_URL", "http://localhost:4222"),
        ("BATON_PROJECT_TOKEN", "short"),
        ("BATON_PROJECT_TOKEN", "dlg_0123456789abcdef0123456789abcdef"),
        ("BATON_MASTER_KEY", "too short"),
        ("BATON_LEDGER_KEY", "too short"),
        ("BATON_ALLOW_PRIVATE_WEBHOOKS", "maybe"),
        ("BATON_WEBHOOK_RETRY_SCHEDULE", "5,2592001"),
        ("BATON_RATE_LIMIT_READS_PER_MINUTE", "many"),
        ("BATON_RATE_LIMIT_WRITES_PER_MINUTE", "-1"),
    ] {
        refused(Builder::local().env(setting, value), setting).await;
    }
}

#[tokio::test]
async fn a_wrong_secret_setting_is_not_repeated() {
    for (setting, value) in [
        ("BATON_PROJECT_TOKEN", "dlg_SECRETSECRETSECRET"),
        ("BATON_MASTER_KEY", "SECRETSECRETSECRET"),
        ("BATON_LEDGER_KEY", "SECRETSECRETSECRET"),
        ("BATON_DATABASE_URL", "postgres:/user:SECRETSECRETSECRET@host/db"),
        ("BATON_NATS_URL", "http://SECRETSECRETSECRET@host"),
    ] {
        let (_, said) = Builder::local().env(setting, value).refusal().await;
        assert!(!said.contains("SECRETSECRET"), "{setting}: {said}");
    }
}

#[tokio::test]
async fn servers_that_cannot_be_reached_and_taken_addresses_are_named() {
    let world = World::shared().await;
    let away = "postgres://baton:secret-password@127.0.0.1:1/baton";
    let builder = Builder::on(&world.database, &world.nats);
    refused(builder.clone().env("BATON_DATABASE_URL", away), "BATON_DATABASE_URL").await;
    let (_, said) = builder.clone().env("BATON_DATABASE_URL", away).refusal().await;
    assert!(!said.contains("secret-password"), "{said}");
    let taken = world.baton.url().trim_start_matches("http://").to_owned();
    refused(builder.clone().env("BATON_LISTEN", taken), "BATON_LISTEN").await;
    let file = std::env::temp_dir().join(crate::world::fresh("baton-no-directory"));
    fs::write(&file, "").expect("a file");
    let (status, said) = builder.env("BATON_DATA_DIR", &file).refusal().await;
    fs::remove_file(&file).expect("the file");
    assert!(!status.success() && said.contains("data directory"), "{said}");
}

#[tokio::test]
async fn a_node_with_another_master_key_or_token_is_refused_at_start() {
    let world = World::shared().await;
    let builder = || Builder::on(&world.database, &world.nats);
    let key = "0".repeat(64);
    refused(builder().env("BATON_MASTER_KEY", key.clone()), "BATON_MASTER_KEY").await;
    refused(builder().env("BATON_LEDGER_KEY", key), "BATON_LEDGER_KEY").await;
    let token = "another-project-token-of-somebody";
    refused(builder().env("BATON_PROJECT_TOKEN", token), "BATON_PROJECT_TOKEN").await;
    let (_, said) = builder().env("BATON_PROJECT_TOKEN", token).refusal().await;
    assert!(!said.contains(token), "{said}");
}

#[tokio::test]
async fn a_second_node_on_one_data_directory_is_refused() {
    let baton = bare().start().await;
    let (status, said) = bare().env("BATON_DATA_DIR", baton.data_dir()).refusal().await;
    assert!(!status.success());
    assert!(said.contains("another baton"), "{said}");
    token(&baton).get("/v1/agent/me").await.expect(200);
}
