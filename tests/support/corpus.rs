//! Released servers for Python and Node that .ci/corpus.sh installs.

use std::path::Path;
use std::process::Command;

use super::server::peer_script;
use super::{Server, skip};

/// The runtime of a server, and the folder that its packages are in.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Packages {
    /// tests/corpus/python.txt
    Python,
    /// tests/corpus/python-bad.txt
    PythonBad,
    /// tests/corpus/package.json
    Node,
}

/// Starts a server of tests/peers/corpus.py or corpus.js; `None`, and a line on stderr, where its packages are missing.
#[track_caller]
pub(crate) fn start(packages: Packages, name: &str) -> Option<Server> {
    let (runtime, script, variable, folder) = match packages {
        Packages::Python => ("python3", "corpus.py", "PYTHONPATH", "python"),
        Packages::PythonBad => ("python3", "corpus.py", "PYTHONPATH", "python-bad"),
        Packages::Node => ("node", "corpus.js", "NODE_PATH", "node/node_modules"),
    };
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/corpus").join(folder);
    if !folder.is_dir() {
        skip::skip(&format!("{name}: {} is missing (.ci/corpus.sh installs it)", folder.display()));
        return None;
    }
    let mut command = Command::new(runtime);
    command.env(variable, folder).arg(peer_script(script)).arg(name);
    skip::has_program(runtime).then(|| Server::from_command(&mut command))
}

/// Python with the packages of tests/corpus/python.txt, of which this module is needed; `None`, and a line on stderr,
/// where it is missing.
#[track_caller]
pub(crate) fn python_with(module: &str) -> Option<Command> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/corpus/python");
    if !folder.join(module).is_dir() {
        skip::skip(&format!("{} is missing (.ci/corpus.sh installs it)", folder.join(module).display()));
        return None;
    }
    let mut command = Command::new("python3");
    command.env("PYTHONPATH", folder);
    skip::has_program("python3").then_some(command)
}
