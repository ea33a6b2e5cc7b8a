//! Renders the completions of every shell, and completes what the generators leave out.

use clap::{Arg, Command, ValueHint};
use clap_complete::Shell;
use clap_complete_nushell::Nushell;

/// The files of completions/, with their text.
pub(crate) fn render() -> Vec<(&'static str, String)> {
    vec![
        ("secretcat.bash", mend_bash(&with(Shell::Bash))),
        ("_secretcat", mend_zsh(&with(Shell::Zsh))),
        ("secretcat.fish", mend_fish(&with(Shell::Fish))),
        ("secretcat.elv", with(Shell::Elvish)),
        ("_secretcat.ps1", with(Shell::PowerShell)),
        ("secretcat.nu", with(Nushell)),
    ]
}

fn with(shell: impl clap_complete::Generator) -> String {
    let mut text = Vec::new();
    let mut command = hinted(secretcat::cli::command());
    clap_complete::generate(shell, &mut command, "secretcat", &mut text);
    String::from_utf8(text).expect("a completion is text")
}

/// The definitions with the kinds of their values: a value that is not marked as a file is none.
fn hinted(command: Command) -> Command {
    let commands: Vec<_> = command.get_subcommands().map(|command| command.get_name().to_owned()).collect();
    let hinted_here = command.mut_args(hint);
    commands.into_iter().fold(hinted_here, |command, name| command.mut_subcommand(name, hinted))
}

fn hint(arg: Arg) -> Arg {
    if !arg.get_action().takes_values() {
        return arg;
    }
    if arg.get_value_names().is_some_and(|names| names == ["on|off"]) {
        return arg.value_parser(["on", "off"]);
    }
    match arg.get_value_hint() {
        ValueHint::Unknown => arg.value_hint(ValueHint::Other),
        _ => arg,
    }
}

/// bash splits words at an equals sign: `--color=al` is three, and the generator looks at the last.
const SPLIT_AT_EQUALS: &str = r#"
    if [[ "${cur}" == "=" ]]; then
        cur=""
    elif [[ "${prev}" == "=" && "${COMP_CWORD}" -ge 2 ]]; then
        prev="${COMP_WORDS[COMP_CWORD-2]}"
    fi
"#;

fn mend_bash(script: &str) -> String {
    let script = replaced(script, "    opts=\"\"\n", &format!("    opts=\"\"\n{SPLIT_AT_EQUALS}"));
    // Where nothing is offered, it is nothing: neither the word itself nor the files of the folder.
    let script = replaced(&script, "COMPREPLY=(\"${cur}\")", "COMPREPLY=()");
    replaced(&script, " -o bashdefault -o default", "")
}

fn mend_zsh(script: &str) -> String {
    // An argument without an action shows a message, and with it zsh no longer completes the options
    // that are possible in the same place; one with nothing to choose from is silent.
    let silent = |line: &str| match line.strip_suffix(":' \\") {
        Some(argument) if argument.starts_with("'*::") => format!("{argument}:( )' \\\n"),
        _ => format!("{line}\n"),
    };
    script.lines().map(silent).collect()
}

fn mend_fish(script: &str) -> String {
    // Files only for those options that say so.
    format!("complete -c secretcat -f\n{script}")
}

/// The text with all of `old` replaced; a generator that writes something else now is looked at again.
fn replaced(text: &str, old: &str, new: &str) -> String {
    assert!(text.contains(old), "the generator no longer writes {old:?}");
    text.replace(old, new)
}
