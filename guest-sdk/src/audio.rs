//! Sound from WAV files, as models of speech and sound take it: one channel of samples from -1 to 1.
//! Resamples nothing: whoever needs another rate refuses, or brings a filter.

use std::io::Read;

use hound::{SampleFormat, WavReader};

/// Why a WAV file could not be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AudioError {
    /// The bytes are no WAV file, or end early.
    #[error("this is no WAV file that can be read: {0}")]
    Malformed(#[from] hound::Error),

    /// The sound has another rate than the model takes.
    #[error("the sound has {found} samples a second, and {expected} are needed: convert it first")]
    Rate {
        /// What is needed.
        expected: u32,
        /// What the file says.
        found: u32,
    },
}

/// Sound of one channel.
#[derive(Debug, Clone, PartialEq)]
pub struct Sound {
    /// Samples a second.
    pub rate_hz: u32,
    /// The samples, from -1 to 1.
    pub samples: Vec<f32>,
}

impl Sound {
    /// Reads a WAV file of whole numbers of 8 to 32 bits, or of floats of 32. Several channels become their
    /// mean.
    ///
    /// # Errors
    /// [`AudioError::Malformed`] if it is no such file or ends before its header says.
    pub fn from_wav(file: impl Read) -> Result<Self, AudioError> {
        let mut reader = WavReader::new(file)?;
        let spec = reader.spec();
        let channels = usize::from(spec.channels.max(1));
        let interleaved: Vec<f32> = match spec.sample_format {
            SampleFormat::Float => reader.samples::<f32>().collect::<Result<_, _>>()?,
            SampleFormat::Int => {
                // A power of two: the division is exact, and done in f64 since a sample can have 32 bits.
                let highest = f64::from(spec.bits_per_sample.clamp(1, 32) - 1).exp2();
                let samples = reader.samples::<i32>();
                samples
                    .map(|sample| sample.map(|sample| narrowed(f64::from(sample) / highest)))
                    .collect::<Result<_, _>>()?
            }
        };
        let samples = match channels {
            1 => interleaved,
            _ => interleaved
                .chunks_exact(channels)
                .map(|frame| {
                    let sum: f64 = frame.iter().copied().map(f64::from).sum();
                    narrowed(sum / f64::from(spec.channels))
                })
                .collect(),
        };
        Ok(Self {
            rate_hz: spec.sample_rate,
            samples,
        })
    }

    /// Refuses sound of another rate than the model takes.
    ///
    /// # Errors
    /// [`AudioError::Rate`].
    pub fn of_rate(self, expected: u32) -> Result<Self, AudioError> {
        if self.rate_hz == expected {
            return Ok(self);
        }
        Err(AudioError::Rate {
            expected,
            found: self.rate_hz,
        })
    }
}

#[expect(clippy::cast_possible_truncation, reason = "rounding to f32 is meant")]
fn narrowed(value: f64) -> f32 {
    value as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A WAV file of these bytes.
    fn wav(format: u16, channels: u16, bits: u16, data: &[u8]) -> Vec<u8> {
        let mut file = b"RIFF".to_vec();
        file.extend_from_slice(&u32::try_from(36 + data.len()).unwrap().to_le_bytes());
        file.extend_from_slice(b"WAVEfmt \x10\0\0\0");
        file.extend_from_slice(&format.to_le_bytes());
        file.extend_from_slice(&channels.to_le_bytes());
        file.extend_from_slice(&16_000_u32.to_le_bytes());
        let frame = channels * bits / 8;
        file.extend_from_slice(&(16_000 * u32::from(frame)).to_le_bytes());
        file.extend_from_slice(&frame.to_le_bytes());
        file.extend_from_slice(&bits.to_le_bytes());
        file.extend_from_slice(b"data");
        file.extend_from_slice(&u32::try_from(data.len()).unwrap().to_le_bytes());
        file.extend_from_slice(data);
        file
    }

    fn check(file: &[u8], expected: &[f32]) {
        let sound = Sound::from_wav(file).unwrap();
        assert_eq!((sound.rate_hz, &sound.samples[..]), (16_000, expected));
    }

    #[test]
    fn whole_numbers_are_scaled_by_their_width() {
        check(
            &wav(1, 1, 16, &[0, 0, 0, 0x40, 0, 0x80, 0xff, 0x7f]),
            &[0.0, 0.5, -1.0, 32767.0 / 32768.0],
        );
        check(&wav(1, 1, 8, &[128, 192, 0]), &[0.0, 0.5, -1.0]);
        check(&wav(1, 1, 24, &[0, 0, 0x40, 0, 0, 0x80]), &[0.5, -1.0]);
        check(
            &wav(1, 1, 32, &[0, 0, 0, 0x40, 0, 0, 0, 0x80]),
            &[0.5, -1.0],
        );
    }

    #[test]
    fn floats_stay_and_channels_become_their_mean() {
        let floats: Vec<u8> = [0.25_f32, -0.75]
            .iter()
            .flat_map(|x| x.to_le_bytes())
            .collect();
        check(&wav(3, 1, 32, &floats), &[0.25, -0.75]);
        check(&wav(3, 2, 32, &floats), &[-0.25]);
        check(
            &wav(1, 2, 16, &[0, 0x40, 0, 0, 0, 0x80, 0, 0x40]),
            &[0.25, -0.25],
        );
    }

    #[test]
    fn what_is_no_wav_file_is_refused_at_every_length() {
        let file = wav(1, 1, 16, &[1, 2, 3, 4]);
        assert!(Sound::from_wav(&file[..]).is_ok());
        for length in 0..file.len() {
            assert!(Sound::from_wav(&file[..length]).is_err(), "{length} bytes");
        }
    }

    #[test]
    fn another_rate_is_refused_by_its_number() {
        let sound = Sound {
            rate_hz: 44_100,
            samples: Vec::new(),
        };
        assert!(sound.clone().of_rate(44_100).is_ok());
        assert_eq!(
            sound.of_rate(16_000).unwrap_err().to_string(),
            "the sound has 44100 samples a second, and 16000 are needed: convert it first"
        );
    }
}
