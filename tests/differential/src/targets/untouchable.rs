//! No program reaches the meter's own globals, by whatever way, and the meter does the same each time.

use std::collections::VecDeque;

use arbitrary::Unstructured;
use meterbox_meter::{METER_GLOBALS, METER_MODULE, MeterError, meter};
use wasmparser::{ExternalKind, Operator, Parser, Payload, TypeRef};

use super::{Rejected, assert_valid, modules};

/// How many globals the meter adds, after those that a module imports.
const METERS: u32 = 5;

/// Reads the bytes as what a module is made from.
///
/// # Errors
/// If they do not suffice, or the meter refuses the module.
///
/// # Panics
/// If what the meter wrote reaches, exports or imports other things than the module and the meter.
pub fn untouchable(data: &[u8]) -> Result<(), Rejected> {
    let wasm = modules::module(&mut Unstructured::new(data))?;
    let metered = meter(&wasm).map_err(|_| Rejected)?;
    assert_valid(&metered.bytes);
    let again = meter(&wasm).expect("as before");
    assert_eq!(again.bytes, metered.bytes, "other bytes on a second run");
    assert_eq!(again.declared, metered.declared);
    assert_eq!(again.admission, metered.admission);
    assert!(
        matches!(meter(&metered.bytes), Err(MeterError::ReservedName { .. })),
        "metered twice"
    );
    let (before, after) = (Seen::of(&wasm), Seen::of(&metered.bytes));
    let first = before.imported_globals();
    let map = |global: u32| {
        if global < first {
            global
        } else {
            global + METERS
        }
    };
    imports(&before, &after);
    exports(&before, &after, &map);
    for (at, body) in before.bodies.iter().enumerate() {
        accesses(body, &after.bodies[at], first, &map);
    }
    Ok(())
}

/// What a module holds that has to do with globals.
struct Seen<'a> {
    imports: Vec<wasmparser::Import<'a>>,
    exports: Vec<wasmparser::Export<'a>>,
    /// Of each body, the globals that `global.get` (false) and `global.set` (true) reach, where control
    /// can get.
    bodies: Vec<Vec<(bool, u32)>>,
}

impl<'a> Seen<'a> {
    fn of(wasm: &'a [u8]) -> Seen<'a> {
        let mut seen = Seen {
            imports: Vec::new(),
            exports: Vec::new(),
            bodies: Vec::new(),
        };
        for payload in Parser::new(0).parse_all(wasm) {
            match payload.expect("it is valid") {
                Payload::ImportSection(section) => {
                    let imports = section.into_imports().map(|import| import.expect("valid"));
                    seen.imports.extend(imports);
                }
                Payload::ExportSection(section) => {
                    let exports = section.into_iter().map(|export| export.expect("valid"));
                    seen.exports.extend(exports);
                }
                Payload::CodeSectionEntry(body) => {
                    let operators = body.get_operators_reader().expect("valid");
                    let operators = operators
                        .into_iter()
                        .map(|operator| operator.expect("valid"));
                    seen.bodies.push(reached(operators));
                }
                _ => {}
            }
        }
        seen
    }

    fn imported_globals(&self) -> u32 {
        let globals = self.imports.iter().filter(|import| is_global(import));
        u32::try_from(globals.count()).expect("few")
    }
}

fn is_global(import: &wasmparser::Import<'_>) -> bool {
    matches!(import.ty, TypeRef::Global(_))
}

/// The globals that operators reach, without those that stand behind one that never lets control on.
fn reached<'a>(operators: impl Iterator<Item = Operator<'a>>) -> Vec<(bool, u32)> {
    let mut reached = Vec::new();
    // How many blocks are open within dead code, if this is dead.
    let mut dead: Option<u32> = None;
    for operator in operators {
        match (&operator, &mut dead) {
            (
                Operator::Block { .. }
                | Operator::Loop { .. }
                | Operator::If { .. }
                | Operator::TryTable { .. },
                Some(open),
            ) => *open += 1,
            (Operator::End, Some(open)) if *open > 0 => *open -= 1,
            (Operator::End, _) | (Operator::Else, Some(0)) => dead = None,
            (Operator::GlobalGet { global_index }, None) => reached.push((false, *global_index)),
            (Operator::GlobalSet { global_index }, None) => reached.push((true, *global_index)),
            (
                Operator::Br { .. }
                | Operator::BrTable { .. }
                | Operator::Return
                | Operator::Unreachable
                | Operator::ReturnCall { .. }
                | Operator::ReturnCallIndirect { .. }
                | Operator::Throw { .. }
                | Operator::ThrowRef,
                None,
            ) => dead = Some(0),
            _ => {}
        }
    }
    reached
}

/// The module's own imports come first, then exactly the meter's.
fn imports(before: &Seen<'_>, after: &Seen<'_>) {
    let own = before.imports.len();
    assert_eq!(after.imports.len(), own + METER_GLOBALS.len());
    for (was, is) in before.imports.iter().zip(&after.imports) {
        assert_eq!((was.module, was.name, was.ty), (is.module, is.name, is.ty));
        assert_ne!(was.module, METER_MODULE);
    }
    for (import, (name, is_i32)) in after.imports[own..].iter().zip(METER_GLOBALS) {
        assert_eq!((import.module, import.name), (METER_MODULE, name));
        let ty = if is_i32 {
            wasmparser::ValType::I32
        } else {
            wasmparser::ValType::I64
        };
        let TypeRef::Global(global) = import.ty else {
            panic!("{import:?}");
        };
        assert!(global.content_type == ty && global.mutable && !global.shared);
    }
}

/// The exports are the module's own, of the same things; none is the meter's.
fn exports(before: &Seen<'_>, after: &Seen<'_>, map: &dyn Fn(u32) -> u32) {
    assert_eq!(before.exports.len(), after.exports.len());
    for (was, is) in before.exports.iter().zip(&after.exports) {
        assert_eq!((was.name, was.kind), (is.name, is.kind));
        match was.kind {
            ExternalKind::Global => assert_eq!(is.index, map(was.index), "{was:?}"),
            // Functions are exported through others of the same type.
            ExternalKind::Func | ExternalKind::FuncExact => {}
            _ => assert_eq!(is.index, was.index, "{was:?}"),
        }
    }
}

/// A body reaches the globals that it reached before, in the same order, and beside those the meter's only.
fn accesses(was: &[(bool, u32)], is: &[(bool, u32)], first: u32, map: &dyn Fn(u32) -> u32) {
    let meters = first..first + METERS;
    let mut expected: VecDeque<(bool, u32)> =
        was.iter().map(|(set, at)| (*set, map(*at))).collect();
    for access in is.iter().filter(|(_, global)| !meters.contains(global)) {
        assert_eq!(Some(*access), expected.pop_front(), "{was:?} {is:?}");
    }
    assert!(expected.is_empty(), "left out: {expected:?}");
}
