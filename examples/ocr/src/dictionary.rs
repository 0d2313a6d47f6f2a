//! Reads the letters that a model knows out of its own file: in the ONNX format a model can carry texts, and this
//! one carries its letters, one a line, under the name `character`. The model itself is passed over.

use std::error::Error;
use std::io::{Read, Seek, SeekFrom};

/// The field of a model in which a text is, with a name.
const TEXTS_FIELD: u64 = 14;

/// The name of the text with the letters.
const NAME: &[u8] = b"character";

/// The most bytes that such a text may have: 6,623 letters take about 20,000.
const TEXT_BYTES_MAX: u64 = 1024 * 1024;

/// The letters that the model knows, in the order of its scores.
pub fn read(model: &mut (impl Read + Seek)) -> Result<Vec<String>, Box<dyn Error>> {
    let size = model.seek(SeekFrom::End(0))?;
    let mut at = model.seek(SeekFrom::Start(0))?;
    while at < size {
        let (field, length) = field(model)?;
        at = model.stream_position()?;
        if length > size - at {
            return Err("the input `recognition` ends within a field".into());
        }
        if field == TEXTS_FIELD && length <= TEXT_BYTES_MAX {
            let mut bytes = vec![0; usize::try_from(length)?];
            model.read_exact(&mut bytes)?;
            if let Some(letters) = letters(&bytes)? {
                return Ok(letters);
            }
        }
        at = model.seek(SeekFrom::Start(at + length))?;
    }
    Err("the input `recognition` is a model without letters: it has no text `character`".into())
}

/// The letters, if this is the text that has them: a name in field 1, and the text in field 2.
fn letters(mut entry: &[u8]) -> Result<Option<Vec<String>>, Box<dyn Error>> {
    let mut parts: [&[u8]; 2] = [&[], &[]];
    while !entry.is_empty() {
        let (field, length) = field(&mut entry)?;
        let part = entry
            .split_off(..usize::try_from(length)?)
            .ok_or("the input `recognition` has a text that ends early")?;
        match field {
            1 => parts[0] = part,
            2 => parts[1] = part,
            _ => {}
        }
    }
    if parts[0] != NAME {
        return Ok(None);
    }
    let text = std::str::from_utf8(parts[1])?;
    Ok(Some(text.split('\n').map(String::from).collect()))
}

/// The number of the next field, and the bytes that follow before the one after it.
fn field(bytes: &mut impl Read) -> Result<(u64, u64), Box<dyn Error>> {
    let key = number(bytes)?;
    let length = match key & 7 {
        0 => {
            number(bytes)?;
            0
        }
        1 => 8,
        2 => number(bytes)?,
        5 => 4,
        _ => return Err("the input `recognition` is no ONNX model".into()),
    };
    Ok((key >> 3, length))
}

/// A number in groups of seven bits, the lowest first.
fn number(bytes: &mut impl Read) -> Result<u64, Box<dyn Error>> {
    let mut number = 0;
    for shift in (0..63).step_by(7) {
        let mut byte = [0];
        bytes.read_exact(&mut byte)?;
        number |= u64::from(byte[0] & 0x7f) << shift;
        if byte[0] < 0x80 {
            return Ok(number);
        }
    }
    Err("the input `recognition` is no ONNX model".into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Cursor;

    /// A version, a graph of 200 bytes, a text of another name, and the letters.
    fn model() -> Vec<u8> {
        let mut model = vec![8, 7, 0x3a, 0xc8, 1];
        model.extend([0xff; 200]);
        model.extend(b"\x72\x06\x0a\x01a\x12\x01b");
        model.extend(b"\x72\x13\x0a\x09character\x12\x06x\n\xc3\xa9\n ");
        model
    }

    #[test]
    fn letters_are_found_behind_the_model() {
        let letters = read(&mut Cursor::new(model())).unwrap();
        assert_eq!(letters, ["x", "é", " "]);
    }

    #[test]
    fn a_cut_model_is_refused_at_every_length() {
        let model = model();
        for length in 0..model.len() {
            assert!(
                read(&mut Cursor::new(&model[..length])).is_err(),
                "{length} bytes"
            );
        }
    }

    #[test]
    fn a_length_beyond_the_file_is_refused() {
        let huge = b"\x3a\xff\xff\xff\xff\xff\xff\xff\xff\x7f".to_vec();
        assert!(read(&mut Cursor::new(huge)).is_err());
        let endless = vec![0xff; 20];
        assert!(read(&mut Cursor::new(endless)).is_err());
    }
}
