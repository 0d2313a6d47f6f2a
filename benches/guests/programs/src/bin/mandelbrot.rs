//! The Mandelbrot set: a loop whose end depends on floats, without memory.
#![no_main]

const SIZE: u32 = 64;
const LAPS_MAX: u32 = 60;

fn laps(x: f64, y: f64) -> u32 {
    let (mut real, mut imaginary) = (0.0, 0.0);
    for lap in 0..LAPS_MAX {
        let (real_square, imaginary_square) = (real * real, imaginary * imaginary);
        if real_square + imaginary_square > 4.0 {
            return lap;
        }
        imaginary = 2.0 * real * imaginary + y;
        real = real_square - imaginary_square + x;
    }
    LAPS_MAX
}

#[unsafe(no_mangle)]
pub extern "C" fn run(n: u32) -> u64 {
    let mut checksum = 0;
    for round in 0..n {
        let shift = f64::from(round) / 1024.0;
        for row in 0..SIZE {
            for column in 0..SIZE {
                let x = f64::from(column) * 3.0 / f64::from(SIZE) - 2.0 + shift;
                let y = f64::from(row) * 2.0 / f64::from(SIZE) - 1.0;
                checksum += u64::from(laps(x, y));
            }
        }
    }
    checksum
}
