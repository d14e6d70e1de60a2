// SPDX-License-Identifier: GPL-2.0-only
//! The cluster as this node knows it: the map, the switches of the administrator, who is away and who is hosted.
//!
//! Locks, in order, all mutexes, none held while waiting for the network: `membership`, `away`, `guests`,
//! `cradles`, `promises`, `departures`, `records`, `clocks`. Each is held for a few instructions; what they protect is taken out as counted references.

pub(crate) mod admission;
pub(crate) mod balance;
mod book;
pub(crate) mod cradle;
mod join;
pub(crate) mod load;
pub(crate) mod listener;
pub(crate) mod meter;
pub(crate) mod settings;

use crate::deputy::{Away, Reunion};
use crate::guest::Guest;
use crate::omcore::clocks;
use crate::omcore::map::{Entry, Map};
use crate::process::errand::Rest;
use crate::process::records::Records;
use crate::process::request::Departures;
use crate::sys;
use core::sync::atomic::{AtomicPtr, Ordering};
use settings::Settings;
use kernel::prelude::*;
use kernel::sync::{Arc, Mutex};
use kernel::{new_mutex, pin_init};

/// Being a node of a cluster. From joining to leaving it is replaced only by one that extends it.
pub(crate) struct Membership {
    entries: KVec<Entry>,
    own_id: u16,
    own_ip: u32,
    key: KVec<u8>,
}

impl Membership {
    /// This node's id.
    pub(crate) fn own_id(&self) -> u16 {
        self.own_id
    }

    /// The address it speaks from.
    pub(crate) fn own_ip(&self) -> u32 {
        self.own_ip
    }

    /// The cluster key; empty when links are trusted.
    pub(crate) fn key(&self) -> &[u8] {
        &self.key
    }

    /// The map.
    pub(crate) fn map(&self) -> Map<'_> {
        Map::new(&self.entries)
    }

    /// Is it the other one, with nodes or addresses added? Then whatever relies on the other one can rely on it.
    fn extends(&self, other: &Membership) -> bool {
        (self.own_id, self.own_ip) == (other.own_id, other.own_ip)
            && *self.key == *other.key
            && self.map().includes(other.map())
    }

    /// First address of a node.
    pub(crate) fn ip_of(&self, id: u16) -> Option<u32> {
        self.map().ip_of(id)
    }

    /// Node of an address, aliases included.
    pub(crate) fn id_of(&self, ip: u32) -> Option<u16> {
        self.map().id_of(ip)
    }
}

/// Everything of this node.
#[pin_data]
pub(crate) struct Cluster {
    #[pin]
    membership: Mutex<Option<Arc<Membership>>>,
    #[pin]
    key: Mutex<KVec<u8>>,
    #[pin]
    threads: Mutex<Option<join::Threads>>,
    /// One joiner or leaver at a time; held while they wait, so taken before everything else.
    #[pin]
    joining: Mutex<()>,
    #[pin]
    away: Mutex<KVec<Arc<Away>>>,
    #[pin]
    guests: Mutex<KVec<Arc<Guest>>>,
    /// New guests that wait for their home half.
    #[pin]
    cradles: Mutex<KVec<Arc<cradle::Cradle>>>,
    /// Memory of this node that is spoken for.
    #[pin]
    promises: Mutex<admission::Promises>,
    /// Processes that come home, with those that share their memory.
    #[pin]
    pub(crate) reunion: Reunion,
    /// Processes that are about to leave, and the journey each is part of.
    #[pin]
    claims: Mutex<KVec<(i32, u64)>>,
    /// What processes that are at home have been asked.
    #[pin]
    pub(crate) departures: Mutex<Departures>,
    /// What is remembered of processes that moved.
    #[pin]
    pub(crate) records: Mutex<Records>,
    /// Processes that came home too often for a call, and go back later.
    #[pin]
    pub(crate) resting: Mutex<KVec<Rest>>,
    /// Processes whose threads are being called together: by one of them at a time.
    #[pin]
    pub(crate) mustering: Mutex<KVec<i32>>,
    /// Loads of the other nodes.
    #[pin]
    pub(crate) loads: Mutex<load::Table>,
    /// How far the clocks of other nodes were ahead of ours when they were compared last.
    #[pin]
    clocks: Mutex<KVec<(u16, clocks::Known)>>,
    #[pin]
    queries: Mutex<load::Asked>,
    /// For those who ask other nodes.
    #[pin]
    voice: Mutex<Option<Arc<load::Voice>>>,
    /// How busy this node is.
    #[pin]
    pub(crate) gauge: meter::Gauge,
    #[pin]
    pub(crate) balance: balance::Balance,
    /// What the administrator has set.
    #[pin]
    pub(crate) settings: Settings,
}

static CLUSTER: AtomicPtr<Cluster> = AtomicPtr::new(core::ptr::null_mut());

/// Holds the cluster from load to unload.
pub(crate) struct Holder(Arc<Cluster>);

impl Holder {
    /// Makes it.
    pub(crate) fn new() -> Result<Self> {
        let cluster = Arc::pin_init(
            pin_init!(Cluster {
                membership <- new_mutex!(None),
                key <- new_mutex!(KVec::new()),
                threads <- new_mutex!(None),
                joining <- new_mutex!(()),
                away <- new_mutex!(KVec::new()),
                guests <- new_mutex!(KVec::new()),
                cradles <- new_mutex!(KVec::new()),
                promises <- new_mutex!(admission::Promises::new()),
                reunion <- Reunion::new(),
                claims <- new_mutex!(KVec::new()),
                departures <- new_mutex!(Departures::new()),
                records <- new_mutex!(Records::new()),
                resting <- new_mutex!(KVec::new()),
                mustering <- new_mutex!(KVec::new()),
                loads <- new_mutex!(load::Table::new()),
                clocks <- new_mutex!(KVec::new()),
                queries <- new_mutex!(load::Asked::new(0)),
                voice <- new_mutex!(None),
                gauge <- meter::Gauge::new(),
                balance <- balance::Balance::new(),
                settings <- Settings::new(),
            }),
            GFP_KERNEL,
        )?;
        CLUSTER.store(core::ptr::from_ref::<Cluster>(&cluster).cast_mut(), Ordering::Release);
        Ok(Holder(cluster))
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        // Nobody is away or hosted (each would hold the module), so leaving cannot be refused.
        self.0.stop();
        CLUSTER.store(core::ptr::null_mut(), Ordering::Release);
    }
}

/// The cluster. `None` only before load and after unload.
pub(crate) fn cluster() -> Option<&'static Cluster> {
    // SAFETY: the pointer is set by `Holder`, which lives from load to unload; code of this module runs only in between,
    // and threads are stopped before it is cleared.
    unsafe { CLUSTER.load(Ordering::Acquire).as_ref() }
}

impl Cluster {
    /// Present membership.
    pub(crate) fn membership(&self) -> Option<Arc<Membership>> {
        self.membership.lock().clone()
    }

    /// This node's id, 0 when it is no member.
    pub(crate) fn own_id(&self) -> u16 {
        self.membership().map_or(0, |m| m.own_id())
    }

    /// For comparing another node's clocks with ours, with what is known already.
    pub(crate) fn clocks_of(&self, node: u16) -> clocks::Samples {
        let known = self.clocks.lock();
        clocks::Samples::new(known.iter().find(|(n, _)| *n == node).map(|(_, known)| *known))
    }

    /// Remembers it for the next time. Nodes are those of maps, and not more than there are ids.
    pub(crate) fn keep_clocks_of(&self, node: u16, samples: &clocks::Samples) {
        let Some(new) = samples.known() else { return };
        let mut known = self.clocks.lock();
        match known.iter_mut().find(|(n, _)| *n == node) {
            Some((_, old)) => *old = new,
            // Without memory for it the clocks are compared anew.
            None => drop(known.push((node, new), GFP_KERNEL)),
        }
    }

    /// Sets the cluster key, for the next join.
    pub(crate) fn set_key(&self, key: &[u8]) -> Result {
        let mut new = KVec::new();
        new.extend_from_slice(key, GFP_KERNEL)?;
        *self.key.lock() = new;
        Ok(())
    }

    /// A process of ours has left.
    pub(crate) fn add_away(&self, process: Arc<Away>) -> Result {
        Ok(self.away.lock().push(process, GFP_KERNEL)?)
    }

    /// It is back, or dead.
    pub(crate) fn remove_away(&self, process: *const Away) {
        let gone = {
            let mut list = self.away.lock();
            let at = list.iter().position(|p| core::ptr::eq(&**p, process));
            at.and_then(|i| sys::swap_remove(&mut list, i))
        };
        drop(gone);
    }

    /// The process with this pid, if it is away.
    pub(crate) fn away(&self, pid: i32) -> Option<Arc<Away>> {
        self.away.lock().iter().find(|p| p.pid == pid).cloned()
    }

    /// Those that are to come home, and are stopped, hear of it.
    pub(crate) fn rouse(&self) {
        self.away.lock().iter().for_each(|p| p.rouse());
    }

    /// All that are away.
    pub(crate) fn all_away(&self) -> Result<KVec<Arc<Away>>> {
        let list = self.away.lock();
        let mut out = KVec::new();
        for p in list.iter() {
            out.push(p.clone(), GFP_KERNEL)?;
        }
        Ok(out)
    }

    /// A process takes part in a journey from now on. `Some`: it takes part in another one.
    pub(crate) fn claim(&self, pid: i32, journey: u64) -> Result<Option<u64>> {
        let mut list = self.claims.lock();
        if let Some((_, owner)) = list.iter().find(|(p, _)| *p == pid) {
            return Ok(Some(*owner).filter(|o| *o != journey));
        }
        list.push((pid, journey), GFP_KERNEL)?;
        Ok(None)
    }

    /// A journey is over, or has begun.
    pub(crate) fn release(&self, journey: u64) {
        let mut list = self.claims.lock();
        while let Some(i) = list.iter().position(|(_, owner)| *owner == journey) {
            sys::swap_remove(&mut list, i);
        }
    }

    /// A process of another node is here.
    pub(crate) fn add_guest(&self, guest: Arc<Guest>) -> Result {
        Ok(self.guests.lock().push(guest, GFP_KERNEL)?)
    }

    /// It has left, or died.
    pub(crate) fn remove_guest(&self, guest: *const Guest) {
        let gone = {
            let mut list = self.guests.lock();
            let at = list.iter().position(|g| core::ptr::eq(&**g, guest));
            at.and_then(|i| sys::swap_remove(&mut list, i))
        };
        drop(gone);
    }

    /// All guests.
    pub(crate) fn guests(&self) -> Result<KVec<Arc<Guest>>> {
        let list = self.guests.lock();
        let mut out = KVec::new();
        for g in list.iter() {
            out.push(g.clone(), GFP_KERNEL)?;
        }
        Ok(out)
    }

    /// How many processes of other nodes are here: a guest is a thread.
    pub(crate) fn guest_processes(&self) -> u16 {
        let n = self.guests.lock().iter().filter(|g| g.is_first()).count();
        u16::try_from(n).unwrap_or(u16::MAX)
    }

    /// The guest with this local pid.
    pub(crate) fn guest(&self, pid: i32) -> Option<Arc<Guest>> {
        self.guests.lock().iter().find(|g| g.pid == pid).cloned()
    }
}
