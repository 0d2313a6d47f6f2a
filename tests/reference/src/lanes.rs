//! Vectors as lanes, lane 0 in the lowest bits. Knows no operators.

/// Low bits of a number, where all above are left out.
pub(crate) fn low8(bits: u128) -> u8 {
    bits.to_le_bytes()[0]
}

pub(crate) fn low16(bits: u128) -> u16 {
    u16x8::split(bits)[0]
}

pub(crate) fn low32(bits: u128) -> u32 {
    u32x4::split(bits)[0]
}

pub(crate) fn low64(bits: u128) -> u64 {
    u64x2::split(bits)[0]
}

/// One way to see a vector.
macro_rules! lanes {
    ($name:ident, $lane:ident, $count:literal, $bytes:literal) => {
        #[allow(dead_code, reason = "every width has the same functions")]
        pub(crate) mod $name {
            pub(crate) fn split(vector: u128) -> [$lane; $count] {
                let bytes = vector.to_le_bytes();
                let (lanes, _) = bytes.as_chunks::<$bytes>();
                std::array::from_fn(|at| $lane::from_le_bytes(lanes[at]))
            }

            pub(crate) fn join(lanes: [$lane; $count]) -> u128 {
                let mut bytes = [0; 16];
                let (chunks, _) = bytes.as_chunks_mut::<$bytes>();
                for (chunk, lane) in chunks.iter_mut().zip(lanes) {
                    *chunk = lane.to_le_bytes();
                }
                u128::from_le_bytes(bytes)
            }

            pub(crate) fn splat(lane: $lane) -> u128 {
                join([lane; $count])
            }

            /// Each lane computed from its number.
            pub(crate) fn make(lane: impl FnMut(usize) -> $lane) -> u128 {
                join(std::array::from_fn(lane))
            }

            pub(crate) fn map(a: u128, f: impl Fn($lane) -> $lane) -> u128 {
                join(split(a).map(f))
            }

            pub(crate) fn zip(a: u128, b: u128, f: impl Fn($lane, $lane) -> $lane) -> u128 {
                let (a, b) = (split(a), split(b));
                make(|at| f(a[at], b[at]))
            }

            /// All bits of a lane, or none.
            pub(crate) fn compare(a: u128, b: u128, f: impl Fn($lane, $lane) -> bool) -> u128 {
                let all = $lane::from_le_bytes([0xff; $bytes]);
                zip(a, b, |a, b| if f(a, b) { all } else { 0 })
            }

            pub(crate) fn all_true(a: u128) -> u32 {
                u32::from(split(a).iter().all(|&lane| lane != 0))
            }

            pub(crate) fn replace(a: u128, at: u8, lane: $lane) -> u128 {
                let mut lanes = split(a);
                lanes[usize::from(at)] = lane;
                join(lanes)
            }
        }
    };
}

lanes!(i8x16, i8, 16, 1);
lanes!(u8x16, u8, 16, 1);
lanes!(i16x8, i16, 8, 2);
lanes!(u16x8, u16, 8, 2);
lanes!(i32x4, i32, 4, 4);
lanes!(u32x4, u32, 4, 4);
lanes!(i64x2, i64, 2, 8);
lanes!(u64x2, u64, 2, 8);

/// The highest bit of each lane, lane 0 in the lowest bit.
pub(crate) fn bitmask(negative: impl IntoIterator<Item = bool>) -> u32 {
    negative
        .into_iter()
        .enumerate()
        .fold(0, |mask, (at, negative)| mask | (u32::from(negative) << at))
}
