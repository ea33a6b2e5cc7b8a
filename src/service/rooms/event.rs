//! What the engine is asked for, and what follows from it.

use std::net::IpAddr;
use std::rc::Rc;

use thiserror::Error;

use super::name::{InvalidName, Name, RoomName};
use crate::auth::UserName;
use crate::service::PeerId;
use crate::value::{Timestamp, counted, escape};

/// A member, by the connection or the console that it is at.
pub type MemberId = PeerId;

/// Bytes that several members, the history and a journal share. They have no LF; everything else is as it was sent, so
/// a front end escapes it for terminals.
pub type Text = Rc<[u8]>;

/// How a line is meant (RFC 2812, 3.3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tone {
    /// An ordinary line.
    #[default]
    Message,
    /// A line that programs do not answer.
    Notice,
}

/// What a member may do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Role {
    /// Everything that members may.
    #[default]
    Member,
    /// The operator at the console: removes and bans members.
    Operator,
}

/// A new member, as the front end knows it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Entrance<'a> {
    /// The name that it asks for; without one it gets the name of a guest.
    pub name: Option<&'a [u8]>,
    /// Its address, which a ban applies to; `None` where members share one, as on loopback addresses.
    pub ip: Option<IpAddr>,
    /// What it may do.
    pub role: Role,
    /// The user that it has logged in as, whose name it has.
    pub user: Option<&'a UserName>,
}

/// What a member asks for. Names and texts are as the member sent them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the fields are named after what they are, and each variant explains its own")]
pub enum Request<'a> {
    /// Enter a room, which begins with its first member.
    Join { room: &'a [u8] },
    /// Enter a room and leave another one: a [`Part`](Request::Part) follows.
    Change { room: &'a [u8] },
    /// Leave a room.
    Part { room: &'a [u8], reason: &'a [u8] },
    /// Take another name.
    Nick { name: &'a [u8] },
    /// Send a line to all others in a room.
    Say { room: &'a [u8], text: &'a [u8], tone: Tone },
    /// Send a line to one member, or to all members that are one user.
    Message { to: &'a [u8], text: &'a [u8], tone: Tone },
    /// Set the topic of a room; an empty one removes it.
    Topic { room: &'a [u8], text: &'a [u8] },
    /// Be away, for this reason; an empty one ends it.
    Away { reason: &'a [u8] },
    /// Remove a member (operator).
    Kick { name: &'a [u8], reason: &'a [u8] },
    /// Remove a member, and refuse its address from now on, or its name if members share the address (operator). A name
    /// that no member has is refused too.
    Ban { name: &'a [u8], reason: &'a [u8] },
    /// End a ban of a name or an address (operator).
    Unban { target: &'a [u8] },
}

/// The reason why a request was refused.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[allow(missing_docs, reason = "the texts explain the variants")]
pub enum Refusal {
    #[error("name {}: {why}", escape(.name))]
    BadName { name: Vec<u8>, why: InvalidName },
    #[error("room {}: {why}", escape(.room))]
    BadRoom { room: Vec<u8>, why: InvalidName },
    #[error("{0} is the name of another member")]
    NameInUse(Name),
    #[error("{0} is a reserved name")]
    NameReserved(Name),
    #[error("user {user} cannot enter a room: the name {why}")]
    BadUser { user: String, why: InvalidName },
    #[error("you are logged in as {0}, and keep this name")]
    NameOfUser(Name),
    #[error("you are connected {0} times, and more are not allowed")]
    TooManyOfUser(usize),
    #[error("no member has the name {}", escape(.0))]
    NoSuchMember(Vec<u8>),
    #[error("there is no room {}", escape(.0))]
    NoSuchRoom(Vec<u8>),
    #[error("you are not in {0}")]
    NotInRoom(RoomName),
    #[error("you are in no room (/join ROOM)")]
    InNoRoom,
    #[error("you are in {0}")]
    AlreadyInRoom(RoomName),
    #[error("{room} is full ({most} members)")]
    RoomFull { room: RoomName, most: usize },
    #[error("you are in {}, and more are not allowed", counted(*.0 as u64, "room"))]
    TooManyRoomsOfMember(usize),
    #[error("there are {0} rooms, and more are not allowed")]
    TooManyRooms(usize),
    #[error("there is no text to send")]
    NoText,
    #[error("the text has more than {0} bytes")]
    TextTooLong(usize),
    #[error("you are banned")]
    Banned,
    #[error("the name {0} is banned")]
    NameBanned(Name),
    #[error("only the operator may do this")]
    NotOperator,
    #[error("{} is not banned", escape(.0))]
    NotBanned(Vec<u8>),
    #[error("{0} names and addresses are banned, and more are not allowed")]
    TooManyBans(usize),
    #[error("the operator cannot be removed")]
    OperatorStays,
    #[error("you are not a member")]
    NotMember,
}

/// Something that members are told of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoomEvent {
    /// Its number. Later events have larger ones, also after a restart.
    pub id: u64,
    /// When it happened.
    pub at: Timestamp,
    /// The name that the acting member had before; `None` if it is no act of one member.
    pub by: Option<Name>,
    /// What happened.
    pub what: Happening,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the fields are named after what they are, and each variant explains its own")]
pub enum Happening {
    /// The member has joined a room.
    Joined { room: RoomName },
    /// The member has left a room.
    Parted { room: RoomName, reason: Text },
    /// The member has left all rooms.
    Quit { reason: Text },
    /// Several members have joined and left a room, or have other names: too many to announce each. `moves` has their
    /// events, in order. If it counts nothing, clients without a list of members get nothing.
    Crowd { room: RoomName, joined: u32, left: u32, renamed: u32, moves: Rc<[Move]> },
    /// The member has another name.
    Renamed { name: Name },
    /// A line for a room.
    Line { room: RoomName, text: Text, tone: Tone },
    /// A line for one member.
    Private { to: Name, text: Text, tone: Tone },
    /// The topic of a room was set, or removed.
    Topic { room: RoomName, text: Text },
    /// The program says something in a room, such as that other servers cannot be reached.
    Notice { room: RoomName, text: String },
}

impl Happening {
    /// Moves that only clients with a list of members get.
    pub(super) fn unannounced(room: RoomName, moves: Vec<Move>) -> Self {
        Happening::Crowd { room, joined: 0, left: 0, renamed: 0, moves: moves.into() }
    }

    /// Whether clients without a list of members get nothing.
    pub(super) fn is_unannounced(&self) -> bool {
        matches!(self, Happening::Crowd { joined: 0, left: 0, renamed: 0, .. })
    }
}

/// The event of a member that has joined or left a room, or has another name, unannounced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Move {
    /// The member; after it has left, another one may have its id. `None`: it is a member of another server.
    pub member: Option<MemberId>,
    /// The event.
    pub event: Rc<RoomEvent>,
}

/// What is to be done after a request.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the fields are named after what they are, and each variant explains its own")]
pub enum Effect {
    /// Send an event to these members. All of them share it.
    Deliver { event: Rc<RoomEvent>, to: Vec<MemberId> },
    /// Close the connection of a member, which is no member any more.
    Remove { member: MemberId, reason: Text },
}
