//! `--web`: the live page, as curl and a browser see it.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::MetadataExt;
use std::process::Command;

use rustix::process::Signal;
use serde_json::{Value, json};
use socket2::{Domain, Socket, Type};

use crate::support::web::{Events, Viewer, after, head, link, link_file, request, request_unix, status};
use crate::support::{
    Dir, NOT_FOUND, Proc, Server, ask, client_with_full_buffers, poll_until, pty, run, secretcat, skip, start_relay,
};

/// A listener with a live page.
fn start(args: &[&str]) -> Server {
    Server::start(&[&["--web=127.0.0.1:0"][..], args].concat())
}

/// The rows of an update.
fn rows(update: &Value) -> &[Value] {
    update["rows"].as_array().map_or(&[], Vec::as_slice)
}

/// The events of this kind in an update.
fn events<'a>(update: &'a Value, kind: &str) -> Vec<&'a Value> {
    update["events"].as_array().unwrap().iter().filter(|event| event["kind"] == kind).collect()
}

#[test]
fn link_in_a_private_file_works_once_and_is_removed() {
    let server = start(&[]);
    let file = link_file(&server.proc);
    let metadata = std::fs::metadata(&file).unwrap();
    assert_eq!((metadata.mode() & 0o777, metadata.nlink()), (0o600, 1));
    let first = link(&file);
    let (site, path) = first.strip_prefix("http://").unwrap().split_once('/').unwrap();
    assert_eq!(path.strip_prefix("login?token=").unwrap().len(), 32, "128 bits");
    for (line, expected) in [
        ("GET /", "403"),
        ("GET /events", "403"),
        ("GET /metrics", "403"),
        ("GET /login?token=0123456789abcdef0123456789abcdef", "403"),
        ("GET /other", "404"),
        ("POST /", "405"),
    ] {
        assert_eq!(status(&request(site, line, &[])), expected, "{line}");
    }
    let viewer = Viewer::follow(&first);
    assert_eq!(status(&request(site, &format!("GET /{path}"), &[])), "403", "the link works once");
    assert_ne!(link(&file), first, "the file has a link for another browser");
    let other = Viewer::follow(&link(&file));
    assert_eq!(other.cookie, viewer.cookie);
    let page = viewer.ask("GET /", &[]);
    for field in [
        "HTTP/1.1 200 OK\r\n",
        "\r\nContent-Type: text/html; charset=utf-8\r\n",
        "\r\nContent-Security-Policy: default-src 'none'; style-src 'sha256-",
        "\r\nX-Content-Type-Options: nosniff\r\n",
        "\r\nX-Frame-Options: DENY\r\n",
        "\r\nReferrer-Policy: no-referrer\r\n",
        "\r\nCache-Control: no-store\r\n",
    ] {
        assert!(page.contains(field), "{field} in {}", &page[..800]);
    }
    assert_eq!(status(&viewer.ask("GET /metrics", &[])), "200");
    server.stop();
    assert!(!file.exists());
}

#[test]
fn link_file_is_removed_after_a_second_signal() {
    let server = start(&["-v"]);
    let file = link_file(&server.proc);
    let _client = client_with_full_buffers(&server, b"\n");
    server.proc.signal(Signal::TERM);
    server.proc.wait_for_stderr("stopping");
    assert!(file.exists(), "the page is served until the end");
    server.proc.signal(Signal::TERM);
    let out = server.proc.end();
    assert_eq!((out.status, out.signal, file.exists()), (None, Some(15), false), "{}", out.stderr);
}

#[test]
fn cookie_is_of_no_use_to_other_sites() {
    let server = start(&[]);
    let link = link(&link_file(&server.proc));
    let (site, path) = link.strip_prefix("http://").unwrap().split_once('/').unwrap();
    let welcome = request(site, &format!("GET /{path}"), &["Sec-Fetch-Site: cross-site"]);
    assert!(welcome.contains("; Path=/; HttpOnly; SameSite=Strict\r\n"), "{welcome}");
    let set = welcome.lines().find_map(|line| line.strip_prefix("Set-Cookie: ")).unwrap();
    let cookie = format!("Cookie: {}", set.split(';').next().unwrap());
    for path in ["/", "/events", "/metrics"] {
        let asked = format!("GET {path}");
        for field in ["Host: evil.example", "Origin: http://evil.example", "Sec-Fetch-Site: cross-site"] {
            assert_eq!(status(&request(site, &asked, &[&cookie, field])), "403", "{path} {field}");
        }
    }
    assert_eq!(status(&request(site, "GET /", &[&cookie, "Sec-Fetch-Site: same-origin"])), "200");
}

#[test]
fn two_viewers_see_connections_messages_and_the_end() {
    let server = start(&[]);
    let viewer = Viewer::open(&server.proc);
    let mut watching = [viewer.watch(&[]), viewer.watch(&[])];
    for events in &mut watching {
        let (_, start) = events.next("start");
        assert_eq!((&start["missed"], &start["restarted"]), (&0.into(), &false.into()));
        assert!(start["command"].as_str().unwrap().contains("--web=127.0.0.1:0"), "{start}");
    }
    let mut client = server.open();
    let peer = client.local_addr().unwrap().to_string();
    assert_eq!(ask(&mut client, "<b>SECRET\u{1b}[2J 4"), "Digits: 24   Count: 2\n");
    drop(client);
    for stream in &mut watching {
        let (mut seen, mut kinds) = (None, Vec::new());
        let row = stream.find(|update| {
            kinds.extend(update["events"].as_array().unwrap().iter().map(|event| event["kind"].clone()));
            seen = seen.take().or_else(|| events(update, "message").first().map(|event| event["bytes"].clone()));
            rows(update).iter().find(|row| row.get("closed").is_some()).cloned()
        });
        assert_eq!(seen.unwrap(), "PGI+U0VDUkVUG1sySiA0Cg==");
        for kind in ["open", "read", "segments", "message", "write", "peer_closed", "close"] {
            assert!(kinds.contains(&kind.into()), "{kind} in {kinds:?}");
        }
        assert_eq!((&row["peer"], &row["side"]), (&json!(peer), &json!("listen")));
        let flow = |bytes, messages| json!({ "bytes": bytes, "messages": messages, "calls": 1, "segments": 1 });
        assert_eq!((&row["in"], &row["out"]), (&flow(16, 1), &flow(22, 1)));
    }
    server.proc.signal(Signal::TERM);
    let [mut one, mut other] = watching;
    one.next("end");
    other.next("end");
    assert_eq!(server.proc.end().status, Some(0));
}

#[test]
fn seventeenth_viewer_is_refused_until_another_leaves() {
    let server = start(&[]);
    let viewer = Viewer::open(&server.proc);
    let mut watching: Vec<Events> = (0..16).map(|_| viewer.watch(&[])).collect();
    for events in &mut watching {
        events.next("start");
    }
    assert_eq!(status(&viewer.ask("GET /events", &[])), "503");
    assert_eq!(status(&viewer.ask("HEAD /events", &[])), "200");
    watching.pop();
    // The listener notices at its next look at the connection.
    let is_full =
        || status(&viewer.ask("HEAD /", &[])) == "200" && first_line(&mut viewer.watch(&[])).contains(" 503 ");
    poll_until("a place", || {}, || !is_full());
}

/// The first line of a response.
fn first_line(events: &mut Events) -> String {
    let mut line = String::new();
    events.0.read_line(&mut line).unwrap();
    line
}

#[test]
fn page_counts_the_events_it_does_not_show() {
    let server = start(&[]);
    let viewer = Viewer::open(&server.proc);
    let mut stream = viewer.watch(&[]);
    let number = stream.next("start").1["viewer"].as_u64().unwrap();
    let (mut one, mut other) = (server.open(), server.open());
    stream.find(|update| (rows(update).len() == 2).then_some(()));
    assert_eq!(status(&viewer.ask(&format!("GET /choose?viewer={number}&conn=2"), &[])), "200");
    assert_eq!(status(&viewer.ask("GET /choose?viewer=99&conn=1", &[])), "200", "another has not chosen for this one");
    // Two messages a line, of which an update has 100 after the first 1,000.
    let lines = b"x\n".repeat(5000);
    let receive = |client: &mut std::net::TcpStream, length: usize| {
        let mut reply = vec![0; length];
        client.read_exact(&mut reply).unwrap();
    };
    one.write_all(&lines).unwrap();
    other.write_all(b"y\n").unwrap();
    receive(&mut one, 5000 * NOT_FOUND.len());
    receive(&mut other, NOT_FOUND.len());
    drop((one, other));
    let (mut messages, mut left_out, mut row, mut of_chosen) = (0, 0, Value::Null, Vec::new());
    stream.find(|update| {
        messages += events(update, "message").iter().filter(|event| event["conn"] == 1).count() as u64;
        let chosen = update["events"].as_array().unwrap().iter().filter(|event| event["conn"] == 2);
        of_chosen.extend(chosen.map(|event| event["kind"].as_str().unwrap().to_owned()));
        left_out += update["left_out"].as_u64().unwrap();
        row = rows(update).iter().find(|row| row["conn"] == 1).unwrap_or(&row).clone();
        (row.get("closed").is_some() && of_chosen.contains(&"close".to_owned())).then_some(())
    });
    assert_eq!((&row["in"]["messages"], &row["out"]["messages"]), (&5000.into(), &5000.into()));
    assert!(left_out > 0 && messages < 10_000 && messages + left_out >= 10_000, "{messages} shown, {left_out} not");
    assert_eq!(row["left_out"], left_out);
    for kind in ["read", "message", "write", "peer_closed"] {
        assert!(of_chosen.contains(&kind.to_owned()), "{of_chosen:?}");
    }
}

#[test]
fn slow_viewer_is_dropped_and_learns_of_missed_events() {
    let server = start(&[]);
    let viewer = Viewer::open(&server.proc);
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let site: std::net::SocketAddr = viewer.site.parse().unwrap();
    socket.connect(&site.into()).unwrap();
    let mut slow = crate::support::with_deadline(socket.into());
    let host = format!("Host: {site}");
    slow.write_all(&head("GET /events", &[&host, &viewer.cookie])).unwrap();
    let mut other = viewer.watch(&[]);
    other.next("start");
    let mut client = server.open();
    let message = "x".repeat(250);
    assert_eq!(ask(&mut client, &message), NOT_FOUND);
    let descriptors = server.proc.descriptors();
    // The healthy viewer gets all meanwhile.
    poll_until(
        "the end of the slow viewer",
        || {
            for _ in 0..100 {
                assert_eq!(ask(&mut client, &message), NOT_FOUND);
            }
            other.find(|update| (!events(update, "message").is_empty()).then_some(()));
        },
        || server.proc.descriptors() < descriptors,
    );
    let (seen, _) = Events(BufReader::new(slow)).next("start");
    let (_, start) = viewer.watch(&[&format!("Last-Event-ID: {seen}")]).next("start");
    assert!(start["missed"].as_u64().unwrap() > 0 && start["restarted"] == false, "{start}");
    let (_, start) = viewer.watch(&["Last-Event-ID: another-7"]).next("start");
    assert_eq!((&start["missed"], &start["restarted"]), (&0.into(), &true.into()));
}

#[test]
fn rooms_relay_and_sweep_are_on_the_page() {
    let rooms = start(&["--service", "rooms"]);
    let mut events = Viewer::open(&rooms.proc).watch(&[]);
    let mut member = rooms.open();
    member.write_all(b"/join <lab>\n/join lab\n").unwrap();
    events.find(|update| (update["rooms"] == json!([{ "name": "lab", "members": 1 }])).then_some(()));

    let server = Server::start(&["--bug", "one-read"]);
    let relay = start_relay(&server.address(), &["--web=127.0.0.1:0"]);
    let mut events = Viewer::open(&relay.proc).watch(&[]);
    let mut client = relay.open();
    assert_eq!(ask(&mut client, "x"), NOT_FOUND);
    events.find(|update| rows(update).iter().any(|row| row["for"] == 1 && row["side"] == "connect").then_some(()));

    let args = ["sweep", &server.address(), "-m", "SECRET 42", "--jobs", "1", "--web=127.0.0.1:0"];
    let sweep = Proc::start(&mut secretcat(args));
    let mut events = Viewer::open(&sweep).watch(&[]);
    let view = events.find(|update| (!update["sweep"]["result"].is_null()).then(|| update["sweep"].clone()));
    assert_eq!(view["parts"][0]["bytes"], "U0VDUkVUIDQyCg==");
    let marks = view["parts"][0]["marks"].as_array().unwrap();
    assert!(marks.iter().any(|mark| mark[2] == "d"), "{view}");
    assert!(view["findings"][0].as_str().unwrap().contains("different: message 1 cut at 1"), "{view}");
    events.next("end");
    assert_eq!(sweep.end().status, Some(3));
}

#[test]
fn link_is_printed_on_a_terminal() {
    let mut terminal = pty::Terminal::start(&secretcat(["listen", "127.0.0.1:0", "--web=127.0.0.1:0"]));
    let shown = terminal.sees("listening on");
    let link = shown.split("live page: ").nth(1).and_then(|rest| rest.split(' ').next()).unwrap();
    let viewer = Viewer::follow(link);
    terminal.sees(&format!("the live page was opened; for another browser: http://{}/login?token=", viewer.site));
}

#[test]
fn page_is_served_at_a_unix_socket_and_with_a_token() {
    let dir = Dir::new("live-page");
    let socket = dir.file("page");
    let server = Server::start(&[&format!("--web=unix:{}", socket.display())]);
    let link = link(&link_file(&server.proc));
    let path = link.strip_prefix("http://localhost/").unwrap();
    let welcome = request_unix(&socket, &format!("GET /{path}"), &["Host: localhost"]);
    assert_eq!(status(&welcome), "200");
    let out = run(["listen", ":0", &format!("--web={}", server.address())], "");
    let hint = "address already in use (another program listens there; port 0 picks a free one)";
    out.is(1, "", format!("secretcat: listen {}: {hint}\n", server.address()));
}

/// The Chromium of this machine.
fn browser(steps: &[&str]) -> Option<Command> {
    let browser = ["chromium-headless-shell", "chromium"].into_iter().find(|name| skip::has(name));
    let Some(browser) = browser.filter(|_| skip::has("node")) else {
        skip::skip("chromium-headless-shell and node");
        return None;
    };
    let mut command = Command::new("node");
    command.arg(crate::support::peer_script("browser.cjs")).arg(browser).args(steps);
    Some(command)
}

#[test]
fn browser_shows_text_pauses_steps_and_notices_a_restart() {
    let server = start(&[]);
    let link = link(&link_file(&server.proc));
    let site = link.strip_prefix("http://").unwrap().split('/').next().unwrap().to_owned();
    let open = format!("open {link}");
    let state = |text: &str| format!("wait document.querySelector('#state').textContent === '{text}'");
    let steps = [
        &open,
        &state("live"),
        "say ready",
        "wait document.querySelectorAll('#messages li').length === 2",
        "print document.querySelector('#messages li:last-child .bytes').textContent",
        "print [document.title.includes('owned'), document.querySelectorAll('#messages b, #messages script').length]",
        "click #pause",
        &state("paused"),
        "say paused",
        "wait !document.querySelector('#step').disabled && document.querySelector('#waiting').textContent !== '0 events wait'",
        "print document.querySelectorAll('#messages li').length",
        "click #step",
        "wait model.last !== null",
        "print model.last.kind",
        "key ArrowRight",
        "key Space",
        &state("live"),
        "wait document.querySelectorAll('#messages li').length === 4",
        "say stop",
        &state("ended"),
        "say restart",
        &state("restarted"),
        "print document.querySelector('#notice').textContent",
    ];
    let Some(mut command) = browser(&steps.map(|step| step as &str)) else { return };
    let browser = Proc::start(&mut command);
    browser.wait_for_stdout("ready\n");
    let mut client = server.open();
    assert_eq!(ask(&mut client, "<b>x</b><script>document.title='owned'</script>\u{1b}[2J"), NOT_FOUND);
    browser.wait_for_stdout("paused\n");
    assert_eq!(ask(&mut client, "SECRET 7"), "Digits: 7   Count: 1\n");
    browser.wait_for_stdout("stop\n");
    drop(client);
    server.stop();
    browser.wait_for_stdout("restart\n");
    let again = Server::start(&[&format!("--web={site}")]);
    after(&again.proc, "live page on ");
    let out = browser.end();
    let text = String::from_utf8(out.stdout).unwrap();
    let expected = [
        "ready",
        r#""<b>x</b><script>document.title='owned'</script>\\x1b[2J\\n""#,
        "[false,0]",
        "paused",
        "2",
        "\"read\"",
        "stop",
        "restart",
        "\"secretcat was restarted: open the new link that it has printed. This page then goes on.\"",
    ];
    assert_eq!((out.status, text.lines().collect::<Vec<_>>()), (Some(0), expected.to_vec()), "{}", out.stderr);
}
