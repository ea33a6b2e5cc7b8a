//! The cuts of a `ClientHello`, the first message of a TLS client, in a trial of a sweep.

use std::num::NonZeroUsize;

use super::{Barrier, CutLayer, Cutting, Plan};
use crate::value::{Offsets, Range, Size};

/// The length of the header of a TLS record.
const RECORD_HEADER: usize = 5;
/// The ends of fields, counted from the first byte of the record: the version (11), the random number (43), the session
/// (44, 76) and the length of the list of cipher suites (78).
const FIELDS: [usize; 5] = [11, 43, 44, 76, 78];
/// Where a segment or a buffer often ends.
const SEGMENTS: [usize; 10] = [1448, 1460, 1440, 536, 256, 512, 1024, 1220, 255, 1400];

/// How a `ClientHello` is sent in pieces.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum HelloForm {
    /// One record in several TCP segments. Offsets count from the first byte of the record.
    Tcp,
    /// Several records, each in a segment of its own. Offsets count from the first byte of the handshake message.
    Records,
    /// Several records in one write. Offsets count as in `Records`.
    JoinedRecords,
}

/// The cuts of a `ClientHello`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HelloCuts {
    /// What each piece becomes.
    pub form: HelloForm,
    /// Rising offsets.
    pub cuts: Vec<usize>,
    /// The bytes that the offsets are in.
    pub of: usize,
}

impl HelloForm {
    /// All forms, in the order of the trials.
    pub const ALL: [HelloForm; 3] = [HelloForm::Tcp, HelloForm::Records, HelloForm::JoinedRecords];

    /// Its name in JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            HelloForm::Tcp => "tcp",
            HelloForm::Records => "records",
            HelloForm::JoinedRecords => "joined_records",
        }
    }

    /// The words after "`ClientHello` in".
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            HelloForm::Tcp => "TCP pieces",
            HelloForm::Records => "records",
            HelloForm::JoinedRecords => "records in one write",
        }
    }

    /// The bytes that offsets are in, of a `ClientHello` whose record has `len` bytes.
    #[must_use]
    pub fn length(self, len: usize) -> usize {
        match self {
            HelloForm::Tcp => len,
            HelloForm::Records | HelloForm::JoinedRecords => len.saturating_sub(RECORD_HEADER),
        }
    }

    /// The offsets that are tried first, as numbers of candidates: around the headers, where segments end, and at the
    /// ends of fields.
    pub(super) fn first(self, len: usize) -> Vec<u64> {
        let of = self.length(len);
        let header = RECORD_HEADER + 4;
        let on_the_wire = (1..=header).chain([len - of + 1, len.saturating_sub(1)]).chain(SEGMENTS).chain(FIELDS);
        let mut first = Vec::new();
        for at in on_the_wire.map(|at| (at + of).saturating_sub(len)).chain(SEGMENTS) {
            if (1..of).contains(&at) && !first.contains(&(at as u64 - 1)) {
                first.push(at as u64 - 1);
            }
        }
        first
    }
}

impl HelloCuts {
    /// The plan that makes these cuts. Each piece is read by the server before the next one is sent.
    #[must_use]
    pub fn plan(&self) -> Plan {
        let layer = if self.form == HelloForm::Tcp { CutLayer::Tcp } else { CutLayer::Handshake };
        let joined = if self.form == HelloForm::JoinedRecords { self.cuts.len() } else { 0 };
        let cutting = match self.size() {
            Some(size) => Cutting::Chunk(Range::only(Size(size as u64))),
            None => Offsets::new(self.cuts.iter().filter_map(|&cut| i64::try_from(cut).ok()))
                .map_or(Cutting::Whole, Cutting::Cut),
        };
        let coalesce = NonZeroUsize::MIN.saturating_add(joined);
        Plan { cutting, coalesce, layer, barrier: Barrier::PeerRead, ..Plan::default() }
    }

    /// The options of `connect` for this plan, its barrier left out.
    #[must_use]
    pub fn options(&self) -> String {
        Plan { barrier: Barrier::None, ..self.plan() }.options().join(" ")
    }

    /// The size of all records, if several cuts make records of one size; the last one may be shorter.
    fn size(&self) -> Option<usize> {
        let &[size, _, ..] = &self.cuts[..] else { return None };
        let are_regular = (1..).zip(&self.cuts).all(|(number, &cut)| cut == number * size);
        let rest = self.of.checked_sub(*self.cuts.last()?)?;
        (are_regular && rest <= size && self.form != HelloForm::Tcp).then_some(size)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plan_and_options_are_those_of_the_form() {
        let cuts = |form, cuts: &[usize]| HelloCuts { form, cuts: cuts.to_vec(), of: 10 };
        let tcp = cuts(HelloForm::Tcp, &[3]);
        assert_eq!(tcp.options(), "--cut 3 --cut-layer tcp");
        let offsets = |text: &str| Cutting::Cut(text.parse().unwrap());
        let plan = Plan { cutting: offsets("3"), layer: CutLayer::Tcp, barrier: Barrier::PeerRead, ..Plan::default() };
        assert_eq!(tcp.plan(), plan);
        let joined = cuts(HelloForm::JoinedRecords, &[3, 5]);
        assert_eq!(joined.options(), "--cut 3,5 --cut-layer handshake --coalesce 3");
        let coalesce = NonZeroUsize::new(3).unwrap();
        assert_eq!(joined.plan(), Plan { cutting: offsets("3,5"), layer: CutLayer::Handshake, coalesce, ..plan });
        for (regular, options) in [
            (cuts(HelloForm::Records, &[4, 8]), "--chunk 4 --cut-layer handshake"),
            (cuts(HelloForm::Records, &[3, 6]), "--cut 3,6 --cut-layer handshake"),
            (cuts(HelloForm::Records, &[5]), "--cut 5 --cut-layer handshake"),
            (cuts(HelloForm::Tcp, &[4, 8]), "--cut 4,8 --cut-layer tcp"),
        ] {
            assert_eq!(regular.options(), options);
        }
    }
}
