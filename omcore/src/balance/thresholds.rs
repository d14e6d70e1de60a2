// SPDX-License-Identifier: GPL-2.0-only

//! The policy "thresholds": load sharing after Shin and Chang ("Load sharing in distributed real-time systems with
//! state-change broadcasts", 1989), as Troncoso and Maicas built it (University of Buenos Aires, 2003).
//!
//! The number of running processes gives a node's state. A node tells its *associated* nodes when it becomes full
//! or has room again, and only then; a node with too many processes sends one to the first node in its *preferred list*
//! that has room. Lists are made so that each node is the first choice of one other node, the second of one other,
//! and so on: two nodes in need seldom meet.
//!
//! What the thesis leaves open or says twice is settled so:
//!
//! - *Which comparison?* Its rule says "above THv"; its screens show a node full with 3 processes at THf = 3, and of six
//!   processes at THv = 4 three leave. So a node is full *at* THf and over *at* THv: with `>=` all three agree. Under is
//!   up to and with THu, which wins where thresholds are equal.
//! - *State between THu and THf?* Silent: others keep what was told last. That is the hysteresis which the two thresholds
//!   are for. Told are Full when reached from Under or Medium, and Under when reached from Full or Over (Over
//!   counts as Full: no message between these).
//! - *Does a victim on its way count?* No: a node counts what stays, or it would send too many.
//! - *A race for the same node?* The target refuses when it is not under any more ([`takes`]), and says its state.
//! - *The list?* The written procedure and the printed table for 16 nodes differ. Any order that is the same for all
//!   nodes up to XOR has the property; here it is by hops, then by number. For other than 2^k nodes it is by rotation,
//!   nearest first, which has the property for every n.
//! - *Lost messages?* State goes in the periodic message as well, which the thesis does not have.
//! - *Processes that live on their calls* lost a factor of 2 to 3 in its experiments. They are no victims here.

use super::choose::{Choice, Reason};
use super::node::{status, Candidate, Hint, Node, Place};
use super::UNIT;
use core::fmt;

/// The state of a node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// Room for more.
    #[default]
    Under,
    /// Between: takes, if it was under before.
    Medium,
    /// Takes nothing, gives nothing.
    Full,
    /// Gives, if somebody takes.
    Over,
}

impl State {
    /// As on the wire.
    pub const fn number(self) -> u8 {
        match self {
            State::Under => 0,
            State::Medium => 1,
            State::Full => 2,
            State::Over => 3,
        }
    }

    /// From the wire.
    pub const fn from_number(number: u8) -> Option<State> {
        match number {
            0 => Some(State::Under),
            1 => Some(State::Medium),
            2 => Some(State::Full),
            3 => Some(State::Over),
            _ => None,
        }
    }
}

/// The letters of the thesis.
impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            State::Under => "U",
            State::Medium => "M",
            State::Full => "F",
            State::Over => "V",
        })
    }
}

/// Numbers of running processes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Thresholds {
    /// THu: up to here a node has room.
    pub under: u32,
    /// THf: from here on it is full.
    pub full: u32,
    /// THv: from here on it gives.
    pub over: u32,
}

impl Default for Thresholds {
    /// Those of the experiments, 1/3/9.
    fn default() -> Self {
        Thresholds { under: 1, full: 3, over: 9 }
    }
}

impl Thresholds {
    /// The state of a node with so many running processes.
    pub const fn state(&self, running: u32) -> State {
        if running <= self.under {
            State::Under
        } else if running >= self.over {
            State::Over
        } else if running >= self.full {
            State::Full
        } else {
            State::Medium
        }
    }
}

/// Remembers what the associated nodes were told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Watch {
    told: State,
}

impl Watch {
    /// Nothing was told: everybody takes a new node for under.
    pub const fn new() -> Self {
        Watch { told: State::Under }
    }

    /// What the others think: Under or Full. It goes in every message.
    pub const fn told(&self) -> State {
        self.told
    }

    /// After each change of the number of running processes: what must be told to all associated nodes now, if anything.
    pub fn step(&mut self, state: State) -> Option<State> {
        let new = match state {
            State::Under => State::Under,
            State::Medium => return None,
            State::Full | State::Over => State::Full,
        };
        (self.told != new).then(|| {
            self.told = new;
            new
        })
    }
}

/// Whom an overloaded node gives away (`/proc/hpc/admin/victim`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Victim {
    /// 1: who used least processor time.
    LeastTime,
    /// 2: who used most: it will probably go on for longest.
    #[default]
    MostTime,
    /// 3: who has least memory, so moves fastest.
    LeastMemory,
    /// 4: who has most memory.
    MostMemory,
}

impl Victim {
    /// Rule 1 to 4.
    pub const fn from_rule(rule: u64) -> Option<Victim> {
        match rule {
            1 => Some(Victim::LeastTime),
            2 => Some(Victim::MostTime),
            3 => Some(Victim::LeastMemory),
            4 => Some(Victim::MostMemory),
            _ => None,
        }
    }

    /// The smaller, the sooner it goes.
    const fn order(self, cpu_ms: u64, memory: u64) -> u64 {
        match self {
            Victim::LeastTime => cpu_ms,
            Victim::MostTime => u64::MAX - cpu_ms,
            Victim::LeastMemory => memory,
            Victim::MostMemory => u64::MAX - memory,
        }
    }
}

/// Whether a node in this state still takes a process; `told` is what it told last.
pub const fn takes(state: State, told: State) -> bool {
    matches!((state, told), (State::Under, _) | (State::Medium, State::Under))
}

/// The policy's decision: when `running`, without those on their way out, are too many, the victim among the processes at
/// home and the first node of `preferred` that has room. `processes` gives each candidate with the processor time it used
/// so far, in ms.
///
/// A process is a victim when it wants a quarter of a processor at least, and its calls are few: less than a
/// tenth of a second per second away.
pub fn transfer(
    own: &Node,
    running: u32,
    thresholds: &Thresholds,
    preferred: impl Iterator<Item = Node>,
    processes: impl Iterator<Item = (Candidate, u64)>,
    rule: Victim,
    settings: &super::choose::Settings,
) -> Option<Choice> {
    if thresholds.state(running) != State::Over || own.status & (status::STAY | status::LSTAY) != 0 {
        return None;
    }
    let mut room = preferred.filter(|n| {
        n.id != 0
            && n.id != own.id
            && n.has(status::UP)
            && !n.has(status::BLOCK)
            && n.slots > 0
            && takes(n.state, State::Under)
            && n.state <= State::Medium
    });
    let target = room.next()?;
    let victim = processes
        .filter(|(p, _)| {
            let calls = settings.costs.away(&p.comm, target.id, settings.gateways);
            let moved_lately = p.here_ms < p.age_ms && p.here_ms < settings.residence_ms;
            p.place == Place::Here
                && !p.stay
                && !moved_lately
                && p.hint != Hint::Io
                && (p.hint == Hint::Cpu || calls < 100_000_000)
                && p.demand() >= UNIT / 4
                && p.memory <= target.mem
        })
        .min_by_key(|(p, cpu_ms)| (rule.order(*cpu_ms, p.memory), p.key))?;
    let (process, _) = victim;
    Some(Choice {
        key: process.key,
        to: target.id,
        gain: process.age_ms,
        limit: u32::MAX,
        demand: process.demand(),
        reason: Reason::Threshold,
    })
}

/// Which of `nodes` nodes, numbered from 0, node `own` prefers: first at `place` 0, up to `nodes` - 2. For each place, the
/// nodes' choices are all different.
///
/// Two to the k nodes are a hypercube, neighbours first. Others are a ring: one further, one back, two further …
/// It looks at up to `nodes` numbers.
pub fn preferred(own: u32, nodes: u32, place: u32) -> Option<u32> {
    if own >= nodes || place >= nodes.saturating_sub(1) {
        return None;
    }
    if nodes.is_power_of_two() {
        let mut before = 0;
        for hops in 1..=nodes.ilog2() {
            let mut class = (1..nodes).filter(|n| n.count_ones() == hops);
            let size = class.clone().count() as u32;
            if place < before + size {
                return class.nth((place - before) as usize).map(|n| own ^ n);
            }
            before += size;
        }
        return None;
    }
    let step = place / 2 + 1;
    let offset = if place % 2 == 0 { step } else { nodes - step };
    u32::try_from((u64::from(own) + u64::from(offset)) % u64::from(nodes)).ok()
}

#[cfg(test)]
mod tests {
    use super::{preferred, State, Thresholds, Watch};
    use std::string::ToString;
    use std::vec::Vec;

    #[test]
    fn states_at_the_thresholds_of_the_experiments() {
        let t = Thresholds { under: 1, full: 3, over: 4 };
        let states: Vec<_> = (0..7).map(|n| t.state(n).to_string()).collect();
        assert_eq!(states.concat(), "UUMFVVV");
        let t = Thresholds::default();
        let states: Vec<_> = (0..11).map(|n| t.state(n).to_string()).collect();
        // "A potential ninth process would trigger migration."
        assert_eq!(states.concat(), "UUMFFFFFFVV");
        assert_eq!(Thresholds { under: 2, full: 2, over: 2 }.state(2), State::Under);
    }

    #[test]
    fn only_three_changes_are_told() {
        use State::{Full, Medium, Over, Under};
        let states =
            [Under, Medium, Under, Medium, Full, Over, Full, Medium, Full, Medium, Under, Full, Under, Over];
        let mut watch = Watch::new();
        let told: Vec<_> = states.iter().map(|&s| watch.step(s)).collect();
        let n = None;
        let (u, f) = (Some(Under), Some(Full));
        assert_eq!(told, [n, n, n, n, f, n, n, n, n, n, u, f, u, f]);
    }

    #[test]
    fn sixteen_nodes_prefer_their_neighbours_in_the_hypercube() {
        let row: Vec<_> = (0..15).filter_map(|c| preferred(0, 16, c)).collect();
        assert_eq!(row, [1, 2, 4, 8, 3, 5, 6, 9, 10, 12, 7, 11, 13, 14, 15]);
        assert_eq!(preferred(5, 16, 0), Some(4));
        assert_eq!(preferred(5, 16, 14), Some(10));
        assert_eq!(preferred(5, 16, 15), None);
    }

    #[test]
    fn each_place_is_all_different_for_any_number_of_nodes() {
        for nodes in 0..70 {
            for place in 0..nodes {
                let mut choices: Vec<_> = (0..nodes).filter_map(|own| preferred(own, nodes, place)).collect();
                choices.sort_unstable();
                let all: Vec<_> = if place + 1 < nodes { (0..nodes).collect() } else { Vec::new() };
                assert_eq!(choices, all, "{nodes} nodes, place {place}");
            }
            for own in 0..nodes {
                let mut row: Vec<_> = (0..nodes - 1).filter_map(|c| preferred(own, nodes, c)).collect();
                row.sort_unstable();
                let others: Vec<_> = (0..nodes).filter(|&n| n != own).collect();
                assert_eq!(row, others);
            }
        }
    }
}
