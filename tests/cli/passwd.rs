//! `secretcat passwd`: changes the file of users, with passwords from stdin and from a terminal.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use regex::Regex;

use rustix::fs::{CWD, FileType, Mode, mknodat};
use rustix::process::Signal;

use crate::support::pty::Terminal;
use crate::support::{Dir, Outcome, run, secretcat};

const KEYS: &str = "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:\
                    wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=";

fn passwd(file: &Path, args: &[&str], stdin: &str) -> Outcome {
    run(["passwd", file.to_str().unwrap()].iter().chain(args), stdin)
}

fn content(file: &Path) -> String {
    fs::read_to_string(file).unwrap()
}

fn write(file: &Path, content: &str, mode: u32) {
    fs::write(file, content).unwrap();
    fs::set_permissions(file, Permissions::from_mode(mode)).unwrap();
}

#[test]
fn user_is_added_changed_and_deleted() {
    let dir = Dir::new("passwd");
    let file = dir.file("users");
    let shown = file.display();
    let line =
        Regex::new(r"^ann:SCRAM-SHA-256\$4096:[A-Za-z0-9+/]{22}==\$[A-Za-z0-9+/]{43}=:[A-Za-z0-9+/]{43}=\n$").unwrap();
    passwd(&file, &["ann", "--stdin"], "pencil\n").is(0, "", format!("{shown}: added ann\n"));
    let first = content(&file);
    assert!(line.is_match(&first), "{first}");
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    passwd(&file, &["ann", "--stdin"], "pencil\r\n").is(0, "", format!("{shown}: changed the password of ann\n"));
    let second = content(&file);
    assert!(line.is_match(&second) && second != first, "another salt: {second}");
    let others = format!("# ours\r\n\nbob:{KEYS}");
    write(&file, &format!("{others}\n{second}"), 0o600);
    passwd(&file, &["ann", "--delete"], "").is(0, "", format!("{shown}: deleted ann\n"));
    assert_eq!(content(&file), format!("{others}\n"));
    passwd(&file, &["ann", "--delete"], "").is(2, "", format!("secretcat: {shown}: has no user ann\n"));
    write(&file, &others, 0o600);
    passwd(&file, &["carl", "--stdin"], "pencil").is(0, "", format!("{shown}: added carl\n"));
    assert!(content(&file).starts_with(&format!("{others}\ncarl:SCRAM")));
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "nothing is left over");
}

#[test]
fn bad_file_name_or_password_changes_nothing() {
    let dir = Dir::new("passwd-bad");
    let (good, open, broken) = (dir.file("good"), dir.file("open"), dir.file("broken"));
    let users = format!("bob:{KEYS}\n");
    write(&good, &users, 0o600);
    write(&open, &users, 0o640);
    write(&broken, &format!("{users}ann:pencil\n"), 0o600);
    let name = "a user name has letters, digits and -_.@+ only";
    let cases: [(&Path, &str, &str, &str); 9] = [
        (&good, "a b", "pencil\n", &format!("\"a b\": {name}")),
        (&good, "a:b", "pencil\n", &format!("\"a:b\": {name}")),
        (&good, "", "pencil\n", "\"\": a user name has at least one character"),
        (
            &good,
            "a\x1b[2Jb",
            "pencil\n",
            "\"a\\x1b[2Jb\": a user name has no characters that SASLprep (RFC 4013) prohibits",
        ),
        (&good, "Bob", "pencil\n", "good:1: the user bob has the same name but for upper and lower case"),
        (&good, "ann", "", "stdin: the password is empty"),
        (
            &good,
            "ann",
            "a\0b\n",
            "stdin: the password is not UTF-8, or has characters that SASLprep (RFC 4013) prohibits",
        ),
        (&open, "ann", "pencil\n", "open: other users may read or write it (chmod 600 makes it private)"),
        (&broken, "ann", "pencil\n", "broken:2: expected SCRAM-SHA-256$ITERATIONS:SALT$STOREDKEY:SERVERKEY"),
    ];
    for (file, name, stdin, error) in cases {
        let before = content(file);
        let out = passwd(file, &[name, "--stdin"], stdin);
        assert_eq!((out.status, out.stdout.len()), (Some(2), 0), "{error}: {}", out.stderr);
        assert!(out.stderr.starts_with("secretcat: ") && out.stderr.ends_with(&format!("{error}\n")), "{}", out.stderr);
        assert_eq!((out.stderr.lines().count(), content(file)), (1, before), "{error}");
        assert!(!out.stderr.contains("pencil"), "{}", out.stderr);
    }
    let folder = dir.file("folder");
    fs::create_dir(&folder).unwrap();
    let error = format!("secretcat: read {}: is a directory (name a file)\n", folder.display());
    passwd(&folder, &["ann", "--stdin"], "pencil\n").is(2, "", error);
    let pipe = dir.file("pipe");
    mknodat(CWD, &pipe, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
    for args in [&["ann", "--stdin"][..], &["ann", "--delete"]] {
        let error = format!("secretcat: {}: not a regular file\n", pipe.display());
        passwd(&pipe, args, "pencil\n").is(2, "", error);
    }
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 5, "nothing is left over");
}

#[test]
fn terminal_asks_twice_and_shows_no_password() {
    let dir = Dir::new("passwd-terminal");
    let file = dir.file("users");
    let start = || Terminal::start(&secretcat(["passwd", file.to_str().unwrap(), "ann", "--color", "never"]));
    let (first, second) = ("New password of ann: ", "Retype the new password: ");

    let mut terminal = start();
    terminal.sees(first);
    terminal.types("wrong\x15penx\x7fcil\r");
    terminal.sees(second);
    terminal.types("pencil\n");
    let (out, shown) = terminal.end();
    assert_eq!(out.status, Some(0), "{shown}");
    assert_eq!(shown, format!("{first}\r\n{second}\r\n{}: added ann\r\n", file.display()));

    let before = content(&file);
    for (again, status, end) in [
        ("pencil!\r", Some(2), "secretcat: the two passwords are not the same\r\n"),
        // By SIGINT, which stops a loop of a shell.
        ("\x03", None, "secretcat: interrupted\r\n"),
    ] {
        let mut terminal = start();
        terminal.sees(first);
        terminal.types("pencil\r");
        terminal.sees(second);
        terminal.types(again);
        let (out, shown) = terminal.end();
        assert_eq!((out.status, content(&file)), (status, before.clone()), "{shown}");
        assert_eq!(out.signal, status.is_none().then_some(Signal::INT.as_raw()));
        assert_eq!(shown, format!("{first}\r\n{second}\r\n{end}"));
    }
    let out = secretcat(["passwd", file.to_str().unwrap(), "ann"]);
    let mut detached = std::process::Command::new("setsid");
    detached.arg("--wait").arg(out.get_program()).args(out.get_args());
    crate::support::run_command(&mut detached, "pencil\n").is(
        2,
        "",
        "secretcat: there is no terminal to ask for a password: add --stdin\n",
    );
}
