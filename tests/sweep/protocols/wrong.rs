//! A preset against a server of another protocol: said, and no accusation.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use crate::support::servers::{self, Place, port};
use crate::support::{Dir, Server, is_root, run};

/// The presets, as the program lists them.
fn presets() -> Vec<String> {
    let out = run(["sweep", "--protocol", "?"], "");
    let (_, list) = out.stderr.split_once("[possible values: ").unwrap_or_else(|| panic!("{}", out.stderr));
    let (list, _) = list.split_once(']').unwrap();
    list.split(", ").map(|name| name.trim().to_owned()).collect()
}

/// Every preset but those whose names begin with one of `own` says that this server does not speak its protocol.
#[track_caller]
fn expect_refusals(address: &str, own: &[&str]) {
    let presets: Vec<_> = presets().into_iter().filter(|name| !own.iter().any(|own| name.starts_with(own))).collect();
    assert!(presets.len() > 10, "{presets:?}");
    let next = AtomicUsize::new(0);
    let sweep_next = || {
        while let Some(preset) = presets.get(next.fetch_add(1, Ordering::Relaxed)) {
            let args = ["sweep", address, "--protocol", preset, "--timeout", "1s", "--quiet"];
            let out = run(args, "");
            // A handshake that fails has a status of its own.
            let (status, why) = if preset == "tls" { (1, "handshake") } else { (4, "nothing was tested: ") };
            assert_eq!(out.status, Some(status), "{preset}: {out:?}");
            assert!(out.stderr.contains(why), "{preset}: {}", out.stderr);
            assert!(out.stdout.is_empty(), "{preset}: {out:?}");
        }
    };
    // Most of them wait.
    thread::scope(|scope| {
        for sweep in [(); 8].map(|()| scope.spawn(sweep_next)) {
            if let Err(panic) = sweep.join() {
                std::panic::resume_unwind(panic);
            }
        }
    });
}

#[test]
fn web_server_is_refused_by_other_presets() {
    let dir = Dir::new("wrong-http");
    if let Some((_proc, address)) = servers::nginx(Place::Port, &dir) {
        expect_refusals(&address, &["http"]);
    }
}

#[test]
fn redis_is_refused_by_other_presets() {
    let dir = Dir::new("wrong-redis");
    if let Some((_proc, address)) = servers::redis(Place::Port, &dir) {
        expect_refusals(&address, &["redis"]);
    }
}

#[test]
fn broker_is_refused_by_other_presets() {
    let dir = Dir::new("wrong-mqtt");
    if let Some((_proc, address)) = super::binary::mosquitto(&dir) {
        expect_refusals(&address, &["mqtt"]);
    }
}

#[test]
fn name_server_is_refused_by_other_presets() {
    if let Some((_proc, address)) = super::binary::dnsmasq() {
        expect_refusals(&address, &["dns"]);
    }
}

#[test]
fn cache_is_refused_by_other_presets() {
    if let Some((_proc, address)) = servers::start("memcached", Place::Port, |command, address| {
        command.args(["-l", "127.0.0.1", "-p", port(address), "-U", "0"]);
        if is_root() {
            command.args(["-u", "nobody"]);
        }
    }) {
        expect_refusals(&address, &["memcached"]);
    }
}

#[test]
fn server_of_messages_is_refused_by_every_preset() {
    expect_refusals(&Server::start(&[]).address(), &[]);
}

#[test]
fn echo_is_refused_by_every_preset() {
    expect_refusals(&Server::start(&["--service", "echo"]).address(), &[]);
}
