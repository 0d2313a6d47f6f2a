//! Floats as bits, exactly as WebAssembly has them, with the canonical NaN where M13 says so. Converts
//! nothing to or from integers.

/// The operators on one width of floats.
macro_rules! floats {
    ($name:ident, $float:ident, $bits:ident, $canonical:literal, $sign:literal, $doc:literal) => {
        #[doc = $doc]
        pub(crate) mod $name {
            pub(crate) const CANONICAL_NAN: $bits = $canonical;
            const SIGN: $bits = $sign;

            fn f(bits: $bits) -> $float {
                $float::from_bits(bits)
            }

            /// M13: a result that is NaN has the canonical bits with the sign clear.
            pub(crate) fn canonical(result: $float) -> $bits {
                if result.is_nan() {
                    CANONICAL_NAN
                } else {
                    result.to_bits()
                }
            }

            pub(crate) fn add(a: $bits, b: $bits) -> $bits {
                canonical(f(a) + f(b))
            }
            pub(crate) fn sub(a: $bits, b: $bits) -> $bits {
                canonical(f(a) - f(b))
            }
            pub(crate) fn mul(a: $bits, b: $bits) -> $bits {
                canonical(f(a) * f(b))
            }
            pub(crate) fn div(a: $bits, b: $bits) -> $bits {
                canonical(f(a) / f(b))
            }
            pub(crate) fn sqrt(a: $bits) -> $bits {
                canonical(f(a).sqrt())
            }
            pub(crate) fn ceil(a: $bits) -> $bits {
                canonical(f(a).ceil())
            }
            pub(crate) fn floor(a: $bits) -> $bits {
                canonical(f(a).floor())
            }
            pub(crate) fn trunc(a: $bits) -> $bits {
                canonical(f(a).trunc())
            }
            pub(crate) fn nearest(a: $bits) -> $bits {
                canonical(f(a).round_ties_even())
            }

            /// NaN if either is; the negative zero is the smaller one.
            pub(crate) fn min(a: $bits, b: $bits) -> $bits {
                if f(a).is_nan() || f(b).is_nan() {
                    CANONICAL_NAN
                } else if f(a) == f(b) {
                    a | b
                } else if f(a) < f(b) {
                    a
                } else {
                    b
                }
            }

            /// NaN if either is; the positive zero is the larger one.
            pub(crate) fn max(a: $bits, b: $bits) -> $bits {
                if f(a).is_nan() || f(b).is_nan() {
                    CANONICAL_NAN
                } else if f(a) == f(b) {
                    a & b
                } else if f(a) > f(b) {
                    a
                } else {
                    b
                }
            }

            pub(crate) fn pmin(a: $bits, b: $bits) -> $bits {
                if f(b) < f(a) { b } else { a }
            }
            pub(crate) fn pmax(a: $bits, b: $bits) -> $bits {
                if f(a) < f(b) { b } else { a }
            }
            pub(crate) fn abs(a: $bits) -> $bits {
                a & !SIGN
            }
            pub(crate) fn neg(a: $bits) -> $bits {
                a ^ SIGN
            }
            pub(crate) fn copysign(a: $bits, b: $bits) -> $bits {
                (a & !SIGN) | (b & SIGN)
            }

            pub(crate) fn eq(a: $bits, b: $bits) -> bool {
                f(a) == f(b)
            }
            pub(crate) fn ne(a: $bits, b: $bits) -> bool {
                f(a) != f(b)
            }
            pub(crate) fn lt(a: $bits, b: $bits) -> bool {
                f(a) < f(b)
            }
            pub(crate) fn gt(a: $bits, b: $bits) -> bool {
                f(a) > f(b)
            }
            pub(crate) fn le(a: $bits, b: $bits) -> bool {
                f(a) <= f(b)
            }
            pub(crate) fn ge(a: $bits, b: $bits) -> bool {
                f(a) >= f(b)
            }
        }
    };
}

floats!(
    f32x,
    f32,
    u32,
    0x7fc0_0000,
    0x8000_0000,
    "On the bits of an `f32`."
);
floats!(
    f64x,
    f64,
    u64,
    0x7ff8_0000_0000_0000,
    0x8000_0000_0000_0000,
    "On the bits of an `f64`."
);
