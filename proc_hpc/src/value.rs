// SPDX-License-Identifier: GPL-2.0-only

//! What is written to the small files and read from them: numbers, switches, destinations, the key, the status bits, the
//! balancer's settings.
//!
//! Pure functions on bytes; any context. All of them allow white space around the word (a shell's `echo` adds a
//! newline) and nothing else.

use core::fmt;

/// A node id as written: 1 to 65535.
pub fn node(text: &[u8]) -> Option<u16> {
    u16::try_from(number(text)?).ok().filter(|&id| id != 0)
}

/// A process id as written: 1 to 2147483647.
pub fn pid(text: &[u8]) -> Option<i32> {
    i32::try_from(number(text)?).ok().filter(|&pid| pid != 0)
}

/// A switch as written: `0` or `1`.
pub fn toggle(text: &[u8]) -> Option<bool> {
    match text.trim_ascii() {
        b"0" => Some(false),
        b"1" => Some(true),
        _ => None,
    }
}

/// A decimal number without sign.
pub fn number(text: &[u8]) -> Option<u64> {
    let digits = text.trim_ascii();
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0u64, |number, &b| {
        let digit = b.checked_sub(b'0').filter(|&d| d <= 9)?;
        number.checked_mul(10)?.checked_add(u64::from(digit))
    })
}

/// A decimal number from `least` to `most`.
pub fn within(text: &[u8], least: u64, most: u64) -> Option<u64> {
    number(text).filter(|n| (least..=most).contains(n))
}

/// A share in thousandths: 0 to 1000.
pub fn per_mille(text: &[u8]) -> Option<u16> {
    u16::try_from(within(text, 0, 1000)?).ok()
}

/// The words of a text.
fn words(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty())
}

/// Where a process is told to go, as written to `pids/PID/goto`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Destination {
    /// Back to the node where it was started.
    Home,
    /// To this node. The process's own home node means the same as [`Destination::Home`].
    Node(u16),
    /// To wherever the balancer finds it runs best. Only at its home node, in `pids/PID/goto`.
    Balance,
}

impl Destination {
    /// Reads `home`, `0`, `balance` or a node id.
    pub fn parse(text: &[u8]) -> Option<Self> {
        match text.trim_ascii() {
            b"home" | b"0" => Some(Self::Home),
            b"balance" => Some(Self::Balance),
            word => node(word).map(Self::Node),
        }
    }
}

/// The form that [`Destination::parse`] reads.
impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Home => f.write_str("home"),
            Self::Node(id) => id.fmt(f),
            Self::Balance => f.write_str("balance"),
        }
    }
}

/// How the balancer decides, as `admin/policy` says it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Policy {
    /// By opportunity cost: to where a process makes everything together least slower.
    #[default]
    Cost,
    /// By the number of running processes, against [`Thresholds`].
    Thresholds,
}

impl Policy {
    /// Reads `cost` or `thresholds`.
    pub fn parse(text: &[u8]) -> Option<Self> {
        match text.trim_ascii() {
            b"cost" => Some(Self::Cost),
            b"thresholds" => Some(Self::Thresholds),
            _ => None,
        }
    }
}

/// The form that [`Policy::parse`] reads.
impl fmt::Display for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Cost => "cost",
            Self::Thresholds => "thresholds",
        })
    }
}

/// With how many running processes a node counts as what; `under <= full <= over <= 100000`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Thresholds {
    /// Below this a node looks for work.
    pub under: u32,
    /// From this on it takes no more.
    pub full: u32,
    /// Above this it gives work away.
    pub over: u32,
}

impl Thresholds {
    /// The largest of them.
    pub const MOST: u64 = 100_000;

    /// Reads `UNDER FULL OVER`.
    pub fn parse(text: &[u8]) -> Option<Self> {
        let mut words = words(text);
        let mut next = || u32::try_from(within(words.next()?, 0, Self::MOST)?).ok();
        let this = Self { under: next()?, full: next()?, over: next()? };
        (words.next().is_none() && this.under <= this.full && this.full <= this.over).then_some(this)
    }
}

impl Default for Thresholds {
    fn default() -> Self {
        Self { under: 1, full: 3, over: 9 }
    }
}

/// The form that [`Thresholds::parse`] reads.
impl fmt::Display for Thresholds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { under, full, over } = self;
        write!(f, "{under} {full} {over}")
    }
}

/// Node ids in an order that matters, each once, at most [`NodeList::MOST`], as `admin/preferred` takes them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NodeList {
    ids: [u16; Self::MOST],
    used: usize,
}

impl NodeList {
    /// How many ids fit.
    pub const MOST: usize = 64;

    /// Reads ids separated by blanks or commas; nothing at all is the empty list.
    pub fn parse(text: &[u8]) -> Option<Self> {
        let mut list = Self::default();
        let parted = |b: &u8| b.is_ascii_whitespace() || *b == b',';
        for word in text.split(parted).filter(|word| !word.is_empty()) {
            let id = node(word).filter(|id| !list.ids().contains(id))?;
            *list.ids.get_mut(list.used)? = id;
            list.used = list.used.checked_add(1)?;
        }
        Some(list)
    }

    /// The ids.
    pub fn ids(&self) -> &[u16] {
        self.ids.get(..self.used).unwrap_or(&[])
    }
}

impl Default for NodeList {
    fn default() -> Self {
        Self { ids: [0; Self::MOST], used: 0 }
    }
}

/// The form that [`NodeList::parse`] reads.
impl fmt::Display for NodeList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut gap = "";
        self.ids().iter().try_for_each(|id| write!(f, "{}{id}", core::mem::replace(&mut gap, " ")))
    }
}

/// What being away costs on a network: times in nanoseconds, each at most [`Overheads::MOST`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Overheads {
    /// Fetching one page from home.
    pub page: u64,
    /// A forwarded call that carries no data.
    pub call: u64,
    /// Base of a call that takes data out of the process, as `write` does.
    pub out: u64,
    /// What each KiB adds to that.
    pub out_kb: u64,
    /// Base of a call that brings data into the process, as `read` does.
    pub input: u64,
    /// What each KiB adds to that.
    pub input_kb: u64,
    /// The first node the table holds for; 0 when it holds for all.
    pub first: u16,
    /// The last node the table holds for; 0 when it holds for all.
    pub last: u16,
}

impl Overheads {
    /// The longest time, ten seconds.
    pub const MOST: u64 = 10_000_000_000;

    /// Reads `PAGE CALL OUT OUTKB IN INKB FIRST LAST`.
    pub fn parse(text: &[u8]) -> Option<Self> {
        let mut words = words(text);
        let mut times = [0; 6];
        for time in &mut times {
            *time = within(words.next()?, 0, Self::MOST)?;
        }
        let [page, call, out, out_kb, input, input_kb] = times;
        let mut id = || u16::try_from(number(words.next()?)?).ok();
        let (first, last) = (id()?, id()?);
        let range = first <= last && (first == 0) == (last == 0);
        let this = Self { page, call, out, out_kb, input, input_kb, first, last };
        (range && words.next().is_none()).then_some(this)
    }

    /// Whether the table holds for a node.
    pub const fn covers(&self, node: u16) -> bool {
        self.first == 0 || self.first <= node && node <= self.last
    }
}

/// A gigabit network with nothing else on it.
impl Default for Overheads {
    fn default() -> Self {
        Self {
            page: 250_000,
            call: 120_000,
            out: 130_000,
            out_kb: 12_000,
            input: 130_000,
            input_kb: 12_000,
            first: 0,
            last: 0,
        }
    }
}

/// The form that [`Overheads::parse`] reads.
impl fmt::Display for Overheads {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { page, call, out, out_kb, input, input_kb, first, last } = self;
        write!(f, "{page} {call} {out} {out_kb} {input} {input_kb} {first} {last}")
    }
}

/// The lines of a name and a number in `info/balance` and `pids/PID/stats`; others are passed over.
pub fn counters(text: &[u8]) -> impl Iterator<Item = (&[u8], u64)> {
    text.split(|&b| b == b'\n').filter_map(|line| {
        let mut words = words(line);
        let pair = (words.next()?, number(words.next()?)?);
        words.next().is_none().then_some(pair)
    })
}

/// The length of the cluster key, in bytes. Written and kept as twice as many hexadecimal digits.
pub const KEY_BYTES: usize = 32;

/// The cluster key as written to `admin/key` and kept in `/etc/openmosix.key`: 64 hexadecimal digits.
pub fn key(text: &[u8]) -> Option<[u8; KEY_BYTES]> {
    let digits = text.trim_ascii();
    if digits.len() != KEY_BYTES.checked_mul(2)? {
        return None;
    }
    let mut key = [0u8; KEY_BYTES];
    for (byte, pair) in key.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = pair.iter().try_fold(0u8, |byte, &b| {
            let digit = u8::try_from(char::from(b).to_digit(16)?).ok()?;
            Some(byte << 4 | digit)
        })?;
    }
    Some(key)
}

/// The state of a node as `nodes/N/status` shows it: a decimal sum of these bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Status(pub u32);

impl Status {
    /// The node is in the map.
    pub const CONFIGURED: u32 = 1;
    /// It was heard of recently, or answers.
    pub const UP: u32 = 2;
    /// It takes no guests.
    pub const BLOCK: u32 = 4;
    /// No process leaves it by itself.
    pub const STAY: u32 = 8;
    /// Its own processes do not leave by themselves.
    pub const LSTAY: u32 = 16;
    /// It tells nobody its load.
    pub const QUIET: u32 = 32;
    /// It is the node that shows this file.
    pub const SELF: u32 = 64;

    /// The bits, each with the word tools print for it.
    pub const WORDS: [(u32, &'static str); 7] = [
        (Self::CONFIGURED, "configured"),
        (Self::UP, "up"),
        (Self::BLOCK, "block"),
        (Self::STAY, "stay"),
        (Self::LSTAY, "lstay"),
        (Self::QUIET, "quiet"),
        (Self::SELF, "self"),
    ];

    /// Reads the file's content.
    pub fn parse(text: &[u8]) -> Option<Self> {
        u32::try_from(number(text)?).ok().map(Self)
    }

    /// Whether all of `bits` are set.
    pub const fn has(self, bits: u32) -> bool {
        self.0 & bits == bits
    }

    /// The words of the bits that are set.
    pub fn words(self) -> impl Iterator<Item = &'static str> {
        Self::WORDS.into_iter().filter(move |&(bit, _)| self.has(bit)).map(|(_, word)| word)
    }
}

/// One move of a process, a line of `pids/PID/moves`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Move {
    /// The node it left; its home node's id when it left home.
    pub from: u16,
    /// The node it arrived at.
    pub to: u16,
    /// How many pages travelled.
    pub pages: u64,
    /// How many bytes they took on the wire.
    pub bytes: u64,
    /// How long the process stood still, in microseconds.
    pub frozen_us: u64,
    /// How many system calls it had forwarded home when the move began, since the one before.
    pub calls: u64,
}

impl Move {
    /// Reads one line.
    pub fn parse(line: &[u8]) -> Option<Self> {
        let mut words = words(line);
        let mut next = || words.next().and_then(number);
        let this = Self {
            from: u16::try_from(next()?).ok()?,
            to: u16::try_from(next()?).ok()?,
            pages: next()?,
            bytes: next()?,
            frozen_us: next()?,
            calls: next()?,
        };
        next().is_none().then_some(this)
    }
}

/// The line that [`Move::parse`] reads, without the end of line.
impl fmt::Display for Move {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { from, to, pages, bytes, frozen_us, calls } = self;
        write!(f, "{from} {to} {pages} {bytes} {frozen_us} {calls}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::ToString;
    use std::vec::Vec;

    #[test]
    fn numbers_are_bounded_and_plain() {
        assert_eq!(node(b" 7\n"), Some(7));
        for bad in ["", "0", "65536", "-1", "+1", "1 2", "0x1", "99999999999999999999999"] {
            assert_eq!(node(bad.as_bytes()), None, "{bad}");
        }
        assert_eq!(pid(b"2147483647"), Some(i32::MAX));
        assert_eq!(pid(b"2147483648"), None);
        assert_eq!(toggle(b"1\n"), Some(true));
        assert_eq!(toggle(b"0"), Some(false));
        assert_eq!(toggle(b"2"), None);
    }

    #[test]
    fn destinations_read_back() {
        for d in [Destination::Home, Destination::Node(3), Destination::Balance] {
            assert_eq!(Destination::parse(d.to_string().as_bytes()), Some(d));
        }
        assert_eq!(Destination::parse(b"0\n"), Some(Destination::Home));
        assert_eq!(Destination::parse(b"best"), None);
    }

    #[test]
    fn ranges_have_ends() {
        assert_eq!(within(b"100\n", 100, 60_000), Some(100));
        assert_eq!(within(b"99", 100, 60_000), None);
        assert_eq!(within(b"60001", 100, 60_000), None);
        assert_eq!((per_mille(b"1000"), per_mille(b"1001"), per_mille(b"-1")), (Some(1000), None, None));
    }

    #[test]
    fn policies_read_back() {
        for policy in [Policy::Cost, Policy::Thresholds] {
            assert_eq!(Policy::parse(policy.to_string().as_bytes()), Some(policy));
        }
        assert_eq!(Policy::parse(b" cost\n"), Some(Policy::Cost));
        assert_eq!(Policy::parse(b"Cost"), None);
    }

    #[test]
    fn thresholds_rise() {
        let some = Thresholds { under: 0, full: 4, over: 100_000 };
        assert_eq!(Thresholds::parse(some.to_string().as_bytes()), Some(some));
        assert_eq!(Thresholds::parse(b" 2\t2 2\n"), Some(Thresholds { under: 2, full: 2, over: 2 }));
        for bad in ["", "1 3", "1 3 9 9", "3 1 9", "1 9 3", "1 3 100001", "a b c"] {
            assert_eq!(Thresholds::parse(bad.as_bytes()), None, "{bad}");
        }
    }

    #[test]
    fn lists_of_nodes_read_back() {
        let list = NodeList::parse(b" 3, 1,65535\n").unwrap();
        assert_eq!(list.ids(), [3, 1, 65535]);
        assert_eq!(list.to_string(), "3 1 65535");
        assert_eq!(NodeList::parse(list.to_string().as_bytes()), Some(list));
        assert_eq!(NodeList::parse(b" \n").unwrap().ids(), []);
        for bad in ["0", "1-3", "1 1", "65536", "x"] {
            assert_eq!(NodeList::parse(bad.as_bytes()), None, "{bad}");
        }
        let many = |n: u16| (1..=n).map(|id| id.to_string()).collect::<Vec<_>>().join(" ");
        assert_eq!(NodeList::parse(many(64).as_bytes()).unwrap().ids().len(), 64);
        assert_eq!(NodeList::parse(many(65).as_bytes()), None);
    }

    #[test]
    fn overheads_read_back() {
        let text = "1 2 3 4 5 6 7 8";
        let some = Overheads::parse(text.as_bytes()).unwrap();
        assert_eq!((some.page, some.input_kb, some.to_string().as_str()), (1, 6, text));
        assert!(some.covers(7) && some.covers(8) && !some.covers(9) && !some.covers(6));
        assert!(Overheads::default().covers(9));
        for bad in ["", "1 2 3 4 5 6 7", "1 2 3 4 5 6 8 7", "1 2 3 4 5 6 0 7", "1 2 3 4 5 6 7 8 9"] {
            assert_eq!(Overheads::parse(bad.as_bytes()), None, "{bad}");
        }
        assert_eq!(Overheads::parse(b"10000000001 2 3 4 5 6 0 0"), None);
    }

    #[test]
    fn counters_pass_over_words() {
        let text = b"load 97\nhint cpujob\n\ncpu_ms 12\nx 1 2\n";
        assert_eq!(counters(text).collect::<Vec<_>>(), [(&b"load"[..], 97), (&b"cpu_ms"[..], 12)]);
    }

    #[test]
    fn keys_are_64_hexadecimal_digits() {
        let text = "00ff".repeat(16);
        let bytes = key(text.as_bytes()).unwrap();
        assert_eq!(bytes.get(..4), Some(&[0, 0xff, 0, 0xff][..]));
        assert_eq!(key(&text.as_bytes()[1..]), None);
        assert_eq!(key("0g".repeat(32).as_bytes()), None);
        assert!(key((text + "\n").as_bytes()).is_some());
    }

    #[test]
    fn status_speaks() {
        let status = Status::parse(b"67\n").unwrap();
        assert_eq!(status.words().collect::<Vec<_>>(), ["configured", "up", "self"]);
        assert!(!status.has(Status::BLOCK));
    }

    #[test]
    fn moves_read_back() {
        let one = Move { from: 1, to: 2, pages: 3, bytes: 4, frozen_us: 5, calls: 6 };
        assert_eq!(Move::parse(one.to_string().as_bytes()), Some(one));
        assert_eq!(Move::parse(b"1 2 3 4 5"), None);
        assert_eq!(Move::parse(b"1 2 3 4 5 6 7"), None);
    }
}
