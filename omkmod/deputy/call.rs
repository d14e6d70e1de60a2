// SPDX-License-Identifier: GPL-2.0-only
//! Forwarded calls: run here, on behalf of the guest, with the window standing for its memory.

use super::away::{self, Window};
use super::{Deputy, End};
use crate::sys::errno::EPROTO;
use crate::link::{bad, Frame};
use crate::omcore::syscalls::{self, Class};
use crate::omcore::wire::{self, purpose, Call, Kind, Reader, Reply, Usage};
use crate::process::image::{is_restart, ERESTARTNOHAND, ERESTARTNOINTR, ERESTART_RESTARTBLOCK};
use crate::sys::task::{self, Regs, ORIG_AX};
use crate::sys::{self, memory, Bytes};
use core::sync::atomic::Ordering;
use kernel::prelude::*;

const NR_RESTART_SYSCALL: u32 = 219;
const NR_MMAP: u32 = 9;
const NR_SHMAT: u32 = 30;
const NR_SHMDT: u32 = 67;
const NR_RT_SIGACTION: u32 = 13;
const NR_MADVISE: u32 = 28;
const MADV_DONTNEED: u64 = 4;
const MADV_FREE: u64 = 8;
const NR_MLOCK: u32 = 149;
const NR_MLOCK2: u32 = 325;
const MLOCK_ONFAULT: u64 = 1;
/// Positions of a call's arguments in [`Regs`].
pub(super) const ARGUMENTS: [usize; 6] = [DI, SI, DX, 7, 9, 8];
const DI: usize = 14;
const SI: usize = 13;
const DX: usize = 12;
const ENOSYS: i64 = -38;
const EINTR_CODE: i64 = -4;
const ENOMEM_CODE: i64 = -12;
const EFAULT_CODE: i64 = -14;
const NR_PROCESS_VM_READV: u32 = 310;
const NR_PROCESS_VM_WRITEV: u32 = 311;
/// Bytes of a [`Reply`].
const REPLY_LEN: usize = 40;
/// A call that has taken so long, ns, may have waited for a point in time.
const WAITED_NS: u64 = 1_000_000;
/// Most bytes of pages a call may fill without their having been sent.
const MAX_FILL: u64 = 64 << 20;

/// Calls that settle what the program to be executed will find: personality, prctl, NUMA policy, namespaces, seccomp.
fn for_the_next_program(nr: u32) -> bool {
    matches!(nr, 135 | 157 | 238 | 272 | 308 | 317)
}

/// Reads and writes, by whatever way, and the ioctl of `/proc/PID/pagemap`.
fn uses_file(nr: u32) -> bool {
    matches!(nr, 0 | 1 | 16..=20 | 295 | 296 | 327 | 328)
}

impl Deputy {
    /// What the kernel tells of a process' pages, `/proc/self/smaps` and the like, is true where they are: the process reads it at home.
    fn looks_at_itself(&self, nr: u32, args: [u64; 6]) -> bool {
        let [fd, ..] = args;
        uses_file(nr) && !self.away.borrows() && task::shows_pages(fd)
    }

    /// A call of this thread is made when the process is home, which then goes back. What the call says here: it begins anew.
    pub(super) fn call_home_for_call(&self) -> i64 {
        self.errand.store(true, Ordering::Relaxed);
        self.away.recall();
        ERESTARTNOINTR
    }

    pub(super) fn call(&self, frame: Frame) -> Result<Option<End>> {
        self.away.calls.fetch_add(1, Ordering::Relaxed);
        let (call, regs) = self.take_call(frame)?;
        let begun = task::now_ns();
        self.calling.store(true, Ordering::Relaxed);
        let regs: Regs = regs;
        let nr = regs.get(ORIG_AX).copied().unwrap_or(u64::MAX) as u32;
        let args = ARGUMENTS.map(|register| regs.get(register).copied().unwrap_or(0));
        // A call that was under way before: it is what signals that came meanwhile interrupt.
        let resumed = self.resumed.swap(0, Ordering::Relaxed);

        // Timers that what it has computed has set off: their handlers run before the call, as they would have at home.
        self.run_timers();
        let at_once = call.purpose == purpose::CONTINUE && task::is_file(args[0]);
        if resumed == 0 && !at_once {
            self.signals(false)?;
        }
        let mut flags = 0;
        // A signal is on its way to the guest: its handler runs before this call, as it would have at home.
        let put_off = call.signals_seen != self.signals_sent.load(Ordering::Relaxed) && !at_once;
        if !at_once {
            self.count_put_off(call.blocked, put_off);
        }
        let ax = if put_off {
            ERESTARTNOINTR
        } else if self.wanted() && !at_once {
            // Nothing would interrupt it any more: it is made at home.
            flags |= wire::reply_flag::COME_HOME;
            if resumed == 0 { ERESTARTNOINTR } else { resumed }
        } else if call.purpose == purpose::MAKE && self.looks_at_itself(nr, args) {
            flags |= wire::reply_flag::COME_HOME;
            self.call_home_for_call()
        } else if let Some(ax) = self.filter(&regs, &mut flags)? {
            ax
        } else if call.purpose == purpose::JUDGE {
            0
        } else if let Err(e) = self.before_call(nr, args)? {
            i64::from(e.to_errno())
        } else {
            let class = syscalls::refine(nr, args);
            match class {
                Class::Exec => match self.execute_program(&regs, nr, &mut flags)? {
                    0 => {
                        // The guest may have gone already, with the threads of the old program.
                        let _ = self.say(Kind::Dismiss, &[]);
                        return Ok(Some(End::Program));
                    }
                    e => {
                        self.away.saved.store(false, Ordering::Relaxed);
                        e
                    }
                },
                Class::Home if self.away.borrows() && for_the_next_program(nr) => {
                    self.execute(&regs, nr, &mut flags)?
                }
                Class::Forwarded | Class::Cached | Class::Memory | Class::Signal | Class::Exit | Class::Restart => {
                    self.execute(&regs, nr, &mut flags)?
                }
                Class::Local | Class::Clock | Class::SigReturn | Class::Life | Class::Home => ENOSYS,
            }
        };
        let made = call.purpose != purpose::JUDGE && flags & wire::reply_flag::SKIPPED == 0;
        let done = made && !(-4095..0).contains(&ax);
        if nr == NR_SHMDT && made && !done {
            memory::hook_all(self.away.node, true)?;
        }
        if done && matches!(syscalls::refine(nr, args), Class::Memory) {
            // New mappings become windows too; what cannot be one brings the process home.
            let complete = memory::hook_all(self.away.node, true)?;
            self.after_call(nr, ax as u64)?;
            if matches!(nr, NR_MMAP | NR_SHMAT) && (!complete || self.task.reasons() != 0) {
                self.away.recall();
                flags |= wire::reply_flag::COME_HOME;
            }
        }
        if self.wanted() && (self.needs_home() || task::roused()) {
            // Signals that a call brought about, such as those of abort(), or a stop.
            flags |= wire::reply_flag::COME_HOME;
            if !self.away.wanted() {
                self.away.recall();
            }
        }
        self.calling.store(false, Ordering::Relaxed);
        // One that was under way before has waited elsewhere.
        let now = task::now_ns();
        let after = if resumed != 0 || now.saturating_sub(begun) > WAITED_NS { now } else { 0 };
        self.reply(&call, ax, flags, after)?;
        Ok(None)
    }

    /// A filter that the process has installed sees each of its calls, as at the entry of any other. `Some`: what it says in
    /// the call's place.
    #[inline(never)]
    fn filter(&self, regs: &Regs, flags: &mut u64) -> Result<Option<i64>> {
        loop {
            if !task::filtered() {
                return Ok(None);
            }
            let sent = self.signals_sent.load(Ordering::Relaxed);
            let Some(ax) = task::filter_call(regs) else { return Ok(None) };
            *flags |= wire::reply_flag::SKIPPED;
            // Among them the one that the filter has sent.
            self.signals(false)?;
            if !is_restart(ax) || self.signals_sent.load(Ordering::Relaxed) != sent {
                return Ok(Some(ax));
            }
            if self.wanted() {
                *flags |= wire::reply_flag::COME_HOME;
                return Ok(Some(ax));
            }
            // A supervisor was waited for, and nobody but us has interrupted it: the call is shown again.
            *flags &= !wire::reply_flag::SKIPPED;
        }
    }

    /// Before a call: what others' calls have in the window may be old. What they wrote so far travels with the next reply.
    pub(super) fn freshen(&self, window: &mut Window) -> Result {
        memory::collect_window((0, 0), |addr, old, new| {
            let Some(old) = old else { return Ok(()) };
            let mut result = Ok(());
            wire::diff(addr, old, new, |at, bytes| {
                result = window.keep(at, bytes);
                result.is_ok()
            });
            result
        })
    }

    /// Appends a piece of changed memory; what is full is sent ahead.
    fn put_change(&self, out: &mut Bytes, at: u64, bytes: &[u8]) -> Result {
        self.make_room(out, bytes.len())?;
        away::put_piece(out, at, bytes)
    }

    fn make_room(&self, out: &mut Bytes, len: usize) -> Result {
        if out.len() + len + 12 > wire::CHANGES {
            self.link.with(|l| l.send(Kind::Changes, &[&*out]))??;
            sys::clear(out);
        }
        Ok(())
    }

    /// The same for a page with many small changes. Never the page as it is: bytes that did not change here may have changed
    /// at the guest, by its other threads.
    fn put_scattered(&self, out: &mut Bytes, at: u64, (old, new): (&[u8], &[u8]), body: &mut [u8]) -> Result {
        let n = wire::scatter(old, new, body).ok_or(EINVAL)?;
        let body = body.get(..n).ok_or(EINVAL)?;
        self.make_room(out, n)?;
        away::put_piece_as(out, at, n as u32 | wire::SCATTERED, body)
    }

    /// Takes apart a call frame; its pages go into the window.
    #[inline(never)]
    fn take_call(&self, frame: Frame) -> Result<(Call, Regs)> {
        let mut list = KVec::new();
        let (call, regs) = self.link.with(|l| {
            let mut r = Reader::new(l.body());
            let call = Call::take(&mut r).map_err(bad)?;
            let usage = Usage::take(&mut r).map_err(bad)?;
            let mut regs: Regs = [0; wire::NREGS];
            for v in &mut regs {
                *v = r.u64().map_err(bad)?;
            }
            if call.npages > wire::MAX_CARRY as u64 || frame.bulk as u64 != call.npages * wire::PAGE as u64 {
                return Err(EPROTO);
            }
            for _ in 0..call.npages {
                list.push(wire::page_address(r.u64().map_err(bad)?).map_err(bad)?, GFP_KERNEL)?;
            }
            r.finish().map_err(bad)?;
            self.account_usage(&usage);
            Ok::<_, Error>((call, regs))
        })??;
        self.take_mask(call.blocked, call.signals_seen);
        let mut window = self.away.window();
        self.freshen(&mut window)?;
        let fresh = window.begins(call.number);
        self.scratch.with(|s| {
            let page: &mut [u8; wire::PAGE] = s.page.as_mut_slice().try_into().map_err(|_| EINVAL)?;
            for addr in list.iter() {
                self.link.with(|l| l.take_bulk(page))??;
                if fresh {
                    memory::store(*addr, page)?;
                }
            }
            Ok::<_, Error>(())
        })??;
        drop(window);
        let (start, end) = (call.fill_start, call.fill_end);
        if start < end {
            wire::page_address(start).map_err(bad)?;
            wire::page_address(end).map_err(bad)?;
            if end - start > MAX_FILL {
                return Err(EPROTO);
            }
        }
        if start < end {
            memory::set_blank(start, end);
        }
        Ok((call, regs))
    }

    /// Replaces the program. 0: done, nothing of the old one is left.
    #[inline(never)]
    fn execute_program(&self, regs: &Regs, nr: u32, flags: &mut u64) -> Result<i64> {
        loop {
            let sent = self.signals_sent.load(Ordering::Relaxed);
            let ax = task::exec_for(regs, nr);
            if ax == 0 {
                return Ok(0);
            }
            self.signals(false)?;
            if !is_restart(ax) || self.signals_sent.load(Ordering::Relaxed) != sent {
                return Ok(ax);
            }
            if self.wanted() {
                *flags |= wire::reply_flag::COME_HOME;
                return Ok(ax);
            }
        }
    }

    /// Runs it, again and again while an interruption had no reason the guest should see.
    #[inline(never)]
    fn execute(&self, regs: &Regs, nr: u32, flags: &mut u64) -> Result<i64> {
        let mut run = nr;
        let mut regs = *regs;
        if nr == NR_MADVISE && !self.is_shared(regs.get(DI).copied().unwrap_or(0)) {
            // Its windows hold nothing: what frees pages later frees them now, and no advice is for file pages only.
            if let Some(advice) = regs.get_mut(DX).filter(|a| **a == MADV_FREE) {
                *advice = MADV_DONTNEED;
            }
        }
        // Home counts what is locked, but does not touch it: that would bring all of it here.
        let whole = nr == NR_MLOCK || (nr == NR_MLOCK2 && regs.get(DX) == Some(&0));
        if whole {
            run = NR_MLOCK2;
            if let Some(flags) = regs.get_mut(DX) {
                *flags = MLOCK_ONFAULT;
            }
        }
        let regs = &regs;
        let first = run;
        loop {
            let mut ax = self.make_call(regs, run)?;
            if whole && ax == 0 && !memory::lock_whole(regs.get(DI).copied().unwrap_or(0), regs.get(SI).copied().unwrap_or(0)) {
                ax = ENOMEM_CODE;
            }
            let sent = self.signals_sent.load(Ordering::Relaxed);
            // Those that wait for another process' memory to come home have no other word for being interrupted.
            let disturbed = ax == EFAULT_CODE && matches!(nr, NR_PROCESS_VM_READV | NR_PROCESS_VM_WRITEV) && task::signal_pending();
            if disturbed {
                self.signals(false)?;
                if self.wanted() {
                    *flags |= wire::reply_flag::COME_HOME;
                }
                return Ok(ERESTARTNOINTR);
            }
            if ax == EINTR_CODE && task::never_restarted(nr) {
                self.signals(false)?;
                if self.signals_sent.load(Ordering::Relaxed) != sent {
                    return Ok(ax);
                }
                // Nobody but us has interrupted it: it is made again.
                task::restore_mask();
                if self.wanted() {
                    *flags |= wire::reply_flag::COME_HOME;
                    return Ok(ERESTARTNOHAND);
                }
                continue;
            }
            if !is_restart(ax) {
                // A signal that the call itself caused is handled before it returns; but a handler it set must be
                // known at the guest first.
                if nr != NR_RT_SIGACTION {
                    self.signals(false)?;
                }
                return Ok(ax);
            }
            self.signals(false)?;
            if self.signals_sent.load(Ordering::Relaxed) != sent {
                // With a handler: the guest's kernel decides between restart and EINTR.
                return Ok(ax);
            }
            task::restore_mask();
            if self.wanted() {
                // Interrupted only in order to move: it comes home and its own kernel restarts the call.
                *flags |= wire::reply_flag::COME_HOME;
                return Ok(ax);
            }
            run = if ax == ERESTART_RESTARTBLOCK { NR_RESTART_SYSCALL } else { first };
        }
    }

    /// Sends the result and every byte that changed. `after`: see [`Reply`].
    #[inline(never)]
    pub(super) fn reply(&self, call: &Call, ax: i64, flags: u64, after: u64) -> Result {
        self.scratch.with(|s| {
            let (out, scattered) = (&mut s.reply, s.scattered.as_mut_slice());
            sys::clear(out);
            let blank = (call.fill_start, call.fill_end);
            // With the lock, so that changes get their tickets in the order in which they were found.
            let mut window = self.away.window();
            let kept = window.take();
            wire::pieces(&kept, |at, bytes| self.put_change(out, at, bytes).is_ok()).map_err(bad)?;
            memory::collect_window(blank, |addr, old, new| {
                match old {
                    Some(old) => {
                        if wire::diff_len(old, new) > wire::PAGE {
                            return self.put_scattered(out, addr, (old, new), scattered);
                        }
                        let mut put = |at: u64, bytes: &[u8]| self.put_change(out, at, bytes);
                        let mut result = Ok(());
                        wire::diff(addr, old, new, |at, bytes| {
                            result = put(at, bytes);
                            result.is_ok()
                        });
                        result
                    }
                    // Filled from the region's beginning: as far as the call says, and no further.
                    None => {
                        let filled = call.fill_origin.saturating_add(u64::try_from(ax).unwrap_or(0));
                        let n = filled.saturating_sub(addr).min(wire::PAGE as u64) as usize;
                        if n == 0 {
                            return Ok(());
                        }
                        self.put_change(out, addr, new.get(..n).ok_or(EINVAL)?)
                    }
                }
            })?;
            let flags = if task::signals_wait() { flags | wire::reply_flag::SIGNALS_WAIT } else { flags };
            let flags = if task::filtered() { flags | wire::reply_flag::FILTERED } else { flags };
            let result = Reply { ax: ax as u64, flags, ticket: window.ticket(), due: self.due(), after };
            drop(window);
            let mut head = [0u8; REPLY_LEN];
            result.put(&mut wire::Writer::new(&mut head));
            self.link.with(|l| l.send(Kind::Reply, &[&head, &*out]))?
        })?
    }
}
