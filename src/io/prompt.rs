//! A password that is typed at the terminal, without echo.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::fd::AsFd;

use super::sys::tty::Modes;
use crate::auth::Password;
use crate::error::{Error, Operation};

/// The terminal of the process, whatever stdin and stdout are.
const TERMINAL: &str = "/dev/tty";
const CTRL_C: u8 = 3;
const CTRL_D: u8 = 4;
const BACKSPACE: [u8; 2] = [8, 0x7f];
const CTRL_U: u8 = 0x15;

/// Asks for a password at the terminal. `otherwise` is the option that needs none.
///
/// # Errors
/// When there is no terminal, the user interrupts, or what was typed is no password.
pub fn password(prompt: &str, otherwise: &str) -> Result<Password, Error> {
    let typed = ask(prompt, otherwise)?;
    Password::new(&typed).map_err(|error| Error::Usage(error.to_string()))
}

/// Asks twice for a new password.
///
/// # Errors
/// As [`password`], and when both are not the same.
pub fn new_password(prompt: &str, again: &str, otherwise: &str) -> Result<Password, Error> {
    let first = password(prompt, otherwise)?;
    let is_same = ask(again, otherwise).map(|typed| Password::new(&typed).is_ok_and(|second| second == first))?;
    if is_same { Ok(first) } else { Err(Error::Usage("the two passwords are not the same".to_owned())) }
}

fn ask(prompt: &str, otherwise: &str) -> Result<Vec<u8>, Error> {
    let terminal = OpenOptions::new().read(true).write(true).open(TERMINAL);
    let terminal =
        terminal.map_err(|_| Error::Usage(format!("there is no terminal to ask for a password: {otherwise}")))?;
    let failed = || Error::local(Operation::Read, "the terminal");
    let before = Modes::of(terminal.as_fd()).map_err(failed())?;
    let _restored = Silent::start(&terminal, before).map_err(failed())?;
    let typed = read_line(&terminal, prompt).map_err(failed())?;
    typed.ok_or(Error::Interrupted)
}

/// Keeps a terminal without echo until it is dropped.
struct Silent<'a> {
    terminal: &'a File,
    before: Modes,
}

impl<'a> Silent<'a> {
    fn start(terminal: &'a File, before: Modes) -> io::Result<Self> {
        before.silent().set(terminal.as_fd())?;
        Ok(Silent { terminal, before })
    }
}

impl Drop for Silent<'_> {
    fn drop(&mut self) {
        // A terminal that has gone has no modes.
        let _ = self.before.set(self.terminal.as_fd());
    }
}

/// Reads a line that is not echoed. `None`: the user has interrupted it.
fn read_line(mut terminal: &File, prompt: &str) -> io::Result<Option<Vec<u8>>> {
    terminal.write_all(prompt.as_bytes())?;
    let mut typed = Vec::new();
    let mut byte = [0];
    loop {
        if terminal.read(&mut byte)? == 0 {
            break;
        }
        match byte[0] {
            b'\r' | b'\n' | CTRL_D => break,
            CTRL_C => return Ok(None), // the report of that begins a new row
            CTRL_U => typed.clear(),
            key if BACKSPACE.contains(&key) => remove_last(&mut typed),
            // One byte more than a password may have is refused.
            other if typed.len() < Password::MAX_FILE => typed.push(other),
            _ => {}
        }
    }
    terminal.write_all(b"\n")?;
    Ok(Some(typed))
}

/// Removes the last character.
fn remove_last(typed: &mut Vec<u8>) {
    let is_continued = |byte: &u8| byte & 0xc0 == 0x80;
    while typed.pop().is_some_and(|byte| is_continued(&byte)) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backspace_removes_a_whole_character() {
        let mut typed = "a\u{fc}\u{1f600}".as_bytes().to_vec();
        for left in ["a\u{fc}", "a", "", ""] {
            remove_last(&mut typed);
            assert_eq!(typed, left.as_bytes());
        }
    }
}
