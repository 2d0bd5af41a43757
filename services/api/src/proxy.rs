//! Trusted proxies (protocol 0.2): those that check who a user is and say so in a header.
//!
//! Their word counts by the address they speak from, never by what a request says of itself. It
//! must not know which users there are.

use std::net::IpAddr;
use std::str::FromStr;
use std::sync::Arc;

use poem::Request;
use poem::http::HeaderMap;

use crate::caller::Origin;

/// The headers in which a proxy names a user.
const USER_HEADERS: [&str; 2] = ["Remote-User", "X-Forwarded-User"];

/// The addresses whose word counts; none of them unless configured.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TrustedProxies(Arc<[Network]>);

/// An address, or all that begin with the same bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Network {
    address: IpAddr,
    bits: u32,
}

/// The text is no list of addresses.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is neither an IP address nor a network such as 10.0.0.0/8")]
pub struct NotANetwork {
    text: String,
}

impl FromStr for TrustedProxies {
    type Err = NotANetwork;

    /// Addresses and networks, separated by commas.
    fn from_str(text: &str) -> Result<Self, NotANetwork> {
        Ok(Self(text.split(',').map(network).collect::<Result<_, _>>()?))
    }
}

impl TrustedProxies {
    /// The user that a trusted proxy names; blank, which nobody is called, where what it says
    /// cannot be read or contradicts itself: one of the headers may be the client's own.
    pub fn user_of(&self, request: &Request) -> Option<String> {
        let peer = Origin::of(request).peer?.ip();
        self.trusts(peer).then(|| named(request.headers())).flatten()
    }

    fn trusts(&self, peer: IpAddr) -> bool {
        let peer = peer.to_canonical();
        self.0.iter().any(|network| network.holds(peer))
    }
}

fn named(headers: &HeaderMap) -> Option<String> {
    let values = USER_HEADERS.iter().flat_map(|name| headers.get_all(*name));
    let mut named = values.map(|value| value.as_bytes().trim_ascii());
    let first = named.next()?;
    if !named.all(|value| value == first) {
        return Some(String::new());
    }
    let name = str::from_utf8(first).unwrap_or_default().to_lowercase();
    (!first.is_empty()).then_some(name)
}

fn network(text: &str) -> Result<Network, NotANetwork> {
    let bad = || NotANetwork { text: text.trim().to_owned() };
    let (address, bits) = match text.trim().split_once('/') {
        Some((address, bits)) => (address, Some(bits.parse::<u32>().map_err(|_| bad())?)),
        None => (text.trim(), None),
    };
    let address = address.parse::<IpAddr>().map_err(|_| bad())?.to_canonical();
    let bits_max = if address.is_ipv4() { 32 } else { 128 };
    match bits.unwrap_or(bits_max) {
        bits if bits <= bits_max => Ok(Network { address, bits }),
        _ => Err(bad()),
    }
}

impl Network {
    fn holds(self, peer: IpAddr) -> bool {
        match (self.address, peer) {
            (IpAddr::V4(own), IpAddr::V4(peer)) => {
                let differ = own.to_bits() ^ peer.to_bits();
                differ.leading_zeros() >= self.bits
            }
            (IpAddr::V6(own), IpAddr::V6(peer)) => {
                let differ = own.to_bits() ^ peer.to_bits();
                differ.leading_zeros() >= self.bits
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use poem::http::{HeaderName, HeaderValue};

    use super::*;

    #[test]
    fn addresses_and_networks() {
        for (list, peer, expected) in [
            ("10.1.2.3", "10.1.2.3", true),
            ("10.1.2.3", "10.1.2.4", false),
            ("10.1.2.3", "::ffff:10.1.2.3", true),
            ("::1, 10.0.0.0/8", "10.200.0.1", true),
            ("::1, 10.0.0.0/8", "11.0.0.1", false),
            ("::1", "::1", true),
            ("::1", "127.0.0.1", false),
            ("fd00::/8", "fdff::1", true),
            ("fd00::/8", "fe00::1", false),
            ("0.0.0.0/0", "8.8.8.8", true),
            ("0.0.0.0/0", "2001:db8::1", false),
        ] {
            let proxies: TrustedProxies = list.parse().unwrap();
            assert_eq!(proxies.trusts(peer.parse().unwrap()), expected, "{list}: {peer}");
        }
        assert!(!TrustedProxies::default().trusts("127.0.0.1".parse().unwrap()));
        for bad in ["", "10.0.0.1,", "proxy.example", "10.0.0.0/33", "::/129", "10.0.0.0/x", "*"] {
            assert!(bad.parse::<TrustedProxies>().is_err(), "{bad}");
        }
    }

    fn user(headers: &[(&'static str, &[u8])]) -> Option<String> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            let value = HeaderValue::from_bytes(value).unwrap();
            map.append(HeaderName::from_static(name), value);
        }
        named(&map)
    }

    #[test]
    fn whom_a_proxy_names() {
        let (remote, forwarded) = ("remote-user", "x-forwarded-user");
        assert_eq!(user(&[(remote, b"Ada@Example.org")]).unwrap(), "ada@example.org");
        assert_eq!(user(&[(forwarded, b" ada ")]).unwrap(), "ada");
        assert_eq!(user(&[(remote, b"ada"), (forwarded, b"ada")]).unwrap(), "ada");
        // Nobody, says the proxy, and the client adds a name.
        assert_eq!(user(&[(remote, b""), (forwarded, b"ada")]).unwrap(), "");
        assert_eq!(user(&[(remote, b"ada"), (forwarded, b"bob")]).unwrap(), "");
        assert_eq!(user(&[(remote, b"ada"), (remote, b"bob")]).unwrap(), "");
        assert_eq!(user(&[(remote, b"\xff")]).unwrap(), "");
        assert_eq!(user(&[(remote, b" ")]), None);
        assert_eq!(user(&[]), None);
    }
}
