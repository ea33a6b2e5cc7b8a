//! The service manager that started this program: takes its socket, and notifies it.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

use super::sys;
use crate::error::{Error, Operation, Target};
use crate::value::escape;

/// The time limit of a notification, short enough that clients do not notice it.
const NOTIFY_LIMIT: Duration = Duration::from_millis(200);

/// The variables of the service manager. They are not removed from the environment: removing them is unsafe
/// while there are threads, and this program starts no child process that they could mislead.
#[derive(Clone, Debug, Default)]
pub struct Manager {
    /// `$NOTIFY_SOCKET`, `sd_notify(3)`.
    notify: Option<OsString>,
    /// The number of sockets it passes, or the error of `$LISTEN_FDS`, `sd_listen_fds(3)`.
    sockets: Sockets,
    /// `$LISTEN_FDNAMES`: the name of the first socket in the unit.
    name: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
enum Sockets {
    #[default]
    None,
    One,
    Many(u32),
    Garbled(String),
}

impl Manager {
    /// The service manager of the environment; without one, all calls do nothing.
    #[must_use]
    pub fn from_env() -> Self {
        Self::new(std::process::id(), |name| std::env::var_os(name))
    }

    fn new(pid: u32, get: impl Fn(&str) -> Option<OsString>) -> Self {
        let names = get("LISTEN_FDNAMES");
        let first = names.as_deref().and_then(|names| names.as_bytes().split(|&byte| byte == b':').next());
        Manager {
            notify: get("NOTIFY_SOCKET").filter(|name| !name.is_empty()),
            sockets: sockets(pid, get("LISTEN_PID").as_deref(), get("LISTEN_FDS").as_deref()),
            name: first.filter(|name| !name.is_empty()).map(escape),
        }
    }

    /// Takes the stream socket that was passed: a listening socket, or one connection (`Accept=yes`). `None` if
    /// there was none, or it was taken before.
    ///
    /// # Errors
    /// When it is not a stream socket, when there are several, or when the variables are invalid.
    pub fn socket(&self) -> Result<Option<OwnedFd>, Error> {
        let fail = |why: io::Error| Error::local(Operation::TakeOver, self.passed())(why);
        match &self.sockets {
            Sockets::None => Ok(None),
            Sockets::One => sys::inherited_socket().map_err(fail),
            Sockets::Many(count) => {
                Err(fail(io::Error::other(format!("received {count}, expected one (use one service for each socket)"))))
            }
            Sockets::Garbled(what) => Err(fail(io::Error::other(what.clone()))),
        }
    }

    /// The passed socket, for error messages.
    #[must_use]
    pub fn passed(&self) -> Target {
        Target::Socket(match (&self.sockets, &self.name) {
            (Sockets::One, Some(name)) => format!("the socket from the service manager ({name})"),
            (Sockets::Many(_), _) => "the sockets from the service manager".to_owned(),
            _ => "the socket from the service manager".to_owned(),
        })
    }

    /// Reports that connections are accepted now, and on which address (`READY=1`).
    ///
    /// # Errors
    /// When the service manager does not read. The caller prints it and continues.
    pub fn ready(&self, listening_on: &str) -> Result<(), Error> {
        self.report(&format!("READY=1\nSTATUS=listening on {listening_on}"))
    }

    /// Reports that the passed connection is served (`READY=1`).
    ///
    /// # Errors
    /// As [`ready`](Self::ready).
    pub fn serving(&self, peer: &str) -> Result<(), Error> {
        self.report(&format!("READY=1\nSTATUS=serving {peer}"))
    }

    /// Reports the shutdown (`STOPPING=1`).
    ///
    /// # Errors
    /// As [`ready`](Self::ready).
    pub fn stopping(&self) -> Result<(), Error> {
        self.report("STOPPING=1\nSTATUS=answering received messages")
    }

    fn report(&self, text: &str) -> Result<(), Error> {
        let Some(name) = &self.notify else { return Ok(()) };
        send(name, text.as_bytes()).map_err(Error::local(Operation::Notify, Target::Socket(escape(name.as_bytes()))))
    }
}

/// Reads the two variables as `sd_listen_fds(3)` does: they count only if they name this process.
fn sockets(pid: u32, listen_pid: Option<&OsStr>, listen_fds: Option<&OsStr>) -> Sockets {
    let number = |name: &str, value: &OsStr| match value.to_str().map(str::parse::<u32>) {
        Some(Ok(number)) => Ok(number),
        _ => Err(Sockets::Garbled(format!("${name} is {}, not a number", escape(value.as_bytes())))),
    };
    let (Some(listen_pid), Some(listen_fds)) = (listen_pid, listen_fds) else { return Sockets::None };
    match (number("LISTEN_PID", listen_pid), number("LISTEN_FDS", listen_fds)) {
        (Ok(named), _) if named != pid => Sockets::None,
        (Err(garbled), _) | (_, Err(garbled)) => garbled,
        (Ok(_), Ok(0)) => Sockets::None,
        (Ok(_), Ok(1)) => Sockets::One,
        (Ok(_), Ok(count)) => Sockets::Many(count),
    }
}

/// Sends one datagram to a path, or to an abstract name after `@`.
fn send(name: &OsStr, text: &[u8]) -> io::Result<()> {
    let socket = UnixDatagram::unbound()?;
    socket.set_write_timeout(Some(NOTIFY_LIMIT))?;
    socket.send_to_addr(text, &address(name)?).map(drop)
}

fn address(name: &OsStr) -> io::Result<SocketAddr> {
    match name.as_bytes() {
        #[cfg(any(target_os = "linux", target_os = "android"))]
        [b'@', name @ ..] => {
            #[cfg(target_os = "android")]
            use std::os::android::net::SocketAddrExt;
            #[cfg(target_os = "linux")]
            use std::os::linux::net::SocketAddrExt;
            SocketAddr::from_abstract_name(name)
        }
        [b'/', ..] => SocketAddr::from_pathname(name),
        _ => Err(io::Error::other("expected /PATH or @NAME")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manager(variables: &[(&str, &str)]) -> Manager {
        let get = |name: &str| variables.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).into());
        Manager::new(7, get)
    }

    #[test]
    fn inherited_sockets_count_only_with_our_process_id() {
        let read = |pid, fds| manager(&[("LISTEN_PID", pid), ("LISTEN_FDS", fds)]).sockets;
        assert_eq!(read("7", "1"), Sockets::One);
        assert_eq!(read("8", "1"), Sockets::None);
        assert_eq!(read("8", "x"), Sockets::None);
        assert_eq!(read("7", "0"), Sockets::None);
        assert_eq!(read("7", "3"), Sockets::Many(3));
        assert_eq!(read("7", "-1"), Sockets::Garbled("$LISTEN_FDS is -1, not a number".into()));
        assert_eq!(read("\u{1b}", "1"), Sockets::Garbled("$LISTEN_PID is \\x1b, not a number".into()));
        assert_eq!(manager(&[("LISTEN_FDS", "1")]).sockets, Sockets::None);
        assert_eq!(manager(&[("LISTEN_PID", "7")]).sockets, Sockets::None);
    }

    #[test]
    fn unusable_inherited_socket_is_an_error_with_its_name() {
        let several = manager(&[("LISTEN_PID", "7"), ("LISTEN_FDS", "2")]).socket().unwrap_err();
        let text = "take over the sockets from the service manager: received 2, expected one \
                    (use one service for each socket)";
        assert_eq!(several.to_string(), text);
        let named = manager(&[("LISTEN_PID", "7"), ("LISTEN_FDS", "1"), ("LISTEN_FDNAMES", "a.socket:b")]);
        assert_eq!(named.passed().to_string(), "the socket from the service manager (a.socket)");
        assert!(manager(&[]).socket().unwrap().is_none());
    }

    #[test]
    fn readiness_is_sent_to_a_path_or_an_abstract_name() {
        let name = format!("secretcat-test-{}", std::process::id());
        let path = std::env::temp_dir().join(&name);
        let _ = std::fs::remove_file(&path); // of a process of the same number that was killed
        let mut receivers = vec![(UnixDatagram::bind(&path).unwrap(), path.to_str().unwrap().to_owned())];
        #[cfg(target_os = "linux")]
        receivers.push({
            use std::os::linux::net::SocketAddrExt;
            let address = SocketAddr::from_abstract_name(&name).unwrap();
            (UnixDatagram::bind_addr(&address).unwrap(), format!("@{name}"))
        });
        for (receiver, name) in receivers {
            let manager = manager(&[("NOTIFY_SOCKET", &name)]);
            manager.ready("127.0.0.1:4500").unwrap();
            manager.stopping().unwrap();
            let mut buffer = [0; 256];
            let mut next = || {
                let length = receiver.recv(&mut buffer).unwrap();
                String::from_utf8(buffer[..length].to_vec()).unwrap()
            };
            assert_eq!(next(), "READY=1\nSTATUS=listening on 127.0.0.1:4500");
            assert!(next().starts_with("STOPPING=1\n"));
        }
        std::fs::remove_file(path).unwrap();
    }

    #[test]
    fn unreachable_manager_is_an_error_with_its_address() {
        let ready = |name| manager(&[("NOTIFY_SOCKET", name)]).ready("x").map_err(|error| error.to_string());
        assert_eq!(ready(""), Ok(()));
        assert_eq!(ready("/nowhere/at all"), Err("notify /nowhere/at all: no such file or directory".into()));
        assert_eq!(ready("vsock:2:1"), Err("notify vsock:2:1: expected /PATH or @NAME".into()));
    }
}
