// SPDX-License-Identifier: GPL-2.0-only

//! What is written to the small files and read from them: numbers, switches, destinations, the key, the status bits.
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

/// Where a process is told to go, as written to `pids/PID/goto`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Destination {
    /// Back to the node where it was started.
    Home,
    /// To this node. The process's own home node means the same as [`Destination::Home`].
    Node(u16),
}

impl Destination {
    /// Reads `home`, `0` or a node id.
    pub fn parse(text: &[u8]) -> Option<Self> {
        match text.trim_ascii() {
            b"home" | b"0" => Some(Self::Home),
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
        }
    }
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
        let mut words = line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
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
        for d in [Destination::Home, Destination::Node(3)] {
            assert_eq!(Destination::parse(d.to_string().as_bytes()), Some(d));
        }
        assert_eq!(Destination::parse(b"0\n"), Some(Destination::Home));
        assert_eq!(Destination::parse(b"balance"), None);
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
