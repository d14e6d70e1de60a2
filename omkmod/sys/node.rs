// SPDX-License-Identifier: GPL-2.0-only
//! What this machine is and how busy it is.

use super::ffi;

/// Bytes of memory: free, available without swapping, total.
pub(crate) fn memory() -> (u64, u64, u64) {
    let (mut free, mut available, mut total) = (0, 0, 0);
    // SAFETY: three valid places to write to.
    unsafe { ffi::om_node_memory(&mut free, &mut available, &mut total) };
    (free, available, total)
}

/// Bytes of swap that are free.
pub(crate) fn swap() -> u64 {
    // SAFETY: no preconditions.
    unsafe { ffi::om_node_swap() }
}

/// Processors that are online.
pub(crate) fn cpus() -> u32 {
    // SAFETY: no preconditions.
    unsafe { ffi::om_node_cpus() }
}

/// Nanoseconds since boot that the processors together were busy, and existed.
pub(crate) fn cputime() -> (u64, u64) {
    let (mut busy, mut total) = (0, 0);
    // SAFETY: two valid places to write to.
    unsafe { ffi::om_node_cputime(&mut busy, &mut total) };
    (busy, total)
}

/// Is this address configured on an interface of this machine?
pub(crate) fn has_address(ip: u32) -> bool {
    // SAFETY: no preconditions.
    unsafe { ffi::om_has_address(ip) }
}
