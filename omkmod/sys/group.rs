// SPDX-License-Identifier: GPL-2.0-only
//! Which processes share writable memory (see group.c).

use super::task::Task;
use super::{count, ffi};
use core::ptr::NonNull;
use kernel::prelude::*;

/// The processes that share writable memory with this one, directly or by way of others, itself included. Empty if it has
/// no memory any more. E2BIG: more than 4096.
pub(crate) fn sharers(of: &Task) -> Result<KVec<Task>> {
    let mut raw = core::ptr::null_mut();
    // SAFETY: the reference is counted; a valid place.
    let n = count(unsafe { ffi::om_group(of.raw(), &mut raw) })?;
    let mut list = KVec::new();
    let room = list.reserve(n, GFP_KERNEL);
    for i in 0..n {
        // SAFETY: the array has `n` counted references, each taken over once.
        let Some(task) = NonNull::new(unsafe { *raw.add(i) }) else { continue };
        let task = Task::from_counted(task);
        if room.is_ok() {
            list.push(task, GFP_KERNEL)?;
        }
    }
    // SAFETY: ours, or null; all references have been taken over.
    unsafe { ffi::om_group_free(raw) };
    room?;
    Ok(list)
}
