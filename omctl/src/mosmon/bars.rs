// SPDX-License-Identifier: GPL-2.0-only

//! Draws bars, upright or lying, into a frame. Knows nothing of nodes but their ids.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier, Style};
use ratatui::Frame;

/// One node.
pub struct Bar {
    pub id: u16,
    /// A node that is down has no bar, but a word.
    pub up: bool,
    /// The bar itself.
    pub value: u64,
    /// What stands on top of it, in another pattern.
    pub rest: u64,
    /// A few letters beside the id.
    pub note: String,
}

/// Columns of the scale, upright.
const SCALE: u16 = 8;
/// Columns of a bar with its gap, upright.
const PITCH: u16 = 6;

const DEAD: &str = "DEAD";

const HELP: [&str; 4] = [
    "l load  m memory  r physical memory  s speed  u use",
    "d down nodes too  D only those that are up  t number up",
    "v upright or lying  p n arrows scroll  Enter anew",
    "h this help  q quit",
];

pub fn draw(frame: &mut Frame<'_>, head: &str, bars: &[Bar], scale: u64, lying: bool, help: bool) {
    let area = frame.area();
    let buffer = frame.buffer_mut();
    put(buffer, area, 0, 0, head, Style::new().add_modifier(Modifier::BOLD));
    let lines = if help { HELP.len() as u16 } else { 0 };
    let height = area.height.saturating_sub(1 + lines);
    let body = Rect { y: area.y + area.height.min(1), height, ..area };
    if lying {
        lie(buffer, body, bars, scale);
    } else {
        stand(buffer, body, bars, scale);
    }
    for (line, text) in (0..).zip(HELP) {
        if line < lines {
            put(buffer, area, 0, 1 + height + line, text, Style::new());
        }
    }
}

/// Writes as much of a text as there is room for.
fn put(buffer: &mut Buffer, area: Rect, x: u16, y: u16, text: &str, style: Style) {
    if x < area.width && y < area.height {
        buffer.set_stringn(area.x + x, area.y + y, text, usize::from(area.width - x), style);
    }
}

/// How many of `cells` a value takes; something shows of whatever is not 0.
fn cells(value: u64, scale: u64, cells: u16) -> u16 {
    let exact = u128::from(value) * u128::from(cells) / u128::from(scale.max(1));
    let shown = u16::try_from(exact).unwrap_or(cells).min(cells);
    if value > 0 {
        shown.max(1).min(cells)
    } else {
        shown
    }
}

fn colour(value: u64, scale: u64) -> Style {
    Style::new().fg(if value.saturating_mul(4) > scale.saturating_mul(3) { Color::Red } else { Color::Green })
}

fn dead() -> Style {
    Style::new().fg(Color::Red).add_modifier(Modifier::BOLD)
}

fn stand(buffer: &mut Buffer, area: Rect, bars: &[Bar], scale: u64) {
    let notes = u16::from(bars.iter().any(|bar| !bar.note.is_empty()));
    // The base line and the ids stand below.
    let Some(rows) = area.height.checked_sub(2 + notes).filter(|rows| *rows > 0) else { return };
    for row in 0..rows {
        put(buffer, area, SCALE, row, "│", Style::new());
    }
    put(buffer, area, 0, 0, &format!("{scale:>7}"), Style::new());
    if rows > 5 {
        put(buffer, area, 0, rows / 2, &format!("{:>7}", scale / 2), Style::new());
    }
    put(buffer, area, 0, rows, &format!("{:>7}", 0), Style::new());
    let fitting = usize::from(area.width.saturating_sub(SCALE) / PITCH);
    let bars = bars.get(..fitting.min(bars.len())).unwrap_or(&[]);
    let base = "─".repeat(bars.len() * usize::from(PITCH) + 1);
    put(buffer, area, SCALE, rows, &format!("└{base}"), Style::new());
    for (bar, x) in bars.iter().zip((SCALE + 3..).step_by(usize::from(PITCH))) {
        put(buffer, area, x - 1, rows + 1, &format!("{:^5}", bar.id), Style::new());
        put(buffer, area, x, rows + 2, &bar.note, Style::new());
        if !bar.up {
            put(buffer, area, x, rows - 1, DEAD, dead());
            continue;
        }
        let full = cells(bar.value, scale, rows);
        let top = cells(bar.value.saturating_add(bar.rest), scale, rows);
        for row in 0..top {
            let (pattern, style) =
                if row < full { ("███", colour(bar.value, scale)) } else { ("+++", Style::new()) };
            put(buffer, area, x, rows - 1 - row, pattern, style);
        }
    }
}

fn lie(buffer: &mut Buffer, area: Rect, bars: &[Bar], scale: u64) {
    /// Columns for the id and the line beside it.
    const HEAD: u16 = 8;
    /// Columns for the number behind the bar.
    const TAIL: u16 = 6;
    let width = area.width.saturating_sub(HEAD + TAIL);
    for (bar, row) in bars.iter().zip(0..area.height) {
        put(buffer, area, 0, row, &format!("{:>6} │", bar.id), Style::new());
        if !bar.up {
            put(buffer, area, HEAD, row, DEAD, dead());
            continue;
        }
        let full = cells(bar.value, scale, width);
        let rest = cells(bar.value.saturating_add(bar.rest), scale, width).saturating_sub(full);
        put(buffer, area, HEAD, row, &"█".repeat(usize::from(full)), colour(bar.value, scale));
        put(buffer, area, HEAD + full, row, &"+".repeat(usize::from(rest)), Style::new());
        let number = format!(" {} {}", bar.value, bar.note);
        put(buffer, area, HEAD + full + rest, row, number.trim_end(), Style::new());
    }
}
