//! Writes the code that makes NaNs canonical. Never decides where.

use wasm_encoder::{BlockType, Ieee32, Ieee64};

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

    fn canonical(&mut self, local: u32, kind: Kind) {
        let mut code = self.code();
        match kind {
            // A branch that is never taken costs nothing on the way of the value itself.
            Kind::F32 => code
                .local_get(local)
                .local_get(local)
                .f32_ne()
                .if_(BlockType::Empty)
                .f32_const(Ieee32::new(F32_NAN))
                .local_set(local)
                .end(),
            Kind::F64 => code
                .local_get(local)
                .local_get(local)
                .f64_ne()
                .if_(BlockType::Empty)
                .f64_const(Ieee64::new(F64_NAN))
                .local_set(local)
                .end(),
            Kind::F32x4 => code
                .local_get(local)
                .v128_const(lanes(u128::from(F32_NAN), 32))
                .local_get(local)
                .local_get(local)
                .f32x4_eq()
                .v128_bitselect()
                .local_set(local),
            Kind::F64x2 => code
                .local_get(local)
                .v128_const(lanes(u128::from(F64_NAN), 64))
                .local_get(local)
                .local_get(local)
                .f64x2_eq()
                .v128_bitselect()
                .local_set(local),
        };
    }
}

/// A vector whose lanes of so many bits are all the same.
fn lanes(bits: u128, width: u32) -> i128 {
    (0..128 / width)
        .fold(0, |vector, lane| vector | bits << (lane * width))
        .cast_signed()
}
