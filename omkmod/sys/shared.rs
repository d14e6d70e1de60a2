// SPDX-License-Identifier: GPL-2.0-only
//! Shared memory that is elsewhere (see shared.c): objects at home, twins at a host.

use super::super::omcore::wire::{self, Vma};
use super::ffi;
use core::ffi::{c_int, c_ulong};
use core::ptr::NonNull;
use kernel::error::{to_result, Error, Result};
use kernel::prelude::*;

/// The shared objects that the current process maps: registered as away as long as this exists.
pub(crate) struct Claims(NonNull<ffi::Opaque>);

/// What a call is about.
#[derive(Clone, Copy)]
pub(crate) enum Part {
    All,
    /// Address and length.
    Range(u64, u64),
    /// Descriptor.
    File(i32),
}

// SAFETY: a list of its own, which any task may read or give back.
unsafe impl Send for Claims {}

impl Claims {
    /// All that will be away when the process has left for that node: whoever uses them from now on waits.
    pub(crate) fn leaving(node: u16) -> Result<Claims> {
        Self::of(c_int::from(node))
    }

    /// Those that are away.
    pub(crate) fn away() -> Result<Claims> {
        Self::of(-1)
    }

    fn of(node: c_int) -> Result<Claims> {
        // SAFETY: no preconditions; takes the mmap lock.
        NonNull::new(unsafe { ffi::om_objects_claim(node) }).map(Claims).ok_or(ENOMEM)
    }

    /// Those that are away, that others here can reach, and that a call is about.
    pub(crate) fn part(which: Part) -> Result<Claims> {
        let (start, end, fd) = match which {
            Part::All => (0, u64::MAX, -1),
            Part::Range(start, len) => (start, start.saturating_add(len.max(1)), -1),
            // With no descriptor, which is negative, nothing: the call fails by itself.
            Part::File(fd) => (0, 0, fd),
        };
        // SAFETY: no preconditions; takes the mmap lock.
        NonNull::new(unsafe { ffi::om_objects_claim_part(start as c_ulong, end as c_ulong, fd) }).map(Claims).ok_or(ENOMEM)
    }

    /// Their numbers.
    pub(crate) fn ids(&self) -> impl Iterator<Item = u64> + '_ {
        // SAFETY: ours until dropped.
        let n = unsafe { ffi::om_claims_count(self.0.as_ptr()) };
        // SAFETY: as above.
        (0..n).map(|i| unsafe { ffi::om_claims_id(self.0.as_ptr(), i) })
    }
}

impl Drop for Claims {
    fn drop(&mut self) {
        // SAFETY: ours, given back once.
        unsafe { ffi::om_objects_unclaim(self.0.as_ptr()) };
    }
}

/// Home: a page of an object has come back.
pub(crate) fn write_object(id: u64, offset: u64, page: &[u8; wire::PAGE]) -> Result {
    // SAFETY: `page` has a page of bytes; an unknown object is an error.
    to_result(unsafe { ffi::om_object_write(id, offset / wire::PAGE as u64, page.as_ptr()) })
}

/// Home: must all of an object be brought again, because some of it could not be put where it belongs?
pub(crate) fn resend(id: u64) -> bool {
    // SAFETY: no preconditions.
    unsafe { ffi::om_object_resend(id) }
}

/// Home: has this process, which is away, shared memory there that a file or a key reaches?
pub(crate) fn reachable() -> bool {
    // SAFETY: no preconditions; takes the mmap lock.
    unsafe { ffi::om_reachable_away() }
}

/// Home: the segment mapped at `addr` can be detached by its key until everything is hooked again.
pub(crate) fn unhook(addr: u64) {
    // SAFETY: no preconditions; takes the mmap lock.
    unsafe { ffi::om_share_unhook(addr as c_ulong) };
}

/// Home: forgets what nobody who is away maps any more.
pub(crate) fn sweep() {
    // SAFETY: no preconditions.
    unsafe { ffi::om_objects_sweep() };
}

/// Host: maps what stands for an object of node `home`. `fresh`: nothing may be there yet.
pub(crate) fn map_twin(home: u16, v: &Vma, fresh: bool) -> Result {
    // SAFETY: no preconditions; everything is checked by the kernel's mmap.
    to_result(unsafe {
        ffi::om_twin_map(c_int::from(home), v.object, v.size, v.start, v.end - v.start, v.prot, v.offset, fresh)
    })
}

/// Host: the next page, from number `*at` on, that home has not as it is here. Its offset in bytes.
pub(crate) fn changed(home: u16, id: u64, at: &mut u64, out: &mut [u8; wire::PAGE], all: bool) -> Result<Option<u64>> {
    // SAFETY: `out` has a page of bytes.
    match unsafe { ffi::om_twin_changed(c_int::from(home), id, at, out.as_mut_ptr(), all) } {
        0 => Ok(None),
        n if n > 0 => Ok(Some((*at - 1) * wire::PAGE as u64)),
        e => Err(Error::from_errno(e)),
    }
}

/// Host: drops twins that nobody maps.
pub(crate) fn sweep_twins() {
    // SAFETY: no preconditions.
    unsafe { ffi::om_twins_sweep() };
}
