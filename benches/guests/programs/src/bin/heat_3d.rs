//! The heat equation in three dimensions.
#![no_main]

use programs::{boxed, fill};

const N: usize = 28;
const STEPS: usize = 4;

type Cube = [[[f64; N]; N]; N];

fn step(from: &Cube, to: &mut Cube) {
    for i in 1..N - 1 {
        for j in 1..N - 1 {
            for k in 1..N - 1 {
                let here = from[i][j][k];
                to[i][j][k] = 0.125 * (from[i + 1][j][k] - 2.0 * here + from[i - 1][j][k])
                    + 0.125 * (from[i][j + 1][k] - 2.0 * here + from[i][j - 1][k])
                    + 0.125 * (from[i][j][k + 1] - 2.0 * here + from[i][j][k - 1])
                    + here;
            }
        }
    }
}

#[unsafe(no_mangle)]
pub extern "C" fn run(n: u32) -> u64 {
    let (mut a, mut b) = (boxed([[0.0; N]; N]), boxed([[0.0; N]; N]));
    let mut checksum = 0.0;
    for round in 0..n {
        for plane in a.iter_mut() {
            fill(plane, round);
        }
        for _ in 0..STEPS {
            step(&a, &mut b);
            step(&b, &mut a);
        }
        checksum += a.iter().flatten().flatten().sum::<f64>();
    }
    checksum.to_bits()
}
