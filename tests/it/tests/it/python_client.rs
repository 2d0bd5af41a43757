//! A published client of Delega for Python and published verifiers of webhooks, put to work as
//! their users do it, in a virtual environment below `target/`.
//!
//! Must not: hold a line of theirs, or know how they speak.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use baton_harness::baton::Builder;
use baton_harness::python;
use baton_harness::receiver::{Received, Receiver};
use serde_json::{Value, json};

use crate::world::{LIMIT, World, text, with};

/// How many methods the client has, synchronous and asynchronous alike: fewer were not found.
const METHODS: u64 = 43;

/// Runs a program of `tests/python`: the last line that it said.
async fn run(script: &str, arguments: &[&str], variables: &[(&str, &str)], input: &Value) -> Value {
    let python = tokio::task::spawn_blocking(python::interpreter).await.expect("a Python");
    let programs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../python");
    let mut command = Command::new(python);
    command.arg(programs.join(script)).args(arguments).envs(variables.iter().copied());
    // A proxy of the developer's is not for this machine.
    command.env("NO_PROXY", "127.0.0.1").env("no_proxy", "127.0.0.1");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let input = input.to_string();
    let ran = tokio::task::spawn_blocking(move || {
        let mut child = command.spawn().expect("Python runs");
        let mut stdin = child.stdin.take().expect("its input");
        // One that ended early says below why.
        let _ = stdin.write_all(input.as_bytes());
        drop(stdin);
        child.wait_with_output().expect("its output")
    });
    let ran = ran.await.expect("not cancelled");
    let (said, errors) =
        (String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
    assert!(ran.status.success(), "{said}\n{errors}");
    let last = said.lines().last().unwrap_or_default();
    serde_json::from_str(last).unwrap_or_else(|cause| panic!("{cause}: {said}\n{errors}"))
}

/// Every method of the client of this kind, at the address to which it adds what is missing.
async fn call_every_method(kind: &str, path: &str) {
    let world = World::new().await;
    let admin = json!({ "name": "administrator", "role": "admin" });
    let admin = world.project().post("/v1/agents", admin).await.expect(201);
    let limited = Builder::on(&world.database, &world.nats);
    let limited = limited.env("BATON_RATE_LIMIT_READS_PER_MINUTE", "1").start().await;
    let url = format!("{}{path}", world.baton.url());
    let limited_url = format!("{}{path}", limited.url());
    let key = text(&admin, "api_key");
    let variables = [("BATON_SDK_KEY", key.as_str()), ("BATON_SDK_LIMITED_URL", &limited_url)];
    let said = run("delega_sdk.py", &[kind, &url], &variables, &json!(null)).await;
    assert_eq!(said["methods"], json!(METHODS), "{said}");
}

#[tokio::test]
async fn every_method_of_the_synchronous_client_works_at_v1() {
    call_every_method("sync", "/v1").await;
}

/// Without a path the client takes `/api` on this machine.
#[tokio::test]
async fn every_method_of_the_synchronous_client_works_at_api() {
    call_every_method("sync", "").await;
}

#[tokio::test]
async fn every_method_of_the_asynchronous_client_works_at_v1() {
    call_every_method("async", "/v1").await;
}

#[tokio::test]
async fn every_method_of_the_asynchronous_client_works_at_api() {
    call_every_method("async", "").await;
}

/// A delivery as the verifiers get it.
fn delivery(request: &Received, secret: &str, is_timestamped: bool, is_standard: bool) -> Value {
    let headers = request.headers.keys().map(|name| (name.as_str(), request.header(name.as_str())));
    let headers: serde_json::Map<String, Value> =
        headers.map(|(name, value)| (name.to_owned(), json!(value))).collect();
    json!({
        "headers": headers, "body": STANDARD.encode(&request.body), "secret": secret,
        "delega": is_timestamped, "standard": is_standard,
    })
}

#[tokio::test]
async fn published_verifiers_accept_deliveries_and_refuse_changed_ones() {
    const OWN: &str = "whsec_your_signing_secret";
    let world = World::new().await;
    let admin = world.project();
    let agent = world.agent("signed").await;
    let mut hooks = Vec::new();
    for (fields, is_timestamped, is_standard) in [
        (json!({ "signature_scheme": "timestamped" }), true, true),
        (json!({ "signature_scheme": "timestamped", "secret": OWN }), true, false),
        (json!({}), false, true),
        // No published client can name a scheme when it makes a webhook.
        (json!({}), true, true),
    ] {
        let receiver = Receiver::start().await;
        let body = with(json!({ "url": receiver.url() }), fields.clone());
        let made = admin.post("/v1/webhooks", body).await.expect(201);
        if is_timestamped && fields["signature_scheme"].is_null() {
            let path = format!("/v1/webhooks/{}", text(&made, "id"));
            let scheme = json!({ "signature_scheme": "timestamped" });
            admin.patch(&path, scheme).await.expect(200);
        }
        let secret = made["secret"].as_str().unwrap_or(OWN).to_owned();
        hooks.push((receiver, secret, is_timestamped, is_standard));
    }
    let id = agent.task_id("signed: ä ☃ \u{1F600} \" \\ \n").await;
    agent.client.post(&format!("/v1/tasks/{id}/complete"), json!({})).await.expect(200);
    let mut deliveries = Vec::new();
    for (receiver, secret, is_timestamped, is_standard) in &hooks {
        let requests = receiver.wait_for(LIMIT, |requests| requests.len() >= 2).await;
        let given = |request| delivery(request, secret, *is_timestamped, *is_standard);
        deliveries.extend(requests.iter().map(given));
    }
    let verified = run("webhook_verifiers.py", &[], &[], &json!(deliveries)).await;
    assert_eq!(verified, json!(2 * hooks.len()));
}
