//! Networks of several hosts: 10.10.11.2:4500 for real, small packets, losses and unreachable addresses.

use std::process::Command;

use crate::support::net::Net;
use crate::support::prompt::shown_with_reply;
use crate::support::pty::Terminal;
use crate::support::{
    NOT_FOUND, Proc, Server, digits, has, peer_script, poll_until, run, run_command, secretcat, skip,
};

/// A listener on host 1, at the address of the original.
fn listener(net: &Net, args: &[&str]) -> Server {
    let server = Server::from_command(&mut net.on(1, secretcat(["listen", "10.10.11.2"]).args(args)));
    assert_eq!(server.ready_line, "listening on 10.10.11.2:4500\n");
    server
}

#[test]
fn conversation_of_the_original_works_between_hosts() {
    let Some(net) = Net::pair() else { return };
    let server = listener(&net, &[]);
    let mut terminal = Terminal::start(&net.on(0, &secretcat(["connect", "10.10.11.2:4500"])));
    terminal.sees("Enter Message: ");
    terminal.types("My SECRET code is 12345\n");
    assert_eq!(
        shown_with_reply(&mut terminal, "Digits: 12345   Count: 5"),
        "My SECRET code is 12345\r\nSent: My SECRET code is 12345\r\nReceived: Digits: 12345   Count: 5\r\n\
         Enter Message: "
    );
    terminal.types("quit()\n");
    assert_eq!(terminal.end().0.status, Some(0));
    let mut client = net.on(0, &secretcat(["connect", "10.10.11.2", "4500"]));
    run_command(&mut client, "SECRET 1\nhello\n").is(0, digits("1") + NOT_FOUND, "");
    server.stops_with("");
}

#[test]
fn original_client_and_server_work_between_hosts() {
    let Some(net) = Net::pair() else { return };
    if !skip::has_program("python3") {
        return;
    }
    let mut theirs = Command::new("python3");
    theirs.arg("-u").arg(peer_script("server.py")).args(["10.10.11.2", "4500"]);
    let server = Server::from_command(&mut net.on(1, &theirs));
    let mut ours = net.on(0, &secretcat(["connect", "10.10.11.2:4500", "-m", "SECRET 42"]));
    run_command(&mut ours, "").is(0, digits("42"), "");
    drop(server);

    let server = listener(&net, &[]);
    let mut theirs = Command::new("python3");
    theirs.arg("-u").arg(peer_script("client.py")).args(["10.10.11.2", "4500"]);
    let out = run_command(&mut net.on(0, &theirs), "SECRET 42\nq\n");
    out.is(0, "Enter Message: Sent: SECRET 42\nReceived: Digits: 42   Count: 2\nEnter Message: ", "");
    server.stops_with("");
}

/// A number that `ss -ti` prints about the one connection to port 4500.
fn connection_value(net: &Net, host: usize, name: &str) -> u64 {
    let output = net.sh(host, "ss -Htin state established '( sport = :4500 or dport = :4500 )'");
    let value = output.split_whitespace().find_map(|word| word.strip_prefix(name)?.strip_prefix(':'));
    value.and_then(|value| value.split('/').next()?.parse().ok()).unwrap_or(0)
}

#[test]
fn messages_split_by_a_small_mtu_are_answered() {
    let Some(net) = Net::pair() else { return };
    if !skip::has_program("ss") {
        return;
    }
    net.set_mtu(296);
    let server = listener(&net, &[]);
    let mut client = Proc::start(&mut net.on(0, &secretcat(["connect", "10.10.11.2:4500"])));
    let number = "8".repeat(2000);
    client.write(format!("SECRET {number}\n"));
    client.wait_for_stdout(&digits(&number));
    // 296 bytes minus 40 of headers and 12 of time stamps: no segment was larger, so the 2008 bytes of the message, and
    // the 2024 bytes of its reply, were at least nine segments each.
    for host in 0..2 {
        assert!((200..=256).contains(&connection_value(&net, host, "mss")), "{}", connection_value(&net, host, "mss"));
        assert!(connection_value(&net, host, "data_segs_out") >= 8, "host {host}");
    }
    for n in 0..50 {
        client.write(format!("{}SECRET {n}\n", "x".repeat(2000)));
    }
    client.close_stdin();
    let answers: String = (0..50).map(|n| digits(&n.to_string())).collect();
    client.end().is(0, digits(&number) + &answers, "");
    server.stops_with("");
}

#[test]
fn packet_loss_and_small_buffers_lose_no_reply() {
    let Some(net) = Net::pair() else { return };
    if !skip::has_program("nft") {
        return;
    }
    net.set_mtu(576);
    for host in 0..2 {
        net.sh(
            host,
            "nft add table ip lossy && nft add chain ip lossy in '{ type filter hook input priority 0; }' \
             && nft add rule ip lossy in numgen random mod 100 '<' 2 counter drop",
        );
    }
    let small = ["--sndbuf", "4k", "--rcvbuf", "4k"];
    let server = listener(&net, &small);
    let line = |n: usize| format!("SECRET {n} {}\n", "x".repeat(n % 300));
    let messages = (0..400).map(line).collect::<Vec<_>>().concat();
    let answers: String = (0..400).map(|n| digits(&n.to_string())).collect();
    for args in [&[][..], &["--chunk", "1..200"]] {
        let mut client = net.on(0, secretcat(["connect", "10.10.11.2"]).args(small).args(args));
        run_command(&mut client, &messages).is(0, &answers, "");
    }
    let lost = net.sh(1, "nft list chain ip lossy in");
    assert!(!lost.contains("packets 0 "), "nothing was lost: {lost}");
    server.stops_with("");
}

#[test]
fn path_dropping_all_packets_for_a_while_loses_nothing() {
    let Some(net) = Net::pair() else { return };
    if !has("nft") || !has("ss") {
        return skip::skip("nft and ss");
    }
    let server = listener(&net, &[]);
    let mut client = Proc::start(&mut net.on(0, &secretcat(["connect", "10.10.11.2"])));
    client.write("SECRET 1\n");
    client.wait_for_stdout(&digits("1"));
    net.sh(1, "nft add table ip b && nft add chain ip b in '{ type filter hook input priority 0; policy drop; }'");
    client.write("SECRET 2\n".repeat(100));
    // Retransmitted after 0.2 s, then 0.4 s, then 0.8 s: the third time is about 1.4 s later.
    poll_until("the third retransmission", std::thread::yield_now, || connection_value(&net, 0, "backoff") >= 3);
    net.sh(1, "nft delete table ip b");
    client.close_stdin();
    client.end().is(0, digits("1") + &digits("2").repeat(100), "");
    server.stops_with("");
}

#[test]
fn silent_first_address_does_not_block_the_second() {
    let Some(net) = Net::pair() else { return };
    if !skip::has_program("nft") {
        return;
    }
    // Packets to .3 are silently dropped. Both addresses are equally near, so their order is kept.
    if !net.set_hosts(0, "10.10.11.3 server.example\n10.10.11.2 server.example\n") {
        return;
    }
    net.sh(
        0,
        "nft add table ip dead && nft add chain ip dead out '{ type filter hook output priority 0; }' \
         && nft add rule ip dead out ip daddr 10.10.11.3 counter drop",
    );
    let server = listener(&net, &[]);
    // The limit of ten seconds is for all addresses: one after the other would take longer.
    let out = run_command(&mut net.on(0, &secretcat(["connect", "server.example", "-v", "-m", "SECRET 1"])), "");
    assert_eq!((out.status, String::from_utf8_lossy(&out.stdout).as_ref()), (Some(0), digits("1").as_str()), "{out:?}");
    assert!(out.stderr.contains("-> 10.10.11.2:4500\n"), "{}", out.stderr);
    let tried = net.sh(0, "nft list chain ip dead out");
    assert!(!tried.contains("packets 0 "), "the first address was not tried: {tried}");
    server.stops_with("");
}

#[test]
fn refused_address_is_followed_by_the_next_one() {
    let Some(net) = Net::alone() else { return };
    if !net.set_hosts(0, "127.0.0.2 server.example\n127.0.0.3 server.example\n") {
        return;
    }
    let server = Server::from_command(&mut net.on(0, &secretcat(["listen", "127.0.0.3:4500"])));
    let connect = secretcat(["connect", "server.example", "-m", "SECRET 1"]);
    run_command(&mut net.on(0, &connect), "").is(0, digits("1"), "");
    server.stops_with("");
    run_command(&mut net.on(0, &connect), "").is(
        1,
        "",
        "secretcat: connect 127.0.0.3:4500: connection refused (is a server listening there?)\n",
    );
    // A name with addresses of one family, and the other family is requested.
    let out = run_command(net.on(0, &connect).arg("-6"), "");
    assert_eq!(out.status, Some(1));
    assert!(out.stderr.starts_with("secretcat: resolve server.example:4500: "), "{}", out.stderr);
}

#[test]
fn name_with_300_dead_addresses_keeps_connect_timeout() {
    let Some(net) = Net::alone() else { return };
    if !skip::has_program("nft") {
        return;
    }
    let crowd: Vec<_> = (0..300).map(|n| format!("127.1.{}.{} crowd.example", n / 250, 1 + n % 250)).collect();
    if !net.set_hosts(0, &(crowd.join("\n") + "\n127.200.0.1 crowd.example\n")) {
        return;
    }
    let server = Server::from_command(&mut net.on(0, &secretcat(["listen", "127.200.0.1"])));
    let connect = |limit: &str| {
        let args = ["connect", "crowd.example", "--connect-timeout", limit, "-m", "SECRET 1"];
        run_command(&mut net.on(0, &secretcat(args)), "")
    };
    // Three hundred addresses refuse, and one does not.
    connect("1m").is(0, digits("1"), "");
    // All addresses are silent: each is tried in turn, until the limit.
    net.sh(
        0,
        "nft add table ip dead && nft add chain ip dead out '{ type filter hook output priority 0; }' \
         && nft add rule ip dead out ip daddr 127.0.0.0/8 drop",
    );
    connect("1500ms").is(
        1,
        "",
        "secretcat: connect crowd.example:4500: no connection within 1s 500ms (--connect-timeout sets the limit)\n",
    );
    server.stops_with("");
}

#[test]
fn unreachable_network_prints_one_line_and_status_1() {
    let Some(net) = Net::alone() else { return };
    for (address, shown) in [("192.0.2.1:80", "192.0.2.1:80"), ("[2001:db8::1]:80", "[2001:db8::1]:80")] {
        run_command(&mut net.on(0, &secretcat(["connect", address, "-m", "x"])), "").is(
            1,
            "",
            format!("secretcat: connect {shown}: network is unreachable\n"),
        );
    }
}

#[test]
fn unreachable_host_hints_at_a_given_hop_limit() {
    let Some(net) = Net::alone() else { return };
    net.sh(0, "ip route add unreachable 192.0.2.0/24");
    let connect = |options: &[&str]| {
        let command = secretcat([&["connect", "192.0.2.1:80", "-z"], options].concat());
        run_command(&mut net.on(0, &command), "")
    };
    let line = "secretcat: connect 192.0.2.1:80: no route to host";
    connect(&[]).is(1, "", format!("{line}\n"));
    connect(&["--ttl", "3"]).is(1, "", format!("{line} (--ttl 3 may be too few hops)\n"));
}

#[test]
fn source_port_already_connected_there_gets_a_hint() {
    let server = Server::start(&[]);
    let port = 32_000 + std::process::id() % 700; // below the ephemeral ports of the kernel
    let port = port.to_string();
    let address = server.address();
    let mut first = Proc::start(&mut secretcat(["connect", &address, "-p", &port, "--reuseaddr", "on"]));
    first.write("SECRET 1\n");
    first.wait_for_stdout("Digits: 1   Count: 1\n");
    run(["connect", &address, "-p", &port, "--reuseaddr", "on", "-m", "x"], "").is(
        1,
        "",
        format!(
            "secretcat: connect {address}: cannot assign requested address \
             (port {port} already has a connection to this address: use another one with -p)\n"
        ),
    );
    drop(first);
    server.stops_with("");
}
