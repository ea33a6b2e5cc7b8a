//! Renders the completions for every shell, with corrections for gaps of the generators.

use clap::{Arg, Command, ValueHint};
use clap_complete::Shell;
use clap_complete_nushell::Nushell;

/// The files of completions/ and their text.
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

/// The definitions with value hints: a value without a hint is not a file.
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

/// bash splits words at an equals sign: `--color=al` is three words, and the generator uses the last one.
const SPLIT_AT_EQUALS: &str = r#"
    if [[ "${cur}" == "=" ]]; then
        cur=""
    elif [[ "${prev}" == "=" && "${COMP_CWORD}" -ge 2 ]]; then
        prev="${COMP_WORDS[COMP_CWORD-2]}"
    fi
"#;

fn mend_bash(script: &str) -> String {
    let script = replaced(script, "    opts=\"\"\n", &format!("    opts=\"\"\n{SPLIT_AT_EQUALS}"));
    // Without candidates, complete nothing: neither the word itself nor files.
    let script = replaced(&script, "COMPREPLY=(\"${cur}\")", "COMPREPLY=()");
    replaced(&script, " -o bashdefault -o default", "")
}

fn mend_zsh(script: &str) -> String {
    // An argument without an action prints a message, and zsh then does not complete the options that are possible
    // there. An empty list of candidates is silent.
    let silent = |line: String| match line.strip_suffix(":' \\") {
        Some(argument) if argument.starts_with("'*::") => format!("{argument}:( )' \\\n"),
        _ => format!("{line}\n"),
    };
    script.lines().map(whole_values).map(silent).collect()
}

/// A colon in a value ends it, unless it is escaped for the definition, for eval and for the list of values.
fn whole_values(line: &str) -> String {
    let Some((before, help)) = line.split_once("\\:\"") else { return line.to_owned() };
    let (definition, value) = before.rsplit_once("((").map_or(("", before), |(start, value)| (start, value));
    let opening = if definition.is_empty() { "" } else { "((" };
    format!("{definition}{opening}{}\\:\"{help}", value.replace("\\:", r"\\\:"))
}

fn mend_fish(script: &str) -> String {
    // Files only for the options with a file hint.
    format!("complete -c secretcat -f\n{script}")
}

/// The text with all of `old` replaced; fails if the generator does not write `old` any more.
fn replaced(text: &str, old: &str, new: &str) -> String {
    assert!(text.contains(old), "the generator no longer writes {old:?}");
    text.replace(old, new)
}
