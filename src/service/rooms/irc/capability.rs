//! Capabilities: what a client and this server agree on beyond RFC 2812
//! (<https://ircv3.net/specs/extensions/capability-negotiation>).

/// A capability.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Capability {
    /// A message has the number of its line as a tag.
    MessageTags,
    /// A message has its time as a tag.
    ServerTime,
    /// A member gets its own lines.
    EchoMessage,
    /// Messages that belong together are marked.
    Batch,
    /// A member asks for the history itself.
    ChatHistory,
    /// The client logs in.
    Sasl,
    /// The client learns of new capabilities. There never are any.
    CapNotify,
    /// Failures have the form `FAIL`.
    StandardReplies,
}

/// A set of capabilities.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in super::super) struct Capabilities(u8);

impl Capability {
    /// All, in the order in which they are listed.
    pub(super) const ALL: [Capability; 8] = [
        Capability::Batch,
        Capability::CapNotify,
        Capability::ChatHistory,
        Capability::EchoMessage,
        Capability::MessageTags,
        Capability::Sasl,
        Capability::ServerTime,
        Capability::StandardReplies,
    ];

    /// Its name.
    pub(super) fn name(self) -> &'static str {
        match self {
            Capability::MessageTags => "message-tags",
            Capability::ServerTime => "server-time",
            Capability::EchoMessage => "echo-message",
            Capability::Batch => "batch",
            Capability::ChatHistory => "draft/chathistory",
            Capability::Sasl => "sasl",
            Capability::CapNotify => "cap-notify",
            Capability::StandardReplies => "standard-replies",
        }
    }

    fn bit(self) -> u8 {
        1 << self as u8
    }
}

impl Capabilities {
    /// Whether it has this one.
    pub(in super::super) fn has(self, capability: Capability) -> bool {
        self.0 & capability.bit() != 0
    }

    /// Adds one, or removes it.
    pub(super) fn set(&mut self, capability: Capability, is_on: bool) {
        self.0 = if is_on { self.0 | capability.bit() } else { self.0 & !capability.bit() };
    }

    /// Those on which the form of an event depends.
    pub(in super::super) fn of_events(self) -> Self {
        Capabilities(self.0 & (Capability::MessageTags.bit() | Capability::ServerTime.bit()))
    }

    /// The names, with spaces between them.
    pub(super) fn names(self) -> String {
        let names: Vec<_> = Capability::ALL.iter().filter(|one| self.has(**one)).map(|one| one.name()).collect();
        names.join(" ")
    }

    /// What is asked for with `CAP REQ`: all of it, or nothing. `None`: something of it is not offered.
    pub(super) fn after(mut self, request: &[u8], offered: Capabilities) -> Option<Self> {
        for word in request.split(|&byte| byte == b' ').filter(|word| !word.is_empty()) {
            let (is_on, name) = word.strip_prefix(b"-").map_or((true, word), |name| (false, name));
            let found = Capability::ALL.into_iter().find(|one| one.name().as_bytes() == name)?;
            if !offered.has(found) {
                return None;
            }
            self.set(found, is_on);
        }
        Some(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn request_is_granted_whole_or_not() {
        let mut offered = Capabilities::default();
        Capability::ALL.into_iter().filter(|one| *one != Capability::Sasl).for_each(|one| offered.set(one, true));
        let none = Capabilities::default();
        let cases: [(&[u8], Option<&str>); 6] = [
            (b"batch server-time", Some("batch server-time")),
            (b" message-tags ", Some("message-tags")),
            (b"", Some("")),
            (b"batch sasl", None),
            (b"batch bogus", None),
            (b"Batch", None),
        ];
        for (request, expected) in cases {
            assert_eq!(none.after(request, offered).map(Capabilities::names).as_deref(), expected);
        }
        let some = none.after(b"batch echo-message", offered).unwrap();
        assert_eq!(some.after(b"-batch server-time", offered).unwrap().names(), "echo-message server-time");
        assert_eq!(some.of_events(), none);
    }

    #[test]
    fn each_capability_has_its_bit() {
        for one in Capability::ALL {
            let mut set = Capabilities::default();
            set.set(one, true);
            assert_eq!(Capability::ALL.into_iter().filter(|other| set.has(*other)).collect::<Vec<_>>(), [one]);
        }
    }
}
