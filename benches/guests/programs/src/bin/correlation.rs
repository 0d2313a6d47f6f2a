//! The correlation matrix of columns: means, deviations, products.
#![no_main]

use programs::{Matrix, fill, sum, zeros};

const ROWS: usize = 80;
const COLUMNS: usize = 72;

fn correlation(data: &mut Matrix<ROWS, COLUMNS>, result: &mut Matrix<COLUMNS, COLUMNS>) {
    for j in 0..COLUMNS {
        let mut mean = 0.0;
        for i in 0..ROWS {
            mean += data[i][j];
        }
        mean /= ROWS as f64;
        let mut deviation = 0.0;
        for i in 0..ROWS {
            deviation += (data[i][j] - mean) * (data[i][j] - mean);
        }
        deviation = (deviation / ROWS as f64).sqrt();
        if deviation <= 0.1 {
            deviation = 1.0;
        }
        for i in 0..ROWS {
            data[i][j] = (data[i][j] - mean) / ((ROWS as f64).sqrt() * deviation);
        }
    }
    for i in 0..COLUMNS {
        result[i][i] = 1.0;
        for j in i + 1..COLUMNS {
            result[i][j] = 0.0;
            for k in 0..ROWS {
                result[i][j] += data[k][i] * data[k][j];
            }
            result[j][i] = result[i][j];
        }
    }
}

#[unsafe(no_mangle)]
pub extern "C" fn run(n: u32) -> u64 {
    let (mut data, mut result) = (zeros::<ROWS, COLUMNS>(), zeros::<COLUMNS, COLUMNS>());
    let mut checksum = 0.0;
    for round in 0..n {
        fill(&mut *data, round);
        correlation(&mut data, &mut result);
        checksum += sum(&*result);
    }
    checksum.to_bits()
}
