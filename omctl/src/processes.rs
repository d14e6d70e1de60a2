// SPDX-License-Identifier: GPL-2.0-only

//! The processes of this machine, from `/proc` and from `/proc/hpc` together: own ones with the node where they run,
//! guests with their home. `OMCTL_PROCESSES` names another `/proc`, for tests.

use std::collections::HashMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use proc_hpc::value;
use serde::Serialize;

use crate::hpc::Hpc;
use crate::print;

/// A guest's own word for it: its home, and what home tells of it.
pub struct Guest {
    pub pid: i32,
    pub home: Option<u16>,
    pub identity: String,
}

#[derive(Clone, Debug, Default, Serialize)]
pub struct Process {
    pub pid: i32,
    pub user: String,
    #[serde(skip)]
    pub uid: u32,
    /// Where it runs; 0 is its home, this node. `None` without a cluster.
    pub node: Option<u16>,
    /// The home node of a guest.
    pub home: Option<u16>,
    /// How often it has moved.
    pub nmigs: u64,
    pub state: char,
    pub nice: i64,
    /// Processor time it has used.
    pub cpu_ms: u64,
    /// Resident memory, in bytes; of one that is away, what it has there.
    pub memory: u64,
    /// A thread of the kernel.
    #[serde(skip)]
    pub kernel: bool,
    pub command: String,
}

impl Process {
    /// Whether it is not where it began.
    pub fn moved(&self) -> bool {
        self.home.is_some() || self.node.is_some_and(|node| node != 0)
    }
}

/// The ids of the processes of this node that run elsewhere.
pub fn away(hpc: &Hpc) -> Vec<u32> {
    let away = |pid: &u32| {
        hpc.read(&format!("pids/{pid}/where")).is_ok_and(|text| value::node(text.as_bytes()).is_some())
    };
    hpc.numbers_in("pids").into_iter().filter(away).collect()
}

/// The processes of other nodes that run here.
pub fn guests(hpc: &Hpc) -> Vec<Guest> {
    let pids = hpc.numbers_in("remote").into_iter();
    pids.filter_map(|pid| {
        let from = hpc.read(&format!("remote/{pid}/from")).ok()?;
        let identity = hpc.read(&format!("remote/{pid}/identity")).unwrap_or_default();
        let identity = identity.lines().map(print::tame).collect::<Vec<_>>().join(" ");
        Some(Guest { pid: i32::try_from(pid).ok()?, identity, home: value::node(from.as_bytes()) })
    })
    .collect()
}

/// All processes, by rising pid. With `hpc`, of a node that is a member.
pub fn all(hpc: Option<&Hpc>) -> Vec<Process> {
    let root = root();
    let users = users();
    let guests: HashMap<i32, Guest> =
        hpc.map(guests).unwrap_or_default().into_iter().map(|guest| (guest.pid, guest)).collect();
    let Ok(names) = fs::read_dir(&root) else { return Vec::new() };
    let pids = names.filter_map(|name| name.ok()?.file_name().to_str()?.parse::<i32>().ok());
    let mut all: Vec<Process> = pids
        .filter_map(|pid| {
            // One that has ended between two looks is left out.
            let mut process = read(&root, pid, &users)?;
            match (hpc, guests.get(&pid)) {
                (None, _) => {}
                (Some(hpc), None) => place(hpc, &mut process),
                (Some(hpc), Some(guest)) => {
                    process.node = hpc.own().ok().flatten();
                    process.home = guest.home;
                    process.command = format!("{} [{}]", process.command, guest.identity);
                }
            }
            Some(process)
        })
        .collect();
    all.sort_unstable_by_key(|process| process.pid);
    all
}

fn root() -> PathBuf {
    std::env::var_os("OMCTL_PROCESSES").map_or_else(|| PathBuf::from("/proc"), PathBuf::from)
}

fn read(root: &Path, pid: i32, users: &HashMap<u32, String>) -> Option<Process> {
    let folder = root.join(pid.to_string());
    let uid = fs::metadata(&folder).ok()?.uid();
    let mut process = parse_stat(&fs::read(folder.join("stat")).ok()?)?;
    let words = fs::read(folder.join("cmdline")).unwrap_or_default();
    let words = String::from_utf8_lossy(&words).replace('\0', " ");
    process.command = match (process.kernel, words.trim()) {
        (false, words) if !words.is_empty() => print::tame(words),
        _ => format!("[{}]", process.command),
    };
    process.uid = uid;
    process.user = users.get(&uid).cloned().unwrap_or_else(|| uid.to_string());
    Some(process)
}

/// The fields of `/proc/PID/stat` that matter here (`proc(5)`). The name, in parentheses, may hold anything.
fn parse_stat(text: &[u8]) -> Option<Process> {
    /// `PF_KTHREAD`.
    const KERNEL_THREAD: u64 = 0x0020_0000;
    /// Of the clock that processor time is told in; the same on all of x86.
    const TICKS_PER_SECOND: u64 = 100;
    const PAGE: u64 = 4096;

    let text = String::from_utf8_lossy(text);
    let (head, tail) = text.rsplit_once(')')?;
    let (pid, name) = head.split_once('(')?;
    let fields: Vec<&str> = tail.split_whitespace().collect();
    // The first of them is the third of the manual page.
    let field = |number: usize| fields.get(number - 3).copied();
    let number = |n: usize| field(n)?.parse::<u64>().ok();
    Some(Process {
        pid: pid.trim().parse().ok()?,
        state: field(3)?.chars().next()?,
        kernel: number(9)? & KERNEL_THREAD != 0,
        cpu_ms: (number(14)?.saturating_add(number(15)?)).saturating_mul(1000 / TICKS_PER_SECOND),
        nice: field(19)?.parse().ok()?,
        memory: number(24)?.saturating_mul(PAGE),
        command: print::tame(name),
        ..Process::default()
    })
}

/// Adds where a process of this node runs. Of one that is away, time and memory are there.
fn place(hpc: &Hpc, process: &mut Process) {
    let file = |name: &str| format!("pids/{}/{name}", process.pid);
    let node = hpc.read(&file("where")).ok().map(|text| value::node(text.as_bytes()).unwrap_or(0));
    let nmigs = hpc.number(&file("nmigs")).unwrap_or(0);
    if node.is_some_and(|node| node != 0) {
        // For its owner and root; others see what home knows.
        let stats = hpc.read(&file("stats")).unwrap_or_default();
        for (name, n) in value::counters(stats.as_bytes()) {
            match name {
                b"cpu_ms" => process.cpu_ms = process.cpu_ms.max(n),
                b"memory_kb" => process.memory = n.saturating_mul(1024),
                _ => {}
            }
        }
    }
    process.node = node;
    process.nmigs = nmigs;
}

/// The names of users, by number, from `/etc/passwd` alone: a static program has no other way.
fn users() -> HashMap<u32, String> {
    let text = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let line = |line: &str| {
        let mut fields = line.split(':');
        Some((fields.next()?.to_owned(), fields.nth(1)?.parse().ok()?))
    };
    text.lines().filter_map(line).map(|(name, uid)| (uid, print::tame(&name))).collect()
}

/// Whether a process is of a user, given by name or number.
pub fn is_of(process: &Process, user: &str) -> bool {
    process.user == user || user.parse() == Ok(process.uid)
}

/// Processor time as `ps` shows it: minutes, seconds, hundredths.
pub fn time(ms: u64) -> String {
    format!("{}:{:02}.{:02}", ms / 60_000, ms / 1000 % 60, ms / 10 % 100)
}

/// A node id in a column.
pub fn id(node: Option<u16>) -> String {
    node.map_or_else(|| "-".to_owned(), |id| id.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_may_hold_anything() {
        let text = "12 (a) R (b) S 1 12 12 0 -1 4194560 100 0 0 0 250 50 0 0 20 -5 1 0 99 10000000 300 18446744073709551615";
        let p = parse_stat(text.as_bytes()).unwrap();
        assert_eq!((p.pid, p.command.as_str(), p.state), (12, "a) R (b", 'S'));
        assert_eq!((p.cpu_ms, p.nice, p.memory, p.kernel), (3000, -5, 300 * 4096, false));
        assert!(parse_stat(b"12 (a) R 1").is_none());
        assert!(parse_stat(b"").is_none());
    }

    #[test]
    fn times_are_readable() {
        assert_eq!(time(0), "0:00.00");
        assert_eq!(time(3_725_670), "62:05.67");
    }
}
