//! The shared state of the loops of one listener: the number of connections, and their numbering.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex, PoisonError};

use super::account::Totals;
use super::rate_limit::Quota;
use crate::auth::Policy;
use crate::config::ListenConfig;
use crate::io::encoding::ServerEncoding;
use crate::io::reads::Reads;
use crate::io::threads;

/// The state that all loops of a listener share.
#[derive(Debug, Default)]
pub(super) struct Shared {
    /// Encodes the bytes of connections.
    pub(super) encoding: Option<ServerEncoding>,
    /// Who may log in, if clients have to.
    pub(super) policy: Option<Arc<Policy>>,
    /// Counts what is read, for those that ask.
    pub(super) reads: Option<Reads>,
    inside: AtomicUsize,
    arrivals: AtomicU64,
    /// The rate limit of access lines at a terminal.
    pub(super) lines: Mutex<Quota>,
    totals: Mutex<Collected>,
}

/// The totals of the loops for one request so far.
#[derive(Debug, Default)]
struct Collected {
    request: u64,
    parts: usize,
    totals: Totals,
}

/// The share of one loop.
#[derive(Debug)]
pub(super) struct ConnectionLimit<'a> {
    shared: &'a Shared,
    limit: Option<usize>,
    /// The number of connections that this loop serves or is about to serve.
    mine: usize,
}

/// The number of loops.
pub(super) fn loops(config: &ListenConfig) -> usize {
    match config.threads {
        0 => threads::processors(),
        number => number,
    }
}

impl Shared {
    pub(super) fn new(encoding: Option<ServerEncoding>, policy: Option<Arc<Policy>>, reads: Option<Reads>) -> Self {
        Shared { encoding, policy, reads, ..Shared::default() }
    }

    pub(super) fn connection_limit(&self, limit: Option<usize>) -> ConnectionLimit<'_> {
        ConnectionLimit { shared: self, limit, mine: 0 }
    }

    /// Adds the totals of one of `loops` loops to the request with this number. Returns the sum to the last
    /// one.
    pub(super) fn collect(&self, request: u64, part: &Totals, loops: usize) -> Option<Totals> {
        let mut collected = self.totals.lock().unwrap_or_else(PoisonError::into_inner);
        if request > collected.request {
            *collected = Collected { request, ..Collected::default() };
        }
        collected.parts += 1;
        collected.totals.merge(part);
        (request == collected.request && collected.parts == loops).then_some(collected.totals)
    }
}

impl ConnectionLimit<'_> {
    /// Updates the number of connections of this loop after some may have ended.
    pub(super) fn update(&mut self, serving: usize) {
        if serving < self.mine {
            self.shared.inside.fetch_sub(self.mine - serving, SeqCst);
        } else {
            self.shared.inside.fetch_add(serving - self.mine, SeqCst);
        }
        self.mine = serving;
    }

    /// Reserves a place for one more connection. False: the limit is reached.
    pub(super) fn reserve(&mut self, serving: usize) -> bool {
        self.update(serving);
        let fits = |inside: usize| self.limit.is_none_or(|limit| inside < limit).then_some(inside + 1);
        let kept = self.shared.inside.fetch_update(SeqCst, SeqCst, fits).is_ok();
        self.mine += usize::from(kept);
        kept
    }

    /// Whether the limit is reached.
    pub(super) fn is_full(&self) -> bool {
        self.limit.is_some_and(|limit| self.shared.inside.load(SeqCst) >= limit)
    }

    /// The number of an accepted connection, counted from 0 over all loops.
    pub(super) fn number(&self) -> u64 {
        self.shared.arrivals.fetch_add(1, SeqCst)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn last_loop_gets_the_totals_of_one_request() {
        let shared = Shared::default();
        let part = |bytes_in| Totals { connections: 1, bytes_in, ..Totals::default() };
        assert_eq!(shared.collect(1, &part(1), 2), None);
        // The other loop has missed the first request.
        assert_eq!(shared.collect(2, &part(20), 2), None);
        assert_eq!(shared.collect(2, &part(4), 2), Some(Totals { connections: 2, ..part(24) }));
        assert_eq!(shared.collect(3, &part(5), 1), Some(part(5)));
    }

    #[test]
    fn connection_limit_holds_over_all_loops() {
        let shared = Shared::default();
        let (mut one, mut two) = (shared.connection_limit(Some(2)), shared.connection_limit(Some(2)));
        assert!(one.reserve(0) && two.reserve(0));
        assert!(!one.reserve(1) && two.is_full());
        two.update(0);
        assert!(!two.is_full(), "the one of the second loop has gone");
        assert!(one.reserve(1) && !two.reserve(0));
        assert_eq!((one.number(), two.number()), (0, 1));
    }
}
