// SPDX-License-Identifier: GPL-2.0-only

//! The load of a node, from samples of its run queue.
//!
//! The formulas are those of `mosix_calc_load` (openMosix manual, 6.2 and 6.6), which makes three numbers:
//!
//! - `load`: rises slowly and falls at once, so only load that lasts makes a node send processes away;
//! - `upload`, what other nodes are told: rises at once and falls slowly, has one process more in it than there is (1.02,
//!   as a process that comes has cold caches), and those that just came. So a node never looks better than it is, and
//!   two nodes of equal load want nothing of each other;
//! - `util`: how much of the processors was used.
//!
//! Mended here: no division by zero (no ticks, no processors, no speed, nothing used yet). The manual divides both loads
//! by the part of the processors in use, so that a node which waits for its disk looks worse; a node that was idle then
//! looked a hundred times loaded. Here the part in use is compared with the part that was *wanted*, and the
//! factor ends at [`MAX_WASTE`]. The manual leaves its decay constants open: here the slow load takes half of the new
//! per period, for with less a node sees for seconds that it is alone when it is not.

use super::{share, STANDARD_SPEED, UNIT};

/// The manual's scale of the accumulated load.
const SCALE: u64 = 128;
/// Most that wasted processor time multiplies a load by.
pub const MAX_WASTE: u64 = 4;

/// What was counted in one period.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sample {
    /// How often the run queue was looked at. Any number, even 1; 0 repeats the last result.
    pub ticks: u32,
    /// Sum over these of the processes that ran or wanted to, guests and all, but not those that are leaving.
    pub running: u64,
    /// Processor time used, in the same ticks: `ticks` for each processor that was always busy.
    pub busy: u64,
    /// Processors.
    pub cpus: u16,
    /// Speed of one.
    pub speed: u32,
}

/// The result of a period.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Loads {
    /// What this node reckons with itself (units of load).
    pub load: u32,
    /// What it tells others (units of load).
    pub upload: u32,
    /// Percent of its processor time used, 0 to 100.
    pub util: u16,
}

/// The measuring instrument of one node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Meter {
    /// Slow load, in 128ths.
    accumulated: u64,
    /// Peak load.
    upper: u64,
    /// Processor time used and wanted, in percent of one processor; averages.
    used: u64,
    wanted: u64,
    /// Processes that came lately, in quarters, decaying as they begin to show in `accumulated`.
    came_lately: u64,
    /// Processes on their way here.
    coming_in: u32,
    now: Loads,
    speed: u32,
    cpus: u16,
}

impl Meter {
    /// Before the first period: no load.
    pub const fn new() -> Self {
        Meter {
            accumulated: 0,
            upper: 0,
            used: 0,
            wanted: 0,
            came_lately: 0,
            coming_in: 0,
            now: Loads { load: 0, upload: UNIT + 2, util: 0 },
            speed: STANDARD_SPEED,
            cpus: 1,
        }
    }

    /// The loads as they stand: of the last period, and what came and left since.
    pub const fn loads(&self) -> Loads {
        self.now
    }

    /// Ends a period, of a second or thereabouts.
    pub fn period(&mut self, sample: Sample) -> Loads {
        let ticks = u64::from(sample.ticks);
        if ticks == 0 {
            return self.now;
        }
        self.cpus = sample.cpus.max(1);
        self.speed = if sample.speed == 0 { STANDARD_SPEED } else { sample.speed };
        let cpus = u64::from(self.cpus);
        let capacity = (ticks * cpus).saturating_mul(self.speed.into());
        let standard = u64::from(UNIT) * u64::from(STANDARD_SPEED);
        // Nobody has 2^32 running processes; the bound keeps the products below in range.
        let load =
            (sample.running.saturating_mul(standard).saturating_add(capacity / 2) / capacity).min(1 << 32);

        let scaled = load * SCALE;
        self.accumulated =
            if scaled > self.accumulated { self.accumulated.saturating_add(scaled) / 2 } else { scaled };
        self.upper = if load >= self.upper { load } else { (self.upper * 7 + load) / 8 };

        let whole = u64::from(UNIT) * cpus;
        let percent = |n: u64| (n.saturating_mul(UNIT.into()) / ticks).min(whole);
        // Rounded up, as in the manual, but what is idle comes to rest at nothing.
        let average = |old: u64, new: u64| if new == 0 { old * 3 / 4 } else { (old * 3 + new).div_ceil(4) };
        self.used = average(self.used, percent(sample.busy));
        self.wanted = average(self.wanted, percent(sample.running)).max(self.used);

        let came = self.share_quarters();
        let slow = (self.accumulated + SCALE / 2) / SCALE;
        self.now = Loads {
            load: narrow(self.wasted(slow)),
            upload: narrow(self.wasted(self.upper + came).saturating_add(self.one_more().into())),
            util: u16::try_from(self.used / cpus).unwrap_or(UNIT as u16).min(UNIT as u16),
        };
        self.came_lately = (self.came_lately + u64::from(self.coming_in) * 4) / 2;
        self.now
    }

    /// A process is let in and begins to come: it counts at once (the manual's `info_someone_came_in`).
    pub fn coming(&mut self) {
        self.coming_in = self.coming_in.saturating_add(1);
        self.came_lately = self.came_lately.saturating_add(4);
        self.now.upload = self.now.upload.saturating_add(share(UNIT, self.speed, self.cpus));
    }

    /// It came, or it did not: from here on the run queue shows it, or it never will.
    pub fn came(&mut self, arrived: bool) {
        self.coming_in = self.coming_in.saturating_sub(1);
        if !arrived {
            self.came_lately = self.came_lately.saturating_sub(4);
            self.now.upload = self.now.upload.saturating_sub(share(UNIT, self.speed, self.cpus));
        }
    }

    /// Processes on their way here.
    pub const fn coming_in(&self) -> u32 {
        self.coming_in
    }

    /// A process that wants `use_` hundredths of a processor leaves: the node need not wait for the next period to know
    /// that it has less to do, nor its peak to fade (the manual's `release_migrations`). Samples that it is still in must
    /// not count it: [`Sample::running`].
    pub fn left(&mut self, use_: u32) {
        let load = share(use_, self.speed, self.cpus);
        self.upper = self.upper.saturating_sub(load.into());
        self.now.load = self.now.load.saturating_sub(load);
        self.now.upload = self.now.upload.saturating_sub(load);
    }

    /// It did not leave after all.
    pub fn stayed(&mut self, use_: u32) {
        let load = share(use_, self.speed, self.cpus);
        self.now.load = self.now.load.saturating_add(load);
        self.now.upload = self.now.upload.saturating_add(load);
    }

    /// The load of 1.02 processes, the manual's `stable_export`.
    fn one_more(&self) -> u32 {
        share(UNIT + 2, self.speed, self.cpus)
    }

    fn share_quarters(&self) -> u64 {
        let quarters = u32::try_from(self.came_lately).unwrap_or(u32::MAX);
        u64::from(share(UNIT.saturating_mul(quarters), self.speed, self.cpus)) / 4
    }

    /// Load, made larger by processor time that was wanted and not used.
    fn wasted(&self, load: u64) -> u64 {
        let used = self.used.max(1);
        let wanted = self.wanted.clamp(used, used.saturating_mul(MAX_WASTE));
        load.min(1 << 36) * wanted / used
    }
}

fn narrow(load: u64) -> u32 {
    u32::try_from(load).unwrap_or(u32::MAX)
}

/// The time that a unit of work costs all together on a node whose load, with that work in it, is `load`: percent of
/// what it takes alone on a standard processor. The manual's `altload` (6.5).
///
/// As long as there is a processor for each, it is what one process takes alone. Beyond, it counts how much the newcomer
/// slows the others besides itself: for m processes on one processor 2m - 1, the growth of m².
pub fn altload(load: u32, alone: u32, cpus: u16) -> u64 {
    let (load, alone, cpus) = (u64::from(load), u64::from(alone.max(1)), u64::from(cpus.max(1)));
    let step = alone / cpus;
    if load <= alone {
        alone
    } else if load <= alone + step {
        alone + (cpus * (load - alone)).saturating_mul(load) / alone
    } else {
        2 * load - step
    }
}
