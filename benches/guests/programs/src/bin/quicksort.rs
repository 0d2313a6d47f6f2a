//! Quicksort with a comparator behind a function pointer.
#![no_main]

use programs::{Random, mix};

type Compare = fn(u32, u32) -> bool;

fn ascending(a: u32, b: u32) -> bool {
    a < b
}

fn by_low_half(a: u32, b: u32) -> bool {
    a.rotate_left(16) < b.rotate_left(16)
}

fn descending(a: u32, b: u32) -> bool {
    a > b
}

#[inline(never)]
fn quicksort(values: &mut [u32], less: Compare) {
    if values.len() < 2 {
        return;
    }
    let pivot = values[values.len() / 2];
    let (mut low, mut high) = (0, values.len() - 1);
    loop {
        while less(values[low], pivot) {
            low += 1;
        }
        while less(pivot, values[high]) {
            high -= 1;
        }
        if low >= high {
            break;
        }
        values.swap(low, high);
        low += 1;
        high -= 1;
    }
    let (left, right) = values.split_at_mut(low);
    quicksort(left, less);
    quicksort(right, less);
}

#[unsafe(no_mangle)]
pub extern "C" fn run(n: u32) -> u64 {
    let comparators: [Compare; 3] = [ascending, by_low_half, descending];
    let mut random = Random::new(7);
    let mut checksum = 0;
    for round in 0..n {
        let mut values: Vec<u32> = (0..5_000).map(|_| random.next()).collect();
        quicksort(&mut values, comparators[round as usize % 3]);
        checksum = mix(checksum, u64::from(values[2_500]));
    }
    checksum
}
