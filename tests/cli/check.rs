//! `connect -z` reports whether a server accepts a connection, and sends nothing.

use std::io::Read;

use crate::support::net::Net;
use crate::support::{Dir, FreePort, Proc, Server, accept, local_listener, run, run_command, secretcat};

fn refused(address: &str) -> String {
    format!("secretcat: connect {address}: connection refused (is a server listening there?)\n")
}

#[test]
fn open_port_is_status_0_and_receives_no_byte() {
    let (listener, address) = local_listener();
    run(["connect", "-z", &address], "not read").is(0, "", "");
    let mut bytes = Vec::new();
    accept(&listener).read_to_end(&mut bytes).unwrap();
    assert_eq!(bytes, b"");
}

#[test]
fn closed_port_is_status_1_and_one_line() {
    let port = FreePort::new();
    let address = port.address.to_string();
    run(["connect", "-z", &address], "").is(1, "", refused(&address));
    run(["connect", "-vz", &address], "").is(1, "", refused(&address));
}

#[test]
fn verbose_prints_the_address_that_accepted() {
    let (listener, address) = local_listener();
    let out = run(["connect", "-vz", &address], "");
    let peer = accept(&listener).peer_addr().unwrap();
    out.is(0, "", format!("#1 connected {peer} -> {address}\n#1 closed\n"));
}

#[test]
fn unix_socket_is_checked_by_path_and_by_name() {
    let dir = Dir::new("check");
    let path = format!("unix:{}", dir.file("socket").display());
    let name = format!("unix:@secretcat-check-{}", std::process::id());
    for address in [path, name] {
        assert_eq!(run(["connect", "-z", &address], "").status, Some(1), "{address}");
        let server = Proc::start(&mut secretcat(["listen", &address]));
        server.wait_for_stderr("listening on");
        run(["connect", "-z", &address], "").is(0, "", "");
    }
}

#[test]
fn one_reachable_address_of_a_name_is_enough() {
    let Some(net) = Net::alone() else { return };
    if !net.set_hosts(0, "127.0.0.1 both.example\n127.0.0.2 both.example\n") {
        return;
    }
    let check = || run_command(&mut net.on(0, &secretcat(["connect", "-z", "both.example:4500"])), "");
    assert_eq!(check().status, Some(1));
    for address in ["127.0.0.1:4500", "127.0.0.2:4500"] {
        let server = Server::from_command(&mut net.on(0, &secretcat(["listen", address])));
        check().is(0, "", "");
        server.stops_with("");
    }
}

#[test]
fn retry_waits_for_a_server_that_starts_later() {
    let dir = Dir::new("check-retry");
    let address = format!("unix:{}", dir.file("socket").display());
    let args = ["connect", "-vz", &address, "--retry", "100000", "--retry-delay", "5ms"];
    let check = Proc::start(&mut secretcat(args));
    check.wait_for_stderr("trying again");
    let server = Proc::start(&mut secretcat(["listen", &address]));
    server.wait_for_stderr("listening on");
    assert_eq!(check.end().status, Some(0));
}
