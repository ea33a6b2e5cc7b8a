//! Events as messages of IRC.

use std::collections::HashMap;
use std::ops::Range;

use super::super::event::{Happening, MemberId, Move, RoomEvent, Text, Tone};
use super::super::name::RoomName;
use super::capability::{Capabilities, Capability};
use super::message::{LONGEST, Outgoing};
use super::text::{clean, parts, prefix};

/// The name of the server. No member has it.
pub(in super::super) const SERVER: &str = "irc.secretcat";
/// The host of all members: addresses are not shown.
pub(super) const HOST: &str = "secretcat";

/// The source of the messages of a member.
pub(super) fn mask(name: &str) -> String {
    format!("{name}!{name}@{HOST}")
}

/// The channel of a room.
pub(super) fn channel(room: &RoomName) -> String {
    format!("#{room}")
}

/// The tags of a message.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tags<'a> {
    pub(super) capabilities: Capabilities,
    /// The batch that the message belongs to.
    pub(super) batch: Option<&'a str>,
}

impl Tags<'_> {
    /// The tags of the part of an event with this number.
    fn of(self, event: &RoomEvent, part: usize) -> String {
        let mut tags = Vec::new();
        tags.extend(self.batch.map(|batch| format!("batch={batch}")));
        if self.capabilities.has(Capability::MessageTags) {
            let part = if part == 0 { String::new() } else { format!("-{part}") };
            tags.push(format!("msgid={}{part}", event.id));
        }
        if self.capabilities.has(Capability::ServerTime) {
            tags.push(format!("time={}", event.at));
        }
        tags.join(";")
    }
}

/// Appends the messages of an event, for clients with these capabilities.
pub(in super::super) fn event(event: &RoomEvent, capabilities: Capabilities, out: &mut Vec<u8>) {
    tagged(event, Tags { capabilities, batch: None }, out);
}

/// Appends the messages of an event with these tags.
pub(super) fn tagged(event: &RoomEvent, tags: Tags<'_>, out: &mut Vec<u8>) {
    let source = event.by.as_ref().map_or_else(|| SERVER.to_owned(), |by| mask(by.as_str()));
    let mut put = |command: &str, params: &[&str], text: Option<&[u8]>| {
        Outgoing { tags: &tags.of(event, 0), source: &source, command, params, text }.write(out);
    };
    let reason = |text: &Text| (!text.is_empty()).then(|| clean(text));
    match &event.what {
        Happening::Joined { room } => put("JOIN", &[&channel(room)], None),
        Happening::Parted { room, reason: text } => put("PART", &[&channel(room)], reason(text).as_deref()),
        Happening::Quit { reason: text } => put("QUIT", &[], Some(&clean(text))),
        Happening::Renamed { name } => put("NICK", &[name.as_str()], None),
        Happening::Topic { room, text } => put("TOPIC", &[&channel(room)], Some(&clean(text))),
        Happening::Line { room, text, tone } => said(event, &source, &channel(room), text, *tone, tags, out),
        Happening::Private { to, text, tone } => said(event, &source, to.as_str(), text, *tone, tags, out),
        Happening::Notice { room, text } => put("NOTICE", &[&channel(room)], Some(&clean(text.as_bytes()))),
        Happening::Crowd { .. } => {} // its members are announced one by one
    }
}

fn said(event: &RoomEvent, source: &str, to: &str, text: &[u8], tone: Tone, tags: Tags<'_>, out: &mut Vec<u8>) {
    let command = if tone == Tone::Notice { "NOTICE" } else { "PRIVMSG" };
    let params = [to];
    let message = Outgoing { tags: "", source, command, params: &params, text: None };
    for (number, part) in parts(text, LONGEST.saturating_sub(message.head())).iter().enumerate() {
        Outgoing { tags: &tags.of(event, number), text: Some(part), ..message }.write(out);
    }
}

/// The messages of the moves of a crowd, and what each receiver gets of them.
#[derive(Debug)]
pub(in super::super) struct Crowd {
    bytes: Vec<u8>,
    /// Where the messages after the entrance of a member begin.
    after: HashMap<MemberId, usize>,
    /// The messages of a member that it has got already.
    own: HashMap<MemberId, Vec<Range<usize>>>,
}

impl Crowd {
    /// The messages of these moves, for clients with these capabilities.
    pub(in super::super) fn of(moves: &[Move], capabilities: Capabilities) -> Self {
        let mut crowd = Crowd { bytes: Vec::new(), after: HashMap::new(), own: HashMap::new() };
        for one in moves {
            let start = crowd.bytes.len();
            event(&one.event, capabilities, &mut crowd.bytes);
            match (one.member, &one.event.what) {
                (Some(member), Happening::Joined { .. }) => {
                    crowd.after.insert(member, crowd.bytes.len());
                }
                (Some(member), Happening::Renamed { .. }) => {
                    crowd.own.entry(member).or_default().push(start..crowd.bytes.len());
                }
                _ => {}
            }
        }
        crowd
    }

    /// Whether a member is of the crowd.
    pub(in super::super) fn has(&self, member: MemberId) -> bool {
        self.after.contains_key(&member) || self.own.contains_key(&member)
    }

    /// What a member of the crowd gets: when it joined, it saw who was there, and its own name it knows.
    pub(in super::super) fn for_member(&self, member: MemberId) -> Vec<u8> {
        let mut at = self.after.get(&member).copied().unwrap_or_default();
        let mut bytes = Vec::new();
        for own in self.own.get(&member).into_iter().flatten() {
            bytes.extend_from_slice(self.bytes.get(at..own.start).unwrap_or_default());
            at = at.max(own.end);
        }
        bytes.extend_from_slice(&self.bytes[at..]);
        bytes
    }

    /// What all others get.
    pub(in super::super) fn for_others(&self) -> &[u8] {
        &self.bytes
    }
}

/// Appends the last message for a client that is closed.
pub(in super::super) fn closing(reason: &str, out: &mut Vec<u8>) {
    let text = clean(format!("ERROR :Closing link: {reason}").as_bytes());
    out.extend_from_slice(prefix(&text, LONGEST));
    out.extend_from_slice(b"\r\n");
}

/// Appends the question whether a client is still there.
pub(in super::super) fn ping(out: &mut Vec<u8>) {
    out.extend_from_slice(format!("PING :{SERVER}\r\n").as_bytes());
}
