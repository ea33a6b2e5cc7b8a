//! A transfer that was interrupted: the next one goes on where it was, if what is there is right.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::Path;

use rustix::process::Signal;

use crate::pair::{Files, end, line, send_to, sha256};
use crate::support::{Server, noise, noise_of, poll_until, read_line, run_command, secretcat};

#[test]
fn transfer_goes_on_after_the_bytes_that_are_there() {
    let files = Files::new("resume");
    let content = noise(1_000_000);
    let path = files.to_send("a", &content);
    fs::write(files.path(".a.part"), &content[..600_000]).unwrap();
    let (sent, taken) = files.send(&[&path], &[]);
    let resuming = "resuming a after its first 600000 bytes\n".to_owned();
    sent.is(0, "", resuming.clone() + &line("sent", "a", &content));
    taken.is(0, "", resuming + &line("received", "a", &content));
    assert_eq!((files.read("a") == content, files.names()), (true, vec!["a".to_owned()]));

    // The receiver takes the rest after its own bytes, which the hash proves.
    fs::write(files.path(".b.part"), "hel").unwrap();
    let receiver = files.receiver(&[]);
    let mut sender = receiver.open();
    sender.write_all(b"secretcat-files 1 send\nfile 5 - sha256 b\n").unwrap();
    assert_eq!(read_line(&mut sender), "secretcat-files 1 receive\n");
    assert_eq!(read_line(&mut sender), format!("have 3 {}\n", sha256(b"hel")));
    let rest = format!("data 3\nchunk 2\nlocomplete 5 {}\nend\n", sha256(b"hello"));
    sender.write_all(rest.as_bytes()).unwrap();
    assert_eq!((read_line(&mut sender), read_line(&mut sender)), ("saved\n".to_owned(), "end\n".to_owned()));
    drop(sender);
    end(receiver).is(0, "", "resuming b after its first 3 bytes\n".to_owned() + &line("received", "b", b"hello"));
    assert_eq!(files.read("b"), b"hello");
}

#[test]
fn partial_file_with_another_content_is_received_anew() {
    let files = Files::new("anew");
    let content = noise(300_000);
    let path = files.to_send("a", &content);
    let mut damaged = content[..200_000].to_vec();
    damaged[100_000] ^= 1;
    let longer = [&content[..], b"more"].concat();
    let anew = ".a.part is not the beginning of a: receiving all of it\n";
    for (part, anew) in [(damaged, anew), (longer, ""), (noise_of(7, 250_000), anew), (Vec::new(), "")] {
        fs::write(files.path(".a.part"), part).unwrap();
        let (sent, taken) = files.send(&[&path], &["--overwrite", "always"]);
        sent.is(0, "", line("sent", "a", &content));
        taken.is(0, "", anew.to_owned() + &line("received", "a", &content));
        assert_eq!((files.read("a") == content, files.names()), (true, vec!["a".to_owned()]));
    }
}

#[test]
fn sender_compares_the_hash_before_it_resumes() {
    let files = Files::new("compare");
    let path = files.to_send("a", "hello");
    for (have, rest) in [
        (format!("have 3 {}", sha256(b"hel")), "data 3\nchunk 2\nlo"),
        (format!("have 3 {}", sha256(b"hex")), "data 0\nchunk 5\nhello"),
        ("have 0".to_owned(), "data 0\nchunk 5\nhello"),
    ] {
        let sender = Server::from_command(&mut secretcat(["send", "--listen=127.0.0.1:0", &path]));
        let mut receiver = sender.open();
        receiver.write_all(b"secretcat-files 1 receive\n").unwrap();
        assert_eq!(read_line(&mut receiver), "secretcat-files 1 send\n");
        let offer = read_line(&mut receiver);
        assert!(offer.starts_with("file 5 ") && offer.ends_with(" sha256 a\n"), "{offer}");
        receiver.write_all(format!("{have}\n").as_bytes()).unwrap();
        let expected = format!("{rest}complete 5 {}\n", sha256(b"hello"));
        let mut got = vec![0; expected.len()];
        receiver.read_exact(&mut got).unwrap();
        assert_eq!(String::from_utf8(got).unwrap(), expected);
        receiver.write_all(b"saved\n").unwrap();
        assert_eq!(read_line(&mut receiver), "end\n");
        receiver.write_all(b"end\n").unwrap();
        let resuming = if rest.starts_with("data 3") { "resuming a after its first 3 bytes\n" } else { "" };
        end(sender).is(0, "", resuming.to_owned() + &line("sent", "a", b"hello"));
    }
}

#[test]
fn interrupted_receiver_keeps_and_reports_received_bytes() {
    let files = Files::new("kept");
    let receiver = files.receiver(&[]);
    let to = receiver.address();
    let mut sender = send_to(&receiver, &["--name", "a", "-"]);
    sender.write("abc");
    let part = files.path(".a.part");
    poll_until("a partial file", std::thread::yield_now, || part.exists());
    // What has come is written at the end, however little it is.
    sender.write("defg");
    wait_for_all(&receiver);
    receiver.proc.signal(Signal::INT);
    let taken = end(receiver);
    let kept = ".a.part has the first 7 bytes of a: send it again to resume\n";
    assert_eq!((taken.signal, taken.stderr), (Some(2), format!("{kept}secretcat: interrupted\n")));
    sender.end().is(1, "", format!("secretcat: send a to {to}: the receiver: interrupted\n"));
    assert_eq!(fs::read(part).unwrap(), b"abcdefg");
}

/// Waits until the receiver sleeps with nothing to read.
pub(crate) fn wait_for_all(receiver: &Server) {
    let (mut quiet, mut before) = (0, receiver.proc.waits());
    poll_until("a receiver that waits", std::thread::yield_now, || {
        let now = receiver.proc.waits();
        quiet = if now == before && receiver.proc.is_in_state('S') { quiet + 1 } else { 0 };
        before = now;
        quiet > 50
    });
}

/// Sends a file, and kills one side after the other as soon as another part of it has come; then lets it end.
#[track_caller]
fn survives_kills(files: &Files, path: &str, size: u64, kills: u64) {
    let part = files.path(".a.part");
    let length = || part.metadata().map_or(0, |part| part.len());
    for kill in 0..kills {
        // A side that is killed before both have met leaves the other one waiting.
        let before = length();
        let receiver = files.receiver(&[]);
        let sender = send_to(&receiver, &[path]);
        // Anywhere within the part, by a number that is the same in each run.
        let within = noise_of(kill, 8).iter().fold(0, |sum, byte| sum * 256 + u64::from(*byte)) % (size / kills);
        let until = before.max(kill * (size / (kills + 1)) + within);
        let has_come = || length() > until || files.path("a").exists();
        poll_until("more of the file", std::thread::yield_now, has_come);
        let killed = if kill % 2 == 0 { &receiver.proc } else { &sender };
        killed.signal(Signal::KILL);
        assert_ne!((sender.end().status, receiver.proc.end().status), (Some(0), Some(0)));
    }
    let (sent, taken) = files.send(&[path], &[]);
    assert_eq!((sent.status, taken.status), (Some(0), Some(0)), "{} {}", sent.stderr, taken.stderr);
}

#[test]
fn killed_transfers_resume_until_the_file_is_whole() {
    let files = Files::new("kills");
    let content = noise(40 << 20);
    let path = files.to_send("a", &content);
    survives_kills(&files, &path, content.len() as u64, 8);
    assert_eq!((files.read("a") == content, files.names()), (true, vec!["a".to_owned()]));
}

#[test]
#[ignore = "8 GiB on the disk of $TMPDIR, and some minutes"]
fn fifty_kills_of_4_gib_leave_a_whole_file() {
    let files = Files::new("fifty");
    let path = files.to_send("a", "");
    let mut file = File::create(&path).unwrap();
    let block = noise(64 << 20);
    for _ in 0..64 {
        file.write_all(&block).unwrap();
    }
    drop(file);
    survives_kills(&files, &path, 4 << 30, 50);
    let hash = |path: &Path| {
        let out = run_command(std::process::Command::new("sha256sum").arg("--").arg(path), "");
        String::from_utf8(out.stdout).unwrap().split(' ').next().unwrap().to_owned()
    };
    assert_eq!(hash(path.as_ref()), hash(&files.path("a")));
    assert_eq!(files.names(), ["a"]);
}
