//! Text tables: aligned for a terminal, or in Markdown. Knows nothing of what is in them.

/// Rows under a heading; the first column is text, the others are numbers.
#[derive(Debug, Clone)]
pub struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    /// An empty table with these columns.
    #[must_use]
    pub fn new(columns: &[&str]) -> Table {
        Table {
            rows: vec![columns.iter().map(ToString::to_string).collect()],
        }
    }

    /// Adds a row.
    pub fn row<const N: usize>(&mut self, cells: [String; N]) {
        self.rows.push(cells.into());
    }

    fn widths(&self) -> Vec<usize> {
        let columns = self.rows.first().map_or(0, Vec::len);
        let width = |column: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        (0..columns).map(width).collect()
    }

    /// Aligned with spaces.
    #[must_use]
    pub fn text(&self) -> String {
        let widths = self.widths();
        let mut text = String::new();
        for row in &self.rows {
            let cells = row.iter().zip(&widths).enumerate();
            let line: Vec<String> = cells
                .map(|(column, (cell, width))| match column {
                    0 => format!("{cell:width$}"),
                    _ => format!("{cell:>width$}"),
                })
                .collect();
            text.push_str(line.join("  ").trim_end());
            text.push('\n');
        }
        text
    }

    /// As Markdown.
    #[must_use]
    pub fn markdown(&self) -> String {
        let mut text = String::new();
        for (index, row) in self.rows.iter().enumerate() {
            text.push_str(&format!("| {} |\n", row.join(" | ")));
            if index == 0 {
                let numbers = row.len().saturating_sub(1);
                text.push_str(&format!("|---|{}\n", "---:|".repeat(numbers)));
            }
        }
        text
    }
}

/// A number with three significant digits.
#[must_use]
pub fn figure(value: f64) -> String {
    match value.abs() {
        size if size >= 99.95 => format!("{value:.0}"),
        size if size >= 9.995 => format!("{value:.1}"),
        size if size >= 0.9995 => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_align_and_become_markdown() {
        let mut table = Table::new(&["class", "ns"]);
        table.row(["simple".to_owned(), figure(0.25)]);
        table.row(["divide".to_owned(), figure(12.0)]);
        assert_eq!(
            table.text(),
            "class      ns\nsimple  0.250\ndivide   12.0\n"
        );
        assert_eq!(
            table.markdown(),
            "| class | ns |\n|---|---:|\n| simple | 0.250 |\n| divide | 12.0 |\n"
        );
    }
}
