// SPDX-License-Identifier: GPL-2.0-only
//! Fresh tasks that become guests (see vessel.c).

use super::super::omcore::clocks::Shifts;
use super::super::omcore::wire::MmInfo;
use super::ffi;
use core::ffi::c_void;
use kernel::error::{to_result, Result};
use kernel::prelude::*;

pub(super) fn init() -> Result {
    // SAFETY: called once, before any vessel is started.
    to_result(unsafe { ffi::om_vessel_init() })
}

pub(super) fn exit() {
    // SAFETY: called once; running vessels hold module references, so there are none.
    unsafe { ffi::om_vessel_exit() };
}

unsafe extern "C" fn run<F: FnOnce(bool) + Send>(data: *mut c_void, exiting: bool) {
    // SAFETY: `data` is the box that `start` gave away for exactly this call.
    let body = unsafe { KBox::<F>::from_raw(data.cast()) };
    KBox::into_inner(body)(exiting);
}

/// Starts a task that runs `body(exiting)` before its first instruction, with clocks shifted like this.
/// `exiting` means that it died before it could begin.
pub(crate) fn start<F: FnOnce(bool) + Send + 'static>(shifts: &Shifts, body: F) -> Result {
    let data = KBox::into_raw(KBox::new(body, GFP_KERNEL)?);
    // SAFETY: `run::<F>` takes the box back.
    let ret = to_result(unsafe { ffi::om_vessel_start(run::<F>, data.cast(), shifts) });
    if ret.is_err() {
        // SAFETY: on error the body is never called, so the box is still ours.
        drop(unsafe { KBox::<F>::from_raw(data) });
    }
    ret
}

/// Empties this task's address space, puts the vDSO where it is wanted, and gives up every right.
pub(crate) fn rebirth(want: &MmInfo) -> Result {
    // SAFETY: `want` is a valid record with the layout of `struct om_mm_info`.
    to_result(unsafe { ffi::om_rebirth(want) })
}
