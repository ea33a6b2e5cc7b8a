//! Runs a snippet of shell from the documentation as a reader would, in a network and a folder of its own.

use std::fs;
use std::io::Read;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::thread;

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};

use super::install::install;
use super::skip::skip_even_in_ci;

/// Seconds that a snippet may take.
const LIMIT: &str = "60";

/// A new network has no addresses; 10.10.11.2 is that of the lab in the examples.
const NETWORK: &str = "ip link set lo up && ip address add 10.10.11.2/24 dev lo && exec \"$@\"";

/// Held by a snippet that runs in the network of this machine: the others use the same ports.
static NETWORK_OF_THE_MACHINE: Mutex<()> = Mutex::new(());

/// Whether a snippet gets a network of its own.
pub(crate) fn has_own_network() -> bool {
    namespaces().is_some()
}

/// Runs `script` with `sh -e` in a new folder named `name`, with the program under test first in `$PATH`.
///
/// The network is a new one where the machine lets us have it, so that the default port is free; and
/// what the snippet has not stopped ends with it. Elsewhere snippets run one after the other.
pub(crate) fn run(name: &str, script: &str) -> Output {
    let folder = new_folder(name);
    let mut command = Command::new("timeout");
    command.args(["--kill-after=5", LIMIT]);
    let shared = namespaces().is_none().then(|| NETWORK_OF_THE_MACHINE.lock().unwrap_or_else(PoisonError::into_inner));
    if let Some(namespaces) = namespaces() {
        command.args(namespaces).args(["sh", "-c", NETWORK, "sh"]);
    } else {
        skip_even_in_ci("no network namespaces here: the examples run in the network of this machine");
    }
    command.args(["sh", "-e", "-c", script]).current_dir(&folder).stdin(Stdio::null());
    command.env("PATH", path(&folder)).env_remove("SECRETCAT_ADDRESS").env_remove("NO_COLOR");
    let output = output(&mut command);
    drop(shared);
    output
}

/// What a command has printed when it ends. Programs that it leaves behind end with it: they have its ports and its pipes.
pub(crate) fn output(command: &mut Command) -> Output {
    let command = command.stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
    let mut child = command.spawn().expect("the command of a snippet should start");
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let group = Pid::from_child(&child);
    thread::scope(|scope| {
        let (stdout, stderr) = (scope.spawn(|| all_of(stdout)), scope.spawn(|| all_of(stderr)));
        // The number of the group stays taken until the child is waited for.
        waitid(WaitId::Pid(group), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT).expect("the child should end");
        let _ = kill_process_group(group, Signal::KILL);
        let status = child.wait().expect("the child has ended");
        let [stdout, stderr] = [stdout, stderr].map(|reader| reader.join().expect("a pipe can be read"));
        Output { status, stdout, stderr }
    })
}

fn all_of(pipe: Option<impl Read>) -> Vec<u8> {
    let mut all = Vec::new();
    pipe.expect("the output is piped").read_to_end(&mut all).expect("a pipe can be read");
    all
}

/// The way into a new network, and a new process tree that ends with its first process.
fn namespaces() -> Option<&'static [&'static str]> {
    const AS_ROOT: &[&str] = &["unshare", "--net", "--pid", "--fork", "--kill-child"];
    const AS_USER: &[&str] = &["unshare", "--user", "--map-root-user", "--net", "--pid", "--fork", "--kill-child"];
    static WORDS: OnceLock<Option<&'static [&'static str]>> = OnceLock::new();
    *WORDS.get_or_init(|| {
        [AS_USER, AS_ROOT].into_iter().find(|words| {
            let probe = Command::new(words[0]).args(&words[1..]).args(["sh", "-c", NETWORK, "sh", "true"]).output();
            probe.is_ok_and(|output| output.status.success())
        })
    })
}

fn new_folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).expect("the folder of a snippet should be made");
    folder
}

/// `$PATH` with the program under test before everything else, behind a `cargo` that stands for
/// `cargo run --release --`: the readers build, we have built.
fn path(folder: &Path) -> std::ffi::OsString {
    let program = Path::new(env!("CARGO_BIN_EXE_secretcat"));
    let bin = folder.join(".bin");
    fs::create_dir_all(&bin).expect("the folder of programs should be made");
    let cargo = bin.join("cargo");
    let text = "#!/bin/sh\n[ \"$1 $2 $3\" = 'run --release --' ] || exit 97\nshift 3\nexec secretcat \"$@\"\n";
    install(&cargo, text.as_bytes());
    let before = program.parent().expect("a program is in a folder").to_owned();
    let inherited = std::env::var_os("PATH").unwrap_or_default();
    let all = [bin, before].into_iter().chain(std::env::split_paths(&inherited)).chain(["/usr/sbin".into()]);
    std::env::join_paths(all).expect("no folder here has a colon in its name")
}
