// SPDX-License-Identifier: GPL-2.0-only
//! Whether a process of another node may come: the limits of this one, asked at the door.

use super::{load, Cluster};
use super::settings::Setting;
use crate::omcore::balance::admit::{self, Counts, Limits, NodeState};
use crate::process::request::Refusal;
use kernel::prelude::*;

/// Whether a process of another node, or a group of them, may come now.
pub(crate) fn admit(c: &Cluster, wants: &admit::Request, group: bool) -> core::result::Result<(), Refusal> {
    let here = NodeState { node: load::own(), promised: 0, limits: limits(c), shares: c.balance.shares() };
    admit::admit(&here, wants).map_err(|why| {
        let errno = match why {
            admit::Refusal::Memory => ENOMEM,
            admit::Refusal::Slots => ENOSPC,
            _ => EBUSY,
        };
        if why == admit::Refusal::Memory {
            let (needed, available) = (wants.memory >> 20, here.node.mem >> 20);
            let who = if group { "the group needs" } else { "the process needs" };
            return Refusal::new(
                errno,
                format_args!("it has {available} MiB of memory to be had, {who} {needed} MiB and some must be left"),
            );
        }
        Refusal::new(errno, format_args!("{why}"))
    })
}

/// The limits that the administrator set.
pub(crate) fn limits(c: &Cluster) -> Limits {
    let s = &c.settings;
    Limits {
        load: u32::try_from(s.get(Setting::LoadLimit)).unwrap_or(u32::MAX),
        load_counts: Counts::from_mode(s.get(Setting::LoadLimitMode)).unwrap_or_default(),
        cpu: u32::try_from(s.get(Setting::CpuLimit)).unwrap_or(u32::MAX),
        cpu_counts: Counts::from_mode(s.get(Setting::CpuLimitMode)).unwrap_or_default(),
        guests: u16::try_from(s.get(Setting::MaxGuests)).unwrap_or(u16::MAX),
    }
}
