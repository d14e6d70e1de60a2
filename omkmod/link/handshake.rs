// SPDX-License-Identifier: GPL-2.0-only
//! Who are you? Both ends prove that they know the cluster key before anything else is said.
//!
//! ```text
//! connecting → Hello { id, nonce }
//!            ← Challenge { id, nonce', HMAC(key, "accepting" ids nonces) }
//!            → Proof { HMAC(key, "connecting" ids nonces) }
//!            ← Welcome            first frame with a tag
//! ```
//! The accepting end has proved itself before the connecting one does, which therefore does not wait for the `Welcome` before it goes
//! on: what it has to say travels with the `Proof`.
//!
//! Tag keys are HMAC(key, "session" ids nonces). Without a key (a cluster declared trusted) the same frames are exchanged with
//! an empty key: mistakes are caught, attackers are not.

use super::{bad, Keys, Link};
use crate::sys::errno::{ENETDOWN, EPROTO};
use crate::cluster::Cluster;
use crate::omcore::wire::{Kind, Reader};
use crate::sys::{crypto, task};
use crate::sys::socket::Socket;
use kernel::prelude::*;

/// A peer that has not proved itself within this time is not waited for. When hundreds of processes leave at once, both
/// nodes have their hands full.
pub(super) const PATIENCE_MS: u32 = 20_000;

const NONCE: usize = 32;

struct Talk {
    connecting: u16,
    accepting: u16,
    nonces: [u8; 2 * NONCE],
}

impl Talk {
    fn mac(&self, key: &[u8], role: &[u8; 10]) -> Result<[u8; 32]> {
        let mut text = [0u8; 10 + 4 + 2 * NONCE];
        let mut w = crate::omcore::wire::Writer::new(&mut text);
        w.bytes(role);
        w.u16(self.connecting);
        w.u16(self.accepting);
        w.bytes(&self.nonces);
        w.len().map_err(bad)?;
        crypto::hmac(key, &text)
    }

    fn keys(&self, key: &[u8], connecting: bool) -> Result<Keys> {
        let m = self.mac(key, b"session---")?;
        let mut r = Reader::new(&m);
        let mut word = || r.u64().map_err(bad);
        let there = [word()?, word()?];
        let back = [word()?, word()?];
        Ok(if connecting { Keys { out: there, back } } else { Keys { out: back, back: there } })
    }
}

/// Opens a link to a node of the map. Something must be sent on it at once: it takes the proof along.
pub(crate) fn connect(cluster: &Cluster, to: u16) -> Result<Link> {
    let m = cluster.membership().ok_or(ENETDOWN)?;
    let ip = m.ip_of(to).ok_or(ENXIO)?;
    let mut link = Link::new(Socket::connect(m.own_ip(), ip, super::PORT)?, to)?;
    let nonce = crypto::random();
    link.send(Kind::Hello, &[&m.own_id().to_le_bytes(), &nonce])?;

    let frame = link.recv_one_of(&[Kind::Challenge, Kind::Refuse], PATIENCE_MS)?;
    if frame.kind == Kind::Refuse {
        return Err(refusal(&link).0);
    }
    if frame.kind != Kind::Challenge {
        return Err(EPROTO);
    }
    let mut r = Reader::new(link.body());
    let id = r.u16().map_err(bad)?;
    let theirs: [u8; NONCE] = r.array().map_err(bad)?;
    let proof: [u8; 32] = r.array().map_err(bad)?;
    r.finish().map_err(bad)?;
    if id != to {
        return Err(EPROTO);
    }
    let talk = Talk { connecting: m.own_id(), accepting: to, nonces: join(&nonce, &theirs) };
    let key = m.key();
    if !crypto::same(&proof, &talk.mac(key, b"accepting-")?) {
        super::pr_warn_ratelimited(format_args!("node {}: does not know the cluster key; link closed", to));
        return Err(EACCES);
    }
    link.send_along(Kind::Proof, &talk.mac(key, b"connecting")?)?;
    link.keys = Some(talk.keys(key, true)?);
    link.welcome_due = true;
    Ok(link)
}

/// Receives a link from a node of the map.
pub(crate) fn accept(cluster: &Cluster, sock: Socket) -> Result<Link> {
    let m = cluster.membership().ok_or(ENETDOWN)?;
    let ip = sock.peer();
    let mut link = Link::new(sock, m.id_of(ip).unwrap_or(0))?;
    let Some(expected) = m.id_of(ip) else {
        let [a, b, c, d] = ip.to_be_bytes();
        super::pr_warn_ratelimited(format_args!("{a}.{b}.{c}.{d} is not in the map; connection refused"));
        return Err(EACCES);
    };
    link.deadline = task::now_ns() + u64::from(PATIENCE_MS) * 1_000_000;
    let frame = link.recv_one_of(&[Kind::Hello], PATIENCE_MS)?;
    if frame.kind != Kind::Hello {
        return Err(EPROTO);
    }
    let mut r = Reader::new(link.body());
    let id = r.u16().map_err(bad)?;
    let theirs: [u8; NONCE] = r.array().map_err(bad)?;
    r.finish().map_err(bad)?;
    if id != expected || id == m.own_id() {
        super::pr_warn_ratelimited(format_args!("node {expected} calls itself {id}: its map differs; link refused"));
        return Err(EACCES);
    }
    let nonce = crypto::random();
    let talk = Talk { connecting: id, accepting: m.own_id(), nonces: join(&theirs, &nonce) };
    let key = m.key();
    link.send(Kind::Challenge, &[&m.own_id().to_le_bytes(), &nonce, &talk.mac(key, b"accepting-")?])?;
    let frame = link.recv_one_of(&[Kind::Proof], PATIENCE_MS)?;
    let mut r = Reader::new(link.body());
    let proof: [u8; 32] = r.array().map_err(bad)?;
    r.finish().map_err(bad)?;
    if frame.kind != Kind::Proof || !crypto::same(&proof, &talk.mac(key, b"connecting")?) {
        super::pr_warn_ratelimited(format_args!("node {id}: does not know the cluster key; link closed"));
        return Err(EACCES);
    }
    link.keys = Some(talk.keys(key, false)?);
    link.deadline = 0;
    link.send(Kind::Welcome, &[])?;
    Ok(link)
}

fn join(a: &[u8; NONCE], b: &[u8; NONCE]) -> [u8; 2 * NONCE] {
    let mut out = [0; 2 * NONCE];
    let (first, second) = out.split_at_mut(NONCE);
    first.copy_from_slice(a);
    second.copy_from_slice(b);
    out
}

/// Errno and words of a Refuse frame.
pub(crate) fn refusal(link: &Link) -> (Error, &[u8]) {
    let mut r = Reader::new(link.body());
    let errno = r.u32().unwrap_or(0) as i32;
    let words = r.bytes(r.remaining()).unwrap_or(&[]);
    let error = if (1..4096).contains(&errno) { Error::from_errno(-errno) } else { EPROTO };
    (error, words)
}
