//! What a run is asked to do, checked before anything is opened.

pub mod socket;
mod source;
pub mod tos;
