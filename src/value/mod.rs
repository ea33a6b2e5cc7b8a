//! Values of the command line. Each type parses and prints itself, and its error states the expected syntax.

mod address;
mod count;
mod counted;
mod escape;
mod family;
mod invalid;
mod named;
mod offsets;
mod range;
mod replies;
mod seed;
mod signal;
mod size;
mod span;
mod switch;
mod text;
mod xml;

pub use address::{Address, DEFAULT_PORT, Host, ServiceNames, abstract_name, read_port};
pub use count::Count;
pub use counted::{counted, plural};
pub use escape::{Escaper, escape};
pub use family::Family;
pub use invalid::Invalid;
pub use named::{Named, Word};
pub use offsets::Offsets;
pub use range::Range;
pub use replies::Replies;
pub use seed::Seed;
pub use signal::Signal;
pub use size::Size;
pub use span::Span;
pub use switch::Switch;
pub use xml::escape_xml;
