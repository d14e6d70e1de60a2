// SPDX-License-Identifier: GPL-2.0-only
//! Going home: the guest sends everything back and ends when home has it.

use super::Guest;
use crate::sys::errno::EPROTO;
use crate::link::FOREVER;
use crate::omcore::wire::Kind;
use crate::process::image::{self, is_restart, Thread, ERESTARTNOINTR, ERESTART_RESTARTBLOCK};
use crate::sys::task::{AX, ORIG_AX};
use core::sync::atomic::Ordering;
use kernel::prelude::*;

const NR_FUTEX: u64 = 202;
const FUTEX_COMMAND: u64 = 0x7f;
const FUTEX_WAIT_BITSET: u64 = 9;
/// Position of the second argument in the registers.
const SI: usize = 13;

impl Guest {
    /// At the user-mode boundary. True: home has it. False: home could not take it, the guest goes on.
    pub(super) fn go_home(&self) -> Result<bool> {
        let mut thread = Thread::capture(self.calls.load(Ordering::Relaxed), true)?;
        let (utime, stime) = self.cputime();
        thread.state.utime = utime;
        thread.state.stime = stime;
        thread.state.signals_seen = self.signals_seen.load(Ordering::Relaxed);
        self.fix_restart(&mut thread);
        let errand = self.errand.swap(false, Ordering::Relaxed);
        self.say(Kind::Coming, &[&u64::from(errand).to_le_bytes()])?;
        self.link.with(|l| thread.send(l))??;
        // When no thread moves any more, one of them brings the memory.
        if self.company.gather()? {
            self.link.with(|l| image::send_pages(l, None))??;
        } else {
            self.say(Kind::Rest, &[])?;
        }
        let mut held = KVec::new();
        loop {
            let frame = self.link.with(|l| l.recv_within(FOREVER))??;
            match frame.kind {
                Kind::HomeOk => {
                    // The end of one is the end of all, and home may not have heard all of them yet.
                    let _ = self.company.disperse();
                    return Ok(true);
                }
                Kind::HomeFailed => {
                    thread.requeue();
                    for s in held.iter() {
                        self.accept_signal(s)?;
                    }
                    self.company.disperse()?;
                    return Ok(false);
                }
                // Home sees to them itself, unless it cannot receive the process.
                Kind::Signal => held.push(self.read_signal()?, GFP_KERNEL)?,
                Kind::Pause | Kind::Resume | Kind::Sync => self.heard(frame)?,
                // Said before home knew.
                Kind::ComeHome | Kind::Due => {}
                _ => return Err(EPROTO),
            }
        }
    }

    /// A call of this kernel that was interrupted with a restart block cannot be continued at home: it is a futex wait, whose
    /// callers take EINTR as a spurious wake-up. One that home was running is continued there.
    fn fix_restart(&self, t: &mut Thread) {
        let ax = t.regs.get(AX).copied().unwrap_or(0) as i64;
        let in_call = t.regs.get(ORIG_AX).is_some_and(|o| *o as i64 >= 0);
        if in_call && ax == ERESTART_RESTARTBLOCK && !self.restart_at_home.load(Ordering::Relaxed) {
            // Until a point in time: the call itself says it all, and is simply made again.
            let again = t.regs.get(SI).is_some_and(|op| *op & FUTEX_COMMAND == FUTEX_WAIT_BITSET)
                && t.regs.get(ORIG_AX) == Some(&NR_FUTEX);
            if let Some(slot) = t.regs.get_mut(AX) {
                *slot = if again { ERESTARTNOINTR } else { -4 } as u64;
            }
        }
        let ax = t.regs.get(AX).copied().unwrap_or(0) as i64;
        if !(in_call && is_restart(ax)) {
            if let Some(slot) = t.regs.get_mut(ORIG_AX) {
                *slot = u64::MAX;
            }
        }
    }
}
