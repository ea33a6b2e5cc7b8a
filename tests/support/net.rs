//! Networks of a test: namespaces joined by a virtual cable, which are deleted when the test ends.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use super::{Proc, has, is_root, skip};

/// Network namespaces of one test. Host 0 is 10.10.11.1, host 1 is 10.10.11.2, each on its `eth0`.
#[derive(Debug)]
pub(crate) struct Net {
    names: Vec<String>,
}

impl Net {
    /// One host with nothing but its loopback interface; `None`, and a line on stderr, where
    /// privilege or programs for it are missing.
    pub(crate) fn alone() -> Option<Net> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        if !is_root() || !has("ip") {
            skip::skip("network namespaces need root and ip(8)");
            return None;
        }
        let mut net = Net { names: Vec::new() };
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        net.add(format!("secretcat-{}-{number}a", std::process::id()));
        Some(net)
    }

    /// Two hosts and a cable between them.
    pub(crate) fn pair() -> Option<Net> {
        let mut net = Net::alone()?;
        let other = net.names[0].trim_end_matches('a').to_owned() + "b";
        net.add(other);
        let [a, b] = [&net.names[0], &net.names[1]];
        ip(&["-n", a, "link", "add", "eth0", "type", "veth", "peer", "name", "eth0", "netns", b]);
        for (name, address) in [(a, "10.10.11.1/24"), (b, "10.10.11.2/24")] {
            ip(&["-n", name, "address", "add", address, "dev", "eth0"]);
            ip(&["-n", name, "link", "set", "eth0", "up"]);
        }
        Some(net)
    }

    /// Adds a cable from this host to host 0 of another net, with an address at each end.
    pub(crate) fn join(&self, host: usize, other: &Net, cable: &str, addresses: [&str; 2]) {
        let ends = [&self.names[host], &other.names[0]];
        ip(&["-n", ends[0], "link", "add", cable, "type", "veth", "peer", "name", cable, "netns", ends[1]]);
        for (name, address) in ends.into_iter().zip(addresses) {
            ip(&["-n", name, "address", "add", address, "dev", cable]);
            ip(&["-n", name, "link", "set", cable, "up"]);
        }
    }

    fn add(&mut self, name: String) {
        ip(&["netns", "add", &name]);
        self.names.push(name);
        let name = &self.names[self.names.len() - 1];
        ip(&["-n", name, "link", "set", "lo", "up"]);
    }

    /// `command` on this host.
    pub(crate) fn on(&self, host: usize, command: &Command) -> Command {
        let mut on = Command::new("ip");
        on.args(["netns", "exec", &self.names[host]]).arg(command.get_program()).args(command.get_args());
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => on.env(name, value),
                None => on.env_remove(name),
            };
        }
        on
    }

    /// The same, with a /proc of its own: like another machine, this host shows nothing of the others.
    pub(crate) fn apart(&self, host: usize, command: &Command) -> Command {
        let mut apart = Command::new("unshare");
        apart.args(["--pid", "--fork", "--kill-child", "--mount-proc"]).arg(command.get_program());
        apart.args(command.get_args());
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => apart.env(name, value),
                None => apart.env_remove(name),
            };
        }
        self.on(host, &apart)
    }

    /// `command` on this host, which cannot look into the namespaces of other processes at all.
    pub(crate) fn blind(&self, host: usize, command: &Command) -> Command {
        let mut blind = Command::new("sh");
        blind.args(["-c", "mount -t tmpfs none /proc && exec \"$@\"", "sh"]).arg(command.get_program());
        blind.args(command.get_args());
        self.on(host, &blind)
    }

    /// The command line for a shell that runs a witness on this host.
    pub(crate) fn witness(&self, host: usize) -> String {
        let witness = self.on(host, &super::secretcat(["witness"]));
        let words = [witness.get_program()].into_iter().chain(witness.get_args());
        words.map(|word| format!("'{}'", word.to_str().unwrap())).collect::<Vec<_>>().join(" ")
    }

    /// Runs this script on this host, and returns its stdout.
    #[track_caller]
    pub(crate) fn sh(&self, host: usize, script: &str) -> String {
        let out = self.on(host, Command::new("sh").args(["-c", script])).output().unwrap();
        let output = String::from_utf8_lossy(&out.stdout).into_owned();
        assert!(out.status.success(), "{script}: {output} {}", String::from_utf8_lossy(&out.stderr));
        output
    }

    /// Sets the MTU of the cable at both ends.
    pub(crate) fn set_mtu(&self, bytes: u32) {
        for host in 0..2 {
            self.sh(host, &format!("ip link set eth0 mtu {bytes}"));
        }
    }

    /// Sets the names that this host resolves: lines of hosts(5). `false`, and a line on stderr, where it cannot.
    pub(crate) fn set_hosts(&self, host: usize, lines: &str) -> bool {
        self.set_files(host, &[("hosts", lines), ("nsswitch.conf", "hosts: files\n")])
    }

    /// Starts a name server that never answers, and has this host ask it. It prints a line for each query. `None`, and
    /// a line on stderr, where the host cannot ask it.
    #[track_caller]
    pub(crate) fn silent_resolver(&self, host: usize) -> Option<Proc> {
        let server = "nameserver 127.0.0.1\noptions timeout:30\n";
        if !skip::has_program("python3")
            || !self.set_files(host, &[("nsswitch.conf", "hosts: dns\n"), ("resolv.conf", server)])
        {
            return None;
        }
        let script = "import socket\n\
                      s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n\
                      s.bind(('127.0.0.1', 53))\n\
                      print('ready', flush=True)\n\
                      while s.recv(512): print('asked', flush=True)\n";
        let resolver = Proc::start(&mut self.on(host, Command::new("python3").args(["-c", script])));
        resolver.wait_for_stdout("ready");
        Some(resolver)
    }

    /// Files of `/etc` as this host sees them. ip(8) mounts them over those of the machine, which have to be there: a
    /// minimal Debian has no `/etc/hosts`.
    fn set_files(&self, host: usize, files: &[(&str, &str)]) -> bool {
        if let Some((missing, _)) = files.iter().find(|(name, _)| !Path::new("/etc").join(name).exists()) {
            skip::skip(&format!("no /etc/{missing} here, so ip(8) cannot replace it"));
            return false;
        }
        let dir = self.etc(host);
        std::fs::create_dir_all(&dir).unwrap();
        for (name, text) in files {
            std::fs::write(dir.join(name), text).unwrap();
        }
        true
    }

    fn etc(&self, host: usize) -> PathBuf {
        PathBuf::from("/etc/netns").join(&self.names[host])
    }
}

impl Drop for Net {
    fn drop(&mut self) {
        for host in 0..self.names.len() {
            let _ = std::fs::remove_dir_all(self.etc(host));
            let _ = Command::new("ip").args(["netns", "delete", &self.names[host]]).status();
        }
    }
}

#[track_caller]
fn ip(args: &[&str]) {
    let out = Command::new("ip").args(args).output().unwrap();
    assert!(out.status.success(), "ip {args:?}: {}", String::from_utf8_lossy(&out.stderr));
}
