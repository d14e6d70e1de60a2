// SPDX-License-Identifier: GPL-2.0-only
//! Shared memory of a process that is away: its content is at the guest's node. Before anybody here may look at it, what has
//! changed is brought home.

use super::Deputy;
use crate::link::{bad, Frame};
use crate::omcore::wire::{self, Kind, Vma, Writer};
use crate::process::image;
use crate::sys::errno::EPROTO;
use crate::sys::shared::{self, Claims, Part};
use crate::sys::{memory, task};
use core::ffi::c_int;
use core::sync::atomic::Ordering;
use kernel::prelude::*;

const NR_MMAP: u32 = 9;
const NR_MUNMAP: u32 = 11;
const NR_MREMAP: u32 = 25;
const NR_MSYNC: u32 = 26;
const NR_SHMAT: u32 = 30;
const NR_SHMDT: u32 = 67;
const NR_FSYNC: u32 = 74;
const NR_FDATASYNC: u32 = 75;
const NR_EXIT: u32 = 60;
const NR_EXIT_GROUP: u32 = 231;
const NR_EXECVE: u32 = 59;
const NR_EXECVEAT: u32 = 322;
const NR_SYNC: u32 = 162;
const NR_SYNC_FILE_RANGE: u32 = 277;
const NR_SYNCFS: u32 = 306;
const MAP_FIXED: u64 = 0x10;
const MREMAP_FIXED: u64 = 2;

/// How long a process that is killed may take to save what it shares.
const LAST_WORDS_MS: u64 = 10_000;

/// How a file is used whose content is away; as in shared.c.
const TOUCH_WRITE: c_int = 1;
const TOUCH_MAP: c_int = 2;

/// What must be home before the call: it ends mappings, the program or the process, or promises that what was written is in
/// the file.
fn needs_content(nr: u32, args: [u64; 6]) -> Option<Part> {
    let [first, second, _, fourth, ..] = args;
    match nr {
        NR_MMAP => (fourth & MAP_FIXED != 0).then_some(Part::Range(first, second)),
        NR_MUNMAP | NR_MSYNC => Some(Part::Range(first, second)),
        NR_MREMAP if fourth & MREMAP_FIXED == 0 => Some(Part::Range(first, second)),
        NR_SHMDT => Some(Part::Range(first, 1)),
        NR_FSYNC | NR_FDATASYNC | NR_SYNC_FILE_RANGE => Some(Part::File(first as i32)),
        NR_MREMAP | NR_SYNC | NR_SYNCFS | NR_EXIT | NR_EXIT_GROUP | NR_EXECVE | NR_EXECVEAT => Some(Part::All),
        _ => None,
    }
}

fn ends_threads(nr: u32) -> bool {
    matches!(nr, NR_EXIT_GROUP | NR_EXECVE | NR_EXECVEAT)
}

impl Deputy {
    /// Before a call is run. The inner result: whether it may be.
    pub(super) fn before_call(&self, nr: u32, args: [u64; 6]) -> Result<Result> {
        if let Some(part) = needs_content(nr, args).filter(|_| shared::reachable()) {
            let brought = self.bring(Claims::part(part)?.ids())?;
            if brought.is_err() {
                if !matches!(nr, NR_EXIT | NR_EXIT_GROUP) {
                    return Ok(brought);
                }
                pr_warn!("pid {}: exits; there is no room for what it last wrote to a shared mapping\n", self.away.pid);
            }
            if ends_threads(nr) {
                // The threads that it kills have nothing to add.
                self.away.saved.store(brought.is_ok(), Ordering::Relaxed);
            }
        }
        if nr == NR_SHMDT {
            let [addr, ..] = args;
            if let Some(v) = memory::next_vma(addr).filter(|v| v.start == addr) {
                self.tell(&v)?;
            }
            shared::unhook(addr);
        }
        Ok(Ok(()))
    }

    /// After a call that has mapped memory at `at`: the guest must know if it is shared, and may keep pages of a file.
    pub(super) fn after_call(&self, nr: u32, at: u64) -> Result {
        if matches!(nr, NR_MMAP | NR_SHMAT) {
            let found = memory::next_vma(at).filter(|v| v.start <= at).map(image::with_name);
            if let Some(v) = found.filter(|v| v.object != 0 || v.file != 0) {
                self.tell(&Vma { start: at, offset: v.offset + (at - v.start), ..v })?;
            }
        }
        if matches!(nr, NR_MMAP | NR_MUNMAP | NR_MREMAP | NR_SHMDT) {
            shared::sweep();
        }
        Ok(())
    }

    /// Is shared memory that is away mapped there?
    pub(super) fn is_shared(&self, at: u64) -> bool {
        memory::next_vma(at).is_some_and(|v| v.start <= at && v.object != 0)
    }

    fn tell(&self, v: &Vma) -> Result {
        let mut body = [0u8; wire::VMA_LEN];
        v.put(&mut Writer::new(&mut body));
        // The reply follows at once.
        self.link.with(|l| l.send_along(Kind::Object, &body))?
    }

    /// What the guest has changed in these comes home. The inner result: whether there was room for it here.
    pub(super) fn bring(&self, objects: impl Iterator<Item = u64>) -> Result<Result> {
        let brought = self.exchange(objects);
        if brought.is_err() {
            self.broken.store(true, Ordering::Relaxed);
        }
        brought
    }

    #[inline(never)]
    fn exchange(&self, objects: impl Iterator<Item = u64>) -> Result<Result> {
        let mut failed = Ok(());
        self.listen(false)?;
        for id in objects {
            let all = shared::resend(id);
            self.say(Kind::Sync, &[&id.to_le_bytes(), &u64::from(all).to_le_bytes()])?;
            loop {
                let frame = self.link.with(|l| l.recv())??;
                match frame.kind {
                    Kind::Content => {
                        let taken = self.take_content(id, frame)?;
                        if taken.is_err() {
                            self.link.with(|l| l.skip_bulk())??;
                        }
                        failed = failed.and(taken);
                    }
                    Kind::Synced => break,
                    Kind::WantHome => self.wished.store(true, Ordering::Relaxed),
                    kind if super::is_void(kind) => self.link.with(|l| l.skip_bulk())??,
                    _ => return Err(EPROTO),
                }
            }
        }
        self.listen(true)?;
        Ok(failed)
    }

    fn take_content(&self, id: u64, frame: Frame) -> Result<Result> {
        let mut list = [0u64; wire::MAX_BATCH];
        let (of, n) = self.link.with(|l| wire::take_addresses(l.body(), &mut list).map_err(bad))??;
        if of != id || frame.bulk != n * wire::PAGE {
            return Err(EPROTO);
        }
        self.scratch.with(|s| {
            let page: &mut [u8; wire::PAGE] = s.page.as_mut_slice().try_into().map_err(|_| EINVAL)?;
            for offset in list.get(..n).ok_or(EPROTO)? {
                self.link.with(|l| l.take_bulk(page))??;
                if let Err(e) = shared::write_object(id, *offset, page) {
                    return Ok(Err(e));
                }
            }
            Ok(Ok(()))
        })?
    }

    /// A call of the process itself uses a file that is part of its shared memory. 0: it may go on.
    pub(crate) fn touch(&self, how: c_int) -> c_int {
        if how == TOUCH_MAP {
            return 0;
        }
        // What the call writes must be seen by whoever computes with it: it is made when all are home.
        if how == TOUCH_WRITE && !self.away.borrows() {
            return self.call_home_for_call() as c_int;
        }
        match Claims::away().and_then(|objects| self.bring(objects.ids())) {
            Ok(Ok(())) => 0,
            Ok(Err(e)) | Err(e) => e.to_errno(),
        }
    }

    /// It is being killed: what others can see of its memory is saved.
    pub(super) fn last_words(&self) {
        if self.broken.load(Ordering::Relaxed) || self.away.saved.load(Ordering::Relaxed) || !shared::reachable() {
            return;
        }
        task::stubborn(true);
        let _ = self.link.with(|l| l.set_deadline(LAST_WORDS_MS));
        let saved = Claims::part(Part::All).and_then(|objects| self.bring(objects.ids()));
        let _ = self.link.with(|l| l.set_deadline(0));
        task::stubborn(false);
        if !matches!(saved, Ok(Ok(()))) {
            pr_warn!("pid {}: killed; what it last wrote to shared memory is lost\n", self.away.pid);
        }
    }
}
