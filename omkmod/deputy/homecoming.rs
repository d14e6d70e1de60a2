// SPDX-License-Identifier: GPL-2.0-only
//! Coming home: the deputy becomes the process again.

use super::{Deputy, End};
use crate::cluster::admission::{self, Promise};
use crate::cluster::cluster;
use crate::sys::errno::EPROTO;
use crate::link::{bad, FOREVER};
use crate::omcore::clocks::{homecoming, Homecoming};
use crate::omcore::wire::{Clocks, Kind, Reader, State};
use crate::process::image::{self, Thread};
use crate::process::records::Move;
use crate::sys::shared::Claims;
use crate::sys::{clocks, memory, task};
use core::sync::atomic::Ordering;
use kernel::prelude::*;

impl Deputy {
    /// Clocks of two nodes do not run equally fast. Time must not go back for the process, so it waits here for the
    /// difference that has come up while it was away.
    fn wait_for_clock(&self, seen: &State) {
        let seen = Clocks { monotonic: seen.monotonic, raw: seen.raw, realtime: seen.realtime, ..Clocks::default() };
        match homecoming(&seen, &clocks::now()) {
            Homecoming::Wait(0) => (),
            Homecoming::Wait(ms) => task::sleep_ms(ms as u32),
            Homecoming::Back(ms) => pr_warn!(
                "pid {}: the clock of node {} is {} ms ahead; time goes back for the process\n",
                self.away.pid,
                self.away.node,
                ms
            ),
        }
    }

    /// After a `Coming` frame: the end of being a deputy. `None`: the process could not be received, and is a guest as before.
    #[inline(never)]
    pub(super) fn receive_home(&self) -> Result<Option<End>> {
        let begun = task::now_ns();
        // It comes on its own account: those that share its memory do not know yet.
        if !self.away.wanted() {
            self.away.recall();
        }
        let (errand, size) = self.link.with(|l| {
            let mut r = Reader::new(l.body());
            let (errand, size) = (r.u64().map_err(bad)?, r.u64().map_err(bad)?);
            r.finish().map_err(bad)?;
            Ok::<_, Error>((errand != 0, size))
        })??;
        let mut thread: Option<KBox<Thread>> = None;
        let mut pages = 0;
        let mut failed: Option<Error> = None;
        // This deputy receives the memory.
        let mut collects = false;
        let mut room: Option<Promise> = None;
        loop {
            let frame = self.link.with(|l| l.recv_within(FOREVER))??;
            if matches!(frame.kind, Kind::Pages | Kind::End) && !collects {
                // Windows stay what they are until no thread is in a call.
                let complete = self.away.gather()?;
                // From here on they are known by this only.
                match Claims::away() {
                    Ok(claims) => *self.away.objects.lock() = Some(claims),
                    Err(e) => failed = failed.or(Some(e)),
                }
                memory::receiving(true);
                collects = true;
                room = cluster().and_then(|c| admission::welcome(c, size));
                if !complete || room.is_none() {
                    failed = failed.or(Some(ENOMEM));
                }
            }
            match frame.kind {
                Kind::State if thread.is_none() && failed.is_none() => {
                    match self.link.with(|l| Thread::take(l.body()))? {
                        Ok(t) => thread = Some(t),
                        Err(e) => failed = Some(e),
                    }
                    self.away.arrive(failed.is_none());
                }
                Kind::Pages if failed.is_none() => match self.link.with(|l| image::deliver_pages(l, frame))? {
                    Ok(n) => {
                        pages += n;
                        if let Some(room) = &room {
                            room.kept(n);
                        }
                    }
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
                Kind::Rest => break,
                _ => return Err(EPROTO),
            }
            if failed.is_some() {
                self.link.with(|l| l.skip_bulk())??;
            }
        }
        if thread.is_none() && failed.is_none() {
            return Err(EPROTO);
        }
        drop(room);
        let mut seat = None;
        let home = if collects {
            if failed.is_none() {
                memory::unhook_all();
            }
            let received = failed
                .map_or(Ok(()), Err)
                .and_then(|()| thread.as_ref().map_or(Err(EPROTO), |t| t.restore()));
            if let Err(e) = received {
                let n = e.to_errno();
                let (pid, node) = (self.away.pid, self.away.node);
                if task::dying() {
                    // It will not be anywhere.
                    return Err(e);
                }
                pr_warn!("pid {}: could not be received from node {} ({}); it stays there\n", pid, node, n);
                failed = Some(e);
            }
            let verdict = self.meet(received.is_ok())?;
            if !verdict.home {
                memory::hook_all(self.away.node, false)?;
                memory::receiving(false);
            }
            let objects = self.away.objects.lock().take();
            drop(objects);
            seat = verdict.seat;
            self.away.settle(verdict.home);
            verdict.home
        } else {
            self.away.settled()?
        };
        let Some(t) = thread.filter(|_| home) else {
            task::park();
            self.say(Kind::HomeFailed, &[])?;
            task::stop_again();
            self.away.give_up(failed.unwrap_or(ENOMEM))?;
            return Ok(None);
        };
        if !collects {
            t.restore()?;
        }
        if collects {
            memory::relock();
        }
        self.account_state(&t.state);
        self.wait_for_clock(&t.state);
        Thread::go_on_waiting(&t.state);
        // Signals whose handlers have not begun, and those that crossed with the process on the way.
        self.confirm_signals(t.state.signals_seen);
        t.signals.iter().for_each(|s| task::rearm(s, &t.sigactions));
        t.requeue();
        let _ = self.scratch.with(|x| {
            x.unseen.iter().for_each(|(_, s)| {
                task::rearm(s, &t.sigactions);
                task::requeue_signal(s);
            });
        });
        let _ = self.say(Kind::HomeOk, &[]);
        let told = collects.then(|| Move {
            from: self.away.node,
            to: self.away.own_node,
            pages,
            frozen_ns: task::now_ns() - begun,
            calls: self.away.calls.load(Ordering::Relaxed),
        });
        let errand = errand || self.errand.swap(false, Ordering::Relaxed);
        Ok(Some(End::Home { told: told.map(|m| (m, seat)), errand }))
    }
}
