//! Every form of address, parsed and printed.

use proptest::prelude::*;

use super::*;

fn ip(text: &str, port: u16) -> Address {
    Address::Tcp { host: Host::Ip(text.parse().unwrap()), port }
}

fn name(text: &str, port: u16) -> Address {
    Address::Tcp { host: Host::Name(text.to_owned()), port }
}

fn scoped(text: &str, scope: &str, port: u16) -> Address {
    Address::Tcp { host: Host::Scoped(text.parse().unwrap(), scope.to_owned()), port }
}

#[test]
fn every_form_is_parsed() {
    let cases = [
        ("10.10.11.2:4501", ip("10.10.11.2", 4501)),
        ("10.10.11.2", ip("10.10.11.2", 4500)),
        ("0.0.0.0:80", ip("0.0.0.0", 80)),
        (":80", ip("127.0.0.1", 80)),
        (":0", ip("127.0.0.1", 0)),
        ("[::]:80", ip("::", 80)),
        ("[::1]", ip("::1", 4500)),
        ("::1", ip("::1", 4500)),
        ("::", ip("::", 4500)),
        ("fe80::", ip("fe80::", 4500)),
        ("2001:db8::7:80", ip("2001:db8::7:80", 4500)),
        ("[::ffff:127.0.0.1]:1", ip("::ffff:127.0.0.1", 1)),
        ("[fe80::1%eth0]:80", scoped("fe80::1", "eth0", 80)),
        ("fe80::1%2", scoped("fe80::1", "2", 4500)),
        ("*:80", Address::Tcp { host: Host::Any, port: 80 }),
        ("*", Address::Tcp { host: Host::Any, port: 4500 }),
        ("localhost", name("localhost", 4500)),
        ("my_host.example.:65535", name("my_host.example.", 65535)),
        ("bücher.example:1", name("bücher.example", 1)),
        ("127.1:1", name("127.1", 1)),
        ("unix:/run/x:1", Address::Unix("/run/x:1".into())),
        ("unix:4500", Address::Unix("4500".into())),
        ("unix:@lab", Address::Unix("@lab".into())),
    ];
    for (text, address) in cases {
        assert_eq!(text.parse(), Ok(address), "{text}");
    }
    assert_eq!("127.0.0.1:4500".parse(), Ok(Address::default()));
}

#[test]
fn invalid_address_is_refused_with_the_valid_forms() {
    let long_label = "a".repeat(64);
    let long_name = ["a"; 128].join(".");
    let cases = [
        "",
        ":",
        "host:",
        "a b",
        "a\tb:1",
        "a\u{9b}b",
        "a\u{202e}b:1",
        "[fe80::1%a\u{202e}]:80",
        "a..b",
        ".",
        ".a",
        "4500",
        "unix:",
        "unix:@",
        "unix",
        "unix:a\0b",
        "[::1",
        "[::1]x",
        "[::1]:",
        "[::1]80",
        "[127.0.0.1]:80",
        "[host]:80",
        "[]:80",
        "[::1%]:80",
        "[fe80::1%a b]:80",
        "127.0.0.1%lo",
        "1:2:3",
        "http://host:80",
        "host/path",
        "user@host",
        "::1]:80",
        "**",
        &long_label,
        &long_name,
    ];
    for text in cases {
        let error = text.parse::<Address>().unwrap_err();
        assert_eq!(error, Invalid::new(text, WHAT, EXPECTED), "{text:?}");
    }
}

#[test]
fn port_out_of_range_is_refused() {
    let number = "a number from 0 to 65535";
    let name = "a number from 0 to 65535 or the name of a service such as http";
    let no_number =
        ["70000", "65536", "131072", "18446744073709556116", "-1", "+1", " 1", "1 "].map(|port| (port, number));
    let no_name = ["htpp", "http/tcp", "0x50"].map(|port| (port, name));
    for (port, expected) in no_number.into_iter().chain(no_name) {
        let message = format!("\"{port}\" is not a port: expected {expected}");
        assert_eq!(format!("host:{port}").parse::<Address>().unwrap_err().to_string(), message);
        assert_eq!(format!("[::1]:{port}").parse::<Address>().unwrap_err().to_string(), message);
        let words = Address::from_words("host".as_ref(), port.as_ref(), NUMBERS_ONLY);
        assert_eq!(words.unwrap_err().to_string(), message);
    }
}

#[test]
fn port_can_be_a_service_name() {
    let services: ServiceNames<'_> = &|name| (name == "http").then_some(80);
    let read = |text: &str| Address::parse_os(text.as_ref(), services);
    assert_eq!(read("lab:http"), Ok(name("lab", 80)));
    assert_eq!(read(":http"), Ok(ip("127.0.0.1", 80)));
    assert_eq!(read("[::1]:http"), Ok(ip("::1", 80)));
    assert_eq!(Address::from_words("lab".as_ref(), "http".as_ref(), services), Ok(name("lab", 80)));
    assert_eq!(read("lab:80"), Ok(name("lab", 80)));
    assert_eq!(read("http"), Ok(name("http", 4500)));
    assert_eq!(read("lab:ftp").unwrap_err().what, PORT);
}

#[test]
fn ipv6_host_and_port_as_two_words_need_no_brackets() {
    let words = |host: &str, port: &str| Address::from_words(host.as_ref(), port.as_ref(), NUMBERS_ONLY);
    assert_eq!(words("localhost", "80"), Ok(name("localhost", 80)));
    assert_eq!(words("10.0.0.1", "80"), Ok(ip("10.0.0.1", 80)));
    assert_eq!(words("::1", "80"), Ok(ip("::1", 80)));
    assert_eq!(words("[::1]", "80"), Ok(ip("::1", 80)));
    assert_eq!(words("fe80::1%eth0", "80"), Ok(scoped("fe80::1", "eth0", 80)));
    assert_eq!(words("*", "80"), Ok(Address::Tcp { host: Host::Any, port: 80 }));
    for host in ["", "host:1", "unix:/x", "[host]", "a b"] {
        assert_eq!(words(host, "80").unwrap_err().what, "a host", "{host:?}");
    }
    assert_eq!(words("host", "").unwrap_err().what, "a port");
}

#[test]
fn arguments_may_be_invalid_utf8() {
    let path = OsStr::from_bytes(b"unix:/tmp/\xff\x1b");
    assert_eq!(Address::parse_os(path, NUMBERS_ONLY), Ok(Address::Unix(OsStr::from_bytes(b"/tmp/\xff\x1b").into())));
    assert_eq!(Address::parse_os(path, NUMBERS_ONLY).unwrap().to_string(), r"unix:/tmp/\xff\x1b");
    let host = OsStr::from_bytes(b"h\xff:80");
    assert!(
        Address::parse_os(host, NUMBERS_ONLY).unwrap_err().to_string().starts_with(r#""h\xff:80" is not an address"#)
    );
    assert_eq!(Address::from_words(host, "80".as_ref(), NUMBERS_ONLY).unwrap_err().input, r"h\xff:80");
    assert_eq!(Address::from_words("h".as_ref(), OsStr::from_bytes(b"\xff"), NUMBERS_ONLY).unwrap_err().input, r"\xff");
}

#[test]
fn loopback_is_recognized_without_a_lookup() {
    for text in [":1", "127.9.9.9", "::1", "[::ffff:127.0.0.1]:1", "LocalHost.", "unix:x"] {
        assert!(text.parse::<Address>().unwrap().is_loopback(), "{text}");
    }
    for text in ["*", "0.0.0.0", "::", "10.0.0.1", "localhost.example", "fe80::1%lo"] {
        assert!(!text.parse::<Address>().unwrap().is_loopback(), "{text}");
    }
}

proptest! {
    #[test]
    fn printed_addresses_are_parsed_back(
        v4: Ipv4Addr, v6: Ipv6Addr, port: u16, name in "[a-z_][a-z0-9_-]{0,20}(\\.[a-z0-9]{1,9}){1,3}\\.?",
        scope in "[a-z0-9.:]{1,15}", path in "[^\\p{C}@][^\\p{C}]{0,29}|@[^\\p{C}]{1,29}", // "@" alone is no name
    ) {
        let hosts = [Host::Ip(v4.into()), Host::Ip(v6.into()), Host::Scoped(v6, scope), Host::Name(name), Host::Any];
        let tcp = hosts.into_iter().map(|host| Address::Tcp { host, port });
        for address in tcp.chain([Address::Unix(path.into())]) {
            prop_assert_eq!(address.to_string().parse(), Ok(address));
        }
    }

    #[test]
    fn any_text_is_refused_or_survives_printing(text in "\\PC*|[0-9a-z:.%*\\[\\]-]*") {
        if let Ok(address) = text.parse::<Address>() {
            prop_assert_eq!(address.to_string().parse(), Ok(address));
        }
    }
}
