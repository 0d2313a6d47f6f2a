//! Text as models of the BERT family take it: cut into pieces of words, each a number of the model's
//! vocabulary. Other families cut otherwise, and need a tokeniser of their own.
//!
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use meterbox_guest::text::WordPiece;
//!
//! let pieces = WordPiece::from_vocabulary("[PAD]\n[UNK]\n[CLS]\n[SEP]\nwater\nfall\n##fall\n")?;
//! let batch = pieces.batch(&["Waterfall", "water"], 128)?;
//! assert_eq!(batch.ids.shape(), [2, 4]);
//! assert_eq!(batch.ids.data(), [2, 4, 6, 3, 2, 4, 3, 0]);
//! assert_eq!(batch.mask.data(), [1, 1, 1, 1, 1, 1, 1, 0]);
//! # Ok(())
//! # }
//! ```

use std::collections::HashMap;

use unicode_normalization::UnicodeNormalization as _;
use unicode_properties::{GeneralCategory, GeneralCategoryGroup, UnicodeGeneralCategory as _};

use crate::nn::Tensor;

/// A word longer than this is not cut, but unknown: what the models' own tokeniser does, and a bound on the
/// work for a text without spaces.
const WORD_CHARS_MAX: usize = 100;

/// Why a vocabulary or a text cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TextError {
    /// The vocabulary lacks a piece that every text needs.
    #[error("the vocabulary has no `{piece}`: it is not one of the BERT family")]
    Vocabulary {
        /// The piece.
        piece: &'static str,
    },

    /// The vocabulary has more pieces than a number can have.
    #[error("the vocabulary has more pieces than a model can number")]
    VocabularyTooLarge,

    /// Not even the pieces at both ends fit.
    #[error("a text of at most {pieces_max} pieces has no room: each has 2 at its ends")]
    NoRoom {
        /// The bound that was asked for.
        pieces_max: usize,
    },

    /// The tensors could not be made.
    #[error(transparent)]
    Tensor(#[from] crate::Error),
}

/// A vocabulary, and how words are cut into its pieces.
#[derive(Debug, Clone)]
pub struct WordPiece {
    pieces: HashMap<String, i64>,
    piece_bytes_max: usize,
    lower: bool,
    padding: i64,
    unknown: i64,
    start: i64,
    end: i64,
}

/// Texts as three tensors of one shape: a line for each text, as long as the longest.
#[derive(Debug, Clone, PartialEq)]
pub struct Batch {
    /// The numbers of the pieces; models call it `input_ids`.
    pub ids: Tensor<i64>,
    /// 1 for a piece, 0 for what only fills the line; models call it `attention_mask`.
    pub mask: Tensor<i64>,
    /// 0 everywhere, as all belongs to the first text; models call it `token_type_ids`.
    pub types: Tensor<i64>,
}

impl WordPiece {
    /// A vocabulary with a piece on each line: the `vocab.txt` beside a model. Texts become lower-case and lose
    /// their accents, as for most of these models.
    ///
    /// # Errors
    /// [`TextError::Vocabulary`] if `[PAD]`, `[UNK]`, `[CLS]` or `[SEP]` is missing.
    pub fn from_vocabulary(text: &str) -> Result<Self, TextError> {
        let mut pieces = HashMap::new();
        for (number, piece) in text.lines().enumerate() {
            let number = i64::try_from(number).map_err(|_| TextError::VocabularyTooLarge)?;
            pieces.insert(piece.to_string(), number);
        }
        let needed = |piece: &'static str| {
            let found = pieces.get(piece).copied();
            found.ok_or(TextError::Vocabulary { piece })
        };
        Ok(Self {
            padding: needed("[PAD]")?,
            unknown: needed("[UNK]")?,
            start: needed("[CLS]")?,
            end: needed("[SEP]")?,
            piece_bytes_max: pieces.keys().map(String::len).max().unwrap_or(0),
            lower: true,
            pieces,
        })
    }

    /// For a model that tells capitals and accents apart.
    #[must_use]
    pub fn cased(mut self) -> Self {
        self.lower = false;
        self
    }

    /// The numbers of a text's pieces, between those for its start and its end. At most so many are given; the
    /// text is cut off there.
    ///
    /// # Errors
    /// [`TextError::NoRoom`] if that is less than 2.
    pub fn encode(&self, text: &str, pieces_max: usize) -> Result<Vec<i64>, TextError> {
        let room = pieces_max
            .checked_sub(2)
            .ok_or(TextError::NoRoom { pieces_max })?;
        let mut ids = vec![self.start];
        for word in self.words(text) {
            if ids.len() > room {
                break;
            }
            self.cut(&word, &mut ids);
        }
        ids.truncate(room + 1);
        ids.push(self.end);
        Ok(ids)
    }

    /// Texts as a batch, each of at most so many pieces.
    ///
    /// # Errors
    /// As for [`encode`](Self::encode).
    pub fn batch(&self, texts: &[impl AsRef<str>], pieces_max: usize) -> Result<Batch, TextError> {
        let lines: Vec<Vec<i64>> = texts
            .iter()
            .map(|text| self.encode(text.as_ref(), pieces_max))
            .collect::<Result<_, _>>()?;
        let width = lines.iter().map(Vec::len).max().unwrap_or(0);
        let side = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        let shape = [side(lines.len()), side(width)];
        let mut ids = vec![self.padding; lines.len() * width];
        let mut mask = vec![0; ids.len()];
        for (index, line) in lines.iter().enumerate() {
            let start = index * width;
            ids[start..start + line.len()].copy_from_slice(line);
            mask[start..start + line.len()].fill(1);
        }
        Ok(Batch {
            types: Tensor::new(shape, vec![0; ids.len()])?,
            ids: Tensor::new(shape, ids)?,
            mask: Tensor::new(shape, mask)?,
        })
    }

    /// The words of a text: what stands between spaces, with each mark of punctuation and each Chinese
    /// character as one of its own.
    fn words(&self, text: &str) -> Vec<String> {
        let mut spaced = String::with_capacity(text.len());
        for letter in text.chars() {
            if is_ideograph(letter) {
                spaced.extend([' ', letter, ' ']);
            } else if is_space(letter) {
                spaced.push(' ');
            } else if !is_control(letter) {
                spaced.push(letter);
            }
        }
        if self.lower {
            spaced = spaced
                .nfd()
                .filter(|letter| letter.general_category() != GeneralCategory::NonspacingMark)
                .flat_map(char::to_lowercase)
                .collect();
        }
        let mut words = Vec::new();
        for part in spaced.split_whitespace() {
            let mut word = String::new();
            for letter in part.chars() {
                if is_punctuation(letter) {
                    if !word.is_empty() {
                        words.push(std::mem::take(&mut word));
                    }
                    words.push(letter.to_string());
                } else {
                    word.push(letter);
                }
            }
            if !word.is_empty() {
                words.push(word);
            }
        }
        words
    }

    /// The pieces of a word, each the longest that fits what is left; the whole word is unknown if one is.
    fn cut(&self, word: &str, ids: &mut Vec<i64>) {
        const WITHIN: &str = "##";
        let before = ids.len();
        let mut rest = word;
        let is_cut = word.chars().count() <= WORD_CHARS_MAX;
        while is_cut && !rest.is_empty() {
            let prefix = if rest.len() == word.len() { "" } else { WITHIN };
            let ends = rest
                .char_indices()
                .map(|(at, letter)| at + letter.len_utf8());
            let ends: Vec<usize> = ends
                .take_while(|end| *end <= self.piece_bytes_max)
                .collect();
            let found = ends.into_iter().rev().find_map(|end| {
                let piece = self.pieces.get(&format!("{prefix}{}", &rest[..end]));
                piece.map(|number| (end, *number))
            });
            let Some((end, number)) = found else {
                break;
            };
            ids.push(number);
            rest = &rest[end..];
        }
        if !rest.is_empty() {
            ids.truncate(before);
            ids.push(self.unknown);
        }
    }
}

fn is_space(letter: char) -> bool {
    matches!(letter, ' ' | '\t' | '\n' | '\r')
        || letter.general_category() == GeneralCategory::SpaceSeparator
}

fn is_control(letter: char) -> bool {
    letter == '\u{fffd}' || letter.general_category_group() == GeneralCategoryGroup::Other
}

fn is_punctuation(letter: char) -> bool {
    letter.is_ascii_punctuation()
        || letter.general_category_group() == GeneralCategoryGroup::Punctuation
}

/// Chinese characters, also as Japanese and Korean use them; the other scripts of both write words.
fn is_ideograph(letter: char) -> bool {
    matches!(letter,
        '\u{4e00}'..='\u{9fff}'
        | '\u{3400}'..='\u{4dbf}'
        | '\u{20000}'..='\u{2a6df}'
        | '\u{2a700}'..='\u{2b73f}'
        | '\u{2b740}'..='\u{2b81f}'
        | '\u{2b820}'..='\u{2ceaf}'
        | '\u{f900}'..='\u{faff}'
        | '\u{2f800}'..='\u{2fa1f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers from 0: the four that are needed, then words and pieces.
    const VOCABULARY: &str = "[PAD]\n[UNK]\n[CLS]\n[SEP]\nthe\nferry\nun\n##aff\n##able\n##s\ncafe\n,\n.\n'\n-\n水\nThe\ncafé\nstrasse\nstraße\nß\n12\n##3\ni\n";

    fn check(text: &str, expected: &[i64]) {
        let pieces = WordPiece::from_vocabulary(VOCABULARY).unwrap();
        let found = pieces.encode(text, 64).unwrap();
        let (ends, within) = (
            [found[0], found[found.len() - 1]],
            &found[1..found.len() - 1],
        );
        assert_eq!((ends, within), ([2, 3], expected), "{text:?}");
    }

    #[test]
    fn words_are_cut_into_the_longest_pieces() {
        check("the ferry", &[4, 5]);
        check("unaffable", &[6, 7, 8]);
        check("ferrys", &[5, 9]);
        check("unknown", &[1]);
        check("unaffableX the", &[1, 4]);
        check("123 12", &[21, 22, 21]);
        check("", &[]);
    }

    #[test]
    fn capitals_accents_and_control_characters_go() {
        check("THE Café cafe\u{301}", &[4, 10, 10]);
        check("the\u{200d} \u{0}ferry\u{fffd}", &[4, 5]);
        check("İ", &[23]);
        check("Straße", &[19]);
        let cased = WordPiece::from_vocabulary(VOCABULARY).unwrap().cased();
        assert_eq!(cased.encode("The Café the", 9).unwrap(), [2, 16, 1, 4, 3]);
        assert_eq!(cased.encode("café", 9).unwrap(), [2, 17, 3]);
    }

    #[test]
    fn punctuation_and_chinese_characters_are_words() {
        check("the,ferry.", &[4, 11, 5, 12]);
        check("the水ferry", &[4, 15, 5]);
        check("ferry's\tthe\u{a0}-\u{3000}水", &[5, 13, 1, 4, 14, 15]);
    }

    #[test]
    fn a_word_of_100_letters_is_cut_and_one_more_is_unknown() {
        let pieces = WordPiece::from_vocabulary("[PAD]\n[UNK]\n[CLS]\n[SEP]\na\n##a").unwrap();
        assert_eq!(pieces.encode(&"a".repeat(100), 200).unwrap().len(), 102);
        assert_eq!(pieces.encode(&"a".repeat(101), 200).unwrap(), [2, 1, 3]);
    }

    #[test]
    fn a_text_is_cut_off_where_it_has_no_room() {
        let pieces = WordPiece::from_vocabulary(VOCABULARY).unwrap();
        assert_eq!(pieces.encode("unaffable the", 4).unwrap(), [2, 6, 7, 3]);
        assert_eq!(pieces.encode("the", 2).unwrap(), [2, 3]);
        assert!(pieces.encode("the", 1).is_err());
    }

    #[test]
    fn a_batch_of_no_texts_is_empty() {
        let pieces = WordPiece::from_vocabulary(VOCABULARY).unwrap();
        let batch = pieces.batch(&[""; 0], 8).unwrap();
        assert_eq!(batch.ids.shape(), [0, 0]);
    }

    #[test]
    fn a_vocabulary_of_another_family_is_refused() {
        let error = WordPiece::from_vocabulary("<s>\n</s>").unwrap_err();
        assert!(error.to_string().contains("[PAD]"), "{error}");
    }
}
