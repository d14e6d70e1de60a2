// SPDX-License-Identifier: GPL-2.0-only

//! The long checks, under the debug kernel: every scenario, then one process back and forth many times with
//! its memory checked, then a search for leaked memory.

use std::{process::ExitCode, time::Instant};

use anyhow::{ensure, Result};
use clap::Parser;
use cluster::{
    artifacts::Kernel,
    openmosix::{to, Joined, HOME},
    scenario::{Options, Runner},
    scenarios, Cluster, Program, Root,
};

/// Runs the scenarios, and moves one process to and fro, under a kernel with KASAN, lockdep and kmemleak.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// How often the process goes there and back
    #[arg(long, default_value_t = 500, value_name = "N")]
    turns: u32,
    /// Only the to and fro
    #[arg(long)]
    no_scenarios: bool,
    /// Use the reference kernel instead
    #[arg(long)]
    reference_kernel: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let kernel = if arguments.reference_kernel { Kernel::Reference } else { Kernel::Debug };
    let (mut passed, mut failed) = (0, 0);
    let mut count = |name: &str, started: Instant, result: Result<()>| {
        let seconds = started.elapsed().as_secs_f32();
        match result {
            Ok(()) => {
                passed += 1;
                println!("ok    {name} ({seconds:.1} s)");
            }
            Err(error) => {
                failed += 1;
                println!("FAIL  {name} ({seconds:.1} s)\n{error:#}");
            }
        }
    };
    let started = Instant::now();
    count("soak/to-and-fro", started, to_and_fro(kernel, arguments.turns));
    if !arguments.no_scenarios {
        let options = Options { kernel, ..Options::default() };
        options.clear_logs();
        let mut runner = Runner::new(options, 0);
        for scenario in scenarios::all() {
            let started = Instant::now();
            let verdict = runner.run(&scenario);
            count(&verdict.name, started, verdict.result);
        }
    }
    println!("{passed} passed, {failed} failed");
    if failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn to_and_fro(kernel: Kernel, turns: u32) -> Result<()> {
    let cluster = Cluster::builder().nodes(2).memory_mb(384).root(Root::None).kernel(kernel).start()?;
    cluster.load_and_join()?;
    let home = cluster.node(1);
    let program = Program::start(home, "memsum -m 4")?;
    for turn in 1..=turns {
        for destination in [to(2), HOME] {
            home.migrate(program.pid(), destination)?;
            program.advance(1)?;
        }
        if turn % 50 == 0 {
            println!("      {turn} of {turns} times there and back");
            cluster.check_logs(&[])?;
        }
    }
    ensure!(home.moves_count(program.pid())? == u64::from(turns) * 2, "it has not moved as often as told");
    program.finish()?;
    cluster.check_logs(&[])?;
    leaks(&cluster)
}

/// Asks every node's kernel for memory that nothing points to.
fn leaks(cluster: &Cluster) -> Result<()> {
    const FILE: &str = "/sys/kernel/debug/kmemleak";
    for node in cluster.nodes() {
        if !node.run(&format!("test -e {FILE}"))?.status.success() {
            continue;
        }
        // What was freed a moment ago may still look leaked in one scan.
        let report =
            node.sh(&format!("sleep 6; for i in 1 2 3; do echo scan > {FILE}; sleep 1; done; cat {FILE}"))?;
        ensure!(!report.contains("openmosix"), "node {} leaks:\n{report}", node.id());
    }
    Ok(())
}
