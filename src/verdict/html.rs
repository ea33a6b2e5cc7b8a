//! The findings of a sweep as one web page.

mod map;

use std::fmt::Write;

use super::finding::Finding;
use super::shown::{Content, Window};
use super::text::{proofs, table_rows};
use super::{Baseline, Difference, Findings, Run, expectation, headline, repeat_command};
use crate::error::ExitStatus;
use crate::value::{Span, counted, escape, escape_xml};

const STYLE: &str = include_str!("html/page.css");
const SCRIPT: &str = include_str!("html/page.js");
/// What the page may do: use exactly this style and this script, and load nothing.
const POLICY: &str = "default-src 'none'; style-src 'sha256-xHDdAf+lrM10BY/h3RfvcFTwu9OC/LFTtLm47l7iBbs='; script-src 'sha256-p5xKdT0lNX/WuJqX+3dmARsYZiDWvqrNEXDkzIiBCIU='; \
                      base-uri 'none'; form-action 'none'";

/// The number of bytes shown.
const WINDOW: Window = Window { around: 80, reply: 2000 };
/// The number of expected replies shown, and the characters of the command.
const REPLIES: usize = 20;
const COMMAND: usize = 8000;

/// The findings as an HTML document that loads nothing. All text from a peer, a message or the command line is escaped.
#[must_use]
pub fn to_html(findings: &Findings) -> String {
    let Findings { subject, baseline, tally, status, .. } = *findings;
    let mut html = String::from("<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n");
    let (verdict, class) = verdict(status);
    let path = escape_xml(&subject.path());
    let _ = write!(
        html,
        "<meta http-equiv=\"Content-Security-Policy\" content=\"{POLICY}\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <meta name=\"referrer\" content=\"no-referrer\">\n\
         <title>{verdict}: sweep of {path}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n\
         <header>\n<p class=\"status {class}\">{verdict}</p>\n<h1>Sweep of {path}</h1>\n<p>{}</p>\n",
        escape_xml(&headline(subject, tally))
    );
    head(findings, &mut html);
    html.push_str("</header>\n<main>\n");
    if let (Ok(baseline), false) = (baseline, tally.differences.is_empty()) {
        html.push_str("<section aria-labelledby=\"findings\">\n<h2 id=\"findings\">Findings</h2>\n");
        for difference in &tally.differences {
            finding(findings, baseline, difference, &mut html);
        }
        html.push_str("</section>\n");
    }
    if baseline.is_ok() {
        let _ = write!(
            html,
            "<section aria-labelledby=\"map\">\n<h2 id=\"map\">Map of single cuts</h2>\n\
             <p class=\"note\">Each cell is a byte. Its colour is the result of a cut right before it. \
             Arrow keys move between the cells.</p>\n{}{}</section>\n",
            map::legend(),
            map::map(findings)
        );
    }
    plans(findings, &mut html);
    let _ = write!(html, "</main>\n<script>{SCRIPT}</script>\n</body>\n</html>\n");
    html
}

/// The verdict in a few words, and its class.
fn verdict(status: ExitStatus) -> (&'static str, &'static str) {
    match status {
        ExitStatus::Done => ("Same", "good"),
        ExitStatus::Different => ("Different", "bad"),
        ExitStatus::Unproven => ("Not proven", "unsure"),
        ExitStatus::Signal(_) => ("Interrupted", "unsure"),
        _ => ("Nothing to compare", "unsure"),
    }
}

/// The facts about the run.
fn head(findings: &Findings, html: &mut String) {
    let Findings { run, subject, baseline, tally, .. } = *findings;
    let mut facts = Vec::new();
    let mut add = |name: &'static str, value: String| facts.push((name, value));
    let command = run.command_line();
    let shown: String = command.chars().take(COMMAND).collect();
    let dots = if shown.len() < command.len() { "\u{2026}" } else { "" };
    add("Command", format!("<code>{}{dots}</code>", escape_xml(&shown)));
    add("Version", format!("secretcat {}", Run::VERSION));
    let took = Span(std::time::Duration::from_millis(u64::try_from(run.took.as_millis()).unwrap_or(u64::MAX)));
    add("Date", format!("{}, took {took}", escape_xml(&run.time)));
    match baseline {
        Ok(baseline) => add("Expected", format!("<span class=\"bytes\">{}</span>", escape_xml(&expectation(baseline)))),
        Err(why) => add("Error", escape_xml(why)),
    }
    add("Proof", proofs(subject, tally).unwrap_or_else(|| "read".to_owned()));
    add("Seed", subject.seed.to_string());
    html.push_str("<dl>\n");
    for (name, value) in facts {
        let _ = writeln!(html, "<dt>{name}</dt><dd class=\"long\">{value}</dd>");
    }
    html.push_str("</dl>\n");
    for warning in &tally.warnings {
        let _ = writeln!(html, "<p><strong>Warning:</strong> {}</p>", escape_xml(warning));
    }
    if let Ok(baseline) = baseline {
        expected(baseline, html);
    }
}

/// The expected replies.
fn expected(baseline: &Baseline, html: &mut String) {
    let replies = &baseline.outcome().replies;
    if replies.is_empty() {
        return;
    }
    let _ = writeln!(html, "<details><summary>Expected replies</summary>\n<ol>");
    for reply in replies.iter().take(REPLIES) {
        let shown = &reply[..reply.len().min(WINDOW.reply)];
        let dots = if shown.len() < reply.len() { "..." } else { "" };
        let _ = writeln!(html, "<li class=\"bytes\">{}{dots}</li>", escape_xml(&escape(shown)));
    }
    html.push_str("</ol>\n");
    if replies.len() > REPLIES {
        let _ = writeln!(html, "<p class=\"note\">and {} more</p>", replies.len() - REPLIES);
    }
    html.push_str("</details>\n");
}

/// One finding.
fn finding(findings: &Findings, baseline: &Baseline, difference: &Difference, html: &mut String) {
    let finding = Finding::new(findings.subject, baseline, difference, WINDOW);
    let (class, note) =
        if difference.repeated { ("", "") } else { (" class=\"unsure\"", " (perhaps; not tried again)") };
    let _ = writeln!(html, "<article{class}>\n<h3>{}{note}</h3>\n<dl>", escape_xml(&finding.title));
    for fact in &finding.facts {
        let mut label = fact.label.to_owned();
        if let Some(first) = label.get_mut(..1) {
            first.make_ascii_uppercase();
        }
        let _ = writeln!(html, "<dt>{label}</dt><dd class=\"long\">{}</dd>", content(&fact.content));
    }
    let repeat = escape_xml(&repeat_command(findings.subject, difference));
    let _ = writeln!(
        html,
        "</dl>\n<div class=\"repeat\"><pre tabindex=\"0\" aria-label=\"Command that repeats it\">{repeat}</pre>\
         <button type=\"button\" data-copy hidden aria-label=\"Copy the command\">Copy</button></div>\n</article>"
    );
}

fn content(content: &Content) -> String {
    match content {
        Content::Words(words) => escape_xml(words),
        Content::Place { name, before, sign, after } => format!(
            "{}: <span class=\"bytes\">{}<span class=\"cut\">{sign}</span>{}</span>",
            escape_xml(name),
            escape_xml(before),
            escape_xml(after)
        ),
        Content::Reply { name, same, other, end } => {
            let end = end.as_ref().map_or(String::new(), |end| format!("; {}", escape_xml(end)));
            let other = if other.is_empty() { String::new() } else { format!("<mark>{}</mark>", escape_xml(other)) };
            format!("{}: <span class=\"bytes\">{}{other}</span>{end}", escape_xml(name), escape_xml(same))
        }
    }
}

/// The table of families, and what was not proven.
fn plans(findings: &Findings, html: &mut String) {
    let Findings { subject, tally, .. } = *findings;
    html.push_str(
        "<section aria-labelledby=\"plans\">\n<h2 id=\"plans\">Plans</h2>\n<div class=\"wide\"><table>\n<thead><tr>\
         <th scope=\"col\">family</th><th scope=\"col\">plans</th><th scope=\"col\">same</th><th scope=\"col\">different</th>\
         <th scope=\"col\">not proven</th><th scope=\"col\">proof</th></tr></thead>\n<tbody>\n",
    );
    for (name, count, proof) in table_rows(subject, tally) {
        let _ = writeln!(
            html,
            "<tr><th scope=\"row\">{name}</th><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{proof}</td></tr>",
            count.judged(),
            count.same,
            count.different,
            count.not_proven
        );
    }
    html.push_str("</tbody>\n</table></div>\n<ul>\n");
    let reasons =
        tally.reasons.iter().map(|(why, number)| format!("not proven: {}: {why}", counted(*number as u64, "plan")));
    let early = tally.gave_up.iter().map(|why| format!("ended early: {why}"));
    let untried = tally.untried_cuts(subject).into_iter().chain(tally.nothing_tried(subject));
    for line in reasons.chain(early).chain(untried) {
        let _ = writeln!(html, "<li>{}</li>", escape_xml(&line));
    }
    html.push_str("</ul>\n</section>\n");
}
