//! What a module imports, given by whoever runs it. Costs nothing here: the rules H are not the meter's.

use wasmparser::{FuncType, ValType};

use crate::ending::Trap;
use crate::value::Value;

/// The functions and globals that a module can import.
///
/// An imported global is a copy: what the module sets, the host does not see.
pub trait Host {
    /// Whether there is this function, of this type. By default there is.
    fn offers(&mut self, _module: &str, _name: &str, _ty: &FuncType) -> bool {
        true
    }

    /// Calls a function. `memory` is the instance's first one.
    ///
    /// # Errors
    /// What the run then ends with.
    fn call(
        &mut self,
        module: &str,
        name: &str,
        arguments: &[Value],
        memory: Option<&mut Vec<u8>>,
    ) -> Result<Vec<Value>, Trap>;

    /// The value of an imported global of this type, if there is one.
    fn global(&mut self, module: &str, name: &str, ty: ValType) -> Option<Value>;
}

/// A host for modules that import nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoHost;

impl Host for NoHost {
    fn offers(&mut self, _module: &str, _name: &str, _ty: &FuncType) -> bool {
        false
    }

    fn call(
        &mut self,
        module: &str,
        name: &str,
        _arguments: &[Value],
        _memory: Option<&mut Vec<u8>>,
    ) -> Result<Vec<Value>, Trap> {
        Err(Trap::Link(format!("no function {module}.{name}")))
    }

    fn global(&mut self, _module: &str, _name: &str, _ty: ValType) -> Option<Value> {
        None
    }
}
