// SPDX-License-Identifier: GPL-2.0-only
//! The away half of a process: a task with its memory and registers that computes at native speed.
//!
//! Everything runs in the guest's own task: its system calls come through [`Guest::dispatch`], and what its home says
//! meanwhile through [`Guest::knocked`], a task_work that input on the link sets off. While one of them reads the link,
//! the other is not called.

pub(crate) mod arrive;
mod birth;
mod company;
mod forward;
mod homegoing;
mod repeat;
mod twins;

use crate::sys::errno::{ECONNRESET, ENETDOWN, EPROTO, ETIMEDOUT};
use crate::cluster::cluster;
use crate::link::{bad, Frame, Link, FOREVER};
use crate::omcore::balance::evict;
use crate::omcore::syscalls::{self, Class};
use crate::omcore::wire::{self, Kind, Reader, Usage, Writer};
use crate::process::journey::comm_text;
use crate::sys::task::{self, Kick, Role, Task, TaskCell};
use crate::sys::{clocks, memory, Bytes, Signal};
use company::Company;
use core::ffi::c_void;
use core::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use kernel::prelude::*;
use kernel::sync::Arc;
use kernel::try_pin_init;

/// A process of another node that is here.
#[pin_data]
pub(crate) struct Guest {
    /// Local pid of the vessel.
    pub(crate) pid: i32,
    /// Node it belongs to, and its pid there.
    pub(crate) home: u16,
    pub(crate) home_pid: i32,
    own_pid: i32,
    own_tid: i32,
    pub(crate) comm: [u8; 16],
    /// Before `kick` in order to be dropped first: its ear points at the kick.
    link: TaskCell<Link>,
    #[pin]
    pub(crate) kick: Kick,
    /// How often one after the other home could not say what is in a file.
    asked_again: AtomicU32,
    /// The other threads of its process.
    pub(crate) company: Arc<Company>,
    /// The process is to go home as soon as it reaches its user-mode boundary: home knows of it.
    leaving: AtomicBool,
    /// It wants to go home.
    wishing: AtomicBool,
    /// It waits for home, and would say so.
    awaits: AtomicBool,
    /// For a call that is made there; then it would come back.
    errand: AtomicBool,
    /// The task itself, for those who look at it.
    task: Task,
    /// Home is to hear how much CPU time it has used; how much it has heard of, ns.
    metered: AtomicBool,
    told: AtomicU64,
    /// When it is to hear again, in the same measure.
    due: AtomicU64,
    /// Home wants it stopped until it says otherwise.
    paused: AtomicBool,
    /// A question of home is being answered: nothing may be asked meanwhile.
    answering: AtomicBool,
    /// Home has a filter for its calls, which is asked about those made here too.
    filtered: AtomicBool,
    /// It is over: home is unreachable or has ended it.
    ended: AtomicBool,
    /// Its memory is its parent's, which waits until this child execs or exits.
    borrows: AtomicBool,
    /// The interrupted call that `restart_syscall` continues was home's.
    restart_at_home: AtomicBool,
    signals_seen: AtomicU64,
    /// Signals, by their numbers, that had no handler here when they came: home is to hear of them.
    declined: TaskCell<KVec<u64>>,
    /// Home has more signals for when the handler returns.
    more_signals: AtomicBool,
    /// Forwarded calls so far.
    pub(crate) calls: AtomicU64,
    ahead: (AtomicU64, AtomicU64),
    /// What home has told of the shared memory that the present call is about.
    object: TaskCell<Option<wire::Vma>>,
    /// CPU time of the vessel before the process moved in.
    cpu_before: (u64, u64),
    /// When it came; ns.
    came: u64,
    /// What the balancer saw last.
    looked: Looked,
}

/// Of the process of a guest, at the last look: when, its CPU time and the time it waited for a processor (ns), and the
/// hundredths of a processor it used since the look before.
#[derive(Default)]
struct Looked {
    at: AtomicU64,
    cpu: AtomicU64,
    waited: AtomicU64,
    load: AtomicU64,
}

/// CPU time after which home hears of it.
const METER_NS: u64 = 40_000_000;

/// How often a guest that waits for home says that it is to go there.
const WISH_MS: u32 = 1_000;

/// How long a guest rests that home had no room for, before it may want to go there again. It sends everything each time.
const TURNED_AWAY_MS: u32 = 1_000;

/// More than home has under way.
const MAX_DECLINED: usize = 4096;

/// In a signal's `restore_mask`.
const MORE_SIGNALS: u64 = 2;
/// How often home may say "later" for one page.
const MOST_ASKED_AGAIN: u32 = 200;
const NR_GETPID: u32 = 39;
const NR_EXIT: u32 = 60;
const NR_SET_TID_ADDRESS: u32 = 218;
const NR_GETTID: u32 = 186;

impl Guest {
    /// For the current task, a vessel or a child of a guest.
    fn new(
        link: Link,
        company: Arc<Company>,
        home_pid: i32,
        own_pid: i32,
        own_tid: i32,
        comm: [u8; 16],
    ) -> Result<Arc<Guest>> {
        let home = link.peer;
        Arc::pin_init(
            try_pin_init!(Guest {
                pid: task::pid(),
                home,
                home_pid,
                own_pid,
                own_tid,
                comm,
                link: TaskCell::new(link),
                kick: Kick::new(),
                asked_again: AtomicU32::new(0),
                company,
                leaving: AtomicBool::new(false),
                wishing: AtomicBool::new(false),
                awaits: AtomicBool::new(false),
                errand: AtomicBool::new(false),
                task: Task::current()?,
                metered: AtomicBool::new(false),
                told: AtomicU64::new(0),
                due: AtomicU64::new(u64::MAX),
                paused: AtomicBool::new(false),
                answering: AtomicBool::new(false),
                filtered: AtomicBool::new(false),
                ended: AtomicBool::new(false),
                borrows: AtomicBool::new(false),
                restart_at_home: AtomicBool::new(false),
                signals_seen: AtomicU64::new(0),
                declined: TaskCell::new(KVec::new()),
                // As far as it knows.
                more_signals: AtomicBool::new(true),
                calls: AtomicU64::new(0),
                ahead: (AtomicU64::new(0), AtomicU64::new(0)),
                object: TaskCell::new(None),
                cpu_before: task::cputime(),
                came: task::now_ns(),
                looked: Looked::default(),
            }? Error),
            GFP_KERNEL,
        )
    }

    /// Takes role, window, ear and place in the list. On error everything is as before.
    fn install(self: &Arc<Self>) -> Result {
        let c = cluster().ok_or(ENETDOWN)?;
        let owner = Arc::into_raw(self.clone());
        self.kick.init(knocked, owner.cast());
        // The role first: if anything later fails this task ends, and `gone` clears up.
        let role = task::set_role(Role::Guest, owner.cast());
        if role.is_err() {
            // SAFETY: the reference was just made and nobody has seen it.
            drop(unsafe { Arc::from_raw(owner) });
            return role;
        }
        c.add_guest(self.clone())?;
        memory::attach(true)?;
        self.link.with(|l| l.socket().open_ear(&self.kick))??;
        Ok(())
    }

    /// The same for a child of a guest, whose role and memory are prepared.
    fn install_newborn(self: &Arc<Self>) -> Result {
        let c = cluster().ok_or(ENETDOWN)?;
        let owner = Arc::into_raw(self.clone());
        self.kick.init(knocked, owner.cast());
        task::become_role(Role::Guest, owner.cast());
        c.add_guest(self.clone())?;
        self.link.with(|l| l.socket().open_ear(&self.kick))??;
        Ok(())
    }

    /// From any task, now and then: home's timers and statistics go by what the guest uses. Gives the ns in which there may
    /// be something to tell, at most 1 s.
    pub(crate) fn meter(&self) -> u64 {
        let (u, s) = self.task.cputime();
        let used = (u + s).saturating_sub(self.cpu_before.0 + self.cpu_before.1);
        let due = self.due.load(Ordering::Relaxed);
        if used >= due || used.saturating_sub(self.told.load(Ordering::Relaxed)) >= METER_NS {
            self.metered.store(true, Ordering::Relaxed);
            self.kick.now();
        }
        due.saturating_sub(used).min(1_000_000_000)
    }

    /// What it has used so far, to be told to home, which says when it wants to hear again.
    fn usage(&self) -> Usage {
        let (u, s) = task::cputime();
        let (u, s) = (u.saturating_sub(self.cpu_before.0), s.saturating_sub(self.cpu_before.1));
        self.told.store(u + s, Ordering::Relaxed);
        self.due.store(u64::MAX, Ordering::Relaxed);
        Usage { utime: u, stime: s, peak: memory::peak() }
    }

    /// Does it stand for its process, of which it is the first thread?
    pub(crate) fn is_first(&self) -> bool {
        self.own_pid == self.own_tid
    }

    /// What its process has used since the last look, and for how long it could have run and did not; ns. The balancer looks
    /// once a period.
    pub(crate) fn look(&self) -> (u64, u64) {
        let (now, (cpu, waited)) = (task::now_ns(), self.task.demand());
        let before = self.looked.at.swap(now, Ordering::Relaxed);
        let used = cpu.saturating_sub(self.looked.cpu.swap(cpu, Ordering::Relaxed));
        let kept = waited.saturating_sub(self.looked.waited.swap(waited, Ordering::Relaxed));
        if before == 0 {
            return (0, 0);
        }
        let load = (used / 1000 * 100).checked_div(now.saturating_sub(before) / 1000).unwrap_or(0);
        self.looked.load.store(load, Ordering::Relaxed);
        (used, kept)
    }

    /// Its process as the balancer sees it.
    pub(crate) fn weighed(&self) -> evict::Guest {
        evict::Guest {
            key: self.pid as u64,
            memory: self.task.memory_parts()[6] * wire::PAGE as u64,
            load: u32::try_from(self.looked.load.load(Ordering::Relaxed)).unwrap_or(u32::MAX),
            here_ms: task::now_ns().saturating_sub(self.came) / 1_000_000,
            leaving: self.leaving.load(Ordering::Relaxed) || self.wishing.load(Ordering::Relaxed),
        }
    }

    /// From any task: this guest shall go home.
    pub(crate) fn send_home(&self) {
        self.wishing.store(true, Ordering::SeqCst);
        self.kick.now();
        if self.awaits.load(Ordering::SeqCst) {
            self.task.wake();
        }
    }

    /// A guest that has ended hears nothing: the end of its link would knock again and again.
    fn listen(&self, on: bool) {
        if on && self.ended.load(Ordering::Relaxed) {
            return;
        }
        let more = self.link.with(|l| {
            l.socket().listen_ear(on);
            l.readable()
        });
        // What has been read ahead makes no sound any more.
        if on && more == Ok(true) {
            self.kick.now();
        }
    }

    /// Waits for the word to run. Signals that were pending at home come before it.
    fn await_go(&self) -> Result {
        loop {
            let frame = self.link.with(|l| l.recv_within(FOREVER))??;
            match frame.kind {
                Kind::Go => {
                    self.take_due()?;
                    return self.give_back();
                }
                Kind::Signal => self.take_signal()?,
                _ => return Err(EPROTO),
            }
        }
    }

    fn say(&self, kind: Kind, parts: &[&[u8]]) -> Result {
        self.link.with(|l| l.send(kind, parts))?
    }

    /// The link is of no use any more: the guest ends here, home ends its half for itself.
    fn end(&self, e: Error) {
        if !self.ended.swap(true, Ordering::Relaxed) {
            let n = e.to_errno();
            if e != ECONNRESET && e != EPIPE && !task::dying() {
                pr_warn!(
                    "guest {} ({} of node {}): link lost ({}); it ends here\n",
                    self.pid,
                    comm_text(&self.comm),
                    self.home,
                    n
                );
            }
            // Those it shares memory with may wait for what it holds.
            task::robust_exit(self.own_tid);
        }
        task::kill_self();
    }

    /// A system call of this guest. True: done, its result is in the frame.
    pub(crate) fn dispatch(&self, frame: &task::Frame) -> bool {
        if self.ended.load(Ordering::Relaxed) {
            task::kill_self();
            return true;
        }
        let (nr, args) = frame.call();
        if task::is_ia32_call() {
            return self.at_home(frame, u32::MAX, args);
        }
        let class = syscalls::refine(nr, args);
        if self.makes(class, nr) {
            if let Some(done) = self.filter(frame) {
                return done;
            }
        }
        match class {
            // Its result is the thread's number, and libc remembers it.
            Class::Local if nr == NR_SET_TID_ADDRESS => {
                let _ = frame.run();
                self.answer(frame, self.own_tid)
            }
            Class::Local => {
                self.restart_at_home.store(false, Ordering::Relaxed);
                false
            }
            Class::Clock => {
                self.restart_at_home.store(false, Ordering::Relaxed);
                frame.ask_clock();
                true
            }
            Class::Cached if nr == NR_GETPID => self.answer(frame, self.own_pid),
            Class::Cached if nr == NR_GETTID => self.answer(frame, self.own_tid),
            Class::SigReturn => self.sigreturn(frame),
            Class::Restart if !self.restart_at_home.load(Ordering::Relaxed) => false,
            Class::Life => self.life(frame, nr, args),
            Class::Home => self.at_home(frame, nr, args),
            Class::Memory if repeat::only_at_home(nr, args) => self.at_home(frame, nr, args),
            Class::Exit if nr == NR_EXIT && !self.company.alone() => self.thread_exit(frame, nr, args),
            Class::Memory => {
                let _order = self.company.memory.lock();
                self.forwarded(frame, nr, args, Class::Memory)
            }
            class => self.forwarded(frame, nr, args, class),
        }
    }

    /// Is a call of this class made here, without home?
    fn makes(&self, class: Class, nr: u32) -> bool {
        match class {
            Class::Local | Class::Clock | Class::SigReturn => true,
            Class::Cached => matches!(nr, NR_GETPID | NR_GETTID),
            Class::Restart => !self.restart_at_home.load(Ordering::Relaxed),
            _ => false,
        }
    }

    /// Before a call that is made here: the filter at home must see it, if there is one. `Some`: it is not to be made, see
    /// [`Guest::dispatch`].
    fn filter(&self, frame: &task::Frame) -> Option<bool> {
        if !self.filtered.load(Ordering::Relaxed) {
            return None;
        }
        self.listen(false);
        let done = match self.ask_filter(frame) {
            Ok(allowed) => (!allowed).then_some(true),
            Err(e) => Some(self.cut_off(frame, e)),
        };
        self.listen(true);
        done
    }

    /// The link has ended in a call. A filter may have killed this thread alone at home: then it ends alone here too, by
    /// making another call than it was about to. If there is more to it, the other threads' links have ended as well.
    fn cut_off(&self, frame: &task::Frame, e: Error) -> bool {
        let killed = self.filtered.load(Ordering::Relaxed) && (e == ECONNRESET || e == EPIPE);
        if !killed || self.company.alone() {
            self.end(e);
            return true;
        }
        self.ended.store(true, Ordering::Relaxed);
        task::robust_exit(self.own_tid);
        frame.replace(NR_EXIT);
        false
    }

    /// One of several threads ends: its deputy first, then this half, which tells those who wait for it.
    fn thread_exit(&self, frame: &task::Frame, nr: u32, args: [u64; 6]) -> bool {
        self.listen(false);
        match self.forward(frame, nr, args, Class::Exit) {
            // A signal came first.
            Ok(()) => {
                self.listen(true);
                true
            }
            Err(_) => {
                self.ended.store(true, Ordering::Relaxed);
                task::robust_exit(self.own_tid);
                false
            }
        }
    }

    fn forwarded(&self, frame: &task::Frame, nr: u32, args: [u64; 6], class: Class) -> bool {
        self.listen(false);
        let done = match self.forward(frame, nr, args, class) {
            Ok(()) => true,
            Err(e) => self.cut_off(frame, e),
        };
        self.listen(true);
        done
    }

    fn answer(&self, frame: &task::Frame, value: i32) -> bool {
        frame.set_result(value as u64);
        true
    }

    /// Goes home first and makes the call there. A child that has borrowed its parent's memory cannot: what it does before it
    /// executes a program concerns itself, and its deputy can do it, or it is refused.
    fn at_home(&self, frame: &task::Frame, nr: u32, args: [u64; 6]) -> bool {
        if self.borrows.load(Ordering::Relaxed) {
            return self.forwarded(frame, nr, args, Class::Forwarded);
        }
        frame.rewind();
        self.errand.store(syscalls::returns(nr, args), Ordering::Relaxed);
        self.send_home();
        true
    }

    fn sigreturn(&self, frame: &task::Frame) -> bool {
        let ax = frame.run();
        frame.set_result(ax as u64);
        // More signals wait at home for this mask: they come before the program goes on.
        let waits = self.more_signals.swap(false, Ordering::Relaxed);
        self.listen(false);
        if let Err(e) = self.tell_mask(waits) {
            self.end(e);
        }
        self.listen(true);
        true
    }

    fn tell_mask(&self, waits: bool) -> Result {
        self.give_back()?;
        let mask = task::blocked().to_le_bytes();
        let seen = self.signals_seen.load(Ordering::Relaxed).to_le_bytes();
        self.say(Kind::Mask, &[&mask, &seen, &u64::from(waits).to_le_bytes()])?;
        while waits {
            let frame = self.link.with(|l| l.recv_within(FOREVER))??;
            if frame.kind == Kind::Masked {
                break;
            }
            self.heard(frame)?;
        }
        self.give_back()
    }

    /// At the user-mode boundary, because home said something, or something is to be done there.
    fn knocked(&self) {
        self.listen(false);
        // A clock that it is reading is read otherwise at home: it goes on, and nothing interrupts it, neither a move nor a
        // handler that would return into this at home. Nor what it would hear: that would knock again at once.
        if !self.paused.load(Ordering::Relaxed) && !task::fault_pending() && task::in_vdso() {
            return self.kick.soon();
        }
        if let Err(e) = self.attend() {
            self.end(e);
        }
        self.listen(true);
    }

    fn attend(&self) -> Result {
        if self.ended.load(Ordering::Relaxed) {
            return Ok(());
        }
        loop {
            while self.paused.load(Ordering::Relaxed) || self.link.with(|l| l.readable())? {
                self.await_word()?;
                let frame = self.link.with(|l| l.recv_within(FOREVER))??;
                self.heard(frame)?;
            }
            self.give_back()?;
            if self.metered.swap(false, Ordering::Relaxed) {
                let mut body = [0u8; 24];
                self.usage().put(&mut Writer::new(&mut body));
                self.say(Kind::Used, &[&body])?;
            }
            // A fault that would kill the guest here belongs home.
            if task::fault_pending() {
                self.wishing.store(true, Ordering::Relaxed);
            }
            if self.borrows.load(Ordering::Relaxed) {
                return if self.wishing.swap(false, Ordering::AcqRel) && task::fault_pending() { self.die_at_home() } else { Ok(()) };
            }
            if self.wishing.swap(false, Ordering::AcqRel) && !self.leaving.load(Ordering::Relaxed) {
                if self.company.alone() {
                    self.leaving.store(true, Ordering::Relaxed);
                } else {
                    // The other threads must come too: home calls them all.
                    self.say(Kind::WantHome, &[])?;
                    while !self.leaving.load(Ordering::Relaxed) {
                        let frame = self.link.with(|l| l.recv_within(FOREVER))??;
                        self.heard(frame)?;
                    }
                }
            }
            self.give_back()?;
            if !self.leaving.swap(false, Ordering::AcqRel) {
                return Ok(());
            }
            if self.go_home()? {
                self.ended.store(true, Ordering::Relaxed);
                task::kill_self();
                return Ok(());
            }
            // What it wanted there it will want again at once.
            match self.link.with(|l| l.await_input_within(TURNED_AWAY_MS))? {
                Err(e) if e != ETIMEDOUT => return Err(e),
                _ => {}
            }
        }
    }

    /// Waits for a frame from home, while home makes a call or the process is stopped there. If it is to go home meanwhile, home hears
    /// of that: again and again, since a deputy that is about to stop may miss it.
    pub(super) fn await_word(&self) -> Result {
        loop {
            if self.borrows.load(Ordering::Relaxed) || self.leaving.load(Ordering::Relaxed) {
                return self.link.with(|l| l.await_input())?;
            }
            if self.wishing.load(Ordering::Acquire) {
                match self.link.with(|l| l.await_input_within(WISH_MS))? {
                    Err(e) if e == ETIMEDOUT => {}
                    heard => return heard,
                }
            } else {
                self.awaits.store(true, Ordering::SeqCst);
                let heard = self.link.with(|l| l.await_input_or_wish(&self.wishing));
                self.awaits.store(false, Ordering::Relaxed);
                if heard?? {
                    return Ok(());
                }
            }
            self.say(Kind::WantHome, &[])?;
        }
    }

    /// Of a fault, in a process that cannot go home. Its deputy takes the signal; it may ask for memory for a core file.
    fn die_at_home(&self) -> Result {
        while let Some(s) = task::dequeue_signal() {
            self.say(Kind::Fault, &[&s.signo.to_le_bytes(), &s.info])?;
        }
        loop {
            let frame = self.link.with(|l| l.recv_within(FOREVER))??;
            self.heard(frame)?;
        }
    }

    /// What home may say at any time.
    fn heard(&self, frame: Frame) -> Result {
        match frame.kind {
            Kind::Signal => self.take_signal(),
            Kind::Pause => {
                self.paused.store(true, Ordering::Relaxed);
                // Whoever reads this while the task is in a call, it must not return to its program before `Resume`.
                self.kick.now();
                self.say(Kind::Paused, &[])
            }
            Kind::Resume => {
                self.paused.store(false, Ordering::Relaxed);
                Ok(())
            }
            Kind::ComeHome => {
                self.leaving.store(true, Ordering::Release);
                self.kick.now();
                Ok(())
            }
            Kind::PageReq => self.give_pages(),
            Kind::Object => self.hear_object(),
            Kind::Sync => self.give_content(),
            Kind::Due => self.take_due(),
            _ => Err(EPROTO),
        }
    }

    fn take_due(&self) -> Result {
        let due = self.link.with(|l| {
            let mut r = Reader::new(l.body());
            let due = r.u64().map_err(bad)?;
            r.finish().map_err(bad)?;
            Ok::<_, Error>(due)
        })??;
        self.due.store(due, Ordering::Relaxed);
        Ok(())
    }

    fn take_signal(&self) -> Result {
        let (signal, after) = self.read_signal()?;
        clocks::wait_until(after);
        self.accept_signal(&signal)
    }

    fn accept_signal(&self, signal: &Signal) -> Result {
        let number = self.signals_seen.fetch_add(1, Ordering::Relaxed) + 1;
        if signal.restore_mask & MORE_SIGNALS != 0 {
            self.more_signals.store(true, Ordering::Relaxed);
        }
        if task::queue_signal(signal)? {
            return Ok(());
        }
        self.declined.with(|list| if list.len() < MAX_DECLINED { Ok(list.push(number, GFP_KERNEL)?) } else { Err(EPROTO) })?
    }

    /// Gives signals back that had no handler here. Not while home makes a call; and always before it is told how many were seen,
    /// since it keeps only those of which it does not know that.
    pub(super) fn give_back(&self) -> Result {
        let declined = self.declined.with(|list| core::mem::replace(list, KVec::new()))?;
        let mask = task::program_mask().to_le_bytes();
        declined.iter().try_for_each(|number| self.say(Kind::Declined, &[&number.to_le_bytes(), &mask]))
    }

    /// The signal in the present frame, and when home has sent it.
    fn read_signal(&self) -> Result<(Signal, u64)> {
        self.link.with(|l| {
            let mut r = Reader::new(l.body());
            let s = wire::Signal::take(&mut r).map_err(bad)?;
            let info = r.array().map_err(bad)?;
            r.finish().map_err(bad)?;
            let signal =
                Signal { signo: s.signo, mask: s.mask, restore_mask: s.restore_mask, blocks: 0, once: 0, info };
            Ok::<_, Error>((signal, s.after))
        })?
    }

    /// Home asks for pages. What is not here is not asked for in turn: home has it, or nobody.
    fn give_pages(&self) -> Result {
        let (addr, n) = self.link.with(|l| {
            let mut r = Reader::new(l.body());
            Ok::<_, Error>((wire::page_address(r.u64().map_err(bad)?).map_err(bad)?, r.u64().map_err(bad)?))
        })??;
        let n = n.clamp(1, wire::MAX_BATCH as u64) as usize;
        let mut data = Bytes::from_elem(0u8, n * wire::PAGE, GFP_KERNEL)?;
        let mut list = [0u64; wire::MAX_BATCH];
        let mut have = 0;
        self.answering.store(true, Ordering::Relaxed);
        for slot in data.chunks_exact_mut(wire::PAGE) {
            let at = addr + (have * wire::PAGE) as u64;
            if memory::read_user(at, slot).is_err() {
                break;
            }
            if let Some(a) = list.get_mut(have) {
                *a = at;
            }
            have += 1;
        }
        self.answering.store(false, Ordering::Relaxed);
        let mut body = [0u8; 16 + wire::MAX_BATCH * 8];
        let mut w = Writer::new(&mut body);
        wire::put_addresses(&mut w, 0, list.get(..have).ok_or(EINVAL)?);
        let len = w.len().map_err(bad)?;
        self.link.with(|l| {
            l.send_bulk(
                Kind::PageData,
                &[body.get(..len).ok_or(EINVAL)?],
                data.get(..have * wire::PAGE).ok_or(EINVAL)?,
            )
        })?
    }

    /// A fault on a page of a file that has not come yet.
    pub(crate) fn fetch(&self, addr: u64, n: u64) -> Result {
        if self.answering.load(Ordering::Relaxed) || self.ended.load(Ordering::Relaxed) {
            return Err(EFAULT);
        }
        let (next, last) = (self.ahead.0.load(Ordering::Relaxed), self.ahead.1.load(Ordering::Relaxed));
        // Programs touch neighbours: as many pages at once as a fault at home would map (fault_around_bytes), more while it goes on in order.
        let want = if addr == next { (last * 2).clamp(1, wire::MAX_BATCH as u64) } else { 16 }.min(n);
        self.ahead.0.store(addr + want * wire::PAGE as u64, Ordering::Relaxed);
        self.ahead.1.store(want, Ordering::Relaxed);
        self.listen(false);
        let got = self.fetch_pages(addr, want);
        self.listen(true);
        match got {
            // Whether it is still in the store says nothing: another thread may have mapped it from there meanwhile.
            Ok(Answer::Here) => {
                self.asked_again.store(0, Ordering::Relaxed);
                Ok(())
            }
            // The program attends to what home says meanwhile; a call of this kernel cannot.
            Ok(Answer::Later) if self.asked_again.fetch_add(1, Ordering::Relaxed) < MOST_ASKED_AGAIN => Ok(()),
            Ok(_) => {
                self.asked_again.store(0, Ordering::Relaxed);
                memory::store_failed(addr)
            }
            Err(e) => {
                self.end(e);
                Err(e)
            }
        }
    }

    /// Asks for `n` pages at most.
    fn fetch_pages(&self, addr: u64, n: u64) -> Result<Answer> {
        let mut body = [0u8; 16];
        let mut w = Writer::new(&mut body);
        w.u64(addr);
        w.u64(n);
        w.len().map_err(bad)?;
        self.say(Kind::FileReq, &[&body])?;
        loop {
            let frame = self.link.with(|l| l.recv_within(FOREVER))??;
            if frame.kind == Kind::FileData {
                return self.link.with(|l| store_pages(l, frame, addr, self.home))?;
            }
            self.heard(frame)?;
        }
    }
}

/// What home said of the page that is needed.
enum Answer {
    Here,
    /// Ask again.
    Later,
    None,
}

/// Pages of a frame wait until they are touched. What about that at `wanted`?
fn store_pages(l: &mut Link, frame: Frame, wanted: u64, home: u16) -> Result<Answer> {
    let mut list = [0u64; wire::MAX_BATCH];
    let (from, tag, n) = wire::take_file_pages(l.body(), &mut list).map_err(bad)?;
    if frame.bulk != n * wire::PAGE {
        return Err(EPROTO);
    }
    let list = list.get(..n).ok_or(EPROTO)?;
    let mut page = KBox::new([0u8; wire::PAGE], GFP_KERNEL)?;
    for (addr, index) in list.iter().zip(from.index..) {
        l.take_bulk(&mut *page)?;
        match from.file {
            0 => memory::store(*addr, &page)?,
            name => memory::store_named(*addr, &page, home, name, index)?,
        }
    }
    Ok(if list.contains(&wanted) {
        Answer::Here
    } else if tag == wire::LATER {
        Answer::Later
    } else {
        Answer::None
    })
}

unsafe extern "C" fn knocked(guest: *mut c_void) {
    // SAFETY: the kick's data is the owner of the role of this very task, which lives.
    unsafe { from_owner(guest) }.knocked();
}

/// # Safety
///
/// `owner` is the owner of a Guest role that exists.
pub(crate) unsafe fn from_owner<'a>(owner: *const c_void) -> &'a Guest {
    // SAFETY: by the caller.
    unsafe { &*owner.cast() }
}

/// The guest's task has ended.
///
/// # Safety
///
/// `owner` comes from the role that is gone, once.
pub(crate) unsafe fn gone(owner: *const c_void) {
    // SAFETY: the role's reference.
    let g = unsafe { Arc::<Guest>::from_raw(owner.cast()) };
    g.company.exit();
    if let Some(c) = cluster() {
        c.remove_guest(&*g);
    }
}

/// The current guest goes home at its user-mode boundary.
fn leave_now() {
    if let Some(g) = cluster().and_then(|c| c.guest(task::pid())) {
        g.send_home();
    }
}
