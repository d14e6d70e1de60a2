// SPDX-License-Identifier: GPL-2.0-only

//! The nodes' network: one thread that passes Ethernet frames between the nodes' sockets.
//!
//! A node's NIC is a QEMU `stream` netdev: frames, each behind its length in 32 bits big-endian. The switch
//! knows every node's address (see [`mac`]), floods what it does not know, and treats each directed link as
//! [`Faults`] says. Without faults a frame is handed on at once. A node that does not take its frames
//! (paused, or overrun) loses the newest ones, as with any switch whose buffer is full.

use std::{
    collections::{BTreeMap, BinaryHeap, HashMap},
    io::{self, Read, Write},
    os::{fd::AsFd, unix::net::UnixStream},
    sync::{Arc, Mutex, MutexGuard},
    thread,
    time::{Duration, Instant},
};

use anyhow::Result;
use nix::{
    poll::{ppoll, PollFd, PollFlags},
    sys::time::TimeSpec,
};

use crate::NodeId;

/// Bytes that wait for one node before frames are dropped.
const QUEUE_LIMIT: usize = 4 << 20;
/// Longest frame QEMU sends (its `NET_BUFSIZE`).
const FRAME_LIMIT: usize = 4096 + 65536;

/// The hardware address of a node's NIC.
pub fn mac(id: NodeId) -> [u8; 6] {
    [0x52, 0x54, 0x00, 0x4f, 0x4d, id as u8]
}

/// What goes wrong on a directed link. The default is nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Faults {
    /// Nothing passes.
    pub cut: bool,
    /// Every frame arrives so much later.
    pub delay: Duration,
    /// Up to so much later still, at random; frames keep their order unless `reorder` lets them overtake.
    pub jitter: Duration,
    /// Probability that a frame is lost, 0 to 1.
    pub loss: f64,
    /// Probability that a frame arrives twice.
    pub duplicate: f64,
    /// Probability that a frame is held back until later ones have passed it (for [`Faults::HOLD`]).
    pub reorder: f64,
}

impl Faults {
    /// How long a reordered frame is held back.
    pub const HOLD: Duration = Duration::from_millis(3);

    pub fn cut() -> Self {
        Faults { cut: true, ..Faults::default() }
    }

    pub fn delay(delay: Duration) -> Self {
        Faults { delay, ..Faults::default() }
    }

    pub fn loss(loss: f64) -> Self {
        Faults { loss, ..Faults::default() }
    }
}

/// What passed a directed link.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Traffic {
    pub frames: u64,
    pub bytes: u64,
    /// Frames that a fault or a full queue swallowed.
    pub lost: u64,
}

/// The network as tests see it. Clones are the same network.
#[derive(Clone)]
pub struct Network {
    shared: Arc<Mutex<Shared>>,
    /// A byte written here makes the switch look at `shared`.
    bell: Arc<UnixStream>,
}

#[derive(Default)]
struct Shared {
    faults: HashMap<(NodeId, NodeId), Faults>,
    traffic: HashMap<(NodeId, NodeId), Traffic>,
    /// Nodes to attach, in order.
    arrivals: Vec<(NodeId, UnixStream)>,
    stop: bool,
}

impl Network {
    /// Starts a switch without nodes. `seed` determines what is lost, doubled and reordered.
    pub(crate) fn start(seed: u64) -> Result<Network> {
        let (bell, heard) = UnixStream::pair()?;
        heard.set_nonblocking(true)?;
        bell.set_nonblocking(true)?;
        let network = Network { shared: Arc::default(), bell: Arc::new(bell) };
        let mut switch = Switch {
            shared: network.shared.clone(),
            bell: heard,
            ports: BTreeMap::new(),
            held: BinaryHeap::new(),
            next_sequence: 0,
            random: Random(seed),
        };
        thread::Builder::new().name("switch".into()).spawn(move || switch.run())?;
        Ok(network)
    }

    /// Attaches a node's socket; a former one of the same node is dropped.
    pub(crate) fn attach(&self, id: NodeId, socket: UnixStream) -> Result<()> {
        socket.set_nonblocking(true)?;
        self.lock().arrivals.push((id, socket));
        self.ring();
        Ok(())
    }

    pub(crate) fn stop(&self) {
        self.lock().stop = true;
        self.ring();
    }

    /// Sets what goes wrong from `from` to `to`, in that direction only.
    pub fn set(&self, from: NodeId, to: NodeId, faults: Faults) {
        self.lock().faults.insert((from, to), faults);
    }

    /// Sets what goes wrong between two nodes, in both directions.
    pub fn set_both(&self, a: NodeId, b: NodeId, faults: Faults) {
        self.set(a, b, faults);
        self.set(b, a, faults);
    }

    /// Cuts the link between two nodes.
    pub fn cut(&self, a: NodeId, b: NodeId) {
        self.set_both(a, b, Faults::cut());
    }

    /// Makes the link between two nodes faultless again.
    pub fn restore(&self, a: NodeId, b: NodeId) {
        self.set_both(a, b, Faults::default());
    }

    /// Makes every link faultless again.
    pub fn restore_all(&self) {
        self.lock().faults.clear();
    }

    /// Cuts every link between a node of one group and a node of another.
    pub fn partition(&self, groups: &[&[NodeId]]) {
        for (index, group) in groups.iter().enumerate() {
            for other in &groups[index + 1..] {
                for &a in *group {
                    for &b in *other {
                        self.cut(a, b);
                    }
                }
            }
        }
    }

    /// What has passed from one node to another since the start.
    pub fn traffic(&self, from: NodeId, to: NodeId) -> Traffic {
        self.lock().traffic.get(&(from, to)).copied().unwrap_or_default()
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    fn ring(&self) {
        // A full bell is a bell that will be heard.
        let _ = (&*self.bell).write(&[1]);
    }
}

/// The switch's own state, in its thread.
struct Switch {
    shared: Arc<Mutex<Shared>>,
    bell: UnixStream,
    ports: BTreeMap<NodeId, Port>,
    held: BinaryHeap<Held>,
    next_sequence: u64,
    random: Random,
}

/// A node's socket with what has been read from it and what is still to be written to it.
struct Port {
    socket: UnixStream,
    input: Vec<u8>,
    output: Vec<u8>,
    /// How much of `output` has been written.
    written: usize,
    /// When the last frame in order on each incoming link is due, so that jitter does not reorder.
    last_due: HashMap<NodeId, Instant>,
}

/// A frame that is not due yet.
struct Held {
    due: Instant,
    sequence: u64,
    to: NodeId,
    frame: Vec<u8>,
}

impl PartialEq for Held {
    fn eq(&self, other: &Self) -> bool {
        self.sequence == other.sequence
    }
}
impl Eq for Held {}
impl PartialOrd for Held {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Held {
    /// The heap gives the greatest first, and that is the one due first.
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (other.due, other.sequence).cmp(&(self.due, self.sequence))
    }
}

impl Switch {
    fn run(&mut self) {
        let shared = self.shared.clone();
        loop {
            let Some(readable) = self.wait() else { continue };
            let mut shared = shared.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
            let _ = self.bell.read(&mut [0; 64]);
            if shared.stop {
                return;
            }
            for (id, socket) in shared.arrivals.drain(..) {
                self.ports.insert(id, Port::new(socket));
            }
            for id in readable {
                let gone = self.ports.get_mut(&id).is_some_and(|port| port.read().is_err());
                self.forward(id, &mut shared);
                if gone {
                    self.ports.remove(&id);
                }
            }
            self.release();
            self.ports.retain(|_, port| port.flush().is_ok());
        }
    }

    /// Waits for something to do; gives the nodes that have sent something.
    fn wait(&mut self) -> Option<Vec<NodeId>> {
        let now = Instant::now();
        let timeout = self.held.peek().map(|held| TimeSpec::from(held.due.saturating_duration_since(now)));
        let mut polled = vec![PollFd::new(self.bell.as_fd(), PollFlags::POLLIN)];
        for port in self.ports.values() {
            let mut events = PollFlags::POLLIN;
            events.set(PollFlags::POLLOUT, port.written < port.output.len());
            polled.push(PollFd::new(port.socket.as_fd(), events));
        }
        ppoll(&mut polled, timeout, None).ok()?;
        let input = PollFlags::POLLIN | PollFlags::POLLHUP | PollFlags::POLLERR;
        let ready = |fd: &PollFd| fd.revents().is_some_and(|events| events.intersects(input));
        Some(self.ports.keys().zip(&polled[1..]).filter(|(_, fd)| ready(fd)).map(|(id, _)| *id).collect())
    }

    /// Sends the whole frames a node has sent where they belong.
    fn forward(&mut self, from: NodeId, shared: &mut Shared) {
        let Some(port) = self.ports.get_mut(&from) else { return };
        let input = std::mem::take(&mut port.input);
        let mut rest = input.as_slice();
        while let Some((length, after)) = rest.split_first_chunk() {
            let length = u32::from_be_bytes(*length) as usize;
            if after.len() < length {
                break;
            }
            let (frame, after) = after.split_at(length);
            rest = after;
            if length < 14 {
                continue;
            }
            match self.ports.keys().find(|id| mac(**id) == frame[..6]).copied() {
                Some(to) if to == from => {}
                Some(to) => self.pass(from, to, frame, shared),
                None => {
                    let others: Vec<NodeId> = self.ports.keys().copied().filter(|id| *id != from).collect();
                    for to in others {
                        self.pass(from, to, frame, shared);
                    }
                }
            }
        }
        let rest = rest.to_vec();
        if let Some(port) = self.ports.get_mut(&from) {
            port.input = rest;
        }
    }

    fn pass(&mut self, from: NodeId, to: NodeId, frame: &[u8], shared: &mut Shared) {
        let faults = shared.faults.get(&(from, to)).copied().unwrap_or_default();
        let traffic = shared.traffic.entry((from, to)).or_default();
        if faults.cut || self.random.chance(faults.loss) {
            traffic.lost += 1;
            return;
        }
        traffic.frames += 1;
        traffic.bytes += frame.len() as u64;
        let copies = if self.random.chance(faults.duplicate) { 2 } else { 1 };
        for _ in 0..copies {
            let Some(port) = self.ports.get_mut(&to) else { return };
            let now = Instant::now();
            let mut due = now + faults.delay + faults.jitter.mul_f64(self.random.fraction());
            if self.random.chance(faults.reorder) {
                due += Faults::HOLD;
            } else {
                let last = port.last_due.entry(from).or_insert(due);
                due = due.max(*last);
                *last = due;
            }
            if due > now {
                self.next_sequence += 1;
                self.held.push(Held { due, sequence: self.next_sequence, to, frame: frame.to_vec() });
            } else if !port.push(frame) {
                traffic.lost += 1;
            }
        }
    }

    /// Hands on the held frames that have become due.
    fn release(&mut self) {
        let now = Instant::now();
        while self.held.peek().is_some_and(|held| held.due <= now) {
            let Some(held) = self.held.pop() else { return };
            if let Some(port) = self.ports.get_mut(&held.to) {
                port.push(&held.frame);
            }
        }
    }
}

impl Port {
    fn new(socket: UnixStream) -> Self {
        Port { socket, input: Vec::new(), output: Vec::new(), written: 0, last_due: HashMap::new() }
    }

    /// Reads what has come. An error means that the node is gone.
    fn read(&mut self) -> io::Result<()> {
        let mut buffer = [0; 128 << 10];
        match self.socket.read(&mut buffer) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(n) => self.input.extend_from_slice(&buffer[..n]),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
        let sane =
            self.input.first_chunk().is_none_or(|length| u32::from_be_bytes(*length) as usize <= FRAME_LIMIT);
        if sane {
            Ok(())
        } else {
            Err(io::ErrorKind::InvalidData.into())
        }
    }

    /// Queues a frame, unless the queue is full.
    fn push(&mut self, frame: &[u8]) -> bool {
        if self.output.len() - self.written > QUEUE_LIMIT {
            return false;
        }
        self.output.extend_from_slice(&(frame.len() as u32).to_be_bytes());
        self.output.extend_from_slice(frame);
        true
    }

    fn flush(&mut self) -> io::Result<()> {
        while self.written < self.output.len() {
            match self.socket.write(&self.output[self.written..]) {
                Ok(n) => self.written += n,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        if self.written == self.output.len() {
            self.output.clear();
            self.written = 0;
        } else if self.written > QUEUE_LIMIT {
            self.output.drain(..self.written);
            self.written = 0;
        }
        Ok(())
    }
}

/// A small generator (splitmix64): the same seed gives the same faults for the same frames.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// From 0 up to, and without, 1.
    fn fraction(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    fn chance(&mut self, probability: f64) -> bool {
        probability > 0.0 && self.fraction() < probability
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct End(UnixStream);

    impl End {
        fn send(&mut self, to: [u8; 6], text: &str) {
            let mut frame = to.to_vec();
            frame.extend_from_slice(&[0; 8]);
            frame.extend_from_slice(text.as_bytes());
            self.0.write_all(&(frame.len() as u32).to_be_bytes()).unwrap();
            self.0.write_all(&frame).unwrap();
        }

        fn receive(&mut self) -> Option<String> {
            let mut length = [0; 4];
            self.0.read_exact(&mut length).ok()?;
            let mut frame = vec![0; u32::from_be_bytes(length) as usize];
            self.0.read_exact(&mut frame).ok()?;
            Some(String::from_utf8_lossy(&frame[14..]).into_owned())
        }
    }

    fn three_nodes() -> (Network, [End; 3]) {
        let network = Network::start(1).unwrap();
        let ends = [1, 2, 3].map(|id| {
            let (ours, theirs) = UnixStream::pair().unwrap();
            network.attach(id, theirs).unwrap();
            ours.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
            End(ours)
        });
        // Every port is known once a broadcast has reached it.
        (network, ends)
    }

    const EVERYONE: [u8; 6] = [0xff; 6];

    #[test]
    fn frames_go_where_they_are_addressed() {
        let (network, [mut one, mut two, mut three]) = three_nodes();
        one.send(mac(2), "to two");
        one.send(EVERYONE, "to all");
        assert_eq!(two.receive().unwrap(), "to two");
        assert_eq!(two.receive().unwrap(), "to all");
        assert_eq!(three.receive().unwrap(), "to all");
        assert_eq!(network.traffic(1, 2).frames, 2);
        network.stop();
    }

    #[test]
    fn a_cut_link_passes_nothing_until_it_is_restored() {
        let (network, [mut one, mut two, mut three]) = three_nodes();
        network.cut(1, 2);
        one.send(EVERYONE, "lost on the way to two");
        assert_eq!(three.receive().unwrap(), "lost on the way to two");
        network.restore(1, 2);
        one.send(EVERYONE, "passes");
        assert_eq!(two.receive().unwrap(), "passes");
        assert_eq!(network.traffic(1, 2).lost, 1);
        network.stop();
    }

    #[test]
    fn jitter_keeps_the_order_and_reordering_loses_nothing() {
        let (network, [mut one, mut two, _three]) = three_nodes();
        network.set(1, 2, Faults { jitter: Duration::from_millis(5), ..Faults::default() });
        for n in 0..50 {
            one.send(mac(2), &n.to_string());
        }
        let received: Vec<String> = (0..50).map(|_| two.receive().unwrap()).collect();
        assert_eq!(received, (0..50).map(|n| n.to_string()).collect::<Vec<_>>());

        network.set(1, 2, Faults { reorder: 0.5, duplicate: 1.0, ..Faults::default() });
        for n in 0..50 {
            one.send(mac(2), &n.to_string());
        }
        let mut numbers: Vec<u32> = (0..100).map(|_| two.receive().unwrap().parse().unwrap()).collect();
        assert!(!numbers.is_sorted());
        numbers.sort_unstable();
        assert_eq!(numbers, (0..50).flat_map(|n| [n, n]).collect::<Vec<_>>());
        network.stop();
    }
}
