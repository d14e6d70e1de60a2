// SPDX-License-Identifier: GPL-2.0-only

//! What `/proc` shows of a process that stands still, to be compared before and after moves: whatever
//! differs was not carried over.

use std::collections::BTreeMap;

use anyhow::{ensure, Result};

use crate::Node;

/// Prints each part after a line `== name`. What counts time or memory use is left out.
const SCRIPT: &str = r#"
cd /proc/$PID || exit 1
echo "== maps"; cat maps
echo "== flags of mappings"; grep -E '^([0-9a-f]+-[0-9a-f]+|VmFlags)' smaps
echo "== status"
grep -E '^(Name|Umask|Tgid|Ngid|Pid|PPid|TracerPid|Uid|Gid|Groups|NStgid|NSpid|NSpgid|NSsid|Kthread|VmSize|VmLck|VmPin|VmData|VmStk|VmExe|VmLib|CoreDumping|THP_enabled|Threads|SigQ|SigPnd|ShdPnd|SigBlk|SigIgn|SigCgt|Cap[A-Za-z]*|NoNewPrivs|Seccomp):' status
echo "== limits"; cat limits
echo "== command"; tr '\0' ' ' < cmdline; echo
echo "== environment"; tr '\0' '\n' < environ
echo "== name"; cat comm
echo "== personality"; cat personality
echo "== scheduling"; awk '{print $1, $4, $5, $6, $7, $18, $19, $20, $26, $27, $28, $45, $46, $47, $48, $49, $50, $51}' stat
echo "== timer slack"; cat timerslack_ns
echo "== cgroup"; cat cgroup
echo "== places"; readlink cwd root exe
echo "== namespaces"; for n in ns/*; do readlink $n; done
echo "== auxiliary vector"; od -An -tx8 -v auxv
echo "== files"; for f in fd/*; do echo "$f $(readlink $f)"; cat fdinfo/${f#fd/}; done
"#;

/// The parts, by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot(BTreeMap<String, String>);

impl Snapshot {
    /// Takes the state of a process of a node. The process should be waiting for something.
    pub fn take(node: &Node, pid: i32) -> Result<Snapshot> {
        let output = node.shell(SCRIPT).env("PID", &pid.to_string()).run()?.expect_success()?;
        let text = String::from_utf8_lossy(&output.stdout);
        let parts = text.split("== ").filter_map(|part| part.split_once('\n'));
        Ok(Snapshot(parts.map(|(name, lines)| (name.to_string(), lines.to_string())).collect()))
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
