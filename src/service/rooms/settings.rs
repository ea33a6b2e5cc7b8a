//! The settings of the service of rooms.

use super::limits::Limits;

/// The settings of rooms.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The limits of the engine.
    pub limits: Limits,
    /// The room that a client joins if it chooses no other one.
    pub room: String,
    /// The number of lines that a member gets when it joins a room.
    pub replay: usize,
    /// The lines of rooms are recorded, and members read so.
    pub recorded: bool,
    /// The address of the port for IRC.
    pub irc: Option<String>,
}

impl Default for Settings {
    fn default() -> Self {
        Settings { limits: Limits::default(), room: "lobby".into(), replay: 10, recorded: false, irc: None }
    }
}
