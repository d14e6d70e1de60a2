// SPDX-License-Identifier: GPL-2.0-only

//! The pure logic of openMosix: no kernel types, no allocation, no panics.
//!
//! It is compiled twice. Ordinary programs (the tools, the tests, the fuzzers) use this crate. The kernel module
//! includes `rooms.rs` by path as one of its own modules, because Kbuild knows no crates. So nothing below this
//! file may say `crate::`, and everything must do with `core` alone.

#![no_std]
#![forbid(unsafe_code)]
#![warn(missing_docs)]

#[cfg(test)]
extern crate std;

mod rooms;
pub use rooms::*;
