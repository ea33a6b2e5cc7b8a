//! The file and the kind of a picture.

use std::path::PathBuf;

use super::{Named, Word, escape};

/// What a picture shows of time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum View {
    /// Lanes of calls on an axis of time.
    #[default]
    Lanes,
    /// Arrows between two lines of life, as on a blackboard.
    Ladder,
}

impl Named for View {
    const ALL: &'static [Self] = &[View::Lanes, View::Ladder];

    fn word(self) -> Word {
        match self {
            View::Lanes => Word::new("lanes", "Lanes of calls on an axis of time"),
            View::Ladder => Word::new("ladder", "Arrows between client and server"),
        }
    }
}

/// The file of a picture: its name has to end in `.svg`, so that programs know what it is.
///
/// # Errors
/// When it does not.
pub fn svg_file(path: PathBuf) -> Result<PathBuf, String> {
    if path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("svg")) {
        return Ok(path);
    }
    let shown = escape(path.as_os_str().as_encoded_bytes());
    Err(format!("\"{shown}\" is not the name of a picture: expected one that ends in .svg"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_of_a_picture_ends_in_svg() {
        for name in ["a.svg", "b/c.d.SVG", ".x.svg"] {
            assert_eq!(svg_file(name.into()), Ok(name.into()));
        }
        for name in ["a.png", "svg", ".svg", "a.svg/", "a.svgz", "-", "\u{1b}"] {
            let expected = format!("\"{}\" is not the name", escape(name.as_bytes()));
            if name != "a.svg/" {
                assert!(svg_file(name.into()).unwrap_err().starts_with(&expected), "{name}");
            }
        }
    }
}
