//! The checked configuration of `secretcat sweep --client`.

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;
use std::time::Duration;

use super::sweep::check_places;
use super::traffic::check_family;
use super::{Bytes, ConfigError, MaxTime, Reports, Traffic, Watch};
use crate::frame::Framing;
use crate::plan::{Choice, CutPoints, Families, Family as PlanFamily, Only, OnlyPart};
use crate::value::{Address, Family, fill};
use crate::verdict::Masks;

/// The checked configuration of `secretcat sweep --client`.
#[derive(Clone, Debug)]
pub struct ClientSweepConfig {
    /// The client.
    pub command: ClientCommand,
    /// Where the replies to it come from.
    pub replies: Replies,
    /// Which addresses of a name are used. The client connects to the loopback address of this family.
    pub family: Family,
    /// What its output, and what it sends, may differ in.
    pub masks: Masks,
    /// Which trials are tried.
    pub plans: Choice,
    /// Where replies are cut, if not at every offset.
    pub cut_at: CutPoints,
    /// How long trials begin.
    pub max_time: MaxTime,
    /// Only this trial.
    pub only: Option<Only>,
    /// The number of clients at once.
    pub jobs: usize,
    /// The time that the client may take without a cut, and the time for connecting to the server.
    pub timeout: Duration,
    /// The options of connections; the plan is not used.
    pub traffic: Traffic,
    /// The form of the report.
    pub reports: Reports,
    /// Print only the report, no progress.
    pub quiet: bool,
    /// Where the sweep can be watched.
    pub watch: Watch,
}

/// Where the replies to a client come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Replies {
    /// From this server.
    Server {
        /// The server.
        address: Address,
        /// They are recorded once, and then replayed.
        replay: bool,
    },
    /// From this file.
    File {
        /// Its path.
        path: PathBuf,
        /// How replies and requests are delimited.
        framing: Framing,
        /// The number of replies that are sent before the first request.
        greeting: usize,
    },
}

/// The command line of a client, for a shell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientCommand(OsString);

/// What stands in a command line for the address of the server.
const ADDRESS: &str = "{address}";
const HOST: &str = "{host}";
const PORT: &str = "{port}";

impl ClientCommand {
    /// A command line.
    ///
    /// # Errors
    /// When the client could not know where to connect to.
    pub fn new(line: OsString) -> Result<ClientCommand, ConfigError> {
        let has = |name: &str| memchr::memmem::find(line.as_bytes(), name.as_bytes()).is_some();
        if has(ADDRESS) || has(PORT) {
            return Ok(ClientCommand(line));
        }
        Err(ConfigError::new(
            "--client needs {address}, or {host} and {port}, where the client takes the address of its server",
        ))
    }

    /// The command line as it was given.
    #[must_use]
    pub fn line(&self) -> &OsString {
        &self.0
    }

    /// The command line for a server at this address.
    #[must_use]
    pub fn for_server(&self, host: &str, port: u16) -> OsString {
        let address = if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") };
        let port = port.to_string();
        let names = [(ADDRESS, &address[..]), (HOST, host), (PORT, &port)];
        OsString::from_vec(fill(self.0.as_bytes(), &names))
    }
}

impl ClientSweepConfig {
    /// Checks the options against each other.
    ///
    /// # Errors
    /// Names the wrong option, with a hint.
    pub fn check(mut self) -> Result<Self, ConfigError> {
        if let Replies::Server { address, .. } = &self.replies {
            check_family(self.family, address)?;
        }
        if self.jobs == 0 || self.plans.max_plans == Some(0) {
            return Err(ConfigError::new("--jobs and --max-plans take 1 or more"));
        }
        let families = self.plans.families;
        self.plans.families = [PlanFamily::Joined, PlanFamily::HalfClose, PlanFamily::Header, PlanFamily::ClientHello]
            .into_iter()
            .fold(families, Families::without);
        if self.plans.families.is_empty() {
            return Err(ConfigError::new("--families of --client are cut, chunk and pair: name one of them"));
        }
        check_places(&self.cut_at, self.plans.families)?;
        let is_other = |part: &&OnlyPart| !matches!(part, OnlyPart::Messages(_));
        if let Some(part) = self.only.iter().flat_map(Only::parts).find(is_other) {
            let text = format!(
                "--only {part} is for the sweep of a server, and --client cuts replies: give offsets such as --only 7,19"
            );
            return Err(ConfigError::new(text));
        }
        self.traffic.socket.nodelay.get_or_insert(true);
        self.traffic.quick_ack = true;
        self.traffic = self.traffic.check(Bytes { raw: true, unix: false, tls: false })?;
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn address_takes_the_place_of_its_names() {
        let line = |line: &str, host| {
            let command = ClientCommand::new(line.into()).unwrap();
            command.for_server(host, 80).into_string().unwrap()
        };
        assert_eq!(line("curl http://{address}/{x} {a", "127.0.0.1"), "curl http://127.0.0.1:80/{x} {a");
        assert_eq!(line("nc {host} {port} # {port}{address}", "::1"), "nc ::1 80 # 80[::1]:80");
        assert!(ClientCommand::new("nc {host} 80".into()).is_err());
        let bytes = OsString::from_vec(b"\xff{port}{".to_vec());
        assert_eq!(ClientCommand::new(bytes).unwrap().for_server("h", 7).as_bytes(), b"\xff7{");
    }
}
