//! A hash map with open addressing and growth, of words and their counts.
#![no_main]

use programs::{Random, mix};

#[derive(Clone, Default)]
struct Slot {
    key: Vec<u8>,
    count: u32,
}

struct Map {
    slots: Vec<Slot>,
    used: usize,
}

fn hash(key: &[u8]) -> usize {
    let hash = key.iter().fold(0x811c_9dc5u32, |hash, byte| {
        (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193)
    });
    hash as usize
}

impl Map {
    fn new() -> Self {
        Self {
            slots: vec![Slot::default(); 16],
            used: 0,
        }
    }

    fn position(&self, key: &[u8]) -> usize {
        let mask = self.slots.len() - 1;
        let mut at = hash(key) & mask;
        while self.slots[at].count > 0 && self.slots[at].key != key {
            at = (at + 1) & mask;
        }
        at
    }

    fn count(&mut self, key: &[u8]) {
        if self.used * 4 > self.slots.len() * 3 {
            self.grow();
        }
        let at = self.position(key);
        let slot = &mut self.slots[at];
        if slot.count == 0 {
            slot.key = key.to_vec();
            self.used += 1;
        }
        slot.count += 1;
    }

    fn grow(&mut self) {
        let size = self.slots.len() * 2;
        let old = std::mem::replace(&mut self.slots, vec![Slot::default(); size]);
        for slot in old.into_iter().filter(|slot| slot.count > 0) {
            let at = self.position(&slot.key);
            self.slots[at] = slot;
        }
    }
}

#[unsafe(no_mangle)]
pub extern "C" fn run(n: u32) -> u64 {
    let mut random = Random::new(17);
    let mut checksum = 0;
    for _ in 0..n {
        let mut map = Map::new();
        let mut key = [0; 6];
        for _ in 0..8_000 {
            let number = random.below(3_000);
            for (place, byte) in key.iter_mut().enumerate() {
                *byte = b'a' + (number >> (2 * place) & 15) as u8;
            }
            map.count(&key[..3 + (number % 4) as usize]);
        }
        let most = map.slots.iter().map(|slot| slot.count).max();
        checksum = mix(
            checksum,
            (map.used * 1_000) as u64 + u64::from(most.unwrap_or(0)),
        );
    }
    checksum
}
