//! The keys of the event loop: the owner of a source or deadline, and its number in mio.

use mio::Token;

use crate::service::{PeerId, Port};

/// The owner of a source or a deadline of the [`Reactor`](super::reactor::Reactor).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    /// A connection, by its number.
    Conn(usize),
    /// The deadlines of a dial, by its number.
    Dial(usize),
    /// A socket that a dial is connecting.
    Attempt {
        /// The number of the dial.
        dial: usize,
        /// The number of the socket within the dial.
        attempt: u8,
    },
    /// A part of a command that was started.
    Command {
        /// The number of the command.
        number: usize,
        /// Its part.
        part: CommandPart,
    },
    /// stdin.
    Stdin,
    /// stdout.
    Stdout,
    /// The listening socket.
    Listener,
    /// The listening socket for IRC.
    IrcListener,
    /// The timer of the code that runs the loop.
    Clock,
    /// The timer of [`--progress`](crate::trace::Transfer).
    Meter,
    /// The timer that reports access lines left out.
    AccessLog,
    /// A wake-up from another thread.
    Waker,
    /// The timers of the service.
    Service,
    /// The connection that logs in.
    Login,
    /// The timer of nanoseconds, which the reactor does not report.
    Timer,
}

/// What of a command is ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CommandPart {
    /// Its stdin.
    Stdin,
    /// Its stdout.
    Stdout,
    /// Its stderr.
    Stderr,
    /// The end of its process, or a deadline.
    End,
    /// The listening socket that it connects to.
    Listener,
}

impl CommandPart {
    /// All, by the low bits of the number in their token.
    const ALL: [CommandPart; 5] =
        [CommandPart::Stdin, CommandPart::Stdout, CommandPart::Stderr, CommandPart::End, CommandPart::Listener];
    const BITS: u32 = 3;
}

// The two low bits of a token give the kind of its number.
const CONN: usize = 0;
const DIAL: usize = 1;
const ATTEMPT: usize = 2;
const SINGLE: usize = 3;
const KIND_BITS: u32 = 2;
/// The first number of a part of a command: those of single keys are below.
const COMMANDS: usize = 16;

impl Key {
    /// The key of this token; `None` for a token without a key.
    #[inline]
    #[must_use]
    pub fn from_token(Token(token): Token) -> Option<Key> {
        let number = token >> KIND_BITS;
        Some(match token & ((1 << KIND_BITS) - 1) {
            CONN => Key::Conn(number),
            DIAL => Key::Dial(number),
            ATTEMPT => Key::Attempt { dial: number >> u8::BITS, attempt: number.to_le_bytes()[0] },
            _ => match number {
                0 => Key::Stdin,
                1 => Key::Stdout,
                2 => Key::Listener,
                3 => Key::Clock,
                4 => Key::Meter,
                5 => Key::AccessLog,
                6 => Key::Waker,
                7 => Key::Timer,
                8 => Key::Service,
                9 => Key::Login,
                10 => Key::IrcListener,
                COMMANDS.. => {
                    let number = number - COMMANDS;
                    let part = *CommandPart::ALL.get(number & ((1 << CommandPart::BITS) - 1))?;
                    Key::Command { number: number >> CommandPart::BITS, part }
                }
                _ => return None,
            },
        })
    }
}

/// Numbers of connections and dials come from slabs and use up descriptors: the bits of a token suffice.
impl From<Key> for Token {
    #[inline]
    fn from(key: Key) -> Token {
        let (number, kind) = match key {
            Key::Conn(number) => (number, CONN),
            Key::Dial(number) => (number, DIAL),
            Key::Attempt { dial, attempt } => (dial << u8::BITS | usize::from(attempt), ATTEMPT),
            Key::Command { number, part } => ((number << CommandPart::BITS | part as usize) + COMMANDS, SINGLE),
            Key::Stdin => (0, SINGLE),
            Key::Stdout => (1, SINGLE),
            Key::Listener => (2, SINGLE),
            Key::Clock => (3, SINGLE),
            Key::Meter => (4, SINGLE),
            Key::AccessLog => (5, SINGLE),
            Key::Waker => (6, SINGLE),
            Key::Timer => (7, SINGLE),
            Key::Service => (8, SINGLE),
            Key::Login => (9, SINGLE),
            Key::IrcListener => (10, SINGLE),
        };
        Token(number << KIND_BITS | kind)
    }
}

/// The key of the listening socket of a port.
impl From<Port> for Key {
    fn from(port: Port) -> Key {
        match port {
            Port::Main => Key::Listener,
            Port::Irc => Key::IrcListener,
        }
    }
}

/// The key that gives a peer its turn.
impl From<PeerId> for Key {
    #[inline]
    fn from(peer: PeerId) -> Key {
        match peer {
            PeerId::Console => Key::Stdin,
            PeerId::Conn(number) => Key::Conn(number.index()),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn keys() -> impl Strategy<Value = Key> {
        // A process has fewer descriptors than this, on every platform.
        let number = 0..1_usize << 22;
        prop_oneof![
            number.clone().prop_map(Key::Conn),
            number.clone().prop_map(Key::Dial),
            (number.clone(), proptest::sample::select(CommandPart::ALL.to_vec()))
                .prop_map(|(number, part)| Key::Command { number, part }),
            (number, any::<u8>()).prop_map(|(dial, attempt)| Key::Attempt { dial, attempt }),
            proptest::sample::select(vec![
                Key::Stdin,
                Key::Stdout,
                Key::Listener,
                Key::IrcListener,
                Key::Clock,
                Key::Meter,
                Key::AccessLog,
                Key::Waker,
                Key::Timer,
                Key::Service,
                Key::Login,
            ]),
        ]
    }

    proptest! {
        #[test]
        fn token_converts_back_to_its_key(key in keys()) {
            prop_assert_eq!(Key::from_token(key.into()), Some(key));
        }

        #[test]
        fn key_has_one_token(token in prop_oneof![0..64_usize, any::<usize>()]) {
            if let Some(key) = Key::from_token(Token(token)) {
                prop_assert_eq!(Token::from(key), Token(token));
            }
        }
    }
}
