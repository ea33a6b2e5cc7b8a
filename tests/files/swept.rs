//! Our own sweep over the file protocol: however a sender's bytes are cut, the receiver answers the same.

use crate::pair::{Files, sha256};
use crate::support::sweep::sweep;
use crate::support::{Server, secretcat};

#[test]
fn receiver_answers_the_same_under_every_cut() {
    let files = Files::new("sweep");
    let receiver = files.receiver(&["-k", "--overwrite", "always"]);
    let hash = sha256(b"hello world");
    // A plan that the sweep begins again leaves the first bytes of a file there, and the next one is offered to resume it
    // if its size is known. Pairs are many enough for that to happen on a busy machine.
    for (size, families) in [("11", "cut,chunk"), ("-", "pair")] {
        let script = format!(
            "secretcat-files 1 send\nfile {size} 1.000000000 sha256 a b\ndata 0\nchunk 5\nhellochunk 6\n world\
             complete 11 {hash}\nfile - - sha256 c\ndata 0\nchunk 11\nhello worldcomplete 11 {hash}\nend\n"
        );
        let args = ["--framing", "raw", "--jobs", "1", "--quiet", "--families", families];
        let out = sweep(&receiver, &args, script.as_bytes());
        assert_eq!(out.status, Some(0), "{families}: {} {}", String::from_utf8_lossy(&out.stdout), out.stderr);
    }
    receiver.stop();
    assert_eq!((files.read("a b"), files.read("c")), (b"hello world".to_vec(), b"hello world".to_vec()));
}

#[test]
fn sender_asks_the_same_under_every_cut() {
    let files = Files::new("sweep-sender");
    let path = files.to_send("a", "hello");
    let sender = Server::from_command(&mut secretcat(["send", "-k", "--listen=127.0.0.1:0", &path]));
    let lines = ["-m", "secretcat-files 1 receive", "-m", "have 0", "-m", "saved"];
    let args = [&["--lock-step", "--jobs", "1", "--quiet"][..], &lines].concat();
    let out = sweep(&sender, &args, b"");
    assert_eq!(out.status, Some(0), "{} {}", String::from_utf8_lossy(&out.stdout), out.stderr);
    sender.stop();
}
