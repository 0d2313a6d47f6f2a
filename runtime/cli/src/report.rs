//! What a run came to, as JSON for programs and as text for people. Computes nothing.

use meterbox_billing::bill::Line;
use meterbox_billing::digest::Digest;
use meterbox_billing::outcome::Outcome;
use meterbox_billing::slices::{End, Slices};
use meterbox_billing::usage::Usage;
use meterbox_provider::Completed;
use serde_json::{Map, Value, json};

use crate::exit::Exit;
use crate::failure::Failure;

/// The version of the JSON form.
const REPORT_SCHEMA: u32 = 1;

/// The exit code of an outcome.
pub fn exit_of(outcome: &Outcome) -> Exit {
    match outcome {
        Outcome::Ok {} => Exit::Ok,
        Outcome::Failed { .. } => Exit::Failed,
        Outcome::Trapped { .. } => Exit::Trapped,
        Outcome::Limit { .. } => Exit::Limit,
        Outcome::Stopped { .. } => Exit::Stopped,
    }
}

/// The run as JSON. All counts and amounts are decimal strings.
pub fn json(completed: &Completed) -> Result<Value, Failure> {
    let failed = |error: &(dyn std::error::Error + 'static)| {
        Failure::caused(Exit::Fault, "the report cannot be written", error)
    };
    let part = completed.document.reproducible();
    let observed = &completed.document.attested().observed;
    let envelope = completed
        .receipt
        .to_bytes()
        .map_err(|error| failed(&error))?;
    let receipt: Value = serde_json::from_slice(&envelope).map_err(|error| failed(&error))?;
    let digest = completed
        .receipt
        .payload_digest()
        .map_err(|error| failed(&error))?;
    Ok(json!({
        "schema": REPORT_SCHEMA,
        "outcome": part.outcome,
        "usage": usage(&part.usage),
        "bill": {
            "currency": part.currency,
            "total": part.total,
            "lines": part.lines,
        },
        "outputs": part.outputs,
        "observed": observed,
        "receipt": receipt,
        "receipt_digest": digest,
        "repeat": completed.is_repeat,
    }))
}

/// Every meter, and the sum over the precisions of inference.
pub fn usage(usage: &Usage) -> Value {
    let mut map = Map::new();
    for (meter, count) in usage.iter() {
        map.insert(meter.name().into(), Value::String(count.to_string()));
    }
    map.insert(
        "inference_ops".into(),
        Value::String(usage.inference_ops().to_string()),
    );
    Value::Object(map)
}

/// The run as text.
pub fn text(completed: &Completed) -> String {
    let part = completed.document.reproducible();
    let mut text = format!("outcome  {}\n", outcome(&part.outcome));
    text.push_str(&used(&part.usage));
    text.push_str(&format!("\nbill in {}\n", part.currency));
    let lines: Vec<(&Line, String)> = part
        .lines
        .iter()
        .map(|line| (line, line.amount.to_string()))
        .collect();
    let names = lines
        .iter()
        .map(|(line, _)| line.meter.len())
        .max()
        .unwrap_or(0)
        .max("total".len());
    let quantities = lines
        .iter()
        .map(|(line, _)| grouped(&line.quantity.to_string()).len())
        .max()
        .unwrap_or(0);
    for (line, amount) in &lines {
        let quantity = grouped(&line.quantity.to_string());
        text.push_str(&format!(
            "  {:names$}  {quantity:>quantities$} × {} = {amount}\n",
            line.meter, line.unit_price
        ));
    }
    text.push_str(&format!("  {:names$}  {}\n", "total", part.total));
    if !part.outputs.is_empty() {
        text.push_str("\noutputs\n");
        let names = part
            .outputs
            .iter()
            .map(|output| output.name.len())
            .max()
            .unwrap_or(0);
        for output in &part.outputs {
            text.push_str(&format!(
                "  {:names$}  {}  {} bytes\n",
                output.name,
                output.sha256,
                grouped(&output.bytes.to_string())
            ));
        }
    }
    text
}

/// The meters that counted something.
fn used(usage: &Usage) -> String {
    let counts: Vec<(&str, String)> = usage
        .iter()
        .filter(|(_, count)| *count > 0)
        .map(|(meter, count)| (meter.name(), grouped(&count.to_string())))
        .collect();
    let names = counts.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    let numbers = counts
        .iter()
        .map(|(_, count)| count.len())
        .max()
        .unwrap_or(0);
    let mut text = String::from("\nusage\n");
    for (name, count) in &counts {
        text.push_str(&format!("  {name:names$}  {count:>numbers$}\n"));
    }
    text
}

/// The slices of a job together, as text.
pub fn slices(slices: &Slices<'_>) -> String {
    let mut text = used(&slices.usage);
    text.push_str("\ntotal\n");
    for (currency, total) in &slices.totals {
        text.push_str(&match total {
            Some(total) => format!("  {total} {currency}\n"),
            None => format!("  too large to be written down, in {currency}\n"),
        });
    }
    let from = match slices.began_with {
        None => "from the beginning of the job".to_string(),
        Some(place) => format!("from {place}"),
    };
    text.push_str(&match (slices.began_with, slices.end) {
        (None, End::Done) => "\nthe whole job\n".to_string(),
        (Some(_), End::Done) => format!("\n{from} to its end\n"),
        (_, End::GoesOn(place)) => format!("\n{from} to {place}; the job has more to do\n"),
        (_, End::Badly) => format!("\n{from}; the last slice ended badly\n"),
    });
    text
}

/// How slices end, as a word, and where they go on.
pub fn end_of(slices: &Slices<'_>) -> (&'static str, Option<Digest>) {
    match slices.end {
        End::Done => ("done", None),
        End::GoesOn(place) => ("goes_on", Some(place)),
        End::Badly => ("badly", None),
    }
}

/// The outcome in words.
pub fn outcome(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Ok {} => "ok".into(),
        Outcome::Failed { message, code } => match code {
            Some(code) if message.as_str().is_empty() => {
                format!("failed: the program exited with code {code}")
            }
            _ => format!("failed: {}", message.as_str()),
        },
        Outcome::Trapped { trap } => format!("trapped: {trap}"),
        Outcome::Limit { which } => format!("limit: {which}"),
        Outcome::Stopped { by, .. } => format!("stopped: by the {by:?}").to_lowercase(),
    }
}

/// Digits in groups of three.
pub fn grouped(digits: &str) -> String {
    let mut out = String::with_capacity(digits.len() * 4 / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::grouped;

    #[test]
    fn digits_are_grouped_from_the_right() {
        for (digits, expected) in [
            ("0", "0"),
            ("999", "999"),
            ("1000", "1,000"),
            ("1234567", "1,234,567"),
        ] {
            assert_eq!(grouped(digits), expected);
        }
    }
}
