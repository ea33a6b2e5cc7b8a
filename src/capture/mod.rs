//! Packets of a run for Wireshark: the events of connections as a file in the format pcapng.
//!
//! Nothing here has seen a packet: a program without privileges sees only its own calls. A [`Capture`] builds one packet
//! for each call that it knows of, with addresses, sequence numbers and checksums, and a comment that explains where it
//! comes from. Where the kernel is known to have sent a write as one segment the packet equals that of the wire; where
//! it is not known, its comment says so.

mod blocks;
mod flow;
mod packet;
mod packets;

pub use packets::Capture;
