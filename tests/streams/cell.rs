//! The columns of the table of streams, and the cells of all combinations.

use std::fmt;

use crate::contract::Expected;

/// An enum with a name for each value, for the printed table.
macro_rules! column {
    ($(#[$doc:meta])* $name:ident { $($(#[$value_doc:meta])* $value:ident = $text:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $name { $($(#[$value_doc])* $value,)+ }

        impl $name {
            pub const ALL: &'static [$name] = &[$($name::$value,)+];
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self { $($name::$value => $text,)+ })
            }
        }
    };
}

column! {
    /// The tested command, which has the stdin and stdout of the other columns.
    ///
    /// A relay has neither: the columns are those of its client.
    Side {
        Connect = "connect",
        Listen = "listen",
        Keep = "keep",
        Relay = "relay",
    }
}

column! {
    /// The kind of stdin.
    Stdin {
        File = "file",
        /// A pipe with its bytes ready at the start.
        PipeNow = "pipe-now",
        /// A pipe whose bytes are written when the connection is up and, if the peer ends first, its FIN has arrived.
        PipeLate = "pipe-late",
        EmptyFile = "empty-file",
        EmptyPipe = "empty-pipe",
        DevNull = "dev-null",
        Closed = "closed",
        /// As nohup leaves it.
        WriteOnly = "write-only",
        Terminal = "terminal",
    }
}

column! {
    /// The program at the other end. With a relay: the server, and the client too if the program can be both.
    Peer {
        Secretcat = "secretcat",
        Nc = "nc",
        Ncat = "ncat",
        Socat = "socat",
        Python = "python",
    }
}

column! {
    /// The end that comes first.
    End {
        /// The input of this side ends first.
        OursFirst = "ours-first",
        /// The input of the peer ends first.
        PeerFirst = "peer-first",
        /// The peer is killed during the transfer.
        PeerKilled = "peer-killed",
        /// The peer closes after the first of many bytes.
        PeerClosesEarly = "peer-closes-early",
        /// The stdout of the peer is a full disk.
        PeerCannotWrite = "peer-cannot-write",
        /// The stdout of this side is a full disk.
        OursFull = "ours-full",
        /// The stdout of this side is closed.
        OursClosed = "ours-closed",
        /// The reader of this side's stdout has closed.
        OursReaderGone = "ours-reader-gone",
        /// The server of the relay refuses the connection.
        Refused = "refused",
    }
}

column! {
    /// The direction of the bytes.
    Direction {
        ToPeer = "to-peer",
        FromPeer = "from-peer",
        Both = "both",
    }
}

column! {
    /// The number of bytes in each direction.
    Size {
        /// A short line.
        Line = "line",
        /// More bytes than all buffers of a connection.
        Big = "big",
    }
}

/// One conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Cell {
    pub side: Side,
    pub stdin: Stdin,
    pub peer: Peer,
    pub end: End,
    pub direction: Direction,
    pub size: Size,
}

/// The number of columns.
pub const COLUMNS: usize = 6;

impl Cell {
    /// Every combination of values, including impossible ones.
    pub fn all() -> impl Iterator<Item = Cell> {
        let counts =
            [Side::ALL.len(), Stdin::ALL.len(), Peer::ALL.len(), End::ALL.len(), Direction::ALL.len(), Size::ALL.len()];
        (0..counts.iter().product()).map(move |mut number: usize| {
            let mut value = [0; COLUMNS];
            // The first column of the name changes last.
            for (value, count) in value.iter_mut().zip(counts).rev() {
                *value = number % count;
                number /= count;
            }
            Cell {
                side: Side::ALL[value[0]],
                stdin: Stdin::ALL[value[1]],
                peer: Peer::ALL[value[2]],
                end: End::ALL[value[3]],
                direction: Direction::ALL[value[4]],
                size: Size::ALL[value[5]],
            }
        })
    }

    /// The value of each column as a number.
    pub fn values(self) -> [usize; COLUMNS] {
        [
            self.side as usize,
            self.stdin as usize,
            self.peer as usize,
            self.end as usize,
            self.direction as usize,
            self.size as usize,
        ]
    }

    /// Whether this side has bytes for the peer.
    pub fn sends(self) -> bool {
        self.direction != Direction::FromPeer
    }

    /// Whether the peer has bytes for this side.
    pub fn receives(self) -> bool {
        self.direction != Direction::ToPeer
    }

    /// Whether the peer listens, and this side or the relay connects.
    pub fn peer_listens(self) -> bool {
        matches!(self.side, Side::Connect | Side::Relay)
    }

    /// The client of a relay: a Python program if it has to report how its connection ended.
    pub fn client(self) -> Peer {
        let says_nothing = self.peer != Peer::Secretcat && self.expected() != Expected::Equal;
        if says_nothing { Peer::Python } else { self.peer }
    }

    /// Whether stdin is at its end from the start, without a byte.
    pub fn stdin_is_empty(self) -> bool {
        matches!(self.stdin, Stdin::EmptyFile | Stdin::EmptyPipe)
    }

    /// Whether stdin ends during the conversation, and the peer receives that end.
    pub fn sends_its_end(self) -> bool {
        match self.stdin {
            Stdin::File | Stdin::PipeNow => true,
            Stdin::PipeLate => !self.cannot_write(),
            Stdin::Terminal => self.sends() || self.end == End::OursFirst,
            Stdin::EmptyFile | Stdin::EmptyPipe => self.side == Side::Connect,
            Stdin::DevNull | Stdin::Closed | Stdin::WriteOnly => false,
        }
    }

    /// Whether bytes can be on stdin.
    pub fn stdin_may_have_bytes(self) -> bool {
        matches!(self.stdin, Stdin::File | Stdin::PipeNow | Stdin::PipeLate | Stdin::Terminal)
    }

    /// Whether the bytes of a late pipe are written in two parts: the second when the peer has left.
    pub fn in_parts(self) -> bool {
        self.stdin == Stdin::PipeLate && matches!(self.end, End::PeerKilled | End::PeerClosesEarly)
    }

    /// Whether this side cannot write what it receives.
    pub fn cannot_write(self) -> bool {
        matches!(self.end, End::OursFull | End::OursClosed | End::OursReaderGone)
    }
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Cell { side, stdin, peer, end, direction, size } = self;
        write!(f, "{side}/{stdin}/{peer}/{end}/{direction}/{size}")
    }
}
