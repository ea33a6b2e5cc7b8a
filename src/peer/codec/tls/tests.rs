//! Two ends of TLS in memory: whatever is cut, and wherever, the same plaintext arrives.

use std::time::Instant;

use proptest::prelude::*;
use rustls::RootCertStore;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::version::{TLS12, TLS13};

use super::*;
use crate::peer::codec::{End, Layer};
use crate::peer::outbox::{Channel, Outbox, Step};
use crate::plan::Plan;
use crate::trace::BarrierOutcome;

/// Configurations of both ends, with this version only.
fn configs(version: &'static rustls::SupportedProtocolVersion) -> (Arc<ClientConfig>, Arc<ServerConfig>) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let certificate = made.cert.der().clone();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
    let ring = rustls::crypto::ring::default_provider();
    let kx_groups = [mlkem::X25519_MLKEM768].into_iter().chain(ring.kx_groups.clone()).collect();
    let provider = Arc::new(rustls::crypto::CryptoProvider { kx_groups, ..ring });
    let mut roots = RootCertStore::empty();
    roots.add(certificate.clone()).unwrap();
    let client = ClientConfig::builder_with_provider(provider.clone()).with_protocol_versions(&[version]).unwrap();
    let mut client = client.with_root_certificates(roots).with_no_client_auth();
    client.alpn_protocols = vec![b"one".to_vec(), b"two".to_vec()];
    let server = ServerConfig::builder_with_provider(provider).with_protocol_versions(&[version]).unwrap();
    let mut server = server.with_no_client_auth().with_single_cert(vec![certificate], key).unwrap();
    server.send_tls13_tickets = 0;
    (Arc::new(client), Arc::new(server))
}

/// One end, its outbox, and what it has sent and received.
struct Side {
    layer: Layer,
    outbox: Outbox,
    wire: Vec<u8>,
    plain: Vec<u8>,
    /// Offsets of the wire at which a barrier stood.
    barriers: Vec<u64>,
    /// It decodes within a buffer, in which what comes stands at this place.
    place: Option<usize>,
}

impl Side {
    fn new(protocol: Box<dyn Protocol>, plan: &str) -> Side {
        let plan: Plan = serde_json::from_str(plan).unwrap();
        let channel = Channel { number: 0, raw: false, has_barriers: true, joins: false };
        let layer = Layer::new(protocol, &plan, channel);
        Side {
            layer,
            outbox: Layer::outbox(&plan, channel),
            wire: Vec::new(),
            plain: Vec::new(),
            barriers: Vec::new(),
            place: None,
        }
    }

    fn send(&mut self, message: &[u8]) {
        assert!(self.layer.send(message, std::iter::once(message.len())));
    }

    /// Writes everything; the bytes that are new on the wire.
    fn write(&mut self) -> Vec<u8> {
        self.layer.move_into(&mut self.outbox);
        let start = self.wire.len();
        loop {
            match self.outbox.next(Instant::now()) {
                Step::Write { bytes, pin } => {
                    let n = bytes.len();
                    self.wire.extend_from_slice(bytes);
                    self.outbox.wrote(n, pin);
                }
                Step::Barrier { offset, .. } => {
                    self.barriers.push(offset);
                    self.outbox.passed(BarrierOutcome::Read);
                }
                Step::Idle => return self.wire[start..].to_vec(),
                other => panic!("{other:?}"),
            }
        }
    }

    fn read(&mut self, bytes: &[u8], most: usize) {
        for part in bytes.chunks(most) {
            match self.place {
                None => self.layer.receive(part).unwrap(),
                Some(place) => self.read_within(place, part),
            }
            let mut buf = [0; 100];
            while self.layer.has_plaintext() {
                let n = self.layer.take(&mut buf);
                self.plain.extend_from_slice(&buf[..n]);
            }
        }
    }
}

impl Side {
    fn read_within(&mut self, place: usize, part: &[u8]) {
        let mut buf = [&vec![0; place], part].concat();
        let n = self.layer.receive_within(&mut buf, place..place + part.len());
        assert_eq!(self.layer.violation(), None);
        self.plain.extend_from_slice(&buf[..n]);
        let is_whole = place > RECORD + 2048 + HEADER;
        assert!(!is_whole || !self.layer.has_plaintext(), "all of it fits before what comes next");
    }
}

fn converse(client: &mut Side, server: &mut Side, most: usize) {
    loop {
        let (asked, answered) = (client.write(), server.write());
        if asked.is_empty() && answered.is_empty() {
            return;
        }
        server.read(&asked, most);
        client.read(&answered, most);
    }
}

fn client(config: &Arc<ClientConfig>) -> Box<dyn Protocol> {
    Box::new(Tls::client(config.clone(), ServerName::try_from("localhost").unwrap(), OptionNames::TLS).unwrap())
}

/// The types and payload lengths of the records of these bytes.
fn records(mut wire: &[u8]) -> Vec<(u8, usize)> {
    let mut found = Vec::new();
    while let [kind, 3, _, high, low, rest @ ..] = wire {
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        found.push((*kind, length));
        wire = &rest[length..];
    }
    assert_eq!(wire, [0_u8; 0]);
    found
}

const PLAIN: &str = r#"{"cutting":"whole"}"#;
const PLANS: [&str; 6] = [
    PLAIN,
    r#"{"cutting":{"cut":"3"},"barrier":"peer-read"}"#,
    r#"{"cutting":{"chunk":"2"},"coalesce":2,"barrier":"acked"}"#,
    r#"{"cutting":{"chunk":"5"},"barrier":"acked","layer":"tcp"}"#,
    r#"{"cutting":{"chunk":"1"},"barrier":"acked","layer":"handshake"}"#,
    r#"{"cutting":{"cut":"4"},"coalesce":9,"layer":"handshake"}"#,
];

#[test]
fn plan_cuts_records_wire_or_handshake() {
    for version in [&TLS12, &TLS13] {
        let (for_client, for_server) = configs(version);
        for plan in PLANS {
            let mut ours = Side::new(client(&for_client), plan);
            let mut theirs = Side::new(Box::new(Tls::server(for_server.clone()).unwrap()), PLAIN);
            converse(&mut ours, &mut theirs, usize::MAX);
            let handshake = ours.wire.len();
            ours.send(b"SECRET 1\n");
            ours.send(b"more\n");
            ours.layer.close();
            converse(&mut ours, &mut theirs, usize::MAX);
            assert_eq!((theirs.plain.as_slice(), theirs.layer.end()), (&b"SECRET 1\nmore\n"[..], End::Clean), "{plan}");
            // The bytes that TLS adds to the plaintext of a record.
            let added = if version.version == ProtocolVersion::TLSv1_3 { 17 } else { 24 };
            let sent = records(&ours.wire[handshake..]);
            let data: Vec<usize> =
                sent.iter().filter(|(kind, _)| *kind == 23).map(|(_, length)| length - added).collect();
            let close = usize::from(version.version == ProtocolVersion::TLSv1_3); // looks like data, and has 2 bytes
            let lengths = &data[..data.len() - close];
            let hellos = records(&ours.wire).iter().take_while(|(kind, _)| *kind == 22).count();
            match plan {
                _ if plan.contains("handshake") => {
                    assert!(hellos > 1 && lengths == [9, 5], "{plan}: {hellos}, {data:?}");
                }
                _ if plan.contains("\"cut\":\"3\"") => assert_eq!(lengths, [3, 6, 3, 2], "{plan}"),
                _ if plan.contains("\"chunk\":\"2\"") => assert_eq!(lengths, [2; 7], "{plan}"),
                _ => assert_eq!(lengths, [9, 5], "{plan}"),
            }
            if plan.contains("peer-read") {
                // A barrier stands after each piece, where the peer has the plaintext up to there and no more.
                let plaintext: Vec<u64> = ours.barriers.iter().map(|&at| ours.layer.plaintext_at(at)).collect();
                assert_eq!(plaintext, [3, 9, 12, 14], "{plan}");
            }
            if plan.contains("\"cut\":\"4\"") {
                assert_eq!(hellos, 2, "the header of the message, and the rest");
            }
        }
    }
}

#[test]
fn sides_agree_on_version_group_and_alpn() {
    let (for_client, for_server) = configs(&TLS13);
    let mut ours = Side::new(client(&for_client), PLAIN);
    let mut theirs = Side::new(Box::new(Deferred::new(for_server)), PLAIN);
    let hello = ours.write();
    assert!(!theirs.layer.is_presentable());
    theirs.read(&hello, 100);
    assert!(theirs.layer.is_presentable() && !theirs.layer.is_established());
    assert_eq!(theirs.layer.session(), None);
    let asked = theirs.layer.hello().unwrap();
    assert_eq!((asked.server_name.as_deref(), asked.alpn.len()), (Some("localhost"), 2));
    theirs.send(b"welcome"); // waits
    theirs.layer.choose(Some(b"two"));
    assert_eq!(theirs.layer.hello(), None);
    converse(&mut ours, &mut theirs, 100);
    assert_eq!(ours.plain, b"welcome");
    theirs.layer.choose(Some(b"one")); // nothing waits for it
    for session in [ours.layer.session().unwrap(), theirs.layer.session().unwrap()] {
        assert_eq!((session.version, session.group), ("TLS 1.3", Some("X25519MLKEM768")));
        assert_eq!(session.alpn.as_deref(), Some(&b"two"[..]));
        assert_eq!(session.server_name.as_deref(), Some("localhost"));
    }
}

#[test]
fn handshake_of_others_is_cut_without_its_keys() {
    let (for_client, for_server) = configs(&TLS13);
    for plan in [PLANS[4], PLANS[5]] {
        let (mut ours, mut theirs) = (
            Side::new(client(&for_client), PLAIN),
            Side::new(Box::new(Tls::server(for_server.clone()).unwrap()), PLAIN),
        );
        let mut relay =
            [Side::new(Box::new(super::super::Through), plan), Side::new(Box::new(super::super::Through), plan)];
        ours.send(b"SECRET 1\n");
        loop {
            let (asked, answered) = (ours.write(), theirs.write());
            if asked.is_empty() && answered.is_empty() {
                break;
            }
            relay[0].layer.send(&asked, std::iter::once(asked.len()));
            relay[1].layer.send(&answered, std::iter::once(answered.len()));
            let (asked, answered) = (relay[0].write(), relay[1].write());
            theirs.read(&asked, 1000);
            ours.read(&answered, 1000);
        }
        assert_eq!(theirs.plain, b"SECRET 1\n");
        assert!(relay.iter().all(|side| records(&side.wire).len() > 3), "{plan}");
        for side in &relay {
            assert_eq!(side.layer.plaintext_at(side.wire.len() as u64), side.layer.accepted());
        }
    }
}

#[test]
fn incomplete_record_of_others_is_sent_at_their_end() {
    let mut relay = Side::new(Box::new(super::super::Through), PLANS[4]);
    relay.send(b"\x16\x03\x01\0\x04abc");
    assert_eq!(relay.write(), b"");
    relay.layer.close();
    assert_eq!(relay.write(), b"\x16\x03\x01\0\x04abc");
    assert_eq!(relay.layer.plaintext_at(8), 8);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn plaintext_arrives_whole_under_any_plan_and_cuts(
        messages in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40_000), 0..5),
        most in prop_oneof![1usize..3000, 20_000usize..60_000], places in prop::array::uniform2(prop::option::of(0usize..20_000)),
        ours in 0..PLANS.len(), theirs in 0..PLANS.len(), old in any::<bool>(), defers in any::<bool>(),
    ) {
        let (for_client, for_server) = configs(if old { &TLS12 } else { &TLS13 });
        let server: Box<dyn Protocol> =
            if defers { Box::new(Deferred::new(for_server)) } else { Box::new(Tls::server(for_server).unwrap()) };
        let (mut ours, mut theirs) = (Side::new(client(&for_client), PLANS[ours]), Side::new(server, PLANS[theirs]));
        [ours.place, theirs.place] = places;
        for message in &messages {
            ours.send(message);
            theirs.send(message);
        }
        ours.layer.close();
        theirs.layer.close();
        converse(&mut ours, &mut theirs, most);
        theirs.layer.choose(None);
        converse(&mut ours, &mut theirs, most);
        let all = messages.concat();
        prop_assert!(ours.plain == all && theirs.plain == all);
        prop_assert_eq!((ours.layer.end(), theirs.layer.end()), (End::Clean, End::Clean));
        for side in [&ours, &theirs] {
            prop_assert_eq!(side.layer.plaintext_at(side.wire.len() as u64), all.len() as u64);
        }
    }

    #[test]
    fn random_bytes_are_refused_and_never_panic(
        bytes in prop::collection::vec(any::<u8>(), 1..400), at in any::<prop::sample::Index>(), defers in any::<bool>(),
    ) {
        let (for_client, for_server) = configs(&TLS13);
        let server: Box<dyn Protocol> =
            if defers { Box::new(Deferred::new(for_server)) } else { Box::new(Tls::server(for_server).unwrap()) };
        let (mut ours, mut theirs) = (Side::new(client(&for_client), PLAIN), Side::new(server, PLAIN));
        let mut hello = ours.write();
        let at = at.index(hello.len());
        hello.splice(at.., bytes);
        let _ = theirs.layer.receive(&hello);
        theirs.layer.choose(None);
        let _ = theirs.layer.receive(&hello);
        prop_assert!(!theirs.layer.is_established());
    }
}
