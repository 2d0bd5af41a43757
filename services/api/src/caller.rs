//! Who calls: the extractors that stand first in a handler. Without one of them a handler has no
//! caller, and without a caller nothing below can be reached.
//!
//! [`Read`] and [`Write`] are for authenticated operations, [`OpenWrite`] for the few that may let
//! somebody in without a credential.
//! Authentication itself is behind [`Authenticate`]; this module must not know how it is done.

use std::net::SocketAddr;
use std::ops::Deref;
use std::pin::Pin;
use std::sync::Arc;

use poem::http::header::{HOST, ORIGIN};
use poem::http::{Method, StatusCode};
use poem::{Addr, Request, RequestBody};
use poem_openapi::registry::{MetaParamIn, MetaSchemaRef, Registry};
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::credential::{self, Credential};
use crate::header;
use crate::problem::Problem;
use crate::request_id::RequestId;

/// What an authentication ends in.
pub type Authenticated<'a, C> = Pin<Box<dyn Future<Output = Result<C, Problem>> + Send + 'a>>;

/// Turns a credential into a caller. An `Arc<dyn Authenticate<C>>` in the data of the request
/// serves all extractors of this module.
pub trait Authenticate<C: 'static>: Send + Sync + 'static {
    /// The caller, or the problem to answer with: 401 for a credential that is not valid.
    fn authenticate<'a>(
        &'a self,
        credential: &'a Credential,
        origin: &'a Origin,
    ) -> Authenticated<'a, C>;

    /// Who somebody without a credential is to an operation of [`OpenWrite`]; nobody, where it is
    /// not said otherwise.
    fn admit<'a>(&'a self, origin: &'a Origin) -> Authenticated<'a, C> {
        let _ = origin;
        Box::pin(async { Err(Problem::unauthorized()) })
    }

    /// Takes note of what somebody reads, where that is to be kept: before it is answered. Nothing
    /// is kept, where it is not said otherwise.
    fn witness<'a>(&'a self, caller: &'a C, sight: Sight) -> Authenticated<'a, ()> {
        let _ = (caller, sight);
        Box::pin(async { Ok(()) })
    }
}

/// What a request asks to see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sight {
    /// Its method.
    pub method: String,
    /// Its path and query.
    pub target: String,
    /// Its id.
    pub correlation_id: Uuid,
}

impl Sight {
    fn of(request: &Request) -> Self {
        let uri = request.original_uri();
        Self {
            method: request.method().to_string(),
            target: uri.path_and_query().map_or_else(String::new, ToString::to_string),
            correlation_id: RequestId::of(request).0,
        }
    }
}

/// Headers by which a proxy says that it passes a request on.
const FORWARDED: [&str; 8] = [
    "Forwarded",
    "Remote-User",
    "Via",
    "X-Forwarded-For",
    "X-Forwarded-Host",
    "X-Forwarded-Proto",
    "X-Forwarded-User",
    "X-Real-IP",
];

/// Where a request comes from, as far as authentication may ask.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Origin {
    /// The other end of the connection.
    pub peer: Option<SocketAddr>,
    /// The `Host` header, port included.
    pub host: Option<String>,
    /// The origin of the page that had a browser send it; blank where that cannot be read.
    pub page: Option<String>,
    /// A proxy says that it passes it on.
    pub is_forwarded: bool,
}

impl Origin {
    /// Reads it from a request.
    pub fn of(request: &Request) -> Self {
        let peer = match &request.remote_addr().0 {
            Addr::SocketAddr(address) => Some(*address),
            Addr::Unix(_) | Addr::Custom(..) => None,
        };
        let authority = request.uri().authority().map(ToString::to_string);
        let page = request.headers().get(ORIGIN);
        Self {
            peer,
            host: request.header(HOST).map(str::to_owned).or(authority),
            page: page.map(|page| page.to_str().unwrap_or_default().to_owned()),
            is_forwarded: FORWARDED.iter().any(|name| request.headers().contains_key(*name)),
        }
    }

    /// True when the peer is this machine, speaks for nobody else, and the request is addressed to
    /// it by a local name. The name matters too: a hostile page can point its own name at
    /// 127.0.0.1.
    pub fn is_local(&self) -> bool {
        let peer_is_local = self.peer.is_some_and(|peer| peer.ip().to_canonical().is_loopback());
        let host_is_local = self.host.as_deref().is_some_and(is_local_host);
        peer_is_local && host_is_local && !self.is_forwarded
    }

    /// True when the page that had a browser send it was loaded from where it was sent to.
    pub fn is_own_page(&self) -> bool {
        let page = self.page.as_deref().and_then(|page| page.split_once("://"));
        page.is_some_and(|(_, host)| Some(host) == self.host.as_deref())
    }
}

fn is_local_host(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.rsplit_once(':').map_or(host, |(name, _)| name),
    };
    let is_loopback = |ip: std::net::IpAddr| ip.to_canonical().is_loopback();
    name.eq_ignore_ascii_case("localhost") || name.parse().is_ok_and(is_loopback)
}

/// A call that reads: the caller, and the position the answer must have reached.
#[derive(Debug, Clone)]
pub struct Read<C> {
    /// Who calls.
    pub caller: C,
    /// `Baton-Min-Position`.
    pub min_position: Option<i64>,
}

/// A call that writes: the caller, and what makes the call one that may be repeated.
#[derive(Debug, Clone)]
pub struct Write<C> {
    /// Who calls.
    pub caller: C,
    /// `Idempotency-Key`; only read on POST.
    pub key: Option<String>,
    /// Ties the events of this call to its log lines: the request id.
    pub correlation_id: Uuid,
    target: String,
}

impl<C> Write<C> {
    /// What must be equal for two calls with one key to be the same call: method, path below the
    /// prefix, and body.
    pub fn request_hash(&self, body_digest: [u8; 32]) -> [u8; 32] {
        Sha256::new()
            .chain_update(&self.target)
            .chain_update([0])
            .chain_update(body_digest)
            .finalize()
            .into()
    }
}

/// A call that writes, by a caller with a credential or by one whom [`Authenticate::admit`] lets in
/// without; a wrong credential is refused like everywhere. Without one no key makes a call one that
/// may be repeated: anybody could ask for the answer again.
#[derive(Debug, Clone)]
pub struct OpenWrite<C>(pub Write<C>);

impl<C> Deref for Read<C> {
    type Target = C;

    fn deref(&self) -> &C {
        &self.caller
    }
}

impl<C> Deref for Write<C> {
    type Target = C;

    fn deref(&self) -> &C {
        &self.caller
    }
}

impl<'a, C: Send + Sync + 'static> ApiExtractor<'a> for Read<C> {
    const TYPES: &'static [ApiExtractorType] =
        &[ApiExtractorType::SecurityScheme, ApiExtractorType::Parameter];

    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        credential::register_schemes(registry);
    }

    fn security_schemes() -> Vec<&'static str> {
        credential::scheme_names()
    }

    fn param_in() -> Option<MetaParamIn> {
        Some(MetaParamIn::Header)
    }

    fn param_schema_ref() -> Option<MetaSchemaRef> {
        Some(header::min_position_schema())
    }

    async fn from_request(
        request: &'a Request,
        _: &mut RequestBody,
        _: ExtractParamOptions<()>,
    ) -> poem::Result<Self> {
        let caller = authenticate(request).await?;
        let min_position = header::min_position(request.headers())?;
        door::<C>(request)?.witness(&caller, Sight::of(request)).await?;
        Ok(Self { caller, min_position })
    }
}

impl<'a, C: Send + Sync + 'static> ApiExtractor<'a> for Write<C> {
    const TYPES: &'static [ApiExtractorType] =
        &[ApiExtractorType::SecurityScheme, ApiExtractorType::Parameter];

    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        credential::register_schemes(registry);
    }

    fn security_schemes() -> Vec<&'static str> {
        credential::scheme_names()
    }

    fn param_in() -> Option<MetaParamIn> {
        Some(MetaParamIn::Header)
    }

    fn param_schema_ref() -> Option<MetaSchemaRef> {
        Some(header::idempotency_key_schema())
    }

    async fn from_request(
        request: &'a Request,
        _: &mut RequestBody,
        _: ExtractParamOptions<()>,
    ) -> poem::Result<Self> {
        let caller = authenticate(request).await?;
        Ok(Self::by(caller, request, idempotency_key(request)?))
    }
}

impl<'a, C: Send + Sync + 'static> ApiExtractor<'a> for OpenWrite<C> {
    const TYPES: &'static [ApiExtractorType] = Write::<C>::TYPES;

    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        Write::<C>::register(registry);
    }

    fn security_schemes() -> Vec<&'static str> {
        Write::<C>::security_schemes()
    }

    fn param_in() -> Option<MetaParamIn> {
        Write::<C>::param_in()
    }

    fn param_schema_ref() -> Option<MetaSchemaRef> {
        Write::<C>::param_schema_ref()
    }

    async fn from_request(
        request: &'a Request,
        body: &mut RequestBody,
        options: ExtractParamOptions<()>,
    ) -> poem::Result<Self> {
        if Credential::of_request(request) != Credential::None {
            return Ok(Self(Write::from_request(request, body, options).await?));
        }
        match authenticate(request).await {
            Err(problem) if problem.status() == StatusCode::UNAUTHORIZED => {
                let caller = door::<C>(request)?.admit(&Origin::of(request)).await?;
                Ok(Self(Write::by(caller, request, None)))
            }
            known => Ok(Self(Write::by(known?, request, idempotency_key(request)?))),
        }
    }
}

impl<C> Write<C> {
    fn by(caller: C, request: &Request, key: Option<String>) -> Self {
        let target = format!("{} {}", request.method(), request.uri().path());
        Self { caller, key, correlation_id: RequestId::of(request).0, target }
    }
}

fn idempotency_key(request: &Request) -> Result<Option<String>, Problem> {
    match *request.method() {
        Method::POST => header::idempotency_key(request.headers()),
        _ => Ok(None),
    }
}

async fn authenticate<C: 'static>(request: &Request) -> Result<C, Problem> {
    let credential = Credential::of_request(request);
    door(request)?.authenticate(&credential, &Origin::of(request)).await
}

fn door<C: 'static>(request: &Request) -> Result<&Arc<dyn Authenticate<C>>, Problem> {
    let door = request.data::<Arc<dyn Authenticate<C>>>();
    door.ok_or_else(|| Problem::fault("no Authenticate is wired into the request data"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_local_peer_with_a_local_name_is_local() {
        let rows = [
            (Some("127.0.0.1:5"), Some("localhost:18890"), true),
            (Some("127.0.0.1:5"), Some("LOCALHOST"), true),
            (Some("127.9.9.9:5"), Some("127.0.0.1:18890"), true),
            (Some("[::1]:5"), Some("[::1]:18890"), true),
            (Some("[::1]:5"), Some("[::1]"), true),
            (Some("[::ffff:127.0.0.1]:5"), Some("localhost"), true),
            (Some("127.0.0.1:5"), Some("evil.example"), false),
            (Some("127.0.0.1:5"), Some("localhost.evil.example"), false),
            (Some("127.0.0.1:5"), Some("10.0.0.1:18890"), false),
            (Some("127.0.0.1:5"), Some(""), false),
            (Some("127.0.0.1:5"), None, false),
            (Some("10.0.0.1:5"), Some("localhost"), false),
            (None, Some("localhost"), false),
        ];
        for (peer, host, expected) in rows {
            let peer = peer.map(|text| text.parse().unwrap());
            let origin = Origin { peer, host: host.map(str::to_owned), ..Origin::default() };
            assert_eq!(origin.is_local(), expected, "{origin:?}");
            let forwarded = Origin { is_forwarded: true, ..origin };
            assert!(!forwarded.is_local(), "{forwarded:?}");
        }
    }

    #[test]
    fn a_page_is_its_own_where_it_was_loaded_from_there() {
        for (page, host, expected) in [
            ("http://localhost:18890", "localhost:18890", true),
            ("https://baton.example", "baton.example", true),
            ("https://baton.example:8443", "baton.example", false),
            ("https://evil.example", "baton.example", false),
            ("null", "null", false),
            ("", "", false),
        ] {
            let page = Some(page.to_owned());
            let origin = Origin { page, host: Some(host.to_owned()), ..Origin::default() };
            assert_eq!(origin.is_own_page(), expected, "{origin:?}");
        }
    }

    #[test]
    fn what_a_proxy_adds_is_seen() {
        let request = |name: &str| Request::builder().header(name, "x").finish();
        for name in FORWARDED {
            assert!(Origin::of(&request(name)).is_forwarded, "{name}");
        }
        assert!(!Origin::of(&request("Accept")).is_forwarded);
        assert_eq!(Origin::of(&request("Origin")).page.as_deref(), Some("x"));
    }

    #[test]
    fn the_request_hash_covers_method_path_and_body() {
        let write = |target: &str| Write {
            caller: (),
            key: None,
            correlation_id: Uuid::nil(),
            target: target.to_owned(),
        };
        let hash = write("POST /tasks").request_hash([1; 32]);
        assert_eq!(hash, write("POST /tasks").request_hash([1; 32]));
        assert_ne!(hash, write("POST /tasks").request_hash([2; 32]));
        assert_ne!(hash, write("POST /agents").request_hash([1; 32]));
    }
}
