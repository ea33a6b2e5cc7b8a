//! A witness that is a shell script.

use super::*;
use crate::peer::witness::protocol::Ends;

const HELLO: &str = "echo secretcat-witness 1 0.0.0\n";
/// Answers the first question, which measures the way.
const MEASURED: &str = "read id rest; echo \"$id sockets 0 0\"\n";
/// The longest wait for anything that must happen.
const DEADLINE: Duration = Duration::from_secs(60);

fn start(script: &str) -> Result<Witness, String> {
    Witness::start(OsStr::new(script), &Signals::default()).map_err(|error| error.to_string())
}

fn question() -> Question {
    let ends = Ends::of_peer("10.0.0.1:5".parse().unwrap(), "10.0.0.2:80".parse().unwrap());
    Question::Read { cookie: None, ends, after: 4, wait: Duration::ZERO }
}

/// The answer to a question, or why there is none.
fn ask(witness: &Witness) -> Result<Answer, String> {
    let id = witness.ask(question());
    let begun = Instant::now();
    loop {
        if let Some(answer) = witness.answer(id)? {
            return Ok(answer);
        }
        assert!(begun.elapsed() < DEADLINE, "no answer: {witness:?}");
        std::thread::yield_now();
    }
}

#[test]
fn witness_answers_in_any_order() {
    let script = "read a b; read c d; echo \"$c gone\"; echo \"$a gone\"; read wait";
    let witness = start(&format!("echo 'Last login'\n{HELLO}{MEASURED}{script}")).unwrap();
    let (one, other) = (witness.ask(question()), witness.ask(question()));
    for id in [one, other] {
        let begun = Instant::now();
        while witness.answer(id).unwrap() != Some(Answer::Gone) {
            assert!(begun.elapsed() < DEADLINE);
        }
    }
}

#[test]
fn command_that_is_no_witness_is_refused_with_its_output() {
    for (script, why) in [
        ("echo oops >&2; exit 3", "the witness has ended with status 3: oops"),
        ("exit 0", "the witness has ended with status 0"),
        ("printf 'no\\033[1m\\n'", "the witness has ended with status 0: no\\x1b[1m"),
        ("kill -9 $$", "the witness was ended by signal 9"),
        ("yes", "the witness sent a line that is no answer: \"y\""),
        ("cat /dev/zero", "the witness sent a line that is no answer: \"\\x00"),
        (
            "echo secretcat-witness 7 9.9.9; read wait",
            "the witness: it is secretcat 9.9.9 and speaks version 7 of the protocol, and this is secretcat",
        ),
        ("echo secretcat-witness one; read wait", "the witness: its first line is not that of 'secretcat witness'"),
        // It lies about its version, and does not speak the protocol.
        (
            "echo secretcat-witness 1 0.0.0; read wait; echo 1 yes",
            "the witness sent a line that is no answer: \"1 yes\"",
        ),
        ("echo secretcat-witness 1 0.0.0; read x; exit 4", "the witness has ended with status 4"),
    ] {
        let text = start(script).unwrap_err();
        assert!(text.starts_with(&format!("--witness: {why}")), "{script}: {text}");
    }
}

#[test]
fn answer_that_does_not_fit_ends_the_witness() {
    for answer in [
        "$id sockets 0 0",     // to another question
        "$id read 7 9 5 0 0",  // fewer bytes than before
        "$id read 7 5 5 - 0",  // not asked whether they are read
        "$id read 7 5 5 0",    // a word is missing
        "99 gone",             // a question that was not asked
        "$id gone\\n$id gone", // answered twice
        "-1 gone",
        "",
    ] {
        let witness = start(&format!("{HELLO}{MEASURED}read id rest; printf -- \"{answer}\\n\"; read wait")).unwrap();
        let mut why = ask(&witness);
        let begun = Instant::now();
        while why.is_ok() {
            assert!(begun.elapsed() < DEADLINE, "{answer}");
            why = ask(&witness);
        }
        assert!(
            why.clone().unwrap_err().starts_with("the witness sent a line that is no answer: \""),
            "{answer}: {why:?}"
        );
    }
}

#[test]
fn witness_that_dies_answers_no_further_question() {
    let witness = start(&format!("{HELLO}{MEASURED}read id rest; echo \"$id gone\"; read x; echo gone >&2; exit 5"));
    let witness = witness.unwrap();
    assert_eq!(ask(&witness), Ok(Answer::Gone));
    for _ in 0..2 {
        assert_eq!(ask(&witness), Err("the witness has ended with status 5: gone".to_owned()));
    }
    assert_eq!(witness.reason().unwrap(), "the witness has ended with status 5: gone");
}

#[test]
fn silent_witness_is_given_up() {
    let witness = start(&format!("{HELLO}{MEASURED}read x; read wait")).unwrap();
    assert_eq!(ask(&witness), Err("the witness gave no answer within 3s".to_owned()));
}

#[test]
fn command_is_ended_with_the_run() {
    let file = std::env::temp_dir().join(format!("secretcat-witness-{}", std::process::id()));
    // A process of the same number that was killed may have left one, with the number of another command.
    let _ = std::fs::remove_file(&file);
    // It ignores the end of its stdin, and so does its child.
    let script = format!("{HELLO}{MEASURED}echo $$ > {}; while :; do sleep 100; done", file.display());
    let witness = start(&script).unwrap();
    let begun = Instant::now();
    let process: u32 = loop {
        assert!(begun.elapsed() < DEADLINE);
        if let Ok(Ok(number)) = std::fs::read_to_string(&file).map(|text| text.trim().parse()) {
            break number;
        }
    };
    drop(witness);
    loop {
        let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
        if stat.is_empty() || stat.contains(") Z ") {
            break; // it was killed
        }
        assert!(begun.elapsed() < DEADLINE, "it still runs: {stat}");
    }
    std::fs::remove_file(&file).unwrap();
}
