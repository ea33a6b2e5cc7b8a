//! The file of known servers (`--known`): their keys are trusted on first use, and a changed key is refused.
//!
//! A line is `HOST:PORT PIN`. Lines that are empty or begin with `#` mean nothing. A server may have several lines, and
//! then any of these keys.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use super::super::report::Report;
use super::super::sys;
use crate::error::{Error, Operation, cause, shown_path};
use crate::peer::codec::tls::Refused;
use crate::value::{Address, Host, Pin};

/// The largest size of a file.
const LONGEST: u64 = 1 << 20;
/// How often, and after which time, it is tried to lock the file: another run notes a key within a millisecond.
const TRIES: u32 = 1000;
const PAUSE: Duration = Duration::from_millis(1);

/// The known keys of one server.
#[derive(Debug)]
pub(super) struct Known {
    path: PathBuf,
    /// The server as the file has it: `HOST:PORT`.
    server: String,
    report: Report,
    keys: Mutex<Vec<Key>>,
}

/// A key in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Key {
    pin: Pin,
    /// The number of its line, from 1.
    line: usize,
}

/// A line that is wrong, by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct BadLine(usize);

impl Known {
    /// Reads the keys of the server at this address, which has this name if it has one of its own. If there are none,
    /// the file is created, or it is checked that a key can be noted.
    ///
    /// # Errors
    /// When the file cannot be read, has a line that is wrong, or cannot be written although it has to be.
    pub(super) fn open(path: &Path, address: &Address, name: Option<&str>, report: &Report) -> Result<Self, Error> {
        let server = server(address, name);
        let content = match File::open(path) {
            Ok(file) => read(file).map_err(Error::file(Operation::Read, path))?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(Error::file(Operation::Open, path)(error)),
        };
        let keys = keys(&content, &server).map_err(|BadLine(line)| {
            Error::Usage(format!("{}:{line}: expected HOST:PORT sha256//BASE64", shown_path(path)))
        })?;
        if keys.is_empty() {
            appendable(path).map_err(Error::file(Operation::Write, path))?;
        }
        Ok(Known { path: path.to_owned(), server, report: report.clone(), keys: Mutex::new(keys) })
    }

    /// Whether a server with this key may go on: it is known, or no key of the server is.
    ///
    /// # Errors
    /// The server has another key.
    pub(super) fn check(&self, pin: Pin) -> Result<(), Refused> {
        let keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        self.check_among(&keys, pin)
    }

    fn check_among(&self, keys: &[Key], pin: Pin) -> Result<(), Refused> {
        let Some(first) = keys.first() else { return Ok(()) };
        if keys.iter().any(|key| key.pin == pin) {
            return Ok(());
        }
        let (Key { pin: known, line }, path) = (first, shown_path(&self.path));
        Err(Refused(format!(
            "the server's key has changed: it is {pin}, and {path}:{line} has {known} (somebody may be in between; if \
             the server has a new key, delete line {line})"
        )))
    }

    /// Notes the key that the server has proven to have, unless it is known.
    ///
    /// # Errors
    /// It cannot be noted; or another run has just noted another key of this server.
    pub(super) fn note(&self, pin: Pin) -> Result<(), Refused> {
        let mut keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        if keys.is_empty() {
            let failed = |error| Refused(format!("write {}: {}", shown_path(&self.path), cause(&error)));
            *keys = self.append(pin).map_err(failed)?;
        }
        self.check_among(&keys, pin)
    }

    /// Appends the key, unless another run has appended one of this server meanwhile. Returns the keys in the file.
    fn append(&self, pin: Pin) -> io::Result<Vec<Key>> {
        let mut file = appendable(&self.path)?;
        lock(&file)?;
        let content = read(File::open(&self.path)?)?;
        let wrong = |BadLine(line)| io::Error::other(format!("line {line} is wrong"));
        let keys = keys(&content, &self.server).map_err(wrong)?;
        if !keys.is_empty() {
            return Ok(keys);
        }
        let end = if content.last().is_some_and(|&byte| byte != b'\n') { "\n" } else { "" };
        let text = format!("{end}{} {pin}\n", self.server);
        let written = file.write_all(text.as_bytes());
        if written.is_err() {
            let _ = file.set_len(content.len() as u64); // what was written of the line is no key
        }
        written?;
        let (server, path) = (&self.server, shown_path(&self.path));
        self.report.warning(&format!("{server} is not known: trusting its key {pin} from now on ({path})"));
        let line = content.split(|&byte| byte == b'\n').count() + end.len();
        Ok(vec![Key { pin, line }])
    }
}

/// The server as the file has it. Upper and lower case are the same in host names, but not in paths.
fn server(address: &Address, name: Option<&str>) -> String {
    match address {
        Address::Tcp { host: Host::Name(_), .. } if name.is_none() => {
            let shown = address.to_string().to_ascii_lowercase();
            shown.replacen(".:", ":", 1) // the dot that ends a name
        }
        Address::Tcp { port, .. } => match name {
            Some(name) => Address::Tcp { host: Host::Name(name.to_ascii_lowercase()), port: *port }.to_string(),
            None => address.to_string(),
        },
        Address::Unix(_) => address.to_string(),
    }
}

/// The keys of a server among these lines.
fn keys(content: &[u8], server: &str) -> Result<Vec<Key>, BadLine> {
    let mut keys = Vec::new();
    for (number, line) in content.split(|&byte| byte == b'\n').enumerate() {
        let bad = || BadLine(number + 1);
        let line = std::str::from_utf8(line).map_err(|_| bad())?.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (of, pin) = line.rsplit_once([' ', '\t']).ok_or_else(bad)?;
        let (of, pin) = (of.trim_end(), pin.parse().map_err(|_| bad())?);
        let is_address = of.starts_with("unix:") || of.rsplit_once(':').is_some_and(|(_, port)| is_port(port));
        if !is_address {
            return Err(bad());
        }
        if of == server || !server.starts_with("unix:") && of.eq_ignore_ascii_case(server) {
            keys.push(Key { pin, line: number + 1 });
        }
    }
    Ok(keys)
}

fn is_port(text: &str) -> bool {
    text.parse::<u16>().is_ok()
}

/// Reads a file of bounded size. Only regular files have an end that is known not to be waited for.
fn read(file: File) -> io::Result<Vec<u8>> {
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("it is not a regular file"));
    }
    let mut content = Vec::new();
    file.take(LONGEST + 1).read_to_end(&mut content)?;
    if content.len() as u64 > LONGEST {
        return Err(io::Error::other(format!("it has more than {LONGEST} bytes")));
    }
    Ok(content)
}

/// Opens a file to append to it; creates it if there is none.
fn appendable(path: &Path) -> io::Result<File> {
    OpenOptions::new().append(true).create(true).open(path)
}

/// Locks the file until it is closed.
fn lock(file: &File) -> io::Result<()> {
    for _ in 0..TRIES {
        if sys::lock(file.as_fd())? {
            return Ok(());
        }
        thread::sleep(PAUSE);
    }
    Err(io::Error::other("another program has locked it"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: Pin = Pin([1; 32]);
    const B: Pin = Pin([2; 32]);

    #[test]
    fn server_is_written_with_its_port() {
        let shown = |address: &str, name| server(&address.parse().unwrap(), name);
        for (address, name, expected) in [
            ("127.0.0.1:1", None, "127.0.0.1:1"),
            ("[::1]:2", None, "[::1]:2"),
            ("Lab.Test:3", None, "lab.test:3"),
            ("lab.test.:3", None, "lab.test:3"),
            ("127.0.0.1:4", Some("Lab.test"), "lab.test:4"),
            ("unix:/Run/S", None, "unix:/Run/S"),
            ("unix:/a b", Some("x"), "unix:/a b"),
        ] {
            assert_eq!(shown(address, name), expected);
        }
    }

    #[test]
    fn keys_are_those_of_the_server_and_bad_lines_have_a_number() {
        let text = format!("# ours\n\nlab.test:1 {A}\r\nLAB.test:2\t {A}\nlab.test:1  {B}\nunix:/a b {B}\n");
        let of = |server: &str| keys(text.as_bytes(), server).unwrap();
        assert_eq!(of("lab.test:1"), [Key { pin: A, line: 3 }, Key { pin: B, line: 5 }]);
        assert_eq!(of("lab.test:2"), [Key { pin: A, line: 4 }]);
        assert_eq!((of("unix:/a b"), of("unix:/A b")), (vec![Key { pin: B, line: 6 }], vec![]));
        for wrong in [
            "x".to_owned(),
            A.to_string(),
            format!("lab.test {A}"),
            format!("lab.test:x {A}"),
            format!("lab.test:70000 {A}"),
            "lab.test:1 sha256//AAAA".to_owned(),
            format!("lab.test:1 {A} x"),
        ] {
            let text = format!("\n{wrong}\n");
            assert_eq!(keys(text.as_bytes(), "h:1"), Err(BadLine(2)), "{wrong}");
        }
        assert_eq!(keys(b"\n\n\xff", "h:1"), Err(BadLine(3)));
    }
}
