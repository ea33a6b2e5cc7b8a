//! Finds the state of one socket in the lists of all sockets: tcp and tcp6 in /proc/net, or in that of a process
//! (proc(5)).

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{Tuple, bytes};

/// The directory with the lists of this network namespace.
pub(super) const HERE: &str = "/proc/net";

/// The unread bytes of a socket, from the lists in this directory. `None` if it is not listed, or if there is no list.
pub(super) fn unread(directory: &str, wanted: &Tuple) -> io::Result<Option<u64>> {
    // An IPv6 socket may have an IPv4 peer.
    let files: &[&str] = if wanted.local.is_ipv4() { &["tcp", "tcp6"] } else { &["tcp6"] };
    for file in files {
        match File::open(format!("{directory}/{file}")) {
            Ok(file) => match find(BufReader::new(file), wanted)? {
                None => {}
                found => return Ok(found),
            },
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(None)
}

/// Finds the line of a socket and its receive queue. Lines that are not about a socket, such as titles, are skipped.
pub(super) fn find(list: impl BufRead, wanted: &Tuple) -> io::Result<Option<u64>> {
    for line in list.lines() {
        let Some(entry) = parse(&line?) else { continue };
        if entry.local == (wanted.local.ip(), wanted.local.port())
            && entry.remote == (wanted.remote.ip(), wanted.remote.port())
        {
            return Ok(bytes(entry.state, entry.queue));
        }
    }
    Ok(None)
}

/// The used fields of one line of the list.
struct Entry {
    local: (IpAddr, u16),
    remote: (IpAddr, u16),
    state: u8,
    queue: u32,
}

/// Parses `sl local_address rem_address st tx_queue:rx_queue …`, all but the first in hexadecimal.
fn parse(line: &str) -> Option<Entry> {
    let mut words = line.split_ascii_whitespace().skip(1);
    let local = endpoint(words.next()?)?;
    let remote = endpoint(words.next()?)?;
    let state = u8::from_str_radix(words.next()?, 16).ok()?;
    let (_, queue) = words.next()?.split_once(':')?;
    Some(Entry { local, remote, state, queue: u32::from_str_radix(queue, 16).ok()? })
}

/// Parses `0100007F:1194`: the address in words of the host's byte order, the port as a number.
fn endpoint(text: &str) -> Option<(IpAddr, u16)> {
    let (address, port) = text.split_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    let word =
        |at: usize| -> Option<[u8; 4]> { Some(u32::from_str_radix(address.get(at..at + 8)?, 16).ok()?.to_ne_bytes()) };
    let ip = match address.len() {
        8 => IpAddr::V4(Ipv4Addr::from(word(0)?)),
        32 => {
            let mut octets = [0; 16];
            for (number, chunk) in octets.chunks_exact_mut(4).enumerate() {
                chunk.copy_from_slice(&word(8 * number)?);
            }
            Ipv6Addr::from(octets).to_canonical()
        }
        _ => return None,
    };
    Some((ip, port))
}
