//! Random bytes that nobody can foresee, from the system.

use crate::error::{Error, Operation};

/// Draws bytes.
///
/// # Errors
/// When the system has none to give.
pub fn draw<const N: usize>() -> Result<[u8; N], Error> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes)
        .map_err(|error| Error::local(Operation::Read, "random bytes of the system")(error.into()))?;
    Ok(bytes)
}
