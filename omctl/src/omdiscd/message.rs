// SPDX-License-Identifier: GPL-2.0-only

//! The datagram by which a node says that it is there. Pure functions on bytes; what comes in may be anything.
//!
//! | bytes | field |
//! |---|---|
//! | 4 | `OMDS` |
//! | 1 | version, 1 |
//! | 1 | sum of 1: the sender is new and wants to hear the others soon; 2: it uses its map |
//! | 2 | id of the sender, little-endian: the low 16 bits of its address |
//! | 4 | its IPv4 address, in network order |
//! | 8 | time of sending, nanoseconds since 1970, little-endian; rises from one datagram to the next |
//! | 32 | HMAC-SHA256 with the cluster key of the words `openMosix discovery` and the 20 bytes before; zeros without a key |

use std::fmt;
use std::net::Ipv4Addr;

use hmac::{Hmac, Mac};
use sha2::Sha256;

/// The length of a datagram; another length is no announcement.
pub const LENGTH: usize = BODY + TAG;

const BODY: usize = 20;
const TAG: usize = 32;
const MAGIC: [u8; 4] = *b"OMDS";
const VERSION: u8 = 1;
const NEWCOMER: u8 = 1;
const MEMBER: u8 = 2;
/// So that a tag of a link is never one of an announcement.
const CONTEXT: &[u8] = b"openMosix discovery";

/// The cluster key; `None` on a network where everybody is believed.
pub type Key = Option<[u8; 32]>;

/// A node says that it is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Announcement {
    pub address: Ipv4Addr,
    /// It wants to hear the others soon.
    pub newcomer: bool,
    /// It uses its map.
    pub member: bool,
    /// When it was sent, by the sender's clock.
    pub sent: u64,
}

/// Why a datagram is not believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wrong {
    /// Not of this protocol.
    Foreign,
    /// Of another version of it.
    Version(u8),
    /// The id is not that of the address, or the address is no machine's.
    Id,
    /// Made without the key, or with another.
    Key,
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Foreign => f.write_str("it is not an announcement"),
            Self::Version(other) => write!(f, "it is of version {other}, this is version {VERSION}"),
            Self::Id => f.write_str("its node id does not fit its address"),
            Self::Key => f.write_str("it was made with another cluster key, or without one"),
        }
    }
}

/// The id of a node: the low 16 bits of its address. An address that ends in 0.0 is no node's.
pub fn id_of(address: Ipv4Addr) -> Option<u16> {
    let [_, _, c, d] = address.octets();
    Some(u16::from_be_bytes([c, d])).filter(|&id| id != 0)
}

/// Whether a node can have the address.
fn is_usable(address: Ipv4Addr) -> bool {
    !(address.is_loopback() || address.is_multicast() || address.is_broadcast() || address.octets()[0] == 0)
}

impl Announcement {
    pub fn encode(&self, key: &Key) -> [u8; LENGTH] {
        let mut out = [0; LENGTH];
        let id = id_of(self.address).unwrap_or(0);
        let flags = [(self.newcomer, NEWCOMER), (self.member, MEMBER)];
        let flags = flags.into_iter().fold(0, |sum, (on, flag)| if on { sum | flag } else { sum });
        let fields = MAGIC
            .into_iter()
            .chain([VERSION, flags])
            .chain(id.to_le_bytes())
            .chain(self.address.octets())
            .chain(self.sent.to_le_bytes());
        out.iter_mut().zip(fields).for_each(|(to, from)| *to = from);
        let (body, tag) = out.split_at_mut(BODY);
        if let Some(mac) = mac(key, body) {
            tag.copy_from_slice(&mac.finalize().into_bytes());
        }
        out
    }

    pub fn decode(bytes: &[u8], key: &Key) -> Result<Self, Wrong> {
        let bytes: &[u8; LENGTH] = bytes.try_into().map_err(|_| match bytes {
            [b'O', b'M', b'D', b'S', version, ..] if *version != VERSION => Wrong::Version(*version),
            _ => Wrong::Foreign,
        })?;
        let (body, tag) = bytes.split_at(BODY);
        let [m0, m1, m2, m3, version, flags, i0, i1, a, b, c, d, sent @ ..] = body else {
            return Err(Wrong::Foreign);
        };
        if [*m0, *m1, *m2, *m3] != MAGIC {
            return Err(Wrong::Foreign);
        }
        if *version != VERSION {
            return Err(Wrong::Version(*version));
        }
        let genuine = match mac(key, body) {
            Some(mac) => mac.verify_slice(tag).is_ok(),
            None => tag.iter().all(|&byte| byte == 0),
        };
        if !genuine {
            return Err(Wrong::Key);
        }
        let address = Ipv4Addr::new(*a, *b, *c, *d);
        if id_of(address) != Some(u16::from_le_bytes([*i0, *i1])) || !is_usable(address) {
            return Err(Wrong::Id);
        }
        let sent = sent.try_into().map(u64::from_le_bytes).map_err(|_| Wrong::Foreign)?;
        Ok(Self { address, newcomer: flags & NEWCOMER != 0, member: flags & MEMBER != 0, sent })
    }
}

fn mac(key: &Key, body: &[u8]) -> Option<Hmac<Sha256>> {
    // A key of any length is taken.
    let mut mac = Hmac::<Sha256>::new_from_slice(key.as_ref()?).ok()?;
    mac.update(CONTEXT);
    mac.update(body);
    Some(mac)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const KEY: Key = Some([7; 32]);

    fn some(address: [u8; 4]) -> Announcement {
        Announcement { address: address.into(), newcomer: true, member: false, sent: 42 }
    }

    #[test]
    fn ids_are_those_of_the_manual() {
        for (address, id) in [([192, 168, 10, 220], 0x0adc), ([192, 168, 10, 78], 2638), ([10, 0, 0, 98], 98)]
        {
            assert_eq!(id_of(address.into()), Some(id));
        }
        assert_eq!(id_of([10, 1, 0, 0].into()), None);
    }

    #[test]
    fn only_the_key_opens_it() {
        let bytes = some([10, 0, 0, 1]).encode(&KEY);
        assert_eq!(Announcement::decode(&bytes, &KEY), Ok(some([10, 0, 0, 1])));
        assert_eq!(Announcement::decode(&bytes, &Some([8; 32])), Err(Wrong::Key));
        assert_eq!(Announcement::decode(&bytes, &None), Err(Wrong::Key));
        let open = some([10, 0, 0, 1]).encode(&None);
        assert_eq!(Announcement::decode(&open, &KEY), Err(Wrong::Key));
        assert_eq!(Announcement::decode(&open, &None), Ok(some([10, 0, 0, 1])));
    }

    #[test]
    fn addresses_that_are_no_machines_are_refused() {
        for address in [[127, 0, 0, 1], [224, 0, 0, 1], [255, 255, 255, 255], [0, 0, 0, 1], [10, 1, 0, 0]] {
            assert_eq!(
                Announcement::decode(&some(address).encode(&None), &None),
                Err(Wrong::Id),
                "{address:?}"
            );
        }
    }

    #[test]
    fn versions_are_told_apart() {
        let mut bytes = some([10, 0, 0, 1]).encode(&None);
        bytes[4] = 9;
        assert_eq!(Announcement::decode(&bytes, &None), Err(Wrong::Version(9)));
        assert_eq!(Announcement::decode(&bytes[..30], &None), Err(Wrong::Version(9)));
    }

    proptest! {
        #[test]
        fn it_reads_back(ip in 0x0100_0000u32..0x7f00_0000, newcomer: bool, member: bool, sent: u64, key: Option<[u8; 32]>) {
            let address = Ipv4Addr::from(ip);
            prop_assume!(id_of(address).is_some());
            let this = Announcement { address, newcomer, member, sent };
            prop_assert_eq!(Announcement::decode(&this.encode(&key), &key), Ok(this));
        }

        #[test]
        fn anything_may_come_in(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            prop_assert!(Announcement::decode(&bytes, &KEY).is_err());
            let _ = Announcement::decode(&bytes, &None);
        }

        /// Whatever bit is changed, it is not believed.
        #[test]
        fn a_changed_bit_shows(bit in 0usize..LENGTH * 8) {
            let mut bytes = some([10, 0, 0, 1]).encode(&KEY);
            bytes[bit / 8] ^= 1 << (bit % 8);
            prop_assert!(Announcement::decode(&bytes, &KEY).is_err());
        }
    }
}
