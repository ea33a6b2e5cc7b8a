//! Tests of ladders, and of pictures of traces.

use super::*;
use crate::trace::samples::with_texts;

/// The heads of arrows in a ladder of this class.
fn arrows(drawn: &str, class: &str) -> usize {
    let paths = drawn.lines().filter(|line| line.starts_with(&format!("<path class=\"{class}\"")));
    paths.filter(|line| line.matches('L').count() == 2).count()
}

#[test]
fn ladder_has_an_arrow_for_each_write() {
    let texts = ["SECRET 42 ready\n", "Digits: 42   Count: 2\n     "];
    let mut run = Run::new();
    run.open("127.0.0.1:51234", "127.0.0.1:4500");
    run.message(1, 16, &[4]);
    run.reply(1, 22);
    run.close();
    let drawn = ladder(&with_texts(run.events, texts));
    assert_eq!((arrows(&drawn, "m0"), arrows(&drawn, "sign-fill")), (3, 5), "a cut message, a reply; SYN to FIN");
    for text in [">SECR<", ">4 B, message 1<", ">ET 42 ready\\n<", ">read 4 B<", ">read 12 B<", ">end read<", ">ACK<"] {
        assert!(drawn.contains(text), "{text}: {drawn}");
    }
}

#[test]
fn ladder_has_no_arrow_of_an_unseen_event() {
    // A server alone: the client's writes are not known, and no FIN was seen.
    let drawn = ladder(&crowd(1));
    assert!(!drawn.contains(">FIN<") && drawn.contains(">SYN+ACK<") && drawn.contains(">read 9 B<"), "{drawn}");
    let strokes = drawn.lines().filter(|line| line.starts_with("<path class=\"m0\"")).count();
    assert!(strokes > 100, "both arrows are dashed: {strokes}");
    let drawn = ladder(&relay());
    assert_eq!(drawn.matches("class=\"life\"").count(), 3, "{drawn}");
    // The end of the client was seen as a reset.
    assert!(drawn.contains(">RST<") && !drawn.contains(">FIN<"), "{drawn}");
}

#[test]
fn ladder_states_how_much_it_draws() {
    let drawn = ladder(&crowd(60));
    assert!(drawn.contains("; 3 of 60 connections drawn<"), "{drawn}");
    assert!(drawn.contains(">Not drawn: 57 more connections, 1.17 KiB written and 513 B read.<"), "{drawn}");
    assert!(!drawn.contains("is not drawn") && !drawn.contains("The beginning"), "{drawn}");
    // Every call of the first rows is there, and none after the first one that is not kept.
    let drawn = ladder(&loopback(300, &[1, 5]));
    let part = ">The beginning is drawn: 60 of 1,200 writes, 59 of 1,200 reads.<";
    assert_eq!(drawn.matches(part).count(), 2, "{drawn}");
    assert!(drawn.contains("at one end only, or its other end is not drawn."), "{drawn}");
}

#[test]
fn messages_of_one_write_share_their_label() {
    let drawn = picture(&coalesced());
    assert!(drawn.contains(">messages 1\u{2013}2<") && drawn.contains(">message 1<"), "{drawn}");
}

#[test]
fn picture_of_an_incomplete_trace_has_a_warning() {
    let mut events = loopback(1, &[]);
    let said = |events: &[Event], is_torn| {
        let mut timeline = noted(events);
        timeline.end_trace(is_torn);
        let text = timeline.incomplete();
        assert_eq!(timeline.render(View::Lanes).contains("incomplete"), text.is_some());
        text
    };
    assert_eq!(said(&events, false), None);
    assert_eq!(said(&events, true), Some("the trace is incomplete: it ends within a line"));
    events.pop();
    let unclosed = "the trace is incomplete: it ends before its connections are closed";
    assert_eq!(said(&events, false), Some(unclosed));
    assert!(!picture(&events).contains("incomplete"), "a run that goes on is not incomplete");
}
