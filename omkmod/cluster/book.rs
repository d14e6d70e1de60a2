// SPDX-License-Identifier: GPL-2.0-only
//! What the balancer knows of each process of this node, what it has asked for, and what it said.
//!
//! [`Book::census`] runs once a period. The lock is [`super::balance::Balance`]'s.

use super::load;
use super::meter::Coming;
use super::Cluster;
use crate::omcore::balance::admit::Shares;
use crate::omcore::balance::choose::Choice;
use crate::omcore::balance::node::{Candidate, Hint, Node, Place};
use crate::omcore::balance::stats::{Pace, Stats, Used};
use crate::omcore::wire;
use crate::process::request::{Refusal, Request};
use crate::sys::census::Entry;
use crate::sys::task::{self, Task};
use crate::sys::{self, clocks};
use core::sync::atomic::Ordering;
use kernel::prelude::*;
use kernel::sync::Arc;

/// Decisions kept to be read in `info/reason`.
const MOST_LINES: usize = 32;

/// What is known of one process of this node.
pub(super) struct Known {
    pub(super) pid: i32,
    pub(super) started: u64,
    pub(super) threads: u32,
    /// The numbers of the last census.
    pub(super) last: Entry,
    /// Calls forwarded when it was looked at last, if it is away.
    pub(super) forwarded: u64,
    pub(super) stats: Stats,
    pub(super) memory: u64,
    /// Where it is, 0 at home, and since when (ms since boot).
    pub(super) node: u16,
    pub(super) since: u64,
    /// How often the balancer has moved it.
    pub(super) moves: u32,
    /// Not to be moved before that (ms since boot).
    pub(super) barred: u64,
    /// Was it there at the last census?
    pub(super) seen: bool,
}

/// A move that was asked for.
pub(super) struct Pending {
    pub(super) pid: i32,
    pub(super) comm: [u8; 16],
    pub(super) from: u16,
    pub(super) choice: Choice,
    pub(super) memory: u64,
    pub(super) request: Arc<Request>,
    /// It comes home: its load counts already.
    pub(super) coming: Option<Coming>,
}

/// A decision, to be read by people.
pub(super) struct Line {
    pub(super) ms: u64,
    pub(super) pid: i32,
    pub(super) comm: [u8; 16],
    pub(super) from: u16,
    /// None: it stays.
    pub(super) to: Option<u16>,
    pub(super) why: Refusal,
}

pub(super) struct Book {
    pub(super) known: KVec<Known>,
    pub(super) lines: KVec<Line>,
    pub(super) pending: KVec<Pending>,
    /// When it was looked at last; ns.
    pub(super) looked: u64,
    pub(super) shares: Shares,
}

/// Milliseconds since boot.
pub(super) fn boot_ms() -> u64 {
    clocks::now().boottime / 1_000_000
}

impl Known {
    fn new(e: &Entry) -> Known {
        Known {
            pid: e.pid,
            started: e.started,
            threads: e.threads,
            last: *e,
            forwarded: 0,
            stats: Stats::new(),
            memory: e.memory,
            node: 0,
            since: e.started / 1_000_000,
            moves: 0,
            barred: 0,
            seen: true,
        }
    }

    /// One more period. Gives the ns for which it ran here or could have.
    fn update(&mut self, c: &Cluster, own: &Node, e: &Entry, elapsed_ns: u64, pace: &Pace, now: u64) -> u64 {
        self.seen = true;
        self.threads = e.threads;
        let away = c.away(self.pid);
        let node = away.as_ref().map_or(0, |a| a.node);
        // What it uses elsewhere is in its account, but not of this node's processors.
        let here = node == 0 && self.node == 0;
        let used_cpu = e.cpu.saturating_sub(self.last.cpu);
        let ran_or_could = (e.cpu + e.waited).saturating_sub(self.last.cpu + self.last.waited);
        // How long it waited elsewhere is not told.
        let host = away.as_ref().and_then(|a| c.loads.lock().known(a.node));
        let wanted_ns = match host {
            Some(host) => host.would_use(used_cpu),
            None => ran_or_could.saturating_mul(own.swapping()),
        };
        if node != self.node {
            self.node = node;
            self.since = now;
            self.forwarded = 0;
        }
        // At home what it asks of the kernel is counted by the kernel; away every call that is forwarded is known.
        let calls = match &away {
            Some(a) => {
                let calls = a.calls.load(Ordering::Relaxed);
                calls.saturating_sub(core::mem::replace(&mut self.forwarded, calls))
            }
            None => e.calls.saturating_sub(self.last.calls),
        };
        // What is away is not in memory here: it is as large as it was when it left.
        if away.is_none() {
            self.memory = e.memory;
        } else if self.memory == 0 {
            let task = Task::find_global(self.pid);
            let records = c.records.lock();
            let last = task.and_then(|t| records.get(&t)?.moves.last().map(|m| m.pages));
            self.memory = last.unwrap_or(0).saturating_mul(wire::PAGE as u64);
        }
        let used = Used {
            elapsed_ns,
            cpu_ns: used_cpu,
            wanted_ns,
            calls,
            out_bytes: e.out.saturating_sub(self.last.out),
            in_bytes: e.input.saturating_sub(self.last.input),
        };
        self.last = *e;
        if elapsed_ns > 0 {
            let decay = Task::find_global(self.pid).map(|t| t.traits().manner().decay).unwrap_or_default();
            self.stats.period(&used, decay, pace);
        }
        if here {
            ran_or_could
        } else {
            0
        }
    }

    pub(super) fn candidate(&self, now: u64, hint: Hint, stay: bool) -> Candidate {
        Candidate {
            key: self.pid as u64,
            place: if self.node == 0 { Place::Here } else { Place::At(self.node) },
            cpu: self.stats.cpu_fine(),
            wanted: self.stats.wanted_fine(),
            tasks: self.threads.min(u16::MAX.into()) as u16,
            memory: self.memory,
            comm: self.stats.comm(),
            age_ms: now.saturating_sub(self.started / 1_000_000),
            here_ms: now.saturating_sub(self.since),
            moves: self.moves,
            hint,
            stay: stay || now < self.barred,
        }
    }
}

impl Book {
    /// By pid, in order.
    fn place_of(&self, pid: i32) -> core::result::Result<usize, usize> {
        self.known.binary_search_by_key(&pid, |k| k.pid)
    }

    pub(super) fn find(&mut self, pid: i32) -> Option<&mut Known> {
        let at = self.place_of(pid).ok()?;
        self.known.get_mut(at)
    }

    fn enter(&mut self, e: &Entry) -> Result {
        match self.place_of(e.pid) {
            // The pid was used again.
            Ok(at) => {
                if let Some(k) = self.known.get_mut(at) {
                    *k = Known::new(e);
                }
            }
            Err(at) => {
                self.known.push(Known::new(e), GFP_KERNEL)?;
                if let Some(tail) = self.known.get_mut(at..) {
                    tail.rotate_right(1);
                }
            }
        }
        Ok(())
    }

    /// Looks at all processes. Gives the ns since the last time, and those for which processes ran or could have.
    pub(super) fn census(&mut self, c: &Cluster, entries: &[Entry], pace: &Pace) -> (u64, u64) {
        let (now_ns, now) = (task::now_ns(), boot_ms());
        let before = core::mem::replace(&mut self.looked, now_ns);
        let elapsed = if before == 0 { 0 } else { now_ns.saturating_sub(before) };
        let (own, mut wanted) = (load::own(), 0);
        for k in self.known.iter_mut() {
            k.seen = false;
        }
        for e in entries {
            match self.find(e.pid).filter(|k| k.started == e.started) {
                Some(k) => wanted += k.update(c, &own, e, elapsed, pace, now),
                None => {
                    wanted += (e.cpu + e.waited).min(elapsed);
                    // Without memory it is looked at next time.
                    let _ = self.enter(e);
                }
            }
        }
        sys::retain(&mut self.known, |k| k.seen);
        (elapsed, wanted)
    }

    pub(super) fn say(&mut self, line: Line) {
        if self.lines.len() >= MOST_LINES {
            self.lines.rotate_left(1);
            if let Some(last) = self.lines.last_mut() {
                *last = line;
            }
        } else {
            let _ = self.lines.push(line, GFP_KERNEL);
        }
    }
}
