//! The operators that bad programs are made of. Makes none.

/// The types of values; a pointer is an i32 that is a node of the ring in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ty {
    W,
    L,
    S,
    D,
    V,
    P,
}

use Ty::{D, L, P, S, V, W};

pub type Operator = (&'static str, &'static [Ty], &'static [Ty]);

/// What genes can say: text, operands and results. `{}` is a small number of the gene's choice.
pub const OPERATORS: &[Operator] = &[
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
pub const ARMS: &str = "local.set $w8 block block block block
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

impl Ty {
    /// The letter of its locals.
    pub fn letter(self) -> char {
        match self {
            W | P => 'w',
            L => 'l',
            S => 's',
            D => 'd',
            V => 'v',
        }
    }
}
