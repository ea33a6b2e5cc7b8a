//! Parses the type-of-service byte (the traffic class of IPv6) in the forms of nc and iperf3.

use crate::value::Invalid;

/// Parses a type of service: a decimal or hexadecimal number from 0 to 255, or a name. `cs0` to `cs7` (RFC 2474),
/// `af11` to `af43` (RFC 2597) and `ef` (RFC 3246) are code points: their value is four times their number. The other
/// names are those of RFC 1349 and of nc.
pub fn parse(text: &str) -> Result<u32, Invalid> {
    let name = text.to_ascii_lowercase();
    let number = match name.strip_prefix("0x") {
        Some(digits) => digits_only(digits, 16),
        None => digits_only(&name, 10),
    };
    number.filter(|value| *value <= 255).or_else(|| named(&name)).ok_or_else(|| {
        let expected = "0 to 255, 0x00 to 0xff, lowdelay, throughput, reliability, ef, cs0 to cs7, or af11 to af43";
        Invalid::new(text, "a type of service", expected)
    })
}

/// The names that [`parse`] reads, for completions.
pub fn names() -> impl Iterator<Item = String> {
    let others = ["lowdelay", "throughput", "reliability", "critical", "inetcontrol", "netcontrol", "ef"];
    let selectors = (0..8).map(|class| format!("cs{class}"));
    let assured = (1..=4).flat_map(|class| (1..=3).map(move |drop| format!("af{class}{drop}")));
    others.into_iter().map(str::to_owned).chain(selectors).chain(assured)
}

/// `from_str_radix` alone accepts a sign.
fn digits_only(text: &str, radix: u32) -> Option<u32> {
    let plain = !text.is_empty() && text.chars().all(|c| c.is_digit(radix));
    if plain { u32::from_str_radix(text, radix).ok() } else { None }
}

fn named(name: &str) -> Option<u32> {
    let digit = |c: &u8, low: u8, high: u8| (low..=high).contains(c).then(|| u32::from(c - b'0'));
    match name.as_bytes() {
        b"lowdelay" => Some(0x10),
        b"throughput" => Some(0x08),
        b"reliability" => Some(0x04),
        b"ef" => Some(0xb8),
        b"critical" => Some(0xa0),
        b"inetcontrol" => Some(0xc0),
        b"netcontrol" => Some(0xe0),
        [b'c', b's', class] => Some(digit(class, b'0', b'7')? << 5),
        [b'a', b'f', class, drop] => Some((digit(class, b'1', b'4')? << 5) | (digit(drop, b'1', b'3')? << 3)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_names_are_read() {
        let cases = [
            ("0", 0),
            ("16", 16),
            ("255", 255),
            ("0x10", 16),
            ("0XFF", 255),
            ("lowdelay", 0x10),
            ("LowDelay", 0x10),
            ("throughput", 0x08),
            ("reliability", 0x04),
            ("ef", 46 << 2),
            ("cs0", 0),
            ("cs1", 8 << 2),
            ("cs7", 56 << 2),
            ("af11", 10 << 2),
            ("af12", 12 << 2),
            ("af23", 22 << 2),
            ("af31", 26 << 2),
            ("AF43", 38 << 2),
            ("critical", 40 << 2),
            ("inetcontrol", 48 << 2),
            ("netcontrol", 56 << 2),
        ];
        for (text, value) in cases {
            assert_eq!(parse(text), Ok(value), "{text}");
        }
    }

    #[test]
    fn other_text_is_refused_with_the_syntax() {
        for text in
            ["", "256", "-1", "+1", "0x", "0x100", "0x+1", "cs8", "af10", "af44", "af51", "cs", "af1", "fast", "1 "]
        {
            let error = parse(text).unwrap_err().to_string();
            assert_eq!(
                error,
                format!(
                    "\"{text}\" is not a type of service: expected 0 to 255, 0x00 to 0xff, lowdelay, throughput, \
                     reliability, ef, cs0 to cs7, or af11 to af43"
                )
            );
        }
    }

    #[test]
    fn every_name_is_read() {
        assert_eq!(names().count(), 27);
        assert!(names().all(|name| parse(&name).is_ok()));
    }
}
