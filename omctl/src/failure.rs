// SPDX-License-Identifier: GPL-2.0-only

//! What went wrong, in words, with what to do next and the exit code.

use std::io;

use nix::errno::Errno;

/// The exit codes, promised to scripts (`docs/admin.md`, and the help of `omctl`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    /// Done.
    Ok = 0,
    /// Refused, or tried and failed; also the answer "no" of `isup`.
    Refused = 1,
    /// A wrong command line; clap uses the same code.
    Usage = 2,
    /// The module is not loaded.
    NoModule = 3,
    /// This node is not a member of a cluster, or the named node is not in the map.
    NotConfigured = 4,
    /// The map file or the key file is missing or wrong.
    BadFile = 5,
    /// Not permitted for this user.
    Denied = 6,
    /// No such process.
    NoProcess = 7,
    /// `mosrun`: the command is there but cannot be executed.
    CannotExecute = 126,
    /// `mosrun`: no such command.
    NoCommand = 127,
}

/// A command that did not do what it was told.
#[derive(Debug)]
pub struct Failure {
    pub code: Code,
    /// What happened.
    pub what: String,
    /// What to do next; may be empty.
    pub next: String,
}

impl Failure {
    pub fn new(code: Code, what: impl Into<String>, next: impl Into<String>) -> Self {
        Self { code, what: what.into(), next: next.into() }
    }

    /// Prints it in two lines, after the name of the tool; or as JSON.
    pub fn show(&self, tool: &str, json: bool) {
        if json {
            let Self { code, what, next } = self;
            let object = serde_json::json!({"tool": tool, "error": what, "next": next, "code": *code as u8});
            eprintln!("{object}");
            return;
        }
        eprintln!("{tool}: {}", self.what);
        if !self.next.is_empty() {
            eprintln!("{:width$}  {}", "", self.next, width = tool.len());
        }
    }
}

/// A write that the module refused.
#[derive(Debug)]
pub struct Refusal {
    pub error: io::Error,
    /// The module's own words, read from the same open file; may be empty.
    pub reason: String,
}

impl Refusal {
    pub fn errno(&self) -> Errno {
        Errno::from_raw(self.error.raw_os_error().unwrap_or(0))
    }

    /// Says that `action` failed, why, and what can be done about that kind of error.
    pub fn while_doing(self, action: &str) -> Failure {
        let (code, words, next) = match self.errno() {
            // Only a node that was called says this with a reason: what a user may not do is EPERM, or has none.
            Errno::EACCES if !self.reason.is_empty() => ANOTHER_KEY,
            errno => explain(errno),
        };
        let why = match (self.reason.is_empty(), words.is_empty()) {
            (false, _) => self.reason,
            (true, false) => words.to_owned(),
            (true, true) => self.error.to_string(),
        };
        Failure::new(code, format!("{action}: {why}"), next)
    }
}

/// What EACCES means when the module gives a reason for it.
const ANOTHER_KEY: (Code, &str, &str) = (
    Code::Refused,
    "the node has another cluster key",
    "All nodes need the same /etc/openmosix.map and /etc/openmosix.key; a changed one counts after \"omctl setpe -W\".",
);

/// The exit code of an errno of the module, what it means, and what to do next.
fn explain(errno: Errno) -> (Code, &'static str, &'static str) {
    match errno {
        Errno::EPERM | Errno::EACCES => (
            Code::Denied,
            "not permitted",
            "Be root, or for a process of your own its owner.",
        ),
        Errno::ESRCH => (Code::NoProcess, "the process has ended", ""),
        Errno::EBUSY => (
            Code::Refused,
            "processes are away from home or hosted here, or another such request is running",
            "See who is where with \"omctl ps -m\"; send them home with \"omctl mosctl expel\" and \"omctl mosctl bring\".",
        ),
        Errno::ECANCELED => (
            Code::Refused,
            "it was told to be at home meanwhile",
            "If it is to leave all the same, ask again.",
        ),
        Errno::EHOSTUNREACH | Errno::ENETUNREACH | Errno::EHOSTDOWN | Errno::ETIMEDOUT => (
            Code::Refused,
            "the node does not answer",
            "See \"omctl status\"; the node must be up and a member, and TCP port 2901 open between the nodes.",
        ),
        Errno::ECONNREFUSED => (
            Code::Refused,
            "the node refused",
            "Its module may not be loaded or not joined, or it blocks guests: see \"omctl mosctl status NODE\".",
        ),
        Errno::ECONNRESET | Errno::EPIPE => (
            Code::Refused,
            "the link to the node broke",
            "The process is where it was. See the kernel log of both nodes, then try again.",
        ),
        Errno::ENOMEM => (
            Code::Refused,
            "not enough memory, here or on the node",
            "See the memory column of \"omctl status\".",
        ),
        Errno::ENETDOWN | Errno::ENXIO => (
            Code::NotConfigured,
            "this node is not a member of a cluster, or the named node is not in the map",
            "See \"omctl status\"; join with \"omctl setpe -w -f /etc/openmosix.map\".",
        ),
        Errno::EINVAL => (
            Code::Refused,
            "not a value for this file, or out of its range",
            "docs/proc-hpc.md has the values of each file.",
        ),
        Errno::EOPNOTSUPP => (Code::Refused, "this version does not have that", ""),
        Errno::EINTR => (Code::Refused, "interrupted", "Nothing is lost; run it again to finish."),
        _ => (Code::Refused, "", "The kernel log (dmesg) may say more."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(errno: Errno, reason: &str) -> Failure {
        Refusal { error: errno.into(), reason: reason.to_owned() }.while_doing("it did not move")
    }

    #[test]
    fn a_wrong_key_is_not_a_matter_of_rights() {
        let failure = refused(Errno::EACCES, "node 2 cannot be reached: same map and same key on both?");
        assert_eq!(failure.code, Code::Refused);
        assert!(failure.next.contains("/etc/openmosix.key"), "{}", failure.next);
        for failure in [refused(Errno::EACCES, ""), refused(Errno::EPERM, "only its owner may move it")] {
            assert_eq!(failure.code, Code::Denied);
        }
    }
}
