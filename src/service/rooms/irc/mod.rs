//! The IRC front end: messages of IRC become requests, and events become messages (RFC 2812, and
//! <https://modern.ircdocs.horse>). The room `lab` is the channel `#lab`.

pub(super) mod capability;
pub(super) mod client;
mod history;
mod login;
mod member;
mod message;
mod numeric;
mod queries;
mod registration;
mod rooms;
pub(super) mod seat;
pub(super) mod show;
mod text;

pub use message::LONGEST_LINE;
