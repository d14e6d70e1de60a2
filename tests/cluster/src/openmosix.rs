// SPDX-License-Identifier: GPL-2.0-only

//! What tests do with the module: load it, join the nodes, move processes.

use std::time::Duration;

use anyhow::{bail, Context, Result};
pub use proc_hpc::value::{Destination, Move};

use crate::{Cluster, Node, NodeId, Output};

/// The module in every node.
pub const MODULE: &str = "/openmosix.ko";
/// The cluster map and key in every node.
pub const MAP: &str = "/etc/openmosix.map";
pub const KEY: &str = "/etc/openmosix.key";
/// Any key will do for a test.
pub const TEST_KEY: &str = "7465737420636c7573746572732061726520616c6c2066726f6d206f6e65206b\n";

/// How long one migration may take, however slow the machine.
const MIGRATION_TIME: Duration = Duration::from_secs(60);

/// Where a process is to go: home.
pub const HOME: Destination = Destination::Home;

/// Where a process is to go: a node.
pub fn to(id: NodeId) -> Destination {
    Destination::Node(id as u16)
}

/// A cluster whose nodes run the module.
pub trait Joined {
    /// Loads the module on every node.
    fn load_module(&self) -> Result<()>;
    /// Gives every node the same map and key and makes it join.
    fn join(&self) -> Result<()>;
    /// Both of the above.
    fn load_and_join(&self) -> Result<()> {
        self.load_module()?;
        self.join()
    }
    /// The cluster map that [`Joined::join`] installs.
    fn map(&self) -> String;
}

impl Joined for Cluster {
    fn load_module(&self) -> Result<()> {
        self.nodes().iter().try_for_each(Node::load_module)
    }

    fn join(&self) -> Result<()> {
        let map = self.map();
        self.nodes().iter().try_for_each(|node| node.join(&map))
    }

    fn map(&self) -> String {
        format!("1 {} {}\n", crate::address(1), self.nodes().len())
    }
}

impl Node {
    /// Loads the module.
    pub fn load_module(&self) -> Result<()> {
        if !self.run(&format!("test -e {MODULE}"))?.status.success() {
            bail!("there is no module: build it with `make module KDIR=...`");
        }
        let output = self.run(&format!("insmod {MODULE}"))?;
        if output.status.success() {
            // Who starts the programs is not to be balanced with them: what it starts then would begin away.
            self.sh("for pid in $(pidof node-agent); do echo 1 > /proc/hpc/pids/$pid/lock; done")?;
            // What a test does not move stays where it is; the tests of balancing switch it on.
            return self.balance(false);
        }
        bail!("node {}: {output}\nthe end of its kernel log:\n{}", self.id(), self.kernel_log()?.tail(15))
    }

    /// Whether processes are moved by themselves.
    pub fn balance(&self, on: bool) -> Result<()> {
        self.write("/proc/hpc/admin/balance", if on { "1" } else { "0" })
    }

    /// Installs a map and the key, and joins.
    pub fn join(&self, map: &str) -> Result<()> {
        self.write(MAP, map)?;
        self.write_key(TEST_KEY)?;
        self.sh(&format!("omctl setpe -w -f {MAP}")).map(drop)
    }

    /// Installs a key.
    pub fn write_key(&self, key: &str) -> Result<()> {
        self.write_mode(KEY, key, 0o600)
    }

    /// Moves a process that lives on this node.
    pub fn migrate(&self, pid: i32, to: Destination) -> Result<()> {
        let output = self.try_migrate(pid, to)?;
        output
            .expect_success()
            .with_context(|| format!("moving pid {pid} of node {} to {to}", self.id()))
            .map(drop)
    }

    /// Tries to move a process that lives on this node; what `omctl migrate` said.
    pub fn try_migrate(&self, pid: i32, to: Destination) -> Result<Output> {
        let command = self.command(&["omctl", "migrate", &pid.to_string(), &to.to_string()]);
        command.time_limit(MIGRATION_TIME).run()
    }

    /// The letter that ps shows.
    pub fn state(&self, pid: i32) -> Result<char> {
        let stat = self.read(&format!("/proc/{pid}/stat"))?;
        let state = stat.rsplit_once(") ").and_then(|(_, rest)| rest.chars().next());
        state.with_context(|| format!("no state in `{stat}`"))
    }

    /// The node where a process of this node runs; 0 is at home.
    pub fn where_is(&self, pid: i32) -> Result<NodeId> {
        self.process_file(pid, "where")?.parse().context("the file `where` is not a number")
    }

    /// The reasons why a process of this node may not move, in words.
    pub fn cantmove(&self, pid: i32) -> Result<Vec<String>> {
        Ok(self.process_file(pid, "cantmove")?.lines().map(str::to_string).collect())
    }

    /// How often a process of this node has moved.
    pub fn moves_count(&self, pid: i32) -> Result<u64> {
        self.process_file(pid, "nmigs")?.parse().context("the file `nmigs` is not a number")
    }

    /// The moves a process of this node has made.
    pub fn moves(&self, pid: i32) -> Result<Vec<Move>> {
        self.process_file(pid, "moves")?
            .lines()
            .map(|line| Move::parse(line.as_bytes()).with_context(|| format!("not a move: {line}")))
            .collect()
    }

    /// A file of `/proc/hpc/pids/PID`, without the white space at its ends.
    pub fn process_file(&self, pid: i32, name: &str) -> Result<String> {
        Ok(self.read(&format!("/proc/hpc/pids/{pid}/{name}"))?.trim().to_string())
    }

    /// Ids of the guests that this node hosts.
    pub fn guests(&self) -> Result<Vec<i32>> {
        let names = self.sh("ls /proc/hpc/remote 2>/dev/null || true")?;
        Ok(names.split_whitespace().filter_map(|name| name.parse().ok()).collect())
    }
}

/// The nodes where a process has been, from its moves. A hop between two nodes may pass through home, which
/// is then no station.
pub fn stations(moves: &[Move], home: NodeId) -> Vec<NodeId> {
    let mut stations: Vec<NodeId> = moves.first().map(|step| step.from.into()).into_iter().collect();
    for (index, step) in moves.iter().enumerate() {
        let passes = NodeId::from(step.to) == home && index + 1 < moves.len();
        if !passes {
            stations.push(step.to.into());
        }
    }
    stations
}
