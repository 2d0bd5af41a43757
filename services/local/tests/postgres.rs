//! The private Postgres, really started: modes, adoption of the living, clean-up after the dead.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use baton_harness::place::Place;
use baton_local::{DataDir, LocalError, Postgres, PostgresSettings};
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, geteuid, getpgid};
use tokio_postgres::{Client, Config, NoTls};

const FAST: PostgresSettings = PostgresSettings { durable: false, connections_max: 20 };
const GONE_LIMIT: Duration = Duration::from_secs(30);

fn data_of(place: &Place) -> DataDir {
    DataDir::open(&place.path().join("data")).expect("a data directory")
}

async fn start(data: &DataDir) -> Postgres {
    Postgres::start(data, FAST).await.expect("a private Postgres")
}

async fn connect(config: &Config) -> Client {
    let (client, connection) = config.connect(NoTls).await.expect("a login");
    tokio::spawn(connection);
    client
}

/// What a SIGKILL of baton leaves behind: no `Drop` runs, the lock goes, the children stay.
fn kill_baton(postgres: Postgres, data: DataDir) -> i32 {
    let pid = postgres.pid();
    std::mem::forget(postgres);
    drop(data);
    pid
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).expect("a path that exists").permissions().mode() & 0o777
}

fn wait_until_gone(pid: i32) {
    let end = Instant::now() + GONE_LIMIT;
    // It stays our child, so it stays a zombie: its arguments are what vanishes.
    while fs::read(format!("/proc/{pid}/cmdline")).is_ok_and(|line| !line.is_empty()) {
        assert!(Instant::now() < end, "process {pid} is still there");
        std::thread::yield_now();
    }
}

#[tokio::test]
async fn starts_stops_and_keeps_what_was_written() {
    let place = Place::new();
    let data = data_of(&place);

    let postgres = start(&data).await;
    assert!(!postgres.is_adopted());
    let pid = postgres.pid();
    connect(&postgres.config()).await.batch_execute("create table kept (id int)").await.unwrap();
    postgres.stop().await;
    wait_until_gone(pid);

    let postgres = start(&data).await;
    let config: Config = postgres.url().parse().unwrap();
    connect(&config).await.query_one("select count(*) from kept", &[]).await.unwrap();
    postgres.stop().await;
}

#[tokio::test]
async fn ctrl_c_does_not_reach_it_and_dropping_it_asks_it_to_go() {
    let place = Place::new();
    let data = data_of(&place);
    let postgres = start(&data).await;
    let pid = postgres.pid();
    // A terminal signals the foreground process group.
    assert_eq!(getpgid(Some(Pid::from_raw(pid))).unwrap(), Pid::from_raw(pid));
    let environment = fs::read_to_string(format!("/proc/{pid}/environ")).unwrap();
    assert!(!environment.contains("CARGO"), "it is told nothing that it need not know");

    drop(postgres);
    wait_until_gone(pid);
    // While it goes, the next start waits for it rather than stumbling over it.
    let postgres = start(&data).await;
    let going = postgres.pid();
    drop(postgres);
    let postgres = start(&data).await;
    assert_ne!(postgres.pid(), going);
    postgres.stop().await;
}

#[tokio::test]
async fn modes_owners_and_settings_are_as_designed() {
    let place = Place::new();
    let data = data_of(&place);
    let settings = PostgresSettings { durable: true, ..FAST };
    let postgres = Postgres::start(&data, settings).await.unwrap();

    let (path, home) = (data.path(), postgres.home());
    assert_eq!(mode(path), 0o711);
    for secret in ["postgres.password", "postgres-superuser.password", "lock", "postgres.log"] {
        assert_eq!(mode(&path.join(secret)), 0o600, "{secret}");
    }
    for directory in [home.to_path_buf(), home.join("cluster"), home.join("run")] {
        assert_eq!(mode(&directory), 0o700, "{}", directory.display());
        let owner = fs::metadata(&directory).unwrap().uid();
        assert_eq!(owner == 0, !geteuid().is_root() && geteuid().as_raw() == 0);
        let process = fs::metadata(format!("/proc/{}", postgres.pid())).unwrap().uid();
        assert_eq!(owner, process, "{}", directory.display());
    }

    let client = connect(&postgres.config()).await;
    for (setting, value) in [
        ("fsync", "on"),
        ("full_page_writes", "on"),
        ("synchronous_commit", "on"),
        ("data_checksums", "on"),
        ("listen_addresses", ""),
        ("server_encoding", "UTF8"),
        ("max_connections", "20"),
        ("TimeZone", "UTC"),
    ] {
        let row = client.query_one("select current_setting($1)", &[&setting]).await.unwrap();
        assert_eq!(row.get::<_, &str>(0), value, "{setting}");
    }
    let roles = "select rolsuper, rolcreatedb, rolcreaterole from pg_roles where rolname = $1";
    let role = client.query_one(roles, &[&"baton"]).await.unwrap();
    for power in 0..3 {
        assert!(!role.get::<_, bool>(power));
    }
    let mut stranger = postgres.config();
    stranger.password("wrong");
    assert!(stranger.connect(NoTls).await.is_err(), "a password is asked for on the socket");
    postgres.stop().await;
}

#[tokio::test]
async fn after_a_kill_of_baton_the_living_server_is_adopted_and_then_stopped() {
    let place = Place::new();
    let data = data_of(&place);
    let postgres = start(&data).await;
    let client = connect(&postgres.config()).await;
    let pid = kill_baton(postgres, data);

    let data = data_of(&place);
    let adopted = start(&data).await;
    assert!(adopted.is_adopted());
    assert_eq!(adopted.pid(), pid);
    client.query_one("select 1", &[]).await.expect("its connections live on");

    adopted.stop().await;
    wait_until_gone(pid);
}

#[tokio::test]
async fn a_dead_server_is_replaced_and_its_pid_file_and_socket_do_not_matter() {
    let place = Place::new();
    let data = data_of(&place);
    let postgres = start(&data).await;
    let home = postgres.home().to_path_buf();
    let pid = kill_baton(postgres, data);
    kill(Pid::from_raw(pid), Signal::SIGKILL).unwrap();
    wait_until_gone(pid);
    assert!(home.join("cluster/postmaster.pid").exists());
    assert!(home.join("run/.s.PGSQL.5432").exists());

    let data = data_of(&place);
    let fresh = start(&data).await;
    assert!(!fresh.is_adopted());
    connect(&fresh.config()).await.query_one("select 1", &[]).await.unwrap();
    fresh.stop().await;
}

#[tokio::test]
async fn a_stranger_with_the_dead_servers_pid_is_left_alone() {
    let place = Place::new();
    let data = data_of(&place);
    let postgres = start(&data).await;
    let pid_file = postgres.home().join("cluster/postmaster.pid");
    let pid = kill_baton(postgres, data);
    kill(Pid::from_raw(pid), Signal::SIGKILL).unwrap();
    wait_until_gone(pid);

    // Process 1 is alive, and not ours.
    let text = fs::read_to_string(&pid_file).unwrap();
    let (_, rest) = text.split_once('\n').unwrap();
    fs::write(&pid_file, format!("1\n{rest}")).unwrap();

    let data = data_of(&place);
    let fresh = start(&data).await;
    assert!(!fresh.is_adopted());
    fresh.stop().await;
}

#[tokio::test]
async fn a_pid_file_cut_off_by_a_crash_is_no_obstacle() {
    let place = Place::new();
    let data = data_of(&place);
    let postgres = start(&data).await;
    let pid_file = postgres.home().join("cluster/postmaster.pid");
    postgres.kill().await;
    fs::write(&pid_file, "").unwrap();

    start(&data).await.stop().await;
}

#[tokio::test]
async fn a_server_whose_socket_was_swept_away_is_restarted() {
    let place = Place::new();
    let data = data_of(&place);
    let postgres = start(&data).await;
    let socket = postgres.home().join("run/.s.PGSQL.5432");
    let pid = kill_baton(postgres, data);
    fs::remove_file(socket).unwrap();

    let data = data_of(&place);
    let fresh = start(&data).await;
    assert!(!fresh.is_adopted());
    wait_until_gone(pid);
    fresh.stop().await;
}

#[tokio::test]
async fn a_start_killed_during_initdb_leaves_nothing_in_the_way() {
    let place = Place::new();
    let data = data_of(&place);
    let postgres = start(&data).await;
    let home = postgres.home().to_path_buf();
    postgres.stop().await;
    fs::rename(home.join("cluster"), home.join("cluster.new-0123456789abcdef")).unwrap();
    fs::remove_file(home.join("cluster.new-0123456789abcdef/PG_VERSION")).unwrap();

    let postgres = start(&data).await;
    assert!(!home.join("cluster.new-0123456789abcdef").exists());
    postgres.stop().await;
}

#[tokio::test]
async fn a_long_path_gets_its_sockets_elsewhere() {
    let place = Place::new();
    let data = DataDir::open(&place.path().join("d".repeat(120))).unwrap();
    let postgres = start(&data).await;

    let url = postgres.url();
    assert!(url.starts_with("host='/tmp/baton-"), "{}", &url[..40]);
    connect(&url.parse().unwrap()).await.query_one("select 1", &[]).await.unwrap();
    let sockets = PathBuf::from(url.split('\'').nth(1).unwrap());
    assert_eq!(mode(&sockets), 0o700);
    postgres.stop().await;
    assert!(!sockets.exists());
}

#[tokio::test]
async fn a_password_replaced_by_hand_is_taken_over() {
    let place = Place::new();
    let data = data_of(&place);
    start(&data).await.stop().await;
    fs::write(data.path().join("postgres.password"), "chosen by hand\n").unwrap();

    let postgres = start(&data).await;
    let mut config = postgres.config();
    connect(config.password("chosen by hand")).await.query_one("select 1", &[]).await.unwrap();
    connect(&postgres.url().parse().unwrap()).await.query_one("select 1", &[]).await.unwrap();
    let log = fs::read_to_string(data.path().join("postgres.log")).unwrap();
    assert!(!log.contains("chosen by hand"));
    postgres.stop().await;
}

#[tokio::test]
async fn behind_a_closed_door_the_cluster_goes_outside_and_is_found_again() {
    if !geteuid().is_root() {
        // Only root runs Postgres as somebody else.
        return;
    }
    let place = Place::new();
    fs::set_permissions(place.path(), fs::Permissions::from_mode(0o700)).unwrap();
    let data = data_of(&place);
    let postgres = start(&data).await;
    let home = postgres.home().to_path_buf();
    assert!(home.starts_with("/var/lib/baton"), "{}", home.display());
    connect(&postgres.config()).await.batch_execute("create table kept (id int)").await.unwrap();
    postgres.stop().await;

    let postgres = start(&data).await;
    assert_eq!(postgres.home(), home);
    connect(&postgres.config()).await.query_one("select count(*) from kept", &[]).await.unwrap();
    // Baton is killed, and then somebody removes the data directory.
    let pid = kill_baton(postgres, data);
    fs::remove_dir_all(place.path().join("data")).unwrap();

    let data = data_of(&place);
    let afresh = start(&data).await;
    wait_until_gone(pid);
    assert_eq!(afresh.home(), home);
    let kept = connect(&afresh.config()).await.query_one("select count(*) from kept", &[]).await;
    assert!(kept.is_err(), "the new data directory has a database of its own");
    afresh.stop().await;

    let name = home.file_name().unwrap().to_str().unwrap().to_owned();
    for entry in fs::read_dir("/var/lib/baton").unwrap().map(Result::unwrap) {
        if entry.file_name().to_str().unwrap().starts_with(&name) {
            fs::remove_dir_all(entry.path()).unwrap();
        }
    }
}

#[tokio::test]
async fn a_directory_of_somebody_else_is_refused() {
    if !geteuid().is_root() {
        return;
    }
    let place = Place::new();
    let data = DataDir::open(&place.path().join("d".repeat(120))).unwrap();
    let postgres = start(&data).await;
    let sockets = PathBuf::from(postgres.url().split('\'').nth(1).unwrap());
    postgres.stop().await;
    fs::create_dir(&sockets).unwrap();
    std::os::unix::fs::chown(&sockets, Some(12_345), None).unwrap();

    let refused = Postgres::start(&data, FAST).await.unwrap_err();
    fs::remove_dir(&sockets).unwrap();
    assert!(matches!(refused, LocalError::Foreign { path } if path == sockets));
}
