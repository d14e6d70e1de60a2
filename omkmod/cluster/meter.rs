// SPDX-License-Identifier: GPL-2.0-only
//! How busy this node is: samples of the run queue, and what came and left since the last period.
//!
//! [`Gauge::sample`] is called often by the meter thread, [`Gauge::period`] by the thread that sends load messages, the rest
//! by whoever moves a process. One mutex, a leaf.

use super::balance::Count;
use super::{cluster, Cluster};
use crate::omcore::balance::load::{Loads, Meter, Sample};
use crate::sys::{node, task};
use kernel::prelude::*;
use kernel::sync::Mutex;
use kernel::{new_mutex, pin_init};

/// Samples are at least so far apart.
const STEP_NS: u64 = 10_000_000;

/// The instrument.
#[pin_data]
pub(crate) struct Gauge {
    #[pin]
    inner: Mutex<Inner>,
}

struct Inner {
    meter: Meter,
    /// Of this period so far.
    ticks: u32,
    running: u64,
    /// When the last sample was taken.
    last: u64,
    /// Average of the last period, rounded.
    average: u32,
    /// Nanoseconds of all processors together, when the period began: busy, and in all.
    before: (u64, u64),
}

/// A guest on its way here counts from the moment it is let in until it is here, or is not.
pub(crate) struct Coming {
    arrived: bool,
}

impl Coming {
    /// It is let in.
    pub(crate) fn new(c: &Cluster) -> Self {
        c.gauge.inner.lock().meter.coming();
        Coming { arrived: false }
    }

    /// It is here.
    pub(crate) fn arrived(mut self) {
        self.arrived = true;
        if let Some(c) = cluster() {
            c.balance.count(Count::CameIn);
        }
    }
}

impl Drop for Coming {
    fn drop(&mut self) {
        if let Some(c) = cluster() {
            c.gauge.inner.lock().meter.came(self.arrived);
        }
    }
}

impl Gauge {
    /// Before the first period.
    pub(super) fn new() -> impl PinInit<Self> {
        let inner = Inner { meter: Meter::new(), ticks: 0, running: 0, last: 0, average: 0, before: (0, 0) };
        pin_init!(Gauge { inner <- new_mutex!(inner) })
    }

    /// Looks at the run queue, from a kernel thread: which is in it itself.
    pub(super) fn sample(&self) {
        let now = task::now_ns();
        let mut inner = self.inner.lock();
        if now.saturating_sub(inner.last) >= STEP_NS {
            inner.last = now;
            inner.ticks = inner.ticks.saturating_add(1);
            inner.running += u64::from(node::running().saturating_sub(1));
        }
    }

    /// A period ends.
    pub(super) fn period(&self, speed: u64) -> Loads {
        let (busy, total) = node::cputime();
        let cpus = u64::from(node::cpus().max(1));
        let mut inner = self.inner.lock();
        let (b, t) = (busy.saturating_sub(inner.before.0), total.saturating_sub(inner.before.1));
        inner.before = (busy, total);
        // Time in use, counted as the samples are.
        let ticks = u64::from(inner.ticks);
        let busy = ticks.saturating_mul(cpus).saturating_mul(b / 1000).checked_div(t / 1000).unwrap_or(0);
        let sample = Sample {
            ticks: inner.ticks,
            running: inner.running,
            busy,
            cpus: cpus.min(u16::MAX.into()) as u16,
            speed: u32::try_from(speed).unwrap_or(u32::MAX),
        };
        if let Some(n) = (inner.running + ticks / 2).checked_div(ticks) {
            inner.average = u32::try_from(n).unwrap_or(u32::MAX);
        }
        inner.ticks = 0;
        inner.running = 0;
        inner.meter.period(sample)
    }

    /// The loads as they stand.
    pub(crate) fn loads(&self) -> Loads {
        self.inner.lock().meter.loads()
    }

    /// How many processes ran or could have, on the average of the last period.
    pub(super) fn running(&self) -> u32 {
        self.inner.lock().average
    }

    /// A process that uses so much of a processor (hundredths) begins to leave.
    pub(super) fn left(&self, used: u32) {
        self.inner.lock().meter.left(used);
    }

    /// It did not leave.
    pub(super) fn stayed(&self, used: u32) {
        self.inner.lock().meter.stayed(used);
    }
}
