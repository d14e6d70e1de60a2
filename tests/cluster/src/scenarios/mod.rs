// SPDX-License-Identifier: GPL-2.0-only

//! The scenarios, by room. A scenario's name is `room/what`.

use crate::scenario::{Scenario, Shape};

pub mod admin;
pub mod balance;
pub mod errands;
pub mod failures;
pub mod filecache;
pub mod groups;
pub mod moves;
pub mod programs;
pub mod refusals;
pub mod security;
pub mod sharing;
pub mod signals;

/// All of them, those on the shared cluster first.
pub fn all() -> Vec<Scenario> {
    let mut all = Vec::new();
    for room in [
        crate::demo::scenarios,
        admin::all,
        moves::all,
        errands::all,
        filecache::all,
        programs::all,
        signals::all,
        refusals::all,
        groups::all,
        groups::travelling,
        sharing::all,
        balance::all,
        security::all,
        failures::all,
    ] {
        all.extend(room());
    }
    all.sort_by_key(|scenario| match scenario.cluster {
        Shape::Shared => 0,
        Shape::Own(_) => 1,
        Shape::Alone(_) => 2,
    });
    all
}
