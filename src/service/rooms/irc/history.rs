//! The history of channels (<https://ircv3.net/specs/extensions/chathistory>).

use std::rc::Rc;

use super::super::event::RoomEvent;
use super::super::history::{Edge, Place, Portion, Range};
use super::super::line::show as lines;
use super::capability::Capability;
use super::message::{Message, Outgoing};
use super::numeric::ERR_UNKNOWNCOMMAND;
use super::seat::Seat;
use super::show::{SERVER, Tags, channel, tagged};
use super::text::word;
use crate::value::Timestamp;

/// The most lines that one question is answered with.
pub(super) const MOST: usize = 200;
/// The bytes of the history that are sent at once: far less than the backlog with which a client is closed.
pub(super) const PORTION: usize = 128 * 1024;

/// Why a question is not answered.
type Failure = (&'static str, &'static str);

const NEED_MORE_PARAMS: Failure = ("NEED_MORE_PARAMS", "Missing parameters");
const INVALID_PARAMS: Failure = ("INVALID_PARAMS", "Invalid parameters");
const INVALID_MSGREFTYPE: Failure = ("INVALID_MSGREFTYPE", "Expected msgid=ID or timestamp=TIME");
const INVALID_TARGET: Failure = ("INVALID_TARGET", "Messages could not be retrieved");

impl Seat<'_> {
    /// Handles `CHATHISTORY`.
    pub(super) fn chat_history(&mut self, message: &Message<'_>) {
        if self.engine.limits().history == 0 {
            return self.reply(ERR_UNKNOWNCOMMAND, &["CHATHISTORY"], "No history is kept");
        }
        let subcommand = word(message.text(0).unwrap_or_default()).to_ascii_uppercase();
        let answered = match &subcommand[..] {
            "TARGETS" => self.targets(message),
            _ => self.lines_asked_for(&subcommand, message),
        };
        if let Err((code, text)) = answered {
            let target = word(message.text(1).unwrap_or_default());
            let mut params = vec!["CHATHISTORY", code, &subcommand];
            if code == INVALID_TARGET.0 {
                params.push(&target);
            }
            self.send("FAIL", &params, Some(text.as_bytes()));
        }
    }

    fn lines_asked_for(&mut self, subcommand: &str, message: &Message<'_>) -> Result<(), Failure> {
        let target = message.param(1).ok_or(NEED_MORE_PARAMS)?;
        let (range, limit) = range(subcommand, message)?;
        let portion = Portion { lines: limit, bytes: PORTION };
        let found = self.engine.history(self.peer, target, range, portion);
        let is_private = !target.starts_with(b"#"); // nothing is kept of private lines
        let lines: Vec<_> = match found {
            _ if is_private => Vec::new(),
            Ok(lines) => lines.into_iter().cloned().collect(),
            Err(_) => return Err(INVALID_TARGET),
        };
        self.charge(lines.len());
        self.send_lines(target, &lines);
        Ok(())
    }

    /// Sends lines of the history of a channel: as a batch, and as notices to a client that would not see their times.
    pub(super) fn send_lines(&mut self, target: &[u8], lines: &[Rc<RoomEvent>]) {
        let name = self.engine.room(target).map_or_else(|_| word(target), |room| channel(&room.name));
        if !self.has(Capability::ServerTime) {
            return self.send_old_lines(&name, lines);
        }
        let batch = self.begin_batch("chathistory", &[&name]);
        let tags = Tags { capabilities: self.client.capabilities, batch: batch.as_deref() };
        for line in lines {
            self.context.send_with(self.peer, |out| tagged(line, tags, out));
        }
        self.end_batch(batch);
    }

    /// Sends lines as notices with their times, which no program answers.
    fn send_old_lines(&mut self, name: &str, lines: &[Rc<RoomEvent>]) {
        let now = self.context.now().time;
        for line in lines {
            let mut text = Vec::new();
            lines::past(line, now, &mut text);
            let text = super::text::clean(text.trim_ascii_end());
            self.send("NOTICE", &[name], Some(&text));
        }
    }

    /// Lists the channels of the member with lines between two times.
    fn targets(&mut self, message: &Message<'_>) -> Result<(), Failure> {
        let time = |at| match place(message.param(at).ok_or(NEED_MORE_PARAMS)?)? {
            Place::Time(time) => Ok(time),
            Place::Id(_) => Err(INVALID_PARAMS),
        };
        let (one, other) = (time(1)?, time(2)?);
        let limit = limit(message, 3)?;
        let (after, before) = (one.min(other), one.max(other));
        let rooms = self.engine.member(self.peer).map(|member| member.rooms.clone()).unwrap_or_default();
        let latest = |name: &_| {
            let room = self.engine.room(super::super::name::RoomName::as_str(name).as_bytes()).ok()?;
            let last = room.history.select(Range::Latest, Portion { lines: 1, bytes: PORTION });
            Some((last.first()?.at, channel(name)))
        };
        let mut found: Vec<(Timestamp, String)> = rooms.iter().filter_map(latest).collect();
        found.retain(|(at, _)| (after..=before).contains(at));
        found.sort();
        if one > other {
            found.reverse();
        }
        found.truncate(limit);
        let batch = self.begin_batch("draft/chathistory-targets", &[]);
        let tags = batch.as_ref().map(|batch| format!("batch={batch}")).unwrap_or_default();
        for (at, name) in found {
            let at = at.to_string();
            let params = ["TARGETS", &name, &at];
            let line = Outgoing { tags: &tags, source: SERVER, command: "CHATHISTORY", params: &params, text: None };
            self.context.send_with(self.peer, |out| line.write(out));
        }
        self.end_batch(batch);
        Ok(())
    }

    /// Begins a batch, for a client that knows them; returns its name.
    fn begin_batch(&mut self, kind: &str, params: &[&str]) -> Option<String> {
        if !self.has(Capability::Batch) {
            return None;
        }
        self.network.batches += 1;
        let name = self.network.batches.to_string();
        let begin = format!("+{name}");
        let params: Vec<_> = [&begin, kind].into_iter().chain(params.iter().copied()).collect();
        self.send("BATCH", &params, None);
        Some(name)
    }

    fn end_batch(&mut self, batch: Option<String>) {
        if let Some(name) = batch {
            self.send("BATCH", &[&format!("-{name}")], None);
        }
    }
}

/// The range and the number of lines that are asked for.
fn range(subcommand: &str, message: &Message<'_>) -> Result<(Range, usize), Failure> {
    let reference = |at| message.param(at).ok_or(NEED_MORE_PARAMS);
    let range = match subcommand {
        "LATEST" if reference(2)? == b"*" => Range::Latest,
        "LATEST" => Range::Since(place(reference(2)?)?),
        "BEFORE" => Range::Before(place(reference(2)?)?),
        "AFTER" => Range::After(place(reference(2)?)?),
        "AROUND" => Range::Around(place(reference(2)?)?),
        "BETWEEN" => {
            let (first, second) = (place(reference(2)?)?, place(reference(3)?)?);
            let range = if first.is_later_than(second) {
                Range::Between { after: second, before: first, from: Edge::Last }
            } else {
                Range::Between { after: first, before: second, from: Edge::First }
            };
            return Ok((range, limit(message, 4)?));
        }
        _ => return Err(INVALID_PARAMS),
    };
    Ok((range, limit(message, 3)?))
}

/// The place that a parameter names. A line in several parts has the numbers `ID`, `ID-1` and so on.
fn place(reference: &[u8]) -> Result<Place, Failure> {
    let text = std::str::from_utf8(reference).map_err(|_| INVALID_MSGREFTYPE)?;
    match text.split_once('=') {
        Some(("msgid", id)) => {
            let id = id.split('-').next().and_then(|id| id.parse().ok());
            id.map(Place::Id).ok_or(INVALID_PARAMS)
        }
        Some(("timestamp", time)) => Timestamp::from_rfc3339(time).map(Place::Time).ok_or(INVALID_PARAMS),
        _ => Err(INVALID_MSGREFTYPE),
    }
}

fn limit(message: &Message<'_>, at: usize) -> Result<usize, Failure> {
    let number = message.param(at).ok_or(NEED_MORE_PARAMS)?;
    let number: usize = std::str::from_utf8(number).ok().and_then(|text| text.parse().ok()).ok_or(INVALID_PARAMS)?;
    if number == 0 { Err(INVALID_PARAMS) } else { Ok(number.min(MOST)) }
}
