// SPDX-License-Identifier: GPL-2.0-only
//! Kernel sockets: bytes move without waiting, waiting is separate (see net.c).

use super::memory::Pages;
use super::task::Kick;
use super::{count, ffi};
use core::ptr::NonNull;
use core::sync::atomic::AtomicBool;
use kernel::error::{from_err_ptr, to_result, Result};
use kernel::prelude::*;

/// Most milliseconds to wait for a connection.
const CONNECT_MS: u32 = 5000;

/// An open socket; closed when dropped.
///
/// # Invariants
///
/// The pointer is a socket made by net.c and not yet released.
pub(crate) struct Socket(NonNull<ffi::Opaque>);

// SAFETY: kernel sockets do their own locking and belong to no task.
unsafe impl Send for Socket {}
// SAFETY: as above.
unsafe impl Sync for Socket {}

impl Drop for Socket {
    fn drop(&mut self) {
        // SAFETY: the socket is ours and this is its last use.
        unsafe {
            ffi::om_ear_close(self.0.as_ptr());
            ffi::om_close(self.0.as_ptr());
        }
    }
}

impl Socket {
    fn wrap(ptr: *mut ffi::Opaque) -> Result<Self> {
        NonNull::new(from_err_ptr(ptr)?).map(Socket).ok_or(EINVAL)
    }

    /// Connects to `to`:`port` from our address `from`.
    pub(crate) fn connect(from: u32, to: u32, port: u16) -> Result<Self> {
        // SAFETY: no preconditions.
        Self::wrap(unsafe { ffi::om_connect(from, to, port, CONNECT_MS) })
    }

    /// Listens for connections.
    pub(crate) fn listen(ip: u32, port: u16) -> Result<Self> {
        // SAFETY: no preconditions.
        Self::wrap(unsafe { ffi::om_listen(ip, port) })
    }

    /// The next connection; `None` when this thread is told to stop. Only in a kernel thread.
    pub(crate) fn accept(&self) -> Option<Self> {
        // SAFETY: the socket is valid by the type's invariant.
        NonNull::new(unsafe { ffi::om_accept(self.0.as_ptr()) }).map(Socket)
    }

    /// A datagram socket.
    pub(crate) fn datagram(ip: u32, port: u16) -> Result<Self> {
        // SAFETY: no preconditions.
        Self::wrap(unsafe { ffi::om_udp(ip, port) })
    }

    /// Sends a datagram; lost ones are nobody's business.
    pub(crate) fn send_to(&self, ip: u32, port: u16, data: &[u8]) {
        // SAFETY: the socket and the data are valid.
        unsafe { ffi::om_udp_send(self.0.as_ptr(), ip, port, data.as_ptr(), data.len()) };
    }

    /// A datagram and its sender, or EAGAIN after `ms`. Only in a kernel thread.
    pub(crate) fn recv_from(&self, buf: &mut [u8], ms: u32) -> Result<(usize, u32)> {
        let mut ip = 0;
        // SAFETY: the socket is valid, `buf` for its length.
        let n = unsafe { ffi::om_udp_recv(self.0.as_ptr(), &mut ip, buf.as_mut_ptr(), buf.len(), ms) };
        Ok((count(n)?, ip))
    }

    /// Address of the other end.
    pub(crate) fn peer(&self) -> u32 {
        // SAFETY: the socket is valid by the type's invariant.
        unsafe { ffi::om_peer(self.0.as_ptr()) }
    }

    /// Sends what fits now; EAGAIN when nothing does. `more`: something follows at once.
    pub(crate) fn send(&self, data: &[u8], more: bool) -> Result<usize> {
        // SAFETY: the socket and the data are valid.
        count(unsafe { ffi::om_send(self.0.as_ptr(), data.as_ptr(), data.len(), more) })
    }

    /// Sends pages without copying, beginning after `skip` bytes.
    pub(crate) fn send_pages(&self, pages: &Pages, skip: usize) -> Result<usize> {
        let (ptr, n) = pages.raw();
        // SAFETY: the socket is valid; `ptr` has `n` page references.
        count(unsafe { ffi::om_send_pages(self.0.as_ptr(), ptr, n, skip) })
    }

    /// Receives what is there; 0 is the end of the stream, EAGAIN means nothing yet.
    pub(crate) fn recv(&self, buf: &mut [u8]) -> Result<usize> {
        // SAFETY: the socket is valid, `buf` for its length.
        count(unsafe { ffi::om_recv(self.0.as_ptr(), buf.as_mut_ptr(), buf.len()) })
    }

    /// The same, into this task's user memory.
    pub(crate) fn recv_user(&self, to: u64, len: usize) -> Result<usize> {
        // SAFETY: the socket is valid; a bad user address is an error, not a danger.
        count(unsafe { ffi::om_recv_user(self.0.as_ptr(), to as _, len) })
    }

    /// Is there something to read, or the end?
    pub(crate) fn readable(&self) -> bool {
        // SAFETY: the socket is valid by the type's invariant.
        unsafe { ffi::om_readable(self.0.as_ptr()) }
    }

    /// Waits until reading or writing makes sense; ends early only when the task is killed.
    pub(crate) fn wait(&self, write: bool, ms: u32) -> Result {
        // SAFETY: the socket is valid by the type's invariant.
        to_result(unsafe { ffi::om_wait(self.0.as_ptr(), write, ms) })
    }

    /// Waits for input (true), or until somebody sets `wish` and wakes this task (false).
    pub(crate) fn wait_or_wish(&self, wish: &AtomicBool, ms: u32) -> Result<bool> {
        // SAFETY: the socket is valid by the type's invariant; an `AtomicBool` is a bool that others may change.
        Ok(count(unsafe { ffi::om_wait_or_wish(self.0.as_ptr(), wish.as_ptr(), ms) } as _)? == 0)
    }

    /// Waits for input or a signal; lets the freezer in. For the first `computing_ms` the task is shown as one that runs.
    pub(crate) fn wait_idle(&self, computing_ms: u32) {
        // SAFETY: the socket is valid by the type's invariant.
        unsafe { ffi::om_wait_idle(self.0.as_ptr(), computing_ms) };
    }

    /// Input makes `kick` run from now on, while listening. The kick must outlive the socket.
    pub(crate) fn open_ear(&self, kick: &Kick) -> Result {
        // SAFETY: the socket is valid; the caller keeps kick and socket in one object, socket dropped first.
        to_result(unsafe { ffi::om_ear_open(self.0.as_ptr(), kick.raw()) })
    }

    /// Input rouses the current task, a deputy, if it is stopped, and while listening interrupts the call it makes.
    pub(crate) fn open_deputys_ear(&self) -> Result {
        // SAFETY: the socket is valid; the ear holds a reference to the task.
        to_result(unsafe { ffi::om_ear_open(self.0.as_ptr(), core::ptr::null_mut()) })
    }

    /// Turns listening on or off.
    pub(crate) fn listen_ear(&self, on: bool) {
        // SAFETY: the socket is valid by the type's invariant.
        unsafe { ffi::om_ear_listen(self.0.as_ptr(), on) };
    }
}
