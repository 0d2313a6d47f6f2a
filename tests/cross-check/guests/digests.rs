//! A guest: checksums and digests of bytes.

fn bytes(count: u32) -> Vec<u8> {
    (0..count)
        .map(|at| (at.wrapping_mul(at) >> 3) as u8)
        .collect()
}

#[unsafe(no_mangle)]
pub extern "C" fn crc32(count: u32) -> u32 {
    let table: Vec<u32> = (0..256u32)
        .map(|byte| {
            (0..8).fold(byte, |crc, _| {
                crc >> 1 ^ (0xedb8_8320 & 0u32.wrapping_sub(crc & 1))
            })
        })
        .collect();
    !bytes(count).iter().fold(!0u32, |crc, byte| {
        crc >> 8 ^ table[(crc as u8 ^ byte) as usize]
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn adler32(count: u32) -> u32 {
    let (a, b) = bytes(count).iter().fold((1u32, 0u32), |(a, b), byte| {
        let a = (a + u32::from(*byte)) % 65_521;
        (a, (b + a) % 65_521)
    });
    b << 16 | a
}

/// SHA-256, whose constants are computed: the first bits of roots of primes.
#[unsafe(no_mangle)]
pub extern "C" fn sha256(count: u32) -> u64 {
    let primes: Vec<u32> = (2u32..312)
        .filter(|n| (2..*n).all(|d| n % d != 0))
        .collect();
    let fraction = |root: f64| ((root - root.floor()) * 4_294_967_296.0) as u32;
    let k: Vec<u32> = primes
        .iter()
        .take(64)
        .map(|p| fraction(cube_root(f64::from(*p))))
        .collect();
    let mut h: Vec<u32> = primes
        .iter()
        .take(8)
        .map(|p| fraction(f64::from(*p).sqrt()))
        .collect();
    let mut text = bytes(count);
    text.push(0x80);
    while text.len() % 64 != 56 {
        text.push(0);
    }
    text.extend((u64::from(count) * 8).to_be_bytes());
    for block in text.chunks_exact(64) {
        let mut w: Vec<u32> = block
            .chunks_exact(4)
            .map(|c| u32::from_be_bytes([c[0], c[1], c[2], c[3]]))
            .collect();
        for at in 16..64 {
            let (a, b) = (w[at - 15], w[at - 2]);
            let s0 = a.rotate_right(7) ^ a.rotate_right(18) ^ a >> 3;
            let s1 = b.rotate_right(17) ^ b.rotate_right(19) ^ b >> 10;
            w.push(
                w[at - 16]
                    .wrapping_add(s0)
                    .wrapping_add(w[at - 7])
                    .wrapping_add(s1),
            );
        }
        let mut s = h.clone();
        for at in 0..64 {
            let e = s[4].rotate_right(6) ^ s[4].rotate_right(11) ^ s[4].rotate_right(25);
            let choice = s[4] & s[5] ^ !s[4] & s[6];
            let one = s[7]
                .wrapping_add(e)
                .wrapping_add(choice)
                .wrapping_add(k[at])
                .wrapping_add(w[at]);
            let a = s[0].rotate_right(2) ^ s[0].rotate_right(13) ^ s[0].rotate_right(22);
            let majority = s[0] & s[1] ^ s[0] & s[2] ^ s[1] & s[2];
            s.rotate_right(1);
            s[4] = s[4].wrapping_add(one);
            s[0] = one.wrapping_add(a).wrapping_add(majority);
        }
        h.iter_mut()
            .zip(s)
            .for_each(|(h, s)| *h = h.wrapping_add(s));
    }
    u64::from(h[0]) << 32 | u64::from(h[1])
}

fn cube_root(of: f64) -> f64 {
    (0..60).fold(of, |root, _| {
        root - (root * root * root - of) / (3.0 * root * root)
    })
}
