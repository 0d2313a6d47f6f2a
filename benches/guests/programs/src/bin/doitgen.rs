//! Each row of a cube times a matrix, in place.
#![no_main]

use programs::{Matrix, boxed, fill, zeros};

const R: usize = 20;
const Q: usize = 20;
const P: usize = 40;

fn doitgen(a: &mut [[[f64; P]; Q]; R], c: &Matrix<P, P>, sums: &mut [f64; P]) {
    for plane in a {
        for row in plane {
            for p in 0..P {
                sums[p] = 0.0;
                for s in 0..P {
                    sums[p] += row[s] * c[s][p];
                }
            }
            row.copy_from_slice(sums);
        }
    }
}

#[unsafe(no_mangle)]
pub extern "C" fn run(n: u32) -> u64 {
    let mut a = boxed::<_, R>([[0.0; P]; Q]);
    let mut c = zeros::<P, P>();
    let mut sums = [0.0; P];
    let mut checksum = 0.0;
    for round in 0..n {
        for plane in a.iter_mut() {
            fill(plane, round);
        }
        fill(&mut *c, round + 1);
        doitgen(&mut a, &c, &mut sums);
        checksum += a.iter().flatten().flatten().sum::<f64>();
    }
    checksum.to_bits()
}
