//! Names to addresses, checked: the HTTP client gets only addresses it may connect to, so what
//! was checked is what is connected, whatever the name answers next time (protocol 4.3).

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use crate::address::is_globally_routable;
use crate::lookups::Lookups;
use crate::url::{UrlRefusal, literal, parse};

/// How long a registration waits for its host's name.
const REGISTRATION_LOOKUP_MAX: Duration = Duration::from_secs(2);
/// Lookups for registrations at once: their names are anybody's choice.
const REGISTRATION_PLACES: usize = 8;
/// Lookups for deliveries at once: a quarter of the threads that the runtime has for waiting.
const SENDING_PLACES: usize = 128;

/// Finds the addresses of a name. The system's resolver does; tests have their own.
pub trait Lookup: Send + Sync + 'static {
    /// All addresses of `host`.
    fn lookup(&self, host: String) -> BoxFuture<'static, io::Result<Vec<IpAddr>>>;
}

/// The system's resolver.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemLookup;

impl Lookup for SystemLookup {
    fn lookup(&self, host: String) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> {
        Box::pin(async move {
            let found = tokio::net::lookup_host((host.as_str(), 0)).await?;
            Ok(found.map(|address| address.ip()).collect())
        })
    }
}

/// The host has an address that is refused, or none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an address of the host may not be connected")]
pub(crate) struct AddressRefused;

/// Which addresses webhooks may have, and how names are resolved.
#[derive(Clone)]
pub struct AddressRules {
    allow_private: bool,
    registering: Lookups,
    sending: Lookups,
}

impl AddressRules {
    /// Rules over a resolver. `allow_private`: this machine and its network are allowed too.
    #[must_use]
    pub fn new(allow_private: bool, lookup: Arc<dyn Lookup>) -> Self {
        let registering = Lookups::new(Arc::clone(&lookup), REGISTRATION_PLACES);
        Self { allow_private, registering, sending: Lookups::new(lookup, SENDING_PLACES) }
    }

    /// Checks a URL that is to be registered, its host's name resolved. A name that does not
    /// resolve now is accepted: it is checked again at every delivery.
    ///
    /// # Errors
    /// [`UrlRefusal`], with a text for the client.
    pub async fn check(&self, url: &str) -> Result<(), UrlRefusal> {
        let url = parse(url, self.allow_private)?;
        if self.allow_private || literal(&url).is_some() {
            return Ok(());
        }
        let found = self.registering.find(url.host_str().unwrap_or_default());
        let found = tokio::time::timeout(REGISTRATION_LOOKUP_MAX, found).await;
        let addresses = found.ok().and_then(Result::ok).unwrap_or_default();
        match addresses.into_iter().all(is_globally_routable) {
            true => Ok(()),
            false => Err(UrlRefusal::Private),
        }
    }

    /// A literal address passes by the resolver: it is checked before a request is made.
    pub(crate) fn allows_literal(&self, url: &reqwest::Url) -> bool {
        self.allow_private || literal(url).is_none_or(is_globally_routable)
    }
}

impl Resolve for AddressRules {
    fn resolve(&self, name: Name) -> Resolving {
        let found = self.sending.find(name.as_str());
        let allow_private = self.allow_private;
        Box::pin(async move {
            let addresses = found.await?;
            // One that is refused condemns the name: whoever gives it such an address is up to
            // something, or will find it unreachable now and then.
            let are_allowed = allow_private || addresses.iter().copied().all(is_globally_routable);
            if addresses.is_empty() || !are_allowed {
                return Err(AddressRefused.into());
            }
            let sockets = addresses.into_iter().map(|address| SocketAddr::new(address, 0));
            Ok(Box::new(sockets) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fixed(&'static [&'static str]);

    impl Lookup for Fixed {
        fn lookup(&self, _host: String) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> {
            let addresses = self.0.iter().map(|text| text.parse().unwrap()).collect();
            Box::pin(async move { Ok(addresses) })
        }
    }

    async fn resolved(addresses: &'static [&'static str]) -> Vec<String> {
        let rules = AddressRules::new(false, Arc::new(Fixed(addresses)));
        let resolved = rules.resolve("example.com".parse().unwrap()).await;
        resolved.map_or(Vec::new(), |found| found.map(|socket| socket.ip().to_string()).collect())
    }

    #[tokio::test]
    async fn only_a_name_whose_every_address_is_allowed_is_connected() {
        let good = &["8.8.8.8", "2606:4700:4700::1111"];
        assert_eq!(resolved(good).await, *good);
        for addresses in [
            &["127.0.0.1", "8.8.8.8"][..],
            &["8.8.8.8", "127.0.0.1"],
            &["8.8.8.8", "2606:4700:4700::1111", "64:ff9b::10.0.0.1"],
            &["10.0.0.1", "::ffff:10.0.0.1"],
            &["fe80::1"],
            &[],
        ] {
            assert!(resolved(addresses).await.is_empty(), "{addresses:?}");
        }
    }

    #[tokio::test]
    async fn registration_refuses_a_name_with_a_private_address() {
        for (addresses, expected) in [
            (&["8.8.8.8"][..], Ok(())),
            (&[], Ok(())),
            (&["8.8.8.8", "192.168.0.1"], Err(UrlRefusal::Private)),
        ] {
            let rules = AddressRules::new(false, Arc::new(Fixed(addresses)));
            assert_eq!(rules.check("https://example.com/hook").await, expected);
        }
        let rules = AddressRules::new(true, Arc::new(Fixed(&["192.168.0.1"])));
        assert_eq!(rules.check("https://example.com/hook").await, Ok(()));
    }
}
