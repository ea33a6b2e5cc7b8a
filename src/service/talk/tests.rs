//! Conversations as scripts of events.

use super::*;
use crate::frame::Framing;
use crate::service::Action;

const SERVER: PeerId = PeerId::conn(1);

const LINES: Wire = Wire { framing: Framing::Lines, crlf: false };

fn script(act: impl FnOnce(&mut Context)) -> String {
    let mut context = Context::default();
    act(&mut context);
    let name = |peer| if peer == PeerId::Console { "console" } else { "server" };
    let done = context.script().into_iter().map(|(action, text)| match action {
        Action::Send(peer, _) => format!("{} {text:?}", name(peer)),
        Action::Finish(peer) => format!("finish {}", name(peer)),
        Action::Flush(peer) => format!("flush {}", name(peer)),
        other => format!("{other:?}"),
    });
    done.collect::<Vec<_>>().join("\n")
}

fn play(talk: &mut Talk, events: Vec<Event<'_>>) -> String {
    script(|context| events.into_iter().for_each(|event| talk.on(event, context)))
}

fn typed(line: &[u8]) -> Event<'_> {
    Event::Message { peer: PeerId::Console, bytes: line }
}

fn reply(line: &[u8]) -> Event<'_> {
    Event::Message { peer: SERVER, bytes: line }
}

fn begun(talk: Talk) -> Talk {
    let mut talk = talk;
    assert_eq!(play(&mut talk, vec![Event::Open { peer: SERVER }]), "Prompt");
    talk
}

#[test]
fn conversation_equals_that_of_the_original() {
    let mut talk = begun(Talk::new(LINES, false));
    assert_eq!(
        play(&mut talk, vec![typed(b"SECRET 7")]),
        "server \"SECRET 7\\n\"\nflush server\nconsole \"Sent: SECRET 7\\n\""
    );
    assert_eq!(
        play(&mut talk, vec![reply(b"Digits: 7   Count: 1")]),
        "console \"Received: Digits: 7   Count: 1\\n\"\nPrompt"
    );
    assert_eq!(play(&mut talk, vec![typed(b"QUIT()")]), "flush server\nStop");
}

#[test]
fn messages_and_replies_do_not_wait_for_each_other() {
    let mut talk = begun(Talk::new(LINES, false));
    play(&mut talk, vec![typed(b"one")]);
    assert!(talk.wants(PeerId::Console) && talk.is_unprompted());
    assert_eq!(script(|context| talk.prompt(context)), "Prompt");
    assert!(!talk.is_unprompted());
    let two = play(&mut talk, vec![typed(b"two")]);
    assert_eq!(two, "server \"two\\n\"\nflush server\nconsole \"Sent: two\\n\"");
    assert_eq!(play(&mut talk, vec![reply(b"eins")]), "console \"Received: eins\\n\"");
    assert_eq!(play(&mut talk, vec![reply(b"zwei")]), "console \"Received: zwei\\n\"\nPrompt");
    assert_eq!(play(&mut talk, vec![reply(b"news")]), "console \"Received: news\\n\"\nPrompt");
}

#[test]
fn quit_words_end_the_input_with_replies_outstanding() {
    for word in ["q", "Quit", "quit()", "CLOSE", "close()"] {
        let mut talk = begun(Talk::new(LINES, true));
        play(&mut talk, vec![typed(b"one")]);
        assert_eq!(play(&mut talk, vec![typed(word.as_bytes())]), "finish server");
        assert!(talk.input_ended() && !talk.wants(PeerId::Console) && !talk.is_unprompted());
        assert_eq!(play(&mut talk, vec![typed(b"more")]), "");
    }
}

#[test]
fn backslash_sends_a_quit_word() {
    let sent = |talk: Talk, line: &[u8]| play(&mut begun(talk), vec![typed(line)]);
    let talk = || Talk::new(LINES, false);
    assert!(sent(talk(), b"\\quit").starts_with("server \"quit\\n\""));
    assert!(sent(talk(), b"\\Close()").starts_with("server \"Close()\\n\""));
    assert!(sent(talk(), b"\\quitter").starts_with("server \"\\\\quitter\\n\""));
    assert!(sent(talk(), b"\\\\q").starts_with("server \"\\\\\\\\q\\n\""));
    assert!(sent(talk().without_quit_words(), b"quit").starts_with("server \"quit\\n\""));
    assert!(sent(talk().without_quit_words(), b"\\quit").starts_with("server \"\\\\quit\\n\""));
}

#[test]
fn uncuttable_message_is_not_sent() {
    let mut talk = begun(Talk::new(LINES, false).cut(&Cutting::Cut("3".parse().unwrap())));
    play(&mut talk, vec![typed(b"abc")]);
    assert_eq!(
        play(&mut talk, vec![typed(b"ab")]),
        "console \"Not sent: message 2 has 3 bytes with its ending, and --cut 3 does not cut it: \
         1 to 2 and -1 to -2 do\\n\"\nPrompt"
    );
}

#[test]
fn text_without_line_feed_is_shown_once() {
    let mut talk = begun(Talk::new(LINES, false));
    let show = |talk: &mut Talk, text: &[u8]| script(|context| talk.show_unfinished(text, context));
    assert_eq!(show(&mut talk, b"login: "), "console \"Received: login: \\n\"\nPrompt");
    assert_eq!(show(&mut talk, b"login: "), "");
    assert_eq!(show(&mut talk, b"login: Password: "), "console \"Received: Password: \\n\"\nPrompt");
    let rest = play(&mut talk, vec![reply(b"login: Password: ok")]);
    assert_eq!(rest, "console \"Received: ok\\n\"\nPrompt");
    assert_eq!(show(&mut talk, b"last"), "console \"Received: last\\n\"\nPrompt");
    assert_eq!(play(&mut talk, vec![reply(b"last")]), "Prompt");
    assert_eq!(play(&mut talk, vec![reply(b"")]), "console \"Received: \\n\"\nPrompt");
}

#[test]
fn unrequested_lines_answer_no_message() {
    let mut talk = begun(Talk::new(LINES, false));
    play(&mut talk, vec![reply(b"welcome"), typed(b"a")]);
    assert_eq!((talk.sent(), talk.answered(), talk.unanswered()), (1, 0, 1));
}

#[test]
fn lost_connection_ends_the_run_unless_reconnecting() {
    let mut talk = begun(Talk::new(LINES, false));
    assert_eq!(play(&mut talk, vec![Event::Eof { peer: SERVER }]), "Stop");
    let mut talk = begun(Talk::new(LINES, false).reconnecting());
    play(&mut talk, vec![typed(b"a")]);
    assert_eq!(play(&mut talk, vec![Event::Eof { peer: SERVER }, Event::Closed { peer: SERVER }]), "Close(Conn(1))");
    talk.forget_server();
    assert_eq!(talk.unanswered(), 0);
    assert_eq!(
        play(&mut talk, vec![typed(b"b")]),
        "console \"Not sent: there is no connection (Up recalls the line)\\n\"\nPrompt"
    );
    assert_eq!(play(&mut talk, vec![typed(b"q")]), "Stop");
}
