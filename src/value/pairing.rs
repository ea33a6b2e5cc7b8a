//! Which replies answer which messages.

/// Which replies of a run answer which messages, so far as that is certain. Reply times are measured only there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pairing {
    /// Of a connection that was made: the replies that its server sends.
    pub made: Option<ExpectedReplies>,
    /// Of a connection that was accepted: the service sends one reply to each message, in order.
    pub accepted: bool,
}

/// The replies that a server sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExpectedReplies {
    /// The replies to each message, at least one.
    pub each: u32,
    /// The lines before the first reply (`--greeting`).
    pub greeting: u64,
}

impl ExpectedReplies {
    /// One reply to each message, and no greeting.
    pub const ONE: ExpectedReplies = ExpectedReplies { each: 1, greeting: 0 };
}
