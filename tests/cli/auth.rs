//! Logins: `listen --auth` and `connect --user`, against each other, a Python client, and servers that cheat.

use std::fs::{self, Permissions};
use std::io::Write;
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::Command;
use std::thread;

use data_encoding::BASE64;

use crate::support::pty::Terminal;
use crate::support::{
    Dir, NOT_FOUND, Outcome, Proc, Server, accept, ask, digits, has, local_listener, peer_script, poll_until,
    read_line, read_some, read_to_end, run, run_command, secretcat, tcp,
};

/// A file that only its owner may read.
pub(crate) fn private(dir: &Dir, name: &str, content: &str) -> String {
    let path = dir.file(name);
    fs::write(&path, content).unwrap();
    fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
    path.display().to_string()
}

/// A file of users, all with the password `pencil`.
pub(crate) fn users(dir: &Dir, names: &[&str]) -> String {
    let path = dir.file("users").display().to_string();
    for name in names {
        let out = run(["passwd", &path, name, "--stdin"], "pencil\n");
        out.is(0, "", format!("{path}: added {name}\n"));
    }
    path
}

pub(crate) fn listener(users: &str, args: &[&str]) -> Server {
    Server::start(&[&["--auth", &format!("scram:{users}")], args].concat())
}

/// The line of PLAIN.
pub(crate) fn plain(name: &str, password: &str) -> String {
    format!("AUTH PLAIN {}\n", BASE64.encode(format!("\0{name}\0{password}").as_bytes()))
}

/// Stops a listener that has printed failed logins, and nothing else.
#[track_caller]
fn stops_after_failed_logins(server: Server) {
    let ready = server.ready_line.clone();
    let out = server.stop();
    let log = out.stderr.strip_prefix(&ready).unwrap();
    let is_expected = |line: &str| line.starts_with("secretcat: 127.0.0.1:") && line.contains(": failed login as ");
    assert!(out.status == Some(0) && !log.is_empty() && log.lines().all(is_expected), "{log}");
    assert!(!log.contains("pen") && !log.contains("wrong;"), "a password: {log}");
}

const REQUIRED: &str = "AUTH REQUIRED SCRAM-SHA-256 PLAIN\n";

#[test]
fn connect_logs_in_and_wrong_credentials_are_status_1() {
    let dir = Dir::new("auth");
    let (file, right, wrong) =
        (users(&dir, &["ann"]), private(&dir, "right", "pencil\n"), private(&dir, "wrong", "pen\n"));
    let server = listener(&file, &["--threads", "2"]);
    let address = server.address();
    let connect = |name: &str, password: &str, args: &[&str]| {
        run(["connect", &address, "--user", name, "--password-file", password].iter().chain(args), "SECRET 12\nhello\n")
    };
    for args in
        [&[][..], &["--raw"], &["--chunk", "3"], &["--chunk", "1", "--barrier", "peer-read"], &["--coalesce", "2"]]
    {
        connect("ann", &right, args).is(0, digits("12") + NOT_FOUND, "");
    }
    for (name, password) in [("ann", &wrong), ("bob", &right), ("bob", &wrong)] {
        let error = format!("secretcat: connect {address}: login as {name}: wrong name or password\n");
        connect(name, password, &[]).is(1, "", error);
    }
    fs::set_permissions(&right, Permissions::from_mode(0o644)).unwrap();
    let open = format!("secretcat: {right}: other users may read or write it (chmod 600 makes it private)\n");
    connect("ann", &right, &[]).is(2, "", open);
    let out = run(["connect", &address, "-m", "SECRET 1"], "");
    out.is(0, REQUIRED, ""); // the reply, as any other
    stops_after_failed_logins(server);
}

#[test]
fn nothing_else_is_answered_before_a_login() {
    let dir = Dir::new("auth-lines");
    let server = listener(&users(&dir, &["ann", "bob"]), &["--service", "chat"]);
    let (mut ann, mut bob) = (server.open(), server.open());
    assert_eq!(ask(&mut ann, "hello"), REQUIRED);
    assert_eq!(ask(&mut bob, plain("bob", "pencil").trim_end()), "AUTH OK bob\n");
    assert_eq!(ask(&mut ann, plain("ann", "pen").trim_end()), "AUTH FAILED\n");
    assert_eq!(ask(&mut ann, plain("ann", "pencil").trim_end()), "AUTH OK ann\n");
    ann.write_all(b"AUTH is a word like others\n").unwrap();
    assert_eq!(read_line(&mut bob), "AUTH is a word like others\n");
    assert_eq!(ask(&mut ann, plain("ann", "pencil").trim_end()), "AUTH FAILED you are logged in as ann\n");

    // What follows a login in the same write is served after it.
    let mut carl = server.open();
    carl.write_all((plain("ann", "pencil") + "pipelined\n").as_bytes()).unwrap();
    assert_eq!(read_line(&mut carl), "AUTH OK ann\n");
    assert_eq!(read_line(&mut bob), "pipelined\n");

    let mut stranger = server.open();
    stranger
        .write_all(("x\n".to_owned() + &plain("ann", "a") + &plain("zoe", "b") + &plain("ann", "pencil")).as_bytes())
        .unwrap();
    let all = String::from_utf8(read_to_end(&stranger)).unwrap();
    assert_eq!(all, format!("{REQUIRED}AUTH FAILED\nAUTH FAILED too many attempts\n"));
    stops_after_failed_logins(server);
}

fn python(server: &Server, args: &[&str]) -> Outcome {
    let mut command = Command::new("python3");
    run_command(command.arg(peer_script("scram.py")).args(["127.0.0.1", &server.port()]).args(args), "")
}

#[test]
fn python_client_logs_in_and_its_replays_and_forgeries_fail() {
    if !has("python3") {
        return;
    }
    let dir = Dir::new("auth-python");
    let server = listener(&users(&dir, &["ann"]), &[]);
    python(&server, &["ann", "pencil"]).is(0, "AUTH OK ann True\n".to_owned() + &digits("42"), "");
    python(&server, &["ann", "pencil", "replay"]).is(0, "AUTH OK ann True\nAUTH FAILED\n", "");
    for args in [["ann", "pencil", "forge"], ["ann", "pen", ""], ["zoe", "pencil", ""]] {
        python(&server, &args).is(0, "AUTH FAILED\n", "");
    }
    stops_after_failed_logins(server);
}

/// What `connect --user ann` prints when the server answers its first line with these lines.
fn cheated(dir: &Dir, answers: &'static [&'static str]) -> String {
    let (listener, address) = local_listener();
    let password = private(dir, "password", "pencil\n");
    let connect =
        Proc::start(&mut secretcat(["connect", &address, "--user", "ann", "--password-file", &password, "-m", "a"]));
    let mut client = accept(&listener);
    let first = read_line(&mut client);
    assert!(first.starts_with("AUTH SCRAM-SHA-256 "), "{first}");
    for answer in answers {
        client.write_all(answer.as_bytes()).unwrap();
    }
    client.shutdown(std::net::Shutdown::Write).ok();
    let out = connect.end();
    assert_eq!((out.status, out.stdout.len(), out.stderr.lines().count()), (Some(1), 0, 1), "{}", out.stderr);
    let begin = format!("secretcat: connect {address}: login as ann: ");
    out.stderr.strip_prefix(&begin).unwrap_or_else(|| panic!("{}", out.stderr)).trim_end().to_owned()
}

#[test]
fn server_that_does_not_know_the_password_is_status_1() {
    let dir = Dir::new("auth-cheats");
    let unproven = "the server could not prove that it knows the password";
    let cases: [(&[&str], &str); 9] = [
        (&["AUTH OK ann\n"], unproven),
        (&["AUTH FAILED\n"], "wrong name or password"),
        (&["AUTH FAILED \x1b[2Jno\n"], "refused: \\x1b[2Jno"),
        (&["AUTH REQUIRED PLAIN\n"], "the server offers \"PLAIN\", and not SCRAM-SHA-256"),
        (&["Secret code not found.\n"], "the server does not know the login: \"Secret code not found.\""),
        (&["AUTH =\n"], "a message of the login is malformed"),
        (&["AUTH cj1hYmMscz1BQUFBLGk9NDA5Ng==\n"], "the nonce is not the one of this login"),
        (&[], "closed by the server"),
        (&["AUTH"], "closed by the server"),
    ];
    for (answers, error) in cases {
        assert_eq!(cheated(&dir, answers), error, "{answers:?}");
    }
}

#[test]
fn terminal_asks_for_the_password_without_echo() {
    let dir = Dir::new("auth-terminal");
    let server = listener(&users(&dir, &["ann"]), &[]);
    let mut terminal = Terminal::start(&secretcat(["connect", &server.address(), "--user", "ann"]));
    terminal.sees("Password of ann: ");
    terminal.types("pencil\r");
    assert_eq!(
        terminal.sees("Enter Message: "),
        format!("\r\nconnected to {} (q quits)\r\nEnter Message: ", server.address())
    );
    terminal.types("SECRET 7\n");
    terminal.sees("Received: Digits: 7   Count: 1");
    terminal.types("q\n");
    let (out, shown) = terminal.end();
    assert_eq!(out.status, Some(0));
    assert!(!shown.contains("pencil"), "{shown}");
    server.stops_with("");
}

#[test]
fn unix_user_is_the_one_that_the_kernel_names() {
    let dir = Dir::new("auth-unix");
    let (socket, transcript) = (dir.file("s"), dir.file("transcript"));
    let address = format!("unix:{}", socket.display());
    let proc = Proc::start(&mut secretcat([
        "listen",
        &address,
        "--auth",
        "unix",
        "--transcript",
        transcript.to_str().unwrap(),
    ]));
    proc.wait_for_stderr("listening on ");
    let mut client = UnixStream::connect(&socket).unwrap();
    client.write_all(b"SECRET 5\n").unwrap();
    assert_eq!(String::from_utf8(read_to_end_of(&mut client, b"Count: 1\n")).unwrap(), digits("5"));
    proc.signal(rustix::process::Signal::TERM);
    assert_eq!(proc.end().status, Some(0));
    let me = String::from_utf8(Command::new("id").arg("-un").output().unwrap().stdout).unwrap();
    let user = format!("\"user\":\"{}\"", me.trim());
    let lines = fs::read_to_string(&transcript).unwrap();
    assert!(lines.lines().any(|line| line.contains("SECRET 5") && line.contains(&user)), "{lines}");
}

#[test]
fn member_of_a_room_has_the_name_of_its_login() {
    let dir = Dir::new("auth-rooms");
    let file = users(&dir, &["ann", "bob", "carl@lab"]);
    let server = listener(&file, &["--service", "rooms"]);
    let log_in = |name: &str| {
        let mut client = server.open();
        client.write_all((plain(name, "pencil") + "/join lab\n").as_bytes()).unwrap();
        assert_eq!(read_line(&mut client), format!("AUTH OK {name}\n"));
        client
    };
    let mut ann = log_in("ann");
    assert_eq!(read_line(&mut ann), "* you are ann in lab (1 member); /help lists the commands\n");
    let mut second = log_in("ann");
    assert_eq!(read_line(&mut second), "* you are ann[2] in lab (2 members); /help lists the commands\n");
    assert_eq!(read_line(&mut ann), "* ann[2] joined lab\n");
    assert_eq!(ask(&mut second, "/nick bob"), "* you are logged in as ann, and keep this name\n");
    second.write_all(b"hi\n").unwrap();
    assert_eq!(read_line(&mut ann), "ann[2]> hi\n");
    let carl = log_in("carl@lab");
    let letters = "may only have letters, digits and - _ . [ ] { } ^ |";
    let refused = format!("* user carl@lab cannot enter a room: the name {letters}\n");
    assert_eq!(String::from_utf8(read_to_end(&carl)).unwrap(), refused);
    server.stops_with("");
}

/// Reads until these bytes have come.
fn read_to_end_of(stream: &mut impl std::io::Read, end: &[u8]) -> Vec<u8> {
    let (mut all, mut byte) = (Vec::new(), [0]);
    while !all.ends_with(end) && read_some(stream, &mut byte).unwrap() > 0 {
        all.push(byte[0]);
    }
    all
}

#[test]
fn no_record_has_a_password() {
    let dir = Dir::new("auth-records");
    let (file, trace, transcript) = (users(&dir, &["ann"]), dir.file("trace"), dir.file("transcript"));
    let record =
        ["--trace", trace.to_str().unwrap(), "--trace-data", "all", "--transcript", transcript.to_str().unwrap()];
    let server = listener(&file, &record);
    assert_eq!(ask(&mut server.open(), plain("ann", "pencil").trim_end()), "AUTH REQUIRED SCRAM-SHA-256\n");
    let password = private(&dir, "password", "pencil\n");
    let out = run(["connect", &server.address(), "--user", "ann", "--password-file", &password, "-m", "SECRET 1"], "");
    out.is(0, digits("1"), "");
    server.stop();
    let transcript_text = fs::read_to_string(&transcript).unwrap();
    assert!(transcript_text.contains("\"user\":\"ann\"") && !transcript_text.contains("AUTH"), "{transcript_text}");

    let dump = format!("--dump={}", dir.file("dump").display());
    for option in ["-vv", "--hex", &dump, "--answer-witness=127.0.0.1:0", "--web=127.0.0.1:0"] {
        let server = listener(&file, &[option]);
        assert_eq!(ask(&mut server.open(), plain("ann", "pencil").trim_end()), "AUTH REQUIRED SCRAM-SHA-256\n");
        server.stop();
    }

    let (transcript, without_data) = (dir.file("second"), ["--trace", "-", "--trace-data", "none"]);
    let server = listener(&file, &[&without_data[..], &["--transcript", transcript.to_str().unwrap(), "-v"]].concat());
    let mut client = server.open();
    assert_eq!(ask(&mut client, plain("ann", "pencil").trim_end()), "AUTH OK ann\n");
    assert_eq!(ask(&mut client, "SECRET 2"), digits("2"));
    assert_eq!(ask(&mut client, plain("ann", "pencil").trim_end()), "AUTH FAILED you are logged in as ann\n");
    let out = server.stop();
    let sent = plain("ann", "pencil");
    let secret = sent.split(' ').nth(2).unwrap().trim_end();
    let transcript_text = fs::read_to_string(&transcript).unwrap();
    assert!(!out.stderr.contains(secret) && !out.stderr.contains("pencil"), "{}", out.stderr);
    assert!(transcript_text.contains("SECRET 2") && !transcript_text.contains(secret), "{transcript_text}");
}

#[test]
fn failed_logins_are_logged_and_counted() {
    let dir = Dir::new("auth-log");
    let file = users(&dir, &["ann"]);
    let server = listener(&file, &[]);
    let fail = |name: &str| {
        let mut client = server.open();
        assert_eq!(ask(&mut client, plain(name, "sesame").trim_end()), "AUTH FAILED\n");
        client.local_addr().unwrap()
    };
    let line = |address, name: &str| format!("secretcat: {address}: failed login as {name}: wrong name or password");
    let first = fail("zo\x1b[2J\ne");
    server.proc.wait_for_stderr(&(line(first, r"zo\x1b[2J\ne") + "\n"));
    let long = "\u{e9}".repeat(40);
    let second = fail(&long);
    assert_eq!(ask(&mut server.open(), "hello"), REQUIRED, "this is no login");
    server.proc.signal(rustix::process::Signal::USR1);
    server.proc.wait_for_stderr(", 2 failed logins\n");
    let printed = server.stop().stderr; // one line a second, and the last one at the end
    assert!(printed.contains(&line(second, &long[..64])) && !printed.contains("sesame"), "{printed}");

    let socket = dir.file("s");
    let args = ["listen", &format!("unix:{}", socket.display()), "--auth", &format!("scram:{file}"), "--quiet"];
    let quiet = Proc::start(&mut secretcat(args));
    let mut client = None;
    poll_until("listening", thread::yield_now, || {
        client = UnixStream::connect(&socket).ok();
        client.is_some()
    });
    let mut client = client.unwrap();
    client.write_all(plain("ann", "sesame").as_bytes()).unwrap();
    read_to_end_of(&mut client, b"AUTH FAILED\n");
    quiet.signal(rustix::process::Signal::TERM);
    quiet.end().is(0, "", "");
}

#[test]
fn bad_file_of_users_stops_the_listener_before_it_listens() {
    let dir = Dir::new("auth-files");
    let good = fs::read_to_string(users(&dir, &["ann"])).unwrap();
    let cases = [
        ("empty", "", 0o600, ": has no users (secretcat passwd PATH NAME adds one)"),
        ("open", &good, 0o644, ": other users may read or write it (chmod 600 makes it private)"),
        (
            "line",
            &format!("# ours\n{good}bob\n"),
            0o600,
            ":3: expected NAME:SCRAM-SHA-256$ITERATIONS:SALT$STOREDKEY:SERVERKEY",
        ),
        ("twice", &format!("{good}\n{good}"), 0o600, ":3: line 1 has the same name"),
        (
            "hash",
            "ann:$6$rounds=5000$salt$hash\n",
            0o600,
            ":1: expected SCRAM-SHA-256$ITERATIONS:SALT$STOREDKEY:SERVERKEY",
        ),
    ];
    for (name, content, mode, error) in cases {
        let path = private(&dir, name, content);
        fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        let out = run(["listen", "127.0.0.1:0", "--auth", &format!("scram:{path}")], "");
        out.is(2, "", format!("secretcat: {path}{}\n", error.replace("PATH", &path)));
    }
    let missing = dir.file("missing").display().to_string();
    let out = run(["listen", "127.0.0.1:0", "--auth", &format!("scram:{missing}")], "");
    out.is(2, "", format!("secretcat: open {missing}: no such file or directory\n"));
}

/// Clients that send wrong passwords as fast as they can, and one that is logged in.
#[test]
fn flood_of_logins_leaves_a_client_its_replies() {
    const CROWD: usize = 8;
    const EACH: usize = 20;
    let dir = Dir::new("auth-flood");
    let server = listener(&users(&dir, &["ann"]), &[]);
    let mut ann = server.open();
    assert_eq!(ask(&mut ann, plain("ann", "pencil").trim_end()), "AUTH OK ann\n");
    let addr = server.addr;
    let crowd: Vec<_> = (0..CROWD)
        .map(|_| {
            thread::spawn(move || {
                for _ in 0..EACH {
                    let mut client: TcpStream = tcp(addr);
                    client.write_all(plain("ann", "wrong").repeat(5).as_bytes()).unwrap();
                    let all = String::from_utf8(read_to_end(&client)).unwrap();
                    assert_eq!(all, "AUTH FAILED\nAUTH FAILED\nAUTH FAILED too many attempts\n");
                }
            })
        })
        .collect();
    while !crowd.iter().all(thread::JoinHandle::is_finished) {
        assert_eq!(ask(&mut ann, "SECRET 3"), digits("3"));
    }
    for client in crowd {
        client.join().unwrap();
    }
    stops_after_failed_logins(server);
}

/// A line of PostgreSQL's own, for a password with an umlaut in two parts.
#[test]
fn line_of_postgresql_is_a_line_of_ours() {
    let Some(stored) = stored_by_postgresql("Ju\u{308}rgen's") else { return };
    let dir = Dir::new("auth-postgresql");
    let server = listener(&private(&dir, "users", &format!("ann:{stored}\n")), &[]);
    assert_eq!(ask(&mut server.open(), plain("ann", "J\u{fc}rgen's").trim_end()), "AUTH OK ann\n");
    let password = private(&dir, "password", "J\u{fc}rgen's\n");
    let out = run(["connect", &server.address(), "--user", "ann", "--password-file", &password, "-m", "SECRET 1"], "");
    out.is(0, digits("1"), "");
    server.stops_with("");
}

/// What PostgreSQL keeps of a password, by a server in single-user mode.
fn stored_by_postgresql(password: &str) -> Option<String> {
    let programs = ["/usr/lib/postgresql/17/bin", "/usr/lib/postgresql/15/bin", "/usr/local/bin", "/usr/bin"];
    let bin =
        programs.into_iter().map(Path::new).find(|bin| bin.join("initdb").exists() && bin.join("postgres").exists());
    let bin = bin.filter(|_| has("initdb"))?;
    let dir = Dir::new("postgresql");
    let data = dir.file("data");
    fs::set_permissions(dir.path(), Permissions::from_mode(0o777)).unwrap();
    // PostgreSQL does not run as root.
    let as_user = |program: &str, args: &[&str], input: &str| {
        let mut command = if crate::support::is_root() { Command::new("setpriv") } else { Command::new("env") };
        if crate::support::is_root() {
            command.args(["--reuid", "nobody", "--regid", "nogroup", "--clear-groups", "--"]);
        }
        run_command(command.arg(bin.join(program)).args(args).env("LC_ALL", "C.UTF-8"), input)
    };
    let out = as_user("initdb", &["-D", data.to_str()?, "-E", "UTF8", "-A", "trust", "--no-sync"], "");
    assert_eq!(out.status, Some(0), "{}", out.stderr);
    let query = format!(
        "create role ann password '{}'\nselect rolpassword from pg_authid where rolname = 'ann'\n",
        password.replace('\'', "''")
    );
    let out = as_user("postgres", &["--single", "-D", data.to_str()?, "postgres"], &query);
    let shown = String::from_utf8_lossy(&out.stdout).into_owned();
    let begin = shown.find("SCRAM-SHA-256$").unwrap_or_else(|| panic!("{shown} {}", out.stderr));
    Some(shown[begin..].split('"').next()?.to_owned())
}
