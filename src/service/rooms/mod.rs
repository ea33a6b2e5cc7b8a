//! Rooms: members with names send lines to all others in their rooms.
//!
//! [`Engine`] is the one place that knows rooms, members, names, topics, the history and the limits. A front end
//! translates the bytes of a connection into a [`Request`], and an [`Effect`] into bytes.

mod asking;
mod bans;
mod engine;
mod event;
mod foreign;
mod history;
mod irc;
mod journal;
mod limits;
mod line;
mod name;
mod pace;
mod room;
mod roster;
mod service;
mod settings;
mod via;

pub use bans::Ban;
pub use engine::{Deed, Engine, Outcome};
pub use event::{Effect, Entrance, Happening, MemberId, Move, Refusal, Request, Role, RoomEvent, Text, Tone};
pub use history::{Edge, History, Place, Portion, Range};
pub use irc::LONGEST_LINE as LONGEST_OF_IRC;
pub use journal::{RecordedLine, restored};
pub use limits::Limits;
pub use line::command::member_commands;
pub use name::{InvalidName, Name, RoomName};
pub use pace::{Pace, Rate};
pub use room::{Room, Topic};
pub use roster::Member;
pub use service::RoomService;
pub use settings::Settings;
pub use via::{Broker, NoTls, offers_tls};
