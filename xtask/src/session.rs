//! Compares what a run printed with the session that README shows. Prints nothing.

use anyhow::{Context as _, Result, bail};

const BEGIN: &str = "<!-- session -->";
const END: &str = "<!-- end session -->";

/// Fails on the first line of README's session that was not printed, in this order. A line of `…`
/// stands for any number of lines, and `…` within a line for any text.
pub fn check(readme: &str, printed: &str) -> Result<()> {
    let (_, session) = readme.split_once(BEGIN).context("README has no session")?;
    let (session, _) = session
        .split_once(END)
        .context("README's session has no end")?;
    let mut printed = printed.lines().map(str::trim_end);
    let shown = session
        .lines()
        .map(str::trim_end)
        .filter(|line| !line.is_empty() && !line.starts_with("```") && *line != "…");
    for line in shown {
        if !printed.any(|other| fits(line, other)) {
            bail!("README shows a line that this run did not print: {line}");
        }
    }
    Ok(())
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
    fn a_session_is_a_part_of_what_was_printed_in_its_order() {
        let readme =
            "# x\n<!-- session -->\n```console\n$ a\n…\nb\n\nc\n```\n<!-- end session -->\n";
        assert!(check(readme, "$ a\nmore\nb  \nand\nc\n").is_ok());
        assert!(check(readme, "$ a\nc\nb\n").is_err());
        assert!(check(readme, "").is_err());
        assert!(check("", "").is_err());
    }
}
