//! Writes the functions that stand between a module's own functions, which take the meter's count
//! along, and whoever knows nothing of it: one for each function that is called from outside, and one
//! for each imported function that a table or reference holds.

use wasm_encoder::{BlockType, Function, ValType};

use crate::function::MeterGlobals;
use crate::schedule::FRAME_UNITS;

/// A function of the original type, which hands the meter's globals to the module's own `function`
/// and takes them back.
pub(crate) fn for_export(globals: MeterGlobals, parameters: usize, function: u32) -> Function {
    let parameters = u32::try_from(parameters).unwrap_or(u32::MAX);
    let stack = parameters;
    let mut wrapper = Function::new([(1, ValType::I32)]);
    let mut code = wrapper.instructions();
    for parameter in 0..parameters {
        code.local_get(parameter);
    }
    // Whatever the function calls leaves its own stack in the global.
    code.global_get(globals.left)
        .global_get(globals.stack_left)
        .local_tee(stack)
        .i64_extend_i32_s()
        .call(function)
        .global_set(globals.left)
        .local_get(stack)
        .global_set(globals.stack_left)
        .end();
    wrapper
}

/// A function that takes the meter's count along, and records it before it calls an imported one.
pub(crate) fn for_import(globals: MeterGlobals, parameters: usize, function: u32) -> Function {
    let parameters = u32::try_from(parameters).unwrap_or(u32::MAX);
    let (left, stack) = (parameters, parameters + 1);
    let mut wrapper = Function::new([]);
    let mut code = wrapper.instructions();
    code.local_get(left)
        .global_set(globals.left)
        .local_get(left)
        .i64_const(0)
        .i64_lt_s()
        .if_(BlockType::Empty)
        .unreachable()
        .end()
        .local_get(stack)
        .i64_const(i64::from(FRAME_UNITS))
        .i64_sub()
        .local_tee(stack)
        .i32_wrap_i64()
        .global_set(globals.stack_left)
        .local_get(stack)
        .i64_const(0)
        .i64_lt_s()
        .if_(BlockType::Empty)
        .unreachable()
        .end();
    for parameter in 0..parameters {
        code.local_get(parameter);
    }
    code.call(function).global_get(globals.left).end();
    wrapper
}
