// SPDX-License-Identifier: GPL-2.0-only

//! A simulator of clusters from ten to a hundred thousand nodes. It runs the balancing code that the kernel module is built
//! from; jobs, machines and the network are its own. `docs/scaling.md` says what it found.

#![forbid(unsafe_code)]

pub mod cluster;
pub mod measure;
pub mod policy;
pub mod report;
pub mod rng;
pub mod run;
pub mod trace;
