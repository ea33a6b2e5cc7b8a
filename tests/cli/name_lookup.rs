//! A name server that never answers: signals and time limits end the lookup.

use rustix::process::Signal;

use crate::support::net::Net;
use crate::support::{Proc, Server, digits, run_command, secretcat, skip};

#[test]
fn signal_ends_a_name_lookup() {
    let Some(net) = Net::alone() else { return };
    for (command, status) in [("listen", (Some(0), None)), ("connect", (None, Some(15))), ("sweep", (None, Some(15)))] {
        let Some(resolver) = net.silent_resolver(0) else { return };
        let args = [command, "silent.example:4500", "-m", "a"];
        let args = if command == "listen" { &args[..2] } else { &args };
        let proc = Proc::start(&mut net.on(0, &secretcat(args)));
        resolver.wait_for_stdout("asked");
        proc.signal(Signal::TERM);
        let out = proc.end();
        assert_eq!((out.status, out.signal), status, "{command}: {}", out.stderr);
    }
}

#[test]
fn name_lookup_timeout_is_reported_with_the_name() {
    let Some(net) = Net::alone() else { return };
    let Some(_resolver) = net.silent_resolver(0) else { return };
    let args = ["connect", "silent.example:4500", "--connect-timeout", "300ms", "-m", "a"];
    let why = "resolve silent.example:4500: no answer within 300ms (--connect-timeout sets the limit)";
    Proc::start(&mut net.on(0, &secretcat(args))).end().is(1, "", format!("secretcat: {why}\n"));
    let args = ["sweep", "silent.example:4500", "--timeout", "300ms", "-m", "a"];
    let out = Proc::start(&mut net.on(0, &secretcat(args))).end();
    assert!(out.stderr.contains("the name lookup timed out"), "{}", out.stderr);
    assert_eq!(out.status, Some(1));
}

#[test]
fn localhost_needs_no_resolver() {
    let Some(net) = Net::alone() else { return };
    if !net.set_hosts(0, "") {
        return;
    }
    let server = Server::from_command(&mut net.on(0, &secretcat(["listen", "localhost:0"])));
    assert_eq!(server.ready_line, format!("listening on 127.0.0.1:{}\n", server.port()));
    let connect = |host: &str| {
        let address = format!("{host}:{}", server.port());
        run_command(&mut net.on(0, &secretcat(["connect", &address, "-m", "SECRET 1"])), "")
    };
    for host in ["localhost", "LocalHost."] {
        connect(host).is(0, digits("1"), "");
    }
    // The resolver still answers for other names.
    assert!(connect("localhost.example").stderr.starts_with("secretcat: resolve localhost.example:"));
    server.stops_with("");

    if skip::has_ipv6() {
        let server = Server::from_command(&mut net.on(0, &secretcat(["listen", "localhost:0", "-6"])));
        assert_eq!(server.ready_line, format!("listening on [::1]:{}\n", server.port()));
        server.stops_with("");
    }
}
