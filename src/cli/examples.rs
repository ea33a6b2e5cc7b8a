//! The examples in the help of each command. `tests/examples/help.rs` runs them.

/// The examples of the program, and where the help goes on.
pub(super) const OF_THE_PROGRAM: &str = "\
Examples:
  secretcat connect --loopback                   try it, without a server
  secretcat listen '*:4500'                      answer messages of other hosts
  secretcat sweep :6379 --protocol redis         try every cut of requests

See 'secretcat COMMAND --help' for the options of a command, and secretcat(1).";

const LISTEN: &str = "\
Examples:
  secretcat listen                               answer messages
  secretcat listen :4501 --relay :8080 --chunk 1..7   relay, and cut the bytes
  secretcat listen --service pipe > file         receive a file";

const CONNECT: &str = "\
Examples:
  secretcat connect 10.10.11.2                   type messages to a server
  secretcat connect --loopback --cut 4 --stats -m 'SECRET 42'   cut a message
  secretcat connect --raw 10.10.11.2 < file      send a file";

const SWEEP: &str = "\
Examples:
  secretcat sweep -m 'SECRET 42'                 try every cut of one message
  secretcat sweep --tls example.test:443         split the ClientHello of TLS
  secretcat sweep :8080 --framing http < requests
  secretcat sweep :6379 --crlf -m PING --junit sweep.xml";

const SEND: &str = "\
Examples:
  secretcat send --to 10.10.11.2 report.pdf      send a file to a receiver
  secretcat send --listen=*:4500 a.iso b.iso     wait for a receiver
  tar c dir | secretcat send --to 10.10.11.2 - --name dir.tar";

const RECEIVE: &str = "\
Examples:
  secretcat receive --listen=*:4500              wait for a sender
  secretcat receive --from 10.10.11.2 --dir in   receive from one that waits";

const HISTORY: &str = "\
Examples:
  secretcat history lab.ndjson --last 20         print the last messages
  secretcat history lab.ndjson --since 1h --grep SECRET";

const TIMELINE: &str = "\
Examples:
  secretcat timeline run.ndjson -o run.svg       draw the calls in lanes
  secretcat timeline run.ndjson --timeline-view ladder > ladder.svg";

const PASSWD: &str = "\
Examples:
  secretcat passwd users ann                     ask for the password of ann
  secretcat passwd users ann --stdin < password
  secretcat passwd users ann --delete";

const WITNESS: &str = "\
Examples:
  secretcat sweep lab -m hello --witness 'ssh lab secretcat witness'
  secretcat sweep lab -m hello --witness 'docker exec -i web secretcat witness'";

const MAN: &str = "\
Examples:
  secretcat man connect                          show secretcat-connect(1)
  secretcat man connect > secretcat-connect.1";

const COMPLETIONS: &str = "\
Examples:
  secretcat completions zsh > _secretcat
  source <(secretcat completions bash)           in ~/.bashrc";

/// The examples of a command.
pub(super) fn of(command: &str) -> &'static str {
    match command {
        "listen" => LISTEN,
        "connect" => CONNECT,
        "sweep" => SWEEP,
        "send" => SEND,
        "receive" => RECEIVE,
        "history" => HISTORY,
        "timeline" => TIMELINE,
        "passwd" => PASSWD,
        "witness" => WITNESS,
        "man" => MAN,
        "completions" => COMPLETIONS,
        _ => "",
    }
}
