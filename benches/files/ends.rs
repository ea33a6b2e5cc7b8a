//! One side of a transfer alone. Its peer in this program keeps to the protocol, and neither hashes nor has a file: it
//! takes a tenth of the processor time of a side.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;

use crate::{Place, Run, end, receiver, time};

/// From the start of a sender to its end.
pub(crate) fn send(program: &Path, place: &Place) -> Run {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    time(|| {
        let mut command = Command::new(program);
        let sender = command.args(["send", "--quiet", "--to", &address]).arg(place.file()).spawn().unwrap();
        take(listener.accept().unwrap().0, &format!("complete {} {}\n", place.mebibytes << 20, place.digest));
        end(sender);
    })
}

/// Receives a file up to this line, and drops it.
fn take(mut stream: TcpStream, last: &str) {
    stream.write_all(b"secretcat-files 1 receive\nhave 0\n").unwrap();
    let (mut buf, mut tail) = (vec![0; 256 * 1024], Vec::new());
    while !tail.ends_with(last.as_bytes()) {
        let count = stream.read(&mut buf).unwrap();
        assert!(count > 0, "the sender has closed the connection");
        tail.extend_from_slice(&buf[count.saturating_sub(last.len())..count]);
        tail.drain(..tail.len().saturating_sub(last.len()));
    }
    stream.write_all(b"saved\n").unwrap();
    let mut lines = BufReader::new(&stream);
    assert_eq!(line(&mut lines), "end");
    (&stream).write_all(b"end\n").unwrap();
}

/// From the connection to a receiver to its end.
pub(crate) fn receive(program: &Path, place: &Place) -> Run {
    let (receiver, address) = receiver(program, place, "sha256");
    time(|| {
        give(TcpStream::connect(address).unwrap(), place);
        end(receiver);
    })
}

/// Sends a file in chunks of 1 MiB from a block that stays in the caches: a receiver that reads the pages of a file of
/// 512 MiB from the memory needs a third more processor time, which is the sender's.
fn give(mut stream: TcpStream, place: &Place) {
    let size = place.mebibytes << 20;
    let mut lines = BufReader::new(stream.try_clone().unwrap());
    writeln!(stream, "secretcat-files 1 send\nfile {size} - sha256 file").unwrap();
    assert_eq!(line(&mut lines), "secretcat-files 1 receive");
    assert_eq!(line(&mut lines), "have 0");
    stream.write_all(b"data 0\n").unwrap();
    let mut block = place.block();
    for number in 0..place.mebibytes {
        stream.write_all(b"chunk 1048576\n").unwrap();
        Place::number(&mut block, number);
        stream.write_all(&block).unwrap();
    }
    writeln!(stream, "complete {size} {}", place.digest).unwrap();
    assert_eq!(line(&mut lines), "saved");
    stream.write_all(b"end\n").unwrap();
    assert_eq!(line(&mut lines), "end");
}

fn line(from: &mut impl BufRead) -> String {
    let mut line = String::new();
    from.read_line(&mut line).unwrap();
    line.trim_end().to_owned()
}
