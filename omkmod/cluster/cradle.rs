// SPDX-License-Identifier: GPL-2.0-only
//! Where the two halves of a new task meet: the guest's waits here, under a cookie that home was told, until home's half
//! connects and names it.

use super::{cluster, Cluster};
use crate::link::Link;
use crate::sys::errno::ETIMEDOUT;
use crate::sys::{self, crypto, task, wait};
use kernel::prelude::*;
use kernel::sync::{Arc, CondVar, Mutex};
use kernel::{new_condvar, new_mutex, pin_init};

/// How long home's half may take.
const PATIENCE_MS: u32 = 60_000;

/// One new task.
#[pin_data]
pub(crate) struct Cradle {
    cookie: [u64; 2],
    home: u16,
    #[pin]
    arrived: Mutex<Option<Arrival>>,
    #[pin]
    changed: CondVar,
}

/// Home's half has come.
pub(crate) struct Arrival {
    pub(crate) link: Link,
    /// Pid of its process in home's initial namespace.
    pub(crate) pid: i32,
    /// The task's number as it sees it itself.
    pub(crate) own_tid: i32,
}

/// A place in the list, given up when dropped.
pub(crate) struct Place(Arc<Cradle>);

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(c) = cluster() {
            let gone = {
                let mut list = c.cradles.lock();
                let at = list.iter().position(|x| Arc::ptr_eq(x, &self.0));
                at.and_then(|i| sys::swap_remove(&mut list, i))
            };
            drop(gone);
        }
    }
}

impl Place {
    /// For a new task of a guest whose home is `home`.
    pub(crate) fn new(c: &Cluster, home: u16) -> Result<Place> {
        let [a, b, ..] = {
            let r: [u8; 32] = crypto::random();
            let word = |i: usize| r.get(i * 8..i * 8 + 8).and_then(|w| w.try_into().ok()).map_or(0, u64::from_le_bytes);
            [word(0), word(1)]
        };
        let cradle = Arc::pin_init(
            pin_init!(Cradle { cookie: [a, b], home, arrived <- new_mutex!(None), changed <- new_condvar!() }),
            GFP_KERNEL,
        )?;
        c.cradles.lock().push(cradle.clone(), GFP_KERNEL)?;
        Ok(Place(cradle))
    }

    /// What home's half has to say.
    pub(crate) fn cookie(&self) -> [u64; 2] {
        self.0.cookie
    }

    /// Waits for home's half.
    pub(crate) fn wait(self) -> Result<Arrival> {
        let until = task::now_ns() + u64::from(PATIENCE_MS) * 1_000_000;
        wait::until(&self.0.changed, &self.0.arrived, |slot| match slot.take() {
            Some(found) => Some(Ok(found)),
            None => (task::now_ns() > until).then_some(Err(ETIMEDOUT)),
        })?
    }
}

/// A link has come that names a new task. Nobody waits for it: it is closed.
pub(crate) fn deliver(c: &Cluster, arrival: Arrival, cookie: [u64; 2]) {
    let found = {
        let list = c.cradles.lock();
        list.iter().find(|x| x.cookie == cookie && x.home == arrival.link.peer).cloned()
    };
    let Some(cradle) = found else { return };
    let before = cradle.arrived.lock().replace(arrival);
    drop(before);
    cradle.changed.notify_all();
}
