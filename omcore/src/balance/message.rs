// SPDX-License-Identifier: GPL-2.0-only

//! The datagram that nodes tell each other their load with: UDP, version 2.
//!
//! This is its body. On the network a tag of 32 bytes follows, keyed with the cluster's secret; whoever receives it
//! checks the tag first, then decodes, then asks [`super::gossip::Last`] whether it is news.
//!
//! | kind | when | serial |
//! |---|---|---|
//! | report | each period, to two nodes | the sender's next |
//! | query | somebody wants to know now; says the asker's load besides | the sender's next; the answer repeats it in `echo` |
//! | answer | at once | the sender's next |
//! | state | policy "thresholds": full, or room again | the sender's next |
//!
//! All integers are little-endian. The length is fixed, and a message of another length is none.

use super::super::wire::{Reader, WireError, Writer};
use super::node::Node;
use super::thresholds::State;

/// "OML1", of all versions.
pub const MAGIC: u32 = 0x314c_4d4f;
/// This version.
pub const VERSION: u16 = 2;
/// Bytes of a body.
pub const LEN: usize = 4 + 2 + 2 + 2 + 2 + 3 * 8 + 4 * 4 + 3 * 8 + 4 * 2;
/// Bytes of the tag that follows.
pub const TAG: usize = 32;

/// What a message is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Kind {
    /// My load, unasked.
    #[default]
    Report,
    /// What is yours?
    Query,
    /// This.
    Answer,
    /// My state changed.
    State,
}

impl Kind {
    const fn number(self) -> u8 {
        match self {
            Kind::Report => 1,
            Kind::Query => 2,
            Kind::Answer => 3,
            Kind::State => 4,
        }
    }

    const fn from_number(number: u8) -> Option<Kind> {
        match number {
            1 => Some(Kind::Report),
            2 => Some(Kind::Query),
            3 => Some(Kind::Answer),
            4 => Some(Kind::State),
            _ => None,
        }
    }
}

/// One message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Message {
    /// What it is for.
    pub kind: Kind,
    /// When the sender started, by its clock: grows with each start of the node.
    pub boot: u64,
    /// Grows with each message since.
    pub serial: u64,
    /// In an answer the serial of the query, else 0.
    pub echo: u64,
    /// The sender's load; its `age_ms` does not travel.
    pub node: Node,
}

/// Why bytes are not a message: see [`WireError`]; `BadValue` for an impossible kind, state or sender.
pub type Error = WireError;

/// Writes the body; the number of bytes written, [`LEN`].
pub fn encode(message: &Message, out: &mut [u8]) -> Result<usize, Error> {
    let n = &message.node;
    let mut w = Writer::new(out);
    w.u32(MAGIC);
    w.u16(VERSION);
    w.bytes(&[message.kind.number(), n.state.number()]);
    w.u16(n.id);
    w.u16(n.cpus);
    for v in [message.boot, message.serial, message.echo] {
        w.u64(v);
    }
    for v in [n.status, n.speed, n.load, n.upload] {
        w.u32(v);
    }
    for v in [n.mem, n.rmem] {
        w.u64(v);
    }
    w.u64(n.tmem);
    for v in [n.util, n.slots, n.guests, 0] {
        w.u16(v);
    }
    w.len()
}

/// Reads a body of exactly [`LEN`] bytes. Values are those of the sender; percentages above 100 are refused.
pub fn decode(bytes: &[u8]) -> Result<Message, Error> {
    let mut r = Reader::new(bytes);
    if r.u32()? != MAGIC {
        return Err(Error::BadMagic);
    }
    let version = r.u16()?;
    if version != VERSION {
        return Err(Error::BadVersion(version));
    }
    let [kind, state] = r.array()?;
    let kind = Kind::from_number(kind).ok_or(Error::BadValue)?;
    let state = State::from_number(state).ok_or(Error::BadValue)?;
    let (id, cpus) = (r.u16()?, r.u16()?);
    let (boot, serial, echo) = (r.u64()?, r.u64()?, r.u64()?);
    let (status, speed, load, upload) = (r.u32()?, r.u32()?, r.u32()?, r.u32()?);
    let (mem, rmem, tmem) = (r.u64()?, r.u64()?, r.u64()?);
    let (util, slots, guests, zero) = (r.u16()?, r.u16()?, r.u16()?, r.u16()?);
    r.finish()?;
    if id == 0 || cpus == 0 || speed == 0 || util > 100 || zero != 0 || mem > tmem || rmem > tmem {
        return Err(Error::BadValue);
    }
    let node = Node {
        id,
        cpus,
        status,
        load,
        upload,
        speed,
        util,
        slots,
        guests,
        state,
        mem,
        rmem,
        tmem,
        age_ms: 0,
    };
    Ok(Message { kind, boot, serial, echo, node })
}
