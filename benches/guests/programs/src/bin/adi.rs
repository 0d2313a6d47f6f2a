//! Alternating directions: a column sweep and a row sweep, each forth and back.
#![no_main]

use programs::{Matrix, fill, sum, zeros};

const N: usize = 64;
const STEPS: usize = 5;

type Grid = Matrix<N, N>;

/// Solves along the second index of `from` and leaves the result along the first of `to`.
fn sweep(from: &Grid, to: &mut Grid, p: &mut Grid, q: &mut Grid, near: f64, far: f64) {
    let (inner, outer) = (1.0 + near, -near / 2.0);
    for i in 1..N - 1 {
        to[0][i] = 1.0;
        p[i][0] = 0.0;
        q[i][0] = to[0][i];
        for j in 1..N - 1 {
            let divisor = outer * p[i][j - 1] + inner;
            p[i][j] = -outer / divisor;
            let right =
                far / 2.0 * from[j][i - 1] + (1.0 - far) * from[j][i] + far / 2.0 * from[j][i + 1];
            q[i][j] = (right - outer * q[i][j - 1]) / divisor;
        }
        to[N - 1][i] = 1.0;
        for j in (1..N - 1).rev() {
            to[j][i] = p[i][j] * to[j + 1][i] + q[i][j];
        }
    }
}

#[unsafe(no_mangle)]
pub extern "C" fn run(n: u32) -> u64 {
    let (mut u, mut v) = (zeros::<N, N>(), zeros::<N, N>());
    let (mut p, mut q) = (zeros::<N, N>(), zeros::<N, N>());
    let mut checksum = 0.0;
    for round in 0..n {
        fill(&mut *u, round);
        for _ in 0..STEPS {
            sweep(&u, &mut v, &mut p, &mut q, 0.4, 0.2);
            sweep(&v, &mut u, &mut p, &mut q, 0.2, 0.4);
        }
        checksum += sum(&*u);
    }
    checksum.to_bits()
}
