// SPDX-License-Identifier: GPL-2.0-only

//! What cannot be built: every node's load is known everywhere at once. "Greedy" moves jobs after they began, and a move takes
//! its time, as in the module. "Ideal" places them as they begin and moves them for nothing: a bound that nothing
//! reaches. For both, a job whose calls cost more than half its work stays home.

use crate::cluster::{Cluster, Job};
use crate::run::{Policy, Run};
use crate::trace::Arrival;
use omcore::balance::cost::Comm;
use omcore::balance::load::altload;
use std::collections::BTreeSet;

/// All nodes by what a further job costs there.
#[derive(Default)]
pub struct Order {
    by_cost: BTreeSet<(u64, u32)>,
    cost: Vec<u64>,
}

/// The time of a unit of work on a node with so many jobs, finer than the module's integers need it.
fn cost(cluster: &Cluster, index: u32, jobs: usize) -> u64 {
    let host = &cluster.hosts[index as usize];
    if !host.up {
        return u64::MAX;
    }
    let alone = (10_000.0 / host.machine.speed) as u32;
    let load = (10_000.0 * jobs as f64 / host.machine.speed / f64::from(host.machine.cpus)) as u32;
    let full = host.used + host.promised + 512 > host.machine.memory;
    altload(load, alone, host.machine.cpus) + if full { 1 << 40 } else { 0 }
}

impl Order {
    /// Of these.
    pub fn new(cluster: &Cluster) -> Self {
        let cost: Vec<u64> = (0..cluster.hosts.len() as u32).map(|i| cost(cluster, i, 1)).collect();
        let by_cost = cost.iter().enumerate().map(|(i, &c)| (c, i as u32)).collect();
        Order { by_cost, cost }
    }

    /// After a change on a node.
    pub fn update(&mut self, cluster: &Cluster, index: u32) {
        if let Some(old) = self.cost.get_mut(index as usize) {
            let new = cost(cluster, index, cluster.hosts[index as usize].jobs() + 1);
            if new != *old {
                self.by_cost.remove(&(*old, index));
                self.by_cost.insert((new, index));
                *old = new;
            }
        }
    }

    fn best(&self) -> Option<(u64, u32)> {
        self.by_cost.first().copied()
    }
}

fn calls_bound(cluster: &Cluster, calls: f64) -> bool {
    cluster.costs.away(&Comm { calls: calls as u64, ..Comm::default() }, 1, 0) > 500_000_000
}

/// Where a job begins.
pub fn place(run: &mut Run, job: &Arrival) -> u32 {
    let home = run.cluster.hosts[job.node as usize].jobs() + 1;
    let here = cost(&run.cluster, job.node, home);
    match run.order.best() {
        Some((least, at)) if least < here && !calls_bound(&run.cluster, job.calls) => at,
        _ => job.node,
    }
}

/// Moves jobs until none gains.
pub fn balance(run: &mut Run) {
    for index in 0..run.plan.nodes as u32 {
        run.order.update(&run.cluster, index);
    }
    for index in 0..run.plan.nodes as u32 {
        let mut keys = run.cluster.hosts[index as usize].here.clone();
        keys.retain(|&key| !calls_bound(&run.cluster, run.cluster.jobs[key as usize].calls));
        loop {
            let here = cost(&run.cluster, index, run.cluster.hosts[index as usize].jobs());
            let Some((least, to)) = run.order.best() else { break };
            if least >= here || !run.reaches(index, to) {
                break;
            }
            let saved = (here - least) as f64 / here as f64;
            // What it will have gained at its present age, without the way.
            let gain = |key: u32| {
                let job = &run.cluster.jobs[key as usize];
                (run.now - job.began) * saved - way(&run.cluster, job)
            };
            let Some(at) = (0..keys.len()).max_by(|&a, &b| gain(keys[a]).total_cmp(&gain(keys[b]))) else {
                break;
            };
            if run.plan.policy == Policy::Greedy && gain(keys[at]) < 0.0 {
                break;
            }
            let key = keys.swap_remove(at);
            if run.plan.policy == Policy::Ideal {
                let now = run.now;
                run.cluster.leave(key, to, now);
                let began = run.cluster.jobs[key as usize].began;
                run.cluster.land(key, began, now);
            } else {
                run.send(key, to);
            }
            run.order.update(&run.cluster, index);
            run.order.update(&run.cluster, to);
        }
    }
}

/// Seconds until it would be there, behind what goes already.
fn way(cluster: &Cluster, job: &Job) -> f64 {
    cluster.backlog(job.at) + cluster.costs.moving_ms(job.memory << 20, 1, 0) as f64 / 1000.0
}
