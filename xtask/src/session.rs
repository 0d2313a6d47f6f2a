//! Compares what a run printed with the session that README shows. Prints nothing.

use anyhow::{Context as _, Result, bail};

const BEGIN: &str = "<!-- session -->";
const END: &str = "<!-- end session -->";

/// Fails on the first line of README's session that was not printed, in this order. A line of `…`
/// stands for any number of lines, and `…` within a line for any text.
///
/// Numbers and the space between columns may differ: counts depend on the guest's bytes, which
/// another folder's build may lay out otherwise, and scores on the processor.
pub fn check(readme: &str, printed: &str) -> Result<()> {
    let (_, session) = readme.split_once(BEGIN).context("README has no session")?;
    let (session, _) = session
        .split_once(END)
        .context("README's session has no end")?;
    let mut printed = printed.lines().map(shape);
    let shown = session
        .lines()
        .map(str::trim_end)
        .filter(|line| !line.is_empty() && !line.starts_with("```") && *line != "…");
    for line in shown {
        let shown = shape(line);
        if !printed.any(|other| fits(&shown, &other)) {
            bail!("README shows a line that this run did not print: {line}");
        }
    }
    Ok(())
}

/// A line with each number as `#`, and its words one space apart.
fn shape(line: &str) -> String {
    let mut words: Vec<String> = Vec::new();
    for word in line.split_whitespace() {
        let is_number = word.starts_with(|c: char| c.is_ascii_digit())
            && word.chars().all(|c| c.is_ascii_digit() || ",.".contains(c));
        words.push(if is_number { "#".into() } else { word.into() });
    }
    words.join(" ")
}

fn fits(shown: &str, printed: &str) -> bool {
    match shown.split_once('…') {
        Some((start, end)) => printed
            .strip_prefix(start)
            .is_some_and(|rest| rest.ends_with(end)),
        None => shown == printed,
    }
}

#[cfg(test)]
mod tests {
    use super::{check, fits};

    #[test]
    fn an_ellipsis_stands_for_any_text() {
        assert!(fits("--key …", "--key abc"));
        assert!(fits("a…c", "abbc"));
        assert!(!fits("ab…bc", "abc"));
        assert!(!fits("--key", "--key abc"));
    }

    #[test]
    fn numbers_may_differ_and_words_may_not() {
        assert!(
            check(
                "<!-- session -->\ntotal  0.12\n<!-- end session -->",
                "total   1,234"
            )
            .is_ok()
        );
        assert!(
            check(
                "<!-- session -->\na.zip zip 0.9\n<!-- end session -->",
                "a.zip gzip 0.9"
            )
            .is_err()
        );
        assert!(
            check(
                "<!-- session -->\n[exit code x9]\n<!-- end session -->",
                "[exit code x8]"
            )
            .is_err()
        );
    }

    #[test]
    fn a_session_is_a_part_of_what_was_printed_in_its_order() {
        let readme =
            "# x\n<!-- session -->\n```console\n$ a\n…\nb\n\nc\n```\n<!-- end session -->\n";
        assert!(check(readme, "$ a\nmore\nb  \nand\nc\n").is_ok());
        assert!(check(readme, "$ a\nc\nb\n").is_err());
        assert!(check(readme, "").is_err());
        assert!(check("", "").is_err());
    }
}
