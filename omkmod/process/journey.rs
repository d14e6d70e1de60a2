// SPDX-License-Identifier: GPL-2.0-only
//! Leaving home, as a transaction: until home says `Go`, every failure leaves the process running where it was.
//!
//! Runs in the process itself, at its user-mode boundary. A hop from node to node is coming home and leaving
//! again without a return to user mode in between.

use super::{cantmove, errand};
use super::group::{Follower, Lead, Seat};
use super::muster::Muster;
use super::image::{self, Thread};
use super::profile::Profile;
use super::records::Move;
use super::request::{Cause, Refusal, Request, Target};
use crate::sys::errno::{ECONNREFUSED, ECONNRESET, ENETDOWN, EOPNOTSUPP, EPROTO, ETIMEDOUT};
use crate::cluster::{cluster, Cluster};
use crate::deputy::{self, Away, Deputy};
use crate::link::{self, bad, Link};
use crate::omcore::clocks;
use crate::omcore::wire::{Kind, Reader, Writer};
use crate::sys::group::sharers;
use crate::sys::task::{self, Role, Task};
use crate::sys::shared::Claims;
use crate::sys::memory;
use core::ffi::c_void;
use kernel::prelude::*;
use kernel::sync::Arc;

/// Reasons that may pass are looked at so often, so far apart.
const PASSING_TRIES: u32 = 50;
const PASSING_MS: u32 = 10;

/// So often, as far apart, one that is just arriving is asked.
const ARRIVING_TRIES: u32 = 500;

/// So often it is tried to leave while somebody else writes to the memory.
const UNDISTURBED_TRIES: u32 = 4;

pub(super) type Outcome<T> = core::result::Result<T, Refusal>;

/// Asks a process to move and waits until it has, or has not. One that asks this of itself moves when it returns from the call
/// that it asks in; if it cannot leave then, the call says so.
pub(crate) fn ask(task: &Task, target: Target) -> Outcome<()> {
    let mut asked = ask_first(task, target);
    let mut successor = task.successor();
    // Another thread has executed a program meanwhile, and is the process now.
    while let (Err(_), Some(task)) = (&asked, successor) {
        asked = ask_first(&task, target);
        successor = task.successor();
    }
    asked
}

/// The same, of the first thread.
fn ask_first(task: &Task, target: Target) -> Outcome<()> {
    let cause = if task.pid() == task::pid() { Cause::Own } else { Cause::Command };
    let request = begin(task, target, cause)?;
    if cause == Cause::Own {
        return Ok(());
    }
    request.wait()
}

/// Asks a process to move. What becomes of it, the request tells.
pub(crate) fn begin(task: &Task, target: Target, cause: Cause) -> Outcome<Arc<Request>> {
    let c = cluster().ok_or(ENETDOWN)?;
    if !task.may_control(){
        return Err(Refusal::new(EPERM, format_args!("only its owner or an administrator may move a process")));
    }
    let pid = task.pid();
    let request = Request::by(cause, target)?;
    for tried in 0.. {
        let Some(away) = c.away(pid) else {
            if target == Target::Home && cause == Cause::Command && !stays(c, task)? {
                continue;
            }
            break;
        };
        if let Target::Node(to) = target {
            // A hop begins with coming home: not for a node that does not answer.
            if to != away.node {
                link::connect(c, to).and_then(|mut l| l.tell_time(0)).map_err(|e| unreachable(to, e))?;
            }
        }
        if let Some(same) = away.asked(target) {
            return Ok(same);
        }
        match away.post(request.clone()) {
            Ok(()) => return Ok(request),
            // It comes home just now, or has become another program: what it is then is asked.
            Err(refusal) if refusal.errno() == EAGAIN && tried < ARRIVING_TRIES && !task::signal_pending() => {
                drop(away);
                task::sleep_ms(PASSING_MS);
            }
            Err(refusal) => return Err(refusal),
        }
    }
    // Whatever becomes of the request: what the user said last counts.
    errand::cancel(c, task);
    let Target::Node(to) = target else {
        request.finish(Ok(()));
        return Ok(request);
    };
    let Some(m) = c.membership() else {
        return Err(Refusal::new(ENETDOWN, format_args!("this node is not a member of a cluster (setpe -w)")));
    };
    if to == m.own_id() {
        request.finish(Ok(()));
        return Ok(request);
    }
    if m.ip_of(to).is_none() {
        return Err(Refusal::new(ENXIO, format_args!("node {to} is not in the map")));
    }
    check(c, task)?;
    bring_sharers(c, task)?;
    if task.stopped() {
        return Err(Refusal::new(EBUSY, format_args!("{}", cantmove::Stopped(pid))));
    }
    let r = request.clone();
    let journey = move |exiting| {
        c.departures.lock().seen(&r);
        if exiting {
            r.finish(Err(Refusal::new(ESRCH, format_args!("the process ended"))));
        } else {
            go(r);
        }
    };
    if cause == Cause::Own {
        Task::current()?.run(journey)?;
    } else {
        c.departures.lock().add(pid, request.clone())?;
        if let Err(e) = task.run(journey) {
            c.departures.lock().seen(&request);
            request.finish(Err(Refusal::from(e)));
            return Err(Refusal::from(e));
        }
    }
    Ok(request)
}

/// What a process at home was asked before, by others, is asked no longer, nor what those were who share its memory: it would leave
/// with them. False: it was on its way out already, and is somewhere now.
fn stays(c: &Cluster, task: &Task) -> Outcome<bool> {
    if c.departures.lock().over() {
        return Ok(true);
    }
    let group = sharers(task)?;
    loop {
        let departures = c.departures.lock();
        let Some(departure) = departures.of(task).or_else(|| group.iter().find_map(|t| departures.of(t))) else {
            return Ok(true);
        };
        drop(departures);
        if departure.withdraw() {
            continue;
        }
        match departure.wait() {
            Ok(()) => return Ok(false),
            Err(refusal) if departure.outcome().is_none() => return Err(refusal),
            Err(_) => {}
        }
    }
}

/// Processes that share memory with this one, which is at home, begin their common journey at home.
fn bring_sharers(c: &Cluster, task: &Task) -> Outcome<()> {
    for t in sharers(task)?.iter().filter(|t| *t != task) {
        let Some(away) = c.away(t.pid()).filter(|a| !a.borrows()) else { continue };
        let request = Request::new(Target::Home)?;
        if let Err(refusal) = away.post(request.clone()).and_then(|()| request.wait()) {
            let pid = t.pid();
            // It may have come on its own, or with another one.
            if c.away(pid).is_some() {
                let (comm, words) = (t.comm(), refusal.words());
                return Err(Refusal::new(
                    refusal.errno(),
                    format_args!("it shares memory with pid {pid} ({}), which does not come home: {words}", comm_text(&comm)),
                ));
            }
        }
    }
    Ok(())
}

/// Somebody wants to see the memory of a process that is away: waits until it is home, or a signal comes, or there is no room for it.
pub(crate) fn call_home(pid: i32) {
    while let Some(away) = cluster().and_then(|c| c.away(pid)) {
        let Ok(request) = Request::new(Target::Home) else { return };
        let posted = away.post(request.clone());
        drop(away);
        let come = posted.and_then(|()| request.wait());
        if task::disturbed() || come.map_or_else(|refusal| refusal.errno() == ENOMEM, |()| true) {
            return;
        }
        // It is on its way already, here or elsewhere.
        task::sleep_ms(PASSING_MS);
    }
}

/// How a refusal begins that lies in the process.
pub(super) const CANNOT_LEAVE: &str = "it cannot leave: ";

fn check(c: &Cluster, task: &Task) -> Outcome<()> {
    match obstacle(c, task) {
        Some(reason) => Err(Refusal::new(EOPNOTSUPP, format_args!("{CANNOT_LEAVE}{reason}"))),
        None => Ok(()),
    }
}

/// Why this process cannot leave. Waits for what may pass.
pub(super) fn obstacle(c: &Cluster, task: &Task) -> Option<&'static str> {
    let mut bits = task.reasons();
    // Somebody who reads its memory map (ps, this file system) holds the address space for a moment, as a vfork does; and a
    // program that is just being executed is not in its place yet.
    for _ in 0..PASSING_TRIES {
        if bits & !(cantmove::PASSING | cantmove::LEADERLESS) != 0 || bits == 0 {
            break;
        }
        task::sleep_ms(PASSING_MS);
        bits = task.reasons();
    }
    let locked = || c.records.lock().get(task).is_some_and(|r| r.locked).then_some(cantmove::LOCKED);
    cantmove::first(bits).or_else(locked)
}

/// After an exec of an armed process: leave for the node in `number`. A refusal is logged; the program runs here.
pub(crate) unsafe extern "C" fn after_exec(number: *mut c_void, exiting: bool) {
    if exiting {
        return;
    }
    let to = number as usize as u16;
    if cluster().is_some_and(|c| c.own_id() == to) {
        return;
    }
    if let Ok(r) = Request::new(Target::Node(to)) {
        go(r);
    }
}

/// What a process that stands at its user-mode boundary at home does next.
pub(crate) enum Next {
    /// What was asked of it. With the first half of a move, if it has just come home for that, and its group.
    Ask(Arc<Request>, Option<Move>, Option<Lead>),
    /// What a process that shares its memory does. With what was asked of itself.
    Follow(Follower, Option<Move>, Option<Arc<Request>>),
}

/// In the process itself: back to a node that it has come from for a call.
pub(super) fn go_again(to: u16) {
    if let Ok(r) = Request::new(Target::Node(to)) {
        go(r);
    }
}

/// In the process itself: fulfils a request, and those that come while it is away.
pub(crate) fn go(first: Arc<Request>) {
    fulfil(Some(Next::Ask(first, None, None)));
}

/// In the process itself: it was called by one that shares its memory.
pub(super) fn follow(seat: Follower) {
    fulfil(Some(Next::Follow(seat, None, None)));
}

/// In another thread of a process that leaves: it has boarded.
pub(super) fn depart(deputy: Arc<Deputy>) {
    fulfil(deputy::depart(deputy, false));
}

/// In a process that was born away.
pub(crate) fn away(deputy: Arc<Deputy>) {
    fulfil(deputy::run(deputy));
}

/// What is on this stack is lost if the process dies while it is away: so nothing is.
fn fulfil(mut next: Option<Next>) {
    while let Some(n) = next.take() {
        let left = match n {
            Next::Ask(request, so_far, lead) => set_out(request, so_far, lead),
            Next::Follow(seat, so_far, request) => accompany(seat, so_far, request),
        };
        next = left.and_then(|deputy| deputy::depart(deputy, true));
    }
}

#[inline(never)]
fn set_out(request: Arc<Request>, so_far: Option<Move>, lead: Option<Lead>) -> Option<Arc<Deputy>> {
    if !request.begin() && so_far.is_none() {
        return None;
    }
    // Another request was faster: the deputy it made of us takes this one as well.
    if task::role().0 == Role::Deputy {
        let posted = cluster().and_then(|c| c.away(task::pid())).map(|away| away.post(request.clone()));
        if !matches!(posted, Some(Ok(()))) {
            request.finish(Err(Refusal::from(EBUSY)));
        }
        return None;
    }
    let Target::Node(to) = request.target else {
        request.finish(Ok(()));
        return None;
    };
    let lead = match (lead, cluster()) {
        (Some(lead), _) => Ok(lead),
        (None, Some(c)) => Lead::new(c, task::pid()),
        (None, None) => Err(Refusal::from(ENETDOWN)),
    };
    let seat = lead.map(Seat::Lead);
    let refusal = match seat.as_ref().map_err(|r| *r).and_then(|seat| leave_undisturbed(to, so_far, seat, request.cause)) {
        Ok(deputy) => {
            deputy.away.departs_for(request);
            return Some(deputy);
        }
        Err(refusal) => refusal,
    };
    if !task::dying() {
        pr_info!("pid {} stays: {}\n", task::pid(), refusal.words());
    }
    let Some(way_home) = so_far else {
        if request.cause == Cause::Own {
            task::fail_call(refusal.errno());
        }
        request.finish(Err(refusal));
        return None;
    };
    // It was away and shall stay where it was: back to there.
    let back = seat.and_then(|seat| leave_undisturbed(way_home.from, so_far, &seat, Cause::Command));
    request.finish(Err(refusal));
    if back.is_err() {
        moved(way_home);
    }
    back.ok()
}

#[inline(never)]
fn accompany(seat: Follower, so_far: Option<Move>, request: Option<Arc<Request>>) -> Option<Arc<Deputy>> {
    let answer = |outcome| {
        if let Some(r) = &request {
            r.finish(if r.target == Target::Home { Ok(()) } else { outcome });
        }
    };
    let other = Refusal::new(EBUSY, format_args!("it is being moved already, with a process that shares its memory"));
    let seat = Seat::Follower(seat);
    loop {
        let Seat::Follower(follower) = &seat else { return None };
        // A request of its own may have been faster.
        let to = if task::role().0 == Role::Deputy { None } else { follower.orders() };
        let Some(to) = to else {
            answer(Err(other));
            if let Some(way_home) = so_far {
                moved(way_home);
            }
            return None;
        };
        if let Ok(deputy) = leave(to, so_far, &seat, Cause::Command) {
            answer(request.as_ref().filter(|r| follower.fulfils(r)).map(|_| ()).ok_or(other));
            return Some(deputy);
        }
    }
}

pub(super) fn unreachable(to: u16, e: Error) -> Refusal {
    let why = if e == ETIMEDOUT {
        "no answer"
    } else if e == ECONNREFUSED {
        "connection refused: is openMosix loaded and configured there?"
    } else if e == EACCES {
        "it does not accept this node: same map and same key on both?"
    } else if e == ECONNRESET {
        "it closed the connection: same map and same key on both?"
    } else {
        "the connection failed"
    };
    Refusal::new(e, format_args!("node {to} cannot be reached: {why}"))
}

pub(super) fn lost(to: u16, e: Error) -> Refusal {
    let n = e.to_errno();
    Refusal::new(e, format_args!("the move to node {to} was broken off ({n}); the process goes on here"))
}

/// Waits for a kind of frame; a `Refuse` in its place gives its reason.
pub(super) fn await_kind(link: &mut Link, kind: Kind, to: u16) -> Outcome<()> {
    let frame = link.recv().map_err(|e| lost(to, e))?;
    if frame.kind == kind {
        return Ok(());
    }
    Err(otherwise(link, frame.kind, to))
}

/// Waits to be let in, and tells the time again as often as the other side wants to hear it.
fn await_accept(link: &mut Link, to: u16) -> Outcome<()> {
    for _ in 0..clocks::MESSAGES {
        match link.recv().map_err(|e| lost(to, e))?.kind {
            Kind::Accept => return Ok(()),
            Kind::Pong => link.tell_time(0).map_err(|e| lost(to, e))?,
            kind => return Err(otherwise(link, kind, to)),
        }
    }
    Err(lost(to, EPROTO))
}

/// Something else was said than was waited for.
fn otherwise(link: &Link, said: Kind, to: u16) -> Refusal {
    if said == Kind::Refuse {
        let (e, words) = link::refusal(link);
        let words = core::str::from_utf8(words).unwrap_or("no reason given");
        return Refusal::new(e, format_args!("node {to} refused: {words}"));
    }
    lost(to, EPROTO)
}

fn leave(to: u16, so_far: Option<Move>, seat: &Seat, cause: Cause) -> Outcome<Arc<Deputy>> {
    let left = try_leave(to, so_far, seat, cause);
    if let Err(refusal) = &left {
        seat.undone(refusal);
    }
    left
}

fn disturbed() -> Refusal {
    Refusal::new(EAGAIN, format_args!("somebody else writes to its memory (process_vm_writev, a debugger)"))
}

/// Others that write to its memory do so now and then.
#[inline(never)]
fn leave_undisturbed(to: u16, so_far: Option<Move>, seat: &Seat, cause: Cause) -> Outcome<Arc<Deputy>> {
    for _ in 1..UNDISTURBED_TRIES {
        match leave(to, so_far, seat, cause) {
            Err(refusal) if refusal.errno() == EAGAIN => {}
            done => return done,
        }
    }
    leave(to, so_far, seat, cause)
}

/// Not inlined: its stack must not lie under everything a deputy does later.
#[inline(never)]
fn try_leave(to: u16, so_far: Option<Move>, seat: &Seat, cause: Cause) -> Outcome<Arc<Deputy>> {
    // A call that it has come home for, and has not made yet, will bring it home again.
    task::unwatch_call();
    let c = cluster().ok_or(ENETDOWN)?;
    let m = c.membership().ok_or(ENETDOWN)?;
    let muster = if task::has_threads() { Some(Muster::call()?) } else { None };
    let numbers = muster.as_ref().map_or(Ok(KVec::new()), |m| m.numbers())?;
    let own = Task::current()?;
    check(c, &own)?;
    // It may have been said since the balancer asked.
    if matches!(cause, Cause::Balance { .. }) && own.traits().stays() {
        return Err(Refusal::new(EBUSY, format_args!("it was told to stay")));
    }
    let passage = seat.assemble(to)?;
    // Whoever uses its shared memory from now on waits until this move is over.
    let objects = Claims::leaving(to)?;
    let mut link = link::connect(c, to).map_err(|e| unreachable(to, e))?;

    // The vessel's clocks are set before it starts.
    link.tell_time_along().map_err(|e| lost(to, e))?;
    let mut body = [0u8; 512];
    let mut w = Writer::new(&mut body);
    Profile::own(numbers.len() as u32, passage, cause).put(&mut w);
    let len = w.len().map_err(|_| EINVAL)?;
    link.send(Kind::Move, &[body.get(..len).ok_or(EINVAL)?]).map_err(|e| lost(to, e))?;
    await_accept(&mut link, to)?;

    let begun = task::now_ns();
    let mut thread = Thread::capture(0, false)?;
    thread.keep_wait();
    let witness = memory::Witness::new()?;
    let sent = image::send_vmas(&mut link).and_then(|()| thread.send(&mut link)).and_then(|()| image::send_pages(&mut link, Some(&witness)));
    let pages = match sent {
        Ok(n) => n,
        Err(e) => {
            // The other side may have said why before it closed.
            if let Err(refusal) = await_kind(&mut link, Kind::Ready, to) {
                if refusal.errno() != e && refusal.errno() != ECONNRESET {
                    return Err(refusal);
                }
            }
            return Err(lost(to, e));
        }
    };
    let mut cookies = KVec::with_capacity(numbers.len(), GFP_KERNEL)?;
    for tid in numbers.iter() {
        link.send(Kind::Thread, &[&(*tid as u64).to_le_bytes()]).map_err(|e| lost(to, e))?;
    }
    for _ in numbers.iter() {
        await_kind(&mut link, Kind::Berth, to)?;
        let mut r = Reader::new(link.body());
        cookies.push([r.u64().map_err(bad)?, r.u64().map_err(bad)?], GFP_KERNEL)?;
    }
    await_kind(&mut link, Kind::Ready, to)?;

    // What can fail at home, before anything is given up.
    let away = Away::new(m.own_id(), to, false)?;
    drop(thread);
    let deputy = Deputy::new(away.clone(), link)?;
    c.add_away(away.clone())?;
    if let Err(e) = deputy.install() {
        c.remove_away(&*away);
        return Err(Refusal::from(e));
    }
    let not_as_sent = |e| if e == EAGAIN { disturbed() } else { lost(to, e) };
    let ready = muster
        .as_ref()
        .map_or(Ok(()), |m| m.board(&away, &cookies))
        .and_then(|()| memory::hook_prepare().map_err(|e| lost(to, e)))
        .and_then(|()| witness.check().map_err(not_as_sent))
        .and_then(|()| seat.ready())
        .and_then(|()| match seat {
            Seat::Lead(_) => witness.hook_all(to).map_err(not_as_sent),
            // The leader has gone: there is no way back.
            Seat::Follower(_) => memory::hook_all(to, false).map(|_| ()).map_err(|e| lost(to, e)),
        });
    drop(witness);
    if let Err(refusal) = ready {
        // The threads first: the window goes with the last one.
        drop(muster);
        let _ = away.outlast();
        deputy.uninstall();
        return Err(refusal);
    }
    drop(objects);
    // From here on the guest is the process.
    seat.go();
    if let Some(muster) = muster {
        muster.go();
    }
    task::park();
    let frozen_ns = task::now_ns() - begun;
    let before = so_far.unwrap_or(Move { from: m.own_id(), to, pages: 0, frozen_ns: 0, calls: 0 });
    if before.from != to {
        moved(Move {
            to,
            pages: before.pages + pages,
            frozen_ns: before.frozen_ns + frozen_ns,
            ..before
        });
    }
    Ok(deputy)
}

/// The current process has made a move: it is remembered, and told to it if it wants to know.
pub(crate) fn moved(m: Move) {
    let (Some(c), Ok(me)) = (cluster(), Task::current()) else { return };
    if let Ok(r) = c.records.lock().of(&me) {
        r.add(m);
    }
    let signal = me.traits().sigmig();
    if signal != 0 {
        // Home is node 0, as in `where`.
        task::tell_self(signal, if m.to == c.own_id() { 0 } else { m.to });
    }
}

/// A command name for messages.
pub(crate) fn comm_text(comm: &[u8; 16]) -> &str {
    let n = comm.iter().position(|&b| b == 0).unwrap_or(comm.len());
    comm.get(..n).and_then(|c| core::str::from_utf8(c).ok()).unwrap_or("?")
}
