//! `openapi/baton.json` is what it says to be: valid, its examples true, and every answer of a
//! running node as it describes it, whatever is asked.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

use baton_harness::baton::PROJECT_TOKEN;
use baton_harness::{python, wait_for};
use serde_json::json;

use crate::world::{LIMIT, World, ids, text};

/// In `make test`: the same requests each time, but for the ids that the node chooses.
const SEED: &str = "1";
const EXAMPLES: &str = "2";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

async fn run(script: &str, settings: impl FnOnce(&mut Command)) {
    let python = tokio::task::spawn_blocking(python::interpreter).await.expect("a Python");
    let mut run = Command::new(python);
    run.arg(root().join("tests/python").join(script)).arg(root().join("openapi/baton.json"));
    settings(&mut run);
    let run = tokio::task::spawn_blocking(move || run.output()).await.expect("not cancelled");
    let run = run.expect("Python runs");
    let (said, errors) =
        (String::from_utf8_lossy(&run.stdout), String::from_utf8_lossy(&run.stderr));
    show(&said);
    assert!(run.status.success(), "{errors}");
}

#[expect(clippy::print_stdout, reason = "shown with the output of a test that failed")]
fn show(text: &str) {
    println!("{text}");
}

#[tokio::test]
async fn the_document_is_valid_and_its_examples_agree_with_their_schemas() {
    run("openapi.py", |_| ()).await;
}

/// Who fuzzes.
struct Fuzzer<'w> {
    world: &'w World,
    /// As a header.
    credential: String,
    /// Ids and names of what the credential lives on.
    kept: String,
    arguments: &'static [&'static str],
}

impl Fuzzer<'_> {
    /// Fuzzes all operations; `BATON_FUZZ_*` make it longer or other than in `make test`.
    async fn run(&self, report: &str) {
        let given = |name: &str, otherwise: &str| {
            std::env::var_os(name).unwrap_or_else(|| OsStr::new(otherwise).to_owned())
        };
        let seed = given("BATON_FUZZ_SEED", SEED);
        let examples = given("BATON_FUZZ_EXAMPLES", EXAMPLES);
        show(&format!("again: make fuzz SEED={} EXAMPLES={}", seed.display(), examples.display()));
        let (hook, delivery) = self.delivery().await;
        let url = format!("{}/v1", self.world.baton.url());
        run("fuzz.py", |command| {
            command
                .arg(Path::new(env!("CARGO_TARGET_TMPDIR")).join(report))
                .arg("--seed")
                .arg(seed);
            command.arg("--examples").arg(examples).args(self.arguments);
            command.env("BATON_FUZZ_URL", url).env("BATON_FUZZ_TOKEN", PROJECT_TOKEN);
            command.env("BATON_FUZZ_HOOK", hook).env("BATON_FUZZ_DELIVERY", delivery);
            command.env("BATON_FUZZ_HEADER", &self.credential).env("BATON_FUZZ_KEPT", &self.kept);
        })
        .await;
    }

    /// A webhook whose receiver is away, and a delivery to it.
    async fn delivery(&self) -> (String, String) {
        let project = self.world.project();
        let body = json!({ "url": "http://127.0.0.1:9/", "events": ["task.created"] });
        let hook = text(&project.post("/v1/webhooks", body).await.expect(201), "id");
        // Events of all types that the examples of the document ask for.
        for end in ["complete", "fail"] {
            let task = json!({ "content": "Sent in vain" });
            let id = text(&project.post("/v1/tasks", task).await.expect(201), "id");
            project.post(&format!("/v1/tasks/{id}/{end}"), json!({})).await.expect(200);
        }
        let path = format!("/v1/webhooks/{hook}/deliveries");
        let delivery = wait_for(LIMIT, "a delivery is planned", async || {
            ids(&project.get(&path).await.expect(200)).into_iter().next()
        });
        (hook, delivery.await)
    }
}

#[tokio::test]
async fn every_operation_answers_as_described_to_the_account() {
    let world = World::new().await;
    let credential = format!("Authorization: Bearer {PROJECT_TOKEN}");
    let fuzzer =
        Fuzzer { world: &world, credential, kept: String::new(), arguments: &["--succeed"] };
    fuzzer.run("fuzz-account.ndjson").await;
}

#[tokio::test]
async fn every_operation_answers_as_described_to_a_worker() {
    let world = World::new().await;
    let made = world.project().post("/v1/agents", json!({ "name": "fuzzing-worker" })).await;
    let made = made.expect(201);
    let credential = format!("X-Agent-Key: {}", text(&made, "api_key"));
    let kept = format!("{} {}", text(&made, "id"), text(&made, "name"));
    // What is covered in the same way for everybody, the account's run covers.
    let arguments = &["--phases=examples,fuzzing"];
    Fuzzer { world: &world, credential, kept, arguments }.run("fuzz-worker.ndjson").await;
}
