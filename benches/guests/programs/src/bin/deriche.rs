//! Deriche's recursive filter over an image, in f32: four passes, each value needs those before.
#![no_main]

use programs::boxed;

const W: usize = 128;
const H: usize = 96;

type Image = [[f32; H]; W];

struct Filter {
    a: [f32; 4],
    b: [f32; 2],
}

fn filter() -> Filter {
    // For alpha = 1/4: e^-alpha and e^-2alpha.
    let (alpha, e1, e2) = (0.25f32, 0.778_800_8f32, 0.606_530_66f32);
    let k = (1.0 - e1) * (1.0 - e1) / (1.0 + 2.0 * alpha * e1 - e2);
    Filter {
        a: [k, k * e1 * (alpha - 1.0), k * e1 * (alpha + 1.0), -k * e2],
        b: [2.0 * e1, -e2],
    }
}

fn deriche(image: &mut Image, forth: &mut Image, back: &mut Image, f: &Filter) {
    for i in 0..W {
        let (mut y1, mut y2, mut x1) = (0.0, 0.0, 0.0);
        for j in 0..H {
            let y = f.a[0] * image[i][j] + f.a[1] * x1 + f.b[0] * y1 + f.b[1] * y2;
            x1 = image[i][j];
            forth[i][j] = y;
            (y2, y1) = (y1, y);
        }
        let (mut y1, mut y2, mut x1, mut x2) = (0.0, 0.0, 0.0, 0.0);
        for j in (0..H).rev() {
            let y = f.a[2] * x1 + f.a[3] * x2 + f.b[0] * y1 + f.b[1] * y2;
            (x2, x1) = (x1, image[i][j]);
            back[i][j] = y;
            (y2, y1) = (y1, y);
        }
        for j in 0..H {
            image[i][j] = forth[i][j] + back[i][j];
        }
    }
    for j in 0..H {
        let (mut y1, mut y2, mut x1) = (0.0, 0.0, 0.0);
        for i in 0..W {
            let y = f.a[0] * image[i][j] + f.a[1] * x1 + f.b[0] * y1 + f.b[1] * y2;
            x1 = image[i][j];
            forth[i][j] = y;
            (y2, y1) = (y1, y);
        }
        let (mut y1, mut y2, mut x1, mut x2) = (0.0, 0.0, 0.0, 0.0);
        for i in (0..W).rev() {
            let y = f.a[2] * x1 + f.a[3] * x2 + f.b[0] * y1 + f.b[1] * y2;
            (x2, x1) = (x1, image[i][j]);
            back[i][j] = y;
            (y2, y1) = (y1, y);
        }
        for i in 0..W {
            image[i][j] = forth[i][j] + back[i][j];
        }
    }
}

#[unsafe(no_mangle)]
pub extern "C" fn run(n: u32) -> u64 {
    let mut image = boxed::<_, W>([0.0f32; H]);
    let (mut forth, mut back) = (boxed::<_, W>([0.0f32; H]), boxed::<_, W>([0.0f32; H]));
    let filter = filter();
    let mut checksum = 0.0;
    for round in 0..n {
        for (i, row) in image.iter_mut().enumerate() {
            for (j, pixel) in row.iter_mut().enumerate() {
                *pixel = ((313 * i + 991 * j + round as usize) % 65_536) as f32 / 65_536.0;
            }
        }
        deriche(&mut image, &mut forth, &mut back, &filter);
        checksum += f64::from(image.iter().flatten().sum::<f32>());
    }
    checksum.to_bits()
}
