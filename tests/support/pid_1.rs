//! Programs as the first process of a PID namespace, which no default action of a signal ends.

use std::process::Command;

use rustix::process::Pid;

use super::{Proc, clear_env, has, is_root, skip};

/// The program as the first process of a PID namespace, as in a container.
pub(crate) fn as_pid_1(command: &Command) -> Command {
    let mut first = Command::new("unshare");
    first.args(["--pid", "--fork", "--kill-child"]).arg(command.get_program()).args(command.get_args());
    clear_env(&mut first);
    first
}

pub(crate) fn has_pid_namespaces() -> bool {
    let probe = || as_pid_1(&Command::new("true")).status().is_ok_and(|status| status.success());
    let has = is_root() && has("unshare") && probe();
    if !has {
        skip::skip("PID namespaces need root and unshare(1)");
    }
    has
}

/// The only child of a program.
pub(crate) fn child_of(proc: &Proc) -> Pid {
    let pid = proc.pid();
    let children = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap();
    Pid::from_raw(children.trim().parse().unwrap()).unwrap()
}
