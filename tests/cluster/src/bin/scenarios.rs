// SPDX-License-Identifier: GPL-2.0-only

//! Runs the scenarios of `cluster::scenarios` and counts.

use std::{
    io::IsTerminal,
    path::PathBuf,
    process::ExitCode,
    time::{Duration, Instant},
};

use clap::Parser;
use cluster::{
    artifacts::Kernel,
    scenario::{Options, Runner, Verdict},
    scenarios,
};
use indicatif::{ProgressBar, ProgressStyle};

/// Runs the scenarios on QEMU nodes of this machine; the last line is `N passed, N failed`.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// Run only the scenarios whose name contains one of these words
    names: Vec<String>,
    /// Print the names and run nothing
    #[arg(long)]
    list: bool,
    /// Run each scenario so often
    #[arg(long, default_value_t = 1, value_name = "N")]
    repeat: u32,
    /// Stop at the first failure
    #[arg(long)]
    fail_fast: bool,
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
    if !arguments.names.is_empty() {
        chosen.retain(|scenario| arguments.names.iter().any(|word| scenario.name.contains(word.as_str())));
    }
    if arguments.list {
        for scenario in &chosen {
            println!("{}", scenario.name);
        }
        return ExitCode::SUCCESS;
    }
    let kernel = if arguments.debug_kernel { Kernel::Debug } else { Kernel::Reference };
    let mut runner = Runner::new(Options { kernel, logs: arguments.logs.clone() });
    let started = Instant::now();
    let total = chosen.len() as u64 * u64::from(arguments.repeat);
    let display = Display::new(total);
    let mut verdicts = Vec::new();
    'runs: for scenario in &chosen {
        for _ in 0..arguments.repeat {
            display.begin(&scenario.name);
            let verdict = runner.run(scenario);
            display.end(&verdict);
            let failed = verdict.result.is_err();
            verdicts.push(verdict);
            if failed && arguments.fail_fast {
                break 'runs;
            }
        }
    }
    drop(runner);
    display.finish();
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

/// A line for each scenario, and on a terminal one below for the current one.
struct Display(ProgressBar);

impl Display {
    fn new(total: u64) -> Self {
        let bar =
            if std::io::stderr().is_terminal() { ProgressBar::new(total) } else { ProgressBar::hidden() };
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
