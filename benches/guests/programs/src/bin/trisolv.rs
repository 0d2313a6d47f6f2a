//! Solves Lx = b for many right sides.
#![no_main]

use programs::{Matrix, boxed, fill, fill_vector, zeros};

const N: usize = 200;

fn trisolv(l: &Matrix<N, N>, x: &mut [f64; N], b: &[f64; N]) {
    for i in 0..N {
        x[i] = b[i];
        for j in 0..i {
            x[i] -= l[i][j] * x[j];
        }
        x[i] /= l[i][i];
    }
}

#[unsafe(no_mangle)]
pub extern "C" fn run(n: u32) -> u64 {
    let mut l = zeros::<N, N>();
    let (mut x, mut b) = (boxed::<f64, N>(0.0), boxed::<f64, N>(0.0));
    fill(&mut *l, 1);
    for (i, row) in l.iter_mut().enumerate() {
        row[i] += 100.0;
    }
    let mut checksum = 0.0;
    for round in 0..n {
        fill_vector(&mut *b, round);
        trisolv(&l, &mut x, &b);
        checksum += x.iter().sum::<f64>();
    }
    checksum.to_bits()
}
