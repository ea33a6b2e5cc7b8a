//! The tables of docs/netcat.md: each command in a line has the same conversation as the others.

use super::{can_run, read, run, sandbox, skip};

/// A line of a table: what is wanted, and the commands of the four programs.
struct Line<'a> {
    wanted: &'a str,
    commands: Vec<&'a str>,
}

/// How the commands of a line are tried, and what the trial prints.
struct Trial {
    wanted: &'static str,
    /// The server that a placeholder HOST names.
    host: &'static str,
    /// A script of the shell, in which COMMAND stands for the command.
    script: &'static str,
    shown: &'static str,
}

/// A trial at the server 127.0.0.1.
const fn trial(wanted: &'static str, script: &'static str, shown: &'static str) -> Trial {
    Trial { wanted, host: "127.0.0.1", script, shown }
}

/// A message service, and one message to it.
const MESSAGE: &str = "\
secretcat listen '*:4500' 2> log & server=$!
secretcat connect -z --retry 99 --retry-delay 50ms 127.0.0.1 4500
echo 'SECRET 1' | COMMAND 2> err
kill $server";
const REPLY: &str = "Digits: 1   Count: 1\n";

/// A server that writes what it receives to the file `received`.
const RECEIVER: &str = "\
secretcat listen --service pipe :4500 > received 2> log & server=$!
until grep -q listening log; do sleep 0.05; done
printf 'one\\ntwo\\n' | COMMAND 2> err
wait $server
cat received";

/// The command receives from one client.
const RECEIVES: &str = "\
COMMAND < /dev/null > received 2> err & server=$!
printf 'one\\n' | secretcat connect --raw --retry 99 --retry-delay 50ms 127.0.0.2 4500
wait $server
cat received";

/// The command is an echo server for two clients.
const ECHO: &str = "\
COMMAND < /dev/null 2> err & server=$!
secretcat connect --retry 99 --retry-delay 50ms 127.0.0.1 4500 -m one
secretcat connect 127.0.0.1 4500 -m two
kill $server";

/// A certificate for localhost, and a TLS server that echoes.
const TLS: &str = "\
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost \
 -addext subjectAltName=DNS:localhost -keyout key.pem -out cert.pem 2> log
secretcat listen --service echo --tls-cert cert.pem --tls-key key.pem :4500 2> log & server=$!
until grep -q listening log; do sleep 0.05; done
mkfifo in
COMMAND < in > out 2> err & client=$!
exec 3> in
echo hello >&3
until grep -q hello out; do sleep 0.05; done
kill $client $server
cat out";

const CONNECT: &[Trial] = &[
    trial("send stdin, print received bytes", MESSAGE, REPLY),
    Trial { wanted: "use IPv4 only", host: "localhost", script: MESSAGE, shown: REPLY },
    Trial { wanted: "use IPv6 only", host: "::1", script: MESSAGE, shown: REPLY },
    trial(
        "connect to a unix socket",
        "secretcat listen unix:./socket 2> log & server=$!
         until grep -q listening log; do sleep 0.05; done
         echo 'SECRET 1' | COMMAND
         kill $server",
        REPLY,
    ),
    trial(
        "connect to an abstract unix socket",
        "secretcat listen unix:@lab 2> log & server=$!
         until grep -q listening log; do sleep 0.05; done
         echo 'SECRET 1' | COMMAND
         kill $server",
        REPLY,
    ),
    trial(
        "only check that a port is open",
        "COMMAND < /dev/null 2> err && echo open || echo closed
         secretcat listen :4500 2> log & server=$!
         until grep -q listening log; do sleep 0.05; done
         COMMAND < /dev/null 2> err && echo open || echo closed
         kill $server",
        "closed\nopen\n",
    ),
    trial("only send", RECEIVER, "one\ntwo\n"),
    trial(
        "only receive",
        "secretcat listen --service source --count 10 :4500 2> log & server=$!
         until grep -q listening log; do sleep 0.05; done
         COMMAND | wc -c | tr -d ' '
         kill $server",
        "10\n",
    ),
    trial(
        "connect from an address and a port",
        "secretcat listen -v :4500 2> log & server=$!
         until grep -q listening log; do sleep 0.05; done
         echo 'SECRET 1' | COMMAND
         until grep -o 'accepted 127.0.0.2:4999' log; do sleep 0.05; done
         kill $server",
        "Digits: 1   Count: 1\naccepted 127.0.0.2:4999\n",
    ),
    trial("send CR LF for LF", RECEIVER, "one\r\ntwo\r\n"),
    trial("pause after each line or write", RECEIVER, "one\ntwo\n"),
    trial("write 3 bytes at a time", RECEIVER, "one\ntwo\n"),
    trial(
        "see more on stderr",
        "secretcat listen :4500 2> log & server=$!
         until grep -q listening log; do sleep 0.05; done
         echo 'SECRET 1' | COMMAND 2> err
         kill $server
         grep -q 4500 err",
        REPLY,
    ),
    trial(
        "try again until the server is there",
        "(echo 'SECRET 1' | COMMAND > reply 2> err) & client=$!
         secretcat listen --once :4500 2> log
         wait $client
         cat reply",
        REPLY,
    ),
];

const TIME_LIMITS: &[Trial] = &[
    trial("connect within 1 s", MESSAGE, REPLY),
    trial(
        "end after 1 s without traffic",
        "secretcat listen :4500 2> log & server=$!
         until grep -q listening log; do sleep 0.05; done
         mkfifo in
         sleep 99 > in & writer=$!
         COMMAND < in 2> err || true
         echo ended
         kill $server $writer",
        "ended\n",
    ),
    trial(
        "end 1 s after the end of stdin",
        "mkfifo in
         sleep 99 > in & writer=$!
         secretcat listen --service pipe :4500 < in > received 2> log & server=$!
         until grep -q listening log; do sleep 0.05; done
         echo one | COMMAND || true
         echo ended
         cat received
         kill $writer
         kill $server || true",
        "ended\none\n",
    ),
];

const SOCKET_OPTIONS: &[Trial] = &[
    trial("set the time to live", MESSAGE, REPLY),
    trial("set the type of service", MESSAGE, REPLY),
    trial("set the receive buffer", MESSAGE, REPLY),
    trial("set the send buffer", MESSAGE, REPLY),
    trial("turn Nagle's algorithm off", MESSAGE, REPLY),
    trial("probe an idle connection", MESSAGE, REPLY),
    trial("limit the size of segments", MESSAGE, REPLY),
];

const LISTEN: &[Trial] = &[
    trial("receive from one client", RECEIVES, "one\n"),
    trial("receive at one address", RECEIVES, "one\n"),
    trial(
        "receive at a unix socket",
        "COMMAND < /dev/null > received 2> err & server=$!
         printf 'one\\n' | secretcat connect --raw --retry 99 --retry-delay 50ms unix:./socket
         wait $server
         cat received",
        "one\n",
    ),
    trial(
        "receive from one client after the other",
        "COMMAND < /dev/null > received 2> err & server=$!
         echo one | secretcat connect --raw --retry 99 --retry-delay 50ms 127.0.0.1 4500
         until grep -q one received; do sleep 0.05; done
         echo two | secretcat connect --raw --retry 99 --retry-delay 50ms 127.0.0.1 4500
         until grep -q two received; do sleep 0.05; done
         kill $server
         cat received",
        "one\ntwo\n",
    ),
    trial(
        "send to one client",
        "echo one | COMMAND 2> err & server=$!
         secretcat connect --raw --recv-only --retry 99 --retry-delay 50ms 127.0.0.1 4500
         wait $server",
        "one\n",
    ),
    trial("serve some networks only", RECEIVES, "one\n"),
    trial("echo, for many clients", ECHO, "one\ntwo\n"),
    trial("limit the number of clients", ECHO, "one\ntwo\n"),
    trial(
        "send each line to all others",
        "COMMAND < /dev/null 2> err & server=$!
         mkfifo in
         secretcat connect --raw --retry 99 --retry-delay 50ms 127.0.0.1 4500 < in > received & client=$!
         exec 3> in
         until grep -q hello received; do
             echo hello | secretcat connect --raw -q 0.1 127.0.0.1 4500 > others 2> err || true
         done
         grep -o -m 1 hello received
         kill $client $server",
        "hello\n",
    ),
    trial(
        "relay to another server",
        "secretcat listen :4600 2> log & server=$!
         COMMAND < /dev/null 2> err & relay=$!
         secretcat connect --retry 99 --retry-delay 50ms 127.0.0.1 4500 -m 'SECRET 1'
         kill $server $relay",
        REPLY,
    ),
];

const BYTES: &[Trial] = &[
    trial(
        "see the bytes in hex",
        "secretcat listen :4500 2> log & server=$!
         until grep -q listening log; do sleep 0.05; done
         echo 'SECRET 1' | COMMAND 2> err
         kill $server
         cat err file 2> no-file | tr -d ' ' | grep -o 534543524554",
        "Digits: 1   Count: 1\n534543524554\n",
    ),
    trial(
        "write the bytes to a file",
        "secretcat listen :4500 2> log & server=$!
         until grep -q listening log; do sleep 0.05; done
         echo 'SECRET 1' | COMMAND 2> err
         kill $server
         cat file dir/1-out 2> no-file | grep -o 'SECRET 1'",
        "Digits: 1   Count: 1\nSECRET 1\n",
    ),
];

const TLS_TRIALS: &[Trial] = &[
    Trial { wanted: "verify the server by a file", host: "localhost", script: TLS, shown: "hello\n" },
    Trial { wanted: "accept any certificate", host: "localhost", script: TLS, shown: "hello\n" },
    trial(
        "serve one client",
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost \
         -addext subjectAltName=DNS:localhost -keyout key.pem -out cert.pem 2> log
         COMMAND < /dev/null > received 2> err & server=$!
         echo one | secretcat connect --raw --send-only --tls-ca cert.pem --retry 99 --retry-delay 50ms localhost 4500
         wait $server
         cat received",
        "one\n",
    ),
];

/// A conversation through the proxy that these commands start at this port.
macro_rules! through_proxy {
    ($start:literal, $port:literal) => {
        concat!(
            $start,
            "
secretcat listen :4500 2> log & server=$!
secretcat connect -z --retry 99 --retry-delay 50ms :",
            $port,
            "
until grep -q listening log; do sleep 0.05; done
mkfifo in
COMMAND < in > out 2> err & client=$!
exec 3> in
echo 'SECRET 1' >&3
until grep Digits out; do sleep 0.05; done
kill $client $server $proxy"
        )
    };
}

const PROXIES: &[Trial] = &[
    trial(
        "connect through SOCKS 5",
        through_proxy!("microsocks -i 127.0.0.1 -p 1080 2> proxy.log & proxy=$!", "1080"),
        REPLY,
    ),
    trial(
        "connect through an HTTP proxy",
        through_proxy!(
            "printf 'Listen 127.0.0.1\\nPort 8888\\nTimeout 60\\n' > proxy.conf
             tinyproxy -d -c proxy.conf > proxy.log 2>&1 & proxy=$!",
            "8888"
        ),
        REPLY,
    ),
];

/// The lines of the table under this heading.
fn table<'a>(page: &'a str, heading: &str) -> Vec<Line<'a>> {
    let section = page.split("\n### ").find(|section| section.lines().next() == Some(heading)).unwrap_or_default();
    let section = section.split("\n## ").next().unwrap_or_default();
    let rows = section.lines().filter(|line| line.starts_with("| ")).skip(1);
    rows.map(|row| {
        let mut cells = row.trim_matches('|').split(" | ").map(str::trim);
        let wanted = cells.next().unwrap_or_default();
        let commands: Vec<_> = cells.filter(|cell| *cell != "–").map(|cell| cell.trim_matches('`')).collect();
        Line { wanted, commands }
    })
    .collect()
}

/// The command with values for its placeholders.
fn filled(command: &str, host: &str) -> String {
    // socat takes brackets around an IPv6 address.
    let host = if command.starts_with("socat") && host.contains(':') { format!("[{host}]") } else { host.to_owned() };
    [
        ("HOST", host.as_str()),
        ("PORT", "4500"),
        ("PATH", "./socket"),
        ("NAME", "lab"),
        ("ADDR", "127.0.0.2"),
        ("NUMBER", "4999"),
        ("FILE", "file"),
        ("DIR", "dir"),
        ("CERT", "cert.pem"),
        ("KEY", "key.pem"),
    ]
    .into_iter()
    .fold(command.to_owned(), |command, (word, value)| command.replace(word, value))
}

/// Runs each command of the table with its trial.
fn lines_work(heading: &str, trials: &[Trial]) {
    if !sandbox::has_own_network() {
        // The ports of the last line are in TIME_WAIT, and socat and ncat do not listen on them.
        skip::skip_even_in_ci(&format!("netcat-{heading}: no network namespaces here"));
        return;
    }
    let page = read("docs/netcat.md");
    let lines = table(&page, heading);
    let wanted: Vec<_> = lines.iter().map(|line| line.wanted).collect();
    assert_eq!(wanted, trials.iter().map(|trial| trial.wanted).collect::<Vec<_>>(), "{heading}");
    for (number, (line, trial)) in lines.iter().zip(trials).enumerate() {
        if trial.host == "::1" && !skip::has_ipv6() {
            continue;
        }
        assert!(line.commands.last().is_some_and(|command| command.starts_with("secretcat ")), "{}", line.wanted);
        for command in &line.commands {
            let program = command.split(' ').next().unwrap_or_default();
            let name = format!("netcat-{}-{number}-{program}", heading.to_lowercase().replace(' ', "-"));
            let script = trial.script.replace("COMMAND", &filled(command, trial.host));
            if can_run(&name, &script) {
                assert_eq!(run(&name, &script), trial.shown, "{command}");
            }
        }
    }
}

#[test]
fn connecting_works_as_with_the_netcats() {
    lines_work("Connect", CONNECT);
}

#[test]
fn time_limits_work_as_with_the_netcats() {
    lines_work("Time limits", TIME_LIMITS);
}

#[test]
fn socket_options_work_as_with_the_netcats() {
    lines_work("Socket options", SOCKET_OPTIONS);
}

#[test]
fn listening_works_as_with_the_netcats() {
    lines_work("Listen", LISTEN);
}

#[test]
fn bytes_are_seen_as_with_the_netcats() {
    lines_work("Bytes", BYTES);
}

#[test]
fn tls_works_as_with_the_netcats() {
    lines_work("TLS", TLS_TRIALS);
}

#[test]
fn proxies_work_as_with_the_netcats() {
    lines_work("Proxies", PROXIES);
}
