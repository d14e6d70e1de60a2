// SPDX-License-Identifier: GPL-2.0-only
//! Joining and leaving, and the orders that concern every process: bring and expel.

use super::settings::Setting;
use super::{balance, listener, load, Cluster, Membership};
use crate::sys::errno::{EADDRNOTAVAIL, ENOKEY, ETIMEDOUT};
use crate::omcore::map::{self, Map};
use crate::guest::Guest;
use crate::process::errand;
use crate::process::request::{Request, Target};
use crate::proc_hpc::config;
use crate::sys::procfs::Text;
use crate::sys::thread::{self, Thread};
use crate::sys::{node, shared, task};
use core::fmt::Write;
use kernel::c_str;
use kernel::prelude::*;
use kernel::sync::Arc;

/// An order was refused; the reason is in the text.
pub(crate) type Refused = Error;

/// What runs while this node is a member; stopped and joined when dropped.
pub(super) struct Threads {
    _listener: Thread,
    _load: Thread,
    _balance: Thread,
    _meter: Thread,
}

/// How long bring and expel wait for the processes concerned, in ms.
const ORDER_PATIENCE_MS: u32 = 120_000;

/// How often it is looked how much the guests here have computed: while a timer of one goes by that, more often.
const METER_MS: u32 = 50;
const METER_FINE_MS: u32 = 2;

/// Reminds guests that compute to tell home.
fn meter() -> Result<Thread> {
    Thread::start(c_str!("om_meter"), || {
        while !thread::should_stop() {
            let mut left = METER_MS;
            if let Some(c) = super::cluster() {
                errand::overdue(c);
                shared::sweep_twins();
                c.rouse();
            }
            if let Some(guests) = super::cluster().and_then(|c| c.guests().ok()) {
                for g in guests.iter() {
                    left = left.min((g.meter() / 1_000_000) as u32);
                }
            }
            thread::sleep(left.max(METER_FINE_MS));
        }
    })
}

impl Cluster {
    /// A write to `/proc/hpc/admin/config`.
    pub(crate) fn configure(&self, text: &[u8], why: &mut Text<'_>) -> Result<(), Refused> {
        match config::parse(text) {
            Ok(config::Request::Leave { force }) => self.leave(force, why),
            Ok(config::Request::Join { own, force, map, lines_before }) => {
                self.join(own, force, map, lines_before, why)
            }
            Err(e) => {
                let _ = write!(why, "{e}");
                Err(EINVAL)
            }
        }
    }

    fn join(&self, own: u16, force: bool, text: &[u8], lines_before: u32, why: &mut Text<'_>) -> Result<(), Refused> {
        let mut entries = KVec::from_elem(map::Entry::default(), map::entries_needed(text), GFP_KERNEL)?;
        let n = map::parse(text, &mut entries).map_err(|mut e| {
            e.line += lines_before;
            let _ = write!(why, "{e}");
            EINVAL
        })?;
        let parsed = Map::new(entries.get(..n).ok_or(EINVAL)?);
        let Some(own_ip) = parsed.ips_of(own).find(|ip| node::has_address(*ip)) else {
            let _ = write!(why, "node {own} of the map has no address of this machine");
            return Err(EADDRNOTAVAIL);
        };
        let key = {
            let key = self.key.lock();
            let mut copy = KVec::new();
            copy.extend_from_slice(&key, GFP_KERNEL)?;
            copy
        };
        if key.is_empty() {
            if !self.settings.is(Setting::Trusted) {
                let _ = write!(
                    why,
                    "no cluster key: create /etc/openmosix.key with 'omctl keygen' and copy it to every node, or declare \
                     the network trusted (setpe --trusted)"
                );
                return Err(ENOKEY);
            }
            pr_warn!("no cluster key: every machine that can reach TCP port 2901 from an address of the map is trusted\n");
        }
        // The map's rooms that were not needed are given back by copying.
        let mut exact = KVec::new();
        exact.extend_from_slice(entries.get(..n).ok_or(EINVAL)?, GFP_KERNEL)?;
        let m = Arc::new(Membership { entries: exact, own_id: own, own_ip, key }, GFP_KERNEL)?;
        let _one = self.joining.lock();
        if !force && self.in_use() != (0, 0) && self.membership().is_some_and(|old| m.extends(&old)) {
            pr_info!("the map has changed: this is node {} of {} configured\n", own, m.map().len());
            *self.membership.lock() = Some(m);
            return Ok(());
        }
        self.quit(force, why)?;
        *self.membership.lock() = Some(m.clone());
        let threads = (|| {
            Ok::<_, Error>(Threads {
                _listener: listener::start(own_ip)?,
                _load: load::start(self, own_ip)?,
                _balance: balance::start()?,
                _meter: meter()?,
            })
        })();
        match threads {
            Ok(t) => *self.threads.lock() = Some(t),
            Err(e) => {
                *self.membership.lock() = None;
                let [a, b, c, d] = own_ip.to_be_bytes();
                let _ = write!(why, "cannot listen on {a}.{b}.{c}.{d} TCP port 2901 and UDP port 5428: in use?");
                return Err(e);
            }
        }
        self.settings.set(Setting::Block, 0);
        pr_info!("configuration changed: this is node {} of {} configured\n", own, m.map().len());
        Ok(())
    }

    fn leave(&self, force: bool, why: &mut Text<'_>) -> Result<(), Refused> {
        let _one = self.joining.lock();
        if self.membership().is_none() {
            return Ok(());
        }
        // In order: nothing comes in, guests go home, own processes come back, the table is erased.
        self.settings.set(Setting::Block, 1);
        let done = self.expel(why).and_then(|()| self.bring_all(why));
        if let Err(e) = done {
            if !force {
                return Err(e);
            }
            // Whoever is still away or here goes on with the link it has, and ends when that does.
        }
        self.stop();
        pr_info!("configuration disabled\n");
        Ok(())
    }

    /// How many processes are away, and how many threads of others are here.
    fn in_use(&self) -> (usize, usize) {
        (self.away.lock().len(), self.guests.lock().len())
    }

    /// Ends the present membership. Refused while processes are away or hosted; with `force` they are moved first.
    fn quit(&self, force: bool, why: &mut Text<'_>) -> Result<(), Refused> {
        if self.membership().is_none() {
            return Ok(());
        }
        let (away, hosted) = self.in_use();
        if away + hosted > 0 {
            if !force {
                let _ = write!(
                    why,
                    "{away} processes are away and {hosted} are hosted here: nodes can be added to the map, but for any other \
                     change bring them home first (mosctl expel, mosctl bring), or force it (setpe -W)"
                );
                return Err(EBUSY);
            }
            self.settings.set(Setting::Block, 1);
            self.expel(why)?;
            self.bring_all(why)?;
        }
        self.stop();
        Ok(())
    }

    /// Ends threads and membership, whatever is going on.
    pub(super) fn stop(&self) {
        *self.membership.lock() = None;
        let threads = self.threads.lock().take();
        drop(threads);
        let voice = self.voice.lock().take();
        drop(voice);
        let resting = core::mem::replace(&mut *self.resting.lock(), KVec::new());
        drop(resting);
    }

    /// `bring`: own processes come home and no longer leave by themselves.
    pub(crate) fn bring(&self, why: &mut Text<'_>) -> Result<(), Refused> {
        self.settings.set(Setting::Lstay, 1);
        self.bring_all(why)
    }

    fn bring_all(&self, why: &mut Text<'_>) -> Result<(), Refused> {
        // Those that are on their way out are away soon, or stay.
        let departures = self.departures.lock().all()?;
        for departure in departures.iter().filter(|d| !d.withdraw()) {
            let _ = departure.wait();
        }
        let mut asked = KVec::new();
        for d in self.all_away()?.iter() {
            let same = d.asked(Target::Home);
            let r = same.clone().map_or_else(|| Request::new(Target::Home), Ok)?;
            if same.is_none() {
                if let Err(refusal) = d.post(r.clone()) {
                    r.finish(Err(refusal));
                }
            }
            asked.push((d.pid, r), GFP_KERNEL)?;
        }
        // Those that are home for a call stay.
        errand::cancel_all(self);
        let mut result = Ok(());
        for (pid, r) in asked.iter() {
            if let Err(refusal) = r.wait() {
                // A process that ended meanwhile is not away any more either.
                if self.away(*pid).is_some() {
                    let _ = writeln!(why, "pid {pid}: {}", refusal.words());
                    result = Err(refusal.errno());
                }
            }
        }
        result
    }

    /// `expel`: nobody comes in any more, guests go home.
    pub(crate) fn expel(&self, why: &mut Text<'_>) -> Result<(), Refused> {
        self.settings.set(Setting::Block, 1);
        for g in self.guests()?.iter() {
            g.send_home();
        }
        let mut waited = 0;
        loop {
            let left = self.guests.lock().len();
            if left == 0 {
                return Ok(());
            }
            if waited >= ORDER_PATIENCE_MS {
                let _ = write!(why, "{left} guests are still here: is their home node reachable?");
                return Err(ETIMEDOUT);
            }
            if task::signal_pending() {
                let _ = write!(why, "interrupted; {left} guests are still here");
                return Err(EINTR);
            }
            task::sleep_ms(20);
            waited += 20;
        }
    }

    /// One guest goes home; the others of its process with it.
    pub(crate) fn send_home(&self, g: &Guest, why: &mut Text<'_>) -> Result<(), Refused> {
        g.send_home();
        let mut waited = 0;
        while self.guest(g.pid).is_some_and(|found| core::ptr::eq(&*found, g)) {
            if waited >= ORDER_PATIENCE_MS {
                let _ = write!(why, "it is still here: is its home node reachable?");
                return Err(ETIMEDOUT);
            }
            if task::signal_pending() {
                let _ = write!(why, "interrupted; it may still go");
                return Err(EINTR);
            }
            task::sleep_ms(20);
            waited += 20;
        }
        Ok(())
    }

    /// Prints the map as `setpe -r` shows it.
    pub(crate) fn print_map(&self, out: &mut Text<'_>) -> Result {
        if let Some(m) = self.membership() {
            write!(out, "# this node: {}\n{}", m.own_id(), m.map()).map_err(|_| E2BIG)?;
        }
        Ok(())
    }
}
