// SPDX-License-Identifier: GPL-2.0-only
//! Files below `/proc/hpc` (see procfs.c). A file is a number and an argument; [`crate::proc`] says what it means.

use super::ffi;
use core::ffi::{c_int, c_long, c_uint};
use core::ptr::NonNull;
use kernel::error::{to_result, Error, Result};
use kernel::prelude::*;

/// A proc directory; removed, with all that is in it, when dropped.
pub(crate) struct Dir {
    entry: NonNull<ffi::Opaque>,
    tables: KVec<KVec<ffi::BranchFile>>,
}

// SAFETY: proc entries may be handled by any task.
unsafe impl Send for Dir {}
// SAFETY: as above.
unsafe impl Sync for Dir {}

/// A name with its final zero byte.
struct Name([u8; 32]);

impl Name {
    fn new(text: &str) -> Result<Self> {
        let mut n = Name([0; 32]);
        n.0.get_mut(..text.len()).filter(|s| s.len() < 32).ok_or(EINVAL)?.copy_from_slice(text.as_bytes());
        Ok(n)
    }
}

impl Dir {
    /// Makes a directory below `parent`, or below `/proc`.
    pub(crate) fn new(name: &str, parent: Option<&Dir>) -> Result<Self> {
        let name = Name::new(name)?;
        let parent = parent.map_or(core::ptr::null_mut(), |p| p.entry.as_ptr());
        // SAFETY: zero-terminated name; a live parent or none.
        let entry = unsafe { ffi::om_proc_dir(name.0.as_ptr(), parent) };
        Ok(Dir { entry: NonNull::new(entry).ok_or(ENOMEM)?, tables: KVec::new() })
    }

    /// Adds a file.
    pub(crate) fn file(&self, name: &str, mode: u16, file: u8, arg: u32) -> Result {
        let name = Name::new(name)?;
        // SAFETY: zero-terminated name; live parent.
        let entry =
            unsafe { ffi::om_proc_file(name.0.as_ptr(), mode.into(), self.entry.as_ptr(), file.into(), arg) };
        NonNull::new(entry).map(|_| ()).ok_or(ENOMEM)
    }

    /// Adds a directory with a folder for each member of a branch, and these files in each: name, mode, number.
    pub(crate) fn branch(&mut self, name: &str, files: impl Iterator<Item = (&'static str, u16, u8)>) -> Result {
        let branch = BRANCHES.iter().position(|b| *b == name).ok_or(EINVAL)?;
        let mut table = KVec::new();
        for (text, mode, file) in files {
            let mut name = [0; 16];
            name.get_mut(..text.len()).filter(|s| s.len() < 16).ok_or(EINVAL)?.copy_from_slice(text.as_bytes());
            table.push(ffi::BranchFile { name, mode: mode.into(), file: file.into() }, GFP_KERNEL)?;
        }
        let name = Name::new(name)?;
        let (at, n) = (table.as_ptr(), table.len());
        self.tables.push(table, GFP_KERNEL)?;
        // SAFETY: the table stays where it is until the entry is removed and nobody uses it any more: see `Drop`.
        to_result(unsafe {
            ffi::om_proc_branch(name.0.as_ptr(), self.entry.as_ptr(), branch as c_uint, at, n as c_uint)
        })
    }
}

/// In the order of procfs.c.
const BRANCHES: [&str; 3] = ["pids", "nodes", "remote"];

impl Drop for Dir {
    fn drop(&mut self) {
        // SAFETY: the entry is ours; removal waits for running callbacks. Dentries of members hold the module,
        // so at unload nobody is left who could look into the tables.
        unsafe {
            ffi::om_proc_remove(self.entry.as_ptr());
            if !self.tables.is_empty() {
                ffi::om_proc_branches_exit();
            }
        }
    }
}

#[no_mangle]
unsafe extern "C" fn om_rust_branch_exists(branch: c_uint, number: c_uint) -> bool {
    BRANCHES.get(branch as usize).is_some_and(|b| crate::proc::exists(b, number))
}

#[no_mangle]
unsafe extern "C" fn om_rust_branch_next(branch: c_uint, after: c_uint) -> c_uint {
    BRANCHES.get(branch as usize).and_then(|b| crate::proc::next(b, after)).unwrap_or(0)
}

/// Text being written into a buffer of fixed size; what does not fit is an error.
pub(crate) struct Text<'a> {
    buf: &'a mut [u8],
    len: usize,
}

impl Text<'_> {
    /// Bytes written.
    pub(crate) fn len(&self) -> usize {
        self.len
    }
}

impl core::fmt::Write for Text<'_> {
    fn write_str(&mut self, s: &str) -> core::fmt::Result {
        let end = self.len.checked_add(s.len()).ok_or(core::fmt::Error)?;
        self.buf.get_mut(self.len..end).ok_or(core::fmt::Error)?.copy_from_slice(s.as_bytes());
        self.len = end;
        Ok(())
    }
}

#[no_mangle]
unsafe extern "C" fn om_rust_proc_show(file: c_uint, arg: c_uint, buf: *mut u8, len: usize) -> c_long {
    // SAFETY: procfs.c passes a buffer of this length.
    let mut text = Text { buf: unsafe { core::slice::from_raw_parts_mut(buf, len) }, len: 0 };
    match crate::proc::show(file as u8, arg, &mut text) {
        Ok(()) => text.len() as c_long,
        Err(e) => e.to_errno().into(),
    }
}

#[no_mangle]
unsafe extern "C" fn om_rust_proc_store(
    file: c_uint,
    arg: c_uint,
    data: *const u8,
    len: usize,
    reason: *mut u8,
    rlen: *mut usize,
) -> c_long {
    // SAFETY: procfs.c passes what was written, and its length.
    let data = unsafe { core::slice::from_raw_parts(data, len) };
    // SAFETY: `rlen` holds the length of the buffer for the reason.
    let mut text = Text { buf: unsafe { core::slice::from_raw_parts_mut(reason, *rlen) }, len: 0 };
    let ret: core::result::Result<(), Error> = crate::proc::store(file as u8, arg, data, &mut text);
    // SAFETY: a valid place.
    unsafe { *rlen = text.len() };
    ret.map_or_else(|e| e.to_errno() as c_long, |()| 0 as c_int as c_long)
}
