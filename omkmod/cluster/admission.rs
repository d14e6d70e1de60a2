// SPDX-License-Identifier: GPL-2.0-only
//! Whether a process may come: one of another node, by the limits of this one, asked at the door; one of this node, if there is
//! memory for it.
//!
//! What is on its way does not use its memory yet, and others that come meanwhile must not be told that it is free: it is promised.
//! Lock: `Cluster::promises`, a leaf.

use super::{cluster, load, Cluster};
use super::settings::Setting;
use crate::omcore::balance::admit::{self, Counts, Limits, NodeState};
use crate::omcore::wire;
use crate::process::request::Refusal;
use crate::sys::{self, node};
use core::sync::atomic::{AtomicU64, Ordering};
use kernel::prelude::*;

/// What each promise was made for: a home, and its number for a group of processes that come together.
type Whose = (u16, u64);

/// All promises.
pub(crate) struct Promises(KVec<Entry>);

struct Entry {
    whose: Whose,
    /// Bytes that are not in use yet.
    left: u64,
    holders: u32,
}

impl Promises {
    /// None.
    pub(super) const fn new() -> Self {
        Promises(KVec::new())
    }

    fn find(&mut self, whose: Whose) -> Option<&mut Entry> {
        self.0.iter_mut().find(|e| e.whose == whose)
    }

    fn all(&self) -> u64 {
        self.0.iter().fold(0, |all, e| all.saturating_add(e.left))
    }

    fn make(&mut self, whose: Whose, bytes: u64) -> Result<Promise> {
        match self.find(whose) {
            Some(e) => e.holders = e.holders.saturating_add(1),
            None => self.0.push(Entry { whose, left: bytes, holders: 1 }, GFP_KERNEL)?,
        }
        Ok(Promise { whose })
    }
}

/// Memory that is kept for a process on its way here. Dropped, it is free again, or in use.
pub(crate) struct Promise {
    whose: Whose,
}

impl Promise {
    /// So many pages have come.
    pub(crate) fn kept(&self, pages: u64) {
        let Some(c) = cluster() else { return };
        if let Some(e) = c.promises.lock().find(self.whose) {
            e.left = e.left.saturating_sub(pages.saturating_mul(wire::PAGE as u64));
        }
    }
}

impl Drop for Promise {
    fn drop(&mut self) {
        let Some(c) = cluster() else { return };
        let mut promises = c.promises.lock();
        let Some(at) = promises.0.iter().position(|e| e.whose == self.whose) else { return };
        if let Some(e) = promises.0.get_mut(at) {
            e.holders = e.holders.saturating_sub(1);
            if e.holders == 0 {
                sys::swap_remove(&mut promises.0, at);
            }
        }
    }
}

/// Whether a process of another node, or a group of them with this number, may come now. The first of a group is asked for all.
pub(crate) fn admit(c: &Cluster, wants: &admit::Request, number: u64, group: bool) -> core::result::Result<Promise, Refusal> {
    let mut here = NodeState { node: load::own(), promised: 0, limits: limits(c), shares: c.balance.shares() };
    let mut wants = *wants;
    let whose = (wants.home, number);
    let mut promises = c.promises.lock();
    if promises.find(whose).is_some() {
        wants.memory = 0;
    } else {
        here.promised = promises.all();
    }
    admit::admit(&here, &wants).map_err(|why| {
        let errno = match why {
            admit::Refusal::Memory => ENOMEM,
            admit::Refusal::Slots => ENOSPC,
            _ => EBUSY,
        };
        if why == admit::Refusal::Memory {
            let (needed, available) = (wants.memory >> 20, here.node.mem >> 20);
            let who = if group { "the group needs" } else { "the process needs" };
            return Refusal::new(
                errno,
                format_args!("it has {available} MiB of memory to be had, {who} {needed} MiB and some must be left"),
            );
        }
        Refusal::new(errno, format_args!("{why}"))
    })?;
    Ok(promises.make(whose, wants.memory)?)
}

/// One of this node's own processes is about to come home, with so many pages. `None`: there is no room for it.
pub(crate) fn welcome(c: &Cluster, pages: u64) -> Option<Promise> {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let memory = pages.saturating_mul(wire::PAGE as u64);
    let mut here = NodeState { node: load::own(), ..NodeState::default() };
    let mut promises = c.promises.lock();
    here.promised = promises.all();
    if !admit::has_room(&here, node::swap(), memory) {
        return None;
    }
    // No guest has this node for its home.
    let whose = (here.node.id, NUMBER.fetch_add(1, Ordering::Relaxed));
    promises.make(whose, memory).ok()
}

/// The limits that the administrator set.
pub(crate) fn limits(c: &Cluster) -> Limits {
    let s = &c.settings;
    Limits {
        load: u32::try_from(s.get(Setting::LoadLimit)).unwrap_or(u32::MAX),
        load_counts: Counts::from_mode(s.get(Setting::LoadLimitMode)).unwrap_or_default(),
        cpu: u32::try_from(s.get(Setting::CpuLimit)).unwrap_or(u32::MAX),
        cpu_counts: Counts::from_mode(s.get(Setting::CpuLimitMode)).unwrap_or_default(),
        guests: u16::try_from(s.get(Setting::MaxGuests)).unwrap_or(u16::MAX),
    }
}
