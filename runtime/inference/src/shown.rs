//! Owns how a model's own words appear in messages: they could forge a message's lines, steer a terminal or fill it.

/// Characters of a name or a reason that are shown.
const CHARACTERS_MAX: usize = 200;

/// The text on one line, without what is not printed, and no longer than people read.
pub(crate) fn shown(text: &str) -> String {
    let mut shown = String::new();
    for (count, character) in text.chars().enumerate() {
        if count == CHARACTERS_MAX {
            shown.push('…');
            break;
        }
        if character.is_control() || is_of_layout(character) {
            shown.extend(character.escape_unicode());
        } else {
            shown.push(character);
        }
    }
    shown
}

/// Whether it changes the direction in which its neighbours are shown (Unicode Standard Annex 9, table 4), or parts
/// lines or paragraphs.
fn is_of_layout(character: char) -> bool {
    matches!(
        character,
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_a_model_stay_on_one_line_and_in_their_direction() {
        assert_eq!(shown("Größe/conv1"), "Größe/conv1");
        assert_eq!(shown("a\nhint: b\u{202e}c"), "a\\u{a}hint: b\\u{202e}c");
        let long = shown(&"x".repeat(100_000));
        assert_eq!(long.chars().count(), CHARACTERS_MAX + 1);
    }
}
