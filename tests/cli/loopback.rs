//! `connect --loopback` starts a private listener and connects to it.

use crate::support::{NOT_FOUND, digits, run, run_command, secretcat};

#[test]
fn loopback_starts_a_private_listener() {
    run(["connect", "--loopback"], "My SECRET code is 12345\n").is(0, digits("12345"), "");
    run(["connect", "--loopback", "-6", "-m", "SECRET 6"], "").is(0, digits("6"), "");
    run(["connect", "--loopback", ":1", "-m", "x"], "").is(
        2,
        "",
        "secretcat: --loopback starts its own listener: remove ADDRESS\n",
    );
    // --loopback takes precedence over the default address of the environment.
    let mut command = secretcat(["connect", "--loopback", "-m", "SECRET 1"]);
    run_command(command.env("SECRETCAT_ADDRESS", "nosuch.invalid:1"), "").is(0, digits("1"), "");
}

#[test]
fn loopback_listener_uses_the_same_framing() {
    for framing in ["lines", "http", "length:u8", "length:u32le"] {
        let out = run(["connect", "--loopback", "--framing", framing, "-m", "SECRET 1", "-m", "hello"], "");
        out.is(0, digits("1") + NOT_FOUND, "");
    }
    // Raw bytes have no messages: the service splits them into lines.
    run(["connect", "--loopback", "--framing", "raw"], "SECRET 1\nhello\n").is(0, digits("1") + NOT_FOUND, "");
}
