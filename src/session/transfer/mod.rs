//! `secretcat send` and `secretcat receive`: files over one connection, until both sides know that they are saved.
//!
//! [`meeting`] makes the connection or accepts it, [`send`] and [`receive`] run one transfer over a [`wire`], and
//! `ending` closes it.

mod arrivals;
mod ending;
mod meeting;
mod meter;
pub mod receive;
pub mod send;
mod wire;

use crate::error::{Endpoint, Error, cause};
use crate::transfer::Digest;
use crate::value::counted;

/// The transfer of a file, or of all files, has failed: the error, which begins with `what`, such as `send a to`.
fn failed(what: String, address: &Endpoint, how: impl Into<String>) -> Error {
    Error::Transfer { what, address: address.clone(), how: how.into() }
}

/// What the other side is told of an error; `None`: it knows.
fn reason(error: &Error) -> Option<String> {
    Some(match error {
        Error::Local { source, .. } => cause(source),
        Error::Interrupted => "interrupted".to_owned(),
        Error::Timeout { .. } => "a time limit has passed".to_owned(),
        _ => return None,
    })
}

/// The size of a file and its hash, for a line: `5 bytes, sha256 2cf2…`.
fn facts(size: u64, digest: Option<Digest>) -> String {
    let digest = digest.map_or_else(|| "no checksum".to_owned(), |digest| format!("sha256 {digest}"));
    format!("{}, {digest}", counted(size, "byte"))
}
