//! Skips a test when this machine lacks a program or feature, and fails in CI.
#![allow(dead_code, reason = "each test binary uses its part")]

use std::io::Write as _;
use std::process::Command;

/// Prints on stderr, not captured by the test harness, that the calling test is skipped.
///
/// The caller returns right after it. Where `SECRETCAT_CI` is set, as `.ci/run` does after it has
/// installed everything, a missing peer is a fault of the machine.
///
/// # Panics
/// When `SECRETCAT_CI` is set.
pub(crate) fn skip(why: &str) {
    assert!(std::env::var_os("SECRETCAT_CI").is_none(), "may not be skipped here: {why}");
    skip_even_in_ci(why);
}

/// As [`skip`], for what no package of the CI machine brings (Python 2.7, a kernel's feature).
pub(crate) fn skip_even_in_ci(why: &str) {
    // A closed stderr does not fail the test.
    let _ = writeln!(std::io::stderr(), "skipped: {why}");
}

/// Whether a program can be started here.
pub(crate) fn has(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|dir| dir.join(program).is_file())
}

/// Whether a server is installed here. Debian installs servers in a directory that only root has in its path.
pub(crate) fn has_server(program: &str) -> bool {
    has(program) || std::path::Path::new("/usr/sbin").join(program).is_file()
}

/// Whether a program can be started here; where not, that is printed.
pub(crate) fn has_program(program: &str) -> bool {
    let has = has(program);
    if !has {
        skip(program);
    }
    has
}

/// Whether there is IPv6 here; where not, that is printed.
pub(crate) fn has_ipv6() -> bool {
    let has = std::net::TcpListener::bind("[::1]:0").is_ok();
    if !has {
        skip("no IPv6 here");
    }
    has
}

/// Whether strace(1) is here and may look at another program; where not, that is printed.
pub(crate) fn has_strace() -> bool {
    let tried = Command::new("strace").args(["-o", "/dev/null", "true"]).status();
    let traces = tried.is_ok_and(|status| status.success());
    if !traces {
        skip("strace");
    }
    traces
}

/// Whether SIGHUP and SIGINT end the programs that a test starts; where nohup(1) or a shell has them ignored, that is
/// printed.
pub(crate) fn has_signals() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:")).unwrap_or("0").trim();
    // SIGHUP and SIGINT are the two lowest bits.
    let has = u64::from_str_radix(ignored, 16).is_ok_and(|signals| signals.trailing_zeros() >= 2);
    if !has {
        skip("SIGHUP or SIGINT is ignored here (nohup, or a background job of a script)");
    }
    has
}
