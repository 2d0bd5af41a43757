//! `examples/pipeline.sh` does what it says.

use std::path::Path;
use std::process::Command;

use baton_harness::baton::{Builder, PROJECT_TOKEN};

#[tokio::test]
async fn the_pipeline_of_the_readme_runs_twice_against_local_mode() {
    let baton = Builder::local().start().await;
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/pipeline.sh");
    for _ in 0..2 {
        let mut run = Command::new("bash");
        run.arg(&script).env("BATON_URL", baton.url()).env("BATON_PROJECT_TOKEN", PROJECT_TOKEN);
        let run = tokio::task::spawn_blocking(move || run.output()).await.expect("not cancelled");
        let run = run.expect("bash runs");
        let said = String::from_utf8_lossy(&run.stdout);
        let errors = String::from_utf8_lossy(&run.stderr);
        assert!(run.status.success(), "{said}\n{errors}");
        let lines = |what: &str| said.lines().filter(|line| line.contains(what)).count();
        assert_eq!(lines("handed"), 4, "three tasks, and the summary\n{said}");
        assert_eq!(lines("verified webhook: "), 3, "{said}");
        assert!(lines("->") >= 1, "the chain\n{said}");
    }
}
