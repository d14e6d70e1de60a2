// SPDX-License-Identifier: GPL-2.0-only

//! Balancing: what a node measures, what it tells, and which process it moves where.
//!
//! Everything here is arithmetic on values that the caller owns. It takes no lock, allocates nothing, never sleeps and
//! never panics, so it may run in any context; the kernel's balancing thread and the simulator run the same code.
//!
//! | room | what |
//! |---|---|
//! | [`load`] | from samples of the run queue to the load of a node |
//! | [`stats`] | what one process uses, decayed |
//! | [`cost`] | what its system calls cost when it is away |
//! | [`exp2`] | powers of two in fixed point, for the opportunity cost |
//! | [`node`] | what is known of a node and of a process when one decides |
//! | [`mod@choose`] | policy "cost": which process goes where |
//! | [`thresholds`] | policy "thresholds": states, victims and preferred nodes |
//! | [`usher`] | memory runs out: who leaves, load or no load |
//! | [`admit`] | whether a guest may come |
//! | [`mod@evict`] | which guest must go |
//! | [`gossip`] | who is told, who is remembered, who is asked |
//! | [`message`] | the datagram |
//!
//! # Who decides
//!
//! The home node decides on its own processes wherever they run: they leave, hop on, or come home. A host decides only
//! that a guest must go home. So no two nodes ever decide on the same process, and a process that is no longer wanted
//! anywhere has one place that always takes it.
//!
//! # Units
//!
//! *Load*: [`UNIT`] = 100 is one process that always runs, on a standard processor (speed [`STANDARD_SPEED`]). A
//! node's load is per processor and inverse to speed: 100 on a node twice as fast with four processors means that eight
//! processes want to run. It is thus the time a unit of work takes, in percent of what it takes alone on a standard
//! processor, as soon as all processors are busy. (openMosix manual, 6.2: MF = 100; its standard speed was 15000.)
//!
//! *Use of a processor by a process*: hundredths of a processor of the node it runs on; 100 is all of one.
//!
//! *Memory*: bytes. *Times*: as the name says, `_ns` or `_ms`. *Speed*: 10000 is the standard processor, `sspeed`.

pub mod admit;
pub mod choose;
pub mod cost;
pub mod evict;
pub mod exp2;
pub mod gossip;
pub mod load;
pub mod message;
pub mod node;
pub mod stats;
pub mod thresholds;
pub mod usher;

/// Load of one process that always runs on one standard processor; the manual's MF.
pub const UNIT: u32 = 100;

/// Speed of the standard processor.
pub const STANDARD_SPEED: u32 = 10_000;

/// What `use_` hundredths of a processor, wanted all the time, add to the load of a node: the manual's
/// `x * STD_SPD / (speed * ncpus)`.
pub fn share(use_: u32, speed: u32, cpus: u16) -> u32 {
    let capacity = u64::from(speed.max(1)) * u64::from(cpus.max(1));
    let load = (u64::from(use_) * u64::from(STANDARD_SPEED) + capacity / 2) / capacity;
    u32::try_from(load).unwrap_or(u32::MAX)
}
