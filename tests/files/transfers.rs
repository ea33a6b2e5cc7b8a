//! Files that are sent and received: their names, contents and times, and what both sides print.

use std::cell::RefCell;
use std::fs::{self, File};
use std::time::{Duration, SystemTime};

use secretcat::value::Size;

use crate::pair::{Files, end, line, send_to};
use crate::resuming::wait_for_all;
use crate::support::{Proc, Server, noise, poll_until, run, secretcat};

#[test]
fn file_is_sent_to_a_receiver_that_listens() {
    let files = Files::new("send");
    let content = noise(3_000_001);
    let path = files.to_send("a b.bin", &content);
    let then = SystemTime::UNIX_EPOCH + Duration::new(1_000_000_000, 123_456_789);
    File::options().write(true).open(&path).unwrap().set_modified(then).unwrap();
    let (sent, taken) = files.send(&[&path], &[]);
    sent.is(0, "", line("sent", "a b.bin", &content));
    taken.is(0, "", line("received", "a b.bin", &content));
    assert_eq!((files.names(), files.read("a b.bin") == content), (vec!["a b.bin".to_owned()], true));
    assert_eq!(fs::metadata(files.path("a b.bin")).unwrap().modified().unwrap(), then);
}

#[test]
fn files_are_received_from_a_sender_that_listens() {
    let files = Files::new("listen");
    let (one, two) = (noise(70_000), Vec::new());
    let paths = [files.to_send("one", &one), files.to_send("two", &two)];
    let sender = Server::from_command(secretcat(["send", "--listen=127.0.0.1:0"]).args(&paths));
    let taken = run(["receive", "--from", &sender.address(), "--dir", &files.target()], "");
    taken.is(0, "", line("received", "one", &one) + &line("received", "two", &two));
    end(sender).is(0, "", line("sent", "one", &one) + &line("sent", "two", &two));
    assert_eq!((files.read("one"), files.read("two")), (one, two));
}

/// The kernel doubles what is set, as far as `net.core.wmem_max` allows.
#[test]
fn sender_to_this_host_has_a_small_send_buffer() {
    let files = Files::new("buffer");
    let path = files.to_send("a", "a");
    let sndbuf = |args: &[&str]| {
        let receiver = files.receiver(&["--overwrite", "always"]);
        let sent = send_to(&receiver, &[&[path.as_str(), "--show-options"], args].concat()).end();
        end(receiver);
        let row = sent.stderr.lines().find(|line| line.starts_with("sndbuf ")).unwrap().to_owned();
        row.split_whitespace().last().unwrap().parse::<Size>().unwrap().0
    };
    let most: u64 = fs::read_to_string("/proc/sys/net/core/wmem_max").unwrap().trim().parse().unwrap();
    assert_eq!(sndbuf(&[]), 2 * most.min(256 << 10));
    assert_eq!(sndbuf(&["--sndbuf", "64k"]), 128 << 10, "the user's value stands");
}

#[test]
fn file_that_was_removed_meanwhile_does_not_end_the_others() {
    let files = Files::new("removed");
    let paths = ["one", "two", "three"].map(|name| files.to_send(name, name));
    let sender = Server::from_command(secretcat(["send", "--listen=127.0.0.1:0"]).args(&paths));
    fs::remove_file(&paths[1]).unwrap();
    let taken = run(["receive", "--from", &sender.address(), "--dir", &files.target()], "");
    let sent = end(sender);
    taken.is(0, "", line("received", "one", b"one") + &line("received", "three", b"three"));
    let removed = format!("secretcat: open {}: no such file or directory\n", paths[1]);
    sent.is(2, "", line("sent", "one", b"one") + &line("sent", "three", b"three") + &removed);
    assert_eq!(files.names(), ["one", "three"]);
}

#[test]
fn stdin_is_sent_as_it_comes_under_a_given_name() {
    let files = Files::new("stdin");
    let receiver = files.receiver(&[]);
    let mut sender = send_to(&receiver, &["--name", "notes", "-"]);
    sender.write("first ");
    let part = files.path(".notes.part");
    poll_until("a partial file", std::thread::yield_now, || part.exists());
    sender.write("second");
    sender.close_stdin();
    sender.end().is(0, "", line("sent", "notes", b"first second"));
    end(receiver).is(0, "", line("received", "notes", b"first second"));
    assert_eq!((files.names(), files.read("notes")), (vec!["notes".to_owned()], b"first second".to_vec()));
}

#[test]
fn dump_of_both_sides_has_the_bytes_of_the_file() {
    let files = Files::new("dump");
    let content = noise(2_500_000);
    let path = files.to_send("a", &content);
    for checksum in ["sha256", "none"] {
        let dumped = |side: &str| files.dir.file(&format!("{side}-{checksum}"));
        let (ours, theirs) = (dumped("sent"), dumped("taken"));
        let receiver =
            files.receiver(&["--checksum", checksum, "--overwrite", "always", "--dump", theirs.to_str().unwrap()]);
        let sender = send_to(&receiver, &["--checksum", checksum, "--dump", ours.to_str().unwrap(), "-x", &path]);
        let out = sender.end();
        assert_eq!((out.status, end(receiver).status), (Some(0), Some(0)));
        assert!(out.stderr.starts_with("#1 > 00000000: 7365 6372 6574 6361 742d 6669 6c65 7320  secretcat-files \n"));
        let sent = fs::read(ours.join("1-out")).unwrap();
        assert!(sent == fs::read(theirs.join("1-in")).unwrap() && sent.len() > content.len(), "{checksum}");
        assert_eq!(fs::read(ours.join("1-in")).unwrap(), fs::read(theirs.join("1-out")).unwrap(), "{checksum}");
    }
}

#[test]
fn quiet_transfers_print_nothing() {
    let files = Files::new("quiet");
    let path = files.to_send("a", "a");
    let address = format!("unix:{}", files.dir.file("socket").display());
    let listen = format!("--listen={address}");
    let receiver = Proc::start(&mut secretcat(["receive", "--quiet", &listen, "--dir", &files.target()]));
    let retry = ["--retry", "1000", "--retry-delay", "10ms"];
    run(["send", "--quiet", "--to", &address, &path].iter().chain(&retry), "").is(0, "", "");
    receiver.end().is(0, "", "");
    assert_eq!(files.read("a"), b"a");
}

#[test]
fn progress_shows_the_file_and_its_share() {
    let files = Files::new("progress");
    let receiver = files.receiver(&["--progress"]);
    let sender = RefCell::new(send_to(&receiver, &["--progress", "--name", "n", "-"]));
    // The transfer continues until its progress is reported.
    let is_shown = || {
        let sent = sender.borrow().output_so_far().1.contains("n: sent ");
        sent && receiver.proc.output_so_far().1.contains("n: received ")
    };
    poll_until("progress on both sides", || sender.borrow_mut().write(vec![b'x'; 1000]), is_shown);
    let mut sender = sender.into_inner();
    sender.close_stdin();
    assert_eq!((sender.end().status, end(receiver).status), (Some(0), Some(0)));
}

#[test]
fn files_without_checksum_are_taken_only_if_both_sides_agree() {
    let files = Files::new("none");
    let path = files.to_send("a", "abc");
    let (sent, taken) = files.send(&["--checksum", "none", &path], &["--checksum", "none"]);
    sent.is(0, "", "sent a (3 bytes, no checksum)\n");
    taken.is(0, "", "received a (3 bytes, no checksum)\n");
    assert_eq!(files.read("a"), b"abc");

    let why = "the sender computes no checksum (--checksum none)";
    let other = files.to_send("b", "abc");
    let receiver = files.receiver(&[]);
    let to = receiver.address();
    let sent = send_to(&receiver, &["--checksum", "none", &other]).end();
    sent.is(1, "", format!("secretcat: send b to {to}: the receiver: {why}\n"));
    let taken = end(receiver);
    assert!(taken.stderr.ends_with(&format!(": the sender sends: {why}\n")), "{}", taken.stderr);
    assert_eq!((taken.status, files.names()), (Some(1), vec!["a".to_owned()]));
    // A receiver that accepts none still verifies what has a hash.
    let (sent, taken) = files.send(&[&other], &["--checksum", "none"]);
    sent.is(0, "", line("sent", "b", b"abc"));
    taken.is(0, "", line("received", "b", b"abc"));
}

#[test]
fn file_beyond_max_size_is_refused_before_and_while_it_comes() {
    let files = Files::new("size");
    let path = files.to_send("a", "12345");
    let small = files.to_send("b", "123");
    // The others go on.
    let (sent, taken) = files.send(&[&path, &small], &["--max-size", "4"]);
    let why = "it has more than 4 bytes (--max-size)";
    let by_receiver = format!("secretcat: a: refused by the receiver: {why}\n{}", line("sent", "b", b"123"));
    assert!(sent.stderr.starts_with(&by_receiver), "{}", sent.stderr);
    let by_itself = format!("secretcat: a: refused: {why}\n{}", line("received", "b", b"123"));
    assert!(taken.stderr.starts_with(&by_itself), "{}", taken.stderr);
    assert_eq!((sent.status, taken.status, files.names()), (Some(1), Some(1), vec!["b".to_owned()]));

    // The size of stdin is not known: what came of it until then is removed.
    let receiver = files.receiver(&["--max-size", "4"]);
    let to = receiver.address();
    let mut sender = send_to(&receiver, &["--name", "c", "-"]);
    sender.write("123");
    poll_until("a partial file", std::thread::yield_now, || files.path(".c.part").exists());
    wait_for_all(&receiver);
    sender.write("45");
    let why = "the file has more than 4 bytes (--max-size)";
    sender.end().is(1, "", format!("secretcat: send c to {to}: the receiver: {why}\n"));
    let taken = end(receiver);
    assert!(taken.stderr.starts_with("secretcat: receive c from "), "{}", taken.stderr);
    assert!(taken.stderr.ends_with(&format!(": the sender sends: {why}\n")), "{}", taken.stderr);
    assert_eq!((taken.status, files.names()), (Some(1), vec!["b".to_owned()]));
    let (sent, taken) = files.send(&[&path], &["--max-size", "5"]);
    assert_eq!((sent.status, taken.status), (Some(0), Some(0)));
}

#[test]
fn file_that_cannot_be_sent_is_an_error_before_anything_is_sent() {
    let files = Files::new("missing");
    let path = files.dir.file("missing").to_str().unwrap().to_owned();
    run(["send", "--to", "127.0.0.1:1", &path], "").is(
        2,
        "",
        format!("secretcat: open {path}: no such file or directory\n"),
    );
    let dir = files.target();
    let hint = "tar c DIR | secretcat send - --name N";
    run(["send", "--to", "127.0.0.1:1", &dir], "").is(
        2,
        "",
        format!("secretcat: open {dir}: it is a directory ({hint})\n"),
    );
    let pipe = files.dir.file("pipe");
    rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
    let pipe = pipe.to_str().unwrap();
    run(["send", "--to", "127.0.0.1:1", pipe], "").is(
        2,
        "",
        format!("secretcat: open {pipe}: it is no regular file (send - --name NAME < FILE)\n"),
    );
    run(["receive", "--from", "127.0.0.1:1", "--dir", &path], "").is(
        2,
        "",
        format!("secretcat: open {path}: no such directory (create it with mkdir, or give another --dir)\n"),
    );
    let file = files.to_send("a", "abc");
    run(["receive", "--from", "127.0.0.1:1", "--dir", &file], "").is(
        2,
        "",
        format!("secretcat: open {file}: it is no directory (give another --dir)\n"),
    );
    // As it would be for connect.
    let address = "127.0.0.1:1";
    run(["send", &file, address], "").is(
        2,
        "",
        format!("secretcat: open {address}: no such file or directory (for an address: --to {address})\n"),
    );
}

#[cfg(feature = "tls")]
#[test]
fn files_are_encrypted_with_tls_on_either_side() {
    let files = Files::new("tls");
    let content = noise(1_000_000);
    let path = files.to_send("a", &content);
    let pin = |server: &Server| {
        let text = server.proc.wait_for_stderr("--tls-pin sha256//");
        text.split("--tls-pin ").nth(1).unwrap().lines().next().unwrap().to_owned()
    };
    let receiver = files.receiver(&["--tls"]);
    let wrong = send_to(&receiver, &["--tls-pin", &format!("sha256//{}=", "A".repeat(43)), &path]).end();
    assert_eq!(wrong.status, Some(1), "{}", wrong.stderr);
    let sent = send_to(&receiver, &["--tls-pin", &pin(&receiver), &path]).end();
    sent.is(0, "", line("sent", "a", &content));
    assert_eq!((receiver.proc.end().status, files.read("a") == content), (Some(0), true));

    let sender = Server::from_command(&mut secretcat(["send", "--listen=127.0.0.1:0", "--tls", &path]));
    let args = ["receive", "--from", &sender.address(), "--tls-pin", &pin(&sender), "--dir", &files.target()];
    run(args.iter().chain(&["--overwrite", "always"]), "").is(0, "", line("received", "a", &content));
    assert_eq!(sender.proc.end().status, Some(0));
}
