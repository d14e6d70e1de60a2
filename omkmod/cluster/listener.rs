// SPDX-License-Identifier: GPL-2.0-only
//! The door: accepts links and hands each to a thread of its own, so that a slow or silent peer holds up nobody.

use crate::guest;
use crate::link;
use super::cradle::{self, Arrival};
use crate::omcore::wire::{Join, Kind, Reader};
use crate::sys::socket::Socket;
use crate::sys::thread;
use core::sync::atomic::{AtomicU32, Ordering};
use kernel::c_str;
use kernel::prelude::*;

/// Connections whose other end has not proved itself yet. More wait outside, in the queue of the socket.
const MAX_AT_DOOR: u32 = 128;
static AT_DOOR: AtomicU32 = AtomicU32::new(0);

/// Connections of nodes of the cluster that nobody has taken over yet; more are closed. The members of a group come at
/// once, and each stays until its vessel has been started: twice the largest group.
const MAX_INSIDE: u32 = 8192;
static INSIDE: AtomicU32 = AtomicU32::new(0);

/// How often is looked whether there is a place at the door.
const LOOK_MS: u32 = 10;

/// One of a limited number of places, free again when this is dropped.
struct Place(&'static AtomicU32);

impl Place {
    fn take(taken: &'static AtomicU32, most: u32) -> Option<Self> {
        let one_more = |n| (n < most).then_some(n + 1);
        taken.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more).ok().map(|_| Place(taken))
    }

    /// Waits for a place at the door; `None` when the thread is told to stop.
    fn at_door() -> Option<Self> {
        loop {
            if let Some(place) = Self::take(&AT_DOOR, MAX_AT_DOOR) {
                return Some(place);
            }
            if thread::should_stop() {
                return None;
            }
            thread::sleep(LOOK_MS);
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

pub(super) fn start(ip: u32) -> Result<thread::Thread> {
    let listener = Socket::listen(ip, link::PORT)?;
    thread::Thread::start(c_str!("om_listen"), move || {
        while let Some(sock) = listener.accept() {
            let Some(place) = Place::at_door() else { return };
            let _ = thread::detached(c_str!("om_door"), move || receive(sock, place));
        }
    })
}

fn receive(sock: Socket, at_door: Place) {
    let Some(cluster) = super::cluster() else { return };
    let Ok(mut link) = link::accept(cluster, sock) else { return };
    let Some(_inside) = Place::take(&INSIDE, MAX_INSIDE) else { return };
    drop(at_door);
    // A question, or a process that wants to come.
    let mut samples = cluster.clocks_of(link.peer);
    loop {
        match link.recv() {
            Ok(f) if f.kind == Kind::Ping => {
                let Ok(echoes) = link.hear_time(&mut samples) else { return };
                if echoes > 0 {
                    let _ = link.echo(echoes.min(link::MAX_ECHOES));
                    return;
                }
            }
            Ok(f) if f.kind == Kind::Move => return guest::arrive::arrive(cluster, link, samples),
            Ok(f) if f.kind == Kind::Join => {
                let Ok(j) = Join::take(&mut Reader::new(link.body())) else { return };
                return cradle::deliver(
                    cluster,
                    Arrival { link, pid: j.pid as i32, own_tid: j.own_tid as i32 },
                    [j.cookie_low, j.cookie_high],
                );
            }
            _ => return,
        }
    }
}
