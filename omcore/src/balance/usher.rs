// SPDX-License-Identifier: GPL-2.0-only

//! Memory ushering: before a node swaps, a process goes where there is memory for it, whatever the loads
//! (openMosix manual, 6.1: "depletion prevention"; it overrides load balancing).
//!
//! The process is the smallest of those that free enough; where none does and several must go, again the smallest, for
//! it runs on soonest, while the network frees the same bytes per second whoever goes first. Very small ones do not count. The
//! node is one with a processor to spare if there is one; among these the one that the process fits best, whose memory
//! it leaves the least of, so that large gaps remain for large processes (best fit).

use super::choose::{choose, scatter, Choice, Reason, Settings};
use super::node::{status, Candidate, Hint, Node, Place};
use super::UNIT;

/// Ushering begins when this part of the memory is left, per mille.
pub const BEGIN: u64 = 30;
/// It frees memory up to this part, per mille.
pub const ENOUGH: u64 = 60;
/// A guest that is ushered in must leave this part of the target's memory, per mille: more than [`ENOUGH`], or it would be sent
/// on.
pub const SPARE: u64 = 80;
/// Processes smaller than this part of all memory are not worth the while, per mille.
const SMALLEST: u64 = 20;

fn part(total: u64, per_mille: u64) -> u64 {
    total / 1000 * per_mille
}

/// Bytes that must go, or `None` while there is memory enough. Also while nothing is known (`tmem` 0).
pub fn shortage(own: &Node) -> Option<u64> {
    (own.mem < part(own.tmem, BEGIN)).then(|| part(own.tmem, ENOUGH).saturating_sub(own.mem))
}

/// What a node does next under the policy "cost": the most worthwhile move, or ushering when there is none and memory runs short.
///
/// In this order, for [`choose`] knows of memory too: a node that swaps counts for so much that whatever can leave
/// with a gain does. Ushering is for when load forbids all moves, and memory must have one.
pub fn decide(
    own: &Node,
    others: impl Iterator<Item = Node> + Clone,
    processes: impl Iterator<Item = Candidate> + Clone,
    settings: &Settings,
) -> Option<Choice> {
    choose(own, others.clone(), processes.clone(), settings)
        .or_else(|| usher(own, others, processes, settings))
}

/// Who leaves for memory, and where to. Looks at processes that are at home; guests are [`super::evict`]'s.
pub fn usher(
    own: &Node,
    others: impl Iterator<Item = Node> + Clone,
    processes: impl Iterator<Item = Candidate>,
    settings: &Settings,
) -> Option<Choice> {
    let missing = shortage(own)?;
    if own.status & (status::STAY | status::LSTAY) != 0 {
        return None;
    }
    let mut best: Option<(Rank, Choice)> = None;
    for process in processes {
        let small = process.memory < part(own.tmem, SMALLEST);
        if process.stay || small || process.place != Place::Here {
            continue;
        }
        let rank = Rank::of(&process, missing);
        if best.as_ref().is_some_and(|(b, _)| *b <= rank) {
            continue;
        }
        if let Some(to) = fit(own, others.clone(), process.memory, settings) {
            let gain = process.age_ms;
            let demand = process.demand();
            let reason = Reason::Memory;
            best = Some((rank, Choice { key: process.key, to, gain, limit: u32::MAX, demand, reason }));
        }
    }
    best.map(|(_, choice)| choice)
}

/// The lower, the sooner it goes.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Rank {
    /// What lives on its calls goes last.
    io: bool,
    /// What does not free enough goes after what does.
    short: bool,
    /// The smallest of these.
    size: u64,
}

impl Rank {
    fn of(process: &Candidate, missing: u64) -> Rank {
        let short = process.memory < missing;
        Rank { io: process.hint == Hint::Io, short, size: process.memory }
    }
}

/// The node that `memory` bytes fit best.
fn fit(own: &Node, others: impl Iterator<Item = Node>, memory: u64, settings: &Settings) -> Option<u16> {
    others
        .filter(|n| {
            n.id != 0
                && n.id != own.id
                && n.has(status::UP)
                && !n.has(status::BLOCK)
                && n.slots > 0
                && n.age_ms <= settings.stale_ms
                && n.mem >= memory.saturating_add(part(n.tmem, SPARE))
        })
        // To the nearest 16 MiB, then by dice: several nodes may look for room at once.
        .min_by_key(|n| {
            let crowded = n.upload > n.alone().saturating_add(n.share(UNIT) / 4);
            (crowded, n.mem.saturating_sub(memory) >> 24, scatter(settings.dice, n.id))
        })
        .map(|n| n.id)
}
