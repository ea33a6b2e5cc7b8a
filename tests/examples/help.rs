//! The examples in the help of each command.

use std::process::Command;

use super::{can_run, run};

/// An example of a help text, and how it is run: in the script of the shell, COMMAND stands for it.
struct Example {
    command: &'static str,
    script: &'static str,
}

const fn example(command: &'static str, script: &'static str) -> Example {
    Example { command, script }
}

/// A message service on the address of the examples.
const SERVER: &str = "\
secretcat listen 10.10.11.2:4500 2> log & server=$!
until grep -q listening log; do sleep 0.05; done
echo hello | COMMAND
kill $server";

const REDIS: &str = "\
redis-server --port 6379 --save '' > redis.log & server=$!
secretcat connect -z :6379 --retry 99 --retry-delay 50ms
COMMAND
kill $server";

const TRANSCRIPT: &str = "\
secretcat connect --loopback --transcript lab.ndjson -m 'SECRET 1' > replies
COMMAND | grep 'SECRET 1'";

const TRACE: &str = "\
secretcat connect --loopback --trace run.ndjson -m 'SECRET 1' > replies
COMMAND
grep -q '<svg' *.svg";

const RECEIVER: &str = "\
mkdir in dir
echo hello | tee report.pdf > dir/file
secretcat receive --listen=10.10.11.2:4500 --dir in 2> log & receiver=$!
until grep -q listening log; do sleep 0.05; done
COMMAND
wait $receiver
test -s in/report.pdf || test -s in/dir.tar";

const USERS: &str = "\
echo pencil > password
secretcat passwd users ann --stdin < password
COMMAND";

const EXAMPLES: &[(&str, &[Example])] = &[
    (
        "",
        &[
            example("secretcat connect --loopback", "echo 'SECRET 1' | COMMAND"),
            example(
                "secretcat listen '*:4500'",
                "COMMAND 2> log & server=$!
                 secretcat connect --retry 99 --retry-delay 50ms 10.10.11.2 -m 'SECRET 1'
                 kill $server",
            ),
            example("secretcat sweep :6379 --protocol redis", REDIS),
        ],
    ),
    (
        "listen",
        &[
            example(
                "secretcat listen",
                "COMMAND 2> log & server=$!
                 secretcat connect --retry 99 --retry-delay 50ms -m 'SECRET 1'
                 kill $server",
            ),
            example(
                "secretcat listen :4501 --relay :8080 --chunk 1..7",
                "secretcat listen :8080 2> log & server=$!
                 COMMAND 2> relay.log & relay=$!
                 secretcat connect :4501 --retry 99 --retry-delay 50ms -m 'SECRET 1'
                 kill $server $relay",
            ),
            example(
                "secretcat listen --service pipe > file",
                "COMMAND 2> log & server=$!
                 echo hello | secretcat connect --raw --retry 99 --retry-delay 50ms
                 wait $server
                 grep hello file",
            ),
        ],
    ),
    (
        "connect",
        &[
            example("secretcat connect 10.10.11.2", SERVER),
            example("secretcat connect --loopback --cut 4 --stats -m 'SECRET 42'", "COMMAND"),
            example(
                "secretcat connect --raw 10.10.11.2 < file",
                "echo hello > file
                 secretcat listen --service pipe 10.10.11.2:4500 > copy 2> log & server=$!
                 until grep -q listening log; do sleep 0.05; done
                 COMMAND
                 wait $server
                 cmp file copy",
            ),
        ],
    ),
    (
        "sweep",
        &[
            example(
                "secretcat sweep -m 'SECRET 42'",
                "secretcat listen 2> log & server=$!
                 until grep -q listening log; do sleep 0.05; done
                 COMMAND
                 kill $server",
            ),
            example(
                "secretcat sweep --tls example.test:443",
                "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost \
                 -addext subjectAltName=DNS:localhost -addext basicConstraints=critical,CA:FALSE \
                 -keyout key.pem -out cert.pem 2> log
                 secretcat listen --tls-cert cert.pem --tls-key key.pem :4443 2> log & server=$!
                 until grep -q listening log; do sleep 0.05; done
                 export SSL_CERT_FILE=cert.pem
                 COMMAND < /dev/null || test $? = 4
                 kill $server",
            ),
            example(
                "secretcat sweep :8080 --framing http < requests",
                "secretcat listen --framing http :8080 2> log & server=$!
                 until grep -q listening log; do sleep 0.05; done
                 printf 'GET / HTTP/1.1\\r\\nHost: localhost\\r\\n\\r\\n' > requests
                 COMMAND
                 kill $server",
            ),
            example("secretcat sweep :6379 --crlf -m PING --junit sweep.xml", REDIS),
        ],
    ),
    (
        "send",
        &[
            example("secretcat send --to 10.10.11.2 report.pdf", RECEIVER),
            example(
                "secretcat send --listen=*:4500 a.iso b.iso",
                "echo hello | tee a.iso > b.iso
                 mkdir in
                 COMMAND & sender=$!
                 secretcat receive --from :4500 --retry 99 --retry-delay 50ms --dir in
                 wait $sender
                 cmp b.iso in/b.iso",
            ),
            example("tar c dir | secretcat send --to 10.10.11.2 - --name dir.tar", RECEIVER),
        ],
    ),
    (
        "receive",
        &[
            example(
                "secretcat receive --listen=*:4500",
                "mkdir out
                 echo hello > out/file
                 COMMAND & receiver=$!
                 secretcat send --to :4500 --retry 99 --retry-delay 50ms out/file
                 wait $receiver
                 cmp out/file file",
            ),
            example(
                "secretcat receive --from 10.10.11.2 --dir in",
                "mkdir in
                 echo hello > file
                 secretcat send --listen=10.10.11.2:4500 file 2> log & sender=$!
                 until grep -q listening log; do sleep 0.05; done
                 COMMAND
                 wait $sender
                 cmp file in/file",
            ),
        ],
    ),
    (
        "history",
        &[
            example("secretcat history lab.ndjson --last 20", TRANSCRIPT),
            example("secretcat history lab.ndjson --since 1h --grep SECRET", TRANSCRIPT),
        ],
    ),
    (
        "timeline",
        &[
            example("secretcat timeline run.ndjson -o run.svg", TRACE),
            example("secretcat timeline run.ndjson --timeline-view ladder > ladder.svg", TRACE),
        ],
    ),
    (
        "passwd",
        &[
            // The password is typed at a terminal, which script(1) provides.
            example(
                "secretcat passwd users ann",
                "printf 'pencil\\npencil\\n' | script -qec 'COMMAND' typescript > shown
                 grep -q ^ann: users",
            ),
            example("secretcat passwd users ann --stdin < password", USERS),
            example("secretcat passwd users ann --delete", USERS),
        ],
    ),
    (
        "witness",
        &[
            example("secretcat sweep lab -m hello --witness 'ssh lab secretcat witness'", SERVER),
            example("secretcat sweep lab -m hello --witness 'docker exec -i web secretcat witness'", SERVER),
        ],
    ),
    (
        "man",
        &[
            example("secretcat man connect", "COMMAND | grep -q '^.SH NAME'"),
            example("secretcat man connect > secretcat-connect.1", "COMMAND"),
        ],
    ),
    (
        "completions",
        &[
            example("secretcat completions zsh > _secretcat", "COMMAND"),
            example("source <(secretcat completions bash)", "bash -ec 'COMMAND; complete -p secretcat'"),
        ],
    ),
];

/// The examples in the help of a command, without what is said of them.
fn shown(command: &str) -> Vec<String> {
    let mut program = Command::new(env!("CARGO_BIN_EXE_secretcat"));
    let words = [command, "--help"].into_iter().filter(|word| !word.is_empty());
    let output = program.args(words).output().expect("the program should start");
    let help = String::from_utf8_lossy(&output.stdout);
    let examples = help.split_once("\nExamples:\n").map(|(_, examples)| examples).unwrap_or_default();
    let lines = examples.lines().map_while(|line| line.strip_prefix("  "));
    lines.map(|line| line.split("   ").next().unwrap_or_default().to_owned()).collect()
}

/// The command with what a test has in the place of other hosts.
fn here(command: &str) -> String {
    [
        ("example.test:443", "localhost:4443 --max-plans 50"),
        ("ssh lab ", ""),
        ("docker exec -i web ", ""),
        ("sweep lab ", "sweep 10.10.11.2 "),
    ]
    .into_iter()
    .fold(command.to_owned(), |command, (elsewhere, here)| command.replace(elsewhere, here))
}

#[test]
fn examples_of_help_work() {
    for (name, examples) in EXAMPLES {
        let listed: Vec<_> = examples.iter().map(|example| example.command).collect();
        assert_eq!(shown(name), listed, "{name} --help");
        for (number, example) in examples.iter().enumerate() {
            let script = example.script.replace("COMMAND", &here(example.command));
            let name = format!("help-{name}-{number}");
            if can_run(&name, &script) {
                run(&name, &script);
            }
        }
    }
}

#[test]
fn help_of_each_command_has_examples() {
    let help = Command::new(env!("CARGO_BIN_EXE_secretcat")).arg("--help").output().expect("the program should start");
    let help = String::from_utf8_lossy(&help.stdout);
    let commands = help.split_once("\nCommands:\n").map(|(_, rest)| rest).unwrap_or_default();
    let commands = commands.lines().map_while(|line| line.strip_prefix("  ")).filter(|line| !line.starts_with(' '));
    let commands: Vec<_> = commands.filter_map(|line| line.split(' ').next()).collect();
    let tried: Vec<_> = EXAMPLES.iter().map(|(name, _)| *name).skip(1).collect();
    assert_eq!(commands, tried);
}
