//! The evolution of bad programs: each generation is one module, whose functions are run and judged.
//! Knows no operators.

use std::time::{Duration, Instant};

use meterbox_benches::guest::Laboratory;
use meterbox_benches::loops::{Loop, binary, function, ring};
use meterbox_meter::Tier;

use crate::alphabet::ITEMS;
use crate::case::{Case, Judged, Span, memory, per_call};
use crate::chance::Chance;
use crate::genome::{Genome, before};

const FIRST: usize = 220;
const CHILDREN: usize = 60;
const ELITE: usize = 24;
/// Found ones that are judged again alone, shortened and reported.
const REPORTED: usize = 5;
const RUN_NS: f64 = 3e5;
/// Modules run to shorten one found.
const SHORTENED_MAX: usize = 24;

/// Evolves for so long and returns the worst; with or without loads whose address was just loaded.
pub fn evolve(
    laboratory: &Laboratory,
    tier: Tier,
    seed: u64,
    chases: bool,
    time: Duration,
) -> Vec<Judged> {
    let began = Instant::now();
    let mut chance = Chance::new(seed, chases);
    let mut pool = Genome::first(&mut chance, FIRST);
    let mut ranked: Vec<(f64, Genome)> = Vec::new();
    let mut generation = 0;
    while began.elapsed() < time || ranked.is_empty() {
        ranked = judged(laboratory, tier, pool);
        ranked.truncate(ELITE);
        generation += 1;
        if let Some((worst, genome)) = ranked.first() {
            eprintln!(
                "  generation {generation}: {worst:.3} ns, {}",
                genome.summary()
            );
        }
        pool = ranked.iter().map(|(_, genome)| genome.clone()).collect();
        let Some(_) = pool.first() else { break };
        for _ in 0..CHILDREN {
            let (one, two) = (
                chance.below(ELITE.min(ranked.len())),
                chance.below(ranked.len()),
            );
            pool.push(ranked[one].1.child(&ranked[two].1, &mut chance));
        }
        pool.dedup();
    }
    different(ranked)
        .into_iter()
        .map(|genome| shortened(laboratory, tier, genome))
        .filter_map(|genome| {
            let name = format!("evolved: {}", genome.summary());
            let text = module(tier, std::slice::from_ref(&genome), true);
            Case {
                name,
                text,
                span: Span::Call,
                chases,
            }
            .judged(laboratory, tier)
        })
        .collect()
}

/// The worst of which no two begin with the same operators.
fn different(ranked: Vec<(f64, Genome)>) -> Vec<Genome> {
    let mut kept: Vec<Genome> = Vec::new();
    for (_, genome) in ranked {
        let key = |genome: &Genome| genome.summary().chars().take(16).collect::<String>();
        if kept.len() < REPORTED && kept.iter().all(|other| key(other) != key(&genome)) {
            kept.push(genome);
        }
    }
    kept
}

/// Without the genes that do not matter, in a few steps.
fn shortened(laboratory: &Laboratory, tier: Tier, mut genome: Genome) -> Genome {
    for _ in 0..SHORTENED_MAX {
        let mut pool = genome.shorter();
        pool.push(genome.clone());
        let ranked = judged(laboratory, tier, pool);
        let own = ranked.iter().find(|(_, other)| *other == genome);
        let own = own.map_or(f64::MAX, |(ns, _)| *ns);
        match ranked
            .into_iter()
            .find(|(ns, other)| *other != genome && *ns > 0.97 * own)
        {
            Some((_, shorter)) => genome = shorter,
            None => break,
        }
    }
    genome
}

/// Each genome with its nanoseconds for each unit, the worst first.
fn judged(laboratory: &Laboratory, tier: Tier, pool: Vec<Genome>) -> Vec<(f64, Genome)> {
    let program = match laboratory.metered(&binary(&module(tier, &pool, false))) {
        Ok(program) => program,
        Err(error) => {
            eprintln!("a generation is refused: {error}");
            return Vec::new();
        }
    };
    let mut guest = laboratory.start(&program);
    guest.set_up();
    let mut ranked: Vec<(f64, Genome)> = pool
        .into_iter()
        .enumerate()
        .filter_map(|(index, genome)| {
            let ns = per_call(&mut guest, &format!("f{index}"), RUN_NS, 2)?;
            Some((ns, genome))
        })
        .collect();
    ranked.sort_by(|one, other| other.0.total_cmp(&one.0));
    ranked
}

fn module(tier: Tier, genomes: &[Genome], alone: bool) -> String {
    let (bytes, pages) = memory(tier);
    let functions: String = genomes
        .iter()
        .enumerate()
        .map(|(index, genome)| {
            let name = match alone {
                true => "f".to_owned(),
                false => format!("f{index}"),
            };
            function(&name, &before(bytes), &genome.body(bytes))
        })
        .collect();
    let looped = Loop {
        items: ITEMS.to_owned(),
        memory: Some(pages),
        setup: ring(bytes, 64),
        ..Loop::default()
    };
    // The loop's own function is not needed beside theirs.
    let text = looped.module();
    let own = text.rfind("(func (export \"f\")").unwrap_or(text.len());
    format!("{}{functions})\n", &text[..own])
}
