//! The system calls against real sockets, pipes and timers, and against the output of other programs.

use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::process::Command;
use std::thread::sleep;
use std::time::Duration;

use socket2::SockRef;

use super::*;

fn pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let ours = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    (ours, listener.accept().unwrap().0)
}

/// Waits for an asynchronous action of the kernel, such as an acknowledgement.
fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(120);
    while !holds() {
        assert!(Instant::now() < deadline, "never: {what}");
        sleep(Duration::from_millis(1));
    }
}

#[test]
fn tcp_info_fields_agree_with_ss() {
    let (mut ours, mut theirs) = pair();
    for _ in 0..7 {
        SockRef::from(&ours).send_with_flags(b"12345", libc::MSG_EOR).unwrap();
    }
    theirs.write_all(b"answer").unwrap();
    ours.read_exact(&mut [0; 6]).unwrap();
    theirs.read_exact(&mut [0; 35]).unwrap();
    // A connection with unread bytes has numbers where an idle one has zeros.
    let (stuck, unread) = pair();
    SockRef::from(&unread).set_recv_buffer_size(4096).unwrap();
    fill(&stuck);
    sleep(Duration::from_millis(300)); // until only window probes follow
    let Some(ss) = ss(&ours) else { return };
    let sample = tcp_info(ours.as_fd()).unwrap();
    assert_eq!(sample.data_segs_out, Some(7));
    assert_eq!(sample.data_segs_in, Some(1));
    assert_eq!(sample.bytes_received, Some(6));
    assert_eq!(sample.bytes_acked, Some(36)); // one for the SYN
    assert_eq!(sample.unacked, Some(0));
    agree(&ss, "data_segs_out:", sample.data_segs_out);
    agree(&ss, "data_segs_in:", sample.data_segs_in);
    agree(&ss, "segs_out:", sample.segs_out);
    agree(&ss, "segs_in:", sample.segs_in);
    agree(&ss, "bytes_acked:", sample.bytes_acked);
    agree(&ss, "bytes_received:", sample.bytes_received);
    agree(&ss, "mss:", sample.snd_mss);
    agree(&ss, "cwnd:", sample.snd_cwnd);
    let rtt = ss.split_whitespace().find_map(|word| word.strip_prefix("rtt:")).unwrap();
    let millis: f64 = rtt.split('/').next().unwrap().parse().unwrap();
    assert!(
        (millis * 1000.0 - f64::from(u32::try_from(sample.rtt.unwrap()).unwrap())).abs() < 1.0,
        "{rtt} {:?}",
        sample.rtt
    );

    let ss = self::ss(&stuck).unwrap();
    let sample = tcp_info(stuck.as_fd()).unwrap();
    assert!(sample.notsent_bytes.unwrap() > 0 && sample.rwnd_limited.unwrap() > 0, "{sample:?}");
    agree(&ss, "notsent:", sample.notsent_bytes);
    assert!(ss.contains("rwnd_limited:"), "{ss}");
    if ss.contains("snd_wnd:") {
        agree(&ss, "snd_wnd:", sample.snd_wnd);
    }
}

/// The output of ss about a connection; `None`, with a note on stderr, if there is no ss.
fn ss(socket: &TcpStream) -> Option<String> {
    let port = socket.local_addr().unwrap().port();
    let ss = Command::new("ss").args(["-tinOH", "sport", "=", &format!(":{port}")]).output();
    let Ok(ss) = ss.map_err(|error| eprintln!("skipped: ss: {error}")) else { return None };
    let text = String::from_utf8(ss.stdout).unwrap();
    assert!(ss.status.success() && text.contains("cwnd:"), "{text}");
    Some(text)
}

fn agree(ss: &str, key: &str, ours: Option<u64>) {
    let theirs = ss.split_whitespace().find_map(|word| word.strip_prefix(key)).map(|n| n.parse().unwrap());
    assert_eq!(ours, theirs.or(Some(0)), "{key} {ss}");
}

/// Writes until the kernel accepts no more.
fn fill(socket: &TcpStream) -> usize {
    socket.set_nonblocking(true).unwrap();
    let mut total = 0;
    loop {
        match (&mut &*socket).write(&[0; 16384]) {
            Ok(n) => total += n,
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::WouldBlock);
                return total;
            }
        }
    }
}

#[test]
fn tcp_info_fields_not_filled_by_the_kernel_are_unknown() {
    let info = |len| Info { bytes: [1; 256], len }.sample();
    let whole = info(232);
    assert_eq!(whole.snd_wnd, Some(0x0101_0101));
    assert_eq!(whole.rwnd_limited, Some(0x0101_0101_0101_0101));
    assert_eq!(info(231), TcpSample { snd_wnd: None, ..whole });
    let linux_3 = info(104); // up to tcpi_total_retrans
    assert_eq!((linux_3.total_retrans, linux_3.bytes_acked), (Some(0x0101_0101), None));
    assert_eq!(info(0), TcpSample::default());
    assert_eq!(info(1000), TcpSample::default()); // an impossible length
}

#[test]
fn non_tcp_socket_has_no_tcp_info() {
    let (unix, _other) = UnixStream::pair().unwrap();
    assert!(tcp_info(unix.as_fd()).is_err());
}

#[test]
fn backlog_of_a_listener_is_read() {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    assert_eq!(listen_backlog(socket.as_fd()).unwrap(), None);
    socket.listen(7).unwrap();
    assert_eq!(listen_backlog(socket.as_fd()).unwrap(), Some(7));
}

#[test]
fn bytes_not_read_by_the_peer_are_queued() {
    let (ours, mut theirs) = pair();
    assert_eq!(queued_out(ours.as_fd()).unwrap(), 0);
    let total = fill(&ours);
    let queued = queued_out(ours.as_fd()).unwrap();
    assert!(queued > 0 && queued <= total, "{queued} of {total}");
    theirs.read_exact(&mut vec![0; total]).unwrap();
    eventually("acknowledged", || queued_out(ours.as_fd()).unwrap() == 0);
}

#[test]
fn readiness_is_reported_for_data_space_and_end() {
    let (ours, mut theirs) = pair();
    let ready = |write| poll_ready(ours.as_fd(), write).unwrap();
    assert!(!ready(false) && ready(true));
    theirs.write_all(b"x").unwrap();
    eventually("readable", || ready(false));
    (&ours).read_exact(&mut [0]).unwrap();
    assert!(!ready(false));
    fill(&ours);
    assert!(!ready(true));
    SockRef::from(&theirs).set_linger(Some(Duration::ZERO)).unwrap();
    drop(theirs); // a reset: both a read and a write return an error
    eventually("reset", || ready(false) && ready(true));
}

#[test]
fn bytes_are_spliced_between_sockets_through_a_pipe() {
    let (mut source, from) = pair();
    let (to, mut sink) = pair();
    from.set_nonblocking(true).unwrap();
    let (read, write) = pipe_with_capacity(65536).unwrap();
    let (from, to, read, write) = (from.as_fd(), to.as_fd(), read.as_fd(), write.as_fd());
    assert_eq!(splice(from, write, 100).unwrap_err().kind(), ErrorKind::WouldBlock);
    source.write_all(b"12345").unwrap();
    eventually("readable", || poll_ready(from, false).unwrap());
    assert_eq!(splice(from, write, 3).unwrap(), 3);
    assert_eq!(splice(from, write, 100).unwrap(), 2);
    assert_eq!(splice(read, to, 100).unwrap(), 5);
    let mut got = [0; 5];
    sink.read_exact(&mut got).unwrap();
    assert_eq!(&got, b"12345");
    drop(source);
    eventually("end", || poll_ready(from, false).unwrap());
    assert_eq!(splice(from, write, 100).unwrap(), 0);
}

#[test]
fn pipe_has_the_requested_capacity_and_does_not_block() {
    for size in [4096, 262_144] {
        let (read, write) = pipe_with_capacity(size).unwrap();
        let (mut read, mut write) = (File::from(read), File::from(write));
        assert_eq!(read.read(&mut [0]).unwrap_err().kind(), ErrorKind::WouldBlock);
        let mut held = 0;
        while let Ok(n) = write.write(&[0; 4096]) {
            held += n;
        }
        assert_eq!(held, size);
    }
    assert!(pipe_with_capacity(usize::MAX).is_ok(), "a capacity that cannot be had is no error");
}

#[test]
fn timer_fires_and_can_be_moved_and_disarmed() {
    let timer = Timer::new().unwrap();
    let fired = || poll_ready(timer.fd.as_fd(), false).unwrap();
    assert!(!fired());

    for delay in [Duration::from_micros(300), Duration::from_millis(20)] {
        let at = Instant::now() + delay;
        timer.arm(Some(at)).unwrap();
        eventually("fired", || {
            let fired = fired();
            assert!(!fired || Instant::now() >= at, "early");
            fired
        });
    }

    timer.arm(Some(Instant::now() + Duration::from_secs(60))).unwrap();
    assert!(!fired(), "arming takes an expiry back");
    timer.arm(Some(Instant::now().checked_sub(Duration::from_millis(1)).unwrap())).unwrap();
    eventually("fired", fired);
    timer.arm(None).unwrap();
    assert!(!fired());
    timer.arm(Some(timer.epoch.0)).unwrap();
    eventually("fired", fired);
    timer.arm(Some(timer.epoch.0 + Duration::from_secs(1 << 40))).unwrap();
    assert!(!fired());
}

#[test]
fn soft_descriptor_limit_is_raised_to_the_hard_limit() {
    in_child("ulimit -Sn 64; ulimit -Hn 200", "child_raises_its_limit");
}

#[test]
#[ignore = "run by another test"]
fn child_raises_its_limit() {
    assert_eq!(raise_descriptor_limit().unwrap(), 200);
    assert_eq!(raise_descriptor_limit().unwrap(), 200);
    let files: Vec<_> = (0..100).map(|_| File::open("/dev/null")).collect::<Result<_, _>>().unwrap();
    assert_eq!(files.len(), 100);
}

#[test]
fn closed_standard_descriptors_are_open_before_main() {
    in_child("exec <&- 2>&-", "child_has_standard_descriptors");
}

#[test]
#[ignore = "run by another test"]
fn child_has_standard_descriptors() {
    for fd in [0, 2] {
        let target = std::fs::read_link(format!("/proc/self/fd/{fd}")).unwrap();
        assert_eq!(target.to_str(), Some("/dev/null"));
    }
    assert!(TcpListener::bind("127.0.0.1:0").unwrap().as_raw_fd() > 2);
}

/// Runs one ignored test of this program in its own process, after a shell prefix.
fn in_child(shell: &str, test: &str) {
    let program = std::env::current_exe().unwrap();
    let script = format!("{shell}; exec \"$0\" --exact --ignored io::sys::tests::{test}");
    let child = Command::new("sh").args(["-c", &script]).arg(program).output().unwrap();
    let output = String::from_utf8_lossy(&child.stdout);
    assert!(child.status.success() && output.contains("1 passed"), "{output}");
}
