// SPDX-License-Identifier: GPL-2.0-only
//! Kernel threads.

use super::ffi;
use core::ffi::{c_int, c_void};
use core::ptr::NonNull;
use kernel::error::{from_err_ptr, Result};
use kernel::prelude::*;
use kernel::str::CStr;

unsafe extern "C" fn run<F: FnOnce() + Send>(data: *mut c_void) -> c_int {
    // SAFETY: `data` is the box that `start` gave away for exactly this call.
    let body = unsafe { KBox::<F>::from_raw(data.cast()) };
    KBox::into_inner(body)();
    0
}

fn start<F: FnOnce() + Send + 'static>(name: &'static CStr, detached: bool, body: F) -> Result<NonNull<ffi::Opaque>> {
    let data = KBox::into_raw(KBox::new(body, GFP_KERNEL)?);
    // SAFETY: `run::<F>` takes the box back; `name` is a static C string.
    let task = unsafe { ffi::om_thread_run(run::<F>, data.cast(), name.as_char_ptr().cast(), detached) };
    match from_err_ptr(task) {
        Ok(task) => NonNull::new(task).ok_or(ENOMEM),
        Err(e) => {
            // SAFETY: the thread was not made, so the box is still ours.
            drop(unsafe { KBox::<F>::from_raw(data) });
            Err(e)
        }
    }
}

/// Runs `body` in a thread of its own, which keeps the module loaded until it ends.
pub(crate) fn detached<F: FnOnce() + Send + 'static>(name: &'static CStr, body: F) -> Result {
    start(name, true, body).map(|_| ())
}

/// A thread that is told to stop, and waited for, when this is dropped.
pub(crate) struct Thread(NonNull<ffi::Opaque>);

// SAFETY: the handle is only used to stop the thread, which any task may do.
unsafe impl Send for Thread {}
// SAFETY: as above.
unsafe impl Sync for Thread {}

impl Thread {
    /// Starts one. `body` must return soon after [`should_stop`] turns true.
    pub(crate) fn start<F: FnOnce() + Send + 'static>(name: &'static CStr, body: F) -> Result<Self> {
        start(name, false, body).map(Thread)
    }
}

impl Drop for Thread {
    fn drop(&mut self) {
        // SAFETY: a joined thread exists until it is stopped here.
        unsafe { ffi::om_thread_stop(self.0.as_ptr()) };
    }
}

/// Is the current kernel thread to end?
pub(crate) fn should_stop() -> bool {
    // SAFETY: called in a kernel thread made here.
    unsafe { ffi::om_thread_should_stop() }
}

/// Sleeps, or until told to stop.
pub(crate) fn sleep(ms: u32) {
    // SAFETY: called in a kernel thread made here.
    unsafe { ffi::om_thread_sleep(ms) };
}
