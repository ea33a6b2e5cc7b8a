//! `--protocol`: the presets against released servers.

mod binary;
mod http;
mod text;
mod wrong;

use serde_json::Value;

use crate::support::run;
use crate::support::sweep::UNHURRIED;

/// Sweeps a server with a preset, and reads what is found as JSON; its status must be that of the run.
#[track_caller]
fn sweep(address: &str, preset: &str, args: &[&str]) -> Value {
    let out = run(["sweep", address, "--protocol", preset, "--json"].iter().chain(&UNHURRIED).chain(args), "");
    let found: Value = serde_json::from_slice(&out.stdout).unwrap_or_else(|error| panic!("{error}: {out:?}"));
    assert_eq!(found["status"], out.status.unwrap(), "{out:?}");
    found
}

/// The server passes: every cut is proven, and no reply differs.
#[track_caller]
fn expect_same(address: &str, preset: &str, args: &[&str]) {
    let found = sweep(address, preset, args);
    assert_eq!(found["status"], 0, "{preset}: {found:#}");
    let warnings: Vec<_> = found["warnings"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    // The errors that a preset wants are expected.
    assert!(!warnings.iter().any(|warning| warning.contains(" is an error: ")), "{preset}: {warnings:?}");
}

/// A reply differs.
#[track_caller]
fn expect_different(address: &str, preset: &str, args: &[&str]) {
    let found = sweep(address, preset, args);
    assert_eq!(found["status"], 3, "{preset}: {found:#}");
}
