//! Fibonacci by recursion: nothing but calls.
#![no_main]

#[inline(never)]
fn fib(n: u32) -> u64 {
    if n < 2 {
        return u64::from(n);
    }
    fib(n - 1) + fib(n - 2)
}

#[unsafe(no_mangle)]
pub extern "C" fn run(n: u32) -> u64 {
    fib(n)
}
