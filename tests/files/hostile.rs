//! A sender that writes what it wants: nothing outside of the directory is touched, and no file looks whole that is not.

use std::fs;
use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::pair::{Files, end, names, send_to, sha256};
use crate::support::{Server, noise_of, poll_until, read_line};

/// What a name is made of.
const PARTS: [&[u8]; 28] = [
    b"..",
    b"/",
    b"../",
    b".",
    b"a",
    b"b",
    b"\0",
    b"\x1b[2J",
    b"\n",
    b"\r",
    b"\x7f",
    b"\xc2\x9b",
    b"\x9b",
    b"\xff",
    b"\\",
    b"%2e%2e%2f",
    b"~",
    b"$(id)",
    b" ",
    b"-rf",
    b"etc/passwd",
    b"\xe2\x80\xae",
    b".part",
    b":",
    b"*",
    b"'\"",
    b"//",
    b"\xc0\xaf",
];

/// Names that were used against other programs.
const KNOWN: [&[u8]; 22] = [
    b"",
    b".",
    b"..",
    b"../outside",
    b"/tmp/outside",
    b"../../outside",
    b"in/../../outside",
    b"./a",
    b"a/",
    b"a/../b",
    b".bashrc",
    b".ssh/authorized_keys",
    b".a.part",
    b"..\\..\\outside",
    b"a\0b",
    b"a\nend",
    b"a\x1b]0;x\x07",
    b"\xc2\x9b2J",
    b"\x9b2J",
    b"CON",
    b"~root",
    b"link",
];

/// A whole transfer of a file with this name; returns what the receiver answers.
fn attempt(receiver: &Server, name: &[u8]) -> String {
    let begin = b"secretcat-files 1 send\nfile 3 - none ";
    let end = b"\ndata 0\nchunk 3\nabccomplete 3 -\nend\n";
    let mut stream = receiver.open();
    stream.write_all(&[begin, name, end].concat()).unwrap();
    stream.shutdown(Shutdown::Write).unwrap(); // the receiver does not wait for our end
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    String::from_utf8(answer).unwrap()
}

/// Every path below a directory, without following links.
fn tree(dir: &Path) -> Vec<String> {
    let mut paths = Vec::new();
    for name in names(dir) {
        let path = dir.join(&name);
        paths.push(path.display().to_string());
        if path.symlink_metadata().is_ok_and(|metadata| metadata.is_dir()) {
            paths.extend(tree(&path));
        }
    }
    paths
}

#[test]
fn names_of_a_hostile_sender_reach_nothing_outside() {
    let files = Files::new("names");
    fs::write(files.dir.file("outside"), "outside").unwrap();
    symlink(files.dir.file("outside"), files.path("link")).unwrap();
    fs::remove_dir(files.dir.file("out")).unwrap();
    let receiver = files.receiver(&["-k", "--checksum", "none", "--overwrite", "always"]);
    let generated = (0..1000_u64).map(|seed| {
        let draw = noise_of(seed, 9);
        let count = 1 + usize::from(draw[0]) % 8;
        draw[1..=count].iter().map(|at| PARTS[usize::from(*at) % PARTS.len()]).collect::<Vec<_>>().concat()
    });
    let (mut saved, mut refused) = (0, 0);
    for name in KNOWN.iter().map(|name| name.to_vec()).chain(generated) {
        let answer = attempt(&receiver, &name);
        let is_saved = answer == "secretcat-files 1 receive\nhave 0\nsaved\nend\n";
        let is_refused = answer.contains("\nerror ") || answer.contains("\nrefuse ");
        assert!(is_saved != is_refused, "{name:?}: {answer}");
        // A name is never a path, nor one that a terminal takes for more than text.
        let is_plain =
            |name: &[u8]| !name.iter().any(|byte| *byte < b' ' || *byte == b'/') && name.first() != Some(&b'.');
        let name = name.strip_suffix(b"\r").unwrap_or(&name);
        assert!(!is_saved || is_plain(name), "{name:?}");
        (saved, refused) = (saved + u32::from(is_saved), refused + u32::from(is_refused));
    }
    assert!(saved > 50 && refused > 500, "{saved} saved, {refused} refused");
    receiver.stop();
    let outside: Vec<String> =
        tree(files.dir.path()).into_iter().filter(|path| !path.starts_with(&(files.target() + "/"))).collect();
    assert_eq!(outside, [files.target(), files.dir.file("outside").display().to_string()]);
    assert_eq!(fs::read(files.dir.file("outside")).unwrap(), b"outside");
    for entry in fs::read_dir(files.target()).unwrap().map(Result::unwrap).filter(|entry| entry.file_name() != "link") {
        let metadata = entry.metadata().unwrap(); // of a link itself
        assert!(metadata.is_file() && metadata.len() == 3, "{entry:?}");
    }
}

/// Sends a file to receivers while its partial file is this; it is refused for this reason.
#[track_caller]
fn refuses_part(name: &str, make: impl FnOnce(&Path, &Path), why: &str) {
    let files = Files::new(name);
    let path = files.to_send("a", "hello");
    let outside = files.dir.file("outside");
    fs::write(&outside, "hel").unwrap();
    make(&files.path(".a.part"), &outside);
    let (sent, taken) = files.send(&[&path], &[]);
    assert!(sent.stderr.starts_with(&format!("secretcat: a: refused by the receiver: {why}\n")), "{}", sent.stderr);
    assert_eq!((sent.status, taken.status), (Some(1), Some(1)));
    assert_eq!((fs::read(&outside).unwrap(), files.path("a").exists()), (b"hel".to_vec(), false));
}

#[test]
fn partial_file_that_is_no_file_of_its_own_is_refused() {
    refuses_part("symlink", |part, outside| symlink(outside, part).unwrap(), "its partial file is a symbolic link");
    refuses_part(
        "hardlink",
        |part, outside| fs::hard_link(outside, part).unwrap(),
        "its partial file has another name, too",
    );
    refuses_part("dir", |part, _| fs::create_dir(part).unwrap(), "its partial file is no regular file");
    let pipe = |part: &Path, _: &Path| {
        rustix::fs::mknodat(rustix::fs::CWD, part, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
    };
    refuses_part("pipe", pipe, "its partial file is no regular file");
}

#[test]
fn links_that_are_swapped_meanwhile_are_not_followed() {
    let files = Files::new("race");
    let outside = files.dir.file("outside");
    fs::write(&outside, "outside").unwrap();
    let receiver = files.receiver(&["-k", "--checksum", "none", "--overwrite", "always"]);
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let (part, name, link) = (files.path(".a.part"), files.path("a"), files.dir.file("link"));
            while !is_over.load(Ordering::Relaxed) {
                for target in [&part, &name] {
                    let _ = fs::remove_file(&link);
                    symlink(&outside, &link).unwrap();
                    let _ = fs::rename(&link, target);
                    std::thread::yield_now();
                    let _ = fs::remove_file(target);
                }
            }
        });
        for _ in 0..300 {
            attempt(&receiver, b"a");
        }
        is_over.store(true, Ordering::Relaxed);
    });
    receiver.stop();
    assert_eq!(fs::read(&outside).unwrap(), b"outside");
}

#[test]
fn second_transfer_of_a_name_is_refused_while_one_runs() {
    let files = Files::new("lock");
    let path = files.to_send("a", "hello");
    let first = files.receiver(&[]);
    let mut stream = first.open();
    stream.write_all(b"secretcat-files 1 send\nfile 5 - sha256 a\n").unwrap();
    assert_eq!(read_line(&mut stream), "secretcat-files 1 receive\n");
    assert_eq!(read_line(&mut stream), "have 0\n");
    let (sent, taken) = files.send(&[&path], &[]);
    let why = "another transfer of this name is running";
    assert!(sent.stderr.starts_with(&format!("secretcat: a: refused by the receiver: {why}\n")), "{}", sent.stderr);
    assert_eq!((sent.status, taken.status), (Some(1), Some(1)));
    let rest = format!("data 0\nchunk 5\nhellocomplete 5 {}\nend\n", sha256(b"hello"));
    stream.write_all(rest.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert_eq!((answer.as_str(), end(first).status, files.read("a")), ("saved\nend\n", Some(0), b"hello".to_vec()));
}

#[test]
fn file_with_another_hash_is_not_saved() {
    let files = Files::new("hash");
    let receiver = files.receiver(&[]);
    let mut stream = receiver.open();
    let script = format!(
        "secretcat-files 1 send\nfile 5 - sha256 a\ndata 0\nchunk 5\nhellocomplete 5 {}\nend\n",
        sha256(b"other")
    );
    stream.write_all(script.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let why = "the checksum does not match: what came is not what was sent";
    assert_eq!(answer, format!("secretcat-files 1 receive\nhave 0\nrefuse {why}\nend\n"));
    let taken = end(receiver);
    assert!(taken.stderr.starts_with(&format!("secretcat: a: refused: {why}\n")), "{}", taken.stderr);
    assert_eq!((taken.status, files.names().len()), (Some(1), 0));
}

#[test]
fn connection_that_ends_early_leaves_a_partial_file_only() {
    let files = Files::new("early");
    let receiver = files.receiver(&[]);
    let mut stream = receiver.open();
    stream.write_all(b"secretcat-files 1 send\nfile 5 - sha256 a\ndata 0\nchunk 5\nhel").unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let taken = end(receiver);
    let kept = ".a.part has the first 3 bytes of a: send it again to resume\n";
    assert!(taken.stderr.starts_with(kept), "{}", taken.stderr);
    assert!(taken.stderr.ends_with(": closed by the sender before its end\n"), "{}", taken.stderr);
    assert_eq!((taken.status, files.names()), (Some(1), vec![".a.part".to_owned()]));
}

#[test]
fn receiver_that_is_flooded_does_not_grow() {
    let files = Files::new("flood");
    let receiver = files.receiver(&["-k"]);
    let before = receiver.proc.memory("VmHWM");
    for _ in 0..50 {
        // No line feed, a line that is too long, a chunk that never ends, and connections that say nothing.
        for bytes in [vec![b'x'; 1 << 20], vec![b'\n'; 1 << 20]] {
            let mut stream = receiver.open();
            let _ = stream.write_all(b"secretcat-files 1 send\n").and_then(|()| stream.write_all(&bytes));
        }
    }
    let silent: Vec<_> = (0..200).map(|_| receiver.open()).collect();
    let path = files.to_send("a", "abc");
    assert_eq!(send_to(&receiver, &[&path]).end().status, Some(0), "silent connections hold nobody up");
    drop(silent);
    poll_until("the last connection", std::thread::yield_now, || receiver.proc.descriptors() < 100);
    let grown = receiver.proc.memory("VmHWM").saturating_sub(before);
    assert!(grown < 16 << 20, "{grown} bytes");
    receiver.stop();
}
