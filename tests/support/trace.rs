//! Reads the lines that `--trace` wrote, checks them against the schema, and finds events in them.
#![allow(dead_code, reason = "each test binary uses its part")]

use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use serde_json::Value;

use super::{Dir, Server, run};

/// A trace, line by line.
#[derive(Clone, Debug)]
pub(crate) struct Trace(pub(crate) Vec<Value>);

impl Trace {
    /// The trace in a file; every line of it is one that the schema knows.
    #[track_caller]
    pub(crate) fn read(path: &Path) -> Trace {
        Trace::parse(&std::fs::read_to_string(path).unwrap())
    }

    #[track_caller]
    pub(crate) fn parse(text: &str) -> Trace {
        assert!(text.is_empty() || text.ends_with('\n'), "the last line is not whole: {text:?}");
        let trace = Trace(text.lines().map(|line| serde_json::from_str(line).unwrap()).collect());
        for line in &trace.0 {
            let errors: Vec<_> = schema().iter_errors(line).map(|error| error.to_string()).collect();
            assert!(errors.is_empty(), "{line} does not follow the schema: {errors:?}");
        }
        assert!(trace.0.windows(2).all(|pair| pair[0]["t"].as_u64() <= pair[1]["t"].as_u64()), "time goes back");
        trace
    }

    /// The connections of this side (`connect`, `listen`) in the order they were opened.
    pub(crate) fn connections(&self, side: &str) -> Vec<u64> {
        let opened = self.0.iter().filter(|line| line["type"] == "open" && line["side"] == side);
        opened.map(|line| number(line, "conn")).collect()
    }

    /// The events of one kind on one connection.
    pub(crate) fn of(&self, conn: u64, kind: &str) -> Vec<&Value> {
        self.0.iter().filter(|line| line["type"] == kind && line["conn"] == conn).collect()
    }

    /// A number of each event of one kind on one connection; those without it are left out.
    pub(crate) fn numbers(&self, conn: u64, kind: &str, field: &str) -> Vec<u64> {
        self.of(conn, kind).iter().filter_map(|line| line[field].as_u64()).collect()
    }

    /// The bytes of each write.
    pub(crate) fn writes(&self, conn: u64) -> Vec<u64> {
        self.numbers(conn, "write", "accepted")
    }

    /// The bytes of each read.
    pub(crate) fn reads(&self, conn: u64) -> Vec<u64> {
        self.numbers(conn, "read", "len")
    }

    /// What each barrier established.
    pub(crate) fn barriers(&self, conn: u64) -> Vec<&str> {
        self.of(conn, "barrier").iter().filter_map(|line| line["outcome"].as_str()).collect()
    }

    /// The number of data segments that one connection has sent, without retransmissions.
    #[track_caller]
    pub(crate) fn segments(&self, conn: u64) -> u64 {
        let last = *self.of(conn, "sample").last().unwrap();
        // A retransmitted FIN is counted, but has no data.
        number(last, "data_segs_out") - number(last, "total_retrans").min(number(last, "bytes_retrans"))
    }
}

/// A listener that writes a trace.
#[derive(Debug)]
pub(crate) struct Traced {
    server: Server,
    file: PathBuf,
}

impl Traced {
    /// As [`Server::start`]; its trace is in this directory.
    #[track_caller]
    pub(crate) fn start(dir: &Dir, args: &[&str]) -> Traced {
        let file = dir.file("listen.ndjson");
        let server = Server::start(&[&["--trace", file.to_str().unwrap()], args].concat());
        Traced { server, file }
    }

    /// Stops it, which must print nothing more, and reads its trace.
    #[track_caller]
    pub(crate) fn stop_and_read(self) -> Trace {
        self.server.stops_with("");
        Trace::read(&self.file)
    }
}

impl Deref for Traced {
    type Target = Server;

    fn deref(&self) -> &Server {
        &self.server
    }
}

/// Runs `connect` with this on its stdin; its stdout and its trace.
#[track_caller]
pub(crate) fn connect(dir: &Dir, args: &[&str], input: impl AsRef<[u8]>) -> (String, Trace) {
    let file = dir.file("connect.ndjson");
    let out = run(["connect", "--trace", file.to_str().unwrap()].iter().chain(args), input);
    assert_eq!((out.status, out.stderr.as_str()), (Some(0), ""), "{args:?}");
    (String::from_utf8(out.stdout).unwrap(), Trace::read(&file))
}

#[track_caller]
pub(crate) fn number(line: &Value, field: &str) -> u64 {
    line[field].as_u64().unwrap_or_else(|| panic!("{line} has no number {field}"))
}

/// The committed schema of one line.
pub(crate) fn schema_text() -> &'static str {
    include_str!("../cases/trace.schema.json")
}

fn schema() -> &'static jsonschema::Validator {
    static SCHEMA: OnceLock<jsonschema::Validator> = OnceLock::new();
    SCHEMA.get_or_init(|| {
        let schema = serde_json::from_str(schema_text()).unwrap();
        jsonschema::validator_for(&schema).unwrap()
    })
}
