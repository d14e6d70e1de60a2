// SPDX-License-Identifier: GPL-2.0-only

//! Which guest a host sends home. One at a time: its leaving changes what the next decision sees.

use super::admit::{Limits, Shares};
use super::node::{status, Node};
use super::usher::shortage;
use core::fmt;

/// Why a guest must go home.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// Memory runs short.
    Memory,
    /// The load is above its limit.
    LoadLimit,
    /// The processor use is above its limit.
    CpuLimit,
    /// More guests than may be.
    Slots,
    /// The node takes no guests and its own processes need its processors.
    Own,
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Why::Memory => "memory runs short",
            Why::LoadLimit => "the load is above its limit",
            Why::CpuLimit => "the processor use is above its limit",
            Why::Slots => "more guests than may be",
            Why::Own => "the node's own processes need it",
        })
    }
}

/// A guest, as its host sees it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Guest {
    /// The caller's name for it.
    pub key: u64,
    /// Bytes that are here.
    pub memory: u64,
    /// Hundredths of a processor it uses.
    pub load: u32,
    /// Since it came, in ms.
    pub here_ms: u64,
    /// It is on its way home already.
    pub leaving: bool,
}

/// A limit that was just exceeded may be so by a moment's chance: guests get that long, in ms, before load sends them home.
/// Memory does not wait.
pub const GRACE_MS: u64 = 3000;

/// The guest that must go home now, and why.
pub fn evict(
    own: &Node,
    guests: impl Iterator<Item = Guest> + Clone,
    limits: &Limits,
    shares: &Shares,
) -> Option<(u64, Why)> {
    let staying = guests.filter(|g| !g.leaving);
    if let Some(missing) = shortage(own) {
        // As in ushering: the smallest that frees enough, else the largest.
        let found = staying.clone().filter(|g| g.memory > 0).min_by_key(|g| {
            let short = g.memory < missing;
            (short, if short { u64::MAX - g.memory } else { g.memory })
        });
        if let Some(guest) = found {
            return Some((guest.key, Why::Memory));
        }
    }
    let over = limits.guests != 0 && own.guests > limits.guests;
    // Half a processor's worth: what is not noticed does no harm.
    let needed = own.has(status::BLOCK) && shares.load_own >= own.alone() / 2;
    let why = if over {
        Why::Slots
    } else if limits.load_exceeded(shares) {
        Why::LoadLimit
    } else if limits.cpu_exceeded(shares) {
        Why::CpuLimit
    } else if needed {
        Why::Own
    } else {
        return None;
    };
    // One that uses the processor, or its leaving would help nobody; of these the one that came last, as it has the least to lose.
    staying
        .filter(|g| over || (g.load > 0 && g.here_ms >= GRACE_MS))
        .min_by_key(|g| g.here_ms)
        .map(|g| (g.key, why))
}
