//! The findings of a sweep as a JSON object.

use std::time::Duration;

use serde_json::{Map, Value, json};

use super::finding::title;
use super::{Count, Findings, Mark, Outcome, Part, Proof, Run, SingleCut, Stretch, Subject, Tally, repeat_command};
use crate::plan::{Fin, HelloCuts, HelloForm, Only, TrialKind};
use crate::value::escape;

/// The version of the schema. It increases when programs that read earlier reports would misread new ones.
const SCHEMA: u32 = 1;

/// The findings as JSON text; the committed schema is tests/cases/sweep.schema.json. Bytes are text in which
/// unprintable bytes are `\xHH`. Without a baseline there is an error instead.
#[must_use]
pub fn to_json(findings: &Findings) -> String {
    let Findings { run, subject, baseline, tally, status } = *findings;
    let layout = subject.layout();
    let differences: Vec<_> = tally
        .differences
        .iter()
        .map(|difference| {
            json!({
                "title": subject.named(title(&difference.trial, &layout)),
                "found_by": subject.named(difference.found_by.to_string()),
                "also": difference.also.iter().map(|cut| place(*cut)).collect::<Vec<_>>(),
                "header_cuts": difference.trial.header,
                "hello_cuts": difference.trial.hello.as_ref().map(hello_cuts),
                "cuts": difference.trial.cuts,
                "joined": difference.trial.joined,
                "fin": match difference.trial.fin {
                    Fin::Replied => "replied",
                    Fin::After => "after",
                    Fin::With => "with",
                },
                "got": outcome(&difference.got),
                "repeated": difference.repeated,
                "plan": difference.trial.plan(),
                "only": Only::of(&difference.trial, &layout).parts().iter().map(ToString::to_string).collect::<Vec<_>>(),
                "repeat": repeat_command(subject, difference),
            })
        })
        .collect();
    let family = |(kind, number): (&TrialKind, &Count)| {
        let Count { same, different, not_proven } = number;
        let proof = match subject.proof(*kind) {
            Proof::Read => "read",
            Proof::RecordRead => "record_read",
        };
        let seconds = tally.times.get(kind).map_or(0.0, Duration::as_secs_f64);
        let family = json!({
            "same": same,
            "different": different,
            "not_proven": not_proven,
            "proof": proof,
            "seconds": seconds,
        });
        (kind.to_string(), family)
    };
    let kinds: Map<_, _> = tally.kinds.iter().map(family).collect();
    let (mut header_cuts, mut cuts) = (Vec::new(), Vec::new());
    for cut in differing(tally) {
        match cut {
            SingleCut::Header(offset) => header_cuts.push(offset),
            SingleCut::Message(place) => cuts.push(json!({ "message": place.message, "offset": place.offset })),
            SingleCut::Hello(..) => {}
        }
    }
    let command: Vec<_> = run.command.iter().map(|word| escape(word)).collect();
    let report = json!({
        "schema": SCHEMA,
        "version": Run::VERSION,
        "time": run.time,
        "seconds": run.took.as_secs_f64(),
        "command": command,
        "address": subject.client.is_none().then_some(&subject.address),
        "client": subject.client.as_ref().map(|client| &client.command),
        "proxy": subject.proxy.as_ref().map(|proxy| proxy.url.to_string()),
        "witness": subject.witness.as_ref().filter(|witness| witness.has_seen).map(|witness| &witness.command),
        "client_hello": (subject.hello > 0).then_some(subject.hello),
        "proxy_header": (subject.header_length > 0).then_some(subject.header_length),
        "messages": subject.messages.iter().map(|message| escape(message)).collect::<Vec<_>>(),
        "plans": subject.plans,
        "skipped": subject.skipped,
        "single_cuts": subject.single_cuts,
        "cut_at": subject.cut_at,
        "seed": subject.seed,
        "verdicts": count(tally.total()),
        "kinds": kinds,
        "reasons": tally.reasons,
        "offsets": offsets(subject, tally),
        "differing_header_cuts": header_cuts,
        "differing_hello_cuts": differing_hello_cuts(tally),
        "differing_cuts": cuts,
        "warnings": tally.warnings,
        "interrupted": tally.interrupted,
        "out_of_time": tally.out_of_time,
        "ended_early": tally.gave_up,
        "stopped_by": tally.what_stopped_it(),
        "error": baseline.err(),
        "expected": baseline.ok().map(|baseline| outcome(baseline.outcome())),
        "differences": differences,
        "status": status.number(),
    });
    format!("{report:#}\n")
}

/// A single cut by its names.
fn place(cut: SingleCut) -> Value {
    let mut place = part(cut.part());
    place.insert("offset".to_owned(), json!(cut.offset()));
    place.into()
}

/// A part by its names.
fn part(part: Part) -> Map<String, Value> {
    let names = match part {
        Part::Header => json!({ "in": "header" }),
        Part::Hello(form) => json!({ "in": "client_hello", "form": form.name() }),
        Part::Message(number) => json!({ "in": "message", "message": number }),
    };
    if let Value::Object(names) = names { names } else { Map::new() }
}

/// The result of every single cut, as stretches with the same result.
fn offsets(subject: &Subject, tally: &Tally) -> Vec<Value> {
    let stretches = |(its, length): (Part, usize)| {
        tally.stretches(its, length).into_iter().map(move |Stretch { from, to, mark }| {
            let verdict = match mark {
                None => "not_tried",
                Some(Mark::Same) => "same",
                Some(Mark::Different) => "different",
                Some(Mark::NotProven) => "not_proven",
            };
            let mut stretch = part(its);
            stretch.extend([("from", json!(from)), ("to", json!(to)), ("verdict", json!(verdict))].map(named));
            stretch.into()
        })
    };
    subject.parts().into_iter().flat_map(stretches).collect()
}

fn named((name, value): (&str, Value)) -> (String, Value) {
    (name.to_owned(), value)
}

/// The single cuts that made a difference.
fn differing(tally: &Tally) -> impl Iterator<Item = SingleCut> + '_ {
    tally.single_cuts.iter().filter(|(_, mark)| **mark == Mark::Different).map(|(cut, _)| *cut)
}

fn hello_cuts(HelloCuts { form, cuts, .. }: &HelloCuts) -> Value {
    json!({ "form": form.name(), "offsets": cuts })
}

fn differing_hello_cuts(tally: &Tally) -> Value {
    let of = |form| {
        let offset = |cut| match cut {
            SingleCut::Hello(of, offset) if of == form => Some(offset),
            _ => None,
        };
        differing(tally).filter_map(offset).collect::<Vec<_>>()
    };
    HelloForm::ALL.into_iter().map(|form| (form.name().to_owned(), json!(of(form)))).collect::<Map<_, _>>().into()
}

fn count(Count { same, different, not_proven }: Count) -> Value {
    json!({ "same": same, "different": different, "not_proven": not_proven })
}

fn outcome(outcome: &Outcome) -> Value {
    json!({
        "replies": outcome.replies.iter().map(|reply| escape(reply)).collect::<Vec<_>>(),
        "rest": escape(&outcome.rest),
        "ending": outcome.ending.to_string(),
        "stderr": escape(&outcome.stderr),
    })
}
