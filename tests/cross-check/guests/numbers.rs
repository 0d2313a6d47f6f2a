//! A guest: floating-point arithmetic, some of which makes NaNs and looks at their bits.

#[unsafe(no_mangle)]
pub extern "C" fn planets(steps: u32) -> u64 {
    let mut at = [
        [0.0f64, 0.0, 0.0],
        [4.84, -1.16, -0.10],
        [8.34, 4.12, -0.4],
        [12.89, -15.11, -0.22],
    ];
    let mut speed = [
        [0.0f64, 0.0, 0.0],
        [0.6, 2.81, -0.02],
        [-1.01, 1.82, 0.008],
        [1.08, 0.86, -0.01],
    ];
    let mass = [39.47f64, 0.037, 0.011, 0.0017];
    for _ in 0..steps {
        for one in 0..4 {
            for other in one + 1..4 {
                let away: Vec<f64> = (0..3).map(|axis| at[one][axis] - at[other][axis]).collect();
                let square: f64 = away.iter().map(|part| part * part).sum();
                let pull = 0.01 / (square * square.sqrt());
                for axis in 0..3 {
                    speed[one][axis] -= away[axis] * mass[other] * pull;
                    speed[other][axis] += away[axis] * mass[one] * pull;
                }
            }
        }
        for (at, speed) in at.iter_mut().zip(&speed) {
            at.iter_mut()
                .zip(speed)
                .for_each(|(at, speed)| *at += 0.01 * speed);
        }
    }
    at.iter().flatten().fold(0, |sum, part| {
        sum ^ part.to_bits().rotate_left(sum as u32 & 31)
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn products(size: u32) -> f64 {
    let size = size as usize % 40 + 1;
    let a: Vec<f64> = (0..size * size).map(|n| (n % 17) as f64 / 7.0).collect();
    let mut product = vec![0.0; size * size];
    for row in 0..size {
        for k in 0..size {
            for column in 0..size {
                product[row * size + column] += a[row * size + k] * a[k * size + column];
            }
        }
    }
    product.iter().sum()
}

#[unsafe(no_mangle)]
pub extern "C" fn mandelbrot(size: u32) -> u32 {
    let size = size % 50 + 2;
    let mut inside = 0;
    for row in 0..size {
        for column in 0..size {
            let (cx, cy) = (
                3.0 * column as f32 / size as f32 - 2.0,
                2.0 * row as f32 / size as f32 - 1.0,
            );
            let (mut x, mut y, mut laps) = (0.0f32, 0.0f32, 0);
            while x * x + y * y < 4.0 && laps < 60 {
                (x, y) = (x * x - y * y + cx, 2.0 * x * y + cy);
                laps += 1;
            }
            inside += laps;
        }
    }
    inside
}

/// Bits of NaNs that were made in many ways: what the engine alone would leave open.
#[unsafe(no_mangle)]
pub extern "C" fn nans(count: u32) -> u64 {
    let mut wide = vec![
        f64::NAN,
        -f64::NAN,
        f64::INFINITY,
        -0.0,
        1.5,
        f64::from_bits(0xfff4_0000_0000_0001),
    ];
    let mut narrow: Vec<f32> = wide.iter().map(|value| *value as f32).collect();
    let mut bits = 0u64;
    for at in 0..count as usize {
        let (one, other) = (wide[at % 6], wide[at / 6 % 6]);
        let made = match at % 7 {
            0 => one + other,
            1 => one - other,
            2 => one * other,
            3 => one / other,
            4 => (one * other).sqrt(),
            5 => f64::from(narrow[at % 6] - narrow[at / 5 % 6]),
            _ => (one - other).floor().copysign(other),
        };
        bits = bits.rotate_left(7) ^ made.to_bits();
        wide[at % 6] = if at % 11 == 0 { f64::INFINITY } else { made };
        narrow[at % 5] = made as f32 * narrow[at % 3];
        bits ^= u64::from(narrow[at % 5].to_bits());
    }
    bits
}

/// A loop that compilers turn into vectors where they may.
#[unsafe(no_mangle)]
pub extern "C" fn waves(count: u32) -> f32 {
    let mut wave: Vec<f32> = (0..count + 8).map(|at| at as f32 * 0.25 - 3.0).collect();
    for _ in 0..8 {
        let before = wave.clone();
        for ((now, left), right) in wave.iter_mut().skip(1).zip(&before).zip(&before[2..]) {
            *now = 0.5 * (left + right) - *now * 0.125;
        }
    }
    wave.iter().copied().fold(0.0, f32::max)
}
