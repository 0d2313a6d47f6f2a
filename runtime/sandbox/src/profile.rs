//! Where a run's units went, by call path. Counts nothing itself: the meter does.

use meterbox_meter::{
    Metered, NODE_BYTES, NODES_BYTES, NODES_END, NODES_MAX, NODES_MEMORY, ProfileNode, nodes,
};
use wasmtime::{AsContextMut, Instance, Store};

use crate::host::Host;
use crate::outcome::Fault;

/// Where a run's units went. The sum of all own units is what the run was billed beyond what its
/// instances declare.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profile {
    /// Call paths; each comes after its caller's.
    pub calls: Vec<CallPath>,
    /// The functions of the program, those of its first core module first.
    pub functions: Vec<ProfiledFunction>,
}

/// A function, as one path of callers called it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CallPath {
    /// Its place among the profile's functions.
    pub function: usize,
    /// The place of its caller's path; `None` if it was called from outside.
    pub caller: Option<usize>,
    /// How often it was called.
    pub calls: u64,
    /// Units of its own code.
    pub self_units: u64,
}

/// A function of the program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProfiledFunction {
    /// Which core module it is of.
    pub module: usize,
    /// Its index in the module.
    pub index: u32,
    /// Its name, if the module has names.
    pub name: Option<String>,
}

/// All that one function used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FunctionUnits {
    /// How often it was called.
    pub calls: u64,
    /// Units of its own code.
    pub self_units: u64,
    /// Units until it returned, with those of what it called; a call within a call counts once.
    pub total_units: u64,
}

impl Profile {
    /// The units of all functions.
    #[must_use]
    pub fn units(&self) -> u64 {
        self.calls.iter().map(|path| path.self_units).sum()
    }

    /// What each function used, in the order of the functions.
    #[must_use]
    pub fn by_function(&self) -> Vec<FunctionUnits> {
        let mut with_callees: Vec<u64> = self.calls.iter().map(|path| path.self_units).collect();
        for (at, path) in self.calls.iter().enumerate().rev() {
            if let Some(caller) = path.caller {
                with_callees[caller] = with_callees[caller].saturating_add(with_callees[at]);
            }
        }
        let mut functions = vec![FunctionUnits::default(); self.functions.len()];
        // The paths that lead to the one before, outermost first, and which functions are on them.
        let mut open = vec![0u32; self.functions.len()];
        let mut callees: Vec<Vec<usize>> = vec![Vec::new(); self.calls.len()];
        let mut pending = Vec::new();
        for (at, path) in self.calls.iter().enumerate() {
            match path.caller {
                Some(caller) => callees[caller].push(at),
                None => pending.push((at, false)),
            }
        }
        while let Some((at, done)) = pending.pop() {
            let path = self.calls[at];
            if done {
                open[path.function] -= 1;
                continue;
            }
            let function = &mut functions[path.function];
            function.calls = function.calls.saturating_add(path.calls);
            function.self_units = function.self_units.saturating_add(path.self_units);
            if open[path.function] == 0 {
                function.total_units = function.total_units.saturating_add(with_callees[at]);
            }
            open[path.function] += 1;
            pending.push((at, true));
            pending.extend(callees[at].iter().map(|callee| (*callee, false)));
        }
        functions
    }
}

/// Reads the tree that the meter built, for a run that began with these units left, and ended with those.
pub(crate) fn read(
    store: &mut Store<Host>,
    meter: &Instance,
    metered: &Metered,
    began: i64,
    ended: i64,
) -> Result<Profile, Fault> {
    let gone = || Fault::Meter("it has no profile".into());
    let mut places = [0u32; 2];
    for (place, name) in places.iter_mut().zip(NODES_END) {
        let global = meter.get_global(store.as_context_mut(), name);
        let value = global.ok_or_else(gone)?.get(&mut *store);
        *place = value
            .i32()
            .map(|value| u32::from_ne_bytes(value.to_ne_bytes()))
            .ok_or_else(gone)?;
    }
    let [end, current] = places;
    if end > NODES_BYTES {
        return Err(Fault::Profile { max: NODES_MAX });
    }
    let memory = meter.get_memory(store.as_context_mut(), NODES_MEMORY);
    let memory = memory.ok_or_else(gone)?;
    let end = usize::try_from(end).map_err(|_| gone())?;
    let bytes = memory.data(&*store).get(..end).ok_or_else(gone)?;
    let mut nodes = nodes(bytes);
    settle(&mut nodes, current / NODE_BYTES, began, ended);
    profile(&nodes, metered)
}

/// Gives the units since the last event to the function that was running then. Fewer units than were seen
/// are billed if the run trapped: then what came after the last record is taken from it and its callers.
fn settle(nodes: &mut [ProfileNode], current: u32, began: i64, ended: i64) {
    let seen: i64 = nodes.iter().map(|node| node.units).sum();
    let mut rest = began - ended.max(0) - seen;
    let place = |at: u32| usize::try_from(at).unwrap_or(usize::MAX);
    let mut at = place(current);
    if rest >= 0 {
        if let Some(node) = nodes.get_mut(at) {
            node.units += rest;
        }
        return;
    }
    let mut take = |node: &mut ProfileNode| {
        let taken = node.units.min(-rest).max(0);
        node.units -= taken;
        rest += taken;
    };
    while let Some(node) = nodes.get_mut(at) {
        take(node);
        if at == 0 {
            break;
        }
        at = place(node.parent);
    }
    // What returned since, the last first.
    nodes.iter_mut().rev().for_each(take);
}

fn profile(nodes: &[ProfileNode], metered: &Metered) -> Result<Profile, Fault> {
    let wrong = |what: &str| Fault::Meter(format!("its profile has {what}"));
    let mut functions = Vec::new();
    for (module, facts) in metered.modules.iter().enumerate() {
        functions.extend(facts.functions.iter().map(|function| ProfiledFunction {
            module,
            index: function.index,
            name: function.name.clone(),
        }));
    }
    if nodes.first().is_some_and(|root| root.units != 0) {
        return Err(wrong("units outside of functions"));
    }
    let mut calls = Vec::with_capacity(nodes.len());
    for node in nodes.iter().skip(1) {
        let function = usize::try_from(node.function).unwrap_or(usize::MAX);
        if function >= functions.len() {
            return Err(wrong("a function that is not there"));
        }
        calls.push(CallPath {
            function,
            caller: usize::try_from(node.parent)
                .ok()
                .and_then(|parent| parent.checked_sub(1)),
            calls: node.calls,
            self_units: u64::try_from(node.units).map_err(|_| wrong("units below zero"))?,
        });
    }
    Ok(Profile { calls, functions })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_within_a_call_of_the_same_function_counts_once() {
        let path = |function, caller, self_units| CallPath {
            function,
            caller,
            calls: 1,
            self_units,
        };
        let function = |index| ProfiledFunction {
            module: 0,
            index,
            name: None,
        };
        let profile = Profile {
            calls: vec![path(0, None, 5), path(1, Some(0), 7), path(0, Some(1), 11)],
            functions: vec![function(0), function(1), function(2)],
        };
        let units = profile.by_function();
        assert_eq!((units[0].self_units, units[0].total_units), (16, 23));
        assert_eq!((units[1].self_units, units[1].total_units), (7, 18));
        assert_eq!(units[2], FunctionUnits::default());
        assert_eq!(profile.units(), 23);
    }

    #[test]
    fn units_that_are_not_billed_are_taken_from_the_innermost_functions() {
        let node = |parent, units| ProfileNode {
            function: 0,
            parent,
            calls: 1,
            units,
        };
        let mut nodes = [node(0, 0), node(0, 10), node(1, 4), node(1, 3)];
        settle(&mut nodes, 3, 100, 91);
        assert_eq!(nodes.map(|node| node.units), [0, 5, 4, 0]);
        let mut nodes = [node(0, 0), node(0, 10), node(1, 4)];
        settle(&mut nodes, 2, 100, -5);
        assert_eq!(nodes.map(|node| node.units), [0, 10, 90]);
    }
}
