//! Nothing of the tests survives their process, even when it is killed with no chance to tidy up.

use std::fs;
use std::io::{BufRead, BufReader, IsTerminal, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use baton_harness::place::{self, Place};
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
    await_death(&[cluster.as_path(), nats.store(), closed.path(), outside.home()]);
}

/// The same, with something to be looked at later.
#[tokio::test]
#[ignore = "the victim of `what_is_kept_stays_without_its_processes`"]
async fn victim_that_keeps() {
    if std::io::stdin().is_terminal() {
        return;
    }
    let nats = nats::server().await;
    place::keep_all();
    await_death(&[nats.store()]);
}

/// Says where everything is, and waits.
fn await_death(places: &[&Path]) {
    let mut lines: Vec<String> =
        places.iter().map(|path| format!("{MARK}{}\n", path.display())).collect();
    lines.push(format!("{MARK}\n"));
    // Past libtest, which would keep the lines to itself.
    let said = std::io::stdout().write_all(lines.concat().as_bytes());
    said.expect("the other test listens");
    std::io::stdin().read_to_end(&mut Vec::new()).expect("an end");
}

/// A victim at work, and its places.
fn start(victim: &str) -> (Child, Vec<PathBuf>) {
    let mut victim = Command::new(std::env::current_exe().expect("a running test has a path"))
        .args(["--exact", victim, "--ignored", "--nocapture"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("a second process of this test");
    let lines = BufReader::new(victim.stdout.take().expect("it is piped")).lines();
    let places: Vec<PathBuf> = lines
        .map(|line| line.expect("a line"))
        .filter_map(|line| line.split_once(MARK).map(|(_, place)| PathBuf::from(place)))
        .take_while(|place| !place.as_os_str().is_empty())
        .collect();
    (victim, places)
}

#[tokio::test]
async fn a_killed_test_process_leaves_nothing() {
    let (mut victim, places) = start("victim");
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

#[tokio::test]
async fn what_is_kept_stays_without_its_processes() {
    let (mut victim, places) = start("victim_that_keeps");
    let [store] = &places[..] else { panic!("one place, not {places:?}") };
    assert!(!users_of(store).is_empty());
    let guard = guard_of(victim.id());

    victim.kill().unwrap();
    victim.wait().unwrap();

    wait_until(LIMIT, "the guard has done its work", async || !guard.exists()).await;
    assert!(users_of(store).is_empty());
    assert!(store.exists(), "{}", store.display());
    let place = store.ancestors().find(|path| path.parent() == Some(&std::env::temp_dir()));
    fs::remove_dir_all(place.unwrap()).unwrap();
}

/// The shell that cleans up after this process, as a directory of `/proc`.
fn guard_of(victim: u32) -> PathBuf {
    // Each thread has children of its own.
    let threads = fs::read_dir(format!("/proc/{victim}/task")).expect("it lives").flatten();
    let children: String = threads
        .filter_map(|thread| fs::read_to_string(thread.path().join("children")).ok())
        .collect();
    let mut children = children.split_whitespace().map(|pid| PathBuf::from("/proc").join(pid));
    let is_guard = |process: &PathBuf| {
        let line = fs::read(process.join("cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&line).contains("baton-test-guard")
    };
    children.find(is_guard).expect("a process of tests has a guard")
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
