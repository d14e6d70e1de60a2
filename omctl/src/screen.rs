// SPDX-License-Identifier: GPL-2.0-only

//! A terminal taken over for a view that goes on: set up, fed with keys and time, and given back however it ends.

use std::io::{self, IsTerminal, Stdout};
use std::time::{Duration, Instant};

use crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use crossterm::terminal::{self, EnterAlternateScreen, LeaveAlternateScreen};
use ratatui::backend::CrosstermBackend;
use ratatui::{Frame, Terminal};

use crate::failure::{Code, Failure};

/// Something to look at.
pub trait View {
    /// Looks at the cluster again.
    fn refresh(&mut self);
    /// Takes a key; `false` ends.
    fn key(&mut self, key: KeyCode) -> bool;
    /// Draws what it knows; touches nothing else.
    fn draw(&self, frame: &mut Frame<'_>);
}

/// Whether there is a terminal to show a view on.
pub fn is_there() -> bool {
    io::stdout().is_terminal() && io::stdin().is_terminal()
}

/// Shows a view until it ends.
pub fn show(view: &mut impl View, interval: Duration) -> Result<(), Failure> {
    run(view, interval).map_err(|error| {
        Failure::new(Code::Refused, format!("the terminal does not do: {error}"), "Try --once.")
    })
}

fn run(view: &mut impl View, interval: Duration) -> io::Result<()> {
    let mut screen = Screen::open()?;
    view.refresh();
    let mut next = Instant::now() + interval;
    loop {
        screen.0.draw(|frame| view.draw(frame))?;
        let wait = next.saturating_duration_since(Instant::now());
        if !event::poll(wait)? {
            view.refresh();
            next = Instant::now() + interval;
            continue;
        }
        // A new size is drawn by the next turn of the loop.
        let Event::Key(KeyEvent { code, modifiers, kind, .. }) = event::read()? else { continue };
        if kind == KeyEventKind::Release {
            continue;
        }
        if modifiers.contains(KeyModifiers::CONTROL) && matches!(code, KeyCode::Char('c' | 'd')) {
            return Ok(());
        }
        if code == KeyCode::Enter {
            screen.0.clear()?;
            view.refresh();
        } else if !view.key(code) {
            return Ok(());
        }
    }
}

struct Screen(Terminal<CrosstermBackend<Stdout>>);

impl Screen {
    fn open() -> io::Result<Self> {
        terminal::enable_raw_mode()?;
        crossterm::execute!(io::stdout(), EnterAlternateScreen)?;
        Ok(Self(Terminal::new(CrosstermBackend::new(io::stdout()))?))
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        let _ = crossterm::execute!(io::stdout(), LeaveAlternateScreen);
        let _ = self.0.show_cursor();
        let _ = terminal::disable_raw_mode();
    }
}
