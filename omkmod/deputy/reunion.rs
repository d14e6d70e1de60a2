// SPDX-License-Identifier: GPL-2.0-only
//! Processes that share memory come home together. The deputy of each that has received its memory enters here and waits; one
//! of them looks whom else they share memory with, calls those that are still away, and when nobody is missing decides for
//! all: home, or as before.
//!
//! Who is here leaves only with a verdict, or by dying: then the others are told, and one of them looks again.
//!
//! Locks: `present`, then `Away::inner`; nobody sleeps with it but to wait for `changed`.

use super::{Away, Deputy};
use crate::cluster::{cluster, Cluster};
use crate::process::group::{Lead, Seat};
use crate::sys::errno::ENETDOWN;
use crate::sys::task::{self, Task};
use crate::sys::{self, wait};
use kernel::prelude::*;
use kernel::sync::{Arc, CondVar, Mutex};
use kernel::{new_condvar, new_mutex, pin_init};

/// How long to wait when there is no memory to look with.
const AGAIN_MS: u32 = 100;

/// The processes of this node that are on their way home.
#[pin_data]
pub(crate) struct Reunion {
    #[pin]
    present: Mutex<KVec<Entry>>,
    #[pin]
    changed: CondVar,
}

struct Entry {
    away: Arc<Away>,
    /// Its memory could be received.
    whole: bool,
    /// It looks for the others.
    leads: bool,
    /// Who has found it; identity only.
    found_by: *const Away,
    verdict: Option<Verdict>,
}

// SAFETY: `found_by` is only compared.
unsafe impl Send for Entry {}

/// What has been decided for one process.
pub(super) struct Verdict {
    pub(super) home: bool,
    /// Its part in the journey that begins as soon as it is home.
    pub(super) seat: Option<Seat>,
}

impl Verdict {
    fn of(home: bool) -> Verdict {
        Verdict { home, seat: None }
    }
}

/// Whom a process shares memory with.
pub(super) struct Party {
    /// The others that are away.
    pub(super) others: KVec<Arc<Away>>,
    /// One of them has just been born and is not there yet.
    pub(super) expecting: bool,
}

/// The current process' place. Dropped, it is free.
struct Place<'a> {
    reunion: &'a Reunion,
    away: &'a Away,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let gone = {
            let mut list = self.reunion.present.lock();
            let at = list.iter().position(|e| e.is(self.away));
            at.and_then(|i| sys::swap_remove(&mut list, i))
        };
        drop(gone);
        self.reunion.changed.notify_all();
    }
}

impl Entry {
    fn is(&self, away: *const Away) -> bool {
        core::ptr::eq(&*self.away, away)
    }
}

/// What a look around has shown.
enum Look {
    /// All are here, and in this state; the caller decides for them.
    Complete(bool),
    /// Another one leads now.
    Led,
    /// Some are missing.
    Missing,
}

impl Reunion {
    /// Nobody is there.
    pub(crate) fn new() -> impl PinInit<Self> {
        pin_init!(Reunion { present <- new_mutex!(KVec::new()), changed <- new_condvar!() })
    }

    /// A process is away no longer.
    pub(super) fn tell(&self) {
        self.changed.notify_all();
    }

    /// `None`: the caller leads.
    fn await_verdict(&self, me: &Away) -> Result<Option<Verdict>> {
        wait::until(&self.changed, &self.present, |list| {
            let Some(mine) = list.iter().position(|e| e.is(me)) else { return Some(Err(EINVAL)) };
            let (verdict, leader) = list.get_mut(mine).map(|e| (e.verdict.take(), e.found_by))?;
            if verdict.is_some() {
                return Some(Ok(verdict));
            }
            let led = list.iter().any(|e| e.leads && e.is(leader) && !e.is(me));
            (!led).then(|| {
                list.get_mut(mine).into_iter().for_each(|e| e.leads = true);
                Ok(None)
            })
        })?
    }

    fn look(&self, me: &Away, party: &Party) -> Look {
        let mut list = self.present.lock();
        let belongs = |e: &Entry| e.is(me) || party.others.iter().any(|a| e.is(&**a));
        if !list.iter().any(|e| e.leads && e.is(me)) {
            return Look::Led;
        }
        // Of several that lead the one with the lowest pid goes on.
        let leader = list.iter().filter(|e| e.leads && belongs(e)).min_by_key(|e| e.away.pid);
        let leader = leader.map_or(me as *const Away, |e| &*e.away);
        for e in list.iter_mut().filter(|e| belongs(e)) {
            e.found_by = leader;
            e.leads = e.is(leader);
        }
        if !core::ptr::eq(leader, me) {
            return Look::Led;
        }
        let missing = party.others.iter().any(|a| a.alive() && !list.iter().any(|e| e.is(&**a)));
        if missing || party.expecting {
            return Look::Missing;
        }
        Look::Complete(list.iter().filter(|e| belongs(e)).all(|e| e.whole))
    }

    /// Calls those that are missing, and waits until they are here or no more.
    fn call_missing(&self, me: &Away, party: &Party) -> Result {
        loop {
            let list = self.present.lock();
            if !list.iter().any(|e| e.leads && e.is(me)) {
                return Ok(());
            }
            let missing = |list: &KVec<Entry>, a: &Away| a.alive() && !list.iter().any(|e| e.is(a));
            if !party.others.iter().any(|a| missing(&list, a)) {
                return if party.expecting { wait::moment(&self.changed, list) } else { Ok(()) };
            }
            if party.others.iter().any(|a| missing(&list, a) && !a.wanted()) {
                drop(list);
                // Those that are here already are told for nothing.
                party.others.iter().filter(|a| !a.wanted()).for_each(|a| a.recall_alone());
                continue;
            }
            wait::moment(&self.changed, list)?;
        }
    }

    /// For all of the party, the caller included.
    fn announce(&self, me: &Away, party: &Party, home: bool, seats: &mut KVec<(*const Away, Seat)>) {
        let mut list = self.present.lock();
        for e in list.iter_mut().filter(|e| e.is(me) || party.others.iter().any(|a| e.is(&**a))) {
            let at = seats.iter().position(|(who, _)| e.is(*who));
            let seat = at.and_then(|i| sys::swap_remove(seats, i)).map(|(_, seat)| seat);
            e.leads = false;
            e.verdict = Some(Verdict { home, seat });
        }
        drop(list);
        self.changed.notify_all();
    }
}

impl Deputy {
    /// The memory of this process is here (`whole`), or could not be received. Waits for those that it shares memory with.
    pub(super) fn meet(&self, whole: bool) -> Result<Verdict> {
        let c = cluster().ok_or(ENETDOWN)?;
        let reunion = &c.reunion;
        let entry =
            Entry { away: self.away.clone(), whole, leads: false, found_by: core::ptr::null(), verdict: None };
        reunion.present.lock().push(entry, GFP_KERNEL)?;
        let _place = Place { reunion, away: &self.away };
        reunion.changed.notify_all();
        loop {
            if let Some(verdict) = reunion.await_verdict(&self.away)? {
                return Ok(verdict);
            }
            let party = match self.away.party() {
                Ok(party) => party,
                Err(_) if task::dying() => return Err(EINTR),
                // So many cannot come home at once.
                Err(E2BIG) => return Ok(Verdict::of(false)),
                Err(_) => {
                    task::sleep_ms(AGAIN_MS);
                    continue;
                }
            };
            match reunion.look(&self.away, &party) {
                Look::Complete(whole) => {
                    let home = whole && self.objects_home(&party).is_ok();
                    let mut seats = if home { next_journey(c, &self.away, &party) } else { KVec::new() };
                    reunion.announce(&self.away, &party, home, &mut seats);
                }
                Look::Led => {}
                Look::Missing => reunion.call_missing(&self.away, &party)?,
            }
        }
    }

    /// All processes that share memory with this one stand still, and all have received their own memory; nothing of it is in
    /// use yet. Runs in one of them, which may still ask its guest for what they have in common. An error means that all
    /// stay away.
    fn objects_home(&self, party: &Party) -> Result {
        let mut ids: KVec<u64> = KVec::new();
        for away in Iterator::chain(core::iter::once(&*self.away), party.others.iter().map(|a| &**a)) {
            let claims = away.objects.lock();
            for id in claims.iter().flat_map(|c| c.ids()) {
                if !ids.contains(&id) {
                    ids.push(id, GFP_KERNEL)?;
                }
            }
        }
        self.bring(ids.iter().copied())?
    }
}

impl Away {
    /// Whom it shares memory with.
    pub(super) fn party(&self) -> Result<Party> {
        let c = cluster().ok_or(ENETDOWN)?;
        let mut party = Party { others: KVec::new(), expecting: false };
        let Some(me) = self.any_member() else { return Ok(party) };
        for t in sys::group::sharers(&me)?.iter() {
            let pid = t.pid();
            if pid == self.pid {
                continue;
            }
            party.expecting |= t.role() == task::Role::Newborn;
            if let Some(away) = c.away(pid).filter(|a| a.alive() && !a.borrows()) {
                party.others.push(away, GFP_KERNEL)?;
            }
        }
        Ok(party)
    }
}

/// If one of them is to go on to another node, it leads the others there. Without memory for that each goes for itself.
fn next_journey(c: &Cluster, me: &Away, party: &Party) -> KVec<(*const Away, Seat)> {
    let all = || Iterator::chain(core::iter::once(me), party.others.iter().map(|a| &**a));
    let seats = || {
        let mut seats = KVec::new();
        let Some(first) = all().find(|a| a.goes_on()).filter(|_| !party.others.is_empty()) else { return Ok(seats) };
        if all().any(|a| a.stopped()) {
            return Ok(seats);
        }
        let lead = Lead::new(c, first.pid).map_err(|r| r.errno())?;
        for a in all().filter(|a| !core::ptr::eq(*a, first)) {
            let task = Task::find_global(a.pid).ok_or(ESRCH)?;
            seats.push((core::ptr::from_ref(a), Seat::Follower(lead.invite(c, &task)?)), GFP_KERNEL)?;
        }
        seats.push((core::ptr::from_ref(first), Seat::Lead(lead)), GFP_KERNEL)?;
        Ok::<_, Error>(seats)
    };
    seats().unwrap_or_else(|_| KVec::new())
}
