//! Owns lower-case hexadecimal text of a fixed number of bytes. Knows nothing of what they mean.

/// Why a text is not the hexadecimal form of so many bytes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HexError {
    /// The text is too long or too short.
    #[error("expected {expected} hexadecimal digits, found {found} bytes of text")]
    Length {
        /// How many digits there should be.
        expected: usize,
        /// How many bytes of text there are.
        found: usize,
    },
    /// A character is no lower-case hexadecimal digit.
    #[error("expected lower-case hexadecimal digits, found `{found}`")]
    Digit {
        /// The first character that is none.
        found: char,
    },
}

/// The lower-case hexadecimal text of `bytes`.
#[must_use]
pub fn encode(bytes: &[u8]) -> String {
    let mut text = vec![0; bytes.len().saturating_mul(2)];
    write(bytes, &mut text).to_owned()
}

/// Writes the text of `bytes` where there is room for two digits of each; the rest of the room is left out.
pub(crate) fn write<'t>(bytes: &[u8], room: &'t mut [u8]) -> &'t str {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let (pairs, _) = room.as_chunks_mut::<2>();
    for (pair, byte) in pairs.iter_mut().zip(bytes) {
        *pair = [
            DIGITS[usize::from(byte >> 4)],
            DIGITS[usize::from(byte & 15)],
        ];
    }
    let text = &room[..bytes.len().saturating_mul(2)];
    std::str::from_utf8(text).expect("digits are ASCII")
}

/// The `N` bytes that `text` spells. Upper-case digits are refused, so that a value has one text.
pub fn decode<const N: usize>(text: &str) -> Result<[u8; N], HexError> {
    if text.len() != N.saturating_mul(2) {
        return Err(HexError::Length {
            expected: N.saturating_mul(2),
            found: text.len(),
        });
    }
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        let (Some(high), Some(low)) = (digit(pair[0]), digit(pair[1])) else {
            let other = |c: &char| !matches!(c, '0'..='9' | 'a'..='f');
            let found = text.chars().find(other).unwrap_or_default();
            return Err(HexError::Digit { found });
        };
        *byte = (high << 4) | low;
    }
    Ok(bytes)
}

const fn digit(character: u8) -> Option<u8> {
    match character {
        b'0'..=b'9' => Some(character.wrapping_sub(b'0')),
        b'a'..=b'f' => Some(character.wrapping_sub(b'a').wrapping_add(10)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_comes_back() {
        for byte in 0..=255_u8 {
            assert_eq!(decode::<1>(&encode(&[byte])).unwrap(), [byte]);
        }
        assert_eq!(encode(&[0, 15, 160, 255]), "000fa0ff");
    }

    #[test]
    fn other_spellings_are_refused() {
        assert_eq!(
            decode::<2>("0ff").unwrap_err(),
            HexError::Length {
                expected: 4,
                found: 3
            }
        );
        assert_eq!(
            decode::<1>("FF").unwrap_err(),
            HexError::Digit { found: 'F' }
        );
        assert_eq!(
            decode::<1>("é").unwrap_err(),
            HexError::Digit { found: 'é' }
        );
    }
}
