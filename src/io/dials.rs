//! Connections that are being made, several at once, each for a purpose of its owner.

use slab::Slab;

use super::conn::Conn;
use super::connector::{Connecting, Connector};
use super::key::Key;
use super::reactor::{Reactor, Ready};
use crate::error::Error;

/// Connections that are being made. `T` is what each of them is for.
#[derive(Debug)]
pub struct Dials<T> {
    under_way: Slab<(T, Connecting)>,
}

/// A connection that was made, or could not be made.
#[derive(Debug)]
pub struct Made<T> {
    /// What it is for.
    pub purpose: T,
    /// The connection, or why there is none.
    pub result: Result<Conn, Error>,
    /// An error is that of the handshake: there was a connection.
    pub in_handshake: bool,
    /// What the server has sent before the handshake, in plain text.
    pub greeting: Vec<u8>,
}

impl<T> Default for Dials<T> {
    fn default() -> Self {
        Dials { under_way: Slab::new() }
    }
}

impl<T> Dials<T> {
    /// The number of connections that are being made.
    #[must_use]
    pub fn len(&self) -> usize {
        self.under_way.len()
    }

    /// Whether none is being made.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.under_way.is_empty()
    }

    /// Starts to connect. `Some`: it has failed already.
    pub fn start(&mut self, connector: &Connector<'_>, purpose: T, reactor: &mut Reactor) -> Option<Made<T>> {
        let entry = self.under_way.vacant_entry();
        let number = entry.key();
        match connector.start(reactor, number) {
            Ok(connecting) => {
                entry.insert((purpose, connecting));
                reactor.again(Key::Dial(number));
                None
            }
            Err(error) => Some(Made { purpose, result: Err(error), in_handshake: false, greeting: Vec::new() }),
        }
    }

    /// Continues the connection that an event is for, or all of them after a wake-up, because a name lookup may
    /// have ended. Returns those that are made or have failed.
    pub fn on_event(&mut self, ready: Ready, reactor: &mut Reactor) -> Vec<Made<T>> {
        match ready.key {
            Key::Dial(number) | Key::Attempt { dial: number, .. } => {
                if let Some((_, connecting)) = self.under_way.get_mut(number) {
                    connecting.on_ready(ready);
                }
                self.go_on(number, reactor).into_iter().collect()
            }
            Key::Waker => {
                let all: Vec<_> = self.under_way.iter().map(|(number, _)| number).collect();
                all.into_iter().filter_map(|number| self.go_on(number, reactor)).collect()
            }
            _ => Vec::new(),
        }
    }

    /// What the connections are for that are being made.
    pub fn purposes(&self) -> impl Iterator<Item = &T> {
        self.under_way.iter().map(|(_, (purpose, _))| purpose)
    }

    /// Aborts the connections for these purposes.
    pub fn abandon(&mut self, reactor: &Reactor, is_over: impl Fn(&T) -> bool) {
        self.under_way.retain(|_, (purpose, connecting)| {
            let keep = !is_over(purpose);
            if !keep {
                connecting.abandon(reactor);
            }
            keep
        });
    }

    fn go_on(&mut self, number: usize, reactor: &mut Reactor) -> Option<Made<T>> {
        let (_, connecting) = self.under_way.get_mut(number)?;
        let result = connecting.poll(reactor).transpose()?;
        let (purpose, connecting) = self.under_way.remove(number);
        let in_handshake = connecting.has_begun_handshake();
        Some(Made { purpose, result, in_handshake, greeting: connecting.into_greeting() })
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::time::Duration;

    use super::super::connector::Make;
    use super::super::reactor::run_until;
    use super::super::recorder::Recorder;
    use super::*;
    use crate::config::Traffic;
    use crate::value::{Address, Family};

    #[test]
    fn each_connection_comes_with_its_purpose() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address: Address = listener.local_addr().unwrap().to_string().parse().unwrap();
        let nowhere = Address::Unix("/nonexistent/socket".into());
        let (traffic, recorder) = (Traffic::default(), Recorder::default());
        let plain = Make::plain(&traffic, &recorder);
        let limit = Duration::from_secs(60);
        let connector = |address| Connector {
            address,
            proxy: None,
            family: Family::Any,
            limit,
            limited_by: "the test",
            make: plain,
        };
        let mut reactor = Reactor::new(Duration::ZERO).unwrap();
        let mut dials = Dials::default();
        for (purpose, address) in [("one", &address), ("two", &nowhere), ("three", &address), ("four", &address)] {
            assert!(dials.start(&connector(address), purpose, &mut reactor).is_none());
        }
        dials.abandon(&reactor, |&purpose| purpose == "four");
        assert_eq!(dials.len(), 3);
        let mut all = Vec::new();
        run_until(&mut reactor, |reactor, ready, _| {
            all.extend(ready.iter().flat_map(|&ready| dials.on_event(ready, reactor)));
            dials.is_empty().then_some(())
        });
        all.sort_by_key(|made| made.purpose);
        let made: Vec<_> = all.iter().map(|made| (made.purpose, made.result.is_ok())).collect();
        assert_eq!(made, [("one", true), ("three", true), ("two", false)]);
    }
}
