// SPDX-License-Identifier: GPL-2.0-only

//! What one process uses: processor, system calls, data. Old use fades, at a pace that the process may ask for.
//!
//! Two memories, for two questions:
//!
//! - how much processor it wants *now*, which may change from one second to the next: an average over about
//!   four periods, as the load of a node ([`Stats::cpu`]);
//! - what it would cost away, which must not be judged by one quiet second: sums that are multiplied by
//!   `decay`/1000 every decay interval (`mosctl setdecay 60 900 205`: every 60 s, by 0.9 for slow and 0.205
//!   for fast processes) while the last interval counts in full (openMosix manual, 5.6).
//!
//! Rates are sums over sums, both decayed alike: a process that does the same all the time shows the same rate from its
//! first second on, whatever the decay.

use super::cost::Comm;
use super::node::Hint;
use super::UNIT;
use core::fmt;

const SECOND: u64 = 1_000_000_000;

/// How fast old use is forgotten.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Decay {
    /// By the slow factor: for processes that change often.
    #[default]
    Slow,
    /// By the fast factor: for processes that do one thing for long.
    Fast,
    /// Never: all its life counts.
    None,
}

/// The node's pace (`/proc/hpc/admin/decayinterval`, `slowdecay`, `fastdecay`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// Nanoseconds between decays.
    pub interval_ns: u64,
    /// Per mille kept of slow processes' past.
    pub slow: u16,
    /// Per mille kept of fast processes' past.
    pub fast: u16,
}

impl Default for Pace {
    /// The manual's table 6.2: 60 s, 976, 926.
    fn default() -> Self {
        Pace { interval_ns: 60 * SECOND, slow: 976, fast: 926 }
    }
}

impl Pace {
    /// Per mille that `decay` keeps.
    pub fn factor(&self, decay: Decay) -> u16 {
        match decay {
            Decay::Slow => self.slow.min(1000),
            Decay::Fast => self.fast.min(1000),
            Decay::None => 1000,
        }
    }
}

/// What happens to [`Manner`] at `execve`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Keep {
    /// A new program starts afresh.
    #[default]
    Never,
    /// The next program keeps it, the one after does not.
    Once,
    /// All programs keep it.
    Always,
}

/// How a process asked to be judged (`/proc/hpc/decay/`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Manner {
    /// How its past fades.
    pub decay: Decay,
    /// What it says limits it.
    pub hint: Hint,
    /// Whether another program keeps this.
    pub keep: Keep,
    /// Whether children get it.
    pub inherit: bool,
}

impl Manner {
    /// After an `execve`.
    pub fn after_exec(self) -> Manner {
        match self.keep {
            Keep::Never => Manner::default(),
            Keep::Once => Manner { keep: Keep::Never, ..self },
            Keep::Always => self,
        }
    }

    /// A new child's.
    pub fn of_child(self) -> Manner {
        if self.inherit {
            self
        } else {
            Manner::default()
        }
    }

    /// As in `/proc/hpc/decay/own`: the factor it uses, then words.
    pub fn show(self, pace: Pace) -> impl fmt::Display {
        Shown(self, pace)
    }
}

struct Shown(Manner, Pace);

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Shown(manner, pace) = self;
        write!(f, "{}", pace.factor(manner.decay))?;
        f.write_str(match manner.hint {
            Hint::None => "",
            Hint::Cpu => " cpujob",
            Hint::Io => " iojob",
        })?;
        f.write_str(match manner.keep {
            Keep::Never => "",
            Keep::Once => " execonce",
            Keep::Always => " exec",
        })?;
        f.write_str(if manner.inherit { " inherit" } else { "" })
    }
}

/// What a process used in one period: differences, not totals.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Used {
    /// How long the period was.
    pub elapsed_ns: u64,
    /// Processor time, all threads.
    pub cpu_ns: u64,
    /// That, and the time for which they waited for a processor.
    pub wanted_ns: u64,
    /// System calls that its home did, or would have done had it been away.
    pub calls: u64,
    /// Bytes that they took out of it.
    pub out_bytes: u64,
    /// Bytes that they brought in.
    pub in_bytes: u64,
}

impl Used {
    fn plus(&self, other: &Used) -> Used {
        Used {
            elapsed_ns: self.elapsed_ns.saturating_add(other.elapsed_ns),
            cpu_ns: self.cpu_ns.saturating_add(other.cpu_ns),
            wanted_ns: self.wanted_ns.saturating_add(other.wanted_ns),
            calls: self.calls.saturating_add(other.calls),
            out_bytes: self.out_bytes.saturating_add(other.out_bytes),
            in_bytes: self.in_bytes.saturating_add(other.in_bytes),
        }
    }

    fn faded(&self, per_mille: u16) -> Used {
        let fade = |n: u64| n / 1000 * u64::from(per_mille) + n % 1000 * u64::from(per_mille) / 1000;
        Used {
            elapsed_ns: fade(self.elapsed_ns),
            cpu_ns: fade(self.cpu_ns),
            wanted_ns: fade(self.wanted_ns),
            calls: fade(self.calls),
            out_bytes: fade(self.out_bytes),
            in_bytes: fade(self.in_bytes),
        }
    }

    /// `n` per second of this.
    fn rate(&self, n: u64) -> u64 {
        let ms = (self.elapsed_ns / 1_000_000).max(1);
        if self.elapsed_ns == 0 {
            0
        } else {
            n.saturating_mul(1000).saturating_add(ms / 2) / ms
        }
    }
}

/// The statistics of one process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Before the last decay.
    past: Used,
    /// Since.
    recent: Used,
    /// Processor use of late, in 1024ths of a hundredth of one.
    cpu: u64,
    /// The same of what it would have used had it not waited for a processor; and in the last period alone.
    wanted: u64,
    wanted_last: u64,
    /// All its processor time here, never decayed.
    total_cpu_ns: u64,
}

impl Stats {
    /// Of a process of which nothing is known.
    pub const fn new() -> Self {
        let none = Used { elapsed_ns: 0, cpu_ns: 0, wanted_ns: 0, calls: 0, out_bytes: 0, in_bytes: 0 };
        Stats { past: none, recent: none, cpu: 0, wanted: 0, wanted_last: 0, total_cpu_ns: 0 }
    }

    /// Ends a period.
    pub fn period(&mut self, used: &Used, decay: Decay, pace: &Pace) {
        if used.elapsed_ns == 0 {
            return;
        }
        let first = self.past.elapsed_ns == 0 && self.recent.elapsed_ns == 0;
        // A first period has no past to be averaged with.
        let average = |old: u64, now: u64| if first { now } else { (old * 3).saturating_add(now) / 4 };
        let part = |ns: u64| ns.min(1 << 44).saturating_mul(u64::from(UNIT) * 1024) / used.elapsed_ns;
        self.cpu = average(self.cpu, part(used.cpu_ns));
        self.wanted_last = part(used.wanted_ns.max(used.cpu_ns));
        self.wanted = average(self.wanted, self.wanted_last);
        self.total_cpu_ns = self.total_cpu_ns.saturating_add(used.cpu_ns);
        self.recent = self.recent.plus(used);
        if self.recent.elapsed_ns >= pace.interval_ns.max(1) {
            self.past = self.past.faded(pace.factor(decay)).plus(&self.recent);
            self.recent = Used::default();
        }
    }

    /// Forgets everything but the present use of the processor (`/proc/hpc/decay/clear`).
    pub fn clear(&mut self) {
        *self = Stats {
            cpu: self.cpu,
            wanted: self.wanted,
            wanted_last: self.wanted_last,
            total_cpu_ns: self.total_cpu_ns,
            ..Stats::new()
        };
    }

    /// Hundredths of a processor that it uses now.
    pub fn cpu(&self) -> u32 {
        u32::try_from((self.cpu + 512) / 1024).unwrap_or(u32::MAX)
    }

    /// 10000ths of a processor that it uses now.
    pub fn cpu_fine(&self) -> u32 {
        u32::try_from(self.cpu.saturating_mul(100).saturating_add(512) / 1024).unwrap_or(u32::MAX)
    }

    /// 10000ths of a processor that it would use now if it need not wait for one. At most twice what it was in the last
    /// period: one that has begun with much work and sleeps now is not to be moved for that.
    pub fn wanted_fine(&self) -> u32 {
        let now = self.wanted.min(self.wanted_last.saturating_mul(2));
        u32::try_from(now.saturating_mul(100).saturating_add(512) / 1024).unwrap_or(u32::MAX)
    }

    /// Hundredths of a processor that it used over all that is remembered.
    pub fn cpu_remembered(&self) -> u32 {
        let all = self.past.plus(&self.recent);
        let hundredth = SECOND / u64::from(UNIT);
        u32::try_from(all.rate(all.cpu_ns).saturating_add(hundredth / 2) / hundredth).unwrap_or(u32::MAX)
    }

    /// All processor time counted, in ms.
    pub const fn cpu_ms(&self) -> u64 {
        self.total_cpu_ns / 1_000_000
    }

    /// Its calls and data per second, over all that is remembered.
    pub fn comm(&self) -> Comm {
        let all = self.past.plus(&self.recent);
        Comm {
            calls: all.rate(all.calls),
            out_kb: all.rate(all.out_bytes) / 1024,
            in_kb: all.rate(all.in_bytes) / 1024,
        }
    }
}
