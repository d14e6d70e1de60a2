// SPDX-License-Identifier: GPL-2.0-only
//! A process that comes home for one system call goes back to where it was when the call has been made.
//!
//! It arrives as it was before the call. The thread that is about to make it is watched: when it has made it, it leaves for
//! the same node, if it may. What somebody asks for meanwhile comes first: whoever wants it home or elsewhere cancels the
//! return. One that comes home again and again stays for a while.
//!
//! [`begin`], [`watch`] and the way back run in the process itself, [`cancel`] and [`overdue`] anywhere.

use super::journey;
use crate::cluster::{cluster, Cluster};
use crate::sys::task::{self, Task};
use core::ffi::c_void;
use kernel::prelude::*;

/// So many errands, each within such a time after it had left again, are too many, and it stays home for as long as this.
const MOST: u32 = 8;
const WITHIN_NS: u64 = 2_000_000_000;
const REST_NS: u64 = 10_000_000_000;

/// What is remembered of a process' errands.
#[derive(Clone, Copy, Default)]
pub(crate) struct Errands {
    /// Where it goes back to. None: it is on no errand, or is not to go back.
    back: Option<u16>,
    /// How many that followed upon each other, and when it left after the last.
    count: u32,
    left: u64,
}

impl Errands {
    /// One more. False: too many.
    fn add(&mut self, node: u16, now: u64) -> bool {
        if now.saturating_sub(self.left) > WITHIN_NS {
            self.count = 0;
        }
        self.count += 1;
        self.back = Some(node);
        self.count <= MOST
    }

    /// Where it goes back to now, asked once.
    fn take(&mut self, now: u64) -> Option<u16> {
        self.left = now;
        self.back.take()
    }

    /// It stays where it is.
    pub(crate) fn cancel(&mut self) {
        self.back = None;
    }
}

/// One that stays home for a while.
pub(crate) struct Rest {
    task: Task,
    until: u64,
}

/// The current thread is about to be home for a call, from this node. True: it goes back as soon as it has made it, see
/// [`watch`].
pub(crate) fn begin(node: u16) -> bool {
    let (Some(c), Ok(me)) = (cluster(), Task::current()) else { return false };
    let now = task::now_ns();
    // Without memory for any of this it stays.
    let Ok(soon) = c.records.lock().of(&me).map(|record| record.errands.add(node, now)) else { return false };
    if !soon {
        let _ = c.resting.lock().push(Rest { task: me, until: now + REST_NS }, GFP_KERNEL);
    }
    soon
}

/// It is home, at its user-mode boundary, with the instruction pointer before the call.
pub(crate) fn watch() {
    // A program that has its own calls dispatched stays.
    let _ = task::watch_call(back);
}

/// The process shall stay where it is.
pub(crate) fn cancel(c: &Cluster, task: &Task) {
    if let Some(record) = c.records.lock().find(task) {
        record.errands.cancel();
    }
}

/// Nobody goes back.
pub(crate) fn cancel_all(c: &Cluster) {
    c.records.lock().each(|record| record.errands.cancel());
}

/// Sends those back that have stayed long enough.
pub(crate) fn overdue(c: &Cluster) {
    let now = task::now_ns();
    loop {
        let rested = {
            let mut resting = c.resting.lock();
            let at = resting.iter().position(|r| r.until <= now);
            at.and_then(|i| crate::sys::swap_remove(&mut resting, i))
        };
        let Some(rested) = rested else { return };
        // One that has ended needs nothing any more.
        let _ = rested.task.run(|exiting| go_back(exiting));
    }
}

/// The call has been made.
unsafe extern "C" fn back(_: *mut c_void, exiting: bool) {
    go_back(exiting);
}

fn go_back(exiting: bool) {
    if exiting {
        return;
    }
    if let Some(node) = take() {
        journey::go_again(node);
    }
}

/// Where the current process goes back to, asked once.
fn take() -> Option<u16> {
    let me = Task::current().ok()?;
    let mut records = cluster()?.records.lock();
    records.find(&me)?.errands.take(task::now_ns())
}
