// SPDX-License-Identifier: GPL-2.0-only

//! What must hold of balancing whatever the seed, at 10, 100 and 1000 nodes: short runs, so that they pass without optimization
//! too.

use omcore::balance::node::status;
use omsim::measure::Outcome;
use omsim::report::usual;
use omsim::run::{run, Plan, Policy};
use omsim::trace::Arrivals;
use proc_hpc::value::Status;

fn short(nodes: usize, policy: Policy) -> Plan {
    let (warmup, seconds) = if nodes >= 1000 { (20, 40) } else { (30, 120) };
    let mut plan = Plan { warmup, seconds, ..usual(nodes, policy, 7) };
    plan.work.arrivals = Arrivals::Steady;
    plan
}

fn outcome(plan: &Plan) -> Outcome {
    run(plan, |_| {})
}

#[test]
fn balancing_helps_much_and_costs_few_moves_and_messages_however_many_nodes() {
    for nodes in [10, 100, 1000] {
        let none = outcome(&short(nodes, Policy::None));
        let cost = outcome(&short(nodes, Policy::Cost));
        let greedy = outcome(&short(nodes, Policy::Greedy));
        assert_eq!((none.jobs, cost.jobs), (greedy.jobs, none.jobs), "the same work");
        assert!(cost.slowdown < none.slowdown * 0.6, "{nodes}: {} for {}", cost.slowdown, none.slowdown);
        assert!(cost.slowdown < greedy.slowdown * 1.25, "{nodes}: {} for {}", cost.slowdown, greedy.slowdown);
        assert!(cost.moves_per_job < 2.0, "{nodes}: {}", cost.moves_per_job);
        // The bound of Assign-U is O(log n).
        assert!(f64::from(cost.moves_most) < 4.0 + 2.0 * cost.log2_nodes, "{nodes}: {}", cost.moves_most);
        assert!(cost.messages < 2.0 + 4.0, "{nodes}: {}", cost.messages);
    }
}

#[test]
fn no_job_of_few_nodes_moves_more_often_than_the_doubling_residence_allows() {
    for seed in 1..5 {
        let plan = Plan { warmup: 30, seconds: 900, ..usual(30, Policy::Cost, seed) };
        let most = outcome(&plan).moves_most;
        // The most moves in 930 s: out and home by turns, every second one after 10, 40, 160, 640 s, the others after 5.
        assert!(most > 2 && most <= 10, "seed {seed}: {most}");
    }
}

#[test]
fn the_same_seed_gives_the_same_run_and_another_seed_another() {
    let one = outcome(&short(50, Policy::Cost));
    let two = outcome(&short(50, Policy::Cost));
    assert_eq!((one.slowdown, one.messages, one.history.clone()), (two.slowdown, two.messages, two.history));
    assert_ne!(one.slowdown, outcome(&Plan { seed: 8, ..short(50, Policy::Cost) }).slowdown);
}

#[test]
fn lost_messages_and_dead_nodes_do_little_harm() {
    let whole = outcome(&short(100, Policy::Cost));
    let lossy = outcome(&Plan { loss: 0.2, ..short(100, Policy::Cost) });
    assert!(lossy.slowdown < whole.slowdown * 1.2, "{} for {}", lossy.slowdown, whole.slowdown);
    let dying = outcome(&Plan { deaths: 6.0, ..short(100, Policy::Cost) });
    assert!(dying.lost > 0 && dying.noticed_most <= 22.0, "{dying:?}");
    let apart = outcome(&Plan { partition: Some((60, 90)), ..short(100, Policy::Cost) });
    assert!(apart.slowdown < whole.slowdown * 1.3, "{} for {}", apart.slowdown, whole.slowdown);
}

#[test]
fn thresholds_help_too_and_are_told_of_only_when_they_are_crossed() {
    let none = outcome(&short(100, Policy::None));
    let thresholds = outcome(&short(100, Policy::Thresholds));
    assert!(thresholds.slowdown < none.slowdown * 0.7, "{} for {}", thresholds.slowdown, none.slowdown);
    assert!(thresholds.messages < 2.0);
}

#[test]
fn the_bits_of_a_status_are_those_of_the_file() {
    assert_eq!(
        (status::UP, status::BLOCK, status::STAY, status::LSTAY),
        (Status::UP, Status::BLOCK, Status::STAY, Status::LSTAY)
    );
}
