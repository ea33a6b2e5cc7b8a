//! The findings of a sweep as a JSON object.

use serde_json::{Map, Value, json};

use super::{Baseline, Count, Outcome, Proof, Subject, Tally, repeat_command};
use crate::error::ExitStatus;
use crate::plan::Fin;
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
    let kinds: Map<_, _> = tally.kinds.iter().map(|(kind, number)| (kind.to_string(), count(*number))).collect();
    let (in_header, in_messages): (Vec<_>, Vec<_>) = tally.cuts.iter().partition(|(message, _)| *message == 0);
    let header_cuts: Vec<_> = in_header.iter().map(|(_, offset)| offset).collect();
    let cuts: Vec<_> = in_messages.iter().map(|(message, offset)| json!([message, offset])).collect();
    let report = json!({
        "address": subject.address,
        "proxy": subject.proxy.as_ref().map(|proxy| proxy.url.to_string()),
        "messages": subject.messages.iter().map(|message| escape(message)).collect::<Vec<_>>(),
        "plans": subject.plans,
        "skipped": subject.skipped,
        "seed": subject.seed,
        "proof": match subject.proof {
            Proof::Read => "read",
            Proof::RecordRead => "record_read",
        },
        "verdicts": count(tally.total()),
        "kinds": kinds,
        "reasons": tally.reasons,
        "differing_header_cuts": header_cuts,
        "differing_cuts": cuts,
        "interrupted": tally.interrupted,
        "ended_early": tally.gave_up,
        "error": baseline.err(),
        "expected": baseline.ok().map(|baseline| outcome(baseline.outcome())),
        "differences": differences,
        "status": status.number(),
    });
    format!("{report:#}\n")
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
