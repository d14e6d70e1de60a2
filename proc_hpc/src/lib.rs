// SPDX-License-Identifier: GPL-2.0-only

//! The `/proc/hpc` tree as data: what files there are, who may write them, what is written and read.
//!
//! The module that serves the tree and the tools that use it both take it from here. Like `omcore` it is compiled
//! twice: as this crate, and inside the kernel module, which includes `rooms.rs` by path. So nothing below this file
//! may say `crate::`, and everything must do with `core` alone.

#![no_std]
#![forbid(unsafe_code)]
#![warn(missing_docs)]

#[cfg(test)]
extern crate std;

mod rooms;
pub use rooms::*;
