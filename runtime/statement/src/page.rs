//! Owns what every page for people has: its frame and its style, in one file that asks no network for anything.
//! Knows no content.

use maud::{DOCTYPE, Markup, PreEscaped, html};

/// Readable in the light, in the dark, on a phone and on A4. Colours of text are at least 4.5:1 on their ground,
/// those of bars at least 3:1.
const STYLE: &str = include_str!("page.css");

/// A whole page around `body`.
pub fn page(title: &str, body: &Markup) -> String {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta http-equiv="Content-Security-Policy"
                    content="default-src 'none'; style-src 'unsafe-inline'; img-src data:";
                title { (title) }
                style { (PreEscaped(STYLE)) }
            }
            body { main { (body) } }
        }
    };
    let mut text = page.into_string();
    text.push('\n');
    text
}

/// A long id that breaks anywhere; shown short, with the whole in its title and for whoever copies it.
pub fn short(id: &str) -> Markup {
    let start: String = id.chars().take(12).collect();
    html! { code title=(id) { (start) @if start.len() < id.len() { "…" } } }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_asks_no_network_for_anything() {
        let text = page("a < b", &html! { p { "x" } });
        assert!(text.contains("<title>a &lt; b</title>"));
        for outside in [
            "http://", "https://", "url(", "@import", "<script", "<link", "src=",
        ] {
            assert!(!text.contains(outside), "{outside}");
        }
    }

    #[test]
    fn an_id_is_shown_short_and_kept_whole() {
        let text = short(&"ab".repeat(32)).into_string();
        assert!(text.contains(">abababababab…<") && text.contains(&"ab".repeat(32)));
        assert_eq!(
            short("a<b").into_string(),
            "<code title=\"a&lt;b\">a&lt;b</code>"
        );
    }
}
