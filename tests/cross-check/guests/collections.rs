//! A guest: sorting, trees, heaps, hashing into buckets, and text. It knows nothing of meters.

use std::collections::{BTreeMap, BinaryHeap, VecDeque};
use std::fmt::Write;

fn numbers(count: u32) -> impl Iterator<Item = u32> {
    let mut state = 0x2545_f491u32;
    (0..count).map(move |_| {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn sorts(count: u32) -> u64 {
    let mut all: Vec<u32> = numbers(count).collect();
    all.sort_unstable();
    let mut stable: Vec<(u32, u32)> = numbers(count)
        .zip(0..)
        .map(|(n, at)| (n % 16, at))
        .collect();
    stable.sort();
    let sum = |sum: u64, (at, n): (usize, &u32)| sum.wrapping_mul(31) ^ u64::from(*n) ^ at as u64;
    all.iter().enumerate().fold(0, sum)
        ^ stable
            .iter()
            .fold(0, |sum, pair| sum * 7 % 1_000_003 + u64::from(pair.1))
}

#[unsafe(no_mangle)]
pub extern "C" fn trees(count: u32) -> u64 {
    let mut tree = BTreeMap::new();
    for (at, number) in numbers(count).enumerate() {
        *tree.entry(number % (count + 1)).or_insert(0u64) += at as u64;
        if at % 3 == 0 {
            tree.pop_first();
        }
    }
    tree.range(count / 4..)
        .map(|(key, value)| u64::from(*key) ^ value)
        .sum()
}

#[unsafe(no_mangle)]
pub extern "C" fn queues(count: u32) -> u32 {
    let (mut heap, mut queue) = (BinaryHeap::new(), VecDeque::new());
    let mut mixed = 0u32;
    for number in numbers(count) {
        heap.push(number);
        queue.push_back(number);
        if number & 3 == 0 {
            mixed ^= heap.pop().unwrap_or(1).rotate_left(3);
            mixed = mixed.wrapping_add(queue.pop_front().unwrap_or(7));
        }
    }
    mixed
}

#[unsafe(no_mangle)]
pub extern "C" fn texts(count: u32) -> u32 {
    let mut text = String::new();
    for number in numbers(count) {
        let part = f64::from(number) / 977.0;
        write!(text, "{number:>12} {part:.3} {part:e}\n").unwrap();
    }
    let back: f64 = text
        .split_whitespace()
        .filter_map(|word| word.parse::<f64>().ok())
        .sum();
    text.bytes().fold(back as u32, |sum, byte| {
        sum.wrapping_mul(33) ^ u32::from(byte)
    })
}
