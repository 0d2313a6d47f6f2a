//! Runs functions, operator by operator, and charges as it goes. Here the two halves meet: `plan` says
//! what control owes where, and operators that have sync points of their own are charged where they run.
//!
//! Calls are frames in a list, so that the host's own stack is as deep for all programs.

use meterbox_meter::FRAME_UNITS;

use crate::body::{Body, Try};
use crate::ending::{Exception, Stop, Trap};
use crate::guest::Guest;
use crate::host::Host;
use crate::meter::Meter;
use crate::module::Contents;
use crate::operator::{Target, index};
use crate::plan::{Plan, Point, Sync};
use crate::store::Store;
use crate::value::{FuncRef, Value};

/// A function that runs, or waits for one that it called.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Frame<'a> {
    pub(crate) body: &'a Body,
    pub(crate) plan: &'a Plan,
    /// The operator after the one that runs.
    pub(crate) pc: usize,
    /// Where its parameters and locals begin among the values.
    pub(crate) locals: usize,
}

/// Everything that operators reach.
pub(crate) struct Run<'a> {
    pub(crate) module: &'a Contents,
    pub(crate) plans: &'a [Plan],
    pub(crate) store: &'a mut Store,
    pub(crate) meter: &'a mut Meter,
    pub(crate) host: &'a mut dyn Host,
    /// Of each frame the locals, and on top of them its operands.
    pub(crate) values: Vec<Value>,
    pub(crate) frame: Frame<'a>,
    pub(crate) callers: Vec<Frame<'a>>,
    /// Of a counted loop, the laps that are paid for and still to run.
    pub(crate) laps: u64,
}

/// What runs next.
pub(crate) enum Next {
    Operator,
    /// Nothing: the function that was called from outside has returned.
    Outside,
}

impl<'a> Run<'a> {
    /// Calls a function of the module, and runs until it has returned.
    pub(crate) fn call(
        guest: &'a mut Guest<'_>,
        host: &'a mut dyn Host,
        function: u32,
        arguments: &[Value],
    ) -> Result<Vec<Value>, Stop> {
        let (module, plans) = (guest.module, guest.plans);
        let imports = module.imports.len();
        let Some(body) = index(function).checked_sub(imports) else {
            return call_host(guest, host, function, arguments);
        };
        let mut run = Run {
            module,
            plans,
            store: guest.store,
            meter: guest.meter,
            host,
            values: arguments.to_vec(),
            frame: Frame {
                body: &module.bodies[body],
                plan: &plans[body],
                pc: 0,
                locals: 0,
            },
            callers: Vec::new(),
            laps: 0,
        };
        run.values.extend(&run.frame.body.locals);
        loop {
            match run.until_stopped() {
                Ok(()) => {
                    // M5, 6: a function that was called from outside its module returns.
                    run.meter.record();
                    return Ok(run.values);
                }
                Err(Stop::Exception(exception)) => run.unwind(exception)?,
                Err(stop) => return Err(stop),
            }
        }
    }

    fn until_stopped(&mut self) -> Result<(), Stop> {
        loop {
            let Frame { body, plan, pc, .. } = self.frame;
            if let Some(point) = plan.points[pc] {
                self.arrive(point)?;
            }
            self.frame.pc = pc + 1;
            if let Next::Outside = self.step(&body.code[pc])? {
                return Ok(());
            }
        }
    }

    /// Control reaches an operator at which something is owed.
    fn arrive(&mut self, point: Point) -> Result<(), Stop> {
        self.meter.charge(point.charge);
        match point.sync {
            Sync::None => Ok(()),
            Sync::Entry => {
                self.record_and_check()?;
                self.meter.take_frame(self.frame.body.frame_units)
            }
            Sync::Loop => self.record_and_check(),
            Sync::Counted(number) => {
                if self.laps == 0 {
                    let counted = &self.frame.body.counted[number];
                    let laps = counted.laps(|local| self.values[self.frame.locals + index(local)]);
                    let weight = self.frame.plan.lap_weights[number];
                    self.meter.charge(laps.saturating_mul(weight));
                    self.record_and_check()?;
                    self.laps = laps;
                }
                self.laps -= 1;
                Ok(())
            }
        }
    }

    /// M7: at the points 1 to 4 of M5, what is recorded is checked.
    pub(crate) fn record_and_check(&mut self) -> Result<(), Stop> {
        self.meter.record();
        self.meter.check()
    }

    /// `call`, with the arguments on the operand stack.
    pub(crate) fn enter(&mut self, function: u32) -> Result<Next, Stop> {
        if self.is_import(function) {
            self.enter_host(function)?;
        } else {
            self.callers.push(self.frame);
            self.begin(function);
        }
        Ok(Next::Operator)
    }

    /// `return_call`. An imported function is called and returned from (M10).
    pub(crate) fn enter_instead(&mut self, function: u32) -> Result<Next, Stop> {
        if self.is_import(function) {
            self.enter_host_last(function)?;
            return Ok(self.leave());
        }
        self.give_back_frame();
        let parameters = self.module.function_type(function).params().len();
        self.keep(parameters, self.frame.locals);
        self.begin(function);
        Ok(Next::Operator)
    }

    /// `call_indirect`. An imported function that is called through a table takes a bare frame (M10).
    pub(crate) fn enter_through_table(&mut self, function: u32) -> Result<Next, Stop> {
        if !self.is_import(function) {
            return self.enter(function);
        }
        self.record_and_check()?;
        self.meter.take_frame(FRAME_UNITS)?;
        let called = self.enter_host(function);
        if left(&called) {
            self.meter.give_back_frame(FRAME_UNITS);
        }
        called.map(|()| Next::Operator)
    }

    /// `return_call_indirect`.
    pub(crate) fn enter_instead_through_table(&mut self, function: u32) -> Result<Next, Stop> {
        if !self.is_import(function) {
            return self.enter_instead(function);
        }
        self.record_and_check()?;
        self.give_back_frame();
        self.meter.take_frame(FRAME_UNITS)?;
        let called = self.enter_host_last(function);
        if left(&called) {
            // What is given back when the function is left is its own frame.
            self.meter.give_back_frame(FRAME_UNITS);
            self.take_frame_again();
        }
        called.map(|()| self.leave())
    }

    fn take_frame_again(&mut self) {
        self.meter.take_frame_again(self.frame.body.frame_units);
    }

    fn is_import(&self, function: u32) -> bool {
        index(function) < self.module.imports.len()
    }

    /// Calls an imported function after which the calling one is left: what it throws, only those catch that
    /// called the latter.
    fn enter_host_last(&mut self, function: u32) -> Result<(), Stop> {
        let called = self.enter_host(function);
        if called.is_err() {
            self.frame.pc = self.frame.body.code.len() + 1;
        }
        called
    }

    fn enter_host(&mut self, function: u32) -> Result<(), Stop> {
        self.record_and_check()?;
        let parameters = self.module.function_type(function).params().len();
        let arguments = self.values.split_off(self.values.len() - parameters);
        let mut guest = Guest {
            module: self.module,
            plans: self.plans,
            store: self.store,
            meter: self.meter,
        };
        let results = call_host(&mut guest, self.host, function, &arguments)?;
        self.values.extend(results);
        Ok(())
    }

    /// The frame of a function of the module's own, whose arguments are the topmost values. What is charged
    /// at its entry belongs to its first operator.
    fn begin(&mut self, function: u32) {
        let body = index(function) - self.module.imports.len();
        self.frame = Frame {
            body: &self.module.bodies[body],
            plan: &self.plans[body],
            pc: 0,
            locals: self.values.len() - self.module.bodies[body].parameters,
        };
        self.values.extend(&self.frame.body.locals);
    }

    /// The function returns the topmost values.
    pub(crate) fn leave(&mut self) -> Next {
        self.give_back_frame();
        self.keep(self.frame.body.results, self.frame.locals);
        match self.callers.pop() {
            Some(caller) => {
                self.frame = caller;
                Next::Operator
            }
            None => Next::Outside,
        }
    }

    /// Functions that take no stack have a frame of no units.
    fn give_back_frame(&mut self) {
        self.meter.give_back_frame(self.frame.body.frame_units);
    }

    /// The function that a table has at this index, if it is of this type.
    pub(crate) fn function_in(&self, table: usize, at: u64, ty: u32) -> Result<u32, Trap> {
        match self.store.tables[table].get(at)? {
            Value::Func(Some(FuncRef(function))) => {
                if *self.module.function_type(function) == self.module.types[index(ty)] {
                    Ok(function)
                } else {
                    Err(Trap::BadSignature)
                }
            }
            Value::Func(None) => Err(Trap::IndirectCallToNull),
            other => other.mistyped(),
        }
    }

    /// Hands an exception to the innermost `try_table` that catches it, frame by frame outwards.
    fn unwind(&mut self, exception: Exception) -> Result<(), Stop> {
        loop {
            let at = self.frame.pc - 1;
            let around = |tried: &&Try| tried.from <= at && at < tried.to;
            let handler = self
                .frame
                .body
                .tries
                .iter()
                .rev()
                .filter(around)
                .find_map(|tried| {
                    tried.handlers.iter().find(|handler| {
                        handler.tag.is_none_or(|tag| {
                            self.module.tags[index(tag)].identity == exception.tag
                        })
                    })
                });
            if let Some(handler) = handler {
                self.values
                    .truncate(self.operands() + handler.target.height);
                if handler.tag.is_some() {
                    self.values.extend(&exception.values);
                }
                if handler.keeps_reference {
                    let reference = self.store.keep_exception(exception);
                    self.values.push(Value::Exn(Some(reference)));
                }
                self.frame.pc = handler.target.pc;
                return Ok(());
            }
            // M10: a frame is given back when an exception leaves the function.
            self.give_back_frame();
            self.values.truncate(self.frame.locals);
            self.frame = self
                .callers
                .pop()
                .ok_or_else(|| Stop::Exception(exception.clone()))?;
        }
    }

    /// Where the operands of the frame begin.
    fn operands(&self) -> usize {
        self.frame.locals + self.frame.body.parameters + self.frame.body.locals.len()
    }

    pub(crate) fn branch(&mut self, target: Target) {
        self.keep(target.keep, self.operands() + target.height);
        self.frame.pc = target.pc;
    }

    /// Removes the values from here on, but for the topmost ones.
    fn keep(&mut self, topmost: usize, from: usize) {
        let kept = self.values.len() - topmost;
        if kept > from {
            self.values.drain(from..kept);
        }
    }

    pub(crate) fn push(&mut self, value: Value) {
        self.values.push(value);
    }

    pub(crate) fn pop(&mut self) -> Value {
        self.values.pop().expect("validation counts the operands")
    }

    /// The place of a local among the values.
    pub(crate) fn local(&mut self, local: usize) -> &mut Value {
        &mut self.values[self.frame.locals + local]
    }
}

/// Whether control has left what was called, to run on.
fn left(called: &Result<(), Stop>) -> bool {
    matches!(called, Ok(()) | Err(Stop::Exception(_)))
}

/// Calls an imported function, and looks at what it gives.
fn call_host(
    guest: &mut Guest<'_>,
    host: &mut dyn Host,
    function: u32,
    arguments: &[Value],
) -> Result<Vec<Value>, Stop> {
    let module = guest.module;
    let import = &module.imports[index(function)];
    let results = host.call(&import.module, &import.name, arguments, guest)?;
    let expected = module.function_type(function).results();
    let fit = results.len() == expected.len()
        && results
            .iter()
            .zip(expected)
            .all(|(result, ty)| result.is_a(*ty));
    if fit {
        Ok(results)
    } else {
        let name = format!("{}.{}", import.module, import.name);
        Err(Trap::Host(format!("results of {name} are of other types")).into())
    }
}
