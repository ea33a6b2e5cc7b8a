//! TLS: a stream from one program to another, full handshakes, and idle connections.
//!
//! Every program has the same certificate (ECDSA P-256). The figures are of processor time, of both ends where both
//! encrypt: the time that passes depends on what else the machine does.

use std::fs::File;
use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use data_encoding::BASE64;
use rustls::client::Resumption;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, RootCertStore};

use crate::bulk::{SIZE, count, stream_in_a_file};
use crate::figures::{Better, note};
use crate::load::open;
use crate::peers::{self, Server, announced, command, command_on, free_address, secretcat};
use crate::{Bench, Ours, Outcome, alternate};

/// The name in the certificate.
const NAME: &str = "localhost";
/// The number of handshakes of one run, and of idle connections.
const HANDSHAKES: usize = 1000;
const IDLE: usize = 1000;

/// The certificate of all servers in a directory of its own, which is removed at the end.
struct Identity {
    dir: PathBuf,
    client: Arc<ClientConfig>,
}

impl Identity {
    fn new() -> Result<Self, Box<dyn std::error::Error>> {
        let dir = std::env::temp_dir().join(format!("secretcat-bench-tls-{}", std::process::id()));
        std::fs::create_dir_all(&dir)?;
        let made = rcgen::generate_simple_self_signed([NAME.to_owned()])?; // its key is ECDSA P-256
        let cert = pem("CERTIFICATE", made.cert.der());
        let key = pem("PRIVATE KEY", &made.signing_key.serialize_der());
        std::fs::write(dir.join("cert.pem"), &cert)?;
        std::fs::write(dir.join("key.pem"), &key)?;
        std::fs::write(dir.join("both.pem"), key + &cert)?;
        let mut roots = RootCertStore::empty();
        roots.add(made.cert.der().clone())?;
        let provider = CryptoProvider { kx_groups: vec![ring::kx_group::X25519], ..ring::default_provider() };
        let builder = ClientConfig::builder_with_provider(Arc::new(provider)).with_safe_default_protocol_versions()?;
        let mut client = builder.with_root_certificates(roots).with_no_client_auth();
        client.resumption = Resumption::disabled();
        Ok(Identity { dir, client: Arc::new(client) })
    }

    fn file(&self, name: &str) -> String {
        self.dir.join(name).to_string_lossy().into_owned()
    }

    /// Writes a file of the configuration of another program.
    fn write(&self, name: &str, text: &str) -> io::Result<String> {
        std::fs::write(self.dir.join(name), text)?;
        Ok(self.file(name))
    }

    /// A connection to a server after a full handshake.
    fn connect(&self, addr: SocketAddr) -> Result<(ClientConnection, TcpStream), Box<dyn std::error::Error>> {
        let mut tls = ClientConnection::new(self.client.clone(), ServerName::try_from(NAME)?)?;
        let mut stream = open(addr)?;
        while tls.is_handshaking() {
            tls.complete_io(&mut stream)?;
        }
        Ok((tls, stream))
    }

    /// Our options for the certificate.
    fn ours(&self) -> [String; 4] {
        ["--tls-cert".into(), self.file("cert.pem"), "--tls-key".into(), self.file("key.pem")]
    }

    /// Every server that only accepts connections: ours, and `HAProxy` without a session cache and without tickets.
    fn servers(&self, bench: &Bench) -> io::Result<Vec<Server>> {
        let mut all = Vec::new();
        for ours in &bench.ours {
            let options = self.ours();
            let options: Vec<&str> = options.iter().map(String::as_str).collect();
            all.push(Server::secretcat(ours, &options)?);
        }
        if let Some(program) = peers::find("haproxy").filter(|_| bench.peers) {
            let text = |addr: SocketAddr| {
                format!(
                    "{GLOBAL}listen tls\n mode http\n bind {addr} ssl crt {} curves X25519 no-tls-tickets\n \
                     http-request return status 200\n",
                    self.file("both.pem")
                )
            };
            let addr = free_address()?;
            let mut command = command(&program.to_string_lossy());
            command.args(["-db", "-q", "-f", &self.write("server.cfg", &text(addr))?]).stdout(Stdio::null());
            all.push(Server::listening("HAProxy", command, addr, (b"", b""))?);
        }
        Ok(all)
    }
}

impl Drop for Identity {
    fn drop(&mut self) {
        // What is left is in the directory for temporary files.
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}

/// DER as text (RFC 7468).
fn pem(label: &str, der: &[u8]) -> String {
    let lines: String = der.chunks(48).map(|line| BASE64.encode(line) + "\n").collect();
    format!("-----BEGIN {label}-----\n{lines}-----END {label}-----\n")
}

/// The beginning of each configuration of `HAProxy`.
const GLOBAL: &str = "global\n nbthread 1\n maxconn 4000\n tune.ssl.cachesize 0\ndefaults\n mode tcp\n \
                      timeout connect 10s\n timeout client 60s\n timeout server 60s\n";

/// Programs between which a stream is encrypted; they are killed when this value is dropped.
struct Pair {
    /// The program that decrypts, and a relay that encrypts.
    children: Vec<Child>,
    /// Sends its stdin.
    sender: Command,
    /// The sender does not encrypt.
    is_fed: bool,
    /// Receives what a relay has decrypted.
    sink: Option<TcpListener>,
}

impl Drop for Pair {
    fn drop(&mut self) {
        for child in &mut self.children {
            // It may have ended by itself.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

type Start = fn(&Identity, &Ours) -> io::Result<Pair>;

/// The compared pairs.
const OTHERS: [(&str, &str, Start); 4] = [
    ("socat OPENSSL", "socat", |identity, _| identity.socat("-b8192")),
    ("socat -b1M OPENSSL", "socat", |identity, _| identity.socat("-b1048576")),
    ("stunnel", "stunnel", Identity::stunnel),
    ("HAProxy", "haproxy", Identity::haproxy),
];

impl Identity {
    fn pair_of_ours(&self, ours: &Ours) -> io::Result<Pair> {
        let mut receiver = secretcat(ours);
        receiver.args(["listen", "127.0.0.1:0", "--service", "pipe", "--once", "--recv-only"]).args(self.ours());
        let mut receiver = receiver.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn()?;
        let addr = announced(&mut receiver)?.to_string();
        let mut sender = command_on("0", &ours.path.to_string_lossy());
        sender.args(["connect", "--raw", "--send-only", "--tls-name", NAME, "--tls-ca", &self.file("cert.pem"), &addr]);
        Ok(Pair { children: vec![receiver], sender, is_fed: false, sink: None })
    }

    fn socat(&self, size: &str) -> io::Result<Pair> {
        let addr = free_address()?;
        let at = format!("OPENSSL-LISTEN:{},bind=127.0.0.1,cert={},verify=0", addr.port(), self.file("both.pem"));
        let children = vec![command("socat").args(["-u", size, &at, "OPEN:/dev/null,wronly"]).spawn()?];
        let mut sender = command_on("0", "socat");
        let to = format!("OPENSSL:{addr},cafile={},commonname={NAME}", self.file("cert.pem"));
        sender.args(["-u", size, "STDIN", &to]);
        wait_until_bound(addr)?;
        Ok(Pair { children, sender, is_fed: false, sink: None })
    }

    fn stunnel(&self, ours: &Ours) -> io::Result<Pair> {
        self.relays(ours, "stunnel", &[], |[from, middle, to]| {
            let common = "foreground = yes\npid =\n[tls]\n";
            let (cert, both) = (self.file("cert.pem"), self.file("both.pem"));
            [
                format!(
                    "{common}client = yes\naccept = {from}\nconnect = {middle}\nCAfile = {cert}\nverifyChain = yes\n"
                ),
                format!("{common}accept = {middle}\nconnect = {to}\ncert = {both}\n"),
            ]
        })
    }

    fn haproxy(&self, ours: &Ours) -> io::Result<Pair> {
        let program = peers::find("haproxy").ok_or(io::ErrorKind::NotFound)?;
        self.relays(ours, &program.to_string_lossy(), &["-db", "-q", "-f"], |[from, middle, to]| {
            let (cert, both) = (self.file("cert.pem"), self.file("both.pem"));
            [
                format!("{GLOBAL}listen relay\n bind {from}\n server to {middle} ssl verify required ca-file {cert}\n"),
                format!("{GLOBAL}listen relay\n bind {middle} ssl crt {both}\n server to {to}\n"),
            ]
        })
    }

    /// Two relays from a sender without TLS to a sink without TLS. `texts` has the configuration of each, for the
    /// addresses of the first, the second and the sink.
    fn relays(
        &self,
        ours: &Ours,
        program: &str,
        options: &[&str],
        texts: impl Fn([SocketAddr; 3]) -> [String; 2],
    ) -> io::Result<Pair> {
        let sink = TcpListener::bind("127.0.0.1:0")?;
        let addrs = [free_address()?, free_address()?, sink.local_addr()?];
        let mut children = Vec::new();
        for ((core, file), text) in [("0", "encrypt.cfg"), ("1", "decrypt.cfg")].into_iter().zip(texts(addrs)) {
            let mut command = command_on(core, program);
            children.push(command.args(options).arg(self.write(file, &text)?).stdout(Stdio::null()).spawn()?);
        }
        wait_until_bound(addrs[0])?;
        wait_until_bound(addrs[1])?;
        let mut sender = command_on("0", &ours.path.to_string_lossy());
        sender.args(["connect", "--raw", "--send-only", &addrs[0].to_string()]);
        Ok(Pair { children, sender, is_fed: true, sink: Some(sink) })
    }
}

impl Pair {
    /// Sends a file; returns the seconds it took, and the seconds of processor time of both ends.
    fn run(mut self, file: &Path) -> io::Result<(f64, f64)> {
        let before = self.time()?;
        let begun = Instant::now();
        let sender = self.sender.stdin(File::open(file)?).stdout(Stdio::null()).spawn()?;
        let got = match &self.sink {
            Some(sink) => count(&sink.accept()?.0)?,
            None => SIZE, // the status of both ends says so
        };
        let (mut is_well, mut used) = (got == SIZE, 0.0);
        if self.is_fed {
            used = self.time()? - before;
            is_well &= peers::end(sender)?.0;
        } else {
            for child in std::mem::take(&mut self.children).into_iter().chain([sender]) {
                let (well, time) = peers::end(child)?;
                is_well &= well;
                used += time;
            }
        }
        let took = begun.elapsed().as_secs_f64();
        if is_well { Ok((took, used)) } else { Err(io::Error::other(format!("{got} bytes of {SIZE} arrived"))) }
    }

    /// The processor time that the programs have used.
    fn time(&self) -> io::Result<f64> {
        self.children.iter().map(time_of).sum()
    }
}

/// The rate and the processor time of a stream over TLS.
pub(crate) fn bulk(bench: &Bench) -> Outcome {
    let (identity, file) = (Identity::new()?, stream_in_a_file()?);
    let (mut rate, mut cpu) = (Vec::new(), Vec::new());
    let others = OTHERS.iter().filter(|(_, program, _)| bench.peers && peers::find(program).is_some());
    let others = others.map(|&(name, _, start)| (name, &bench.ours[0], start));
    let ours = bench.ours.iter().map(|ours| (ours.name, ours, Identity::pair_of_ours as Start));
    let programs: Vec<_> = ours.chain(others).collect();
    for run in 0..bench.runs {
        for &(name, ours, start) in alternate(&programs, run) {
            let (took, used) = start(&identity, ours)?.run(&file)?;
            note(&mut rate, name, SIZE as f64 / took / f64::from(1 << 30));
            note(&mut cpu, name, used);
        }
    }
    std::fs::remove_file(file)?;
    bench.figures.table("bulk over TLS, rate", "GiB/s", Better::Higher, &rate);
    bench.figures.table("bulk over TLS, processor time of both ends", "s/GiB", Better::Lower, &cpu);
    Ok(())
}

/// Full handshakes in a second of the server's processor time.
pub(crate) fn handshakes(bench: &Bench) -> Outcome {
    let identity = Identity::new()?;
    let servers = identity.servers(bench)?;
    let mut rates = Vec::new();
    for run in 0..bench.runs {
        for server in alternate(&servers, run) {
            let before = server.processor_time()?.unwrap_or_default();
            for _ in 0..HANDSHAKES {
                identity.connect(server.addr)?;
            }
            let used = server.processor_time()?.unwrap_or_default() - before;
            note(&mut rates, server.name, HANDSHAKES as f64 / used);
        }
    }
    bench.figures.table("full TLS handshakes, in a second of the server", "1/s", Better::Higher, &rates);
    Ok(())
}

/// The memory of connections that have only had their handshake.
pub(crate) fn idle(bench: &Bench) -> Outcome {
    let mut rows = Vec::new();
    for run in 0..if bench.peers { 1 } else { bench.runs } {
        let identity = Identity::new()?;
        for server in alternate(&identity.servers(bench)?, run) {
            let first: Result<Vec<_>, _> = (0..100).map(|_| identity.connect(server.addr)).collect();
            let before = server.memory()?;
            let idle: Result<Vec<_>, _> = (0..IDLE).map(|_| identity.connect(server.addr)).collect();
            identity.connect(server.addr)?; // what came before it is processed
            note(&mut rows, server.name, server.memory()?.saturating_sub(before) as f64 / IDLE as f64);
            drop((first?, idle?));
        }
    }
    bench.figures.table("memory of one of 1,000 idle TLS connections", "bytes", Better::Lower, &rows);
    Ok(())
}

/// The processor time of a process in seconds, in user and kernel mode, its threads included (proc(5)): in steps of
/// 10 ms.
fn time_of(child: &Child) -> io::Result<f64> {
    let text = std::fs::read_to_string(format!("/proc/{}/stat", child.id()))?;
    let fields = text.rsplit(") ").next().into_iter().flat_map(str::split_whitespace).skip(11);
    Ok(fields.take(2).filter_map(|ticks| ticks.parse::<f64>().ok()).sum::<f64>() / 100.0)
}

/// Waits until a program listens at an address, without a connection to it.
fn wait_until_bound(addr: SocketAddr) -> io::Result<()> {
    let (begun, port) = (Instant::now(), format!(":{:04X} ", addr.port()));
    let is_bound = |line: &str| line.contains(&port) && line.contains(" 0A ");
    while !std::fs::read_to_string("/proc/net/tcp")?.lines().any(is_bound) {
        if begun.elapsed() > Duration::from_secs(10) {
            return Err(io::Error::other(format!("nobody listens at {addr}")));
        }
        thread::sleep(Duration::from_millis(5));
    }
    Ok(())
}
