// SPDX-License-Identifier: GPL-2.0-only

//! Runs the scenarios of `cluster::scenarios` and counts.

use std::{
    io::IsTerminal,
    path::PathBuf,
    process::ExitCode,
    sync::{
        atomic::{AtomicBool, Ordering},
        Mutex,
    },
    thread,
    time::{Duration, Instant},
};

use clap::Parser;
use cluster::{
    artifacts::Kernel,
    scenario::{Options, Runner, Scenario, Shape, Verdict},
    scenarios,
};
use indicatif::{ProgressBar, ProgressStyle};

/// Runs the scenarios on QEMU nodes of this machine; the last line is `N passed, N failed`.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// Run only the scenarios whose name contains one of these words
    names: Vec<String>,
    /// Also run those that take minutes each, as `make soak` does; one that is named runs in any case
    #[arg(long)]
    long: bool,
    /// Print the names and run nothing
    #[arg(long)]
    list: bool,
    /// Run each scenario so often
    #[arg(long, default_value_t = 1, value_name = "N")]
    repeat: u32,
    /// Stop at the first failure
    #[arg(long)]
    fail_fast: bool,
    /// How many clusters to run at a time; scenarios about load always run alone
    #[arg(long, default_value_t = default_lanes(), value_name = "N")]
    lanes: usize,
    /// Virtual processors of each node, but for scenarios about load
    #[arg(long, default_value_t = 1, value_name = "N")]
    processors: u32,
    /// Use the debug kernel (and the module built for it)
    #[arg(long)]
    debug_kernel: bool,
    /// Where to keep the kernel logs
    #[arg(long, value_name = "DIR", default_value_os_t = Options::default().logs)]
    logs: PathBuf,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let mut chosen = scenarios::all();
    if arguments.names.is_empty() {
        chosen.retain(|scenario| arguments.long || !scenario.long);
    } else {
        chosen.retain(|scenario| arguments.names.iter().any(|word| scenario.name.contains(word.as_str())));
    }
    if arguments.list {
        for scenario in &chosen {
            println!("{}", scenario.name);
        }
        return ExitCode::SUCCESS;
    }
    let kernel = if arguments.debug_kernel { Kernel::Debug } else { Kernel::Reference };
    let options = Options { kernel, processors: arguments.processors, logs: arguments.logs.clone() };
    options.clear_logs();
    let started = Instant::now();
    let runs: Vec<&Scenario> =
        chosen.iter().flat_map(|scenario| (0..arguments.repeat).map(move |_| scenario)).collect();
    let (alone, others): (Vec<&Scenario>, Vec<&Scenario>) =
        runs.into_iter().partition(|scenario| matches!(scenario.cluster, Shape::Alone(_)));
    let session = Session {
        options,
        fail_fast: arguments.fail_fast,
        over: AtomicBool::new(false),
        display: Display::new(alone.len() + others.len()),
        verdicts: Mutex::new(Vec::new()),
    };
    session.run(&others, arguments.lanes.max(1));
    session.run(&alone, 1);
    session.display.finish();
    let verdicts = session.verdicts.into_inner().unwrap_or_else(|poisoned| poisoned.into_inner());
    let failed: Vec<&Verdict> = verdicts.iter().filter(|verdict| verdict.result.is_err()).collect();
    if !failed.is_empty() {
        println!(
            "failed: {}",
            failed.iter().map(|verdict| verdict.name.as_str()).collect::<Vec<_>>().join(" ")
        );
    }
    println!("scenarios took {:.0} s", started.elapsed().as_secs_f32());
    println!("{} passed, {} failed", verdicts.len() - failed.len(), failed.len());
    if failed.is_empty() && !verdicts.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// A cluster keeps a processor and a half busy at best, and what waits for the network none.
fn default_lanes() -> usize {
    thread::available_parallelism().map_or(1, |processors| processors.get().min(2))
}

struct Session {
    options: Options,
    fail_fast: bool,
    over: AtomicBool,
    display: Display,
    verdicts: Mutex<Vec<Verdict>>,
}

impl Session {
    /// Each lane has a cluster, and takes the next scenario when it is done with one.
    fn run(&self, scenarios: &[&Scenario], lanes: usize) {
        let next = Mutex::new(scenarios.iter());
        thread::scope(|scope| {
            for lane in 0..lanes.min(scenarios.len()) {
                let next = &next;
                scope.spawn(move || {
                    let mut runner = Runner::new(self.options.clone(), lane);
                    while !self.over.load(Ordering::Relaxed) {
                        let scenario = next.lock().ok().and_then(|mut next| next.next().copied());
                        let Some(scenario) = scenario else { return };
                        self.one(&mut runner, scenario);
                    }
                });
            }
        });
    }

    fn one(&self, runner: &mut Runner, scenario: &Scenario) {
        self.display.begin(&scenario.name);
        let verdict = runner.run(scenario);
        self.display.end(&verdict);
        if verdict.result.is_err() && self.fail_fast {
            self.over.store(true, Ordering::Relaxed);
        }
        if let Ok(mut verdicts) = self.verdicts.lock() {
            verdicts.push(verdict);
        }
    }
}

/// A line for each scenario, and on a terminal one below for the last that has begun.
struct Display(ProgressBar);

impl Display {
    fn new(total: usize) -> Self {
        let bar = if std::io::stderr().is_terminal() {
            ProgressBar::new(total as u64)
        } else {
            ProgressBar::hidden()
        };
        if let Ok(style) = ProgressStyle::with_template("{spinner} {pos}/{len} {msg} ({elapsed})") {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(200));
        Display(bar)
    }

    fn begin(&self, name: &str) {
        self.0.set_message(name.to_string());
    }

    fn end(&self, verdict: &Verdict) {
        let seconds = verdict.took.as_secs_f32();
        let lines = match &verdict.result {
            Ok(()) => format!("ok    {} ({seconds:.1} s)", verdict.name),
            Err(error) => {
                let text = format!("{error:#}").replace('\n', "\n      ");
                format!("FAIL  {} ({seconds:.1} s)\n      {text}", verdict.name)
            }
        };
        self.0.suspend(|| println!("{lines}"));
        self.0.inc(1);
    }

    fn finish(&self) {
        self.0.finish_and_clear();
    }
}
