//! What each room of src/ imports, and which names belong to which rooms.

/// Every room of src/ and the rooms that it imports, from the bottom up: a room imports only rooms before it.
/// `lib.rs` and `main.rs` stand above all of them.
pub(super) const ROOMS: &[(&str, &[&str])] = &[
    ("value", &[]),
    ("error", &["value"]),
    ("auth", &[]),
    ("plan", &["value"]),
    ("frame", &["value"]),
    ("dialog", &["frame", "value"]),
    ("editor", &["value"]),
    ("trace", &["plan", "value"]),
    ("transcript", &["trace", "value"]),
    ("verdict", &["error", "frame", "plan", "value"]),
    ("service", &["auth", "dialog", "frame", "plan", "value", "verdict"]),
    ("transfer", &["value"]),
    ("peer", &["frame", "plan", "trace", "value"]),
    ("config", &["auth", "dialog", "error", "frame", "plan", "service", "transfer", "value", "verdict"]),
    ("timeline", &["trace", "value"]),
    ("web", &["trace"]),
    (
        "io",
        &[
            "auth",
            "config",
            "dialog",
            "editor",
            "error",
            "frame",
            "peer",
            "plan",
            "service",
            "timeline",
            "trace",
            "transcript",
            "transfer",
            "value",
            "web",
        ],
    ),
    (
        "session",
        &[
            "auth",
            "config",
            "dialog",
            "editor",
            "error",
            "frame",
            "io",
            "peer",
            "plan",
            "service",
            "trace",
            "transcript",
            "transfer",
            "value",
            "verdict",
        ],
    ),
    ("cli", &["auth", "config", "dialog", "error", "frame", "io", "plan", "service", "transfer", "value", "verdict"]),
];

/// Names that only some rooms may use.
pub(super) struct Rule {
    pub(super) what: &'static str,
    pub(super) names: &'static [&'static str],
    pub(super) rooms: &'static [&'static str],
    /// Files of other rooms that use a name all the same, with the reason.
    pub(super) exceptions: &'static [(&'static str, &'static str)],
}

pub(super) const RULES: &[Rule] = &[
    Rule {
        what: "reads the clock",
        names: &["Instant::now", "SystemTime::now", "elapsed("],
        rooms: &["io"],
        exceptions: &[],
    },
    Rule { what: "has times", names: &["Instant", "SystemTime"], rooms: &["peer", "io", "session"], exceptions: &[] },
    Rule { what: "uses files", names: &["std::fs", "fs::", "File::", "OpenOptions"], rooms: &["io"], exceptions: &[] },
    Rule { what: "uses threads", names: &["std::thread", "thread::"], rooms: &["io"], exceptions: &[] },
    Rule {
        what: "uses a standard stream or a terminal",
        names: &[
            "io::stdin",
            "io::stdout",
            "io::stderr",
            "stdin()",
            "stdout()",
            "stderr()",
            "IsTerminal",
            "same_terminal",
        ],
        rooms: &["io"],
        exceptions: &[
            ("session/sweep/client/run.rs", "takes what a client has written to its own"),
            ("session/sweep/server.rs", "stderr of the command that it runs"),
        ],
    },
    Rule {
        what: "waits outside of the event loop",
        names: &[
            ".recv()",
            "recv_timeout",
            ".join()",
            "sleep(",
            "wait_ready(",
            "set_read_timeout",
            "set_write_timeout",
        ],
        rooms: &[],
        exceptions: &[
            ("io/files.rs", "waits for the stdin of a sweep before the loop begins"),
            ("io/report.rs", "waits for stderr after the loop, for a second at most"),
            ("io/sys.rs", "defines the wait of the report"),
            ("io/systemd.rs", "waits for a service manager that does not read, for 200 ms at most"),
            ("io/tls/known.rs", "waits for another run that notes a key, for a second at most"),
            ("io/transfer/reader.rs", "waits for stdin, on a thread of its own"),
            ("io/threads.rs", "waits for threads after the loop, and for one of two system calls"),
            ("session/loopback.rs", "waits for the address of its own listener before the loop begins"),
        ],
    },
    Rule {
        what: "uses a socket or the system",
        names: &["std::net::Tcp", "std::net::Udp", "std::os::unix::net", "socket2", "mio::", "libc::"],
        rooms: &["io"],
        exceptions: &[],
    },
    Rule {
        what: "uses the environment or the process",
        names: &["std::env", "env::", "std::process", "process::"],
        rooms: &["io"],
        exceptions: &[
            ("main.rs", "takes the arguments and returns the exit status"),
            ("lib.rs", "returns the exit status"),
        ],
    },
    Rule { what: "uses clap", names: &["clap::"], rooms: &["cli"], exceptions: &[] },
    Rule {
        what: "prints by a macro, which panics when the stream fails",
        names: &["println!", "eprintln!", "print!", "eprint!", "dbg!"],
        rooms: &[],
        exceptions: &[],
    },
];
