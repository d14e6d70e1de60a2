// SPDX-License-Identifier: GPL-2.0-only

//! The stress test: see [`cluster::stress`].

use std::{
    fs,
    io::IsTerminal,
    path::PathBuf,
    process::ExitCode,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use clap::Parser;
use cluster::{
    artifacts, figures,
    openmosix::Joined,
    stress::{self, Moving, Run, Size, Stress},
    Cluster, Root,
};
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use serde::Serialize;

/// A result differs from the one at home, or a test failed.
const DIFFERENT: u8 = 1;
/// Every result is equal, but a kernel complained.
const KERNEL_COMPLAINED: u8 = 3;
/// The test could not be made to its end, or a node died.
const FAILED: u8 = 4;

/// Runs the stress test of the openMosix manual on QEMU nodes of this machine: keys, a simulation, growing files, forks,
/// copies, a script that is moved all the time; first each at home, then all together with balancing.
///
/// The report is printed, and written to target/stress/report.json; the kernel logs are beside it.
#[derive(Parser)]
#[command(
    version,
    after_help = "\
Exit status:
  0  every result is the same as at home, and no kernel complained
  1  a result is different, or a test failed
  2  wrong command line
  3  every result is the same, but a kernel complained
  4  the test could not be made, or a node died

Examples:
  stress --quick
  stress --minutes 60 --keys 4000 --every 60"
)]
struct Arguments {
    /// How long all tests together are repeated
    #[arg(long, default_value_t = 10, value_name = "N")]
    minutes: u64,
    /// Everything once, with little work: less than 4 minutes on a machine that does nothing else
    #[arg(long, conflicts_with = "minutes")]
    quick: bool,
    /// How many nodes
    #[arg(long, default_value_t = 3, value_name = "N", value_parser = clap::value_parser!(u32).range(2..=8))]
    nodes: u32,
    /// How many RSA keys in one round (the manual: 4000)
    #[arg(long, value_name = "N")]
    keys: Option<u32>,
    /// Seconds between two moves of the script that is moved (the manual: 60)
    #[arg(long, default_value_t = 4, value_name = "SECONDS")]
    every: u64,
}

/// What is written to the file.
#[derive(Serialize)]
struct Report {
    nodes: u32,
    size: Size,
    accelerator: String,
    /// Of this machine, over 1, 5 and 15 minutes.
    load_before: String,
    load_after: String,
    tests: Vec<Tested>,
    moving: Vec<Moving>,
    /// Moves that the balancer of each node has decided.
    balanced: Vec<u64>,
    seconds: f64,
    /// What kernels complained of; nothing if they did not.
    kernel_complaints: String,
}

#[derive(Serialize)]
struct Tested {
    name: &'static str,
    original: &'static str,
    at_home: Run,
    together: Vec<Run>,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match execute(&arguments) {
        Ok(report) => ExitCode::from(tell(&report)),
        Err(error) => {
            eprintln!("stress: {error:#}");
            ExitCode::from(FAILED)
        }
    }
}

fn execute(arguments: &Arguments) -> Result<Report> {
    let started = Instant::now();
    let load_before = figures::load_average();
    let keys = arguments.keys.unwrap_or(if arguments.quick { 9 } else { 60 });
    let size = Size { keys, scale: if arguments.quick { 3 } else { 10 } };
    let screen = Screen::new();
    let cluster = screen.step(&format!("boot {} nodes, load, join", arguments.nodes), || {
        let mut builder = Cluster::builder().nodes(arguments.nodes).memory_mb(320).node_memory_mb(1, 1024);
        for id in 2..=arguments.nodes {
            builder = builder.node_root(id, Root::None);
        }
        let cluster = builder.kernel_arguments("mitigations=off").keep_logs(directory()).start()?;
        cluster.load_and_join()?;
        Ok(cluster)
    })?;
    let stress = Stress::new(&cluster, size)?;
    let mut tests = Vec::new();
    for test in &stress::ALL {
        let at_home = screen.step(&format!("{}: at home", test.name), || stress.at_home(test))?;
        tests.push(Tested { name: test.name, original: test.original, at_home, together: Vec::new() });
    }
    let homes: Vec<Run> = tests.iter().map(|test| test.at_home.clone()).collect();
    let mut moving = Vec::new();
    let begun = Instant::now();
    let limit = Duration::from_secs(if arguments.quick { 0 } else { arguments.minutes * 60 });
    loop {
        let round = moving.len() + 1;
        let spinners = screen.all(round);
        let (runs, moved) = stress.together(&homes, Duration::from_secs(arguments.every), |index, run| {
            screen.ended(&spinners, round, index, run);
        })?;
        screen.clear();
        for (test, run) in tests.iter_mut().zip(runs) {
            test.together.push(run);
        }
        moving.push(moved);
        if begun.elapsed() >= limit {
            break;
        }
    }
    let balanced = stress.balanced()?;
    let kernel_complaints =
        cluster.check_logs(&[]).err().map(|error| format!("{error:#}")).unwrap_or_default();
    Ok(Report {
        nodes: arguments.nodes,
        size,
        accelerator: format!("{:?}", cluster.accelerator()).to_lowercase(),
        load_before,
        load_after: figures::load_average(),
        tests,
        moving,
        balanced,
        seconds: started.elapsed().as_secs_f64(),
        kernel_complaints,
    })
}

/// Prints the report and writes it; the exit status.
fn tell(report: &Report) -> u8 {
    println!(
        "\n{:<11}{:<13}{:>9}{:>6}{:>17}  result",
        "test", "the manual's", "at home", "runs", "together (mean)"
    );
    let mut different = false;
    for test in &report.tests {
        let wrong = test.together.iter().filter(|run| !run.equal).count();
        let mean =
            test.together.iter().map(|run| run.seconds).sum::<f64>() / test.together.len().max(1) as f64;
        let result = match (test.at_home.equal, wrong) {
            (false, _) => "FAILED at home".to_string(),
            (true, 0) => "equal".to_string(),
            (true, wrong) => format!("DIFFERENT in {wrong}"),
        };
        different |= result != "equal";
        let home = test.at_home.seconds;
        println!(
            "{:<11}{:<13}{home:>7.1} s{:>6}{mean:>15.1} s  {result}",
            test.name,
            test.original,
            test.together.len()
        );
        for run in [&test.at_home].into_iter().chain(&test.together).filter(|run| !run.equal) {
            println!(
                "    at home it said:\n{}\n    here:\n{}\n{}",
                test.at_home.said, run.said, run.complaints
            );
        }
    }
    let (moves, steps, refused) = report.moving.iter().fold((0, 0, 0), |(moves, steps, refused), one| {
        (moves + one.moves, steps + one.steps, refused + one.refused.len())
    });
    let right = report.moving.iter().all(|one| one.right);
    different |= !right;
    println!(
        "{:<11}{:<13}a script, {steps} steps, {moves} moves, {refused} refused  {}",
        "moving",
        "moving.sh",
        if right { "equal" } else { "DIFFERENT" }
    );
    for one in report.moving.iter().filter(|one| !one.right) {
        println!("    it said: {}", one.said);
    }
    for reason in report.moving.iter().flat_map(|one| &one.refused) {
        println!("    refused: {reason}");
    }
    println!("moves decided by the balancers of nodes 1 to {}: {:?}", report.nodes, report.balanced);
    println!(
        "load of this machine (1, 5, 15 minutes): {} before, {} after; {:.0} s in all",
        report.load_before, report.load_after, report.seconds
    );
    match report.kernel_complaints.as_str() {
        "" => println!("no kernel complained"),
        complaints => println!("{complaints}"),
    }
    if let Err(error) = write(report) {
        eprintln!("stress: {error:#}");
        return FAILED;
    }
    match (different, report.kernel_complaints.is_empty()) {
        (true, _) => DIFFERENT,
        (false, false) => KERNEL_COMPLAINED,
        (false, true) => 0,
    }
}

/// Where the report and the kernel logs go.
fn directory() -> PathBuf {
    artifacts::project().join("target/stress")
}

fn write(report: &Report) -> Result<()> {
    let directory = directory();
    fs::create_dir_all(&directory).with_context(|| format!("cannot create {}", directory.display()))?;
    let path = directory.join("report.json");
    fs::write(&path, serde_json::to_string_pretty(report)? + "\n")
        .with_context(|| format!("cannot write {}", path.display()))
}

/// Shows what is under way on a terminal, and what is done anywhere.
struct Screen {
    bars: Option<MultiProgress>,
}

impl Screen {
    fn new() -> Self {
        Screen { bars: std::io::stdout().is_terminal().then(MultiProgress::new) }
    }

    fn spinner(&self, what: &str) -> ProgressBar {
        let Some(bars) = &self.bars else { return ProgressBar::hidden() };
        let spinner = bars.add(ProgressBar::new_spinner());
        let style = ProgressStyle::with_template("{spinner} {elapsed:>4}  {msg}");
        spinner.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
        spinner.set_message(what.to_string());
        spinner.enable_steady_tick(Duration::from_millis(100));
        spinner
    }

    fn line(&self, text: &str) {
        match &self.bars {
            // Above the spinners; without a terminal left nobody reads it.
            Some(bars) => drop(bars.println(text)),
            None => println!("{text}"),
        }
    }

    fn step<T>(&self, what: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
        let started = Instant::now();
        let spinner = self.spinner(what);
        let result = work();
        spinner.finish_and_clear();
        let mark = if result.is_ok() { "done" } else { "FAILED" };
        self.line(&format!("{mark}  {what} ({:.1} s)", started.elapsed().as_secs_f32()));
        result
    }

    /// A spinner for each test of a round.
    fn all(&self, round: usize) -> Vec<ProgressBar> {
        stress::ALL
            .iter()
            .map(|test| self.spinner(&format!("{}: together, round {round}", test.name)))
            .collect()
    }

    fn ended(&self, spinners: &[ProgressBar], round: usize, index: usize, run: &Run) {
        spinners[index].finish_and_clear();
        let (name, mark) = (stress::ALL[index].name, if run.equal { "done" } else { "DIFFERENT" });
        self.line(&format!("{mark}  {name}: together, round {round} ({:.1} s)", run.seconds));
    }

    fn clear(&self) {
        if let Some(bars) = &self.bars {
            // It only takes lines off the screen.
            let _ = bars.clear();
        }
    }
}
