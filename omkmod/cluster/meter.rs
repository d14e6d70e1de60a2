// SPDX-License-Identifier: GPL-2.0-only
//! How busy this node is: what its processors did, and what its processes wanted of them.
//!
//! [`Gauge::period`] is called by the balancer once a period, the rest by whoever moves a process. One mutex, a leaf.

use super::{cluster, Cluster};
use crate::omcore::balance::load::{Loads, Meter, Sample};
use crate::sys::node;
use kernel::prelude::*;
use kernel::sync::Mutex;
use kernel::{new_mutex, pin_init};

/// The instrument.
#[pin_data]
pub(crate) struct Gauge {
    #[pin]
    inner: Mutex<Inner>,
}

struct Inner {
    meter: Meter,
    /// How many processes ran or could have, on the average of the last period, rounded.
    running: u32,
    /// Nanoseconds of all processors together, when the period began: busy, and in all.
    before: (u64, u64),
}

/// A guest on its way here, or an own process on its way home, counts from the moment it is let in until it is here, or is
/// not.
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
        let inner = Inner { meter: Meter::new(), running: 0, before: (0, 0) };
        pin_init!(Gauge { inner <- new_mutex!(inner) })
    }

    /// A period ends, of `elapsed_ms`, in which all processes together ran or could have run for `wanted_ms`, those that are
    /// about to leave for `leaving_ms` of that. Those that came and went in between are not in that, but the processors know of
    /// them.
    pub(super) fn period(&self, elapsed_ms: u64, wanted_ms: u64, leaving_ms: u64, speed: u64) {
        let (busy, total) = node::cputime();
        let cpus = u64::from(node::cpus().clamp(1, u16::MAX.into()));
        let mut inner = self.inner.lock();
        let (b, t) = (busy.saturating_sub(inner.before.0), total.saturating_sub(inner.before.1));
        let first = inner.before.1 == 0;
        inner.before = (busy, total);
        if first || elapsed_ms == 0 {
            return;
        }
        // A clock that stood still for an hour counts as an hour.
        let elapsed_ms = elapsed_ms.min(3_600_000);
        let busy_ms = (elapsed_ms * cpus).saturating_mul(b / 1_000_000).checked_div(t / 1_000_000).unwrap_or(0);
        let running = wanted_ms.max(busy_ms);
        inner.running = u32::try_from(running.saturating_add(elapsed_ms / 2) / elapsed_ms).unwrap_or(u32::MAX);
        inner.meter.period(Sample {
            ticks: elapsed_ms as u32,
            running: running.saturating_sub(leaving_ms),
            busy: busy_ms,
            cpus: cpus as u16,
            speed: u32::try_from(speed).unwrap_or(u32::MAX),
        });
    }

    /// The loads as they stand.
    pub(crate) fn loads(&self) -> Loads {
        self.inner.lock().meter.loads()
    }

    /// How many processes ran or could have, on the average of the last period.
    pub(super) fn running(&self) -> u32 {
        self.inner.lock().running
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
