//! `connect` at a terminal up to its prompt.

use super::pty::Terminal;
use super::secretcat;

/// The prompt of `connect` at a terminal.
pub(crate) const PROMPT: &str = "Enter Message: ";

/// `connect` to this address at a terminal, once it has shown its first prompt.
#[track_caller]
pub(crate) fn at_terminal(address: &str, args: &[&str]) -> Terminal {
    let mut terminal = Terminal::start(secretcat(["connect", address]).args(args));
    assert_eq!(terminal.sees(PROMPT), first_lines(address));
    terminal
}

/// What is shown up to this reply and the prompt after it. The program shows a prompt before a late reply, too, which a
/// busy machine makes of any: that one is left out.
#[track_caller]
pub(crate) fn shown_with_reply(terminal: &mut Terminal, reply: &str) -> String {
    let shown = terminal.sees(&format!("Received: {reply}\r\n")) + &terminal.sees(PROMPT);
    shown.replace(&format!("{PROMPT}\r\u{1b}[K"), "")
}

/// The lines and the prompt that `connect` shows at its start.
pub(crate) fn first_lines(address: &str) -> String {
    format!("connected to {address} (q quits)\r\n{PROMPT}")
}
