//! x += Ay and z += Aᵀw.
#![no_main]

use programs::{Matrix, boxed, fill, fill_vector, zeros};

const N: usize = 200;

type Vector = [f64; N];

fn mvt(a: &Matrix<N, N>, x: &mut Vector, z: &mut Vector, y: &Vector, w: &Vector) {
    for i in 0..N {
        for j in 0..N {
            x[i] += a[i][j] * y[j];
        }
    }
    for i in 0..N {
        for j in 0..N {
            z[i] += a[j][i] * w[j];
        }
    }
}

#[unsafe(no_mangle)]
pub extern "C" fn run(n: u32) -> u64 {
    let mut a = zeros::<N, N>();
    let (mut x, mut z) = (boxed::<f64, N>(0.0), boxed::<f64, N>(0.0));
    let (mut y, mut w) = (boxed::<f64, N>(0.0), boxed::<f64, N>(0.0));
    fill(&mut *a, 1);
    let mut checksum = 0.0;
    for round in 0..n {
        fill_vector(&mut *y, round);
        fill_vector(&mut *w, round + 1);
        mvt(&a, &mut x, &mut z, &y, &w);
        checksum += x.iter().sum::<f64>() + z.iter().sum::<f64>();
    }
    checksum.to_bits()
}
