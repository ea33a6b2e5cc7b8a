//! Renders the completions for every shell, with corrections for gaps of the generators.

use clap::builder::{PossibleValue, PossibleValuesParser};
use clap::{Arg, Command, ValueHint};
use clap_complete::Shell;
use clap_complete_nushell::Nushell;

/// The files of completions/ and their text.
pub(crate) fn render() -> Vec<(&'static str, String)> {
    vec![
        ("secretcat.bash", mend_bash(&marked(Shell::Bash))),
        ("_secretcat", mend_zsh(&marked(Shell::Zsh))),
        ("secretcat.fish", mend_fish(&marked(Shell::Fish))),
        ("secretcat.elv", with(Shell::Elvish)),
        ("_secretcat.ps1", with(Shell::PowerShell)),
        ("secretcat.nu", with(Nushell)),
    ]
}

fn with(shell: impl clap_complete::Generator) -> String {
    generated(shell, hint)
}

/// With marks for the values that the shell finds on the system: [`HOSTS`], [`INTERFACES`], [`ALGORITHMS`], [`LOGINS`].
fn marked(shell: impl clap_complete::Generator) -> String {
    generated(shell, |arg| hint(mark(arg)))
}

fn generated(shell: impl clap_complete::Generator, hint: fn(Arg) -> Arg) -> String {
    let mut text = Vec::new();
    let mut command = hinted(secretcat::cli::command(), hint);
    clap_complete::generate(shell, &mut command, "secretcat", &mut text);
    String::from_utf8(text).expect("a completion is text")
}

/// The definitions with value hints: a value without a hint is not a file.
fn hinted(command: Command, hint: fn(Arg) -> Arg) -> Command {
    let commands: Vec<_> = command.get_subcommands().map(|command| command.get_name().to_owned()).collect();
    let hinted_here = command.mut_args(hint);
    commands.into_iter().fold(hinted_here, |command, name| command.mut_subcommand(name, |it| hinted(it, hint)))
}

const HOSTS: &str = "@hosts@";
const INTERFACES: &str = "@interfaces@";
const ALGORITHMS: &str = "@algorithms@";
const LOGINS: &str = "@logins@";

/// The values of `--auth`; a file follows the first one.
const LOGIN_METHODS: [&str; 3] = ["scram:", "cert", "unix"];
/// Values of `--transcript-sync`, with one of the times.
const SYNC_TIMES: [(&str, &str); 3] =
    [("never", "The system decides"), ("each", "Before the next message is sent"), ("1s", "Within this time")];

/// The commands whose argument is an address.
const WITH_ADDRESS: [&str; 3] = ["connect", "listen", "sweep"];

fn mark(arg: Arg) -> Arg {
    let mark = match arg.get_long() {
        Some("relay" | "to" | "from") => HOSTS,
        Some("interface") => INTERFACES,
        Some("congestion") => ALGORITHMS,
        Some("auth") => LOGINS,
        _ => return arg,
    };
    arg.value_parser(PossibleValuesParser::new([mark]))
}

fn hint(arg: Arg) -> Arg {
    if !arg.get_action().takes_values() {
        return arg;
    }
    if arg.get_value_names().is_some_and(|names| names == ["on|off"]) {
        return arg.value_parser(["on", "off"]);
    }
    if arg.get_id() == "tos" {
        return arg.value_parser(PossibleValuesParser::new(secretcat::config::tos::names()));
    }
    if arg.get_id() == "auth" && arg.get_possible_values().is_empty() {
        return arg.value_parser(LOGIN_METHODS);
    }
    if arg.get_id() == "transcript_sync" {
        let values = SYNC_TIMES.map(|(value, help)| PossibleValue::new(value).help(help));
        return arg.value_parser(PossibleValuesParser::new(values));
    }
    match arg.get_value_hint() {
        ValueHint::Unknown => arg.value_hint(ValueHint::Other),
        _ => arg,
    }
}

/// bash splits words at an equals sign: `--color=al` is three words, and the generator uses the last one.
const SPLIT_AT_EQUALS: &str = r#"
    if [[ "${cur}" == "=" ]]; then
        cur=""
    elif [[ "${prev}" == "=" && "${COMP_CWORD}" -ge 2 ]]; then
        prev="${COMP_WORDS[COMP_CWORD-2]}"
    fi
"#;

/// bash splits words at a colon too: `unix:/tmp/s` is three words, and the last one is a path, as that of `scram:FILE`.
const PATH_AFTER_COLON: &str = r#"
    if [[ "${cur}" == ":" ]]; then
        cur=""
    fi
    if [[ "${COMP_LINE:0:COMP_POINT}" =~ (^|[\ =])(unix|scram):[^\ :]*$ ]]; then
        COMPREPLY=($(compgen -f -- "${cur}"))
        compopt -o filenames 2>/dev/null
        return 0
    fi
"#;

/// What finds the values of a mark in bash. It stands between quotes.
const IN_BASH: [(&str, &str); 4] = [
    (HOSTS, "localhost $(compgen -A hostname)"),
    (INTERFACES, "$(ls /sys/class/net 2>/dev/null)"),
    (ALGORITHMS, "$(cat /proc/sys/net/ipv4/tcp_available_congestion_control 2>/dev/null)"),
    (LOGINS, "scram: cert unix"),
];

fn mend_bash(script: &str) -> String {
    let mends = format!("    opts=\"\"\n{SPLIT_AT_EQUALS}{PATH_AFTER_COLON}");
    let mut script = replaced(script, "    opts=\"\"\n", &mends);
    // Without candidates, complete nothing: neither the word itself nor files.
    script = replaced(&script, "COMPREPLY=(\"${cur}\")", "COMPREPLY=()");
    for (mark, found) in IN_BASH {
        script = replaced(&script, mark, found);
    }
    for command in WITH_ADDRESS {
        let start = format!("        secretcat__subcmd__{command})\n            opts=\"");
        script = replaced(&script, &start, &format!("{start}{} ", IN_BASH[0].1));
    }
    replaced(&script, " -o bashdefault -o default", "")
}

/// What finds the values of a mark in zsh.
const IN_ZSH: [(&str, &str); 4] = [
    (HOSTS, "_secretcat_addresses"),
    (INTERFACES, "_net_interfaces"),
    (ALGORITHMS, "_secretcat_algorithms"),
    (LOGINS, "_secretcat_logins"),
];

/// The functions of [`IN_ZSH`] that zsh does not have.
const FUNCTIONS_OF_ZSH: &str = r#"
_secretcat_addresses() {
    if compset -P '(*=|)unix:'; then
        _files
    else
        _alternative 'hosts:host:_hosts' 'kinds:kind of address:compadd -S "" unix\:'
    fi
}

_secretcat_logins() {
    if compset -P '(*=|)scram:'; then
        _files
    else
        _alternative 'files:file of users:compadd -S "" scram\:' 'methods:method:(cert unix)'
    fi
}

_secretcat_algorithms() {
    local algorithms=/proc/sys/net/ipv4/tcp_available_congestion_control
    [[ -r $algorithms ]] && compadd -- $(<$algorithms)
}

"#;

fn mend_zsh(script: &str) -> String {
    // An argument without an action prints a message, and zsh then does not complete the options that are possible
    // there. An empty list of candidates is silent.
    let with_action = |line: String| match line.strip_suffix(":' \\") {
        Some(argument) if argument.starts_with("'*::address") => format!("{argument}:{}' \\\n", IN_ZSH[0].1),
        Some(argument) if argument.starts_with("'*::") => format!("{argument}:( )' \\\n"),
        _ => format!("{line}\n"),
    };
    let mut script: String = script.lines().map(whole_values).map(with_action).collect();
    for (mark, found) in IN_ZSH {
        script = replaced(&script, &format!("({mark})"), found);
    }
    // A colon in the name of a value ends the name, unless it is escaped.
    script = replaced(&script, ":NAME[:SET]:", ":NAME[\\:SET]:");
    replaced(&script, "\n_secretcat() {\n", &format!("{FUNCTIONS_OF_ZSH}_secretcat() {{\n"))
}

/// A colon in a value ends it, unless it is escaped for the definition, for eval and for the list of values.
fn whole_values(line: &str) -> String {
    let Some((before, help)) = line.split_once("\\:\"") else { return line.to_owned() };
    let (definition, value) = before.rsplit_once("((").map_or(("", before), |(start, value)| (start, value));
    let opening = if definition.is_empty() { "" } else { "((" };
    format!("{definition}{opening}{}\\:\"{help}", value.replace("\\:", r"\\\:"))
}

/// What finds the values of a mark in fish.
const IN_FISH: [(&str, &str); 4] = [
    (HOSTS, "(__fish_secretcat_addresses)"),
    (INTERFACES, "(__fish_print_interfaces)"),
    (ALGORITHMS, "(string split -n ' ' < /proc/sys/net/ipv4/tcp_available_congestion_control)"),
    (LOGINS, "(__fish_secretcat_logins)"),
];

/// The functions of [`IN_FISH`] that fish does not have. The names that fish lists are those of other hosts.
const FUNCTIONS_OF_FISH: &str = r"
function __fish_secretcat_addresses
    set -l word (commandline -ct | string replace -r '^--[a-z-]+=' '')
    if string match -q 'unix:*' -- $word
        printf 'unix:%s\n' (__fish_complete_path (string sub -s 6 -- $word))
    else
        __fish_print_hostnames
        printf '%s\n' localhost unix:
    end
end

function __fish_secretcat_logins
    set -l word (commandline -ct | string replace -r '^--[a-z-]+=' '')
    if string match -q 'scram:*' -- $word
        printf 'scram:%s\n' (__fish_complete_path (string sub -s 7 -- $word))
    else
        printf '%s\n' scram: cert unix
    end
end
";

fn mend_fish(script: &str) -> String {
    let mut script = script.to_owned();
    for (mark, found) in IN_FISH {
        script = replaced(&script, &format!("{mark}\\t''"), found);
    }
    // The generator leaves out the arguments that are no options.
    let argument = |commands: &str, values: &str| {
        format!("complete -c secretcat -n \"__fish_secretcat_using_subcommand {commands}\" -a '{values}'\n")
    };
    script += &argument(&WITH_ADDRESS.join(" "), IN_FISH[0].1);
    for command in secretcat::cli::command().get_subcommands() {
        for values in command.get_positionals().map(Arg::get_possible_values).filter(|values| !values.is_empty()) {
            let names: Vec<_> = values.iter().map(PossibleValue::get_name).collect();
            script += &argument(command.get_name(), &names.join(" "));
        }
    }
    // Files only for the options with a file hint.
    format!("complete -c secretcat -f\n{FUNCTIONS_OF_FISH}\n{script}")
}

/// The text with all of `old` replaced; fails if the generator does not write `old` any more.
fn replaced(text: &str, old: &str, new: &str) -> String {
    assert!(text.contains(old), "the generator no longer writes {old:?}");
    text.replace(old, new)
}
