//! Owns what is measured: of each operator a common case, and those in which an engine takes long for little.

mod branches;
mod elementwise;
mod graphs;
mod movement;
mod products;
mod reductions;
mod windows;

use crate::case::{Case, In};

/// A million elements, in two dimensions.
fn square() -> In {
    In::F(vec![1024, 1024])
}

pub fn all() -> Vec<Case> {
    let mut cases = products::products();
    cases.extend(elementwise::elementwise());
    cases.extend(movement::movement());
    cases.extend(reductions::reductions());
    cases.extend(windows::windows());
    cases.extend(windows::recurrences());
    cases.extend(reductions::others());
    cases.extend(reductions::found());
    cases.extend(graphs::steps());
    cases.extend(branches::branches());
    cases.extend(graphs::preparations());
    cases.extend(branches::preparations());
    cases
}
