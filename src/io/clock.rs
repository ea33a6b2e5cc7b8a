//! The clock of pure code: it gets the time as a value, once a turn of the event loop.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use super::sys;
use crate::value::{Moment, Timestamp};

/// The time since the start of a run, and the time of day.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    start: Instant,
}

impl Clock {
    /// The clock of a run that starts now.
    #[must_use]
    pub fn start() -> Self {
        Clock { start: Instant::now() }
    }

    /// This time, with the time of day, which follows the clock of the system whatever is done to that.
    #[must_use]
    pub fn moment(&self, now: Instant) -> Moment {
        let millis = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
        Moment {
            elapsed: now.saturating_duration_since(self.start),
            time: Timestamp::from_millis(u64::try_from(millis).unwrap_or(u64::MAX)),
        }
    }
}

/// The distance of local time from UTC now, in seconds to the east: `TZ` names the zone, or the system has one.
#[must_use]
pub fn utc_offset() -> i32 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    sys::utc_offset(now)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn moment_has_the_time_since_the_start_and_the_time_of_day() {
        let clock = Clock::start();
        let moment = clock.moment(clock.start + Duration::from_secs(7));
        assert_eq!(moment.elapsed, Duration::from_secs(7));
        assert!(moment.time > Timestamp::from_rfc3339("2020-01-01T00:00:00Z").unwrap());
    }
}
