//! Owns the search for models that take longest for what they are charged: cases are changed by chance, and what
//! takes longer than all of its operator goes on.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use meterbox_inference::{Blueprint, ElementType, InputShape, ModelLimits};

use crate::case::{Case, Chance, In, Recipe};
use crate::measure::Bench;
use crate::mutation::mutate;

/// A call that is charged less says more of what a call takes than of its operator, and one that is charged more takes
/// too long to try many.
const OPERATIONS: std::ops::RangeInclusive<u64> = 500_000..=100_000_000;

/// Elements of one tensor.
const ELEMENTS_MAX: u64 = 1 << 20;

/// The worst kept of one operator on one engine.
const KEPT: usize = 4;

/// Operators of which the worst is printed, measured once more.
const PRINTED: usize = 60;

/// Changes of one model at once.
const CHANGES_MAX: u32 = 4;

/// What takes longer than this is told, and ends the search.
const HANG: Duration = Duration::from_secs(100);

/// A model, and how many times as long as of a product its operations take.
struct Found {
    times: f64,
    recipe: Recipe,
}

/// Searches for so long, and prints what it found. Gives the most times as long as a product that one takes.
pub fn search(cases: Vec<Case>, benches: &[Bench], time: Duration, seed: u64) -> f64 {
    let seeds: Vec<Recipe> = cases.into_iter().filter_map(|case| case.recipe).collect();
    let watched = watch();
    let mut chance = Chance(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let mut worst: HashMap<(usize, String), Vec<Found>> = HashMap::new();
    let (mut tried, mut valid) = (0_u64, 0_u64);
    let begun = Instant::now();
    while begun.elapsed() < time && !seeds.is_empty() {
        let mut recipe = parent(&seeds, &worst, &mut chance).clone();
        for _ in 0..=chance.below(CHANGES_MAX) {
            mutate(&mut recipe, &mut chance);
        }
        tried += 1;
        if !is_worth_it(&recipe) {
            continue;
        }
        valid += 1;
        *watched.lock().unwrap() = Some((Instant::now(), shown(&recipe)));
        let case = recipe.clone().case(&recipe.operator);
        for (index, bench) in benches.iter().enumerate() {
            let kept = worst.entry((index, recipe.operator.clone())).or_default();
            let bar = match kept.get(KEPT - 1) {
                Some(last) => last.times,
                None => 0.0,
            };
            let rough = bench.roughly(&case).map(|found| bench.times(found));
            if !rough.is_ok_and(|times| times > bar) {
                continue;
            }
            let Ok(found) = bench.of(&case) else {
                continue;
            };
            let times = bench.times(found);
            kept.push(Found {
                times,
                recipe: recipe.clone(),
            });
            kept.sort_unstable_by(|one, other| other.times.total_cmp(&one.times));
            kept.truncate(KEPT);
        }
        *watched.lock().unwrap() = None;
    }
    println!("{tried} models were tried, {valid} of them valid; the worst of each operator:");
    let mut all: Vec<(&Found, usize)> = worst
        .iter()
        .filter_map(|((index, _), kept)| Some((kept.first()?, *index)))
        .collect();
    all.sort_unstable_by(|one, other| other.0.times.total_cmp(&one.0.times));
    let again = all.into_iter().take(PRINTED).map(|(found, index)| {
        let case = found.recipe.clone().case(&found.recipe.operator);
        let times = benches[index].times_now(&case);
        (times.unwrap_or(found.times), index, &found.recipe)
    });
    let mut again: Vec<_> = again.collect();
    again.sort_unstable_by(|one, other| other.0.total_cmp(&one.0));
    for (times, index, recipe) in &again {
        println!(
            "{times:>9.1} ×  {}: {}",
            benches[*index].kind(),
            shown(recipe)
        );
    }
    // What nothing could compute is fair to nobody.
    again.first().map_or(f64::INFINITY, |(times, ..)| *times)
}

/// A case, or what was kept.
fn parent<'a>(
    seeds: &'a [Recipe],
    worst: &'a HashMap<(usize, String), Vec<Found>>,
    chance: &mut Chance,
) -> &'a Recipe {
    let at = usize::try_from(chance.below(u32::try_from(seeds.len()).unwrap())).unwrap();
    let seed = &seeds[at];
    // The case's operator is as likely for one as for the other.
    let engine = usize::from(chance.below(2) == 1);
    let kept = worst.get(&(engine, seed.operator.clone()));
    match kept.filter(|kept| !kept.is_empty()) {
        Some(kept) if chance.below(3) > 0 => {
            let at = usize::try_from(chance.below(u32::try_from(kept.len()).unwrap())).unwrap();
            &kept[at].recipe
        }
        _ => seed,
    }
}

/// Whether it is a model, of a cost at which it can be measured.
fn is_worth_it(recipe: &Recipe) -> bool {
    let is_small = recipe.inputs.iter().all(|input| {
        let sizes: Vec<u64> = match input {
            In::Weights(dimensions) | In::Zeros(_, dimensions, _) => {
                let sizes = dimensions.iter();
                sizes
                    .map(|&size| u64::try_from(size).unwrap_or(u64::MAX))
                    .collect()
            }
            other => other
                .given()
                .map(|(_, dimensions)| dimensions.iter().map(|&size| size.into()).collect())
                .unwrap_or_default(),
        };
        let mut sizes = sizes.into_iter();
        sizes
            .try_fold(1_u64, u64::checked_mul)
            .is_some_and(|elements| elements <= ELEMENTS_MAX)
    });
    if !is_small {
        return false;
    }
    let Ok(blueprint) = Blueprint::read(&recipe.model().bytes(), &ModelLimits::default()) else {
        return false;
    };
    let inputs = recipe.inputs.iter().enumerate();
    let given: Vec<(String, ElementType, &[u32])> = inputs
        .filter_map(|(index, input)| {
            let (number, dimensions) = input.given()?;
            Some((
                format!("x{index}"),
                ElementType::from_onnx(number)?,
                dimensions,
            ))
        })
        .collect();
    let shapes: Vec<InputShape<'_>> = given
        .iter()
        .map(|(name, element_type, dimensions)| InputShape {
            name,
            dimensions,
            element_type: *element_type,
        })
        .collect();
    let cost = blueprint.cost(&shapes).ok();
    cost.and_then(|cost| cost.operations.total())
        .is_some_and(|operations| OPERATIONS.contains(&operations))
}

/// One line that says all of it.
fn shown(recipe: &Recipe) -> String {
    let attributes = recipe.attributes.iter().map(|attribute| {
        let name = &attribute.name;
        if !attribute.s.is_empty() {
            format!("{name}={}", String::from_utf8_lossy(&attribute.s))
        } else if attribute.ints.is_empty() {
            format!("{name}={}", attribute.i)
        } else {
            format!("{name}={:?}", attribute.ints)
        }
    });
    let attributes: Vec<String> = attributes.collect();
    let inputs: Vec<String> = recipe
        .inputs
        .iter()
        .map(|input| format!("{input:?}"))
        .collect();
    format!(
        "{} ({}) {} -> {:?}",
        recipe.operator,
        inputs.join(", "),
        attributes.join(" "),
        recipe.outputs
    )
}

type Watched = Arc<Mutex<Option<(Instant, String)>>>;

/// Ends the program when one model takes far too long, which is what is searched for.
#[allow(
    clippy::exit,
    reason = "the thread that computes cannot be stopped in another way"
)]
fn watch() -> Watched {
    let watched: Watched = Arc::default();
    let seen = Arc::clone(&watched);
    std::thread::spawn(move || {
        loop {
            std::thread::sleep(Duration::from_secs(1));
            if let Some((since, model)) = seen.lock().unwrap().as_ref()
                && since.elapsed() > HANG
            {
                println!("takes longer than {HANG:?}: {model}");
                std::process::exit(1);
            }
        }
    });
    watched
}
