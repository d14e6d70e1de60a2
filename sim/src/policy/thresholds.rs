// SPDX-License-Identifier: GPL-2.0-only

//! One period of one node under the policy "thresholds".

use crate::cluster::id;
use crate::run::Run;
use omcore::balance::choose::Settings;
use omcore::balance::node::{status, Node};
use omcore::balance::thresholds::{preferred, takes, transfer, State, Victim};

/// Nodes that each is associated with.
const ASSOCIATED: u32 = 10;

/// Counts, tells its associated nodes when its state changed, and gives what is too much.
pub fn balance(run: &mut Run, index: u32) {
    let nodes = run.plan.nodes as u32;
    // For other than 2^k nodes a ring, which is cheap to compute for any number of them.
    let ring = if nodes.is_power_of_two() && nodes > 1024 { nodes - 1 } else { nodes };
    let list: Vec<u32> =
        (0..ASSOCIATED).filter_map(|place| preferred(index.min(ring - 1), ring, place)).collect();
    tell(run, index, &list);
    for _ in 0..run.plan.burst {
        let now_ms = (run.now * 1000.0) as u64;
        let running = count(run, index);
        let t = run.plan.thresholds;
        if t.state(running) != State::Over {
            break;
        }
        let host = &run.cluster.hosts[index as usize];
        let others: Vec<Node> = list
            .iter()
            .map(|&n| match host.window.of(id(n), now_ms) {
                Some(node) => node,
                // Who never said anything has room.
                None => {
                    Node { state: State::Under, status: status::UP, ..run.cluster.hosts[n as usize].node }
                }
            })
            .collect();
        let jobs: Vec<_> = host
            .own
            .iter()
            .filter(|&&key| !run.cluster.jobs[key as usize].moving)
            .map(|&key| {
                let candidate = run.cluster.candidate(key, run.now);
                (candidate, run.cluster.jobs[key as usize].stats.cpu_ms())
            })
            .collect();
        let settings = Settings { dice: 0, ..run.plan.settings };
        let own = host.node;
        let found =
            transfer(&own, running, &t, others.into_iter(), jobs.into_iter(), Victim::MostTime, &settings);
        let Some(choice) = found else { break };
        let Some(&to) = list.iter().find(|&&n| id(n) == choice.to) else { break };
        let there = count(run, to);
        let told = run.cluster.hosts[to as usize].watch.told();
        let taken = run.reaches(index, to) && takes(t.state(there), told);
        run.asked(taken);
        if taken {
            run.send(choice.key as u32, to);
            run.cluster.hosts[index as usize].meter.left(choice.demand);
            let after = t.state(count(run, to));
            run.cluster.hosts[to as usize].watch.step(after);
            run.cluster.refresh(to);
        }
        // The answer says the state.
        let node = Node {
            state: run.cluster.hosts[to as usize].watch.told(),
            ..run.cluster.hosts[to as usize].node
        };
        let node = if run.reaches(index, to) { node } else { Node { state: State::Full, ..node } };
        run.cluster.hosts[index as usize].window.put(node, now_ms);
    }
    tell(run, index, &list);
}

fn count(run: &Run, index: u32) -> u32 {
    let host = &run.cluster.hosts[index as usize];
    host.here.len() as u32 + host.meter.coming_in()
}

fn tell(run: &mut Run, index: u32, list: &[u32]) {
    let state = run.plan.thresholds.state(count(run, index));
    let before = run.cluster.hosts[index as usize].watch.told();
    run.cluster.hosts[index as usize].watch.step(state);
    let changed = run.cluster.hosts[index as usize].watch.told() != before;
    run.cluster.refresh(index);
    if changed {
        for &to in list {
            run.tell(index, to);
        }
    }
}
