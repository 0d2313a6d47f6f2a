//! A guest: packs bytes by runs and by repetitions, and unpacks them again.

fn text(bytes: usize) -> Vec<u8> {
    let words = [
        &b"meter "[..],
        b"box ",
        b"counts ",
        b"every ",
        b"instruction, ",
        b"and ",
    ];
    let mut state = 7u32;
    let mut text = Vec::new();
    while text.len() < bytes {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        text.extend_from_slice(words[(state >> 24) as usize % words.len()]);
    }
    text.truncate(bytes);
    text
}

fn pack(bytes: &[u8]) -> Vec<u8> {
    let mut packed = Vec::new();
    let mut last = [0usize; 256];
    let mut at = 0;
    while at < bytes.len() {
        let hash = match bytes.get(at..at + 3) {
            Some(three) => {
                usize::from(three[0] ^ three[1].rotate_left(3) ^ three[2].rotate_left(5))
            }
            None => 0,
        };
        let before = last[hash];
        last[hash] = at;
        let same = bytes[before..]
            .iter()
            .zip(&bytes[at..])
            .take_while(|(a, b)| a == b)
            .count();
        let distance = at - before;
        if before < at && same >= 4 && distance < 65_536 {
            let length = same.min(255);
            packed.extend([1, length as u8, distance as u8, (distance >> 8) as u8]);
            at += length;
        } else {
            packed.extend([0, bytes[at]]);
            at += 1;
        }
    }
    packed
}

fn unpack(packed: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = packed;
    loop {
        rest = match rest {
            [0, byte, rest @ ..] => {
                bytes.push(*byte);
                rest
            }
            [1, length, low, high, rest @ ..] => {
                let from = bytes.len() - usize::from(*low) - (usize::from(*high) << 8);
                for at in from..from + usize::from(*length) {
                    bytes.push(bytes[at]);
                }
                rest
            }
            _ => return bytes,
        };
    }
}

#[unsafe(no_mangle)]
pub extern "C" fn repetitions(bytes: u32) -> u32 {
    let text = text(bytes as usize);
    let packed = pack(&text);
    assert!(unpack(&packed) == text);
    packed.len() as u32
}

#[unsafe(no_mangle)]
pub extern "C" fn runs(bytes: u32) -> u32 {
    let mut text = text(bytes as usize);
    text.iter_mut().for_each(|byte| *byte &= 0x70);
    let mut runs: Vec<(u8, u32)> = Vec::new();
    for byte in &text {
        match runs.last_mut() {
            Some((last, count)) if last == byte => *count += 1,
            _ => runs.push((*byte, 1)),
        }
    }
    let back: Vec<u8> = runs
        .iter()
        .flat_map(|(byte, count)| vec![*byte; *count as usize])
        .collect();
    assert!(back == text);
    runs.len() as u32
}
