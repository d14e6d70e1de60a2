// SPDX-License-Identifier: GPL-2.0-only
//! Registers, signals, mappings and pages of the current task, to and from a link.

use crate::sys::errno::EPROTO;
use crate::link::{bad, Frame, Link};
use crate::omcore::wire::{self, Kind, Reader, State, Vma, Writer};
use crate::sys::memory::{self, Pages, Witness};
use crate::sys::task::{self, Regs, AX, ORIG_AX, SIGACTION_WORDS};
use crate::sys::{self, Signal};
use kernel::prelude::*;

/// Result codes that ask the kernel to restart a call.
pub(crate) const ERESTARTSYS: i64 = -512;
pub(crate) const ERESTARTNOINTR: i64 = -513;
pub(crate) const ERESTARTNOHAND: i64 = -514;
pub(crate) const ERESTART_RESTARTBLOCK: i64 = -516;

const NR_FUTEX: u64 = 202;
const NR_RESTART_SYSCALL: u64 = 219;
const FUTEX_COMMAND: u64 = 0x7f;
const FUTEX_WAIT_BITSET: u64 = 9;
/// Position of the second argument in the registers.
const SI: usize = 13;

/// A restart code?
pub(crate) fn is_restart(ax: i64) -> bool {
    matches!(ax, ERESTARTSYS | ERESTARTNOINTR | ERESTARTNOHAND | ERESTART_RESTARTBLOCK)
}

/// Everything of a thread but its memory. Always in a box: it would take too much of a stack.
pub(crate) struct Thread {
    pub(crate) state: State,
    pub(crate) regs: Regs,
    pub(crate) sigactions: KBox<[u64; SIGACTION_WORDS]>,
    pub(crate) signals: KVec<Signal>,
    pub(crate) xstate: KVec<u8>,
}

impl Thread {
    /// Of the current task. `signals`: take the queued ones along (they leave this task).
    #[inline(never)]
    pub(crate) fn capture(calls: u64, signals: bool) -> Result<KBox<Thread>> {
        let mut t = KBox::new(Thread {
            state: task::state(),
            regs: task::regs(),
            sigactions: KBox::new([0; SIGACTION_WORDS], GFP_KERNEL)?,
            signals: KVec::new(),
            xstate: KVec::from_elem(0, task::xstate_size(), GFP_KERNEL)?,
        }, GFP_KERNEL)?;
        task::sigactions(&mut t.sigactions);
        task::xstate(&mut t.xstate)?;
        if signals {
            while t.signals.len() < wire::MAX_SIGNALS {
                t.signals.reserve(1, GFP_KERNEL)?;
                let Some(s) = task::dequeue_signal() else { break };
                t.signals.push(s, GFP_KERNEL)?;
            }
        }
        let (utime, stime) = task::cputime();
        t.state.utime = utime;
        t.state.stime = stime;
        t.state.calls = calls;
        t.state.nsigs = t.signals.len() as u64;
        t.state.xstate_len = t.xstate.len() as u64;
        Ok(t)
    }

    /// The call that was interrupted is this kernel's. If it is a futex wait for some time, another kernel is to go on with it: one
    /// until a point in time is simply made again, for others it must know what time is left.
    pub(crate) fn keep_wait(&mut self) {
        let Some(until) = task::wait_until() else { return };
        let [ax, op, call] = [AX, SI, ORIG_AX].map(|register| self.regs.get(register).copied());
        if ax != Some(ERESTART_RESTARTBLOCK as u64) || !matches!(call, Some(NR_FUTEX | NR_RESTART_SYSCALL)) {
            return;
        }
        let absolute = op.is_some_and(|op| op & FUTEX_COMMAND == FUTEX_WAIT_BITSET);
        if absolute {
            self.set_register(AX, ERESTARTNOHAND as u64);
        } else {
            self.state.wait_until = until;
        }
        self.set_register(ORIG_AX, NR_FUTEX);
    }

    /// The same at the other end, when memory and registers are in place.
    pub(crate) fn go_on_waiting(state: &State) {
        if state.wait_until != 0 {
            task::resume_wait(state.wait_until);
        }
    }

    pub(crate) fn set_register(&mut self, register: usize, value: u64) {
        if let Some(slot) = self.regs.get_mut(register) {
            *slot = value;
        }
    }

    /// Puts signals that were taken along back where they came from.
    pub(crate) fn requeue(&self) {
        for s in self.signals.iter() {
            task::requeue_signal(s);
        }
    }

    /// Sends it.
    pub(crate) fn send(&self, link: &mut Link) -> Result {
        let fixed = core::mem::size_of::<State>() + 8 * (wire::NREGS + SIGACTION_WORDS);
        let mut body = KVec::from_elem(0u8, fixed + self.signals.len() * (8 + wire::SIGINFO_LEN), GFP_KERNEL)?;
        let mut w = Writer::new(&mut body);
        self.state.put(&mut w);
        self.regs.iter().for_each(|v| w.u64(*v));
        self.sigactions.iter().for_each(|v| w.u64(*v));
        for s in self.signals.iter() {
            w.u64(s.signo);
            w.bytes(&s.info);
        }
        let len = w.len().map_err(bad)?;
        link.send(Kind::State, &[body.get(..len).ok_or(EINVAL)?, &self.xstate])
    }

    /// Takes it from the link's present frame.
    #[inline(never)]
    pub(crate) fn take(body: &[u8]) -> Result<KBox<Thread>> {
        let mut r = Reader::new(body);
        let state = State::take(&mut r).map_err(bad)?;
        let mut regs = [0; wire::NREGS];
        for v in &mut regs {
            *v = r.u64().map_err(bad)?;
        }
        let mut sigactions = KBox::new([0; SIGACTION_WORDS], GFP_KERNEL)?;
        for v in sigactions.iter_mut() {
            *v = r.u64().map_err(bad)?;
        }
        if state.nsigs > wire::MAX_SIGNALS as u64 || state.xstate_len > wire::MAX_XSTATE as u64 {
            return Err(EPROTO);
        }
        let mut signals = KVec::new();
        for _ in 0..state.nsigs {
            let signo = r.u64().map_err(bad)?;
            let info = r.array().map_err(bad)?;
            if !(1..=64).contains(&signo) {
                return Err(EPROTO);
            }
            signals.push(Signal { signo, mask: 0, restore_mask: 0, blocks: 0, once: 0, info }, GFP_KERNEL)?;
        }
        let mut xstate = KVec::new();
        xstate.extend_from_slice(r.bytes(state.xstate_len as usize).map_err(bad)?, GFP_KERNEL)?;
        r.finish().map_err(bad)?;
        Ok(KBox::new(Thread { state, regs, sigactions, signals, xstate }, GFP_KERNEL)?)
    }

    /// Becomes this task's own, but for signals and their table.
    pub(crate) fn restore(&self) -> Result {
        let size = task::xstate_size();
        let mut xstate = KVec::new();
        xstate.extend_from_slice(&self.xstate, GFP_KERNEL)?;
        // A machine with a larger state starts the rest at its initial value, as a fresh task would.
        sys::resize(&mut xstate, size)?;
        task::set_xstate(&xstate)?;
        task::set_regs(&self.regs)?;
        task::set_state(&self.state)
    }
}

/// With the name under which the host may keep pages of its file.
pub(crate) fn with_name(v: Vma) -> Vma {
    if v.flags & wire::vma_flag::FILE == 0 {
        return v;
    }
    Vma { file: memory::name_at(v.start), ..v }
}

/// Sends the list of mappings.
pub(crate) fn send_vmas(link: &mut Link) -> Result {
    let mut at = 0;
    let mut total = 0;
    let mut body = KVec::from_elem(0u8, 16 + wire::VMAS_PER_FRAME * wire::VMA_LEN, GFP_KERNEL)?;
    loop {
        let mut n = 0u64;
        let mut w = Writer::new(body.get_mut(16..).ok_or(EINVAL)?);
        while n < wire::VMAS_PER_FRAME as u64 {
            let Some(v) = memory::next_vma(at) else { break };
            let v = with_name(v);
            v.put(&mut w);
            at = v.end;
            n += 1;
        }
        let len = 16 + w.len().map_err(bad)?;
        total += n;
        if total > wire::MAX_VMAS {
            return Err(E2BIG);
        }
        if n == 0 {
            return Ok(());
        }
        body.get_mut(..8).ok_or(EINVAL)?.copy_from_slice(&n.to_le_bytes());
        link.send(Kind::Vmas, &[body.get(..len).ok_or(EINVAL)?])?;
    }
}

/// Takes a part of the list; `list` grows in order.
pub(crate) fn take_vmas(body: &[u8], list: &mut KVec<Vma>) -> Result {
    let mut r = Reader::new(body);
    let n = r.u64().map_err(bad)?;
    r.u64().map_err(bad)?;
    if n > wire::VMAS_PER_FRAME as u64 || list.len() as u64 + n > wire::MAX_VMAS {
        return Err(EPROTO);
    }
    for _ in 0..n {
        let after = list.last().map_or(0, |v| v.end);
        let v = wire::take_vma(&mut r, after).map_err(bad)?;
        list.push(v, GFP_KERNEL)?;
    }
    r.finish().map_err(bad)
}

/// Sends every page with private content, then the end mark. Gives the number of pages.
pub(crate) fn send_pages(link: &mut Link, witness: Option<&Witness>) -> Result<u64> {
    let mut pages = Pages::new()?;
    let (mut at, mut total) = (0, 0);
    while pages.collect(&mut at)? {
        witness.map_or(Ok(()), |w| w.note(&pages))?;
        link.send_pages(&pages)?;
        total += pages.addresses().len() as u64;
        task::breathe();
    }
    link.send(Kind::End, &[&total.to_le_bytes()])?;
    Ok(total)
}

/// Takes the pages of a frame into this task's memory. Gives their number.
pub(crate) fn take_pages(link: &mut Link, frame: Frame) -> Result<u64> {
    let mut list = [0u64; wire::MAX_BATCH];
    let (_, n) = wire::take_addresses(link.body(), &mut list).map_err(bad)?;
    let list = list.get(..n).ok_or(EPROTO)?;
    if frame.bulk != n * wire::PAGE {
        return Err(EPROTO);
    }
    let mut i = 0;
    while let Some(&start) = list.get(i) {
        // As many as lie side by side, in memory that can be received into.
        let mut run = 1;
        while list.get(i + run) == Some(&(start + (run * wire::PAGE) as u64)) {
            run += 1;
        }
        let plain = memory::writable_len(start, (run * wire::PAGE) as u64) as usize / wire::PAGE;
        if plain > 0 {
            link.take_bulk_user(start, plain * wire::PAGE)?;
            i += plain;
        } else {
            let mut page = KVec::from_elem(0u8, wire::PAGE, GFP_KERNEL)?;
            link.take_bulk(&mut page)?;
            memory::write_forced(start, &page)?;
            i += 1;
        }
    }
    Ok(n as u64)
}

/// Takes the pages of a frame that has come home into this task's memory, which is still windows. Gives their number.
pub(crate) fn deliver_pages(link: &mut Link, frame: Frame) -> Result<u64> {
    let mut list = [0u64; wire::MAX_BATCH];
    let (_, n) = wire::take_addresses(link.body(), &mut list).map_err(bad)?;
    let list = list.get(..n).ok_or(EPROTO)?;
    if frame.bulk != n * wire::PAGE {
        return Err(EPROTO);
    }
    let mut page = KBox::new([0u8; wire::PAGE], GFP_KERNEL)?;
    for addr in list {
        link.take_bulk(&mut *page)?;
        memory::deliver(*addr, &page)?;
    }
    Ok(n as u64)
}

/// The number in an end mark.
pub(crate) fn take_end(body: &[u8]) -> Result<u64> {
    let mut r = Reader::new(body);
    let n = r.u64().map_err(bad)?;
    r.finish().map_err(bad)?;
    Ok(n)
}
