// SPDX-License-Identifier: GPL-2.0-only

//! Output: plain lines, tables, JSON. Colour only on a terminal.

use std::fmt::Write;
use std::io::IsTerminal;

use serde::Serialize;

use crate::failure::Code;

/// What a command prints on standard output, and its exit code.
#[derive(Debug)]
pub struct Report {
    pub text: String,
    pub code: Code,
}

impl Report {
    /// Success, with nothing to say.
    pub fn silent() -> Self {
        Self::text("")
    }

    pub fn text(text: impl Into<String>) -> Self {
        Self { text: text.into(), code: Code::Ok }
    }

    pub fn line(line: impl std::fmt::Display) -> Self {
        Self::text(format!("{line}\n"))
    }

    /// One line of JSON.
    pub fn json(value: &impl Serialize) -> Self {
        // Only maps with keys that are not strings and failing writers can make this fail; neither occurs.
        Self::line(serde_json::to_string(value).unwrap_or_default())
    }

    pub fn with(mut self, code: Code) -> Self {
        self.code = code;
        self
    }
}

/// Rows of words in aligned columns; the default one has no head.
#[derive(Default)]
pub struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    pub fn new(head: &[&str]) -> Self {
        Self { rows: vec![head.iter().map(|&word| word.to_owned()).collect()] }
    }

    pub fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().collect());
    }
}

impl std::fmt::Display for Table {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let cells = |column: usize| self.rows.iter().filter_map(move |row| row.get(column));
        let widths: Vec<usize> =
            (0..columns).map(|column| cells(column).map(|c| width(c)).max().unwrap_or(0)).collect();
        for row in &self.rows {
            let mut line = String::new();
            for (cell, wanted) in row.iter().zip(&widths) {
                write!(line, "{cell}{:pad$}  ", "", pad = wanted - width(cell))?;
            }
            writeln!(f, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

/// How many columns a cell takes on the screen: colour codes take none.
fn width(cell: &str) -> usize {
    let mut inside_code = false;
    cell.chars()
        .filter(|&c| {
            let visible = !inside_code && c != '\x1b';
            inside_code = if inside_code { c != 'm' } else { c == '\x1b' };
            visible
        })
        .count()
}

/// The colours that mean something.
#[derive(Clone, Copy)]
pub enum Colour {
    Good = 32,
    Fair = 33,
    Bad = 31,
}

/// Colours a word, if standard output is a terminal and `NO_COLOR` is not set.
pub fn paint(colour: Colour, word: &str) -> String {
    if std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none() {
        format!("\x1b[{}m{word}\x1b[0m", colour as u8)
    } else {
        word.to_owned()
    }
}

/// A number of bytes for people.
pub fn bytes(n: u64) -> String {
    const UNITS: [&str; 4] = ["KB", "MB", "GB", "TB"];
    if n < 1024 {
        return format!("{n} B");
    }
    let mut value = n as f64;
    let mut unit = "B";
    for next in UNITS {
        if value < 1024.0 {
            break;
        }
        value /= 1024.0;
        unit = next;
    }
    format!("{value:.1} {unit}")
}

/// Text from elsewhere, fit for a terminal: one line, no control characters.
pub fn tame(text: &str) -> String {
    text.trim().chars().map(|c| if c.is_control() { '?' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_align_and_colour_takes_no_room() {
        let mut table = Table::new(&["NODE", "STATE"]);
        table.row(["1".to_owned(), "\x1b[32mup\x1b[0m".to_owned()]);
        assert_eq!(table.to_string(), "NODE  STATE\n1     \x1b[32mup\x1b[0m\n");
    }

    #[test]
    fn bytes_are_readable() {
        assert_eq!(bytes(1023), "1023 B");
        assert_eq!(bytes(1536), "1.5 KB");
        assert_eq!(bytes(64 << 20), "64.0 MB");
        assert_eq!(bytes(u64::MAX), "16777216.0 TB");
    }
}
