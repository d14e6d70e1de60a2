// SPDX-License-Identifier: GPL-2.0-only
//! The administrator's settings below `/proc/hpc/admin`: switches, numbers and the few that are more.
//!
//! What a file takes and what it reads before anybody wrote is in the table of `proc_hpc`; here is only where it is kept.
//! Any task may read and write; each setting changes at once and as a whole.

use crate::proc_hpc::tree::{self, File, Kind};
use crate::proc_hpc::value::{self, NodeList, Overheads, Policy, Thresholds};
use crate::sys::procfs::Text;
use core::fmt::Write;
use core::sync::atomic::{AtomicU64, Ordering};
use kernel::prelude::*;
use kernel::sync::Mutex;
use kernel::{new_mutex, pin_init};

/// A setting that is a number or a switch, and its file in `admin`.
macro_rules! numbers {
    ($($(#[$doc:meta])* $name:ident $file:literal,)*) => {
        #[derive(Clone, Copy, PartialEq, Eq)]
        #[repr(usize)]
        pub(crate) enum Setting { $($(#[$doc])* $name,)* }

        const FILES: &[(&str, Setting)] = &[$(($file, Setting::$name),)*];
    };
}

numbers! {
    /// No guests.
    Block "block",
    /// Nobody leaves by himself.
    Stay "stay",
    /// Own processes do not.
    Lstay "lstay",
    /// Others do not hear of the load.
    Quiet "quiet",
    /// Links without a key.
    Trusted "trusted",
    /// Processes are moved at all.
    Balance "balance",
    /// In units of `sspeed`.
    Speed "speed",
    Sspeed "sspeed",
    /// Between here and the farthest node.
    Gateways "gateways",
    /// Milliseconds between load messages.
    Period "period",
    /// Rule of the second policy, 1 to 4.
    Victim "victim",
    /// Limits for guests, 0: none; and what they count.
    LoadLimit "loadlimit",
    LoadLimitMode "loadlimitmode",
    CpuLimit "cpulimit",
    CpuLimitMode "cpulimitmode",
    MaxGuests "maxguests",
    /// Seconds.
    Residence "residence",
    DecayInterval "decayinterval",
    /// Per mille.
    SlowDecay "slowdecay",
    FastDecay "fastdecay",
}

/// All of them.
#[pin_data]
pub(crate) struct Settings {
    numbers: [AtomicU64; FILES.len()],
    policy: AtomicU64,
    #[pin]
    thresholds: Mutex<Thresholds>,
    #[pin]
    preferred: Mutex<NodeList>,
    #[pin]
    overheads: Mutex<Overheads>,
}

fn row(name: &str) -> Option<&'static File> {
    tree::FILES.iter().find(|f| f.path.strip_prefix("admin/") == Some(name))
}

fn setting(name: &str) -> Option<Setting> {
    FILES.iter().find(|(file, _)| *file == name).map(|(_, s)| *s)
}

/// The number that a file of this kind takes from a text.
fn number(kind: Kind, text: &[u8]) -> Option<u64> {
    match kind {
        Kind::Toggle => value::toggle(text).map(u64::from),
        Kind::Range(least, most) => value::within(text, least, most),
        Kind::PerMille => value::per_mille(text).map(u64::from),
        _ => None,
    }
}

impl Settings {
    /// As the table has them.
    pub(super) fn new() -> impl PinInit<Self> {
        let default = |i: usize| {
            let row = FILES.get(i).and_then(|(name, _)| row(name));
            // The speed of this machine has no constant: what a standard one has.
            let text = row.and_then(|f| f.default).unwrap_or("10000");
            AtomicU64::new(row.and_then(|f| number(f.kind, text.as_bytes())).unwrap_or(0))
        };
        pin_init!(Settings {
            numbers: core::array::from_fn(default),
            policy: AtomicU64::new(0),
            thresholds <- new_mutex!(Thresholds::default()),
            preferred <- new_mutex!(NodeList::default()),
            overheads <- new_mutex!(Overheads::default()),
        })
    }

    /// A number.
    pub(crate) fn get(&self, s: Setting) -> u64 {
        self.numbers.get(s as usize).map_or(0, |n| n.load(Ordering::Relaxed))
    }

    /// A switch.
    pub(crate) fn is(&self, s: Setting) -> bool {
        self.get(s) != 0
    }

    /// Sets one.
    pub(crate) fn set(&self, s: Setting, value: u64) {
        if let Some(n) = self.numbers.get(s as usize) {
            n.store(value, Ordering::Relaxed);
        }
    }

    pub(crate) fn policy(&self) -> Policy {
        if self.policy.load(Ordering::Relaxed) == Policy::Thresholds as u64 {
            Policy::Thresholds
        } else {
            Policy::Cost
        }
    }

    pub(crate) fn thresholds(&self) -> Thresholds {
        *self.thresholds.lock()
    }

    pub(crate) fn preferred(&self) -> NodeList {
        *self.preferred.lock()
    }

    pub(crate) fn overheads(&self) -> Overheads {
        *self.overheads.lock()
    }

    /// Writes what the file of this name reads. None: it is no setting.
    pub(crate) fn show(&self, name: &str, out: &mut Text<'_>) -> Option<core::fmt::Result> {
        if let Some(s) = setting(name) {
            return Some(writeln!(out, "{}", self.get(s)));
        }
        Some(match row(name)?.kind {
            Kind::Policy => writeln!(out, "{}", self.policy()),
            Kind::Thresholds => writeln!(out, "{}", self.thresholds()),
            Kind::Nodes => writeln!(out, "{}", self.preferred()),
            Kind::Overheads => writeln!(out, "{}", self.overheads()),
            _ => return None,
        })
    }

    /// Takes a text for the file of this name. None: it is no setting. False: not a value for it.
    pub(crate) fn store(&self, name: &str, text: &[u8]) -> Option<bool> {
        let kind = row(name)?.kind;
        if let Some(s) = setting(name) {
            return Some(number(kind, text).map(|n| self.set(s, n)).is_some());
        }
        Some(
            match kind {
                Kind::Policy => Policy::parse(text).map(|p| self.policy.store(p as u64, Ordering::Relaxed)),
                Kind::Thresholds => Thresholds::parse(text).map(|t| *self.thresholds.lock() = t),
                Kind::Nodes => NodeList::parse(text).map(|l| *self.preferred.lock() = l),
                Kind::Overheads => Overheads::parse(text).map(|o| *self.overheads.lock() = o),
                _ => return None,
            }
            .is_some(),
        )
    }
}
