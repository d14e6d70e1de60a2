// SPDX-License-Identifier: GPL-2.0-only

//! `omctl mtop`: processes with the node where they run, busiest first, again and again.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use crossterm::event::KeyCode;
use ratatui::layout::{Constraint, Layout};
use ratatui::style::{Modifier, Style};
use ratatui::text::Line;
use ratatui::widgets::{Cell, Paragraph, Row, Table};
use ratatui::Frame;
use serde::Serialize;

use crate::cli::MtopArgs;
use crate::failure::Failure;
use crate::hpc::Hpc;
use crate::print::{self, Report};
use crate::processes::{self, Process};
use crate::screen::{self, View};

/// Between the two looks of `--once`.
const ONCE: Duration = Duration::from_millis(500);

const HELP: &str =
    "P by processor use   M by memory   T by time   N by node   m only away and guests   q quit";

pub fn run(args: &MtopArgs, json: bool) -> Result<Report, Failure> {
    let mut top =
        Top { user: args.user.clone(), hpc: Hpc::member().ok().map(|(hpc, _)| hpc), ..Top::default() };
    if !args.once && !json && screen::is_there() {
        screen::show(&mut top, Duration::from_secs(args.interval))?;
        return Ok(Report::silent());
    }
    top.refresh();
    std::thread::sleep(ONCE);
    top.refresh();
    let shown: Vec<&Busy> = top.shown().into_iter().take(args.count).collect();
    if json {
        return Ok(Report::json(&shown));
    }
    let mut table = print::Table::new(&HEAD);
    shown.iter().for_each(|busy| table.row(busy.cells()));
    Ok(Report::text(format!("{}\n{table}", top.summary())))
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Order {
    #[default]
    Cpu,
    Memory,
    Time,
    Node,
}

/// A process and how much of a processor it used since the last look, in tenths of a percent.
#[derive(Debug, Serialize)]
struct Busy {
    #[serde(flatten)]
    process: Process,
    cpu_per_mille: u64,
}

const HEAD: [&str; 10] = ["PID", "USER", "NODE", "HOME", "NI", "S", "%CPU", "MEM", "TIME", "COMMAND"];

impl Busy {
    fn cells(&self) -> [String; 10] {
        let p = &self.process;
        [
            p.pid.to_string(),
            p.user.clone(),
            processes::id(p.node),
            processes::id(p.home),
            p.nice.to_string(),
            p.state.to_string(),
            format!("{}.{}", self.cpu_per_mille / 10, self.cpu_per_mille % 10),
            print::bytes(p.memory),
            processes::time(p.cpu_ms),
            p.command.clone(),
        ]
    }
}

#[derive(Default)]
struct Top {
    hpc: Option<Hpc>,
    user: Option<String>,
    order: Order,
    moved: bool,
    help: bool,
    offset: usize,
    /// Processor time of each process at the last look, and when that was.
    before: HashMap<i32, u64>,
    looked: Option<Instant>,
    busy: Vec<Busy>,
}

impl Top {
    /// Takes a new look, `elapsed` after the last one.
    fn take(&mut self, all: Vec<Process>, elapsed: Duration) {
        let ms = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX).max(1);
        let times = all.iter().map(|p| (p.pid, p.cpu_ms)).collect();
        let before = std::mem::replace(&mut self.before, times);
        self.busy = all
            .into_iter()
            .map(|process| {
                // One that is new has no rate yet; one that came home may tell less than before.
                let used =
                    before.get(&process.pid).map_or(0, |before| process.cpu_ms.saturating_sub(*before));
                Busy { process, cpu_per_mille: used.saturating_mul(1000) / ms }
            })
            .collect();
        self.sort();
    }

    fn sort(&mut self) {
        let order = self.order;
        self.busy.sort_by(|a, b| {
            let (p, q) = (&a.process, &b.process);
            let main = match order {
                Order::Cpu => b.cpu_per_mille.cmp(&a.cpu_per_mille),
                Order::Memory => q.memory.cmp(&p.memory),
                Order::Time => q.cpu_ms.cmp(&p.cpu_ms),
                Order::Node => q.node.cmp(&p.node),
            };
            main.then(q.cpu_ms.cmp(&p.cpu_ms)).then(p.pid.cmp(&q.pid))
        });
    }

    fn order_by(&mut self, order: Order) {
        self.order = order;
        self.sort();
    }

    fn shown(&self) -> Vec<&Busy> {
        let wanted = |busy: &&Busy| {
            (!self.moved || busy.process.moved())
                && !busy.process.kernel
                && self.user.as_deref().is_none_or(|user| processes::is_of(&busy.process, user))
        };
        self.busy.iter().filter(wanted).collect()
    }

    fn summary(&self) -> String {
        let count =
            |which: fn(&Process) -> bool| self.busy.iter().filter(|busy| which(&busy.process)).count();
        let all = count(|p| !p.kernel);
        if self.hpc.is_none() {
            return format!("mtop: {all} processes; this node is not a member of a cluster");
        }
        let away = count(|p| p.home.is_none() && p.moved());
        format!("mtop: {all} processes, {away} away, {} guests", count(|p| p.home.is_some()))
    }
}

impl View for Top {
    fn refresh(&mut self) {
        let now = Instant::now();
        let elapsed = self.looked.replace(now).map_or(Duration::ZERO, |before| now - before);
        let all = processes::all(self.hpc.as_ref());
        self.take(all, elapsed);
    }

    fn key(&mut self, key: KeyCode) -> bool {
        match key {
            KeyCode::Char('q') => return false,
            KeyCode::Char('P') => self.order_by(Order::Cpu),
            KeyCode::Char('M') => self.order_by(Order::Memory),
            KeyCode::Char('T') => self.order_by(Order::Time),
            KeyCode::Char('N') => self.order_by(Order::Node),
            KeyCode::Char('m') => self.moved = !self.moved,
            KeyCode::Char('h') => self.help = !self.help,
            KeyCode::Down => self.offset = (self.offset + 1).min(self.shown().len().saturating_sub(1)),
            KeyCode::Up => self.offset = self.offset.saturating_sub(1),
            KeyCode::PageDown => self.offset = (self.offset + 20).min(self.shown().len().saturating_sub(1)),
            KeyCode::PageUp => self.offset = self.offset.saturating_sub(20),
            _ => {}
        }
        true
    }

    fn draw(&self, frame: &mut Frame<'_>) {
        let [head, body, foot] = Layout::vertical([
            Constraint::Length(1),
            Constraint::Min(0),
            Constraint::Length(u16::from(self.help)),
        ])
        .areas(frame.area());
        frame.render_widget(Line::from(self.summary()), head);
        frame.render_widget(Paragraph::new(HELP), foot);
        let bold = Style::new().add_modifier(Modifier::REVERSED);
        let rows = self.shown().into_iter().skip(self.offset).map(|busy| {
            let style =
                if busy.process.moved() { Style::new().add_modifier(Modifier::BOLD) } else { Style::new() };
            Row::new(busy.cells().map(Cell::from)).style(style)
        });
        let widths =
            [7, 10, 5, 5, 3, 1, 6, 9, 9].map(Constraint::Length).into_iter().chain([Constraint::Min(10)]);
        frame.render_widget(Table::new(rows, widths).header(Row::new(HEAD).style(bold)), body);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ratatui::backend::TestBackend;
    use ratatui::Terminal;

    fn process(pid: i32, node: u16, home: Option<u16>, cpu_ms: u64, memory: u64) -> Process {
        let command = format!("job {pid}");
        Process {
            pid,
            node: Some(node),
            home,
            cpu_ms,
            memory,
            command,
            user: "u".to_owned(),
            state: 'R',
            ..Process::default()
        }
    }

    fn picture(top: &Top) -> Vec<String> {
        let mut terminal = Terminal::new(TestBackend::new(80, 5)).unwrap();
        terminal.draw(|frame| top.draw(frame)).unwrap();
        let buffer = terminal.backend().buffer().clone();
        let lines = buffer.content.chunks(80);
        lines
            .map(|line| line.iter().map(|cell| cell.symbol()).collect::<String>().trim_end().to_owned())
            .collect()
    }

    #[test]
    fn the_busiest_come_first_and_are_told_apart() {
        let mut top = Top::default();
        top.take(vec![process(1, 0, None, 100, 4096), process(2, 3, None, 0, 8192)], Duration::ZERO);
        let now = vec![
            process(1, 0, None, 200, 4096),
            process(2, 3, None, 990, 8192),
            process(3, 1, Some(2), 5, 0),
        ];
        top.take(now, Duration::from_secs(1));
        let lines = picture(&top);
        assert_eq!(lines[1].split_whitespace().collect::<Vec<_>>(), HEAD);
        let words = |line: &String| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(
            words(&lines[2]),
            ["2", "u", "3", "-", "0", "R", "99.0", "8.0", "KB", "0:00.99", "job", "2"]
        );
        assert_eq!(words(&lines[3])[6], "10.0");
        assert_eq!(words(&lines[4])[..4], ["3", "u", "1", "2"]);
    }

    #[test]
    fn keys_filter_and_scroll() {
        let mut top = Top::default();
        top.take(vec![process(1, 0, None, 9, 1), process(2, 3, None, 0, 2)], Duration::ZERO);
        assert!(top.key(KeyCode::Char('m')));
        assert_eq!(top.shown().len(), 1);
        top.key(KeyCode::Char('m'));
        top.key(KeyCode::Down);
        top.key(KeyCode::Down);
        assert_eq!(top.offset, 1);
        assert!(picture(&top)[2].starts_with('2'));
        assert!(!top.key(KeyCode::Char('q')));
    }
}
