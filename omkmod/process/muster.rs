// SPDX-License-Identifier: GPL-2.0-only
//! The threads of a process that is about to leave. One of them, the captain, calls the others out of whatever they do; each
//! comes to its user-mode boundary and waits there for orders. They board together, each over a link of its own, or
//! all go on as if nothing had been.

use super::image::Thread;
use super::journey::{self, Outcome};
use super::request::Refusal;
use crate::cluster::cluster;
use crate::deputy::{Away, Deputy};
use crate::link::{self, bad};
use crate::omcore::wire::{Join, Kind, Writer};
use crate::sys::errno::ENETDOWN;
use crate::sys::task::{self, Task};
use crate::sys::{self, wait};
use kernel::prelude::*;
use kernel::sync::{Arc, CondVar, Mutex};
use kernel::{new_condvar, new_mutex, pin_init};

/// How long a thread may take to come. One that waits for a vforked child does not react at all.
const PATIENCE_MS: u64 = 20_000;

#[pin_data]
struct Square {
    #[pin]
    state: Mutex<State>,
    #[pin]
    changed: CondVar,
}

struct State {
    order: Order,
    present: KVec<Member>,
    boarded: usize,
    failed: Option<Refusal>,
}

struct Member {
    tid: i32,
    cookie: [u64; 2],
}

enum Order {
    Wait,
    Board(Arc<Away>),
    Go,
    StandDown,
}

/// The captain's end. Dropped, it sends everybody back to work.
pub(super) struct Muster {
    square: Arc<Square>,
    _captaincy: Captaincy,
}

/// Two threads that call each other would wait for each other.
struct Captaincy(i32);

impl Captaincy {
    fn take() -> Outcome<Captaincy> {
        let pid = task::pid();
        let mut list = cluster().ok_or(ENETDOWN)?.mustering.lock();
        if list.contains(&pid) {
            return Err(Refusal::new(EBUSY, format_args!("it is being moved already")));
        }
        list.push(pid, GFP_KERNEL)?;
        Ok(Captaincy(pid))
    }
}

impl Drop for Captaincy {
    fn drop(&mut self) {
        let Some(c) = cluster() else { return };
        let mut list = c.mustering.lock();
        if let Some(at) = list.iter().position(|pid| *pid == self.0) {
            sys::swap_remove(&mut list, at);
        }
    }
}

impl Drop for Muster {
    fn drop(&mut self) {
        {
            let mut state = self.square.state.lock();
            if !matches!(state.order, Order::Go) {
                state.order = Order::StandDown;
            }
        }
        self.square.changed.notify_all();
    }
}

impl Muster {
    /// Calls all other threads and waits until they are there.
    pub(super) fn call() -> Outcome<Muster> {
        let state = State { order: Order::Wait, present: KVec::new(), boarded: 0, failed: None };
        let square = Arc::pin_init(
            pin_init!(Square { state <- new_mutex!(state), changed <- new_condvar!() }),
            GFP_KERNEL,
        )?;
        let muster = Muster { square, _captaincy: Captaincy::take()? };
        let mut called: KVec<Task> = KVec::new();
        let until = task::now_ns() + PATIENCE_MS * 1_000_000;
        loop {
            // Those that come later were made by one that had not been called yet.
            let others = task::other_threads()?;
            for t in others.iter() {
                if called.iter().any(|c| c == t) {
                    continue;
                }
                let square = muster.square.clone();
                let run = t.run(move |exiting| {
                    if !exiting {
                        attend(square);
                    }
                });
                if run.is_ok() {
                    called.push(t.clone(), GFP_KERNEL)?;
                }
            }
            let state = muster.square.state.lock();
            if state.present.len() == others.len() {
                drop(state);
                // Nobody runs who could make one more.
                if task::other_threads()?.len() == others.len() {
                    return Ok(muster);
                }
                continue;
            }
            if task::now_ns() > until {
                return Err(Refusal::new(
                    EBUSY,
                    format_args!("one of its threads does not react (it may wait for a vforked child, or for a disk)"),
                ));
            }
            wait::moment(&muster.square.changed, state)?;
        }
    }

    /// Their numbers, as the process knows them.
    pub(super) fn numbers(&self) -> Result<KVec<i32>> {
        let state = self.square.state.lock();
        let mut list = KVec::with_capacity(state.present.len(), GFP_KERNEL)?;
        for m in state.present.iter() {
            list.push(m.tid, GFP_KERNEL)?;
        }
        Ok(list)
    }

    /// Each boards, under the cookie in its place. Waits until all have.
    pub(super) fn board(&self, away: &Arc<Away>, cookies: &[[u64; 2]]) -> Outcome<()> {
        {
            let mut state = self.square.state.lock();
            for (m, cookie) in state.present.iter_mut().zip(cookies) {
                m.cookie = *cookie;
            }
            state.order = Order::Board(away.clone());
        }
        self.square.changed.notify_all();
        wait::until(&self.square.changed, &self.square.state, |state| match state.failed {
            Some(refusal) => Some(Err(refusal)),
            None => (state.boarded >= state.present.len()).then_some(Ok(())),
        })?
    }

    /// The process is elsewhere from now on.
    pub(super) fn go(self) {
        self.square.state.lock().order = Order::Go;
    }
}

impl Square {
    fn appear(&self) -> Option<usize> {
        let mut state = self.state.lock();
        if !matches!(state.order, Order::Wait) {
            return None;
        }
        let at = state.present.len();
        state.present.push(Member { tid: task::own_ids().1, cookie: [0; 2] }, GFP_KERNEL).ok()?;
        self.changed.notify_all();
        Some(at)
    }

    /// `Some`: to board.
    fn first_order(&self, at: usize) -> Option<(Arc<Away>, [u64; 2])> {
        wait::until(&self.changed, &self.state, |state| match &state.order {
            Order::Wait => None,
            Order::Board(away) => Some(state.present.get(at).map(|m| (away.clone(), m.cookie))),
            Order::Go | Order::StandDown => Some(None),
        })
        .ok()?
    }

    fn report(&self, failed: Option<Refusal>) {
        {
            let mut state = self.state.lock();
            state.boarded += 1;
            state.failed = state.failed.or(failed);
        }
        self.changed.notify_all();
    }

    /// True: go.
    fn last_order(&self) -> bool {
        let go = wait::until(&self.changed, &self.state, |state| match &state.order {
            Order::Go => Some(true),
            Order::StandDown => Some(false),
            Order::Wait | Order::Board(_) => None,
        });
        go.unwrap_or(false)
    }
}

/// In each thread, at its user-mode boundary.
fn attend(square: Arc<Square>) {
    let Some(at) = square.appear() else { return };
    task::unwatch_call();
    let Some((away, cookie)) = square.first_order(at) else { return };
    let boarded = board(away, cookie);
    square.report(boarded.as_ref().err().copied());
    let go = square.last_order();
    // Nothing may be left on the stack of a task that may die while it is away.
    drop(square);
    match boarded {
        Ok(deputy) if go => {
            task::park();
            journey::depart(deputy);
        }
        Ok(deputy) => deputy.uninstall(),
        Err(_) => {}
    }
}

#[inline(never)]
fn board(away: Arc<Away>, cookie: [u64; 2]) -> Outcome<Arc<Deputy>> {
    let to = away.node;
    let c = cluster().ok_or(ENETDOWN)?;
    let mut link = link::connect(c, to).map_err(|e| journey::unreachable(to, e))?;
    let mut body = [0u8; 32];
    let mut w = Writer::new(&mut body);
    Join { cookie_low: cookie[0], cookie_high: cookie[1], pid: task::pid() as u64, own_tid: task::own_ids().1 as u64 }
        .put(&mut w);
    w.len().map_err(bad)?;
    link.send(Kind::Join, &[&body]).map_err(|e| journey::lost(to, e))?;
    let mut thread = Thread::capture(0, false)?;
    thread.keep_wait();
    thread.send(&mut link).map_err(|e| journey::lost(to, e))?;
    drop(thread);
    journey::await_kind(&mut link, Kind::Ready, to)?;
    let deputy = Deputy::new(away, link)?;
    deputy.install()?;
    Ok(deputy)
}
