//! The program: run, print one error, exit.

use std::process::ExitCode;

fn main() -> ExitCode {
    secretcat::run(std::env::args_os())
}
