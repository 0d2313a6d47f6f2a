//! Splits source text into tokens, and checks its UTF-8: branches on every byte.
#![no_main]

use programs::{Random, mix};

#[derive(Clone, Copy)]
enum Token {
    Word,
    Number,
    Text,
    Comment,
    Symbol,
}

fn length(bytes: &[u8], accept: impl Fn(u8) -> bool) -> usize {
    bytes.iter().take_while(|byte| accept(**byte)).count()
}

fn token(bytes: &[u8]) -> (Token, usize) {
    match bytes[0] {
        b'a'..=b'z' | b'A'..=b'Z' | b'_' | 0x80.. => {
            let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80;
            (Token::Word, length(bytes, word))
        }
        b'0'..=b'9' => {
            let digit = |byte: u8| byte.is_ascii_hexdigit() || matches!(byte, b'x' | b'.' | b'_');
            (Token::Number, length(bytes, digit))
        }
        b'"' => (Token::Text, length(&bytes[1..], |byte| byte != b'"') + 2),
        b'/' if bytes.get(1) == Some(&b'/') => {
            (Token::Comment, length(bytes, |byte| byte != b'\n'))
        }
        _ => (Token::Symbol, 1),
    }
}

fn source(random: &mut Random) -> Vec<u8> {
    const PIECES: [&str; 10] = [
        "let größe = 0x1f_ff;\n",
        "if (a1 <= b_2) { return 3.25; }\n",
        "// a comment that goes on to the end of its line\n",
        "print(\"some text: ünïcödé\", x);\n",
        "    ",
        "while !done[i] && j<k {j+=1}\n",
        "fn αβγ(δ: u32) -> Vec<u8> {",
        "}\n\n",
        "match value { 0..=9 => 1, _ => 2 }\n",
        "x=y;",
    ];
    let mut text = Vec::new();
    while text.len() < 60_000 {
        text.extend_from_slice(PIECES[random.below(10) as usize].as_bytes());
    }
    text
}

#[unsafe(no_mangle)]
pub extern "C" fn run(n: u32) -> u64 {
    let mut random = Random::new(37);
    let mut checksum = 0;
    for _ in 0..n {
        let source = source(&mut random);
        let characters = str::from_utf8(&source)
            .expect("whole pieces")
            .chars()
            .count();
        let mut counts = [0u64; 5];
        let mut at = 0;
        while at < source.len() {
            if source[at].is_ascii_whitespace() {
                at += 1;
                continue;
            }
            let (kind, length) = token(&source[at..]);
            counts[kind as usize] += 1;
            at += length;
        }
        checksum = counts
            .into_iter()
            .fold(mix(checksum, characters as u64), mix);
    }
    checksum
}
