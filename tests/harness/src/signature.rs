//! Webhook signatures checked as a receiver would check them, from the protocol alone.
//!
//! Must not: share a line with the code that signs.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac};
use jiff::Timestamp;
use sha2::Sha256;

use crate::receiver::Received;

/// Keys of Standard Webhooks secrets that are base64.
const STANDARD_KEY_BYTES: std::ops::RangeInclusive<usize> = 24..=64;

/// Scheme `body`: the HMAC covers the raw body.
///
/// # Errors
///
/// Says what does not match.
pub fn verify_body(request: &Received, secret: &str) -> Result<(), String> {
    verify_delega(request, secret, &request.body)
}

/// Scheme `timestamped`: the HMAC covers the attempt's time, a dot and the raw body.
///
/// # Errors
///
/// Says what does not match.
pub fn verify_timestamped(request: &Received, secret: &str) -> Result<(), String> {
    let mut message = format!("{}.", request.header("X-Delega-Timestamp")).into_bytes();
    message.extend_from_slice(&request.body);
    verify_delega(request, secret, &message)
}

/// The Standard Webhooks headers, which every delivery carries beside either scheme.
///
/// # Errors
///
/// Says what does not match.
pub fn verify_standard(request: &Received, secret: &str) -> Result<(), String> {
    let (id, seconds) = (request.header("webhook-id"), request.header("webhook-timestamp"));
    same("webhook-id", id, request.header("X-Delega-Delivery"))?;
    let attempt: Timestamp = request
        .header("X-Delega-Timestamp")
        .parse()
        .map_err(|cause| format!("X-Delega-Timestamp: {cause}"))?;
    same("webhook-timestamp", seconds, &attempt.as_second().to_string())?;
    let mut message = format!("{id}.{seconds}.").into_bytes();
    message.extend_from_slice(&request.body);
    let expected = format!("v1,{}", STANDARD.encode(hmac(&standard_key(secret), &message)));
    let found = request.header("webhook-signature");
    // While a secret is changed there is one signature per secret; one that matches is enough.
    match found.split(' ').any(|signature| signature == expected) {
        true => Ok(()),
        false => same("webhook-signature", found, &expected),
    }
}

fn verify_delega(request: &Received, secret: &str, message: &[u8]) -> Result<(), String> {
    let expected = format!("sha256={}", hex::encode(hmac(secret.as_bytes(), message)));
    same("X-Delega-Signature", request.header("X-Delega-Signature"), &expected)
}

fn standard_key(secret: &str) -> Vec<u8> {
    let decoded = secret.strip_prefix("whsec_").and_then(|text| STANDARD.decode(text).ok());
    decoded
        .filter(|key| STANDARD_KEY_BYTES.contains(&key.len()))
        .unwrap_or_else(|| secret.as_bytes().to_vec())
}

fn hmac(key: &[u8], message: &[u8]) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(message);
    mac.finalize().into_bytes().to_vec()
}

fn same(what: &str, found: &str, expected: &str) -> Result<(), String> {
    if found == expected {
        return Ok(());
    }
    Err(format!("{what} is {found:?}, expected {expected:?}"))
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;

    use super::*;

    fn delivery(headers: &[(&'static str, &str)], body: &'static [u8]) -> Received {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.insert(*name, value.parse().unwrap());
        }
        Received::new(map, body.into())
    }

    #[test]
    fn standard_webhooks_own_example_verifies() {
        // From the specification's reference libraries.
        let example = delivery(
            &[
                ("webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek"),
                ("x-delega-delivery", "msg_p5jXN8AQM9LWM0D4loKWxJek"),
                ("webhook-timestamp", "1614265330"),
                ("x-delega-timestamp", "2021-02-25T15:02:10.000Z"),
                ("webhook-signature", "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="),
            ],
            br#"{"test": 2432232314}"#,
        );
        verify_standard(&example, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        verify_standard(&example, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSx").unwrap_err();
    }

    #[test]
    fn one_of_several_standard_signatures_is_enough() {
        let signed = |signatures: &str| {
            let headers = [
                ("webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek"),
                ("x-delega-delivery", "msg_p5jXN8AQM9LWM0D4loKWxJek"),
                ("webhook-timestamp", "1614265330"),
                ("x-delega-timestamp", "2021-02-25T15:02:10.000Z"),
                ("webhook-signature", signatures),
            ];
            let request = delivery(&headers, br#"{"test": 2432232314}"#);
            verify_standard(&request, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
        };
        let right = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
        signed(&format!("v1,other {right}")).unwrap();
        signed(&format!("{right} v1,other")).unwrap();
        signed("v1,other v1,another").unwrap_err();
        signed(&format!("{right},v1,other")).unwrap_err();
    }

    #[test]
    fn both_schemes_match_values_of_another_tool() {
        // printf '{"a":1}' | openssl dgst -sha256 -hmac whsec_abc
        let body = "sha256=359ab2775fc376b1a8dee20a432572581b7d5b4e2c3a4e3ff657ed6713fa7eeb";
        // printf '2026-03-17T10:00:00.000Z.{"a":1}' | openssl dgst -sha256 -hmac whsec_abc
        let timestamped = "sha256=8f27df62d1be0988ca0647d0513e6751556b1d18a8bfa325624df114f891ba56";
        let signed = |signature: &str| {
            let time = ("x-delega-timestamp", "2026-03-17T10:00:00.000Z");
            delivery(&[time, ("x-delega-signature", signature)], br#"{"a":1}"#)
        };
        verify_body(&signed(body), "whsec_abc").unwrap();
        verify_body(&signed(timestamped), "whsec_abc").unwrap_err();
        verify_timestamped(&signed(timestamped), "whsec_abc").unwrap();
        verify_timestamped(&signed(body), "whsec_abc").unwrap_err();
    }
}
