//! What the scripts of the suite import: the functions and globals of `spectest`, and those of modules that
//! they registered. Memories and tables cannot be imported.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use meterbox_reference::{Ending, FuncType, Guest, Host, Instance, Stop, Trap, ValType, Value};

/// What a call ends with whose callee, of another module, throws.
pub const FOREIGN_EXCEPTION: &str = "an exception of another module's";

pub type Shared = Rc<RefCell<Instance>>;

#[derive(Clone, Default)]
pub struct Imports {
    pub registered: HashMap<String, Shared>,
}

impl Host for Imports {
    fn offers(&mut self, module: &str, name: &str, ty: &FuncType) -> bool {
        if module == "spectest" {
            use ValType::{F32, F64, I32, I64};
            let parameters: &[ValType] = match name {
                "print" => &[],
                "print_i32" => &[I32],
                "print_i64" => &[I64],
                "print_f32" => &[F32],
                "print_f64" => &[F64],
                "print_i32_f32" => &[I32, F32],
                "print_f64_f64" => &[F64, F64],
                _ => return false,
            };
            return ty.params() == parameters && ty.results().is_empty();
        }
        let Some(instance) = self.registered.get(module) else {
            return false;
        };
        instance.borrow().function_type(name) == Some(ty)
    }

    fn call(
        &mut self,
        module: &str,
        name: &str,
        arguments: &[Value],
        _guest: &mut Guest<'_>,
    ) -> Result<Vec<Value>, Stop> {
        let Some(instance) = self.registered.get(module) else {
            return Ok(Vec::new());
        };
        match instance.borrow_mut().invoke(name, arguments) {
            Ending::Returned(results) => Ok(results),
            Ending::Trapped(trap) => Err(trap.into()),
            Ending::Exception => Err(Trap::Host(FOREIGN_EXCEPTION.to_owned()).into()),
            other => {
                let why = format!("the imported function ended as {other:?}");
                Err(Trap::Host(why).into())
            }
        }
    }

    fn global(&mut self, module: &str, name: &str, _ty: ValType) -> Option<Value> {
        if let Some(instance) = self.registered.get(module) {
            return instance.borrow().global(name);
        }
        match (module, name) {
            ("spectest", "global_i32") => Some(Value::I32(666)),
            ("spectest", "global_i64") => Some(Value::I64(666)),
            ("spectest", "global_f32") => Some(Value::F32(666.6_f32.to_bits())),
            ("spectest", "global_f64") => Some(Value::F64(666.6_f64.to_bits())),
            _ => None,
        }
    }
}
