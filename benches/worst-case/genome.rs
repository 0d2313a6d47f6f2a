//! Loop bodies that evolve: lists of genes, and how they become WebAssembly. Runs nothing.
//!
//! A gene is an operator with a choice of operands. Read in order, genes take their operands from the
//! stack if it has them, and from locals otherwise, so that every list is valid and a list of one
//! operator again and again is as dense as WebAssembly allows.

use std::fmt::Write as _;

use crate::alphabet::{ARMS, OPERATORS, Ty};
use crate::chance::Chance;

use Ty::{P, W};

/// What runs before the loop: pointers are nodes of the ring, and then there are a large number to
/// divide, one, and a float too small to be normal.
pub fn before(bytes: u32) -> String {
    format!(
        "(local.set $w6 (i32.and (global.get $turn) (i32.const {mask})))
        (local.set $w7 (i32.xor (local.get $w6) (i32.const 4096)))
        (local.set $l8 (i64.const 0x7ffffffffffffff1))
        (local.set $d8 (f64.div (local.get $d8) (local.get $d8)))
        (local.set $d9 (f64.mul (local.get $d8) (f64.const 1e-310)))",
        mask = bytes - 64
    )
}

/// Deeper than this the stack does not become.
const DEPTH_MAX: usize = 8;
/// Characters of a summary.
const SUMMARY_MAX: usize = 90;
const GENES_MAX: usize = 48;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Gene {
    operator: usize,
    choice: u32,
    /// Whether its results go to locals, off the stack.
    ends: bool,
}

/// A loop body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Genome(Vec<Gene>);

impl Genome {
    /// For each operator one genome of nothing else, on the stack; then some of two in turn.
    pub fn first(chance: &mut Chance, count: usize) -> Vec<Genome> {
        let gene = |operator, choice, ends| Gene {
            operator,
            choice,
            ends,
        };
        let pure = |operator: usize| {
            let ends = OPERATORS[operator].1.is_empty();
            Genome((0..12).map(|_| gene(operator, 1, ends)).collect())
        };
        let mut all: Vec<Genome> = (0..OPERATORS.len())
            .filter(|operator| chance.chases || !is_chase(*operator))
            .map(pure)
            .collect();
        while all.len() < count {
            let genes = 2 + chance.below(16);
            all.push(Genome((0..genes).map(|_| Gene::random(chance)).collect()));
        }
        all
    }

    /// A child of two.
    pub fn child(&self, other: &Genome, chance: &mut Chance) -> Genome {
        let mut genes = self.0.clone();
        if chance.below(3) == 0 {
            genes.truncate(chance.below(genes.len() + 1));
            genes.extend(&other.0[chance.below(other.0.len())..]);
        }
        for _ in 0..1 + chance.below(4) {
            mutate(&mut genes, chance);
        }
        genes.truncate(GENES_MAX);
        if genes.is_empty() {
            genes.push(Gene::random(chance));
        }
        Genome(genes)
    }

    /// The genome without each of its genes in turn.
    pub fn shorter(&self) -> Vec<Genome> {
        let without = |gone: usize| {
            let kept = self.0.iter().enumerate();
            Genome(
                kept.filter(|(at, _)| *at != gone)
                    .map(|(_, gene)| *gene)
                    .collect(),
            )
        };
        match self.0.len() {
            0 | 1 => Vec::new(),
            count => (0..count).map(without).collect(),
        }
    }

    /// Its operators in short.
    pub fn summary(&self) -> String {
        let mut runs: Vec<(usize, usize)> = Vec::new();
        for gene in &self.0 {
            match runs.last_mut() {
                Some((operator, count)) if *operator == gene.operator => *count += 1,
                _ => runs.push((gene.operator, 1)),
            }
        }
        let of = |(operator, count): &(usize, usize)| match count {
            1 => OPERATORS[*operator].0.to_owned(),
            _ => format!("{count} × {}", OPERATORS[*operator].0),
        };
        let all = runs.iter().map(of).collect::<Vec<_>>().join("; ");
        match all.char_indices().nth(SUMMARY_MAX) {
            Some((end, _)) => format!("{}…", &all[..end]),
            None => all,
        }
    }

    /// The body as text, for a memory with a ring of so many bytes.
    pub fn body(&self, bytes: u32) -> String {
        let mut writer = Writer::default();
        for gene in &self.0 {
            writer.gene(*gene, bytes);
        }
        while !writer.stack.is_empty() {
            writer.set(0);
        }
        format!("(block {})", writer.text)
    }
}

impl Gene {
    fn random(chance: &mut Chance) -> Gene {
        let mut operator = chance.below(OPERATORS.len());
        while !chance.chases && is_chase(operator) {
            operator = chance.below(OPERATORS.len());
        }
        Gene {
            operator,
            choice: u32::try_from(chance.below(64)).unwrap_or(0),
            ends: chance.below(4) == 0,
        }
    }
}

/// Whether it loads a pointer by a pointer.
fn is_chase(operator: usize) -> bool {
    let (_, operands, results) = OPERATORS[operator];
    operands == [P] && results == [P]
}

fn mutate(genes: &mut Vec<Gene>, chance: &mut Chance) {
    let at = chance.below(genes.len().max(1));
    match (chance.below(6), genes.get(at).copied()) {
        (0 | 1, Some(_)) => genes[at] = Gene::random(chance),
        (2, Some(_)) => drop(genes.remove(at)),
        (3, Some(_)) => {
            // A stretch again.
            let end = (at + 1 + chance.below(6)).min(genes.len());
            let stretch: Vec<Gene> = genes[at..end].to_vec();
            genes.splice(at..at, stretch);
        }
        (4, Some(mut gene)) => {
            gene.choice = u32::try_from(chance.below(64)).unwrap_or(0);
            gene.ends = chance.below(2) == 0;
            genes[at] = gene;
        }
        _ => genes.insert(at, Gene::random(chance)),
    }
}

#[derive(Default)]
struct Writer {
    text: String,
    stack: Vec<Ty>,
}

impl Writer {
    fn gene(&mut self, gene: Gene, bytes: u32) {
        let (text, operands, results) = OPERATORS[gene.operator];
        let here = (1..=operands.len())
            .rev()
            .find(|count| self.stack.ends_with(&operands[..*count]))
            .unwrap_or(0);
        for (at, ty) in operands.iter().enumerate().skip(here) {
            self.get(*ty, gene.choice + u32::try_from(at).unwrap_or(0));
        }
        self.stack.truncate(self.stack.len() - operands.len());
        let text = match text {
            "ARMS" => ARMS.to_owned(),
            _ => text
                .replace("2{}", &(20 + gene.choice % 12).to_string())
                .replace("{}", &(8 + gene.choice % 40).to_string())
                .replace("MASK", &(bytes - 64).to_string()),
        };
        let _ = writeln!(self.text, "{text}");
        self.stack.extend(results);
        if gene.ends || self.stack.len() > DEPTH_MAX {
            for _ in results {
                self.set(gene.choice / 8);
            }
        }
    }

    fn get(&mut self, ty: Ty, choice: u32) {
        let (letter, number) = match (ty, choice % 8) {
            (P, choice) => ('w', 6 + choice % 2),
            (W, choice @ 6..) => ('w', choice - 4),
            (ty, 6) => (ty.letter(), 8),
            (ty, 7) => (ty.letter(), 9),
            (ty, choice) => (ty.letter(), choice),
        };
        let _ = writeln!(self.text, "local.get ${letter}{number}");
        self.stack.push(ty);
    }

    fn set(&mut self, choice: u32) {
        let Some(ty) = self.stack.pop() else { return };
        let number = match ty {
            P => 6 + choice % 2,
            _ => choice % 6,
        };
        let _ = writeln!(self.text, "local.set ${}{number}", ty.letter());
    }
}
