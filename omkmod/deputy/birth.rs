// SPDX-License-Identifier: GPL-2.0-only
//! Children of a process that is away. Home's half of a child is a deputy from its first moment: before it can
//! run it connects to the node where its other half waits for it.

use super::{Away, Deputy, End};
use crate::cluster::cluster;
use crate::link::{self, bad};
use crate::omcore::wire::{reply_flag, Call, Fork, Join, Kind, Reader, Writer};
use crate::process::image::ERESTARTNOINTR;
use crate::process::journey;
use crate::sys::errno::{ENETDOWN, EPROTO};
use crate::sys::memory::ForkCopy;
use crate::sys::task::{self, Clone3, Half, Role};
use core::sync::atomic::Ordering;
use kernel::prelude::*;
use kernel::sync::Arc;

const CLONE_VM: u64 = 0x100;
const CLONE_VFORK: u64 = 0x4000;
const CLONE_THREAD: u64 = 0x1_0000;
const NR_WAIT4: u32 = 61;
const WALL: u64 = 0x4000_0000;

/// What the child needs to become a deputy.
struct Newborn {
    node: u16,
    own_node: u16,
    /// Of a thread: what it becomes a part of.
    away: Option<Arc<Away>>,
    cookie: [u64; 2],
    borrows: bool,
    copy: Option<ForkCopy>,
}

impl Deputy {
    /// The guest wants a child.
    #[inline(never)]
    pub(super) fn fork(&self) -> Result<Option<End>> {
        self.away.calls.fetch_add(1, Ordering::Relaxed);
        let f = self.link.with(|l| {
            let mut r = Reader::new(l.body());
            let f = Fork::take(&mut r).map_err(bad)?;
            r.finish().map_err(bad)?;
            Ok::<_, Error>(f)
        })??;
        self.calling.store(true, Ordering::Relaxed);
        self.take_mask(f.blocked, f.signals_seen);
        self.account(f.utime, f.stime);
        self.freshen(&mut self.away.window())?;
        let (ax, flags) = if f.signals_seen != self.signals_sent.load(Ordering::Relaxed) {
            (ERESTARTNOINTR, 0)
        } else if self.wanted() {
            (ERESTARTNOINTR, reply_flag::COME_HOME)
        } else {
            self.make_child(&f)?
        };
        self.calling.store(false, Ordering::Relaxed);
        self.reply(&Call::default(), ax, flags, 0)?;
        if ax > 0 && f.flags & CLONE_VFORK != 0 {
            self.await_vfork()?;
        }
        Ok(None)
    }

    fn make_child(&self, f: &Fork) -> Result<(i64, u64)> {
        let how = Clone3 {
            flags: f.flags,
            exit_signal: f.exit_signal,
            pidfd: f.pidfd,
            cgroup: f.cgroup,
            ..Clone3::default()
        };
        loop {
            let copy = if f.flags & CLONE_VM == 0 {
                match ForkCopy::prepare() {
                    Ok(copy) => Some(copy),
                    Err(e) => return Ok((i64::from(e.to_errno()), 0)),
                }
            } else {
                None
            };
            let newborn = Newborn {
                node: self.away.node,
                own_node: self.away.own_node,
                away: (f.flags & CLONE_THREAD != 0).then(|| self.away.clone()),
                cookie: [f.cookie_low, f.cookie_high],
                borrows: f.flags & CLONE_VFORK != 0 && f.flags & CLONE_VM != 0,
                copy,
            };
            let sent = self.signals_sent.load(Ordering::Relaxed);
            let e = match task::give_birth(&how, Half::Home, move |exiting| born(newborn, exiting)) {
                Ok(pid) => return Ok((i64::from(pid), 0)),
                Err(e) => i64::from(e.to_errno()),
            };
            if e != ERESTARTNOINTR {
                return Ok((e, 0));
            }
            self.signals(false)?;
            if self.signals_sent.load(Ordering::Relaxed) != sent {
                return Ok((e, 0));
            }
            if self.wanted() {
                return Ok((e, reply_flag::COME_HOME));
            }
        }
    }

    /// The guest's half stands still until the child that has borrowed its memory is done with it: until then this half takes
    /// no signals either, as a parent in vfork.
    fn await_vfork(&self) -> Result {
        loop {
            let frame = self.link.with(|l| l.recv_within(link::FOREVER))??;
            match frame.kind {
                Kind::VforkDone => return Ok(()),
                Kind::Unborn => self.unborn()?,
                Kind::WantHome => self.wished.store(true, Ordering::Relaxed),
                Kind::Declined => self.declined()?,
                _ => return Err(EPROTO),
            }
        }
    }

    /// The child's other half could not be made. Ours sees that nobody waits for it and ends without a sound; it only
    /// has to be taken away. (A thread needs nobody for that.)
    #[inline(never)]
    pub(super) fn unborn(&self) -> Result {
        let pid = self.link.with(|l| Reader::new(l.body()).u64().map_err(bad))??;
        let _ = task::syscall(NR_WAIT4, [pid, 0, WALL, 0, 0, 0]);
        self.reply(&Call::default(), 0, 0, 0)
    }

    /// Role and place, for a newborn.
    fn install_newborn(self: &Arc<Self>) -> Result {
        self.away.join()?;
        task::become_role(Role::Deputy, Arc::into_raw(self.clone()).cast());
        self.link.with(|l| l.socket().open_deputys_ear())?
    }
}

/// In the child, before anything else.
fn born(newborn: Newborn, exiting: bool) {
    if exiting {
        return;
    }
    let node = newborn.node;
    match newborn.begin() {
        Ok(deputy) => journey::away(deputy),
        Err(e) => {
            let (pid, n) = (task::pid(), e.to_errno());
            // Unless somebody has killed it meanwhile.
            if !task::dying() {
                pr_warn!("pid {}: born to a process on node {}, could not reach it ({}); it ends with SIGKILL\n", pid, node, n);
            }
            task::kill_self();
        }
    }
}

impl Newborn {
    #[inline(never)]
    fn begin(self) -> Result<Arc<Deputy>> {
        match self.copy {
            Some(copy) => copy.adopt()?,
            None => task::newborn_memory_done(),
        }
        task::park();
        let c = cluster().ok_or(ENETDOWN)?;
        let mut link = link::connect(c, self.node)?;
        let mut body = [0u8; 32];
        let mut w = Writer::new(&mut body);
        let (_, own_tid) = task::own_ids();
        Join {
            cookie_low: self.cookie[0],
            cookie_high: self.cookie[1],
            pid: task::pid() as u64,
            own_tid: own_tid as u64,
        }
        .put(&mut w);
        w.len().map_err(bad)?;
        link.send(Kind::Join, &[&body])?;
        // From now on input is a call.
        link.welcomed()?;
        let away = match self.away {
            Some(away) => away,
            None => {
                let away = Away::new(self.own_node, self.node, self.borrows)?;
                c.add_away(away.clone())?;
                away
            }
        };
        let deputy = Deputy::new(away, link)?;
        deputy.complete.store(false, Ordering::Relaxed);
        deputy.install_newborn()?;
        Ok(deputy)
    }
}
