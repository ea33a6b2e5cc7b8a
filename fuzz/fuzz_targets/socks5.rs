//! Any bytes as a proxy's answers in SOCKS5: no panic, bounded, and the same outcome however they are split.
#![no_main]

mod proxy_answers;

use libfuzzer_sys::fuzz_target;
use secretcat::value::ProxyScheme;

fuzz_target!(|input: (bool, u8, &[u8])| proxy_answers::check(ProxyScheme::Socks5h, input));
