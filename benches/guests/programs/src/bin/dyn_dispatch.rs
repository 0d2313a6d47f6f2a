//! Shapes and filters behind trait objects: indirect calls with different targets.
#![no_main]

use programs::{Random, mix};

trait Stage {
    fn next(&mut self, value: u32) -> u32;
}

struct Add(u32);
struct Rotate(u32);
struct Delay([u32; 4], usize);
struct Count(u32);

impl Stage for Add {
    fn next(&mut self, value: u32) -> u32 {
        value.wrapping_add(self.0)
    }
}

impl Stage for Rotate {
    fn next(&mut self, value: u32) -> u32 {
        value.rotate_left(self.0)
    }
}

impl Stage for Delay {
    fn next(&mut self, value: u32) -> u32 {
        self.1 = (self.1 + 1) % 4;
        std::mem::replace(&mut self.0[self.1], value)
    }
}

impl Stage for Count {
    fn next(&mut self, value: u32) -> u32 {
        self.0 += value & 1;
        value ^ self.0
    }
}

fn stage(random: &mut Random) -> Box<dyn Stage> {
    match random.below(4) {
        0 => Box::new(Add(random.next())),
        1 => Box::new(Rotate(random.below(31))),
        2 => Box::new(Delay([0; 4], 0)),
        _ => Box::new(Count(0)),
    }
}

#[unsafe(no_mangle)]
pub extern "C" fn run(n: u32) -> u64 {
    let mut random = Random::new(23);
    let mut stages: Vec<Box<dyn Stage>> = (0..64).map(|_| stage(&mut random)).collect();
    (0..n).fold(0, |checksum, round| {
        let value = stages
            .iter_mut()
            .fold(round, |value, stage| stage.next(value));
        mix(checksum, u64::from(value))
    })
}
