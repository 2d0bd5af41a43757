//! Settings: read from the environment, here and nowhere else. Each is described, with its
//! default and its reason, in `deploy/baton.env.example`.

use std::{
    env::{self, VarError},
    net::{IpAddr, Ipv4Addr, SocketAddr},
    ops::RangeInclusive,
    path::PathBuf,
    str::FromStr,
    time::Duration,
};

use baton_api::{
    body::{BODY_BYTES_MAX, BodyLimit},
    cors::{DEFAULT_ORIGINS, Origins},
    proxy::TrustedProxies,
};
use baton_commands::MasterKey;
use baton_domain::webhook::SignatureScheme;
use baton_ledger::LedgerKey;
use baton_projections::tasks::FleetRules;
use tokio_postgres::Config as DatabaseConfig;

const LISTEN_DEFAULT: &str = "127.0.0.1:18890";
const DATA_DIR_DEFAULT: &str = ".baton";
/// In the data directory.
const CHECKPOINTS: &str = "checkpoints";
const LOG_DEFAULT: &str = "info";
const REQUESTS_PER_MINUTE_DEFAULT: u32 = 6_000;
const TOKEN_CHARS_MIN: usize = 16;
/// Smaller ones would refuse ordinary requests; larger ones could not be read in time.
const BODY_BYTES: RangeInclusive<usize> = 4_096..=8_388_608;
const PAUSE_DAYS_MAX: u64 = 30;
/// Clients rely on the least of these (protocol 0.8, 2.5).
const DELIVERY_DAYS: RangeInclusive<i64> = 7..=3_650;
const KEY_HOURS: RangeInclusive<i64> = 24..=8_760;
const FLEET_MINUTES: RangeInclusive<i64> = 1..=525_600;
const FLEET_ROUNDS: RangeInclusive<i64> = 1..=1_000;
const PAUSES_MAX: usize = 50;
const DUPLICATES_MB: RangeInclusive<i64> = 1..=1_048_576;

/// What a node is told from outside.
#[derive(Debug)]
pub(crate) struct Settings {
    /// The shared Postgres; none: a private one is run.
    pub(crate) database: Option<DatabaseConfig>,
    /// The shared NATS; none: a private one is run, if it is installed.
    pub(crate) nats_url: Option<String>,
    /// Where HTTP is served.
    pub(crate) listen: SocketAddr,
    /// Where the node keeps what is its own.
    pub(crate) data_dir: PathBuf,
    /// The default account's admin credential; none: made at first start.
    pub(crate) project_token: Option<Hidden>,
    /// What seals secrets; none: made at first start.
    pub(crate) master_key: Option<MasterKey>,
    /// What signs the ledger; none: made at first start.
    pub(crate) ledger_key: Option<LedgerKey>,
    /// Where checkpoints of the ledger are kept; none: in the data directory.
    pub(crate) checkpoint_dir: Option<PathBuf>,
    /// Webhooks may point to addresses that are not globally routable.
    pub(crate) allow_private_webhooks: bool,
    /// Pauses before each further attempt to deliver a webhook; none: the protocol's.
    pub(crate) webhook_retry_pauses: Option<Vec<Duration>>,
    /// How long deliveries that are done with are kept.
    pub(crate) deliveries_kept_for: Duration,
    /// How long the answers to requests with an idempotency key are kept.
    pub(crate) keys_kept_for: Duration,
    /// Over what is signed, for a webhook that is registered without a word on it.
    pub(crate) webhook_signature_scheme: SignatureScheme,
    /// Reads a minute and credential; 0 is no limit.
    pub(crate) reads_per_minute: u32,
    /// Writes a minute and credential; 0 is no limit.
    pub(crate) writes_per_minute: u32,
    /// Bytes a request's body may have.
    pub(crate) body: BodyLimit,
    /// Origins whose pages may call from a browser.
    pub(crate) origins: Origins,
    /// Whether a credential is needed at all.
    pub(crate) require_auth: bool,
    /// Proxies that say who a user is.
    pub(crate) proxies: TrustedProxies,
    /// What needs somebody's attention.
    pub(crate) fleet: FleetRules,
    /// What the indexes of open tasks may take in memory, to find duplicates.
    pub(crate) duplicates_bytes_max: usize,
    /// Which log lines are written.
    pub(crate) log_filter: String,
    /// In which form.
    pub(crate) log_format: LogFormat,
}

/// A secret setting; prints nothing of itself.
#[derive(Clone)]
pub(crate) struct Hidden(pub(crate) String);

impl std::fmt::Debug for Hidden {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Hidden(..)")
    }
}

/// The form of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// A setting that cannot be used: one line that names it. Never shows a secret's value.
#[derive(Debug, thiserror::Error)]
#[error("{name} {problem}")]
pub(crate) struct SettingError {
    name: &'static str,
    problem: String,
}

impl Settings {
    /// Where checkpoints of the ledger are kept.
    pub(crate) fn checkpoints(&self) -> PathBuf {
        self.checkpoint_dir.clone().unwrap_or_else(|| self.data_dir.join(CHECKPOINTS))
    }

    /// Reads all settings.
    pub(crate) fn from_env() -> Result<Self, SettingError> {
        Ok(Self {
            database: read("BATON_DATABASE_URL", database)?,
            nats_url: read("BATON_NATS_URL", nats_url)?,
            listen: listen()?,
            data_dir: read_or("BATON_DATA_DIR", DATA_DIR_DEFAULT, |text| Ok(text.into()))?,
            project_token: read("BATON_PROJECT_TOKEN", project_token)?,
            master_key: read("BATON_MASTER_KEY", master_key)?,
            ledger_key: read("BATON_LEDGER_KEY", ledger_key)?,
            checkpoint_dir: read("BATON_CHECKPOINT_DIR", |text| Ok(text.into()))?,
            allow_private_webhooks: read_also(
                ["BATON_ALLOW_PRIVATE_WEBHOOKS", "DELEGA_ALLOW_PRIVATE_WEBHOOKS"],
                flag,
            )?
            .unwrap_or(false),
            webhook_retry_pauses: read("BATON_WEBHOOK_RETRY_SCHEDULE", pauses)?,
            deliveries_kept_for: kept("BATON_DELIVERIES_KEPT_DAYS", DELIVERY_DAYS, 24)?,
            keys_kept_for: kept("BATON_IDEMPOTENCY_KEYS_KEPT_HOURS", KEY_HOURS, 1)?,
            webhook_signature_scheme: read_or("BATON_WEBHOOK_SIGNATURE_SCHEME", "body", scheme)?,
            reads_per_minute: per_minute("BATON_RATE_LIMIT_READS_PER_MINUTE")?,
            writes_per_minute: per_minute("BATON_RATE_LIMIT_WRITES_PER_MINUTE")?,
            body: read_also(["BATON_BODY_BYTES_MAX", "DELEGA_MAX_BODY_BYTES"], body_limit)?
                .unwrap_or_default(),
            origins: match read_also(["BATON_CORS_ORIGINS", "DELEGA_CORS_ORIGINS"], origins)? {
                Some(origins) => origins,
                None => Origins::new(DEFAULT_ORIGINS).expect("the default origins are origins"),
            },
            require_auth: read_also(["BATON_REQUIRE_AUTH", "DELEGA_REQUIRE_AUTH"], flag)?
                .unwrap_or(true),
            proxies: read_also(["BATON_TRUSTED_PROXY_IPS", "API_TRUSTED_PROXY_IPS"], proxies)?
                .unwrap_or_default(),
            fleet: fleet()?,
            duplicates_bytes_max: read("BATON_DUPLICATES_MEMORY_MB", megabytes)?
                .unwrap_or(baton_duplicates::BYTES_MAX_DEFAULT),
            log_filter: read_or("BATON_LOG", LOG_DEFAULT, log_filter)?,
            log_format: read_or("BATON_LOG_FORMAT", "text", log_format)?,
        })
    }
}

#[expect(clippy::disallowed_methods, reason = "this is the place where settings are read")]
fn read<T>(
    name: &'static str,
    parse: impl FnOnce(&str) -> Result<T, String>,
) -> Result<Option<T>, SettingError> {
    let text = match env::var(name) {
        Ok(text) if text.is_empty() => return Ok(None),
        Ok(text) => text,
        Err(VarError::NotPresent) => return Ok(None),
        Err(VarError::NotUnicode(_)) => {
            return Err(SettingError { name, problem: "is not UTF-8".to_owned() });
        }
    };
    parse(&text).map(Some).map_err(|problem| SettingError { name, problem })
}

/// The setting, or else the one that other servers of the protocol have for it.
fn read_also<T>(
    [name, also]: [&'static str; 2],
    parse: impl Fn(&str) -> Result<T, String>,
) -> Result<Option<T>, SettingError> {
    match read(name, &parse)? {
        None => read(also, parse),
        found => Ok(found),
    }
}

fn read_or<T>(
    name: &'static str,
    default: &str,
    parse: impl Fn(&str) -> Result<T, String>,
) -> Result<T, SettingError> {
    match read(name, &parse)? {
        Some(value) => Ok(value),
        None => parse(default).map_err(|problem| SettingError { name, problem }),
    }
}

fn parsed<T: FromStr>(problem: &'static str) -> impl Fn(&str) -> Result<T, String> {
    move |text| text.parse().map_err(|_| problem.to_owned())
}

fn per_minute(name: &'static str) -> Result<u32, SettingError> {
    let problem = "must be a whole number; 0 is no limit";
    Ok(read(name, parsed(problem))?.unwrap_or(REQUESTS_PER_MINUTE_DEFAULT))
}

fn listen() -> Result<SocketAddr, SettingError> {
    if let Some(address) = read("BATON_LISTEN", parsed("must be ADDRESS:PORT"))? {
        return Ok(address);
    }
    let default: SocketAddr = LISTEN_DEFAULT.parse().expect("the default is an address");
    let host = read("DELEGA_HOST", host)?.unwrap_or(default.ip());
    let port = read("DELEGA_PORT", parsed("must be a port"))?.unwrap_or(default.port());
    Ok(SocketAddr::new(host, port))
}

fn host(text: &str) -> Result<IpAddr, String> {
    match text {
        "localhost" => Ok(Ipv4Addr::LOCALHOST.into()),
        _ => text.parse().map_err(|_| "must be an IP address or localhost".to_owned()),
    }
}

fn fleet() -> Result<FleetRules, SettingError> {
    let rules = FleetRules::default();
    let minutes = |name| read(name, within(FLEET_MINUTES));
    let rounds = read("BATON_FLEET_LOOPING_ROUNDS", within(FLEET_ROUNDS))?;
    Ok(FleetRules {
        silent_minutes: minutes("BATON_FLEET_SILENT_MINUTES")?.unwrap_or(rules.silent_minutes),
        silent_minutes_without_lease: minutes("BATON_FLEET_SILENT_MINUTES_WITHOUT_LEASE")?
            .unwrap_or(rules.silent_minutes_without_lease),
        looping_rounds: rounds.unwrap_or(rules.looping_rounds),
    })
}

fn within(range: RangeInclusive<i64>) -> impl Fn(&str) -> Result<i64, String> {
    move |text| match text.parse() {
        Ok(number) if range.contains(&number) => Ok(number),
        _ => Err(format!("must be a whole number from {} to {}", range.start(), range.end())),
    }
}

fn megabytes(text: &str) -> Result<usize, String> {
    let megabytes = within(DUPLICATES_MB)(text)?;
    Ok(usize::try_from(megabytes).unwrap_or_default() * 1_024 * 1_024)
}

/// A time in units of so many hours; the shortest one when it is left out.
fn kept(
    name: &'static str,
    range: RangeInclusive<i64>,
    unit_hours: u64,
) -> Result<Duration, SettingError> {
    let least = *range.start();
    let units = read(name, within(range))?.unwrap_or(least);
    Ok(Duration::from_hours(units.unsigned_abs() * unit_hours))
}

fn proxies(text: &str) -> Result<TrustedProxies, String> {
    let proxies = text.parse::<TrustedProxies>();
    proxies.map_err(|error| format!("must be a list of addresses: {error}"))
}

fn database(text: &str) -> Result<DatabaseConfig, String> {
    let problem = "must be a Postgres URL, such as postgres://baton:PASSWORD@db.example/baton";
    let config: DatabaseConfig = text.parse().map_err(|_| problem.to_owned())?;
    match config.get_hosts().is_empty() {
        true => Err(problem.to_owned()),
        false => Ok(config),
    }
}

fn nats_url(text: &str) -> Result<String, String> {
    let schemes = ["nats://", "tls://", "ws://", "wss://"];
    match schemes.iter().any(|scheme| text.len() > scheme.len() && text.starts_with(scheme)) {
        true => Ok(text.to_owned()),
        false => Err("must be a NATS URL, such as nats://nats.example:4222".to_owned()),
    }
}

fn project_token(text: &str) -> Result<Hidden, String> {
    if text.starts_with("dlg_") {
        return Err("must not begin with dlg_, which marks agent keys".to_owned());
    }
    let is_visible = text.bytes().all(|byte| byte.is_ascii_graphic());
    match is_visible && text.len() >= TOKEN_CHARS_MIN {
        true => Ok(Hidden(text.to_owned())),
        false => Err(format!("must be at least {TOKEN_CHARS_MIN} visible ASCII characters")),
    }
}

fn master_key(text: &str) -> Result<MasterKey, String> {
    MasterKey::parse(text).map_err(|error| format!("is {error}"))
}

fn ledger_key(text: &str) -> Result<LedgerKey, String> {
    LedgerKey::parse(text).map_err(|error| format!("is {error}"))
}

fn flag(text: &str) -> Result<bool, String> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" => Ok(true),
        "false" | "0" | "no" => Ok(false),
        _ => Err("must be true or false".to_owned()),
    }
}

fn pauses(text: &str) -> Result<Vec<Duration>, String> {
    let seconds = text.split(',').map(|part| part.trim().parse().map(Duration::from_secs));
    let problem = "must be seconds separated by commas, such as 5,300,1800";
    let pauses: Vec<_> = seconds.collect::<Result<_, _>>().map_err(|_| problem.to_owned())?;
    if pauses.iter().any(|pause| *pause > Duration::from_secs(PAUSE_DAYS_MAX * 24 * 60 * 60)) {
        return Err(format!("must have no pause of more than {PAUSE_DAYS_MAX} days"));
    }
    match pauses.len() <= PAUSES_MAX {
        true => Ok(pauses),
        false => Err(format!("must have at most {PAUSES_MAX} pauses")),
    }
}

fn scheme(text: &str) -> Result<SignatureScheme, String> {
    match text {
        "body" => Ok(SignatureScheme::Body),
        "timestamped" => Ok(SignatureScheme::Timestamped),
        _ => Err("must be body or timestamped".to_owned()),
    }
}

fn body_limit(text: &str) -> Result<BodyLimit, String> {
    let (min, max) = (BODY_BYTES.start(), BODY_BYTES.end());
    match text.parse() {
        Ok(bytes_max) if BODY_BYTES.contains(&bytes_max) => Ok(BodyLimit { bytes_max }),
        _ => {
            Err(format!("must be a number of bytes from {min} to {max}, such as {BODY_BYTES_MAX}"))
        }
    }
}

fn origins(text: &str) -> Result<Origins, String> {
    let listed = text.split(',').map(str::trim).filter(|origin| *origin != "none");
    Origins::new(listed).map_err(|error| format!("must be a list of origins, or none: {error}"))
}

fn log_filter(text: &str) -> Result<String, String> {
    match tracing_subscriber::EnvFilter::try_new(text) {
        Ok(_) => Ok(text.to_owned()),
        Err(error) => Err(format!("is not a log filter: {error}")),
    }
}

fn log_format(text: &str) -> Result<LogFormat, String> {
    match text {
        "text" => Ok(LogFormat::Text),
        "json" => Ok(LogFormat::Json),
        _ => Err("must be text or json".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_setting_says_how_to_mend_it() {
        assert!(database("postgres://baton@localhost/baton").is_ok());
        assert!(database("localhost").unwrap_err().contains("must be a Postgres URL"));
        assert!(nats_url("nats://127.0.0.1:4222").is_ok());
        assert!(nats_url("127.0.0.1:4222").unwrap_err().contains("must be a NATS URL"));
        assert!(nats_url("nats://").is_err());
        assert!(project_token("dlg_aaaaaaaaaaaaaaaaaaaaaaa").unwrap_err().contains("dlg_"));
        assert!(project_token("short").unwrap_err().contains("16"));
        assert!(!format!("{:?}", project_token("0123456789abcdef").unwrap()).contains("0123"));
        assert!(master_key("short").unwrap_err().contains("not a master key"));
        assert!(ledger_key("short").unwrap_err().contains("not a ledger key"));
        assert_eq!(flag("TRUE"), Ok(true));
        assert!(flag("maybe").is_err());
        assert_eq!(pauses("5, 300"), Ok([5, 300].map(Duration::from_secs).to_vec()));
        assert!(pauses("5,,300").unwrap_err().contains("seconds"));
        assert_eq!(pauses("2592000"), Ok(vec![Duration::from_secs(30 * 24 * 60 * 60)]));
        assert!(pauses("5,2592001").unwrap_err().contains("30 days"));
        assert!(pauses("18446744073709551615").unwrap_err().contains("30 days"));
        assert_eq!(pauses(&["1"; 50].join(",")).unwrap().len(), 50);
        assert!(pauses(&["1"; 51].join(",")).unwrap_err().contains("at most 50"));
        assert_eq!(scheme("timestamped"), Ok(SignatureScheme::Timestamped));
        assert!(scheme("both").unwrap_err().contains("body or timestamped"));
        assert_eq!(body_limit("4096").map(|limit| limit.bytes_max), Ok(4_096));
        for wrong in ["", "4095", "8388609", "1 MiB", "-1"] {
            assert!(body_limit(wrong).unwrap_err().contains("4096 to 8388608"), "{wrong}");
        }
        for right in ["https://a.example, http://localhost:3000", "none"] {
            assert!(origins(right).is_ok(), "{right}");
        }
        assert!(origins("*").unwrap_err().contains("https://host"));
        assert!(origins("https://a.example,").is_err());
        assert_eq!(host("localhost"), Ok(Ipv4Addr::LOCALHOST.into()));
        assert_eq!(host("0.0.0.0"), Ok(Ipv4Addr::UNSPECIFIED.into()));
        assert!(host("baton.example").unwrap_err().contains("IP address"));
        assert!(proxies("10.0.0.1, fd00::/8").is_ok());
        assert!(proxies("proxy.example").unwrap_err().contains("10.0.0.0/8"));
        assert_eq!(within(FLEET_ROUNDS)("3"), Ok(3));
        assert!(within(FLEET_MINUTES)("0").unwrap_err().contains("1 to 525600"));
        assert_eq!(megabytes("2"), Ok(2 * 1_024 * 1_024));
        assert!(megabytes("0").unwrap_err().contains("1 to 1048576"));
        assert_eq!(log_format("json"), Ok(LogFormat::Json));
        assert!(log_format("xml").is_err());
    }
}
