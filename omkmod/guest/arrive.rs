// SPDX-License-Identifier: GPL-2.0-only
//! A process arrives: admission at the door, then the vessel takes everything in and waits for the word to run.

use super::company::{Company, Known};
use super::Guest;
use crate::sys::errno::{ECONNRESET, ENETDOWN, EPROTO};
use crate::cluster::admission::{self, Promise};
use crate::cluster::balance::Count;
use crate::cluster::meter::Coming;
use crate::cluster::settings::Setting;
use crate::omcore::balance::admit;
use crate::omcore::clocks::Samples;
use crate::cluster::{cluster, Cluster};
use crate::cluster::cradle::{Arrival, Place};
use crate::link::{bad, Link};
use crate::omcore::wire::{self, vma_flag, Kind, Reader, Vma};
use crate::process::image::{self, Thread};
use crate::process::profile::Profile;
use crate::process::request::Refusal;
use crate::sys::task::{self, set_rlimit, Clone3, Half};
use crate::sys::{memory, shared, vessel};
use core::sync::atomic::Ordering;
use kernel::prelude::*;
use kernel::sync::Arc;

const RLIMIT_STACK: u32 = 3;
/// CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM
const THREAD: u64 = 0x100 | 0x200 | 0x400 | 0x800 | 0x1_0000 | 0x4_0000;
const NR_MMAP: u32 = 9;
const NR_MPROTECT: u32 = 10;
const NR_MADVISE: u32 = 28;
const NR_MLOCK2: u32 = 325;
const MADV_DONTFORK: u64 = 10;
const MADV_WIPEONFORK: u64 = 18;
const PROT_RW: u64 = 3;
/// MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE
const MAP_FLAGS: u64 = 0x2 | 0x20 | 0x4000 | 0x10_0000;
const MAP_GROWSDOWN: u64 = 0x100;

fn refuse(link: &mut Link, r: &Refusal) {
    let _ = link.refuse(-r.errno().to_errno(), r.words().as_bytes());
}

/// At the door: after a `Move` frame.
pub(crate) fn arrive(c: &Cluster, mut link: Link, mut samples: Samples) {
    let admitted = Profile::take(link.body()).map_err(Refusal::from).and_then(|p| {
        p.fits()?;
        let wants = admit::Request {
            memory: p.pages.max(p.group_pages).saturating_mul(wire::PAGE as u64),
            load: p.load,
            home: link.peer,
            limit: p.limit,
            by_command: p.load == 0,
        };
        let promise = admission::admit(c, &wants, p.group, p.group_pages > p.pages)?;
        Ok((p, Entry { coming: Coming::new(c), promise }))
    });
    let (profile, entry) = match admitted {
        Ok(p) => p,
        Err(r) => return refuse(&mut link, &r),
    };
    let home = link.peer;
    while !samples.enough() {
        let heard = link
            .send(Kind::Pong, &[])
            .and_then(|()| link.expect(Kind::Ping))
            .and_then(|_| link.hear_time(&mut samples));
        if heard.is_err() {
            return;
        }
    }
    c.keep_clocks_of(home, &samples);
    let started = vessel::start(&samples.best(), move |exiting| {
        let mut link = link;
        if exiting {
            return refuse(&mut link, &Refusal::new(EAGAIN, format_args!("it could not start a task for the guest")));
        }
        move_in(link, profile, entry);
    });
    if let Err(e) = started {
        let n = e.to_errno();
        pr_warn!("a guest of node {} could not be started ({})\n", home, n);
    }
}

/// What a guest that was let in has been given.
struct Entry {
    coming: Coming,
    promise: Promise,
}

/// In the vessel.
fn move_in(mut link: Link, profile: Profile, entry: Entry) {
    let Entry { coming, promise } = entry;
    let received = receive(&mut link, &profile, &promise);
    drop(promise);
    let (thread, list) = match received {
        Ok(t) => t,
        Err(r) => {
            refuse(&mut link, &r);
            pr_info!("a guest of node {} did not get in: {}\n", link.peer, r.words());
            return task::kill_self();
        }
    };
    match begin(link, &profile, &thread, &list) {
        Ok(()) => {
            coming.arrived();
            if let Some(c) = cluster() {
                c.balance.count(Count::CameIn);
            }
        }
        Err(e) => {
            let n = e.to_errno();
            if e != ECONNRESET {
                pr_info!("pid {} of another node did not move in ({})\n", profile.pid, n);
            }
            task::dispatch(false);
            task::kill_self();
        }
    }
}

fn step<T>(what: &str, r: Result<T>) -> core::result::Result<T, Refusal> {
    r.map_err(|e| {
        let n = e.to_errno();
        Refusal::new(e, format_args!("it could not {what} (error {n})"))
    })
}

/// Everything up to the end mark, into this task.
fn receive(link: &mut Link, profile: &Profile, promise: &Promise) -> core::result::Result<(KBox<Thread>, KVec<Vma>), Refusal> {
    vessel::rebirth(&profile.mm).map_err(|e| {
        if e == ENOEXEC {
            Refusal::new(e, format_args!("it runs another kernel build (its vDSO differs from home's)"))
        } else {
            let n = e.to_errno();
            Refusal::new(e, format_args!("it could not empty the vessel (error {n})"))
        }
    })?;
    task::set_comm(profile.comm);
    set_rlimit(RLIMIT_STACK, profile.stack_limit);
    step("answer", link.send(Kind::Accept, &[]))?;

    let mut list: KVec<Vma> = KVec::new();
    let mut mapped = 0;
    let mut thread = None;
    let mut pages = 0;
    loop {
        let frame = step("receive", link.recv())?;
        if cluster().is_some_and(|c| c.settings.is(Setting::Block)) {
            return Err(Refusal::new(EBUSY, format_args!("it takes no guests any more (mosctl block)")));
        }
        match frame.kind {
            Kind::Vmas => step("read the mappings", image::take_vmas(link.body(), &mut list))?,
            Kind::State => thread = Some(step("read the state", Thread::take(link.body()))?),
            Kind::Pages => {
                while let Some(v) = list.get(mapped) {
                    step("map its memory", map(link.peer, v))?;
                    mapped += 1;
                }
                let came = step("take its pages", image::take_pages(link, frame))?;
                promise.kept(came);
                pages += came;
            }
            Kind::End => {
                let n = step("read the end", image::take_end(link.body()))?;
                if n != pages {
                    return Err(Refusal::from(EPROTO));
                }
                break;
            }
            _ => return Err(Refusal::from(EPROTO)),
        }
    }
    while let Some(v) = list.get(mapped) {
        step("map its memory", map(link.peer, v))?;
        mapped += 1;
    }
    for v in list.iter() {
        step("protect its memory", protect(v))?;
        lock(v);
    }
    memory::set_info(&profile.mm);
    let thread: KBox<Thread> = thread.ok_or_else(|| Refusal::from(EPROTO))?;
    Ok((thread, list))
}

fn map(home: u16, v: &Vma) -> Result {
    if v.flags & vma_flag::SHARED != 0 {
        shared::map_twin(home, v, true)?;
        return advise(v);
    }
    let grows = if v.flags & vma_flag::GROWSDOWN != 0 { MAP_GROWSDOWN } else { 0 };
    let len = v.end - v.start;
    let at = task::syscall(NR_MMAP, [v.start, len, PROT_RW, MAP_FLAGS | grows, u64::MAX, 0]);
    if at != v.start as i64 {
        return Err(if at < 0 { Error::from_errno(at as i32) } else { EEXIST });
    }
    if v.flags & vma_flag::FILE != 0 {
        memory::mark_file(v.start, len)?;
    }
    advise(v)
}

fn advise(v: &Vma) -> Result {
    let len = v.end - v.start;
    for (flag, advice) in [(vma_flag::DONTFORK, MADV_DONTFORK), (vma_flag::WIPEONFORK, MADV_WIPEONFORK)] {
        if v.flags & flag != 0 && task::syscall(NR_MADVISE, [v.start, len, advice, 0, 0, 0]) != 0 {
            return Err(EINVAL);
        }
    }
    Ok(())
}

fn protect(v: &Vma) -> Result {
    if v.prot == PROT_RW || v.flags & vma_flag::SHARED != 0 {
        return Ok(());
    }
    match task::syscall(NR_MPROTECT, [v.start, v.end - v.start, v.prot, 0, 0, 0]) {
        0 => Ok(()),
        e => Err(Error::from_errno(e as i32)),
    }
}

/// As far as this node lets it. Pages of files are not there yet, and must not be touched.
fn lock(v: &Vma) {
    if v.flags & vma_flag::LOCKED != 0 && v.flags & vma_flag::FILE == 0 {
        let on_fault = u64::from(v.flags & vma_flag::LOCKONFAULT != 0);
        let _ = task::syscall(NR_MLOCK2, [v.start, v.end - v.start, on_fault, 0, 0, 0]);
    }
}

/// Becomes a guest, says so, and waits for home's word. What fails from here on ends this task; the process is still whole at home.
fn begin(link: Link, profile: &Profile, thread: &Thread, list: &[Vma]) -> Result {
    task::set_sigactions(&thread.sigactions);
    let company = Company::new(Known { level: profile.disclosure, uid: profile.uid, gid: profile.gid })?;
    let guest = Guest::new(link, company.clone(), profile.pid, profile.own_pid, profile.own_tid, profile.comm)?;
    guest.filtered.store(thread.state.filtered != 0, Ordering::Relaxed);
    guest.install()?;
    for v in list.iter().filter(|v| v.flags & (vma_flag::FILE | vma_flag::SHARED) != 0) {
        memory::hook_range(v.start, v.end)?;
        memory::name_range(guest.home, v);
    }
    for _ in 0..profile.threads {
        make_thread(&guest, &company, profile)?;
    }
    // What this kernel does not accept is a refusal while home still has everything.
    if let Err(e) = thread.restore() {
        let n = e.to_errno();
        let r = Refusal::new(e, format_args!("it does not accept its registers or processor state (error {n})"));
        let _ = guest.link.with(|l| refuse(l, &r));
        return Err(e);
    }
    guest.say(Kind::Ready, &[])?;
    guest.await_go()?;
    guest.restart_at_home.store(thread.state.wait_until == 0, Ordering::Relaxed);
    task::dispatch(true);
    guest.listen(true);
    Thread::go_on_waiting(&thread.state);
    Ok(())
}

/// One more thread of the process that moves in: it waits for the link that brings its state.
#[inline(never)]
fn make_thread(guest: &Guest, company: &Arc<Company>, profile: &Profile) -> Result {
    guest.link.with(|l| l.expect(Kind::Thread))??;
    let own_tid = guest.link.with(|l| Reader::new(l.body()).u64().map_err(bad))?? as i32;
    let place = Place::new(cluster().ok_or(ENETDOWN)?, guest.home)?;
    let cookie = place.cookie();
    let newborn = NewThread { place, company: company.clone(), own_pid: profile.own_pid, own_tid, comm: profile.comm };
    company.enter();
    let made = task::give_birth(&Clone3 { flags: THREAD, ..Clone3::default() }, Half::Guest, move |exiting| {
        if exiting {
            return;
        }
        if newborn.move_in().is_err() {
            task::kill_self();
        }
    });
    if let Err(e) = made {
        company.exit();
        let n = e.to_errno();
        let r = Refusal::new(e, format_args!("it could not make a thread (error {n})"));
        let _ = guest.link.with(|l| refuse(l, &r));
        return Err(e);
    }
    guest.say(Kind::Berth, &[&cookie[0].to_le_bytes(), &cookie[1].to_le_bytes()])
}

struct NewThread {
    place: Place,
    company: Arc<Company>,
    own_pid: i32,
    own_tid: i32,
    comm: [u8; 16],
}

impl NewThread {
    #[inline(never)]
    fn move_in(self) -> Result {
        let Arrival { mut link, pid: home_pid, .. } = self.place.wait()?;
        link.expect(Kind::State)?;
        let thread = Thread::take(link.body())?;
        let guest = Guest::new(link, self.company, home_pid, self.own_pid, self.own_tid, self.comm)?;
        guest.filtered.store(thread.state.filtered != 0, Ordering::Relaxed);
        guest.install_newborn()?;
        if let Err(e) = thread.restore() {
            let n = e.to_errno();
            let r = Refusal::new(e, format_args!("it does not accept a thread's registers or processor state (error {n})"));
            let _ = guest.link.with(|l| refuse(l, &r));
            return Err(e);
        }
        guest.say(Kind::Ready, &[])?;
        guest.await_go()?;
        guest.restart_at_home.store(thread.state.wait_until == 0, Ordering::Relaxed);
        task::dispatch(true);
        guest.listen(true);
        Thread::go_on_waiting(&thread.state);
        Ok(())
    }
}
