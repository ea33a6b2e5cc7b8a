//! A running program as proc(5) shows it: its memory, descriptors, processor time and state.

use std::collections::BTreeMap;
use std::thread;

use rustix::process::Signal;

use super::{Proc, poll_until};

impl Proc {
    /// The text of a file of `/proc/PID`.
    fn proc_file(&self, name: &str) -> String {
        std::fs::read_to_string(format!("/proc/{}/{name}", self.pid())).unwrap()
    }

    /// Bytes of resident memory: `VmRSS` those of now, `VmHWM` the most so far.
    pub(crate) fn memory(&self, field: &str) -> u64 {
        let status = self.proc_file("status");
        let value = status.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':')).unwrap();
        value.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
    }

    /// The number of its open descriptors.
    pub(crate) fn descriptors(&self) -> usize {
        std::fs::read_dir(format!("/proc/{}/fd", self.pid())).unwrap().count()
    }

    /// Processor time used so far, in ticks of a hundredth of a second.
    pub(crate) fn processor_ticks(&self) -> u64 {
        let stat = self.proc_file("stat");
        // Fields 14 and 15, counted after the name, which may hold anything.
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
        fields[11..13].iter().map(|field| field.parse::<u64>().unwrap()).sum()
    }

    /// How many times each of its threads has gone to sleep so far to wait for something.
    pub(crate) fn waits_by_thread(&self) -> BTreeMap<String, u64> {
        let tasks = std::fs::read_dir(format!("/proc/{}/task", self.pid())).unwrap().filter_map(Result::ok);
        let count = |task: &std::fs::DirEntry| {
            let status = std::fs::read_to_string(task.path().join("status")).unwrap();
            let line = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
            line.unwrap().trim().parse().unwrap()
        };
        tasks.map(|task| (task.path().display().to_string(), count(&task))).collect()
    }

    /// How many times all its threads have gone to sleep so far.
    pub(crate) fn waits(&self) -> u64 {
        self.waits_by_thread().values().sum()
    }

    /// Whether it is in this state: asleep `S`, stopped `T`.
    pub(crate) fn is_in_state(&self, state: char) -> bool {
        self.proc_file("stat").rsplit(')').next().unwrap().trim_start().starts_with(state)
    }

    /// Stops it with SIGSTOP, and waits until it is stopped. SIGCONT continues it.
    #[track_caller]
    pub(crate) fn suspend(&self) {
        self.signal(Signal::STOP);
        poll_until("the stop", thread::yield_now, || self.is_in_state('T'));
    }
}
