//! Owns a report as a page for people: one HTML file with plots and, beside each, the table that it shows. Sums
//! nothing.

use maud::{Markup, html};
use meterbox_billing::digest::Digest;
use meterbox_billing::money::AMOUNT_DIGITS;
use meterbox_billing::usage::Meter;

use crate::anomaly::{Anomaly, Whose};
use crate::invoice_page::grouped;
use crate::page::{page, short};
use crate::plot::{columns, row_bar};
use crate::report::{Listed, Part, Report};
use crate::signed::Signed;
use crate::tally::{NAMES_MAX, Ranking, Sum};

/// Digits that a reader sees of the largest sum.
const SHOWN_DIGITS: usize = 6;
/// Money has cents.
const POINT_DIGITS_MIN: usize = 2;

/// How many digits after the point the amounts of one part show.
#[derive(Clone, Copy)]
struct Digits(usize);

impl Digits {
    /// So many that six digits of the largest sum are seen.
    fn fitting(largest: Signed) -> Self {
        let length = largest.units().unsigned_abs().to_string().len();
        let shown = AMOUNT_DIGITS
            .saturating_add(SHOWN_DIGITS)
            .saturating_sub(length);
        Self(shown.clamp(POINT_DIGITS_MIN, AMOUNT_DIGITS))
    }

    /// An amount to read, that keeps the exact one.
    fn show(self, amount: Signed) -> Markup {
        let exact = amount.to_string();
        html! { data value=(exact) title=(exact) { (amount.rounded(self.0)) } }
    }
}

/// The report as HTML.
#[must_use]
pub fn report_page(report: &Report) -> String {
    let period = &report.scope.period;
    let title = format!(
        "Statement from {} to {}",
        period.first_day(),
        period.last_day()
    );
    let body = html! {
        header {
            h1 { (title) }
            p.lead {
                "What was charged from " (period.from()) " up to " (period.to()) ". "
                @match &report.scope.requestor {
                    Some(requestor) => { "Of requestor " code.whole { (requestor) } "." }
                    None => { "Of all requestors." }
                }
            }
        }
        @if report.parts.is_empty() { p { "Nothing was charged, given back or disputed." } }
        @for one in &report.parts { (part(one)) }
        footer {
            p {
                "Amounts are rounded for reading; point at one, or copy its value, for all its digits. "
                "What an amount is for is in the receipts, which anyone can check. Times are in UTC."
            }
        }
    };
    page(&title, &body)
}

fn part(part: &Part) -> Markup {
    let (currency, digits) = (part.currency, Digits::fitting(part.sum.charged));
    html! {
        section aria-label=(currency) {
            h2 { "Totals in " (currency) }
            (totals(part, digits))
            (anomalies(part, digits))
            (over_time(part, digits))
            section { h3 { "By meter" } (meters(part, digits)) }
            div.grid {
                section {
                    h3 { "By job" }
                    (ranking("Job", &part.jobs, digits, |digest| short(&digest.to_string())))
                }
                section {
                    h3 { "By requestor" }
                    (ranking("Requestor", &part.requestors, digits, |name| short(&name.0.to_string())))
                }
                section {
                    h3 { "By program" }
                    (ranking("Program", &part.programs, digits, |digest| short(&digest.to_string())))
                }
                section { h3 { "By model" } (models(part, digits)) }
                section {
                    h3 { "By outcome" }
                    (ranking("Outcome", &part.outcomes, digits, |outcome| html! { (outcome) }))
                }
            }
            (credits(part, digits))
            (disputes(part, digits))
        }
    }
}

fn totals(part: &Part, digits: Digits) -> Markup {
    let currency = part.currency;
    let count = |count: u64| grouped(&count.to_string());
    let money = |name: &str, amount: Signed, more: &str| {
        html! { div { dt { (name) } dd { (digits.show(amount)) " " (currency) span.small { (more) } } } }
    };
    html! {
        dl.cards {
            (money("Charged", part.sum.charged, &format!("{} receipts", count(part.sum.receipts))))
            (money("Given back", part.credits.sum, &format!("{} credits", count(part.credits.count))))
            (money("Net", part.net, "charged less given back"))
            (money("Disputed", part.disputes.sum, &format!("{} disputes", count(part.disputes.count))))
            @if part.rounded_invoices > 0 {
                (money("Rounding", part.rounded, &format!("{} invoices", count(part.rounded_invoices))))
            }
            (money(
                "Without a result",
                part.sum.failed_charged,
                &format!("{} receipts", count(part.sum.failed)),
            ))
        }
        p.small { "Exactly " (part.sum.charged) " " (currency) " charged, " (part.net) " " (currency) " net." }
    }
}

fn whose(whose: &Whose) -> Markup {
    match whose {
        Whose::Everyone => html! { "All charges" },
        Whose::Requestor(key) => html! { "Requestor " (short(&key.to_string())) },
        Whose::Program(digest) => html! { "Program " (short(&digest.to_string())) },
    }
}

fn anomalies(part: &Part, digits: Digits) -> Markup {
    let currency = part.currency;
    html! {
        h2 { "To look at" }
        @if part.anomalies.is_empty() {
            p { "Nothing stands out: no " (part.step.name()) " costs more than three times the usual, no job \
                 cost different amounts, and less than a quarter of the receipts are without a result." }
        }
        ul.anomalies {
            @for anomaly in &part.anomalies {
                li { (one_anomaly(anomaly, part, digits)) }
            }
        }
        @if part.more_anomalies > 0 {
            p.small { "And " (part.more_anomalies) " more, with less " (currency) " at stake." }
        }
    }
}

fn one_anomaly(anomaly: &Anomaly, part: &Part, digits: Digits) -> Markup {
    let currency = part.currency;
    match anomaly {
        Anomaly::Unequal {
            job,
            receipts,
            least,
            most,
        } => html! {
            strong { "One job cost different amounts" }
            "Job " (short(&job.to_string())) ", " (receipts) " receipts with the outcome ok by one rate card: from "
            (least) " to " (most) " " (currency)
            ". A job's bill is a function of the job, unless a model ran on a GPU: compare the receipts."
        },
        Anomaly::Peak { whose: who, peak } => html! {
            strong { "A " (part.step.name()) " far above the others" }
            (whose(who)) ": " (digits.show(peak.charged)) " " (currency) " in the " (part.step.name()) " of "
            (part.step.label(peak.start)) ", where " (digits.show(peak.usual)) " is usual."
        },
        Anomaly::NoResult { whose: who, sum } => html! {
            strong { "Many charges without a result" }
            (whose(who)) ": " (sum.failed) " of " (sum.receipts) " receipts are for jobs that failed, trapped, \
            reached a limit or were stopped; they cost " (digits.show(sum.failed_charged)) " " (currency) "."
        },
    }
}

fn over_time(part: &Part, digits: Digits) -> Markup {
    let (step, currency) = (part.step, part.currency);
    let title = format!("Charged by {} in {currency}", step.name());
    let label = |index: usize| part.points.get(index).map(|point| step.label(point.start));
    let bars: Vec<_> = part
        .points
        .iter()
        .map(|point| (step.label(point.start), point.charged))
        .collect();
    let largest = part
        .points
        .iter()
        .map(|point| point.charged)
        .max()
        .unwrap_or_default();
    let last = part.points.len().saturating_sub(1);
    html! {
        h2 { "Cost by " (step.name()) }
        figure {
            figcaption.axis { span { (title) } span { "top: " (digits.show(largest)) } }
            (columns(&title, &bars))
            div.axis { span { (label(0).unwrap_or_default()) } span { (label(last).unwrap_or_default()) } }
        }
        div.scroll.tall tabindex="0" role="region" aria-label=(title) {
            table {
                thead { tr {
                    th scope="col" { (step.title()) }
                    th.n scope="col" { "Charged" } th.n scope="col" { "Given back" } th.n scope="col" { "Receipts" }
                } }
                tbody {
                    @for point in &part.points {
                        tr {
                            th scope="row" { (step.label(point.start)) }
                            td.n { (digits.show(point.charged)) }
                            td.n { (digits.show(point.credited)) }
                            td.n { (grouped(&point.receipts.to_string())) }
                        }
                    }
                }
            }
        }
    }
}

fn meters(part: &Part, digits: Digits) -> Markup {
    let largest = part
        .meters
        .iter()
        .map(|(_, sum)| sum.charged)
        .max()
        .unwrap_or_default();
    let unit = |name: &str| name.parse::<Meter>().map(Meter::unit).unwrap_or("charge");
    html! {
        div.scroll {
            table.stack {
                thead { tr {
                    th scope="col" { "Meter" } th.n scope="col" { "Units" }
                    th.n scope="col" { "Charged" }
                } }
                tbody {
                    @for (name, sum) in &part.meters {
                        tr {
                            th scope="row" { (name) span.small { (unit(name)) } }
                            td.n data-label="Units" { (grouped(&sum.quantity.to_string())) }
                            td.n.barred data-label="Charged" { (digits.show(sum.charged)) (row_bar(sum.charged, largest)) }
                        }
                    }
                }
            }
        }
    }
}

fn ranking<K>(
    name: &str,
    ranking: &Ranking<K>,
    digits: Digits,
    show: impl Fn(&K) -> Markup,
) -> Markup {
    let others = ranking.others;
    let largest = ranking
        .rows
        .first()
        .map(|(_, sum)| sum.charged)
        .unwrap_or_default()
        .max(others.charged);
    let row = |label: Markup, sum: &Sum| {
        html! {
            tr {
                th scope="row" { (label) }
                td.n { (grouped(&sum.receipts.to_string())) }
                td.n.barred { (digits.show(sum.charged)) (row_bar(sum.charged, largest)) }
            }
        }
    };
    html! {
        div.scroll {
            table {
                thead { tr {
                    th scope="col" { (name) } th.n scope="col" { "Receipts" } th.n scope="col" { "Charged" }
                } }
                tbody {
                    @for (key, sum) in &ranking.rows { (row(show(key), sum)) }
                    @if others.receipts > 0 {
                        @let count = grouped(&ranking.other_names.to_string());
                        (row(html! { (count) @if ranking.is_cut { " and more" } " others" }, &others))
                    }
                }
            }
        }
        @if ranking.is_cut {
            p.small {
                "Only the first " (grouped(&NAMES_MAX.to_string()))
                " were told apart; one that came later may be missing above."
            }
        }
    }
}

fn models(part: &Part, digits: Digits) -> Markup {
    let by_model = &part.models;
    let label = |digest: &Digest| {
        let code = short(&digest.to_string());
        match by_model.inputs.get(digest) {
            Some(input) => html! { (input) span.small { (code) } },
            None => code,
        }
    };
    html! {
        @if by_model.models.rows.is_empty() && by_model.rest.is_zero() {
            p { "No model was used." }
        } @else {
            (ranking("Model", &by_model.models, digits, label))
            @if !by_model.rest.is_zero() {
                p.small {
                    "What models used costs " (digits.show(by_model.rest)) " " (part.currency)
                    " more: digits that each model's part is rounded down by, and models that receipts do not tell."
                }
            }
        }
    }
}

fn more<T>(listed: &Listed<T>) -> Markup {
    let shown = u64::try_from(listed.first.len()).unwrap_or(u64::MAX);
    let left = listed.count.saturating_sub(shown);
    html! { @if left > 0 { p.small { "And " (grouped(&left.to_string())) " more, which the export lists." } } }
}

fn credits(part: &Part, digits: Digits) -> Markup {
    html! {
        h2 { "Credits" }
        @if part.credits.first.is_empty() { p { "Nothing was given back." } } @else {
            div.scroll tabindex="0" role="region" aria-label=(format!("Credits in {}", part.currency)) {
                table.stack {
                    thead { tr {
                        th scope="col" { "Credit" } th scope="col" { "When" } th scope="col" { "Receipt" }
                        th scope="col" { "Reason" } th.n scope="col" { "Given back" }
                    } }
                    tbody {
                        @for credit in &part.credits.first {
                            tr {
                                th scope="row" { (credit.id) }
                                td.when data-label="When" { (part_of_day(&credit.at.to_string())) }
                                td data-label="Receipt" { (short(&credit.receipt.to_string())) }
                                td.reason data-label="Reason" { (credit.reason) }
                                td.n data-label="Given back" { (digits.show(credit.amount.into())) }
                            }
                        }
                    }
                }
            }
            (more(&part.credits))
        }
    }
}

fn disputes(part: &Part, digits: Digits) -> Markup {
    html! {
        h2 { "Disputes" }
        @if part.disputes.first.is_empty() { p { "Nothing is disputed." } } @else {
            div.scroll tabindex="0" role="region" aria-label=(format!("Disputes in {}", part.currency)) {
                table.stack {
                    thead { tr {
                        th scope="col" { "Order" } th scope="col" { "When" } th scope="col" { "Receipt" }
                        th scope="col" { "Reason" } th.n scope="col" { "Total" }
                    } }
                    tbody {
                        @for dispute in &part.disputes.first {
                            tr {
                                th.reason scope="row" { (dispute.order_id) }
                                td.when data-label="When" { (part_of_day(&dispute.at.to_string())) }
                                td data-label="Receipt" { (short(&dispute.receipt.to_string())) }
                                td.reason data-label="Reason" { (dispute.reason) }
                                td.n data-label="Total" { (digits.show(dispute.total.into())) }
                            }
                        }
                    }
                }
            }
            (more(&part.disputes))
        }
    }
}

/// A moment without its seconds, which may break between day and time.
fn part_of_day(at: &str) -> String {
    at.chars()
        .take(16)
        .map(|c| if c == 'T' { ' ' } else { c })
        .collect()
}

#[cfg(test)]
mod tests;
