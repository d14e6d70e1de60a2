// SPDX-License-Identifier: GPL-2.0-only
//! Who is up and how busy: small datagrams between nodes, tagged with the cluster key.
//!
//! Each period a node tells its state to two others (`omcore::balance::gossip`): traffic per node does not grow with the
//! cluster. Decisions are made on the few nodes heard of last, the window; what each node of the map said last is kept
//! besides, to be read below `/proc/hpc/nodes`. Who reads there and wants fresher news asks the node.
//!
//! Locks: `loads` and `queries` are leaves.

use super::admission::limits;
use super::balance::Count;
use super::settings::Setting;
use super::{cluster, Cluster, Membership};
use crate::omcore::balance::gossip::{self, Due, Last, Queries, Uplist, Window, QUERIES, UPLIST, WINDOW};
use crate::omcore::balance::message::{self, Kind, Message, LEN, TAG};
use crate::omcore::balance::node::Node;
use crate::omcore::balance::thresholds::{self, State, Thresholds, Watch};
use crate::proc_hpc::value::{Policy, Status};
use crate::sys::socket::Socket;
use crate::sys::{clocks, crypto, node, task, thread};
use core::sync::atomic::{AtomicU64, Ordering};
use kernel::c_str;
use kernel::prelude::*;
use kernel::sync::Arc;

/// UDP port of load messages.
const PORT: u16 = 5428;
/// The receiver waits so long at most before it looks at the clock, ms.
const STEP_MS: u32 = 50;
/// The same while an answer is waited for, ms.
const ASKING_MS: u32 = 5;
/// News of a node older than this are asked for anew when somebody reads them, ms.
const FRESH_MS: u64 = 1500;
/// Who asks looks for the answer so often, ms.
const LOOK_MS: u32 = 2;
/// A node is up when it was heard of within so long, or within three rounds of the map if that is longer; ms.
const PATIENCE_MS: u64 = 10_000;

/// What a node said last.
struct Heard {
    node: Node,
    last: Last,
    /// In ms of our clock; 0: it said nothing, or did not answer.
    at: u64,
}

/// What the others said.
pub(crate) struct Table {
    nodes: KVec<Heard>,
    /// On the heap: it is long.
    recent: Option<KBox<Window<WINDOW>>>,
    up: Uplist<UPLIST>,
    watch: Watch,
}

impl Table {
    pub(crate) const fn new() -> Self {
        Table { nodes: KVec::new(), recent: None, up: Uplist::new(), watch: Watch::new() }
    }

    fn clear(&mut self) -> Result {
        *self = Table::new();
        self.recent = Some(KBox::new(Window::new(), GFP_KERNEL)?);
        Ok(())
    }

    fn of(&self, id: u16) -> Option<&Heard> {
        self.nodes.iter().find(|h| h.node.id == id)
    }

    /// A message. False: it is older than the last, or there is no memory for it.
    fn put(&mut self, m: &Message, now: u64) -> bool {
        let at = match self.nodes.iter().position(|h| h.node.id == m.node.id) {
            Some(at) => at,
            None => {
                let fresh = Heard { node: m.node, last: Last::new(), at: 0 };
                if self.nodes.push(fresh, GFP_KERNEL).is_err() {
                    return false;
                }
                self.nodes.len() - 1
            }
        };
        let Some(h) = self.nodes.get_mut(at) else { return false };
        if !h.last.accept(m.boot, m.serial) {
            return false;
        }
        h.node = m.node;
        h.at = now;
        self.up.heard(m.node.id);
        if let Some(w) = &mut self.recent {
            w.put(m.node, now);
        }
        true
    }

    /// It does not answer. One that has told something of late is no worse for a question that was lost, or answered late:
    /// a busy machine's answers are.
    fn silent(&mut self, id: u16, now: u64, trust_ms: u64) {
        if self.of(id).is_some_and(|h| h.at != 0 && now.saturating_sub(h.at) < trust_ms) {
            return;
        }
        self.up.remove(id);
        if let Some(w) = &mut self.recent {
            w.remove(id);
        }
        for h in self.nodes.iter_mut().filter(|h| h.node.id == id) {
            h.at = 0;
        }
    }

    /// The nodes that a decision looks at.
    pub(super) fn window(&self) -> Result<KVec<Node>> {
        let mut out = KVec::new();
        for n in self.recent.iter().flat_map(|w| w.nodes(now_ms())) {
            out.push(n, GFP_KERNEL)?;
        }
        Ok(out)
    }

    /// What is known of a node that the window may have forgotten.
    pub(super) fn known(&self, id: u16) -> Option<Node> {
        let h = self.of(id).filter(|h| h.at != 0)?;
        let age_ms = u32::try_from(now_ms().saturating_sub(h.at)).unwrap_or(u32::MAX);
        Some(Node { age_ms, status: h.node.status | Status::UP, ..h.node })
    }

    /// A process goes there.
    pub(super) fn expect(&mut self, id: u16, memory: u64) {
        if let Some(w) = &mut self.recent {
            w.expect(id, memory);
        }
    }
}

/// The queries under way.
pub(super) type Asked = Queries<QUERIES>;

/// Milliseconds of our clock, never 0.
fn now_ms() -> u64 {
    task::now_ns() / 1_000_000 + 1
}

/// What is sent, and how.
pub(super) struct Voice {
    sock: Socket,
    /// When this node joined: stamps grow across its restarts.
    boot: u64,
    serial: AtomicU64,
}

impl Voice {
    fn say(&self, m: &Membership, to: u16, kind: Kind, echo: u64) -> Result {
        let serial = self.next();
        self.say_as(m, to, kind, serial, echo)
    }

    fn next(&self) -> u64 {
        self.serial.fetch_add(1, Ordering::Relaxed) + 1
    }

    fn say_as(&self, m: &Membership, to: u16, kind: Kind, serial: u64, echo: u64) -> Result {
        let c = cluster().ok_or(ENODEV)?;
        let ip = m.ip_of(to).ok_or(ENXIO)?;
        let mut out = [0; LEN + TAG];
        let message = Message { kind, boot: self.boot, serial, echo, node: own() };
        let n = message::encode(&message, &mut out).map_err(|_| EINVAL)?;
        let tag = crypto::hmac(m.key(), out.get(..n).ok_or(EINVAL)?)?;
        out.get_mut(n..).ok_or(EINVAL)?.copy_from_slice(&tag);
        c.balance.count(if kind == Kind::Query { Count::Queries } else { Count::Sent });
        self.sock.send_to(ip, PORT, &out);
        Ok(())
    }
}

fn open(data: &[u8], key: &[u8]) -> Option<Message> {
    let (body, tag) = data.split_at_checked(LEN)?;
    let expected = crypto::hmac(key, body).ok()?;
    if !crypto::same(&expected, tag.try_into().ok()?) {
        return None;
    }
    message::decode(body).ok()
}

/// This node's own state.
pub(crate) fn own() -> Node {
    let Some(c) = cluster() else { return Node::default() };
    let (rmem, mem, tmem) = node::memory();
    let s = &c.settings;
    let mut status = Status::SELF;
    for (switch, bit) in [
        (Setting::Block, Status::BLOCK),
        (Setting::Stay, Status::STAY),
        (Setting::Lstay, Status::LSTAY),
        (Setting::Quiet, Status::QUIET),
    ] {
        if s.is(switch) {
            status |= bit;
        }
    }
    let id = c.own_id();
    if id != 0 {
        status |= Status::CONFIGURED | Status::UP;
    }
    let loads = c.gauge.loads();
    let guests = c.guest_processes();
    Node {
        id,
        cpus: node::cpus().clamp(1, u16::MAX.into()) as u16,
        status,
        load: loads.load,
        upload: loads.upload,
        speed: u32::try_from(s.get(Setting::Speed)).unwrap_or(u32::MAX),
        util: loads.util,
        slots: limits(c).slots(guests),
        guests,
        state: c.loads.lock().watch.told(),
        mem: mem.min(tmem),
        rmem: rmem.min(tmem),
        tmem,
        age_ms: 0,
    }
}

/// A node of the map as it is known here. Asks it if the news are old; may wait for the answer, some tens of ms.
pub(crate) fn of(id: u16) -> Option<Node> {
    let c = cluster()?;
    let m = c.membership()?;
    if id == m.own_id() {
        return Some(own());
    }
    m.ip_of(id)?;
    let heard = || c.loads.lock().of(id).map_or(0, |h| h.at);
    if now_ms().saturating_sub(heard()) > FRESH_MS {
        ask(c, &m, id);
    }
    let patience = (m.map().len() as u64 * 3 * c.settings.get(Setting::Period)).max(PATIENCE_MS);
    let loads = c.loads.lock();
    let known = loads.of(id);
    let up = known.is_some_and(|h| h.at != 0 && now_ms().saturating_sub(h.at) < patience);
    let node = known.map_or(Node { id, ..Node::default() }, |h| h.node);
    let status = node.status & !(Status::SELF | Status::UP) | Status::CONFIGURED | if up { Status::UP } else { 0 };
    Some(Node { status, ..node })
}

/// Asks a node, and waits until it has answered or is not going to.
fn ask(c: &Cluster, m: &Membership, id: u16) {
    let Some(voice) = c.voice.lock().clone() else { return };
    let before = c.loads.lock().of(id).map_or(0, |h| h.at);
    let serial = voice.next();
    // Somebody else may be asking it already.
    let _ = c.queries.lock().ask(id, serial, now_ms());
    loop {
        if !pump(c, &voice, m) {
            return;
        }
        task::sleep_ms(LOOK_MS);
        if c.loads.lock().of(id).is_some_and(|h| h.at > before) || task::signal_pending() {
            return;
        }
    }
}

/// Sends the queries that are due. False: none is under way.
fn pump(c: &Cluster, voice: &Voice, m: &Membership) -> bool {
    loop {
        let due = c.queries.lock().due(now_ms());
        match due {
            Due::Send { node, serial } => {
                let _ = voice.say_as(m, node, Kind::Query, serial, 0);
            }
            Due::Failed { node } => c.loads.lock().silent(node, now_ms(), gossip::TRUST * c.settings.get(Setting::Period)),
            Due::Wait { until_ms } => return until_ms != u64::MAX,
        }
    }
}

pub(super) fn start(c: &Cluster, ip: u32) -> Result<thread::Thread> {
    let voice = Arc::new(
        Voice { sock: Socket::datagram(ip, PORT)?, boot: clocks::now().realtime, serial: AtomicU64::new(0) },
        GFP_KERNEL,
    )?;
    c.loads.lock().clear()?;
    *c.queries.lock() = Queries::new(c.settings.get(Setting::Gateways).min(2) as u8);
    *c.voice.lock() = Some(voice.clone());
    thread::Thread::start(c_str!("om_load"), move || run(&voice))
}

fn run(voice: &Voice) {
    let mut next = 0;
    let mut buf = [0; LEN + TAG + 1];
    while !thread::should_stop() {
        let Some(c) = cluster() else { return };
        let Some(m) = c.membership() else {
            thread::sleep(STEP_MS);
            continue;
        };
        let now = now_ms();
        if now >= next {
            next = now + c.settings.get(Setting::Period).max(1);
            tell(c, voice, &m);
        }
        let step = if pump(c, voice, &m) { ASKING_MS } else { STEP_MS };
        let wait = next.saturating_sub(now).clamp(1, step.into()) as u32;
        if let Ok((n, ip)) = voice.sock.recv_from(&mut buf, wait) {
            hear(c, voice, &m, buf.get(..n).unwrap_or(&[]), ip);
        }
    }
}

fn hear(c: &Cluster, voice: &Voice, m: &Membership, data: &[u8], ip: u32) {
    let known = m.id_of(ip).filter(|id| *id != m.own_id());
    let Some(message) = open(data, m.key()).filter(|said| known == Some(said.node.id)) else {
        c.balance.count(Count::Dropped);
        crate::link::pr_warn_ratelimited(format_args!("a load message that is not from this cluster was dropped"));
        return;
    };
    let id = message.node.id;
    // An answer that comes too late for its question is news all the same.
    if message.kind == Kind::Answer {
        let _ = c.queries.lock().answered(id, message.echo);
    }
    let new = c.loads.lock().put(&message, now_ms());
    c.balance.count(if new { Count::Received } else { Count::Dropped });
    // One that is quiet answers all the same (openMosix manual, 6.4).
    if new && message.kind == Kind::Query {
        let _ = voice.say(m, id, Kind::Answer, message.serial);
    }
}

/// What this node says unasked.
fn tell(c: &Cluster, voice: &Voice, m: &Membership) {
    if c.settings.is(Setting::Quiet) {
        return;
    }
    let (others, own_id) = (m.map().len().saturating_sub(1) as u32, m.own_id());
    let in_need = c.settings.is(Setting::Balance) && own().crowding() >= gossip::IN_NEED;
    let random: u64 = crypto::random().first_chunk().copied().map_or(0, u64::from_le_bytes);
    let (targets, asked, news) = {
        let mut loads = c.loads.lock();
        loads.up.period(others + 1);
        let other = |n: u32| m.map().nodes().map(|(id, _)| id).filter(|id| *id != own_id).nth(n as usize);
        let targets = gossip::whom(others, other, &loads.up, [random as u32, (random >> 32) as u32]);
        // In need it asks some by chance: what it has heard of by itself others have heard of too.
        let by_chance = |i: u32| {
            let dice = (random >> (16 * i + 8)) as u32;
            other(dice.checked_rem(others).unwrap_or(0)).filter(|_| in_need)
        };
        let asked: [Option<u16>; gossip::ASK] = core::array::from_fn(|i| by_chance(i as u32));
        let state = thresholds(c).state(c.gauge.running());
        let news = if c.settings.policy() == Policy::Thresholds { loads.watch.step(state) } else { None };
        (targets, asked, news)
    };
    for id in asked.into_iter().flatten() {
        let _ = c.queries.lock().ask(id, voice.next(), now_ms());
    }
    for id in targets.into_iter().flatten() {
        let _ = voice.say(m, id, Kind::Report, 0);
    }
    if news.is_some_and(|s| s == State::Under || s == State::Full) {
        each_preferred(c, m, |id| {
            let _ = voice.say(m, id, Kind::State, 0);
        });
    }
}

/// Of the second policy.
pub(super) fn thresholds(c: &Cluster) -> Thresholds {
    let t = c.settings.thresholds();
    Thresholds { under: t.under, full: t.full, over: t.over }
}

/// The nodes to ask first under the second policy: those that the administrator named, or made from the map.
pub(super) fn each_preferred(c: &Cluster, m: &Membership, mut f: impl FnMut(u16)) {
    let named = c.settings.preferred();
    if !named.ids().is_empty() {
        named.ids().iter().copied().filter(|id| *id != m.own_id() && m.ip_of(*id).is_some()).for_each(f);
        return;
    }
    let nodes = m.map().len() as u32;
    let Some(own) = m.map().nodes().position(|(id, _)| id == m.own_id()) else { return };
    for place in 0..nodes.min(crate::proc_hpc::value::NodeList::MOST as u32) {
        let Some(n) = thresholds::preferred(own as u32, nodes, place) else { return };
        if let Some((id, _)) = m.map().nodes().nth(n as usize) {
            f(id);
        }
    }
}
