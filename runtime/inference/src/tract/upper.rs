//! Owns that the upper halves of vector registers are zero when an operator begins. tract's kernels of AVX leave them as
//! they are, and whatever is compiled for SSE alone, mathematical libraries and conversions of f16 among it, then takes
//! ten to forty times as long.

#[cfg(target_arch = "x86_64")]
pub(super) fn clear() {
    if std::arch::is_x86_feature_detected!("avx") {
        // SAFETY: the processor has AVX.
        unsafe { zero() };
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx")]
fn zero() {
    std::arch::x86_64::_mm256_zeroupper();
}

/// Registers of other processors have no halves.
#[cfg(not(target_arch = "x86_64"))]
pub(super) fn clear() {}
