// SPDX-License-Identifier: GPL-2.0-only
//! The introduction of a process that wants to come: who it is, what it needs, what its machine is like.

use crate::link::bad;
use crate::omcore::wire::{MmInfo, Reader, Writer, MAX_THREADS};
use crate::process::group::Passage;
use crate::process::request::{Cause, Refusal};
use crate::sys::task::Task;
use crate::sys::{memory, task};
use kernel::prelude::*;

const RLIMIT_STACK: u32 = 3;

/// Body of a `Move` frame.
pub(crate) struct Profile {
    /// Pid at home, in home's initial namespace.
    pub(crate) pid: i32,
    /// Pid and thread id as the process sees them.
    pub(crate) own_pid: i32,
    pub(crate) own_tid: i32,
    pub(crate) comm: [u8; 16],
    /// Processor features of home, and size of its processor state.
    pub(crate) features: [u32; 8],
    pub(crate) xstate_size: u64,
    /// Hash of where its parts lie, which differs between makes of processor.
    pub(crate) xstate_layout: u64,
    pub(crate) stack_limit: u64,
    /// Threads besides the one that speaks.
    pub(crate) threads: u32,
    /// Memory it uses, in pages: what has to fit.
    pub(crate) pages: u64,
    /// The load it brings, hundredths of a processor, if no person but the balancer sends it; else 0.
    pub(crate) load: u32,
    /// Up to which load of this node it wants to come.
    pub(crate) limit: u32,
    /// What this node's administrator may know of it (`pids/PID/disclosure`), and its owner and group if so.
    pub(crate) disclosure: u32,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    /// The journey: the same number for all processes that move together because they share memory.
    pub(crate) group: u64,
    /// Memory that all of them use, in pages.
    pub(crate) group_pages: u64,
    /// Outline of its address space.
    pub(crate) mm: MmInfo,
}

impl Profile {
    /// Of the current task.
    pub(super) fn own(threads: u32, passage: Passage, cause: Cause) -> Profile {
        let (own_pid, own_tid) = task::own_ids();
        let disclosure = u32::from(Task::current().map_or(0, |t| t.traits().disclosure()));
        let (uid, gid) = if disclosure >= 2 { task::owner() } else { (0, 0) };
        Profile {
            pid: task::pid(),
            own_pid,
            own_tid,
            comm: task::comm(),
            features: task::cpu_features(),
            xstate_size: task::xstate_size() as u64,
            xstate_layout: task::xstate_layout(),
            stack_limit: task::rlimit(RLIMIT_STACK),
            threads,
            pages: memory::used(),
            load: match cause {
                Cause::Command | Cause::Own => 0,
                Cause::Balance { load, .. } => load.max(1),
            },
            limit: match cause {
                Cause::Command | Cause::Own => u32::MAX,
                Cause::Balance { limit, .. } => limit,
            },
            disclosure,
            uid,
            gid,
            group: passage.group,
            group_pages: passage.pages,
            mm: memory::info(),
        }
    }

    /// As a body.
    pub(crate) fn put(&self, w: &mut Writer<'_>) {
        w.u32(self.pid as u32);
        w.u32(self.own_pid as u32);
        w.u32(self.own_tid as u32);
        w.bytes(&self.comm);
        for f in self.features {
            w.u32(f);
        }
        w.u64(self.xstate_size);
        w.u64(self.xstate_layout);
        w.u64(self.stack_limit);
        w.u32(self.threads);
        w.u64(self.pages);
        w.u32(self.load);
        w.u32(self.limit);
        w.u32(self.disclosure);
        w.u32(self.uid);
        w.u32(self.gid);
        w.u64(self.group);
        w.u64(self.group_pages);
        self.mm.put(w);
    }

    /// From a body.
    pub(crate) fn take(body: &[u8]) -> Result<Profile> {
        let mut r = Reader::new(body);
        let mut take = || -> core::result::Result<Profile, crate::omcore::wire::WireError> {
            let p = Profile {
                pid: r.u32()? as i32,
                own_pid: r.u32()? as i32,
                own_tid: r.u32()? as i32,
                comm: r.array()?,
                features: {
                    let mut f = [0; 8];
                    for slot in &mut f {
                        *slot = r.u32()?;
                    }
                    f
                },
                xstate_size: r.u64()?,
                xstate_layout: r.u64()?,
                stack_limit: r.u64()?,
                threads: r.u32()?,
                pages: r.u64()?,
                load: r.u32()?,
                limit: r.u32()?,
                disclosure: r.u32()?,
                uid: r.u32()?,
                gid: r.u32()?,
                group: r.u64()?,
                group_pages: r.u64()?,
                mm: MmInfo::take(&mut r)?,
            };
            if r.remaining() == 0 && p.group != 0 {
                Ok(p)
            } else {
                Err(crate::omcore::wire::WireError::BadLength)
            }
        };
        take().map_err(bad)
    }

    /// Can it live on this machine? Whether there is room for it is asked elsewhere.
    pub(crate) fn fits(&self) -> core::result::Result<(), Refusal> {
        if self.threads > MAX_THREADS {
            let threads = self.threads;
            return Err(Refusal::new(E2BIG, format_args!("it takes processes of up to {MAX_THREADS} threads, this one has {threads} more")));
        }
        let here = task::cpu_features();
        for (i, (theirs, ours)) in self.features.iter().zip(here).enumerate() {
            let missing = theirs & !ours;
            if missing != 0 {
                return Err(Refusal::new(
                    ENOEXEC,
                    format_args!("the target's processor lacks features of home's (word {i}: {missing:#x})"),
                ));
            }
        }
        let ours = task::xstate_size() as u64;
        if self.xstate_layout != task::xstate_layout() {
            return Err(Refusal::new(ENOEXEC, format_args!("its processor lays out its state differently from home's")));
        }
        if self.xstate_size == 0 || self.xstate_size > ours {
            let theirs = self.xstate_size;
            return Err(Refusal::new(
                ENOEXEC,
                format_args!("the target keeps {ours} bytes of processor state, home {theirs}"),
            ));
        }
        Ok(())
    }
}
