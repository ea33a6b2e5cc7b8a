//! A sweep's findings for a program: one JSON object.

use serde_json::{Value, json};

use super::{Baseline, Outcome, Subject, Tally, repeat_command};
use crate::plan::Fin;
use crate::value::escape;

/// The findings as JSON text; the committed schema is tests/cases/sweep.schema.json. Bytes are
/// text in which what is not printable stands as `\xHH`.
#[must_use]
pub fn to_json(subject: &Subject, baseline: Option<&Baseline>, tally: &Tally, status: u8) -> String {
    let differences: Vec<_> = tally
        .differences
        .iter()
        .map(|difference| {
            json!({
                "found_by": difference.found_by,
                "cuts": difference.trial.cuts,
                "joined": difference.trial.joined,
                "fin": if difference.trial.fin == Fin::With { "with" } else { "after" },
                "expected": baseline.map(|baseline| outcome(baseline.outcome())),
                "got": outcome(&difference.got),
                "repeated": difference.repeated,
                "plan": difference.trial.plan(),
                "repeat": repeat_command(subject, difference),
            })
        })
        .collect();
    let report = json!({
        "address": subject.address,
        "messages": subject.messages.iter().map(|message| escape(message)).collect::<Vec<_>>(),
        "plans": subject.plans,
        "skipped": subject.skipped,
        "seed": subject.seed,
        "same": tally.same,
        "different": tally.different,
        "not_proven": tally.unproven(),
        "reasons": tally.not_proven,
        "interrupted": tally.interrupted,
        "differences": differences,
        "status": status,
    });
    format!("{report:#}\n")
}

fn outcome(outcome: &Outcome) -> Value {
    json!({
        "replies": outcome.replies.iter().map(|reply| escape(reply)).collect::<Vec<_>>(),
        "rest": escape(&outcome.rest),
        "ending": outcome.ending.describe(),
    })
}
