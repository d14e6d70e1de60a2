// SPDX-License-Identifier: GPL-2.0-only
//! The node's clocks (see clocks.c).

use super::super::omcore::wire::Clocks;
use super::ffi;

/// What they say now.
pub(crate) fn now() -> Clocks {
    let mut clocks = Clocks::default();
    // SAFETY: a valid record with the layout of `struct om_clocks`.
    unsafe { ffi::om_clocks(&mut clocks) };
    clocks
}

/// The current process, a guest, waits until its monotonic clock has reached this, ns.
pub(crate) fn wait_until(monotonic: u64) {
    // SAFETY: process context; the clocks read are those of this task.
    unsafe { ffi::om_clocks_await(monotonic) }
}
