//! A JavaScript engine that runs one of the scripts beside this file. Reads nothing, prints nothing.

use boa_engine::{Context, Source};

/// Runs the script of this number with `n`, and returns what it comes to.
fn script(source: &str, n: u32) -> u64 {
    let mut context = Context::default();
    let call = format!("{source}\nmain({n});");
    let value = context
        .eval(Source::from_bytes(&call))
        .expect("the script throws nothing");
    let number = value.as_number().expect("the script returns a number");
    number.to_bits()
}

/// Classes with methods, sent through an array of tasks.
#[unsafe(no_mangle)]
pub extern "C" fn objects(n: u32) -> u64 {
    script(include_str!("objects.js"), n)
}

/// Strings: splitting, maps of counts, sorting with a comparator, regular expressions, JSON.
#[unsafe(no_mangle)]
pub extern "C" fn text(n: u32) -> u64 {
    script(include_str!("text.js"), n)
}

/// Numbers in arrays: a sieve, a matrix product, a recursive function.
#[unsafe(no_mangle)]
pub extern "C" fn numbers(n: u32) -> u64 {
    script(include_str!("numbers.js"), n)
}
