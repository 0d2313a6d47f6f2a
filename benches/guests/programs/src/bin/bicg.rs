//! s = rA and q = Ap, the products of the BiCG method.
#![no_main]

use programs::{Matrix, boxed, fill, fill_vector, zeros};

const ROWS: usize = 190;
const COLUMNS: usize = 210;

fn bicg(
    a: &Matrix<ROWS, COLUMNS>,
    s: &mut [f64; COLUMNS],
    q: &mut [f64; ROWS],
    p: &[f64; COLUMNS],
    r: &[f64; ROWS],
) {
    s.fill(0.0);
    for i in 0..ROWS {
        q[i] = 0.0;
        for j in 0..COLUMNS {
            s[j] += r[i] * a[i][j];
            q[i] += a[i][j] * p[j];
        }
    }
}

#[unsafe(no_mangle)]
pub extern "C" fn run(n: u32) -> u64 {
    let mut a = zeros::<ROWS, COLUMNS>();
    let (mut s, mut p) = (boxed::<f64, COLUMNS>(0.0), boxed::<f64, COLUMNS>(0.0));
    let (mut q, mut r) = (boxed::<f64, ROWS>(0.0), boxed::<f64, ROWS>(0.0));
    fill(&mut *a, 1);
    let mut checksum = 0.0;
    for round in 0..n {
        fill_vector(&mut *p, round);
        fill_vector(&mut *r, round + 1);
        bicg(&a, &mut s, &mut q, &p, &r);
        checksum += s.iter().sum::<f64>() + q.iter().sum::<f64>();
    }
    checksum.to_bits()
}
