//! The instance that calls its host, as the host sees it: something whose exports can be called while it
//! waits. Runs nothing itself.

use wasmparser::{ExternalKind, FuncType};

use crate::ending::{Stop, Trap};
use crate::host::Host;
use crate::meter::Meter;
use crate::module::Contents;
use crate::plan::Plan;
use crate::run::Run;
use crate::store::Store;
use crate::value::Value;

/// An instance, for as long as one of its calls of the host takes.
pub struct Guest<'a> {
    pub(crate) module: &'a Contents,
    pub(crate) plans: &'a [Plan],
    pub(crate) store: &'a mut Store,
    pub(crate) meter: &'a mut Meter,
}

impl Guest<'_> {
    /// Calls an exported function, while others of the instance wait: from outside its module (M5), with the
    /// units that they left, and on top of their frames (M10). `host` is what it imports from.
    ///
    /// # Errors
    /// What ended the call. A host that does not hand it on goes on with the units left: those of a trap that
    /// no sync point recorded included, which no rule is about.
    pub fn call(
        &mut self,
        host: &mut dyn Host,
        export: &str,
        arguments: &[Value],
    ) -> Result<Vec<Value>, Stop> {
        let function = exported(self.module, export, arguments)?;
        Run::call(self, host, function, arguments)
    }

    /// The type of an exported function.
    #[must_use]
    pub fn function_type(&self, export: &str) -> Option<&FuncType> {
        function_type(self.module, export)
    }
}

/// The exported function of this name, if these are arguments for it.
pub(crate) fn exported(module: &Contents, export: &str, arguments: &[Value]) -> Result<u32, Trap> {
    let function = match module.exports.get(export) {
        Some((ExternalKind::Func, function)) => *function,
        _ => return Err(Trap::Link(format!("no function {export}"))),
    };
    let parameters = module.function_type(function).params();
    let fit = parameters.len() == arguments.len()
        && arguments
            .iter()
            .zip(parameters)
            .all(|(value, ty)| value.is_a(*ty));
    if !fit {
        return Err(Trap::Link(format!("other arguments for {export}")));
    }
    Ok(function)
}

pub(crate) fn function_type<'m>(module: &'m Contents, export: &str) -> Option<&'m FuncType> {
    match module.exports.get(export)? {
        (ExternalKind::Func, function) => Some(module.function_type(*function)),
        _ => None,
    }
}
