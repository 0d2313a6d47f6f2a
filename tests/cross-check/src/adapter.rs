//! Writes the module that stands between a program and a foreign engine's own language: values cross as
//! 64-bit integers in globals, and memories as hashes, so that every bit is seen, those of vectors and of
//! NaNs too. It imports what the program exports, from the module `program`.
//!
//! It exports the slots, mutable globals `s0`, `s1` and so on, of which each value takes two; for each
//! function a `call0`, `call1` …, which takes its arguments from the slots and leaves its results there;
//! `globals`, which leaves the values of all exported globals there; and `memories`, which leaves the
//! number of bytes and the hash of each exported memory.

use anyhow::{Result, bail};
use meterbox_differential::case::hash;
use wasm_encoder::{
    BlockType, CodeSection, ConstExpr, EntityType, ExportKind, ExportSection, Function,
    FunctionSection, GlobalSection, GlobalType, HeapType, ImportSection, InstructionSink, MemArg,
    MemoryType, Module, RefType, TypeSection, ValType,
};
use wasmparser::{AbstractHeapType, HeapType as Heap};

use crate::shape::Shape;

const PROGRAM: &str = "program";

/// Writes the adapter of programs of this shape.
///
/// # Errors
/// If a type is none that it knows.
pub fn adapter(shape: &Shape) -> Result<Vec<u8>> {
    let functions = index(shape.functions.len());
    let globals = index(shape.globals.len());
    let mut types = TypeSection::new();
    let mut imports = ImportSection::new();
    for (ty, function) in (0..).zip(&shape.functions) {
        types.ty().function(
            own_types(&function.parameters)?,
            own_types(&function.results)?,
        );
        imports.import(PROGRAM, &function.name, EntityType::Function(ty));
    }
    types.ty().function([], []);
    for global in &shape.globals {
        let ty = GlobalType {
            val_type: own_type(global.ty)?,
            mutable: global.mutable,
            shared: false,
        };
        imports.import(PROGRAM, &global.name, EntityType::Global(ty));
    }
    for memory in &shape.memories {
        let ty = MemoryType {
            minimum: 0,
            maximum: None,
            memory64: memory.is_64,
            shared: false,
            page_size_log2: None,
        };
        imports.import(PROGRAM, &memory.export.name, EntityType::Memory(ty));
    }

    let mut own = GlobalSection::new();
    let mut exports = ExportSection::new();
    for slot in 0..slots(shape) {
        let ty = GlobalType {
            val_type: ValType::I64,
            mutable: true,
            shared: false,
        };
        own.global(ty, &ConstExpr::i64_const(0));
        exports.export(&format!("s{slot}"), ExportKind::Global, globals + slot);
    }
    let mut declared = FunctionSection::new();
    let mut code = CodeSection::new();
    for at in 0..functions {
        declared.function(functions);
        exports.export(&format!("call{at}"), ExportKind::Func, functions + at);
        code.function(&caller(shape, at)?);
    }
    for (at, (name, body)) in (0..).zip([
        ("globals", globals_reader(shape)?),
        ("memories", memories_reader(shape)),
    ]) {
        declared.function(functions);
        exports.export(name, ExportKind::Func, 2 * functions + at);
        code.function(&body);
    }
    let mut module = Module::new();
    module
        .section(&types)
        .section(&imports)
        .section(&declared)
        .section(&own)
        .section(&exports)
        .section(&code);
    Ok(module.finish())
}

/// How many slots the largest set of values takes.
fn slots(shape: &Shape) -> u32 {
    let functions = shape.functions.iter();
    let widest = functions.map(|function| function.parameters.len().max(function.results.len()));
    let seen = shape.globals.len().max(shape.memories.len());
    2 * index(widest.max().unwrap_or(0).max(seen))
}

fn caller(shape: &Shape, at: u32) -> Result<Function> {
    let function = &shape.functions[usize::try_from(at)?];
    let first = index(shape.globals.len());
    let results = own_types(&function.results)?;
    let mut body = Function::new(results.iter().map(|ty| (1, *ty)));
    let mut code = body.instructions();
    for (slot, ty) in (first..).step_by(2).zip(own_types(&function.parameters)?) {
        push(&mut code, ty, slot);
    }
    code.call(at);
    for local in (0..index(results.len())).rev() {
        code.local_set(local);
    }
    for ((local, slot), ty) in (0..).zip((first..).step_by(2)).zip(results) {
        leave(&mut code, ty, slot, |code| {
            code.local_get(local);
        });
    }
    code.end();
    Ok(body)
}

fn globals_reader(shape: &Shape) -> Result<Function> {
    let first = index(shape.globals.len());
    let mut body = Function::new([]);
    let mut code = body.instructions();
    for ((at, slot), global) in (0..).zip((first..).step_by(2)).zip(&shape.globals) {
        leave(&mut code, own_type(global.ty)?, slot, |code| {
            code.global_get(at);
        });
    }
    code.end();
    Ok(body)
}

/// The same hash as [`hash`], of memories, whose sizes are whole words.
fn memories_reader(shape: &Shape) -> Function {
    const AT: u32 = 0;
    const HASH: u32 = 1;
    let first = index(shape.globals.len());
    let mut body = Function::new([(2, ValType::I64)]);
    let mut code = body.instructions();
    for ((memory, slot), ty) in (0..).zip((first..).step_by(2)).zip(&shape.memories) {
        let bytes = |code: &mut InstructionSink<'_>| {
            code.memory_size(memory);
            if !ty.is_64 {
                code.i64_extend_i32_u();
            }
            code.i64_const(16).i64_shl();
        };
        bytes(&mut code);
        code.global_set(slot);
        code.i64_const(0).local_set(AT);
        code.i64_const(hash(&[]).cast_signed()).local_set(HASH);
        code.block(BlockType::Empty).loop_(BlockType::Empty);
        code.local_get(AT);
        bytes(&mut code);
        code.i64_eq().br_if(1);
        code.local_get(HASH).local_get(AT);
        if !ty.is_64 {
            code.i32_wrap_i64();
        }
        code.i64_load(MemArg {
            offset: 0,
            align: 3,
            memory_index: memory,
        });
        code.i64_xor().i64_const(0x0100_0000_01b3).i64_mul();
        code.local_set(HASH);
        code.local_get(AT).i64_const(8).i64_add().local_set(AT);
        code.br(0).end().end();
        code.local_get(HASH).global_set(slot + 1);
    }
    code.end();
    body
}

/// Pushes a slot's value.
fn push(code: &mut InstructionSink<'_>, ty: ValType, slot: u32) {
    match ty {
        ValType::I32 => code.global_get(slot).i32_wrap_i64(),
        ValType::I64 => code.global_get(slot),
        ValType::F32 => code.global_get(slot).i32_wrap_i64().f32_reinterpret_i32(),
        ValType::F64 => code.global_get(slot).f64_reinterpret_i64(),
        ValType::V128 => code
            .global_get(slot)
            .i64x2_splat()
            .global_get(slot + 1)
            .i64x2_replace_lane(1),
        ValType::Ref(RefType { heap_type, .. }) => code.ref_null(heap_type),
    };
}

/// Puts what `value` pushes into a slot. A reference leaves whether it is null.
fn leave(
    code: &mut InstructionSink<'_>,
    ty: ValType,
    slot: u32,
    value: impl Fn(&mut InstructionSink<'_>),
) {
    value(code);
    match ty {
        ValType::I32 => code.i64_extend_i32_u(),
        ValType::I64 => code,
        ValType::F32 => code.i32_reinterpret_f32().i64_extend_i32_u(),
        ValType::F64 => code.i64_reinterpret_f64(),
        ValType::V128 => code.i64x2_extract_lane(0),
        ValType::Ref(_) => code.ref_is_null().i64_extend_i32_u(),
    };
    code.global_set(slot);
    if ty == ValType::V128 {
        value(code);
        code.i64x2_extract_lane(1);
    } else {
        code.i64_const(0);
    }
    code.global_set(slot + 1);
}

fn own_types(types: &[wasmparser::ValType]) -> Result<Vec<ValType>> {
    types.iter().map(|ty| own_type(*ty)).collect()
}

fn own_type(ty: wasmparser::ValType) -> Result<ValType> {
    Ok(match ty {
        wasmparser::ValType::I32 => ValType::I32,
        wasmparser::ValType::I64 => ValType::I64,
        wasmparser::ValType::F32 => ValType::F32,
        wasmparser::ValType::F64 => ValType::F64,
        wasmparser::ValType::V128 => ValType::V128,
        wasmparser::ValType::Ref(reference) => match reference.heap_type() {
            Heap::Abstract { shared: false, ty } => ValType::Ref(RefType {
                nullable: reference.is_nullable(),
                heap_type: match ty {
                    AbstractHeapType::Func => HeapType::FUNC,
                    AbstractHeapType::Extern => HeapType::EXTERN,
                    AbstractHeapType::Exn => HeapType::Abstract {
                        shared: false,
                        ty: wasm_encoder::AbstractHeapType::Exn,
                    },
                    other => bail!("no value of type {other:?} can cross"),
                },
            }),
            other => bail!("no value of type {other:?} can cross"),
        },
    })
}

fn index(count: usize) -> u32 {
    u32::try_from(count).expect("valid modules have fewer than 2^32 of everything")
}

#[cfg(test)]
mod tests {
    use wasmtime::{Engine, Instance, Linker, Module, Store, Val};

    use super::*;

    #[test]
    fn every_bit_that_is_seen_through_the_adapter_is_the_programs() {
        let program = wat::parse_str(
            r#"(module
              (memory (export "memory") 1 2)
              (data (i32.const 65533) "abc")
              (global (export "vector") (mut v128) (v128.const i64x2 -7 0x7ff4000000000001))
              (global (export "nan") (mut f32) (f32.const -nan:0x200001))
              (func (export "swap") (param v128 f64) (result f64 v128) local.get 1 local.get 0))"#,
        )
        .unwrap();
        let adapter = adapter(&Shape::of(&program).unwrap()).unwrap();
        let engine = Engine::default();
        let mut store = Store::new(&engine, ());
        let program = Module::new(&engine, program).unwrap();
        let program = Instance::new(&mut store, &program, &[]).unwrap();
        let mut linker = Linker::new(&engine);
        linker.instance(&mut store, PROGRAM, program).unwrap();
        let adapter = Module::new(&engine, adapter).unwrap();
        let adapter = linker.instantiate(&mut store, &adapter).unwrap();
        let mut done = |name: &str, arguments: &[i64]| -> Vec<i64> {
            for (slot, value) in arguments.iter().enumerate() {
                let slot = adapter.get_global(&mut store, &format!("s{slot}")).unwrap();
                slot.set(&mut store, Val::I64(*value)).unwrap();
            }
            let function = adapter.get_func(&mut store, name).unwrap();
            function.call(&mut store, &[], &mut []).unwrap();
            let slots = (0..4).map(|slot| {
                let slot = adapter.get_global(&mut store, &format!("s{slot}")).unwrap();
                slot.get(&mut store).unwrap_i64()
            });
            slots.collect()
        };
        assert_eq!(
            done("globals", &[]),
            [-7, 0x7ff4_0000_0000_0001, 0xffa0_0001, 0]
        );
        let signalling = 0xfff4_0000_0000_0001u64.cast_signed();
        assert_eq!(done("call0", &[1, 2, signalling, 0]), [signalling, 0, 1, 2]);
        let mut bytes = vec![0; 65_536];
        bytes[65_533..].copy_from_slice(b"abc");
        assert_eq!(
            done("memories", &[])[..2],
            [65_536, hash(&bytes).cast_signed()]
        );
    }
}
