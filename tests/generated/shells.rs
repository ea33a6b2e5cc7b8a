//! The completions in real shells: the words that TAB offers are those that the program accepts.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::support::install;
use crate::support::pages::in_repository;
use crate::support::pty::Terminal;
use crate::support::skip::skip;

const PROMPT: &str = "READY> ";

/// A stand-in for the program that prints its arguments.
const STUB: &str = "#!/bin/sh\nprintf 'given:'\nprintf '<%s>' \"$@\"\nprintf ':given\\n'\n";

/// The typed keys, including TAB, and the arguments that the program gets.
type Case = (&'static str, &'static [&'static str]);

/// Every shell completes these.
const COMMANDS: &[Case] = &[
    ("con\t", &["connect"]),
    ("sw\t", &["sweep"]),
    ("listen --onc\t", &["listen", "--once"]),
    ("connect --no-sh\t", &["connect", "--no-shutdown"]),
];

/// The shells that complete values of options complete these. `afile` is the only file in the directory.
const VALUES: &[Case] = &[
    ("listen --service se\t", &["listen", "--service", "secret"]),
    ("listen --service di\t", &["listen", "--service", "discard"]),
    ("connect --barrier pe\t", &["connect", "--barrier", "peer-read"]),
    ("connect --barrier=pe\t", &["connect", "--barrier=peer-read"]),
    ("connect --color al\t", &["connect", "--color", "always"]),
    ("--color=al\t", &["--color=always"]),
    ("connect --color=al\t", &["connect", "--color=always"]),
    ("connect --reuseaddr of\t", &["connect", "--reuseaddr", "off"]),
    ("connect --cork=of\t", &["connect", "--cork=off"]),
    ("connect --framing de\t", &["connect", "--framing", "delimiter:--"]),
    ("sweep --protocol redi\t", &["sweep", "--protocol", "redis"]),
    ("connect --tos lowd\t", &["connect", "--tos", "lowdelay"]),
    ("connect --tos=lowd\t", &["connect", "--tos=lowdelay"]),
    ("connect --congestion re\t", &["connect", "--congestion", "reno"]),
    ("connect --congestion=re\t", &["connect", "--congestion=reno"]),
    ("listen --interface l\t", &["listen", "--interface", "lo"]),
    ("listen --auth ce\t", &["listen", "--auth", "cert"]),
    ("listen --auth=un\t", &["listen", "--auth=unix"]),
    ("connect --transcript-sync ea\t", &["connect", "--transcript-sync", "each"]),
    ("listen --transcript-sync=ne\t", &["listen", "--transcript-sync=never"]),
    ("completions fi\t", &["completions", "fish"]),
    ("man lis\t", &["man", "listen"]),
    // Hosts, and paths of unix sockets.
    ("connect localh\t", &["connect", "localhost"]),
    ("listen :0 --relay localh\t", &["listen", ":0", "--relay", "localhost"]),
    ("send --to=localh\t", &["send", "--to=localhost"]),
    ("connect unix:af\t", &["connect", "unix:afile"]),
    ("sweep -4 unix:af\t", &["sweep", "-4", "unix:afile"]),
    ("listen :0 --relay unix:af\t", &["listen", ":0", "--relay", "unix:afile"]),
    ("listen :0 --relay=unix:af\t", &["listen", ":0", "--relay=unix:afile"]),
    ("listen --auth sc\taf\t", &["listen", "--auth", "scram:afile"]),
    ("listen --auth=scram:af\t", &["listen", "--auth=scram:afile"]),
    ("connect --trace af\t", &["connect", "--trace", "afile"]),
    ("connect --trace=af\t", &["connect", "--trace=afile"]),
    // The value is not a file: a size, a duration, an address, a text.
    ("connect --chunk af\t", &["connect", "--chunk", "af"]),
    ("connect --delay af\t", &["connect", "--delay", "af"]),
    ("connect --chunk=af\t", &["connect", "--chunk=af"]),
    ("connect --message af\t", &["connect", "--message", "af"]),
    ("connect -w af\t", &["connect", "-w", "af"]),
    ("listen af\t", &["listen", "af"]),
];

/// bash splits words at a colon; the others complete these too.
const COLONS: &[Case] = &[
    ("connect --framing length:1:v\t", &["connect", "--framing", "length:1:varint"]),
    ("connect --framing=length:4\t", &["connect", "--framing=length:4:u16be"]),
];

/// A home directory with the stand-in, and a directory with one file.
struct Home(PathBuf);

impl Home {
    fn new(shell: &str) -> Home {
        let home = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("completions-{shell}"));
        let _ = fs::remove_dir_all(&home);
        for folder in ["bin", "folder", "functions"] {
            fs::create_dir_all(home.join(folder)).unwrap();
        }
        fs::write(home.join("folder/afile"), "").unwrap();
        let stub = home.join("bin/secretcat");
        install(&stub, STUB.as_bytes());
        Home(home)
    }

    fn write(&self, name: &str, text: &str) {
        let file = self.0.join(name);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, text).unwrap();
    }

    /// Starts the shell on a terminal that is large enough, and types the cases.
    fn completes(&self, shell: &str, args: &str, cases: &[&[Case]]) {
        let installed = Command::new(shell).arg("-c").arg("exit").stdin(Stdio::null()).output();
        if installed.is_err() {
            skip(&format!("completions are not tried in {shell}: it is not installed"));
            return;
        }
        let path = format!("{}:/usr/local/bin:/usr/bin:/bin", self.0.join("bin").display());
        let mut command = Command::new("env");
        command.args(["-i", "TERM=xterm", "LC_ALL=C.UTF-8", &format!("PATH={path}")]);
        command.arg(format!("HOME={}", self.0.display()));
        command.args(["sh", "-c", "stty rows 50 cols 200 && cd \"$HOME/folder\" && exec \"$0\" $1", shell, args]);
        let mut terminal = Terminal::start(&command);
        let has_interfaces = Path::new("/sys/class/net/lo").exists();
        if !has_interfaces {
            skip(&format!("interfaces are not completed in {shell}: no /sys here"));
        }
        for (typed, given) in cases.iter().copied().flatten() {
            if given.contains(&"--interface") && !has_interfaces {
                continue;
            }
            terminal.sees(PROMPT);
            terminal.types(format!("secretcat {typed}\r"));
            let shown = terminal.sees(":given");
            let words = format!("<{}>", given.join("><"));
            let start = shown.rfind("given:").unwrap_or_default();
            assert_eq!(&shown[start..], format!("given:{words}:given"), "{shell}: {typed:?}");
        }
        terminal.sees(PROMPT);
        terminal.types("exit\r");
        terminal.end();
    }
}

fn committed(name: &str) -> String {
    fs::read_to_string(in_repository(&format!("completions/{name}"))).unwrap()
}

#[test]
fn bash_completes_commands_options_and_values() {
    let home = Home::new("bash");
    home.write("rc", &format!("PS1='{PROMPT}'\n{}", committed("secretcat.bash")));
    home.completes("bash", "--noprofile --rcfile ../rc -i", &[COMMANDS, VALUES]);
}

#[test]
fn zsh_completes_commands_options_and_values() {
    let home = Home::new("zsh");
    home.write("functions/_secretcat", &committed("_secretcat"));
    home.write(
        ".zshrc",
        &format!(
            "PROMPT='{PROMPT}'\nunsetopt prompt_sp\nfpath=(~/functions $fpath)\nautoload -Uz compinit\ncompinit -u -D\n"
        ),
    );
    home.completes("zsh", "-d -i", &[COMMANDS, VALUES, COLONS]);
}

#[test]
fn fish_completes_commands_options_and_values() {
    let home = Home::new("fish");
    home.write(".config/fish/completions/secretcat.fish", &committed("secretcat.fish"));
    home.write(
        ".config/fish/config.fish",
        &format!("function fish_greeting\nend\nfunction fish_prompt\necho -n '{PROMPT}'\nend\n"),
    );
    home.completes("fish", "-i", &[COMMANDS, VALUES, COLONS]);
}

/// The generator for elvish has no values: options and commands only.
#[test]
fn elvish_completes_commands_options_and_values() {
    let home = Home::new("elvish");
    home.write(
        "rc.elv",
        &format!("set edit:prompt = {{ put '{PROMPT}' }}\nset edit:rprompt = {{ }}\n{}", committed("secretcat.elv")),
    );
    home.completes("elvish", "-rc ../rc.elv", &[COMMANDS]);
}
