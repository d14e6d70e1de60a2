// SPDX-License-Identifier: GPL-2.0-only
//! openMosix: transparent process migration, as one module for an unpatched kernel.
//!
//! Rooms: `sys` wraps the kernel; `link` connects nodes; `process` captures and restores what a process is; `syscalls`
//! is the table in `omcore`; `deputy` and `guest` are the two halves of a process that is away; `cluster` knows the nodes;
//! `proc` is `/proc/hpc`. See docs/architecture.md.

#![recursion_limit = "512"]

use kernel::prelude::*;

mod cluster;
mod deputy;
mod guest;
mod link;
mod proc;
mod process;
mod sys;

#[allow(dead_code, unreachable_pub, missing_docs)]
#[path = "../omcore/src/rooms.rs"]
mod omcore;
#[allow(dead_code, unreachable_pub, missing_docs)]
#[path = "../proc_hpc/src/rooms.rs"]
mod proc_hpc;

module! {
    type: OpenMosix,
    name: "openmosix",
    author: "The openMosix project",
    description: "Transparent process migration between Linux nodes",
    license: "GPL",
}

/// The loaded module. Fields are dropped in order: first nobody can ask any more, then the cluster ends, then the hooks go.
struct OpenMosix {
    _proc: proc::Tree,
    _flush: Flush,
    _cluster: cluster::Holder,
    _hooks: Hooks,
}

struct Flush;

impl Drop for Flush {
    fn drop(&mut self) {
        sys::flush();
    }
}

struct Hooks;

impl Drop for Hooks {
    fn drop(&mut self) {
        sys::exit();
    }
}

impl kernel::Module for OpenMosix {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        sys::init()?;
        let hooks = Hooks;
        let cluster = cluster::Holder::new()?;
        let proc = proc::Tree::new()?;
        pr_info!("version {} loaded; join a cluster with: omctl setpe -w -f /etc/openmosix.map\n", proc::VERSION);
        Ok(OpenMosix { _proc: proc, _flush: Flush, _cluster: cluster, _hooks: hooks })
    }
}
