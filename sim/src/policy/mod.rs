// SPDX-License-Identifier: GPL-2.0-only

//! Who decides. The two policies of the module call the code that the module is built from; the third is what they are
//! compared with.

pub mod cost;
pub mod greedy;
pub mod thresholds;
