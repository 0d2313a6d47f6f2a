//! Counts as people write them: `1000000`, `1_000_000`, `64MiB`, `2G`. Exact, or refused.

/// Reads a count. Suffixes `k M G T` are powers of 1000 and `Ki Mi Gi Ti` powers of 1024; a `B` for
/// bytes may follow.
///
/// # Errors
/// Says what a count looks like.
pub fn parse(text: &str) -> Result<u64, String> {
    let text = text.trim();
    let digits_end = text
        .find(|c: char| !c.is_ascii_digit() && c != '_')
        .unwrap_or(text.len());
    let (digits, suffix) = text.split_at(digits_end);
    let digits = digits.replace('_', "");
    let wrong =
        || format!("`{text}` is no count: write a whole number such as 1000000, 64MiB or 2G");
    let number: u64 = digits.parse().map_err(|_| wrong())?;
    let factor = match suffix.trim().trim_end_matches('B') {
        "" => 1,
        "k" | "K" => 1_000,
        "M" => 1_000_000,
        "G" => 1_000_000_000,
        "T" => 1_000_000_000_000,
        "Ki" => 1 << 10,
        "Mi" => 1 << 20,
        "Gi" => 1 << 30,
        "Ti" => 1u64 << 40,
        _ => return Err(wrong()),
    };
    number
        .checked_mul(factor)
        .ok_or_else(|| format!("`{text}` does not fit 64 bits"))
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn counts_are_exact_or_refused() {
        for (text, count) in [
            ("0", 0),
            ("1_000_000", 1_000_000),
            ("64MiB", 64 << 20),
            ("64 Mi", 64 << 20),
            ("2G", 2_000_000_000),
            ("7kB", 7_000),
            ("18446744073709551615", u64::MAX),
        ] {
            assert_eq!(parse(text), Ok(count), "{text}");
        }
        for text in [
            "",
            "-1",
            "1.5",
            "1e9",
            "MiB",
            "1 XB",
            "18446744073709551616",
            "20000000Ti",
            "0x10",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
