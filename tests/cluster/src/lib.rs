// SPDX-License-Identifier: GPL-2.0-only

//! A cluster of QEMU nodes on one machine, joined by a network that can misbehave on purpose.
//!
//! ```no_run
//! use cluster::{Cluster, openmosix::Joined};
//!
//! # fn main() -> anyhow::Result<()> {
//! let cluster = Cluster::builder().nodes(3).start()?;
//! cluster.node(1).run("uname -r")?.expect_success()?;
//! cluster.network().cut(1, 2);
//! # Ok(())
//! # }
//! ```
//!
//! | room | what it does |
//! |---|---|
//! | [`cluster`](mod@crate::cluster) | [`Builder`], [`Cluster`]: boots the nodes, judges their kernel logs |
//! | [`node`] | [`Node`]: one QEMU process; commands and files in it, pause and kill |
//! | [`switch`] | [`Network`]: delays, drops, duplicates, reorders, cuts, by directed link |
//! | [`openmosix`] | what tests do with the module: load, join, migrate |
//! | [`program`], [`snapshot`] | self-checking programs in a node; what `/proc` shows of one |
//! | [`scenario`], [`scenarios`] | tests that run on a booted cluster |
//! | [`semantics`] | what a process may do, feature by feature, at home, away and on the move |
//! | [`demo`] | programs of the distribution that move, for the demo and as scenarios |
//! | [`figures`], [`experiments`] | what is measured and how it is told; the experiments of the manual and the theses |
//! | [`stress`] | the manual's stress test |
//! | [`busy`] | a clock that does not see what else this machine does |
//! | [`throttle`] | makes a node slower than the others |
//! | [`kernel_log`] | finds what a kernel complains about |
//! | [`protocol`], [`client`] | the talk between harness and node agent |
//! | [`initramfs`], [`artifacts`], [`qemu`] | what a node boots, and how |

use std::{
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

pub mod artifacts;
pub mod busy;
pub mod client;
pub mod cluster;
pub mod demo;
pub mod experiments;
pub mod figures;
pub mod initramfs;
pub mod kernel_log;
pub mod node;
pub mod openmosix;
pub mod program;
pub mod protocol;
pub mod qemu;
pub mod scenario;
pub mod scenarios;
pub mod semantics;
pub mod snapshot;
pub mod stress;
pub mod switch;
pub mod throttle;

pub use crate::cluster::{Builder, Cluster};
pub use client::{Output, Process};
pub use node::{Node, Root};
pub use program::Program;
pub use switch::{Faults, Network};

/// How many times longer than on a good day everything may take: on a machine that is slow or has other things to do, and with a
/// slow kernel. No test's verdict is about time, so it holds for the whole process.
static PATIENCE: AtomicU32 = AtomicU32::new(3);

pub(crate) fn patient(limit: Duration) -> Duration {
    limit * PATIENCE.load(Ordering::Relaxed)
}

/// A node's number: its openMosix id, the last byte of its address, and its place in the cluster, from 1.
pub type NodeId = u32;

/// The network address of a node.
pub fn address(id: NodeId) -> String {
    format!("10.77.0.{id}")
}
