// SPDX-License-Identifier: GPL-2.0-only
//! Who is up and how busy: small datagrams between nodes, tagged with the cluster key.
//!
//! Each period a node tells its state to two other nodes of the map: one in turn, beginning at a random place, and one by
//! chance, whether they are up or not. Traffic per node does not grow with the cluster.

use super::cluster;
use crate::omcore::wire::{Reader, Writer};
use crate::proc_hpc::value::Status;
use crate::sys::socket::Socket;
use crate::sys::{crypto, node, task, thread};
use core::sync::atomic::{AtomicU64, Ordering};
use kernel::c_str;
use kernel::prelude::*;

/// UDP port of load messages.
const PORT: u16 = 5428;
/// Milliseconds between messages of one node.
const PERIOD_MS: u32 = 1000;
/// "OML1".
const MAGIC: u32 = 0x314c_4d4f;
const LEN: usize = 4 + 2 + 2 + 8 * 9 + 32;

/// What one node says of itself.
#[derive(Clone, Copy, Default)]
pub(crate) struct Load {
    /// Node id.
    pub(crate) id: u16,
    /// [`Status`] bits.
    pub(crate) status: u32,
    /// Hundredths of a running process.
    pub(crate) load: u64,
    /// Bytes to be had without swapping; not in use; in the machine.
    pub(crate) mem: u64,
    pub(crate) rmem: u64,
    pub(crate) tmem: u64,
    /// In units of `sspeed`.
    pub(crate) speed: u64,
    /// Percent of CPU time used in the last period.
    pub(crate) util: u64,
    /// Processors.
    pub(crate) cpus: u64,
    /// Grows with every message of one node: replays are older.
    pub(crate) stamp: u64,
    /// When it came, in ns of our clock.
    pub(crate) heard: u64,
}

/// What the others said last.
pub(crate) struct Table(KVec<Load>);

impl Table {
    pub(crate) const fn new() -> Self {
        Table(KVec::new())
    }

    /// What is known of a node.
    pub(crate) fn of(&self, id: u16) -> Option<Load> {
        self.0.iter().find(|l| l.id == id).copied()
    }

    fn put(&mut self, new: Load) {
        if let Some(old) = self.0.iter_mut().find(|l| l.id == new.id) {
            if new.stamp > old.stamp {
                *old = new;
            }
        } else {
            let _ = self.0.push(new, GFP_KERNEL);
        }
    }

    fn clear(&mut self) {
        self.0 = KVec::new();
    }
}

/// Percent of CPU time that this node used in the last period.
static UTIL: AtomicU64 = AtomicU64::new(0);

fn measure(last: &mut (u64, u64)) {
    let (busy, total) = node::cputime();
    let (b, t) = (busy.saturating_sub(last.0), total.saturating_sub(last.1));
    if t > 0 {
        UTIL.store((b.saturating_mul(100) / t).min(100), Ordering::Relaxed);
    }
    *last = (busy, total);
}

/// This node's own state.
pub(crate) fn own() -> Load {
    let Some(c) = cluster() else { return Load::default() };
    let (rmem, mem, tmem) = node::memory();
    let s = &c.switches;
    let mut status = Status::SELF;
    for (switch, bit) in
        [(&s.block, Status::BLOCK), (&s.stay, Status::STAY), (&s.lstay, Status::LSTAY), (&s.quiet, Status::QUIET)]
    {
        if switch.load(Ordering::Relaxed) {
            status |= bit;
        }
    }
    let id = c.own_id();
    if id != 0 {
        status |= Status::CONFIGURED | Status::UP;
    }
    Load {
        id,
        status,
        load: node::load(),
        mem,
        rmem,
        tmem,
        speed: s.speed.load(Ordering::Relaxed),
        util: UTIL.load(Ordering::Relaxed),
        cpus: node::cpus().into(),
        stamp: task::now_ns(),
        heard: task::now_ns(),
    }
}

/// A node of the map as it is known here. Up: heard of within three rounds of the map, and at least 10 s.
pub(crate) fn of(id: u16) -> Option<Load> {
    let c = cluster()?;
    let m = c.membership()?;
    if id == m.own_id() {
        return Some(own());
    }
    m.ip_of(id)?;
    let mut l = c.loads.lock().of(id).unwrap_or(Load { id, ..Load::default() });
    let patience = (m.map().len() as u64 * 3).max(10) * u64::from(PERIOD_MS) * 1_000_000;
    let up = l.heard != 0 && task::now_ns().saturating_sub(l.heard) < patience;
    l.status = l.status & !(Status::SELF | Status::UP) | Status::CONFIGURED | if up { Status::UP } else { 0 };
    Some(l)
}

fn encode(l: &Load, boot: u64, key: &[u8]) -> Result<[u8; LEN]> {
    let mut out = [0; LEN];
    let mut w = Writer::new(&mut out);
    w.u32(MAGIC);
    w.u16(1);
    w.u16(l.id);
    for v in [l.status.into(), l.load, l.mem, l.rmem, l.tmem, l.speed, l.util, l.cpus, boot + l.stamp] {
        w.u64(v);
    }
    let at = w.len().map_err(|_| EINVAL)?;
    let tag = crypto::hmac(key, out.get(..at).ok_or(EINVAL)?)?;
    out.get_mut(at..).ok_or(EINVAL)?.copy_from_slice(&tag);
    Ok(out)
}

fn decode(data: &[u8], key: &[u8]) -> Option<Load> {
    if data.len() != LEN {
        return None;
    }
    let (said, tag) = data.split_at_checked(LEN - 32)?;
    let mut r = Reader::new(said);
    if r.u32().ok()? != MAGIC || r.u16().ok()? != 1 {
        return None;
    }
    let id = r.u16().ok()?;
    let mut next = || r.u64().ok();
    let l = Load {
        id,
        status: next()? as u32,
        load: next()?,
        mem: next()?,
        rmem: next()?,
        tmem: next()?,
        speed: next()?,
        util: next()?,
        cpus: next()?,
        stamp: next()?,
        heard: task::now_ns(),
    };
    let expected = crypto::hmac(key, said).ok()?;
    crypto::same(&expected, tag.try_into().ok()?).then_some(l)
}

pub(super) fn start(ip: u32) -> Result<thread::Thread> {
    let sock = Socket::datagram(ip, PORT)?;
    if let Some(c) = cluster() {
        c.loads.lock().clear();
    }
    thread::Thread::start(c_str!("om_load"), move || run(&sock))
}

fn run(sock: &Socket) {
    let mut turn = u32::from_le_bytes(crypto::random().first_chunk().copied().unwrap_or_default()) as usize;
    // Stamps must grow across a restart of this node too.
    let boot = crate::sys::node::realtime_ns();
    let mut next = 0;
    let mut buf = [0; LEN + 1];
    let mut last = node::cputime();
    while !thread::should_stop() {
        let Some(c) = cluster() else { return };
        let Some(m) = c.membership() else {
            thread::sleep(50);
            continue;
        };
        let now = task::now_ns();
        if now >= next {
            next = now + u64::from(PERIOD_MS) * 1_000_000;
            measure(&mut last);
            if !c.switches.quiet.load(Ordering::Relaxed) {
                if let Ok(message) = encode(&own(), boot, m.key()) {
                    tell(sock, &m, &message, &mut turn);
                }
            }
        }
        if let Ok((n, ip)) = sock.recv_from(&mut buf, 100) {
            let known = m.id_of(ip);
            match buf.get(..n).and_then(|d| decode(d, m.key())) {
                Some(l) if known == Some(l.id) && l.id != m.own_id() => c.loads.lock().put(l),
                _ => crate::link::pr_warn_ratelimited(format_args!("a load message that is not from this cluster was dropped")),
            }
        }
    }
}

fn tell(sock: &Socket, m: &super::Membership, message: &[u8], turn: &mut usize) {
    let map = m.map();
    let n = map.len();
    // The next in turn, and one at random: both skip ourselves.
    let random = u32::from_le_bytes(crypto::random().first_chunk().copied().unwrap_or_default()) as usize;
    *turn = turn.wrapping_add(1);
    for pick in [*turn, random] {
        let chosen = map.nodes().filter(|(id, _)| *id != m.own_id()).nth(pick.checked_rem(n.saturating_sub(1)).unwrap_or(0));
        if let Some((_, ip)) = chosen {
            sock.send_to(ip, PORT, message);
        }
    }
}
