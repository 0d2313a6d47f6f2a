//! What the search found, as text and as a document. Searches nothing.

use meterbox_benches::machine;
use meterbox_benches::table::{Table, figure};
use meterbox_meter::{SCHEDULE_VERSION, Tier};

use crate::case::Judged;

const LISTED: usize = 10;

/// What was found in one tier: both lists with the dearest first.
pub struct Found {
    pub tier: Tier,
    pub ordinary: Vec<Judged>,
    pub bad: Vec<Judged>,
}

impl Found {
    pub fn new(tier: Tier, mut ordinary: Vec<Judged>, mut bad: Vec<Judged>) -> Found {
        for list in [&mut ordinary, &mut bad] {
            list.sort_by(|one, other| other.ns_per_unit.total_cmp(&one.ns_per_unit));
        }
        Found {
            tier,
            ordinary,
            bad,
        }
    }

    /// The median of ordinary programs, the higher of two.
    pub fn typical(&self) -> f64 {
        self.at(self.ordinary.len() / 2)
    }

    fn at(&self, rank: usize) -> f64 {
        self.ordinary
            .get(rank)
            .map_or(f64::NAN, |judged| judged.ns_per_unit)
    }

    fn worst(&self, chases: bool) -> f64 {
        let mut counted = self
            .bad
            .iter()
            .filter(|judged| chases || !judged.case.chases);
        counted.next().map_or(f64::NAN, |judged| judged.ns_per_unit)
    }
}

fn summary(found: &[Found]) -> Table {
    let mut table = Table::new(&[
        "tier",
        "typical ns per unit",
        "least",
        "most",
        "worst found",
        "of typical",
        "worst but chases",
        "of typical",
    ]);
    for found in found {
        table.row([
            found.tier.name().to_owned(),
            figure(found.typical()),
            figure(found.at(found.ordinary.len().saturating_sub(1))),
            figure(found.at(0)),
            figure(found.worst(true)),
            figure(found.worst(true) / found.typical()),
            figure(found.worst(false)),
            figure(found.worst(false) / found.typical()),
        ]);
    }
    table
}

fn list(found: &Found, judged: &[Judged], most: usize) -> Table {
    let mut table = Table::new(&["program", "ns per unit", "of typical"]);
    for judged in judged.iter().take(most) {
        table.row([
            judged.case.name.clone(),
            figure(judged.ns_per_unit),
            figure(judged.ns_per_unit / found.typical()),
        ]);
    }
    table
}

/// For a terminal: `most` bad programs of each tier.
pub fn text(found: &[Found], most: usize) -> String {
    let mut text = format!("{}\n", machine::description());
    for found in found {
        text.push_str(&format!(
            "\n{} tier, ordinary programs\n{}\n{} tier, worst programs\n{}",
            found.tier.name(),
            list(found, &found.ordinary, usize::MAX).text(),
            found.tier.name(),
            list(found, &found.bad, most).text()
        ));
    }
    text + "\n" + &summary(found).text()
}

/// As a document.
pub fn document(found: &[Found], command: &str) -> String {
    let mut text = format!(
        "# Fair prices\n\n\
        How evenly a unit pays. A provider sells units and pays for time, so it earns least an hour on\n\
        the program that takes the most nanoseconds for each unit. This searches for that program, in\n\
        each memory tier, and compares it with ordinary ones. Times and units are of metered programs.\n\n\
        Schedule {SCHEDULE_VERSION}, on {}, by\n\n```console\n$ {command}\n```\n\n{}\n\
        `typical` is the median of the ordinary programs, `least` and `most` are the ends of their range.\n\
        `of typical` is by how much a provider earns less an hour on the worst program than on a typical\n\
        one. A chase does nothing but load from where the load before says: a fixed weight cannot tell a\n\
        load that hits a cache from one that misses all of them.\n",
        machine::description(),
        summary(found).markdown()
    );
    for found in found {
        text.push_str(&format!(
            "\n## The {} tier\n\nThe worst programs found:\n\n{}\nOrdinary programs:\n\n{}",
            found.tier.name(),
            list(found, &found.bad, LISTED).markdown(),
            list(found, &found.ordinary, usize::MAX).markdown()
        ));
    }
    text
}
