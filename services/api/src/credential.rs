//! The credential of a request (protocol 0.2): which header it comes from and of which kind it is.
//!
//! It must not decide whether the credential is valid, and it never shows one: the secret leaves
//! this type only through [`Secret::expose`] and, hashed, through [`Credential::fingerprint`].

use std::fmt;

use poem::Request;
use poem::http::HeaderMap;
use poem::http::header::AUTHORIZATION;
use poem_openapi::registry::{MetaSecurityScheme, Registry};
use sha2::{Digest, Sha256};

use crate::proxy::TrustedProxies;

/// The header that carries an agent key.
pub const AGENT_KEY_HEADER: &str = "X-Agent-Key";

/// What every agent key starts with, and no project token does.
pub const AGENT_KEY_PREFIX: &str = "dlg_";

const AGENT_KEY_SCHEME: &str = "AgentKey";
const BEARER_SCHEME: &str = "Bearer";

/// A text that is never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a secret.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The clear text, for the one who checks it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(secret)")
    }
}

/// What a request presented to say who sends it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Credential {
    /// `X-Agent-Key`, or a bearer that starts with `dlg_`.
    AgentKey(Secret),
    /// Any other bearer.
    ProjectToken(Secret),
    /// Nothing by itself; a trusted proxy says that it comes from this user.
    User(String),
    /// Nothing this server understands.
    None,
}

impl Credential {
    /// Reads it from a request. The word of a proxy counts where nothing else was presented, and
    /// where the request has the proxies to trust among its data.
    pub fn of_request(request: &Request) -> Self {
        match Self::of(request.headers()) {
            Self::None => {
                let proxies = request.data::<TrustedProxies>();
                let user = proxies.and_then(|proxies| proxies.user_of(request));
                user.map_or(Self::None, Self::User)
            }
            presented => presented,
        }
    }

    /// Reads it from the headers; `X-Agent-Key` decides when both are there.
    pub fn of(headers: &HeaderMap) -> Self {
        if let Some(value) = headers.get(AGENT_KEY_HEADER) {
            // Unreadable is not the same as absent: it must fail, not fall back to the bearer.
            return Self::AgentKey(Secret::new(value.to_str().unwrap_or_default()));
        }
        let bearer = headers.get(AUTHORIZATION).and_then(|value| bearer(value.to_str().ok()?));
        match bearer {
            Some(token) if token.starts_with(AGENT_KEY_PREFIX) => {
                Self::AgentKey(Secret::new(token))
            }
            Some(token) => Self::ProjectToken(Secret::new(token)),
            None => Self::None,
        }
    }

    /// A hash that tells credentials apart without being one; `None` for no credential.
    pub fn fingerprint(&self) -> Option<[u8; 32]> {
        let (kind, text) = match self {
            Self::AgentKey(secret) => ("agent", secret.expose()),
            Self::ProjectToken(secret) => ("project", secret.expose()),
            Self::User(name) => ("user", name.as_str()),
            Self::None => return None,
        };
        let hash = Sha256::new().chain_update(kind).chain_update([0]).chain_update(text);
        Some(hash.finalize().into())
    }
}

fn bearer(value: &str) -> Option<&str> {
    let (scheme, token) = value.trim().split_once([' ', '\t'])?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}

/// The names under which an operation lists the two ways to authenticate; either is enough.
pub(crate) fn scheme_names() -> Vec<&'static str> {
    vec![AGENT_KEY_SCHEME, BEARER_SCHEME]
}

/// Puts both ways to authenticate into the OpenAPI document.
pub(crate) fn register_schemes(registry: &mut Registry) {
    let scheme = MetaSecurityScheme {
        ty: "apiKey",
        description: Some(
            "An agent key, `dlg_` and 43 characters: acts as that agent. Goes before `Bearer`.",
        ),
        name: Some(AGENT_KEY_HEADER),
        key_in: Some("header"),
        scheme: None,
        bearer_format: None,
        flows: None,
        openid_connect_url: None,
    };
    registry.create_security_scheme(AGENT_KEY_SCHEME, scheme);
    let scheme = MetaSecurityScheme {
        ty: "http",
        description: Some(
            "The project token, which acts for the account as an admin, or an agent key.",
        ),
        name: None,
        key_in: None,
        scheme: Some("bearer"),
        bearer_format: None,
        flows: None,
        openid_connect_url: None,
    };
    registry.create_security_scheme(BEARER_SCHEME, scheme);
}

#[cfg(test)]
mod tests {
    use poem::http::{HeaderName, HeaderValue};

    use super::*;

    fn of(headers: &[(&'static str, &str)]) -> Credential {
        let pairs = headers.iter().map(|(name, value)| {
            (HeaderName::from_static(name), HeaderValue::from_bytes(value.as_bytes()).unwrap())
        });
        Credential::of(&pairs.collect())
    }

    #[test]
    fn where_a_credential_comes_from() {
        let agent = |text: &str| Credential::AgentKey(Secret::new(text));
        let project = |text: &str| Credential::ProjectToken(Secret::new(text));
        let (key, auth) = ("x-agent-key", "authorization");
        let rows = [
            (vec![], Credential::None),
            (vec![(key, "dlg_a")], agent("dlg_a")),
            (vec![(key, "no prefix")], agent("no prefix")),
            (vec![(auth, "Bearer dlg_a")], agent("dlg_a")),
            (vec![(auth, "Bearer token")], project("token")),
            (vec![(auth, "bearer token")], project("token")),
            (vec![(auth, "BEARER  token ")], project("token")),
            (vec![(auth, "Bearer\ttoken")], project("token")),
            (vec![(key, "dlg_a"), (auth, "Bearer token")], agent("dlg_a")),
            (vec![(auth, "Bearer token"), (key, "dlg_a")], agent("dlg_a")),
            (vec![(key, ""), (auth, "Bearer token")], agent("")),
            (vec![(key, "ä"), (auth, "Bearer token")], agent("")),
            (vec![(auth, "Bearer")], Credential::None),
            (vec![(auth, "Bearer  ")], Credential::None),
            (vec![(auth, "token")], Credential::None),
            (vec![(auth, "Basic dXNlcjpwdw==")], Credential::None),
            (vec![(auth, "")], Credential::None),
        ];
        for (headers, expected) in rows {
            assert!(of(&headers) == expected, "{headers:?}");
        }
    }

    #[test]
    fn a_secret_is_never_printed() {
        for credential in
            [of(&[("x-agent-key", "dlg_hush")]), of(&[("authorization", "Bearer hush")])]
        {
            assert!(!format!("{credential:?} {credential:#?}").contains("hush"));
        }
    }

    #[test]
    fn fingerprints_tell_credentials_apart() {
        let of = |credential: Credential| credential.fingerprint();
        let agent = of(Credential::AgentKey(Secret::new("a")));
        assert_eq!(agent, of(Credential::AgentKey(Secret::new("a"))));
        assert_ne!(agent, of(Credential::AgentKey(Secret::new("b"))));
        assert_ne!(agent, of(Credential::ProjectToken(Secret::new("a"))));
        assert_eq!(of(Credential::None), None);
    }
}
