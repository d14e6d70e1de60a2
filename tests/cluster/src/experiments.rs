// SPDX-License-Identifier: GPL-2.0-only

//! The experiments of the openMosix manual and of the theses about it, again: jobs that are all started on one node, with
//! balancing and without. What counts is when the last of them ends.

use std::{
    thread,
    time::{Duration, Instant},
};

use anyhow::{ensure, Context, Result};

use crate::{
    busy::BusyClock,
    figures::{Figure, Group},
    openmosix::Joined,
    program,
    throttle::Throttle,
    Builder, Cluster, Node, Process, Root,
};

/// No job takes longer, however slow this machine is.
const LIFE: Duration = Duration::from_secs(3600);
/// What node 2 has of a processor in the experiment with unequal nodes: half, as a PIII/1000 beside an Athlon 2000.
const SHARE: f64 = 0.5;
/// The speed of a node by default.
const STANDARD_SPEED: f64 = 10_000.0;

/// One experiment; its figures become one file.
pub struct Experiment {
    /// By which it is chosen.
    pub name: &'static str,
    /// One line for people.
    pub about: &'static str,
    builder: fn() -> Builder,
    measure: fn(&Cluster, usize) -> Result<Vec<Figure>>,
}

pub const ALL: [Experiment; 4] = [
    Experiment {
        name: "fibonacci",
        about: "4 processor-bound jobs on one of 2 equal nodes",
        builder: pair,
        measure: fibonacci,
    },
    Experiment {
        name: "unequal",
        about: "6 matrix products on the faster of 2 unequal nodes",
        builder: pair,
        measure: unequal,
    },
    Experiment { name: "io", about: "3 jobs that live on system calls", builder: pair, measure: calls },
    Experiment { name: "make", about: "make -j6 of 12 files of C on 3 nodes", builder: three, measure: make },
];

impl Experiment {
    /// Boots, measures so many times, judges the kernel logs.
    pub fn run(&self, runs: usize) -> Result<Group> {
        let mut group = Group::begin(self.name);
        let cluster = (self.builder)().kernel_arguments("mitigations=off").start()?;
        cluster.load_and_join()?;
        group.accelerator = format!("{:?}", cluster.accelerator()).to_lowercase();
        group.figures = (self.measure)(&cluster, runs)?;
        cluster.check_logs(&[])?;
        Ok(group)
    }
}

fn pair() -> Builder {
    Cluster::builder().nodes(2).memory_mb(384).root(Root::None)
}

fn three() -> Builder {
    Cluster::builder()
        .nodes(3)
        .memory_mb(320)
        .root(Root::None)
        .node_root(1, Root::Host)
        .node_memory_mb(1, 1024)
}

/// Switches balancing on all nodes.
fn balance(cluster: &Cluster, on: bool) -> Result<()> {
    cluster.nodes().iter().try_for_each(|node| node.balance(on))
}

fn start(node: &Node, command: &str) -> Result<Process> {
    let words: Vec<&str> = command.split(' ').collect();
    node.command(&words).time_limit(LIFE).spawn()
}

/// How long something took.
#[derive(Debug, Clone, Copy)]
struct Took {
    /// By the clock on the wall.
    wall: f64,
    /// If every node had a processor for itself: see [`crate::busy`].
    busy: f64,
}

fn timed(cluster: &Cluster, shares: &[f64], work: impl FnOnce() -> Result<()>) -> Result<Took> {
    let (begun, clock) = (Instant::now(), BusyClock::start(cluster, shares));
    let result = work();
    let took = Took { wall: begun.elapsed().as_secs_f64(), busy: clock.stop() };
    result.map(|()| took)
}

/// Starts a command so many times at once on node 1; how long it is until all have ended, and passed.
fn makespan(cluster: &Cluster, shares: &[f64], command: &str, jobs: usize) -> Result<Took> {
    makespan_of(cluster, shares, command, &[jobs])
}

/// The same on several nodes, so many times on each of them, from the first.
fn makespan_of(cluster: &Cluster, shares: &[f64], command: &str, jobs: &[usize]) -> Result<Took> {
    timed(cluster, shares, || {
        let where_to = cluster.nodes().iter().zip(jobs).flat_map(|(node, jobs)| std::iter::repeat_n(node, *jobs));
        let processes: Result<Vec<Process>> = where_to.map(|node| start(node, command)).collect();
        processes?.into_iter().try_for_each(|process| program::passed(process.wait()?))
    })
}

/// The same ratio by both clocks. `set` says what it is.
fn by_both_clocks(
    what: &str,
    measured: &[Took],
    base: &[Took],
    set: impl Fn(Figure) -> Figure,
) -> [Figure; 2] {
    let column = |times: &[Took], clock: fn(&Took) -> f64| times.iter().map(clock).collect::<Vec<f64>>();
    let figure = |what: String, clock: fn(&Took) -> f64| {
        set(Figure::new(what, "s", column(measured, clock), column(base, clock)))
    };
    [
        figure(format!("{what}, by the wall clock"), |took| took.wall),
        figure(format!("{what}, as if each node had a processor for itself"), |took| took.busy),
    ]
}

/// How many processes have left a node so far by themselves.
fn moves(cluster: &Cluster) -> Result<u64> {
    let mut sum = 0;
    for node in cluster.nodes() {
        let text = node.read("/proc/hpc/info/balance")?;
        let count = text.lines().find_map(|line| line.strip_prefix("moved_out ")?.trim().parse::<u64>().ok());
        sum += count.context("no `moved_out` in info/balance")?;
    }
    Ok(sum)
}

/// The same jobs on node 1, without balancing and with it, alternately, and what is measured `besides`; makespans in this order,
/// and the moves made.
fn off_and_on(
    cluster: &Cluster,
    command: &str,
    jobs: usize,
    runs: usize,
    mut besides: impl FnMut() -> Result<()>,
) -> Result<(Vec<Took>, Vec<Took>, u64)> {
    let (mut off, mut on) = (Vec::new(), Vec::new());
    let before = moves(cluster)?;
    for _ in 0..runs {
        off.push(makespan(cluster, &[], command, jobs)?);
        balance(cluster, true)?;
        on.push(makespan(cluster, &[], command, jobs)?);
        balance(cluster, false)?;
        besides()?;
    }
    Ok((off, on, moves(cluster)? - before))
}

/// Two of four leave, and everything is over in half the time.
fn fibonacci(cluster: &Cluster, runs: usize) -> Result<Vec<Figure>> {
    // The balancer takes two or three seconds to find out and move: jobs that are as short show nothing else.
    const JOB: &str = "/programs/burn -m 1 -r 1200";
    let mut by_hand = Vec::new();
    let (off, on, moves) = off_and_on(cluster, JOB, 4, runs, || {
        by_hand.push(makespan_of(cluster, &[], JOB, &[2, 2])?);
        Ok(())
    })?;
    let gain = by_both_clocks("4 Fibonacci jobs without balancing", &off, &on, |figure| {
        figure.base_is("with balancing over 2 equal nodes").aim(">= 1.9 of 2").note(format!("{moves} moves"))
    });
    // Two emulated nodes that compute at once do not do twice the work of one on every machine.
    let split = by_both_clocks("two of the 4 Fibonacci jobs started on each node by hand", &by_hand, &on, |figure| {
        figure.base_is("all on one node, with balancing").aim(">= 0.95")
    });
    Ok(gain.into_iter().chain(split).collect())
}

/// Matrix products on unequal nodes, beside the best that six indivisible jobs can reach.
fn unequal(cluster: &Cluster, runs: usize) -> Result<Vec<Figure>> {
    const JOB: &str = "/programs/matrix -r 100";
    const JOBS: usize = 6;
    const SHARES: [f64; 2] = [1.0, SHARE];
    let slow = cluster.node(2);
    let Some(_throttle) = Throttle::new(slow.machine_pid(), SHARE)? else {
        eprintln!("this machine has no control group for processors that may be written: no unequal nodes");
        return Ok(Vec::new());
    };
    let (mut best, mut on, mut off) = (Vec::new(), Vec::new(), Vec::new());
    let (mut notes, before) = (Vec::new(), moves(cluster)?);
    for _ in 0..runs {
        let [fast, slower] = alone_on_each(cluster, JOB)?;
        // The control group lets the short measurement at load pass: the administrator says what the node is worth.
        slow.write("/proc/hpc/admin/speed", format!("{:.0}", STANDARD_SPEED * fast.busy / slower.busy))?;
        off.push(makespan(cluster, &SHARES, JOB, JOBS)?);
        balance(cluster, true)?;
        on.push(makespan(cluster, &SHARES, JOB, JOBS)?);
        balance(cluster, false)?;
        let (wall, _) = best_split(JOBS, fast.wall, slower.wall);
        let (busy, there) = best_split(JOBS, fast.busy, slower.busy);
        best.push(Took { wall, busy });
        notes.push(format!(
            "one job alone, wall clock (a processor for each): {:.1} s ({:.1} s) on node 1, {:.1} s ({:.1} s) on node 2; \
             best split: {there} of {JOBS} on node 2",
            fast.wall, fast.busy, slower.wall, slower.busy
        ));
    }
    notes.push(format!("{} moves", moves(cluster)? - before));
    let split = by_both_clocks(
        "the best possible split of 6 matrix products over 2 unequal nodes",
        &best,
        &on,
        |mut figure| {
            figure.notes.clone_from(&notes);
            figure.base_is("with balancing").aim(">= 0.95")
        },
    );
    let gain = by_both_clocks("6 matrix products without balancing", &off, &on, |figure| {
        figure.base_is("with balancing over 2 unequal nodes").aim("- (the thesis had 1.66)")
    });
    Ok(split.into_iter().chain(gain).collect())
}

/// The time one job takes on each of two nodes, both at the same time: what else this machine does slows both, as it does
/// afterwards.
fn alone_on_each(cluster: &Cluster, job: &str) -> Result<[Took; 2]> {
    let alone = |node: &Node, share: f64| -> Result<Took> {
        let begun = Instant::now();
        let process = start(node, job)?;
        let clock = BusyClock::start_one(node, share);
        program::passed(process.wait()?)?;
        Ok(Took { wall: begun.elapsed().as_secs_f64(), busy: clock.stop() })
    };
    thread::scope(|scope| {
        let slow = scope.spawn(|| alone(cluster.node(2), SHARE));
        let fast = alone(cluster.node(1), 1.0)?;
        Ok([fast, slow.join().expect("a job's thread panicked")?])
    })
}

/// When the last of `jobs` ends if as many as is best run on the slow node from the beginning, and how many these are.
fn best_split(jobs: usize, fast: f64, slow: f64) -> (f64, usize) {
    let end = |there: usize| ((jobs - there) as f64 * fast).max(there as f64 * slow);
    (0..=jobs).map(|there| (end(there), there)).min_by(|a, b| a.0.total_cmp(&b.0)).unwrap_or_default()
}

/// Jobs that live on their calls: the thesis lost a factor of 3.8 by moving them; not moving them loses nothing.
fn calls(cluster: &Cluster, runs: usize) -> Result<Vec<Figure>> {
    let (off, on, moves) = off_and_on(cluster, "/programs/chatter -r 600", 3, runs, || Ok(()))?;
    let figures = by_both_clocks("3 jobs that live on their calls, with balancing", &on, &off, |figure| {
        figure.base_is("without").aim("1 (the thesis had 3.76)").note(format!("{moves} moves"))
    });
    Ok(figures.into())
}

const PROJECT: &str = include_str!("experiments/project.sh");

/// A project is compiled on node 1 alone, and by three nodes. A compiler that has just been executed is at home; whether it leaves
/// depends on how long it goes on.
fn make(cluster: &Cluster, runs: usize) -> Result<Vec<Figure>> {
    let home = cluster.node(1);
    home.shell(PROJECT).time_limit(LIFE).run()?.expect_success().context("making the project")?;
    let build = || -> Result<(Took, String)> {
        home.sh("cd /tmp/project && rm -f *.o program")?;
        let took = timed(cluster, &[], || {
            home.shell("cd /tmp/project && make -s -j6").time_limit(LIFE).run()?.expect_success().map(drop)
        })?;
        Ok((took, home.sh("cd /tmp/project && ./program && cat *.o | md5sum")?))
    };
    let (mut alone, mut together) = (Vec::new(), Vec::new());
    let before = moves(cluster)?;
    for _ in 0..runs {
        let (seconds, made) = build()?;
        alone.push(seconds);
        balance(cluster, true)?;
        let (seconds, made_together) = build()?;
        together.push(seconds);
        balance(cluster, false)?;
        ensure!(made == made_together, "the project is another one: {made} {made_together}");
    }
    let moves = moves(cluster)? - before;
    let figures = by_both_clocks("make -j6 of 12 files on 1 node", &alone, &together, |figure| {
        figure.base_is("with balancing over 3 nodes").aim("> 1").note(format!("{moves} moves"))
    });
    Ok(figures.into())
}

#[cfg(test)]
mod tests {
    use super::best_split;

    #[test]
    fn six_jobs() {
        assert_eq!(best_split(6, 10.0, 20.0), (40.0, 2));
        assert_eq!(best_split(6, 10.0, 10.0), (30.0, 3));
        assert_eq!(best_split(1, 10.0, 20.0), (10.0, 0));
    }
}
