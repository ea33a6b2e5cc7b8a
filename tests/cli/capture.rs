//! The capture of `--pcap`, read by tshark and compared with tcpdump.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use rustix::fs::{CWD, FileType, Mode, OFlags};
use rustix::process::Signal;

use crate::support::skip::has_program;
use crate::support::{
    Dir, Proc, Server, digits, has, is_root, local_listener, poll_until, read_line, read_some, run, run_command,
    secretcat, skip, start_relay,
};

/// What tshark prints of a capture. Nothing else may be on its stderr than its remark about root.
#[track_caller]
fn tshark(file: &Path, args: &[&str]) -> String {
    let checks = ["-o", "tcp.check_checksum:TRUE", "-o", "ip.check_checksum:TRUE"];
    let out = run_command(Command::new("tshark").arg("-r").arg(file).args(checks).args(args), "");
    let remarks: Vec<_> = out.stderr.lines().filter(|line| !line.starts_with("Running as user")).collect();
    assert_eq!((out.status, &remarks[..]), (Some(0), &[][..]), "{}", out.stderr);
    String::from_utf8(out.stdout).unwrap()
}

/// The port of the client of the only connection in a file.
#[track_caller]
fn client_port(file: &Path) -> String {
    let syn = "tcp.flags.syn == 1 && tcp.flags.ack == 0";
    tshark(file, &["-Y", syn, "-T", "fields", "-e", "tcp.srcport"]).trim_end().to_owned()
}

/// The sender, the number and the payload of each segment with data that this filter lets through, in the order of the
/// numbers and each once: a segment may be sent again, and packets of two processors come to tcpdump in any order.
#[track_caller]
fn data_segments(file: &Path, to: &str) -> Vec<(u16, u64, String)> {
    let fields = ["-T", "fields", "-e", "tcp.srcport", "-e", "tcp.seq", "-e", "tcp.payload"];
    let only = ["-Y", &format!("tcp.len > 0 && {to}")];
    let listed = tshark(file, &[&only[..], &fields].concat());
    let row = |line: &str| {
        let fields: Vec<&str> = line.split('\t').collect();
        (fields[0].parse().unwrap(), fields[1].parse().unwrap(), fields[2].to_owned())
    };
    let mut rows: Vec<_> = listed.lines().map(row).collect();
    rows.sort();
    rows.dedup();
    rows
}

#[track_caller]
fn comments(file: &Path) -> String {
    tshark(file, &["-T", "fields", "-e", "frame.comment"])
}

/// tshark finds nothing worse than a note in the file, and this number of connections.
#[track_caller]
fn is_clean(file: &Path, connections: usize) {
    assert_eq!(tshark(file, &["-Y", "_ws.expert.severity >= 0x600000 && tcp.flags.reset == 0"]), "");
    assert_eq!(tshark(file, &["-Y", "tcp.flags.syn == 1 && tcp.flags.ack == 0"]).lines().count(), connections);
}

#[test]
fn pinned_pieces_are_the_segments_that_tcpdump_sees() {
    if !is_root() || !has_program("tshark") || !has("tcpdump") {
        return skip::skip("tcpdump as root");
    }
    // The replies to several messages may be joined when they are read, so that there only what is sent is compared.
    let (all, sent) = ("tcp", "tcp.dstport == PORT");
    for (plan, input, compared) in [
        (&["--cut", "1,4"][..], "SECRET 1\n", all),
        (&["--cut", "1,4"], "SECRET 1\nhello\nSECRET 22\n", sent),
        (&["--chunk", "3", "--barrier", "peer-read"], "SECRET 1\nhello\n", sent),
        (&["--chunk", "1400"], &format!("SECRET{}\n", "1".repeat(9000)), sent),
    ] {
        let dir = Dir::new("tcpdump");
        let (wire, ours) = (dir.file("wire.pcap"), dir.file("ours.pcapng"));
        let server = Server::start(&[]);
        let filter = format!("tcp port {}", server.port());
        // The buffer has room for 256 KiB a packet, which would be 8 packets: shorter ones, and a larger buffer.
        let room = ["-s", "4096", "-B", "16384"];
        let tcpdump = ["-i", "lo", "-Z", "root", "-U", "--immediate-mode", "-w", wire.to_str().unwrap(), &filter];
        let tcpdump = Proc::start(Command::new("tcpdump").args(room).args(tcpdump));
        tcpdump.wait_for_stderr("listening on");
        let args = ["connect", &server.address(), "--pcap", ours.to_str().unwrap()];
        let out = run(args.iter().chain(plan), input);
        assert_eq!(out.status, Some(0), "{}", out.stderr);
        // The connection is named by its port: a later one may come first in the file of tcpdump.
        let connection = format!("tcp.port == {}", client_port(&ours));
        let compared = format!("{connection} && {}", compared.replace("PORT", &server.port()));
        let ours_has = data_segments(&ours, &compared);
        // tcpdump may not see packets before others follow them, and those of each processor by themselves; its file may
        // end within one.
        let seen = |filter: &str| {
            let filter = format!("{connection} && {filter}");
            let fields = ["-Y", &filter, "-T", "fields", "-e", "tcp.srcport", "-e", "tcp.seq"];
            let out = run_command(Command::new("tshark").arg("-r").arg(&wire).args(fields), "").stdout;
            out.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).collect::<BTreeSet<_>>().len()
        };
        let has_all = || {
            let data = seen(&format!("tcp.len > 0 && {compared}"));
            seen("tcp.flags.fin == 1") >= 2 && data >= ours_has.len()
        };
        poll_until("tcpdump sees everything", || drop(server.open()), has_all);
        tcpdump.signal(Signal::INT);
        assert_eq!(tcpdump.end().status, Some(0));
        server.stops_with("");
        let wire_has = data_segments(&wire, &compared);
        assert!(!ours_has.is_empty() && ours_has == wire_has, "{plan:?}: {ours_has:?} {wire_has:?}");
        is_clean(&ours, 1);
    }
}

#[test]
fn stream_is_followed_and_comments_name_calls() {
    if !has_program("tshark") {
        return;
    }
    let dir = Dir::new("followed");
    let file = dir.file("a.pcapng");
    let plan = ["--cut", "4", "--barrier", "peer-read", "-m", "SECRET 42"];
    run(["connect", "--loopback", "--pcap", file.to_str().unwrap()].iter().chain(&plan), "").is(0, digits("42"), "");
    is_clean(&file, 1);
    let followed = tshark(&file, &["-q", "-z", "follow,tcp,ascii,0"]);
    assert!(followed.contains("\n4\nSECR\n6\nET 42\n\n\t22\nDigits: 42   Count: 2\n"), "{followed}");
    let comments = comments(&file);
    for part in [
        "write of 4 bytes at 0; message 1, bytes 0 to 4 of 10; cut at 4; a segment of its own\n",
        "barrier at 4: read by the peer",
        "write of 22 bytes at 0; message 1; as written; the wire may differ\n",
        "this side closed its side\n",
    ] {
        assert!(comments.contains(part), "{part}: {comments}");
    }
    let flags = tshark(&file, &["-T", "fields", "-e", "frame.packet_flags_direction", "-e", "tcp.len"]);
    assert!(flags.contains("0x00000002\t4\n") && flags.contains("0x00000001\t22\n"), "{flags}");
}

#[test]
fn listener_relay_and_sweep_write_captures() {
    if !has_program("tshark") {
        return;
    }
    let dir = Dir::new("commands");
    let files = ["listen", "relay", "sweep"].map(|name| dir.file(name));
    let [listen, relay, sweep] = files.each_ref().map(|file| file.to_str().unwrap());
    let server = Server::start(&["--pcap", listen]);
    let relaying = start_relay(&server.address(), &["--chunk", "5", "--pcap", relay]);
    run(["connect", &relaying.address()], "SECRET 1\n").is(0, digits("1"), "");
    relaying.stops_with("");
    let out = run(["sweep", &server.address(), "--pcap", sweep, "-m", "SECRET", "--quiet"], "");
    assert_eq!(out.status, Some(0), "{}", out.stderr);
    server.stops_with("");
    is_clean(&files[1], 2);
    assert_eq!(tshark(&files[1], &["-Y", "tcp.len == 5"]).lines().count(), 1 + 4, "one message and its reply");
    let count = |file: &Path| tshark(file, &["-Y", "tcp.flags.syn == 1 && tcp.flags.ack == 0"]).lines().count();
    let sweeps = count(&files[2]);
    assert!(sweeps > 5, "{sweeps}");
    is_clean(&files[2], sweeps);
    is_clean(&files[0], sweeps + 1);
    let mode = fs::metadata(&files[0]).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode, 0o600, "others may not read what clients have sent");
}

#[test]
fn reset_and_unix_socket_are_captured() {
    if !has_program("tshark") {
        return;
    }
    let dir = Dir::new("reset");
    let (file, socket) = (dir.file("a.pcapng"), dir.file("socket"));
    let (listener, address) = local_listener();
    let client = Proc::start(&mut secretcat(["connect", &address, "--pcap", file.to_str().unwrap(), "-m", "a"]));
    let (mut peer, _) = listener.accept().unwrap();
    peer.read_exact(&mut [0; 2]).unwrap();
    crate::support::reset(peer);
    assert_eq!(client.end().status, Some(1));
    assert_eq!(
        tshark(&file, &["-Y", "tcp.flags.reset == 1", "-T", "fields", "-e", "frame.packet_flags_direction"]),
        "0x00000001\n"
    );
    is_clean(&file, 1);
    let unix = format!("unix:{}", socket.display());
    let listener = Proc::start(&mut secretcat(["listen", &unix, "--pcap", file.to_str().unwrap()]));
    listener.wait_for_stderr("listening on");
    run(["connect", &unix, "-m", "SECRET 1"], "").is(0, digits("1"), "");
    listener.signal(Signal::TERM);
    assert_eq!(listener.end().status, Some(0));
    is_clean(&file, 1);
    assert!(comments(&file).contains("the addresses are placeholders\n"));
}

#[cfg(feature = "tls")]
#[test]
fn secrets_of_tls_are_embedded() {
    if !has_program("tshark") {
        return;
    }
    let dir = Dir::new("secrets");
    for version in ["1.2", "1.3"] {
        let (file, keys) = (dir.file("a.pcapng"), dir.file("keys"));
        fs::write(&file, "").unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
        let (file_name, keys) = (file.to_str().unwrap(), keys.to_str().unwrap());
        let server = match version {
            "1.2" => Server::start(&["--tls", "--pcap", file_name, "--tls-keylog", keys]),
            _ => Server::start(&["--tls", "--tls-min", "1.3", "--pcap", file_name, "--tls-keylog", keys]),
        };
        let out = run(["connect", &server.address(), "--tls-insecure", "-m", "SECRET 42"], "");
        assert_eq!(out.stdout, digits("42").into_bytes(), "{}", out.stderr);
        let said =
            format!("secretcat: --pcap {file_name} has the secrets of TLS: whoever reads the file can decrypt it\n");
        let stderr = server.stop().stderr;
        assert!(stderr.contains(&said), "{stderr}");
        is_clean(&file, 1);
        let followed = tshark(&file, &["-q", "-z", "follow,tls,ascii,0"]);
        assert!(followed.contains("SECRET 42\n") && followed.contains("Digits: 42   Count: 2\n"), "{followed}");
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        let handshake = tshark(&file, &["-Y", "tls.handshake.type == 20"]);
        assert!(!handshake.is_empty(), "the encrypted end of the handshake is readable");
    }
}

#[test]
fn full_disk_ends_the_capture_but_not_the_conversation() {
    let server = Server::start(&["--pcap", "/dev/full"]);
    let message = format!("SECRET{}\n", "1".repeat(60_000));
    let reply = server.exchange(message.repeat(3));
    assert_eq!(reply, format!("Digits: {}   Count: 60000\n", "1".repeat(60_000)).repeat(3));
    let out = server.stop();
    assert_eq!(out.status, Some(2));
    assert!(
        out.stderr.ends_with("secretcat: write /dev/full: no space left on device (free space, or use another disk)\n"),
        "{}",
        out.stderr
    );
}

/// A named pipe, and its reader.
fn pipe_with_reader(dir: &Dir) -> (String, OwnedFd) {
    let path = dir.file("pipe");
    rustix::fs::mknodat(CWD, &path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
    let reader = rustix::fs::open(&path, OFlags::RDONLY | OFlags::NONBLOCK, Mode::empty()).unwrap();
    (path.to_str().unwrap().to_owned(), reader)
}

#[test]
fn named_pipe_gets_the_capture() {
    if !has_program("tshark") {
        return;
    }
    let dir = Dir::new("pipe");
    let (pipe, reader) = pipe_with_reader(&dir);
    run(["connect", "--loopback", "--pcap", &pipe, "-m", "SECRET 1"], "").is(0, digits("1"), "");
    let copy = dir.file("copy.pcapng");
    let mut bytes = Vec::new();
    File::from(reader).read_to_end(&mut bytes).unwrap();
    fs::write(&copy, bytes).unwrap();
    is_clean(&copy, 1);
}

#[test]
fn received_packets_name_the_messages_that_end_in_them() {
    if !has_program("tshark") {
        return;
    }
    let dir = Dir::new("received");
    let file = dir.file("a.pcapng");
    let server = Server::start(&["--pcap", file.to_str().unwrap()]);
    let mut client = server.open();
    client.write_all(b"SECRET 1\nSECRET 22\n").unwrap();
    assert_eq!(read_line(&mut client) + &read_line(&mut client), digits("1") + &digits("22"));
    client.write_all(b"SECRET 3\n").unwrap();
    assert_eq!(read_line(&mut client), digits("3"));
    drop(client);
    server.stops_with("");
    is_clean(&file, 1);
    let wire = "; as read; the wire may differ\n";
    let all = comments(&file);
    for read in ["read of 19 bytes at 0; ends of messages 1 to 2", "read of 9 bytes at 19; end of message 3"] {
        assert!(all.contains(&format!("{read}{wire}")), "{all}");
    }
    assert_eq!(tshark(&file, &["-Y", "frame.time_delta < 0"]), "", "packets are in the order of their times");
}

/// Nothing follows: the packet is there all the same.
#[test]
fn half_a_message_is_captured_when_it_is_read() {
    let dir = Dir::new("half");
    let (pipe, reader) = pipe_with_reader(&dir);
    let server = Server::start(&["--pcap", &pipe]);
    let mut client = server.open();
    client.write_all(b"SECRE").unwrap();
    captures(reader, b"SECRE");
    drop(client);
    server.stops_with("");
}

/// Waits until a capture has these bytes.
#[track_caller]
fn captures(reader: OwnedFd, bytes: &[u8]) {
    let (other, mut reader) = (Server::start(&[]), File::from(reader));
    let (mut got, mut part) = (Vec::new(), [0; 4096]);
    let is_captured = || {
        let n = read_some(&mut reader, &mut part).unwrap_or(0); // there may be nothing yet
        got.extend_from_slice(&part[..n]);
        got.windows(bytes.len()).any(|found| found == bytes)
    };
    poll_until("the bytes are captured", || drop(other.exchange("x\n")), is_captured);
}

#[test]
fn half_a_greeting_of_a_swept_server_is_captured() {
    let (listener, address) = local_listener();
    let args = ["sweep", &address, "--greeting", "1", "-m", "a", "--timeout", "1h"];
    captures_of_peer(&listener, &args, b"WELCO", b"WELCO");
}

/// Starts the program, which connects to this peer, and waits until its capture has these of the bytes that are sent.
#[track_caller]
fn captures_of_peer(peer: &TcpListener, args: &[&str], sent: &[u8], bytes: &[u8]) {
    let dir = Dir::new("peer");
    let (pipe, reader) = pipe_with_reader(&dir);
    let proc = Proc::start(secretcat(args).args(["--pcap", &pipe]));
    let (mut peer, _) = peer.accept().unwrap();
    peer.write_all(sent).unwrap();
    captures(reader, bytes);
    proc.signal(Signal::INT);
    proc.end();
}

#[test]
fn half_a_message_of_a_swept_client_is_captured() {
    let dir = Dir::new("client");
    let (pipe, reader) = pipe_with_reader(&dir);
    let (held, client, replies) = (dir.file("held"), dir.file("client"), dir.file("replies"));
    rustix::fs::mknodat(CWD, &held, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
    let held_open = File::options().read(true).write(true).open(&held).unwrap();
    let program = env!("CARGO_BIN_EXE_secretcat");
    fs::write(&client, format!("(printf SECRE; cat {}) | {program} connect --raw $1\n", held.display())).unwrap();
    fs::write(&replies, "REPLY\n").unwrap();
    let command = format!("sh {} {{address}}", client.display());
    let args = ["sweep", "--client", &command, "--replies", replies.to_str().unwrap(), "--timeout", "1h"];
    let sweep = Proc::start(secretcat(args).args(["--pcap", &pipe]));
    captures(reader, b"SECRE");
    sweep.signal(Signal::INT);
    drop(held_open); // the client ends
    sweep.end();
}

#[test]
fn half_a_line_of_a_sender_is_captured() {
    let dir = Dir::new("sender");
    let (listener, address) = local_listener();
    let args = ["receive", "--from", &address, "--dir", dir.path().to_str().unwrap()];
    captures_of_peer(&listener, &args, b"secretcat-files 1 send\nfile 5 - sh", b"file 5 - sh");
}

#[test]
fn named_pipe_without_a_reader_is_an_error() {
    let dir = Dir::new("unread");
    let (pipe, reader) = pipe_with_reader(&dir);
    drop(reader);
    let stderr = format!("secretcat: create {pipe}: no process reads this pipe (start its reader first)\n");
    run(["connect", "--loopback", "--pcap", &pipe, "-m", "SECRET 1"], "").is(2, "", stderr);
}

#[test]
fn reader_of_a_pipe_that_stops_does_not_stop_the_listener() {
    let dir = Dir::new("stalled");
    let (pipe, reader) = pipe_with_reader(&dir);
    let server = Server::start(&["--max-message", "1m", "--pcap", &pipe]);
    let message = format!("SECRET{}\n", "1".repeat(900_000));
    for _ in 0..4 {
        assert_eq!(server.exchange(&message).len(), "Digits:    Count: 900000\n".len() + 900_000);
    }
    let out = server.stop();
    let why = "its reader does not keep up";
    assert_eq!(out.status, Some(2));
    assert!(out.stderr.ends_with(&format!("secretcat: write {pipe}: {why}\n")), "{}", out.stderr);
    drop(reader);
}
