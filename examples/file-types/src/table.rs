//! Lays the labels out as a table for people.

use crate::labels::Label;

/// The table: a heading, then a line for each label, its columns aligned.
pub fn text(labels: &[Label]) -> String {
    let heading = ["file", "type", "score", "bytes"].map(String::from);
    let lines = labels.iter().map(|label| {
        [
            label.name.clone(),
            label.label.clone(),
            label.score.clone(),
            label.bytes.to_string(),
        ]
    });
    let rows: Vec<[String; 4]> = std::iter::once(heading).chain(lines).collect();
    let mut widths = [0; 4];
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let mut text = String::new();
    for [name, label, score, bytes] in &rows {
        // Words to the left, numbers to the right.
        text += &format!(
            "{name:<0$}  {label:<1$}  {score:>2$}  {bytes:>3$}\n",
            widths[0], widths[1], widths[2], widths[3]
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_longest_cell() {
        let labels = [
            Label::known("été.txt".into(), "txt", 5),
            Label::known("a".into(), "unknown", 12345),
        ];
        let expected = "\
file     type      score  bytes
été.txt  txt      1.0000      5
a        unknown  1.0000  12345
";
        assert_eq!(text(&labels), expected);
    }
}
