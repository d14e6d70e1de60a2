// SPDX-License-Identifier: GPL-2.0-only

//! What `/proc` shows of a process that stands still, to be compared before and after moves: whatever
//! differs was not carried over.

use std::collections::BTreeMap;

use anyhow::{ensure, Result};

use crate::{Node, NodeId};

/// Prints each part after a line `== name`. What counts time or memory use is left out.
const LOOK: &str = "/programs/look";

/// The parts, by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot(BTreeMap<String, String>);

impl Snapshot {
    /// Takes the state of a process of a node. The process should be waiting for something.
    pub fn take(node: &Node, pid: i32) -> Result<Snapshot> {
        Self::looking(node, &[LOOK, &pid.to_string()])
    }

    /// Takes what a host shows of a guest, by its home and its pid there: mappings and signals. Empty if there
    /// is no such guest.
    pub fn take_guest(host: &Node, home: NodeId, pid: i32) -> Result<Snapshot> {
        Self::looking(host, &[LOOK, "guest", &home.to_string(), &pid.to_string()])
    }

    fn looking(node: &Node, command: &[&str]) -> Result<Snapshot> {
        let output = node.command(command).run()?.expect_success()?;
        let text = String::from_utf8_lossy(&output.stdout);
        let parts = text.split("== ").filter_map(|part| part.split_once('\n'));
        Ok(Snapshot(parts.map(|(name, lines)| (name.to_string(), lines.to_string())).collect()))
    }

    /// One part, by its name; empty if there is none.
    pub fn part(&self, name: &str) -> &str {
        self.0.get(name).map_or("", String::as_str)
    }

    /// The same without some parts.
    pub fn without(mut self, names: &[&str]) -> Snapshot {
        self.0.retain(|name, _| !names.contains(&name.as_str()));
        self
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The lines in which another one differs, `-` for what only this one has.
    pub fn differences(&self, later: &Snapshot) -> Vec<String> {
        let mut differences = Vec::new();
        for (name, before) in &self.0 {
            let after = later.0.get(name).map_or("", String::as_str);
            if before == after {
                continue;
            }
            differences.push(format!("{name}:"));
            let only = |a: &str, b: &str, sign| {
                let b: Vec<&str> = b.lines().collect();
                a.lines()
                    .filter(|line| !b.contains(line))
                    .map(|line| format!("  {sign} {line}"))
                    .collect::<Vec<_>>()
            };
            differences.extend(only(before, after, '-'));
            differences.extend(only(after, before, '+'));
        }
        differences
    }

    /// Fails with the differences, if there are any.
    pub fn expect_same(&self, later: &Snapshot, when: &str) -> Result<()> {
        let differences = self.differences(later);
        ensure!(differences.is_empty(), "{when}, the process's state differs:\n{}", differences.join("\n"));
        Ok(())
    }
}
