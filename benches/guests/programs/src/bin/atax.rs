//! y = Aᵀ(Ax).
#![no_main]

use programs::{Matrix, boxed, fill, fill_vector, zeros};

const ROWS: usize = 190;
const COLUMNS: usize = 210;

fn atax(a: &Matrix<ROWS, COLUMNS>, x: &[f64; COLUMNS], y: &mut [f64; COLUMNS]) {
    y.fill(0.0);
    for row in a {
        let mut product = 0.0;
        for j in 0..COLUMNS {
            product += row[j] * x[j];
        }
        for j in 0..COLUMNS {
            y[j] += row[j] * product;
        }
    }
}

#[unsafe(no_mangle)]
pub extern "C" fn run(n: u32) -> u64 {
    let mut a = zeros::<ROWS, COLUMNS>();
    let (mut x, mut y) = (boxed::<f64, COLUMNS>(0.0), boxed::<f64, COLUMNS>(0.0));
    fill(&mut *a, 1);
    let mut checksum = 0.0;
    for round in 0..n {
        fill_vector(&mut *x, round);
        atax(&a, &x, &mut y);
        checksum += y.iter().sum::<f64>();
    }
    checksum.to_bits()
}
