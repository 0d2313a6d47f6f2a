//! A guest that ends badly, in each of its functions another way, most of them after some work.

use std::hint::black_box;

fn work(rounds: u32) -> u32 {
    (0..rounds).fold(1, |sum, at| black_box(sum).rotate_left(3) ^ at)
}

#[unsafe(no_mangle)]
pub extern "C" fn panics(rounds: u32) -> u32 {
    let all: Vec<u32> = (0..work(rounds) % 7).collect();
    all[black_box(rounds as usize + 100)]
}

#[unsafe(no_mangle)]
pub extern "C" fn stops(rounds: u32) -> u32 {
    if work(rounds) != rounds {
        core::arch::wasm32::unreachable();
    }
    rounds
}

#[unsafe(no_mangle)]
pub extern "C" fn reads_outside(rounds: u32) -> u8 {
    let far = (work(rounds) | 0xf000_0000) as *const u8;
    // SAFETY: on WebAssembly this traps, which is what it is for.
    unsafe { black_box(far).read_volatile() }
}

#[unsafe(no_mangle)]
pub extern "C" fn recurses(rounds: u32) -> u64 {
    #[inline(never)]
    fn deeper(depth: u64) -> u64 {
        if depth == u64::MAX {
            return 0;
        }
        let mut room = [depth; 4];
        black_box(&mut room);
        deeper(black_box(depth + 1)) ^ room[1]
    }
    deeper(u64::from(work(rounds)))
}

#[unsafe(no_mangle)]
pub extern "C" fn takes_all_memory(rounds: u32) -> usize {
    let mut taken = Vec::new();
    while core::arch::wasm32::memory_grow(0, 1 + (rounds as usize & 3)) != usize::MAX {
        taken.push(core::arch::wasm32::memory_size(0));
    }
    taken.iter().sum()
}

#[unsafe(no_mangle)]
pub extern "C" fn never_ends(rounds: u32) -> u32 {
    let mut sum = rounds;
    loop {
        sum = black_box(sum).wrapping_add(1);
        if black_box(sum) == 0 && rounds == u32::MAX {
            return sum;
        }
    }
}

#[unsafe(no_mangle)]
pub extern "C" fn overflows(rounds: u32) -> u32 {
    (1..=rounds).fold(1, |product: u32, at| black_box(product) * black_box(at))
}
