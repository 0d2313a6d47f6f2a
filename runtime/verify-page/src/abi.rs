//! How the page's script calls [`answer`](crate::answer()): bytes are handed over in memory that the module
//! allocates. Knows no receipt.

use std::ptr;

/// Room for `length` bytes, to be given to [`verify`]. 0 where there is none.
#[unsafe(no_mangle)]
pub extern "C" fn allocate(length: usize) -> *mut u8 {
    let mut bytes = Vec::new();
    if bytes.try_reserve_exact(length).is_err() {
        return ptr::null_mut();
    }
    bytes.extend(std::iter::repeat_n(0, length));
    leak(bytes).0
}

/// Takes a request and gives where its answer is: the address in the upper 32 bits, the length in the lower ones.
///
/// # Safety
/// `request` is what [`allocate`] gave for this `length`, and is not used again.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn verify(request: *mut u8, length: usize) -> u64 {
    // SAFETY: the caller's promise.
    let request = unsafe { take(request, length) };
    let (at, length) = leak(crate::answer(&request).into_bytes());
    let half = |number: usize| u64::try_from(number).expect("addresses have 32 bits here");
    half(at.addr()) << 32 | half(length)
}

/// Frees an answer.
///
/// # Safety
/// Address and length are those that [`verify`] gave, and are not used again.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn release(answer: *mut u8, length: usize) {
    // SAFETY: the caller's promise.
    drop(unsafe { take(answer, length) });
}

fn leak(bytes: Vec<u8>) -> (*mut u8, usize) {
    let bytes = Box::leak(bytes.into_boxed_slice());
    (bytes.as_mut_ptr(), bytes.len())
}

/// # Safety
/// The two came from [`leak`], and nothing else uses them.
unsafe fn take(at: *mut u8, length: usize) -> Box<[u8]> {
    // SAFETY: the caller's promise: these are the parts of a box that was leaked.
    unsafe { Box::from_raw(ptr::slice_from_raw_parts_mut(at, length)) }
}
