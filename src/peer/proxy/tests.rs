//! Handshakes with scripted answers, in any parts.

use proptest::prelude::*;

use super::*;
use crate::value::Address;

const SCHEMES: [ProxyScheme; 3] = [ProxyScheme::Socks5, ProxyScheme::Socks5h, ProxyScheme::Http];

fn to(text: &str) -> Destination {
    Destination::new(&text.parse::<Address>().unwrap()).unwrap()
}

fn credentials() -> Credentials {
    Credentials::parse(b"al:hu:sh").unwrap()
}

/// What came of a handshake: the bytes sent, and the number of bytes taken once the connection is made (`None`: more
/// are needed), or the error.
type Outcome = (Vec<u8>, Result<Option<usize>, ProxyError>);

/// Gives a handshake these parts of an answer. The proxy answers what was not sent yet, too.
fn shake(mut handshake: Handshake, parts: &[&[u8]]) -> Outcome {
    let (mut sent, mut taken) = (Vec::new(), 0);
    for part in [&[&[][..]], parts].concat() {
        let result = handshake.on_received(part);
        sent.extend_from_slice(handshake.pending());
        handshake.on_sent(handshake.pending().len());
        match result {
            Err(error) => return (sent, Err(error)),
            Ok(n) => {
                assert!(n == part.len() || n < part.len() && handshake.is_done(), "{n} of {part:?}: {handshake:?}");
                taken += n;
            }
        }
    }
    (sent, Ok(handshake.is_done().then_some(taken)))
}

fn socks5(login: bool, server: &str, answer: &[u8]) -> Outcome {
    let credentials = login.then(credentials);
    shake(Handshake::new(ProxyScheme::Socks5h, credentials.as_ref(), &to(server)), &[answer])
}

fn http(login: bool, answer: &str) -> Result<Option<usize>, String> {
    let credentials = login.then(credentials);
    let handshake = Handshake::new(ProxyScheme::Http, credentials.as_ref(), &to("a.example:80"));
    shake(handshake, &[answer.as_bytes()]).1.map_err(|error| error.to_string())
}

/// The reply of SOCKS5 that the connection to this server was made.
const MADE: [u8; 10] = [5, 0, 0, 1, 127, 0, 0, 1, 0x12, 0x34];

#[test]
fn socks5_asks_for_the_server_in_each_form() {
    let answer = [&[5, 0][..], &MADE].concat();
    let request = |server: &str| {
        let (sent, result) = socks5(false, server, &answer);
        assert_eq!(result, Ok(Some(12)));
        assert_eq!(sent[..3], [5, 1, 0]);
        sent[3..].to_vec()
    };
    assert_eq!(request("1.2.3.4:258"), [5, 1, 0, 1, 1, 2, 3, 4, 1, 2]);
    assert_eq!(request("a.b:258"), [&[5, 1, 0, 3, 3][..], b"a.b", &[1, 2]].concat());
    let v6 = [&[5, 1, 0, 4][..], &[0x20, 1], &[0; 13], &[1, 0, 80]].concat();
    assert_eq!(request("[2001::1]:80"), v6);
}

#[test]
fn socks5_logs_in_only_if_the_proxy_requires_it() {
    let answer = [&[5, 2, 1, 0][..], &MADE].concat();
    let (sent, result) = socks5(true, "1.2.3.4:80", &answer);
    assert_eq!(result, Ok(Some(14)));
    let login = [&[5, 2, 0, 2, 1, 2][..], b"al", &[5], b"hu:sh", &[5, 1, 0, 1, 1, 2, 3, 4, 0, 80]].concat();
    assert_eq!(sent, login);
    let (sent, result) = socks5(true, "1.2.3.4:80", &[&[5, 0][..], &MADE].concat());
    assert_eq!((sent, result), ([&[5, 2, 0, 2][..], &[5, 1, 0, 1, 1, 2, 3, 4, 0, 80]].concat(), Ok(Some(12))));
}

#[test]
fn socks5_reply_has_the_length_of_its_address_type() {
    let stream = [0; 300];
    for (address, length) in [(&[1][..], 4 + 2), (&[4], 16 + 2), (&[3, 0], 2), (&[3, 255], 255 + 2), (&[3, 3], 3 + 2)] {
        let head = [&[5, 0, 5, 0, 0][..], address].concat();
        let (_, result) = socks5(false, "a:1", &[&head[..], &stream].concat());
        assert_eq!(result, Ok(Some(head.len() + length)));
        let (_, result) = socks5(false, "a:1", &[&head[..], &stream[..length - 1]].concat());
        assert_eq!(result, Ok(None));
    }
}

#[test]
fn socks5_refusals_are_reported_in_words() {
    let error = |login, server: &str, answer: &[u8]| socks5(login, server, answer).1.unwrap_err().to_string();
    let reply = |code| error(false, "1.2.3.4:1", &[5, 0, 5, code]);
    let refused = |text: &str| format!("refused by the proxy: {text}");
    assert_eq!(reply(1), refused("general failure (its log may have the reason)"));
    assert_eq!(reply(2), refused("not allowed by its rules"));
    assert_eq!(reply(3), refused("network unreachable (from the proxy)"));
    assert_eq!(reply(4), refused("host unreachable (from the proxy)"));
    let unknown = error(false, "a:1", &[5, 0, 5, 4]);
    assert_eq!(unknown, refused("host unreachable (it may be unable to resolve the name)"));
    assert_eq!(reply(5), refused("connection refused (is a server listening there?)"));
    assert_eq!(reply(6), refused("TTL expired (on the way from the proxy to the server)"));
    assert_eq!(reply(7), refused("it does not support CONNECT"));
    assert_eq!(reply(8), refused("it does not support this type of address (try -4, or socks5h:// with a name)"));
    assert_eq!(reply(200), refused("reply 200, which RFC 1928 does not define"));
}

#[test]
fn socks5_credentials_are_asked_for_or_rejected() {
    let error = |login, answer: &[u8]| socks5(login, "a:1", answer).1.unwrap_err();
    let wanted = "rejected by the proxy: it requires credentials (--proxy-credentials FILE gives them)";
    assert_eq!(error(false, &[5, 0xff]).to_string(), wanted);
    let rejected = "rejected by the proxy: it rejects user and password (check --proxy-credentials)";
    assert_eq!(error(true, &[5, 2, 1, 1]).to_string(), rejected);
    assert_eq!(error(true, &[5, 2, 5, 0xff]).to_string(), rejected);
    let neither = "rejected by the proxy: it accepts neither user and password nor no authentication";
    assert_eq!(error(true, &[5, 0xff]).to_string(), neither);
    assert!(!error(true, &[5, 2, 1, 1]).is_about_the_server());
}

#[test]
fn answer_that_is_not_socks5_is_named() {
    let error = |login, answer: &[u8]| {
        let text = socks5(login, "a:1", answer).1.unwrap_err().to_string();
        text.strip_prefix("invalid answer of the proxy: ").unwrap().to_owned()
    };
    assert_eq!(error(false, b"HTTP/1.1 400"), "it does not speak SOCKS5 (for an HTTP proxy use http://)");
    assert_eq!(error(false, &[0, 91]), "it does not speak SOCKS5 (it may be SOCKS4 only)");
    assert_eq!(error(false, b"SSH-2.0"), "it does not speak SOCKS5");
    assert_eq!(error(false, &[5, 2]), "a method of authentication that was not offered");
    assert_eq!(error(false, &[5, 1]), "a method of authentication that was not offered");
    assert_eq!(error(true, &[5, 2, 2, 0]), "no answer to user and password");
    assert_eq!(error(false, &[5, 0, 4, 0]), "no reply of SOCKS5");
    assert_eq!(error(false, &[5, 0, 5, 0, 0, 2]), "an address of an unknown type");
}

#[test]
fn connect_request_names_the_server_twice() {
    let request = |server: &str, credentials: Option<&Credentials>| {
        let handshake = Handshake::new(ProxyScheme::Http, credentials, &to(server));
        String::from_utf8(handshake.pending().to_vec()).unwrap()
    };
    let expected = "CONNECT [::1]:80 HTTP/1.1\r\nHost: [::1]:80\r\n\r\n";
    assert_eq!(request("[::1]:80", None), expected);
    let expected = "CONNECT a.example:443 HTTP/1.1\r\nHost: a.example:443\r\n\
                    Proxy-Authorization: Basic YWw6aHU6c2g=\r\n\r\n";
    assert_eq!(request("a.example:443", Some(&credentials())), expected);
}

#[test]
fn connect_succeeds_with_any_2xx_and_has_no_body() {
    let heads = [
        "HTTP/1.1 200 Connection established\r\n\r\n",
        "HTTP/1.0 200\r\n\r\n",
        "HTTP/1.1 299 \n\n",
        "HTTP/1.1 200 OK\nA: b\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
    ];
    for head in heads {
        for stream in ["", "\n\n", "HTTP/1.1 500 x\r\n\r\n"] {
            assert_eq!(http(false, &format!("{head}{stream}")), Ok(Some(head.len())), "{head:?}");
        }
        assert_eq!(http(false, &head[..head.len() - 1]), Ok(None));
    }
}

#[test]
fn connect_refusals_show_the_status_and_a_hint() {
    let error = |status: &str| http(false, &format!("HTTP/1.1 {status}\r\n\r\n")).unwrap_err();
    let refused = |text: &str| format!("refused by the proxy: {text}");
    assert_eq!(error("403 Forbidden"), refused("403 Forbidden (its rules may allow other ports or hosts only)"));
    let bad = "502 Bad Gateway (it could not reach the server, or not resolve its name)";
    assert_eq!(error("502 Bad Gateway"), refused(bad));
    assert_eq!(error("405 "), refused("405 (it may not be a proxy, or not support CONNECT)"));
    assert_eq!(error("302 Found"), refused("302 Found"));
    assert_eq!(error(&format!("599 {}", "x".repeat(900))), refused(&format!("599 {}", "x".repeat(60))));
}

#[test]
fn connect_407_depends_on_the_credentials_sent() {
    let error = |login, scheme: &str| {
        let answer = format!("HTTP/1.1 407 x\r\nproxy-authenticate: {scheme}\r\n\r\n");
        http(login, &answer).unwrap_err().strip_prefix("rejected by the proxy: ").unwrap().to_owned()
    };
    let wanted = "it requires credentials (--proxy-credentials FILE gives them)";
    assert_eq!(error(false, "basic realm=\"a\""), wanted);
    assert_eq!(error(false, "Digest a=b, c=d, Basic realm=\"a\""), wanted);
    assert_eq!(error(true, "Basic"), "it rejects user and password (check --proxy-credentials)");
    let unauthorized = http(true, "HTTP/1.1 401 Unauthorized\r\n\r\n").unwrap_err();
    assert!(unauthorized.ends_with("it rejects user and password (check --proxy-credentials)"), "{unauthorized}");
    for login in [false, true] {
        assert_eq!(error(login, "Negotiate"), "it requires a scheme of authentication other than Basic");
    }
}

#[test]
fn answer_that_is_not_http_is_named() {
    let error = |answer: &str| http(false, answer).unwrap_err();
    let not = |text: &str| format!("invalid answer of the proxy: {text}");
    assert_eq!(error("\x05"), not("it does not speak HTTP/1 (for a SOCKS5 proxy use socks5h://)"));
    for nonsense in ["SSH-2.0-x", "\r\n", "HTTP/2 200\r\n\r\n", "http/1.1 200\r\n\r\n"] {
        assert_eq!(error(nonsense), not("it does not speak HTTP/1"));
    }
    assert_eq!(error("HTTP/1.1 200 OK\r\nA b\r\n\r\n"), not("HTTP head: invalid header name"));
    assert_eq!(error("HTTP/1.1 101 x\r\n\r\n"), "refused by the proxy: 101 x");
}

#[test]
fn head_of_the_answer_is_bounded() {
    let long = "invalid answer of the proxy: the head of its response exceeds 16 KiB";
    let fields = |length: usize| format!("HTTP/1.1 200 OK\r\nA: {}\r\n\r\n", "b".repeat(length));
    let most = 16 * 1024 - fields(0).len();
    assert_eq!(http(false, &fields(most)), Ok(Some(16 * 1024)));
    assert_eq!(http(false, &fields(most + 1)), Err(long.to_owned()));
    let interim = "HTTP/1.1 100 Continue\r\n\r\n".repeat(1000);
    assert_eq!(http(false, &interim), Err(long.to_owned()));
}

#[test]
fn closed_connection_is_reported_with_a_hint() {
    let closed = |scheme, answer: &[u8]| {
        let credentials = credentials();
        let mut handshake = Handshake::new(scheme, Some(&credentials), &to("a:1"));
        handshake.on_received(answer).unwrap();
        let text = handshake.on_end().to_string();
        text.strip_prefix("closed by the proxy before it had answered ").unwrap().to_owned()
    };
    let socks = "(is it a SOCKS5 proxy? http:// is for HTTP proxies)";
    assert_eq!(closed(ProxyScheme::Socks5, &[]), socks);
    assert_eq!(closed(ProxyScheme::Socks5, &[5, 2]), "(it may reject the credentials)");
    assert_eq!(closed(ProxyScheme::Socks5, &[5, 0, 5]), "(its log may have the reason)");
    assert_eq!(closed(ProxyScheme::Http, b"HTTP/1.1 200"), "(is it an HTTP proxy? socks5h:// is for SOCKS5 proxies)");
}

/// Bytes that resemble the answer of a proxy.
fn answer() -> impl Strategy<Value = Vec<u8>> {
    let words: Vec<&[u8]> = vec![
        &[5, 0],
        &[5, 2],
        &[1, 0],
        &MADE,
        &[5, 0, 0, 3, 2, b'a', b'b', 0, 80],
        &[5, 4],
        &[0],
        b"HTTP/1.1 200 OK\r\n",
        b"HTTP/1.1 100 \n",
        b"HTTP/1.0 407 x\r\nProxy-Authenticate: Basic\r\n",
        b"A: b\r\n",
        b"\r\n",
        b"\n",
        b"H",
        b"the stream",
    ];
    let part = prop_oneof![
        8 => prop::sample::select(words).prop_map(<[u8]>::to_vec),
        1 => prop::collection::vec(any::<u8>(), 0..9),
        1 => (0..40_000_usize).prop_map(|length| vec![b'x'; length]),
    ];
    prop::collection::vec(part, 0..8).prop_map(|parts| parts.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn any_split_of_the_answer_gives_the_same_outcome(
        scheme in prop::sample::select(SCHEMES.to_vec()), login in any::<bool>(), answer in answer(),
        mut cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..8), bytewise in any::<bool>(),
    ) {
        let credentials = login.then(credentials);
        let handshake = || Handshake::new(scheme, credentials.as_ref(), &to("a.example:80"));
        let mut parts: Vec<&[u8]> = Vec::new();
        let mut rest = &answer[..];
        while let Some(cut) = cuts.pop().filter(|_| !rest.is_empty()) {
            let (part, after) = rest.split_at(cut.index(rest.len()));
            parts.push(part);
            rest = after;
        }
        if bytewise { parts.extend(rest.chunks(1)) } else { parts.push(rest) }
        prop_assert_eq!(shake(handshake(), &parts), shake(handshake(), &[&answer]));
    }
}
