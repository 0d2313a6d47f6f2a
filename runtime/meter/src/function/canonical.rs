//! Writes the code that makes NaNs canonical. Never decides where.

use wasm_encoder::{Ieee32, Ieee64};

use super::Emitter;
use super::floats::Kind;
use super::locals::Purpose;

/// The canonical NaNs, with the sign clear.
const F32_NAN: u32 = 0x7fc0_0000;
const F64_NAN: u64 = 0x7ff8_0000_0000_0000;

impl Emitter<'_, '_, '_> {
    /// The value on top of the stack.
    pub(super) fn canonical_top(&mut self, kind: Kind) {
        let purpose = match kind {
            Kind::F32 => Purpose::F32,
            Kind::F64 => Purpose::F64,
            Kind::F32x4 | Kind::F64x2 => Purpose::V128,
        };
        let local = self.locals.own(purpose);
        self.code().local_set(local);
        self.canonical(local, kind);
        self.code().local_get(local);
    }

    /// A local of the guest's.
    pub(super) fn canonical_local(&mut self, local: u32, kind: Kind) {
        let local = self.locals.guest(local);
        self.canonical(local, kind);
    }

    /// A local, by a branch that is hardly ever taken: nothing waits for it. All numbers but NaNs are at
    /// least the negative infinity, which takes one comparison of one kind.
    fn canonical(&mut self, local: u32, kind: Kind) {
        match kind {
            Kind::F32 => {
                let least = Ieee32::new(f32::NEG_INFINITY.to_bits());
                self.code().local_get(local).f32_const(least).f32_ge();
                self.hinted_if(true);
                let nan = Ieee32::new(F32_NAN);
                self.code().else_().f32_const(nan).local_set(local).end();
            }
            Kind::F64 => {
                let least = Ieee64::new(f64::NEG_INFINITY.to_bits());
                self.code().local_get(local).f64_const(least).f64_ge();
                self.hinted_if(true);
                let nan = Ieee64::new(F64_NAN);
                self.code().else_().f64_const(nan).local_set(local).end();
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
}

/// A vector whose lanes of so many bits are all the same.
fn lanes(bits: u128, width: u32) -> i128 {
    (0..128 / width)
        .fold(0, |vector, lane| vector | bits << (lane * width))
        .cast_signed()
}
