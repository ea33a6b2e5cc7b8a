//! A connection whose bytes are encoded on the wire: moves them between its layer, its outbox and its socket.
//!
//! Everything that a session counts is plaintext: messages, losses, what is queued. Writes, reads, cuts and barriers are
//! at offsets of the wire.
//!
//! A connection without a layer compares once and does not come here: what stands on its way is out of line.

use std::io;
use std::time::Instant;

use super::super::Incoming;
use super::super::recorder::Recorder;
use super::super::stream::Stream;
use super::{Conn, Origin};
use crate::auth::Evidence;
use crate::config::Traffic;
use crate::peer::codec::{Codec, End, Hello, Layer, Protocol, Record, Session, Through, Violation};
use crate::peer::life::Input;
use crate::peer::outbox::Channel;
use crate::plan::CutLayer;
use crate::trace::{Direction, EventKind, TlsSession};

/// A record and its header (RFC 8446, section 5.2): what may have come of an incomplete one.
const MARGIN: usize = (1 << 14) + 2048 + 5;

impl Conn {
    /// Wraps a connected stream. A plan that cuts handshake records of TLS needs no protocol: those of others are cut.
    #[must_use]
    pub fn of(
        stream: Stream,
        origin: Origin,
        traffic: &Traffic,
        raw: bool,
        recorder: &Recorder,
        protocol: Option<Box<dyn Protocol>>,
    ) -> Self {
        let plan = &traffic.plan;
        let recuts = plan.layer == CutLayer::Handshake && !plan.is_plain();
        let protocol = protocol.or_else(|| recuts.then(|| Box::new(Through) as Box<dyn Protocol>));
        match protocol {
            None => Conn::new(stream, origin, traffic, raw, recorder),
            Some(protocol) => Conn::encoded(stream, origin, traffic, raw, recorder, protocol),
        }
    }

    /// Wraps a connected stream whose bytes this protocol encodes. [`flush`](Self::flush) begins the handshake.
    #[must_use]
    pub fn encoded(
        stream: Stream,
        origin: Origin,
        traffic: &Traffic,
        raw: bool,
        recorder: &Recorder,
        protocol: Box<dyn Protocol>,
    ) -> Self {
        let channel = Channel {
            number: origin.number,
            raw,
            has_barriers: stream.shows_progress(),
            joins: traffic.socket.joins_segments(),
        };
        let mut conn = Conn::new(stream, origin, traffic, raw, recorder);
        conn.writer.outbox = Layer::outbox(&traffic.plan, channel);
        let mut layer = Box::new(Layer::new(protocol, &traffic.plan, channel));
        if recorder.is_on() {
            layer.keep_records();
        }
        conn.codec = Codec::Layer(layer);
        conn.queue_encoded();
        conn
    }

    /// Whether bytes are encoded on the wire.
    #[inline]
    #[must_use]
    pub fn is_layered(&self) -> bool {
        self.codec.layer().is_some()
    }

    /// Whether the handshake of the layer is not over. It is driven even while nobody wants to read the peer's data:
    /// see [`advance_handshake`](Self::advance_handshake).
    #[inline]
    #[must_use]
    pub fn is_handshaking(&self) -> bool {
        self.codec.layer().is_some_and(|layer| !layer.is_established())
    }

    /// Whether a header or a handshake is not far enough for the connection to be shown to a service.
    #[inline]
    #[must_use]
    pub fn is_opening(&self) -> bool {
        self.expects_header() || self.codec.layer().is_some_and(|layer| !layer.is_presentable())
    }

    /// What the client has asked for, if its handshake waits for [`choose`](Self::choose).
    #[must_use]
    pub fn hello(&self) -> Option<Hello> {
        self.codec.layer()?.hello()
    }

    /// Continues a handshake that waits, with the application protocol that the client gets.
    pub fn choose(&mut self, alpn: Option<&[u8]>) {
        if let Some(layer) = self.codec.layer_mut() {
            layer.choose(alpn);
            self.queue_encoded();
        }
    }

    /// The application protocol that both sides of the layer have agreed on.
    #[must_use]
    pub fn alpn(&self) -> Option<Vec<u8>> {
        self.codec.layer()?.session()?.alpn
    }

    /// Reads once for the handshake. Data that comes right after it is kept for [`read`](Self::read).
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn advance_handshake(&mut self, buf: &mut [u8], now: Instant) -> io::Result<Incoming> {
        if !self.is_handshaking() {
            return Ok(Incoming::Blocked);
        }
        match self.read_ended() {
            Some(ended) => ended,
            None => self.decode_at(buf, 0, now),
        }
    }

    /// Returns received plaintext; if there is none, reads once from the socket.
    #[cold]
    #[inline(never)]
    pub(super) fn read_decoded(&mut self, buf: &mut [u8], now: Instant) -> io::Result<Incoming> {
        // The socket is read only if no plaintext is left: what is kept is what one read can bring.
        if let Some(incoming) = self.take_decoded(buf) {
            return incoming;
        }
        // Plaintext goes to the start of the buffer: with the rest of a record that came before, it is longer than what
        // is read now.
        let margin = MARGIN.min(buf.len() / 2);
        match self.decode_at(buf, margin, now)? {
            Incoming::Undecoded => self.take_decoded(buf).unwrap_or(Ok(Incoming::Undecoded)),
            other => Ok(other),
        }
    }

    /// What is decoded already: plaintext, then a violation or the end.
    fn take_decoded(&mut self, buf: &mut [u8]) -> Option<io::Result<Incoming>> {
        match self.codec.layer_mut()?.take(buf) {
            0 => self.read_ended(),
            n => Some(Ok(Incoming::Bytes(n))),
        }
    }

    /// What follows the last plaintext: a violation, or the end.
    fn read_ended(&mut self) -> Option<io::Result<Incoming>> {
        let layer = self.codec.layer()?;
        if self.life.has_peer_ended() {
            return Some(Ok(Incoming::Blocked));
        }
        if let Some(violation) = layer.violation().filter(|_| !self.life.is_violated()) {
            return Some(Err(invalid(violation)));
        }
        if layer.end() == End::CutOff {
            return None;
        }
        // The peer has closed the layer: its FIN is not waited for.
        self.life.note_peer_end();
        self.recorder.note(self.id, || self.eof());
        Some(Ok(Incoming::Eof))
    }

    /// Reads once from the socket to this place in the buffer and decodes that. Plaintext is at the start of the buffer;
    /// from place 0 it is kept.
    fn decode_at(&mut self, buf: &mut [u8], place: usize, now: Instant) -> io::Result<Incoming> {
        let incoming = self.read_wire(&mut buf[place..], now)?;
        let Some(layer) = self.codec.layer_mut() else { return Ok(incoming) };
        match incoming {
            Incoming::Bytes(n) => {
                let was_established = layer.is_established();
                // A violation is reported when the plaintext before it is taken.
                let decoded = if place > 0 {
                    layer.receive_within(buf, place..place + n)
                } else {
                    let _ = layer.receive(&buf[..n]);
                    0
                };
                let (is_new, wants_write) = (!was_established && layer.is_established(), layer.wants_write());
                if self.recorder.is_on() {
                    self.note_layer(is_new);
                }
                if wants_write {
                    self.queue_encoded();
                }
                Ok(if decoded > 0 { Incoming::Bytes(decoded) } else { Incoming::Undecoded })
            }
            Incoming::Eof => self.end_of_wire(),
            other => Ok(other),
        }
    }

    /// The peer's FIN came, and no close of its layer before it.
    fn end_of_wire(&self) -> io::Result<Incoming> {
        let Some(layer) = self.codec.layer() else { return Ok(Incoming::Eof) };
        if self.life.is_violated() || layer.protocol().ends_with_stream() {
            return Ok(Incoming::Eof);
        }
        let text = match (layer.is_established(), self.life.is_processing()) {
            (false, _) => {
                let name = layer.name();
                format!("the peer closed the connection within the {name} handshake (does it speak {name}?)")
            }
            (true, true) => {
                format!("the connection was cut off: FIN without a close of {} (data may be missing)", layer.name())
            }
            // What would be missing would be discarded.
            (true, false) => return Ok(Incoming::Eof),
        };
        Err(io::Error::new(io::ErrorKind::UnexpectedEof, text))
    }

    /// Whether the peer has closed the connection after the handshake without closing its layer: data may be missing.
    #[must_use]
    pub fn is_cut_off(&self) -> bool {
        let is_cut = |layer: &Layer| {
            layer.is_established() && layer.end() == End::CutOff && !layer.protocol().ends_with_stream()
        };
        self.life.has_peer_ended() && self.codec.layer().is_some_and(is_cut)
    }

    /// Whether the peer has sent nothing, and ended after our close of the layer: many servers take that for the end
    /// of the conversation, and drop their replies. A listener of this program does not: if it may be one, there was no
    /// reply.
    #[must_use]
    pub fn is_closed_unheard(&self) -> bool {
        let has_ended = self.life.has_peer_ended() && !self.life.is_ended_by_peer();
        has_ended
            && !self.life.is_violated() // then the violation is why there is no reply
            && self.received() == 0
            && self.codec.layer().is_some_and(|layer| {
                layer.is_closed()
                    && layer.accepted() > 0
                    && (layer.end() == End::CutOff || !layer.protocol().may_be_secretcat())
            })
    }

    /// A failure that is a violation: what the layer has to say about it is written first, without the plan.
    #[cold]
    #[inline(never)]
    pub(super) fn as_violation(&mut self, input: Input) -> Input {
        let is_violated = self.codec.layer().is_some_and(|layer| layer.violation().is_some());
        match input {
            Input::Failed(error) if is_violated && error.kind() == io::ErrorKind::InvalidData => {
                self.writer.end_plan(&self.recorder, self.id);
                Input::Violated
            }
            input => input,
        }
    }

    /// Why a connection ends: a violation is the reason, whatever followed from it.
    pub(super) fn violation(&self) -> Option<io::Error> {
        self.codec.layer()?.violation().filter(|_| self.life.is_violated()).map(invalid)
    }

    /// Encodes messages of these lengths and queues them; [`flush`](Self::flush) writes them.
    #[cold]
    #[inline(never)]
    pub(super) fn send_encoded(&mut self, bytes: &[u8], lengths: impl Iterator<Item = usize>) {
        if let Some(layer) = self.codec.layer_mut() {
            layer.send(bytes, lengths);
            self.recorder.pass(self.id, Direction::Out, bytes);
            self.queue_encoded();
        }
    }

    /// No further message is to be waited for: those that the layer holds back are encoded and queued.
    #[cold]
    #[inline(never)]
    pub(super) fn end_group_of_layer(&mut self) {
        if let Some(layer) = self.codec.layer_mut() {
            layer.end_group();
            self.queue_encoded();
        }
    }

    /// The handshake has failed: writes what the layer has to say about it, as far as the kernel takes it at once.
    pub fn send_alert(&mut self, now: Instant) {
        self.writer.end_plan(&self.recorder, self.id);
        // The failure of the handshake is reported already.
        let _ = self.flush(now);
    }

    /// Moves encoded bytes into the outbox.
    fn queue_encoded(&mut self) {
        let Some(layer) = self.codec.layer_mut() else { return };
        if self.life.is_broken() {
            return layer.abandon();
        }
        layer.move_into(&mut self.writer.outbox);
        if layer.remembers_many() {
            if let Ok(bytes) = self.unacknowledged_on_wire() {
                let acknowledged = self.writer.outbox.offset().saturating_sub(bytes);
                self.codec.layer_mut().into_iter().for_each(|layer| layer.forget(acknowledged));
            }
        }
    }

    /// Records what the layer has encoded and decoded, and what a handshake that has just ended has brought. Where a
    /// header comes first is known before anything is written.
    #[cold]
    #[inline(never)]
    pub(super) fn note_layer(&mut self, is_established: bool) {
        let Some(layer) = self.codec.layer_mut() else { return };
        let mut session = is_established.then(|| layer.session()).flatten();
        let records = layer.take_records();
        let recorder = self.recorder.clone();
        let note_session = |session: Option<Session>| {
            if let Some(session) = session {
                recorder.note(self.id, || EventKind::Tls(Box::new(agreed(&session))));
            }
        };
        for Record { dir, wire, plaintext } in records {
            if !plaintext.is_empty() {
                note_session(session.take()); // the first plaintext may come with the end of the handshake
            }
            let (offset, len) = (wire.start, wire.end - wire.start);
            let (start, end) = (plaintext.start, plaintext.end);
            self.recorder.note(self.id, || EventKind::Record { dir, offset, len, start, end });
        }
        note_session(session);
    }

    /// What both sides of the layer have agreed on, once they have.
    #[must_use]
    pub fn session(&self) -> Option<TlsSession> {
        self.codec.layer()?.session().as_ref().map(agreed)
    }

    /// The name in the certificate of the client, at a server that has seen it.
    #[must_use]
    pub fn client_name(&self) -> Option<String> {
        self.codec.layer()?.session()?.client
    }

    /// What this connection shows of its peer.
    #[must_use]
    pub fn evidence(&self) -> Evidence {
        let session = self.codec.layer().and_then(Layer::session);
        Evidence {
            is_encrypted: session.is_some(),
            is_local: self.is_local(),
            binding: self.codec.layer().and_then(Layer::binding),
            certificate: session.and_then(|session| session.client),
            uid: self.stream.peer_user(),
        }
    }

    /// Whether its bytes do not leave this host, as far as it is known: a proxy's client is the one in its header.
    fn is_local(&self) -> bool {
        match self.client_ip() {
            Some(ip) => ip.to_canonical().is_loopback(),
            None => !self.stream.is_tcp(),
        }
    }

    /// The layer, if it has plaintext of its own.
    fn recorded_layer(&self) -> Option<&Layer> {
        self.codec.layer().filter(|layer| layer.has_records())
    }

    /// The event of the peer's end.
    pub(super) fn eof(&self) -> EventKind {
        EventKind::Eof { offset: self.reader.offset, plaintext: self.recorded_layer().map(Layer::decoded) }
    }

    /// The event of our end.
    pub(super) fn shutdown(&self) -> EventKind {
        let offset = self.writer.outbox.offset();
        EventKind::Shutdown { offset, plaintext: self.recorded_layer().map(|layer| layer.plaintext_at(offset)) }
    }

    /// A write has failed: nothing more is encoded.
    pub(super) fn abandon_layer(&mut self) {
        if let Some(layer) = self.codec.layer_mut() {
            layer.abandon();
        }
    }

    /// After an input of its life: the close of the layer comes before our FIN. A connection that ends with a reset
    /// gets none, because it must not look complete.
    #[cold]
    #[inline(never)]
    pub(super) fn close_layer_if_due(&mut self, is_shutdown: bool) {
        let Some(layer) = self.codec.layer_mut() else { return };
        if !layer.is_open() || layer.violation().is_some() || !self.life.is_half_close_due() {
            return;
        }
        if is_shutdown && !layer.is_established() && layer.waiting() == 0 {
            return layer.abandon(); // a peer that does not shake hands would delay the shutdown
        }
        layer.close();
        self.queue_encoded();
    }

    /// The connection is about to be closed. If that is an orderly end, the close of the layer comes before the FIN, as
    /// far as the kernel takes it at once: without it the peer would take the end for a cut.
    #[cold]
    #[inline(never)]
    pub(super) fn close_layer_at_once(&mut self, now: Instant) {
        let is_orderly = self.life.ends_in_order();
        let Some(layer) = self.codec.layer_mut().filter(|_| is_orderly) else { return };
        if layer.is_open() && layer.is_established() && layer.violation().is_none() {
            layer.close();
            self.queue_encoded();
            // If it cannot be written, the peer has gone or takes nothing more.
            let _ = self.flush(now);
        }
    }

    /// Whether everything that was sent is written, the close of the layer included.
    pub(super) fn is_written(&self) -> bool {
        self.writer.outbox.is_written() && !self.codec.layer().is_some_and(Layer::owes_bytes)
    }

    /// The number of bytes on the wire that are queued here, and those that wait for the handshake.
    pub(super) fn queued(&self) -> u64 {
        let waiting = self.codec.layer().map_or(0, Layer::waiting);
        (self.writer.outbox.backlog() + waiting) as u64
    }

    /// The plaintext that is queued: it waits for the handshake, or is in one of these queued `bytes`.
    #[cold]
    #[inline(never)]
    pub(super) fn backlog_of(&self, layer: &Layer, bytes: usize) -> usize {
        let written = self.writer.outbox.offset();
        let queued = layer.plaintext_at(written + bytes as u64) - layer.plaintext_at(written);
        layer.waiting() - layer.held_back() + usize::try_from(queued).unwrap_or(usize::MAX)
    }

    /// The plaintext in the last bytes that the kernel has taken; the number of those is given.
    pub(super) fn plaintext_in_last(&self, bytes: u64) -> u64 {
        let written = self.writer.outbox.offset();
        let plaintext = |layer: &Layer| layer.plaintext_at(written) - layer.plaintext_at(written.saturating_sub(bytes));
        self.codec.layer().map_or_else(|| bytes.min(self.written()), plaintext)
    }
}

/// A session as events have it.
fn agreed(Session { version, suite, group, alpn, server_name, client }: &Session) -> TlsSession {
    TlsSession::new(version, suite, *group).with_names(alpn.as_deref(), server_name.as_deref(), client.as_deref())
}

fn invalid(violation: &Violation) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, violation.clone())
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::{TcpListener, TcpStream};
    use std::time::Duration;

    use super::super::super::key::Key;
    use super::super::super::reactor::{Behind, Ready};
    use super::super::super::sockopt::Family;
    use super::*;
    use crate::peer::codec::{Rotor, kind, record};
    use crate::trace::Side;

    /// The longest wait for anything that must happen.
    const DEADLINE: Duration = Duration::from_secs(120);

    /// A client over a layer, with this plan, and its server.
    fn client(plan: &str) -> (Conn, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let ours = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        ours.set_nonblocking(true).unwrap();
        let traffic = Traffic { plan: serde_json::from_str(plan).unwrap(), ..Traffic::default() };
        let origin = Origin {
            side: Side::Connect,
            peer: String::new(),
            number: 0,
            made_for: None,
            sent_to_proxy: None,
            witness: None,
        };
        let stream = Stream::from_socket(ours.into(), Family::V4);
        let conn = Conn::encoded(stream, origin, &traffic, false, &Recorder::default(), Rotor::end(true));
        (conn, listener.accept().unwrap().0)
    }

    /// The server takes the hello and welcomes the client.
    fn shake_hands(conn: &mut Conn, server: &mut TcpStream) {
        let now = Instant::now();
        conn.flush(now).unwrap();
        server.set_read_timeout(Some(DEADLINE)).unwrap();
        server.read_exact(&mut [0; 7]).unwrap();
        let mut welcome = Vec::new();
        record(kind::WELCOME, b"", &mut welcome);
        server.write_all(&welcome).unwrap();
        let is_readable = Ready { key: Key::Conn(0), readable: true, writable: true, behind: Behind::Nothing };
        while conn.is_handshaking() {
            assert!(now.elapsed() < DEADLINE, "no handshake: {conn:?}");
            conn.on_ready(is_readable);
            conn.advance_handshake(&mut [0; 64], now).unwrap();
        }
    }

    #[test]
    fn backlog_counts_plaintext_before_and_after_the_handshake() {
        let (mut conn, mut server) = client(r#"{"cutting":"whole"}"#);
        assert_eq!(conn.backlog(), 0, "a handshake carries no plaintext");
        conn.send(b"SECRET 1\n").unwrap();
        assert_eq!(conn.backlog(), 9, "it waits for the handshake");
        shake_hands(&mut conn, &mut server);
        assert_eq!(conn.backlog(), 9, "it is encoded, and waits for a write");
        conn.flush(Instant::now()).unwrap();
        assert_eq!(conn.backlog(), 0);
    }

    #[test]
    fn backlog_leaves_out_messages_that_wait_for_others() {
        let (mut conn, mut server) = client(r#"{"cutting":"whole","coalesce":2}"#);
        shake_hands(&mut conn, &mut server);
        conn.send(b"one\n").unwrap();
        assert_eq!((conn.backlog(), conn.holds_back()), (0, true));
        conn.send(b"two\n").unwrap();
        assert_eq!((conn.backlog(), conn.holds_back()), (8, false));
    }
}
