// SPDX-License-Identifier: GPL-2.0-only
//! The home half of a process that is away: its original tasks, parked in the kernel inside their task_work, one deputy
//! for each thread.
//!
//! It waits for its link, for signals and for requests, runs forwarded calls, and receives the process when it comes
//! home. Everything but [`Deputy::post`] runs in the task itself. The task may die in the middle (a fatal
//! signal, `exit_group`), without any code here returning: what must be given back is therefore owned by the
//! role and the lists, never by a stack frame, and [`gone`] gives it back.

mod away;
mod birth;
mod call;
mod homecoming;
mod objects;
mod reunion;

pub(crate) use away::Away;
pub(crate) use reunion::Reunion;

use crate::sys::errno::{ECONNRESET, EPROTO, ETIMEDOUT};
use crate::cluster::cluster;
use crate::link::{bad, Frame, Link};
use crate::omcore::syscalls::{self, Class};
use crate::omcore::wire::{self, FilePages, Kind, Reader, State, Usage, Writer};
use crate::process::errand;
use crate::process::group::Seat;
use crate::process::image::{is_restart, ERESTARTNOHAND, ERESTARTNOINTR, ERESTARTSYS, ERESTART_RESTARTBLOCK};
use crate::process::journey::{self, comm_text, Next};
use crate::process::records::Move;
use crate::process::request::{Refusal, Request, Target};
use crate::sys::task::{self, Regs, Role, Task, TaskCell, AX, ORIG_AX};
use crate::sys::{self, memory, Bytes, Signal};
use core::ffi::c_void;
use core::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use kernel::prelude::*;
use kernel::sync::Arc;

/// The home half of one thread of a process that is away.
pub(crate) struct Deputy {
    comm: [u8; 16],
    /// The task itself.
    task: Task,
    pub(crate) away: Arc<Away>,
    link: TaskCell<Link>,
    scratch: TaskCell<Scratch>,
    signals_sent: AtomicU64,
    cpu: (AtomicU64, AtomicU64),
    /// The last address asked for, and how many pages: a reader going on there asks for more.
    ahead: (AtomicU64, AtomicU64),
    broken: AtomicBool,
    /// It comes home for a call that this half has refused to make before.
    errand: AtomicBool,
    /// The other half exists. A newborn's link is closed before that when there is none.
    complete: AtomicBool,
    /// The guest is about to make a call again that was under way, with this result so far; 0: it is not. Signals wait for that
    /// call, which they will interrupt.
    resumed: AtomicI64,
    /// The guest wants to go home, and has said so where that could not be seen to.
    wished: AtomicBool,
    /// The guest waits for a reply, and can say nothing but that it wants to go home. And: saying so interrupts the call.
    calling: AtomicBool,
    hearing: AtomicBool,
    /// When it last heard of its guest, or told it something, ns: what the guest computes since then is not known yet.
    busy: AtomicU64,
    /// How often in a row a call was not made because a signal came first, and the signals that the program blocks there.
    put_off: (AtomicU64, AtomicU64),
}

/// Buffers that are used again and again.
struct Scratch {
    reply: Bytes,
    page: KVec<u8>,
    /// Changes of a page, and where they lie.
    scattered: KVec<u8>,
    /// Signals sent that the guest has not confirmed, with their numbers.
    unseen: KVec<(u64, Signal)>,
}

/// The shortest time between two looks at timers that go by CPU time, ns: as the scheduler's tick of many kernels.
const TICK_NS: u64 = 4_000_000;

/// So long after it has heard of its guest a deputy looks as if it ran: the guest does, or waits for another thread. One that computes
/// tells of it about every 50 ms.
const COMPUTING_MS: u64 = 200;

/// Most periods of a timer that are caught up with at once.
const MAX_CATCH_UP: u32 = 256;

/// Longest wait for a call that the guest is about to make again. Only one that does something else needs as long.
const AGAIN_MS: u32 = 5_000;

/// So often in a row handlers run before a call that was made before them. Then it is the call's turn: a timer that fires more
/// often than the network goes to and fro would leave the program no time.
const MAX_PUT_OFF: u64 = 2;

/// Most signals under way to a guest.
const MAX_UNSEEN: usize = 4096;

/// Why the loop ended.
enum End {
    /// The process is whole again, here. The deputy that received its memory can tell of the move, and of what comes next.
    /// `errand`: this thread has come for a call, and would go back.
    Home { told: Option<(Move, Option<Seat>)>, errand: bool },
    /// It is another program now, here.
    Program,
    /// The link is gone.
    Lost(Error),
}

impl Deputy {
    /// For the current task.
    pub(crate) fn new(away: Arc<Away>, link: Link) -> Result<Arc<Deputy>> {
        let scratch = Scratch {
            reply: Bytes::with_capacity(4096, GFP_KERNEL)?,
            page: KVec::from_elem(0, wire::PAGE, GFP_KERNEL)?,
            scattered: KVec::from_elem(0, wire::MASK + wire::PAGE, GFP_KERNEL)?,
            unseen: KVec::new(),
        };
        Ok(Arc::new(
            Deputy {
                comm: task::comm(),
                task: Task::current()?,
                away,
                link: TaskCell::new(link),
                scratch: TaskCell::new(scratch),
                signals_sent: AtomicU64::new(0),
                cpu: (AtomicU64::new(0), AtomicU64::new(0)),
                ahead: (AtomicU64::new(0), AtomicU64::new(0)),
                broken: AtomicBool::new(false),
                errand: AtomicBool::new(false),
                complete: AtomicBool::new(true),
                resumed: AtomicI64::new(call_under_way()),
                wished: AtomicBool::new(false),
                calling: AtomicBool::new(false),
                hearing: AtomicBool::new(false),
                busy: AtomicU64::new(task::now_ns()),
                put_off: (AtomicU64::new(0), AtomicU64::new(0)),
            },
            GFP_KERNEL,
        )?)
    }

    /// Takes the role, the window and a place among the deputies. Undone by [`Deputy::uninstall`].
    pub(crate) fn install(self: &Arc<Self>) -> Result {
        self.away.join()?;
        let owner = Arc::into_raw(self.clone());
        let done = task::set_role(Role::Deputy, owner.cast());
        if done.is_err() {
            // SAFETY: the reference was just made and nobody has seen it.
            drop(unsafe { Arc::from_raw(owner) });
            self.away.leave(&self.task);
            return done;
        }
        let attached = memory::attach(false).and_then(|()| self.link.with(|l| l.socket().open_deputys_ear())?);
        if attached.is_err() {
            self.uninstall();
        }
        attached
    }

    /// Gives role, window and place back, by the task itself.
    pub(crate) fn uninstall(&self) {
        let last = self.away.leave(&self.task);
        if last {
            memory::detach();
        }
        let (role, owner) = task::role();
        if role == Role::Deputy {
            task::clear_role();
            // SAFETY: the role's reference, taken back with the role.
            drop(unsafe { Arc::<Deputy>::from_raw(owner.cast()) });
        }
    }

    /// Lets the guest run. Signals that are pending come first: their handlers run before the program goes on, as they would
    /// have here. From then on the mask of a call that it will make again (sigsuspend) is not in force: a signal that came
    /// now by that mask would be handled before the call, which would wait for it in vain. May never return.
    fn let_go(&self) {
        let told = self.signals(false);
        task::restore_mask();
        if self.signals_sent.load(Ordering::Relaxed) != 0 {
            // That call is over, or begins anew after the handler.
            self.resumed.store(0, Ordering::Relaxed);
        }
        let gone = told.and_then(|()| self.say(Kind::Go, &[&self.due().to_le_bytes()]));
        if gone.is_err() {
            pr_warn!("pid {}: link to node {} lost at departure\n", self.away.pid, self.away.node);
        }
    }

    /// The CPU time of the guest at which the next timer is due that goes by it. Each of several threads is asked for its
    /// share: what is left then is shared anew.
    fn due(&self) -> u64 {
        let Some(left) = task::cpu_left() else { return u64::MAX };
        let told = self.cpu.0.load(Ordering::Relaxed) + self.cpu.1.load(Ordering::Relaxed);
        told.saturating_add((left / self.away.threads()).max(TICK_NS))
    }

    /// After it has been told of CPU time without having asked for a reply.
    fn tell_due(&self) -> Result {
        match self.due() {
            u64::MAX => Ok(()),
            due => self.say(Kind::Due, &[&due.to_le_bytes()]),
        }
    }

    /// Shall it come home?
    fn wanted(&self) -> bool {
        (self.away.wanted() || self.needs_home()) && !self.away.borrows()
    }

    /// What comes next is for a process that is whole: a tracer looks at its registers and memory, or it will leave a core file.
    fn needs_home(&self) -> bool {
        task::traced() || task::core_pending()
    }

    /// The task's whole life while it is away.
    fn live(&self) -> End {
        let mut asked_home = false;
        loop {
            if self.broken.load(Ordering::Relaxed) {
                return End::Lost(EPIPE);
            }
            match self.readable() {
                Ok(true) => match self.frame() {
                    Ok(Some(end)) => return end,
                    Ok(None) => {
                        self.busy.store(task::now_ns(), Ordering::Relaxed);
                        continue;
                    }
                    Err(e) => return End::Lost(e),
                },
                Ok(false) => {}
                Err(e) => return End::Lost(e),
            }
            if let Err(e) = self.hear_wish() {
                return End::Lost(e);
            }
            if self.wanted() && !asked_home {
                asked_home = true;
                if let Err(e) = self.say(Kind::ComeHome, &[]) {
                    return End::Lost(e);
                }
            }
            if !self.wanted() {
                asked_home = false;
            }
            if asked_home && self.needs_home() && !task::dying() {
                // Its signals wait until it is. Only this thread may know that the process must come home.
                if !self.away.wanted() {
                    self.away.recall();
                }
                if let Err(e) = self.link.with(|l| l.await_input()).and_then(|r| r) {
                    return End::Lost(e);
                }
                continue;
            }
            if task::signal_pending() && self.resumed.load(Ordering::Relaxed) != 0 && !task::dying() {
                match self.link.with(|l| l.await_input_within(AGAIN_MS)).and_then(|r| r) {
                    Ok(()) => {}
                    Err(e) if e == ETIMEDOUT => self.resumed.store(0, Ordering::Relaxed),
                    Err(e) => return End::Lost(e),
                }
                continue;
            }
            if task::signal_pending() {
                match self.signals(true) {
                    Ok(()) => self.busy.store(task::now_ns(), Ordering::Relaxed),
                    Err(e) => return End::Lost(e),
                }
                continue;
            }
            let silent = task::now_ns().saturating_sub(self.busy.load(Ordering::Relaxed)) / 1_000_000;
            // Waiting needs the socket, not the link: nothing is read.
            let _ = self.link.with(|l| {
                if !l.readable() {
                    l.socket().wait_idle(COMPUTING_MS.saturating_sub(silent) as u32);
                }
            });
        }
    }

    fn readable(&self) -> Result<bool> {
        self.link.with(|l| l.readable())
    }

    fn say(&self, kind: Kind, parts: &[&[u8]]) -> Result {
        self.link.with(|l| l.send(kind, parts))?
    }

    /// Receives and serves one frame. `Some`: it is a deputy no longer.
    fn frame(&self) -> Result<Option<End>> {
        let frame = self.link.with(|l| l.recv())??;
        self.serve(frame)
    }

    fn serve(&self, frame: Frame) -> Result<Option<End>> {
        match frame.kind {
            Kind::Call => self.call(frame),
            Kind::Fork => self.fork(),
            Kind::Unborn => self.unborn().map(|()| None),
            Kind::Ready => {
                self.complete.store(true, Ordering::Relaxed);
                Ok(None)
            }
            Kind::FileReq => self.file_pages().map(|()| None),
            Kind::Mask => {
                let (mask, seen, waits) = self.link.with(|l| {
                    let mut r = Reader::new(l.body());
                    Ok::<_, Error>((r.u64().map_err(bad)?, r.u64().map_err(bad)?, r.u64().map_err(bad)?))
                })??;
                self.take_mask(mask, seen);
                self.handler_returned(mask);
                if waits != 0 {
                    if self.resumed.load(Ordering::Relaxed) == 0 {
                        self.signals(false)?;
                        self.call_home_if_roused()?;
                    }
                    self.say(Kind::Masked, &[])?;
                }
                Ok(None)
            }
            Kind::Used => {
                let usage = self.link.with(|l| Usage::take(&mut Reader::new(l.body())).map_err(bad))??;
                self.account_usage(&usage);
                self.run_timers();
                self.tell_due()?;
                Ok(None)
            }
            Kind::Fault => {
                let signal = self.link.with(|l| {
                    let mut r = Reader::new(l.body());
                    let signo = r.u64().map_err(bad)?;
                    let info = r.array().map_err(bad)?;
                    r.finish().map_err(bad)?;
                    Ok::<_, Error>(Signal { signo, mask: 0, restore_mask: 0, blocks: 0, once: 0, info })
                })??;
                task::requeue_signal(&signal);
                Ok(None)
            }
            Kind::Declined => self.declined().map(|()| None),
            Kind::WantHome => {
                self.away.recall();
                Ok(None)
            }
            Kind::Coming => self.receive_home(),
            // A stop that was overtaken by a call of the guest.
            Kind::Paused => Ok(None),
            Kind::Refuse => {
                let _ = self.link.with(|l| {
                    let (e, words) = crate::link::refusal(l);
                    let words = core::str::from_utf8(words).unwrap_or("?");
                    let (pid, node) = (self.away.pid, self.away.node);
                    pr_warn!("pid {}: node {} gave it up: {} ({})\n", pid, node, words, e.to_errno());
                });
                Err(ECONNRESET)
            }
            _ => Err(EPROTO),
        }
    }

    /// Lets the kernel deal with what is pending; handlers are for the guest. A task that will stop stops its guest first.
    /// May never return.
    fn signals(&self, idle: bool) -> Result {
        while task::signal_pending() {
            if task::dying() {
                self.last_words();
            }
            if self.needs_home() && !self.away.borrows() && !task::dying() {
                return Ok(());
            }
            let stopping = idle && task::stop_pending();
            // A guest that has begun to say something is heard out first: the signal stays pending, and interrupts a call.
            if stopping && !self.pause()? {
                return Ok(());
            }
            // A tracer may have come meanwhile.
            if stopping && self.needs_home() && !self.away.borrows() && !task::dying() {
                self.say(Kind::Resume, &[])?;
                return Ok(());
            }
            if let Some(s) = task::take_signal(self.away.borrows()) {
                self.send_signal(&s)?;
            }
            if stopping {
                self.stay_stopped()?;
                self.call_home_if_roused()?;
                self.say(Kind::Resume, &[])?;
            } else if task::roused() {
                self.hear_wish()?;
                if !self.wanted() {
                    task::stop_again();
                }
            }
        }
        Ok(())
    }

    /// During a call: does the guest want to go home? An error: its node is gone.
    fn hear_wish(&self) -> Result {
        while self.calling.load(Ordering::Relaxed) && self.readable()? {
            match self.link.with(|l| l.peek())?? {
                Kind::WantHome | Kind::Paused => self.frame()?,
                _ => return Err(EPROTO),
            };
        }
        if self.wished.swap(false, Ordering::Relaxed) {
            self.away.recall();
        }
        Ok(())
    }

    /// Makes a call of the guest, which is heard meanwhile.
    fn make_call(&self, regs: &Regs, nr: u32) -> Result<i64> {
        self.hear_wish()?;
        self.hearing.store(true, Ordering::Relaxed);
        self.listen(true)?;
        let ax = task::syscall_for(regs, nr);
        self.listen(false)?;
        self.hearing.store(false, Ordering::Relaxed);
        self.hear_wish()?;
        Ok(ax)
    }

    /// While a call is made: does what the guest says interrupt it? Its answers are not to.
    fn listen(&self, on: bool) -> Result {
        if self.hearing.load(Ordering::Relaxed) {
            self.link.with(|l| l.socket().listen_ear(on))?;
        }
        Ok(())
    }

    /// One that was roused, because the guest's node has something to say, hears that and stops again, unless the process is to
    /// come home.
    fn stay_stopped(&self) -> Result {
        while task::roused() && !self.wanted() {
            if self.readable()? {
                // A guest that is paused does not come home before it is called.
                if self.frame()?.is_some() {
                    return Err(EPROTO);
                }
                continue;
            }
            task::stop_again();
            if let Some(s) = task::take_signal(self.away.borrows()) {
                self.send_signal(&s)?;
            }
        }
        Ok(())
    }

    /// A stopped process has been roused in order to come home: its guest is to do nothing else.
    fn call_home_if_roused(&self) -> Result {
        if task::roused() && self.wanted() {
            self.say(Kind::ComeHome, &[])?;
        }
        Ok(())
    }

    #[inline(never)]
    fn send_signal(&self, s: &Signal) -> Result {
        let number = self.signals_sent.fetch_add(1, Ordering::Relaxed) + 1;
        self.scratch.with(|x| {
            // Handlers confirm when they return: so many at once are not a program's doing.
            if x.unseen.len() >= MAX_UNSEEN {
                return Err(EPROTO);
            }
            Ok(x.unseen.push((number, *s), GFP_KERNEL)?)
        })??;
        let mut body = [0u8; 32 + wire::SIGINFO_LEN];
        let mut w = Writer::new(&mut body);
        wire::Signal { signo: s.signo, mask: s.mask, restore_mask: s.restore_mask, after: task::now_ns() }.put(&mut w);
        w.bytes(&s.info);
        w.len().map_err(bad)?;
        self.say(Kind::Signal, &[&body])
    }

    /// Stops the guest's computing. False: it is in a call or on its way home, which comes first.
    #[inline(never)]
    fn pause(&self) -> Result<bool> {
        self.say(Kind::Pause, &[])?;
        loop {
            // Not taken: a frame that starts a call must wait until after the stop.
            let next = self.link.with(|l| l.peek())??;
            match next {
                Kind::Paused => {
                    self.frame()?;
                    return Ok(true);
                }
                Kind::Mask | Kind::FileReq | Kind::Used | Kind::Declined => {
                    self.frame()?;
                }
                _ => {
                    self.say(Kind::Resume, &[])?;
                    return Ok(false);
                }
            }
        }
    }

    /// A page fault in the window: asks the guest for `n` pages at most, from `addr` on. `locked`: the mmap lock is held.
    #[inline(never)]
    pub(crate) fn fetch(&self, addr: u64, n: u64, locked: bool) -> Result {
        // Going on where the last fetch ended: twice as much; elsewhere: one page.
        let (next, last) = (self.ahead.0.load(Ordering::Relaxed), self.ahead.1.load(Ordering::Relaxed));
        let want = if addr == next { (last * 2).clamp(1, wire::MAX_BATCH as u64) } else { 1 }.min(n);
        self.ahead.0.store(addr + want * wire::PAGE as u64, Ordering::Relaxed);
        self.ahead.1.store(want, Ordering::Relaxed);

        // A call of another thread that begins meanwhile must not find what was read before it: it waits.
        let _begun = (!locked && self.away.has_threads()).then(|| self.away.window());
        self.listen(false)?;
        let got = self.link.with(|l| {
            let mut body = [0u8; 16];
            let mut w = Writer::new(&mut body);
            w.u64(addr);
            w.u64(want);
            w.len().map_err(bad)?;
            l.send(Kind::PageReq, &[&body])?;
            loop {
                let frame = l.recv()?;
                match frame.kind {
                    Kind::PageData => return store_pages(l, frame, addr),
                    Kind::WantHome => self.wished.store(true, Ordering::Relaxed),
                    kind if is_void(kind) => l.skip_bulk()?,
                    _ => return Err(EPROTO),
                }
            }
        })?;
        self.listen(true)?;
        match got {
            // Another thread's reply may have taken it out of the window again: it is asked for once more then.
            Ok(true) => return Ok(()),
            Ok(false) => {}
            Err(e) => {
                self.broken.store(true, Ordering::Relaxed);
                return Err(e);
            }
        }
        if locked {
            return memory::store_failed(addr);
        }
        // The guest never touched it: a page of a file has what the file has, anything else cannot be had.
        let read = KBox::new([0u8; wire::PAGE], GFP_KERNEL).map_err(Error::from).and_then(|mut page| {
            memory::file_page(addr, &mut page)?;
            memory::store(addr, &page)
        });
        read.or_else(|_| memory::store_failed(addr))
    }

    /// The guest faulted on pages of a mapped file.
    #[inline(never)]
    fn file_pages(&self) -> Result {
        let (addr, n) = self.link.with(|l| {
            let mut r = Reader::new(l.body());
            Ok::<_, Error>((wire::page_address(r.u64().map_err(bad)?).map_err(bad)?, r.u64().map_err(bad)?))
        })??;
        let n = (n.min(wire::MAX_BATCH as u64)) as usize;
        let mut data = Bytes::from_elem(0u8, n * wire::PAGE, GFP_KERNEL)?;
        let mut list = [0u64; wire::MAX_BATCH];
        let (have, from, tag) = match memory::file_pages(addr, &mut data) {
            Ok((have, from)) => (have, from, 0),
            // A signal to this half says nothing about the file.
            Err(e) if e == EINTR || is_restart(e.to_errno().into()) => (0, FilePages::default(), wire::LATER),
            Err(_) => (0, FilePages::default(), 0),
        };
        for (slot, page) in list.iter_mut().zip(0..have as u64) {
            *slot = addr + page * wire::PAGE as u64;
        }
        let mut body = [0u8; 32 + wire::MAX_BATCH * 8];
        let mut w = Writer::new(&mut body);
        from.put(&mut w);
        wire::put_addresses(&mut w, tag, list.get(..have).ok_or(EINVAL)?);
        let len = w.len().map_err(bad)?;
        self.link.with(|l| {
            l.send_bulk(
                Kind::FileData,
                &[body.get(..len).ok_or(EINVAL)?],
                data.get(..have * wire::PAGE).ok_or(EINVAL)?,
            )
        })?
    }

    /// The guest has seen this many signals: the others are still under way.
    fn confirm_signals(&self, seen: u64) {
        let _ = self.scratch.with(|x| {
            let confirmed = x.unseen.partition_point(|(n, _)| *n <= seen);
            sys::drop_front(&mut x.unseen, confirmed);
        });
    }

    /// When a signal came to the guest, another thread had taken its handler away there, or set one here of which that node
    /// had not heard yet. So it is taken anew, as the process' actions are now.
    pub(super) fn declined(&self) -> Result {
        let (number, mask) = self.link.with(|l| {
            let mut r = Reader::new(l.body());
            let told = (r.u64().map_err(bad)?, r.u64().map_err(bad)?);
            r.finish().map_err(bad)?;
            Ok::<_, Error>(told)
        })??;
        let (signal, deferred) = self.scratch.with(|x| {
            let at = x.unseen.iter().position(|(n, _)| *n == number).ok_or(EPROTO)?;
            let signal = x.unseen.get(at).map(|(_, s)| *s).ok_or(EPROTO)?;
            sys::retain(&mut x.unseen, |(n, _)| *n != number);
            Ok::<_, Error>((signal, x.unseen.iter().fold(0, |all, (_, s)| all | s.blocks)))
        })??;
        task::take_back(&signal);
        task::set_blocked(mask | deferred);
        Ok(())
    }

    /// What the guest blocks, and how many signals it had seen when it said so. Handlers of those under way will block more:
    /// until it has seen them nothing may come that they defer, or it would be taken twice before it is handled once, and one
    /// of the two is lost there.
    fn take_mask(&self, blocked: u64, seen: u64) {
        self.confirm_signals(seen);
        let deferred = self.scratch.with(|x| x.unseen.iter().fold(0, |all, (_, s)| all | s.blocks));
        task::set_blocked(blocked | deferred.unwrap_or(0));
    }

    /// A call is put off, or made. One of a handler, which blocks other signals, says nothing about the call before it.
    fn count_put_off(&self, blocked: u64, put_off: bool) {
        if put_off {
            self.put_off.0.fetch_add(1, Ordering::Relaxed);
            self.put_off.1.store(blocked, Ordering::Relaxed);
        } else if self.put_off.1.load(Ordering::Relaxed) == blocked {
            self.put_off.0.store(0, Ordering::Relaxed);
        }
    }

    /// A handler has returned. If the program is back where its call was put off, it makes that now.
    fn handler_returned(&self, blocked: u64) {
        let (times, there) = (self.put_off.0.load(Ordering::Relaxed), self.put_off.1.load(Ordering::Relaxed));
        if times >= MAX_PUT_OFF && there == blocked {
            self.resumed.store(ERESTARTNOINTR, Ordering::Relaxed);
        }
    }

    fn account(&self, utime: u64, stime: u64) {
        let u = utime.saturating_sub(self.cpu.0.swap(utime, Ordering::Relaxed));
        let s = stime.saturating_sub(self.cpu.1.swap(stime, Ordering::Relaxed));
        task::add_cputime(u, s);
    }

    /// After that: timers that have run out. Periods that are over count as one now, not one by one later, when the process
    /// sleeps perhaps.
    fn run_timers(&self) {
        for _ in 0..MAX_CATCH_UP {
            task::run_works();
            if task::cpu_left() != Some(0) {
                break;
            }
            task::add_cputime(0, 0);
        }
    }

    fn account_usage(&self, usage: &Usage) {
        self.account(usage.utime, usage.stime);
        memory::note_peak(usage.peak);
    }

    fn account_state(&self, s: &State) {
        self.account_usage(&Usage { utime: s.utime, stime: s.stime, peak: s.peak });
    }
}

/// Of the current task, whose call was interrupted so that it can leave: the result that says so, if home is where the call will
/// be made again.
fn call_under_way() -> i64 {
    let regs = task::regs();
    let of = |register: usize| regs.get(register).copied().unwrap_or(0);
    let (nr, ax) = (of(ORIG_AX), of(AX) as i64);
    let Ok(nr) = u32::try_from(nr) else { return 0 };
    // The one that is missing here begins anew after every handler.
    if !matches!(ax, ERESTARTSYS | ERESTARTNOHAND | ERESTART_RESTARTBLOCK) {
        return 0;
    }
    let args = call::ARGUMENTS.map(of);
    let forwarded = match ax {
        ERESTART_RESTARTBLOCK => task::wait_until().is_none(),
        _ => syscalls::refine(nr, args) == Class::Forwarded,
    };
    if forwarded { ax } else { 0 }
}

/// Only a dying process asks for memory while its guest computes, is born, or is on its way home: what the guest wanted is void.
/// It answers all the same.
fn is_void(kind: Kind) -> bool {
    use Kind::*;
    matches!(
        kind,
        Call | Fork | Unborn | VforkDone | Ready | Mask | FileReq | Paused | Used | Declined | Fault
            | Coming | State | Pages | End | Rest
    )
}

/// Pages of a frame go into the window. Is that at `wanted` one of them?
fn store_pages(l: &mut Link, frame: Frame, wanted: u64) -> Result<bool> {
    let mut list = [0u64; wire::MAX_BATCH];
    let (_, n) = wire::take_addresses(l.body(), &mut list).map_err(bad)?;
    if frame.bulk != n * wire::PAGE {
        return Err(EPROTO);
    }
    let list = list.get(..n).ok_or(EPROTO)?;
    let mut page = KBox::new([0u8; wire::PAGE], GFP_KERNEL)?;
    for addr in list {
        l.take_bulk(&mut *page)?;
        // Without room the call ends short: the page it wants now is not to be had, the others can wait.
        if !memory::stored(*addr) && memory::store(*addr, &page).is_err() {
            if *addr == wanted {
                memory::store_failed(*addr)?;
            }
            l.skip_bulk()?;
            break;
        }
    }
    Ok(list.contains(&wanted))
}

/// Everything has been sent, and the guest may run: from here on the caller is its deputy. Only the deputy may be on the
/// caller's stack: a signal that is pending may end the task before anything returns. `asked`: of the threads of its process
/// this is the one that was asked to go.
#[inline(never)]
pub(crate) fn depart(deputy: Arc<Deputy>, asked: bool) -> Option<Next> {
    let me = given_to_role(deputy);
    me.let_go();
    if asked {
        me.away.departed();
    }
    live(me)
}

/// The same for one that was born away, whose guest runs for itself.
#[inline(never)]
pub(crate) fn run(deputy: Arc<Deputy>) -> Option<Next> {
    live(given_to_role(deputy))
}

/// The role owns a reference; this one must not be on the stack of a task that may die.
fn given_to_role<'a>(deputy: Arc<Deputy>) -> &'a Deputy {
    let me: *const Deputy = &*deputy;
    drop(deputy);
    // SAFETY: the role's reference is given up only at the end of `live`, or by `gone` after this task died.
    unsafe { &*me }
}

/// Lives as a deputy until the process is home or the link is gone. A request that wants it elsewhere at once comes back
/// together with the way home, which is the first half of that move.
fn live(me: &Deputy) -> Option<Next> {
    match me.live() {
        End::Home { told: Some((m, seat)), errand } => {
            // Before it takes no requests any more: one that comes later finds it.
            let errand = errand && seat.is_none() && errand::begin(me.away.node);
            // The others are about to be what they were; whoever asked hears of it when they are.
            let _ = me.away.outlast();
            let request = me.away.close();
            if request.is_some() {
                if let Some(c) = cluster() {
                    errand::cancel(c, &me.task);
                }
            }
            let lead = match seat {
                Some(Seat::Follower(follower)) => {
                    me.uninstall();
                    return Some(Next::Follow(follower, Some(m), request));
                }
                Some(Seat::Lead(lead)) => Some(lead),
                None => None,
            };
            let onward = request.as_ref().filter(|r| r.target != Target::Home);
            if let Some(request) = onward.filter(|_| !task::roused()) {
                let request = request.clone();
                me.uninstall();
                return Some(Next::Ask(request, Some(m), lead));
            }
            drop(lead);
            journey::moved(m);
            let pid = me.away.pid;
            me.uninstall();
            task::stop_again();
            if let Some(request) = request {
                request.finish(if request.target == Target::Home { Ok(()) } else { Err(away::stopped(pid)) });
            } else if errand {
                errand::watch();
            }
            None
        }
        End::Home { told: None, errand } => {
            let errand = errand && errand::begin(me.away.node);
            me.uninstall();
            task::stop_again();
            if errand {
                errand::watch();
            }
            None
        }
        End::Program => {
            let request = me.away.close();
            let (from, to) = (me.away.node, me.away.own_node);
            let calls = me.away.calls.load(Ordering::Relaxed);
            journey::moved(Move { from, to, pages: 0, frozen_ns: 0, calls });
            me.uninstall();
            // Where it goes on is where it was, if nobody wants otherwise.
            request.or_else(|| Request::new(Target::Node(from)).ok()).map(|r| Next::Ask(r, None, None))
        }
        End::Lost(_) if !me.complete.load(Ordering::Relaxed) && !task::dying() => {
            task::vanish();
            None
        }
        End::Lost(e) => {
            let n = e.to_errno();
            if !task::dying() {
                pr_warn!(
                    "pid {}: link to node {} lost ({}); {} ends with SIGKILL, its memory was there\n",
                    me.away.pid,
                    me.away.node,
                    n,
                    comm_text(&me.comm)
                );
            }
            if let Some(r) = me.away.close() {
                r.finish(Err(Refusal::new(EPIPE, format_args!("the link was lost; the process has ended"))));
            }
            me.uninstall();
            task::kill_self();
            None
        }
    }
}

/// # Safety
///
/// `owner` is the owner of a Deputy role that exists.
pub(crate) unsafe fn from_owner<'a>(owner: *const c_void) -> &'a Deputy {
    // SAFETY: by the caller.
    unsafe { &*owner.cast() }
}

/// The task died with its role.
///
/// # Safety
///
/// `owner` comes from the role that is gone, once.
pub(crate) unsafe fn gone(owner: *const c_void, _exit_code: i32) {
    // SAFETY: the role's reference.
    let d = unsafe { Arc::<Deputy>::from_raw(owner.cast()) };
    d.away.leave(&d.task);
    // The link is closed with the last reference, and the guest ends.
}
