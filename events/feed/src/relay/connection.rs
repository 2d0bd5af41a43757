//! The connection to NATS, which comes and goes while Baton stays.

use std::time::Duration;

use async_nats::{Client, ConnectError, ConnectOptions, ServerAddr};
use percent_encoding::percent_decode_str;

/// How long an attempt to connect may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How often both sides make sure of each other.
const PING_EVERY: Duration = Duration::from_secs(10);
/// The first pause between attempts; each further one is twice as long.
const PAUSE_MIN: Duration = Duration::from_millis(10);
/// The longest pause between attempts.
const PAUSE_MAX: Duration = Duration::from_secs(1);

/// Connects to NATS, now or as soon as it is there, and again whenever it was lost.
///
/// `urls` are addresses of one cluster, separated by commas. `token@` or `user:password@` in the
/// first one that has it is for all of them.
///
/// # Errors
/// Only where an address cannot be read; NATS being away is none.
pub async fn connect(urls: &str) -> Result<Client, ConnectError> {
    let servers: Vec<&str> = urls.split(',').map(str::trim).collect();
    // An address that cannot be read says so when it is connected to.
    let credentials = servers.iter().filter_map(|server| server.parse().ok()).find_map(credentials);
    // The library does not use what an address says before its `@`; it writes it into the log.
    let servers: Vec<String> = servers.into_iter().map(without_credentials).collect();
    let options = match credentials {
        Some((user, Some(password))) => ConnectOptions::with_user_and_password(user, password),
        Some((token, None)) => ConnectOptions::with_token(token),
        None => ConnectOptions::new(),
    };
    options
        .name("baton")
        // What a process tells the others it need not hear itself.
        .no_echo()
        .retry_on_initial_connect()
        .max_reconnects(None)
        .connection_timeout(CONNECT_TIMEOUT)
        .ping_interval(PING_EVERY)
        .reconnect_delay_callback(pause)
        .connect(servers)
        .await
}

/// Whether NATS is there at this moment.
#[must_use]
pub fn is_connected(client: &Client) -> bool {
    client.connection_state() == async_nats::connection::State::Connected
}

fn pause(attempts: usize) -> Duration {
    let doublings = u32::try_from(attempts).map_or(7, |attempts| attempts.min(7));
    PAUSE_MAX.min(PAUSE_MIN * 2_u32.pow(doublings))
}

fn credentials(server: ServerAddr) -> Option<(String, Option<String>)> {
    let decode = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    let user = server.username().map(decode)?;
    Some((user, server.password().map(decode)))
}

/// The address without `token@` or `user:password@`.
fn without_credentials(server: &str) -> String {
    let (scheme, rest) = server.split_once("://").map_or(("nats", server), |parts| parts);
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    format!("{scheme}://{host}{path}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_handed_on_without_its_credentials() {
        for (server, bare) in [
            ("nats://127.0.0.1:4222", "nats://127.0.0.1:4222"),
            ("nats://s3cret@127.0.0.1:4222", "nats://127.0.0.1:4222"),
            ("tls://u%40x:p@w@host:1/a@b?c", "tls://host:1/a@b?c"),
            ("wss://u:p@[::1]:443", "wss://[::1]:443"),
            ("u:p@host", "nats://host"),
            ("host:4222", "nats://host:4222"),
        ] {
            assert_eq!(without_credentials(server), bare);
            let of =
                |text: &str| text.parse::<ServerAddr>().map(|it| (it.host().to_owned(), it.port()));
            assert_eq!(of(bare).unwrap(), of(server).unwrap(), "{server}");
        }
    }

    #[test]
    fn credentials_stand_before_the_at() {
        let of = |server: &str| credentials(server.parse().unwrap());
        assert_eq!(of("nats://127.0.0.1:4222"), None);
        assert_eq!(of("nats://s3cret@127.0.0.1:4222"), Some(("s3cret".into(), None)));
        assert_eq!(of("u%40x:p%3Aw@host"), Some(("u@x".into(), Some("p:w".into()))));
    }

    #[test]
    fn pauses_grow_to_a_second() {
        assert_eq!(pause(0), Duration::from_millis(10));
        assert_eq!(pause(3), Duration::from_millis(80));
        assert_eq!(pause(usize::MAX), Duration::from_secs(1));
    }
}
