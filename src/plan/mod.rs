//! Plans: where writes are cut, and the pauses and barriers between them. Pure functions of bytes, plan and seed.

mod cut_points;
mod cutter;
mod draw;
mod families;
mod finder;
mod header;
mod hello;
mod hello_order;
mod layout;
mod only;
mod order;
mod pieces;
mod recut;
mod selection;
mod shrink;
mod spec;
mod trial;

pub use cut_points::{CutPoints, CutsNothing};
pub use cutter::{Cutter, Piece};
pub use families::{Families, Family};
pub use header::{HeaderPieces, HeaderUncut};
pub use hello::{HelloCuts, HelloForm};
pub use layout::Layout;
pub use only::{Cuts, Only, OnlyError, OnlyPart};
pub use order::{Choice, Order, Prelude};
pub use pieces::Pieces;
pub use recut::{RecutEnd, Recutter};
pub use shrink::Shrink;
pub use spec::{Barrier, CutLayer, CutOutside, Cutting, Plan};
pub use trial::{Fin, Label, Place, Trial, TrialKind};
