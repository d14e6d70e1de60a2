// SPDX-License-Identifier: GPL-2.0-only

//! How long something would have taken if every node had a processor of this machine for itself.
//!
//! A node is a QEMU process, and what else this machine does takes processor time from it, and not in equal parts from one
//! busy node and from two. So beside the clock on the wall there is this one: once a second it advances by the processor
//! time that the busiest node has got. It stands still while all nodes wait, and is a little too fast while two nodes get
//! unequal parts of what they want.

use std::{
    fs,
    sync::{
        atomic::{AtomicBool, Ordering},
        Arc,
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use crate::{Cluster, Node};

const STEP: Duration = Duration::from_secs(1);
/// Looks this often whether it is to stop.
const LOOKS: u32 = 20;
/// Units of a second in `/proc/PID/stat`, on every Linux.
const TICKS: f64 = 100.0;

/// A clock that runs.
pub struct BusyClock {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<f64>,
}

impl BusyClock {
    /// Starts it. `shares` are the parts of a processor that nodes have at most, by node from the first; 1 for the rest.
    pub fn start(cluster: &Cluster, shares: &[f64]) -> BusyClock {
        let share = |index: usize| shares.get(index).copied().unwrap_or(1.0);
        let nodes: Vec<(i32, f64)> =
            cluster.nodes().iter().enumerate().map(|(i, node)| (node.machine_pid(), share(i))).collect();
        Self::run(nodes)
    }

    /// A clock for one node.
    pub fn start_one(node: &Node, share: f64) -> BusyClock {
        Self::run(vec![(node.machine_pid(), share)])
    }

    fn run(nodes: Vec<(i32, f64)>) -> BusyClock {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let thread = thread::spawn(move || count(&nodes, &stopped));
        BusyClock { stop, thread }
    }

    /// Stops it; the seconds it has counted.
    pub fn stop(self) -> f64 {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().expect("the clock's thread panicked")
    }
}

fn count(nodes: &[(i32, f64)], stop: &AtomicBool) -> f64 {
    let used = || -> Vec<f64> { nodes.iter().map(|(pid, share)| processor_time(*pid) / share).collect() };
    let (mut seconds, mut before) = (0.0, used());
    loop {
        for _ in 0..LOOKS {
            if stop.load(Ordering::Relaxed) {
                break;
            }
            thread::sleep(STEP / LOOKS);
        }
        let now = used();
        seconds += now.iter().zip(&before).map(|(now, before)| now - before).fold(0.0, f64::max);
        before = now;
        if stop.load(Ordering::Relaxed) {
            return seconds;
        }
    }
}

/// What all threads of a process have used, in seconds.
fn processor_time(pid: i32) -> f64 {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // The name, in parentheses, may have blanks.
    let fields = text.rsplit_once(')').map_or("", |(_, rest)| rest);
    // utime and stime are fields 14 and 15 of all, 12 and 13 of these.
    let ticks =
        |index: usize| fields.split_whitespace().nth(index).and_then(|field| field.parse::<f64>().ok());
    (ticks(11).unwrap_or(0.0) + ticks(12).unwrap_or(0.0)) / TICKS
}

#[cfg(test)]
mod tests {
    use super::processor_time;

    #[test]
    fn own_time_grows() {
        let before = processor_time(std::process::id() as i32);
        let mut sum = 0u64;
        while processor_time(std::process::id() as i32) < before + 0.05 {
            sum = std::hint::black_box(sum + 1);
        }
    }
}
