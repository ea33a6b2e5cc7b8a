//! System calls without a safe wrapper: unsafe code is in this file and its folder only.
#![allow(unsafe_code, reason = "libc calls; each stands in a function of its own with a safe signature")]

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Instant;

use crate::trace::TcpSample;

// No socket can get the number of descriptor 0, 1 or 2: Rust's runtime opens /dev/null for those that are
// closed, before main runs (a test below checks that). `was_closed` reports which were closed.

/// One bit for each of descriptors 0, 1 and 2 that was closed when this program was started.
static CLOSED_AT_START: AtomicU8 = AtomicU8::new(0);

/// Examines descriptors 0, 1 and 2 before Rust's runtime opens /dev/null for the closed ones: the C library
/// calls the functions in this section before main (elf(5), `DT_INIT_ARRAY`).
#[used]
#[cfg_attr(target_vendor = "apple", unsafe(link_section = "__DATA,__mod_init_func"))]
#[cfg_attr(not(target_vendor = "apple"), unsafe(link_section = ".init_array"))]
static LOOK_AT_START: extern "C" fn() = look_at_start;

extern "C" fn look_at_start() {
    for fd in 0..3 {
        // SAFETY: F_GETFD touches no memory; it fails where nothing is open.
        if unsafe { libc::fcntl(fd, libc::F_GETFD) } == -1 {
            CLOSED_AT_START.fetch_or(1 << fd, Ordering::Relaxed);
        }
    }
}

/// Whether descriptor 0, 1 or 2 was closed when this program was started. Rust's runtime has opened /dev/null
/// instead, to which every write succeeds.
#[must_use]
pub fn was_closed(fd: RawFd) -> bool {
    std::hint::black_box(&LOOK_AT_START); // so that the linker keeps it
    CLOSED_AT_START.load(Ordering::Relaxed) & (1 << fd) != 0
}

/// Whether a descriptor was opened for reading (open(2)). nohup(1) opens stdin for writing only.
#[must_use]
pub fn is_readable(fd: BorrowedFd<'_>) -> bool {
    // SAFETY: F_GETFL takes no argument and touches no memory.
    let flags = unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_GETFL) };
    flags != -1 && flags & libc::O_ACCMODE != libc::O_WRONLY
}

/// Whether a descriptor was opened for writing (open(2)).
#[must_use]
pub fn is_writable(fd: BorrowedFd<'_>) -> bool {
    // SAFETY: F_GETFL takes no argument and touches no memory.
    let flags = unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_GETFL) };
    flags != -1 && flags & libc::O_ACCMODE != libc::O_RDONLY
}

/// The distance of local time from UTC at this time, in seconds to the east; 0 if it is not known.
#[must_use]
pub fn utc_offset(seconds: u64) -> i32 {
    // Of the type of the call below: libc has deprecated its name for musl.
    let Ok(seconds) = seconds.try_into() else { return 0 };
    let mut broken_down = std::mem::MaybeUninit::zeroed();
    // SAFETY: localtime_r(3) reads the time and writes one tm. It reads the environment, which nothing here changes.
    let done = unsafe { libc::localtime_r(&raw const seconds, broken_down.as_mut_ptr()) };
    if done.is_null() {
        return 0;
    }
    // SAFETY: the call succeeded, and so has written it.
    let broken_down: libc::tm = unsafe { broken_down.assume_init() };
    i32::try_from(broken_down.tm_gmtoff).unwrap_or_default()
}

/// Locks a file for this process (flock(2)), until all its descriptors are closed. False: another process has the lock.
pub fn lock(fd: BorrowedFd<'_>) -> io::Result<bool> {
    // SAFETY: flock(2) touches no memory.
    match check(unsafe { libc::flock(fd.as_raw_fd(), libc::LOCK_EX | libc::LOCK_NB) }) {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(false),
        Err(error) => Err(error),
    }
}

/// The number of bytes that can be read now from a pipe, a terminal or a socket (`FIONREAD`, `ioctl_tty(2)`).
pub fn readable_bytes(fd: BorrowedFd<'_>) -> io::Result<u64> {
    let mut bytes: libc::c_int = 0;
    // SAFETY: this request writes one int to `bytes`.
    check(unsafe { libc::ioctl(fd.as_raw_fd(), libc::FIONREAD, &raw mut bytes) })?;
    u64::try_from(bytes).map_err(|_| io::ErrorKind::InvalidData.into())
}

/// The byte offset and width of a field of `struct tcp_info` (linux/tcp.h). The kernel only appends to this
/// structure, so the offsets are the same for every version and architecture.
#[derive(Clone, Copy)]
struct Field(usize, usize);

#[rustfmt::skip]
mod field {
    use super::Field;

    pub(super) const STATE:          Field = Field(0, 1);
    pub(super) const SND_MSS:        Field = Field(16, 4);
    pub(super) const UNACKED:        Field = Field(24, 4);
    /// On a listener: how many connections may wait to be accepted.
    pub(super) const SACKED:         Field = Field(28, 4);
    pub(super) const RTT:            Field = Field(68, 4);
    pub(super) const SND_CWND:       Field = Field(80, 4);
    pub(super) const TOTAL_RETRANS:  Field = Field(100, 4);
    pub(super) const BYTES_ACKED:    Field = Field(120, 8);
    pub(super) const BYTES_RECEIVED: Field = Field(128, 8);
    pub(super) const SEGS_OUT:       Field = Field(136, 4);
    pub(super) const SEGS_IN:        Field = Field(140, 4);
    pub(super) const NOTSENT_BYTES:  Field = Field(144, 4);
    pub(super) const DATA_SEGS_IN:   Field = Field(152, 4);
    pub(super) const DATA_SEGS_OUT:  Field = Field(156, 4);
    pub(super) const RWND_LIMITED:   Field = Field(176, 8);
    pub(super) const BYTES_RETRANS:  Field = Field(208, 8);
    pub(super) const SND_WND:        Field = Field(228, 4);
}

/// `TCP_LISTEN` of `net/tcp_states.h`.
const LISTEN: u64 = 10;

/// The bytes of `struct tcp_info` that this kernel fills in.
struct Info {
    bytes: [u8; 256],
    len: usize,
}

impl Info {
    /// The value of a field, or `None` if the kernel has not filled it in.
    fn get(&self, Field(at, width): Field) -> Option<u64> {
        let bytes = self.bytes.get(..self.len)?.get(at..at + width)?;
        match width {
            1 => bytes.first().copied().map(u64::from),
            4 => bytes.try_into().ok().map(u32::from_ne_bytes).map(u64::from),
            _ => bytes.try_into().ok().map(u64::from_ne_bytes),
        }
    }

    fn sample(&self) -> TcpSample {
        TcpSample {
            data_segs_out: self.get(field::DATA_SEGS_OUT),
            data_segs_in: self.get(field::DATA_SEGS_IN),
            segs_out: self.get(field::SEGS_OUT),
            segs_in: self.get(field::SEGS_IN),
            total_retrans: self.get(field::TOTAL_RETRANS),
            unacked: self.get(field::UNACKED),
            notsent_bytes: self.get(field::NOTSENT_BYTES),
            bytes_acked: self.get(field::BYTES_ACKED),
            bytes_received: self.get(field::BYTES_RECEIVED),
            bytes_retrans: self.get(field::BYTES_RETRANS),
            snd_mss: self.get(field::SND_MSS),
            snd_wnd: self.get(field::SND_WND),
            snd_cwnd: self.get(field::SND_CWND),
            rtt: self.get(field::RTT),
            rwnd_limited: self.get(field::RWND_LIMITED),
        }
    }
}

/// The kernel's counters of a TCP connection (`TCP_INFO`, tcp(7)). Systems other than Linux have another
/// layout: every field is unknown there. Fails on a socket that is not TCP.
pub fn tcp_info(fd: BorrowedFd<'_>) -> io::Result<TcpSample> {
    Ok(info(fd)?.sample())
}

/// The backlog of a listening TCP socket; `None` if the kernel does not report it, or the socket does not
/// listen.
pub fn listen_backlog(fd: BorrowedFd<'_>) -> io::Result<Option<u64>> {
    let info = info(fd)?;
    Ok(if info.get(field::STATE) == Some(LISTEN) { info.get(field::SACKED) } else { None })
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn info(fd: BorrowedFd<'_>) -> io::Result<Info> {
    let mut info = Info { bytes: [0; 256], len: 0 };
    let mut len: libc::socklen_t = 256;
    // SAFETY: the kernel writes at most `len` bytes to `bytes`, which has that many, and the number
    // it wrote to `len`; both live on this stack until the call returns.
    check(unsafe {
        libc::getsockopt(
            fd.as_raw_fd(),
            libc::IPPROTO_TCP,
            libc::TCP_INFO,
            info.bytes.as_mut_ptr().cast(),
            &raw mut len,
        )
    })?;
    info.len = len as usize;
    Ok(info)
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
#[allow(clippy::unnecessary_wraps, reason = "as on Linux")]
fn info(_: BorrowedFd<'_>) -> io::Result<Info> {
    Ok(Info { bytes: [0; 256], len: 0 })
}

/// The user that the process at the other end of a unix socket ran as when it connected (`SO_PEERCRED`, unix(7)).
#[cfg(any(target_os = "linux", target_os = "android"))]
pub fn peer_user(fd: BorrowedFd<'_>) -> io::Result<u32> {
    let mut peer = libc::ucred { pid: 0, uid: 0, gid: 0 };
    let mut len = libc::socklen_t::try_from(size_of::<libc::ucred>()).map_err(io::Error::other)?;
    // SAFETY: the kernel writes at most `len` bytes to `peer`, which has that many, and the number it wrote to `len`.
    check(unsafe {
        libc::getsockopt(fd.as_raw_fd(), libc::SOL_SOCKET, libc::SO_PEERCRED, (&raw mut peer).cast(), &raw mut len)
    })?;
    // A socket that is not one of unix has the number of nobody at all.
    if peer.uid == u32::MAX { Err(io::ErrorKind::Unsupported.into()) } else { Ok(peer.uid) }
}

/// The user that the process at the other end of a unix socket ran as when it connected (getpeereid(3)).
#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub fn peer_user(fd: BorrowedFd<'_>) -> io::Result<u32> {
    let (mut uid, mut gid) = (0, 0);
    // SAFETY: the call writes one number to each, on success.
    check(unsafe { libc::getpeereid(fd.as_raw_fd(), &raw mut uid, &raw mut gid) })?;
    Ok(uid)
}

/// The name of a user of this system (`getpwuid_r`), if there is one that is UTF-8. It may ask a server.
#[must_use]
pub fn user_name(uid: u32) -> Option<String> {
    const LARGEST: usize = 1 << 20;
    let mut strings = vec![0_u8; 4096];
    loop {
        let mut entry = std::mem::MaybeUninit::<libc::passwd>::uninit();
        let mut found = std::ptr::null_mut();
        // SAFETY: the call writes one passwd to `entry`, its strings to `strings`, whose size it gets, and the address
        // of `entry` or null to `found`.
        let result = unsafe {
            libc::getpwuid_r(uid, entry.as_mut_ptr(), strings.as_mut_ptr().cast(), strings.len(), &raw mut found)
        };
        if result == libc::ERANGE && strings.len() < LARGEST {
            strings.resize(strings.len() * 4, 0);
            continue;
        }
        if result != 0 || found.is_null() {
            return None;
        }
        // SAFETY: the call has succeeded: `found` is the address of `entry`, whose name is a string in `strings`.
        let name = unsafe { std::ffi::CStr::from_ptr((*found).pw_name) };
        return name.to_str().ok().map(str::to_owned);
    }
}

/// The number of bytes written to a TCP socket that the peer has not acknowledged yet, sent or not (`SIOCOUTQ`,
/// tcp(7)); of a unix socket, the memory of those that the peer has not read. `Unsupported` on systems without it.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub fn queued_out(fd: BorrowedFd<'_>) -> io::Result<usize> {
    let mut bytes: libc::c_int = 0;
    // SAFETY: this request, named SIOCOUTQ for sockets, writes one int to `bytes`.
    check(unsafe { libc::ioctl(fd.as_raw_fd(), libc::TIOCOUTQ, &raw mut bytes) })?;
    usize::try_from(bytes).map_err(|_| io::ErrorKind::InvalidData.into())
}

/// The number of bytes that the peer has not acknowledged: unknown on this system.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub fn queued_out(_: BorrowedFd<'_>) -> io::Result<usize> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Whether a read, or with `write` a write, would return at once, with bytes, room, the end or an error
/// (poll(2) without waiting; a hang-up and an error count as ready).
pub fn poll_ready(fd: BorrowedFd<'_>, write: bool) -> io::Result<bool> {
    wait_ready(fd, write, 0)
}

/// As [`poll_ready`], but waits up to this number of milliseconds until it is true.
pub fn wait_ready(fd: BorrowedFd<'_>, write: bool, milliseconds: u16) -> io::Result<bool> {
    let events = if write { libc::POLLOUT } else { libc::POLLIN };
    let mut poll = libc::pollfd { fd: fd.as_raw_fd(), events, revents: 0 };
    // poll(2) is never restarted after a signal, and reports one even with a timeout of 0 (signal(7)). The
    // handler of the signal wakes the loops, so nothing is lost by ignoring it here. SAFETY: the kernel reads
    // and writes the one pollfd that it is given.
    while let Err(error) = check(unsafe { libc::poll(&raw mut poll, 1, milliseconds.into()) }) {
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
    Ok(poll.revents & (events | libc::POLLHUP | libc::POLLERR) != 0)
}

/// Raises the soft limit of open descriptors to the hard limit and returns it (`RLIMIT_NOFILE`, getrlimit(2)).
/// This needs no privilege.
#[allow(clippy::useless_conversion, clippy::unnecessary_fallible_conversions)] // rlim_t is signed on some systems
pub fn raise_descriptor_limit() -> io::Result<u64> {
    let number = |limit: libc::rlim_t| u64::try_from(limit).unwrap_or(u64::MAX);
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the kernel writes one rlimit, which lives until the call returns.
    check(unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) })?;
    if limit.rlim_cur == limit.rlim_max {
        return Ok(number(limit.rlim_cur));
    }
    let set = |soft| {
        let raised = libc::rlimit { rlim_cur: soft, rlim_max: limit.rlim_max };
        // SAFETY: the kernel reads one rlimit, which lives until the call returns.
        check(unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const raised) }).map(|_| number(soft))
    };
    set(limit.rlim_max).or_else(|error| {
        // macOS reports "unlimited" and accepts no more than its OPEN_MAX.
        if limit.rlim_cur < 10240 && limit.rlim_max > 10240 { set(10240) } else { Err(error) }
    })
}

/// Whether a signal is ignored, as nohup(1) does with SIGHUP for the programs it starts.
#[must_use]
pub fn ignores_signal(signal: libc::c_int) -> bool {
    let mut action = std::mem::MaybeUninit::<libc::sigaction>::uninit();
    // SAFETY: with a null action nothing is changed; the kernel writes one sigaction on success.
    let known = unsafe { libc::sigaction(signal, std::ptr::null(), action.as_mut_ptr()) } == 0;
    // SAFETY: it is read only where the call has succeeded, and so has written it.
    known && unsafe { action.assume_init() }.sa_sigaction == libc::SIG_IGN
}

/// Restores a signal's default action and raises the signal. Returns if that does not end the process.
pub fn raise_default(signal: libc::c_int) {
    // SAFETY: SIG_DFL is not a function: no code of this program runs at the signal.
    unsafe { libc::signal(signal, libc::SIG_DFL) };
    // SAFETY: raise(3) touches no memory.
    unsafe { libc::raise(signal) };
}

/// Kills every process of a group (kill(2)). A group of which all members have ended is no error.
///
/// The caller has not reaped the leader, so that no other group has this number.
pub fn kill_group(leader: u32) {
    if let Some(group) = libc::pid_t::try_from(leader).ok().filter(|&group| group > 1) {
        // SAFETY: kill(2) touches no memory.
        unsafe { libc::kill(-group, libc::SIGKILL) };
    }
}

/// Whether a child process has ended. It is not reaped (`WNOWAIT`, waitid(2)). True where there is no such child.
#[must_use]
pub fn has_ended(child: u32) -> bool {
    let mut info = std::mem::MaybeUninit::<libc::siginfo_t>::zeroed();
    let options = libc::WEXITED | libc::WNOHANG | libc::WNOWAIT;
    // SAFETY: the kernel writes one siginfo_t, which lives until the call returns.
    let asked = unsafe { libc::waitid(libc::P_PID, child as libc::id_t, info.as_mut_ptr(), options) };
    // SAFETY: all zero bytes are a siginfo_t; its number of a process stays 0 as long as none has ended.
    asked == -1 || unsafe { info.assume_init().si_pid() } != 0
}

/// A descriptor that is readable when a child process has ended (`pidfd_open(2)`, since Linux 5.3).
#[cfg(any(target_os = "linux", target_os = "android"))]
pub fn pidfd(child: u32) -> io::Result<OwnedFd> {
    use std::os::fd::FromRawFd;

    let child = libc::pid_t::try_from(child).map_err(|_| io::ErrorKind::InvalidInput)?;
    // SAFETY: takes a number and flags, and touches no memory.
    let fd = unsafe { libc::syscall(libc::SYS_pidfd_open, child, 0) };
    let fd = check(libc::c_int::try_from(fd).unwrap_or(-1))?;
    // SAFETY: the call succeeded, so the descriptor is open, and nothing else owns it; it is close-on-exec.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// A descriptor for the end of a process: not on this system.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub fn pidfd(_: u32) -> io::Result<OwnedFd> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Moves the calling thread into a network namespace (setns(2)). Needs root.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub fn enter_network(namespace: BorrowedFd<'_>) -> io::Result<()> {
    // SAFETY: takes two ints and touches no memory.
    check(unsafe { libc::setns(namespace.as_raw_fd(), libc::CLONE_NEWNET) }).map(drop)
}

/// Moves up to `len` bytes from one descriptor to another within the kernel; one of them is a pipe (splice(2),
/// never waiting for the pipe). 0 is the end of `from`. `Unsupported` outside Linux.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub fn splice(from: BorrowedFd<'_>, to: BorrowedFd<'_>, len: usize) -> io::Result<usize> {
    let flags = libc::SPLICE_F_MOVE | libc::SPLICE_F_NONBLOCK;
    let none = std::ptr::null_mut();
    // SAFETY: null offsets are allowed and mean the descriptors' own positions; no memory of ours
    // is touched.
    let moved = unsafe { libc::splice(from.as_raw_fd(), none, to.as_raw_fd(), none, len, flags) };
    usize::try_from(moved).map_err(|_| io::Error::last_os_error())
}

/// Moves bytes within the kernel: not on this system.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub fn splice(_: BorrowedFd<'_>, _: BorrowedFd<'_>, _: usize) -> io::Result<usize> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Has the system begin to write these bytes of a file to its disk (`sync_file_range(2)`); it is a hint. Only fsync(2)
/// says whether they are there, also whether writing them has failed.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub fn begin_write_out(file: BorrowedFd<'_>, offset: u64, len: u64) {
    let (Ok(offset), Ok(len)) = (offset.try_into(), len.try_into()) else { return };
    // SAFETY: takes four numbers and touches no memory.
    let _ = unsafe { libc::sync_file_range(file.as_raw_fd(), offset, len, libc::SYNC_FILE_RANGE_WRITE) };
}

/// Has the system begin to write to the disk: it does so by itself on this one.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub fn begin_write_out(_: BorrowedFd<'_>, _: u64, _: u64) {}

/// Whether writes go to the end of the file whatever its position (`O_APPEND`, open(2)).
#[must_use]
pub fn appends(fd: BorrowedFd<'_>) -> bool {
    // SAFETY: F_GETFL takes no argument and touches no memory.
    let flags = unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_GETFL) };
    flags == -1 || flags & libc::O_APPEND != 0
}

/// Creates a non-blocking pipe, read end first, with a capacity of `size` bytes if the system permits it
/// (pipe(7); a limit of the user is no error). `Unsupported` outside Linux, because only [`splice`] needs it.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub fn pipe_with_capacity(size: usize) -> io::Result<(OwnedFd, OwnedFd)> {
    use std::os::fd::{AsFd, FromRawFd};

    let mut ends: [RawFd; 2] = [-1; 2];
    // SAFETY: the kernel writes two descriptors to `ends`, which has room for two.
    check(unsafe { libc::pipe2(ends.as_mut_ptr(), libc::O_CLOEXEC | libc::O_NONBLOCK) })?;
    // SAFETY: the call succeeded, so both are open, and nothing else owns them.
    let pipe = unsafe { (OwnedFd::from_raw_fd(ends[0]), OwnedFd::from_raw_fd(ends[1])) };
    widen_pipe(pipe.1.as_fd(), size);
    Ok(pipe)
}

/// Sets the capacity of a pipe to `size` bytes if the system permits it (`F_SETPIPE_SZ`, fcntl(2)); it works
/// with any capacity.
#[cfg_attr(not(any(target_os = "linux", target_os = "android")), allow(unused_variables))]
pub fn widen_pipe(pipe: BorrowedFd<'_>, size: usize) {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    if let Ok(size) = libc::c_int::try_from(size) {
        // SAFETY: F_SETPIPE_SZ takes an int and touches no memory.
        let _ = unsafe { libc::fcntl(pipe.as_raw_fd(), libc::F_SETPIPE_SZ, size) };
    }
}

/// A pipe for [`splice`]: not on this system.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub fn pipe_with_capacity(_: usize) -> io::Result<(OwnedFd, OwnedFd)> {
    Err(io::ErrorKind::Unsupported.into())
}

/// A timer that makes its descriptor readable at a point in time, exact to microseconds, while the timeout of
/// poll(2) counts milliseconds (`timerfd_create(2)`).
#[derive(Debug)]
pub struct Timer {
    fd: OwnedFd,
    /// The same moment on both clocks, to convert an [`Instant`] to the kernel's clock.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    epoch: (Instant, libc::timespec),
}

#[cfg(any(target_os = "linux", target_os = "android"))]
impl Timer {
    /// Creates a timer that is not armed. `Unsupported` outside Linux, where poll timeouts are used.
    pub fn new() -> io::Result<Timer> {
        use std::os::fd::FromRawFd;

        // SAFETY: takes two ints and touches no memory.
        let fd = check(unsafe { libc::timerfd_create(libc::CLOCK_MONOTONIC, libc::TFD_CLOEXEC | libc::TFD_NONBLOCK) })?;
        // SAFETY: the call succeeded, so the descriptor is open, and nothing else owns it.
        let fd = unsafe { OwnedFd::from_raw_fd(fd) };
        Ok(Timer { fd, epoch: same_moment()? })
    }

    /// Arms the timer for `at`, replacing the previous time, or disarms it. A time in the past fires at once.
    /// Arming cancels an earlier expiry, so the descriptor need not be read, and an edge-triggered poll reports
    /// each expiry once.
    pub fn arm(&self, at: Option<Instant>) -> io::Result<()> {
        let zero = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        let value = at.map_or(zero, |at| self.on_the_kernels_clock(at));
        let spec = libc::itimerspec { it_interval: zero, it_value: value };
        // SAFETY: the kernel reads one itimerspec; it writes nothing, the last pointer being null.
        let set = unsafe {
            libc::timerfd_settime(self.fd.as_raw_fd(), libc::TFD_TIMER_ABSTIME, &raw const spec, std::ptr::null_mut())
        };
        check(set).map(drop)
    }

    #[allow(clippy::useless_conversion, clippy::cast_lossless)] // the fields have other widths on 32 bits
    fn on_the_kernels_clock(&self, at: Instant) -> libc::timespec {
        let (instant, base) = self.epoch;
        let mut time = base; // a time before the epoch is in the past, and any past time fires at once
        let ahead = at.saturating_duration_since(instant);
        let nanos = base.tv_nsec + ahead.subsec_nanos() as libc::c_long;
        let seconds = i32::try_from(ahead.as_secs()).unwrap_or(i32::MAX); // 68 years: time_t may have 32 bits
        time.tv_sec = base.tv_sec.saturating_add(seconds.into()).saturating_add(nanos / 1_000_000_000);
        time.tv_nsec = nanos % 1_000_000_000;
        time
    }
}

/// Reads both clocks at once. [`Instant`] counts `CLOCK_MONOTONIC` on Linux but hides its origin. The kernel's
/// clock is read second, so that a timer is late by the time in between and never early; the shortest of a few
/// attempts is used.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn same_moment() -> io::Result<(Instant, libc::timespec)> {
    let read = || -> io::Result<_> {
        let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        let before = Instant::now();
        // SAFETY: the kernel writes one timespec, which lives until the call returns.
        check(unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut time) })?;
        Ok((before.elapsed(), (before, time)))
    };
    let mut best = read()?;
    for _ in 0..4 {
        let next = read()?;
        if next.0 < best.0 {
            best = next;
        }
    }
    Ok(best.1)
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
impl Timer {
    /// `Unsupported` on this system: poll timeouts are used.
    pub fn new() -> io::Result<Timer> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Never called: no timer can be created on this system.
    pub fn arm(&self, _: Option<Instant>) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

impl AsRawFd for Timer {
    fn as_raw_fd(&self) -> RawFd {
        self.fd.as_raw_fd()
    }
}

/// The first descriptor that a service manager passes (`SD_LISTEN_FDS_START`).
const LISTEN_FDS_START: RawFd = 3;

/// Takes the stream socket that this process was started with (`sd_listen_fds(3)`, descriptor 3), and sets
/// close-on-exec. `None` if it was taken before. Fails if descriptor 3 is not a stream socket; a descriptor
/// that other code may own is not touched.
pub fn inherited_socket() -> io::Result<Option<OwnedFd>> {
    use std::os::fd::FromRawFd;
    use std::sync::atomic::{AtomicBool, Ordering};

    static TAKEN: AtomicBool = AtomicBool::new(false);
    if TAKEN.swap(true, Ordering::SeqCst) {
        return Ok(None);
    }
    let fd = LISTEN_FDS_START;
    // SAFETY: F_GETFD touches no memory; it fails with EBADF where nothing is open.
    let flags = check(unsafe { libc::fcntl(fd, libc::F_GETFD) })?;
    let refuse = |why: &'static str| Err(io::Error::other(why));
    if flags & libc::FD_CLOEXEC != 0 {
        return refuse("descriptor 3 was not handed over"); // it was not inherited through execve(2)
    }
    {
        // SAFETY: the descriptor is open, as the call before has shown, and is not closed while it
        // is borrowed: if something in this process owns it, that lives as long as the process.
        let borrowed = unsafe { BorrowedFd::borrow_raw(fd) };
        let socket = socket2::SockRef::from(&borrowed);
        match socket.r#type() {
            Ok(socket2::Type::STREAM) => {}
            Ok(_) => return refuse("not a stream socket (ListenStream= makes one)"),
            Err(error) if error.raw_os_error() == Some(libc::ENOTSOCK) => return refuse("not a socket"),
            Err(error) => return Err(error),
        }
    }
    // SAFETY: F_SETFD takes an int and touches no memory.
    check(unsafe { libc::fcntl(fd, libc::F_SETFD, flags | libc::FD_CLOEXEC) })?;
    // SAFETY: it is open, and nothing in this process owns it: whatever this program and its
    // libraries open is close-on-exec from the start, and this one was not; it is taken once.
    Ok(Some(unsafe { OwnedFd::from_raw_fd(fd) }))
}

/// Converts the -1 of a system call to its error.
fn check(result: libc::c_int) -> io::Result<libc::c_int> {
    if result == -1 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

/// Terminals: their modes (termios(3)), their size, and stopping as Ctrl-Z does.
pub mod tty {
    use std::io;
    use std::mem::MaybeUninit;
    use std::os::fd::{AsRawFd, BorrowedFd};

    use super::check;

    /// The modes of a terminal.
    #[derive(Clone, Copy)]
    pub struct Modes(libc::termios);

    impl std::fmt::Debug for Modes {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            write!(f, "Modes {{ lflag: {:#x}, iflag: {:#x} }}", self.0.c_lflag, self.0.c_iflag)
        }
    }

    impl Modes {
        /// The modes that `fd` is in.
        pub fn of(fd: BorrowedFd<'_>) -> io::Result<Modes> {
            let mut modes = MaybeUninit::uninit();
            // SAFETY: the call writes one termios on success.
            check(unsafe { libc::tcgetattr(fd.as_raw_fd(), modes.as_mut_ptr()) })?;
            // SAFETY: the call succeeded, and so has written it.
            Ok(Modes(unsafe { modes.assume_init() }))
        }

        /// The modes for a line editor: bytes are read one by one as they were typed, and are not echoed. The
        /// signal keys still send signals, and a line feed on the screen still begins a new row.
        #[must_use]
        pub fn editing(self) -> Modes {
            let mut modes = self.0;
            modes.c_lflag &= !(libc::ICANON | libc::ECHO | libc::IEXTEN);
            modes.c_iflag &= !(libc::ICRNL | libc::INLCR | libc::IGNCR | libc::ISTRIP);
            modes.c_lflag |= libc::ISIG;
            modes.c_oflag |= libc::OPOST | libc::ONLCR;
            modes.c_cc[libc::VMIN] = 1;
            modes.c_cc[libc::VTIME] = 0;
            Modes(modes)
        }

        /// The modes for typing a password: as [`editing`](Self::editing), and the signal keys are bytes too, so that
        /// no signal leaves the terminal without echo.
        #[must_use]
        pub fn silent(self) -> Modes {
            let mut modes = self.editing().0;
            modes.c_lflag &= !(libc::ISIG | libc::ECHONL);
            Modes(modes)
        }

        /// Sets these modes; typed bytes that are not read are kept. This stops a process in the background until
        /// it is in the foreground (SIGTTOU).
        pub fn set(&self, fd: BorrowedFd<'_>) -> io::Result<()> {
            // SAFETY: the call reads one termios.
            while let Err(error) = check(unsafe { libc::tcsetattr(fd.as_raw_fd(), libc::TCSANOW, &raw const self.0) }) {
                if error.kind() != io::ErrorKind::Interrupted {
                    return Err(error);
                }
            }
            Ok(())
        }
    }

    /// Drops typed bytes that are not read.
    pub fn flush_input(fd: BorrowedFd<'_>) -> io::Result<()> {
        // SAFETY: the call touches no memory.
        check(unsafe { libc::tcflush(fd.as_raw_fd(), libc::TCIFLUSH) }).map(drop)
    }

    /// The number of columns of a terminal; `None` if it is unknown.
    #[must_use]
    pub fn columns(fd: BorrowedFd<'_>) -> Option<usize> {
        let mut size = MaybeUninit::<libc::winsize>::uninit();
        // SAFETY: this request writes one winsize on success.
        check(unsafe { libc::ioctl(fd.as_raw_fd(), libc::TIOCGWINSZ, size.as_mut_ptr()) }).ok()?;
        // SAFETY: the call succeeded, and so has written it.
        let columns = unsafe { size.assume_init() }.ws_col;
        (columns > 0).then_some(columns.into())
    }

    /// Stops this process as SIGTSTP does by default, until SIGCONT. If its process group is orphaned, so that no
    /// shell could continue it, the kernel does not stop it, and this returns at once.
    pub fn stop() {
        let mut handler = MaybeUninit::<libc::sigaction>::uninit();
        // SAFETY: with a null action nothing is changed; the call writes one sigaction on success.
        if unsafe { libc::sigaction(libc::SIGTSTP, std::ptr::null(), handler.as_mut_ptr()) } == -1 {
            return;
        }
        // SAFETY: SIG_DFL is not a function: no code of this program runs at the signal.
        unsafe { libc::signal(libc::SIGTSTP, libc::SIG_DFL) };
        // SAFETY: raise(3) touches no memory. The thread that takes signals does not block this one.
        unsafe { libc::raise(libc::SIGTSTP) };
        // SAFETY: the first call succeeded and has written what is put back here.
        unsafe { libc::sigaction(libc::SIGTSTP, handler.as_ptr(), std::ptr::null_mut()) };
    }
}

#[cfg(test)]
mod tests;
