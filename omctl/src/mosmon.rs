// SPDX-License-Identifier: GPL-2.0-only

//! `omctl mosmon`: bars of load, memory, speed and processor use of all nodes, with the keys of the original
//! (manual, 5.3.4). This file is what is shown and which key does what; [`bars`] draws.

mod bars;

use std::time::Duration;

use crossterm::event::KeyCode;
use ratatui::Frame;

use crate::cli::MosmonArgs;
use crate::failure::Failure;
use crate::hpc::Hpc;
use crate::print::{self, Report, Table};
use crate::screen::{self, View};
use crate::status::Node;
use bars::Bar;

pub fn run(args: &MosmonArgs, json: bool) -> Result<Report, Failure> {
    let (hpc, own) = Hpc::member()?;
    let mut monitor = Monitor {
        dead: args.dead,
        total: args.total,
        lying: args.horizontal,
        own,
        nodes: Node::all(&hpc),
        ..Monitor::default()
    };
    if json {
        let shown: Vec<&Node> = monitor.shown().collect();
        return Ok(Report::json(&shown));
    }
    if args.once || !screen::is_there() {
        return Ok(Report::text(monitor.text()));
    }
    screen::show(&mut Live { hpc, monitor: &mut monitor }, Duration::from_secs(args.interval))?;
    Ok(Report::silent())
}

/// What the bars are of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum What {
    #[default]
    Load,
    /// Memory that processes can have.
    Memory,
    /// Physical memory.
    Physical,
    Speed,
    Use,
}

impl What {
    fn of(key: char) -> Option<Self> {
        Some(match key {
            'l' => Self::Load,
            'm' => Self::Memory,
            'r' => Self::Physical,
            's' => Self::Speed,
            'u' => Self::Use,
            _ => return None,
        })
    }

    fn title(self) -> &'static str {
        match self {
            Self::Load => "load (100: one running process on a standard processor)",
            Self::Memory => "memory for processes, MB: used, + free",
            Self::Physical => "physical memory, MB: used, + free",
            Self::Speed => "speed, and number of processors",
            Self::Use => "processor use, percent",
        }
    }

    /// The least the scale goes up to, so that an idle cluster does not look busy.
    fn least(self) -> u64 {
        match self {
            Self::Load | Self::Use => 100,
            Self::Memory | Self::Physical | Self::Speed => 1,
        }
    }

    /// The bar of a node, of what it has told.
    fn bar(self, node: &Node) -> Bar {
        let mb = |bytes: u64| bytes >> 20;
        let memory = |free: Option<u64>| {
            let total = node.tmem.unwrap_or(0);
            let free = free.unwrap_or(0).min(total);
            (mb(total - free), mb(free))
        };
        let (value, rest) = match self {
            Self::Load => (node.load.unwrap_or(0), 0),
            Self::Memory => memory(node.mem),
            Self::Physical => memory(node.rmem),
            Self::Speed => (node.speed.unwrap_or(0), 0),
            Self::Use => (node.util.unwrap_or(0), 0),
        };
        let note = match (self, node.cpus) {
            (Self::Speed, Some(cpus)) => format!("x{cpus}"),
            _ => String::new(),
        };
        Bar { id: node.id, up: node.up, value, rest, note }
    }
}

#[derive(Default)]
struct Monitor {
    what: What,
    /// Nodes that are down are shown too.
    dead: bool,
    /// The number of nodes that are up is shown.
    total: bool,
    lying: bool,
    help: bool,
    /// How many nodes are scrolled out on the left, or above.
    offset: usize,
    own: u16,
    nodes: Vec<Node>,
    /// Why the last look failed.
    trouble: Option<String>,
}

impl Monitor {
    fn shown(&self) -> impl Iterator<Item = &Node> {
        self.nodes.iter().filter(|node| self.dead || node.up)
    }

    fn up(&self) -> usize {
        self.nodes.iter().filter(|node| node.up).count()
    }

    /// The line above the bars.
    fn head(&self) -> String {
        let up =
            if self.total { format!(", {} of {} up", self.up(), self.nodes.len()) } else { String::new() };
        let mut head = format!("mosmon, node {}{up}: {}", self.own, self.what.title());
        if let Some(trouble) = &self.trouble {
            head = format!("mosmon: {trouble}");
        }
        head
    }

    fn scroll(&mut self, by: isize) {
        let last = self.shown().count().saturating_sub(1);
        self.offset = self.offset.saturating_add_signed(by).min(last);
    }

    fn key(&mut self, key: KeyCode) -> bool {
        match key {
            KeyCode::Char('q') => return false,
            KeyCode::Char('d') => self.dead = !self.dead,
            KeyCode::Char('D') => self.dead = false,
            KeyCode::Char('t') => self.total = !self.total,
            KeyCode::Char('v') => self.lying = !self.lying,
            KeyCode::Char('h') => self.help = !self.help,
            KeyCode::Char('n') | KeyCode::Right | KeyCode::Down => self.scroll(1),
            KeyCode::Char('p') | KeyCode::Left | KeyCode::Up => self.scroll(-1),
            KeyCode::PageDown => self.scroll(10),
            KeyCode::PageUp => self.scroll(-10),
            KeyCode::Home => self.offset = 0,
            KeyCode::Char(letter) => {
                self.what = What::of(letter).unwrap_or(self.what);
            }
            _ => {}
        }
        self.scroll(0);
        true
    }

    /// What `--once` prints: everything that the views show.
    fn text(&self) -> String {
        let mut table = Table::new(&[
            "NODE", "LOAD", "USE", "SPEED", "CPUS", "USED", "FREE", "PHYSICAL", "FREE", "MEMORY",
        ]);
        let number = |n: Option<u64>, unit: &str| n.map_or_else(|| "-".to_owned(), |n| format!("{n}{unit}"));
        let size = |n: Option<u64>| n.map_or_else(|| "-".to_owned(), print::bytes);
        for node in self.shown() {
            if !node.up {
                table.row([node.id.to_string(), "DEAD".to_owned()]);
                continue;
            }
            let used = |free: Option<u64>| Some(node.tmem?.saturating_sub(free?));
            table.row([
                node.id.to_string(),
                number(node.load, ""),
                number(node.util, "%"),
                number(node.speed, ""),
                number(node.cpus, ""),
                size(used(node.mem)),
                size(node.mem),
                size(used(node.rmem)),
                size(node.rmem),
                size(node.tmem),
            ]);
        }
        if self.total {
            return format!("{table}{} of {} nodes up\n", self.up(), self.nodes.len());
        }
        table.to_string()
    }

    fn draw(&self, frame: &mut Frame<'_>) {
        let bars: Vec<Bar> = self.shown().skip(self.offset).map(|node| self.what.bar(node)).collect();
        // The scale is of all nodes, so that scrolling does not change it.
        let most =
            self.shown().map(|node| self.what.bar(node)).map(|bar| bar.value.saturating_add(bar.rest)).max();
        let scale = most.unwrap_or(0).max(self.what.least());
        bars::draw(frame, &self.head(), &bars, scale, self.lying, self.help);
    }
}

struct Live<'a> {
    hpc: Hpc,
    monitor: &'a mut Monitor,
}

impl View for Live<'_> {
    fn refresh(&mut self) {
        self.monitor.trouble = match self.hpc.own() {
            Ok(Some(own)) => {
                self.monitor.own = own;
                None
            }
            Ok(None) => Some("this node has left the cluster".to_owned()),
            Err(failure) => Some(failure.what),
        };
        self.monitor.nodes = Node::all(&self.hpc);
    }

    fn key(&mut self, key: KeyCode) -> bool {
        self.monitor.key(key)
    }

    fn draw(&self, frame: &mut Frame<'_>) {
        self.monitor.draw(frame);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proc_hpc::value::Status;
    use ratatui::backend::TestBackend;
    use ratatui::Terminal;

    fn node(id: u16, up: bool, load: u64) -> Node {
        Node {
            id,
            address: None,
            up,
            flags: Vec::new(),
            load: Some(load),
            speed: Some(10000),
            cpus: Some(2),
            util: Some(50),
            mem: Some(300 << 20),
            rmem: Some(100 << 20),
            tmem: Some(400 << 20),
            guests: None,
            slots: None,
            status: Status::default(),
        }
    }

    fn monitor() -> Monitor {
        Monitor {
            own: 1,
            nodes: vec![node(1, true, 200), node(2, false, 0), node(300, true, 50)],
            ..Monitor::default()
        }
    }

    fn picture(monitor: &Monitor, width: u16, height: u16) -> Vec<String> {
        let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
        terminal.draw(|frame| monitor.draw(frame)).unwrap();
        let buffer = terminal.backend().buffer().clone();
        let lines = buffer.content.chunks(usize::from(width));
        lines
            .map(|line| line.iter().map(|cell| cell.symbol()).collect::<String>().trim_end().to_owned())
            .collect()
    }

    #[test]
    fn upright_bars() {
        let mut m = monitor();
        let expected = [
            "mosmon, node 1: load (100: one",
            "    200 │  ███",
            "        │  ███",
            "        │  ███",
            "        │  ███   ███",
            "      0 └─────────────",
            "            1    300",
        ];
        assert_eq!(picture(&m, 30, 7), expected);
        m.key(KeyCode::Char('d'));
        m.key(KeyCode::Char('t'));
        assert_eq!(
            picture(&m, 90, 7)[0],
            "mosmon, node 1, 2 of 3 up: load (100: one running process on a standard processor)"
        );
        let lines = picture(&m, 30, 7);
        assert_eq!(lines[6], "            1     2    300");
        assert_eq!(lines[4], "        │  ███   DEAD  ███");
        m.key(KeyCode::Char('D'));
        assert_eq!(picture(&m, 30, 7)[6], expected[6]);
    }

    #[test]
    fn every_view_has_bars() {
        let mut m = monitor();
        for (key, word, scale) in [
            ('m', "memory for processes", "400"),
            ('r', "physical memory", "400"),
            ('s', "speed", "10000"),
            ('u', "processor use", "100"),
            ('l', "load", "200"),
        ] {
            assert!(m.key(KeyCode::Char(key)));
            let lines = picture(&m, 60, 10);
            assert!(lines[0].contains(word), "{}", lines[0]);
            assert_eq!(lines[1].split_whitespace().next(), Some(scale), "{key}");
            assert!(lines.iter().any(|line| line.contains("███")), "{key}");
        }
        m.key(KeyCode::Char('m'));
        let lines = picture(&m, 30, 7);
        assert_eq!([lines[1].as_str(), lines[4].as_str()], ["    400 │  +++   +++", "        │  ███   ███"]);
    }

    #[test]
    fn lying_bars() {
        let mut m = monitor();
        m.dead = true;
        m.key(KeyCode::Char('v'));
        let expected = [
            "mosmon, node 1: load (100: one",
            "     1 │████████████████ 200",
            "     2 │DEAD",
            "   300 │████ 50",
            "",
        ];
        assert_eq!(picture(&m, 30, 5), expected);
    }

    #[test]
    fn scrolling_stops_at_the_ends() {
        let mut m = monitor();
        m.key(KeyCode::Char('p'));
        assert_eq!(m.offset, 0);
        m.key(KeyCode::Right);
        m.key(KeyCode::Char('n'));
        assert_eq!(m.offset, 1);
        assert_eq!(picture(&m, 30, 7)[6], "           300");
        assert!(!m.key(KeyCode::Char('q')));
    }

    #[test]
    fn small_screens_do_no_harm() {
        let mut m = monitor();
        m.help = true;
        for lying in [false, true] {
            m.lying = lying;
            for (width, height) in [(1, 1), (5, 3), (12, 4), (200, 2)] {
                picture(&m, width, height);
            }
        }
    }
}
