//! Rates: how many things may happen in a second, and how many at once.

use std::str::FromStr;
use std::time::Duration;

use crate::value::{Count, Invalid};

/// A rate, as a token bucket: `burst` tokens at first, and `per_second` more each second, up to `burst`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Tokens a second; 0 is no limit.
    pub per_second: u32,
    /// The tokens of a full bucket.
    pub burst: u32,
}

/// A token bucket. It keeps one time only: when it will be full again (the generic cell rate algorithm).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pace {
    full_at: Duration,
}

impl FromStr for Rate {
    type Err = Invalid;

    /// Reads `N` or `N/BURST`. Without BURST, it is three times N.
    fn from_str(text: &str) -> Result<Self, Invalid> {
        let (per_second, burst) = text.split_once('/').map_or((text, None), |(n, burst)| (n, Some(burst)));
        let count = |text: &str| text.parse().ok().map(|Count(count)| count);
        let rate = count(per_second).and_then(|per_second| {
            let burst = burst.map_or(Some(per_second.saturating_mul(3)), count)?;
            Some(Rate { per_second, burst }).filter(|rate| rate.burst > 0 || rate.per_second == 0)
        });
        rate.ok_or_else(|| Invalid::new(text, "a rate", "N or N/BURST with whole numbers, such as 10 or 10/30"))
    }
}

impl Rate {
    /// The time in which `tokens` come back.
    fn time_of(self, tokens: u32) -> Duration {
        Duration::from_secs(1) * tokens / self.per_second.max(1)
    }
}

impl Pace {
    /// Takes tokens, also those that are not there yet: the next ones are then to be waited for. Returns the time from
    /// which on there is one, if that is later than now.
    pub fn take(&mut self, tokens: u32, rate: Rate, now: Duration) -> Option<Duration> {
        if rate.per_second > 0 {
            self.full_at = self.full_at.max(now) + rate.time_of(tokens);
        }
        self.ready_at(rate).filter(|&at| at > now)
    }

    /// Takes a token if there is one.
    pub fn try_take(&mut self, rate: Rate, now: Duration) -> bool {
        let is_ready = self.ready_at(rate).is_none_or(|at| at <= now);
        if is_ready {
            self.take(1, rate, now);
        }
        is_ready
    }

    /// The time from which on there is a token; `None` if there always was one.
    #[must_use]
    pub fn ready_at(self, rate: Rate) -> Option<Duration> {
        (self.full_at + rate.time_of(1)).checked_sub(rate.time_of(rate.burst.max(1)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: Rate = Rate { per_second: 10, burst: 3 };

    fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn a_burst_is_free_and_then_the_rate_holds() {
        let mut pace = Pace::default();
        let now = ms(5000);
        assert_eq!(
            [1, 1, 1, 1].map(|tokens| pace.take(tokens, RATE, now)),
            [None, None, Some(ms(5100)), Some(ms(5200))]
        );
        assert!(!pace.try_take(RATE, ms(5199)));
        assert!(pace.try_take(RATE, ms(5200)));
        assert!(!pace.try_take(RATE, ms(5299)));
        assert!((0..3).all(|_| pace.try_take(RATE, ms(9000))), "the bucket has filled again");
        assert!(!pace.try_take(RATE, ms(9000)), "and no more than that");
    }

    #[test]
    fn tokens_of_the_future_are_waited_for() {
        let mut pace = Pace::default();
        assert_eq!(pace.take(23, RATE, ms(1000)), Some(ms(3100)));
        assert_eq!(pace.ready_at(RATE), Some(ms(3100)));
    }

    #[test]
    fn rates_are_read_and_others_are_refused() {
        let rate = |text: &str| text.parse().ok().map(|Rate { per_second, burst }| (per_second, burst));
        for (text, read) in [("10", (10, 30)), ("5/1", (5, 1)), ("0", (0, 0)), ("4294967295", (u32::MAX, u32::MAX))] {
            assert_eq!(rate(text), Some(read), "{text}");
        }
        for text in ["", "/", "5/", "/5", "5/0", "-1", "1/2/3", "x", "1.5"] {
            let error = text.parse::<Rate>().unwrap_err().to_string();
            assert!(error.ends_with("is not a rate: expected N or N/BURST with whole numbers, such as 10 or 10/30"));
        }
    }

    #[test]
    fn rate_of_0_is_no_limit() {
        let mut pace = Pace::default();
        let rate = Rate { per_second: 0, burst: 1 };
        assert!((0..1000).all(|_| pace.take(1000, rate, ms(1)).is_none() && pace.try_take(rate, ms(1))));
    }
}
