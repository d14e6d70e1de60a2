// SPDX-License-Identifier: GPL-2.0-only

//! Who is there: what a node learns from announcements, and when the map that follows from it is ready to be used.
//! Knows time only as it is told, and neither network nor module.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use omcore::map::Entry;

use super::message::{id_of, Announcement};

/// The map is used when nothing has changed for so long …
const CALM: Duration = Duration::from_secs(3);
/// … or when the first change is so old.
const PATIENCE: Duration = Duration::from_secs(10);

/// As many other nodes as surely fit into the text of a map, each on a line of its own.
const MOST: usize = 2048;

/// A node that has been heard of.
#[derive(Clone, Copy, Debug)]
struct Known {
    address: Ipv4Addr,
    heard: Instant,
    sent: u64,
    /// It uses its map.
    member: bool,
}

/// Who keeps an id that two addresses make: who is a member already, then the lower address.
type Claim = (bool, Ipv4Addr);

const fn claim(member: bool, address: Ipv4Addr) -> Claim {
    (!member, address)
}

/// What an announcement brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard {
    /// Its own, come back.
    Echo,
    /// A node that was not in the map.
    New,
    /// One that was.
    Again,
    /// Not newer than what that node said last: somebody repeats it.
    Stale,
    /// There are more nodes than a map can hold.
    Full,
    /// Two addresses make the same id. One keeps it, the same on every node.
    Collision { kept: Ipv4Addr, left_out: Ipv4Addr, first_time: bool },
}

pub struct Members {
    own: Ipv4Addr,
    own_id: u16,
    /// The map has been used.
    member: bool,
    /// The address that has this node's id with more right.
    ousted_by: Option<Ipv4Addr>,
    others: BTreeMap<u16, Known>,
    collisions: BTreeSet<(Ipv4Addr, Ipv4Addr)>,
    forget: Option<Duration>,
    /// The first and the last change since the map was used.
    changed: Option<(Instant, Instant)>,
}

impl Members {
    /// `None` when the address has no id.
    pub fn new(own: Ipv4Addr, forget: Option<Duration>, now: Instant) -> Option<Self> {
        Some(Self {
            own,
            own_id: id_of(own)?,
            member: false,
            ousted_by: None,
            others: BTreeMap::new(),
            collisions: BTreeSet::new(),
            forget,
            changed: Some((now, now)),
        })
    }

    pub fn own_id(&self) -> u16 {
        self.own_id
    }

    pub fn ousted_by(&self) -> Option<Ipv4Addr> {
        self.ousted_by
    }

    /// Takes a node over from a map that is in use, so that starting again does not lose it.
    pub fn seed(&mut self, address: Ipv4Addr, now: Instant) {
        if let Some(id) = id_of(address).filter(|_| address != self.own) {
            self.others.entry(id).or_insert(Known { address, heard: now, sent: 0, member: true });
        }
    }

    pub fn hear(&mut self, what: &Announcement, now: Instant) -> Heard {
        let Announcement { address, sent, member, .. } = *what;
        if address == self.own {
            return Heard::Echo;
        }
        // The parser lets no other address through.
        let Some(id) = id_of(address) else { return Heard::Stale };
        let holder = match self.others.get(&id) {
            _ if id == self.own_id => Some(claim(self.member, self.own)),
            Some(known) if known.address != address => Some(claim(known.member, known.address)),
            _ => None,
        };
        if let Some(holder) = holder {
            return self.collide(id, holder, what, now);
        }
        let full = self.others.len() >= MOST;
        match self.others.get_mut(&id) {
            Some(known) if sent <= known.sent => Heard::Stale,
            Some(known) => {
                *known = Known { address, heard: now, sent, member };
                Heard::Again
            }
            None if full => Heard::Full,
            None => {
                self.others.insert(id, Known { address, heard: now, sent, member });
                self.change(now);
                Heard::New
            }
        }
    }

    fn collide(&mut self, id: u16, holder: Claim, what: &Announcement, now: Instant) -> Heard {
        let other = claim(what.member, what.address);
        let ((_, kept), (_, left_out)) = (holder.min(other), holder.max(other));
        if kept == what.address && id == self.own_id {
            self.ousted_by = Some(kept);
        } else if kept == what.address {
            let Announcement { address, sent, member, .. } = *what;
            self.others.insert(id, Known { address, heard: now, sent, member });
            self.change(now);
        }
        Heard::Collision { kept, left_out, first_time: self.collisions.insert((kept, left_out)) }
    }

    fn change(&mut self, now: Instant) {
        let first = self.changed.map_or(now, |(first, _)| first);
        self.changed = Some((first, now));
    }

    /// Forgets who has not been heard of for too long, and gives their addresses.
    pub fn forget(&mut self, now: Instant) -> Vec<Ipv4Addr> {
        let Some(limit) = self.forget else { return Vec::new() };
        let silent = |known: &Known| now.saturating_duration_since(known.heard) > limit;
        let gone: Vec<Ipv4Addr> =
            self.others.values().filter(|known| silent(known)).map(|known| known.address).collect();
        self.others.retain(|_, known| !silent(known));
        if !gone.is_empty() {
            self.change(now);
        }
        gone
    }

    /// When the map is to be used, if it has changed.
    pub fn ready_at(&self) -> Option<Instant> {
        self.changed.map(|(first, last)| (last + CALM).min(first + PATIENCE))
    }

    pub fn is_member(&self) -> bool {
        self.member
    }

    /// The map has been used.
    pub fn joined(&mut self) {
        self.member = true;
        self.used();
    }

    /// Nothing is to be done about the map until it changes.
    pub fn used(&mut self) {
        self.changed = None;
    }

    /// The map could not be used: try again later.
    pub fn postpone(&mut self, now: Instant) {
        self.changed = Some((now + PATIENCE, now + PATIENCE));
    }

    /// The map, neighbours in one line: an id is part of its address, so what is consecutive in one is in the other.
    pub fn map(&self) -> Vec<Entry> {
        let mut all: BTreeMap<u16, Ipv4Addr> =
            self.others.iter().map(|(id, known)| (*id, known.address)).collect();
        all.insert(self.own_id, self.own);
        let mut entries: Vec<Entry> = Vec::new();
        for (id, address) in all {
            let ip = u32::from(address);
            match entries.last_mut() {
                Some(last)
                    if u32::from(last.first_id) + u32::from(last.count) == u32::from(id)
                        && last.first_ip.checked_add(u32::from(last.count)) == Some(ip) =>
                {
                    last.count += 1;
                }
                _ => entries.push(Entry { first_id: id, first_ip: ip, count: 1, alias: false }),
            }
        }
        entries
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use omcore::map::Map;

    const OWN: [u8; 4] = [10, 0, 0, 5];

    fn from(address: [u8; 4], sent: u64) -> Announcement {
        Announcement { address: address.into(), newcomer: false, member: false, sent }
    }

    fn start(forget: Option<u64>) -> (Members, Instant) {
        let now = Instant::now();
        (Members::new(OWN.into(), forget.map(Duration::from_secs), now).unwrap(), now)
    }

    fn after(now: Instant, seconds: u64) -> Instant {
        now + Duration::from_secs(seconds)
    }

    fn text(members: &Members) -> String {
        Map::new(&members.map()).to_string()
    }

    #[test]
    fn neighbours_share_a_line() {
        let (mut m, now) = start(None);
        for address in [[10, 0, 0, 6], [10, 0, 0, 4], [10, 0, 1, 0], [10, 7, 0, 7]] {
            assert_eq!(m.hear(&from(address, 1), now), Heard::New);
        }
        assert_eq!(text(&m), "4 10.0.0.4 3\n7 10.7.0.7 1\n256 10.0.1.0 1\n");
        assert_eq!(m.hear(&from(OWN, 1), now), Heard::Echo);
    }

    #[test]
    fn the_map_is_used_when_it_is_calm() {
        let (mut m, now) = start(None);
        assert_eq!(m.ready_at(), Some(after(now, 3)));
        m.hear(&from([10, 0, 0, 6], 1), after(now, 2));
        assert_eq!(m.ready_at(), Some(after(now, 5)));
        for n in 7..14 {
            m.hear(&from([10, 0, 0, n], 1), after(now, u64::from(n) - 5));
        }
        assert_eq!(m.ready_at(), Some(after(now, 10)), "a cluster that keeps growing");
        m.used();
        assert_eq!(m.ready_at(), None);
        assert_eq!(m.hear(&from([10, 0, 0, 6], 2), after(now, 20)), Heard::Again);
        assert_eq!(m.ready_at(), None);
        m.postpone(now);
        assert!(m.ready_at().unwrap() >= after(now, 10));
    }

    #[test]
    fn repeated_words_do_not_count() {
        let (mut m, now) = start(Some(60));
        m.hear(&from([10, 0, 0, 6], 5), now);
        assert_eq!(m.hear(&from([10, 0, 0, 6], 5), after(now, 50)), Heard::Stale);
        assert_eq!(m.forget(after(now, 61)), [Ipv4Addr::new(10, 0, 0, 6)]);
        assert_eq!(text(&m), "5 10.0.0.5 1\n");
    }

    #[test]
    fn nodes_are_forgotten_only_when_told_to() {
        let (mut m, now) = start(None);
        m.hear(&from([10, 0, 0, 6], 5), now);
        assert!(m.forget(after(now, 1_000_000)).is_empty());
    }

    #[test]
    fn whoever_is_a_member_keeps_its_id() {
        let (low, high) = ([10, 1, 0, 9], [10, 2, 0, 9]);
        let (mut m, now) = start(None);
        m.hear(&Announcement { member: true, ..from(high, 1) }, now);
        m.hear(&from(low, 1), now);
        assert_eq!(text(&m), "5 10.0.0.5 1\n9 10.2.0.9 1\n");
        // A node of its own that has joined does not give way to a newcomer with a lower address.
        m.joined();
        m.hear(&from([9, 0, 0, 5], 1), now);
        assert_eq!(m.ousted_by(), None);
        m.hear(&Announcement { member: true, ..from([9, 0, 0, 5], 2) }, now);
        assert_eq!(m.ousted_by(), Some(Ipv4Addr::new(9, 0, 0, 5)), "two clusters that meet");
    }

    #[test]
    fn the_lower_address_keeps_the_id_on_every_node() {
        let (low, high) = ([10, 1, 0, 9], [10, 2, 0, 9]);
        for order in [[low, high], [high, low]] {
            let (mut m, now) = start(None);
            assert_eq!(m.hear(&from(order[0], 1), now), Heard::New);
            let collision =
                |first_time| Heard::Collision { kept: low.into(), left_out: high.into(), first_time };
            assert_eq!(m.hear(&from(order[1], 1), now), collision(true));
            assert_eq!(m.hear(&from(high, 2), now), collision(false));
            assert_eq!(text(&m), "5 10.0.0.5 1\n9 10.1.0.9 1\n");
            assert_eq!(m.ousted_by(), None);
        }
    }

    #[test]
    fn a_node_gives_way_to_a_lower_address() {
        let (mut m, now) = start(None);
        m.hear(&from([10, 9, 0, 5], 1), now);
        assert_eq!(m.ousted_by(), None, "the other one gives way");
        m.hear(&from([9, 0, 0, 5], 1), now);
        assert_eq!(m.ousted_by(), Some(Ipv4Addr::new(9, 0, 0, 5)));
    }

    #[test]
    fn what_is_in_use_is_kept() {
        let (mut m, now) = start(None);
        m.seed([10, 0, 0, 6].into(), now);
        m.seed(OWN.into(), now);
        assert_eq!(text(&m), "5 10.0.0.5 2\n");
        assert_eq!(m.hear(&from([10, 0, 0, 6], 1), now), Heard::Again);
        assert!(Members::new([10, 1, 0, 0].into(), None, now).is_none());
    }
}
