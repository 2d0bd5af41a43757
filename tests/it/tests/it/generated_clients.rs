//! Clients generated from the committed `openapi/baton.json` by the commands of the README, held
//! against their languages' strictest checks, and put to work in the pipeline. The one in Rust is a
//! crate, `tests/clients/rust`.
//!
//! Must not: mend what a generator made; what it cannot take is a defect of the document.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use baton_harness::baton::PROJECT_TOKEN;
use baton_harness::place::Place;
use baton_harness::receiver::Receiver;
use baton_harness::signature::verify_body;
use baton_harness::{node, python};
use serde_json::Value;

use crate::document::Operation;
use crate::world::{LIMIT, World};

const DOCUMENT: &str = include_str!("../../../../openapi/baton.json");
const README: &str = include_str!("../../../../README.md");
const SECRET: &str = "whsec_your_signing_secret";

/// A directory in which a user begins: the document, and a program to be.
struct Workshop {
    place: Place,
    /// Where the generator and the checker are.
    programs: PathBuf,
}

impl Workshop {
    fn new(programs: PathBuf, files: &[&str]) -> Workshop {
        let workshop = Workshop { place: Place::new(), programs };
        fs::create_dir(workshop.file("openapi")).expect("a directory");
        workshop.write("openapi/baton.json", DOCUMENT);
        for file in files {
            let name = Path::new(file).file_name().expect("a name");
            let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("../clients").join(file);
            fs::copy(from, workshop.place.path().join(name)).expect("a copy");
        }
        workshop
    }

    fn file(&self, name: &str) -> PathBuf {
        self.place.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.file(name), text).expect("a file");
    }

    /// Runs a command line here, with the programs on its path; it must succeed.
    fn run(&self, line: &str, arguments: &[&str]) {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let path = [self.programs.clone()].into_iter().chain(std::env::split_paths(&path));
        let path = std::env::join_paths(path).expect("a path");
        let mut command = Command::new("sh");
        command.args(["-c", &format!("{line} \"$@\""), "sh"]).args(arguments);
        let output = command.env("PATH", path).current_dir(self.place.path()).output();
        let output = output.expect("a shell");
        let said = [output.stdout, output.stderr].concat();
        assert!(output.status.success(), "{line}\n{}", String::from_utf8_lossy(&said));
    }

    /// Runs the program against a server of its own, while somebody listens for webhooks.
    async fn drive_the_pipeline(self, program: &'static str) {
        let world = World::new().await;
        let receiver = Receiver::start().await;
        let (server, hook) = (world.baton.url(), receiver.url());
        let ran = move || self.run(program, &[&server, PROJECT_TOKEN, &hook]);
        tokio::task::spawn_blocking(ran).await.expect("a program that ends well");
        let sent = receiver.wait_for(LIMIT, |requests| requests.len() >= 3).await;
        sent.iter().for_each(|one| verify_body(one, SECRET).expect("a good signature"));
        for event in ["task.completed", "task.failed"] {
            assert!(sent.iter().any(|one| one.event() == event), "{event}");
        }
    }
}

/// The line of the README that begins so.
fn command_of_the_readme(start: &str) -> &'static str {
    let found = README.lines().find(|line| line.starts_with(start));
    found.unwrap_or_else(|| panic!("the README tells how: {start} ..."))
}

fn operations() -> Vec<String> {
    let document: Value = serde_json::from_str(DOCUMENT).expect("JSON");
    Operation::all(&document).into_iter().map(|operation| operation.id).collect()
}

#[tokio::test]
async fn the_python_client_drives_the_pipeline() {
    let generated = tokio::task::spawn_blocking(|| {
        let workshop = Workshop::new(python::client_programs(), &["python/pipeline.py"]);
        let generate = command_of_the_readme("openapi-python-client generate");
        workshop.run(generate, &["--fail-on-warning"]);
        workshop.run("mypy --strict baton_client pipeline.py", &[]);
        workshop
    });
    generated.await.expect("a client").drive_the_pipeline("python -X dev pipeline.py").await;
}

#[tokio::test]
async fn the_typescript_client_drives_the_pipeline() {
    let generated = tokio::task::spawn_blocking(|| {
        let modules = node::modules();
        let files = ["package.json", "tsconfig.json", "pipeline.ts"];
        let files = files.map(|file| format!("typescript/{file}"));
        let files = files.each_ref().map(String::as_str);
        let workshop = Workshop::new(modules.join(".bin"), &files);
        std::os::unix::fs::symlink(modules, workshop.file("node_modules")).expect("a link");
        workshop.run(command_of_the_readme("npx openapi-typescript"), &[]);
        let names: Vec<_> = operations().iter().map(|name| format!("  | \"{name}\"")).collect();
        let described = format!("export type Described =\n{};\n", names.join("\n"));
        workshop.write("described.ts", &described);
        workshop.run("tsc --project .", &[]);
        workshop
    });
    generated.await.expect("a client").drive_the_pipeline("node pipeline.js").await;
}
