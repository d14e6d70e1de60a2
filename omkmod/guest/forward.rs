// SPDX-License-Identifier: GPL-2.0-only
//! Forwarding a call: what it is known to read goes along, what it changed comes back.

use super::{repeat, Guest};
use crate::sys::errno::EPROTO;
use crate::link::{bad, FOREVER};
use crate::omcore::syscalls::{self, Arg, ArgUse, Class};
use crate::omcore::wire::{self, purpose, reply_flag, Call, Kind, Reader, Reply, Writer};
use crate::process::image::{is_restart, ERESTART_RESTARTBLOCK};
use crate::sys::{clocks, memory, task::{self, Regs}, Bytes};
use core::sync::atomic::Ordering;
use kernel::prelude::*;

const READ: u32 = 0;
const WRITE: u32 = 1;
const PREAD64: u32 = 17;
const PWRITE64: u32 = 18;
const SETRLIMIT: u32 = 160;
const PRLIMIT64: u32 = 302;
const RLIMIT_STACK: u32 = 3;

const PAGE: u64 = wire::PAGE as u64;
/// Most bytes announced as to be filled; what a call fills beyond them is fetched first.
const MAX_FILL: u64 = 64 << 20;
/// A larger buffer goes in pieces of so many bytes.
const PIECE: u64 = MAX_FILL;
/// Most bytes that one call of the kernel reads or writes (`MAX_RW_COUNT`).
const MAX_RW: u64 = 0x7fff_f000;
/// Positions of a call's arguments in [`Regs`].
const SI: usize = 13;
const DX: usize = 12;
const R10: usize = 7;
/// Most pages carried; more are asked for by faults, in growing batches.
const CARRY: usize = wire::MAX_CARRY;
/// So many strings of a list are carried; what is on their pages comes along, the others are asked for.
const STRINGS: u64 = 512;

/// The pages that travel with one call.
struct Carry {
    list: KVec<u64>,
    fill: (u64, u64, u64),
    /// Others may use the window meanwhile: what they find there must be what is here.
    shared: bool,
}

impl Carry {
    fn add(&mut self, start: u64, len: u64) -> Result {
        let Some(end) = start.checked_add(len).filter(|e| *e < wire::TASK_SIZE && len > 0) else { return Ok(()) };
        let mut at = start - start % PAGE;
        while at < end && self.list.len() < CARRY {
            let filled = at >= self.fill.0 && at + PAGE <= self.fill.1;
            if !filled && !self.list.contains(&at) {
                self.list.push(at, GFP_KERNEL)?;
            }
            at += PAGE;
        }
        Ok(())
    }

    /// The buffer of a call that fills it from the beginning: its inner pages need no content.
    fn fill(&mut self, start: u64, len: u64, args: &[u64; 6]) -> Result {
        let Some(end) = start.checked_add(len).filter(|e| *e < wire::TASK_SIZE) else { return Ok(()) };
        let inner = (start.next_multiple_of(PAGE), end - end % PAGE);
        let alone = args.iter().filter(|a| **a >= start && **a < end).count() == 1;
        if self.fill.1 == 0 && inner.0 < inner.1 && alone && !self.shared {
            self.fill = (inner.0, inner.1.min(inner.0 + MAX_FILL), start);
        }
        self.add(start, len)
    }

    fn string(&mut self, start: u64) -> Result {
        // As far as its page goes; a string that goes on is rare, and asked for.
        self.add(start, 1)?;
        let mut tail = [0u8; 64];
        let left = (PAGE - start % PAGE).min(64) as usize;
        if left < 64 {
            if let Some(tail) = tail.get_mut(..left) {
                if memory::read_user(start, tail).is_ok() && !tail.contains(&0) {
                    self.add(start + left as u64, 1)?;
                }
            }
        }
        Ok(())
    }

    /// Those of an exec are often on one page, or on a few.
    fn strings(&mut self, start: u64) -> Result {
        for i in 0..STRINGS {
            let at = start.wrapping_add(i * 8);
            let mut pointer = [0u8; 8];
            self.add(at, 8)?;
            if memory::read_user(at, &mut pointer).is_err() {
                break;
            }
            match u64::from_le_bytes(pointer) {
                0 => break,
                string => self.string(string)?,
            }
        }
        Ok(())
    }

    fn vectors(&mut self, start: u64, count: u64, read: bool) -> Result {
        self.add(start, count.min(1024) * 16)?;
        for i in 0..count.min(64) {
            let mut v = [0u8; 16];
            if memory::read_user(start.wrapping_add(i * 16), &mut v).is_err() {
                break;
            }
            let mut r = Reader::new(&v);
            let (base, len) = (r.u64().unwrap_or(0), r.u64().unwrap_or(0));
            // Memory that is only filled needs its old content all the same: only the difference comes back.
            if read || len <= 4 * PAGE {
                self.add(base, len.min(CARRY as u64 * PAGE))?;
            }
        }
        Ok(())
    }

    fn message(&mut self, start: u64, read: bool) -> Result {
        let mut m = [0u8; 56];
        self.add(start, 56)?;
        if memory::read_user(start, &mut m).is_err() {
            return Ok(());
        }
        let mut r = Reader::new(&m);
        let mut next = || r.u64().unwrap_or(0);
        let (name, name_len, iov, count, control, control_len) = (next(), next(), next(), next(), next(), next());
        self.add(name, (name_len & 0xffff_ffff).min(4096))?;
        self.add(control, control_len.min(64 * 1024))?;
        self.vectors(iov, count, read)
    }

    fn argument(&mut self, a: &Arg, args: [u64; 6]) -> Result {
        let Some(&start) = args.get(usize::from(a.arg)) else { return Ok(()) };
        if start == 0 {
            return Ok(());
        }
        match a.how {
            ArgUse::InStr => self.string(start),
            ArgUse::InStrs => self.strings(start),
            ArgUse::InIov { count_arg } => self.vectors(start, word(args, count_arg), true),
            ArgUse::OutIov { count_arg } => self.vectors(start, word(args, count_arg), false),
            ArgUse::InMsg => self.message(start, true),
            ArgUse::InOutMsg => self.message(start, false),
            ArgUse::InSigSetRef => {
                self.add(start, 16)?;
                let mut p = [0u8; 8];
                if memory::read_user(start, &mut p).is_ok() {
                    self.add(u64::from_le_bytes(p), 8)?;
                }
                Ok(())
            }
            ArgUse::InOutSized { len_ptr_arg } => {
                let mut n = [0u8; 4];
                if memory::read_user(word(args, len_ptr_arg), &mut n).is_ok() {
                    self.add(start, u64::from(u32::from_le_bytes(n)).min(4096))?;
                }
                Ok(())
            }
            ArgUse::OutBufRet { len_arg } => self.fill(start, word(args, len_arg) & 0xffff_ffff, &args),
            how => match how.capacity(args) {
                Some(len) => self.add(start, len),
                None => Ok(()),
            },
        }
    }
}

/// A read or write whose buffer is too large for one call.
struct Pieces {
    args: [u64; 6],
    /// The fourth argument is the place in the file.
    at_place: bool,
    done: u64,
    total: u64,
}

impl Pieces {
    /// `None`: one call is enough, or would not get far anyway.
    fn of(nr: u32, args: [u64; 6]) -> Option<Pieces> {
        let at_place = match nr {
            READ | WRITE => false,
            PREAD64 | PWRITE64 => true,
            _ => return None,
        };
        let [_, start, count, place, ..] = args;
        let end = |from: u64| from.checked_add(count);
        let sound = count > PIECE
            && end(start).is_some_and(|end| end < wire::TASK_SIZE)
            && (!at_place || end(place).is_some_and(|end| i64::try_from(end).is_ok()));
        sound.then_some(Pieces { args, at_place, done: 0, total: count.min(MAX_RW) })
    }

    fn size(&self) -> u64 {
        (self.total - self.done).min(PIECE)
    }

    /// The arguments of the next one.
    fn next(&self) -> [u64; 6] {
        let [fd, start, _, place, a4, a5] = self.args;
        [fd, start + self.done, self.size(), if self.at_place { place + self.done } else { place }, a4, a5]
    }

    /// It has ended like this. `Some`: what the whole has come to.
    fn ended(&mut self, ax: i64) -> Option<i64> {
        let size = self.size();
        match u64::try_from(ax) {
            Ok(n) => self.done += n.min(size),
            Err(_) if self.done == 0 => return Some(ax),
            Err(_) => return Some(self.done as i64),
        }
        (ax as u64 != size || self.done == self.total).then_some(self.done as i64)
    }
}

/// The registers of the call, with these arguments.
fn regs_with(args: [u64; 6]) -> Regs {
    let mut regs = task::regs();
    let [_, second, third, fourth, ..] = args;
    for (register, value) in [(SI, second), (DX, third), (R10, fourth)] {
        if let Some(r) = regs.get_mut(register) {
            *r = value;
        }
    }
    regs
}

fn word(args: [u64; 6], i: u8) -> u64 {
    args.get(usize::from(i)).copied().unwrap_or(0)
}

impl Guest {
    /// Home wants the process, and has told the other threads too.
    pub(super) fn called_home(&self) {
        self.leaving.store(true, Ordering::Release);
        self.kick.now();
    }

    #[inline(never)]
    pub(super) fn forward(&self, frame: &task::Frame, nr: u32, args: [u64; 6], class: Class) -> Result {
        self.calls.fetch_add(1, Ordering::Relaxed);
        self.restart_at_home.store(false, Ordering::Relaxed);
        let mut pieces = Pieces::of(nr, args);
        let (mut purpose, mut told) = (purpose::MAKE, 0);
        let (ax, flags) = loop {
            let part = pieces.as_ref().map_or(args, Pieces::next);
            let mut carry = Carry { list: KVec::new(), fill: (0, 0, 0), shared: task::shares_memory() };
            for a in syscalls::carried(nr, part) {
                carry.argument(a, part)?;
            }
            self.send_call(carry, purpose, &regs_with(part))?;
            let (ax, flags) = self.await_reply()?;
            told |= flags;
            match pieces.as_mut().map_or(Some(ax), |pieces| pieces.ended(ax)) {
                Some(ax) => break (ax, told),
                None => purpose = purpose::CONTINUE,
            }
        };
        frame.set_result(ax as u64);
        if is_restart(ax) {
            self.restart_at_home.store(ax == ERESTART_RESTARTBLOCK, Ordering::Relaxed);
            // This kernel decides as home's would have: it looks when it believes that a signal is pending.
            task::make_restart();
        }
        let made = flags & reply_flag::SKIPPED == 0;
        if made && ax == 0 {
            self.follow_stack_limit(nr, args);
        }
        match class {
            _ if !made => {}
            Class::Memory if ax >= 0 || ax < -4095 => {
                repeat::memory(nr, args, ax, frame, self.home, self.take_object());
            }
            Class::Signal if ax == 0 => {
                let own = frame.run();
                frame.set_result(own as u64);
            }
            _ => {}
        }
        let _ = self.take_object();
        if flags & reply_flag::COME_HOME != 0 {
            self.called_home();
        }
        Ok(())
    }

    /// Shows a call that is made here to the filter at home. False: it is not to be made, and what stands in its place is in
    /// the frame.
    #[inline(never)]
    pub(super) fn ask_filter(&self, frame: &task::Frame) -> Result<bool> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        self.send_call(Carry { list: KVec::new(), fill: (0, 0, 0), shared: true }, purpose::JUDGE, &task::regs())?;
        let (ax, flags) = self.await_reply()?;
        let restart = is_restart(ax);
        let allowed = flags & reply_flag::SKIPPED == 0 && !restart;
        if !allowed {
            frame.set_result(ax as u64);
        }
        if restart {
            task::make_restart();
        }
        if flags & reply_flag::COME_HOME != 0 {
            self.called_home();
        }
        Ok(allowed)
    }

    /// The stack grows here: by the limit that home has accepted.
    fn follow_stack_limit(&self, nr: u32, args: [u64; 6]) {
        let [a0, a1, a2, ..] = args;
        let new = match nr {
            SETRLIMIT if a0 as u32 == RLIMIT_STACK => a1,
            PRLIMIT64 if a1 as u32 == RLIMIT_STACK && (a0 as i32 == 0 || a0 as i32 == self.own_pid) => a2,
            _ => return,
        };
        let mut limit = [0u8; 8];
        if new != 0 && memory::read_user(new, &mut limit).is_ok() {
            task::set_rlimit(RLIMIT_STACK, u64::from_le_bytes(limit));
        }
    }

    fn send_call(&self, carry: Carry, purpose: u64, regs: &Regs) -> Result {
        self.give_back()?;
        let number = self.company.call_number();
        let mut data = Bytes::new();
        let mut list = carry.list;
        let mut kept = 0;
        data.reserve(list.len() * wire::PAGE, GFP_KERNEL)?;
        for i in 0..list.len() {
            let Some(&addr) = list.get(i) else { break };
            let at = data.len();
            data.extend_with(wire::PAGE, 0, GFP_KERNEL)?;
            let readable = data.get_mut(at..).is_some_and(|slot| memory::read_user(addr, slot).is_ok());
            if readable {
                list.swap(kept, i);
                kept += 1;
            } else {
                crate::sys::resize(&mut data, at)?;
            }
        }
        let list = list.get(..kept).ok_or(EINVAL)?;
        let mut body = KVec::from_elem(0u8, 8 * (8 + 3 + wire::NREGS + kept), GFP_KERNEL)?;
        let mut w = Writer::new(&mut body);
        Call {
            blocked: task::blocked(),
            signals_seen: self.signals_seen.load(Ordering::Relaxed),
            fill_start: carry.fill.0,
            fill_end: carry.fill.1,
            fill_origin: carry.fill.2,
            npages: kept as u64,
            number,
            purpose,
        }
        .put(&mut w);
        self.usage().put(&mut w);
        for v in regs {
            w.u64(*v);
        }
        for a in list {
            w.u64(*a);
        }
        let len = w.len().map_err(bad)?;
        self.link.with(|l| l.send_bulk(Kind::Call, &[body.get(..len).ok_or(EINVAL)?], &data))?
    }

    pub(super) fn await_reply(&self) -> Result<(i64, u64)> {
        let mut ahead = Bytes::new();
        loop {
            self.await_word()?;
            let frame = self.link.with(|l| l.recv_within(FOREVER))??;
            if frame.kind == Kind::Changes {
                // Kept until the reply: writing them may need home, which is busy until then.
                self.link.with(|l| {
                    if ahead.len() + l.body().len() > wire::MAX_CHANGES {
                        return Err(EPROTO);
                    }
                    Ok(ahead.extend_from_slice(l.body(), GFP_KERNEL)?)
                })??;
                continue;
            }
            if frame.kind == Kind::Dismiss {
                // The deputy is another program now.
                self.ended.store(true, Ordering::Relaxed);
                task::kill_self();
                return Ok((0, 0));
            }
            if frame.kind != Kind::Reply {
                self.heard(frame)?;
                continue;
            }
            // Writing to memory may need the link: the body is held apart from it.
            let body = self.link.with(|l| l.take_body())?;
            let result = self.apply(&ahead, body.get(wire::HEADER_LEN..).unwrap_or(&[]));
            self.link.with(|l| l.return_body(body))?;
            let result = result?;
            self.give_back()?;
            return Ok(result);
        }
    }

    /// Writes what the call changed, and what calls of other threads have changed meanwhile: in the order in which home saw it.
    fn apply(&self, ahead: &[u8], body: &[u8]) -> Result<(i64, u64)> {
        let mut r = Reader::new(body);
        let reply = Reply::take(&mut r).map_err(bad)?;
        let changes = r.bytes(r.remaining()).map_err(bad)?;
        self.company.await_turn(reply.ticket)?;
        let mut done = Ok(());
        for part in [ahead, changes] {
            wire::pieces(part, |addr, bytes| {
                // A program may change what it cannot write to, through /proc/self/mem.
                done = memory::write_forced(addr, bytes);
                done.is_ok()
            })
            .map_err(bad)?;
            done?;
        }
        self.company.turn_done(reply.ticket);
        self.due.store(reply.due, Ordering::Relaxed);
        if reply.after != 0 {
            clocks::wait_until(reply.after);
        }
        if reply.flags & reply_flag::FILTERED != 0 {
            self.filtered.store(true, Ordering::Relaxed);
        }
        self.more_signals.store(reply.flags & reply_flag::SIGNALS_WAIT != 0, Ordering::Relaxed);
        Ok((reply.ax as i64, reply.flags))
    }
}
