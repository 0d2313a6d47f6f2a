//! Says whether several providers' receipts of one job agree, and where they first differ. Checks no signature:
//! verify each receipt before.

use serde::Serialize;

use crate::canonical::CanonicalError;
use crate::digest::Digest;
use crate::key::PublicKey;
use crate::receipt::Receipt;
use crate::verify::{Difference, compare};

/// One group of receipts whose reproducible parts are the same bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Group {
    /// The digest of the reproducible part.
    pub reproducible: Digest,
    /// The receipts, by their positions in the list that was compared.
    pub receipts: Vec<usize>,
    /// Their providers, one each.
    pub providers: Vec<PublicKey>,
    /// The first field in which they differ from the first group; none in that group itself.
    pub difference: Option<Difference>,
}

impl Group {
    fn named(&self, names: &[String]) -> String {
        let named = self.receipts.iter().map(|position| {
            let name = names.get(*position).cloned();
            name.unwrap_or_else(|| format!("receipt {position}"))
        });
        named.collect::<Vec<_>>().join(", ")
    }
}

/// What comparing receipts came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Agreement {
    /// How many different providers wrote them: several receipts of one prove no more than one.
    pub providers: usize,
    /// The groups, the largest first; of two equally large ones the one that comes first in the list.
    pub groups: Vec<Group>,
}

impl Agreement {
    /// Whether all say the same.
    #[must_use]
    pub fn is_unanimous(&self) -> bool {
        self.groups.len() <= 1
    }

    /// What it came to, a line for each group; `names` are those of the receipts, in the order in which they were
    /// compared.
    #[must_use]
    pub fn in_words(&self, names: &[String]) -> String {
        let Some((first, others)) = self.groups.split_first() else {
            return "there is nothing to compare\n".to_owned();
        };
        let receipts: usize = self.groups.iter().map(|group| group.receipts.len()).sum();
        let all = format!("{receipts} receipts by {} provider(s)", self.providers);
        if others.is_empty() {
            return format!("{all}: all agree\n");
        }
        let mut text = format!("{all}: they differ\n{} agree\n", first.named(names));
        for group in others {
            let difference = match &group.difference {
                Some(Difference {
                    field,
                    ours,
                    theirs,
                }) => format!("`{field}` is {theirs}, not {ours}"),
                None => "nothing differs".to_owned(),
            };
            text.push_str(&format!("{}: {difference}\n", group.named(names)));
        }
        text
    }
}

/// Compares the reproducible parts of receipts, causes before effects: a receipt of another job differs in `job`.
/// Differences are told from the largest group's point of view.
pub fn agreement(receipts: &[Receipt]) -> Result<Agreement, CanonicalError> {
    let mut groups: Vec<Group> = Vec::new();
    for (position, receipt) in receipts.iter().enumerate() {
        let reproducible = Digest::of(&receipt.reproducible_bytes()?);
        let provider = receipt.attested().provider_key;
        let same = |group: &&mut Group| group.reproducible == reproducible;
        match groups.iter_mut().find(same) {
            Some(group) => {
                group.receipts.push(position);
                group.providers.push(provider);
            }
            None => groups.push(Group {
                reproducible,
                receipts: vec![position],
                providers: vec![provider],
                difference: None,
            }),
        }
    }
    groups.sort_by_key(|group| std::cmp::Reverse(group.receipts.len()));
    if let Some((first, others)) = groups.split_first_mut() {
        let ours = receipts[first.receipts[0]].reproducible();
        for group in others {
            let theirs = receipts[group.receipts[0]].reproducible();
            group.difference = compare(ours, theirs)?;
        }
    }
    let mut providers: Vec<_> = (receipts.iter())
        .map(|receipt| receipt.attested().provider_key.id())
        .collect();
    providers.sort();
    providers.dedup();
    Ok(Agreement {
        providers: providers.len(),
        groups,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{attested, provider_key, reproducible, requestor_key};
    use crate::key::SigningKey;
    use crate::receipt::Reproducible;

    fn by(key: &SigningKey, change: impl Fn(&mut Reproducible)) -> Receipt {
        let mut part = reproducible();
        change(&mut part);
        let mut said = attested();
        said.provider_key = key.public().unwrap();
        Receipt::new(part, said).unwrap()
    }

    #[test]
    fn receipts_that_say_the_same_agree_whoever_wrote_them() {
        let all = [by(&provider_key(), |_| {}), by(&requestor_key(), |_| {})];
        let found = agreement(&all).unwrap();
        assert!(found.is_unanimous());
        assert_eq!(
            (found.providers, found.groups[0].receipts.as_slice()),
            (2, [0, 1].as_slice())
        );
        let twice = [by(&provider_key(), |_| {}), by(&provider_key(), |_| {})];
        assert_eq!(agreement(&twice).unwrap().providers, 1);
        assert_eq!(
            found.in_words(&[]),
            "2 receipts by 2 provider(s): all agree\n"
        );
        assert!(agreement(&[]).unwrap().is_unanimous());
    }

    #[test]
    fn the_odd_one_out_is_named_with_the_field_and_both_values() {
        let third = SigningKey::from_bytes(&[3; 32]);
        let all = [
            by(&third, |part| part.usage.instructions += 5),
            by(&provider_key(), |_| {}),
            by(&requestor_key(), |_| {}),
        ];
        let found = agreement(&all).unwrap();
        assert!(!found.is_unanimous());
        assert_eq!(found.groups[0].receipts, [1, 2]);
        assert_eq!(found.groups[0].difference, None);
        let odd = &found.groups[1];
        assert_eq!(
            (odd.receipts.as_slice(), odd.providers[0]),
            ([0].as_slice(), third.public().unwrap())
        );
        assert_eq!(
            odd.difference,
            Some(Difference {
                field: "usage.instructions".into(),
                ours: "1204331".into(),
                theirs: "1204336".into()
            })
        );
    }

    #[test]
    fn what_it_came_to_is_told_with_the_names_of_the_files() {
        let all = [
            by(&provider_key(), |_| {}),
            by(&requestor_key(), |part| part.seed = 8),
            by(&SigningKey::from_bytes(&[3; 32]), |_| {}),
        ];
        let names = ["a.json", "b.json", "c.json"].map(str::to_owned);
        assert_eq!(
            agreement(&all).unwrap().in_words(&names),
            "3 receipts by 3 provider(s): they differ\na.json, c.json agree\nb.json: `seed` is 8, not 7\n"
        );
        assert_eq!(
            agreement(&[]).unwrap().in_words(&[]),
            "there is nothing to compare\n"
        );
    }

    #[test]
    fn receipts_of_other_jobs_differ_in_the_job() {
        let all = [
            by(&provider_key(), |_| {}),
            by(&requestor_key(), |part| part.job = Digest::of(b"another")),
        ];
        let found = agreement(&all).unwrap();
        let difference = found.groups[1].difference.as_ref().unwrap();
        assert_eq!(difference.field, "job");
    }
}
