// SPDX-License-Identifier: GPL-2.0-only

//! The rooms of `omcore`, named once for both of its lives (see `lib.rs`).
//!
//! The `path` attributes are relative to this file's folder, whoever includes it.

#[path = "balance/mod.rs"]
pub mod balance;
#[path = "clocks.rs"]
pub mod clocks;
#[path = "map.rs"]
pub mod map;
#[path = "syscalls.rs"]
pub mod syscalls;
#[path = "traits.rs"]
pub mod traits;
#[allow(missing_docs)] // its records document fields in groups
#[path = "wire.rs"]
pub mod wire;
