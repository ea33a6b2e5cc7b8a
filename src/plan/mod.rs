//! What is cut where, and what happens between two writes: pure functions of bytes, plan and seed.

mod cutter;
mod draw;
mod spec;

pub use cutter::{Cutter, Piece};
pub use spec::{Barrier, Cutting, Plan};
