//! Listeners behind a balancer: its configuration in docs/serving.md, and what is lost with one listener.

use std::net::TcpStream;

use rustix::process::Signal;

use crate::support::servers::{self, Place};
use crate::support::{Dir, Proc, Server, ask, digits, read_some, run};

const CLIENTS: usize = 30;

/// The configuration in docs/serving.md, with these addresses.
fn configuration(address: &str, listeners: &[Server; 3]) -> String {
    let page = include_str!("../../docs/serving.md");
    let after = page.split_once("cat > haproxy.cfg << 'END'\n").unwrap().1;
    let mut text = after.split_once("END\n").unwrap().0.replace("127.0.0.1:4500", address);
    for (listener, port) in listeners.iter().zip(4501..) {
        let shown = format!("127.0.0.1:{port}");
        assert!(text.contains(&shown), "{text}");
        text = text.replace(&shown, &listener.address());
    }
    text
}

/// The balancer with three listeners, and its address.
fn start(dir: &Dir) -> Option<([Server; 3], Proc, String)> {
    let listeners = [(); 3].map(|()| Server::start(&["--accept-proxy", "-v"]));
    let (proxy, address) = servers::start("haproxy", Place::Port, |command, address| {
        let path = dir.file("haproxy.cfg");
        std::fs::write(&path, configuration(address, &listeners)).unwrap();
        command.arg("-db").arg("-f").arg(path);
    })?;
    Some((listeners, proxy, address))
}

/// Whether the connection of a client has ended.
fn has_ended(client: &mut TcpStream) -> bool {
    !matches!(read_some(client, &mut [0]), Ok(1))
}

#[test]
fn only_clients_of_a_killed_listener_behind_a_balancer_are_lost() {
    let dir = Dir::new("balancer");
    let Some((listeners, _proxy, address)) = start(&dir) else { return };
    let address: std::net::SocketAddr = address.parse().unwrap();
    let send_messages = || {
        for number in 0..CLIENTS {
            let (text, expected) = (format!("SECRET {number}"), digits(&number.to_string()));
            run(["connect", &address.to_string(), "-m", &text], "").is(0, expected, "");
        }
    };
    let mut clients: Vec<_> = (0..CLIENTS).map(|_| crate::support::tcp(address)).collect();
    // The listener of each client: the one that has got its address in a PROXY header.
    let mut of_listener: [Vec<TcpStream>; 3] = Default::default();
    for mut client in clients.drain(..) {
        assert_eq!(ask(&mut client, "SECRET 1a2"), digits("12"));
        let header = format!("received PROXY header: {} -> {address}\n", client.local_addr().unwrap());
        let served = |listener: &Server| listener.proc.output_so_far().1.contains(&header);
        let mut found = None;
        crate::support::poll_until("the log", std::thread::yield_now, || {
            found = listeners.iter().position(served);
            found.is_some()
        });
        of_listener[found.unwrap()].push(client);
    }
    assert!(of_listener.iter().all(|clients| clients.len() >= CLIENTS / 3 - 1), "{of_listener:?}");
    let [mut of_first, mut of_second, mut of_third] = of_listener;
    let [first, second, third] = listeners;

    first.proc.signal(Signal::KILL);
    assert!(of_first.iter_mut().all(has_ended));
    // A process that is being killed closes its connections and its port one after the other.
    assert_eq!(first.proc.end().signal, Some(Signal::KILL.as_raw()));
    for client in of_second.iter_mut().chain(&mut of_third) {
        assert_eq!(ask(client, "SECRET 3b4"), digits("34"), "a client of another listener notices nothing");
    }
    send_messages();

    second.proc.signal(Signal::TERM); // it answers what has arrived
    assert!(of_second.iter_mut().all(has_ended));
    assert_eq!(second.proc.end().status, Some(0));
    send_messages();
    assert!(of_third.iter_mut().all(|client| ask(client, "SECRET 5") == digits("5")));
    third.stop();
}
