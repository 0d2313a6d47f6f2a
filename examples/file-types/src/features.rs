//! Turns a file's ends into what the model sees: one token a byte, without the white space around
//! the file. Follows the feature extraction published with Magika, version 3 of its models.

use crate::config::Config;

/// What is read of a file. The blocks are the same, or overlap, when the file is short.
#[derive(Debug)]
pub struct Content {
    /// The size of the whole file.
    pub bytes: u64,
    /// The file's first block.
    pub first: Vec<u8>,
    /// The file's last block.
    pub last: Vec<u8>,
}

impl Content {
    /// Whether the file looks like text: whether its first block is UTF-8.
    pub fn is_text(&self) -> bool {
        std::str::from_utf8(&self.first).is_ok()
    }
}

/// What the model is to see of a file, or what the file is without asking the model.
#[derive(Debug, PartialEq)]
pub enum Features {
    /// The tokens of the beginning, then those of the end.
    Tokens(Vec<i32>),
    /// The file is too short for the model; this is its type.
    Known(&'static str),
}

/// The features of a file.
pub fn extract(config: &Config, content: &Content) -> Features {
    if content.bytes == 0 {
        return Features::Known("empty");
    }
    let mut tokens = vec![config.padding_token; config.tokens()];
    let (beginning, end) = tokens.split_at_mut(config.beg_size);
    // The beginning is followed by padding, the end follows it.
    for (token, byte) in beginning
        .iter_mut()
        .zip(without_leading_space(&content.first))
    {
        *token = i32::from(*byte);
    }
    for (token, byte) in end
        .iter_mut()
        .rev()
        .zip(without_trailing_space(&content.last).iter().rev())
    {
        *token = i32::from(*byte);
    }
    if beginning[config.min_file_size_for_dl - 1] == config.padding_token {
        return Features::Known(if content.is_text() { "txt" } else { "unknown" });
    }
    Features::Tokens(tokens)
}

fn without_leading_space(bytes: &[u8]) -> &[u8] {
    let start = bytes
        .iter()
        .position(|byte| !is_space(*byte))
        .unwrap_or(bytes.len());
    &bytes[start..]
}

fn without_trailing_space(bytes: &[u8]) -> &[u8] {
    let end = bytes
        .iter()
        .rposition(|byte| !is_space(*byte))
        .map_or(0, |last| last + 1);
    &bytes[..end]
}

/// The white space of C, which has the vertical tab that Rust's lacks.
fn is_space(byte: u8) -> bool {
    byte.is_ascii_whitespace() || byte == b'\x0b'
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tests::small;

    fn check(file: &[u8], expected: Features) {
        let block = small().block_size.min(file.len());
        let content = Content {
            bytes: file.len() as u64,
            first: file[..block].to_vec(),
            last: file[file.len() - block..].to_vec(),
        };
        assert_eq!(extract(&small(), &content), expected, "{file:?}");
    }

    #[test]
    fn files_without_enough_bytes_are_not_for_the_model() {
        check(b"", Features::Known("empty"));
        check(b"a", Features::Known("txt"));
        check(b" \x0b\n a", Features::Known("txt"));
        check(b"         ", Features::Known("txt"));
        check(b"\xff", Features::Known("unknown"));
    }

    #[test]
    fn ends_are_aligned_outwards_and_padded_inwards() {
        check(
            b"ab",
            Features::Tokens(vec![97, 98, 256, 256, 256, 256, 97, 98]),
        );
        check(
            b"\n abcde\t",
            Features::Tokens(vec![97, 98, 99, 100, 98, 99, 100, 101]),
        );
        // Only the blocks count: the first is `12345678`, the last `      90`.
        check(
            b"12345678      90",
            Features::Tokens(vec![49, 50, 51, 52, 32, 32, 57, 48]),
        );
        // What follows a first block of white space is not looked at.
        check(b"        12345678", Features::Known("txt"));
    }
}
