//! The presets of binary protocols: good servers pass, bad ones do not, and a server is afterwards as it was before.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::process::Signal;

use super::{expect_different, expect_same, sweep};
use crate::proxy_header;
use crate::support::servers::{self, Place, port};
use crate::support::{Dir, Proc, Server, is_root, peer_script, run_command, skip, tcp};

/// A program that ends its options with those of a user that is not root.
const AS_NOBODY: [&str; 7] = ["--reuid", "65534", "--regid", "65534", "--clear-groups", "--no-new-privs", "--"];

/// Debian's Python, which has Debian's modules, with a server of tests/peers that imports this module.
#[track_caller]
fn debian_python(script: &str, module: &str) -> Option<Command> {
    let mut command = Command::new("/usr/bin/python3");
    let has = Command::new("/usr/bin/python3").args(["-c", &format!("import {module}")]).output();
    if !has.is_ok_and(|output| output.status.success()) {
        skip::skip(&format!("python3-{module}"));
        return None;
    }
    command.arg("-u").arg(peer_script(script));
    Some(command)
}

/// As [`debian_python`], started on a port of the test's choice.
#[track_caller]
fn start_debian_python(script: &str, module: &str) -> Option<(Proc, String)> {
    debian_python(script, module)?;
    servers::start("/usr/bin/python3", Place::Port, |command, address| {
        command.arg("-u").arg(peer_script(script)).arg(port(address));
    })
}

#[track_caller]
pub(super) fn mosquitto(dir: &Dir) -> Option<(Proc, String)> {
    servers::start("mosquitto", Place::Port, |command, address| {
        let config = format!("listener {} 127.0.0.1\nallow_anonymous true\n", port(address));
        std::fs::write(dir.file("conf"), config).unwrap();
        command.arg("-c").arg(dir.file("conf"));
    })
}

/// A client of a broker that is subscribed to every topic.
struct Subscriber(TcpStream);

impl Subscriber {
    fn new(address: &str) -> Subscriber {
        let mut stream = tcp(address.parse().unwrap());
        stream.write_all(b"\x10\x14\x00\x04MQTT\x04\x02\x00\x00\x00\x08watching\x82\x06\x00\x01\x00\x01#\x00").unwrap();
        let mut replies = [0; 9];
        stream.read_exact(&mut replies).unwrap();
        assert_eq!(&replies, b"\x20\x02\x00\x00\x90\x03\x00\x01\x00");
        Subscriber(stream)
    }

    /// The number of messages that were published so far. A reply to a ping follows the messages before it.
    fn published(&mut self) -> usize {
        self.0.write_all(b"\xc0\x00").unwrap();
        for count in 0.. {
            let mut head = [0; 2];
            self.0.read_exact(&mut head).unwrap();
            if head == *b"\xd0\x00" {
                return count;
            }
            let mut length = usize::from(head[1] & 0x7f);
            if head[1] >= 0x80 {
                self.0.read_exact(&mut head[..1]).unwrap();
                length += usize::from(head[0]) << 7;
            }
            self.0.read_exact(&mut vec![0; length]).unwrap();
        }
        unreachable!("the loop ends with the ping")
    }
}

#[test]
fn mqtt_has_no_differences_and_publishes_nothing() {
    let dir = Dir::new("preset-mqtt");
    let Some((_proc, address)) = mosquitto(&dir) else { return };
    let mut subscriber = Subscriber::new(&address);
    expect_same(&address, "mqtt", &[]);
    assert_eq!(subscriber.published(), 0);
}

#[test]
fn mqtt_publish_retains_nothing() {
    let dir = Dir::new("preset-mqtt-publish");
    let Some((_proc, address)) = mosquitto(&dir) else { return };
    let mut subscriber = Subscriber::new(&address);
    expect_same(&address, "mqtt:publish", &["--families", "cut"]);
    assert!(subscriber.published() >= 3 * 257);
    assert_eq!(Subscriber::new(&address).published(), 0);
}

fn websocket_servers() -> Vec<Server> {
    let mut found = Vec::new();
    if let Some(mut command) = debian_python("websocket.py", "websockets") {
        found.push(Server::from_command(&mut command));
    }
    let modules = Path::new("/usr/share/nodejs");
    if !modules.join("ws").exists() {
        skip::skip("node-ws");
    } else if skip::has_program("node") {
        let mut command = Command::new("node");
        found.push(Server::from_command(command.env("NODE_PATH", modules).arg(peer_script("websocket.cjs"))));
    }
    found
}

#[test]
fn websocket_has_no_differences_and_no_messages() {
    for server in websocket_servers() {
        expect_same(&server.address(), "websocket", &[]);
        assert_eq!(String::from_utf8_lossy(&server.stop().stdout), "");
    }
}

#[test]
fn websocket_echo_has_no_differences() {
    for server in websocket_servers() {
        expect_same(&server.address(), "websocket:echo", &["--families", "cut,chunk"]);
        let printed = server.stop().stdout;
        let first: Vec<_> = String::from_utf8_lossy(&printed).lines().take(6).map(str::to_owned).collect();
        assert_eq!(first, [5, 126, 8, 4, 0, 3].map(|length| format!("message of {length}")));
    }
}

#[track_caller]
fn danted(dir: &Dir) -> Option<(Proc, String)> {
    servers::start("danted", Place::Port, |command, address| {
        let config = format!(
            "logoutput: stdout\ninternal: 127.0.0.1 port = {}\nexternal: lo\nclientmethod: none\n\
             socksmethod: none username\n{}client pass {{ from: 0.0.0.0/0 to: 0.0.0.0/0 }}\n\
             socks pass {{ from: 0.0.0.0/0 to: 0.0.0.0/0 log: connect error }}\n",
            port(address),
            if is_root() { "user.privileged: root\nuser.unprivileged: nobody\n" } else { "" }
        );
        std::fs::write(dir.file("conf"), config).unwrap();
        command.arg("-f").arg(dir.file("conf"));
    })
}

#[test]
fn socks5_has_no_differences_and_reaches_nothing_else() {
    let dir = Dir::new("preset-socks5");
    let Some((proc, address)) = danted(&dir) else { return };
    expect_same(&address, "socks5", &[]);
    expect_same(&address, "socks5:login", &[]);
    proc.signal(Signal::TERM);
    let log = String::from_utf8_lossy(&proc.end().stdout).into_owned();
    let connects: Vec<_> = log.lines().filter(|line| line.contains("tcp/connect")).collect();
    let is_closed_port = |line: &&str| line.contains(" 127.0.0.1.1 ") || line.contains(" ::1.1 ");
    assert!(!connects.is_empty() && connects.iter().all(is_closed_port), "{log}");
}

/// microsocks takes what one read returns for one request.
#[test]
fn socks5_finds_a_server_that_reads_once() {
    let Some((_proc, address)) = servers::start("microsocks", Place::Port, |command, address| {
        command.args(["-i", "127.0.0.1", "-p", port(address)]);
    }) else {
        return;
    };
    expect_different(&address, "socks5", &[]);
}

#[track_caller]
fn unbound(dir: &Dir) -> Option<(Proc, String)> {
    servers::start("unbound", Place::Port, |command, address| {
        let (at, path) = (port(address), dir.path().display());
        let config = format!(
            "server:\n interface: 127.0.0.1@{at}\n do-daemonize: no\n username: \"\"\n chroot: \"\"\n\
             directory: \"{path}\"\n pidfile: \"\"\n use-syslog: no\n module-config: \"iterator\"\n\
             remote-control:\n control-enable: yes\n control-interface: {path}/control\n control-use-cert: no\n"
        );
        std::fs::write(dir.file("conf"), config).unwrap();
        command.arg("-d").arg("-c").arg(dir.file("conf"));
    })
}

#[test]
fn dns_has_no_differences_and_caches_nothing() {
    let dir = Dir::new("preset-dns");
    let Some((_proc, address)) = unbound(&dir) else { return };
    let state = || {
        let mut state = String::new();
        for what in ["dump_cache", "dump_requestlist"] {
            let mut command = Command::new("/usr/sbin/unbound-control");
            let out = run_command(command.arg("-c").arg(dir.file("conf")).arg(what), "");
            assert_eq!(out.status, Some(0), "{}", out.stderr);
            state.push_str(&String::from_utf8_lossy(&out.stdout));
        }
        state
    };
    let before = state();
    expect_same(&address, "dns", &[]);
    expect_same(&address, "dns:one", &[]);
    assert_eq!(state(), before);
}

/// A name server that has nobody to ask.
#[track_caller]
pub(super) fn dnsmasq() -> Option<(Proc, String)> {
    servers::start("dnsmasq", Place::Port, |command, address| {
        command.args(["-k", "-p", port(address), "--listen-address=127.0.0.1", "--bind-interfaces", "--no-resolv"]);
        command.args(["--conf-file=/dev/null", "--pid-file=", "--log-facility=-"]);
        if is_root() {
            command.args(["-u", "root"]);
        }
    })
}

#[test]
fn dns_has_no_differences_with_a_forwarder() {
    if let Some((_proc, address)) = dnsmasq() {
        expect_same(&address, "dns", &["--families", "cut,joined"]);
    }
}

/// dnslib takes what two reads return for the length and the question.
#[test]
fn dns_finds_a_server_that_reads_once() {
    if let Some((_proc, address)) = start_debian_python("dnslib_server.py", "dnslib") {
        expect_different(&address, "dns:one", &[]);
    }
}

/// The replies to reads of 100 values of each kind.
fn modbus_values(server: &Server) -> Vec<u8> {
    let mut values = Vec::new();
    let mut stream = server.open();
    for function in 1..=4 {
        stream.write_all(&[0, 7, 0, 0, 0, 6, 1, function, 0, 0, 0, 100]).unwrap();
        let mut head = [0; 6];
        stream.read_exact(&mut head).unwrap();
        let mut body = vec![0; usize::from(head[5])];
        stream.read_exact(&mut body).unwrap();
        assert_eq!(body[1], function, "{body:?}");
        values.extend_from_slice(&body);
    }
    values
}

#[test]
fn modbus_has_no_differences_and_writes_nothing() {
    let dir = Dir::new("preset-modbus");
    let Some(server) = Server::compiled("modbus", &["-lmodbus"], &dir, &[]) else { return };
    let before = modbus_values(&server);
    expect_same(&server.address(), "modbus", &[]);
    assert_eq!(modbus_values(&server), before);
}

/// pymodbus answers the first of two requests in one segment only.
#[test]
fn modbus_finds_a_server_that_loses_a_request() {
    if let Some((_proc, address)) = start_debian_python("pymodbus_server.py", "pymodbus.server") {
        expect_different(&address, "modbus", &[]);
    }
}

/// The directory of the programs of `PostgreSQL`.
#[track_caller]
fn postgres_programs() -> Option<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let found = versions.map(|version| version.path().join("bin")).find(|bin| bin.join("postgres").is_file());
    if found.is_none() {
        skip::skip("postgresql");
    }
    found
}

/// `PostgreSQL`, which does not run as root: clients of its socket in `dir` are trusted, others need a password.
#[track_caller]
fn postgres(programs: &Path, dir: &Dir) -> Option<(Proc, String)> {
    let data = dir.file("data");
    let (runs_as, program) = if is_root() {
        std::os::unix::fs::chown(dir.path(), Some(65534), Some(65534)).unwrap();
        (&AS_NOBODY[..], "setpriv".to_owned())
    } else {
        (&[][..], programs.join("postgres").display().to_string())
    };
    let add = |command: &mut Command, name: &str| {
        command.args(runs_as);
        if is_root() {
            command.arg(programs.join(name));
        }
        command.current_dir(dir.path());
    };
    std::fs::write(dir.file("password"), "not-a-secret\n").unwrap();
    let mut init = Command::new(if is_root() { PathBuf::from("setpriv") } else { programs.join("initdb") });
    add(&mut init, "initdb");
    init.args(["-U", "postgres", "--auth-local=trust", "--auth-host=scram-sha-256", "--no-sync", "-E", "UTF8"]);
    init.args(["--locale=C", "--pwfile"]).arg(dir.file("password")).arg("-D").arg(&data);
    let out = run_command(&mut init, "");
    assert_eq!(out.status, Some(0), "{}", out.stderr);
    servers::start(&program, Place::Port, |command, address| {
        add(command, "postgres");
        command.arg("-D").arg(&data).arg("-k").arg(dir.path()).args(["-p", port(address), "-h", "127.0.0.1"]);
        command.args(["-c", "fsync=off", "-c", "max_connections=50"]);
    })
}

#[test]
fn postgres_has_no_differences_and_changes_nothing() {
    let Some(programs) = postgres_programs() else { return };
    let dir = Dir::new("preset-postgres");
    let Some((_proc, address)) = postgres(&programs, &dir) else { return };
    let run_dump = || {
        let mut command = Command::new(programs.join("pg_dumpall"));
        run_command(command.arg("-h").arg(dir.path()).args(["-U", "postgres", "-p", port(&address)]), "")
    };
    let dump = || {
        // It accepts connections before it serves them.
        let outs = std::iter::repeat_with(run_dump);
        let out = outs.take(500).find(|out| !out.stderr.contains("system is starting up")).unwrap();
        assert_eq!(out.status, Some(0), "{}", out.stderr);
        // A key of each dump.
        let text = String::from_utf8_lossy(&out.stdout).into_owned();
        text.lines().filter(|line| !line.contains("restrict ")).map(str::to_owned).collect::<Vec<_>>()
    };
    let before = dump();
    expect_same(&address, "postgres", &["--families", "cut,chunk"]);
    expect_same(&address, "postgres:ssl", &["--families", "cut,chunk"]);
    assert_eq!(dump(), before);
}

#[test]
fn proxy_sends_a_header_before_another_protocol() {
    let dir = Dir::new("preset-proxy");
    let Some((_proc, address)) = mosquitto(&dir) else { return };
    let relay = Server::start(&["--relay", &address, "--accept-proxy"]);
    expect_same(&relay.address(), "proxy:mqtt", &["--families", "cut,header"]);
    // nginx loses a connection whose header is cut.
    let Some((_proc, address)) = proxy_header::start("nginx", &dir) else { return };
    let found = sweep(&address, "proxy", &["--families", "cut,header"]);
    let different = ["cut", "header"].map(|kind| found["kinds"][kind]["different"] == 0);
    assert_eq!(different, [true, false], "{found:#}");
}

#[cfg(feature = "tls")]
#[test]
fn tls_sweeps_the_handshake_and_reads_no_stdin() {
    let server = Server::start(&["--tls"]);
    let out =
        crate::support::run(["sweep", &server.address(), "--protocol", "tls", "--max-plans", "60"], "a message\n");
    let output = String::from_utf8_lossy(&out.stdout);
    assert_eq!(out.status, Some(0), "{output}");
    assert!(output.contains("ClientHello of ") && output.contains(" 60 same, 0 different, "), "{output}");
    let warning = "secretcat: --tls-insecure: the certificate of the server is not verified\n";
    assert_eq!(out.stderr, warning);
}
