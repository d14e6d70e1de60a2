// SPDX-License-Identifier: GPL-2.0-only
//! Processes that share writable memory move together. The one that was asked leads; it calls the others, each comes to its
//! user-mode boundary with all its threads and stands there; when nobody is missing, all are sent, and when all are
//! ready at the target, all go. Whatever fails sends everybody back to work.
//!
//! Each process' part is a [`Seat`]: the leader's is [`Lead`], the others' is [`Follower`]. Dropped, they tell the others, so
//! that nobody waits for a process that has died.
//!
//! Locks: `state` is a leaf; nobody sleeps with it but to wait for `changed`.

use super::cantmove;
use super::journey::{self, Outcome};
use super::request::{Refusal, Request, Target};
use crate::cluster::{cluster, Cluster};
use crate::process::journey::comm_text;
use crate::sys::errno::{ENETDOWN, EOPNOTSUPP};
use crate::sys::crypto::random;
use crate::sys::group::sharers;
use crate::sys::task::{self, Task};
use crate::sys::{memory, wait};
use core::fmt;
use core::sync::atomic::{AtomicU32, Ordering};
use kernel::prelude::*;
use kernel::sync::{Arc, CondVar, Mutex};
use kernel::{new_condvar, new_mutex, pin_init};

/// How long a process may take to come to a standstill with its threads, which have 20 s themselves.
const PATIENCE_MS: u64 = 25_000;

/// So long the first of a group that goes back waits for those that are not quite home.
const COMING_MS: u64 = 2_000;

/// How long the leader of one group waits for another that wants the same process.
const RIVAL_PATIENCE_MS: u32 = 2_000;

/// How often is looked at what nobody tells.
const LOOK_MS: u32 = 10;

/// A group on its way from home to a node.
#[pin_data]
pub(crate) struct Group {
    /// Tells this journey from others, for all nodes.
    id: u64,
    #[pin]
    state: Mutex<State>,
    #[pin]
    changed: CondVar,
}

struct State {
    order: Order,
    /// One for each attempt to reach a node.
    round: u32,
    /// Where this round goes.
    to: u16,
    /// All but the leader.
    members: KVec<Member>,
    /// How often a process has come to stand.
    stood: u64,
    /// Memory of all, in pages.
    pages: u64,
    failed: Option<Refusal>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Order {
    /// Nothing has been ordered yet.
    None,
    /// Come and stand still.
    Assemble,
    /// Send yourselves.
    Load,
    /// The processes are elsewhere from now on.
    Go,
    /// Undo what was done, and wait: there may be another round.
    Back,
    /// It is over.
    Dismiss,
}

struct Member {
    task: Task,
    pid: i32,
    comm: [u8; 16],
    place: Place,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// It has been told.
    Called,
    /// It stands still, in this round, and has so many pages.
    Standing(u32, u64),
    /// Its image is complete at the target, in this round.
    Ready(u32),
    /// It is no longer wanted: it shares nothing any more.
    Dismissed,
    /// It has ended, or cannot be told.
    Gone,
}

/// What a member tells the target of its group.
#[derive(Clone, Copy)]
pub(super) struct Passage {
    pub(super) group: u64,
    /// Memory of all members, in pages: what has to fit.
    pub(super) pages: u64,
}

/// A process' part in a journey.
pub(crate) enum Seat {
    Lead(Lead),
    Follower(Follower),
}

impl Seat {
    /// The current process stands still. Waits until all do, and gives the word to send.
    pub(super) fn assemble(&self, to: u16) -> Outcome<Passage> {
        match self {
            Seat::Lead(lead) => lead.assemble(to),
            Seat::Follower(follower) => follower.stand(),
        }
    }

    /// The current process is ready at the target. Waits until all are; of a follower, until the leader has gone.
    pub(super) fn ready(&self) -> Outcome<()> {
        match self {
            Seat::Lead(lead) => lead.await_ready(),
            Seat::Follower(follower) => follower.await_go(),
        }
    }

    /// The current process is elsewhere: so are all.
    pub(super) fn go(&self) {
        if let Seat::Lead(lead) = self {
            lead.0.order(Order::Go);
        }
    }

    /// The current process could not leave, or was told not to: none does.
    pub(super) fn undone(&self, why: &Refusal) {
        match self {
            Seat::Lead(lead) => lead.0.order(Order::Back),
            Seat::Follower(follower) => follower.report(why),
        }
    }
}

impl Group {
    fn new() -> Result<Arc<Group>> {
        // 0 is nobody's.
        let id = random().first_chunk().map_or(1, |b| u64::from_le_bytes(*b) | 1);
        let state = State {
            order: Order::None,
            round: 0,
            to: 0,
            members: KVec::new(),
            stood: 0,
            pages: 0,
            failed: None,
        };
        Arc::pin_init(
            pin_init!(Group { id, state <- new_mutex!(state), changed <- new_condvar!() }),
            GFP_KERNEL,
        )
    }

    fn order(&self, order: Order) {
        {
            let mut state = self.state.lock();
            // What has been ordered finally stays.
            if !matches!(state.order, Order::Go | Order::Dismiss) {
                state.order = order;
            }
        }
        self.changed.notify_all();
    }
}

impl State {
    fn member(&mut self, pid: i32) -> Option<&mut Member> {
        self.members.iter_mut().find(|m| m.pid == pid && !matches!(m.place, Place::Gone | Place::Dismissed))
    }

    /// The first that has been called and does not stand.
    fn missing(&self) -> Option<&Member> {
        let round = self.round;
        self.members.iter().find(|m| match m.place {
            Place::Called => true,
            Place::Standing(r, _) | Place::Ready(r) => r != round,
            Place::Dismissed | Place::Gone => false,
        })
    }

    fn stands(&self, pid: i32) -> bool {
        self.members.iter().any(|m| m.pid == pid && matches!(m.place, Place::Standing(r, _) if r == self.round))
    }
}

/// Why the group cannot leave: because of this process.
fn because(errno: Error, pid: i32, comm: &[u8; 16], why: fmt::Arguments<'_>) -> Refusal {
    Refusal::new(errno, format_args!("it shares memory with pid {pid} ({}), which cannot leave: {why}", comm_text(comm)))
}

/// The leader's part. Dropped, it dismisses everybody.
pub(crate) struct Lead(Arc<Group>);

impl Drop for Lead {
    fn drop(&mut self) {
        self.0.order(Order::Dismiss);
        if let Some(c) = cluster() {
            c.release(self.0.id);
        }
    }
}

impl Lead {
    /// Of the process `pid`. EBUSY: it is part of another group's journey.
    pub(crate) fn new(c: &Cluster, pid: i32) -> core::result::Result<Lead, Refusal> {
        let lead = Lead(Group::new()?);
        lead.claim(c, pid)
            .map_err(|e| Refusal::new(e, format_args!("it is being moved already, with a process that shares its memory")))?;
        Ok(lead)
    }

    /// Nobody else moves this process. Of two groups that want the same the one with the lower number waits a little, for the
    /// other gives up at once.
    fn claim(&self, c: &Cluster, pid: i32) -> Result {
        let mut waited = 0;
        loop {
            match c.claim(pid, self.0.id)? {
                None => return Ok(()),
                Some(other) if other < self.0.id || waited >= RIVAL_PATIENCE_MS => return Err(EBUSY),
                Some(_) => {}
            }
            if task::dying() {
                return Err(EINTR);
            }
            task::sleep_ms(LOOK_MS);
            waited += LOOK_MS;
        }
    }

    /// A part for a process that has just come home together with the leader, and will go on with it.
    pub(crate) fn invite(&self, c: &Cluster, task: &Task) -> Result<Follower> {
        let pid = task.pid();
        if c.claim(pid, self.0.id)?.is_some() {
            return Err(EBUSY);
        }
        let member = Member { task: task.clone(), pid, comm: task.comm(), place: Place::Called };
        self.0.state.lock().members.push(member, GFP_KERNEL)?;
        Ok(Follower { group: self.0.clone(), pid, round: AtomicU32::new(0) })
    }

    fn assemble(&self, to: u16) -> Outcome<Passage> {
        let c = cluster().ok_or(ENETDOWN)?;
        let me = Task::find_global(task::pid()).ok_or(ESRCH)?;
        {
            let mut state = self.0.state.lock();
            state.round += 1;
            state.to = to;
            state.failed = None;
            state.order = Order::Assemble;
        }
        self.0.changed.notify_all();
        let begun = task::now_ns();
        let until = begun + PATIENCE_MS * 1_000_000;
        let group = loop {
            let stood = self.0.state.lock().stood;
            let group = sharers(&me).map_err(too_many)?;
            let others = || group.iter().filter(|t| **t != me);
            let called = self.call(c, others(), task::now_ns() < begun + COMING_MS * 1_000_000)?;
            let state = self.0.state.lock();
            if let Some(refusal) = state.failed {
                return Err(refusal);
            }
            // Nobody runs who could make one more, or begin to share.
            if called == 0 && state.stood == stood && others().all(|t| state.stands(t.pid())) {
                break group;
            }
            if task::now_ns() > until {
                let late = state.missing().map(|m| (m.pid, m.comm));
                drop(state);
                return Err(match late {
                    Some((pid, comm)) => because(EBUSY, pid, &comm, format_args!("it does not react")),
                    None => Refusal::new(EBUSY, format_args!("a process that shares its memory is ending and does not end")),
                });
            }
            if state.missing().is_some() {
                wait::moment(&self.0.changed, state)?;
            } else {
                drop(state);
                task::sleep_ms(LOOK_MS);
            }
        };
        let pages = {
            let mut state = self.0.state.lock();
            let mut pages = memory::used();
            for m in state.members.iter_mut() {
                let belongs = group.iter().any(|t| *t == m.task);
                match m.place {
                    Place::Standing(_, n) if belongs => pages += n,
                    Place::Gone => {}
                    _ => m.place = Place::Dismissed,
                }
            }
            state.pages = pages;
            pages
        };
        self.0.changed.notify_all();
        self.0.order(Order::Load);
        Ok(Passage { group: self.0.id, pages })
    }

    /// Calls those of the list that have not been called. Gives their number. `patient`: one that is still on its way home, as the
    /// caller was a moment ago, counts too, and will be called when it is there.
    fn call<'a>(&self, c: &Cluster, others: impl Iterator<Item = &'a Task>, patient: bool) -> Outcome<usize> {
        let mut called = 0;
        for t in others {
            let pid = t.pid();
            if self.0.state.lock().member(pid).is_some_and(|m| m.task == *t) {
                continue;
            }
            // One that is ending belongs to the group no longer than its memory lasts.
            if t.reasons() & cantmove::EXITING != 0 {
                continue;
            }
            let comm = t.comm();
            let away = c.away(pid);
            if patient && away.as_ref().is_some_and(|a| a.wanted()) {
                called += 1;
                continue;
            }
            if away.is_some() {
                return Err(because(EBUSY, pid, &comm, format_args!("it is away")));
            }
            if let Some(reason) = journey::obstacle(c, t) {
                return Err(because(EOPNOTSUPP, pid, &comm, format_args!("{reason}")));
            }
            if t.stopped() {
                return Err(because(EBUSY, pid, &comm, format_args!("{}", cantmove::Stopped(pid))));
            }
            self.claim(c, pid).map_err(|e| because(e, pid, &comm, format_args!("it is being moved already")))?;
            let member = Member { task: t.clone(), pid, comm, place: Place::Called };
            self.0.state.lock().members.push(member, GFP_KERNEL)?;
            let follower = Follower { group: self.0.clone(), pid, round: AtomicU32::new(0) };
            // What cannot be told any more is dropped, and says so.
            let _ = t.run(move |exiting| {
                if !exiting {
                    journey::follow(follower);
                }
            });
            called += 1;
        }
        Ok(called)
    }

    fn await_ready(&self) -> Outcome<()> {
        wait::until(&self.0.changed, &self.0.state, |state| match state.failed {
            Some(refusal) => Some(Err(refusal)),
            None => {
                let waits = state.missing().is_some() || state.members.iter().any(|m| matches!(m.place, Place::Standing(..)));
                (!waits).then_some(Ok(()))
            }
        })?
    }
}

/// The part of one that was called. Dropped, it says that this process does not come.
pub(crate) struct Follower {
    group: Arc<Group>,
    pid: i32,
    /// The last round in which it took part.
    round: AtomicU32,
}

impl Drop for Follower {
    fn drop(&mut self) {
        {
            let mut state = self.group.state.lock();
            let loading = state.order == Order::Load;
            let Some(m) = state.member(self.pid) else { return };
            let sent = matches!(m.place, Place::Standing(..) | Place::Ready(_));
            m.place = Place::Gone;
            let (pid, comm) = (m.pid, m.comm);
            if loading && sent && state.failed.is_none() {
                state.failed = Some(because(ESRCH, pid, &comm, format_args!("it has ended")));
            }
        }
        self.group.changed.notify_all();
    }
}

impl Follower {
    /// Waits for the next attempt. `None`: there is none, it stays.
    pub(super) fn orders(&self) -> Option<u16> {
        wait::until(&self.group.changed, &self.group.state, |state| {
            let dismissed = state.member(self.pid).is_none();
            match state.order {
                _ if dismissed => Some(None),
                Order::Go | Order::Dismiss => Some(None),
                Order::Assemble if state.round != self.round() => {
                    self.round.store(state.round, Ordering::Relaxed);
                    Some(Some(state.to))
                }
                _ => None,
            }
        })
        .ok()?
    }

    fn round(&self) -> u32 {
        self.round.load(Ordering::Relaxed)
    }

    /// Takes a place and waits for an order; any other than the expected ends the attempt.
    fn hold(&self, place: Place, expected: Order) -> Outcome<u64> {
        let round = self.round();
        {
            let mut state = self.group.state.lock();
            if state.round == round {
                let m = state.member(self.pid).ok_or_else(called_off)?;
                m.place = place;
                state.stood += u64::from(matches!(place, Place::Standing(..)));
            }
        }
        self.group.changed.notify_all();
        wait::until(&self.group.changed, &self.group.state, |state| {
            if state.round != round || state.member(self.pid).is_none() {
                return Some(Err(called_off()));
            }
            match state.order {
                order if order == expected => Some(Ok(state.pages)),
                Order::Assemble | Order::Load => None,
                _ => Some(Err(called_off())),
            }
        })?
    }

    fn stand(&self) -> Outcome<Passage> {
        let pages = self.hold(Place::Standing(self.round(), memory::used()), Order::Load)?;
        Ok(Passage { group: self.group.id, pages })
    }

    fn await_go(&self) -> Outcome<()> {
        self.hold(Place::Ready(self.round()), Order::Go).map(drop)
    }

    /// The attempt has failed here, unless it has been called off elsewhere.
    fn report(&self, why: &Refusal) {
        {
            let mut state = self.group.state.lock();
            if state.round != self.round() || !matches!(state.order, Order::Assemble | Order::Load) || state.failed.is_some() {
                return;
            }
            let Some(m) = state.member(self.pid) else { return };
            let (pid, comm) = (m.pid, m.comm);
            let words = if task::dying() { "it has ended" } else { why.words() };
            let words = words.strip_prefix(journey::CANNOT_LEAVE).unwrap_or(words);
            state.failed = Some(because(why.errno(), pid, &comm, format_args!("{words}")));
        }
        self.group.changed.notify_all();
    }

    /// Is this where the group has gone?
    pub(super) fn fulfils(&self, request: &Request) -> bool {
        request.target == Target::Node(self.group.state.lock().to)
    }
}

/// For a follower: it is not its own fault.
fn called_off() -> Refusal {
    Refusal::new(EAGAIN, format_args!("a process that shares its memory could not leave"))
}

fn too_many(e: Error) -> Refusal {
    if e == E2BIG {
        Refusal::new(e, format_args!("it cannot leave: more than 4096 processes share its memory"))
    } else {
        Refusal::from(e)
    }
}
