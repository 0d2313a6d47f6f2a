//! Writes calls: of the module's own functions, which take the count along, and of imported ones,
//! before which it is recorded. Knows nothing of what is called.

use wasm_encoder::reencode::Reencode as _;
use wasmparser::Operator;

use super::Emitter;
use super::locals::{Purpose, Width};
use crate::MeterError;
use crate::module::encoding;
use crate::schedule::FRAME_UNITS;

impl Emitter<'_, '_, '_> {
    /// Writes a call, if the operator is one.
    pub(super) fn call(&mut self, op: &Operator<'_>) -> Result<bool, MeterError> {
        match op {
            Operator::Call { function_index } if self.is_imported(*function_index) => {
                self.call_imported(*function_index);
            }
            Operator::Call { function_index } => {
                self.pass_meter(0);
                let left = self.locals.left();
                let function = self.context.shift.own(*function_index);
                self.code().call(function).local_set(left);
            }
            Operator::CallIndirect {
                type_index,
                table_index,
            } => {
                let ty = self.context.signatures.threaded(*type_index);
                self.under_element(*table_index, 0);
                let left = self.locals.left();
                self.code().call_indirect(*table_index, ty).local_set(left);
            }
            // What it throws is not for the handlers around: they are left for what stands for it in tables,
            // whose bare frame is given back beforehand.
            Operator::ReturnCall { function_index }
                if self.is_imported(*function_index) && !self.handlers.is_empty() =>
            {
                self.leave();
                self.pass_meter(i64::from(FRAME_UNITS));
                let stands = self.context.shift.function_index(*function_index);
                let stands = stands.map_err(encoding)?;
                self.code().return_call(stands);
            }
            // A module's own function has another type than an imported one, so that it cannot be
            // left for it.
            Operator::ReturnCall { function_index } if self.is_imported(*function_index) => {
                self.call_imported(*function_index);
                self.leave();
                let left = self.locals.left();
                self.code().local_get(left).return_();
            }
            Operator::ReturnCall { function_index } => {
                self.leave();
                self.pass_meter(self.frame());
                let function = self.context.shift.own(*function_index);
                self.code().return_call(function);
            }
            Operator::ReturnCallIndirect {
                type_index,
                table_index,
            } => {
                let ty = self.context.signatures.threaded(*type_index);
                self.leave();
                self.under_element(*table_index, self.frame());
                self.code().return_call_indirect(*table_index, ty);
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn is_imported(&self, function: u32) -> bool {
        function < self.context.imported_functions
    }

    /// Pushes the units and the stack units left, with so many given back of the latter.
    fn pass_meter(&mut self, given_back: i64) {
        let (left, stack) = (self.locals.left(), self.locals.stack());
        self.code().local_get(left).local_get(stack);
        if given_back > 0 {
            self.code().i64_const(given_back).i64_add();
        }
    }

    /// [`pass_meter`](Self::pass_meter), under the index of the table's element.
    fn under_element(&mut self, table: u32, given_back: i64) {
        let wide = self.context.wide_tables.get(crate::module::position(table));
        let width = Width::of(wide.copied().unwrap_or(false));
        let element = self.locals.own(Purpose::Element(width));
        self.code().local_set(element);
        self.pass_meter(given_back);
        self.code().local_get(element);
    }

    fn call_imported(&mut self, function: u32) {
        self.record();
        self.check();
        let (stack, global) = (self.locals.stack(), self.context.globals.stack_left);
        self.code()
            .local_get(stack)
            .i32_wrap_i64()
            .global_set(global)
            .call(function);
        self.reload();
    }
}
