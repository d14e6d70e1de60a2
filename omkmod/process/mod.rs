// SPDX-License-Identifier: GPL-2.0-only
//! What a process is, on the wire: captured at one end, restored at the other, the same for leaving and coming home.

pub(crate) mod cantmove;
pub(crate) mod errand;
pub(crate) mod group;
pub(crate) mod image;
pub(crate) mod journey;
mod muster;
pub(crate) mod profile;
pub(crate) mod records;
pub(crate) mod request;
