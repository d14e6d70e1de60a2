// SPDX-License-Identifier: GPL-2.0-only
//! Calls about memory: home has run them on its own address space, and the guest repeats them on the real one.

use crate::omcore::wire::Vma;
use crate::sys::{memory, shared, task};
use kernel::prelude::*;

const MMAP: u32 = 9;
const MPROTECT: u32 = 10;
const MUNMAP: u32 = 11;
const BRK: u32 = 12;
const MREMAP: u32 = 25;
const MADVISE: u32 = 28;
const SHMAT: u32 = 30;
const SHMDT: u32 = 67;

const MAP_ANONYMOUS: u64 = 0x20;
const MAP_GROWSDOWN: u64 = 0x100;
const MAP_TYPE: u64 = 0xf;
const MAP_DROPPABLE: u64 = 0x8;
const MADV_WIPEONFORK: u64 = 18;
/// MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED
const MAP_FLAGS: u64 = 0x2 | 0x20 | 0x4000 | 0x10;
/// MREMAP_MAYMOVE | MREMAP_FIXED
const MREMAP_MOVE: u64 = 3;

fn pages(len: u64) -> u64 {
    len.checked_next_multiple_of(4096).unwrap_or(0)
}

/// Pages of files are known by their address: such mappings are not moved while away.
pub(super) fn only_at_home(nr: u32, args: [u64; 6]) -> bool {
    let [start, len, ..] = args;
    nr == MREMAP && memory::range_hooked(start, start.saturating_add(pages(len).max(4096)))
}

/// Shared memory is mapped as home has mapped it.
fn map_shared(home: u16, v: &Vma, ax: i64) -> i64 {
    memory::forget(v.start, v.end, true);
    match shared::map_twin(home, v, false).and_then(|()| memory::hook_range(v.start, v.end)) {
        Ok(()) => ax,
        Err(e) => i64::from(e.to_errno()),
    }
}

/// After home's success with result `ax`. `object`: what home said of shared memory.
pub(super) fn memory(nr: u32, args: [u64; 6], ax: i64, frame: &task::Frame, home: u16, object: Option<Vma>) {
    let [start, len, third, flags, ..] = args;
    let end = start.saturating_add(pages(len));
    let done = match nr {
        MMAP | SHMAT if object.is_some_and(|v| v.object != 0) => object.map_or(ax, |v| {
            // Home's mapping may have become one with its neighbour.
            let end = if nr == MMAP { v.start.saturating_add(pages(len)).min(v.end) } else { v.end };
            map_shared(home, &Vma { end, ..v }, ax)
        }),
        SHMAT => ax,
        SHMDT => object.map_or(ax, |v| {
            memory::forget(v.start, v.end, true);
            task::syscall(MUNMAP, [v.start, v.end - v.start, 0, 0, 0, 0])
        }),
        MMAP => {
            let to = ax as u64;
            let grows = flags & MAP_GROWSDOWN;
            memory::forget(to, to.saturating_add(pages(len)), true);
            let at = task::syscall(MMAP, [to, len, third, MAP_FLAGS | grows, u64::MAX, 0]);
            if at == ax && flags & MAP_ANONYMOUS == 0 {
                let end = to.saturating_add(pages(len));
                let hooked = memory::mark_file(to, pages(len)).and_then(|()| memory::hook_range(to, end));
                if let Some(v) = object.filter(|v| v.start == to) {
                    memory::name_range(home, &Vma { end, ..v });
                }
                hooked.map_or(-12, |()| ax)
            } else if at == ax && flags & MAP_TYPE == MAP_DROPPABLE {
                // Nothing is dropped here, but children must find it empty: libc keeps the state of its random numbers there.
                match task::syscall(MADVISE, [to, pages(len), MADV_WIPEONFORK, 0, 0, 0]) {
                    0 => ax,
                    error => error,
                }
            } else {
                at
            }
        }
        MUNMAP => {
            let r = task::syscall(nr, args);
            memory::forget(start, end, true);
            r
        }
        MPROTECT => {
            let r = task::syscall(nr, args);
            // What may be written to is not what the file says for long.
            memory::forget(start, end, false);
            r
        }
        BRK => task::syscall(BRK, [ax as u64, 0, 0, 0, 0, 0]),
        MREMAP => {
            let to = ax as u64;
            if to == start {
                task::syscall(MREMAP, [start, len, third, 0, 0, 0])
            } else {
                task::syscall(MREMAP, [start, len, third, MREMAP_MOVE, to, 0])
            }
        }
        MADVISE => {
            let r = task::syscall(nr, args);
            memory::forget(start, end, false);
            r
        }
        // membarrier registrations, names of mappings and the like: as far as it goes.
        _ => {
            let _ = task::syscall(nr, args);
            ax
        }
    };
    if done != ax {
        // This machine could not follow: only out of memory can be the reason. The mapping exists at home, without content
        // it never had here, so going home keeps the process right.
        pr_warn!("guest {}: a mapping could not be repeated ({}); it goes home\n", task::pid(), done);
        frame.set_result(ax as u64);
        super::leave_now();
    }
}
