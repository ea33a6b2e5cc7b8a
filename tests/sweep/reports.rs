//! The reports of a sweep: progress, JSON, JUnit XML, and the findings so far at Ctrl-C.

use std::path::Path;
use std::process::{Command, Stdio};

use rustix::process::Signal;
use serde_json::Value;

use crate::support::pty::Terminal;
use crate::support::sweep::{broken, findings, sweep};
use crate::support::{Dir, Proc, Server, local_listener, run, secretcat, skip};

const WRONG: &[&str] = &["-m", "SECRET <42> & \"\u{ffff}\x1b'", "-m", "hello"];

#[test]
fn json_report_matches_its_schema() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/sweep.schema.json");
    let schema: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let schema = jsonschema::validator_for(&schema).unwrap();
    let right = Server::start(&[]);
    let wrong = Server::start(&["--bug", "one-read"]);
    let gone = broken("exits_after", 20);
    let odd = broken("unsteady", 0);
    let cases = [(Some(right), 0), (Some(wrong), 3), (gone, 4), (odd, 4)];
    for (server, status) in cases {
        let Some(server) = server else { return };
        let found = findings(&server, WRONG, b"");
        let errors: Vec<_> = schema.iter_errors(&found).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{errors:?}\n{found:#}");
        assert_eq!(found["status"], status, "{found:#}");
        assert_eq!((&found["schema"], &found["version"]), (&1.into(), &env!("CARGO_PKG_VERSION").into()));
        assert!(schema.validate(&found["verdicts"]).is_err(), "the schema refuses what is something else");
    }
}

/// `(tests, failures, errors)`, the messages of failures and errors, as Python's parser reads them.
fn parse_junit(file: &Path) -> String {
    let script = "import sys, xml.etree.ElementTree as tree\n\
        suite = tree.parse(sys.argv[1]).getroot()\n\
        cases = suite.findall('testcase')\n\
        assert suite.tag == 'testsuite' and len(cases) == int(suite.get('tests'))\n\
        assert all(case.get('name') and case.get('classname') for case in cases)\n\
        for kind in 'failure', 'error': assert len(suite.findall('testcase/' + kind)) == int(suite.get(kind + 's'))\n\
        print(suite.get('failures'), suite.get('errors'), [case.get('name') for case in cases])\n\
        assert all(float(case.get('time')) >= 0 for case in cases) and float(suite.get('time')) >= 0\n\
        for found in suite.findall('testcase/failure'): print(found.text.splitlines()[0])\n\
        for found in suite.findall('testcase/error'): print(found.get('message'))\n";
    let out = Command::new("python3").args(["-c", script]).arg(file).output().unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8_lossy(&out.stdout).into_owned()
}

const CASES: &str = "['uncut messages', 'cut', 'chunk', 'pair', 'every plan tried']";

#[test]
fn junit_report_is_xml_with_the_right_counts() {
    if !skip::has_program("python3") {
        return;
    }
    let dir = Dir::new("junit");
    let file = dir.file("sweep.xml");
    let junit = ["--junit", file.to_str().unwrap()];
    let wrong = Server::start(&["--bug", "drop-tail"]);
    assert_eq!(sweep(&wrong, &[&["-m", "SECRET 1"], &junit[..]].concat(), b"").status, Some(3));
    let output = parse_junit(&file);
    let causes = "the causes are reported with other families";
    assert_eq!(output, format!("3 0 {CASES}\ndifferent: message 1 cut at 1\n{causes}\n{causes}\n"));

    // Another server on another port: the names are the same.
    let right = Server::start(&[]);
    assert_eq!(sweep(&right, &[&["-m", "SECRET 1"], &junit[..]].concat(), b"").status, Some(0));
    assert_eq!(parse_junit(&file), format!("0 0 {CASES}\n"));
    let text = std::fs::read_to_string(&file).unwrap();
    for part in [
        format!("<property name=\"address\" value=\"{}\"/>", right.address()),
        "<property name=\"seed\" value=\"0\"/>".to_owned(),
        "<property name=\"proof\" value=\"read\"/>".to_owned(),
        format!("<property name=\"version\" value=\"{}\"/>", env!("CARGO_PKG_VERSION")),
        "<property name=\"expected\" value=\"1 reply: &quot;Digits: 1   Count: 1&quot;; closed by the server\"/>"
            .to_owned(),
        "<property name=\"status\" value=\"0\"/>".to_owned(),
        " sweep ".to_owned() + &right.address() + " -m &apos;SECRET 1&apos;",
    ] {
        assert!(text.replace('\'', "&apos;").contains(&part), "{part} in {text}");
    }

    // Plans that were not proven or not tried are errors: a CI system would count skipped cases as passed.
    let Some(gone) = broken("exits_after", 20) else { return };
    let args = [&["-m", "SECRET 12", "--jobs", "1"], &junit[..]].concat();
    assert_eq!(sweep(&gone, &args, b"").status, Some(4));
    let output = parse_junit(&file);
    assert!(output.starts_with(&format!("0 2 {CASES}\n")), "{output}");
    assert!(output.ends_with(" plans not tried\n"), "{output}");
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(text.contains("16 connections in a row failed: connection refused"), "{text}");
    let nobody = gone.address();
    drop(gone);
    assert_eq!(run(["sweep", &nobody, "-m", "x", junit[0], junit[1]], "").status, Some(1));
    assert!(parse_junit(&file).starts_with("0 1 ['uncut messages']\nno usable reply"), "{}", parse_junit(&file));
}

/// The sweep would take for ever: the server never answers.
#[test]
fn unwritable_report_is_an_error_before_the_sweep() {
    let (_silent, address) = local_listener();
    let args = ["sweep", &address, "-m", "SECRET 1", "--timeout", "1h"];
    for option in ["--junit", "--html"] {
        run(args.iter().chain(&[option, "/nonexistent/sweep"]), "").is(
            2,
            "",
            "secretcat: create /nonexistent/sweep: no such file or directory (does its directory exist?)\n",
        );
    }
}

#[test]
fn sweep_is_reported_though_files_of_reports_have_no_room() {
    let server = Server::start(&[]);
    let files = ["--junit", "/dev/full", "--html", "/dev/full"];
    let out = run(["sweep", &server.address(), "-m", "SECRET 1", "--quiet"].iter().chain(&files), "");
    let line = "secretcat: write /dev/full: no space left on device (free space, or use another disk)\n";
    assert_eq!((out.status, out.stderr), (Some(2), line.repeat(2)));
    assert!(out.stdout.starts_with(b"expected: 1 reply"), "{}", String::from_utf8_lossy(&out.stdout));
    let gone = server.address();
    server.stops_with("");
    let out = run(["sweep", &gone, "-m", "SECRET 1", "--quiet"].iter().chain(&files), "");
    assert_eq!((out.status, out.stderr.matches(line).count()), (Some(2), 2), "{}", out.stderr);
    assert!(out.stderr.contains(&format!("secretcat: sweep {gone}: ")), "{}", out.stderr);
}

/// A sweep that lasts until it is ended, because the server freezes.
fn sweep_of_frozen_server() -> Option<(Server, Command)> {
    let server = broken("freezes_after", 20)?;
    let args = ["sweep", &server.address(), "-m", "SECRET 12", "--jobs", "1", "--timeout", "1h", "--max-time", "0"];
    let command = secretcat(args);
    Some((server, command))
}

const EXPECTED: &str = "expected: 1 reply: \"Digits: 12   Count: 2\"; closed by the server\n";
const KNOWN: &str = "17 same, 0 different, 0 not proven, 32 not tried";

#[test]
fn signal_prints_the_findings_so_far() {
    let Some((server, mut command)) = sweep_of_frozen_server() else { return };
    let proc = Proc::start(&mut command);
    server.proc.wait_for_stderr("frozen");
    proc.signal(Signal::INT);
    let out = proc.end();
    let table = "                   plans    same  different  not proven  proof\n\
                 cut                    9       9          0           0  read\n\
                 chunk                  4       4          0           0  read\n\
                 pair                   4       4          0           0  read\n";
    assert_eq!((out.signal, &out.stderr[..]), (Some(2), ""));
    let known = format!("{EXPECTED}{table}{}: 1 message, 10 bytes, 49 plans: {KNOWN}\n", server.address());
    assert_eq!(String::from_utf8_lossy(&out.stdout), known);
    // As JSON, too.
    let Some((server, mut command)) = sweep_of_frozen_server() else { return };
    let proc = Proc::start(command.arg("--json"));
    server.proc.wait_for_stderr("frozen");
    proc.signal(Signal::TERM);
    let out = proc.end();
    let found: Value = serde_json::from_slice(&out.stdout).unwrap();
    let known = (&found["interrupted"], &found["verdicts"]["same"], &found["status"]);
    assert_eq!((out.signal, known), (Some(15), (&true.into(), &17.into(), &143.into())));
}

#[test]
fn signal_ends_a_sweep_that_has_found_a_difference() {
    let Some(server) = broken("wrong_then_frozen", 20) else { return };
    let dir = Dir::new("signalled");
    let junit = dir.file("sweep.xml");
    let args = ["sweep", &server.address(), "-m", "SECRET 12", "--jobs", "1", "--timeout", "1h", "--json", "--junit"];
    let proc = Proc::start(secretcat(args).arg(&junit));
    server.proc.wait_for_stderr("frozen");
    proc.signal(Signal::INT);
    let out = proc.end();
    let found: Value = serde_json::from_slice(&out.stdout).unwrap();
    assert_eq!((out.signal, &found["interrupted"], &found["status"]), (Some(2), &true.into(), &130.into()));
    let differences = found["differences"].as_array().unwrap();
    assert!(!differences.is_empty() && differences.iter().all(|found| found["repeated"] == false), "{found:#}");
    assert_eq!(found["verdicts"]["different"], 0, "a difference counts only if it repeats: {found:#}");
    let text = std::fs::read_to_string(&junit).unwrap();
    assert!(text.contains(" plans not tried\">interrupted"), "{text}");
}

#[test]
fn ctrl_c_ends_the_wait_for_typed_messages() {
    let server = Server::start(&[]);
    let mut terminal = Terminal::start(&secretcat(["--color", "never", "sweep", &server.address()]));
    let asked = terminal.sees("ends the input\r\n");
    assert!(asked.ends_with("type the messages, one per line; Ctrl-D ends the input\r\n"), "{asked:?}");
    terminal.types("SECRET 1\r");
    terminal.types("\x03");
    let (out, shown) = terminal.end();
    assert_eq!(out.signal, Some(2), "{shown:?}");
    assert!(shown.ends_with("secretcat: interrupted\r\n"), "{shown:?}");
}

#[test]
fn progress_is_shown_only_at_a_terminal() {
    let Some((_server, command)) = sweep_of_frozen_server() else { return };
    let mut terminal = Terminal::start(&command);
    terminal.sees("17 of 49 plans");
    terminal.types("\x03");
    let (out, shown) = terminal.end();
    assert_eq!(out.signal, Some(2), "{shown:?}");
    assert!(shown.contains("\r\u{1b}[Kexpected: 1 reply: "), "the line is gone: {shown:?}");
    // A sweep of a second prints progress, except where it is not wanted or cannot be erased.
    let slow = Server::start(&["--chunk", "1", "--delay", "1ms"]);
    let args = ["sweep", &slow.address(), "-m", "SECRET 12", "--jobs", "1", "--max-time", "0"];
    let (out, shown) = Terminal::start(&secretcat(args)).end();
    assert!(out.status == Some(0) && shown.contains(" of 49 plans"), "{shown:?}");
    let findings = format!("{}: 1 message, 10 bytes, 49 plans: 49 same, 0 different, 0 not proven", slow.address());
    let expected = EXPECTED.trim_end();
    let quiet = Terminal::start(secretcat(args).arg("--quiet"));
    let dumb = Terminal::start(secretcat(args).env("TERM", "dumb"));
    let alone = Proc::start(&mut secretcat(args));
    for terminal in [quiet, dumb] {
        let (out, shown) = terminal.end();
        assert_eq!((out.status, shown), (Some(0), format!("{expected}\r\n{findings}\r\n")));
    }
    alone.end().is(0, format!("{expected}\n{findings}\n"), "");
}

#[test]
fn full_disk_on_stdout_is_an_error() {
    let server = Server::start(&["--bug", "one-read"]);
    let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
    let args = ["sweep", &server.address(), "-m", "SECRET 1", "-m", "x"];
    let out = Proc::start_on(&mut secretcat(args), Stdio::null(), full.into(), Stdio::piped());
    out.end().is(2, "", "secretcat: write to stdout: no space left on device\n");
}
