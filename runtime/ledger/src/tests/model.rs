//! Random lives of orders against a model of a dozen lines: an order is charged once, by the provider that it
//! names, before it expires, and no budget is spent twice.

use std::collections::BTreeMap;

use meterbox_billing::receipt::Receipt;
use proptest::prelude::*;

use super::*;

/// Something that is done to one of a few orders.
#[derive(Debug, Clone, Copy)]
enum Step {
    Accept {
        order: u8,
        late: bool,
        hold: u8,
    },
    Record {
        order: u8,
        price: u8,
        other_provider: bool,
    },
    Abandon {
        order: u8,
    },
    Credit {
        order: u8,
        id: u8,
        amount: u8,
    },
    Grant {
        id: u8,
        amount: u8,
    },
    /// Posts what an invoice of a period rounds. All charges are of the periods that are not `empty`.
    Round {
        invoice: u8,
        empty: bool,
        wrong: bool,
    },
    Crash,
}

fn any_step() -> impl Strategy<Value = Step> {
    let order = 0..4_u8;
    prop_oneof![
        4 => (order.clone(), prop::bool::weighted(0.1), 1..9_u8)
            .prop_map(|(order, late, hold)| Step::Accept { order, late, hold }),
        4 => (order.clone(), 0..9_u8, prop::bool::weighted(0.1))
            .prop_map(|(order, price, other_provider)| Step::Record { order, price, other_provider }),
        2 => order.clone().prop_map(|order| Step::Abandon { order }),
        2 => (order, 0..3_u8, 1..9_u8)
            .prop_map(|(order, id, amount)| Step::Credit { order, id, amount }),
        1 => (0..3_u8, 1..20_u8).prop_map(|(id, amount)| Step::Grant { id, amount }),
        2 => (0..3_u8, prop::bool::weighted(0.3), prop::bool::weighted(0.3))
            .prop_map(|(invoice, empty, wrong)| Step::Round { invoice, empty, wrong }),
        1 => Just(Step::Crash),
    ]
}

/// What the books should say, in tenths of a cent.
#[derive(Default)]
struct Model {
    held: BTreeMap<u8, i64>,
    charged: BTreeMap<u8, i64>,
    credits: BTreeMap<u8, (u8, i64)>,
    grants: BTreeMap<u8, i64>,
    /// What invoices left over, and whether it is what was asked for.
    roundings: BTreeMap<u8, (i64, bool)>,
}

/// Tenths of a cent that rounding so many to cents, half to even, leaves over.
fn left_over(tenths: i64) -> i64 {
    let (cents, rest) = (tenths.div_euclid(10), tenths.rem_euclid(10));
    if rest < 5 || (rest == 5 && cents % 2 == 0) {
        rest
    } else {
        rest - 10
    }
}

impl Model {
    fn budget(&self) -> i64 {
        self.grants.values().sum::<i64>()
            - self.held.values().sum::<i64>()
            - self.charged.values().sum::<i64>()
            + self.credits.values().map(|(_, amount)| amount).sum::<i64>()
            + self.rounded()
    }

    fn rounded(&self) -> i64 {
        self.roundings.values().map(|(left, _)| left).sum()
    }

    /// What is charged less what is given back.
    fn owed(&self) -> i64 {
        let given = self.credits.values().map(|(_, amount)| amount);
        self.charged.values().sum::<i64>() - given.sum::<i64>()
    }

    /// What an invoice of everything leaves over, or what is not left over.
    fn to_round(&self, wrong: bool) -> i64 {
        left_over(self.owed()) + i64::from(wrong)
    }

    /// Whether the books are to take this, which they then have.
    fn takes(&mut self, step: Step) -> bool {
        match step {
            Step::Accept { order, late, hold } => {
                let hold = i64::from(hold);
                let is_known = self.charged.contains_key(&order);
                let fits = self.grants.is_empty() || hold <= self.budget();
                let takes = !late && !is_known && !self.held.contains_key(&order) && fits;
                if takes {
                    self.held.insert(order, hold);
                }
                takes || (is_known && !self.held.contains_key(&order))
            }
            Step::Record {
                order,
                price,
                other_provider,
            } => {
                let fits = self
                    .held
                    .get(&order)
                    .is_some_and(|held| i64::from(price) <= *held);
                if fits && !other_provider {
                    self.held.remove(&order);
                    self.charged.insert(order, price.into());
                }
                fits && !other_provider
            }
            Step::Abandon { order } => self.held.remove(&order).is_some(),
            Step::Credit { order, id, amount } => {
                let amount = i64::from(amount);
                let Some(charged) = self.charged.get(&order) else {
                    return false;
                };
                if let Some(known) = self.credits.get(&id) {
                    return *known == (order, amount);
                }
                let given = self.credits.values().filter(|(of, _)| *of == order);
                let fits = given.map(|(_, amount)| amount).sum::<i64>() + amount <= *charged;
                if fits {
                    self.credits.insert(id, (order, amount));
                }
                fits
            }
            Step::Grant { id, amount } => {
                *self.grants.entry(id).or_insert(amount.into()) == i64::from(amount)
            }
            Step::Round {
                invoice,
                empty,
                wrong,
            } => {
                let left = self.to_round(wrong);
                if let Some((known, was_empty)) = self.roundings.get(&invoice) {
                    return (*known, *was_empty) == (left, empty);
                }
                // One invoice of a time, and only of what there is to round.
                let takes = self.roundings.is_empty() && !empty && !wrong && left != 0;
                if takes {
                    self.roundings.insert(invoice, (left, empty));
                }
                takes
            }
            Step::Crash => {
                self.held.clear();
                true
            }
        }
    }
}

fn order_of(number: u8) -> Order {
    order(&format!("order-{number}"), u64::from(number))
}

/// Units in a tenth of a cent.
const TENTH: i128 = 1_000_000_000_000_000;

fn tenths(count: u8) -> Amount {
    Amount::from_units(u128::from(count) * TENTH.unsigned_abs())
}

/// A receipt of one line: a fee of so many tenths of a cent.
fn receipt(order: &Order, price: u8, next: Next, key: &SigningKey) -> Receipt {
    let mut part = fixture::reproducible(order, 0);
    part.total = tenths(price);
    for line in &mut part.lines {
        line.amount = part.total;
    }
    assert_eq!(part.lines.len(), 1);
    let mut attested = fixture::attested(order, next.sequence, next.previous);
    attested.provider_key = key.public().unwrap();
    Receipt::new(part, attested).unwrap()
}

/// Does a step; `left` is what an invoice is said to leave over.
fn does(ledger: &mut Ledger, step: Step, left: i128) -> Result<(), LedgerError> {
    match step {
        Step::Accept { order, late, hold } => {
            let now = at(if late { fixture::EXPIRY } else { NOW });
            let envelope = sealed(&order_of(order));
            let new = NewOrder::read(&envelope, &known_offer(), tenths(hold), usd(), now)?;
            ledger.accept(&new).map(drop)
        }
        Step::Record {
            order,
            price,
            other_provider,
        } => {
            let order = order_of(order);
            let key = match other_provider {
                true => SigningKey::from_bytes(&[9; 32]),
                false => provider(),
            };
            let sign = |next| {
                let draft = Draft::of(receipt(&order, price, next, &key))?;
                SealedReceipt::seal(&draft, next, &key)
            };
            ledger.record_with(&order.id, sign).map(drop)
        }
        Step::Abandon { order } => ledger.abandon(&order_of(order).id, &fault("x")),
        Step::Credit { order, id, amount } => {
            let digest = match ledger.receipt(&order_of(order).id)? {
                Some(envelope) => {
                    meterbox_billing::envelope::Envelope::from_bytes(&envelope)?.payload_digest()?
                }
                None => Digest::of(b"none"),
            };
            let credit = fixture::credit(&format!("credit-{id}"), &digest, tenths(amount));
            let credit = fixture::sealed(&credit, &provider());
            ledger.give_credit(&credit).map(drop)
        }
        Step::Grant { id, amount } => {
            let amount = tenths(amount).to_string();
            let grant = budgets::grant(&format!("grant-{id}"), &amount);
            ledger.grant(&grant).map(drop)
        }
        Step::Round { invoice, empty, .. } => {
            let mut rounded = roundings::of(&format!("invoice-{invoice}"), left * TENTH);
            if empty {
                rounded.at = rounded.from;
            }
            ledger.post_rounding(&rounded).map(drop)
        }
        Step::Crash => Ok(()),
    }
}

/// Shown money in tenths of a cent.
fn in_tenths(shown: &str) -> i64 {
    let (size, sign) = match shown.strip_prefix('-') {
        Some(size) => (size, -1),
        None => (shown, 1),
    };
    let units = i128::try_from(amount(size).units()).unwrap();
    assert_eq!(units % TENTH, 0, "{shown}");
    sign * i64::try_from(units / TENTH).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn an_order_is_charged_once_by_its_provider_before_it_expires(
        steps in prop::collection::vec(any_step(), 1..40)
    ) {
        let (_folder, path) = books();
        let open = || {
            let ledger = open(&path);
            // What is not synchronised survives the death of a process, if not of the machine.
            ledger.connection().pragma_update(None, "synchronous", "OFF").unwrap();
            ledger
        };
        let (mut ledger, mut model) = (open(), Model::default());
        for step in steps {
            let wrong = matches!(step, Step::Round { wrong: true, .. });
            let left = model.to_round(wrong);
            let takes = model.takes(step);
            if let Step::Crash = step {
                drop(ledger);
                ledger = open();
            }
            let done = does(&mut ledger, step, left.into());
            prop_assert_eq!(done.is_ok(), takes, "{:?}: {:?}", step, done);
        }
        prop_assert_eq!(ledger.check().unwrap(), []);
        let shown = balances(&ledger);
        let of = |name: &str| {
            let found = shown.iter().find(|(account, _)| account == name);
            found.map_or(0, |(_, amount)| in_tenths(amount.strip_suffix(" USD").unwrap()))
        };
        prop_assert_eq!(of("requestor:KEY:budget"), model.budget());
        prop_assert_eq!(of("requestor:KEY:held"), model.held.values().sum::<i64>());
        prop_assert_eq!(of("provider:income"), model.owed());
        prop_assert_eq!(of("provider:rounding"), -model.rounded());
        prop_assert_eq!(ledger.next_sequence().unwrap(), model.charged.len() as u64);
    }
}
