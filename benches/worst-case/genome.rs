//! Loop bodies that evolve: lists of genes, and how they become WebAssembly. Runs nothing.
//!
//! A gene is an operator with a choice of operands. Read in order, genes take their operands from the
//! stack if it has them, and from locals otherwise, so that every list is valid and a list of one
//! operator again and again is as dense as WebAssembly allows.

use std::fmt::Write as _;

use crate::chance::Chance;

/// The types of values; a pointer is an i32 that is a node of the ring in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ty {
    W,
    L,
    S,
    D,
    V,
    P,
}

use Ty::{D, L, P, S, V, W};

type Operator = (&'static str, &'static [Ty], &'static [Ty]);

/// What genes can say: text, operands and results. `{}` is a small number of the gene's choice.
const OPERATORS: &[Operator] = &[
    ("i32.add", &[W, W], &[W]),
    ("i32.mul", &[W, W], &[W]),
    ("i32.rotl", &[W, W], &[W]),
    ("i32.eqz", &[W], &[W]),
    ("i32.const 1 i32.or i32.div_u", &[W, W], &[W]),
    ("i32.const 1 i32.or i32.rem_s", &[W, W], &[W]),
    ("i64.add", &[L, L], &[L]),
    ("i64.mul", &[L, L], &[L]),
    ("i64.xor", &[L, L], &[L]),
    ("i64.shr_u", &[L, L], &[L]),
    ("i64.lt_s", &[L, L], &[W]),
    ("i64.popcnt", &[L], &[L]),
    ("i64.clz", &[L], &[L]),
    ("i64.ctz", &[L], &[L]),
    ("i64.const 1 i64.or i64.div_u", &[L, L], &[L]),
    ("i64.const 3 i64.or i64.rem_s", &[L, L], &[L]),
    ("i64.extend_i32_s", &[W], &[L]),
    ("i32.wrap_i64", &[L], &[W]),
    ("f32.add", &[S, S], &[S]),
    ("f32.mul", &[S, S], &[S]),
    ("f32.div", &[S, S], &[S]),
    ("f32.sqrt", &[S], &[S]),
    ("f32.min", &[S, S], &[S]),
    ("f32.nearest", &[S], &[S]),
    ("f32.lt", &[S, S], &[W]),
    ("f64.add", &[D, D], &[D]),
    ("f64.mul", &[D, D], &[D]),
    ("f64.div", &[D, D], &[D]),
    ("f64.sqrt", &[D], &[D]),
    ("f64.max", &[D, D], &[D]),
    ("f64.copysign", &[D, D], &[D]),
    ("f64.trunc", &[D], &[D]),
    ("f64.neg", &[D], &[D]),
    ("f64.eq", &[D, D], &[W]),
    ("f32.demote_f64", &[D], &[S]),
    ("f64.promote_f32", &[S], &[D]),
    ("i64.trunc_sat_f64_u", &[D], &[L]),
    ("i64.trunc_sat_f64_s", &[D], &[L]),
    ("i32.trunc_sat_f32_u", &[S], &[W]),
    ("i64.trunc_sat_f32_u", &[S], &[L]),
    ("f64.convert_i64_u", &[L], &[D]),
    ("f32.convert_i64_u", &[L], &[S]),
    ("f64.convert_i32_s", &[W], &[D]),
    ("i64.reinterpret_f64", &[D], &[L]),
    ("f64.reinterpret_i64", &[L], &[D]),
    ("f32.reinterpret_i32", &[W], &[S]),
    ("select", &[L, L, W], &[L]),
    ("select", &[D, D, W], &[D]),
    ("i8x16.swizzle", &[V, V], &[V]),
    ("i8x16.shl", &[V, W], &[V]),
    ("i64x2.shr_s", &[V, W], &[V]),
    ("i8x16.popcnt", &[V], &[V]),
    ("i8x16.bitmask", &[V], &[W]),
    ("i64x2.all_true", &[V], &[W]),
    ("v128.any_true", &[V], &[W]),
    ("i64x2.mul", &[V, V], &[V]),
    ("i32x4.dot_i16x8_s", &[V, V], &[V]),
    ("i32x4.trunc_sat_f32x4_u", &[V], &[V]),
    ("i32x4.trunc_sat_f64x2_u_zero", &[V], &[V]),
    ("f32x4.convert_i32x4_u", &[V], &[V]),
    ("f32x4.div", &[V, V], &[V]),
    ("f64x2.div", &[V, V], &[V]),
    ("f64x2.sqrt", &[V], &[V]),
    ("f64x2.add", &[V, V], &[V]),
    ("f64x2.max", &[V, V], &[V]),
    ("f64x2.nearest", &[V], &[V]),
    ("f64x2.pmin", &[V, V], &[V]),
    ("i16x8.q15mulr_sat_s", &[V, V], &[V]),
    ("i64x2.splat", &[L], &[V]),
    ("i64x2.extract_lane 1", &[V], &[L]),
    ("i16x8.replace_lane 3", &[V, W], &[V]),
    ("i32.load", &[P], &[P]),
    ("i64.load offset={}", &[P], &[L]),
    ("i32.load8_s offset={}", &[P], &[W]),
    ("f64.load offset={}", &[P], &[D]),
    ("v128.load offset={}", &[P], &[V]),
    ("v128.load8_splat offset={}", &[P], &[V]),
    ("i64.store offset={}", &[P, L], &[]),
    ("i32.store8 offset={}", &[P, W], &[]),
    ("f64.store offset={}", &[P, D], &[]),
    ("v128.store offset={}", &[P, V], &[]),
    ("v128.store16_lane offset={} 3", &[P, V], &[]),
    ("i64.load offset=60", &[P], &[L]),
    ("i32.const MASK i32.and", &[W], &[P]),
    ("global.get $g", &[], &[L]),
    ("global.set $g", &[L], &[]),
    ("global.get $h", &[], &[D]),
    ("global.set $h", &[D], &[]),
    ("call $tiny", &[L], &[L]),
    ("call $float", &[D], &[D]),
    ("call $nothing", &[], &[]),
    ("i32.const 7 i32.and call_indirect (type $t)", &[L, W], &[L]),
    ("memory.size", &[], &[W]),
    ("i32.const 0 memory.grow", &[], &[W]),
    ("i32.const 1 memory.grow", &[], &[W]),
    ("ref.func $tiny ref.is_null", &[], &[W]),
    ("i32.const 7 i32.and table.get 0 ref.is_null", &[W], &[W]),
    ("i32.const 9 ref.func $tiny table.set 0", &[], &[]),
    ("table.size 0", &[], &[W]),
    (
        "i32.const 9 i32.const 1 i32.const 1 table.copy 0 0",
        &[],
        &[],
    ),
    (
        "i32.const 0 i32.const 0 i32.const 0 table.init 0 $e",
        &[],
        &[],
    ),
    ("ref.null func i32.const 0 table.grow 0", &[], &[W]),
    ("i32.const 8 i32.const 0 memory.fill", &[P], &[]),
    (
        "i32.const 8 i32.add i32.const 0 i32.const 1 memory.fill",
        &[P],
        &[],
    ),
    (
        "i32.const 8 i32.add i32.const 0 i32.const 48 memory.fill",
        &[P],
        &[],
    ),
    (
        "i32.const 8 i32.add i32.const 128 i32.const 48 memory.copy",
        &[P],
        &[],
    ),
    (
        "i32.const 8 i32.add i32.const 128 i32.const 1 memory.copy",
        &[P],
        &[],
    ),
    (
        "i32.const 12 i32.const 0 i32.const 1 memory.init $d",
        &[],
        &[],
    ),
    (
        "local.get $w9 i32.const 1664525 i32.mul i32.const 1013904223 i32.add local.tee $w9 i32.const 2{} i32.shr_u",
        &[],
        &[W],
    ),
    (
        "if local.get $w1 local.get $w0 i32.mul local.set $w0 end",
        &[W],
        &[],
    ),
    (
        "i32.const 1 i32.and if local.get $w1 local.get $w2 i32.add local.set $w1 end",
        &[W],
        &[],
    ),
    ("i32.const 0 i32.lt_s br_if 0", &[W], &[]),
    ("ARMS", &[W], &[]),
    ("drop", &[L], &[]),
];

/// Four arms that do different things.
const ARMS: &str = "local.set $w8 block block block block
    local.get $w8 i32.const 3 i32.and br_table 0 1 2 3 end
    local.get $w0 local.get $w1 i32.add local.set $w0 br 2 end
    local.get $w1 local.get $w2 i32.xor local.set $w1 br 1 end
    local.get $w2 local.get $w3 i32.sub local.set $w2 end";

/// What the functions of a module of genomes need beside them.
pub const ITEMS: &str = "(type $t (func (param i64) (result i64)))
    (func $tiny (type $t) (i64.add (local.get 0) (i64.const 3)))
    (func $tiny1 (type $t) (i64.mul (local.get 0) (i64.const 5)))
    (func $tiny2 (type $t) (i64.xor (local.get 0) (i64.const 7)))
    (func $float (param f64) (result f64) (f64.mul (local.get 0) (f64.const 1.5)))
    (func $nothing)
    (global $g (mut i64) (i64.const 1)) (global $h (mut f64) (f64.const 1))
    (table 16 16 funcref)
    (elem (i32.const 0) func $tiny $tiny1 $tiny2 $tiny $tiny1 $tiny2 $tiny $tiny1)
    (elem $e func $tiny) (data $d \"x\")\n";

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
        let mut all: Vec<Genome> = (0..OPERATORS.len()).map(pure).collect();
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
        runs.iter().map(of).collect::<Vec<_>>().join("; ")
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
        Gene {
            operator: chance.below(OPERATORS.len()),
            choice: u32::try_from(chance.below(64)).unwrap_or(0),
            ends: chance.below(4) == 0,
        }
    }
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

impl Ty {
    fn letter(self) -> char {
        match self {
            W | P => 'w',
            L => 'l',
            S => 's',
            D => 'd',
            V => 'v',
        }
    }
}
