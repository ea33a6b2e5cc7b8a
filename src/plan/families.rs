//! The families of the trials of a sweep, and the sets of them that are tried.

use std::fmt;
use std::str::FromStr;

use crate::value::{Invalid, Named, Word};

/// A family of trials: trials that change the writes in the same way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// One cut in one message.
    Cut,
    /// Every message in pieces of one size.
    Chunk,
    /// Messages joined in one write, and such writes cut.
    Joined,
    /// Two cuts.
    Pair,
    /// The end of this side's stream with the last byte, or right after it.
    HalfClose,
    /// One cut in the PROXY header.
    Header,
    /// The `ClientHello` of TLS in pieces.
    ClientHello,
}

impl Named for Family {
    const ALL: &'static [Self] = &[
        Family::Cut,
        Family::Chunk,
        Family::Joined,
        Family::Pair,
        Family::HalfClose,
        Family::Header,
        Family::ClientHello,
    ];

    fn word(self) -> Word {
        match self {
            Family::Cut => Word::new("cut", "One cut, at each offset of each message"),
            Family::Chunk => Word::new("chunk", "Every message in pieces of 1, 2, 3 or 7 bytes"),
            Family::Joined => Word::new("joined", "Several messages in one write, also cut across their boundary"),
            Family::Pair => Word::new("pair", "Two cuts, at all pairs of offsets"),
            Family::HalfClose => Word::new(
                "half-close",
                "The end of the stream with the last byte and right after it; not in the default",
            ),
            Family::Header => Word::new("header", "One cut in the header of --proxy-protocol"),
            Family::ClientHello => {
                Word::new("client-hello", "The ClientHello of --tls in two pieces and in small records")
            }
        }
    }
}

/// A set of families. Its syntax: names with commas, which are the set; or names after `+` and `-`, which add to
/// the default set or take from it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Families(u8);

impl Families {
    /// No family.
    const NONE: Families = Families(0);

    /// The families that cut messages at places that can be chosen.
    #[must_use]
    pub fn of_places() -> Families {
        Families::NONE.with(Family::Cut).with(Family::Pair)
    }

    /// Whether the set has this family.
    #[must_use]
    pub fn has(self, family: Family) -> bool {
        self.0 & (1 << family as u8) != 0
    }

    /// The set with this family.
    #[must_use]
    pub fn with(self, family: Family) -> Families {
        Families(self.0 | 1 << family as u8)
    }

    /// The set without this family.
    #[must_use]
    pub fn without(self, family: Family) -> Families {
        Families(self.0 & !(1 << family as u8))
    }

    /// Whether the set has no family.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self == Families::NONE
    }

    /// The families of the set, in the order of the help text.
    pub fn iter(self) -> impl Iterator<Item = Family> {
        Family::ALL.iter().copied().filter(move |family| self.has(*family))
    }
}

/// All but `half-close`: a server may take the end of the stream for the end of the client, and be right about cuts.
impl Default for Families {
    fn default() -> Families {
        let all = Family::ALL.iter().fold(Families::NONE, |set, family| set.with(*family));
        all.without(Family::HalfClose)
    }
}

const WHAT: &str = "a list of families";
const SYNTAX: &str = "names such as cut,pair, or changes of the default such as +half-close,-pair, of: \
                      cut, chunk, joined, pair, half-close, header, client-hello";

impl FromStr for Families {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Families, Invalid> {
        let invalid = || Invalid::new(text, WHAT, SYNTAX);
        let family = |name| Family::ALL.iter().copied().find(|family| family.word().name == name).ok_or_else(invalid);
        let changes = text.starts_with(['+', '-']);
        let mut set = if changes { Families::default() } else { Families::NONE };
        for item in text.split(',') {
            set = match (changes, item.strip_prefix('+'), item.strip_prefix('-')) {
                (false, ..) => set.with(family(item)?),
                (true, Some(name), _) => set.with(family(name)?),
                (true, None, Some(name)) => set.without(family(name)?),
                (true, None, None) => return Err(invalid()),
            };
        }
        if set.is_empty() { Err(Invalid::new(text, WHAT, "at least one family")) } else { Ok(set) }
    }
}

/// As a list that parses to the same set.
impl fmt::Display for Families {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.iter().map(|family| family.word().name).collect();
        f.write_str(&names.join(","))
    }
}

impl fmt::Debug for Families {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Families({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn list_names_the_set_or_changes_the_default() {
        let default = "cut,chunk,joined,pair,header,client-hello";
        assert_eq!(Families::default().to_string(), default);
        for (text, set) in [
            (default, default),
            ("cut", "cut"),
            ("pair,half-close,cut,cut", "cut,pair,half-close"),
            ("+half-close", "cut,chunk,joined,pair,half-close,header,client-hello"),
            ("-pair", "cut,chunk,joined,header,client-hello"),
            ("-pair,+half-close,-joined", "cut,chunk,half-close,header,client-hello"),
            ("+cut", default),
            ("-cut,+cut", default),
        ] {
            let parsed: Families = text.parse().unwrap();
            assert_eq!((parsed.to_string().as_str(), parsed.to_string().parse()), (set, Ok(parsed)), "{text}");
        }
    }

    #[test]
    fn error_lists_every_family() {
        let names: Vec<_> = Family::ALL.iter().map(|family| family.word().name).collect();
        assert!(SYNTAX.ends_with(&format!("of: {}", names.join(", "))));
        for text in ["", "cuts", "cut,", "cut, pair", "cut,+pair", "+pair,cut", "+", "--pair", "CUT", "+half"] {
            let error = text.parse::<Families>().unwrap_err().to_string();
            assert_eq!(error, format!("\"{text}\" is not a list of families: expected {SYNTAX}"));
        }
        let none = "-cut,-chunk,-joined,-pair,-header,-client-hello";
        let error = none.parse::<Families>().unwrap_err().to_string();
        assert_eq!(error, format!("\"{none}\" is not a list of families: expected at least one family"));
    }
}
