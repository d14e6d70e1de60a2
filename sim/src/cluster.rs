// SPDX-License-Identifier: GPL-2.0-only

//! Machines and the jobs on them. Jobs share processors evenly, as a fluid: between two events each gets its constant part, so time advances from event to
//! event and nothing is lost to a step.

use crate::trace::{Arrival, Machine};
use omcore::balance::admit::NodeState;
use omcore::balance::cost::{Comm, Costs};
use omcore::balance::gossip::{Uplist, Window, UPLIST, WINDOW};
use omcore::balance::load::{Meter, Sample};
use omcore::balance::node::{status, Candidate, Node, Place, NO_LIMIT};
use omcore::balance::stats::{Decay, Pace, Stats, Used};
use omcore::balance::thresholds::{State, Watch};
use omcore::balance::STANDARD_SPEED;

const MIB: u64 = 1 << 20;
/// How much slower a node is whose memory does not suffice.
const SWAPPING: f64 = 4.0;
/// Looks at the run queue per period.
const TICKS: u32 = 100;
/// Seconds of work left that are none.
const NOTHING: f64 = 1e-9;

/// A job that runs.
#[derive(Clone, Debug)]
pub struct Job {
    /// Where it belongs.
    pub home: u32,
    /// Where it is, or is going.
    pub at: u32,
    /// Seconds of standard work, all and left.
    pub size: f64,
    /// See `size`.
    pub left: f64,
    /// Seconds of waiting per second of work, at home.
    pub wait: f64,
    /// Calls per second of work.
    pub calls: f64,
    /// MiB.
    pub memory: u64,
    /// When it began.
    pub began: f64,
    /// When it came to where it is.
    pub came: f64,
    /// On its way: runs nowhere.
    pub moving: bool,
    /// Moves so far.
    pub moves: u16,
    /// As the module would know it.
    pub stats: Stats,
    cpu: f64,
    /// What it would have used had it not waited.
    wanted: f64,
    work: f64,
    since: f64,
    alive: bool,
}

impl Job {
    /// Seconds it would take alone on a standard processor, at home.
    pub fn ideal(&self) -> f64 {
        self.size * (1.0 + self.wait)
    }

    /// Seconds it waits per second of work where it is.
    fn waits(&self, costs: &Costs) -> f64 {
        if self.at == self.home {
            return self.wait;
        }
        let comm = Comm { calls: self.calls as u64, out_kb: 0, in_kb: 0 };
        self.wait + costs.away(&comm, 1, 0) as f64 / 1e9
    }
}

/// A machine and what it knows.
pub struct Host {
    /// What it is.
    pub machine: Machine,
    /// It is running.
    pub up: bool,
    /// Jobs that run here.
    pub here: Vec<u32>,
    /// Jobs that belong here.
    pub own: Vec<u32>,
    /// MiB in use.
    pub used: u64,
    /// MiB of jobs on their way here.
    pub promised: u64,
    /// As it told others last.
    pub node: Node,
    /// Its measuring instrument.
    pub meter: Meter,
    /// The nodes it decides on.
    pub window: Window<WINDOW>,
    /// The nodes it believes to be up.
    pub uplist: Uplist<UPLIST>,
    /// Policy "thresholds": what it told.
    pub watch: Watch,
    /// When its network is free again: what it sends goes one after the other.
    network: f64,
    clock: f64,
    running: f64,
    busy: f64,
}

impl Host {
    /// Jobs here and on their way here.
    pub fn jobs(&self) -> usize {
        self.here.len() + self.meter.coming_in() as usize
    }
}

/// A job that ended.
#[derive(Clone, Copy, Debug)]
pub struct Ended {
    /// When it began.
    pub began: f64,
    /// When it ended.
    pub time: f64,
    /// Seconds alone on a standard processor.
    pub ideal: f64,
    /// Moves it made.
    pub moves: u16,
}

/// All machines and all jobs.
pub struct Cluster {
    /// The machines.
    pub hosts: Vec<Host>,
    /// The jobs, with holes: see [`Cluster::live`].
    pub jobs: Vec<Job>,
    free: Vec<u32>,
    /// Jobs that ended and were not looked at yet.
    pub ended: Vec<Ended>,
    /// What being away costs.
    pub costs: Costs,
    pace: Pace,
}

/// The id a node would have. The protocol ends at 65535: in larger clusters several nodes share an id here, and
/// [`Node::rmem`], which no decision uses, carries the index.
pub fn id(index: u32) -> u16 {
    (index % 65_535 + 1) as u16
}

impl Cluster {
    /// Idle machines.
    pub fn new(machines: &[Machine]) -> Self {
        let host = |(index, &machine): (usize, &Machine)| Host {
            machine,
            up: true,
            here: Vec::new(),
            own: Vec::new(),
            used: 0,
            promised: 0,
            node: idle(index as u32, &machine),
            meter: Meter::new(),
            window: Window::new(),
            uplist: Uplist::new(),
            watch: Watch::new(),
            network: 0.0,
            clock: 0.0,
            running: 0.0,
            busy: 0.0,
        };
        Cluster {
            hosts: machines.iter().enumerate().map(host).collect(),
            jobs: Vec::new(),
            free: Vec::new(),
            ended: Vec::new(),
            costs: Costs::default(),
            pace: Pace::default(),
        }
    }

    /// Jobs that have not ended.
    pub fn live(&self) -> impl Iterator<Item = &Job> {
        self.jobs.iter().filter(|j| j.alive)
    }

    /// A job begins at `at`, which is its home unless a policy places jobs when they begin.
    pub fn begin(&mut self, job: &Arrival, at: u32) {
        self.advance(at, job.time);
        let new = Job {
            home: job.node,
            at,
            size: job.size,
            left: job.size,
            wait: job.wait,
            calls: job.calls,
            memory: job.memory,
            began: job.time,
            came: job.time,
            moving: false,
            moves: 0,
            stats: Stats::new(),
            cpu: 0.0,
            wanted: 0.0,
            work: 0.0,
            since: job.time,
            alive: true,
        };
        let key = match self.free.pop() {
            Some(key) => {
                self.jobs[key as usize] = new;
                key
            }
            None => {
                self.jobs.push(new);
                (self.jobs.len() - 1) as u32
            }
        };
        self.hosts[job.node as usize].own.push(key);
        self.hosts[at as usize].here.push(key);
        self.hosts[at as usize].used += job.memory;
    }

    /// Lets the jobs of a machine run until `to`.
    pub fn advance(&mut self, index: u32, to: f64) {
        let Cluster { hosts, jobs, ended, costs, .. } = self;
        let host = &mut hosts[index as usize];
        let (speed, cpus) = (host.machine.speed, f64::from(host.machine.cpus));
        let mut done = Vec::new();
        while host.clock < to {
            let mut wanted = 0.0;
            for &key in &host.here {
                wanted += 1.0 / (1.0 + jobs[key as usize].waits(costs) * speed);
            }
            let swapping = if host.used > host.machine.memory { SWAPPING } else { 1.0 };
            let each = (wanted / cpus).max(1.0) * swapping / speed;
            let mut step = to - host.clock;
            for &key in &host.here {
                let job = &jobs[key as usize];
                step = step.min(job.left * (each + job.waits(costs)));
            }
            let end = host.clock + step;
            let mut kept = 0;
            for at in 0..host.here.len() {
                let key = host.here[at];
                let job = &mut jobs[key as usize];
                let work = step / (each + job.waits(costs));
                job.left -= work;
                job.work += work;
                job.cpu += work / speed;
                job.wanted += step / (1.0 + job.waits(costs) * speed) * swapping;
                if job.left <= NOTHING {
                    job.alive = false;
                    host.used -= job.memory;
                    ended.push(Ended { began: job.began, time: end, ideal: job.ideal(), moves: job.moves });
                    done.push(key);
                } else {
                    host.here[kept] = key;
                    kept += 1;
                }
            }
            host.here.truncate(kept);
            host.running += wanted * step;
            host.busy += wanted.min(cpus) * step;
            host.clock = end;
        }
        for key in done {
            let home = self.jobs[key as usize].home as usize;
            self.hosts[home].own.retain(|&k| k != key);
            self.free.push(key);
        }
    }

    /// Ends a period of `seconds` on a machine: measures its load and its jobs.
    pub fn measure(&mut self, index: u32, now: f64, seconds: f64) {
        let host = &mut self.hosts[index as usize];
        for &key in &host.here {
            let job = &mut self.jobs[key as usize];
            let used = Used {
                elapsed_ns: ((now - job.since) * 1e9) as u64,
                cpu_ns: (job.cpu * 1e9) as u64,
                wanted_ns: (job.wanted * 1e9) as u64,
                calls: (job.work * job.calls) as u64,
                out_bytes: 0,
                in_bytes: 0,
            };
            job.stats.period(&used, Decay::Slow, &self.pace);
            (job.cpu, job.wanted, job.work, job.since) = (0.0, 0.0, 0.0, now);
        }
        let looks = f64::from(TICKS) / seconds;
        let loads = host.meter.period(Sample {
            ticks: TICKS,
            running: (host.running * looks).round() as u64,
            busy: (host.busy * looks).round() as u64,
            cpus: host.machine.cpus,
            speed: (host.machine.speed * f64::from(STANDARD_SPEED)) as u32,
        });
        (host.running, host.busy) = (0.0, 0.0);
        host.node.load = loads.load;
        host.node.util = loads.util;
        self.refresh(index);
    }

    /// What a machine would tell now.
    pub fn refresh(&mut self, index: u32) {
        let host = &mut self.hosts[index as usize];
        let loads = host.meter.loads();
        (host.node.load, host.node.upload) = (loads.load, loads.upload);
        host.node.mem = (host.machine.memory.saturating_sub(host.used + host.promised)) * MIB;
        host.node.guests = (host.here.len() as u16).saturating_add(host.meter.coming_in() as u16);
        host.node.state = host.watch.told();
    }

    /// A machine that is asked whether it takes a guest.
    pub fn asked(&mut self, index: u32) -> NodeState {
        self.refresh(index);
        // What was promised is not free any more already.
        NodeState { node: self.hosts[index as usize].node, ..NodeState::default() }
    }

    /// A job as its home sees it.
    pub fn candidate(&self, key: u32, now: f64) -> Candidate {
        let job = &self.jobs[key as usize];
        Candidate {
            key: key.into(),
            place: if job.at == job.home { Place::Here } else { Place::At(id(job.at)) },
            cpu: job.stats.cpu_fine(),
            wanted: job.stats.wanted_fine(),
            tasks: 1,
            memory: job.memory * MIB,
            comm: job.stats.comm(),
            age_ms: ((now - job.began) * 1000.0) as u64,
            here_ms: ((now - job.came) * 1000.0) as u64,
            moves: job.moves.into(),
            stay: job.moving,
            ..Candidate::default()
        }
    }

    /// A job leaves where it is for `to`; when it will be there, in s.
    pub fn leave(&mut self, key: u32, to: u32, now: f64) -> f64 {
        let from = self.jobs[key as usize].at;
        self.advance(from, now);
        let job = &mut self.jobs[key as usize];
        let host = &mut self.hosts[from as usize];
        host.here.retain(|&k| k != key);
        host.used -= job.memory;
        job.moving = true;
        job.moves += 1;
        job.at = to;
        self.hosts[to as usize].promised += job.memory;
        let seconds = self.costs.moving_ms(job.memory * MIB, 1, 0) as f64 / 1000.0;
        let host = &mut self.hosts[from as usize];
        host.network = host.network.max(now) + seconds;
        host.network
    }

    /// It arrives. False: the job ended in the meantime, or the machine did.
    pub fn land(&mut self, key: u32, began: f64, now: f64) -> bool {
        let job = &self.jobs[key as usize];
        if !job.alive || !job.moving || job.began != began {
            return false;
        }
        let to = job.at;
        self.advance(to, now);
        let host = &mut self.hosts[to as usize];
        let job = &mut self.jobs[key as usize];
        host.promised -= job.memory;
        host.used += job.memory;
        host.here.push(key);
        job.moving = false;
        job.came = now;
        true
    }

    /// A machine dies, with all that runs on it and all that belongs to it. The number of jobs that ends.
    pub fn die(&mut self, index: u32, now: f64) -> usize {
        let mut lost: Vec<u32> = self.hosts[index as usize].own.clone();
        for at in lost.iter().map(|&key| self.jobs[key as usize].at).chain([index]).collect::<Vec<_>>() {
            self.advance(at, now);
        }
        lost.extend(&self.hosts[index as usize].here);
        lost.extend((0..self.jobs.len() as u32).filter(|&k| {
            let job = &self.jobs[k as usize];
            job.moving && job.at == index
        }));
        lost.retain(|&k| self.jobs[k as usize].alive);
        lost.sort_unstable();
        lost.dedup();
        for &key in &lost {
            let (home, at, memory, moving) = {
                let job = &mut self.jobs[key as usize];
                job.alive = false;
                (job.home, job.at, job.memory, job.moving)
            };
            self.hosts[home as usize].own.retain(|&k| k != key);
            let host = &mut self.hosts[at as usize];
            if moving {
                host.promised -= memory;
                host.meter.came(false);
            } else {
                host.here.retain(|&k| k != key);
                host.used -= memory;
            }
            self.free.push(key);
        }
        let host = &mut self.hosts[index as usize];
        host.up = false;
        host.meter = Meter::new();
        host.window = Window::new();
        host.uplist = Uplist::new();
        host.watch = Watch::new();
        lost.len()
    }

    /// It comes back, empty.
    pub fn rise(&mut self, index: u32, now: f64) {
        let host = &mut self.hosts[index as usize];
        host.up = true;
        host.clock = now;
        host.node = idle(index, &host.machine);
    }

    /// Seconds until what a machine sends is sent.
    pub fn backlog(&self, index: u32) -> f64 {
        let host = &self.hosts[index as usize];
        (host.network - host.clock).max(0.0)
    }

    /// By how much a job is slowed on a machine, for all that run there: 1 on an idle standard processor.
    pub fn crowding(&self, index: u32) -> f64 {
        let host = &self.hosts[index as usize];
        host.here.len() as f64 / (host.machine.speed * f64::from(host.machine.cpus))
    }
}

fn idle(index: u32, machine: &Machine) -> Node {
    Node {
        id: id(index),
        cpus: machine.cpus,
        status: status::UP,
        speed: (machine.speed * f64::from(STANDARD_SPEED)) as u32,
        slots: NO_LIMIT,
        state: State::Under,
        mem: machine.memory * MIB,
        rmem: index.into(),
        tmem: machine.memory * MIB,
        ..Node::default()
    }
}
