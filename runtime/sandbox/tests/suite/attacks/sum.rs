//! Works out the sums that attacks write their bills in. Knows no program.
//!
//! `+`, `-`, `*`, `/` (rounded down) and `^` on whole numbers, with parentheses and names.

use std::iter::Peekable;
use std::str::Chars;

/// What a sum comes to, with names as `value_of` says.
///
/// # Panics
/// If it is no sum, uses a name that there is not, or comes to less than zero anywhere.
pub fn value(text: &str, value_of: &dyn Fn(&str) -> Option<u128>) -> u128 {
    let mut reader = Reader {
        text,
        rest: text.chars().peekable(),
        value_of,
    };
    let value = reader.sum();
    assert_eq!(reader.peek(), None, "`{text}` goes on after its end");
    value
}

struct Reader<'a> {
    text: &'a str,
    rest: Peekable<Chars<'a>>,
    value_of: &'a dyn Fn(&str) -> Option<u128>,
}

impl Reader<'_> {
    fn peek(&mut self) -> Option<char> {
        while self.rest.next_if(|next| next.is_whitespace()).is_some() {}
        self.rest.peek().copied()
    }

    fn take(&mut self, symbol: char) -> bool {
        self.peek() == Some(symbol) && self.rest.next().is_some()
    }

    fn sum(&mut self) -> u128 {
        let mut value = self.product();
        loop {
            let sum = if self.take('+') {
                value.checked_add(self.product())
            } else if self.take('-') {
                value.checked_sub(self.product())
            } else {
                return value;
            };
            value = self.within(sum);
        }
    }

    fn product(&mut self) -> u128 {
        let mut value = self.power();
        loop {
            let product = if self.take('*') {
                value.checked_mul(self.power())
            } else if self.take('/') {
                value.checked_div(self.power())
            } else {
                return value;
            };
            value = self.within(product);
        }
    }

    fn power(&mut self) -> u128 {
        let base = self.atom();
        if !self.take('^') {
            return base;
        }
        let exponent = u32::try_from(self.atom()).ok();
        let power = exponent.and_then(|exponent| base.checked_pow(exponent));
        self.within(power)
    }

    fn atom(&mut self) -> u128 {
        if self.take('(') {
            let value = self.sum();
            assert!(self.take(')'), "`{}` lacks a parenthesis", self.text);
            return value;
        }
        self.peek();
        let mut word = String::new();
        let of_word = |next: &char| next.is_ascii_alphanumeric() || "_.".contains(*next);
        while let Some(next) = self.rest.next_if(of_word) {
            word.push(next);
        }
        if word.starts_with(|first: char| first.is_ascii_digit()) {
            let number = word.replace('_', "").parse().ok();
            return self.within(number);
        }
        (self.value_of)(&word).unwrap_or_else(|| panic!("`{}`: there is no `{word}`", self.text))
    }

    fn within(&self, value: Option<u128>) -> u128 {
        value.unwrap_or_else(|| panic!("`{}` is no count", self.text))
    }
}

#[test]
fn sums_are_worked_out_as_they_are_written() {
    let value_of = |name: &str| (name == "lap").then_some(5);
    for (text, expected) in [
        ("1 + 2*3", 7),
        ("(1 + 2) * 3", 9),
        ("10 - 3 - 2", 5),
        ("7*3/2", 10),
        ("2^40 / 64", 1 << 34),
        ("1_000 * lap - lap", 4_995),
    ] {
        assert_eq!(value(text, &value_of), expected, "{text}");
    }
}
