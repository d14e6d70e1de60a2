// SPDX-License-Identifier: GPL-2.0-only

//! What is known of a node, and of a process, when one decides.

use super::cost::Comm;
use super::thresholds::State;
use super::{share, STANDARD_SPEED, UNIT};

/// Bits of [`Node::status`], those of the file `status` in `/proc/hpc/nodes/N`.
pub mod status {
    /// It was heard of recently.
    pub const UP: u32 = 2;
    /// It takes no guests.
    pub const BLOCK: u32 = 4;
    /// No process leaves it by itself.
    pub const STAY: u32 = 8;
    /// Its own processes do not leave by themselves.
    pub const LSTAY: u32 = 16;
}

/// The manual's factor on the load of a node that swaps, whose size it leaves open.
const SWAPPING: u64 = 4;

/// Slots of a node without a limit of guests.
pub const NO_LIMIT: u16 = u16::MAX;

/// What a node says of itself, and how long ago it did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Node {
    /// Node id, 1 to 65535; 0 is nobody.
    pub id: u16,
    /// Processors.
    pub cpus: u16,
    /// [`status`] bits; others are carried and not looked at.
    pub status: u32,
    /// The load, with everything that runs there (units of load).
    pub load: u32,
    /// The load that one more process must reckon with: it has that process in it already, and those that just came.
    pub upload: u32,
    /// Speed of one processor; [`STANDARD_SPEED`] is the standard one.
    pub speed: u32,
    /// Percent of the node's processor time in use, 0 to 100.
    pub util: u16,
    /// Guests that may still come; [`NO_LIMIT`] when there is no limit.
    pub slots: u16,
    /// Guests that are there.
    pub guests: u16,
    /// Its state in the policy "thresholds".
    pub state: State,
    /// Memory to be had without swapping, in bytes.
    pub mem: u64,
    /// Memory that nothing uses, in bytes.
    pub rmem: u64,
    /// All memory, in bytes.
    pub tmem: u64,
    /// Age of all this, in ms; 0 for the own node.
    pub age_ms: u32,
}

impl Node {
    /// Whether all of `bits` of [`status`] are set.
    pub const fn has(&self, bits: u32) -> bool {
        self.status & bits == bits
    }

    /// The load that one process alone, always running, makes on one of its processors: the time a unit of work
    /// takes there at best. 100 on standard processors.
    pub fn alone(&self) -> u32 {
        share(UNIT, self.speed_or_standard(), 1)
    }

    /// What a process that wants `use_` hundredths of a processor adds to its load.
    pub fn share(&self, use_: u32) -> u32 {
        share(use_, self.speed_or_standard(), self.cpus)
    }

    /// Processes that want each processor, in hundredths and at least 100: by how much each is slowed.
    pub fn crowding(&self) -> u32 {
        let alone = u64::from(self.alone().max(1));
        u32::try_from(u64::from(self.load) * u64::from(UNIT) / alone).unwrap_or(u32::MAX).max(UNIT)
    }

    /// A speed of 0 was never told: take it for the standard.
    pub const fn speed_or_standard(&self) -> u32 {
        if self.speed == 0 {
            STANDARD_SPEED
        } else {
            self.speed
        }
    }

    /// What a process that got `cpu` ns of its processors would have used had it not waited: for one that is elsewhere, and
    /// for what waits for its pages, which uses the processor as little as what sleeps.
    pub fn would_use(&self, cpu: u64) -> u64 {
        let held_up = u64::from(self.crowding()).saturating_mul(self.swapping());
        cpu.saturating_mul(held_up) / u64::from(UNIT)
    }

    /// By how much it slows everything down that its memory does not suffice: the manual's swapping penalty, or 1.
    pub fn swapping(&self) -> u64 {
        if self.mem < self.tmem / 64 {
            SWAPPING
        } else {
            1
        }
    }

    /// Books a process that goes there before the node says so itself (the manual's `release_migrations`): the load of
    /// 1.02 processes, as its caches are cold, its memory and its slot.
    pub fn expect(&mut self, memory: u64) {
        let more = self.share(UNIT + 2);
        self.load = self.load.saturating_add(more);
        self.upload = self.upload.saturating_add(more);
        self.mem = self.mem.saturating_sub(memory);
        self.guests = self.guests.saturating_add(1);
        if self.slots != NO_LIMIT {
            self.slots = self.slots.saturating_sub(1);
        }
    }
}

/// Where a process runs, seen from its home.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Place {
    /// At home, which is the node that decides.
    #[default]
    Here,
    /// On the node with this id.
    At(u16),
}

/// What the process said of itself (`/proc/hpc/decay/cpujob`, `iojob`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Hint {
    /// Nothing: what it did is what counts.
    #[default]
    None,
    /// The processor limits it; what it reads and writes counts a quarter.
    Cpu,
    /// Input and output limit it: it belongs home.
    Io,
}

/// One process that may be moved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Candidate {
    /// The caller's name for it; comes back in the choice.
    pub key: u64,
    /// Where it runs.
    pub place: Place,
    /// What it used of a processor lately, in 10000ths of one, all its threads together
    /// ([`super::stats::Stats::cpu_fine`]): of 300 that share one, each uses a third of a hundredth.
    pub cpu: u32,
    /// What it would have used if it had not waited for a processor, in 10000ths of one
    /// ([`super::stats::Stats::wanted_fine`]). Measured, not worked out of `cpu` and a load: those change at once
    /// when somebody leaves, averages do not.
    pub wanted: u32,
    /// Its threads, at least 1.
    pub tasks: u16,
    /// What would travel, in bytes.
    pub memory: u64,
    /// Its system calls, per second, wherever it ran.
    pub comm: Comm,
    /// Since it began, in ms.
    pub age_ms: u64,
    /// Since it came to where it is, in ms.
    pub here_ms: u64,
    /// How often it was moved by itself so far, homecomings included.
    pub moves: u32,
    /// What it said of itself.
    pub hint: Hint,
    /// It is not to be moved by itself: asked for, or it cannot.
    pub stay: bool,
}

impl Candidate {
    /// What it would use if it need not wait for a processor, in hundredths of one; no more than its threads can use.
    pub fn demand(&self) -> u32 {
        (self.wanted / UNIT).min(UNIT.saturating_mul(self.tasks.max(1).into()))
    }
}
