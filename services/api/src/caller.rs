//! Who calls: the extractors that stand first in a handler. Without one of them a handler has no
//! caller, and without a caller nothing below can be reached.
//!
//! [`Read`] and [`Write`] are for authenticated operations, [`Visitor`] for the few that are open.
//! Authentication itself is behind [`Authenticate`]; this module must not know how it is done.

use std::net::SocketAddr;
use std::ops::Deref;
use std::pin::Pin;
use std::sync::Arc;

use poem::http::Method;
use poem::http::header::HOST;
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
pub trait Authenticate<C>: Send + Sync + 'static {
    /// The caller, or the problem to answer with: 401 for a credential that is not valid.
    fn authenticate<'a>(
        &'a self,
        credential: &'a Credential,
        origin: &'a Origin,
    ) -> Authenticated<'a, C>;
}

/// Where a request comes from, as far as authentication may ask (bootstrap, trusted proxy).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Origin {
    /// The other end of the connection.
    pub peer: Option<SocketAddr>,
    /// The `Host` header, port included.
    pub host: Option<String>,
}

impl Origin {
    /// Reads it from a request.
    pub fn of(request: &Request) -> Self {
        let peer = match &request.remote_addr().0 {
            Addr::SocketAddr(address) => Some(*address),
            Addr::Unix(_) | Addr::Custom(..) => None,
        };
        let authority = request.uri().authority().map(ToString::to_string);
        Self { peer, host: request.header(HOST).map(str::to_owned).or(authority) }
    }

    /// True when the peer is this machine and the request is addressed to it by a local name.
    /// The name matters too: a hostile page can point its own name at 127.0.0.1.
    pub fn is_local(&self) -> bool {
        let peer_is_local = self.peer.is_some_and(|peer| peer.ip().to_canonical().is_loopback());
        peer_is_local && self.host.as_deref().is_some_and(is_local_host)
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

/// A call to an open operation: an authenticated caller, or nobody.
#[derive(Debug, Clone)]
pub enum Visitor<C> {
    /// A valid credential was presented.
    Known(C),
    /// No credential was presented; a wrong one is refused like everywhere.
    Nobody(Origin),
}

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
        Ok(Self { caller, min_position: header::min_position(request.headers())? })
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
        let key = match *request.method() {
            Method::POST => header::idempotency_key(request.headers())?,
            _ => None,
        };
        let target = format!("{} {}", request.method(), request.uri().path());
        Ok(Self { caller, key, correlation_id: RequestId::of(request).0, target })
    }
}

impl<'a, C: Send + Sync + 'static> ApiExtractor<'a> for Visitor<C> {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::SecurityScheme];

    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        credential::register_schemes(registry);
    }

    fn security_schemes() -> Vec<&'static str> {
        credential::scheme_names()
    }

    fn has_security_fallback() -> bool {
        true
    }

    async fn from_request(
        request: &'a Request,
        _: &mut RequestBody,
        _: ExtractParamOptions<()>,
    ) -> poem::Result<Self> {
        if Credential::of(request.headers()) == Credential::None {
            return Ok(Self::Nobody(Origin::of(request)));
        }
        Ok(Self::Known(authenticate(request).await?))
    }
}

async fn authenticate<C: 'static>(request: &Request) -> Result<C, Problem> {
    let Some(authenticate) = request.data::<Arc<dyn Authenticate<C>>>() else {
        return Err(Problem::fault("no Authenticate is wired into the request data"));
    };
    let credential = Credential::of(request.headers());
    authenticate.authenticate(&credential, &Origin::of(request)).await
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
            let origin = Origin { peer, host: host.map(str::to_owned) };
            assert_eq!(origin.is_local(), expected, "{origin:?}");
        }
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
