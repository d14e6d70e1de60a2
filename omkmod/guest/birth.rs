// SPDX-License-Identifier: GPL-2.0-only
//! Children of a guest: home makes its half first, which has the number that counts; then this kernel makes the other half by
//! copying what is here, and the two meet (see cluster/cradle.rs).

use super::company::Company;
use super::Guest;
use crate::cluster::cluster;
use crate::cluster::cradle::{Arrival, Place};
use crate::link::bad;
use crate::omcore::wire::{reply_flag, Fork, Kind, Reader, Usage, Writer};
use crate::process::image::is_restart;
use crate::sys::errno::ENETDOWN;
use crate::sys::memory::{self, ForkCopy};
use crate::sys::task::{self, Clone3, Half};
use core::sync::atomic::Ordering;
use kernel::prelude::*;
use kernel::sync::Arc;

const CLONE: u32 = 56;
const FORK: u32 = 57;
const VFORK: u32 = 58;

const CSIGNAL: u64 = 0xff;
const SIGCHLD: u64 = 17;
const CLONE_VM: u64 = 0x100;
const CLONE_FS: u64 = 0x200;
const CLONE_FILES: u64 = 0x400;
const CLONE_SIGHAND: u64 = 0x800;
const CLONE_PIDFD: u64 = 0x1000;
const CLONE_VFORK: u64 = 0x4000;
const CLONE_PARENT: u64 = 0x8000;
const CLONE_THREAD: u64 = 0x1_0000;
const CLONE_SYSVSEM: u64 = 0x4_0000;
const CLONE_SETTLS: u64 = 0x8_0000;
const CLONE_PARENT_SETTID: u64 = 0x10_0000;
const CLONE_CHILD_CLEARTID: u64 = 0x20_0000;
const CLONE_DETACHED: u64 = 0x40_0000;
const CLONE_UNTRACED: u64 = 0x80_0000;
const CLONE_CHILD_SETTID: u64 = 0x100_0000;
const CLONE_IO: u64 = 0x8000_0000;
const CLONE_CLEAR_SIGHAND: u64 = 0x1_0000_0000;
const CLONE_INTO_CGROUP: u64 = 0x2_0000_0000;

/// What both halves understand. Anything else, and what the kernel would refuse, is done at home.
const UNDERSTOOD: u64 = CLONE_VM
    | CLONE_FS
    | CLONE_FILES
    | CLONE_SIGHAND
    | CLONE_PIDFD
    | CLONE_VFORK
    | CLONE_PARENT
    | CLONE_THREAD
    | CLONE_SYSVSEM
    | CLONE_SETTLS
    | CLONE_PARENT_SETTID
    | CLONE_CHILD_CLEARTID
    | CLONE_DETACHED
    | CLONE_UNTRACED
    | CLONE_CHILD_SETTID
    | CLONE_IO
    | CLONE_CLEAR_SIGHAND
    | CLONE_INTO_CGROUP;

/// `struct clone_args` up to the stack and TLS, and all that this version knows.
const ARGS_MIN: u64 = 64;
const ARGS_MAX: usize = 88;

/// A new task, as the program asks for it.
struct Wish {
    how: Clone3,
    parent_tid: u64,
}

impl Wish {
    /// `None`: not for us.
    fn of(nr: u32, args: [u64; 6]) -> Option<Wish> {
        let [a0, a1, a2, a3, a4, _] = args;
        let wish = match nr {
            FORK => Wish { how: Clone3 { exit_signal: SIGCHLD, ..Clone3::default() }, parent_tid: 0 },
            VFORK => Wish {
                how: Clone3 { flags: CLONE_VM | CLONE_VFORK, exit_signal: SIGCHLD, ..Clone3::default() },
                parent_tid: 0,
            },
            CLONE => {
                let flags = a0 & 0xffff_ffff & !CSIGNAL;
                if flags & CLONE_PIDFD != 0 && flags & (CLONE_PARENT_SETTID | CLONE_DETACHED) != 0 {
                    return None;
                }
                Wish {
                    how: Clone3 {
                        flags,
                        exit_signal: a0 & CSIGNAL,
                        pidfd: if flags & CLONE_PIDFD != 0 { a2 } else { 0 },
                        cgroup: 0,
                        stack: a1,
                        child_tid: a3,
                        tls: a4,
                    },
                    parent_tid: a2,
                }
            }
            _ => {
                let size = a1;
                if !(ARGS_MIN..=ARGS_MAX as u64).contains(&size) || size % 8 != 0 {
                    return None;
                }
                let mut raw = [0u8; ARGS_MAX];
                memory::read_user(a0, raw.get_mut(..size as usize)?).ok()?;
                let mut r = Reader::new(&raw);
                let mut next = || r.u64().unwrap_or(0);
                let (flags, pidfd, child_tid, parent_tid, exit_signal) = (next(), next(), next(), next(), next());
                let (stack, stack_size, tls, set_tid, set_tid_size, cgroup) =
                    (next(), next(), next(), next(), next(), next());
                if set_tid != 0 || set_tid_size != 0 || (stack == 0) != (stack_size == 0) || flags & CLONE_DETACHED != 0 {
                    return None;
                }
                Wish {
                    how: Clone3 {
                        flags,
                        exit_signal,
                        pidfd,
                        cgroup,
                        stack: stack.checked_add(stack_size)?,
                        child_tid,
                        tls,
                    },
                    parent_tid,
                }
            }
        };
        wish.sound().then_some(wish)
    }

    fn sound(&self) -> bool {
        let f = self.how.flags;
        let has = |flag: u64| f & flag != 0;
        let refused = f & !UNDERSTOOD != 0
            || self.how.exit_signal > 64
            || has(CLONE_THREAD) && (!has(CLONE_SIGHAND) || has(CLONE_VFORK))
            || has(CLONE_SIGHAND) && (!has(CLONE_VM) || has(CLONE_CLEAR_SIGHAND))
            // Two processes at work in one memory: they could never go home, or anywhere, apart from each other.
            || has(CLONE_VM) && !has(CLONE_VFORK) && !has(CLONE_THREAD)
            // Its parent, waiting, could not come home with a child that it shares other memory with.
            || has(CLONE_VFORK) && !has(CLONE_VM)
            || self.how.tls >= crate::omcore::wire::TASK_SIZE
            || self.how.stack >= crate::omcore::wire::TASK_SIZE;
        !refused
    }
}

/// What the new task needs to become a guest.
struct Newborn {
    place: Place,
    company: Arc<Company>,
    home: u16,
    /// Of a thread: its process' number.
    own_pid: Option<i32>,
    comm: [u8; 16],
    /// Where it writes its number; 0: nowhere.
    child_tid: u64,
    borrows: bool,
    filtered: bool,
    copy: Option<ForkCopy>,
}

impl Guest {
    /// A call that makes a task. True: done.
    pub(super) fn life(&self, frame: &task::Frame, nr: u32, args: [u64; 6]) -> bool {
        let wish = match Wish::of(nr, args) {
            Some(wish) => wish,
            None => return self.at_home(frame, nr, args),
        };
        if let Some(done) = self.filter(frame) {
            return done;
        }
        self.listen(false);
        if let Err(e) = self.make_child(frame, &wish) {
            self.end(e);
        }
        self.listen(true);
        true
    }

    #[inline(never)]
    fn make_child(&self, frame: &task::Frame, wish: &Wish) -> Result {
        self.calls.fetch_add(1, Ordering::Relaxed);
        self.restart_at_home.store(false, Ordering::Relaxed);
        let how = &wish.how;
        let has = |flag: u64| how.flags & flag != 0;
        // Both halves shall copy the same map of the memory.
        let _order = (!has(CLONE_VM)).then(|| self.company.memory.lock());
        // What may be refused here for lack of memory, before home does anything.
        let prepared = cluster().ok_or(ENETDOWN).and_then(|c| {
            let copy = if has(CLONE_VM) { None } else { Some(ForkCopy::prepare()?) };
            let company = if has(CLONE_THREAD) { self.company.clone() } else { Company::new(self.company.known)? };
            Ok((Place::new(c, self.home)?, copy, company))
        });
        let (place, copy, company) = match prepared {
            Ok(p) => p,
            Err(e) => {
                frame.set_result(i64::from(e.to_errno()) as u64);
                return Ok(());
            }
        };
        self.say_fork(how, place.cookie())?;
        let (ax, flags) = self.await_reply()?;
        frame.set_result(ax as u64);
        if is_restart(ax) {
            task::make_restart();
        }
        if ax > 0 {
            let tid = ax as i32;
            if has(CLONE_PARENT_SETTID) {
                let _ = memory::write_user(wish.parent_tid, &tid.to_le_bytes());
            }
            if has(CLONE_THREAD) {
                company.enter();
            }
            let newborn = Newborn {
                place,
                company,
                home: self.home,
                own_pid: has(CLONE_THREAD).then_some(self.own_pid),
                comm: task::comm(),
                child_tid: if has(CLONE_CHILD_SETTID) { how.child_tid } else { 0 },
                borrows: has(CLONE_VM) && has(CLONE_VFORK),
                filtered: self.filtered.load(Ordering::Relaxed),
                copy,
            };
            let made = task::give_birth(how, Half::Guest, move |exiting| born(newborn, exiting));
            if let Err(e) = made {
                // Dropping the newborn's place tells home's half that nobody waits for it.
                if has(CLONE_THREAD) {
                    self.company.exit();
                }
                self.say(Kind::Unborn, &[&(tid as u64).to_le_bytes()])?;
                self.await_reply()?;
                let e = i64::from(e.to_errno());
                frame.set_result(e as u64);
                if is_restart(e) {
                    task::make_restart();
                }
            }
            if has(CLONE_VFORK) {
                self.say(Kind::VforkDone, &[])?;
            }
        }
        if flags & reply_flag::COME_HOME != 0 {
            self.called_home();
        }
        Ok(())
    }

    fn say_fork(&self, how: &Clone3, cookie: [u64; 2]) -> Result {
        self.give_back()?;
        let Usage { utime, stime, .. } = self.usage();
        let mut body = [0u8; 80];
        let mut w = Writer::new(&mut body);
        Fork {
            blocked: task::blocked(),
            signals_seen: self.signals_seen.load(Ordering::Relaxed),
            utime,
            stime,
            flags: how.flags,
            exit_signal: how.exit_signal,
            pidfd: how.pidfd,
            cgroup: how.cgroup,
            cookie_low: cookie[0],
            cookie_high: cookie[1],
        }
        .put(&mut w);
        let len = w.len().map_err(bad)?;
        self.say(Kind::Fork, &[body.get(..len).ok_or(EINVAL)?])
    }
}

/// In the new task, before anything else.
fn born(newborn: Newborn, exiting: bool) {
    if exiting {
        return;
    }
    let home = newborn.home;
    if let Err(e) = newborn.begin() {
        let n = e.to_errno();
        if !task::dying() {
            pr_warn!("a child of a guest of node {} has no half there ({}); it ends\n", home, n);
        }
        task::kill_self();
    }
}

impl Newborn {
    #[inline(never)]
    fn begin(self) -> Result {
        match self.copy {
            Some(copy) => copy.adopt()?,
            None => task::newborn_memory_done(),
        }
        // The first process of a pid namespace, and its children, have other numbers than their parents see.
        let Arrival { link, pid, own_tid } = self.place.wait()?;
        let guest = Guest::new(link, self.company, pid, self.own_pid.unwrap_or(own_tid), own_tid, self.comm)?;
        guest.borrows.store(self.borrows, Ordering::Relaxed);
        guest.filtered.store(self.filtered, Ordering::Relaxed);
        guest.install_newborn()?;
        guest.say(Kind::Ready, &[])?;
        if self.child_tid != 0 {
            let _ = memory::write_user(self.child_tid, &own_tid.to_le_bytes());
        }
        task::dispatch(true);
        guest.listen(true);
        Ok(())
    }
}
