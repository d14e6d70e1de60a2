// SPDX-License-Identifier: GPL-2.0-only

//! Judges a kernel log: which lines are complaints.

use std::fmt;

/// A line is a complaint if it contains all words of one of these.
const COMPLAINTS: &[&[&str]] = &[
    &["WARNING:"],
    &["WARNING: CPU"],
    &["BUG:"],
    &["kernel BUG at"],
    &["Oops"],
    &["general protection"],
    &["Kernel panic"],
    &["Unable to handle"],
    &["unable to handle"],
    &["possible recursive locking"],
    &["possible circular locking"],
    &["inconsistent lock state"],
    &["suspicious RCU usage"],
    &["INFO: task", "blocked for more than"],
    &["rcu", "stall"],
    &["soft lockup"],
    &["hard LOCKUP"],
    &["KASAN"],
    &["UBSAN"],
    &["kmemleak:", "new suspected"],
    &["Call Trace"],
    &["refcount_t"],
    &["Bad page"],
    &["Bad rss"],
    &["bad pmd"],
    &["bad pte"],
    &["scheduling while atomic"],
    &["sleeping function called from invalid context"],
    &["list_add corruption"],
    &["list_del corruption"],
    &["stack-protector"],
    &[OUT_OF_MEMORY],
    &["detected stack overflow"],
    &["DEBUG_LOCKS_WARN_ON"],
    &["double free"],
    &["use-after-free"],
    &["does not die of SIGKILL"],
    &["wrote to shared memory is lost"],
    &["openmosix: panic"],
    &["rust_kernel: panicked"],
];

/// Lines that say such words at every boot and mean no harm.
const HARMLESS: &[&str] =
    &["kmemleak: Kernel memory leak detector initialized", "KernelAddressSanitizer initialized"];

/// The kernel kills a process for memory.
const OUT_OF_MEMORY: &str = "invoked oom-killer";
/// Where it begins to tell why, and where it has told; and the same of memory that the dying one does not get any more.
const SHORTAGES: [(&str, &str); 2] =
    [(OUT_OF_MEMORY, "Out of memory: Killed process"), ("page allocation failure", "pages reserved")];

/// Lines before and after the first complaint that an excerpt shows.
const BEFORE: usize = 10;
const AFTER: usize = 60;

/// The first line of what SysRq-T prints, which the harness asks for when something hangs; its stack traces
/// are no complaints.
const TASK_DUMP: &str = "sysrq: Show State";
/// Lines of it that tell nothing.
const REGISTERS: &[&str] = &["] RAX:", "] RDX:", "] RBP:", "] R10:", "] R13:", "] RSP:", "] Code:", "TASK>"];
/// Lines after its last task.
const DUMP_END: &[&str] = &["Sched Debug Version", "Showing all locks held", "Showing busy workqueues"];

/// The text of a node's kernel log, or a part of it.
#[derive(Debug, Clone)]
pub struct KernelLog {
    pub text: String,
}

impl KernelLog {
    /// The surroundings of the first complaint, if there is one.
    pub fn excerpt(&self) -> Option<String> {
        let lines: Vec<&str> = self.text.lines().collect();
        let mut asked = false;
        let first = lines.iter().position(|line| {
            asked |= line.contains(TASK_DUMP);
            is_complaint(line) && !(asked && line.contains("Call Trace"))
        })?;
        let dump = lines[first..].iter().position(|line| line.contains(TASK_DUMP)).unwrap_or(AFTER);
        let end = (first + AFTER.min(dump)).min(lines.len());
        let mut excerpt = lines[first.saturating_sub(BEFORE)..end].join("\n");
        if end < lines.len() {
            excerpt.push_str(&format!("\n... {} more lines", lines.len() - end));
        }
        Some(excerpt)
    }

    /// The log without what the kernel tells when it kills a process for memory, where that is to be expected.
    pub fn without_out_of_memory(self) -> Self {
        let mut until = None;
        let kept = self.text.split_inclusive('\n').filter(|line| {
            until = until.or_else(|| SHORTAGES.iter().find(|(begin, _)| line.contains(begin)).map(|(_, end)| end));
            let keep = until.is_none();
            until = until.filter(|end| !line.contains(**end));
            keep
        });
        KernelLog { text: kept.collect() }
    }

    /// The log without what [`TASK_DUMP`] tells of tasks that have nothing to do with a hanging test: kernel
    /// threads that wait as usual, the agent.
    pub fn without_idle_tasks(&self) -> String {
        let mut kept = String::new();
        let mut task = String::new();
        let mut in_dump = false;
        for line in self.text.lines() {
            in_dump |= line.contains(TASK_DUMP);
            let starts_task = line.contains("] task:");
            let ends_dump = in_dump && DUMP_END.iter().any(|end| line.contains(end));
            if starts_task || ends_dump {
                if is_telling(&task) {
                    kept.push_str(&task);
                }
                task.clear();
            }
            if ends_dump {
                in_dump = false;
            }
            if in_dump && REGISTERS.iter().any(|register| line.contains(register)) {
                continue;
            }
            let to = if in_dump && (starts_task || !task.is_empty()) { &mut task } else { &mut kept };
            to.push_str(line);
            to.push('\n');
        }
        if is_telling(&task) {
            kept.push_str(&task);
        }
        kept
    }

    /// The last lines.
    pub fn tail(&self, lines: usize) -> String {
        let all: Vec<&str> = self.text.lines().collect();
        all[all.len().saturating_sub(lines)..].join("\n")
    }

    pub fn contains(&self, text: &str) -> bool {
        self.text.contains(text)
    }
}

impl fmt::Display for KernelLog {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Whether a task's part of a dump may explain why something hangs.
fn is_telling(task: &str) -> bool {
    let name = task.split_once("task:").map_or("", |(_, rest)| rest);
    let own = name.starts_with("init ") || name.starts_with("node-agent");
    task.contains("[openmosix]") || task.contains("state:D") || (task.contains("do_syscall_64") && !own)
}

fn is_complaint(line: &str) -> bool {
    COMPLAINTS.iter().any(|words| words.iter().all(|word| line.contains(word)))
        && !HARMLESS.iter().any(|harmless| line.contains(harmless))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn complaints_are_told_from_chatter() {
        for line in [
            "[    2.1] WARNING: CPU: 0 PID: 77 at mm/memory.c:1 x",
            "[    2.1] BUG: kernel NULL pointer dereference, address: 0",
            "[   99.0] INFO: task om_link:77 blocked for more than 30 seconds.",
            "[   99.0] rcu: INFO: rcu_preempt self-detected stall on CPU",
        ] {
            assert!(is_complaint(line), "{line}");
        }
        for line in [
            "[    0.0] Command line: console=ttyS0 oops=panic panic=-1",
            "[    0.1] rcu: Preemptible hierarchical RCU implementation.",
            "[    1.0] openmosix: pid 77: link to node 2 lost",
        ] {
            assert!(!is_complaint(line), "{line}");
        }
    }

    #[test]
    fn a_kill_for_memory_may_be_expected() {
        let text = "before\nx invoked oom-killer: y\nCall Trace:\nOut of memory: Killed process 7 (x)\nafter\n";
        let log = KernelLog { text: text.into() };
        assert!(log.excerpt().is_some());
        let log = log.without_out_of_memory();
        assert_eq!(log.text, "before\nafter\n");
        let text = "x: page allocation failure: y\nCall Trace:\n10618 pages reserved\nafter\n";
        assert_eq!(KernelLog { text: text.into() }.without_out_of_memory().text, "after\n");
        let both = KernelLog { text: format!("{text}Call Trace:\n") };
        assert!(both.without_out_of_memory().excerpt().is_some());
    }

    #[test]
    fn an_excerpt_surrounds_the_first_complaint() {
        let mut text: String = (0..30).map(|n| format!("line {n}\n")).collect();
        text.push_str("BUG: here\n");
        text.extend((0..100).map(|n| format!("after {n}\n")));
        let excerpt = KernelLog { text }.excerpt().unwrap();
        assert!(
            excerpt.starts_with("line 20\n")
                && excerpt.contains("BUG: here")
                && excerpt.ends_with("more lines")
        );
    }
}
