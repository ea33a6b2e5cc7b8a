//! Servers that a snippet needs and does not start, because a reader has them already.

use std::path::Path;

use super::{sandbox, skip};

/// What is started before the snippets that have this text.
#[derive(Debug)]
pub(crate) struct Surroundings {
    text: &'static str,
    /// A script that ends with `.script`, the snippet.
    script: &'static str,
    /// A command that succeeds where the script can work.
    probe: &'static str,
    has_programs: fn() -> bool,
    /// These programs and files, as a skipped test names them.
    programs: &'static str,
}

const ANOTHER_HOST: Surroundings = Surroundings {
    text: "ssh 10.10.11.2 ",
    script: include_str!("another_host.sh"),
    probe: "unshare --net --pid --fork --kill-child --mount-proc unshare --user --map-user=1000 true",
    has_programs: || ["ssh", "sshd", "python3"].into_iter().all(skip::has_server),
    programs: "ssh, sshd or python3",
};

const ALL: [Surroundings; 3] = [
    ANOTHER_HOST,
    Surroundings {
        text: "ssh lab ",
        has_programs: || (ANOTHER_HOST.has_programs)() && Path::new("/etc/hosts").exists(),
        programs: "ssh, sshd, python3 or /etc/hosts",
        ..ANOTHER_HOST
    },
    Surroundings {
        text: "--protocol postgres",
        script: include_str!("postgres.sh"),
        probe: "unshare --mount sh -ec 'mount -t tmpfs x /run/postgresql; unshare --user --map-user=1000 true'",
        has_programs: has_postgres,
        programs: "PostgreSQL",
    },
];

fn has_postgres() -> bool {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    versions.map(|version| version.path()).any(|version| version.join("bin/postgres").is_file())
        && Path::new("/run/postgresql").is_dir()
}

impl Surroundings {
    /// Those that a snippet needs.
    pub(crate) fn of(snippet: &str) -> Option<&'static Surroundings> {
        ALL.iter().find(|surroundings| snippet.contains(surroundings.text))
    }

    /// Whether they can be started here; otherwise the test is skipped.
    pub(crate) fn work(&self, name: &str) -> bool {
        if !(self.has_programs)() {
            skip::skip(&format!("{name}: no {}", self.programs));
            return false;
        }
        let works = sandbox::has_own_network() && sandbox::run(&format!("{name}-probe"), self.probe).status.success();
        if !works {
            skip::skip_even_in_ci(&format!("{name}: this machine does not allow namespaces for its servers"));
        }
        works
    }

    /// The snippet among them.
    pub(crate) fn with(&self, snippet: &str) -> String {
        format!("cat > .script << 'SCRIPT'\n{snippet}SCRIPT\n{}", self.script)
    }
}
