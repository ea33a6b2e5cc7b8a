//! Raw bytes arrive unchanged and end the same way, whether the kernel or the program moves them.

use std::fs::File;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::process::Stdio;
use std::thread;

use proptest::prelude::*;
use proptest::sample::select;

use crate::support::transfer::{OPTIONS, SCENARIOS, Std, Transfer};
use crate::support::{
    Dir, Proc, Server, accept, expect_reset, local_listener, noise, poll_until, read_to_end, reset, secretcat,
};

#[test]
fn every_kind_of_stdin_and_stdout_transfers_all_bytes() {
    let bytes = noise(900_000);
    let dir = Dir::new("every-way");
    let inputs = [Std::Pipe, Std::File, Std::Socket];
    let outputs = [Std::Pipe, Std::File, Std::Append, Std::Socket];
    let mut number = 0;
    for listens in [false, true] {
        for input in inputs {
            for output in outputs {
                for options in OPTIONS {
                    // Each combination has one of the scenarios.
                    let scenario = SCENARIOS[number % SCENARIOS.len()];
                    number += 1;
                    Transfer { listens, input, output, options, scenario }.check(&bytes, &bytes[1..], &dir);
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_transfers_give_all_bytes_and_the_right_end(
        listens: bool,
        input in select(vec![Std::Pipe, Std::File, Std::Socket]),
        output in select(vec![Std::Pipe, Std::File, Std::Append, Std::Socket]),
        options in select(OPTIONS.to_vec()),
        scenario in select(SCENARIOS.to_vec()),
        up in 0..2_000_000_usize,
        down in 0..2_000_000_usize,
    ) {
        let bytes = noise(up.max(down));
        let dir = Dir::new("any-way");
        Transfer { listens, input, output, options, scenario }.check(&bytes[..up], &bytes[..down], &dir);
    }
}

/// A client, a relay, and a server that the test plays.
fn transfer_through_relay(args: &[&str], up: &[u8], down: &[u8], server_first: bool) {
    let (listener, address) = local_listener();
    let relay = Server::start(&[&["--relay", &address], args].concat());
    let client = relay.open();
    let server = accept(&listener);
    let send = |mut to: &TcpStream, bytes: &[u8]| {
        to.write_all(bytes).unwrap();
        to.shutdown(Shutdown::Write).unwrap();
    };
    let (received_by_server, received_by_client) = thread::scope(|scope| {
        if server_first {
            scope.spawn(|| send(&server, down));
            let received = read_to_end(&client); // it sends only after that
            scope.spawn(|| send(&client, up));
            (read_to_end(&server), received)
        } else {
            scope.spawn(|| send(&client, up));
            scope.spawn(|| send(&server, down));
            let by_server = scope.spawn(|| read_to_end(&server));
            let by_client = read_to_end(&client);
            (by_server.join().unwrap(), by_client)
        }
    });
    assert!(received_by_server == up && received_by_client == down, "{args:?} {} {}", up.len(), down.len());
    drop((client, server));
    relay.stops_with("");
}

#[test]
fn relay_transfers_all_bytes_spliced_or_copied() {
    let bytes = noise(3_000_000);
    for args in OPTIONS {
        for server_first in [false, true] {
            for (up, down) in [(0, 0), (10, 3), (3_000_000, 10), (100_000, 2_500_000)] {
                transfer_through_relay(args, &bytes[..up], &bytes[..down], server_first);
            }
        }
    }
}

#[test]
fn relay_sends_earlier_bytes_before_the_servers_reset() {
    let bytes = noise(200_000);
    for args in OPTIONS {
        let (listener, address) = local_listener();
        let relay = Server::start(&[&["--relay", &address], args].concat());
        let mut client = relay.open();
        let mut server = accept(&listener);
        let mut got = vec![0; bytes.len()];
        thread::scope(|scope| {
            scope.spawn(|| client.read_exact(&mut got).unwrap());
            server.write_all(&bytes).unwrap();
        });
        reset(server);
        assert!(got == bytes);
        expect_reset(&mut client, "");
        relay.stops_with("");
    }
}

#[test]
fn file_set_to_append_during_a_transfer_gets_every_byte() {
    let dir = Dir::new("append-meanwhile");
    let (listener, address) = local_listener();
    let file = File::create(dir.file("out")).unwrap();
    let mut command = secretcat(["connect", "--raw", &address]);
    let proc = Proc::start_on(&mut command, Stdio::null(), file.try_clone().unwrap().into(), Stdio::piped());
    let mut server = accept(&listener);
    let bytes = noise(500_000);
    server.write_all(&bytes[..200_000]).unwrap();
    let length = || file.metadata().unwrap().len();
    poll_until("the first part in the file", thread::yield_now, || length() == 200_000);
    // The descriptor and its flags are shared: from here on splice(2) fails.
    rustix::fs::fcntl_setfl(&file, rustix::fs::OFlags::APPEND).unwrap();
    server.write_all(&bytes[200_000..]).unwrap();
    drop(server);
    proc.end().is(0, "", "");
    assert!(std::fs::read(dir.file("out")).unwrap() == bytes);
}
