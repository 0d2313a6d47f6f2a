//! Owns plots as inline SVG, in whole numbers. They stretch to the width that there is; their words are HTML
//! around them, so that these stay readable. Sums nothing.

use ethnum::I256;
use maud::{Markup, html};

use crate::signed::Signed;

/// Height of a column plot, and length of a row's bar, in the plot's own units.
const SIZE: u32 = 1_000;
/// Width of one column, gap included.
const COLUMN: usize = 10;

/// How long a bar is of `SIZE`, where the largest is whole. What is anything at all can be seen.
fn length(amount: Signed, largest: Signed) -> I256 {
    if amount.is_negative() || amount.is_zero() || largest.is_zero() {
        return I256::ZERO;
    }
    let scaled = amount.units().saturating_mul(I256::from(SIZE)) / largest.units();
    scaled.clamp(I256::from(4_u8), I256::from(SIZE))
}

/// Columns, one for each label and amount. The amounts belong into a table beside it.
pub fn columns(title: &str, bars: &[(String, Signed)]) -> Markup {
    let largest = bars
        .iter()
        .map(|(_, amount)| *amount)
        .max()
        .unwrap_or_default();
    let width = bars.len().saturating_mul(COLUMN);
    let bar = |index: usize, label: &str, amount: Signed| {
        let height = length(amount, largest);
        html! {
            rect.bar x=(index.saturating_mul(COLUMN).saturating_add(1)) width="8"
                y=(I256::from(SIZE).saturating_sub(height)) height=(height) {
                title { (label) ": " (amount) }
            }
        }
    };
    html! {
        svg.columns viewBox=(format!("0 0 {width} {SIZE}")) preserveAspectRatio="none" role="img"
            aria-label=(title) {
            title { (title) }
            @for y in [0, SIZE / 2, SIZE] {
                line.grid x1="0" x2=(width) y1=(y) y2=(y) vector-effect="non-scaling-stroke" {}
            }
            @for (index, (label, amount)) in bars.iter().enumerate() { (bar(index, label, *amount)) }
        }
    }
}

/// One bar of a row, beside its amount: decoration of a table, which says the same.
pub fn row_bar(amount: Signed, largest: Signed) -> Markup {
    html! {
        svg.row viewBox=(format!("0 0 {SIZE} 10")) preserveAspectRatio="none" aria-hidden="true" {
            rect.bar x="0" y="0" height="10" width=(length(amount, largest)) {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signed(units: i64) -> Signed {
        Signed::from_units(I256::from(units))
    }

    #[test]
    fn lengths_are_in_proportion_and_anything_can_be_seen() {
        for (amount, largest, expected) in [
            (0, 0, 0),
            (0, 5, 0),
            (5, 5, 1000),
            (1, 2, 500),
            (1, 1_000_000, 4),
            (-5, 5, 0),
        ] {
            assert_eq!(
                length(signed(amount), signed(largest)),
                I256::from(expected),
                "{amount}/{largest}"
            );
        }
        let most = Signed::from_units(I256::MAX);
        assert!(length(most, most) <= I256::from(SIZE));
    }

    #[test]
    fn a_plot_has_a_title_and_a_bar_for_each_amount() {
        let bars = [("<a>".to_owned(), signed(1)), ("b".to_owned(), signed(2))];
        let text = columns("cost by day", &bars).into_string();
        assert_eq!(text.matches("<rect").count(), 2);
        assert!(text.contains("aria-label=\"cost by day\"") && text.contains("&lt;a&gt;: "));
        assert!(!columns("none", &[]).into_string().contains("<rect"));
    }
}
