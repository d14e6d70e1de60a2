// SPDX-License-Identifier: GPL-2.0-only

//! One period of one node under the policy "cost".

use crate::cluster::id;
use crate::run::Run;
use omcore::balance::admit::{admit, Limits, Refusal, Request, Shares};
use omcore::balance::choose::{Choice, Settings};
use omcore::balance::evict::{evict, Guest};
use omcore::balance::gossip::{ASK, IN_NEED};
use omcore::balance::node::{Candidate, Node};
use omcore::balance::usher::decide;

const MIB: u64 = 1 << 20;

/// Decides until nothing is worth while or enough was done.
pub fn balance(run: &mut Run, index: u32) {
    send_home(run, index);
    if run.cluster.hosts[index as usize].own.is_empty() {
        return;
    }
    let now_ms = (run.now * 1000.0) as u64;
    if run.cluster.hosts[index as usize].node.crowding() >= IN_NEED {
        for _ in 0..ASK {
            let to = run.rng.below(run.plan.nodes) as u32;
            // A query says the asker's load, and its answer says the other's.
            if to != index && run.tell(index, to) {
                run.cluster.refresh(to);
                run.tell(to, index);
            }
        }
    }
    let host = &run.cluster.hosts[index as usize];
    let mut known: Vec<Node> = host.window.nodes(now_ms).filter(|n| n.rmem != u64::from(index)).collect();
    let mut jobs: Vec<Candidate> = Vec::with_capacity(host.own.len());
    for &key in &host.own {
        jobs.push(run.cluster.candidate(key, run.now));
        let at = run.cluster.jobs[key as usize].at;
        if at != index && !known.iter().any(|n| n.id == id(at)) {
            // The host's load comes with its report on the guest, each second.
            known.push(Node { age_ms: 1000, ..run.cluster.hosts[at as usize].node });
        }
    }
    for _ in 0..run.plan.burst {
        if run.cluster.backlog(index) > run.plan.backlog {
            return;
        }
        run.cluster.refresh(index);
        let own = run.cluster.hosts[index as usize].node;
        let settings = Settings { dice: run.rng.bits() as u32, ..run.plan.settings };
        let others = || known.iter().copied();
        let Some(choice) = decide(&own, others(), jobs.iter().copied(), &settings) else { return };
        let to = match known.iter().find(|n| n.id == choice.to) {
            _ if choice.to == own.id => index,
            Some(node) => node.rmem as u32,
            None => return,
        };
        let Some(job) = jobs.iter_mut().find(|j| j.key == choice.key) else { return };
        job.stay = true;
        let memory = job.memory;
        if to != index && !ask(run, index, to, memory, &choice, &mut known) {
            continue;
        }
        let from = run.cluster.jobs[choice.key as usize].at;
        run.send(choice.key as u32, to);
        if from == index {
            run.cluster.hosts[index as usize].meter.left(choice.demand);
        }
        run.cluster.hosts[index as usize].window.expect(choice.to, memory);
        if let Some(node) = known.iter_mut().find(|n| n.id == choice.to) {
            node.expect(memory);
        }
    }
}

/// Asks the target. A refusal says its load of this moment, which is news.
fn ask(run: &mut Run, index: u32, to: u32, memory: u64, choice: &Choice, known: &mut Vec<Node>) -> bool {
    let now_ms = (run.now * 1000.0) as u64;
    if !run.reaches(index, to) {
        run.asked(false);
        let host = &mut run.cluster.hosts[index as usize];
        host.window.remove(choice.to);
        host.uplist.remove(choice.to);
        known.retain(|n| n.id != choice.to);
        return false;
    }
    let state = run.cluster.asked(to);
    let request =
        Request { memory, load: choice.demand, home: id(index), limit: choice.limit, by_command: false };
    let answer: Result<(), Refusal> = admit(&state, &request);
    run.asked(answer.is_ok());
    if answer.is_err() {
        run.cluster.hosts[index as usize].window.put(state.node, now_ms);
        if let Some(node) = known.iter_mut().find(|n| n.id == choice.to) {
            *node = state.node;
        }
    }
    answer.is_ok()
}

fn send_home(run: &mut Run, index: u32) {
    run.cluster.refresh(index);
    let cluster = &run.cluster;
    let host = &cluster.hosts[index as usize];
    if host.node.mem >= host.node.tmem / 20 {
        return;
    }
    let guests: Vec<Guest> = host
        .here
        .iter()
        .filter(|&&key| cluster.jobs[key as usize].home != index)
        .map(|&key| {
            let job = &cluster.jobs[key as usize];
            let here_ms = ((run.now - job.came) * 1000.0) as u64;
            Guest {
                key: key.into(),
                memory: job.memory * MIB,
                load: job.stats.cpu(),
                here_ms,
                leaving: false,
            }
        })
        .collect();
    if let Some((key, _)) = evict(&host.node, guests.into_iter(), &Limits::default(), &Shares::default()) {
        let home = cluster.jobs[key as usize].home;
        if run.reaches(index, home) {
            run.send(key as u32, home);
        }
    }
}
