//! The limits of rooms: nothing that members do grows beyond them.

use super::pace::Rate;

/// The limits of rooms and members.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The number of characters of a member's name.
    pub name: usize,
    /// The number of characters of a room's name.
    pub room_name: usize,
    /// The number of bytes of a line that is sent to a room or a member.
    pub text: usize,
    /// The number of bytes of a topic, and of the reasons of leaving and being away.
    pub remark: usize,
    /// The number of rooms.
    pub rooms: usize,
    /// The number of members of a room.
    pub members: usize,
    /// The number of rooms that a member is in at once.
    pub rooms_of_member: usize,
    /// The number of members that are one user.
    pub members_of_user: usize,
    /// The number of names and addresses that are banned.
    pub bans: usize,
    /// The number of lines that are kept of a room.
    pub history: usize,
    /// The number of bytes that are kept of all rooms.
    pub history_bytes: usize,
    /// What a member may do: a line takes a token, and another one for each 512 bytes.
    pub actions: Rate,
    /// How often a room announces that a member joins, leaves or has another name. Beyond it they are counted and
    /// announced together.
    pub announcements: Rate,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            name: 32,
            room_name: 32,
            text: 4096,
            remark: 400,
            rooms: 1000,
            members: 10_000,
            rooms_of_member: 20,
            members_of_user: 16,
            bans: 1000,
            history: 1000,
            history_bytes: 16 << 20,
            actions: Rate { per_second: 10, burst: 30 },
            announcements: Rate { per_second: 2, burst: 10 },
        }
    }
}
