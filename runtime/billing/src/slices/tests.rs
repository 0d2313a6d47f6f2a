use super::*;
use crate::fixture::{attested, reproducible};
use crate::outcome::Outcome;

fn checkpoint(text: &str) -> Blob {
    Blob {
        name: CHECKPOINT.into(),
        sha256: Digest::of(text.as_bytes()),
        bytes: 1,
    }
}

/// The receipt of a run that goes on at one place, and leaves off at another.
fn slice(begins: Option<&str>, ends: Option<&str>, change: impl Fn(&mut Reproducible)) -> Receipt {
    let mut run = reproducible();
    run.inputs.extend(begins.map(checkpoint));
    run.outputs.extend(ends.map(checkpoint));
    change(&mut run);
    let mut by = attested();
    let place = begins.unwrap_or("nowhere");
    by.order_id = format!("from-{place}").parse().unwrap();
    Receipt::new(run, by).unwrap()
}

fn plain(begins: Option<&str>, ends: Option<&str>) -> Receipt {
    slice(begins, ends, |_| {})
}

#[test]
fn slices_are_put_in_their_order_and_add_up() {
    let whole = [
        plain(None, Some("a")),
        plain(Some("a"), Some("b")),
        plain(Some("b"), None),
    ];
    let one = whole[0].reproducible();
    let [total, instructions] = [one.total.units(), one.usage.instructions];
    for order in [[0, 1, 2], [2, 1, 0], [1, 2, 0]] {
        let slices = Slices::join(order.map(|at| &whole[at])).unwrap();
        let ordered: Vec<&Receipt> = whole.iter().collect();
        assert_eq!(slices.receipts, ordered);
        assert_eq!((slices.began_with, slices.end), (None, End::Done));
        assert_eq!(slices.usage.instructions, 3 * instructions);
        assert_eq!(slices.usage.memory_pages_peak, one.usage.memory_pages_peak);
        let sum = slices.totals[one.currency.code().as_str()].unwrap();
        assert_eq!(sum.units(), 3 * total);
    }
    // One that lies there twice counts once.
    let twice = Slices::join([&whole[0], &whole[1], &whole[0], &whole[2]]).unwrap();
    assert_eq!(twice.receipts.len(), 3);
}

#[test]
fn a_part_of_a_job_says_where_it_begins_and_ends() {
    let part = [plain(Some("a"), Some("b")), plain(Some("b"), Some("c"))];
    let slices = Slices::join(&part).unwrap();
    let [begins, ends] = ["a", "c"].map(|place| Digest::of(place.as_bytes()));
    assert_eq!(slices.began_with, Some(begins));
    assert_eq!(slices.end, End::GoesOn(ends));
}

#[test]
fn what_ended_badly_hands_nothing_on_and_is_made_up_for_where_it_began() {
    let badly = |order: &str| {
        let failed = slice(Some("b"), Some("c"), |run| {
            run.outcome = Outcome::Limit {
                which: "instructions".parse().unwrap(),
            };
        });
        let mut by = failed.attested().clone();
        by.order_id = order.parse().unwrap();
        Receipt::new(failed.reproducible().clone(), by).unwrap()
    };
    let [first, again] = ["first", "again"].map(badly);
    let before = plain(Some("a"), Some("b"));
    let slices = Slices::join([&before, &first]).unwrap();
    assert_eq!((slices.end, slices.receipts.len()), (End::Badly, 2));
    // Whatever it left.
    let after = plain(Some("c"), None);
    let gap = Slices::join([&before, &first, &after]).unwrap_err();
    assert!(matches!(gap, SliceError::Gap { .. }), "{gap}");
    // As often as it takes, and all of it counts.
    let made_up = plain(Some("b"), None);
    let all = [&made_up, &again, &before, &first];
    let slices = Slices::join(all).unwrap();
    assert_eq!(slices.end, End::Done);
    assert_eq!(slices.receipts.len(), 4);
    assert_eq!(slices.receipts[0], &before);
    assert_eq!(slices.receipts[3], &made_up);
    let one = before.reproducible().usage.instructions;
    assert_eq!(slices.usage.instructions, 4 * one);
    // Twice well is one too many.
    let twice = [&before, &made_up, &plain(Some("b"), Some("d"))];
    let error = Slices::join(twice).unwrap_err();
    assert!(matches!(error, SliceError::Twice { .. }), "{error}");
}

#[test]
fn what_does_not_belong_together_is_named() {
    let join = |receipts: &[Receipt]| Slices::join(receipts).unwrap_err();
    assert_eq!(join(&[]), SliceError::Empty);
    let gap = join(&[plain(None, Some("a")), plain(Some("b"), None)]);
    assert!(
        matches!(&gap, SliceError::Gap { order, checkpoint }
            if order == "from-b" && *checkpoint == Digest::of(b"b")),
        "{gap}"
    );
    let twice = join(&[plain(None, Some("a")), plain(None, Some("b"))]);
    assert!(matches!(twice, SliceError::Twice { .. }), "{twice}");
    let circle = [plain(Some("a"), Some("b")), plain(Some("b"), Some("a"))];
    assert_eq!(join(&circle), SliceError::Circle);
    assert_eq!(join(&[plain(Some("a"), Some("a"))]), SliceError::Circle);
    let too_much = |run: &mut Reproducible| run.usage.instructions = u128::MAX;
    let full = [
        slice(None, Some("a"), too_much),
        slice(Some("a"), None, too_much),
    ];
    assert!(matches!(join(&full), SliceError::Usage(_)));
}

#[test]
fn slices_are_of_one_job_and_of_whatever_provider_and_card() {
    let first = plain(None, Some("a"));
    type Change = fn(&mut Reproducible);
    let changes: [(&str, Change); 6] = [
        ("module", |run| run.module = Digest::of(b"another")),
        ("inputs", |run| run.inputs.insert(0, checkpoint("x"))),
        ("arguments", |run| run.arguments = Digest::of(b"another")),
        ("environment", |run| {
            run.environment = Digest::of(b"another")
        }),
        ("seed", |run| run.seed += 1),
        ("clock_start_ns", |run| run.clock_start_ns += 1),
    ];
    for (field, change) in changes {
        let other = slice(Some("a"), None, |run| {
            change(run);
            if field == "inputs" {
                run.inputs[0].name = "another".into();
            }
        });
        let error = Slices::join([&first, &other]).unwrap_err();
        assert!(
            matches!(&error, SliceError::OtherJob { field: found, .. } if *found == field),
            "{field}: {error}"
        );
    }
    let elsewhere = slice(Some("a"), None, |run| {
        run.rate_card = Digest::of(b"another");
        run.engine.meter_version = "2".into();
        run.limits.instructions += 1;
    });
    assert!(Slices::join([&first, &elsewhere]).is_ok());
}
