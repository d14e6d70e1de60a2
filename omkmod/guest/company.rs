// SPDX-License-Identifier: GPL-2.0-only
//! The threads of one guest process: how many there are, and where they wait for each other before they go home.
//!
//! Locks: `memory`, then nothing of ours; `inner` is a leaf.

use crate::sys::wait;
use kernel::prelude::*;
use kernel::sync::{Arc, CondVar, Mutex};
use kernel::{new_condvar, new_mutex, pin_init};

/// What home tells this node's administrator of a process (`pids/PID/disclosure`).
#[derive(Clone, Copy)]
pub(crate) struct Known {
    /// 0: nothing, 1: the pid, 2: owner and group too, 3: the command too.
    pub(crate) level: u32,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
}

/// What the threads of a guest have in common.
#[pin_data]
pub(crate) struct Company {
    /// Who it is.
    pub(crate) known: Known,
    #[pin]
    inner: Mutex<Inner>,
    #[pin]
    changed: CondVar,
    /// Held from before home changes its map of the memory until this node has repeated it: or else two threads' changes
    /// could be made in another order here than there.
    #[pin]
    pub(super) memory: Mutex<()>,
}

struct Inner {
    alive: usize,
    waiting: usize,
    /// One of those that wait brings the memory home.
    chosen: bool,
    /// Calls begun so far.
    calls: u64,
    /// The last reply whose changes have been made.
    turn: u64,
}

impl Company {
    /// Of one thread.
    pub(super) fn new(known: Known) -> Result<Arc<Company>> {
        Arc::pin_init(
            pin_init!(Company {
                known,
                inner <- new_mutex!(Inner { alive: 1, waiting: 0, chosen: false, calls: 0, turn: 0 }),
                changed <- new_condvar!(),
                memory <- new_mutex!(()),
            }),
            GFP_KERNEL,
        )
    }

    /// There will be one more.
    pub(super) fn enter(&self) {
        self.inner.lock().alive += 1;
    }

    /// One has ended, or did not come to be.
    pub(super) fn exit(&self) {
        {
            let mut inner = self.inner.lock();
            inner.alive = inner.alive.saturating_sub(1);
        }
        self.changed.notify_all();
    }

    /// Is the caller the only one?
    pub(super) fn alone(&self) -> bool {
        self.inner.lock().alive <= 1
    }

    /// The number of the next call.
    pub(super) fn call_number(&self) -> u64 {
        let mut inner = self.inner.lock();
        inner.calls += 1;
        inner.calls
    }

    /// Waits until the changes of all replies before this one have been made.
    pub(super) fn await_turn(&self, ticket: u64) -> Result {
        wait::until(&self.changed, &self.inner, |inner| (inner.turn + 1 >= ticket).then_some(()))
    }

    /// They have been made.
    pub(super) fn turn_done(&self, ticket: u64) {
        self.inner.lock().turn = ticket;
        self.changed.notify_all();
    }

    /// Waits until all stand still. True for exactly one of them.
    pub(super) fn gather(&self) -> Result<bool> {
        let last = {
            let mut inner = self.inner.lock();
            inner.waiting += 1;
            inner.waiting >= inner.alive
        };
        if last {
            self.changed.notify_all();
        }
        wait::until(&self.changed, &self.inner, |inner| {
            // One that is chosen has seen all stand. Since then some may have been through, and wait here no longer.
            let all = inner.chosen || inner.waiting >= inner.alive;
            all.then(|| !core::mem::replace(&mut inner.chosen, true))
        })
    }

    /// After a refusal: goes on when all know of it.
    pub(super) fn disperse(&self) -> Result {
        let last = {
            let mut inner = self.inner.lock();
            inner.waiting = inner.waiting.saturating_sub(1);
            inner.chosen &= inner.waiting != 0;
            inner.waiting == 0
        };
        if last {
            self.changed.notify_all();
        }
        wait::until(&self.changed, &self.inner, |inner| (!inner.chosen).then_some(()))
    }
}
