// SPDX-License-Identifier: GPL-2.0-only

//! The rooms of `proc_hpc`, named once for both of its lives (see `lib.rs`).
//!
//! The `path` attributes are relative to this file's folder, whoever includes it.

#[path = "config.rs"]
pub mod config;
#[path = "files.rs"]
pub mod files;
#[path = "tree.rs"]
pub mod tree;
#[path = "value.rs"]
pub mod value;
