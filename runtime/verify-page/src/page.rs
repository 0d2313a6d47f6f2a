//! Writes the page: the template, with the compiled verifier inside. Compiles nothing.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// The page without the verifier.
const TEMPLATE: &str = include_str!("page.html");
/// Where it goes.
const PLACE: &str = "{{VERIFIER}}";

/// The page, self-contained: `wasm` is this crate, compiled for `wasm32-unknown-unknown`.
#[must_use]
pub fn page(wasm: &[u8]) -> String {
    TEMPLATE.replacen(PLACE, &STANDARD.encode(wasm), 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_carries_the_verifier_and_reaches_for_nothing_else() {
        let page = page(b"\0asm");
        assert!(page.contains(&STANDARD.encode(b"\0asm")) && !page.contains(PLACE));
        assert!(page.contains("default-src 'none'"));
        for outside in [
            "http:", "https:", "src=", "href=", "@import", "url(", "fetch(",
        ] {
            assert!(!page.contains(outside), "{outside}");
        }
    }
}
