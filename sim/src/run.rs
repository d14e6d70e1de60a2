// SPDX-License-Identifier: GPL-2.0-only

//! One run: arrivals, periods, messages, moves, deaths.
//!
//! Time goes in periods of a second. Within one, jobs begin, end and land at their exact times. At its end every node measures, and
//! then, one after the other, beginning at another one each time, decides and tells. What a node knows of others is what
//! their messages said, so it is up to a dozen seconds old.

use crate::cluster::{id, Cluster};
use crate::measure::{Outcome, Slowdowns};
use crate::policy;
use crate::rng::Rng;
use crate::trace::{machines, Trace, Workload};
use omcore::balance::choose::Settings;
use omcore::balance::gossip::whom;
use omcore::balance::message::{LEN, TAG};
use omcore::balance::node::Node;
use omcore::balance::thresholds::Thresholds;
use serde::Serialize;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Bytes of a load message on the network: IPv4 and UDP headers, body, tag.
const MESSAGE: usize = 28 + LEN + TAG;
/// Deaths that are followed until nobody counts on the node any more.
const FOLLOWED: usize = 8;

/// Who decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Policy {
    /// Nobody: jobs stay where they begin.
    None,
    /// The module's policy "cost".
    Cost,
    /// The module's policy "thresholds".
    Thresholds,
    /// Knows everything at once; its moves take as long as the module's.
    Greedy,
    /// Knows everything at once, places jobs as they begin and moves them for nothing.
    Ideal,
}

impl Policy {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Policy::None => "none",
            Policy::Cost => "cost",
            Policy::Thresholds => "thresholds",
            Policy::Greedy => "greedy",
            Policy::Ideal => "ideal",
        }
    }
}

/// All that a run depends on.
#[derive(Clone, Debug, Serialize)]
pub struct Plan {
    /// Nodes.
    pub nodes: usize,
    /// Seconds that jobs arrive for.
    pub seconds: u32,
    /// Seconds before these that are not measured.
    pub warmup: u32,
    /// Random numbers come from it.
    pub seed: u64,
    /// Who decides.
    pub policy: Policy,
    /// The jobs.
    pub work: Workload,
    /// Part of the messages that is lost.
    pub loss: f64,
    /// Times per hour that each node dies; it is back after 30 s.
    pub deaths: f64,
    /// The two halves of the cluster hear nothing of each other from the first to the second time, in s.
    pub partition: Option<(u32, u32)>,
    /// Most moves that one node begins in a period.
    pub burst: u32,
    /// Seconds of sending that are under way when a node begins no further move.
    pub backlog: f64,
    /// The rules of policy "cost".
    #[serde(skip)]
    pub settings: Settings,
    /// The rules of policy "thresholds".
    #[serde(skip)]
    pub thresholds: Thresholds,
}

/// A job on its way: when it lands, its key, when it began.
type Landing = Reverse<(u64, u32, u64)>;

/// A run under way.
pub struct Run {
    /// Its plan.
    pub plan: Plan,
    /// The machines.
    pub cluster: Cluster,
    /// Whose dice.
    pub rng: Rng,
    /// Time, in s.
    pub now: f64,
    /// Policy "greedy": all nodes in order.
    pub order: policy::greedy::Order,
    landings: BinaryHeap<Landing>,
    sent: u64,
    got: Vec<u32>,
    got_most: u32,
    asked: u64,
    refused: u64,
    lost: usize,
    down: Vec<(u32, f64)>,
    dead: Vec<(u32, f64, f64)>,
    noticed: Vec<f64>,
    back: Vec<(u32, f64)>,
    known: Vec<f64>,
}

impl Run {
    fn new(plan: &Plan) -> Self {
        let machines = machines(plan.nodes, &plan.work, plan.seed);
        let mut cluster = Cluster::new(&machines);
        cluster.costs = plan.settings.costs;
        Run {
            plan: plan.clone(),
            cluster,
            rng: Rng::new(plan.seed, 4),
            now: 0.0,
            order: policy::greedy::Order::default(),
            landings: BinaryHeap::new(),
            sent: 0,
            got: vec![0; plan.nodes],
            got_most: 0,
            asked: 0,
            refused: 0,
            lost: 0,
            down: Vec::new(),
            dead: Vec::new(),
            noticed: Vec::new(),
            back: Vec::new(),
            known: Vec::new(),
        }
    }

    /// Whether what one node sends reaches another just now, apart from chance.
    pub fn reaches(&self, from: u32, to: u32) -> bool {
        let half = self.plan.nodes as u32 / 2;
        let apart = self
            .plan
            .partition
            .is_some_and(|(begin, end)| (f64::from(begin)..f64::from(end)).contains(&self.now));
        self.cluster.hosts[to as usize].up && !(apart && (from < half) != (to < half))
    }

    /// A load message. Whether it arrived.
    pub fn tell(&mut self, from: u32, to: u32) -> bool {
        self.sent += 1;
        if !self.reaches(from, to) || self.rng.chance(self.plan.loss) {
            return false;
        }
        self.got[to as usize] += 1;
        let node = self.cluster.hosts[from as usize].node;
        let host = &mut self.cluster.hosts[to as usize];
        host.window.put(node, (self.now * 1000.0) as u64);
        host.uplist.heard(node.id);
        true
    }

    /// Books a request to take a job, and its refusal.
    pub fn asked(&mut self, taken: bool) {
        self.asked += 1;
        self.refused += u64::from(!taken);
    }

    /// A job goes.
    pub fn send(&mut self, key: u32, to: u32) {
        let lands = self.cluster.leave(key, to, self.now);
        self.cluster.hosts[to as usize].meter.coming();
        let began = self.cluster.jobs[key as usize].began;
        self.landings.push(Reverse((lands.to_bits(), key, began.to_bits())));
    }

    fn period(&mut self, trace: &mut Trace, arriving: bool) {
        let end = self.now + 1.0;
        let mut arrival = if arriving { trace.before(end) } else { None };
        loop {
            let begins = arrival.map_or(f64::INFINITY, |a| a.time);
            let lands =
                self.landings.peek().map_or(f64::INFINITY, |Reverse((time, ..))| f64::from_bits(*time));
            if begins.min(lands) >= end {
                break;
            }
            if lands < begins {
                if let Some(Reverse((_, key, began))) = self.landings.pop() {
                    if self.cluster.land(key, f64::from_bits(began), lands) {
                        let at = self.cluster.jobs[key as usize].at;
                        self.cluster.hosts[at as usize].meter.came(true);
                    }
                }
            } else if let Some(job) = arrival {
                if self.cluster.hosts[job.node as usize].up {
                    let at = match self.plan.policy {
                        Policy::Ideal => policy::greedy::place(self, &job),
                        _ => job.node,
                    };
                    self.cluster.begin(&job, at);
                    self.order.update(&self.cluster, at);
                }
                arrival = trace.before(end);
            }
        }
        self.now = end;
        for index in 0..self.plan.nodes as u32 {
            if self.cluster.hosts[index as usize].up {
                self.cluster.advance(index, end);
                self.cluster.measure(index, end, 1.0);
            }
        }
        self.deaths();
        let first = self.rng.below(self.plan.nodes) as u32;
        let nodes = self.plan.nodes as u32;
        if matches!(self.plan.policy, Policy::Greedy | Policy::Ideal) {
            policy::greedy::balance(self);
            return;
        }
        for index in (first..nodes).chain(0..first) {
            if !self.cluster.hosts[index as usize].up {
                continue;
            }
            match self.plan.policy {
                Policy::Cost => {
                    policy::cost::balance(self, index);
                    self.gossip(index);
                }
                Policy::Thresholds => policy::thresholds::balance(self, index),
                Policy::None | Policy::Greedy | Policy::Ideal => {}
            }
        }
        self.got_most = self.got_most.max(self.got.iter().copied().max().unwrap_or(0));
        self.got.fill(0);
    }

    /// Two messages.
    fn gossip(&mut self, index: u32) {
        let nodes = self.plan.nodes as u32;
        let dice = [self.rng.bits() as u32, self.rng.bits() as u32];
        let other = |n: u32| Some(if n < index { n } else { n + 1 });
        self.cluster.refresh(index);
        let uplist = &mut self.cluster.hosts[index as usize].uplist;
        uplist.period(nodes);
        // By index for the first, by id for the second.
        let any = dice[0].checked_rem(nodes - 1).and_then(other);
        let [_, live] = whom(nodes - 1, |n| other(n).map(id), uplist, dice);
        if let Some(to) = any {
            self.tell(index, to);
        }
        if let Some(to) = live.and_then(|live| self.index(live)) {
            if to != index && !self.tell(index, to) && !self.reaches(index, to) {
                // The send fails or nothing answers there: the manual's not_responding().
                let host = &mut self.cluster.hosts[index as usize];
                host.uplist.remove(id(to));
            }
        }
    }

    /// One of the nodes with this id.
    fn index(&mut self, id: u16) -> Option<u32> {
        let first = u32::from(id) - 1;
        let others = (self.plan.nodes as u32).checked_sub(first + 1)? / 65_535;
        Some(first + 65_535 * self.rng.below(others as usize + 1) as u32)
    }

    fn deaths(&mut self) {
        let now = self.now;
        for (index, died) in std::mem::take(&mut self.down) {
            if now >= died + 30.0 {
                self.cluster.rise(index, now);
                self.order.update(&self.cluster, index);
                self.back.push((index, now));
            } else {
                self.down.push((index, died));
            }
        }
        if self.plan.deaths > 0.0 {
            let chance = self.plan.deaths / 3600.0;
            for index in 0..self.plan.nodes as u32 {
                if self.cluster.hosts[index as usize].up && self.rng.chance(chance) {
                    self.lost += self.cluster.die(index, now);
                    self.order.update(&self.cluster, index);
                    self.down.push((index, now));
                    if self.dead.len() < FOLLOWED {
                        self.dead.push((index, now, now));
                    }
                }
            }
        }
        // Who still counts on the dead? Who knows of those that came back?
        let stale = u64::from(self.plan.settings.stale_ms);
        let at = (now * 1000.0) as u64;
        let hosts = &self.cluster.hosts;
        let knows = |index: u32, since: f64| {
            let since = (since * 1000.0) as u64;
            hosts.iter().filter(|h| h.up).any(|h| {
                h.window.nodes(at).any(|n: Node| {
                    n.rmem == u64::from(index)
                        && u64::from(n.age_ms) <= stale
                        && at - u64::from(n.age_ms) >= since
                })
            })
        };
        let (mut noticed, mut known) = (Vec::new(), Vec::new());
        self.dead.retain_mut(|(index, died, last)| {
            if hosts[*index as usize].up {
                noticed.push(*last + 1.0 - *died);
                false
            } else if knows(*index, 0.0) {
                *last = now;
                true
            } else {
                noticed.push(*last + 1.0 - *died);
                false
            }
        });
        self.back.truncate(FOLLOWED);
        self.back.retain(|&(index, since)| {
            let knows = knows(index, since);
            if knows {
                known.push(now - since);
            }
            !knows && hosts[index as usize].up
        });
        self.noticed.extend(noticed);
        self.known.extend(known);
    }
}

/// Runs a plan. `progress` is called after each period with its number.
pub fn run(plan: &Plan, mut progress: impl FnMut(u32)) -> Outcome {
    let started = std::time::Instant::now();
    let mut run = Run::new(plan);
    let machines: Vec<_> = run.cluster.hosts.iter().map(|h| h.machine).collect();
    let mut trace = Trace::new(&machines, plan.work, plan.seed);
    if matches!(plan.policy, Policy::Greedy | Policy::Ideal) {
        run.order = policy::greedy::Order::new(&run.cluster);
    }
    let mut outcome = Outcome {
        policy: plan.policy.name().to_owned(),
        nodes: plan.nodes,
        log2_nodes: (plan.nodes as f64).log2(),
        ..Outcome::default()
    };
    let mut slowdowns = Slowdowns::default();
    let warm = f64::from(plan.warmup);
    let arriving = plan.warmup + plan.seconds;
    // Half as long again, so that most jobs are seen to their end.
    let periods = arriving + arriving / 2;
    let (mut samples, mut sent) = (0.0, 0);
    for period in 0..periods {
        run.period(&mut trace, period < arriving);
        for job in run.cluster.ended.drain(..).filter(|j| j.began >= warm) {
            slowdowns.add(job.time - job.began, job.ideal, job.moves);
        }
        if period == plan.warmup {
            sent = run.sent;
            (run.asked, run.refused) = (0, 0);
        }
        if period >= plan.warmup && period < arriving {
            samples += 1.0;
            sample(&run.cluster, &mut outcome);
        }
        if period + 1 == arriving {
            outcome.messages = (run.sent - sent) as f64 / plan.nodes as f64 / f64::from(plan.seconds);
        }
        progress(period + 1);
    }
    for job in run.cluster.live().filter(|j| j.began >= warm) {
        let did = (job.size - job.left) * (1.0 + job.wait);
        slowdowns.add(run.now - job.began, did.max(0.1), job.moves);
    }
    slowdowns.report(&mut outcome);
    for sum in [
        &mut outcome.crowding_max,
        &mut outcome.crowding_mean,
        &mut outcome.crowding_deviation,
        &mut outcome.wasted,
    ] {
        *sum /= f64::max(samples, 1.0);
    }
    outcome.bytes = outcome.messages * MESSAGE as f64;
    outcome.messages_most = run.got_most;
    outcome.refused = 100.0 * run.refused as f64 / run.asked.max(1) as f64;
    let mean = |v: &[f64]| v.iter().sum::<f64>().max(0.0) / v.len().max(1) as f64;
    outcome.noticed_mean = mean(&run.noticed);
    outcome.noticed_most = run.noticed.iter().copied().fold(0.0, f64::max);
    outcome.known_again = mean(&run.known);
    outcome.lost = run.lost;
    outcome.took = started.elapsed().as_secs_f64();
    outcome
}

fn sample(cluster: &Cluster, outcome: &mut Outcome) {
    let (mut sum, mut squares, mut most, mut up) = (0.0, 0.0, 0.0f64, 0.0);
    let (mut idle, mut waiting, mut capacity) = (0.0, 0.0, 0.0);
    for (index, host) in cluster.hosts.iter().enumerate().filter(|(_, h)| h.up) {
        let crowding = cluster.crowding(index as u32);
        (sum, squares, most, up) =
            (sum + crowding, squares + crowding * crowding, most.max(crowding), up + 1.0);
        let (cpus, jobs) = (f64::from(host.machine.cpus), host.here.len() as f64);
        capacity += cpus;
        idle += (cpus - jobs).max(0.0);
        waiting += (jobs - cpus).max(0.0);
    }
    let mean = sum / f64::max(up, 1.0);
    outcome.crowding_max += most;
    outcome.crowding_mean += mean;
    outcome.crowding_deviation += (squares / f64::max(up, 1.0) - mean * mean).max(0.0).sqrt();
    outcome.wasted += 100.0 * f64::min(idle, waiting) / f64::max(capacity, 1.0);
    outcome.history.push((most, mean));
}
