//! What a module imports, given by whoever runs it. Costs nothing here: the rules H are not the meter's.

use wasmparser::{FuncType, ValType};

use crate::ending::{Stop, Trap};
use crate::guest::Guest;
use crate::value::Value;

/// The functions and globals that a module can import.
///
/// An imported global is a copy: what the module sets, the host does not see.
pub trait Host {
    /// Whether there is this function, of this type. By default there is.
    fn offers(&mut self, _module: &str, _name: &str, _ty: &FuncType) -> bool {
        true
    }

    /// Calls a function. `guest` is the instance that calls, which the host can call in turn.
    ///
    /// # Errors
    /// What the run then ends with, unless it is an exception that the guest catches.
    fn call(
        &mut self,
        module: &str,
        name: &str,
        arguments: &[Value],
        guest: &mut Guest<'_>,
    ) -> Result<Vec<Value>, Stop>;

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
        _guest: &mut Guest<'_>,
    ) -> Result<Vec<Value>, Stop> {
        Err(Trap::Link(format!("no function {module}.{name}")).into())
    }

    fn global(&mut self, _module: &str, _name: &str, _ty: ValType) -> Option<Value> {
        None
    }
}
