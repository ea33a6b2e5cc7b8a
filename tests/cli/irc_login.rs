//! `listen --service rooms --irc --auth`: logins of IRC clients with SASL.

use std::io::Write;
use std::net::TcpStream;

use data_encoding::BASE64;

use crate::auth::users;
use crate::irc::Rooms;
use crate::support::{Dir, read_line, run, tcp};

/// Sends messages, and checks the next lines that the client gets, without the name of the server.
#[track_caller]
fn asks(client: &mut TcpStream, messages: &str, answers: &[&str]) {
    client.write_all(messages.replace('\n', "\r\n").as_bytes()).unwrap();
    for answer in answers {
        let line = read_line(client);
        assert_eq!(line.trim_end().trim_start_matches(":irc.secretcat "), *answer, "{messages}");
    }
}

const GO_ON: &str = "AUTHENTICATE +";
const FAILED: &str = "904 * :SASL authentication failed";
const LOGGED_IN: [&str; 2] =
    ["900 * *!*@secretcat ann :You are now logged in as ann", "903 * :SASL authentication successful"];

/// PLAIN (RFC 4616): the name to act as, the name of the user, and the password.
fn plain(act_as: &str, name: &str, password: &str) -> String {
    BASE64.encode(format!("{act_as}\0{name}\0{password}").as_bytes())
}

#[test]
fn user_acts_as_itself_only() {
    let dir = Dir::new("irc-login-other");
    let rooms = Rooms::start(&["--auth", &format!("scram:{}", users(&dir, &["ann", "bob"]))]);
    for (act_as, is_fine) in [("", true), ("ann", true), ("bob", false), ("Ann", false), ("ann\u{e9}", false)] {
        let mut client = tcp(rooms.irc);
        asks(&mut client, "AUTHENTICATE PLAIN\n", &[GO_ON]);
        let message = format!("AUTHENTICATE {}\n", plain(act_as, "ann", "pencil"));
        asks(&mut client, &message, if is_fine { &LOGGED_IN } else { &[FAILED] });
    }
}

#[test]
fn client_logs_in_after_a_wrong_mechanism_and_an_abort() {
    let dir = Dir::new("irc-login-abort");
    let rooms = Rooms::start(&["--auth", &format!("scram:{}", users(&dir, &["ann"]))]);
    let mut client = tcp(rooms.irc);
    let mechanisms = "908 * SCRAM-SHA-256,PLAIN :are available SASL mechanisms";
    let aborted = "906 * :SASL authentication aborted";
    asks(&mut client, "AUTHENTICATE BOGUS\n", &[mechanisms, FAILED]);
    asks(&mut client, "AUTHENTICATE EXTERNAL\n", &[mechanisms, FAILED]);
    asks(&mut client, "AUTHENTICATE *\n", &[aborted]);
    asks(&mut client, "AUTHENTICATE PLAIN\nAUTHENTICATE *\n", &[GO_ON, aborted]);
    let first_part = format!("AUTHENTICATE {}\n", "x".repeat(400));
    asks(&mut client, &format!("AUTHENTICATE PLAIN\n{first_part}AUTHENTICATE *\n"), &[GO_ON, aborted]);
    let nonce = BASE64.encode(b"n,,n=ann,r=abcdefgh");
    client.write_all(format!("AUTHENTICATE SCRAM-SHA-256\r\nAUTHENTICATE {nonce}\r\n").as_bytes()).unwrap();
    assert_eq!(read_line(&mut client), ":irc.secretcat AUTHENTICATE +\r\n");
    assert!(read_line(&mut client).starts_with(":irc.secretcat AUTHENTICATE "));
    asks(&mut client, "AUTHENTICATE *\n", &[aborted]);
    asks(&mut client, "AUTHENTICATE plain\n", &[GO_ON]);
    asks(&mut client, &format!("AUTHENTICATE {}\n", plain("", "ann", "pencil")), &LOGGED_IN);
}

#[test]
fn message_of_a_login_has_parts_of_400_bytes() {
    let dir = Dir::new("irc-login-parts");
    let path = dir.file("users").display().to_string();
    for encoded in [396, 400, 404, 796, 800, 804] {
        let password = "p".repeat(encoded / 4 * 3 - "\0ann\0".len());
        let _ = std::fs::remove_file(&path);
        run(["passwd", &path, "ann", "--stdin"], &password).is(0, "", format!("{path}: added ann\n"));
        let rooms = Rooms::start(&["--auth", &format!("scram:{path}")]);
        let mut client = tcp(rooms.irc);
        let message = plain("", "ann", &password);
        assert_eq!(message.len(), encoded);
        let parts = message.as_bytes().chunks(400).map(|part| std::str::from_utf8(part).unwrap());
        let parts: Vec<_> = std::iter::once("PLAIN").chain(parts).collect();
        let mut messages = format!("AUTHENTICATE {}\n", parts.join("\nAUTHENTICATE "));
        if encoded % 400 == 0 {
            // The last part has 400 bytes: the message has not ended.
            asks(&mut client, &(messages + "PING x\n"), &[GO_ON, "PONG irc.secretcat :x"]);
            messages = "AUTHENTICATE +\n".to_owned();
            asks(&mut client, &messages, &LOGGED_IN);
        } else {
            asks(&mut client, &messages, &[&[GO_ON], &LOGGED_IN[..]].concat());
        }
    }
    let rooms = Rooms::start(&["--auth", &format!("scram:{path}")]);
    let mut client = tcp(rooms.irc);
    let part = format!("AUTHENTICATE {}\n", "A".repeat(400));
    asks(&mut client, &format!("AUTHENTICATE PLAIN\n{}", part.repeat(9)), &[GO_ON, "905 * :SASL message too long"]);
}

#[cfg(feature = "tls")]
#[test]
fn openssl_logs_in_with_its_certificate() {
    use std::process::Command;

    use crate::support::tls::{Certs, args};
    use crate::support::{Proc, skip};

    if !skip::has_program("openssl") {
        return;
    }
    let certs = Certs::new("irc-login-cert");
    let own = ["--auth", "cert", "--tls-client-ca", &certs.text("ca.pem")].map(str::to_owned);
    let all = args([&own[..], &certs.identity("server")]);
    let rooms = Rooms::start(&all.iter().map(String::as_str).collect::<Vec<_>>());
    let address = rooms.irc.to_string();
    for (act_as, is_fine) in [("", true), ("client", true), ("bob", false)] {
        let mut client = Proc::start(
            Command::new("openssl")
                .args(["s_client", "-quiet", "-verify_return_error", "-verify_hostname", "localhost"])
                .args(["-connect", &address, "-CAfile", &certs.text("ca.pem")])
                .args(["-cert", &certs.text("client.pem"), "-key", &certs.text("client.key")]),
        );
        let asked = if act_as.is_empty() { "+".to_owned() } else { BASE64.encode(act_as.as_bytes()) };
        client.write("CAP LS 302\r\n");
        client.wait_for_stdout(" sasl=EXTERNAL ");
        client.write(format!("AUTHENTICATE EXTERNAL\r\nAUTHENTICATE {asked}\r\n"));
        if is_fine {
            client.wait_for_stdout(":irc.secretcat 900 * *!*@secretcat client :You are now logged in as client\r\n");
            client.write("NICK x\r\nUSER x 0 * :x\r\nCAP END\r\nJOIN #lab\r\n");
            client.wait_for_stdout(":client!client@secretcat JOIN #lab\r\n");
        } else {
            client.wait_for_stdout(&format!(":irc.secretcat {FAILED}\r\n"));
        }
        client.write("QUIT\r\n");
        client.wait_for_stdout("ERROR :Closing link: quit\r\n");
    }
}
