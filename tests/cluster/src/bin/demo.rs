// SPDX-License-Identifier: GPL-2.0-only

//! Three nodes on this machine, and ordinary programs that move between them while they work: by command, and by themselves.

use std::{
    io::IsTerminal,
    process::ExitCode,
    time::{Duration, Instant},
};

use anyhow::Result;
use clap::Parser;
use cluster::{
    demo::{self, Outcome, Size},
    openmosix::Joined,
    Cluster, NodeId, Root,
};
use indicatif::{ProgressBar, ProgressStyle};

/// Boots three nodes, joins them, moves running programs, and compares their results with those at home.
///
/// The exit status is 0 if every result is equal and no kernel complained.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// With less work for the programs
    #[arg(long)]
    small: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let size = if arguments.small { Size::SMALL } else { Size::FULL };
    match run(size) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("demo: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(size: Size) -> Result<bool> {
    let screen = Screen::new();
    let started = Instant::now();
    let cluster = screen.step("boot 3 nodes (2 and 3 have no files of node 1)", || {
        let builder = Cluster::builder().nodes(3).node_memory_mb(1, 768);
        let builder = builder.node_root(2, Root::None).node_root(3, Root::None);
        builder.kernel_arguments("mitigations=off").start()
    })?;
    screen.step("load openmosix.ko on each node", || cluster.load_module())?;
    screen.step(&format!("join: omctl setpe -w, map `{}`", cluster.map().trim()), || cluster.join())?;
    let home = cluster.node(1);
    screen.step("make the input files on node 1", || demo::prepare(home, size))?;

    let mut rows = Vec::new();
    let mut good = true;
    for case in demo::cases(size) {
        let result =
            screen.step(&format!("{}: at home", case.title), || case.run_at_home(home)).and_then(|()| {
                screen.step(&format!("{}: on the move", case.title), || case.run_on_the_move(home))
            });
        match result {
            Ok(outcome) => {
                good &= outcome.equal;
                rows.push(row(&case.title, &outcome, home.id()));
            }
            Err(error) => {
                good = false;
                eprintln!("{error:#}");
                rows.push([&case.title, "-", "-", "-", "-", "-", "failed"].map(str::to_string));
            }
        }
    }
    let crowd = screen.step(&demo::crowd_title(), || demo::run_balanced(&cluster));
    match &crowd {
        Ok(crowd) => {
            for outcome in &crowd.outcomes {
                good &= outcome.equal;
                rows.push(row("one of the crowd", outcome, home.id()));
            }
        }
        Err(error) => {
            good = false;
            eprintln!("{error:#}");
        }
    }
    screen.table(&rows);
    if let Ok(crowd) = &crowd {
        println!("\nnode 1 says (/proc/hpc/info/reason):");
        crowd.reasons.lines().for_each(|line| println!("  {line}"));
    }
    if let Err(error) = cluster.check_logs(&[]) {
        good = false;
        eprintln!("{error:#}");
    }
    println!();
    let verdict =
        if good { screen.good("every result is equal") } else { screen.bad("something went wrong") };
    println!("{verdict} after {:.0} s", started.elapsed().as_secs_f32());
    Ok(good)
}

fn row(title: &str, outcome: &Outcome, home: NodeId) -> [String; 7] {
    let moves = &outcome.moves;
    [
        title.to_string(),
        outcome.pid.to_string(),
        demo::route(moves, home),
        format!("{:.1} MB", moves.iter().map(|step| step.bytes).sum::<u64>() as f64 / 1e6),
        format!("{:.0} ms", moves.iter().map(|step| step.frozen_us).sum::<u64>() as f64 / 1e3),
        moves.iter().map(|step| step.calls).sum::<u64>().to_string(),
        if outcome.equal { "equal" } else { "DIFFERENT" }.to_string(),
    ]
}

/// What people see. Colours and moving things only on a terminal.
struct Screen {
    terminal: bool,
}

impl Screen {
    fn new() -> Self {
        Screen { terminal: std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none() }
    }

    /// Does something and says what, and how long it took.
    fn step<T>(&self, what: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
        let started = Instant::now();
        let spinner = if self.terminal { ProgressBar::new_spinner() } else { ProgressBar::hidden() };
        if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} ({elapsed})") {
            spinner.set_style(style);
        }
        spinner.set_message(what.to_string());
        spinner.enable_steady_tick(Duration::from_millis(100));
        let result = work();
        spinner.finish_and_clear();
        let mark = if result.is_ok() { self.good("done") } else { self.bad("FAILED") };
        println!("{mark}  {what} ({:.1} s)", started.elapsed().as_secs_f32());
        result
    }

    fn table(&self, rows: &[[String; 7]]) {
        let head = ["program", "pid", "route", "memory moved", "time frozen", "forwarded calls", "result"];
        let head = head.map(str::to_string);
        let width = |column: usize| {
            rows.iter().chain([&head]).map(|row| row[column].chars().count()).max().unwrap_or_default()
        };
        println!();
        for row in std::iter::once(&head).chain(rows) {
            let mut line = String::new();
            for (column, cell) in row.iter().enumerate() {
                // Numbers to the right.
                let padding = " ".repeat(width(column) - cell.chars().count());
                let cell = match (column, cell.as_str()) {
                    (6, "equal") => self.good(cell),
                    (6, "DIFFERENT" | "failed") => self.bad(cell),
                    _ => cell.clone(),
                };
                let numeric = matches!(column, 1 | 3 | 4 | 5);
                line += &if numeric { format!("{padding}{cell}  ") } else { format!("{cell}{padding}  ") };
            }
            println!("{}", line.trim_end());
        }
    }

    fn good(&self, text: &str) -> String {
        if self.terminal {
            format!("\x1b[32m{text}\x1b[0m")
        } else {
            text.to_string()
        }
    }

    fn bad(&self, text: &str) -> String {
        if self.terminal {
            format!("\x1b[1;31m{text}\x1b[0m")
        } else {
            text.to_string()
        }
    }
}
