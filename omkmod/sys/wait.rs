// SPDX-License-Identifier: GPL-2.0-only
//! Waiting for other tasks of the same process, in tasks that have signals to think of later.

use super::task;
use kernel::prelude::*;
use kernel::sync::lock::{mutex::MutexBackend, Guard};
use kernel::sync::{CondVar, CondVarTimeoutResult, Mutex};

/// Longest sleep before the condition is looked at again.
const LOOK_MS: u32 = 200;

/// Waits until `look` finds something, which it is asked for whenever `changed` is notified. EINTR: this task is being killed.
/// Other signals and knocks have to wait until the caller is done.
///
/// Whoever is notified may find more than one change at once: `look` must ask for what lasts until the caller has seen it.
pub(crate) fn until<T, R>(changed: &CondVar, state: &Mutex<T>, mut look: impl FnMut(&mut T) -> Option<R>) -> Result<R> {
    loop {
        let mut guard = state.lock();
        if let Some(found) = look(&mut guard) {
            return Ok(found);
        }
        moment(changed, guard)?;
    }
}

/// Unlocks, and waits until `changed` is notified or a moment has passed: the caller looks again. EINTR: as for [`until`].
pub(crate) fn moment<T: ?Sized>(changed: &CondVar, mut guard: Guard<'_, T, MutexBackend>) -> Result {
    if task::dying() {
        return Err(EINTR);
    }
    let jiffies = kernel::time::msecs_to_jiffies(LOOK_MS);
    let woken = changed.wait_interruptible_timeout(&mut guard, jiffies);
    drop(guard);
    if let CondVarTimeoutResult::Signal { .. } = woken {
        if task::dying() {
            return Err(EINTR);
        }
        // The wait returns at once as long as that signal is pending.
        task::sleep_ms(1);
    }
    Ok(())
}
