// SPDX-License-Identifier: GPL-2.0-only

//! Whether a node takes a guest that asks to come.
//!
//! What was known when it was sent is seconds old, and others may have been faster; the target knows best. Two kinds of
//! rules:
//!
//! - what the node cannot or shall not do, which holds for everybody: it is blocked, its slots are taken, the memory is
//!   not there;
//! - what is not wise (load limit, processor limit, no longer worth while), which holds for moves that the
//!   balancer makes by itself. A person's command is obeyed.
//!
//! A process that comes home is not asked any of this: home takes its own.

use super::node::{status, Node};
use super::usher;
use core::fmt;

/// What a limit counts (`/proc/hpc/admin/loadlimitmode`, `cpulimitmode`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Counts {
    /// All processes.
    #[default]
    All,
    /// Guests only.
    Guests,
    /// The node's own only.
    Own,
}

impl Counts {
    /// Mode 0, 1 or 2.
    pub const fn from_mode(mode: u64) -> Option<Counts> {
        match mode {
            0 => Some(Counts::All),
            1 => Some(Counts::Guests),
            2 => Some(Counts::Own),
            _ => None,
        }
    }

    fn of(self, guests: u32, own: u32) -> u32 {
        match self {
            Counts::All => guests.saturating_add(own),
            Counts::Guests => guests,
            Counts::Own => own,
        }
    }
}

/// The limits that the administrator set; 0 is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// Most load at which a guest is taken (units of load).
    pub load: u32,
    /// What `load` counts.
    pub load_counts: Counts,
    /// Most processor use at which a guest is taken, percent of one processor.
    pub cpu: u32,
    /// What `cpu` counts.
    pub cpu_counts: Counts,
    /// Most guests at a time.
    pub guests: u16,
}

/// The part of a node's use that is its own, and the guests'.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Shares {
    /// Load of guests (units of load).
    pub load_guests: u32,
    /// Load of the node's own processes (units of load).
    pub load_own: u32,
    /// Processor use of guests, percent of one processor.
    pub cpu_guests: u32,
    /// Processor use of the node's own processes, percent of one processor.
    pub cpu_own: u32,
}

impl Limits {
    /// Guests that may still come, as told to others; [`super::node::NO_LIMIT`] without a limit.
    pub const fn slots(&self, guests: u16) -> u16 {
        match self.guests {
            0 => super::node::NO_LIMIT,
            most => most.saturating_sub(guests),
        }
    }

    /// The load that counts is above its limit.
    pub fn load_exceeded(&self, shares: &Shares) -> bool {
        self.load != 0 && self.load_counts.of(shares.load_guests, shares.load_own) > self.load
    }

    /// The processor use that counts is above its limit.
    pub fn cpu_exceeded(&self, shares: &Shares) -> bool {
        self.cpu != 0 && self.cpu_counts.of(shares.cpu_guests, shares.cpu_own) > self.cpu
    }
}

/// The node that is asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NodeState {
    /// As it tells others, but of this moment: guests on their way are counted in `guests`, `slots` and `upload`.
    pub node: Node,
    /// Bytes promised to guests on their way that are not in use yet.
    pub promised: u64,
    /// Its limits.
    pub limits: Limits,
    /// What they are compared with.
    pub shares: Shares,
}

/// A process that wants to come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Request {
    /// Bytes it has.
    pub memory: u64,
    /// Hundredths of a processor it wants.
    pub load: u32,
    /// Its home.
    pub home: u16,
    /// Largest `upload` at which it still wants to come ([`super::choose::Choice::limit`]); `u32::MAX` for any.
    pub limit: u32,
    /// A person asked for it.
    pub by_command: bool,
}

/// This part of all memory is left alone when a process comes home: a 64th, for its page tables and for everybody's next moment.
const HOME_SPARE: u64 = 64;

/// Why not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// `block` is set.
    Blocked,
    /// As many guests as may be.
    Slots,
    /// Too little memory.
    Memory,
    /// The load is above its limit.
    LoadLimit,
    /// The processor use is above its limit.
    CpuLimit,
    /// The load has risen since it was told.
    Busy,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Refusal::Blocked => "it takes no guests (block)",
            Refusal::Slots => "it has as many guests as it may (maxguests)",
            Refusal::Memory => "it has too little free memory",
            Refusal::LoadLimit => "its load is above its limit (loadlimit)",
            Refusal::CpuLimit => "its processor use is above its limit (cpulimit)",
            Refusal::Busy => "it has become busier than it told",
        })
    }
}

/// Whether there is room for one of this node's own processes, with so many bytes, to come home. It belongs here, so it may be swapped
/// for; but without room somebody would be killed for it.
pub fn has_room(here: &NodeState, swap: u64, memory: u64) -> bool {
    let node = &here.node;
    let needed = memory.saturating_add(here.promised).saturating_add(node.tmem / HOME_SPARE);
    node.tmem == 0 || node.mem.saturating_add(swap) >= needed
}

/// Whether the process may come. The caller then books it ([`super::load::Meter::coming`], `promised`).
pub fn admit(here: &NodeState, request: &Request) -> Result<(), Refusal> {
    let node = &here.node;
    if node.has(status::BLOCK) {
        return Err(Refusal::Blocked);
    }
    if node.slots == 0 || (here.limits.guests != 0 && node.guests >= here.limits.guests) {
        return Err(Refusal::Slots);
    }
    // A command may fill the memory up to where ushering begins; by itself nothing goes so far.
    let spare = node.tmem / 1000 * if request.by_command { usher::BEGIN } else { usher::ENOUGH };
    let needed = request.memory.saturating_add(here.promised).saturating_add(spare);
    if node.tmem != 0 && node.mem < needed {
        return Err(Refusal::Memory);
    }
    if request.by_command {
        return Ok(());
    }
    if here.limits.load_exceeded(&here.shares) {
        return Err(Refusal::LoadLimit);
    }
    if here.limits.cpu_exceeded(&here.shares) {
        return Err(Refusal::CpuLimit);
    }
    if node.upload > request.limit {
        return Err(Refusal::Busy);
    }
    Ok(())
}
