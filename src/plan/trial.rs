//! One trial of a sweep: the cuts of the requests, and a name for them.

use std::fmt;

use super::{Barrier, Cutting, Family, HelloCuts, HelloForm, Plan};
use crate::value::{Named, Offsets};

/// One way to write all requests on one connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trial {
    /// Its name.
    pub name: Label,
    /// The cuts of the PROXY header, as rising offsets in it.
    pub header: Vec<usize>,
    /// The cuts of the `ClientHello` of TLS. The requests are then not cut.
    pub hello: Option<HelloCuts>,
    /// The boundaries between writes, as rising offsets in the stream of all requests, without its start and end. They
    /// include the boundaries of messages that are not joined.
    pub cuts: Vec<usize>,
    /// The boundaries of messages that are not cut: one write has bytes of both messages.
    pub joined: Vec<usize>,
    /// When the sending direction is half-closed.
    pub fin: Fin,
}

/// When the sending direction is half-closed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fin {
    /// After the last reply.
    #[default]
    Replied,
    /// Right after the last byte.
    After,
    /// In the segment of the last byte, if the kernel can do that.
    With,
}

/// The kinds of trials, in the order of [`super::Order`]. A [`Family`] has one or more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TrialKind {
    /// One cut in one message.
    OneCut,
    /// One cut in the PROXY header.
    Header,
    /// Every message in pieces of one size.
    Chunks,
    /// Messages joined.
    Joined,
    /// Messages joined and cut, so that a write crosses their boundary.
    Crossing,
    /// The `ClientHello` of TLS in pieces.
    Hello(HelloForm),
    /// The FIN with the last byte, or right after it.
    Fin,
    /// Two cuts.
    TwoCuts,
}

/// The name of a [`Trial`]. Messages are counted from 1, offsets from the start of their message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Label {
    /// No cuts: each message is one write. The baseline.
    Whole,
    /// One cut in the PROXY header, at this offset.
    Header(usize),
    /// One cut in the `ClientHello` of TLS, at this offset.
    Hello(HelloForm, usize),
    /// The `ClientHello` of TLS in records of this size.
    HelloSizes(HelloForm, usize),
    /// One cut in one message.
    Cut(Place),
    /// Every message in pieces of this size.
    Chunks(usize),
    /// This number of messages in each write.
    Joined(usize),
    /// All messages joined, and each cut at this offset of `--cut`: each piece except the first and last crosses a
    /// boundary.
    Crossing(i64),
    /// All messages joined, and each cut in the middle.
    CrossingMiddle,
    /// Two cuts.
    Pair(Place, Place),
    /// The messages whole, half-closed as [`Trial::fin`] says.
    Fin(Fin),
    /// Another trial after shrinking.
    Shrunk,
    /// The trial of `--only`, if it has no other name.
    Only(TrialKind),
}

/// A place in a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The number of the message, from 1.
    pub message: usize,
    /// The offset in the message.
    pub offset: usize,
}

impl Trial {
    /// The cuts of the header, if there are any.
    #[must_use]
    pub fn header_cuts(&self) -> Option<Offsets> {
        Offsets::new(self.header.iter().filter_map(|&cut| i64::try_from(cut).ok())).ok()
    }

    /// The plan that makes these cuts in the `ClientHello`, or else in the stream of all requests (`connect --raw`). Each piece is read by the server
    /// before the next one is sent.
    #[must_use]
    pub fn plan(&self) -> Plan {
        if let Some(hello) = &self.hello {
            return hello.plan();
        }
        let offsets = self.cuts.iter().filter_map(|&cut| i64::try_from(cut).ok());
        let cutting = Offsets::new(offsets).map_or(Cutting::Whole, Cutting::Cut);
        Plan { cutting, barrier: Barrier::PeerRead, ..Plan::default() }
    }
}

impl Label {
    /// The kind of the trial.
    #[must_use]
    pub fn kind(self) -> TrialKind {
        match self {
            Label::Header(_) => TrialKind::Header,
            Label::Hello(form, _) | Label::HelloSizes(form, _) => TrialKind::Hello(form),
            Label::Cut(_) => TrialKind::OneCut,
            Label::Chunks(_) => TrialKind::Chunks,
            Label::Joined(_) => TrialKind::Joined,
            Label::Crossing(_) | Label::CrossingMiddle => TrialKind::Crossing,
            Label::Pair(..) => TrialKind::TwoCuts,
            Label::Whole | Label::Fin(_) | Label::Shrunk => TrialKind::Fin,
            Label::Only(kind) => kind,
        }
    }
}

impl TrialKind {
    /// The family of this kind.
    #[must_use]
    pub fn family(self) -> Family {
        match self {
            TrialKind::OneCut => Family::Cut,
            TrialKind::Header => Family::Header,
            TrialKind::Chunks => Family::Chunk,
            TrialKind::Joined | TrialKind::Crossing => Family::Joined,
            TrialKind::Hello(_) => Family::ClientHello,
            TrialKind::Fin => Family::HalfClose,
            TrialKind::TwoCuts => Family::Pair,
        }
    }
}

impl fmt::Display for Fin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Fin::Replied => "FIN after the last reply",
            Fin::After => "FIN right after the last byte",
            Fin::With => "FIN in the segment of the last byte",
        })
    }
}

/// The name of the family, and what distinguishes the kind.
impl fmt::Display for TrialKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            TrialKind::Hello(HelloForm::Tcp) => "client-hello in TCP pieces",
            TrialKind::Hello(HelloForm::Records) => "client-hello in records",
            TrialKind::Hello(HelloForm::JoinedRecords) => "client-hello in records in one write",
            TrialKind::Crossing => "joined and cut",
            kind => kind.family().word().name,
        })
    }
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Label::Whole => f.write_str("every message in one write"),
            Label::Header(offset) => write!(f, "PROXY header cut at {offset}"),
            Label::Hello(form, cut) => write!(f, "ClientHello in {}, cut at {cut}", form.words()),
            Label::HelloSizes(HelloForm::JoinedRecords, size) => {
                write!(f, "ClientHello in records of {size} in one write")
            }
            Label::HelloSizes(_, size) => write!(f, "ClientHello in records of {size}"),
            Label::Cut(place) => place.fmt(f),
            Label::Chunks(size) => write!(f, "chunks of {size}"),
            Label::Joined(count) => write!(f, "{count} messages in one write"),
            Label::Crossing(cut) => write!(f, "all messages joined, each cut at {cut}"),
            Label::CrossingMiddle => f.write_str("all messages joined, each cut in its middle"),
            Label::Pair(one, other) if one.message == other.message => write!(f, "{one} and {}", other.offset),
            Label::Pair(one, other) => write!(f, "{one}, {other}"),
            Label::Fin(fin) => fin.fmt(f),
            Label::Shrunk => f.write_str("shrunk"),
            Label::Only(_) => f.write_str("--only"),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "message {} cut at {}", self.message, self.offset)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::layout::Layout;

    #[test]
    fn plan_of_a_trial_waits_until_the_peer_has_read() {
        let plan = |messages: &[usize]| Layout::new(messages).whole().plan();
        let cuts = |cutting| Plan { cutting, barrier: Barrier::PeerRead, ..Plan::default() };
        assert_eq!(plan(&[4, 2, 1]), cuts(Cutting::Cut("4,6".parse().unwrap())));
        assert_eq!(plan(&[4]), cuts(Cutting::Whole));
    }

    #[test]
    fn each_label_has_its_kind_and_its_words() {
        let place = |message, offset| Place { message, offset };
        for (label, kind, words) in [
            (Label::Whole, TrialKind::Fin, "every message in one write"),
            (Label::Header(5), TrialKind::Header, "PROXY header cut at 5"),
            (Label::Hello(HelloForm::Tcp, 5), TrialKind::Hello(HelloForm::Tcp), "ClientHello in TCP pieces, cut at 5"),
            (
                Label::HelloSizes(HelloForm::JoinedRecords, 2),
                TrialKind::Hello(HelloForm::JoinedRecords),
                "ClientHello in records of 2 in one write",
            ),
            (Label::Cut(place(2, 3)), TrialKind::OneCut, "message 2 cut at 3"),
            (Label::Chunks(7), TrialKind::Chunks, "chunks of 7"),
            (Label::Joined(2), TrialKind::Joined, "2 messages in one write"),
            (Label::Crossing(-1), TrialKind::Crossing, "all messages joined, each cut at -1"),
            (Label::CrossingMiddle, TrialKind::Crossing, "all messages joined, each cut in its middle"),
            (Label::Pair(place(1, 2), place(1, 4)), TrialKind::TwoCuts, "message 1 cut at 2 and 4"),
            (Label::Pair(place(1, 2), place(2, 4)), TrialKind::TwoCuts, "message 1 cut at 2, message 2 cut at 4"),
            (Label::Fin(Fin::Replied), TrialKind::Fin, "FIN after the last reply"),
            (Label::Shrunk, TrialKind::Fin, "shrunk"),
            (Label::Only(TrialKind::Crossing), TrialKind::Crossing, "--only"),
        ] {
            assert_eq!((label.kind(), label.to_string().as_str()), (kind, words));
        }
        assert_eq!(format!("{:10}|{:10}", TrialKind::OneCut, TrialKind::Crossing), "cut       |joined and cut");
        let kinds = [
            TrialKind::OneCut,
            TrialKind::Header,
            TrialKind::Chunks,
            TrialKind::Joined,
            TrialKind::Crossing,
            TrialKind::Hello(HelloForm::Records),
            TrialKind::Fin,
            TrialKind::TwoCuts,
        ];
        for kind in kinds {
            assert!(kind.to_string().starts_with(kind.family().word().name), "{kind}");
        }
    }
}
