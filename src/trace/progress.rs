//! Progress in one line: of a transfer bytes, rate, and the time left if the size is known; of a sweep plans
//! and the time left.

use super::units::{counted, grouped, per_second, rate, size, span};

/// The progress of a transfer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Transfer {
    /// Bytes read from stdin, or from a file.
    pub sent: u64,
    /// The size of stdin or of the file, if it is known.
    pub of: Option<u64>,
    /// Bytes written to stdout, or to a file.
    pub received: u64,
    /// The number of bytes that will be received, if it is known.
    pub received_of: Option<u64>,
    /// Nanoseconds since it began.
    pub nanos: u64,
}

impl Transfer {
    /// `sent 1.2 GiB of 4 GiB (30%), 512 MiB/s, 5.6 s left; received 3 KiB, 1.2 KiB/s`.
    #[must_use]
    pub fn line(&self) -> String {
        let mut parts = Vec::new();
        if self.sent > 0 || self.received == 0 {
            parts.push(format!("sent {}", self.so_far(self.sent, self.of)));
        }
        if self.received > 0 {
            parts.push(format!("received {}", self.so_far(self.received, self.received_of)));
        }
        parts.join("; ")
    }

    /// The summary at the end: `sent 4 GiB of 4 GiB (100%), received 3 KiB in 8.2 s`.
    #[must_use]
    pub fn summary(&self) -> String {
        format!(
            "sent {}{}, received {} in {}",
            size(self.sent),
            share(self.sent, self.of),
            size(self.received),
            span(self.nanos)
        )
    }

    /// `1.2 GiB of 4 GiB (30%), 512 MiB/s, 5.6 s left`, for one direction.
    fn so_far(&self, done: u64, of: Option<u64>) -> String {
        let speed = rate(done, self.nanos).map_or_else(String::new, |rate| format!(", {rate}"));
        format!("{}{}{speed}{}", size(done), share(done, of), self.left(done, of))
    }

    fn left(&self, done: u64, of: Option<u64>) -> String {
        let rest = of.and_then(|all| all.checked_sub(done)).filter(|&rest| rest > 0);
        let seconds = rest.and_then(|rest| rest.checked_div(per_second(done, self.nanos)?));
        seconds.map_or_else(String::new, |seconds| format!(", {} left", span(seconds.saturating_mul(1_000_000_000))))
    }
}

/// The part of all bytes that is done, if their number is known.
fn share(done: u64, of: Option<u64>) -> String {
    of.filter(|&all| all >= done).map_or_else(String::new, |all| {
        let percent = (u128::from(done) * 100).checked_div(all.into()).unwrap_or(100);
        format!(" of {} ({percent}%)", size(all))
    })
}

/// The progress of a sweep.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Plans {
    /// The number of plans.
    pub of: u64,
    /// The number of plans tried.
    pub done: u64,
    /// The number of plans to repeat.
    pub suspect: u64,
    /// The number of the plan that is repeated now, counted from 1; 0 before that.
    pub again: u64,
    /// Nanoseconds since it began.
    pub nanos: u64,
}

impl Plans {
    /// `37 of 120 plans, 2 to repeat, 4 s left`, then `120 plans, repeating 1 of 2`.
    #[must_use]
    pub fn line(&self) -> String {
        let of = counted(self.of, "plan");
        if self.again > 0 {
            return format!("{of}, repeating {} of {}", grouped(self.again), grouped(self.suspect));
        }
        let suspect = match self.suspect {
            0 => String::new(),
            some => format!(", {} to repeat", grouped(some)),
        };
        format!("{} of {of}{suspect}{}", grouped(self.done), self.left())
    }

    fn left(&self) -> String {
        let rest = u128::from(self.of.saturating_sub(self.done));
        let nanos = (u128::from(self.nanos) * rest).checked_div(self.done.into()).unwrap_or(0);
        match u64::try_from(nanos / 1_000_000_000).unwrap_or(u64::MAX) {
            0 => String::new(),
            seconds => format!(", {} left", span(seconds.saturating_mul(1_000_000_000))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_shows_only_known_figures() {
        let second = 1_000_000_000;
        let line = |sent, of, received, nanos| Transfer { sent, of, received, nanos, ..Transfer::default() }.line();
        assert_eq!(line(0, None, 0, 0), "sent 0 B");
        assert_eq!(line(0, Some(2048), 0, second), "sent 0 B of 2 KiB (0%), 0 B/s");
        assert_eq!(line(1 << 30, Some(1 << 32), 0, 2 * second), "sent 1 GiB of 4 GiB (25%), 512 MiB/s, 6 s left");
        assert_eq!(line(2048, Some(2048), 0, second), "sent 2 KiB of 2 KiB (100%), 2 KiB/s");
        assert_eq!(line(0, None, 3 << 20, second), "received 3 MiB, 3 MiB/s");
        assert_eq!(line(1024, None, 2048, second), "sent 1 KiB, 1 KiB/s; received 2 KiB, 2 KiB/s");
        // The size of a file that has grown is not known.
        assert_eq!(line(4096, Some(2048), 0, second), "sent 4 KiB, 4 KiB/s");
        assert_eq!(line(0, Some(0), 0, second), "sent 0 B of 0 B (100%), 0 B/s");
    }

    #[test]
    fn summary_has_both_directions_and_the_time() {
        let summary =
            |sent, of, received| Transfer { sent, of, received, nanos: 1_200_000_000, ..Transfer::default() }.summary();
        assert_eq!(summary(10 << 20, None, 0), "sent 10 MiB, received 0 B in 1.2 s");
        assert_eq!(summary(512, Some(1024), 2048), "sent 512 B of 1 KiB (50%), received 2 KiB in 1.2 s");
    }

    #[test]
    fn line_counts_plans_and_then_repeated_plans() {
        let line = |done, suspect, again, nanos| Plans { of: 1200, done, suspect, again, nanos }.line();
        let second = 1_000_000_000;
        assert_eq!(line(0, 0, 0, second), "0 of 1,200 plans"); // the duration of a plan is not known yet
        assert_eq!(line(37, 2, 0, second), "37 of 1,200 plans, 2 to repeat, 31 s left");
        assert_eq!(line(600, 0, 0, 90 * second), "600 of 1,200 plans, 1 min 30 s left");
        assert_eq!(line(1199, 0, 0, second), "1,199 of 1,200 plans");
        assert_eq!(line(1, 1, 0, u64::MAX), "1 of 1,200 plans, 1 to repeat, 5124095 h 34 min left");
        assert_eq!(line(1200, 2, 1, second), "1,200 plans, repeating 1 of 2");
        assert_eq!(Plans { of: 1, ..Plans::default() }.line(), "0 of 1 plan");
    }
}
