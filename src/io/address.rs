//! Resolves an address without blocking the event loop.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, TryRecvError, channel};

use mio::Waker;

use crate::value::{Family, Host, is_localhost};

/// A name lookup.
#[derive(Debug)]
pub enum Lookup {
    /// Done: the host is a numeric address.
    Known(Vec<SocketAddr>),
    /// Running: the resolver of the system, which may take any time, runs on its own thread.
    Asked(Receiver<io::Result<Vec<SocketAddr>>>),
}

impl Lookup {
    /// Starts to resolve `host`. The waker is used when the result is there.
    ///
    /// # Errors
    /// When no thread can be started.
    pub fn start(host: &Host, port: u16, family: Family, waker: &Arc<Waker>) -> io::Result<Self> {
        let name = match host {
            Host::Ip(ip) => return Ok(Lookup::Known(vec![SocketAddr::new(*ip, port)])),
            Host::Any => return Ok(Lookup::Known(everywhere(port, family))),
            Host::Scoped(ip, scope) => format!("{ip}%{scope}"),
            Host::Name(name) => name.clone(),
        };
        let (sender, receiver) = channel();
        let waker = Arc::clone(waker);
        std::thread::Builder::new().name("resolver".to_owned()).spawn(move || {
            let found = match (name.as_str(), port).to_socket_addrs() {
                // A system without /etc/hosts asks a name server, which has no such name.
                Err(_) if is_localhost(&name) => Ok(loopback(port)),
                found => found.map(Iterator::collect),
            };
            let found = found.map(|found| sorted(found, family));
            // After the connect limit no receiver is left.
            let _ = sender.send(found);
            let _ = waker.wake();
        })?;
        Ok(Lookup::Asked(receiver))
    }

    /// The addresses, or `None` while the lookup is running.
    ///
    /// # Errors
    /// The error of the resolver; `NotFound` when the name has no address of the requested family.
    pub fn poll(&mut self) -> io::Result<Option<Vec<SocketAddr>>> {
        let found = match self {
            Lookup::Known(found) => std::mem::take(found),
            Lookup::Asked(receiver) => match receiver.try_recv() {
                Err(TryRecvError::Empty) => return Ok(None),
                Err(TryRecvError::Disconnected) => return Err(io::Error::other("the thread of the resolver ended")),
                Ok(found) => found.map_err(plain)?,
            },
        };
        if found.is_empty() {
            return Err(io::Error::new(io::ErrorKind::NotFound, "no address of the requested family"));
        }
        Ok(Some(found))
    }
}

/// Every interface: the IPv6 socket also accepts IPv4, if the host has both.
fn everywhere(port: u16, family: Family) -> Vec<SocketAddr> {
    let v4 = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), port);
    let v6 = SocketAddr::new(IpAddr::V6(Ipv6Addr::UNSPECIFIED), port);
    match family {
        Family::Any => vec![v6, v4],
        Family::V4 => vec![v4],
        Family::V6 => vec![v6],
    }
}

/// The addresses of `localhost` (RFC 6761, section 6.3). IPv4 is first: some hosts have no IPv6.
fn loopback(port: u16) -> Vec<SocketAddr> {
    vec![(Ipv4Addr::LOCALHOST, port).into(), (Ipv6Addr::LOCALHOST, port).into()]
}

/// Sorts by the order of the resolver (RFC 6724), with alternating families (RFC 8305, section 4).
fn sorted(found: Vec<SocketAddr>, family: Family) -> Vec<SocketAddr> {
    let first_is_v6 = found.first().is_some_and(SocketAddr::is_ipv6);
    let (first, second): (Vec<_>, Vec<_>) = found.into_iter().partition(|addr| addr.is_ipv6() == first_is_v6);
    let (mut first, mut second) = (first.into_iter(), second.into_iter());
    let mut sorted = Vec::new();
    loop {
        match (first.next(), second.next()) {
            (None, None) => break,
            (a, b) => sorted.extend(a.into_iter().chain(b)),
        }
    }
    let wanted = |addr: &SocketAddr| match family {
        Family::Any => true,
        Family::V4 => addr.is_ipv4(),
        Family::V6 => addr.is_ipv6(),
    };
    sorted.retain(wanted);
    sorted.dedup();
    sorted
}

/// The error of the resolver without the prefix that the standard library adds.
fn plain(error: io::Error) -> io::Error {
    let text = error.to_string();
    match text.split_once("lookup address information: ") {
        Some((_, words)) => io::Error::new(error.kind(), words.to_owned()),
        None => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_alternate_and_the_unwanted_one_is_removed() {
        let parse = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect::<Vec<SocketAddr>>();
        let found = parse(&["[::1]:1", "[::2]:1", "127.0.0.1:1", "127.0.0.2:1", "127.0.0.2:1"]);
        let turns = parse(&["[::1]:1", "127.0.0.1:1", "[::2]:1", "127.0.0.2:1"]);
        assert_eq!(sorted(found.clone(), Family::Any), turns);
        assert_eq!(sorted(found, Family::V4), parse(&["127.0.0.1:1", "127.0.0.2:1"]));
    }
}
