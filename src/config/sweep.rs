//! The checked configuration of `secretcat sweep`.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::traffic::check_family;
use super::{Bytes, ClientTls, ConfigError, ProxyConfig, ProxyHeader, Traffic, Watch};
use crate::dialog::{Dialog, Pipelining, Until};
use crate::frame::Framing;
use crate::plan::{Choice, CutPoints, Families, Family as PlanFamily, Only, OnlyPart};
use crate::value::{Address, Family, Host, Span, escape};
use crate::verdict::Masks;

/// The checked configuration of `secretcat sweep`.
#[derive(Clone, Debug)]
pub struct SweepConfig {
    /// The server.
    pub address: Address,
    /// The command that starts the server.
    pub server: Option<OsString>,
    /// The proxy that connections are made through.
    pub proxy: Option<ProxyConfig>,
    /// Which addresses of a name are used.
    pub family: Family,
    /// The messages, and what ends the replies.
    pub dialog: Dialog,
    /// Where the dialog comes from.
    pub source: DialogSource,
    /// The parts of replies that may differ.
    pub masks: Masks,
    /// The dialog may change the server.
    pub may_change: bool,
    /// Which trials are tried.
    pub plans: Choice,
    /// Only this trial.
    pub only: Option<Only>,
    /// The places where messages are cut once or twice; empty for all places.
    pub cut_at: CutPoints,
    /// How long trials begin.
    pub max_time: MaxTime,
    /// The number of conversations at once.
    pub jobs: usize,
    /// The time limit of a conversation without progress.
    pub timeout: Duration,
    /// Encrypt with TLS.
    pub tls: Option<ClientTls>,
    /// The PROXY header that is sent first; its cuts are not used.
    pub header: Option<ProxyHeader>,
    /// The options of connections; the plan is not used.
    pub traffic: Traffic,
    /// The command that runs a witness where the peer runs.
    pub witness: Option<OsString>,
    /// The form of the report.
    pub reports: Reports,
    /// Print only the report, no progress.
    pub quiet: bool,
    /// Where the sweep can be watched.
    pub watch: Watch,
}

/// Where the dialog of a sweep comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DialogSource {
    /// Messages of the command line; without any, they are read from stdin.
    Given,
    /// The preset of `--protocol` with this name.
    Protocol(String),
    /// The file of `--dialog` at this path.
    File(PathBuf),
}

/// The time within which the trials of a sweep begin, from its start; `None` is no limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MaxTime {
    /// All trials, also those that are repeated.
    pub all: Option<Duration>,
    /// Trials other than single cuts of messages, where there are such cuts.
    pub others: Option<Duration>,
}

/// By default single cuts are what a sweep takes time for.
impl Default for MaxTime {
    fn default() -> MaxTime {
        MaxTime { all: Some(Duration::from_secs(60)), others: Some(Duration::from_secs(15)) }
    }
}

impl MaxTime {
    /// The same time for all trials; 0 is no limit.
    #[must_use]
    pub fn new(time: Duration) -> MaxTime {
        let limit = Some(time).filter(|time| !time.is_zero());
        MaxTime { all: limit, others: limit }
    }
}

/// The form of the report.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reports {
    /// As JSON on stdout.
    pub json: bool,
    /// Also as JUnit XML, to this file.
    pub junit: Option<PathBuf>,
    /// Also as a web page, to this file.
    pub html: Option<PathBuf>,
    /// The packets of all connections, to this file.
    pub pcap: Option<PathBuf>,
}

impl Reports {
    /// The files, with their options.
    pub fn files(&self) -> impl Iterator<Item = (&'static str, &Path)> {
        let files = [("--junit", &self.junit), ("--html", &self.html), ("--pcap", &self.pcap)];
        files.into_iter().filter_map(|(option, path)| Some((option, path.as_deref()?)))
    }
}

impl SweepConfig {
    /// The default of [`SweepConfig::timeout`].
    pub const TIMEOUT: Duration = Duration::from_secs(5);
    /// The default of the largest size of a reply.
    pub const MAX_MESSAGE: usize = 1 << 20;

    /// The options that hold the same dialog, as words, without given messages and their framing.
    #[must_use]
    pub fn dialog_words(&self) -> Vec<String> {
        let mut words = Vec::new();
        let mut add =
            |option: &str, value: Option<String>| words.extend(std::iter::once(option.to_owned()).chain(value));
        match (&self.source, &self.dialog.greeting) {
            (DialogSource::Protocol(name), _) => add("--protocol", Some(name.clone())),
            (DialogSource::File(path), _) => add("--dialog", Some(path.to_string_lossy().into_owned())),
            (DialogSource::Given, Until::Frames(count)) => add("--greeting", Some(count.to_string())),
            (DialogSource::Given, _) => {}
        }
        match self.dialog.pipelining {
            Pipelining::Never => add("--lock-step", None),
            Pipelining::Allowed if self.dialog.framing != Framing::Http => add("--pipelining", None),
            _ => {}
        }
        for pattern in &self.dialog.ignore {
            add("--ignore", Some(pattern.as_str().to_owned()));
        }
        for mask in self.masks.patterns() {
            add("--mask", Some(mask));
        }
        if self.may_change {
            add("--yes", None);
        }
        if self.timeout != SweepConfig::TIMEOUT {
            add("--timeout", Some(Span(self.timeout).to_string()));
        }
        if self.traffic.max_message != SweepConfig::MAX_MESSAGE {
            add("--max-message", Some(self.traffic.max_message.to_string()));
        }
        words
    }

    /// Checks the options against each other.
    ///
    /// # Errors
    /// Names the wrong option, with a hint.
    pub fn check(mut self) -> Result<Self, ConfigError> {
        let unix = matches!(self.address, Address::Unix(_));
        if unix {
            self.traffic.socket.check_unix()?;
        }
        check_family(self.family, &self.address)?;
        self.proxy.as_ref().map_or(Ok(()), |proxy| proxy.check(&self.address))?;
        if self.jobs == 0 || self.plans.max_plans == Some(0) {
            return Err(ConfigError::new("--jobs and --max-plans take 1 or more"));
        }
        self.check_families()?;
        self.check_only()?;
        self.check_changes()?;
        self.check_cut_at()?;
        if self.dialog.steps.iter().any(|step| step.send.is_empty()) {
            return Err(ConfigError::new("an empty raw message has no bytes to cut"));
        }
        if !unix {
            self.traffic.socket.nodelay.get_or_insert(true);
        }
        self.traffic.quick_ack = true;
        self.traffic = self.traffic.check(Bytes { raw: true, unix, tls: self.tls.is_some() })?;
        Ok(self)
    }

    /// Refuses families that have no places, and patterns that are known to cut nothing.
    fn check_cut_at(&self) -> Result<(), ConfigError> {
        if self.cut_at.is_empty() {
            return Ok(());
        }
        check_places(&self.cut_at, self.plans.families)?;
        if self.dialog.steps.is_empty() {
            return Ok(());
        }
        let places = self.cut_at.places(&self.dialog.messages());
        places.map_err(|error| ConfigError::new(error.to_string())).map(drop)
    }

    /// Refuses a plan that needs another option.
    fn check_only(&self) -> Result<(), ConfigError> {
        for part in self.only.iter().flat_map(Only::parts) {
            let needs = match part {
                OnlyPart::Header(_) if self.header.is_none() => "--proxy-protocol",
                OnlyPart::Hello(..) if self.tls.is_none() => "--tls",
                _ => continue,
            };
            return Err(ConfigError::new(format!("--only {part} cuts what {needs} sends: add {needs}")));
        }
        Ok(())
    }

    /// Refuses families that all need another option.
    fn check_families(&self) -> Result<(), ConfigError> {
        let families = self.plans.families;
        let of_header = families.has(PlanFamily::Header);
        let has_others = !families.without(PlanFamily::Header).without(PlanFamily::ClientHello).is_empty();
        let has_hello = families.has(PlanFamily::ClientHello) && self.tls.is_some();
        if has_others || has_hello || (of_header && self.header.is_some()) {
            return Ok(());
        }
        let (family, option) = if of_header { ("header", "--proxy-protocol") } else { ("client-hello", "--tls") };
        Err(ConfigError::new(format!("--families {family} cuts what {option} sends: add {option}")))
    }

    /// Refuses a dialog that changes a server that may be somebody else's.
    fn check_changes(&self) -> Result<(), ConfigError> {
        let is_own = match &self.address {
            Address::Tcp { host: Host::Ip(ip), .. } => ip.is_loopback(),
            Address::Tcp { host: Host::Name(name), .. } => name.eq_ignore_ascii_case("localhost"),
            Address::Tcp { .. } => false,
            Address::Unix(_) => true,
        };
        match &self.dialog.changes {
            Some(changes) if !self.may_change && (!is_own || self.proxy.is_some()) => Err(ConfigError::new(format!(
                "on {}, the dialog {}: add --yes if it may",
                self.address,
                escape(changes.as_bytes())
            ))),
            _ => Ok(()),
        }
    }
}

/// Refuses families that have no places, where `--cut-at` chooses places.
pub(super) fn check_places(cut_at: &CutPoints, families: Families) -> Result<(), ConfigError> {
    if cut_at.is_empty() || families.without(PlanFamily::Cut).without(PlanFamily::Pair).is_empty() {
        return Ok(());
    }
    Err(ConfigError::new("--cut-at chooses the places of the families cut and pair: remove the others"))
}
