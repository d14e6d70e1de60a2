// SPDX-License-Identifier: GPL-2.0-only

//! Measures what moving and forwarding cost, as ratios to what the machine underneath can do. Both sides of a
//! ratio are measured alternately in one run on the same two nodes, and the medians are compared.

use std::time::Duration;

use anyhow::{Context, Result};
use clap::Parser;
use cluster::{
    client::Command,
    openmosix::{to, Joined, HOME},
    Cluster, Node, Process, Program, Root,
};

const PORT: &str = "7000";
/// Round trips, and calls, in one measurement.
const PINGS: u64 = 2000;
const LIMIT: Duration = Duration::from_secs(300);

/// Measures on two QEMU nodes of this machine. Absolute times are those of an emulated processor; look at
/// the ratios.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// How often each thing is measured
    #[arg(long, default_value_t = 5, value_name = "N")]
    repeat: usize,
    /// Print one JSON object a line
    #[arg(long)]
    json: bool,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let cluster = Cluster::builder()
        .nodes(2)
        .memory_mb(1024)
        .root(Root::None)
        .kernel_arguments("mitigations=off")
        .start()?;
    cluster.load_and_join()?;
    let server =
        cluster.node(2).command(&["/programs/netping", "serve", PORT]).time_limit(LIMIT * 10).spawn()?;
    server.wait_for_output("ready")?;
    let bench = Bench { cluster: &cluster, repeat: arguments.repeat, json: arguments.json };
    bench.forwarded_calls()?;
    bench.local_work()?;
    bench.migration()?;
    bench.idle_memory()?;
    cluster.check_logs(&[])
}

struct Bench<'a> {
    cluster: &'a Cluster,
    repeat: usize,
    json: bool,
}

impl Bench<'_> {
    fn home(&self) -> &Node {
        self.cluster.node(1)
    }

    /// Measures two things alternately; the medians.
    fn both(&self, a: impl Fn() -> Result<f64>, b: impl Fn() -> Result<f64>) -> Result<(f64, f64)> {
        let (mut first, mut second) = (Vec::new(), Vec::new());
        for _ in 0..self.repeat {
            first.push(a()?);
            second.push(b()?);
        }
        Ok((median(first), median(second)))
    }

    fn report(&self, what: &str, unit: &str, (ours, base): (f64, f64), base_is: &str, aim: &str) {
        let ratio = ours / base;
        if self.json {
            let line = serde_json::json!({
                "what": what, "unit": unit, "measured": ours, "base": base, "base_is": base_is, "ratio": ratio, "aim": aim
            });
            println!("{line}");
        } else {
            println!("{what}: {ours:.1} {unit}; {base_is}: {base:.1} {unit}; ratio {ratio:.2} (aim {aim})");
        }
    }

    /// A round trip of one byte between two sockets of programs.
    fn program_ping_us(&self) -> Result<f64> {
        let words = ["/programs/netping", "ping", "10.77.0.2", PORT, &PINGS.to_string()];
        Ok(nanoseconds(self.home().command(&words))? / PINGS as f64 / 1e3)
    }

    /// A round trip of one byte between two sockets of kernels.
    fn kernel_ping_us(&self) -> Result<f64> {
        let script = format!(
            "insmod /kping.ko target=10.77.0.2 count={PINGS} &&
             cat /sys/module/kping/parameters/nanoseconds && rmmod kping"
        );
        Ok(nanoseconds(self.home().shell(&script))? / PINGS as f64 / 1e3)
    }

    fn call_ns(&self, kind: &str, count: u64, away: bool) -> Result<f64> {
        let count_text = count.to_string();
        let mut words = vec!["/programs/calls", kind, &count_text];
        if away {
            words.splice(0..0, ["omctl", "mosrun", "2"]);
        }
        Ok(nanoseconds(self.home().command(&words))? / count as f64)
    }

    fn forwarded_calls(&self) -> Result<()> {
        self.cluster.node(2).sh("insmod /kping.ko").context("build it with `make kping KDIR=...`")?;
        let call = |kind| move || Ok(self.call_ns(kind, PINGS, true)? / 1e3);
        let ping = "one byte there and back between in-kernel TCP sockets";
        let kernel = || self.kernel_ping_us();
        self.report("forwarded lseek", "us", self.both(call("lseek"), kernel)?, ping, "1.3");
        self.report("forwarded pread of 4 KB", "us", self.both(call("pread"), kernel)?, ping, "-");
        let ping = "one byte there and back between TCP sockets of programs";
        self.report("forwarded lseek", "us", self.both(call("lseek"), || self.program_ping_us())?, ping, "-");
        self.cluster.node(2).sh("rmmod kping").map(drop)
    }

    fn local_work(&self) -> Result<()> {
        for (kind, count, what) in [
            ("yield", 200_000, "sched_yield at a guest"),
            ("compute", 20_000, "1000 multiplications at a guest"),
        ] {
            let figures =
                self.both(|| self.call_ns(kind, count, true), || self.call_ns(kind, count, false))?;
            self.report(what, "ns", figures, "at home", "1.01");
        }
        Ok(())
    }

    /// How fast memory moves, beside a TCP stream of as many bytes.
    fn migration(&self) -> Result<()> {
        for megabytes in [4u64, 64, 256] {
            let bytes = megabytes << 20;
            let stream = || {
                let words = ["/programs/netping", "stream", "10.77.0.2", PORT, &bytes.to_string()];
                Ok(bytes as f64 / nanoseconds(self.home().command(&words))? * 1e3)
            };
            let moved = || {
                let program = Program::start(self.home(), &format!("memsum -m {megabytes}"))?;
                self.home().migrate(program.pid(), to(2))?;
                let moves = self.home().moves(program.pid())?;
                let step = moves.first().context("no move was recorded")?;
                program.kill()?;
                Ok(step.bytes as f64 / step.frozen_us as f64)
            };
            let figures = self.both(moved, stream)?;
            self.report(
                &format!("migration of {megabytes} MB"),
                "MB/s",
                figures,
                "one TCP stream",
                "0.8 at 256 MB",
            );
        }
        Ok(())
    }

    /// What the kernel keeps for each process that is away and does nothing.
    fn idle_memory(&self) -> Result<()> {
        const PROCESSES: usize = 20;
        let mut sleepers: Vec<Process> = Vec::new();
        for _ in 0..PROCESSES {
            sleepers.push(self.home().command(&["/bin/cat"]).piped_input().time_limit(LIMIT).spawn()?);
        }
        let both = || Ok::<_, anyhow::Error>([kernel_kb(self.home())?, kernel_kb(self.cluster.node(2))?]);
        // Once there and back, for what stays allocated after a first time.
        for destination in [to(2), HOME] {
            sleepers.iter().try_for_each(|sleeper| self.home().migrate(sleeper.pid(), destination))?;
        }
        let before = both()?;
        sleepers.iter().try_for_each(|sleeper| self.home().migrate(sleeper.pid(), to(2)))?;
        let after = both()?;
        for (what, index) in [("an idle deputy", 0), ("an idle guest", 1)] {
            let each = (after[index] - before[index]) / PROCESSES as f64;
            if self.json {
                println!("{}", serde_json::json!({ "what": what, "unit": "KB", "measured": each }));
            } else {
                println!("kernel memory for {what}: {each:.1} KB (slab, stacks, page tables, vmalloc)");
            }
        }
        for sleeper in sleepers {
            sleeper.close_input()?;
            sleeper.wait()?;
        }
        Ok(())
    }
}

/// What a program prints that measures itself.
fn nanoseconds(command: Command) -> Result<f64> {
    let output = command.time_limit(LIMIT).run()?.expect_success()?;
    output.text().parse().with_context(|| format!("not a number: {output}"))
}

fn kernel_kb(node: &Node) -> Result<f64> {
    let text = node.read("/proc/meminfo")?;
    let value = |key: &str| {
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix(key)?.trim().split(' ').next()?.parse::<f64>().ok());
        line.with_context(|| format!("no {key} in meminfo"))
    };
    Ok(value("Slab:")? + value("KernelStack:")? + value("PageTables:")? + value("VmallocUsed:")?)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
