// SPDX-License-Identifier: GPL-2.0-only
//! What is remembered of a process because it moved or was locked: shown below `/proc/hpc/pids/PID`.
//!
//! A record is for a pid and the time its process was started. Records of processes that are no more are dropped when
//! room is needed.

use super::errand::Errands;
use crate::sys::{self, task::Task};
use kernel::prelude::*;

/// One completed move; a hop from node to node, though it passes through home, is one.
#[derive(Clone, Copy)]
pub(crate) struct Move {
    pub(crate) from: u16,
    pub(crate) to: u16,
    pub(crate) pages: u64,
    pub(crate) frozen_ns: u64,
    pub(crate) calls: u64,
}

/// Moves kept of one process; older ones are counted, not listed.
const MAX_MOVES: usize = 256;
/// Processes remembered.
const MAX_RECORDS: usize = 4096;

/// One process.
pub(crate) struct Record {
    pid: i32,
    started: u64,
    pub(crate) nmigs: u64,
    pub(crate) locked: bool,
    pub(crate) errands: Errands,
    pub(crate) moves: KVec<Move>,
}

/// All of them.
pub(crate) struct Records(KVec<Record>);

impl Records {
    pub(crate) const fn new() -> Self {
        Records(KVec::new())
    }

    /// The record of this process, if there is one.
    pub(crate) fn get(&self, task: &Task) -> Option<&Record> {
        let (pid, started) = (task.pid(), task.started());
        self.0.iter().find(|r| r.pid == pid && r.started == started)
    }

    /// The same, to change it.
    pub(crate) fn find(&mut self, task: &Task) -> Option<&mut Record> {
        let (pid, started) = (task.pid(), task.started());
        self.0.iter_mut().find(|r| r.pid == pid && r.started == started)
    }

    /// Every one.
    pub(crate) fn each(&mut self, f: impl FnMut(&mut Record)) {
        self.0.iter_mut().for_each(f);
    }

    /// The record of this process, made if needed.
    pub(crate) fn of(&mut self, task: &Task) -> Result<&mut Record> {
        let (pid, started) = (task.pid(), task.started());
        let at = match self.0.iter().position(|r| r.pid == pid && r.started == started) {
            Some(i) => i,
            None => {
                if self.0.len() >= MAX_RECORDS {
                    self.forget_dead();
                }
                if self.0.len() >= MAX_RECORDS {
                    return Err(ENOSPC);
                }
                self.0.push(Record { pid, started, nmigs: 0, locked: false, errands: Errands::default(), moves: KVec::new() }, GFP_KERNEL)?;
                self.0.len() - 1
            }
        };
        self.0.get_mut(at).ok_or(EINVAL)
    }

    fn forget_dead(&mut self) {
        let mut i = 0;
        while let Some(r) = self.0.get(i) {
            if Task::find_global(r.pid).is_some_and(|t| t.started() == r.started) {
                i += 1;
            } else {
                drop(sys::swap_remove(&mut self.0, i));
            }
        }
    }
}

impl Record {
    /// A move is complete.
    pub(crate) fn add(&mut self, m: Move) {
        self.nmigs += 1;
        if self.moves.len() >= MAX_MOVES {
            self.moves.rotate_left(1);
            if let Some(last) = self.moves.last_mut() {
                *last = m;
            }
        } else {
            let _ = self.moves.push(m, GFP_KERNEL);
        }
    }
}
