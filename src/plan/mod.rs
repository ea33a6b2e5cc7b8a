//! What is cut where, and what happens between two writes: pure functions of bytes, plan and seed.

mod cutter;
mod draw;
mod layout;
mod order;
mod shrink;
mod spec;

pub use cutter::{Cutter, Piece};
pub use layout::{Layout, Place};
pub use order::{Fin, Label, Order, Trial};
pub use shrink::Shrink;
pub use spec::{Barrier, Cutting, Plan};
