// SPDX-License-Identifier: GPL-2.0-only

//! Measures what moving and forwarding cost, as ratios to what the machine underneath can do, and what balancing brings, as
//! ratios to the same jobs without it. Both sides of a ratio are measured alternately in one run on the same nodes, and
//! the medians are compared.

use std::time::Duration;

use anyhow::{bail, Context, Result};
use clap::Parser;
use cluster::{
    client::Command,
    experiments,
    figures::{Figure, Group},
    openmosix::{to, Joined, HOME},
    Cluster, Node, Process, Program, Root,
};

const PORT: &str = "7000";
/// Round trips, and calls, in one measurement.
const PINGS: u64 = 2000;
const LIMIT: Duration = Duration::from_secs(300);

/// Measures on QEMU nodes of this machine. Absolute times are those of an emulated processor; look at the ratios, and let
/// this machine do nothing else meanwhile: two busy nodes and their network need all of two processors.
///
/// The figures of each group go to target/bench/GROUP.json as well.
#[derive(Parser)]
#[command(
    version,
    after_help = "\
Groups: calls, life, local, migration, idle (what being away costs); fibonacci, unequal, io, make (what balancing brings)

Examples:
  bench --only fibonacci --runs 3
  bench --only calls --only local --json"
)]
struct Arguments {
    /// How often each cost is measured
    #[arg(long, default_value_t = 5, value_name = "N")]
    repeat: usize,
    /// How often each experiment with balancing is made; one takes minutes
    #[arg(long, default_value_t = 1, value_name = "N")]
    runs: usize,
    /// Only this group (may be repeated)
    #[arg(long, value_name = "NAME")]
    only: Vec<String>,
    /// Print one JSON object a line
    #[arg(long)]
    json: bool,
}

impl Arguments {
    fn wants(&self, group: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|name| name == group)
    }
}

/// Measures one group of costs.
type Measure = fn(&Bench) -> Result<Vec<Figure>>;

const COSTS: [(&str, Measure); 5] = [
    ("calls", Bench::forwarded_calls),
    ("life", Bench::life),
    ("local", Bench::local_work),
    ("migration", Bench::migration),
    ("idle", Bench::idle_memory),
];

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let known = COSTS.iter().map(|(name, _)| *name).chain(experiments::ALL.iter().map(|e| e.name));
    if let Some(word) = arguments.only.iter().find(|word| !known.clone().any(|name| name == word.as_str())) {
        bail!("there is no group `{word}`: see --help");
    }
    if COSTS.iter().any(|(name, _)| arguments.wants(name)) {
        costs(&arguments)?;
    }
    for experiment in experiments::ALL.iter().filter(|experiment| arguments.wants(experiment.name)) {
        if !arguments.json {
            println!("{}: {} ...", experiment.name, experiment.about);
        }
        experiment.run(arguments.runs.max(1))?.end(arguments.json)?;
    }
    Ok(())
}

/// What being away costs, on one cluster without balancing.
fn costs(arguments: &Arguments) -> Result<()> {
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
    let bench = Bench { cluster, repeat: arguments.repeat.max(1) };
    for (name, measure) in COSTS.iter().filter(|(name, _)| arguments.wants(name)) {
        let mut group = Group::begin(name);
        group.accelerator = format!("{:?}", bench.cluster.accelerator()).to_lowercase();
        group.figures = measure(&bench)?;
        group.end(arguments.json)?;
    }
    bench.cluster.check_logs(&[])
}

struct Bench {
    cluster: Cluster,
    repeat: usize,
}

impl Bench {
    fn home(&self) -> &Node {
        self.cluster.node(1)
    }

    /// Measures two things alternately.
    fn both(
        &self,
        what: &str,
        unit: &'static str,
        measured: impl Fn() -> Result<f64>,
        base: impl Fn() -> Result<f64>,
    ) -> Result<Figure> {
        let (mut first, mut second) = (Vec::new(), Vec::new());
        for _ in 0..self.repeat {
            first.push(measured()?);
            second.push(base()?);
        }
        Ok(Figure::new(what, unit, first, second))
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

    fn forwarded_calls(&self) -> Result<Vec<Figure>> {
        self.cluster.node(2).sh("insmod /kping.ko").context("build it with `make kping KDIR=...`")?;
        let call = |kind| move || Ok(self.call_ns(kind, PINGS, true)? / 1e3);
        let ping = "one byte there and back between in-kernel TCP sockets";
        let kernel = || self.kernel_ping_us();
        let figures = vec![
            self.both("forwarded lseek", "us", call("lseek"), kernel)?.base_is(ping).aim("1.3"),
            self.both("forwarded pread of 4 KB", "us", call("pread"), kernel)?.base_is(ping),
            self.both("forwarded lseek", "us", call("lseek"), || self.program_ping_us())?
                .base_is("one byte there and back between TCP sockets of programs"),
        ];
        self.cluster.node(2).sh("rmmod kping")?;
        Ok(figures)
    }

    /// What a shell script is made of.
    fn life(&self) -> Result<Vec<Figure>> {
        [("fork", "a child that ends at once, of a parent that is away"), ("exec", "the same, with an exec")]
            .into_iter()
            .map(|(kind, what)| {
                let count = 40;
                let run = |away| move || Ok(self.call_ns(kind, count, away)? / 1e6);
                Ok(self.both(what, "ms", run(true), run(false))?.base_is("at home"))
            })
            .collect()
    }

    fn local_work(&self) -> Result<Vec<Figure>> {
        [("yield", 200_000, "sched_yield at a guest"), ("compute", 20_000, "1000 multiplications at a guest")]
            .into_iter()
            .map(|(kind, count, what)| {
                let (away, here) = (|| self.call_ns(kind, count, true), || self.call_ns(kind, count, false));
                Ok(self.both(what, "ns", away, here)?.base_is("at home").aim("1.01"))
            })
            .collect()
    }

    /// How fast memory moves, beside a TCP stream of as many bytes.
    fn migration(&self) -> Result<Vec<Figure>> {
        let one = |megabytes: u64| {
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
            let figure = self.both(&format!("migration of {megabytes} MB"), "MB/s", moved, stream)?;
            Ok(figure.base_is("one TCP stream").aim("0.8 at 256 MB"))
        };
        [4, 64, 256].into_iter().map(one).collect()
    }

    /// What the kernel keeps for each process that is away and does nothing, beside the same process at home.
    fn idle_memory(&self) -> Result<Vec<Figure>> {
        const PROCESSES: usize = 20;
        let both = || Ok::<_, anyhow::Error>([kernel_kb(self.home())?, kernel_kb(self.cluster.node(2))?]);
        let start = |count: usize| -> Result<Vec<Process>> {
            (0..count)
                .map(|_| self.home().command(&["/bin/cat"]).piped_input().time_limit(LIMIT).spawn())
                .collect()
        };
        // Once there and back, for what stays allocated after a first time.
        let first = start(1)?;
        self.home().migrate(first[0].pid(), to(2))?;
        self.home().migrate(first[0].pid(), HOME)?;
        let empty = both()?;
        let sleepers = start(PROCESSES)?;
        for destination in [to(2), HOME] {
            sleepers.iter().try_for_each(|sleeper| self.home().migrate(sleeper.pid(), destination))?;
        }
        let before = both()?;
        sleepers.iter().try_for_each(|sleeper| self.home().migrate(sleeper.pid(), to(2)))?;
        let after = both()?;
        let own = (before[0] - empty[0]) / PROCESSES as f64;
        let figures = [("deputy", 0), ("guest", 1)].map(|(what, index)| {
            let each = (after[index] - before[index]) / PROCESSES as f64;
            Figure::new(format!("kernel memory for an idle {what}"), "KB", vec![each], vec![own])
                .base_is("for a process that has come back home")
                .note("slab, stacks, page tables and vmalloc; a deputy comes on top of its process")
        });
        for sleeper in sleepers.into_iter().chain(first) {
            sleeper.close_input()?;
            sleeper.wait()?;
        }
        Ok(figures.into())
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
