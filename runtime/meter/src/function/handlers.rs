//! Writes `try_table`: a catch takes the count up again from where the throw recorded it. Knows
//! nothing of what is thrown.

use wasmparser::{Catch, Operator, RefType, TryTable, ValType};

use super::Emitter;
use crate::MeterError;

impl Emitter<'_, '_, '_> {
    /// Writes what opens a `try_table`: a block around it for each catch, where the count is taken up
    /// before the catch's own label is reached, and one to go to when nothing was thrown.
    pub(super) fn try_table(&mut self, at: usize, table: &TryTable) -> Result<(), MeterError> {
        let (parameters, results) = self.context.signatures.of_block(table.ty)?;
        let around = self.context.signatures.block(&parameters, &results)?;
        self.code().block(around);
        let mut catches = Vec::new();
        for (pad, catch) in (0..).zip(&table.catches) {
            catches.push(match *catch {
                Catch::One { tag, .. } => wasm_encoder::Catch::One { tag, label: pad },
                Catch::OneRef { tag, .. } => wasm_encoder::Catch::OneRef { tag, label: pad },
                Catch::All { .. } => wasm_encoder::Catch::All { label: pad },
                Catch::AllRef { .. } => wasm_encoder::Catch::AllRef { label: pad },
            });
        }
        for catch in table.catches.iter().rev() {
            let caught = self.caught(catch)?;
            let pad = self.context.signatures.block(&parameters, &caught)?;
            self.code().block(pad);
        }
        self.code().try_table(around, catches);
        let pads = u32::try_from(table.catches.len()).unwrap_or(u32::MAX);
        self.added.push(pads + 1);
        self.handlers.push(at);
        Ok(())
    }

    /// The values that a catch brings.
    fn caught(&self, catch: &Catch) -> Result<Vec<ValType>, MeterError> {
        let mut caught = match catch {
            Catch::One { tag, .. } | Catch::OneRef { tag, .. } => {
                self.context.signatures.of_tag(*tag)?
            }
            Catch::All { .. } | Catch::AllRef { .. } => Vec::new(),
        };
        if matches!(catch, Catch::OneRef { .. } | Catch::AllRef { .. }) {
            // What a catch gives is never null.
            caught.push(ValType::Ref(RefType::EXN));
        }
        Ok(caught)
    }

    /// After an `end`: if it is of a `try_table`, writes what its catches do.
    pub(super) fn after_try_table(&mut self, end: usize) -> Result<(), MeterError> {
        let ends = |at: &usize| {
            let note = self.body.steps[*at].block.as_ref();
            note.is_some_and(|note| note.end == end)
        };
        let Some(at) = self.handlers.last().copied().filter(ends) else {
            return Ok(());
        };
        self.handlers.pop();
        let Operator::TryTable { try_table } = &self.body.steps[at].op else {
            return Ok(());
        };
        let charges = self.charges.catches.remove(&at).unwrap_or_default();
        let pads = u32::try_from(try_table.catches.len()).unwrap_or(u32::MAX);
        self.code().br(pads);
        for (pad, catch) in (0..).zip(&try_table.catches) {
            let (Catch::One { label, .. }
            | Catch::OneRef { label, .. }
            | Catch::All { label }
            | Catch::AllRef { label }) = *catch;
            self.code().end();
            self.reload();
            self.caught_here();
            let index = crate::module::position(pad);
            self.charge(charges.get(index).copied().unwrap_or(0));
            let depth = self.depth(label) + pads - pad;
            self.code().br(depth);
        }
        self.code().end();
        Ok(())
    }
}
