// SPDX-License-Identifier: GPL-2.0-only
//! Going home: the guest sends everything back and ends when home has it.

use super::Guest;
use crate::sys::errno::EPROTO;
use crate::link::FOREVER;
use crate::omcore::wire::{Kind, Usage};
use crate::process::image::{self, is_restart, Thread, ERESTART_RESTARTBLOCK};
use crate::sys::memory;
use crate::sys::task::{AX, ORIG_AX};
use core::sync::atomic::Ordering;
use kernel::prelude::*;

const EINTR_CODE: i64 = -4;

impl Guest {
    /// At the user-mode boundary. True: home has it. False: home could not take it, the guest goes on.
    pub(super) fn go_home(&self) -> Result<bool> {
        let mut thread = Thread::capture(self.calls.load(Ordering::Relaxed), true)?;
        let Usage { utime, stime, peak } = self.usage();
        thread.state.utime = utime;
        thread.state.stime = stime;
        thread.state.peak = peak;
        thread.state.signals_seen = self.signals_seen.load(Ordering::Relaxed);
        self.fix_restart(&mut thread);
        let errand = self.errand.swap(false, Ordering::Relaxed);
        self.say(Kind::Coming, &[&u64::from(errand).to_le_bytes(), &memory::used().to_le_bytes()])?;
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
                    self.give_back()?;
                    return Ok(false);
                }
                // Home sees to them itself, unless it cannot receive the process.
                Kind::Signal => held.push(self.read_signal()?.0, GFP_KERNEL)?,
                Kind::Pause | Kind::Resume | Kind::Sync => self.heard(frame)?,
                // Said before home knew.
                Kind::ComeHome | Kind::Due => {}
                _ => return Err(EPROTO),
            }
        }
    }

    /// A call of this kernel that was interrupted with a restart block cannot be continued at home, but for a futex wait; nor is
    /// there another one. One that home was running is continued there.
    fn fix_restart(&self, t: &mut Thread) {
        let register = |t: &Thread, which: usize| t.regs.get(which).copied().unwrap_or(0) as i64;
        if !self.restart_at_home.load(Ordering::Relaxed) {
            t.keep_wait();
            if register(t, AX) == ERESTART_RESTARTBLOCK && t.state.wait_until == 0 {
                t.set_register(AX, EINTR_CODE as u64);
            }
        }
        if !(register(t, ORIG_AX) >= 0 && is_restart(register(t, AX))) {
            t.set_register(ORIG_AX, u64::MAX);
        }
    }
}
