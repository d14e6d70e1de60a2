// SPDX-License-Identifier: GPL-2.0-only

//! The node map: which node id has which IPv4 address.
//!
//! The text is that of openMosix (manual, 5.3.3 "/etc/openmosix.map"):
//!
//! ```text
//! # ids 1 to 16 are 10.1.1.100 to 10.1.1.115
//! 1   10.1.1.100  16
//! # node 8 has a second interface
//! 8   10.1.2.107  ALIAS
//! ```
//!
//! [`parse`] fills a slice that the caller owns and leaves it sorted; [`Map`] answers questions about such a slice.
//! The tools call it on `/etc/openmosix.map`, the module on what is written to `/proc/hpc/admin/config`. Everything
//! here runs in any context: it takes no lock, allocates nothing and does not sleep.
//!
//! Addresses are `u32` in host order: `10.1.1.100` is `0x0a01_0164`.
//!
//! What the manual leaves open is decided here: an id has exactly one primary address and any number of aliases; an
//! alias may stand before the line that defines its id; a range may run over the end of an octet
//! (`10.0.0.250 20` ends at 10.0.1.13), but not into addresses that no host can have.

use core::fmt;

/// The largest node id. 0 is not an id: it means "at home" or "not a member".
pub const MAX_ID: u16 = u16::MAX;

/// The longest text [`parse`] accepts, in bytes: what one `write()` to `/proc/hpc/admin/config` may carry.
pub const MAX_TEXT: usize = 64 * 1024;

/// One line of the map.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Entry {
    /// The id of the first node, never 0.
    pub first_id: u16,
    /// The address of the first node, in host order.
    pub first_ip: u32,
    /// How many consecutive ids and addresses, at least 1; exactly 1 for an alias.
    pub count: u16,
    /// One more address of a node that another line defines.
    pub alias: bool,
}

impl Entry {
    /// The last id of the range. [`parse`] lets no range pass [`MAX_ID`].
    pub const fn last_id(&self) -> u16 {
        self.first_id.saturating_add(self.count.saturating_sub(1))
    }

    /// The last address of the range.
    pub const fn last_ip(&self) -> u32 {
        self.first_ip.saturating_add(self.count.saturating_sub(1) as u32)
    }

    const fn has_id(&self, id: u16) -> bool {
        self.first_id <= id && id <= self.last_id()
    }

    const fn has_ip(&self, ip: u32) -> bool {
        self.first_ip <= ip && ip <= self.last_ip()
    }
}

/// The entry as a line of the map, without the end of line.
impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} ", self.first_id, Ip(self.first_ip))?;
        if self.alias {
            f.write_str("ALIAS")
        } else {
            write!(f, "{}", self.count)
        }
    }
}

/// Prints an address in host order as a dotted quad.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ip(pub u32);

impl fmt::Display for Ip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d] = self.0.to_be_bytes();
        write!(f, "{a}.{b}.{c}.{d}")
    }
}

/// Why a text is not a map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MapError {
    /// The line at fault, counted from 1; 0 when the text as a whole is.
    pub line: u32,
    /// What is wrong with it.
    pub kind: MapErrorKind,
}

/// What can be wrong with a map. `other` is the earlier line that a line contradicts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MapErrorKind {
    /// Not three words.
    Syntax,
    /// The first word is not a number from 1 to 65535.
    BadId,
    /// The second word is not an IPv4 address.
    BadAddress,
    /// The third word is neither a number from 1 to 65535 nor `ALIAS`.
    BadCount,
    /// The range of ids passes 65535.
    IdsPassEnd,
    /// The address, or one of the range, is in 127.0.0.0/8.
    Loopback,
    /// The address, or one of the range, cannot belong to a node: 0.0.0.0/8, multicast, reserved or broadcast.
    NotAHost {
        /// The first such address.
        ip: u32,
    },
    /// Two lines give the same single id.
    DuplicateId {
        /// The id.
        id: u16,
        /// The line that has it already.
        other: u32,
    },
    /// Two ranges share ids.
    OverlappingIds {
        /// The first shared id.
        first: u16,
        /// The last shared id.
        last: u16,
        /// The line that has them already.
        other: u32,
    },
    /// Two lines give the same single address.
    DuplicateAddress {
        /// The address.
        ip: u32,
        /// The line that has it already.
        other: u32,
    },
    /// Two ranges share addresses.
    OverlappingAddresses {
        /// The first shared address.
        first: u32,
        /// The last shared address.
        last: u32,
        /// The line that has them already.
        other: u32,
    },
    /// `ALIAS` of an id that no line defines.
    AliasOfUnknown {
        /// The id.
        id: u16,
    },
    /// More lines than the caller has room for.
    TooManyEntries {
        /// The room there is.
        max: usize,
    },
    /// The text is longer than [`MAX_TEXT`].
    TooLong,
    /// No line at all.
    Empty,
}

impl fmt::Display for MapError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.line != 0 {
            write!(f, "line {}: ", self.line)?;
        }
        self.kind.fmt(f)
    }
}

impl fmt::Display for MapErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Syntax => f.write_str(
                "a line needs three words: node id, IP address, and a count or ALIAS (as in \"1 10.1.1.100 16\")",
            ),
            Self::BadId => f.write_str("the node id must be a number from 1 to 65535"),
            Self::BadAddress => {
                f.write_str("the second word must be an IPv4 address like 10.1.1.100, without host names or leading zeros")
            }
            Self::BadCount => f.write_str("the third word must be a count from 1 to 65535, or ALIAS"),
            Self::IdsPassEnd => f.write_str("the range of node ids goes past 65535"),
            Self::Loopback => f.write_str(
                "127.x.x.x is this machine on every node: use the address that the other nodes reach",
            ),
            Self::NotAHost { ip } => write!(
                f,
                "{} cannot be the address of a node (it is unspecified, multicast, reserved or broadcast)",
                Ip(ip)
            ),
            Self::DuplicateId { id, other } => write!(
                f,
                "node id {id} is already given on line {other}; for a second address write ALIAS instead of a count"
            ),
            Self::OverlappingIds { first, last, other } => write!(
                f,
                "node ids {first} to {last} are already given on line {other}; a node id may be given once, apart from ALIAS lines"
            ),
            Self::DuplicateAddress { ip, other } => write!(
                f,
                "address {} is already given on line {other}; an address may be given once",
                Ip(ip)
            ),
            Self::OverlappingAddresses { first, last, other } => write!(
                f,
                "addresses {} to {} are already given on line {other}; an address may be given once",
                Ip(first),
                Ip(last)
            ),
            Self::AliasOfUnknown { id } => write!(
                f,
                "ALIAS of node {id}, which no line defines; give it a line with a count first"
            ),
            Self::TooManyEntries { max } => {
                write!(f, "more than {max} lines; use ranges (a count) to name many nodes in one line")
            }
            Self::TooLong => write!(f, "the map is longer than {MAX_TEXT} bytes; use ranges (a count)"),
            Self::Empty => f.write_str("the map names no node"),
        }
    }
}

/// Why [`Map::find_self`] cannot tell which node this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SelfError {
    /// None of this machine's addresses is in the map.
    Missing,
    /// This machine's addresses belong to two different nodes.
    Ambiguous {
        /// One id.
        a: u16,
        /// Another.
        b: u16,
    },
}

impl fmt::Display for SelfError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Missing => f.write_str("the map is well-formed, but no address of this machine is in it"),
            Self::Ambiguous { a, b } => write!(
                f,
                "addresses of this machine belong to node {a} and to node {b}; a machine is one node, its further addresses are ALIAS lines"
            ),
        }
    }
}

/// Reads a map into `out` and returns how many entries it took.
///
/// On success `out[..n]` is checked as a whole and sorted: definitions by id, then aliases by address, which is what
/// [`Map`] expects. On failure the content of `out` means nothing. A text of [`MAX_TEXT`] bytes has fewer than 6000
/// lines; comparing them pairwise keeps errors in the order of the file.
pub fn parse(text: &[u8], out: &mut [Entry]) -> Result<usize, MapError> {
    if text.len() > MAX_TEXT {
        return Err(MapError { line: 0, kind: MapErrorKind::TooLong });
    }
    let max = out.len();
    let mut used = 0usize;
    for (line, words) in lines(text) {
        let at = |kind| MapError { line, kind };
        let entry = parse_line(words).map_err(at)?;
        let (before, rest) = out.split_at_mut(used);
        for (index, earlier) in before.iter().enumerate() {
            if let Some(conflict) = conflict(earlier, &entry) {
                let other = line_of_entry(text, index);
                return Err(at(conflict.naming(other)));
            }
        }
        match rest.first_mut() {
            Some(slot) => *slot = entry,
            None => return Err(at(MapErrorKind::TooManyEntries { max })),
        }
        used = used.saturating_add(1);
    }
    let entries = match out.get_mut(..used) {
        Some(entries) if used > 0 => entries,
        _ => return Err(MapError { line: 0, kind: MapErrorKind::Empty }),
    };
    for (index, entry) in entries.iter().enumerate() {
        let id = entry.first_id;
        if entry.alias && !entries.iter().any(|e| !e.alias && e.has_id(id)) {
            return Err(MapError {
                line: line_of_entry(text, index),
                kind: MapErrorKind::AliasOfUnknown { id },
            });
        }
    }
    entries.sort_unstable_by_key(|e| {
        let id = if e.alias { 0 } else { e.first_id };
        (e.alias, id, e.first_ip)
    });
    Ok(used)
}

/// An upper bound of the entries `text` can need: its lines that are not blank or comment. For callers that size
/// their slice first.
pub fn entries_needed(text: &[u8]) -> usize {
    lines(text).count()
}

/// A checked, sorted map: what [`parse`] left in the caller's slice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Map<'a> {
    entries: &'a [Entry],
}

impl<'a> Map<'a> {
    /// Looks at `entries`, which [`parse`] has filled. An empty slice is the map of no cluster.
    pub const fn new(entries: &'a [Entry]) -> Self {
        Self { entries }
    }

    /// The entries, sorted.
    pub const fn entries(&self) -> &'a [Entry] {
        self.entries
    }

    /// Whether the map names no node.
    pub const fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// How many nodes the map names. Aliases are not nodes.
    pub fn len(&self) -> usize {
        self.definitions().iter().fold(0usize, |n, e| n.saturating_add(usize::from(e.count)))
    }

    /// The primary address of a node.
    pub fn ip_of(&self, id: u16) -> Option<u32> {
        let definitions = self.definitions();
        let after = definitions.partition_point(|e| e.first_id <= id);
        let entry = definitions.get(after.checked_sub(1)?)?;
        if !entry.has_id(id) {
            return None;
        }
        let offset = id.checked_sub(entry.first_id)?;
        entry.first_ip.checked_add(u32::from(offset))
    }

    /// The node that has this address, as its own or as an alias.
    pub fn id_of(&self, ip: u32) -> Option<u16> {
        let entry = self.entries.iter().find(|e| e.has_ip(ip))?;
        let offset = u16::try_from(ip.checked_sub(entry.first_ip)?).ok()?;
        entry.first_id.checked_add(offset)
    }

    /// Every node with its primary address, by rising id.
    pub fn nodes(&self) -> impl Iterator<Item = (u16, u32)> + 'a {
        self.definitions().iter().flat_map(|e| {
            let ips = e.first_ip..=e.last_ip();
            (e.first_id..=e.last_id()).zip(ips)
        })
    }

    /// Every address of a node: its own, then its aliases.
    pub fn ips_of(&self, id: u16) -> impl Iterator<Item = u32> + 'a {
        self.ip_of(id)
            .into_iter()
            .chain(self.entries.iter().filter(move |e| e.alias && e.first_id == id).map(|e| e.first_ip))
    }

    /// Whether each address of `other` is the same node's here, and each node's primary address is the same.
    pub fn includes(&self, other: Map<'_>) -> bool {
        other.nodes().all(|(id, ip)| self.ip_of(id) == Some(ip))
            && other.entries.iter().filter(|e| e.alias).all(|e| self.id_of(e.first_ip) == Some(e.first_id))
    }

    /// Which node this machine is, given all its addresses. Addresses that are not in the map do not matter.
    pub fn find_self(&self, ips: impl IntoIterator<Item = u32>) -> Result<u16, SelfError> {
        let mut found = None;
        for id in ips.into_iter().filter_map(|ip| self.id_of(ip)) {
            match found {
                Some(a) if a != id => return Err(SelfError::Ambiguous { a, b: id }),
                _ => found = Some(id),
            }
        }
        found.ok_or(SelfError::Missing)
    }

    fn definitions(&self) -> &'a [Entry] {
        let end = self.entries.partition_point(|e| !e.alias);
        self.entries.get(..end).unwrap_or(&[])
    }
}

/// The canonical text: one line an entry, sorted, no comments. [`parse`] reads it back to the same map.
impl fmt::Display for Map<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for entry in self.entries {
            writeln!(f, "{entry}")?;
        }
        Ok(())
    }
}

/// What two lines quarrel about, before the line number of the earlier one is known.
enum Conflict {
    Ids(u16, u16),
    Ips(u32, u32),
}

impl Conflict {
    fn naming(self, other: u32) -> MapErrorKind {
        match self {
            Self::Ids(id, last) if id == last => MapErrorKind::DuplicateId { id, other },
            Self::Ids(first, last) => MapErrorKind::OverlappingIds { first, last, other },
            Self::Ips(ip, last) if ip == last => MapErrorKind::DuplicateAddress { ip, other },
            Self::Ips(first, last) => MapErrorKind::OverlappingAddresses { first, last, other },
        }
    }
}

fn conflict(a: &Entry, b: &Entry) -> Option<Conflict> {
    // An alias names an id without defining it.
    if !a.alias && !b.alias {
        let first = a.first_id.max(b.first_id);
        let last = a.last_id().min(b.last_id());
        if first <= last {
            return Some(Conflict::Ids(first, last));
        }
    }
    let first = a.first_ip.max(b.first_ip);
    let last = a.last_ip().min(b.last_ip());
    (first <= last).then_some(Conflict::Ips(first, last))
}

/// The lines that say something, without comments, with their numbers from 1.
fn lines(text: &[u8]) -> impl Iterator<Item = (u32, &[u8])> {
    (1u32..)
        .zip(text.split(|&b| b == b'\n'))
        .map(|(number, line)| {
            let line = line.split(|&b| b == b'#').next().unwrap_or(&[]);
            (number, line.trim_ascii())
        })
        .filter(|(_, line)| !line.is_empty())
}

/// The number of the line that became the entry `index`: each line that says something becomes one.
fn line_of_entry(text: &[u8], index: usize) -> u32 {
    lines(text).nth(index).map_or(0, |(number, _)| number)
}

fn parse_line(line: &[u8]) -> Result<Entry, MapErrorKind> {
    let mut words = line.split(|b| b.is_ascii_whitespace()).filter(|word| !word.is_empty());
    let (Some(id), Some(ip), Some(count), None) = (words.next(), words.next(), words.next(), words.next())
    else {
        return Err(MapErrorKind::Syntax);
    };
    let first_id = parse_id(id).ok_or(MapErrorKind::BadId)?;
    let first_ip = parse_ip(ip).ok_or(MapErrorKind::BadAddress)?;
    let alias = count.eq_ignore_ascii_case(b"ALIAS");
    let count = if alias {
        1
    } else {
        // A count has the bounds of an id.
        parse_id(count).ok_or(MapErrorKind::BadCount)?
    };
    let further = count.saturating_sub(1);
    if first_id.checked_add(further).is_none() {
        return Err(MapErrorKind::IdsPassEnd);
    }
    let last_ip = first_ip.saturating_add(u32::from(further));
    for (zone_first, zone_last, loopback) in NO_HOSTS {
        if first_ip <= zone_last && zone_first <= last_ip {
            return Err(if loopback {
                MapErrorKind::Loopback
            } else {
                MapErrorKind::NotAHost { ip: first_ip.max(zone_first) }
            });
        }
    }
    Ok(Entry { first_id, first_ip, count, alias })
}

/// First and last address of what no node can have (RFC 6890), and whether it is the loopback network.
/// The last zone ends with the address space, so a range cannot pass its end.
const NO_HOSTS: [(u32, u32, bool); 3] =
    [(0x0000_0000, 0x00ff_ffff, false), (0x7f00_0000, 0x7fff_ffff, true), (0xe000_0000, 0xffff_ffff, false)];

/// A decimal number from 1 to 65535, the bounds of a node id.
pub fn parse_id(word: &[u8]) -> Option<u16> {
    let number = parse_decimal(word)?;
    u16::try_from(number).ok().filter(|&id| id != 0)
}

/// A dotted quad, in host order. Leading zeros are refused, since some programs read them as octal.
pub fn parse_ip(word: &[u8]) -> Option<u32> {
    let mut octets = [0u8; 4];
    let mut words = word.split(|&b| b == b'.');
    for octet in &mut octets {
        let word = words.next()?;
        if word.len() > 1 && word.first() == Some(&b'0') {
            return None;
        }
        *octet = u8::try_from(parse_decimal(word)?).ok()?;
    }
    match words.next() {
        None => Some(u32::from_be_bytes(octets)),
        Some(_) => None,
    }
}

fn parse_decimal(word: &[u8]) -> Option<u32> {
    if word.is_empty() {
        return None;
    }
    word.iter().try_fold(0u32, |number, &b| {
        let digit = b.checked_sub(b'0').filter(|&d| d <= 9)?;
        number.checked_mul(10)?.checked_add(u32::from(digit))
    })
}
