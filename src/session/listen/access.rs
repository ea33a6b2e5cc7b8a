//! The access line of each connection, printed at its end.

use std::fmt::Write;
use std::io::ErrorKind;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use super::super::account::{Account, Totals};
use super::super::exchange::{Ended, Exchange};
use super::super::peer::Pair;
use super::super::rate_limit::{Quota, RateLimited};
use super::super::shared::{Shared, loops};
use crate::config::ListenConfig;
use crate::error::cause;
use crate::io::key::Key;
use crate::io::reactor::Reactor;
use crate::io::report::{Medium, Report};
use crate::io::signal::Signals;
use crate::peer::life::CloseReason;
use crate::service::Service;
use crate::value::{counted, escape};

/// The log of the connections of one loop: a line at the end of each, and the totals at SIGUSR1.
#[derive(Debug)]
pub(super) struct AccessLog<'a> {
    report: Report,
    printed: Printed<'a>,
    shared: &'a Shared,
    loops: usize,
    /// The totals of the connections that have ended.
    totals: Totals,
    /// The line of a failed login; `None`: none is printed.
    failed_login: Option<RateLimited>,
    /// The number of requests for the totals so far.
    asked: u64,
}

#[derive(Debug)]
enum Printed<'a> {
    Never,
    Always,
    /// On a terminal, so that clients cannot make the screen scroll too fast.
    Limited(&'a Mutex<Quota>),
}

/// Whether the listener is shutting down, and how a connection ends then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shutdown {
    No,
    /// The messages received from the client were answered.
    Drains,
    /// The client did not get all its replies.
    Aborts,
}

impl<'a> AccessLog<'a> {
    /// Prints lines in the journal and with `-v`, and at a terminal within the quota.
    pub(super) fn new(config: &ListenConfig, report: &Report, shared: &'a Shared) -> Self {
        let printed = match report.medium() {
            _ if config.output.quiet => Printed::Never,
            _ if config.output.verbosity > 0 => Printed::Always,
            Medium::Journal => Printed::Always,
            Medium::Terminal => Printed::Limited(&shared.lines),
            Medium::File | Medium::Other => Printed::Never,
        };
        AccessLog {
            report: report.clone(),
            printed,
            shared,
            loops: loops(config),
            totals: Totals::default(),
            failed_login: (!config.output.quiet).then(RateLimited::once_a_second),
            asked: 0,
        }
    }

    /// Whether lines are printed.
    pub(super) fn is_on(&self) -> bool {
        !matches!(self.printed, Printed::Never)
    }

    /// Prints the line of a connection that has ended.
    pub(super) fn ended(&mut self, ended: &Ended, shutdown: Shutdown, reactor: &mut Reactor) {
        let Some(account) = &ended.account else { return };
        self.totals.add(account);
        if self.is_on() {
            let peer = || match &ended.certified {
                Some(client) => format!("{} ({})", ended.name, escape(client.as_bytes())),
                None => ended.name.clone(),
            };
            let text = || line(&peer(), account, &reason(&ended.reason, account, shutdown));
            self.print(text, reactor.now(), reactor);
        }
    }

    /// Prints the line of a client that was rejected.
    pub(super) fn rejected(&self, peer: &str, why: &str, now: Instant, reactor: &mut Reactor) {
        self.print(|| format!("{peer}: rejected ({why})"), now, reactor);
    }

    /// Counts a failed login, and prints its line, at most once a second.
    pub(super) fn login_failed(&mut self, text: String, now: Instant) {
        self.totals.failed_logins += 1;
        if let Some(line) = &mut self.failed_login {
            line.log(text, now, &self.report);
        }
    }

    fn print(&self, text: impl FnOnce() -> String, now: Instant, reactor: &mut Reactor) {
        match self.printed {
            Printed::Never => {}
            Printed::Always => self.report.event(&text()),
            Printed::Limited(quota) => {
                self.report_left_out(now);
                let mut quota = quota.lock().unwrap_or_else(PoisonError::into_inner);
                if quota.admits(now) {
                    self.report.event(&text());
                } else if let Some(end) = quota.end() {
                    reactor.wake_at(Key::AccessLog, end);
                }
            }
        }
    }

    /// Prints how many lines were left out in the second that is over.
    pub(super) fn report_left_out(&self, now: Instant) {
        self.count(|quota| quota.left_out(now));
    }

    /// Prints at the end how many lines were left out.
    pub(super) fn finish(&mut self) {
        self.count(Quota::rest);
        if let Some(line) = &mut self.failed_login {
            line.end(&self.report);
        }
    }

    /// Adds the totals of this loop after SIGUSR1; the last loop prints the sum.
    pub(super) fn give_totals<S: Service>(&mut self, signals: &Signals, exchange: &Exchange<S>) {
        let asked = signals.usr1();
        if asked == self.asked {
            return;
        }
        self.asked = asked;
        let mut totals = self.totals;
        exchange.peers.accounts(exchange.now()).for_each(|account| totals.add_open(&account));
        if let Some(sum) = self.shared.collect(asked, &totals, self.loops) {
            self.report.line(&so_far(&sum));
        }
    }

    fn count(&self, left_out: impl FnOnce(&mut Quota) -> Option<u64>) {
        let Printed::Limited(quota) = self.printed else { return };
        if let Some(count) = left_out(&mut quota.lock().unwrap_or_else(PoisonError::into_inner)) {
            self.report.event(&format!("{} closed (-v prints each)", counted(count, "more connection")));
        }
    }
}

/// `#1 127.0.0.1:50412: 1.250 s, 18 bytes in, 44 bytes out, 2 messages in: closed by peer`. The name in the client's
/// certificate follows the address, and bytes are those of the plaintext.
fn line(peer: &str, account: &Account, reason: &str) -> String {
    let pair = match account.pair {
        None => String::new(),
        Some(Pair::Server(id)) => format!(" -> #{id}"),
        Some(Pair::Client(id)) => format!(" <- #{id}"),
    };
    let Account { id, duration, bytes_in, bytes_out, .. } = account;
    let mut text = format!(
        "#{id} {peer}{pair}: {}.{:03} s, {} in, {} out",
        duration.as_secs(),
        duration.subsec_millis(),
        counted(*bytes_in, "byte"),
        counted(*bytes_out, "byte"),
    );
    if let Some(messages) = account.messages_in {
        // Writing to a string does not fail.
        let _ = write!(text, ", {} in", counted(messages, "message"));
    }
    let _ = write!(text, ": {reason}");
    text
}

/// The totals so far: `so far: 3 connections (1 open), 18 bytes in, 44 bytes out, 2 messages in`.
fn so_far(totals: &Totals) -> String {
    let Totals { connections, open, bytes_in, bytes_out, messages_in, failed_logins } = totals;
    let mut text = format!(
        "so far: {} ({open} open), {} in, {} out",
        counted(*connections, "connection"),
        counted(*bytes_in, "byte"),
        counted(*bytes_out, "byte"),
    );
    if let Some(messages) = messages_in {
        let _ = write!(text, ", {} in", counted(*messages, "message"));
    }
    if *failed_logins > 0 {
        let _ = write!(text, ", {}", counted(*failed_logins, "failed login"));
    }
    text
}

/// Why a connection ended, in a few words.
fn reason(why: &CloseReason, account: &Account, shutdown: Shutdown) -> String {
    match why {
        // EPIPE on a connection is a reset after the peer's end.
        CloseReason::Failed(error) if matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::BrokenPipe) => {
            "reset by peer".to_owned()
        }
        CloseReason::Failed(error) | CloseReason::Unwritable(error) => cause(error),
        CloseReason::Garbled(error) => error.to_string(),
        CloseReason::Idle => "idle timeout".to_owned(),
        CloseReason::Overrun => "client reads too slowly".to_owned(),
        CloseReason::Unacknowledged => "not acknowledged by peer".to_owned(),
        CloseReason::Done => match (shutdown, account) {
            (Shutdown::Aborts, _) => "aborted by shutdown",
            (_, Account { reset: true, .. }) => "reset by us",
            (_, Account { ended_by_peer: true, missing: Some(_), .. }) => "closed by peer, without a close_notify",
            (_, Account { ended_by_peer: true, .. }) => "closed by peer",
            (Shutdown::Drains, _) => "closed by shutdown",
            (Shutdown::No, _) => "closed by us",
        }
        .to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::time::Duration;

    use super::*;
    use crate::frame::FrameError;
    use crate::peer::outbox::Proofs;
    use crate::session::account::{Missing, Sending};

    const ACCOUNT: Account = Account {
        id: 3,
        pair: None,
        duration: Duration::from_micros(61_250_999),
        bytes_in: 1,
        bytes_out: 44,
        wire_out: 44,
        messages_in: Some(2),
        ended_by_peer: true,
        reset: false,
        eof: true,
        missing: None,
        sending: Sending { unsent: 0, proofs: Proofs { confirmed: 0, unconfirmed: 0 }, awaiting: false },
    };

    #[test]
    fn line_has_peer_time_bytes_messages_and_reason() {
        let counts = "61.250 s, 1 byte in, 44 bytes out";
        assert_eq!(line("[::1]:9", &ACCOUNT, "idle"), format!("#3 [::1]:9: {counts}, 2 messages in: idle"));
        let raw = Account { messages_in: None, pair: Some(Pair::Server(4)), ..ACCOUNT };
        assert_eq!(line("h:1", &raw, "x"), format!("#3 h:1 -> #4: {counts}: x"));
        let server = Account { pair: Some(Pair::Client(2)), ..raw };
        assert_eq!(line("h:1", &server, "x"), format!("#3 h:1 <- #2: {counts}: x"));
    }

    #[test]
    fn totals_count_clients_but_not_the_servers_of_a_relay() {
        let mut totals = Totals::default();
        assert_eq!(so_far(&totals), "so far: 0 connections (0 open), 0 bytes in, 0 bytes out");
        totals.add(&ACCOUNT);
        totals.add_open(&Account { messages_in: None, pair: Some(Pair::Server(4)), ..ACCOUNT });
        totals.add_open(&Account { pair: Some(Pair::Client(3)), ..ACCOUNT });
        assert_eq!(so_far(&totals), "so far: 2 connections (1 open), 2 bytes in, 88 bytes out, 2 messages in");
    }

    #[test]
    fn reason_names_the_side_that_closed() {
        let by_us = Account { ended_by_peer: false, ..ACCOUNT };
        let reset = Account { reset: true, ..by_us };
        for (account, shutdown, expected) in [
            (ACCOUNT, Shutdown::No, "closed by peer"),
            (ACCOUNT, Shutdown::Drains, "closed by peer"),
            (
                Account { missing: Some(Missing::Close), ..ACCOUNT },
                Shutdown::No,
                "closed by peer, without a close_notify",
            ),
            (by_us, Shutdown::No, "closed by us"),
            (by_us, Shutdown::Drains, "closed by shutdown"),
            (reset, Shutdown::No, "reset by us"),
            (reset, Shutdown::Aborts, "aborted by shutdown"),
        ] {
            assert_eq!(reason(&CloseReason::Done, &account, shutdown), expected);
        }
        let failed = |errno| CloseReason::Failed(io::Error::from_raw_os_error(errno));
        for (why, expected) in [
            (failed(libc::ECONNRESET), "reset by peer"),
            (failed(libc::EPIPE), "reset by peer"),
            (failed(libc::ETIMEDOUT), "connection timed out"),
            (CloseReason::Garbled(FrameError::TooLong { limit: 8 }), "message longer than 8 bytes"),
            (CloseReason::Idle, "idle timeout"),
        ] {
            assert_eq!(reason(&why, &reset, Shutdown::Drains), expected);
        }
    }
}
