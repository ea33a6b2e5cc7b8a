//! The other network namespaces of this host, where a container has its sockets (`network_namespaces(7)`).
//!
//! The namespaces are those of the processes in /proc. Each is kept with a way to its sockets: a netlink socket that was
//! opened within it, which needs root, or the list in the /proc directory of one of its processes.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::super::{sys, threads};
use super::netlink::{Answer, Netlink};
use super::{Peer, Tuple, proc};

/// The shortest time between two searches of /proc for namespaces.
const PERIOD: Duration = Duration::from_secs(1);

/// The namespaces found so far, for all connections of this process.
static KNOWN: Mutex<Known> = Mutex::new(Known { spaces: Vec::new(), searched: None, some_hidden: false });

/// Another network namespace of this host.
#[derive(Debug)]
pub(super) struct Namespace {
    /// The inode of its list of sockets, which no other namespace has.
    inode: u64,
    way: Way,
}

/// How its sockets are observed.
#[derive(Debug)]
enum Way {
    /// A netlink socket within the namespace.
    Netlink(Mutex<Netlink>),
    /// The list of sockets in this directory.
    List(String),
}

/// The result of a search.
#[derive(Debug)]
pub(super) struct Search {
    /// The namespace with the socket.
    pub(super) found: Option<Arc<Namespace>>,
    /// The sockets of some processes are visible to root only.
    pub(super) some_hidden: bool,
}

#[derive(Debug)]
struct Known {
    spaces: Vec<Arc<Namespace>>,
    searched: Option<Instant>,
    some_hidden: bool,
}

/// Finds the namespace with this socket. If several have one, none is the peer's for certain.
pub(super) fn find(wanted: &Tuple) -> Search {
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    let mut found = known.with(wanted);
    if found.is_empty() && known.searched.is_none_or(|at| at.elapsed() >= PERIOD) {
        known.search();
        found = known.with(wanted);
    }
    let only = found.pop().filter(|_| found.is_empty());
    Search { found: only, some_hidden: known.some_hidden }
}

impl Known {
    /// The namespaces with this socket.
    fn with(&self, wanted: &Tuple) -> Vec<Arc<Namespace>> {
        let has_it = |space: &&Arc<Namespace>| matches!(space.look(wanted), Ok(Some(_)));
        self.spaces.iter().filter(has_it).cloned().collect()
    }

    /// Searches /proc. A namespace without a process is dropped: a netlink socket would keep it alive.
    fn search(&mut self) {
        let here = inode("self").ok();
        let mut seen: HashSet<u64> = here.into_iter().collect();
        let mut spaces = Vec::new();
        // If /proc hides the processes of other users, it hides the first one (proc(5), hidepid).
        self.some_hidden = fs::symlink_metadata("/proc/1").is_err();
        for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
            let name = entry.file_name();
            let Some(process) = name.to_str().filter(|name| name.bytes().all(|byte| byte.is_ascii_digit())) else {
                continue;
            };
            match inode(process) {
                Ok(inode) if seen.insert(inode) => {
                    let known = self.spaces.iter().position(|space| space.is_still(inode));
                    let space = known.map(|at| self.spaces.swap_remove(at));
                    spaces.push(space.unwrap_or_else(|| Arc::new(Namespace::open(inode, process))));
                }
                Err(error) if error.kind() == io::ErrorKind::PermissionDenied => self.some_hidden = true,
                Ok(_) | Err(_) => {} // known, or the process has ended
            }
        }
        self.spaces = spaces;
        self.searched = Some(Instant::now());
    }
}

/// The number of the network namespace of a process: the inode of its list of sockets. The link in /proc/PID/ns would
/// say it too, but only to the owner of the process.
fn inode(process: &str) -> io::Result<u64> {
    fs::metadata(format!("/proc/{process}/net/tcp")).map(|list| list.ino())
}

impl Namespace {
    fn open(inode: u64, process: &str) -> Namespace {
        let netlink = File::open(format!("/proc/{process}/ns/net")).and_then(|space| {
            // Of this process, only one thread that ends at once enters the other namespace.
            threads::aside("namespace", move || {
                sys::enter_network(space.as_fd())?;
                Netlink::open()
            })?
        });
        let way = netlink
            .map_or_else(|_| Way::List(format!("/proc/{process}/net")), |netlink| Way::Netlink(Mutex::new(netlink)));
        Namespace { inode, way }
    }

    /// Whether this is the namespace with this number, and its sockets are visible. The process whose list is used may
    /// have ended.
    fn is_still(&self, inode: u64) -> bool {
        let shows = |list: &String| fs::metadata(format!("{list}/tcp")).is_ok_and(|list| list.ino() == inode);
        self.inode == inode && if let Way::List(list) = &self.way { shows(list) } else { true }
    }

    /// The state of a socket in this namespace. `None` if there is no such socket.
    pub(super) fn look(&self, wanted: &Tuple) -> io::Result<Option<Peer>> {
        match &self.way {
            Way::Netlink(netlink) => match netlink.lock().unwrap_or_else(PoisonError::into_inner).ask(wanted)? {
                Answer::Found(found) => Ok(found),
                Answer::Unknown => Ok(None),
            },
            Way::List(_) if !self.is_still(self.inode) => Ok(None),
            Way::List(list) => Ok(proc::unread(list, wanted)?.map(|unread| Peer { unread, received: None })),
        }
    }
}
