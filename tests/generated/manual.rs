//! Renders the options of a command into the hand-written frame of its manual page.

use clap::builder::PossibleValue;
use clap::{Arg, ArgAction, Command};
use roff::{Inline, Roff, bold, italic, roman};

/// Fills the marks of a frame: `@VERSION@`, and `@SYNOPSIS@`, `@COMMANDS@`, `@OPTIONS@` on lines of their own.
pub(crate) fn render(frame: &str, program: &Command, subcommand: Option<&str>) -> String {
    let command = subcommand.map_or(program, |name| program.find_subcommand(name).expect("the subcommand exists"));
    let mut page = String::from(".\\\" Rendered from the frame of the same name with .in at its end: edit that one.\n");
    for line in frame.lines() {
        match line {
            "@SYNOPSIS@" => page += &finish(&synopsis(program, command)),
            "@COMMANDS@" => page += &finish(&commands(program)),
            "@OPTIONS@" => page += &finish(&options(command)),
            _ => {
                page += &line.replace("@VERSION@", program.get_version().unwrap_or_default());
                page.push('\n');
                if line == ".EE" {
                    // groff's .EE turns hyphenation on again, which the head of the page turned off.
                    page += ".nh\n";
                }
            }
        }
    }
    page
}

/// A non-breaking space, until [`finish`] writes it in roff.
pub(super) const UNBROKEN: &str = "\u{a0}";

/// Marks that the dots before it do not end a sentence.
const NO_STOP: char = '\u{2060}';

pub(super) fn finish(roff: &Roff) -> String {
    let escape = |c: char| match c {
        '\u{a0}' => "\\ ".to_owned(),
        NO_STOP => "\\&".to_owned(),
        '\'' => "\\(aq".to_owned(),
        c if c.is_ascii() => c.to_string(),
        c => format!("\\[u{:04X}]", u32::from(c)),
    };
    roff.to_roff().chars().map(escape).collect()
}

/// The arguments of a page, in the order of their definition.
fn shown(command: &Command) -> impl Iterator<Item = &Arg> {
    command.get_arguments().filter(|arg| !arg.is_hide_set())
}

fn is_common(arg: &Arg) -> bool {
    matches!(arg.get_id().as_str(), "help" | "version" | "color")
}

fn synopsis(program: &Command, command: &Command) -> Roff {
    let mut roff = Roff::new();
    if command.has_subcommands() {
        let name = program.get_name();
        for subcommand in command.get_subcommands().filter(|subcommand| subcommand.get_name() != "help") {
            let mut line =
                vec![bold(name), roman(" "), bold(subcommand.get_name()), roman(" ["), italic("OPTION"), roman("]...")];
            for positional in subcommand.get_positionals() {
                line.push(roman(" "));
                line.extend(argument(positional));
            }
            roff.text(line).control("br", []);
        }
        return roff
            .text([bold(name), roman(" ["), bold("--help"), roman(" | "), bold("--version"), roman("]")])
            .to_owned_roff();
    }
    roff.text([bold(program.get_name()), roman(" "), bold(command.get_name())]);
    let options: Vec<_> = shown(command).filter(|arg| !arg.is_positional() && !is_common(arg)).collect();
    let mut arguments = shown(command).filter(|arg| arg.is_positional()).peekable();
    if options.is_empty() && arguments.peek().is_none() {
        return roff.to_owned_roff();
    }
    roff.control("RS", ["4"]);
    for arg in options {
        let mut line = vec![roman("["), bold(shortest(arg))];
        line.extend(with_value(arg, arg.get_long().is_some() && arg.get_short().is_none()));
        line.push(roman(if is_repeatable(arg) { format!("]...{NO_STOP}") } else { "]".to_owned() }));
        roff.text(line);
    }
    for arg in arguments {
        roff.text(argument(arg));
    }
    roff.control("RE", []).to_owned_roff()
}

/// An argument that is no option, in brackets if it may be left out.
fn argument(arg: &Arg) -> Vec<Inline> {
    let name = italic(value(arg));
    if arg.is_required_set() { vec![name] } else { vec![roman("["), name, roman("]")] }
}

/// A builder's end, by value.
trait Owned {
    fn to_owned_roff(&mut self) -> Roff;
}

impl Owned for Roff {
    fn to_owned_roff(&mut self) -> Roff {
        std::mem::take(self)
    }
}

fn shortest(arg: &Arg) -> String {
    arg.get_short().map_or_else(|| format!("--{}", arg.get_long().unwrap_or_default()), |short| format!("-{short}"))
}

fn is_repeatable(arg: &Arg) -> bool {
    matches!(arg.get_action(), ArgAction::Append | ArgAction::Count)
}

fn takes_value(arg: &Arg) -> bool {
    arg.get_action().takes_values()
}

fn value(arg: &Arg) -> String {
    let names = arg.get_value_names().unwrap_or_default();
    names.join(" ")
}

/// The value after the option. After a short option, an optional value has no equals sign.
fn with_value(arg: &Arg, long: bool) -> Vec<Inline> {
    if !takes_value(arg) {
        return Vec::new();
    }
    let optional = arg.get_num_args().is_some_and(|number| number.min_values() == 0);
    match (optional, long && arg.is_require_equals_set()) {
        (true, true) => vec![roman("[="), italic(value(arg)), roman("]")],
        (true, false) => vec![roman("["), italic(value(arg)), roman("]")],
        (false, true) => vec![roman("="), italic(value(arg))],
        (false, false) => vec![roman(UNBROKEN), italic(value(arg))],
    }
}

fn commands(program: &Command) -> Roff {
    let mut roff = Roff::new();
    for command in program.get_subcommands().filter(|command| command.get_name() != "help") {
        let about = command.get_about().map(ToString::to_string).unwrap_or_default();
        let page = format!("{}-{}", program.get_name(), command.get_name());
        roff.control("TP", []).text([bold(command.get_name())]);
        prose(&mut roff, &about);
        roff.text([roman("See "), bold(page), roman("(1).")]);
    }
    roff
}

fn options(command: &Command) -> Roff {
    let mut roff = Roff::new();
    let mut headings: Vec<Option<&str>> = vec![None];
    for arg in shown(command) {
        if !headings.contains(&arg.get_help_heading()) {
            headings.push(arg.get_help_heading());
        }
    }
    let alone = headings.len() == 1;
    for heading in headings {
        if !alone {
            roff.control("SS", [heading.unwrap_or("General")]);
        }
        for arg in shown(command).filter(|arg| arg.get_help_heading() == heading) {
            option(&mut roff, arg);
        }
    }
    roff
}

fn option(roff: &mut Roff, arg: &Arg) {
    let mut line = Vec::new();
    if arg.is_positional() {
        line.push(italic(value(arg)));
    }
    if let Some(short) = arg.get_short() {
        line.push(bold(format!("-{short}")));
        line.push(roman(if arg.get_long().is_some() { ", " } else { "" }));
    }
    if let Some(long) = arg.get_long() {
        line.push(bold(format!("--{long}")));
    }
    if !arg.is_positional() {
        line.extend(with_value(arg, arg.get_long().is_some()));
    }
    roff.control("TP", []).text(line);
    let help = arg.get_long_help().or(arg.get_help()).map(ToString::to_string).unwrap_or_default();
    for (number, paragraph) in help.split("\n\n").enumerate() {
        // The first paragraph is the title, and the second follows it; later ones are paragraphs of their own.
        if number > 1 {
            roff.control("IP", []);
        }
        prose(roff, &paragraph.replace('\n', " "));
    }
    values_of(roff, arg);
    default_of(roff, arg);
}

fn values_of(roff: &mut Roff, arg: &Arg) {
    let values: Vec<PossibleValue> = if takes_value(arg) { arg.get_possible_values() } else { Vec::new() };
    if arg.is_hide_possible_values_set() || !values.iter().any(|value| value.get_help().is_some()) {
        return;
    }
    roff.control("RS", []);
    for value in values.iter().filter(|value| !value.is_hide_set()) {
        roff.control("TP", []).text([bold(value.get_name())]);
        prose(roff, &value.get_help().map(ToString::to_string).unwrap_or_default());
    }
    roff.control("RE", []);
}

/// The default, as a sentence after the help.
fn default_of(roff: &mut Roff, arg: &Arg) {
    let defaults = arg.get_default_values();
    if !takes_value(arg) || defaults.is_empty() || arg.is_hide_default_value_set() {
        return;
    }
    if !arg.get_possible_values().is_empty() {
        roff.control("IP", []);
    }
    let default = defaults.iter().map(|value| value.to_string_lossy()).collect::<Vec<_>>().join(" ");
    let mut line = vec![roman("The default is ")];
    if let Some(variable) = arg.get_env() {
        line.extend([bold(format!("${}", variable.to_string_lossy())), roman(", or else ")]);
    }
    line.extend([bold(&default), roman(".")]);
    roff.text(line);
}

/// Text as sentences, each on a line, with the options in it bold.
pub(super) fn prose(roff: &mut Roff, text: &str) {
    let text = text.replace('`', "");
    let stop = if text.ends_with(['.', ':', '?']) { "" } else { "." };
    let text = format!("{text}{stop}");
    let words: Vec<&str> = text.split_whitespace().collect();
    let mut line = Vec::new();
    for (at, word) in words.iter().enumerate() {
        let next = words.get(at + 1);
        line.extend(styled(word));
        let ends = word.ends_with('.') && next.is_some_and(|next| next.starts_with(|c: char| !c.is_lowercase()));
        if ends || next.is_none() {
            roff.text(std::mem::take(&mut line));
        } else {
            line.push(roman(" "));
        }
    }
}

/// A word; bold where it is an option.
fn styled(word: &str) -> Vec<Inline> {
    let start = word.trim_start_matches(['(', '"', '\'']);
    let option = start.trim_end_matches([',', '.', ';', ':', ')', '"', '\'']);
    let is_option =
        option.strip_prefix('-').is_some_and(|name| name.starts_with(|c: char| c == '-' || c.is_alphabetic()));
    if !is_option {
        return vec![roman(word)];
    }
    let before = &word[..word.len() - start.len()];
    vec![roman(before), bold(option), roman(&start[option.len()..])]
}
