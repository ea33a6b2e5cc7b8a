//! `connect --raw` when nothing is to be cut, shown or escaped: the kernel moves the bytes by itself.

use std::io::{self, IsTerminal};
use std::os::fd::{AsFd, AsRawFd};
use std::time::{Duration, Instant};

use mio::Interest;
use mio::unix::SourceFd;

use super::Context;
use crate::config::{ConnectConfig, HalfClose, Input};
use crate::error::{Error, cause};
use crate::io::console::{STDIN, STDOUT};
use crate::io::driver::Driver;
use crate::io::splice::{Flow, Kind, Step};
use crate::io::stream::Stream;
use crate::io::sys;
use crate::value::Address;

const SOCKET: usize = 0;
const CLOCK: usize = 1;

/// stdin to the socket and the socket to stdout.
pub(super) struct Bulk {
    up: Flow,
    down: Flow,
}

impl Bulk {
    /// Where both standard streams are pipes or files, and nobody wants to see or delay the bytes.
    pub(super) fn suits(config: &ConnectConfig, context: &Context) -> Option<Bulk> {
        let traffic = &config.traffic;
        let plain = config.raw
            && config.half_close != HalfClose::WithLast
            && traffic.plan.is_plain()
            && traffic.reading.is_plain()
            && !context.recorder.is_on();
        if !plain || config.input != Input::Stdin || io::stdout().is_terminal() {
            return None;
        }
        let (stdin, stdout) = (Kind::of(io::stdin().as_fd()), Kind::of(io::stdout().as_fd()));
        if stdin == Kind::Other || stdout == Kind::Other {
            return None;
        }
        Some(Bulk { up: Flow::beside(stdin).ok()?, down: Flow::beside(stdout).ok()? })
    }

    /// Moves everything both ways until the peer has ended its side.
    pub(super) fn run(
        mut self,
        config: &ConnectConfig,
        address: &Address,
        context: &Context,
        mut driver: Driver,
        mut stream: Stream,
    ) -> Result<(), Error> {
        let (stdin, stdout) = (io::stdin(), io::stdout());
        driver.register(&mut stream, SOCKET).map_err(Error::network("connect", address))?;
        // A file is always ready, and cannot be watched.
        let _ = driver.register_one(&mut SourceFd(&stdin.as_fd().as_raw_fd()), STDIN, Interest::READABLE);
        let _ = driver.register_one(&mut SourceFd(&stdout.as_fd().as_raw_fd()), STDOUT, Interest::WRITABLE);
        let (mut up_open, mut down_open) = (true, true);
        let mut broken = None;
        let mut active = Instant::now();
        let mut quit_at = None;
        let mut ready = Vec::new();
        loop {
            let mut moved = false;
            if up_open {
                match self.up.step(stdin.as_fd(), stream.as_fd()) {
                    Ok(Step::Moved(_)) => moved = true,
                    Ok(Step::Blocked) => {}
                    Ok(Step::Done) => {
                        up_open = false;
                        quit_at = config.quit_after.map(|pause| Instant::now() + pause);
                        if config.half_close != HalfClose::Never {
                            // A peer that has gone already needs no end from us.
                            let _ = stream.half_close();
                        }
                    }
                    Err(error) if is_of_the_network(&error) => {
                        up_open = false;
                        broken = Some(error); // what the peer said before is still read
                    }
                    Err(error) => return Err(Error::local("read", "stdin")(error)),
                }
            }
            let more_to_send = || up_open && sys::poll_ready(stdin.as_fd(), false).unwrap_or(false);
            if !(down_open || more_to_send()) {
                // The peer has ended its side, and what stood ready on ours has been sent.
                return broken.map_or(Ok(()), |error| Err(lost(address, &error)));
            }
            match if down_open { self.down.step(stream.as_fd(), stdout.as_fd()) } else { Ok(Step::Blocked) } {
                Ok(Step::Moved(_)) => moved = true,
                Ok(Step::Blocked) => {}
                Ok(Step::Done) => {
                    down_open = false;
                    moved = true;
                }
                // Nobody reads stdout any more: that is no failure.
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(()),
                Err(error) if is_of_the_network(&error) => return Err(lost(address, &error)),
                Err(error) => return Err(Error::local("write to", "stdout")(error)),
            }
            if context.signals.stopped() {
                return Err(Error::Interrupted);
            }
            if moved {
                active = Instant::now();
                continue;
            }
            if wait_is_over(config.traffic.idle_timeout, active, &mut driver) {
                return Err(Error::Timeout {
                    action: "talk to",
                    address: address.to_string(),
                    what: "byte came or went",
                    limit: config.traffic.idle_timeout.unwrap_or_default(),
                    option: "--idle-timeout",
                });
            }
            if let Some(at) = quit_at {
                if Instant::now() >= at {
                    return Ok(());
                }
                driver.wake_at(CLOCK, at);
            }
            ready.clear();
            driver.wait(&mut ready).map_err(Error::local("wait in", "the event loop"))?;
        }
    }
}

fn wait_is_over(limit: Option<Duration>, active: Instant, driver: &mut Driver) -> bool {
    let Some(at) = limit.and_then(|limit| active.checked_add(limit)) else { return false };
    driver.wake_at(CLOCK, at);
    Instant::now() >= at
}

fn is_of_the_network(error: &io::Error) -> bool {
    use io::ErrorKind::{
        BrokenPipe, ConnectionAborted, ConnectionReset, HostUnreachable, NetworkUnreachable, NotConnected, TimedOut,
    };
    let kinds =
        [BrokenPipe, ConnectionAborted, ConnectionReset, HostUnreachable, NetworkUnreachable, NotConnected, TimedOut];
    kinds.contains(&error.kind())
}

fn lost(address: &Address, error: &io::Error) -> Error {
    Error::Lost { address: address.to_string(), how: cause(error), unanswered: 0 }
}
