// SPDX-License-Identifier: GPL-2.0-only
//! A wish that a process be somewhere else: made by one task, fulfilled by the process itself.

use crate::sys;
use crate::sys::task::Task;
use crate::sys::errno::{ECANCELED, ETIMEDOUT};
use core::fmt::{self, Write};
use kernel::prelude::*;
use kernel::sync::{Arc, CondVar, Mutex};
use kernel::{new_condvar, new_mutex, pin_init};

/// Where to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Target {
    /// Where it was started.
    Home,
    /// A node of the map.
    Node(u16),
}

/// Who wants it. What nobody asked for is subject to more limits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Cause {
    /// A person, or what follows from an earlier move.
    Command,
    /// The process itself, in a call that it must return from first: nobody waits for the answer.
    Own,
    /// The balancer. With what the process wants, in hundredths of a processor, and up to which load of the target it is still
    /// worth while.
    Balance { load: u32, limit: u32 },
}

/// Why a request was not fulfilled.
#[derive(Clone, Copy)]
pub(crate) struct Refusal {
    errno: Error,
    words: [u8; 200],
    len: usize,
}

impl Refusal {
    /// An error with its reason; words that do not fit are cut.
    pub(crate) fn new(errno: Error, words: fmt::Arguments<'_>) -> Self {
        let mut r = Refusal { errno, words: [0; 200], len: 0 };
        let _ = r.write_fmt(words);
        r
    }

    /// For the caller's errno.
    pub(crate) fn errno(&self) -> Error {
        self.errno
    }

    /// For people.
    pub(crate) fn words(&self) -> &str {
        let bytes = self.words.get(..self.len).unwrap_or(&[]);
        core::str::from_utf8(bytes).unwrap_or("(no reason given)")
    }
}

impl Write for Refusal {
    fn write_str(&mut self, s: &str) -> fmt::Result {
        for c in s.chars() {
            let mut utf8 = [0; 4];
            let c = c.encode_utf8(&mut utf8).as_bytes();
            let Some(slot) = self.words.get_mut(self.len..self.len + c.len()) else { break };
            slot.copy_from_slice(c);
            self.len += c.len();
        }
        Ok(())
    }
}

impl From<Error> for Refusal {
    fn from(e: Error) -> Self {
        let n = e.to_errno();
        Refusal::new(e, format_args!("error {n}"))
    }
}

impl From<kernel::alloc::AllocError> for Refusal {
    fn from(e: kernel::alloc::AllocError) -> Self {
        Refusal::from(Error::from(e))
    }
}

/// How a request ended.
pub(crate) type Outcome = core::result::Result<(), Refusal>;

/// How far it is.
enum State {
    /// The process has not seen it yet.
    Asked,
    /// The process is about to fulfil it.
    Begun,
    Done(Outcome),
}

/// How long a requester waits for the process to react and move, in jiffies at most 1000 a second.
const PATIENCE_MS: u32 = 300_000;

/// The request, shared between who wishes and who moves.
#[pin_data]
pub(crate) struct Request {
    pub(crate) target: Target,
    pub(crate) cause: Cause,
    #[pin]
    state: Mutex<State>,
    #[pin]
    changed: CondVar,
}

impl Request {
    /// A new one, by a person.
    pub(crate) fn new(target: Target) -> Result<Arc<Self>> {
        Self::by(Cause::Command, target)
    }

    /// A new one.
    pub(crate) fn by(cause: Cause, target: Target) -> Result<Arc<Self>> {
        Arc::pin_init(
            pin_init!(Request { target, cause, state <- new_mutex!(State::Asked), changed <- new_condvar!() }),
            GFP_KERNEL,
        )
    }

    /// The process sets about it. False: it was withdrawn.
    pub(super) fn begin(&self) -> bool {
        let mut state = self.state.lock();
        if let State::Asked = *state {
            *state = State::Begun;
        }
        !matches!(*state, State::Done(_))
    }

    /// Somebody wants the opposite. False: too late, the process has set about it, or is through with it.
    pub(crate) fn withdraw(&self) -> bool {
        {
            let mut state = self.state.lock();
            let State::Asked = *state else { return false };
            *state = State::Done(Err(Refusal::new(ECANCELED, format_args!("it was told to be at home meanwhile"))));
        }
        self.changed.notify_all();
        true
    }

    /// The process says how it went. Only the first word counts.
    pub(crate) fn finish(&self, outcome: Outcome) {
        {
            let mut state = self.state.lock();
            if !matches!(*state, State::Done(_)) {
                *state = State::Done(outcome);
            }
        }
        self.changed.notify_all();
    }

    /// How it went, if it is over.
    pub(crate) fn outcome(&self) -> Option<Outcome> {
        match *self.state.lock() {
            State::Done(outcome) => Some(outcome),
            State::Asked | State::Begun => None,
        }
    }

    /// Waits for the end; a signal or the end of patience ends the waiting, not the request.
    pub(crate) fn wait(&self) -> Outcome {
        let mut left = kernel::time::msecs_to_jiffies(PATIENCE_MS);
        let mut state = self.state.lock();
        loop {
            if let State::Done(outcome) = *state {
                return outcome;
            }
            use kernel::sync::CondVarTimeoutResult::*;
            match self.changed.wait_interruptible_timeout(&mut state, left) {
                Woken { jiffies } => left = jiffies,
                Timeout => {
                    return Err(Refusal::new(ETIMEDOUT, format_args!("the process did not react in time; it may still move")))
                }
                Signal { .. } => {
                    return Err(Refusal::new(EINTR, format_args!("interrupted while waiting; the process may still move")))
                }
            }
        }
    }
}

/// So many requests at most wait for one process to react.
const MOST_WAITING: usize = 16;

/// The requests that processes leave home, made and not over.
pub(crate) struct Departures(KVec<Departure>);

struct Departure {
    pid: i32,
    request: Arc<Request>,
    /// The process has not seen it yet.
    waits: bool,
}

impl Departures {
    /// Nobody leaves.
    pub(crate) const fn new() -> Self {
        Departures(KVec::new())
    }

    /// One more, of the process `pid`. EBUSY: too many wait for it already.
    pub(super) fn add(&mut self, pid: i32, request: Arc<Request>) -> core::result::Result<(), Refusal> {
        while let Some(over) = self.0.iter().position(|d| !d.waits && d.request.outcome().is_some()) {
            sys::swap_remove(&mut self.0, over);
        }
        if self.0.iter().filter(|d| d.waits && d.pid == pid).count() >= MOST_WAITING {
            return Err(Refusal::new(EBUSY, format_args!("it has been asked often, and does not react")));
        }
        Ok(self.0.push(Departure { pid, request, waits: true }, GFP_KERNEL)?)
    }

    /// The process has seen it, or never will.
    pub(super) fn seen(&mut self, request: &Request) {
        self.0.iter_mut().filter(|d| core::ptr::eq(&*d.request, request)).for_each(|d| d.waits = false);
    }

    /// All of them.
    pub(crate) fn all(&self) -> Result<KVec<Arc<Request>>> {
        let mut all = KVec::with_capacity(self.0.len(), GFP_KERNEL)?;
        for d in self.0.iter() {
            all.push(d.request.clone(), GFP_KERNEL)?;
        }
        Ok(all)
    }

    /// Is there none that is not over?
    pub(super) fn over(&self) -> bool {
        self.0.iter().all(|d| d.request.outcome().is_some())
    }

    /// One of a process.
    pub(super) fn of(&self, task: &Task) -> Option<Arc<Request>> {
        let pid = task.pid();
        self.0.iter().find(|d| d.pid == pid && d.request.outcome().is_none()).map(|d| d.request.clone())
    }
}
