// SPDX-License-Identifier: GPL-2.0-only

//! Who is told, who is remembered, and who is asked.
//!
//! Each period a node tells its load to two others: one of all configured ones, so that a node that was away is found
//! again, and one of those it heard of lately, so that most messages arrive. It decides on the few nodes that it heard of
//! last, its [`Window`]. Traffic and memory per node are the same in a cluster of ten and of ten thousand, and no two
//! nodes look at the same part of it (openMosix manual, 6.5 and 6.6).
//!
//! All of it is small and lives where the caller puts it; [`Window`] and [`Uplist`] belong on the heap.

use super::node::{status, Node};

/// Time-out of a query, in ms, without gateways (the manual's `INFO_TIMO`).
pub const TIMEOUT_MS: u32 = 50;
/// A query is sent again after so long, in ms, without gateways (`INFO_RETRY`).
pub const RETRY_MS: u32 = 20;
/// A query is sent so often at most.
pub const TRIES: u8 = 3;
/// A node that has told something within so many periods is there, though it did not answer a query.
pub const TRUST: u64 = 3;
/// So many nodes, by chance, a node asks in a period in which its processes wait for processors ([`Node::crowding`] of
/// [`IN_NEED`] or more): what its window knows are others' leavings. Their answers are news as any; they spare more
/// refused requests than they cost messages.
pub const ASK: usize = 2;
/// See [`ASK`]; hundredths.
pub const IN_NEED: u32 = 150;
/// Queries under way at a time (`SIMULTANEOUS_QUERIES`).
pub const QUERIES: usize = 10;
/// The manual's window. A few more cost little; many more make all nodes see the same.
pub const WINDOW: usize = 16;
/// The manual's list of nodes that are up.
pub const UPLIST: usize = 32;

/// The nodes that were heard of last.
#[derive(Clone, Copy, Debug)]
pub struct Window<const N: usize> {
    nodes: [Node; N],
    /// When each was heard, in ms of the caller's clock.
    heard: [u64; N],
    next: usize,
}

impl<const N: usize> Default for Window<N> {
    fn default() -> Self {
        Self::new()
    }
}

impl<const N: usize> Window<N> {
    /// Knows nobody.
    pub const fn new() -> Self {
        const NOBODY: Node = Node {
            id: 0,
            cpus: 0,
            status: 0,
            load: 0,
            upload: 0,
            speed: 0,
            util: 0,
            slots: 0,
            guests: 0,
            state: super::thresholds::State::Under,
            mem: 0,
            rmem: 0,
            tmem: 0,
            age_ms: 0,
        };
        Window { nodes: [NOBODY; N], heard: [0; N], next: 0 }
    }

    /// News of a node. It takes the next slot in turn, and older news of the same node are forgotten.
    pub fn put(&mut self, node: Node, now_ms: u64) {
        self.remove(node.id);
        if let (Some(slot), Some(heard)) = (self.nodes.get_mut(self.next), self.heard.get_mut(self.next)) {
            *slot = node;
            *heard = now_ms;
        }
        self.next = if self.next.saturating_add(1) >= N { 0 } else { self.next.saturating_add(1) };
    }

    /// What is known, each with its age.
    pub fn nodes(&self, now_ms: u64) -> impl Iterator<Item = Node> + Clone + '_ {
        self.nodes.iter().zip(self.heard.iter()).filter(|(n, _)| n.id != 0).map(move |(node, heard)| Node {
            age_ms: u32::try_from(now_ms.saturating_sub(*heard)).unwrap_or(u32::MAX),
            status: node.status | status::UP,
            ..*node
        })
    }

    /// What is known of one node.
    pub fn of(&self, id: u16, now_ms: u64) -> Option<Node> {
        self.nodes(now_ms).find(|n| n.id == id)
    }

    /// Books a process that was sent to it: see [`Node::expect`].
    pub fn expect(&mut self, id: u16, memory: u64) {
        if let Some(node) = self.nodes.iter_mut().find(|n| n.id == id && id != 0) {
            node.expect(memory);
        }
    }

    /// Forgets a node: it does not answer, or left the map.
    pub fn remove(&mut self, id: u16) {
        for node in self.nodes.iter_mut().filter(|n| n.id == id) {
            node.id = 0;
        }
    }

    /// Keeps only these nodes, after a change of the map.
    pub fn retain(&mut self, mut keep: impl FnMut(u16) -> bool) {
        for node in self.nodes.iter_mut().filter(|n| n.id != 0) {
            if !keep(node.id) {
                node.id = 0;
            }
        }
    }
}

/// The nodes that are up, the one heard of last first.
#[derive(Clone, Copy, Debug)]
pub struct Uplist<const N: usize> {
    ids: [u16; N],
    ages: [u16; N],
    len: usize,
}

impl<const N: usize> Default for Uplist<N> {
    fn default() -> Self {
        Self::new()
    }
}

impl<const N: usize> Uplist<N> {
    /// Nobody.
    pub const fn new() -> Self {
        Uplist { ids: [0; N], ages: [0; N], len: 0 }
    }

    /// A node was heard of: it becomes the first. A full list forgets its last.
    pub fn heard(&mut self, id: u16) {
        if id == 0 || N == 0 {
            return;
        }
        let at = self.ids().position(|known| known == id);
        let end = match at {
            Some(at) => at + 1,
            None => {
                self.len = self.len.saturating_add(1).min(N);
                self.len
            }
        };
        if let (Some(ids), Some(ages)) = (self.ids.get_mut(..end), self.ages.get_mut(..end)) {
            ids.rotate_right(1);
            ages.rotate_right(1);
        }
        if let (Some(first), Some(age)) = (self.ids.first_mut(), self.ages.first_mut()) {
            *first = id;
            *age = 0;
        }
    }

    /// Ends a period: who was not heard of for 10 periods per other node of the cluster, at most 32767, is forgotten.
    pub fn period(&mut self, configured: u32) {
        let limit = configured.saturating_sub(1).saturating_mul(10).min(32767) as u16;
        for age in self.ages.iter_mut().take(self.len) {
            *age = age.saturating_add(1);
        }
        // They stand in the order of their ages.
        self.len = self.ages.iter().take(self.len).take_while(|&&age| age < limit).count();
    }

    /// A node does not answer, or left the map.
    pub fn remove(&mut self, id: u16) {
        let at = self.ids().position(|known| known == id);
        if let Some(at) = at {
            if let (Some(ids), Some(ages)) = (self.ids.get_mut(at..self.len), self.ages.get_mut(at..self.len))
            {
                ids.rotate_left(1);
                ages.rotate_left(1);
                self.len -= 1;
            }
        }
    }

    /// The ids, the one heard of last first.
    pub fn ids(&self) -> impl Iterator<Item = u16> + Clone + '_ {
        self.ids.iter().copied().take(self.len)
    }

    /// Nodes on it.
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Nobody is on it.
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The `n`th, for a random choice.
    pub fn get(&self, n: usize) -> Option<u16> {
        self.ids().nth(n)
    }
}

/// Whom to tell in this period: one of the `configured` others, by its number among them, and one of the list, never
/// the same. `other(n)` gives the id of the nth configured node without the own one, `dice` two random numbers.
pub fn whom<const N: usize>(
    configured: u32,
    other: impl FnOnce(u32) -> Option<u16>,
    up: &Uplist<N>,
    dice: [u32; 2],
) -> [Option<u16>; 2] {
    let [first, second] = dice;
    let any = if configured == 0 { None } else { other(first % configured) };
    let live = match u32::try_from(up.len()) {
        Ok(len) if len > 0 => up.get((second % len) as usize),
        _ => None,
    };
    [any, live.filter(|&id| Some(id) != any)]
}

/// What was accepted of one node last: what is older is a copy that somebody kept. One for each node of the map.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Last {
    boot: u64,
    serial: u64,
}

impl Last {
    /// Nothing was accepted yet.
    pub const fn new() -> Self {
        Last { boot: 0, serial: 0 }
    }

    /// Whether a message with these stamps is newer than all before; then it is the last from now on. The datagrams of a node
    /// may overtake each other: the slower is old news and is dropped too.
    pub fn accept(&mut self, boot: u64, serial: u64) -> bool {
        let new = (boot, serial) > (self.boot, self.serial);
        if new {
            *self = Last { boot, serial };
        }
        new
    }
}

/// A query under way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Query {
    /// 0: this slot is free.
    node: u16,
    tries: u8,
    serial: u64,
    began_ms: u64,
    sent_ms: u64,
}

/// What is to be done about a query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    /// Send it, once more perhaps, with its serial.
    Send {
        /// To whom.
        node: u16,
        /// With which serial.
        serial: u64,
    },
    /// Nobody answered: the node is down as far as we know.
    Failed {
        /// Who did not.
        node: u16,
    },
    /// Nothing before this time, in ms; `u64::MAX` when no query is under way.
    Wait {
        /// Until when.
        until_ms: u64,
    },
}

/// The queries under way, at most `N`.
#[derive(Clone, Copy, Debug)]
pub struct Queries<const N: usize> {
    slots: [Query; N],
    /// Multiplies the times: 1 + gateways.
    hops: u32,
}

impl<const N: usize> Queries<N> {
    /// None. `gateways` is 0 to 2.
    pub const fn new(gateways: u8) -> Self {
        const FREE: Query = Query { node: 0, tries: 0, serial: 0, began_ms: 0, sent_ms: 0 };
        let hops = if gateways > 2 { 3 } else { 1 + gateways as u32 };
        Queries { slots: [FREE; N], hops }
    }

    /// Begins to ask a node; [`Queries::due`] sends. False: no slot is free, or the node is being asked.
    pub fn ask(&mut self, node: u16, serial: u64, now_ms: u64) -> bool {
        if node == 0 || self.slots.iter().any(|q| q.node == node) {
            return false;
        }
        let Some(free) = self.slots.iter_mut().find(|q| q.node == 0) else { return false };
        *free = Query { node, tries: 0, serial, began_ms: now_ms, sent_ms: now_ms };
        true
    }

    /// An answer came. False: nobody asked that.
    pub fn answered(&mut self, node: u16, echo: u64) -> bool {
        match self.slots.iter_mut().find(|q| q.node == node && node != 0 && q.serial == echo && q.tries > 0) {
            Some(query) => {
                query.node = 0;
                true
            }
            None => false,
        }
    }

    /// What to do now; call until it says wait. A stray answer changes nothing.
    pub fn due(&mut self, now_ms: u64) -> Due {
        let timeout = u64::from(TIMEOUT_MS * self.hops);
        let retry = u64::from(RETRY_MS * self.hops);
        let mut until_ms = u64::MAX;
        for query in self.slots.iter_mut().filter(|q| q.node != 0) {
            let ends = query.began_ms.saturating_add(timeout);
            let again = query.sent_ms.saturating_add(retry);
            if now_ms >= ends {
                let node = query.node;
                query.node = 0;
                return Due::Failed { node };
            }
            if query.tries == 0 || query.tries < TRIES && now_ms >= again {
                query.tries += 1;
                query.sent_ms = now_ms;
                return Due::Send { node: query.node, serial: query.serial };
            }
            until_ms = until_ms.min(if query.tries < TRIES { again.min(ends) } else { ends });
        }
        Due::Wait { until_ms }
    }
}
