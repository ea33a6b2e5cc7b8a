//! Any bytes as any value: no panic; a parsed value prints to text that parses to it; printed text is harmless.
#![no_main]

use std::ffi::OsStr;
use std::fmt::{Debug, Display};
use std::os::unix::ffi::OsStrExt;
use std::str::FromStr;

use libfuzzer_sys::fuzz_target;
use secretcat::config::Source;
use secretcat::frame::Framing;
use secretcat::value::{
    Address, Count, Credentials, Endpoint, Escaper, Invalid, Offsets, ProxyUrl, Range, Seed, Size, Span, Switch, Tlv,
    escape,
};

fuzz_target!(|data: &[u8]| {
    escaped(data);
    match Address::parse_os(OsStr::from_bytes(data), &|_| None) {
        Ok(address) => harmless(&address.to_string()),
        Err(error) => harmless(&error.to_string()),
    }
    if let Some(space) = data.iter().position(|b| *b == b' ') {
        let words = Address::from_words(OsStr::from_bytes(&data[..space]), OsStr::from_bytes(&data[space + 1..]), &|_| None);
        if let Ok(address) = words {
            assert_eq!(address.to_string().parse(), Ok(address));
        }
    }
    if let Err(error) = Credentials::parse(data) {
        harmless(&error.to_string());
    }
    let Ok(text) = std::str::from_utf8(data) else { return };
    // The path of a Unix socket is shown escaped and need not read back.
    if !text.starts_with("unix:") {
        reads_back::<Address>(text);
        reads_back::<Endpoint>(text);
    }
    reads_back::<Size>(text);
    reads_back::<Span>(text);
    reads_back::<Range<Size>>(text);
    reads_back::<Range<Span>>(text);
    reads_back::<Seed>(text);
    reads_back::<Count>(text);
    reads_back::<Offsets>(text);
    reads_back::<Switch>(text);
    reads_back::<Framing>(text);
    reads_back::<Source>(text);
    reads_back::<ProxyUrl>(text);
    reads_back::<Tlv>(text);
});

fn reads_back<T: FromStr<Err = Invalid> + Display + Debug + PartialEq>(text: &str) {
    match text.parse::<T>() {
        Ok(value) => {
            harmless(&value.to_string());
            assert_eq!(value.to_string().parse(), Ok(value));
        }
        Err(error) => harmless(&error.to_string()),
    }
}

fn escaped(data: &[u8]) {
    harmless(&escape(data));
    let stream = |step: usize| {
        let (mut escaper, mut out) = (Escaper::new(), Vec::new());
        data.chunks(step).for_each(|part| escaper.push(part, &mut out));
        escaper.finish(&mut out);
        String::from_utf8(out).unwrap()
    };
    let whole = stream(data.len().max(1));
    harmless(&whole.replace(['\n', '\t'], ""));
    for step in [1, 2, 3, 5] {
        assert_eq!(stream(step), whole);
    }
}

fn harmless(shown: &str) {
    let bidi = |c| matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    assert!(!shown.contains(|c: char| c.is_control() || bidi(c)), "{shown:?}");
}
