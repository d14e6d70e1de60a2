// SPDX-License-Identifier: GPL-2.0-only
//! This task's own memory: its mappings, its pages, and the window on what is elsewhere (see mm.c).
//!
//! Everything here concerns the current task's address space and is called in process context.

use super::super::omcore::wire::{self, FilePages, MmInfo, Vma};
use super::{count, ffi};
use core::ffi::{c_int, c_uint, c_ulong, c_void};
use core::ptr::NonNull;
use kernel::error::{to_result, Result};
use kernel::prelude::*;

/// References to up to [`wire::MAX_BATCH`] pages and their addresses.
///
/// # Invariants
///
/// The first `n` elements of `pages` are page references that this value owns.
pub(crate) struct Pages {
    addresses: [u64; wire::MAX_BATCH],
    pages: [*mut ffi::Opaque; wire::MAX_BATCH],
    n: usize,
}

impl Pages {
    /// None yet.
    pub(crate) fn new() -> Result<KBox<Self>> {
        Ok(KBox::new(
            Pages { addresses: [0; wire::MAX_BATCH], pages: [core::ptr::null_mut(); wire::MAX_BATCH], n: 0 },
            GFP_KERNEL,
        )?)
    }

    /// Replaces the contents with the next pages that have private content, from `*at` on. False: there are no more.
    pub(crate) fn collect(&mut self, at: &mut u64) -> Result<bool> {
        self.release();
        let mut addr = *at as c_ulong;
        // SAFETY: both arrays have room for MAX_BATCH elements.
        let n = unsafe {
            ffi::om_collect_pages(
                &mut addr,
                wire::TASK_SIZE as c_ulong,
                wire::MAX_BATCH as u32,
                self.addresses.as_mut_ptr(),
                self.pages.as_mut_ptr(),
            )
        };
        *at = addr as u64;
        self.n = count(n)?.min(wire::MAX_BATCH);
        Ok(self.n > 0)
    }

    fn release(&mut self) {
        // SAFETY: by the invariant these are our references; after this there are none.
        unsafe { ffi::om_put_pages(self.pages.as_mut_ptr(), self.n as u32) };
        self.n = 0;
    }

    /// Addresses of the pages.
    pub(crate) fn addresses(&self) -> &[u64] {
        self.addresses.get(..self.n).unwrap_or(&[])
    }

    pub(super) fn raw(&self) -> (*const *mut ffi::Opaque, u32) {
        (self.pages.as_ptr(), self.n as u32)
    }
}

impl Drop for Pages {
    fn drop(&mut self) {
        self.release();
    }
}

/// The outline of the address space.
pub(crate) fn info() -> MmInfo {
    let mut i = MmInfo::default();
    // SAFETY: `i` has the layout of `struct om_mm_info`.
    unsafe { ffi::om_mm_info_get(&mut i) };
    i
}

/// Sets the outline (heap bounds and the like).
pub(crate) fn set_info(i: &MmInfo) {
    // SAFETY: `i` has the layout of `struct om_mm_info`.
    unsafe { ffi::om_mm_info_set(i) };
}

/// Pages of private memory in use, swapped ones included.
pub(crate) fn used() -> u64 {
    // SAFETY: no preconditions.
    unsafe { ffi::om_mm_used() }
}

/// The most memory that the current process had at once, in pages, as `getrusage` tells it.
pub(crate) fn peak() -> u64 {
    // SAFETY: no preconditions.
    unsafe { ffi::om_mm_peak() }
}

/// It has had so much elsewhere.
pub(crate) fn note_peak(pages: u64) {
    // SAFETY: no preconditions.
    unsafe { ffi::om_mm_note_peak(pages) };
}

/// The first mapping that travels and ends above `addr`.
pub(crate) fn next_vma(addr: u64) -> Option<Vma> {
    let mut v = Vma::default();
    // SAFETY: `v` has the layout of `struct om_vma`.
    unsafe { ffi::om_vma_next(addr as c_ulong, &mut v) }.then_some(v)
}

/// Attaches a window; a fault in it calls the owner of the faulting task's role.
pub(crate) fn attach(guest: bool) -> Result {
    // SAFETY: no preconditions.
    to_result(unsafe { ffi::om_mm_attach(guest) })
}

/// What a copy of this address space, made by fork, needs in order to ask for its own pages.
pub(crate) struct ForkCopy(NonNull<ffi::Opaque>);

// SAFETY: until it is adopted nobody else knows of it, and any task may drop it.
unsafe impl Send for ForkCopy {}

impl Drop for ForkCopy {
    fn drop(&mut self) {
        // SAFETY: ours, and not adopted.
        unsafe { ffi::om_mm_fork_drop(self.0.as_ptr()) };
    }
}

impl ForkCopy {
    /// In the parent, before the fork.
    pub(crate) fn prepare() -> Result<Self> {
        // SAFETY: no preconditions; null when there is no memory.
        NonNull::new(unsafe { ffi::om_mm_fork_prepare() }).map(ForkCopy).ok_or(ENOMEM)
    }

    /// In the child, before anything else.
    pub(crate) fn adopt(self) -> Result {
        // SAFETY: made for a copy of this address space; on success it belongs to it.
        to_result(unsafe { ffi::om_mm_fork_adopt(self.0.as_ptr()) })?;
        core::mem::forget(self);
        Ok(())
    }
}

/// The window goes, unless mappings still need it.
pub(crate) fn detach() {
    // SAFETY: no preconditions.
    unsafe { ffi::om_mm_detach() };
}

/// After this, as long as no thread of the process runs, [`hook_all`] does not fail.
pub(crate) fn hook_prepare() -> Result {
    // SAFETY: no preconditions; takes the mmap lock.
    to_result(unsafe { ffi::om_hook_prepare() })
}

/// Every mapping becomes a window on what is at node `node`, its pages are dropped. On error nothing changed. `alone`: shared
/// memory that others have mapped elsewhere is left out, and the answer is false.
pub(crate) fn hook_all(node: u16, alone: bool) -> Result<bool> {
    // SAFETY: no preconditions; takes the mmap lock.
    Ok(count(unsafe { ffi::om_hook_all(c_int::from(node), alone, core::ptr::null_mut()) })? != 0)
}

/// Knows what was sent, and whether somebody has changed it since.
pub(crate) struct Witness(NonNull<ffi::Opaque>);

impl Drop for Witness {
    fn drop(&mut self) {
        // SAFETY: ours.
        unsafe { ffi::om_witness_free(self.0.as_ptr()) };
    }
}

impl Witness {
    /// Of nothing yet.
    pub(crate) fn new() -> Result<Self> {
        // SAFETY: no preconditions; null when there is no memory.
        NonNull::new(unsafe { ffi::om_witness_new() }).map(Witness).ok_or(ENOMEM)
    }

    /// These pages are about to be sent.
    pub(crate) fn note(&self, pages: &Pages) -> Result {
        let (raw, n) = pages.raw();
        // SAFETY: as many addresses as counted page references.
        to_result(unsafe { ffi::om_witness_note(self.0.as_ptr(), pages.addresses().as_ptr(), raw, n) })
    }

    /// Is all as it was sent? EAGAIN: no.
    pub(crate) fn check(&self) -> Result {
        // SAFETY: a witness that lives; takes the mmap lock.
        to_result(unsafe { ffi::om_hook_check(self.0.as_ptr()) })
    }

    /// As [`hook_all`], if all is as it was sent; EAGAIN if not.
    pub(crate) fn hook_all(&self, node: u16) -> Result {
        // SAFETY: a witness that lives; takes the mmap lock.
        count(unsafe { ffi::om_hook_all(c_int::from(node), false, self.0.as_ptr()) }).map(|_| ())
    }
}

/// A range that was locked for when it is touched is locked for good; nothing is touched.
/// False: touching it would have failed, for a part of it cannot be accessed.
pub(crate) fn lock_whole(start: u64, len: u64) -> bool {
    // SAFETY: no preconditions; takes the mmap lock.
    unsafe { ffi::om_lock_whole(start as c_ulong, len as c_ulong) }
}

/// Home again: locked memory is all there.
pub(crate) fn relock() {
    // SAFETY: no preconditions; takes the mmap lock.
    unsafe { ffi::om_relock() };
}

/// Every mapping becomes its own again.
pub(crate) fn unhook_all() {
    // SAFETY: no preconditions; takes the mmap lock.
    unsafe { ffi::om_unhook_all() };
}

/// Home: the memory begins to come back; until [`unhook_all`] others wait to see it. `begins` false: it could not be
/// received, and all mappings are windows as before.
pub(crate) fn receiving(begins: bool) {
    // SAFETY: no preconditions; takes the mmap lock.
    unsafe { ffi::om_receiving(begins) };
}

/// While [`receiving`]: this page has come.
pub(crate) fn deliver(addr: u64, page: &[u8; wire::PAGE]) -> Result {
    // SAFETY: `page` has a page of bytes; a bad address is an error.
    to_result(unsafe { ffi::om_deliver(addr as c_ulong, page.as_ptr()) })
}

/// Guest: keeps this range apart from its neighbours, to be hooked later.
pub(crate) fn mark_file(start: u64, len: u64) -> Result {
    // SAFETY: no preconditions; a bad range is an error.
    to_result(unsafe { ffi::om_mark_file(start as c_ulong, len as c_ulong) })
}

/// Guest: the range, which is marked or a twin, asks for missing pages.
pub(crate) fn hook_range(start: u64, end: u64) -> Result {
    // SAFETY: no preconditions; takes the mmap lock.
    to_result(unsafe { ffi::om_hook_range(start as c_ulong, end as c_ulong) })
}

/// Guest: does any of this range ask for pages?
pub(crate) fn range_hooked(start: u64, end: u64) -> bool {
    // SAFETY: no preconditions; takes the mmap lock.
    unsafe { ffi::om_range_hooked(start as c_ulong, end as c_ulong) }
}

/// Guest: forgets what was known of this range; with `contents` also pages that wait for it.
pub(crate) fn forget(start: u64, end: u64, contents: bool) {
    if start < end {
        // SAFETY: no preconditions.
        unsafe { ffi::om_forget_range(start as c_ulong, end as c_ulong, contents) };
    }
}

/// The content of a page that was asked for, or is known to be needed.
pub(crate) fn store(addr: u64, page: &[u8; wire::PAGE]) -> Result {
    // SAFETY: `page` has a page of bytes.
    to_result(unsafe { ffi::om_store(addr as c_ulong, page.as_ptr(), false) })
}

/// Pages whose old content does not matter, until the window is emptied.
pub(crate) fn set_blank(start: u64, end: u64) {
    // SAFETY: no preconditions.
    unsafe { ffi::om_set_blank(start as c_ulong, end as c_ulong) };
}

/// A page that cannot be had.
pub(crate) fn store_failed(addr: u64) -> Result {
    // SAFETY: with `failed` the pointer is not used.
    to_result(unsafe { ffi::om_store(addr as c_ulong, core::ptr::null(), true) })
}

/// Is something known of this page?
pub(crate) fn stored(addr: u64) -> bool {
    // SAFETY: no preconditions.
    unsafe { ffi::om_store_has(addr as c_ulong) }
}

unsafe extern "C" fn changed<F>(ctx: *mut c_void, addr: c_ulong, old: *const u8, new: *const u8) -> c_int
where
    F: FnMut(u64, Option<&[u8]>, &[u8]) -> Result,
{
    // SAFETY: `ctx` is the closure given to `collect_window`, which is running.
    let f = unsafe { &mut *ctx.cast::<F>() };
    // SAFETY: `new` is a mapped page of the process; nobody writes to it while we compare.
    let new = unsafe { core::slice::from_raw_parts(new, wire::PAGE) };
    // SAFETY: `old`, if not null, is a mapped page of ours.
    let old = (!old.is_null()).then(|| unsafe { core::slice::from_raw_parts(old, wire::PAGE) });
    match f(addr as u64, old, new) {
        Ok(()) => 0,
        Err(e) => e.to_errno(),
    }
}

/// Empties the window; `f(address, old, new)` for every page that was written to, `old` being `None` for
/// pages inside `blank` that came without content.
pub(crate) fn collect_window<F>(blank: (u64, u64), mut f: F) -> Result
where
    F: FnMut(u64, Option<&[u8]>, &[u8]) -> Result,
{
    // SAFETY: `changed::<F>` gets the closure back with its own type.
    to_result(unsafe {
        ffi::om_window_collect(blank.0 as c_ulong, blank.1 as c_ulong, changed::<F>, (&mut f as *mut F).cast())
    })
}

/// How far from `addr` memory is plain and writable, up to `len` bytes.
pub(crate) fn writable_len(addr: u64, len: u64) -> u64 {
    // SAFETY: no preconditions; takes the mmap lock.
    unsafe { ffi::om_writable_len(addr as c_ulong, len as c_ulong) as u64 }
}

/// Writes to this process' memory whatever its protection says.
pub(crate) fn write_forced(addr: u64, data: &[u8]) -> Result {
    // SAFETY: `data` is valid; a bad address is an error.
    to_result(unsafe { ffi::om_write_forced(addr as c_ulong, data.as_ptr(), data.len() as c_int) })
}

/// Copies from user memory.
pub(crate) fn read_user(from: u64, to: &mut [u8]) -> Result {
    // SAFETY: `to` is valid for its length; a bad user address is an error.
    to_result(unsafe { ffi::om_copy_from_user(to.as_mut_ptr(), from as c_ulong, to.len() as c_ulong) })
}

/// Copies to user memory.
pub(crate) fn write_user(to: u64, from: &[u8]) -> Result {
    // SAFETY: `from` is valid for its length; a bad user address is an error.
    to_result(unsafe { ffi::om_copy_to_user(to as c_ulong, from.as_ptr(), from.len() as c_ulong) })
}

/// Pages of the mapped file from `addr` on, from the file: how many, which fit into `out`, and under which name others may keep them.
pub(crate) fn file_pages(addr: u64, out: &mut [u8]) -> Result<(usize, FilePages)> {
    let mut from = FilePages::default();
    let n = (out.len() / wire::PAGE) as c_uint;
    // SAFETY: `out` has `n` pages of bytes.
    let got = unsafe { ffi::om_file_pages(addr as c_ulong, n, out.as_mut_ptr(), &mut from.file, &mut from.index) };
    Ok((count(got)?, from))
}

/// The page of the mapped file at `addr`, from the file.
pub(crate) fn file_page(addr: u64, out: &mut [u8; wire::PAGE]) -> Result {
    let nothing = core::ptr::null_mut();
    // SAFETY: `out` has a page of bytes, and where the page is from is not wanted.
    count(unsafe { ffi::om_file_pages(addr as c_ulong, 1, out.as_mut_ptr(), nothing, nothing) }).map(|_| ())
}

/// Home: the name of the file that is mapped at `addr`; 0: it has none.
pub(crate) fn name_at(addr: u64) -> u64 {
    // SAFETY: no preconditions; takes the mmap lock.
    unsafe { ffi::om_name_at(addr as c_ulong) }
}

/// Guest: the mapping `v` shows a file of that home.
pub(crate) fn name_range(home: u16, v: &Vma) {
    // SAFETY: no preconditions.
    unsafe { ffi::om_name_range(v.start as c_ulong, v.end as c_ulong, c_int::from(home), v.file, v.offset) };
}

/// Guest: the content of a page that was asked for, and its name among the files of that home.
pub(crate) fn store_named(addr: u64, page: &[u8; wire::PAGE], home: u16, name: u64, index: u64) -> Result {
    // SAFETY: `page` has a page of bytes.
    to_result(unsafe { ffi::om_store_named(addr as c_ulong, page.as_ptr(), c_int::from(home), name, index) })
}

/// Pages of other nodes' files that are kept here.
pub(crate) fn kept_pages() -> u64 {
    // SAFETY: no preconditions.
    unsafe { ffi::om_cache_pages() }
}
