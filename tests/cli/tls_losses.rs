//! What a barrier reports of a TLS connection is true while half of the packets are lost.

use std::collections::BTreeSet;

use crate::support::net::Net;
use crate::support::trace::{Trace, number};
use crate::support::{Dir, Server, digits, run_command, secretcat, skip};

const MESSAGES: usize = 4;

/// Drops every second packet with data that goes to the listener, beginning with the first: each write is lost once,
/// and stays lost until it is sent again after 200 ms.
const HALF_LOST: &str = "nft add table ip lossy && nft add chain ip lossy in '{ type filter hook input priority 0; }' && \
                         nft add rule ip lossy in tcp dport 4500 tcp flags '&' syn == 0 ip length '>' 52 \
                         numgen inc mod 2 0 counter drop";

/// The traces of both ends of a conversation over TLS that loses these packets.
fn conversation(name: &str, args: &[&str]) -> Option<(Trace, Trace)> {
    let net = Net::alone()?;
    if !skip::has_program("nft") {
        return None;
    }
    net.sh(0, HALF_LOST);
    let dir = Dir::new(name);
    let (client, server) = (dir.file("connect.ndjson"), dir.file("listen.ndjson"));
    let mut listen = secretcat(["listen", "127.0.0.1:4500", "--tls", "--trace"]);
    let listener = Server::from_command(&mut net.on(0, listen.arg(&server)));
    let mut connect = secretcat(["connect", "127.0.0.1:4500", "--tls-insecure", "--quiet"]);
    let mut connect = net.on(0, connect.args(args).arg("--trace").arg(&client));
    let messages = (0..MESSAGES).map(|n| format!("SECRET {n}\n")).collect::<Vec<_>>().concat();
    let answers: String = (0..MESSAGES).map(|n| digits(&n.to_string())).collect();
    let warning = "secretcat: --tls-insecure: the certificate of the server is not verified\n";
    run_command(&mut connect, messages).is(0, answers, warning);
    let lost = net.sh(0, "nft list chain ip lossy in");
    assert!(lost.contains(" packets ") && !lost.contains("packets 0 "), "nothing was lost: {lost}");
    assert_eq!(listener.stop().status, Some(0));
    Some((Trace::read(&client), Trace::read(&server)))
}

/// The offsets on the wire at which reads of the listener ended.
fn ends_of_reads(server: &Trace) -> BTreeSet<u64> {
    let sum = |at: &mut u64, len| {
        *at += len;
        Some(*at)
    };
    server.reads(1).into_iter().scan(0, sum).collect()
}

#[track_caller]
fn proof_holds(name: &str, args: &[&str], outcome: &str) {
    let Some((client, server)) = conversation(name, &[&["--barrier", "peer-read"], args].concat()) else { return };
    let barriers = client.barriers(1);
    assert!(barriers.len() >= 2 * MESSAGES && barriers.iter().all(|is| *is == outcome), "{barriers:?}");
    // The bytes before a barrier and those after it were read by different calls.
    let (proven, read) = (client.numbers(1, "barrier", "offset"), ends_of_reads(&server));
    assert!(proven.iter().all(|offset| read.contains(offset)), "proven: {proven:?}, read: {read:?}");
}

#[test]
fn no_record_is_reported_read_while_it_is_lost() {
    proof_holds("lost-records", &["--cut", "3"], "record_read");
}

#[test]
fn no_tcp_piece_of_tls_is_reported_read_while_it_is_lost() {
    proof_holds("lost-pieces", &["--cut-layer", "tcp", "--chunk", "150"], "read");
}

#[test]
fn without_a_barrier_lost_records_are_read_together() {
    let Some((client, server)) = conversation("lost-together", &["--cut", "3"]) else { return };
    let records =
        client.of(1, "record").into_iter().filter(|line| line["dir"] == "out" && line["start"] != line["end"]);
    let sent: Vec<_> = records.map(|line| number(line, "offset") + number(line, "len")).collect();
    let read = ends_of_reads(&server);
    assert!(sent.len() == 2 * MESSAGES && !sent.iter().all(|end| read.contains(end)), "sent: {sent:?}, read: {read:?}");
}
