//! Which URLs may be registered as webhooks (protocol 4.3). Names are resolved elsewhere.

use std::net::IpAddr;

use reqwest::Url;

use crate::address::is_globally_routable;

/// Names that mean a machine of the neighbourhood, and everything below them.
const LOCAL_NAMES: [&str; 5] = ["localhost", "local", "internal", "home.arpa", "cluster.local"];

/// Why a URL cannot be a webhook's (400). Each text says what to mend.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UrlRefusal {
    /// Not a URL, or without a host, or with a port above 65535.
    #[error("the webhook URL is not valid; give a full URL such as https://example.com/hook")]
    NotAUrl,
    /// Another scheme.
    #[error("the webhook URL must begin with https:// or http://")]
    Scheme,
    /// `user:password@`.
    #[error("the webhook URL must not carry credentials; remove the part before the @")]
    Credentials,
    /// Port 0.
    #[error("the webhook URL must have a port from 1 to 65535, or none")]
    Port,
    /// A name or an address of this machine or its network.
    #[error(
        "the webhook URL leads to a private or local address; use a host that is reachable from \
         the internet, or allow private webhooks in the server's configuration"
    )]
    Private,
}

/// Checks a URL as far as that is possible without resolving its host's name.
///
/// # Errors
/// [`UrlRefusal`], with a text for the client.
pub fn check_url(url: &str, allow_private: bool) -> Result<(), UrlRefusal> {
    parse(url, allow_private).map(|_url| ())
}

/// As [`check_url`]; gives the URL.
pub(crate) fn parse(url: &str, allow_private: bool) -> Result<Url, UrlRefusal> {
    let url = Url::parse(url).map_err(|_| UrlRefusal::NotAUrl)?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(UrlRefusal::Scheme);
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(UrlRefusal::Credentials);
    }
    if url.port() == Some(0) {
        return Err(UrlRefusal::Port);
    }
    let host = url.host_str().ok_or(UrlRefusal::NotAUrl)?;
    let is_private = match literal(&url) {
        Some(address) => !is_globally_routable(address),
        None => is_local_name(host),
    };
    if is_private && !allow_private {
        return Err(UrlRefusal::Private);
    }
    Ok(url)
}

/// The address, where the host is one and no name.
pub(crate) fn literal(url: &Url) -> Option<IpAddr> {
    let host = url.host_str()?;
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    bare.unwrap_or(host).parse().ok()
}

/// The parser has made the name lower-case.
fn is_local_name(host: &str) -> bool {
    let host = host.trim_end_matches('.');
    LOCAL_NAMES.iter().any(|name| {
        let above = host.strip_suffix(name);
        above.is_some_and(|above| above.is_empty() || above.ends_with('.'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(rows: &[(&str, Result<(), UrlRefusal>)]) {
        for (url, expected) in rows {
            assert_eq!(check_url(url, false), *expected, "{url}");
        }
    }

    #[test]
    fn each_rule_of_the_contract_holds() {
        use UrlRefusal as R;
        check(&[
            ("https://your-server.com/hooks/delega", Ok(())),
            ("http://example.com", Ok(())),
            ("https://example.com:65535/a?b=c#d", Ok(())),
            ("https://8.8.8.8/", Ok(())),
            ("https://[2606:4700:4700::1111]:8443/", Ok(())),
            ("https://notlocalhost/", Ok(())),
            ("https://internal.example.com/", Ok(())),
            ("", Err(R::NotAUrl)),
            ("example.com/hook", Err(R::NotAUrl)),
            ("/hook", Err(R::NotAUrl)),
            ("https://", Err(R::NotAUrl)),
            ("https://example.com:65536/", Err(R::NotAUrl)),
            ("https://example.com:-1/", Err(R::NotAUrl)),
            ("https://exa mple.com/", Err(R::NotAUrl)),
            ("https://example.com:0/", Err(R::Port)),
            ("ftp://example.com/", Err(R::Scheme)),
            ("file:///etc/passwd", Err(R::Scheme)),
            ("javascript:alert(1)", Err(R::Scheme)),
            ("https://user@example.com/", Err(R::Credentials)),
            ("https://user:password@example.com/", Err(R::Credentials)),
            ("https://:password@example.com/", Err(R::Credentials)),
            ("http://localhost/", Err(R::Private)),
            ("http://LOCALHOST:8080/", Err(R::Private)),
            ("http://localhost./", Err(R::Private)),
            ("http://a.localhost/", Err(R::Private)),
            ("http://printer.local/", Err(R::Private)),
            ("http://metadata.google.internal/", Err(R::Private)),
            ("http://router.home.arpa/", Err(R::Private)),
            ("http://db.default.svc.cluster.local/", Err(R::Private)),
            ("http://127.0.0.1:9/", Err(R::Private)),
            ("http://169.254.169.254/latest/meta-data", Err(R::Private)),
            ("http://100.64.1.1/", Err(R::Private)),
            ("http://198.18.0.1/", Err(R::Private)),
            ("http://[::1]/", Err(R::Private)),
            ("http://[::ffff:127.0.0.1]/", Err(R::Private)),
            ("http://[64:ff9b::7f00:1]/", Err(R::Private)),
            ("http://[fd00::1]/", Err(R::Private)),
        ]);
    }

    /// However a host is written, it is the one that would be connected.
    #[test]
    fn other_spellings_of_a_host_are_that_host() {
        use UrlRefusal as R;
        check(&[
            ("https://example.com@127.0.0.1/", Err(R::Credentials)),
            ("https://example.com%40@127.0.0.1/", Err(R::Credentials)),
            ("http://127.0.0.1\\@example.com/", Err(R::Private)),
            ("http://127.0.0.1#@example.com/", Err(R::Private)),
            ("http://127.0.0.1?@example.com/", Err(R::Private)),
            ("http://localhost../", Err(R::Private)),
            ("http://%6c%6fcalhost/", Err(R::Private)),
            ("http://ｌｏｃａｌｈｏｓｔ/", Err(R::Private)),
            ("http://ⓛⓞⓒⓐⓛⓗⓞⓢⓣ./", Err(R::Private)),
            ("http://local\thost/", Err(R::Private)),
            ("http:\\\\localhost\\", Err(R::Private)),
            ("http:localhost", Err(R::Private)),
            ("https://xn--bcher-kva.example/", Ok(())),
            ("https://bücher.example./", Ok(())),
            ("http://127.1/", Err(R::Private)),
            ("http://0x7f000001/", Err(R::Private)),
            ("http://2130706433/", Err(R::Private)),
            ("http://0177.0.0.1/", Err(R::Private)),
            ("http://0x7f.1/", Err(R::Private)),
            ("http://0x7F.0x0.0x0.0x1/", Err(R::Private)),
            ("http://017700000001/", Err(R::Private)),
            ("http://127.0.0.1./", Err(R::Private)),
            ("http://127.0.1/", Err(R::Private)),
            ("http://０１７７.0.0.1/", Err(R::Private)),
            ("http://①②⑦.0.0.1/", Err(R::Private)),
            ("http://127。0。0。1/", Err(R::Private)),
            ("http://%31%32%37.0.0.1/", Err(R::Private)),
            ("http://0/", Err(R::Private)),
            ("http://127.0.0.1%00.example.com/", Err(R::NotAUrl)),
            ("http://256.0.0.1/", Err(R::NotAUrl)),
            ("http://4294967296/", Err(R::NotAUrl)),
            ("http://1.2.3.4.5/", Err(R::NotAUrl)),
            ("http://0x100000000/", Err(R::NotAUrl)),
            ("http://134744072/", Ok(())),
            ("http://[0:0:0:0:0:0:0:1]/", Err(R::Private)),
            ("http://[fe80::1%25eth0]/", Err(R::NotAUrl)),
            ("http://[fe80::1%eth0]/", Err(R::NotAUrl)),
            ("http://[::ffff:7f00:1]/", Err(R::Private)),
        ]);
    }

    #[test]
    fn allowing_private_webhooks_allows_nothing_else() {
        use UrlRefusal as R;
        for (url, expected) in [
            ("http://localhost:1234/hook", Ok(())),
            ("http://127.0.0.1:1/", Ok(())),
            ("http://[::1]/", Ok(())),
            ("http://db.cluster.local/", Ok(())),
            ("ftp://127.0.0.1/", Err(R::Scheme)),
            ("http://a:b@127.0.0.1/", Err(R::Credentials)),
            ("http://127.0.0.1:0/", Err(R::Port)),
        ] {
            assert_eq!(check_url(url, true), expected, "{url}");
        }
    }
}
