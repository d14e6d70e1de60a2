// SPDX-License-Identifier: GPL-2.0-only
//! Safe faces of the kernel facilities that the `kernel` crate lacks.
//!
//! The only room with `unsafe` and with calls into C. It knows nothing of migration: it offers sockets, threads, a
//! task's own state, the window on memory that is elsewhere, and proc files.

pub(crate) mod census;
pub(crate) mod clocks;
pub(crate) mod crypto;
pub(crate) mod errno;
mod ffi;
pub(crate) mod group;
pub(crate) mod memory;
pub(crate) mod node;
pub(crate) mod procfs;
pub(crate) mod shared;
pub(crate) mod socket;
pub(crate) mod task;
pub(crate) mod thread;
pub(crate) mod vessel;
pub(crate) mod wait;

pub(crate) use ffi::Signal;

use core::ffi::c_int;
use kernel::alloc::Allocator;
use kernel::error::{to_result, Error, Result};
use kernel::prelude::*;

/// A C result that is a count or a negative errno.
fn count(ret: c_int) -> Result<usize> {
    usize::try_from(ret).map_err(|_| Error::from_errno(ret))
}

/// The part of [`init`] after which processes can be moved.
fn hook() -> Result {
    vessel::init()?;
    // SAFETY: once, before anything has a role.
    let roles = to_result(unsafe { ffi::om_roles_init() });
    if roles.is_err() {
        vessel::exit();
        return roles;
    }
    // SAFETY: the symbols have been found.
    let hooked = to_result(unsafe { ffi::om_hooks_init() });
    if hooked.is_err() {
        // SAFETY: nothing has had a role.
        unsafe { ffi::om_roles_exit() };
        vessel::exit();
    }
    hooked
}

/// Finds what is not exported and hooks what must be hooked. Undone by [`exit`].
pub(crate) fn init() -> Result {
    let mut missing = [0u8; 64];
    // SAFETY: the buffer is valid for its length.
    let ret = unsafe { ffi::om_symbols_init(missing.as_mut_ptr(), missing.len()) };
    if ret != 0 {
        let end = missing.iter().position(|&b| b == 0).unwrap_or(0);
        let name = missing.get(..end).and_then(|n| core::str::from_utf8(n).ok()).unwrap_or("?");
        pr_err!("this kernel does not have {}: it cannot run openMosix (see docs/admin.md, kernel options)\n", name);
        return to_result(ret);
    }
    // SAFETY: once, before anything is shared.
    to_result(unsafe { ffi::om_shared_init() })?;
    // SAFETY: once, before there are guests.
    to_result(unsafe { ffi::om_cache_init() })?;
    let hooked = hook();
    if hooked.is_err() {
        // SAFETY: nothing has been kept.
        unsafe { ffi::om_cache_exit() };
        return hooked;
    }
    // SAFETY: once, and the symbols have been found.
    unsafe {
        ffi::om_computing_init();
        ffi::om_tracer_init();
    }
    hooked
}

/// At unload, before anything else ends: waits until everybody who died with a role has been cleared up after.
pub(crate) fn flush() {
    // SAFETY: after a successful init.
    unsafe { ffi::om_roles_flush() };
}

/// Undoes [`init`]. Nothing has a role any more: each role holds a module reference.
pub(crate) fn exit() {
    // SAFETY: called once, after a successful init.
    unsafe {
        ffi::om_tracer_exit();
        ffi::om_computing_exit();
        ffi::om_hooks_exit();
        ffi::om_traits_clear();
        ffi::om_roles_exit();
        ffi::om_mm_exit();
        ffi::om_shared_exit();
        ffi::om_cache_exit();
    }
    vessel::exit();
}

/// Bytes that may be many: not necessarily contiguous in physical memory.
pub(crate) type Bytes = KVVec<u8>;

/// Empties a vector of plain values and keeps its memory.
pub(crate) fn clear<T: Copy, A: Allocator>(v: &mut kernel::alloc::Vec<T, A>) {
    // SAFETY: length 0 is within any capacity, and `Copy` values need no drop.
    unsafe { v.set_len(0) };
}

/// Makes a vector of bytes exactly `n` long; new bytes are zero.
pub(crate) fn resize<A: Allocator>(v: &mut kernel::alloc::Vec<u8, A>, n: usize) -> Result {
    if v.len() < n {
        let more = n - v.len();
        v.extend_with(more, 0, GFP_KERNEL)?;
    } else {
        // SAFETY: `n` is at most the present length.
        unsafe { v.set_len(n) };
    }
    Ok(())
}

/// Drops the first `n` plain values.
pub(crate) fn drop_front<T: Copy>(v: &mut KVec<T>, n: usize) {
    let n = n.min(v.len());
    v.copy_within(n.., 0);
    let left = v.len() - n;
    // SAFETY: fewer than before, all initialized; `Copy` values need no drop.
    unsafe { v.set_len(left) };
}

/// Keeps the elements that pass, in order.
pub(crate) fn retain<T>(v: &mut KVec<T>, keep: impl Fn(&T) -> bool) {
    let mut kept = 0;
    for i in 0..v.len() {
        if v.get(i).is_some_and(&keep) {
            v.swap(kept, i);
            kept += 1;
        }
    }
    while v.len() > kept {
        let last = v.len() - 1;
        drop(swap_remove(v, last));
    }
}

/// Takes element `i` out of a vector by swapping the last one in.
pub(crate) fn swap_remove<T>(v: &mut KVec<T>, i: usize) -> Option<T> {
    let n = v.len();
    if i >= n {
        return None;
    }
    v.swap(i, n - 1);
    // SAFETY: the last element is initialized; it is read out once and the length shrinks over it.
    unsafe {
        let last = core::ptr::read(v.as_ptr().add(n - 1));
        v.set_len(n - 1);
        Some(last)
    }
}
