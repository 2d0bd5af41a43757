//! Dates, times of day, timestamps and money as they come in (protocol 0.4).
//!
//! Pure functions from text or number to value. They must not read a clock or keep text.

use jiff::Timestamp;
use jiff::civil::Date;

/// One US dollar in the unit that money is stored in.
pub const MICROS_PER_USD: i64 = 1_000_000;

/// More than anybody spends, and small enough for a double to be exact to six decimals.
const USD_MAX: f64 = 1_000_000_000.0;

/// A calendar date `YYYY-MM-DD`.
pub fn date(text: &str) -> Result<Date, String> {
    let wrong = || "must be a date in the form YYYY-MM-DD".to_owned();
    let bytes = text.as_bytes();
    if bytes.len() != 10 || bytes[4] != b'-' || bytes[7] != b'-' {
        return Err(wrong());
    }
    let part = |from: usize, to: usize| digits(&bytes[from..to]).ok_or_else(wrong);
    let (year, month, day) = (part(0, 4)?, part(5, 7)?, part(8, 10)?);
    if year == 0 {
        return Err(wrong());
    }
    let small = |n: i16| i8::try_from(n).map_err(|_| wrong());
    Date::new(year, small(month)?, small(day)?).map_err(|_| "must be a real date".to_owned())
}

/// A time of day `HH:MM` or `HH:MM:SS`, kept in the form it was sent in.
pub fn time_of_day(text: String) -> Result<String, String> {
    let bytes = text.as_bytes();
    let colons = bytes.iter().skip(2).step_by(3).all(|b| *b == b':');
    let form = matches!(bytes.len(), 5 | 8) && colons;
    let in_range = || {
        bytes.chunks(3).zip([23, 59, 59]).all(|(part, max)| {
            digits(&part[..part.len().min(2)]).is_some_and(|number| number <= max)
        })
    };
    if form && in_range() {
        Ok(text)
    } else {
        Err("must be a time in the form HH:MM or HH:MM:SS".to_owned())
    }
}

/// An RFC 3339 timestamp with any offset, cut to milliseconds.
pub fn timestamp(text: &str) -> Result<Timestamp, String> {
    let wrong = || "must be an RFC 3339 timestamp such as 2026-03-17T10:00:00Z".to_owned();
    // The library reads more than RFC 3339 allows, so the form is checked first.
    if !has_rfc3339_form(text.as_bytes()) {
        return Err(wrong());
    }
    let moment: Timestamp = text.to_ascii_uppercase().parse().map_err(|_| wrong())?;
    let millis = moment.as_nanosecond().div_euclid(1_000_000);
    i64::try_from(millis).ok().and_then(|ms| Timestamp::from_millisecond(ms).ok()).ok_or_else(wrong)
}

/// US dollars as millionths; further decimals are rounded away.
pub fn money(usd: f64) -> Result<i64, String> {
    if !(0.0..=USD_MAX).contains(&usd) {
        return Err(format!("must be a number from 0 to {USD_MAX}"));
    }
    #[expect(clippy::cast_possible_truncation, reason = "the range was checked above")]
    Ok((usd * MICROS_PER_USD as f64).round_ties_even() as i64)
}

fn digits(bytes: &[u8]) -> Option<i16> {
    if bytes.is_empty() || !bytes.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(bytes).ok()?.parse().ok()
}

/// `YYYY-MM-DDTHH:MM:SS`, a fraction of 1 to 9 digits, and `Z` or `+HH:MM`.
fn has_rfc3339_form(bytes: &[u8]) -> bool {
    const FORM: &[u8] = b"0000-00-00T00:00:00";
    let matches_form = |bytes: &[u8], form: &[u8]| {
        bytes.len() == form.len()
            && bytes.iter().zip(form).all(|(byte, form)| match form {
                b'0' => byte.is_ascii_digit(),
                b'T' => matches!(byte, b'T' | b't' | b' '),
                b'+' => matches!(byte, b'+' | b'-'),
                _ => byte == form,
            })
    };
    if bytes.len() <= FORM.len() || !matches_form(&bytes[..FORM.len()], FORM) {
        return false;
    }
    let mut rest = &bytes[FORM.len()..];
    if let Some(fraction) = rest.strip_prefix(b".") {
        let length = fraction.iter().take_while(|b| b.is_ascii_digit()).count();
        if !(1..=9).contains(&length) {
            return false;
        }
        rest = &fraction[length..];
    }
    matches!(rest, b"Z" | b"z") || matches_form(rest, b"+00:00")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_real_and_in_one_form() {
        let rows = [
            ("2026-03-17", true),
            ("2024-02-29", true),
            ("0001-01-01", true),
            ("9999-12-31", true),
            ("2023-02-29", false),
            ("2026-13-01", false),
            ("2026-00-10", false),
            ("2026-04-31", false),
            ("0000-01-01", false),
            ("2026-3-17", false),
            ("20260317", false),
            ("2026-03-17T00:00:00Z", false),
            (" 2026-03-1", false),
            ("2026-03-17 ", false),
            ("-026-03-17", false),
            ("+026-03-17", false),
            ("２026-03", false),
            ("", false),
        ];
        for (text, good) in rows {
            let got = date(text);
            assert_eq!(got.is_ok(), good, "{text:?}: {got:?}");
            if let Ok(date) = got {
                assert_eq!(date.to_string(), text);
            }
        }
    }

    #[test]
    fn times_have_two_forms() {
        let rows = [
            ("09:05", true),
            ("23:59:59", true),
            ("00:00", true),
            ("24:00", false),
            ("12:60", false),
            ("12:00:60", false),
            ("9:05", false),
            ("09:05:0", false),
            ("09:05:00.5", false),
            ("09-05", false),
            ("0905", false),
            ("+9:05", false),
            ("09:05Z", false),
            ("", false),
        ];
        for (text, good) in rows {
            let got = time_of_day(text.to_owned());
            assert_eq!(got.is_ok(), good, "{text:?}");
            assert!(got.is_err() || got.as_deref() == Ok(text));
        }
    }

    #[test]
    fn timestamps_become_utc_milliseconds() {
        let rows = [
            ("2026-03-17T10:00:00Z", Some("2026-03-17T10:00:00Z")),
            ("2026-03-17T10:00:00.5Z", Some("2026-03-17T10:00:00.5Z")),
            ("2026-03-17T10:00:00.123456789Z", Some("2026-03-17T10:00:00.123Z")),
            ("2026-03-17T12:30:00+02:30", Some("2026-03-17T10:00:00Z")),
            ("2026-03-17T05:00:00.001-05:00", Some("2026-03-17T10:00:00.001Z")),
            ("2026-03-17t10:00:00z", Some("2026-03-17T10:00:00Z")),
            ("2026-03-17 10:00:00Z", Some("2026-03-17T10:00:00Z")),
            ("1969-12-31T23:59:59.9999Z", Some("1969-12-31T23:59:59.999Z")),
            ("2026-03-17T10:00:00", None),
            ("2026-03-17T10:00Z", None),
            ("2026-03-17", None),
            ("2026-02-30T10:00:00Z", None),
            ("2026-03-17T25:00:00Z", None),
            ("2026-03-17T10:00:00.Z", None),
            ("2026-03-17T10:00:00.1234567890Z", None),
            ("2026-03-17T10:00:00+0200", None),
            ("2026-03-17T10:00:00Z[Europe/Vienna]", None),
            ("20260317T100000Z", None),
            ("1773741600", None),
            ("9999-12-31T23:59:59-23:59", None),
            ("", None),
        ];
        for (text, expected) in rows {
            let got = timestamp(text).ok().map(|moment| moment.to_string());
            assert_eq!(got.as_deref(), expected, "{text:?}");
        }
    }

    #[test]
    fn money_is_exact_to_six_decimals() {
        let rows = [
            (0.0, Ok(0)),
            (0.1, Ok(100_000)),
            (0.000_001, Ok(1)),
            (12.345_678, Ok(12_345_678)),
            (0.000_000_4, Ok(0)),
            (0.123_456_7, Ok(123_457)),
            (1_000_000_000.0, Ok(1_000_000_000_000_000)),
            (999_999_999.999_999, Ok(999_999_999_999_999)),
            (-0.000_001, Err(())),
            (1_000_000_000.1, Err(())),
            (f64::NAN, Err(())),
            (f64::INFINITY, Err(())),
        ];
        for (usd, expected) in rows {
            assert_eq!(money(usd).map_err(|_| ()), expected, "{usd}");
        }
    }
}
