// SPDX-License-Identifier: GPL-2.0-only

//! Who must leave, who may come, whom the thresholds move, and what processes are remembered for.

use omcore::balance::admit::{admit, has_room, Counts, Limits, NodeState, Refusal, Request, Shares};
use omcore::balance::choose::{Reason, Settings};
use omcore::balance::cost::Comm;
use omcore::balance::evict::{evict, Guest, Why};
use omcore::balance::node::{status, Candidate, Hint, Node, NO_LIMIT};
use omcore::balance::stats::{Decay, Keep, Manner, Pace, Stats, Used};
use omcore::balance::thresholds::{preferred, transfer, State, Thresholds, Victim, Watch};
use omcore::balance::usher::{shortage, usher};
use proptest::prelude::*;

const MIB: u64 = 1 << 20;
const SECOND: u64 = 1_000_000_000;

fn node(id: u16, mem: u64) -> Node {
    Node {
        id,
        cpus: 1,
        status: status::UP,
        speed: 10_000,
        slots: NO_LIMIT,
        mem: mem * MIB,
        rmem: mem * MIB,
        tmem: 1000 * MIB,
        ..Node::default()
    }
}

fn sized(key: u64, memory: u64) -> Candidate {
    Candidate {
        key,
        cpu: 5000,
        wanted: 10_000,
        tasks: 1,
        memory: memory * MIB,
        age_ms: 9000,
        here_ms: 9000,
        ..Candidate::default()
    }
}

#[test]
fn ushering_begins_before_memory_ends_and_frees_enough_with_the_least_move() {
    let others = [node(2, 900), node(3, 300), node(4, 120)];
    let jobs = [sized(1, 20), sized(2, 45), sized(3, 200), sized(4, 2)];
    let s = Settings::default();
    let go = |own: Node, jobs: &[Candidate]| usher(&own, others.into_iter(), jobs.iter().copied(), &s);
    assert_eq!(shortage(&node(1, 30)), None);
    assert_eq!(go(node(1, 30), &jobs), None);
    // 40 MiB are missing: the job of 45 is the smallest that helps, and the smallest gap that leaves 80 is node 3's.
    let choice = go(node(1, 20), &jobs).unwrap();
    assert_eq!((choice.key, choice.to, choice.reason), (2, 3, Reason::Memory));
    // Where none is large enough, the one that is away soonest.
    assert_eq!(go(node(1, 0), &jobs[..2]).unwrap().key, 1);
    // Load does not count, nor does youth; calls only put it off.
    let io = Candidate { hint: Hint::Io, ..jobs[1] };
    assert_eq!(go(node(1, 20), &[io, jobs[2]]).unwrap().key, 3);
    assert_eq!(go(node(1, 20), &[io]).unwrap().key, 2);
    assert_eq!(go(node(1, 20), &[Candidate { stay: true, ..jobs[1] }]), None);
    assert_eq!(go(node(1, 20), &[sized(9, 2000)]), None, "fits nowhere");
    assert_eq!(go(Node { status: status::UP | status::LSTAY, ..node(1, 20) }, &jobs), None);
    assert_eq!(go(Node::default(), &jobs), None, "nothing is known");
}

#[test]
fn rules_for_all_and_rules_for_the_balancer() {
    let free = NodeState { node: Node { upload: 300, ..node(1, 500) }, ..NodeState::default() };
    let ask = Request { memory: 100 * MIB, load: 100, home: 2, limit: 400, by_command: false };
    let command = Request { by_command: true, ..ask };
    assert_eq!(admit(&free, &ask), Ok(()));

    let blocked = NodeState { node: Node { status: status::UP | status::BLOCK, ..free.node }, ..free };
    let slots = NodeState { node: Node { slots: 0, ..free.node }, ..free };
    let guests = NodeState {
        node: Node { guests: 3, ..free.node },
        limits: Limits { guests: 3, ..Limits::default() },
        ..free
    };
    let memory = NodeState { promised: 400 * MIB, ..free };
    for (state, refusal) in [
        (blocked, Refusal::Blocked),
        (slots, Refusal::Slots),
        (guests, Refusal::Slots),
        (memory, Refusal::Memory),
    ] {
        assert_eq!(admit(&state, &ask), Err(refusal));
        assert_eq!(admit(&state, &command), Err(refusal));
    }

    let shares = Shares { load_guests: 100, load_own: 300, cpu_guests: 20, cpu_own: 80 };
    let limited = |limits| NodeState { limits, shares, ..free };
    let all = limited(Limits { load: 399, ..Limits::default() });
    let guests = limited(Limits { load: 99, load_counts: Counts::Guests, ..Limits::default() });
    let own = limited(Limits { load: 300, load_counts: Counts::Own, ..Limits::default() });
    let cpu = limited(Limits { cpu: 99, ..Limits::default() });
    assert_eq!(admit(&all, &ask), Err(Refusal::LoadLimit));
    assert_eq!(admit(&guests, &ask), Err(Refusal::LoadLimit));
    assert_eq!(admit(&own, &ask), Ok(()));
    assert_eq!(admit(&cpu, &ask), Err(Refusal::CpuLimit));
    assert_eq!(admit(&free, &Request { limit: 299, ..ask }), Err(Refusal::Busy));
    for state in [all, guests, cpu] {
        assert_eq!(admit(&state, &command), Ok(()), "a person may");
    }
    assert_eq!(admit(&free, &Request { limit: 299, ..command }), Ok(()));
    assert_eq!(Limits { guests: 5, ..Limits::default() }.slots(7), 0);
    assert_eq!(Limits::default().slots(7), NO_LIMIT);
}

#[test]
fn one_comes_home_if_nobody_has_to_die_for_it() {
    let node = Node { mem: 100 * MIB, tmem: 640 * MIB, ..Node::default() };
    let here = NodeState { node, ..NodeState::default() };
    // A 64th, 10 MiB, is left alone.
    assert!(has_room(&here, 0, 90 * MIB));
    assert!(!has_room(&here, 0, 90 * MIB + 1));
    assert!(has_room(&here, 50 * MIB, 140 * MIB));
    assert!(!has_room(&NodeState { promised: MIB, ..here }, 50 * MIB, 140 * MIB));
    assert!(!has_room(&here, 0, u64::MAX));
}

#[test]
fn guests_go_home_for_memory_limits_and_owners() {
    let guest =
        |key, memory: u64, load, here_ms| Guest { key, memory: memory * MIB, load, here_ms, leaving: false };
    let guests =
        [guest(1, 10, 100, 60_000), guest(2, 50, 100, 9000), guest(3, 300, 0, 4000), guest(4, 1, 50, 1000)];
    let go = |own: Node, limits: Limits, shares: Shares| evict(&own, guests.into_iter(), &limits, &shares);
    let (none, quiet) = (Limits::default(), Shares::default());
    assert_eq!(go(node(1, 500), none, quiet), None);
    assert_eq!(go(node(1, 20), none, quiet), Some((2, Why::Memory)));
    let busy = Shares { load_guests: 250, load_own: 150, cpu_guests: 60, cpu_own: 40 };
    assert_eq!(go(node(1, 500), none, busy), None);
    let load = Limits { load: 300, ..none };
    assert_eq!(go(node(1, 500), load, busy), Some((2, Why::LoadLimit)), "the last that uses the processor");
    assert_eq!(go(node(1, 500), Limits { cpu: 99, ..none }, busy), Some((2, Why::CpuLimit)));
    let slots = Node { guests: 4, ..node(1, 500) };
    assert_eq!(go(slots, Limits { guests: 3, ..none }, quiet), Some((4, Why::Slots)));
    let blocked = Node { status: status::UP | status::BLOCK, ..node(1, 500) };
    assert_eq!(go(blocked, none, busy), Some((2, Why::Own)));
    assert_eq!(go(blocked, none, Shares { load_own: 40, ..busy }), None);
    let leaving = guests.map(|g| Guest { leaving: true, ..g });
    assert_eq!(evict(&node(1, 20), leaving.into_iter(), &none, &quiet), None);
}

fn used(seconds: u64, cpu: u64, calls: u64) -> Used {
    Used {
        elapsed_ns: seconds * SECOND,
        cpu_ns: cpu * SECOND / 100,
        wanted_ns: 0,
        calls,
        out_bytes: calls * 1024,
        in_bytes: 0,
    }
}

#[test]
fn decay_multiplies_the_past_and_counts_the_last_interval_in_full() {
    // mosctl setdecay 60 900 205
    let pace = Pace { interval_ns: 60 * SECOND, slow: 900, fast: 205 };
    for (decay, kept) in [(Decay::Slow, 900), (Decay::Fast, 205), (Decay::None, 1000)] {
        let mut stats = Stats::new();
        stats.period(&used(60, 6000, 6000), decay, &pace);
        stats.period(&used(60, 0, 0), decay, &pace);
        // 6000 calls, faded, over 60 s faded and 60 s in full.
        let expected = 6000 * kept / (60 * kept + 60 * 1000);
        assert_eq!(stats.comm().calls, expected, "{decay:?}");
        assert_eq!(stats.comm().out_kb, expected);
        assert_eq!(u64::from(stats.cpu_remembered()), expected);
        assert_eq!(stats.cpu_ms(), 60_000);
    }
}

#[test]
fn a_steady_process_shows_its_rate_from_the_first_second_on() {
    let mut stats = Stats::new();
    for _ in 0..500 {
        stats.period(&used(1, 100, 20), Decay::Slow, &Pace::default());
        assert_eq!((stats.cpu(), stats.cpu_remembered(), stats.comm().calls), (100, 100, 20));
    }
    stats.period(&used(1, 0, 0), Decay::Slow, &Pace::default());
    assert_eq!(stats.cpu(), 75, "what it uses now falls with a quarter of each period");
    stats.clear();
    assert_eq!((stats.cpu(), stats.comm()), (75, Comm::default()));
    stats.period(&Used::default(), Decay::Slow, &Pace::default());
    assert_eq!(stats.cpu(), 75, "no time passed");
}

#[test]
fn what_a_process_wants_is_what_it_used_and_waited_for_and_nothing_once_it_sleeps() {
    let mut stats = Stats::new();
    let waiting = Used { wanted_ns: SECOND, ..used(1, 25, 0) };
    for _ in 0..5 {
        stats.period(&waiting, Decay::Slow, &Pace::default());
        assert_eq!((stats.cpu(), stats.wanted_fine()), (25, 10_000));
    }
    stats.period(&used(1, 0, 0), Decay::Slow, &Pace::default());
    assert_eq!(stats.wanted_fine(), 0);
    stats.period(&used(1, 10, 0), Decay::Slow, &Pace::default());
    assert_eq!(stats.wanted_fine(), 2000);
}

#[test]
fn manners_last_as_long_as_asked() {
    let manner = Manner { decay: Decay::Fast, hint: Hint::Cpu, keep: Keep::Always, inherit: true };
    assert_eq!(manner.show(Pace::default()).to_string(), "926 cpujob exec inherit");
    assert_eq!(Manner::default().show(Pace::default()).to_string(), "976");
    assert_eq!(manner.after_exec(), manner);
    assert_eq!(manner.of_child(), manner);
    let once = Manner { keep: Keep::Once, inherit: false, decay: Decay::None, hint: Hint::Io };
    assert_eq!(once.show(Pace::default()).to_string(), "1000 iojob execonce");
    assert_eq!(once.after_exec().hint, Hint::Io);
    assert_eq!(once.after_exec().after_exec(), Manner::default());
    assert_eq!(once.of_child(), Manner::default());
}

fn running(id: u16, running: u32) -> Node {
    let load = 100 * running;
    Node { load, upload: load + 102, ..node(id, 500) }
}

#[test]
fn the_six_processes_of_the_thesis_become_three_and_three() {
    let t = Thresholds { under: 1, full: 3, over: 4 };
    let (mut here, mut there, mut moves) = (0u32, 0u32, 0);
    let (mut watch, mut watch_there) = (Watch::new(), Watch::new());
    for key in 0..6 {
        here += 1;
        watch.step(t.state(here));
        let peer = Node { state: watch_there.told(), ..running(2, there) };
        let jobs = (0..=key).map(|key| (Candidate { cpu: 10_000 / here, ..sized(key, 10) }, key * 1000));
        let s = Settings::default();
        let rule = Victim::MostTime;
        if let Some(choice) = transfer(&running(1, here), here, &t, [peer].into_iter(), jobs, rule, &s) {
            assert_eq!((choice.to, choice.reason, choice.key), (2, Reason::Threshold, key));
            (here, there, moves) = (here - 1, there + 1, moves + 1);
            watch_there.step(t.state(there));
        }
    }
    assert_eq!((here, there, moves), (3, 3, 3));
    assert_eq!((watch.told(), watch_there.told()), (State::Full, State::Full));
}

#[test]
fn four_rules_for_the_victim() {
    let t = Thresholds::default();
    let jobs = [(sized(1, 30), 500), (sized(2, 10), 100), (sized(3, 20), 900), (sized(4, 40), 300)];
    let own = running(1, 9);
    let go = |rule, jobs: &[(Candidate, u64)]| {
        let rule = Victim::from_rule(rule).unwrap();
        transfer(&own, 9, &t, [running(2, 0)].into_iter(), jobs.iter().copied(), rule, &Settings::default())
            .map(|c| c.key)
    };
    assert_eq!([1, 2, 3, 4].map(|rule| go(rule, &jobs)), [Some(2), Some(3), Some(2), Some(4)]);
    assert_eq!((Victim::from_rule(0), Victim::from_rule(5)), (None, None));
    let io = jobs.map(|(j, t)| (Candidate { comm: Comm { calls: 2000, ..Comm::default() }, ..j }, t));
    assert_eq!(go(2, &io), None, "calls make no victims");
    let told_cpu = io.map(|(j, t)| (Candidate { hint: Hint::Cpu, ..j }, t));
    assert_eq!(go(2, &told_cpu), Some(3));
}

#[test]
fn the_first_preferred_node_with_room_is_taken() {
    let t = Thresholds::default();
    let go = |others: &[Node]| {
        let jobs = [(sized(1, 30), 500)];
        let rule = Victim::MostTime;
        transfer(&running(1, 9), 9, &t, others.iter().copied(), jobs.into_iter(), rule, &Settings::default())
            .map(|c| c.to)
    };
    let full = Node { state: State::Full, ..running(2, 3) };
    let blocked = Node { status: status::UP | status::BLOCK, ..running(3, 0) };
    assert_eq!(go(&[full, blocked, running(4, 0), running(5, 0)]), Some(4));
    assert_eq!(go(&[full, blocked]), None);
    assert_eq!(go(&[]), None);
}

proptest! {
    #[test]
    fn preferred_nodes_exist_and_never_panic(own in any::<u32>(), nodes in any::<u32>(), place in any::<u32>()) {
        // Large hypercubes take long to count.
        let nodes = if nodes.is_power_of_two() { nodes.min(1 << 12) } else { nodes };
        match preferred(own, nodes, place) {
            Some(node) => prop_assert!(node < nodes && node != own),
            None => prop_assert!(own >= nodes || place >= nodes.saturating_sub(1)),
        }
    }

    #[test]
    fn statistics_never_panic(periods in prop::collection::vec((any::<u64>(), any::<u64>(), any::<u64>(), any::<u64>(), any::<u64>()), 0..20), slow in any::<u16>(), interval_ns in any::<u64>()) {
        let pace = Pace { interval_ns, slow, fast: slow };
        let mut stats = Stats::new();
        for (elapsed_ns, cpu_ns, calls, out_bytes, in_bytes) in periods {
            stats.period(&Used { elapsed_ns, cpu_ns, wanted_ns: in_bytes, calls, out_bytes, in_bytes }, Decay::Slow, &pace);
            let _ = (stats.cpu(), stats.cpu_remembered(), stats.comm());
        }
    }
}
