//! Shortens what engines say of a program that they do not take. Decides nothing.

/// The sentence that says why, without what surrounds it and without the place.
pub fn sentence(why: &str) -> &str {
    let (why, _) = why.split_once("Stack backtrace").unwrap_or((why, ""));
    let mut lines = why.trim().lines();
    let line = lines.next_back().unwrap_or_default().trim();
    let line = line.strip_prefix("WebAssembly.Module(): ").unwrap_or(line);
    let (_, line) = line.rsplit_once(" failed: ").unwrap_or(("", line));
    [" (at offset", " @+"].iter().fold(line, |line, place| {
        line.split_once(place).map_or(line, |(before, _)| before)
    })
}

/// The sentence without numbers, which are of this program only.
pub fn reason(why: &str) -> String {
    let words = sentence(why).split_whitespace().map(|word| {
        let is_number = word.contains(|letter: char| letter.is_ascii_digit());
        let is_feature = word.contains("memory64") || word.contains("64-bit");
        if is_number && !is_feature {
            "…"
        } else {
            word
        }
    });
    words.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_the_same_for_programs_that_lack_the_same() {
        let lacks = "exceptions proposal not enabled";
        for why in [
            "failed to parse\n\nCaused by:\n    exceptions proposal not enabled (at offset 0x2f)",
            "exceptions proposal not enabled (at offset 0x1234)\n\nStack backtrace:\n   0: main",
        ] {
            assert_eq!(reason(why), lacks);
        }
        let v8 =
            "WebAssembly.Module(): Compiling function #7:\"f\" failed: Invalid opcode 0x1f @+55";
        assert_eq!(reason(v8), "Invalid opcode …");
    }
}
