//! The command lines of tests/cases/config.txt give the listed configuration or error.
#![allow(clippy::unwrap_used, clippy::missing_panics_doc, reason = "what is unexpected ends the test")]

#[path = "support/skip.rs"]
mod skip;

use std::ffi::OsString;

use secretcat::cli::{self, Refusal, Task};

/// The configuration of a command line as `field=value` pairs, nested fields joined by dots; or the error.
fn fields(line: &str) -> Result<Vec<String>, String> {
    let words = std::iter::once("secretcat").chain(line.split_whitespace());
    match cli::parse(words.map(|word| OsString::from(word.replace('_', " ")))) {
        Ok(request) => {
            let config = match &request.task {
                Task::Listen(config) => format!("{config:?}"),
                Task::Connect(config) => format!("{config:?}"),
                Task::Sweep(config) => format!("{config:?}"),
                Task::SweepClient(config) => format!("{config:?}"),
                Task::Send(config) => format!("{config:?}"),
                Task::Receive(config) => format!("{config:?}"),
                Task::History(config) => format!("{config:?}"),
                Task::Timeline(config) => format!("{config:?}"),
                Task::Passwd(config) => format!("{config:?}"),
                Task::Print(config) => format!("{config:?}"),
                Task::Witness => "Witness".to_owned(),
            };
            let mut fields = Vec::new();
            flatten("", &config, &mut fields);
            fields.push(format!("color={:?}", request.color));
            Ok(fields)
        }
        Err(Refusal::Text(_)) => Err("printed on stdout".to_owned()),
        Err(refusal) => Err(refusal.print().unwrap_err().to_string()),
    }
}

/// Splits `Name { field: value, … }` into its fields.
fn flatten(path: &str, value: &str, out: &mut Vec<String>) {
    let Some((name, inner)) = value.split_once(" { ").filter(|_| value.ends_with(" }")) else {
        return out.push(format!("{path}={value}"));
    };
    if !name.chars().all(char::is_alphanumeric) {
        return out.push(format!("{path}={value}"));
    }
    let (mut depth, mut start) = (0, 0);
    let inner = inner.strip_suffix(" }").unwrap();
    for (at, char) in inner.char_indices().chain([(inner.len(), ',')]) {
        match char {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth -= 1,
            ',' if depth == 0 => {
                let (field, value) = inner[start..at].trim_start().split_once(": ").unwrap();
                let dot = if path.is_empty() { "" } else { "." };
                flatten(&format!("{path}{dot}{field}"), value, out);
                start = at + 1;
            }
            _ => {}
        }
    }
}

/// The changes of these arguments to the configuration of the command without arguments; or the error.
fn outcome(line: &str) -> String {
    let command = line.split_whitespace().next().unwrap_or_default();
    // Some commands have arguments that cannot be left out.
    let least = ["", " f", " f ann"].map(|words| format!("{command}{words}"));
    let usual = least.iter().find_map(|line| fields(line).ok()).unwrap_or_default();
    match fields(line) {
        Ok(fields) => fields.into_iter().filter(|field| !usual.contains(field)).collect::<Vec<_>>().join(" "),
        Err(refusal) => format!("! {refusal}"),
    }
}

/// A case is a line, `arguments => changes` or `arguments => ! error`; `_` in an argument is a space.
#[test]
fn command_lines_give_the_listed_config_or_error() {
    if std::env::var_os("SECRETCAT_ADDRESS").is_some() {
        return skip::skip_even_in_ci("SECRETCAT_ADDRESS is set, and is an argument to each case");
    }
    let cases = include_str!("cases/config.txt");
    let mut text = String::new();
    for line in cases.lines() {
        match line.split_once(" =>").map(|(args, _)| args) {
            None => text += line,
            Some(args) => text += format!("{args} => {}", outcome(args)).trim_end(),
        }
        text.push('\n');
    }
    if std::env::var_os("UPDATE").is_some() {
        return std::fs::write(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cases/config.txt"), &text).unwrap();
    }
    for (expected, got) in cases.lines().zip(text.lines()) {
        assert_eq!(got, expected);
    }
}

/// Whether the text of a refusal names what to do: a verb begins a sentence or a hint after the cause.
fn has_hint(refusal: &str) -> bool {
    const VERBS: [&str; 6] = ["add", "expected", "give", "listen", "remove", "use"];
    let parts = refusal.split([':', '(', ';', ',']).skip(1);
    parts.filter_map(|part| part.split_whitespace().next()).any(|word| VERBS.contains(&word))
}

/// The effect of an option on a command line: see tests/cases/effects.txt.
fn effect(mode: &str, option: &str) -> &'static str {
    let flag = option.split_whitespace().next().unwrap_or_default();
    let with = fields(&format!("{mode} {option}"));
    if let Err(refusal) = &with {
        assert!(has_hint(refusal), "no hint: {mode} {option} => ! {refusal}");
    }
    match fields(mode) {
        _ if mode.split_whitespace().any(|word| word == flag) => "-",
        Err(refusal) => panic!("{mode}: {refusal}"),
        Ok(_) if with.is_err() => "refused",
        without if without == with => "same",
        Ok(_) => "acts",
    }
}

/// The part of the table of one command, with its cells filled in.
fn effects(part: &str, plan: &str) -> String {
    let is_mode = |line: &&str| line.contains(" | ") && !line.trim_start().starts_with("--");
    let mode = |line: &str| line.split_once(" | ").map(|(name, line)| (name.trim().to_owned(), line.trim().to_owned()));
    let modes: Vec<(String, String)> = part.lines().filter(is_mode).filter_map(mode).collect();
    let head = |line: &&str| !line.trim_start().starts_with("--") && !line.trim_start().starts_with("option ");
    let mut text = part.lines().filter(head).collect::<Vec<_>>().join("\n");
    text.push('\n');
    let mut row = |name: &str, cells: &[&str]| {
        let cells: Vec<String> =
            cells.iter().zip(&modes).map(|(cell, (mode, _))| format!("{cell:0$}", mode.len().max(7))).collect();
        text += format!("  {name:30}  {}", cells.join(" ")).trim_end();
        text.push('\n');
    };
    let names: Vec<&str> = modes.iter().map(|(name, _)| name.as_str()).collect();
    row("option", &names);
    for line in part.lines().filter(|line| line.trim_start().starts_with("--")) {
        let option = line.trim().split("  ").next().unwrap_or_default();
        let given = option.replace("PLAN", plan);
        let cells: Vec<&str> = modes.iter().map(|(_, mode)| effect(mode, &given)).collect();
        row(option, &cells);
    }
    text
}

/// Each option of each command either acts in a mode or is refused: none is silently ignored.
#[test]
fn each_option_acts_or_is_refused_in_each_mode() {
    if std::env::var_os("SECRETCAT_ADDRESS").is_some() {
        return skip::skip_even_in_ci("SECRETCAT_ADDRESS is set, and is an argument to each case");
    }
    let plan = std::env::temp_dir().join(format!("secretcat-{}-plan.json", std::process::id()));
    std::fs::write(&plan, r#"{"cutting": {"chunk": "3"}}"#).unwrap();
    let table = include_str!("cases/effects.txt");
    let parts = table.split_inclusive("\n\n");
    let mut text = String::new();
    for part in parts {
        match part.strip_prefix("modes of ") {
            None => text += part,
            Some(_) => text += &(effects(part.trim_end(), plan.to_str().unwrap()) + "\n"),
        }
    }
    let text = format!("{}\n", text.trim_end());
    std::fs::remove_file(&plan).unwrap();
    for command in cli::command().get_subcommands() {
        let name = command.get_name();
        let part = table.split("\n\n").find(|part| part.starts_with(&format!("modes of {name}"))).unwrap();
        for long in command.get_arguments().filter_map(clap_long) {
            let has_row = part.lines().any(|line| line.split_whitespace().next() == Some(&long));
            assert!(has_row, "no row for {long} under {name} in tests/cases/effects.txt");
        }
    }
    if std::env::var_os("UPDATE").is_some() {
        return std::fs::write(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cases/effects.txt"), &text).unwrap();
    }
    for (expected, got) in table.lines().zip(text.lines()) {
        assert_eq!(got, expected);
    }
}

/// An option as it is written, except help.
fn clap_long(argument: &clap::Arg) -> Option<String> {
    argument.get_long().filter(|long| !["help", "version"].contains(long)).map(|long| format!("--{long}"))
}

/// The names of values in help: those of numbers, and all others.
const NUMBERS: [&str; 11] =
    ["N", "N[/BURST]", "SIZE", "BYTES", "PORT", "TIME", "DURATION", "VALUE", "SIZE|MIN..MAX", "TIME|MIN..MAX", "N|any"];
const OTHERS: [&str; 37] = [
    "TEXT",
    "NAME",
    "ROOM",
    "MISTAKE",
    "ADDRESS",
    "SIDE",
    "FRAMING",
    "CIDR",
    "OFFSETS",
    "POINT",
    "FILE",
    "FILE.svg",
    "FILE.pcapng",
    "REGEX",
    "PAGE",
    "SHELL",
    "COMMAND",
    "TYPE=HEX",
    "ADDR",
    "ADDR[:PORT]",
    "URL",
    "on|off",
    "LAYER",
    "METHOD",
    "PATTERN",
    "LIST",
    "NAME[:SET]",
    "NEED",
    "PART",
    "PIN",
    "VERSION",
    "none|head|all",
    "VIEW",
    "text|json",
    "WHEN",
    "DIR",
    "TYPE",
];

/// The errors of the standard library and the parser about a number.
const NOT_OURS: [&str; 6] =
    ["invalid digit", "number too", "cannot parse", "is not in", "invalid float", "a value is required"];

/// A value that is not a number is refused with the expected syntax, and a value with a minus is not an option.
#[test]
fn number_options_refuse_other_values_with_the_syntax() {
    let wrong =
        ["-1", "-4..-1", "-1s", "-4k", "x", "+1", "1e3", "1..2..3", "5..", "99999999999999999999999", "\u{663}"];
    let mut tried = 0;
    for command in cli::command().get_subcommands() {
        for argument in command.get_arguments().filter(|argument| argument.get_action().takes_values()) {
            let name = argument.get_value_names().and_then(|names| names.first()).unwrap().as_str();
            assert!(NUMBERS.contains(&name) != OTHERS.contains(&name), "is {name} the name of a number?");
            let flags = argument.get_long().map(|long| format!("--{long}")).into_iter();
            for flag in flags.chain(argument.get_short().map(|short| format!("-{short}"))) {
                for wrong in wrong.iter().filter(|_| NUMBERS.contains(&name)) {
                    let text = outcome(&format!("{} {flag} {wrong}", command.get_name()));
                    let begin = format!("! invalid value '{wrong}' for '");
                    let is_ours =
                        text.starts_with(&begin) && text.contains("\" is not a ") && text.contains(": expected ");
                    assert!(is_ours, "{} {flag}: {text}", command.get_name());
                    assert!(
                        !NOT_OURS.iter().any(|words| text.contains(words)),
                        "{} {flag}: {text}",
                        command.get_name()
                    );
                    tried += 1;
                }
            }
        }
    }
    assert!(tried > 500, "{tried}");
}

/// Without a case, no test checks the effect of an option on the configuration.
#[test]
fn each_option_of_each_command_has_a_case() {
    let cases = include_str!("cases/config.txt");
    for command in cli::command().get_subcommands() {
        let name = command.get_name();
        let of_command = |line: &&str| line.split_whitespace().next() == Some(name);
        let words: Vec<&str> = cases.lines().filter(of_command).flat_map(str::split_whitespace).collect();
        for argument in command.get_arguments() {
            let long = argument.get_long().map(|long| format!("--{long}"));
            let short = argument.get_short().map(|short| format!("-{short}"));
            for flag in long.into_iter().chain(short) {
                let has_case = words.iter().any(|word| word.split('=').next() == Some(&flag));
                assert!(has_case || ["--help", "-h"].contains(&flag.as_str()), "no case for {name} {flag}");
            }
        }
    }
}
