//! An instance of a module: its store, its meter and its host, and how it is created (M15: a start function
//! that traps is billed for its work). Runs no operators itself.

use wasmparser::ExternalKind;

use crate::ending::{Ending, Stop, Trap};
use crate::guest::{self, Guest};
use crate::host::Host;
use crate::meter::{Meter, Reading, Settings};
use crate::module::{Constant, Contents, GlobalValue, Module, SegmentKind};
use crate::operator::{Op, index};
use crate::plan::Plan;
use crate::run::Run;
use crate::store::{Memory, Span, Store, Table};
use crate::value::Value;

/// A module that runs.
pub struct Instance {
    module: Module,
    plans: Vec<Plan>,
    store: Store,
    meter: Meter,
    host: Box<dyn Host>,
}

impl Instance {
    /// Creates an instance, writes its segments and runs its start function.
    ///
    /// The instance is there if the ending is `Returned`, with no results; the reading always is. What the
    /// module declares was charged before (M12). A module that declares more memory or larger tables than
    /// `settings` has room for is not created, and ends as [`Trap::Link`].
    pub fn new(
        module: &Module,
        mut host: Box<dyn Host>,
        settings: &Settings,
    ) -> (Option<Instance>, Ending, Reading) {
        let meter = Meter::new(settings);
        let store = match create(&module.0, host.as_mut(), settings) {
            Ok(store) => store,
            Err(trap) => return (None, Ending::Trapped(trap), meter.reading()),
        };
        let plan = |body| Plan::new(body, settings.tier);
        let mut instance = Instance {
            module: module.clone(),
            plans: module.0.bodies.iter().map(plan).collect(),
            store,
            meter,
            host,
        };
        let ending = match instance.initialise() {
            Ok(()) => Ending::Returned(Vec::new()),
            Err(stop) => stop.into(),
        };
        let reading = instance.reading();
        let returned = matches!(ending, Ending::Returned(_));
        (returned.then_some(instance), ending, reading)
    }

    /// Calls an exported function.
    ///
    /// What is no exported function, or no arguments for it, is [`Trap::Link`] and costs nothing. After an
    /// ending other than `Returned` the run is over: whoever bills it does not call again. Units that were
    /// charged and not recorded are still in the count.
    pub fn invoke(&mut self, export: &str, arguments: &[Value]) -> Ending {
        let function = match guest::exported(&self.module.0, export, arguments) {
            Ok(function) => function,
            Err(trap) => return Ending::Trapped(trap),
        };
        match self.call(function, arguments) {
            Ok(results) => Ending::Returned(results),
            Err(stop) => stop.into(),
        }
    }

    /// What the meter shows.
    #[must_use]
    pub fn reading(&self) -> Reading {
        self.meter.reading()
    }

    /// Begins the counts anew, with other limits: for whoever runs on after a trap, and bills nobody.
    pub fn refill(&mut self, settings: &Settings) {
        self.meter = Meter::new(settings);
    }

    /// The bytes of a memory; none of one that is not there.
    #[must_use]
    pub fn memory(&self, memory: usize) -> &[u8] {
        (self.store.memories.get(memory)).map_or(&[], |memory| memory.bytes.as_slice())
    }

    /// The value of an exported global.
    #[must_use]
    pub fn global(&self, export: &str) -> Option<Value> {
        match self.module.0.exports.get(export)? {
            (ExternalKind::Global, global) => Some(self.store.globals[index(*global)]),
            _ => None,
        }
    }

    /// The type of an exported function.
    #[must_use]
    pub fn function_type(&self, export: &str) -> Option<&wasmparser::FuncType> {
        guest::function_type(&self.module.0, export)
    }

    fn call(&mut self, function: u32, arguments: &[Value]) -> Result<Vec<Value>, Stop> {
        let mut guest = Guest {
            module: &self.module.0,
            plans: &self.plans,
            store: &mut self.store,
            meter: &mut self.meter,
        };
        Run::call(&mut guest, self.host.as_mut(), function, arguments)
    }

    /// Writes the active segments, those of elements first, and runs the start function.
    fn initialise(&mut self) -> Result<(), Stop> {
        let module = self.module.clone();
        for (at, segment) in module.0.elements.iter().enumerate() {
            match &segment.kind {
                SegmentKind::Passive => {}
                SegmentKind::Declared => self.store.elements[at].clear(),
                SegmentKind::Active { to, from } => {
                    let span = whole(evaluate(from, &self.store.globals), segment.items.len());
                    self.store.init_table(*to, at, span)?;
                    self.store.elements[at].clear();
                }
            }
        }
        for (at, segment) in module.0.data.iter().enumerate() {
            if let SegmentKind::Active { to, from } = &segment.kind {
                let span = whole(evaluate(from, &self.store.globals), segment.bytes.len());
                self.store.init_memory(*to, at, span)?;
                self.store.data[at].clear();
            }
        }
        if let Some(start) = module.0.start {
            self.call(start, &[])?;
        }
        Ok(())
    }
}

/// All of a segment, to this place.
fn whole(to: Value, length: usize) -> Span {
    Span {
        to: to.index(),
        from: 0,
        length: u64::try_from(length).expect("a length fits"),
    }
}

/// What a module declares, before its active segments are written.
fn create(module: &Contents, host: &mut dyn Host, settings: &Settings) -> Result<Store, Trap> {
    for (import, ty) in module.imports.iter().zip(&module.functions) {
        let name = (&import.module, &import.name);
        if !host.offers(name.0, name.1, &module.types[index(*ty)]) {
            return Err(Trap::Link(format!("no function {}.{}", name.0, name.1)));
        }
    }
    let pages = module
        .memories
        .iter()
        .map(|memory| u128::from(memory.initial));
    let elements = module
        .tables
        .iter()
        .map(|table| u128::from(table.ty.initial));
    if pages.sum::<u128>() > settings.pages_max.into()
        || elements.sum::<u128>() > settings.table_elements_max.into()
    {
        return Err(Trap::Link(
            "declares more than there is room for".to_owned(),
        ));
    }
    let mut globals = Vec::new();
    for global in &module.globals {
        let value = match &global.value {
            GlobalValue::Computed(constant) => evaluate(constant, &globals),
            GlobalValue::Imported(import) => host
                .global(&import.module, &import.name, global.ty)
                .filter(|value| value.is_a(global.ty))
                .ok_or_else(|| {
                    Trap::Link(format!("no global {}.{}", import.module, import.name))
                })?,
        };
        globals.push(value);
    }
    let table =
        |table: &crate::module::Table| Table::new(&table.ty, evaluate(&table.element, &globals));
    let too_large = || Trap::Link("more than the host has".to_owned());
    Ok(Store {
        memories: (module
            .memories
            .iter()
            .map(Memory::new)
            .collect::<Option<_>>())
        .ok_or_else(too_large)?,
        tables: (module.tables.iter().map(table).collect::<Option<_>>()).ok_or_else(too_large)?,
        elements: (module.elements.iter())
            .map(|segment| {
                let items = segment.items.iter();
                items.map(|item| evaluate(item, &globals)).collect()
            })
            .collect(),
        data: module.data.iter().map(|data| data.bytes.clone()).collect(),
        exceptions: Vec::new(),
        pages_max: settings.pages_max,
        table_elements_max: settings.table_elements_max,
        globals,
    })
}

/// The value of a constant expression, which costs nothing.
fn evaluate(constant: &Constant, globals: &[Value]) -> Value {
    let mut values: Vec<Value> = Vec::new();
    let operand = "validation counts the operands";
    for op in constant {
        let value = match op {
            Op::Const(value) => *value,
            Op::GlobalGet(global) => globals[*global],
            Op::Binary(function) => {
                let b = values.pop().expect(operand);
                function(values.pop().expect(operand), b)
            }
            other => unreachable!("{other:?} is not constant"),
        };
        values.push(value);
    }
    values.pop().expect(operand)
}
