// SPDX-License-Identifier: GPL-2.0-only

//! What being away costs: the table of `/proc/hpc/admin/overheads`, and what it makes of a process's system calls.
//!
//! The table is the manual's `mosix_cost` (6.5): the times of one page, one forwarded call, and of data that such a call
//! takes out of the process or brings in. `tune` measures them on the network they hold for.


/// Bytes of a page.
const PAGE: u64 = 4096;
/// Longest time the table takes: ten seconds, in ns. It keeps all products in range.
const LONGEST: u64 = 10_000_000_000;
/// Most calls or KiB per second that count.
const MOST: u64 = 100_000_000;

/// What one process asks of its home, per second.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Comm {
    /// System calls that home does.
    pub calls: u64,
    /// KiB that they take out of the process (`write`).
    pub out_kb: u64,
    /// KiB that they bring in (`read`).
    pub in_kb: u64,
}

/// The eight numbers. Times in ns, 0 to 10^10.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Costs {
    /// Fetching one page of memory.
    pub page: u64,
    /// One forwarded call without data.
    pub call: u64,
    /// A call that takes data out of the process, before the first KiB.
    pub out: u64,
    /// Each KiB of it.
    pub out_kb: u64,
    /// A call that brings data in, before the first KiB.
    pub in_: u64,
    /// Each KiB of it.
    pub in_kb: u64,
    /// First node these numbers hold for; with `last`, 0 for all.
    pub first: u16,
    /// Last node these numbers hold for.
    pub last: u16,
}

impl Default for Costs {
    /// A network of 1 Gbit/s: a quarter of a millisecond for a page, half of that for a call.
    fn default() -> Self {
        Costs {
            page: 250_000,
            call: 120_000,
            out: 130_000,
            out_kb: 12_000,
            in_: 130_000,
            in_kb: 12_000,
            first: 0,
            last: 0,
        }
    }
}

impl Costs {
    /// How often a time of the table must be taken for this node: once within the range it was measured for; beyond,
    /// once more for each of the `gateways` (0 to 2) on the way.
    fn hops(&self, node: u16, gateways: u8) -> u64 {
        let near = self.first == 0 || (self.first <= node && node <= self.last);
        if near {
            1
        } else {
            1 + u64::from(gateways.min(2))
        }
    }

    /// Nanoseconds that `comm`, one second's worth, costs on node `node`. More than 10^9 means that the calls would not be
    /// done within their second.
    ///
    /// Every call pays for its way; those with data pay the difference to an empty one too, and it is not known how
    /// many they are: at least one for each 64 KiB.
    pub fn away(&self, comm: &Comm, node: u16, gateways: u8) -> u64 {
        let data = |kb: u64, base: u64, each: u64| {
            let kb = kb.min(MOST);
            let calls = kb.div_ceil(64);
            (calls.saturating_mul(base.saturating_sub(self.call).min(LONGEST)))
                .saturating_add(kb.saturating_mul(each.min(LONGEST)))
        };
        comm.calls
            .min(MOST)
            .saturating_mul(self.call.min(LONGEST))
            .saturating_add(data(comm.out_kb, self.out, self.out_kb))
            .saturating_add(data(comm.in_kb, self.in_, self.in_kb))
            .saturating_mul(self.hops(node, gateways))
    }

    /// Milliseconds that moving `memory` bytes to or from node `node` takes: its pages go in batches, so the time of
    /// data counts and not that of single pages; and a few calls to say hello.
    pub fn moving_ms(&self, memory: u64, node: u16, gateways: u8) -> u64 {
        let kb = memory / 1024;
        let ns = kb.saturating_mul(self.out_kb.min(LONGEST)).saturating_add(self.call.min(LONGEST) * 8);
        ns.saturating_mul(self.hops(node, gateways)) / 1_000_000
    }

    /// Nanoseconds for `memory` bytes that are fetched page by page.
    pub fn fetching(&self, memory: u64) -> u64 {
        (memory / PAGE).saturating_mul(self.page.min(LONGEST))
    }
}

#[cfg(test)]
mod tests {
    use super::{Comm, Costs};

    #[test]
    fn calls_and_data_cost_what_the_table_says() {
        let costs = Costs::default();
        assert_eq!(costs.away(&Comm::default(), 2, 0), 0);
        assert_eq!(costs.away(&Comm { calls: 1000, ..Comm::default() }, 2, 0), 120_000_000);
        // 128 KiB written in two calls.
        let comm = Comm { calls: 2, out_kb: 128, in_kb: 0 };
        assert_eq!(costs.away(&comm, 2, 0), 2 * 120_000 + 2 * 10_000 + 128 * 12_000);
    }

    #[test]
    fn a_gateway_counts_outside_the_range_only() {
        let costs = Costs { first: 1, last: 9, ..Costs::default() };
        let comm = Comm { calls: 10, ..Comm::default() };
        assert_eq!(costs.away(&comm, 9, 2), 1_200_000);
        assert_eq!(costs.away(&comm, 10, 2), 3_600_000);
    }
}
