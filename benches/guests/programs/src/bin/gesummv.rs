//! y = αAx + βBx.
#![no_main]

use programs::{Matrix, boxed, fill, fill_vector, zeros};

const N: usize = 180;

fn gesummv(a: &Matrix<N, N>, b: &Matrix<N, N>, x: &[f64; N], y: &mut [f64; N]) {
    for i in 0..N {
        let (mut first, mut second) = (0.0, 0.0);
        for j in 0..N {
            first += a[i][j] * x[j];
            second += b[i][j] * x[j];
        }
        y[i] = 1.5 * first + 1.2 * second;
    }
}

#[unsafe(no_mangle)]
pub extern "C" fn run(n: u32) -> u64 {
    let (mut a, mut b) = (zeros::<N, N>(), zeros::<N, N>());
    let (mut x, mut y) = (boxed::<f64, N>(0.0), boxed::<f64, N>(0.0));
    fill(&mut *a, 1);
    fill(&mut *b, 2);
    let mut checksum = 0.0;
    for round in 0..n {
        fill_vector(&mut *x, round);
        gesummv(&a, &b, &x, &mut y);
        checksum += y.iter().sum::<f64>();
    }
    checksum.to_bits()
}
