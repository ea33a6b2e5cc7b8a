//! The findings of a sweep as a JSON object.

use serde_json::{Map, Value, json};

use super::{Baseline, Count, Mark, Outcome, Proof, SingleCut, Subject, Tally, repeat_command};
use crate::error::ExitStatus;
use crate::plan::{Fin, HelloCuts, HelloForm, TrialKind};
use crate::value::escape;

/// The findings as JSON text; the committed schema is tests/cases/sweep.schema.json. Bytes are text in which
/// unprintable bytes are `\xHH`. Without a baseline there is an error instead.
#[must_use]
pub fn to_json(subject: &Subject, baseline: Result<&Baseline, &str>, tally: &Tally, status: ExitStatus) -> String {
    let differences: Vec<_> = tally
        .differences
        .iter()
        .map(|difference| {
            json!({
                "found_by": difference.found_by.to_string(),
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
        let family = json!({ "same": same, "different": different, "not_proven": not_proven, "proof": proof });
        (kind.to_string(), family)
    };
    let kinds: Map<_, _> = tally.kinds.iter().map(family).collect();
    let (mut header_cuts, mut cuts) = (Vec::new(), Vec::new());
    for cut in differing(tally) {
        match cut {
            SingleCut::Header(offset) => header_cuts.push(offset),
            SingleCut::Message(place) => cuts.push(json!([place.message, place.offset])),
            SingleCut::Hello(..) => {}
        }
    }
    let report = json!({
        "address": subject.address,
        "proxy": subject.proxy.as_ref().map(|proxy| proxy.url.to_string()),
        "client_hello": (subject.hello > 0).then_some(subject.hello),
        "messages": subject.messages.iter().map(|message| escape(message)).collect::<Vec<_>>(),
        "plans": subject.plans,
        "skipped": subject.skipped,
        "single_cuts": subject.single_cuts,
        "seed": subject.seed,
        "verdicts": count(tally.total()),
        "kinds": kinds,
        "reasons": tally.reasons,
        "differing_header_cuts": header_cuts,
        "differing_hello_cuts": differing_hello_cuts(tally),
        "differing_cuts": cuts,
        "interrupted": tally.interrupted,
        "out_of_time": tally.out_of_time,
        "ended_early": tally.gave_up,
        "error": baseline.err(),
        "expected": baseline.ok().map(|baseline| outcome(baseline.outcome())),
        "differences": differences,
        "status": status.number(),
    });
    format!("{report:#}\n")
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
    })
}
