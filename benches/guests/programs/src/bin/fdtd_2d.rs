//! Electric and magnetic fields in two dimensions, by turns.
#![no_main]

use programs::{Matrix, fill, sum, zeros};

const N: usize = 100;
const STEPS: usize = 6;

type Field = Matrix<N, N>;

fn step(time: usize, ex: &mut Field, ey: &mut Field, hz: &mut Field) {
    ey[0].fill(time as f64);
    for i in 1..N {
        for j in 0..N {
            ey[i][j] -= 0.5 * (hz[i][j] - hz[i - 1][j]);
        }
    }
    for i in 0..N {
        for j in 1..N {
            ex[i][j] -= 0.5 * (hz[i][j] - hz[i][j - 1]);
        }
    }
    for i in 0..N - 1 {
        for j in 0..N - 1 {
            hz[i][j] -= 0.7 * (ex[i][j + 1] - ex[i][j] + ey[i + 1][j] - ey[i][j]);
        }
    }
}

#[unsafe(no_mangle)]
pub extern "C" fn run(n: u32) -> u64 {
    let (mut ex, mut ey, mut hz) = (zeros::<N, N>(), zeros::<N, N>(), zeros::<N, N>());
    let mut checksum = 0.0;
    for round in 0..n {
        fill(&mut *ex, round);
        fill(&mut *ey, round + 1);
        fill(&mut *hz, round + 2);
        for time in 0..STEPS {
            step(time, &mut ex, &mut ey, &mut hz);
        }
        checksum += sum(&*hz);
    }
    checksum.to_bits()
}
