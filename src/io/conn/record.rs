//! What a connection records of itself, apart from its writes and reads.

use std::os::fd::AsFd;

use super::super::recorder::{Recorder, Turn};
use super::super::sockopt::{self, Shown};
use super::super::stream::Stream;
use super::super::sys;
use super::super::witness::Witness;
use crate::config::Traffic;
use crate::trace::{ConnId, EventKind, Side};

/// How a connection came about.
#[derive(Clone, Debug)]
pub struct Origin {
    /// Which end we are.
    pub side: Side,
    /// Who is on the other end.
    pub peer: String,
    /// Selects the stream of random numbers that its plan draws from: connections are counted from
    /// 0 in the order they were made.
    pub number: u64,
    /// The client's connection that this one was made for, in a relay.
    pub made_for: Option<ConnId>,
    /// The number of bytes that a proxy was sent before, if the other end of the socket is one.
    pub sent_to_proxy: Option<u64>,
    /// Sees the peer's socket where it is not on this host.
    pub witness: Option<Witness>,
}

/// Records a new connection: its ends, its socket options, and its plan.
pub(super) fn opened(id: ConnId, stream: &Stream, origin: &Origin, traffic: &Traffic, recorder: &Recorder) {
    recorder.note(id, || EventKind::Open {
        side: origin.side,
        local: stream.endpoints().map_or_else(|| "unix".to_owned(), |(local, _)| local.to_string()),
        peer: origin.peer.clone(),
        made_for: origin.made_for,
    });
    if recorder.is_on() {
        for Shown { name, requested, effective } in sockopt::effective(stream.socket(), &traffic.socket) {
            if requested.is_some() || effective.is_some() {
                recorder.note(id, || EventKind::Option { name, requested, effective });
            }
        }
    }
    if !traffic.plan.is_plain() {
        recorder.note(id, || EventKind::Plan(traffic.plan.clone()));
    }
}

/// Records what the kernel counts on this connection, if anybody wants to know.
pub(super) fn sample(stream: &Stream, turn: &mut Turn<'_>, id: ConnId) {
    if turn.is_on() && stream.is_tcp() {
        if let Ok(sample) = sys::tcp_info(stream.as_fd()) {
            turn.note(id, || EventKind::Sample(sample));
        }
    }
}
