// SPDX-License-Identifier: GPL-2.0-only
//! A process of ours that is away: what its deputies, one a thread, have in common. It exists as long as one of them does.
//!
//! Coming home, all of them meet here: each brings its thread's state, and the memory, which one of them receives, may
//! only come when none is in a call any more.
//!
//! Locks: `window`, then the mmap lock and the link's socket; `inner` is a leaf, nobody sleeps with it but to wait for
//! `changed`.

use crate::cluster::cluster;
use crate::process::cantmove::Stopped;
use crate::process::request::{Refusal, Request, Target};
use crate::sys::task::{self, Task};
use crate::omcore::wire;
use crate::sys::shared::Claims;
use crate::sys::{self, wait, Bytes};
use core::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use kernel::prelude::*;
use kernel::sync::lock::{mutex::MutexBackend, Guard};
use kernel::sync::{Arc, CondVar, Mutex};
use kernel::{new_condvar, new_mutex, pin_init};

/// A process that is away.
#[pin_data]
pub(crate) struct Away {
    /// Pid in the initial namespace.
    pub(crate) pid: i32,
    pub(crate) own_node: u16,
    /// Where the guest is.
    pub(crate) node: u16,
    /// Forwarded calls so far, of all threads.
    pub(crate) calls: AtomicU64,
    requested: AtomicU32,
    /// What others can see of its memory is home, and a call has begun that ends its threads.
    pub(super) saved: AtomicBool,
    /// During a homecoming: the shared objects that it maps.
    #[pin]
    pub(super) objects: Mutex<Option<Claims>>,
    /// Its memory is its parent's, which waits in vfork.
    borrows: bool,
    #[pin]
    window: Mutex<Window>,
    #[pin]
    inner: Mutex<Inner>,
    #[pin]
    changed: CondVar,
}

/// What calls have changed in the guest's memory, and in which order the guest hears of it.
pub(crate) struct Window {
    /// The latest call whose pages are, or were, in the window.
    newest: u64,
    /// Replies so far.
    tickets: u64,
    /// Pieces written by calls that go on, as in a reply; some of them may belong to a call that ends next.
    kept: Bytes,
}

impl Window {
    /// A call has begun. False: a later one is under way, for which the pages that this one carries are too old.
    pub(crate) fn begins(&mut self, number: u64) -> bool {
        let newest = number > self.newest;
        self.newest = self.newest.max(number);
        newest
    }

    /// Keeps a piece for the next reply.
    pub(crate) fn keep(&mut self, at: u64, bytes: &[u8]) -> Result {
        if self.kept.len() + bytes.len() > wire::MAX_CHANGES / 2 {
            return Err(E2BIG);
        }
        put_piece(&mut self.kept, at, bytes)
    }

    /// All that was kept.
    pub(crate) fn take(&mut self) -> Bytes {
        core::mem::replace(&mut self.kept, Bytes::new())
    }

    /// For the next reply.
    pub(crate) fn ticket(&mut self) -> u64 {
        self.tickets += 1;
        self.tickets
    }
}

/// Appends a piece of changed memory as it stands in a reply.
pub(super) fn put_piece(out: &mut Bytes, at: u64, bytes: &[u8]) -> Result {
    put_piece_as(out, at, bytes.len() as u32, bytes)
}

/// The same, with what its length says of its form.
pub(super) fn put_piece_as(out: &mut Bytes, at: u64, len: u32, bytes: &[u8]) -> Result {
    out.extend_from_slice(&at.to_le_bytes(), GFP_KERNEL)?;
    out.extend_from_slice(&len.to_le_bytes(), GFP_KERNEL)?;
    Ok(out.extend_from_slice(bytes, GFP_KERNEL)?)
}

struct Inner {
    members: KVec<Task>,
    request: Option<Arc<Request>>,
    /// Who has sent it where it goes now, to be told when it has departed.
    departs_for: Option<Arc<Request>>,
    /// It takes no requests any more.
    closed: bool,
    /// Deputies whose thread is on its way home.
    arrived: usize,
    /// The state of one of them could not be received.
    failed: bool,
    phase: Phase,
}

/// A stopped process goes nowhere but home.
pub(super) fn stopped(pid: i32) -> Refusal {
    Refusal::new(EBUSY, format_args!("{}; it can be told to come home", Stopped(pid)))
}

/// Where the memory is, during a homecoming.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    Out,
    Home,
    /// It could not be received: everything stays where it is.
    Refused,
}

impl Away {
    /// For the current process.
    pub(crate) fn new(own_node: u16, node: u16, borrows: bool) -> Result<Arc<Away>> {
        let inner =
            Inner { members: KVec::new(), request: None, departs_for: None, closed: false, arrived: 0, failed: false, phase: Phase::Out };
        Arc::pin_init(
            pin_init!(Away {
                pid: task::pid(),
                own_node,
                node,
                calls: AtomicU64::new(0),
                requested: AtomicU32::new(0),
                saved: AtomicBool::new(false),
                objects <- new_mutex!(None),
                borrows,
                window <- new_mutex!(Window { newest: 0, tickets: 0, kept: Bytes::new() }),
                inner <- new_mutex!(inner),
                changed <- new_condvar!(),
            }),
            GFP_KERNEL,
        )
    }

    /// The current task becomes one of the deputies.
    pub(crate) fn join(&self) -> Result {
        let me = Task::current()?;
        Ok(self.inner.lock().members.push(me, GFP_KERNEL)?)
    }

    /// A deputy is one no longer. True: it was the last.
    pub(crate) fn leave(&self, who: &Task) -> bool {
        let (gone, requests, last) = {
            let mut inner = self.inner.lock();
            let at = inner.members.iter().position(|t| t == who);
            let gone = at.and_then(|i| sys::swap_remove(&mut inner.members, i));
            let last = inner.members.is_empty();
            inner.closed |= last;
            let requests = if last { [inner.request.take(), inner.departs_for.take()] } else { [None, None] };
            (gone, requests, last)
        };
        drop(gone);
        self.changed.notify_all();
        if let Some(c) = cluster() {
            c.reunion.tell();
        }
        for r in requests.iter().flatten() {
            r.finish(Err(Refusal::new(ESRCH, format_args!("the process ended"))));
        }
        if last {
            if let Some(c) = cluster() {
                c.remove_away(self);
            }
        }
        last
    }

    /// It is about to depart, for this request; if it dies instead, whoever asked hears of that.
    pub(crate) fn departs_for(&self, request: Arc<Request>) {
        self.inner.lock().departs_for = Some(request);
    }

    /// It has departed.
    pub(super) fn departed(&self) {
        let request = self.inner.lock().departs_for.take();
        if let Some(r) = request {
            r.finish(Ok(()));
        }
    }

    /// What it has been asked already, if that is the same.
    pub(crate) fn asked(&self, target: Target) -> Option<Arc<Request>> {
        self.inner.lock().request.clone().filter(|r| r.target == target)
    }

    /// From any task: asks the process to go elsewhere.
    pub(crate) fn post(&self, request: Arc<Request>) -> core::result::Result<(), Refusal> {
        if request.target == Target::Node(self.node) {
            request.finish(Ok(()));
            return Ok(());
        }
        if self.borrows {
            return Err(Refusal::new(EBUSY, format_args!("it uses its parent's memory until it executes a program (vfork)")));
        }
        if request.target != Target::Home && self.stopped() {
            return Err(stopped(self.pid));
        }
        {
            let mut inner = self.inner.lock();
            if inner.closed {
                return Err(Refusal::new(EAGAIN, format_args!("it has just come home: ask again")));
            }
            if inner.request.is_some() {
                return Err(Refusal::new(EBUSY, format_args!("it is being moved already")));
            }
            inner.request = Some(request);
        }
        self.recall();
        Ok(())
    }

    /// The process shall come home, and all that share memory with it. From any task.
    pub(crate) fn recall(&self) {
        self.recall_alone();
        // Whoever cannot be told now is told when the first of them is there.
        if let Ok(party) = self.party() {
            party.others.iter().for_each(|a| a.recall_alone());
        }
    }

    /// All threads of this process shall come home.
    pub(super) fn recall_alone(&self) {
        self.requested.store(1, Ordering::Release);
        for i in 0.. {
            let Some(task) = self.inner.lock().members.get(i).cloned() else { break };
            // One that is ending needs no telling.
            let _ = task.interrupt();
        }
    }

    /// Is it stopped, or was roused from that?
    pub(super) fn stopped(&self) -> bool {
        self.any_member().is_some_and(|t| t.stopped())
    }

    /// Now and then, from any task: if it shall come home, those of its deputies that are stopped must hear of it. They may stop
    /// right after they were told.
    pub(crate) fn rouse(&self) {
        if self.wanted() && !self.borrows {
            self.inner.lock().members.iter().for_each(|t| t.rouse());
        }
    }

    /// Does it exist still, and already?
    pub(super) fn alive(&self) -> bool {
        !self.inner.lock().members.is_empty()
    }

    /// One of its tasks.
    pub(super) fn any_member(&self) -> Option<Task> {
        self.inner.lock().members.first().cloned()
    }

    /// Shall it go to another node when it is home?
    pub(super) fn goes_on(&self) -> bool {
        self.inner.lock().request.as_ref().is_some_and(|r| r.target != Target::Home)
    }

    /// Does it use its parent's memory until it executes a program?
    pub(crate) fn borrows(&self) -> bool {
        self.borrows
    }

    /// The order of changes. Held while changes are found and sent.
    pub(super) fn window(&self) -> Guard<'_, Window, MutexBackend> {
        self.window.lock()
    }

    /// Has somebody asked?
    pub(crate) fn wanted(&self) -> bool {
        self.requested.load(Ordering::Acquire) != 0
    }

    /// How many threads it has, at least 1.
    pub(super) fn threads(&self) -> u64 {
        self.inner.lock().members.len().max(1) as u64
    }

    /// Has it more than one thread?
    pub(crate) fn has_threads(&self) -> bool {
        self.inner.lock().members.len() > 1
    }

    // ---- coming home ----

    /// The current deputy's thread is on its way home; its state is here, or (`ok` false) could not be received.
    pub(crate) fn arrive(&self, ok: bool) {
        {
            let mut inner = self.inner.lock();
            inner.arrived += 1;
            inner.failed |= !ok;
        }
        self.changed.notify_all();
    }

    /// Waits until all threads are on their way: then nobody uses the window any more.
    /// False: not all states could be received.
    pub(crate) fn gather(&self) -> Result<bool> {
        wait::until(&self.changed, &self.inner, |inner| (inner.arrived >= inner.members.len()).then_some(!inner.failed))
    }

    /// The memory is home, or stays where it is.
    pub(crate) fn settle(&self, home: bool) {
        self.inner.lock().phase = if home { Phase::Home } else { Phase::Refused };
        self.changed.notify_all();
    }

    /// Waits for that.
    pub(crate) fn settled(&self) -> Result<bool> {
        wait::until(&self.changed, &self.inner, |inner| (inner.phase != Phase::Out).then_some(inner.phase == Phase::Home))
    }

    /// After a refusal: everything is as before once all know of it. The request is answered by one of them.
    pub(crate) fn give_up(&self, e: Error) -> Result {
        let request = {
            let mut inner = self.inner.lock();
            inner.arrived = inner.arrived.saturating_sub(1);
            if inner.arrived == 0 {
                inner.phase = Phase::Out;
                inner.failed = false;
                self.requested.store(0, Ordering::Release);
            }
            inner.request.take()
        };
        self.changed.notify_all();
        if let Some(r) = request {
            let n = e.to_errno();
            r.finish(Err(if e == ENOMEM {
                Refusal::new(e, format_args!("home has too little memory for it; it stays where it is"))
            } else {
                Refusal::new(e, format_args!("home could not receive it (error {n}); it stays where it is"))
            }));
        }
        wait::until(&self.changed, &self.inner, |inner| (inner.phase != Phase::Refused).then_some(()))
    }

    /// Waits until the current deputy is the last: the others are the process again.
    pub(crate) fn outlast(&self) -> Result {
        wait::until(&self.changed, &self.inner, |inner| (inner.members.len() <= 1).then_some(()))
    }

    /// Takes no requests any more. What was asked last is the caller's to fulfil.
    pub(crate) fn close(&self) -> Option<Arc<Request>> {
        let mut inner = self.inner.lock();
        inner.closed = true;
        inner.request.take()
    }
}
