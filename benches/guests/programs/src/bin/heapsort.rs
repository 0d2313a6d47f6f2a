//! Heapsort of records through a `dyn Fn`, in one array.
#![no_main]

use programs::{Random, mix};

#[derive(Clone, Copy)]
struct Record {
    key: u32,
    weight: u16,
}

type Before<'a> = &'a dyn Fn(&Record, &Record) -> bool;

#[inline(never)]
fn sift_down(records: &mut [Record], mut at: usize, before: Before<'_>) {
    loop {
        let mut child = 2 * at + 1;
        if child >= records.len() {
            return;
        }
        if child + 1 < records.len() && before(&records[child], &records[child + 1]) {
            child += 1;
        }
        if !before(&records[at], &records[child]) {
            return;
        }
        records.swap(at, child);
        at = child;
    }
}

fn heapsort(records: &mut [Record], before: Before<'_>) {
    for at in (0..records.len() / 2).rev() {
        sift_down(records, at, before);
    }
    for end in (1..records.len()).rev() {
        records.swap(0, end);
        sift_down(&mut records[..end], 0, before);
    }
}

#[unsafe(no_mangle)]
pub extern "C" fn run(n: u32) -> u64 {
    let mut random = Random::new(11);
    let mut checksum = 0;
    for round in 0..n {
        let mut records: Vec<Record> = (0..4_000)
            .map(|at| Record {
                key: random.next(),
                weight: (at % 97) as u16,
            })
            .collect();
        let (by_key, by_weight);
        let before: Before<'_> = if round % 2 == 0 {
            by_key = |a: &Record, b: &Record| a.key < b.key;
            &by_key
        } else {
            by_weight = |a: &Record, b: &Record| (a.weight, a.key) < (b.weight, b.key);
            &by_weight
        };
        heapsort(&mut records, before);
        checksum = mix(checksum, u64::from(records[1_234].key));
    }
    checksum
}
