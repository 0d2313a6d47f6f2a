//! Writes the code that makes NaNs canonical. Never decides where.

use wasm_encoder::{Ieee32, Ieee64};

use super::Emitter;
use super::floats::{Kind, Which};
use super::locals::Purpose;

/// The canonical NaNs, with the sign clear.
const F32_NAN: u32 = 0x7fc0_0000;
const F64_NAN: u64 = 0x7ff8_0000_0000_0000;

impl Emitter<'_, '_, '_> {
    /// The value on top of the stack.
    pub(super) fn canonical_top(&mut self, kind: Kind) {
        let local = self.locals.own(purpose(kind));
        self.code().local_set(local);
        self.canonical(local, kind);
        self.code().local_get(local);
    }

    /// A local of the guest's.
    pub(super) fn canonical_local(&mut self, local: u32, kind: Kind) {
        let local = self.locals.guest(local);
        self.canonical(local, kind);
    }

    /// A `select`, one of whose operands is made canonical if that is what it gave. The result is tested and
    /// not the operand, which a compiler then sees beside the comparison that chooses: most are a minimum or
    /// a maximum to it.
    pub(super) fn canonical_select(&mut self, select: &[u8], which: Which, kind: Kind) {
        let first = self.locals.own(Purpose::Operand(Which::First, kind));
        let second = self.locals.own(Purpose::Operand(Which::Second, kind));
        let condition = self.locals.own(Purpose::Condition);
        let selected = self.locals.own(purpose(kind));
        let loose = match which {
            Which::First => first,
            Which::Second => second,
        };
        self.code()
            .local_set(condition)
            .local_set(second)
            .local_tee(first)
            .local_get(second)
            .local_get(condition);
        self.out.extend_from_slice(select);
        self.code().local_set(selected);
        self.unless_number(selected, kind);
        self.canonical(loose, kind);
        self.code()
            .local_get(first)
            .local_get(second)
            .local_get(condition);
        self.out.extend_from_slice(select);
        self.code().local_set(selected).end().local_get(selected);
    }

    /// A local.
    fn canonical(&mut self, local: u32, kind: Kind) {
        match kind {
            Kind::F32 => {
                self.unless_number(local, kind);
                let nan = Ieee32::new(F32_NAN);
                self.code().f32_const(nan).local_set(local).end();
            }
            Kind::F64 => {
                self.unless_number(local, kind);
                let nan = Ieee64::new(F64_NAN);
                self.code().f64_const(nan).local_set(local).end();
            }
            Kind::F32x4 | Kind::F64x2 => {
                let bits = match kind {
                    Kind::F32x4 => lanes(u128::from(F32_NAN), 32),
                    _ => lanes(u128::from(F64_NAN), 64),
                };
                let mut code = self.code();
                code.local_get(local)
                    .v128_const(bits)
                    .local_get(local)
                    .local_get(local);
                match kind {
                    Kind::F32x4 => code.f32x4_eq(),
                    _ => code.f64x2_eq(),
                };
                code.v128_bitselect().local_set(local);
            }
        }
    }

    /// Opens what is done with a scalar that is NaN: a branch that is hardly ever taken, so that nothing
    /// waits for it. All numbers but NaNs are at least themselves, which takes one comparison of one kind
    /// and not the two of `eq`.
    fn unless_number(&mut self, local: u32, kind: Kind) {
        let mut code = self.code();
        code.local_get(local).local_get(local);
        match kind {
            Kind::F32 => code.f32_ge(),
            _ => code.f64_ge(),
        };
        self.hinted_if(true);
        self.code().else_();
    }
}

fn purpose(kind: Kind) -> Purpose {
    match kind {
        Kind::F32 => Purpose::F32,
        Kind::F64 => Purpose::F64,
        Kind::F32x4 | Kind::F64x2 => Purpose::V128,
    }
}

/// A vector whose lanes of so many bits are all the same.
fn lanes(bits: u128, width: u32) -> i128 {
    (0..128 / width)
        .fold(0, |vector, lane| vector | bits << (lane * width))
        .cast_signed()
}
