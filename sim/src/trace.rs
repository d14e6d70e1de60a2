// SPDX-License-Identifier: GPL-2.0-only

//! The work: which machines there are, and which jobs begin when and where. It depends on the seed alone and not on the policy.

use crate::rng::Rng;
use serde::Serialize;

/// How jobs arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Arrivals {
    /// One by one, everywhere alike.
    Steady,
    /// In batches of 1 to 64 (heavy-tailed), as `make -j` begins them.
    Bursty,
    /// In batches, nine of ten on one node of ten.
    Hotspot,
}

/// What work there is.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Workload {
    /// How jobs arrive.
    pub arrivals: Arrivals,
    /// Part of the cluster's processor time that all jobs together need.
    pub load: f64,
    /// Part of the jobs that read and write much.
    pub io: f64,
    /// Machines of different speeds and processors.
    pub unequal: bool,
    /// Memory of jobs, and of machines, matters.
    pub memory: bool,
}

/// One machine.
#[derive(Clone, Copy, Debug)]
pub struct Machine {
    /// Processors.
    pub cpus: u16,
    /// Times the standard processor.
    pub speed: f64,
    /// MiB.
    pub memory: u64,
}

/// One job, as it begins.
#[derive(Clone, Copy, Debug)]
pub struct Arrival {
    /// When, in s.
    pub time: f64,
    /// Where.
    pub node: u32,
    /// Seconds of a standard processor.
    pub size: f64,
    /// Seconds it waits for its disk per second of work, at home.
    pub wait: f64,
    /// System calls per second of work.
    pub calls: f64,
    /// MiB.
    pub memory: u64,
}

const SHORTEST: f64 = 5.0;
const LONGEST: f64 = 1000.0;
const ALPHA: f64 = 1.1;

/// Mean of the bounded Pareto distribution of job sizes, in s.
pub fn mean_size() -> f64 {
    let (l, h, a) = (SHORTEST, LONGEST, ALPHA);
    l.powf(a) / (1.0 - (l / h).powf(a)) * a / (a - 1.0) * (l.powf(1.0 - a) - h.powf(1.0 - a))
}

/// The machines of a cluster.
pub fn machines(nodes: usize, work: &Workload, seed: u64) -> Vec<Machine> {
    let mut rng = Rng::new(seed, 1);
    let mut one = || {
        if !work.unequal {
            return Machine { cpus: 1, speed: 1.0, memory: 4096 };
        }
        let speed = [0.5, 1.0, 1.0, 1.5, 2.0][rng.below(5)];
        let cpus = [1, 1, 2, 4][rng.below(4)];
        Machine { cpus, speed, memory: 2048 * u64::from(cpus) }
    };
    (0..nodes).map(|_| one()).collect()
}

/// Jobs, in the order of time.
pub struct Trace {
    rng: Rng,
    work: Workload,
    nodes: usize,
    /// Batches per second in the whole cluster.
    rate: f64,
    next: f64,
    batch: Vec<Arrival>,
}

impl Trace {
    /// The jobs of a cluster of these machines.
    pub fn new(machines: &[Machine], work: Workload, seed: u64) -> Self {
        let mut rng = Rng::new(seed, 2);
        let capacity: f64 = machines.iter().map(|m| m.speed * f64::from(m.cpus)).sum();
        let batch = if work.arrivals == Arrivals::Steady {
            1.0
        } else {
            let mut sample = Rng::new(1, 3);
            (0..100_000).map(|_| batch_size(&mut sample)).sum::<usize>() as f64 / 100_000.0
        };
        let rate = work.load * capacity / mean_size() / batch;
        let next = rng.exponential(rate);
        Trace { rng, work, nodes: machines.len(), rate, next, batch: Vec::new() }
    }

    /// The next job that begins before `until`.
    pub fn before(&mut self, until: f64) -> Option<Arrival> {
        if self.batch.is_empty() {
            if self.next >= until {
                return None;
            }
            let time = self.next;
            self.next += self.rng.exponential(self.rate);
            let jobs = if self.work.arrivals == Arrivals::Steady { 1 } else { batch_size(&mut self.rng) };
            let node = self.node();
            for _ in 0..jobs {
                let job = self.job(time, node);
                self.batch.push(job);
            }
        }
        self.batch.pop()
    }

    fn node(&mut self) -> u32 {
        let hot = self.nodes.div_ceil(10);
        let among =
            if self.work.arrivals == Arrivals::Hotspot && self.rng.chance(0.9) { hot } else { self.nodes };
        self.rng.below(among) as u32
    }

    fn job(&mut self, time: f64, node: u32) -> Arrival {
        let rng = &mut self.rng;
        let size = rng.pareto(ALPHA, SHORTEST, LONGEST);
        let io = rng.chance(self.work.io);
        let (wait, calls) =
            if io { (rng.log_uniform(0.3, 3.0), rng.log_uniform(100.0, 20_000.0)) } else { (0.0, 5.0) };
        let memory = rng.log_uniform(8.0, 512.0);
        let memory = if self.work.memory { memory as u64 } else { 32 };
        Arrival { time, node, size, wait, calls, memory }
    }
}

fn batch_size(rng: &mut Rng) -> usize {
    rng.pareto(1.0, 1.0, 64.0) as usize
}
