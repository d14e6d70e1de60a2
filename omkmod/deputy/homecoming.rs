// SPDX-License-Identifier: GPL-2.0-only
//! Coming home: the deputy becomes the process again.

use super::Deputy;
use crate::sys::errno::EPROTO;
use crate::omcore::wire::Kind;
use crate::process::image::{self, Thread};
use crate::process::records::Move;
use crate::process::request::Refusal;
use crate::sys::{memory, task, vessel};
use core::sync::atomic::Ordering;
use kernel::prelude::*;

/// Longest wait for this node's clock to reach what the process has seen elsewhere.
const MAX_DRIFT_MS: u64 = 5000;

impl Deputy {
    /// Clocks of two nodes do not run equally fast. Time must not go back for the process, so it waits here for the
    /// difference that has come up while it was away.
    fn wait_for_clock(&self, seen: u64) {
        let ahead_ms = seen.saturating_sub(vessel::clocks().0).div_ceil(1_000_000);
        if ahead_ms > MAX_DRIFT_MS {
            pr_warn!(
                "pid {}: the clock of node {} is {} ms ahead; time goes back for the process\n",
                self.pid,
                self.node,
                ahead_ms
            );
        } else if ahead_ms > 0 {
            task::sleep_ms(ahead_ms as u32);
        }
    }

    /// After a `Coming` frame: the move, when the process is home. `None`: it could not be received, and is a guest as
    /// before.
    #[inline(never)]
    pub(super) fn receive_home(&self) -> Result<Option<Move>> {
        let begun = task::now_ns();
        memory::unhook_all();
        let mut thread: Option<Thread> = None;
        let mut pages = 0;
        let mut failed: Option<Error> = None;
        loop {
            let frame = self.link.with(|l| l.recv())??;
            match frame.kind {
                Kind::State => match self.link.with(|l| Thread::take(l.body()))? {
                    Ok(t) => thread = Some(t),
                    Err(e) => failed = Some(e),
                },
                Kind::Pages if failed.is_none() => match self.link.with(|l| image::take_pages(l, frame))? {
                    Ok(n) => pages += n,
                    Err(e) if e == ENOMEM || e == EFAULT => failed = Some(e),
                    Err(e) => return Err(e),
                },
                Kind::Pages => {}
                Kind::End => {
                    let n = self.link.with(|l| image::take_end(l.body()))??;
                    if failed.is_none() && n != pages {
                        return Err(EPROTO);
                    }
                    break;
                }
                _ => return Err(EPROTO),
            }
            if failed.is_some() {
                self.link.with(|l| l.skip_bulk())??;
            }
        }
        let restored = match (failed, thread) {
            (None, Some(t)) => t.restore().map(|()| t),
            (Some(e), _) => Err(e),
            (None, None) => return Err(EPROTO),
        };
        let t = match restored {
            Ok(t) => t,
            Err(e) => {
                let n = e.to_errno();
                pr_warn!("pid {}: could not be received from node {} ({}); it stays there\n", self.pid, self.node, n);
                task::park();
                memory::hook_all()?;
                self.say(Kind::HomeFailed, &[])?;
                self.requested.store(0, Ordering::Relaxed);
                if let Some(r) = self.request.lock().take() {
                    r.finish(Err(Refusal::new(e, format_args!("home could not receive it (error {n}); it stays where it is"))));
                }
                return Ok(None);
            }
        };
        self.account_state(&t.state);
        self.wait_for_clock(t.state.monotonic);
        t.requeue();
        // Signals that crossed with the process on the way.
        self.confirm_signals(t.state.signals_seen);
        let _ = self.scratch.with(|x| x.unseen.iter().for_each(|(_, s)| task::requeue_signal(s)));
        let _ = self.say(Kind::HomeOk, &[]);
        Ok(Some(Move {
            from: self.node,
            to: self.own_node,
            pages,
            frozen_ns: task::now_ns() - begun,
            calls: self.calls.load(Ordering::Relaxed),
        }))
    }
}
