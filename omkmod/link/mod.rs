// SPDX-License-Identifier: GPL-2.0-only
//! Links: an authenticated connection for one process (or one question) between two nodes.
//!
//! A link belongs to one task at a time and is used in process context only, so it has no lock. Frames
//! are numbered and tagged with keys that both ends derive from the cluster key and two nonces; a frame that is not
//! exactly the next one ends the link. Waiting is bounded by [`PATIENCE_MS`] whenever an answer is due.

mod handshake;

pub(crate) use handshake::{accept, connect, refusal};

use crate::sys::errno::{EBADMSG, ECONNRESET, EPROTO, ETIMEDOUT};
use crate::omcore::clocks::Samples;
use crate::omcore::wire::{self, Clocks, Header, Kind, Reader, WireError, Writer, HEADER_LEN};
use crate::sys::memory::Pages;
use crate::sys::socket::Socket;
use crate::sys::{self, clocks, crypto, task, Bytes};
use core::sync::atomic::AtomicBool;
use kernel::prelude::*;

/// TCP port of links.
pub(crate) const PORT: u16 = 2901;

/// How long an answer may take before the link counts as dead. TCP notices a silent peer earlier.
pub(crate) const PATIENCE_MS: u32 = 60_000;

/// For answers that depend on a user: a forwarded call may sleep for days. Only TCP's own keepalive ends this.
pub(crate) const FOREVER: u32 = u32::MAX;

/// Most bytes echoed in one measurement.
pub(crate) const MAX_ECHOES: u64 = 10_000;

/// Bytes read ahead from the socket.
const READ_AHEAD: usize = 16 * 1024;

/// A connection.
pub(crate) struct Link {
    sock: Socket,
    keys: Option<Keys>,
    /// Node at the other end.
    pub(crate) peer: u16,
    sent: u64,
    received: u64,
    ahead: KVec<u8>,
    ahead_at: usize,
    out: Bytes,
    body: Bytes,
    bulk_left: usize,
    /// The other end has still to say that it has let us in, before anything else.
    welcome_due: bool,
    /// While the other end has not proved itself: when its time is over, ns of our clock. 0: no such time.
    deadline: u64,
}

/// Tag keys: one a direction, so that a frame cannot be sent back to its author.
pub(crate) struct Keys {
    out: [u64; 2],
    back: [u64; 2],
}

/// A frame that has come; its body is in [`Link::body`], its bulk still on the way.
#[derive(Clone, Copy)]
pub(crate) struct Frame {
    /// What it says.
    pub(crate) kind: Kind,
    /// Bytes of bulk to be taken with [`Link::take_bulk`] or [`Link::take_bulk_user`].
    pub(crate) bulk: usize,
}

impl Link {
    fn new(sock: Socket, peer: u16) -> Result<Self> {
        Ok(Link {
            sock,
            keys: None,
            peer,
            sent: 0,
            received: 0,
            ahead: KVec::with_capacity(READ_AHEAD, GFP_KERNEL)?,
            ahead_at: 0,
            out: Bytes::new(),
            body: Bytes::new(),
            bulk_left: 0,
            welcome_due: false,
            deadline: 0,
        })
    }

    /// The socket, to wait on or to listen to.
    pub(crate) fn socket(&self) -> &Socket {
        &self.sock
    }

    /// Is there a frame, or the end, to be read?
    pub(crate) fn readable(&self) -> bool {
        self.ahead_at < self.ahead.len() || self.sock.readable()
    }

    /// Everything that is received from now on must have come within this time; 0: no such limit.
    pub(crate) fn set_deadline(&mut self, ms: u64) {
        self.deadline = if ms == 0 { 0 } else { task::now_ns() + ms * 1_000_000 };
    }

    /// Waits until there is something to be read, however long it takes. Only death interrupts.
    pub(crate) fn await_input(&self) -> Result {
        self.await_input_within(FOREVER)
    }

    /// The same, for so long.
    pub(crate) fn await_input_within(&self, ms: u32) -> Result {
        if self.readable() {
            return Ok(());
        }
        self.sock.wait(false, ms)
    }

    /// Waits for input (true), or until somebody sets `wish` and wakes this task (false).
    pub(crate) fn await_input_or_wish(&self, wish: &AtomicBool) -> Result<bool> {
        if self.readable() {
            return Ok(true);
        }
        self.sock.wait_or_wish(wish, FOREVER)
    }

    fn push(&self, mut data: &[u8], more: bool) -> Result {
        while !data.is_empty() {
            match self.sock.send(data, more) {
                Ok(n) => data = data.get(n..).ok_or(EIO)?,
                Err(e) if e == EAGAIN => self.sock.wait(true, PATIENCE_MS)?,
                Err(e) => return Err(e),
            }
        }
        Ok(())
    }

    fn stage(&mut self, kind: Kind, body_len: usize, bulk: usize) -> Result {
        // The body stands behind room for the header in `out`; the tag covers both.
        let header = Header { kind, len: body_len as u32, bulk: bulk as u32, seq: self.sent, tag: 0 };
        let encoded = header.encode();
        self.out.get_mut(..HEADER_LEN).ok_or(EINVAL)?.copy_from_slice(&encoded);
        if let Some(keys) = &self.keys {
            let tag = tag(&keys.out, &self.out)?;
            self.out.get_mut(24..HEADER_LEN).ok_or(EINVAL)?.copy_from_slice(&tag.to_le_bytes());
        }
        self.sent += 1;
        Ok(())
    }

    fn begin(&mut self) -> Result {
        sys::resize(&mut self.out, HEADER_LEN)
    }

    /// Puts a frame into `out`, all but its bulk.
    fn write(&mut self, kind: Kind, parts: &[&[u8]], bulk: usize) -> Result {
        self.begin()?;
        for part in parts {
            self.out.extend_from_slice(part, GFP_KERNEL)?;
        }
        let len = self.out.len() - HEADER_LEN;
        if len > kind.max_body() as usize || bulk > kind.max_bulk() as usize {
            return Err(E2BIG);
        }
        self.stage(kind, len, bulk)
    }

    /// Sends a frame whose body is these parts, one after the other.
    pub(crate) fn send(&mut self, kind: Kind, parts: &[&[u8]]) -> Result {
        self.send_bulk(kind, parts, &[])
    }

    /// Sends a small frame that the next one follows at once: both travel together.
    pub(crate) fn send_along(&mut self, kind: Kind, part: &[u8]) -> Result {
        self.write(kind, &[part], 0)?;
        self.push(&self.out, true)
    }

    /// Sends a frame with bulk from kernel memory.
    pub(crate) fn send_bulk(&mut self, kind: Kind, parts: &[&[u8]], bulk: &[u8]) -> Result {
        self.write(kind, parts, bulk.len())?;
        if bulk.len() <= 2 * wire::PAGE {
            // One write, one packet train: the latency of a call is made here.
            self.out.extend_from_slice(bulk, GFP_KERNEL)?;
            return self.push(&self.out, false);
        }
        self.push(&self.out, true)?;
        self.push(bulk, false)
    }

    /// Sends collected pages without copying them.
    pub(crate) fn send_pages(&mut self, pages: &Pages) -> Result {
        let n = pages.addresses().len();
        self.begin()?;
        let mut list = [0u8; 16 + wire::MAX_BATCH * 8];
        let mut w = wire::Writer::new(&mut list);
        wire::put_addresses(&mut w, 0, pages.addresses());
        let len = w.len().map_err(bad)?;
        self.out.extend_from_slice(list.get(..len).ok_or(EINVAL)?, GFP_KERNEL)?;
        self.stage(Kind::Pages, len, n * wire::PAGE)?;
        self.push(&self.out, true)?;
        let mut done = 0;
        while done < n * wire::PAGE {
            match self.sock.send_pages(pages, done) {
                Ok(sent) => done += sent,
                Err(e) if e == EAGAIN => self.sock.wait(true, PATIENCE_MS)?,
                Err(e) => return Err(e),
            }
        }
        Ok(())
    }

    /// Sends an errno and the reason for it in words.
    pub(crate) fn refuse(&mut self, errno: i32, why: &[u8]) -> Result {
        let why = why.get(..why.len().min(480)).unwrap_or(&[]);
        self.send(Kind::Refuse, &[&(errno as u32).to_le_bytes(), why])
    }

    fn fill(&mut self, patience: u32) -> Result {
        sys::resize(&mut self.ahead, READ_AHEAD)?;
        self.ahead_at = 0;
        let got = loop {
            match self.sock.recv(&mut self.ahead) {
                Ok(0) => break Err(ECONNRESET),
                Err(e) if e == EAGAIN => {
                    if let Err(e) = self.sock.wait(false, patience) {
                        break Err(e);
                    }
                }
                other => break other,
            }
        };
        sys::resize(&mut self.ahead, *got.as_ref().unwrap_or(&0))?;
        got.map(|_| ())
    }

    fn take(&mut self, out: &mut [u8], patience: u32) -> Result {
        let mut at = 0;
        while at < out.len() {
            if self.deadline != 0 && task::now_ns() > self.deadline {
                return Err(ETIMEDOUT);
            }
            if self.ahead_at >= self.ahead.len() {
                let left = out.len() - at;
                if left >= READ_AHEAD {
                    // Large pieces go where they belong without passing through the buffer.
                    match self.sock.recv(out.get_mut(at..).ok_or(EINVAL)?) {
                        Ok(0) => return Err(ECONNRESET),
                        Ok(n) => at += n,
                        Err(e) if e == EAGAIN => self.sock.wait(false, patience)?,
                        Err(e) => return Err(e),
                    }
                    continue;
                }
                self.fill(patience)?;
            }
            let here = self.ahead.get(self.ahead_at..).ok_or(EINVAL)?;
            let n = here.len().min(out.len() - at);
            out.get_mut(at..at + n).ok_or(EINVAL)?.copy_from_slice(here.get(..n).ok_or(EINVAL)?);
            self.ahead_at += n;
            at += n;
        }
        Ok(())
    }

    /// The next frame. Whatever is wrong with it is the end of the link.
    pub(crate) fn recv(&mut self) -> Result<Frame> {
        self.recv_within(PATIENCE_MS)
    }

    /// The next frame, for callers with less or more patience.
    pub(crate) fn recv_within(&mut self, patience: u32) -> Result<Frame> {
        self.recv_one_of(&[], patience)
    }

    /// Waits until the other end has let us in. Whoever waits for anything else on a new link does so too.
    pub(crate) fn welcomed(&mut self) -> Result {
        if !core::mem::take(&mut self.welcome_due) {
            return Ok(());
        }
        match self.recv_one_of(&[Kind::Welcome, Kind::Refuse], handshake::PATIENCE_MS)?.kind {
            Kind::Welcome => Ok(()),
            _ => Err(EACCES),
        }
    }

    /// The next frame, of one of these kinds: looked at before anything is taken in. No kinds: any.
    pub(crate) fn recv_one_of(&mut self, kinds: &[Kind], patience: u32) -> Result<Frame> {
        self.welcomed()?;
        if self.bulk_left != 0 {
            return Err(EPROTO);
        }
        let mut raw = [0u8; HEADER_LEN];
        self.take(&mut raw, patience)?;
        let header = Header::decode(&raw).map_err(|e| self.complain(e))?;
        if header.seq != self.received || (!kinds.is_empty() && !kinds.contains(&header.kind)) {
            return Err(EPROTO);
        }
        self.received += 1;
        let mut body = core::mem::replace(&mut self.body, Bytes::new());
        sys::resize(&mut body, HEADER_LEN + header.len as usize)?;
        let (head, rest) = body.split_at_mut_checked(HEADER_LEN).ok_or(EINVAL)?;
        head.copy_from_slice(&raw);
        self.take(rest, patience)?;
        if let Some(keys) = &self.keys {
            body.get_mut(24..HEADER_LEN).ok_or(EINVAL)?.fill(0);
            if tag(&keys.back, &body)? != header.tag {
                pr_warn_ratelimited(format_args!("node {}: a frame with a wrong tag; link closed", self.peer));
                return Err(EBADMSG);
            }
        }
        self.body = body;
        self.bulk_left = header.bulk as usize;
        Ok(Frame { kind: header.kind, bulk: header.bulk as usize })
    }

    /// What the next frame says, without taking it.
    pub(crate) fn peek(&mut self) -> Result<Kind> {
        while self.ahead.len().saturating_sub(self.ahead_at) < HEADER_LEN {
            // Keep what is there of it and read more behind.
            let kept = self.ahead.len() - self.ahead_at;
            self.ahead.copy_within(self.ahead_at.., 0);
            self.ahead_at = 0;
            sys::resize(&mut self.ahead, READ_AHEAD)?;
            let got = loop {
                match self.sock.recv(self.ahead.get_mut(kept..).ok_or(EINVAL)?) {
                    Ok(0) => break Err(ECONNRESET),
                    Err(e) if e == EAGAIN => {
                        if let Err(e) = self.sock.wait(false, PATIENCE_MS) {
                            break Err(e);
                        }
                    }
                    other => break other,
                }
            };
            sys::resize(&mut self.ahead, kept + *got.as_ref().unwrap_or(&0))?;
            got?;
        }
        let raw = self.ahead.get(self.ahead_at..).and_then(|b| b.first_chunk::<HEADER_LEN>()).ok_or(EINVAL)?;
        Ok(Header::decode(raw).map_err(bad)?.kind)
    }

    fn complain(&self, e: WireError) -> Error {
        pr_warn_ratelimited(format_args!("node {}: {}; link closed", self.peer, e));
        EPROTO
    }

    /// Body of the last frame.
    pub(crate) fn body(&self) -> &[u8] {
        self.body.get(HEADER_LEN..).unwrap_or(&[])
    }

    /// Takes the last frame's body (behind [`HEADER_LEN`] bytes of header) away, for work that needs the link meanwhile.
    pub(crate) fn take_body(&mut self) -> Bytes {
        core::mem::replace(&mut self.body, Bytes::new())
    }

    /// Gives its memory back.
    pub(crate) fn return_body(&mut self, body: Bytes) {
        self.body = body;
    }

    /// The next part of the bulk.
    pub(crate) fn take_bulk(&mut self, out: &mut [u8]) -> Result {
        self.bulk_left = self.bulk_left.checked_sub(out.len()).ok_or(EPROTO)?;
        self.take(out, PATIENCE_MS)
    }

    /// The next part of the bulk, straight into plain writable user memory of this task.
    pub(crate) fn take_bulk_user(&mut self, to: u64, len: usize) -> Result {
        if len > self.bulk_left {
            return Err(EPROTO);
        }
        let mut at = 0;
        while at < len {
            let here = self.ahead.get(self.ahead_at..).unwrap_or(&[]);
            if !here.is_empty() {
                let n = here.len().min(len - at);
                task_write(to + at as u64, here.get(..n).ok_or(EINVAL)?)?;
                self.ahead_at += n;
                self.bulk_left -= n;
                at += n;
                continue;
            }
            match self.sock.recv_user(to + at as u64, len - at) {
                Ok(0) => return Err(ECONNRESET),
                Ok(n) => {
                    self.bulk_left = self.bulk_left.saturating_sub(n);
                    at += n;
                }
                Err(e) if e == EAGAIN => self.sock.wait(false, PATIENCE_MS)?,
                Err(e) => return Err(e),
            }
        }
        Ok(())
    }

    /// Reads bulk and throws it away.
    pub(crate) fn skip_bulk(&mut self) -> Result {
        let mut waste = [0u8; 512];
        while self.bulk_left > 0 {
            let n = self.bulk_left.min(waste.len());
            self.take_bulk(waste.get_mut(..n).ok_or(EINVAL)?)?;
        }
        Ok(())
    }

    /// Sends back single bytes, without frames: the other end measures what the network itself takes.
    pub(crate) fn echo(&mut self, n: u64) -> Result {
        let mut byte = [0u8];
        for _ in 0..n {
            self.take(&mut byte, PATIENCE_MS)?;
            self.push(&byte, false)?;
        }
        Ok(())
    }

    /// Tells the other end what the clocks here say; the next frame follows at once.
    pub(crate) fn tell_time_along(&mut self) -> Result {
        let body = time(0)?;
        self.send_along(Kind::Ping, &body)
    }

    /// Tells the other end what the clocks here say. It echoes so many bytes.
    pub(crate) fn tell_time(&mut self, echoes: u64) -> Result {
        let body = time(echoes)?;
        self.send(Kind::Ping, &[&body])
    }

    /// What the other end's clocks said in the `Ping` that has just come; how many bytes it wants echoed.
    pub(crate) fn hear_time(&self, samples: &mut Samples) -> Result<u64> {
        let here = clocks::now();
        let mut r = Reader::new(self.body());
        samples.add(&Clocks::take(&mut r).map_err(bad)?, &here);
        r.u64().map_err(bad)
    }

    /// The other end of [`Link::echo`]: median round trip of one byte, in ns.
    pub(crate) fn measure(&mut self, n: u64) -> Result<u64> {
        let n = n.clamp(1, MAX_ECHOES);
        self.tell_time(n)?;
        self.welcomed()?;
        let mut times = KVec::with_capacity(n as usize, GFP_KERNEL)?;
        let mut byte = [1u8];
        for _ in 0..n {
            let begun = task::now_ns();
            self.push(&byte, false)?;
            self.take(&mut byte, PATIENCE_MS)?;
            times.push(task::now_ns() - begun, GFP_KERNEL)?;
        }
        times.sort_unstable();
        times.get(times.len() / 2).copied().ok_or(EINVAL)
    }

    /// A frame of this kind must come next.
    pub(crate) fn expect(&mut self, kind: Kind) -> Result<Frame> {
        let frame = self.recv()?;
        if frame.kind == kind {
            Ok(frame)
        } else {
            Err(EPROTO)
        }
    }
}

/// Body of a `Ping`.
fn time(echoes: u64) -> Result<[u8; 48]> {
    let mut body = [0u8; 48];
    let mut w = Writer::new(&mut body);
    clocks::now().put(&mut w);
    w.u64(echoes);
    w.len().map_err(bad)?;
    Ok(body)
}

fn task_write(to: u64, data: &[u8]) -> Result {
    sys::memory::write_user(to, data)
}

/// Hash over the first 24 header bytes and the body; `frame` is header (with tag 0) and body.
fn tag(key: &[u64; 2], frame: &[u8]) -> Result<u64> {
    Ok(crypto::siphash(key, frame))
}

/// A wire error as an errno.
pub(crate) fn bad(_: WireError) -> Error {
    EPROTO
}

/// One warning a second at most, over all that peers can provoke.
pub(crate) fn pr_warn_ratelimited(what: core::fmt::Arguments<'_>) {
    use core::sync::atomic::{AtomicU64, Ordering};
    static LAST: AtomicU64 = AtomicU64::new(0);
    let now = task::now_ns() / 1_000_000_000 + 1;
    if LAST.swap(now, Ordering::Relaxed) != now {
        pr_warn!("{}\n", what);
    }
}
