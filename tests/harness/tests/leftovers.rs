//! Nothing of the tests survives their process, even when it is killed with no chance to tidy up.

use std::fs;
use std::io::{BufRead, BufReader, IsTerminal, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use baton_harness::place::Place;
use baton_harness::{nats, postgres, wait_until};
use baton_local::{DataDir, Postgres, PostgresSettings};

const MARK: &str = "place ";
const LIMIT: Duration = Duration::from_secs(30);

/// Run by the other test, in a process of its own: starts everything, then waits to be killed.
#[tokio::test]
#[ignore = "the victim of `a_killed_test_process_leaves_nothing`"]
async fn victim() {
    if std::io::stdin().is_terminal() {
        return;
    }
    let database = postgres::database().await;
    let nats = nats::server().await;
    // As root, local mode puts this one's cluster behind the closed door's other side.
    let closed = Place::new();
    fs::set_permissions(closed.path(), std::os::unix::fs::PermissionsExt::from_mode(0o700))
        .unwrap();
    let data = DataDir::open(&closed.path().join("data")).unwrap();
    let settings = PostgresSettings { durable: false, connections_max: 10 };
    let outside = Postgres::start(&data, settings).await.unwrap();

    let cluster = PathBuf::from(database.url.split('\'').nth(1).unwrap());
    for path in [cluster.as_path(), nats.store(), closed.path(), outside.home()] {
        // Past libtest, which would keep the lines to itself.
        writeln!(std::io::stdout(), "{MARK}{}", path.display()).unwrap();
    }
    writeln!(std::io::stdout(), "{MARK}").unwrap();
    std::io::stdin().read_to_end(&mut Vec::new()).unwrap();
}

#[tokio::test]
async fn a_killed_test_process_leaves_nothing() {
    let mut victim = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "victim", "--ignored", "--nocapture"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(victim.stdout.take().unwrap()).lines().map(Result::unwrap);
    let places: Vec<PathBuf> = lines
        .by_ref()
        .filter_map(|line| line.split_once(MARK).map(|(_, place)| PathBuf::from(place)))
        .take_while(|place| !place.as_os_str().is_empty())
        .collect();
    assert_eq!(places.len(), 4);
    assert!([0, 1, 3].iter().all(|server| !users_of(&places[*server]).is_empty()));
    for place in &places {
        assert!(place.exists(), "{}", place.display());
    }

    victim.kill().unwrap();
    victim.wait().unwrap();

    for place in &places {
        let what = format!("{} is gone", place.display());
        wait_until(LIMIT, &what, async || !place.exists() && users_of(place).is_empty()).await;
    }
}

/// The processes that name `place` among their arguments.
fn users_of(place: &Path) -> Vec<u32> {
    let place = place.to_string_lossy();
    let Ok(processes) = fs::read_dir("/proc") else { return Vec::new() };
    let pids = processes.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    let names_it = |pid: &u32| {
        let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&line).contains(&*place)
    };
    pids.filter(names_it).collect()
}
