//! How far a transfer has come, in one line: bytes, rate, and the time left where the size is known.

use super::units::{per_second, rate, size, span};

/// What has gone each way so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Transfer {
    /// Bytes taken from stdin.
    pub sent: u64,
    /// How many of those there are, where that is known.
    pub of: Option<u64>,
    /// Bytes given to stdout.
    pub received: u64,
    /// Nanoseconds since it began.
    pub nanos: u64,
}

impl Transfer {
    /// `sent 1.2 GiB of 4 GiB (30%), 512 MiB/s, 5.6 s left; received 3 KiB, 1.2 KiB/s`.
    #[must_use]
    pub fn line(&self) -> String {
        let speed = |bytes| rate(bytes, self.nanos).map_or_else(String::new, |rate| format!(", {rate}"));
        let mut parts = Vec::new();
        if self.sent > 0 || self.received == 0 {
            let of = self.of.filter(|&all| all >= self.sent).map_or_else(String::new, |all| {
                let percent = (u128::from(self.sent) * 100).checked_div(all.into()).unwrap_or(100);
                format!(" of {} ({percent}%)", size(all))
            });
            parts.push(format!("sent {}{of}{}{}", size(self.sent), speed(self.sent), self.left()));
        }
        if self.received > 0 {
            parts.push(format!("received {}{}", size(self.received), speed(self.received)));
        }
        parts.join("; ")
    }

    fn left(&self) -> String {
        let rest = self.of.and_then(|all| all.checked_sub(self.sent)).filter(|&rest| rest > 0);
        let seconds = rest.and_then(|rest| rest.checked_div(per_second(self.sent, self.nanos)?));
        seconds.map_or_else(String::new, |seconds| format!(", {} left", span(seconds.saturating_mul(1_000_000_000))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_what_is_known() {
        let second = 1_000_000_000;
        let line = |sent, of, received, nanos| Transfer { sent, of, received, nanos }.line();
        assert_eq!(line(0, None, 0, 0), "sent 0 B");
        assert_eq!(line(0, Some(2048), 0, second), "sent 0 B of 2 KiB (0%), 0 B/s");
        assert_eq!(line(1 << 30, Some(1 << 32), 0, 2 * second), "sent 1 GiB of 4 GiB (25%), 512 MiB/s, 6 s left");
        assert_eq!(line(2048, Some(2048), 0, second), "sent 2 KiB of 2 KiB (100%), 2 KiB/s");
        assert_eq!(line(0, None, 3 << 20, second), "received 3 MiB, 3 MiB/s");
        assert_eq!(line(1024, None, 2048, second), "sent 1 KiB, 1 KiB/s; received 2 KiB, 2 KiB/s");
        // A file that has grown meanwhile has no known size any more.
        assert_eq!(line(4096, Some(2048), 0, second), "sent 4 KiB, 4 KiB/s");
        assert_eq!(line(0, Some(0), 0, second), "sent 0 B of 0 B (100%), 0 B/s");
    }
}
