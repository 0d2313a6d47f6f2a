//! A blur and an edge filter over an image of bytes, with a histogram.
#![no_main]

use programs::{Random, mix};

const WIDTH: usize = 256;
const HEIGHT: usize = 192;

fn blur(from: &[u8], to: &mut [u8]) {
    for y in 1..HEIGHT - 1 {
        for x in 1..WIDTH - 1 {
            let mut sum = 0u32;
            for row in y - 1..=y + 1 {
                for column in x - 1..=x + 1 {
                    sum += u32::from(from[row * WIDTH + column]);
                }
            }
            to[y * WIDTH + x] = (sum / 9) as u8;
        }
    }
}

fn edges(from: &[u8], to: &mut [u8]) {
    let at = |x: usize, y: usize| i32::from(from[y * WIDTH + x]);
    for y in 1..HEIGHT - 1 {
        for x in 1..WIDTH - 1 {
            let across = at(x + 1, y - 1) + 2 * at(x + 1, y) + at(x + 1, y + 1)
                - at(x - 1, y - 1)
                - 2 * at(x - 1, y)
                - at(x - 1, y + 1);
            let down = at(x - 1, y + 1) + 2 * at(x, y + 1) + at(x + 1, y + 1)
                - at(x - 1, y - 1)
                - 2 * at(x, y - 1)
                - at(x + 1, y - 1);
            to[y * WIDTH + x] = (across.abs() + down.abs()).min(255) as u8;
        }
    }
}

#[unsafe(no_mangle)]
pub extern "C" fn run(n: u32) -> u64 {
    let mut random = Random::new(29);
    let mut image: Vec<u8> = (0..WIDTH * HEIGHT).map(|_| random.next() as u8).collect();
    let mut other = vec![0; WIDTH * HEIGHT];
    let mut checksum = 0;
    for _ in 0..n {
        blur(&image, &mut other);
        edges(&other, &mut image);
        let mut histogram = [0u32; 256];
        for pixel in &mut image {
            histogram[usize::from(*pixel)] += 1;
            *pixel = pixel.wrapping_mul(3).wrapping_add(random.next() as u8);
        }
        checksum = mix(checksum, u64::from(histogram[100]));
    }
    checksum
}
