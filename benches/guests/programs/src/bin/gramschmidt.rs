//! A = QR by the Gram–Schmidt process.
#![no_main]

use programs::{Matrix, fill, sum, zeros};

const ROWS: usize = 90;
const COLUMNS: usize = 80;

type Tall = Matrix<ROWS, COLUMNS>;

fn gramschmidt(a: &mut Tall, r: &mut Matrix<COLUMNS, COLUMNS>, q: &mut Tall) {
    for k in 0..COLUMNS {
        let mut norm = 0.0;
        for i in 0..ROWS {
            norm += a[i][k] * a[i][k];
        }
        r[k][k] = norm.sqrt();
        for i in 0..ROWS {
            q[i][k] = a[i][k] / r[k][k];
        }
        for j in k + 1..COLUMNS {
            r[k][j] = 0.0;
            for i in 0..ROWS {
                r[k][j] += q[i][k] * a[i][j];
            }
            for i in 0..ROWS {
                a[i][j] -= q[i][k] * r[k][j];
            }
        }
    }
}

#[unsafe(no_mangle)]
pub extern "C" fn run(n: u32) -> u64 {
    let (mut a, mut q) = (zeros::<ROWS, COLUMNS>(), zeros::<ROWS, COLUMNS>());
    let mut r = zeros::<COLUMNS, COLUMNS>();
    let mut checksum = 0.0;
    for round in 0..n {
        fill(&mut *a, round);
        for (i, row) in a.iter_mut().enumerate() {
            row[i % COLUMNS] += 8.0;
        }
        gramschmidt(&mut a, &mut r, &mut q);
        checksum += sum(&*r) + sum(&*q);
    }
    checksum.to_bits()
}
