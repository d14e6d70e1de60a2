// SPDX-License-Identifier: GPL-2.0-only

//! `omsim`: balancing in clusters that nobody has at hand.

use clap::{Args, Parser, Subcommand};
use indicatif::{ProgressBar, ProgressStyle};
use omcore::balance::choose::Settings;
use omcore::balance::thresholds::Thresholds;
use proc_hpc::value;
use omsim::measure::Outcome;
use omsim::run::{run, Plan, Policy};
use omsim::trace::{Arrivals, Workload};
use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;

/// Simulates process balancing in large clusters, with the code of the openMosix module
#[derive(Parser)]
#[command(
    version,
    after_help = "Examples:
  omsim run --nodes 1000 --policy cost --policy greedy
  omsim run --nodes 100000 --seconds 60 --json
  omsim report --dir docs/scaling"
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run one workload under one policy or several, and print what became of it
    Run(RunArgs),
    /// Do all runs of docs/scaling.md again; write its plots and tables
    Report {
        /// Folder for the plots and tables
        #[arg(long, default_value = "docs/scaling")]
        dir: PathBuf,
        /// Largest cluster to simulate
        #[arg(long, default_value_t = 100_000)]
        most: usize,
        /// Random numbers come from it
        #[arg(long, default_value_t = 1)]
        seed: u64,
    },
}

#[derive(Args)]
struct RunArgs {
    /// Nodes
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(2..=1_000_000))]
    nodes: u32,
    /// Seconds that are measured
    #[arg(long, default_value_t = 300)]
    seconds: u32,
    /// Seconds before these
    #[arg(long, default_value_t = 60)]
    warmup: u32,
    /// Random numbers come from it: the same seed, the same result
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Who decides; may be given several times [default: all]
    #[arg(long = "policy", value_enum)]
    policies: Vec<Policy>,
    /// How jobs arrive
    #[arg(long, value_enum, default_value = "bursty")]
    arrivals: Arrivals,
    /// Part of all processor time that the jobs need
    #[arg(long, default_value_t = 0.7)]
    load: f64,
    /// Part of the jobs that read and write much
    #[arg(long, default_value_t = 0.2)]
    io: f64,
    /// All machines alike: one standard processor
    #[arg(long)]
    equal: bool,
    /// Memory is no concern
    #[arg(long)]
    no_memory: bool,
    /// Part of the messages that is lost
    #[arg(long, default_value_t = 0.0)]
    loss: f64,
    /// Times per hour that each node dies
    #[arg(long, default_value_t = 0.0)]
    deaths: f64,
    /// The halves of the cluster hear nothing of each other between these seconds, as in 100-200
    #[arg(long, value_parser = times)]
    partition: Option<(u32, u32)>,
    /// Most moves that a node begins per second
    #[arg(long, default_value_t = 8)]
    burst: u32,
    /// Seconds of sending under way with which a node begins no further move
    #[arg(long, default_value_t = 4.0)]
    backlog: f64,
    /// Thresholds of the policy of that name
    #[arg(long, default_value = "1 2 3", value_parser = thresholds)]
    thresholds: Thresholds,
    /// Per mille of time that a move must save
    #[arg(long)]
    hysteresis: Option<u32>,
    /// Per mille: the factor of the stability rule
    #[arg(long)]
    stability: Option<u32>,
    /// What a move must save besides its cost, in ms
    #[arg(long)]
    min_gain: Option<u64>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

fn times(text: &str) -> Result<(u32, u32), String> {
    let wrong = || format!("'{text}' is not two times in seconds like 100-200");
    let (begin, end) = text.split_once('-').ok_or_else(wrong)?;
    let (begin, end) = (begin.parse().map_err(|_| wrong())?, end.parse().map_err(|_| wrong())?);
    if begin < end {
        Ok((begin, end))
    } else {
        Err(wrong())
    }
}

fn thresholds(text: &str) -> Result<Thresholds, String> {
    // As the file in /proc/hpc takes them.
    value::Thresholds::parse(text.as_bytes())
        .map(|value::Thresholds { under, full, over }| Thresholds { under, full, over })
        .ok_or_else(|| format!("'{text}' is not three growing numbers like \"1 2 3\""))
}

/// Runs with a progress bar, when somebody watches.
fn watched(plan: &Plan) -> Outcome {
    if !std::io::stderr().is_terminal() {
        return run(plan, |_| {});
    }
    let periods = plan.warmup + plan.seconds;
    let bar = ProgressBar::new(u64::from(periods + periods / 2)).with_message(plan.policy.name());
    if let Ok(style) = ProgressStyle::with_template("{msg:>12} {wide_bar} {pos}/{len} s  {eta}") {
        bar.set_style(style);
    }
    let outcome = run(plan, |period| bar.set_position(period.into()));
    bar.finish_and_clear();
    outcome
}

fn plan(args: &RunArgs, policy: Policy) -> Plan {
    let mut settings = Settings::default();
    settings.hysteresis = args.hysteresis.unwrap_or(settings.hysteresis);
    settings.stability = args.stability.unwrap_or(settings.stability);
    settings.min_gain_ms = args.min_gain.unwrap_or(settings.min_gain_ms);
    Plan {
        nodes: args.nodes as usize,
        seconds: args.seconds.max(1),
        warmup: args.warmup,
        seed: args.seed,
        policy,
        work: Workload {
            arrivals: args.arrivals,
            load: args.load,
            io: args.io,
            unequal: !args.equal,
            memory: !args.no_memory,
        },
        loss: args.loss,
        deaths: args.deaths,
        partition: args.partition,
        burst: args.burst,
        backlog: args.backlog,
        settings,
        thresholds: args.thresholds,
    }
}

fn print(outcomes: &[Outcome]) {
    println!(
        "{:<11} {:>7} {:>8} {:>7} {:>7} {:>7} {:>7} {:>6} {:>6} {:>5} {:>8} {:>6} {:>7} {:>6}",
        "policy",
        "jobs",
        "slowdown",
        "95%",
        "largest",
        "mean",
        "wasted%",
        "moves",
        "most",
        "ref%",
        "msg/n/s",
        "B/n/s",
        "noticed",
        "took"
    );
    for o in outcomes {
        println!(
            "{:<11} {:>7} {:>8.3} {:>7.2} {:>7.2} {:>7.3} {:>7.2} {:>6.2} {:>6} {:>5.1} {:>8.2} {:>6.0} {:>7.1} {:>6.1}",
            o.policy, o.jobs, o.slowdown, o.slowdown_95, o.crowding_max, o.crowding_mean, o.wasted, o.moves_per_job,
            o.moves_most, o.refused, o.messages, o.bytes, o.noticed_mean, o.took
        );
    }
}

fn main() -> ExitCode {
    match Cli::parse().command {
        Command::Run(args) => {
            let all = [Policy::None, Policy::Thresholds, Policy::Cost, Policy::Greedy, Policy::Ideal];
            let policies = if args.policies.is_empty() { &all[..] } else { &args.policies };
            let outcomes: Vec<Outcome> =
                policies.iter().map(|&policy| watched(&plan(&args, policy))).collect();
            if args.json {
                match serde_json::to_string_pretty(&outcomes) {
                    Ok(text) => println!("{text}"),
                    Err(error) => {
                        eprintln!("omsim: {error}");
                        return ExitCode::FAILURE;
                    }
                }
            } else {
                print(&outcomes);
            }
            ExitCode::SUCCESS
        }
        Command::Report { dir, most, seed } => match omsim::report::report(&dir, most, seed, &mut watched) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("omsim: {}: {error}", dir.display());
                ExitCode::FAILURE
            }
        },
    }
}
