//! Renders the completions of every shell, mending what the generators leave open.

use clap_complete::Shell;
use clap_complete_nushell::Nushell;

/// The files of completions/, with their text.
pub(crate) fn render() -> Vec<(&'static str, String)> {
    vec![
        ("secretcat.bash", mend_bash(&with(Shell::Bash))),
        ("_secretcat", with(Shell::Zsh)),
        ("secretcat.fish", with(Shell::Fish)),
        ("secretcat.elv", with(Shell::Elvish)),
        ("_secretcat.ps1", with(Shell::PowerShell)),
        ("secretcat.nu", with(Nushell)),
    ]
}

fn with(shell: impl clap_complete::Generator) -> String {
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut secretcat::cli::command(), "secretcat", &mut text);
    String::from_utf8(text).expect("a completion is text")
}
fn mend_bash(script: &str) -> String {
    script.to_owned()
}
