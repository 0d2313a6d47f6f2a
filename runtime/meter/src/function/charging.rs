//! Decides where in a body units are subtracted, so that the count is exact at every sync point and
//! there are few subtractions. Writes nothing.
//!
//! Weights that control has passed but that are not yet subtracted are *pending*. Where paths meet,
//! they must agree on what is pending: the first path to reach a label decides, and every other one
//! subtracts the difference before it gets there, which may be negative. So of the two arms of an
//! `if`, one pays.

use std::collections::HashMap;

use wasmparser::{Catch, Operator};

use super::body::{Body, Step};
use crate::operator;

/// What is subtracted around one operator.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Charge {
    /// Before it; of a `loop`, before it is entered; of an `end` or `else`, at the end of the arm.
    pub before: i64,
    /// Of a `br_if`, only on the way to its label; of a `loop` that is not counted, at its head.
    pub inside: i64,
}

/// What is subtracted in a body.
#[derive(Debug, Default)]
pub(crate) struct Charges {
    pub entry: i64,
    pub steps: Vec<Charge>,
    /// Of each `try_table`, for each of its catches, before its label is reached.
    pub catches: HashMap<usize, Vec<i64>>,
    /// At the function's end, where all ways out meet.
    pub exit: i64,
}

enum Kind {
    Block,
    Loop {
        step: usize,
    },
    /// What was pending at the `if`.
    If {
        pending: i64,
    },
}

struct Frame {
    kind: Kind,
    /// What is pending where control meets, once a path has decided it.
    label: Option<i64>,
    /// Of a loop: the steps that go back to its head, with what is pending there.
    back: Vec<(usize, i64)>,
}

struct Walk<'b, 'a> {
    body: &'b Body<'a>,
    charges: Charges,
    frames: Vec<Frame>,
    /// What is pending here, if control can be here.
    pending: Option<i64>,
}

/// The charges of a body.
pub(crate) fn charges(body: &Body<'_>) -> Charges {
    let mut walk = Walk {
        body,
        charges: Charges {
            steps: vec![Charge::default(); body.steps.len()],
            ..Charges::default()
        },
        frames: vec![Frame {
            kind: Kind::Block,
            label: body.in_branch_table.then_some(0),
            back: Vec::new(),
        }],
        pending: Some(0),
    };
    if !body.small {
        // All of the first segment is recorded at entry.
        walk.charges.entry = body.steps.first().map_or(0, weight);
    }
    let mut at = 0;
    while let Some(step) = body.steps.get(at) {
        at = walk.step(at, step);
    }
    walk.charges
}

fn weight(step: &Step<'_>) -> i64 {
    step.segment
        .map_or(0, |weight| i64::try_from(weight).unwrap_or(i64::MAX))
}

impl Walk<'_, '_> {
    /// Passes one operator, and returns the step to go on with.
    fn step(&mut self, at: usize, step: &Step<'_>) -> usize {
        if step.dead {
            return at + 1;
        }
        let after_sync = at == 0 && !self.body.small || self.after_loop(at);
        if !after_sync && let Some(pending) = &mut self.pending {
            *pending += weight(step);
        }
        match &step.op {
            Operator::Block { .. } => self.open(Kind::Block, step),
            Operator::TryTable { try_table } => {
                // Before the block itself is open: its catches lead out of it.
                let pads = try_table.catches.iter().map(|catch| self.catch(catch));
                let pads = pads.collect();
                self.charges.catches.insert(at, pads);
                self.open(Kind::Block, step);
            }
            Operator::If { .. } => {
                let in_branch_table = step.block.as_ref().is_some_and(|b| b.in_branch_table);
                if in_branch_table {
                    self.flush(at);
                }
                let pending = self.pending.unwrap_or(0);
                self.open(Kind::If { pending }, step);
                let has_else = step.block.as_ref().is_some_and(|block| block.has_else);
                if !has_else
                    && self.pending.is_some()
                    && let Some(frame) = self.frames.last_mut()
                {
                    frame.label = Some(pending);
                }
            }
            Operator::Loop { .. } => return self.enter_loop(at, step),
            Operator::Else => {
                self.leave(at, 0);
                if let Some(Frame {
                    kind: Kind::If { pending },
                    ..
                }) = self.frames.last()
                {
                    self.pending = Some(*pending);
                }
            }
            Operator::End => self.end(at),
            Operator::Br { relative_depth } => self.leave(at, *relative_depth),
            Operator::BrIf { relative_depth } => self.branch(at, *relative_depth),
            Operator::BrTable { .. } => {
                self.flush(at);
                self.pending = None;
            }
            Operator::Return => {
                let outermost = u32::try_from(self.frames.len() - 1).unwrap_or(u32::MAX);
                self.leave(at, outermost);
            }
            Operator::Unreachable => self.pending = None,
            Operator::Call { .. } | Operator::CallIndirect { .. } => self.flush(at),
            op if operator::is_bulk(op) => self.flush(at),
            op if operator::leaves(op) => {
                self.flush(at);
                self.pending = None;
            }
            _ => {}
        }
        at + 1
    }

    /// Whether this is the first operator of a loop that was charged at the loop's head.
    fn after_loop(&self, at: usize) -> bool {
        at.checked_sub(1)
            .is_some_and(|before| matches!(self.body.steps[before].op, Operator::Loop { .. }))
    }

    fn open(&mut self, kind: Kind, step: &Step<'_>) {
        let in_branch_table = step.block.as_ref().is_some_and(|b| b.in_branch_table);
        self.frames.push(Frame {
            kind,
            label: in_branch_table.then_some(0),
            back: Vec::new(),
        });
    }

    fn enter_loop(&mut self, at: usize, step: &Step<'_>) -> usize {
        if let Some(block) = &step.block
            && block.counted.is_some()
        {
            self.flush(at);
            return block.end + 1;
        }
        self.open(Kind::Loop { step: at }, step);
        // For now what is pending when the loop is entered: `end` makes it the difference.
        self.charges.steps[at].before = self.pending.unwrap_or(0);
        if self.pending.is_some() {
            self.pending = Some(0);
        }
        at + 1
    }

    fn end(&mut self, at: usize) {
        let Some(mut frame) = self.frames.pop() else {
            return;
        };
        match frame.kind {
            Kind::Loop { step } => {
                let agreed = frame
                    .label
                    .or(frame.back.first().map(|(_, pending)| *pending));
                let entered = self.charges.steps[step].before;
                let agreed = agreed.unwrap_or(entered);
                let head = self.body.steps.get(step + 1).map_or(0, weight);
                self.charges.steps[step] = Charge {
                    before: entered - agreed,
                    inside: agreed + head,
                };
                for (back, pending) in frame.back {
                    let charge = &mut self.charges.steps[back];
                    match self.body.steps[back].op {
                        Operator::BrIf { .. } => charge.inside = pending - agreed,
                        Operator::TryTable { .. } => {}
                        _ => charge.before = pending - agreed,
                    }
                }
            }
            Kind::Block | Kind::If { .. } => {
                if let Some(pending) = self.pending {
                    let agreed = *frame.label.get_or_insert(pending);
                    self.charges.steps[at].before = pending - agreed;
                }
                self.pending = frame.label;
                if self.frames.is_empty() {
                    self.charges.exit = frame.label.unwrap_or(0);
                }
            }
        }
    }

    /// Goes to the label for good.
    fn leave(&mut self, at: usize, depth: u32) {
        if let Some(pending) = self.pending.take() {
            self.charges.steps[at].before = self.edge(at, depth, pending);
        }
    }

    /// Goes to the label, or on.
    fn branch(&mut self, at: usize, depth: u32) {
        let Some(pending) = self.pending else {
            return;
        };
        let frame = self.frame(depth);
        let to_loop = frame.is_some_and(|frame| matches!(frame.kind, Kind::Loop { .. }));
        let difference = self.edge(at, depth, pending);
        if !to_loop {
            // Subtracted on both ways, so that it is not pending on either.
            self.charges.steps[at].before = difference;
            self.pending = Some(pending - difference);
        }
    }

    fn frame(&mut self, depth: u32) -> Option<&mut Frame> {
        let outwards = 1 + crate::module::position(depth);
        let frame = self.frames.len().checked_sub(outwards)?;
        self.frames.get_mut(frame)
    }

    /// What must be subtracted on the way to a label.
    fn edge(&mut self, at: usize, depth: u32, pending: i64) -> i64 {
        let Some(frame) = self.frame(depth) else {
            return 0;
        };
        if let Kind::Loop { .. } = frame.kind {
            frame.back.push((at, pending));
            return 0; // known when the loop ends
        }
        pending - *frame.label.get_or_insert(pending)
    }

    /// A catch comes with the count exact, so that nothing is pending.
    fn catch(&mut self, catch: &Catch) -> i64 {
        let (Catch::One { label, .. }
        | Catch::OneRef { label, .. }
        | Catch::All { label }
        | Catch::AllRef { label }) = *catch;
        let Some(frame) = self.frame(label) else {
            return 0;
        };
        // Of a loop, too: whatever comes back to its head agrees on nothing pending.
        -*frame.label.get_or_insert(0)
    }

    /// Subtracts all that is pending.
    fn flush(&mut self, at: usize) {
        if let Some(pending) = &mut self.pending {
            self.charges.steps[at].before = std::mem::take(pending);
        }
    }
}
