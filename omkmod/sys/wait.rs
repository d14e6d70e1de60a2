// SPDX-License-Identifier: GPL-2.0-only
//! Waiting for other tasks of the same process, in tasks that have signals to think of later.

use super::task;
use kernel::prelude::*;
use kernel::sync::lock::{mutex::MutexBackend, Guard};
use kernel::sync::{CondVar, CondVarTimeoutResult};

/// Longest sleep before the condition is looked at again.
const LOOK_MS: u32 = 200;

/// Waits until `changed` is notified, or a moment has passed: the caller looks again. EINTR: this task is being killed. Other
/// signals and knocks have to wait until the caller is done.
pub(crate) fn moment<T: ?Sized>(changed: &CondVar, guard: &mut Guard<'_, T, MutexBackend>) -> Result {
    if task::dying() {
        return Err(EINTR);
    }
    let jiffies = kernel::time::msecs_to_jiffies(LOOK_MS);
    if let CondVarTimeoutResult::Signal { .. } = changed.wait_interruptible_timeout(guard, jiffies) {
        if task::dying() {
            return Err(EINTR);
        }
        // The wait returns at once as long as that signal is pending.
        task::sleep_ms(1);
    }
    Ok(())
}
