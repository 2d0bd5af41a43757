//! The private nats-server, really started: secrecy, adoption of the living, after the dead.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;

use baton_harness::place::Place;
use baton_local::{DataDir, Nats};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

fn data_of(place: &Place) -> DataDir {
    DataDir::open(&place.path().join("data")).expect("a data directory")
}

async fn start(data: &DataDir) -> Nats {
    let started = Nats::start(data).await.expect("a private nats-server");
    started.expect("nats-server is installed")
}

/// What a SIGKILL of baton leaves behind: no `Drop` runs, the lock goes, the child stays.
fn kill_baton(nats: Nats, data: DataDir) -> i32 {
    let pid = nats.pid();
    std::mem::forget(nats);
    drop(data);
    pid
}

/// The server's answer to a client that shows `token`.
fn answer(port: u16, token: &str) -> String {
    let mut stream =
        BufReader::new(TcpStream::connect(("127.0.0.1", port)).expect("a nats-server that speaks"));
    let mut line = String::new();
    stream.read_line(&mut line).expect("a nats-server that speaks");
    let connect = format!("CONNECT {{\"auth_token\":\"{token}\",\"verbose\":false}}\r\nPING\r\n");
    stream.get_mut().write_all(connect.as_bytes()).expect("a nats-server that speaks");
    line.clear();
    stream.read_line(&mut line).expect("a nats-server that speaks");
    line.trim().to_owned()
}

#[tokio::test]
async fn starts_closed_to_strangers_and_stops() {
    let place = Place::new();
    let data = data_of(&place);
    let nats = start(&data).await;

    let url = nats.url();
    let token = url.trim_start_matches("nats://").split('@').next().unwrap();
    assert_eq!(answer(nats.port(), token), "PONG");
    assert!(answer(nats.port(), "wrong").starts_with("-ERR"));
    for (file, mode) in [("nats.token", 0o600), ("nats", 0o700), ("nats/nats.conf", 0o600)] {
        let meta = fs::metadata(data.path().join(file)).unwrap();
        assert_eq!(meta.permissions().mode() & 0o777, mode, "{file}");
    }
    assert!(nats.store().is_dir());
    let arguments = fs::read(format!("/proc/{}/cmdline", nats.pid())).unwrap();
    assert!(!String::from_utf8_lossy(&arguments).contains(token));

    let port = nats.port();
    nats.stop().await;
    assert!(TcpStream::connect(("127.0.0.1", port)).is_err());
}

#[tokio::test]
async fn after_a_kill_of_baton_the_living_server_is_adopted() {
    let place = Place::new();
    let first = data_of(&place);
    let nats = start(&first).await;
    let (url, port) = (nats.url(), nats.port());
    let pid = kill_baton(nats, first);

    let second = data_of(&place);
    let adopted = start(&second).await;
    assert!(adopted.is_adopted());
    assert_eq!((adopted.pid(), adopted.url()), (pid, url));
    adopted.stop().await;
    assert!(TcpStream::connect(("127.0.0.1", port)).is_err());
}

#[tokio::test]
async fn a_dead_server_is_replaced_on_the_port_that_its_clients_know() {
    let place = Place::new();
    let first = data_of(&place);
    let nats = start(&first).await;
    let port = nats.port();
    let pid = kill_baton(nats, first);
    kill(Pid::from_raw(pid), Signal::SIGKILL).unwrap();

    let second = data_of(&place);
    let fresh = Nats::start_at(&second, Some(port)).await.unwrap().unwrap();
    assert!(!fresh.is_adopted());
    assert_eq!(fresh.port(), port);
    fresh.stop().await;
}

#[tokio::test]
async fn a_stranger_with_the_dead_servers_pid_is_left_alone() {
    let place = Place::new();
    let data = data_of(&place);
    start(&data).await.kill().await;
    fs::write(data.path().join("nats/nats.pid"), "1\n").unwrap();

    let fresh = start(&data).await;
    assert!(!fresh.is_adopted());
    fresh.stop().await;
}

#[tokio::test]
async fn a_port_that_is_taken_is_one_clear_line() {
    let place = Place::new();
    let data = data_of(&place);
    let taken = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = taken.local_addr().unwrap().port();

    let refused = Nats::start_at(&data, Some(port)).await.unwrap_err().to_string();
    assert!(refused.contains("address already in use"), "{refused}");
    assert_eq!(refused.lines().count(), 1);
}
