// SPDX-License-Identifier: GPL-2.0-only
//! The door: accepts links and hands each to a thread of its own, so that a slow or silent peer holds up nobody.

use crate::guest;
use crate::link;
use crate::omcore::wire::Kind;
use crate::sys::socket::Socket;
use crate::sys::thread;
use core::sync::atomic::{AtomicU32, Ordering};
use kernel::c_str;
use kernel::prelude::*;

/// Connections that may be at the door at once; more are closed unheard.
const MAX_AT_DOOR: u32 = 128;

static AT_DOOR: AtomicU32 = AtomicU32::new(0);

pub(super) fn start(ip: u32) -> Result<thread::Thread> {
    let listener = Socket::listen(ip, link::PORT)?;
    thread::Thread::start(c_str!("om_listen"), move || {
        while let Some(sock) = listener.accept() {
            if AT_DOOR.fetch_add(1, Ordering::Relaxed) >= MAX_AT_DOOR {
                AT_DOOR.fetch_sub(1, Ordering::Relaxed);
                continue;
            }
            let started = thread::detached(c_str!("om_door"), move || {
                receive(sock);
                AT_DOOR.fetch_sub(1, Ordering::Relaxed);
            });
            if started.is_err() {
                AT_DOOR.fetch_sub(1, Ordering::Relaxed);
            }
        }
    })
}

fn receive(sock: Socket) {
    let Some(cluster) = super::cluster() else { return };
    let Ok(mut link) = link::accept(cluster, sock) else { return };
    // A question, answered as often as it is asked, or a process that wants to come.
    loop {
        match link.recv() {
            Ok(f) if f.kind == Kind::Ping => {
                if link.send(Kind::Pong, &[]).is_err() {
                    return;
                }
            }
            Ok(f) if f.kind == Kind::Move => return guest::arrive::arrive(cluster, link),
            _ => return,
        }
    }
}
