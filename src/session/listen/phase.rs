//! The phases of a listener: when it stops, when its time is over, and when it has ended.

use std::time::{Duration, Instant};

/// How long an orderly shutdown may take.
const GRACE: Duration = Duration::from_secs(4);

/// The phase of a listener.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Phase {
    /// Connections are accepted and served.
    #[default]
    Serving,
    /// No connections are accepted. Those that are open get what has arrived answered, until this time.
    Draining(Instant),
    /// The time was over, or there was nothing left to drain; connections are closed whatever is left.
    Over,
}

/// What the phase depends on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub(super) struct Facts {
    /// A signal has asked for the end.
    pub(super) signalled: bool,
    /// The service has ended the session, and nothing is left to be read from stdin for it.
    pub(super) service_ended: bool,
    /// stdout has lost its reader.
    pub(super) output_closed: bool,
    /// stdout has not taken everything.
    pub(super) output_pending: bool,
    /// No connections are accepted any more.
    pub(super) accepts_no_more: bool,
    /// The number of open connections.
    pub(super) connections: usize,
}

/// What a listener does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// It waits for events.
    Wait,
    /// It stops accepting and drains its connections, until the time in [`Phase::Draining`].
    Drain,
    /// It closes all connections at once.
    Close,
    /// It ends.
    End,
}

impl Phase {
    /// What to do next. The phase changes with it.
    pub(super) fn next(&mut self, facts: Facts, now: Instant) -> Next {
        let has_to_end = facts.signalled
            || facts.output_closed
            // What stdout has not taken is waited for without a limit, unless a signal comes.
            || (facts.service_ended && !facts.output_pending);
        match *self {
            Phase::Serving if has_to_end => {
                *self = Phase::Draining(now + GRACE);
                Next::Drain
            }
            Phase::Draining(until) if now >= until => {
                *self = Phase::Over;
                Next::Close
            }
            phase => {
                let output_done = !facts.output_pending || phase == Phase::Over;
                let is_end = facts.accepts_no_more && facts.connections == 0 && output_done;
                if is_end { Next::End } else { Next::Wait }
            }
        }
    }

    /// Whether the listener is shutting down.
    pub(super) fn is_ending(self) -> bool {
        self != Phase::Serving
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const IDLE: Facts = Facts {
        signalled: false,
        service_ended: false,
        output_closed: false,
        output_pending: false,
        accepts_no_more: false,
        connections: 0,
    };

    #[test]
    fn a_listener_serves_until_something_ends_it() {
        let now = Instant::now();
        let cases = [
            (IDLE, Next::Wait),
            (Facts { connections: 3, ..IDLE }, Next::Wait),
            (Facts { signalled: true, ..IDLE }, Next::Drain),
            (Facts { output_closed: true, output_pending: true, ..IDLE }, Next::Drain),
            (Facts { service_ended: true, ..IDLE }, Next::Drain),
            (Facts { service_ended: true, output_pending: true, ..IDLE }, Next::Wait),
            // --once: the only connection has ended by itself.
            (Facts { accepts_no_more: true, ..IDLE }, Next::End),
            (Facts { accepts_no_more: true, connections: 1, ..IDLE }, Next::Wait),
            (Facts { accepts_no_more: true, output_pending: true, ..IDLE }, Next::Wait),
        ];
        for (facts, next) in cases {
            let mut phase = Phase::Serving;
            assert_eq!(phase.next(facts, now), next, "{facts:?}");
            assert_eq!(phase.is_ending(), next == Next::Drain);
        }
    }

    /// 9ccd676: SIGTERM was ignored while stdout had not taken everything.
    #[test]
    fn a_signal_starts_the_grace_time_whatever_stdout_takes() {
        let now = Instant::now();
        let facts = Facts { signalled: true, output_pending: true, accepts_no_more: true, ..IDLE };
        let mut phase = Phase::Serving;
        assert_eq!(phase.next(facts, now), Next::Drain);
        assert_eq!(phase, Phase::Draining(now + GRACE));
        assert_eq!(phase.next(facts, now + GRACE / 2), Next::Wait);
        assert_eq!(phase.next(facts, now + GRACE), Next::Close);
        assert_eq!(phase.next(facts, now + GRACE), Next::End, "what stdout has not taken is lost");
    }

    #[test]
    fn draining_ends_when_the_last_connection_has_closed() {
        let now = Instant::now();
        let facts = Facts { signalled: true, accepts_no_more: true, connections: 2, ..IDLE };
        let mut phase = Phase::Serving;
        assert_eq!(phase.next(facts, now), Next::Drain);
        assert_eq!(phase.next(facts, now), Next::Wait);
        assert_eq!(phase.next(Facts { connections: 0, ..facts }, now), Next::End);
    }
}
