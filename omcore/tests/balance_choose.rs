// SPDX-License-Identifier: GPL-2.0-only

//! The policy "cost", with the numbers of its sources, and in a closed loop of a few nodes.

use omcore::balance::choose::{best_for, choose, Reason, Settings};
use omcore::balance::cost::Comm;
use omcore::balance::load::{altload, Meter, Sample};
use omcore::balance::node::{status, Candidate, Hint, Node, Place, NO_LIMIT};
use omcore::balance::{share, UNIT};
use proptest::prelude::*;

const GIB: u64 = 1 << 30;
const MIB: u64 = 1 << 20;

fn node(id: u16, running: u32, speed: u32, cpus: u16) -> Node {
    Node {
        id,
        cpus,
        status: status::UP,
        load: share(UNIT * running, speed, cpus),
        upload: share(UNIT * running, speed, cpus) + share(UNIT + 2, speed, cpus),
        speed,
        slots: NO_LIMIT,
        mem: 3 * GIB,
        rmem: 3 * GIB,
        tmem: 4 * GIB,
        ..Node::default()
    }
}

fn job(key: u64, place: Place, load: u32) -> Candidate {
    Candidate {
        key,
        place,
        cpu: load * 100,
        wanted: 10_000,
        tasks: 1,
        memory: 30 * MIB,
        age_ms: 60_000,
        here_ms: 60_000,
        ..Candidate::default()
    }
}

/// Nodes with jobs; everything is known at once. Returns how many run on each at the end, and the number of moves.
fn settle(capacity: &[(u32, u16)], home: usize, jobs: u32) -> (Vec<u32>, u32) {
    let mut at = vec![home; jobs as usize];
    let mut moves = 0;
    for _ in 0..200 {
        let count = |n: usize| at.iter().filter(|&&a| a == n).count() as u32;
        let nodes: Vec<Node> = capacity
            .iter()
            .enumerate()
            .map(|(n, &(speed, cpus))| node(n as u16 + 1, count(n), speed, cpus))
            .collect();
        let candidates = at.iter().enumerate().map(|(key, &a)| {
            let load = (100 * u32::from(capacity[a].1) / count(a)).min(100);
            job(key as u64, if a == home { Place::Here } else { Place::At(a as u16 + 1) }, load)
        });
        let others = nodes.iter().copied().filter(|n| n.id != home as u16 + 1);
        let Some(choice) = choose(&nodes[home], others, candidates, &Settings::default()) else { break };
        at[choice.key as usize] = choice.to as usize - 1;
        moves += 1;
    }
    ((0..capacity.len()).map(|n| at.iter().filter(|&&a| a == n).count() as u32).collect(), moves)
}

#[test]
fn the_loads_of_the_manual() {
    // One processor: alone 1, then 3, 5, 7: what m² grows by.
    let of = |m: u32| altload(m * 100, 100, 1);
    assert_eq!([of(0), of(1), of(2), of(3), of(4)], [100, 100, 300, 500, 700]);
    // Four processors: a newcomer slows nobody until they are all taken.
    let of = |m: u32| altload(m * 25, 100, 4);
    assert_eq!([of(1), of(4), of(5), of(6)], [100, 100, 225, 275]);
    // It never falls as the load rises.
    for cpus in 1..9 {
        for load in 0..1000 {
            assert!(altload(load, 70, cpus) <= altload(load + 1, 70, cpus), "{cpus} {load}");
        }
    }
}

#[test]
fn four_jobs_on_two_nodes_become_two_and_two_with_two_moves() {
    assert_eq!(settle(&[(10_000, 1), (10_000, 1)], 0, 4), (vec![2, 2], 2));
    assert_eq!(settle(&[(10_000, 1), (10_000, 1)], 0, 3), (vec![2, 1], 1));
    assert_eq!(settle(&[(10_000, 1), (10_000, 1)], 0, 2), (vec![1, 1], 1));
    assert_eq!(settle(&[(10_000, 1), (10_000, 1)], 0, 1), (vec![1, 0], 0));
}

#[test]
fn six_jobs_on_unequal_nodes_find_the_best_split() {
    // The machines of the thesis: 2 GHz and 1 GHz. All are done soonest with 4 and 2.
    assert_eq!(settle(&[(20_000, 1), (10_000, 1)], 0, 6), (vec![4, 2], 2));
    assert_eq!(settle(&[(20_000, 1), (10_000, 1)], 1, 6), (vec![4, 2], 4));
    // Two processors and one, the same speed.
    assert_eq!(settle(&[(10_000, 2), (10_000, 1)], 0, 6), (vec![4, 2], 2));
    // A job goes to the fast node that is idle, not to the slow one; the other is alone then, and stays.
    assert_eq!(settle(&[(10_000, 1), (5000, 1), (20_000, 1)], 0, 2).0, [1, 0, 1]);
}

#[test]
fn many_jobs_spread_evenly() {
    let (at, moves) = settle(&[(10_000, 1); 8], 0, 24);
    assert!(at.iter().all(|&n| (2..=4).contains(&n)), "{at:?}");
    assert!(moves <= 24, "{moves}");
}

fn loaded() -> (Node, [Node; 1]) {
    (node(1, 4, 10_000, 1), [node(2, 0, 10_000, 1)])
}

#[test]
fn jobs_that_live_on_their_calls_stay_and_come_home() {
    let (own, others) = loaded();
    let s = Settings::default();
    // A tenth of the time is computing, the rest calls; it makes 5000 of them each second.
    let io = Candidate { comm: Comm { calls: 5000, out_kb: 1000, in_kb: 5000 }, ..job(7, Place::Here, 25) };
    assert_eq!(choose(&own, others.into_iter(), [io].into_iter(), &s), None);
    let away = Candidate { place: Place::At(2), ..io };
    let choice = choose(&own, others.into_iter(), [away].into_iter(), &s).unwrap();
    assert_eq!((choice.to, choice.reason), (1, Reason::Calls));
    // The word of the process counts, in both directions.
    let said = Candidate { hint: Hint::Io, ..job(7, Place::Here, 25) };
    assert_eq!(choose(&own, others.into_iter(), [said].into_iter(), &s), None);
    let away = Candidate { place: Place::At(2), ..said };
    let idle = [node(2, 1, 10_000, 1)];
    let own_idle = node(1, 0, 10_000, 1);
    assert_eq!(choose(&own_idle, idle.into_iter(), [away].into_iter(), &s).map(|c| c.to), Some(1));
    let busy = [node(2, 2, 10_000, 1)];
    assert_eq!(choose(&own_idle, busy.into_iter(), [away].into_iter(), &s).map(|c| c.to), Some(1));
}

#[test]
fn nobody_goes_where_nobody_may() {
    let (own, [idle]) = loaded();
    let s = Settings::default();
    let go =
        |own: Node, other: Node, job: Candidate| choose(&own, [other].into_iter(), [job].into_iter(), &s);
    let one = job(1, Place::Here, 25);
    assert!(go(own, idle, one).is_some());
    let blocked = Node { status: status::UP | status::BLOCK, ..idle };
    for other in [
        blocked,
        Node { status: 0, ..idle },
        Node { slots: 0, ..idle },
        Node { age_ms: 60_000, ..idle },
        Node { mem: 100 * MIB, ..idle },
        Node { id: 0, ..idle },
    ] {
        assert_eq!(go(own, other, one), None, "{other:?}");
    }
    for bit in [status::STAY, status::LSTAY] {
        assert_eq!(go(Node { status: own.status | bit, ..own }, idle, one), None);
    }
    for job in [
        Candidate { stay: true, ..one },
        Candidate { here_ms: 1000, ..one },
        Candidate { age_ms: 100, here_ms: 100, ..one },
        Candidate { cpu: 200, wanted: 800, ..one },
    ] {
        assert_eq!(go(own, idle, job), None, "{job:?}");
    }
}

#[test]
fn each_move_lets_it_stay_twice_as_long_but_home_is_open() {
    let (own, [idle]) = loaded();
    let s = Settings::default();
    let go = |moves: u32, here_ms: u64| {
        let job = Candidate { moves, here_ms, age_ms: 10_000_000, ..job(1, Place::Here, 25) };
        choose(&own, [idle].into_iter(), [job].into_iter(), &s).is_some()
    };
    for (moves, least) in [(0, 5000), (1, 5000), (2, 10_000), (3, 20_000), (8, 640_000)] {
        assert!(!go(moves, least - 1), "{moves}");
        assert!(go(moves, least), "{moves}");
    }
    // However often it was moved it comes home when that is free again.
    let (free, slow) = (node(1, 0, 10_000, 1), node(2, 1, 7_000, 1));
    let away = Candidate { moves: u32::MAX, here_ms: 6000, ..job(1, Place::At(2), 100) };
    let better = node(3, 0, 20_000, 1);
    let choice = choose(&free, [slow, better].into_iter(), [away].into_iter(), &s).unwrap();
    assert_eq!((choice.to, choice.reason), (1, Reason::Home));
}

#[test]
fn what_runs_besides_does_not_look_like_a_process_more() {
    // One of three has left in this period; a shell is at work besides.
    for noise in [0, 15, 30] {
        let own = Node { load: 200 + noise, upload: 302 + noise, ..node(1, 2, 10_000, 1) };
        let other = node(2, 1, 10_000, 1);
        let jobs = [job(1, Place::Here, 33)].into_iter();
        assert_eq!(choose(&own, [other].into_iter(), jobs, &Settings::default()), None);
    }
}

#[test]
fn one_that_is_alone_on_a_slow_node_comes_home_to_a_fast_one() {
    let (own, slow) = (node(1, 0, 10_000, 1), node(2, 1, 7_000, 1));
    let away = job(1, Place::At(2), 100);
    let choice = choose(&own, [slow].into_iter(), [away].into_iter(), &Settings::default()).unwrap();
    assert_eq!((choice.to, choice.reason), (1, Reason::Home));
}

#[test]
fn a_request_for_the_best_place_has_a_lower_bar_but_is_never_worse() {
    let (own, [idle]) = loaded();
    let s = Settings::default();
    let young = Candidate { age_ms: 100, here_ms: 50, stay: true, ..job(1, Place::Here, 25) };
    let choice = best_for(&own, [idle].into_iter(), &young, &s).unwrap();
    assert_eq!((choice.to, choice.reason), (2, Reason::Asked));
    let equal = node(2, 3, 10_000, 1);
    assert_eq!(best_for(&own, [equal].into_iter(), &young, &s), None);
}

#[test]
fn a_choice_says_up_to_which_load_it_holds() {
    let (own, [idle]) = loaded();
    let s = Settings::default();
    let choice = choose(&own, [idle].into_iter(), [job(1, Place::Here, 25)].into_iter(), &s).unwrap();
    // With two there already it would be the third and leave three: no gain. With one it is still one.
    assert!(node(2, 1, 10_000, 1).upload <= choice.limit, "{choice:?}");
    assert!(node(2, 3, 10_000, 1).upload > choice.limit, "{choice:?}");
}

#[test]
fn a_meter_shows_a_hundred_for_each_process_and_mends_the_manuals_divisions() {
    let mut meter = Meter::new();
    assert_eq!(meter.period(Sample::default()), meter.loads(), "no ticks");
    let sample = |running: u64, busy: u64| Sample { ticks: 100, running, busy, cpus: 1, speed: 10_000 };
    for running in [1, 3, 7] {
        for _ in 0..40 {
            meter.period(sample(running * 100, 100));
        }
        assert_eq!(u64::from(meter.loads().load), running * 100);
        assert_eq!(meter.loads().util, 100);
        assert_eq!(u64::from(meter.loads().upload), running * 100 + 102);
    }
    // It falls at once, and what is told falls slowly.
    let loads = meter.period(sample(0, 0));
    assert_eq!(loads.load, 0);
    assert!(loads.upload > 600, "{loads:?}");
    for _ in 0..100 {
        meter.period(sample(0, 0));
    }
    let idle = meter.loads();
    assert!(idle.load == 0 && idle.util == 0 && idle.upload < 112, "{idle:?}");
    // It rises slowly, and what is told rises at once; an idle past multiplies nothing.
    let loads = meter.period(sample(400, 100));
    assert_eq!(loads.load, 200);
    assert!((500..=512).contains(&loads.upload), "{loads:?}");
    // Four processors twice as fast: eight times as much for the same.
    let mut fast = Meter::new();
    for _ in 0..40 {
        fast.period(Sample { ticks: 10, running: 80, busy: 40, cpus: 4, speed: 20_000 });
    }
    assert_eq!(fast.loads().load, 100);
}

#[test]
fn who_comes_counts_once_from_the_first_moment() {
    let mut meter = Meter::new();
    let sample = |running: u64| Sample {
        ticks: 10,
        running: running * 10,
        busy: running.min(1) * 10,
        cpus: 1,
        speed: 10_000,
    };
    for _ in 0..20 {
        meter.period(sample(0));
    }
    let idle = meter.loads().upload;
    meter.coming();
    assert_eq!(meter.loads().upload, idle + 100);
    meter.came(false);
    assert_eq!(meter.loads().upload, idle);
    meter.coming();
    for _ in 0..5 {
        meter.period(sample(0));
        assert_eq!(meter.loads().upload, idle + 100, "still on its way");
    }
    meter.came(true);
    for _ in 0..30 {
        meter.period(sample(1));
        assert!((idle + 99..idle + 210).contains(&meter.loads().upload), "{}", meter.loads().upload);
    }
    assert_eq!(meter.loads().upload, 202);
    meter.left(100);
    assert_eq!(meter.loads().load, 0);
    meter.stayed(100);
    assert_eq!(meter.loads().load, 100);
}

#[test]
fn processor_time_that_is_wanted_and_not_had_makes_a_node_look_worse() {
    let mut meter = Meter::new();
    for _ in 0..60 {
        // One process wants to run all the time, and gets half of it: a virtual machine's processor, taken away.
        meter.period(Sample { ticks: 100, running: 100, busy: 50, cpus: 1, speed: 10_000 });
    }
    let loads = meter.loads();
    assert!((190..=200).contains(&loads.load), "{loads:?}");
}

fn any_node() -> impl Strategy<Value = Node> {
    let numbers = (any::<u16>(), any::<u16>(), any::<u32>(), any::<u32>(), any::<u32>(), any::<u32>());
    (numbers, any::<u16>(), any::<u64>(), any::<u64>(), any::<u32>(), any::<bool>()).prop_map(
        |((id, cpus, status, load, upload, speed), slots, mem, tmem, age_ms, usual)| {
            let status = if usual { status::UP } else { status };
            let age_ms = if usual { age_ms % 20_000 } else { age_ms };
            Node { id, cpus, status, load, upload, speed, slots, mem, tmem, age_ms, ..Node::default() }
        },
    )
}

fn any_candidate() -> impl Strategy<Value = Candidate> {
    let numbers = (any::<u32>(), any::<u16>(), any::<u64>(), any::<u64>(), any::<u64>());
    let comm = (any::<u64>(), any::<u64>(), any::<u64>());
    (numbers, comm, prop::option::of(any::<u16>()), any::<u64>()).prop_map(
        |((load, tasks, memory, age_ms, here_ms), (calls, out_kb, in_kb), at, key)| Candidate {
            key,
            place: at.map_or(Place::Here, Place::At),
            cpu: load,
            wanted: load,
            tasks,
            memory,
            comm: Comm { calls, out_kb, in_kb },
            age_ms,
            here_ms,
            ..Candidate::default()
        },
    )
}

proptest! {
    #[test]
    fn no_numbers_make_a_choice_panic(
        own in any_node(), others in prop::collection::vec(any_node(), 0..6),
        jobs in prop::collection::vec(any_candidate(), 0..6), dice in any::<u32>(),
    ) {
        let settings = Settings { dice, ..Settings::default() };
        if let Some(choice) = choose(&own, others.iter().copied(), jobs.iter().copied(), &settings) {
            let job = jobs.iter().find(|j| j.key == choice.key).unwrap();
            prop_assert!(choice.to == own.id || others.iter().any(|n| n.id == choice.to));
            prop_assert!(job.place != Place::At(choice.to));
        }
        for job in &jobs {
            let _ = best_for(&own, others.iter().copied(), job, &settings);
        }
    }

    #[test]
    fn a_meter_never_panics(samples in prop::collection::vec((any::<u32>(), any::<u64>(), any::<u64>(), any::<u16>(), any::<u32>()), 0..20)) {
        let mut meter = Meter::new();
        for (ticks, running, busy, cpus, speed) in samples {
            let loads = meter.period(Sample { ticks, running, busy, cpus, speed });
            prop_assert!(loads.util <= 100);
            meter.coming();
            meter.left(ticks);
            meter.came(ticks % 2 == 0);
            meter.stayed(speed);
        }
    }

    /// With true news there is an end, whatever the nodes: no job goes round in circles.
    #[test]
    fn every_cluster_settles(
        capacity in prop::collection::vec((2000u32..40_000, 1u16..5), 2..7), jobs in 1u32..30,
    ) {
        let (at, moves) = settle(&capacity, 0, jobs);
        prop_assert!(moves <= 2 * jobs, "{moves} moves, {at:?} on {capacity:?}");
    }
}
