// SPDX-License-Identifier: GPL-2.0-only
//! The node's clocks (see clocks.c).

use super::super::omcore::wire::Clocks;
use super::ffi;

/// What they say now.
pub(crate) fn now() -> Clocks {
    let mut clocks = Clocks::default();
    // SAFETY: a valid record with the layout of `struct om_clocks`.
    unsafe { ffi::om_clocks(&mut clocks) };
    clocks
}
