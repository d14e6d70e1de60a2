// SPDX-License-Identifier: GPL-2.0-only

//! The policy "cost": which process goes where.
//!
//! A move must pass two tests and is then compared with the other moves that passed.
//!
//! **Is it worth the process's while?** The time of a unit of work where it runs against that where it would run:
//! [`altload`], and away what its calls cost on the way home. What it saves must be a clear part of it
//! ([`Settings::hysteresis`]), and over the rest of its life more than the move costs. How long that is nobody
//! knows; but of processes that have run for t, half run for another t (Harchol-Balter and Downey, "Exploiting process
//! lifetime distributions for dynamic load balancing", 1997), so its age is taken. That is `mintime` of the manual (6.5), and
//! the reason why what just began is left alone.
//!
//! A process whose calls would cost more than half the time it computes does not leave, however
//! crowded its home is: its home does that work all the same. When they cost as much as it computes, it comes home, and neither test counts.
//!
//! **Is it worth the cluster's while?** The opportunity cost of a node is the sum over its resources of n^(used/most):
//! of processor load, where "most" is a power of two above the largest load ever seen, and of memory (openMosix
//! manual, 6.2.3; Amir, Awerbuch, Barak, Borgstrom and Keren, "An opportunity cost approach for job assignment in a
//! scalable computing cluster", 2000). What the process adds to that where it goes, times [`Settings::stability`], must be
//! less than what it takes away where it is. This is the stability rule of Assign-U, which bounds the moves of a job by
//! O(log n).
//!
//! Decided here, where the manual is silent:
//!
//! - n is the number of nodes that one decision looks at, as it can choose among no others, and L is above the largest
//!   load among these. (Of all loads *ever* seen one peak would make the node indifferent to all later ones.)
//! - For few nodes n^(1/L) per process is so close to 1 that a fast node would be filled while a slow one idles.
//!   The base is at least 4 per process, twice Assign-U's exponent: with 2, the machines of the thesis (one twice as fast)
//!   would keep six jobs as 5 and 1, with 4 they end at 4 and 2, when all are done soonest.
//! - The manual's factor of the stability rule, 2, is for moves that must pay by themselves. Here the first test
//!   sees to that, and 1.2 is enough to keep two nodes of equal load apart.
//! - On few nodes with long jobs the loads change for as long as these run, and Assign-U's bound, which counts arrivals, says
//!   nothing of one job. So [`Settings::residence_ms`] is for a process's first move, and doubles with each further one:
//!   one that runs for t moves O(log t) times, of its own accord. It may come home at any time, and memory is not asked to wait.
//! - Several nodes may see the same idle one. Each throws its own dice among targets that cost nearly the same; and
//!   a choice carries [`Choice::limit`], the load up to which it holds, so that the target can refuse those who come
//!   after the first (see [`super::admit`]).

use super::cost::Costs;
use super::exp2::{exp2, log2, ONE};
use super::load::altload;
use super::node::{status, Candidate, Hint, Node, Place};
use super::UNIT;
use core::fmt;

/// Largest exponent of an opportunity cost.
const MOST: u64 = 28;
/// Least growth of the exponent with each process on a standard processor: the base is 4.
const BITS: u64 = 2;
/// Residence is not doubled more often.
const MOST_DOUBLINGS: u32 = 16;
/// A process can be expected to run for another hour, not for more.
const LONGEST_MS: u64 = 3_600_000;

/// What the choice depends on besides nodes and processes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// What being away costs.
    pub costs: Costs,
    /// Gateways between nodes, 0 to 2.
    pub gateways: u8,
    /// A process is not moved again before so long on a node, in ms; after its second move twice as long, and so on.
    pub residence_ms: u64,
    /// Per mille: how often what is gained must contain what it costs the target. Above 1000, below 2000.
    pub stability: u32,
    /// Per mille of the time of the process that a move must save at least.
    pub hysteresis: u32,
    /// Per mille of what one process adds to the load where it is, that a move must save at least: loads are measured, and
    /// those of two nodes with one process more and less must not look worth a move because of a shell that runs besides.
    pub margin: u32,
    /// What a move must save over the rest of the process's life besides its own cost, in ms.
    pub min_gain_ms: u64,
    /// Hundredths of a processor that a process must want to be moved for load.
    pub min_demand: u32,
    /// Older news of a node does not count, in ms.
    pub stale_ms: u32,
    /// Any number, another one at each decision and on each node.
    pub dice: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            costs: Costs::default(),
            gateways: 0,
            residence_ms: 5000,
            stability: 1200,
            hysteresis: 50,
            margin: 700,
            min_gain_ms: 300,
            min_demand: 25,
            stale_ms: 20_000,
            dice: 0,
        }
    }
}

/// Why a process moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// Work is done sooner there.
    Faster,
    /// Coming home: its calls cost more than it gains away.
    Calls,
    /// Coming home: home has become as good.
    Home,
    /// Memory runs out here, and there is enough there.
    Memory,
    /// Somebody asked for the best place.
    Asked,
    /// Too many processes here, too few there (policy "thresholds").
    Threshold,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Reason::Faster => "it gets on faster there",
            Reason::Calls => "its calls are cheaper at home",
            Reason::Home => "home is free again",
            Reason::Memory => "memory runs short",
            Reason::Asked => "the best place, as asked",
            Reason::Threshold => "more processes here than the threshold",
        })
    }
}

/// A move to be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Choice {
    /// The candidate's key.
    pub key: u64,
    /// Where to; the own id is home.
    pub to: u16,
    /// What it is expected to save over the rest of its life, without the time of the move, in ms.
    pub gain: u64,
    /// The largest `upload` of the target for which this still holds; `u32::MAX` for any. It goes with the request.
    pub limit: u32,
    /// Hundredths of a processor that the process wants: for [`super::load::Meter::left`].
    pub demand: u32,
    /// Why.
    pub reason: Reason,
}

/// The most worthwhile move, if one is worthwhile. After booking it ([`super::load::Meter::left`],
/// [`Node::expect`]) call again, until there is none or enough were made in this period.
///
/// `others` are the nodes that are known, the hosts of `processes` among them; a process on an unknown node stays there.
pub fn choose(
    own: &Node,
    others: impl Iterator<Item = Node> + Clone,
    processes: impl Iterator<Item = Candidate>,
    settings: &Settings,
) -> Option<Choice> {
    let scale = Scale::new(own, others.clone(), settings);
    let mut best: Option<Choice> = None;
    for process in processes {
        // Younger here than altogether: it was moved before, by itself or by somebody.
        let rests = |ms: u64| process.here_ms < process.age_ms && process.here_ms < ms;
        if process.stay || rests(settings.residence_ms) {
            continue;
        }
        let only_home = rests(residence_ms(process.moves, settings));
        if let Some(found) = place(own, others.clone(), &process, settings, &scale, Wish { asked: false, only_home }) {
            if best.is_none_or(|b| found.gain > b.gain) {
                best = Some(found);
            }
        }
    }
    best
}

/// The best place for one process that somebody asked to have moved (`migrate PID balance`): any gain will do, and neither
/// its age nor its residence counts. `None`: it is best placed where it is.
pub fn best_for(
    own: &Node,
    others: impl Iterator<Item = Node> + Clone,
    process: &Candidate,
    settings: &Settings,
) -> Option<Choice> {
    let scale = Scale::new(own, others.clone(), settings);
    place(own, others, process, settings, &scale, Wish { asked: true, only_home: false }).map(|c| Choice { reason: Reason::Asked, ..c })
}

/// How long a process that was moved `moves` times stays before it goes anywhere but home.
fn residence_ms(moves: u32, settings: &Settings) -> u64 {
    settings.residence_ms.saturating_mul(1 << moves.saturating_sub(1).min(MOST_DOUBLINGS))
}

/// What is asked of [`place`].
#[derive(Clone, Copy)]
struct Wish {
    /// By somebody: any gain will do.
    asked: bool,
    /// It may come home, and go nowhere else.
    only_home: bool,
}

/// Exponents of the opportunity cost.
struct Scale {
    /// Exponent of a load of `top`, 16 bits after the point.
    load: u64,
    /// Power of two above the largest load.
    top: u64,
    /// Exponent of full memory, 16 bits after the point.
    memory: u64,
}

impl Scale {
    fn new(own: &Node, others: impl Iterator<Item = Node>, settings: &Settings) -> Scale {
        let (mut nodes, mut largest) = (1u32, slowed_by_swapping(own, own.load));
        for node in others.filter(|n| usable(n, settings)) {
            nodes = nodes.saturating_add(1);
            largest = largest.max(slowed_by_swapping(&node, node.load.max(node.upload)));
        }
        let log = u64::from(log2(nodes.clamp(2, 1 << 15)));
        // Room for what is added; nothing reaches the end of the scale.
        let top = (largest.saturating_add(u64::from(UNIT))).next_power_of_two();
        let per_process = top * BITS * u64::from(ONE) / u64::from(UNIT);
        Scale { load: log.max(per_process).min(MOST * u64::from(ONE)), top, memory: log }
    }

    /// What work that takes the load from `before` to `after` and holds `memory` costs the node. `inside`: that memory
    /// is in use there already.
    fn marginal(&self, node: &Node, before: u32, after: u32, memory: u64, inside: bool) -> u64 {
        let load = |load: u32| exp2(exponent(self.load, slowed_by_swapping(node, load), self.top));
        let mib = |bytes: u64| bytes >> 20;
        let used = node.tmem.saturating_sub(node.mem);
        let (less, more) =
            if inside { (used.saturating_sub(memory), used) } else { (used, used.saturating_add(memory)) };
        let full = |bytes: u64| exp2(exponent(self.memory, mib(bytes), mib(node.tmem).max(1)));
        load(after).saturating_sub(load(before)).saturating_add(full(more).saturating_sub(full(less))).max(1)
    }
}

/// A node that swaps does everything more slowly: the manual's factor on the load.
fn slowed_by_swapping(node: &Node, load: u32) -> u64 {
    u64::from(load) * if node.mem < node.tmem / 64 { 4 } else { 1 }
}

fn exponent(at_most: u64, used: u64, most: u64) -> u32 {
    // `at_most` has up to 21 bits; `used` gets 40.
    u32::try_from(at_most * used.min(1 << 40) / most.max(1)).unwrap_or(u32::MAX)
}

fn usable(node: &Node, settings: &Settings) -> bool {
    node.id != 0 && node.has(status::UP) && node.age_ms <= settings.stale_ms
}

/// Whether a node would take a guest of that size by itself. A sixteenth of its memory is left alone, so that what comes
/// does not start its ushering, which begins later.
fn takes(node: &Node, memory: u64, settings: &Settings) -> bool {
    usable(node, settings)
        && !node.has(status::BLOCK)
        && node.slots > 0
        && node.mem >= memory.saturating_add(node.tmem / 16)
}

/// Time that the calls of the process add to a unit of its work on `node`, in load units (100: as long as that work
/// takes a standard processor).
fn calls(process: &Candidate, host: &Node, node: u16, settings: &Settings) -> u64 {
    let ns = settings.costs.away(&process.comm, node, settings.gateways);
    // Work done per second, in 10000ths of what a standard processor does.
    let speed = u64::from(host.speed_or_standard());
    let work =
        (u64::from(process.cpu.max(1)).saturating_mul(speed) / u64::from(super::STANDARD_SPEED)).max(1);
    // ns / 10^9 seconds per second, and that for work / 10000.
    let time = (ns / 1000).min(1 << 40) * u64::from(UNIT) * 10_000 / work / 1_000_000;
    if process.hint == Hint::Cpu {
        time / 4
    } else {
        time
    }
}

/// `fraction` of 1024ths more.
fn more(cost: u64, fraction: u64) -> u64 {
    cost.saturating_add((cost >> 10).saturating_mul(fraction))
}

fn place(
    own: &Node,
    others: impl Iterator<Item = Node> + Clone,
    process: &Candidate,
    settings: &Settings,
    scale: &Scale,
    wish: Wish,
) -> Option<Choice> {
    let asked = wish.asked;
    let home = process.place == Place::Here;
    let host = match process.place {
        Place::Here => *own,
        Place::At(id) => others.clone().find(|n| n.id == id)?,
    };
    let keeps = |node: &Node, bits: u32| node.status & bits != 0;
    let stays_home = !asked && keeps(own, status::STAY | status::LSTAY);
    let io = !asked && process.hint == Hint::Io;
    if home && (stays_home || io) || !asked && !home && keeps(&host, status::STAY) {
        return None;
    }
    let demand = process.demand().max(1);
    // More calls than computing: it is not to leave, and called home.
    let call_bound = |calls: u64, node: &Node| calls >= u64::from(node.alone());
    let adds = host.share(demand);
    let calls_here = if home { 0 } else { calls(process, &host, host.id, settings) };
    let load_here = host.load.max(adds);
    let here = altload(load_here, host.alone(), host.cpus).saturating_add(calls_here).max(1);
    let cost_here = scale.marginal(&host, load_here - adds, load_here, process.memory, true);
    // Sleepers gain nothing elsewhere; but home is the place for them.
    let only_home = wish.only_home || stays_home || io || !asked && demand < settings.min_demand;
    let age = process.age_ms.min(LONGEST_MS);
    // Alone, nothing is measured: it is as fast as the processor.
    let crowded = here.saturating_sub(calls_here).saturating_sub(host.alone().into()) / 2;
    let margin = u64::from(adds) * u64::from(settings.margin) / 1000;
    let margin = if asked { 0 } else { margin.min(crowded) };

    let mut best: Option<(u64, Choice)> = None;
    let mut consider = |node: &Node, is_home: bool| {
        // What it would find there: the load told, without the one process told besides.
        let before = node.upload.saturating_sub(node.share(UNIT + 2));
        let after = before.saturating_add(node.share(if is_home { demand } else { demand + demand / 50 }));
        let calls_there = if is_home { 0 } else { calls(process, &host, node.id, settings) };
        if !is_home && !asked && call_bound(calls_there.saturating_mul(2), node) {
            return;
        }
        let there = altload(after, node.alone(), node.cpus).saturating_add(calls_there);
        let saved = here.saturating_sub(there);
        let called_home = is_home && (io || call_bound(calls_here, &host));
        let hysteresis = if asked { 0 } else { u64::from(settings.hysteresis) };
        let clear = saved > margin && saved.saturating_mul(1000) >= here.saturating_mul(hysteresis);
        let gain = age.saturating_mul(saved.saturating_mul(1000) / here) / 1000;
        let price = settings.costs.moving_ms(
            process.memory,
            if is_home { host.id } else { node.id },
            settings.gateways,
        );
        let pays = asked || gain >= price.saturating_add(settings.min_gain_ms);
        if !(called_home && !asked || clear && pays) {
            return;
        }
        // Calls that wait for home hold up the target's work as little as the process's own gain is large.
        let slowed = |cost: u64, time: u64, calls: u64| more(cost, calls.saturating_mul(1024) / time.max(1));
        let cost = scale.marginal(node, before, after, process.memory, false);
        let cost = slowed(cost, there - calls_there, calls_there);
        let bar = slowed(cost_here, here - calls_here, calls_here);
        if !asked && !called_home && (cost / 1000).saturating_mul(settings.stability.into()) >= bar {
            return;
        }
        // Among nearly equal ones the dice, but home before all of them.
        let noise = if is_home { 0 } else { 1 + u64::from(scatter(settings.dice, node.id)) % 127 };
        let order = more(cost, noise);
        if best.as_ref().is_none_or(|(least, _)| order < *least) {
            let step = u64::from(node.alone()) / u64::from(node.cpus.max(1));
            let worth = here.saturating_mul(1000) / (1000 + u64::from(settings.hysteresis));
            let limit = (worth.saturating_sub(calls_there).saturating_add(step) / 2).max(node.upload.into());
            let reason = match (is_home, called_home) {
                (true, true) => Reason::Calls,
                (true, false) => Reason::Home,
                (false, _) => Reason::Faster,
            };
            let limit = if is_home || asked { u32::MAX } else { u32::try_from(limit).unwrap_or(u32::MAX) };
            let gain = gain.saturating_sub(price).max(1);
            best = Some((order, Choice { key: process.key, to: node.id, gain, limit, demand, reason }));
        }
    };
    if !home && own.mem >= process.memory.saturating_add(own.tmem / 16) {
        consider(own, true);
    }
    if !only_home {
        for node in others.filter(|n| n.id != host.id && n.id != own.id && takes(n, process.memory, settings))
        {
            consider(&node, false);
        }
    }
    best.map(|(_, choice)| choice)
}

/// A number that looks random for each pair.
pub(super) fn scatter(dice: u32, id: u16) -> u32 {
    let mut x = dice ^ u32::from(id).wrapping_mul(0x9e37_79b9);
    x = (x ^ (x >> 16)).wrapping_mul(0x85eb_ca6b);
    x = (x ^ (x >> 13)).wrapping_mul(0xc2b2_ae35);
    x ^ (x >> 16)
}
