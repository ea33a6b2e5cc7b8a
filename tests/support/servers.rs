//! Released servers (Redis, nginx, Python): each is started at a free address and waited for.

use std::net::TcpListener;
use std::process::Command;

use super::{Dir, Proc, run, skip};

/// Where a server is to listen.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Place<'a> {
    /// On a free port of 127.0.0.1.
    Port,
    /// On a unix socket in this directory.
    Socket(&'a Dir),
}

impl Place<'_> {
    /// An address that was just free, in the form of `connect`.
    fn address(self) -> String {
        match self {
            Place::Port => TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string(),
            Place::Socket(dir) => format!("unix:{}", dir.file("socket").display()),
        }
    }
}

/// Starts a server, and waits until it listens; another may be faster to take its port. `None`,
/// and a line on stderr, where the program is missing.
#[track_caller]
pub(crate) fn start(program: &str, place: Place<'_>, command: impl Fn(&mut Command, &str)) -> Option<(Proc, String)> {
    let path = format!("{}:/usr/sbin:/usr/local/sbin", std::env::var("PATH").unwrap_or_default());
    if !skip::has_server(program) {
        skip::skip(program);
        return None;
    }
    for _ in 0..5 {
        let address = place.address();
        let mut server = Command::new(program);
        command(server.env("PATH", &path), &address);
        let proc = Proc::start(&mut server);
        let up = run(["connect", &address, "--raw", "--retry", "1000", "--retry-delay", "10ms"], "");
        if up.status == Some(0) {
            return Some((proc, address));
        }
    }
    panic!("{program} does not start");
}

/// The port of an address that [`start`] has given.
pub(crate) fn port(address: &str) -> &str {
    address.rsplit(':').next().unwrap_or_default()
}

/// Redis, with nothing in it; `dir` is where it would save that.
#[track_caller]
pub(crate) fn redis(place: Place<'_>, dir: &Dir) -> Option<(Proc, String)> {
    start("redis-server", place, |command, address| {
        command.args(["--save", "", "--appendonly", "no", "--dir"]).arg(dir.path());
        match address.strip_prefix("unix:") {
            Some(path) => command.args(["--port", "0", "--unixsocket", path]),
            None => command.args(["--bind", "127.0.0.1", "--port", port(address)]),
        };
    })
}

/// nginx, with the files of this directory.
#[track_caller]
pub(crate) fn nginx(place: Place<'_>, dir: &Dir) -> Option<(Proc, String)> {
    start("nginx", place, |command, address| {
        let root = dir.path().display();
        let temp: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|name| format!("{name}_temp_path {root}/temp;\n"))
            .concat();
        let config = format!(
            "daemon off; master_process off; pid {root}/pid; error_log stderr;\nevents {{}}\n\
             http {{ access_log off; {temp} server {{ listen {address}; root {root}; }} }}\n"
        );
        std::fs::write(dir.file("conf"), config).unwrap();
        command.args(["-e", "stderr", "-p"]).arg(dir.path()).arg("-c").arg(dir.file("conf"));
    })
}

/// The web server that comes with Python, with the files of this directory.
#[track_caller]
pub(crate) fn python(dir: &Dir) -> Option<(Proc, String)> {
    start("python3", Place::Port, |command, address| {
        command.args(["-m", "http.server", port(address), "--bind", "127.0.0.1", "--protocol", "HTTP/1.1"]);
        command.arg("--directory").arg(dir.path());
    })
}

/// tinyproxy with these lines in its configuration.
#[track_caller]
pub(crate) fn tinyproxy(dir: &Dir, lines: &str) -> Option<(Proc, String)> {
    start("tinyproxy", Place::Port, |command, address| {
        let config = format!("Listen 127.0.0.1\nPort {}\nTimeout 60\n{lines}", port(address));
        std::fs::write(dir.file("conf"), config).unwrap();
        command.arg("-d").arg("-c").arg(dir.file("conf"));
    })
}
