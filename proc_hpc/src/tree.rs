// SPDX-License-Identifier: GPL-2.0-only

//! The table of the files under `/proc/hpc`.
//!
//! The module walks [`FILES`] to make the tree and finds the row of an opened file with [`find`]; the tools print
//! it as help. Context: any.
//!
//! Errors of the files that act (`admin/config`, `admin/bring`, `admin/expel`, `pids/PID/goto`, `pids/PID/migrate`):
//! the `write()` fails with an errno, and the next `read()` of the same open file gives the reason in words.

use super::value;

/// Who may write a file. The mode of a file for [`Guard::Owner`] lets everyone open it; its handler decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Guard {
    /// Nobody writes it.
    ReadOnly,
    /// root of this node.
    Root,
    /// root of this node, or whoever may send the process a signal: same real or effective user.
    Owner,
}

/// What a file holds or takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A request as in [`super::config`]; reads as head and map.
    Config,
    /// `0` or `1`.
    Toggle,
    /// `1` starts it; the write returns when it is done.
    Command,
    /// 64 hexadecimal digits, written only.
    Key,
    /// A node id; reads as 0 where that means "none" or "at home".
    Node,
    /// [`value::Destination`].
    Destination,
    /// A decimal number.
    Number,
    /// A decimal number of bytes.
    Bytes,
    /// [`value::Status`].
    Status,
    /// An IPv4 address.
    Address,
    /// Lines of words for people.
    Lines,
    /// Lines of [`value::Move`].
    Moves,
}

/// One file, or one in each of the folders that its pattern stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct File {
    /// The path below `/proc/hpc`; `N` stands for a node id, `PID` for a process id (or `self`).
    pub path: &'static str,
    /// The permission bits.
    pub mode: u16,
    /// Who may write.
    pub guard: Guard,
    /// What is in it.
    pub kind: Kind,
    /// What it reads before anybody wrote, where that is a constant.
    pub default: Option<&'static str>,
    /// One line of help.
    pub help: &'static str,
    /// The openMosix file it continues, with the place in the manual where that is described; empty when new.
    pub origin: &'static str,
}

const fn read(path: &'static str, kind: Kind, help: &'static str, origin: &'static str) -> File {
    File { path, mode: 0o444, guard: Guard::ReadOnly, kind, default: None, help, origin }
}

const fn toggle(path: &'static str, help: &'static str, origin: &'static str) -> File {
    File { path, mode: 0o644, guard: Guard::Root, kind: Kind::Toggle, default: Some("0"), help, origin }
}

const fn root(path: &'static str, mode: u16, kind: Kind, help: &'static str, origin: &'static str) -> File {
    File { path, mode, guard: Guard::Root, kind, default: None, help, origin }
}

const fn owner(path: &'static str, kind: Kind, help: &'static str, origin: &'static str) -> File {
    File { path, mode: 0o666, guard: Guard::Owner, kind, default: None, help, origin }
}

/// Every file, folder by folder. `bring` and `expel` are readable for their reasons' sake.
pub const FILES: &[File] = &[
    read(
        "config",
        Kind::Config,
        "the node map and this node's id; empty when not a member",
        "config (table 5.1)",
    ),
    root(
        "admin/config",
        0o644,
        Kind::Config,
        "join with \"self ID\" and a map, leave with \"off\"",
        "admin/config (table 5.2)",
    ),
    toggle("admin/block", "1: take no guests", "admin/block (table 5.2)"),
    toggle("admin/stay", "1: no process leaves by itself", "admin/stay (table 5.2)"),
    toggle(
        "admin/lstay",
        "1: this node's own processes do not leave by themselves",
        "admin/lstay (table 5.2)",
    ),
    toggle("admin/quiet", "1: tell nobody this node's load", "admin/quiet (table 5.2)"),
    root(
        "admin/bring",
        0o600,
        Kind::Command,
        "1: set lstay, bring every own process home, return when done",
        "admin/bring (table 5.2)",
    ),
    root(
        "admin/expel",
        0o600,
        Kind::Command,
        "1: set block, send every guest home, return when done",
        "admin/expel (table 5.2)",
    ),
    read("admin/mospe", Kind::Node, "this node's id; 0 when not a member", "admin/mospe (table 5.2)"),
    read("admin/version", Kind::Lines, "the module's version", "admin/version (table 6.2)"),
    root("admin/key", 0o200, Kind::Key, "the cluster key, 64 hexadecimal digits", ""),
    toggle("admin/trusted", "1: links without a key, for networks where every machine is trusted", ""),
    root(
        "admin/speed",
        0o644,
        Kind::Number,
        "this node's speed, in units of sspeed",
        "admin/speed (table 5.2)",
    ),
    File {
        default: Some("10000"),
        ..root(
            "admin/sspeed",
            0o644,
            Kind::Number,
            "the speed of a standard processor",
            "admin/sspeed (table 6.2)",
        )
    },
    read("info/load", Kind::Number, "load of this node", "info/load (table 5.5)"),
    read("info/mem", Kind::Bytes, "memory free for processes", "info/mem (table 5.5)"),
    read("info/rmem", Kind::Bytes, "physical memory free", "info/rmem (table 5.5)"),
    read("info/tmem", Kind::Bytes, "physical memory in all", "info/tmem (table 5.5)"),
    read("info/speed", Kind::Number, "speed of this node", "info/speed (table 5.5)"),
    read("info/status", Kind::Status, "state of this node, a sum of bits", "info/status (table 5.5)"),
    read("info/util", Kind::Number, "processor use of this node, percent", "info/util (table 5.5)"),
    read("info/cpus", Kind::Number, "processors of this node", "info/CPUs (5.4)"),
    read("nodes/N/load", Kind::Number, "load of node N", "nodes/N/load (table 5.5)"),
    read("nodes/N/mem", Kind::Bytes, "memory free for processes", "nodes/N/mem (table 5.5)"),
    read("nodes/N/rmem", Kind::Bytes, "physical memory free", "nodes/N/rmem (table 5.5)"),
    read("nodes/N/tmem", Kind::Bytes, "physical memory in all", "nodes/N/tmem (table 5.5)"),
    read("nodes/N/speed", Kind::Number, "speed of node N", "nodes/N/speed (table 5.5)"),
    read("nodes/N/status", Kind::Status, "state of node N, a sum of bits", "nodes/N/status (table 5.5)"),
    read("nodes/N/util", Kind::Number, "processor use of node N, percent", "nodes/N/util (table 5.5)"),
    read("nodes/N/cpus", Kind::Number, "processors of node N", "nodes/N/CPUs (5.4)"),
    File {
        mode: 0o400,
        ..read(
            "nodes/N/rtt",
            Kind::Number,
            "round trip of one byte between the two kernels, ns, measured when root reads it",
            "",
        )
    },
    read("nodes/N/address", Kind::Address, "primary address of node N", ""),
    read("remote/PID/from", Kind::Node, "home node of the guest", "remote/from (table 5.3)"),
    read(
        "remote/PID/identity",
        Kind::Lines,
        "what home tells about the guest: pid and command name",
        "remote/identity (table 5.3)",
    ),
    read("remote/PID/stats", Kind::Lines, "processor use of the guest", "remote/stats (table 5.3)"),
    read("remote/PID/statm", Kind::Lines, "memory use of the guest", "remote/statm (table 5.3)"),
    root(
        "remote/PID/goto",
        0o600,
        Kind::Destination,
        "\"home\", or the id of its home node: send the guest home",
        "remote/goto (table 6.5)",
    ),
    read(
        "pids/PID/where",
        Kind::Node,
        "the node where the process runs; 0: at home",
        "/proc/PID/where (table 5.4)",
    ),
    read("pids/PID/nmigs", Kind::Number, "how often the process has moved", "/proc/PID/nmigs (table 5.4)"),
    read(
        "pids/PID/cantmove",
        Kind::Lines,
        "why the process may not leave now, one reason a line; empty: it may",
        "/proc/PID/cantmove (table 5.4)",
    ),
    read(
        "pids/PID/group",
        Kind::Lines,
        "pids of the processes that move together with it, itself included, because they share writable memory; for its \
         owner and root",
        "",
    ),
    owner(
        "pids/PID/goto",
        Kind::Destination,
        "move the process to a node, or home; returns when it has moved",
        "/proc/PID/goto (table 5.4)",
    ),
    owner("pids/PID/migrate", Kind::Destination, "the same as goto", "/proc/PID/migrate (table 5.4)"),
    File {
        default: Some("0"),
        ..owner(
            "pids/PID/lock",
            Kind::Toggle,
            "1: the process does not leave home, neither by itself nor by command",
            "/proc/PID/lock (table 5.4)",
        )
    },
    read("pids/PID/moves", Kind::Moves, "its moves: FROM TO PAGES BYTES FROZEN_US CALLS", ""),
    File {
        default: Some("0"),
        ..owner(
            "pids/PID/execgoto",
            Kind::Node,
            "the node to go to after the next successful execve; only in pids/self; reads 1 while one is set",
            "",
        )
    },
];

/// What the path of an opened file says beside the name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// Nothing.
    Machine,
    /// A node id.
    Node(u16),
    /// A process id.
    Process(i32),
    /// `pids/self`: the process that opens it.
    Myself,
}

/// Finds the row of a path below `/proc/hpc`, and whom it is about.
pub fn find(path: &str) -> Option<(&'static File, Subject)> {
    FILES.iter().find_map(|file| Some((file, matches(file.path, path)?)))
}

fn matches(pattern: &str, path: &str) -> Option<Subject> {
    let mut subject = Subject::Machine;
    let mut names = path.split('/');
    for part in pattern.split('/') {
        let name = names.next()?;
        match part {
            "N" => subject = Subject::Node(value::node(plain(name)?)?),
            "PID" if name == "self" => subject = Subject::Myself,
            "PID" => subject = Subject::Process(value::pid(plain(name)?)?),
            _ if part == name => {}
            _ => return None,
        }
    }
    names.next().is_none().then_some(subject)
}

/// A number as a file name: digits alone, without leading zero, so that each file has one path.
fn plain(name: &str) -> Option<&[u8]> {
    let digits = name.as_bytes();
    (digits.first() != Some(&b'0') && digits.iter().all(u8::is_ascii_digit)).then_some(digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_path_is_found_and_only_once() {
        for file in FILES {
            let path = file.path.replace("/N/", "/12/").replace("/PID/", "/345/");
            let (found, subject) = find(&path).unwrap();
            assert_eq!(found, file);
            let expected = match file.path.split('/').next() {
                Some("nodes") => Subject::Node(12),
                Some("remote" | "pids") => Subject::Process(345),
                _ => Subject::Machine,
            };
            assert_eq!(subject, expected);
        }
    }

    #[test]
    fn other_paths_are_not_found() {
        assert_eq!(find("pids/self/where").map(|f| f.1), Some(Subject::Myself));
        for path in [
            "",
            "admin",
            "nodes/0/load",
            "nodes/01/load",
            "nodes/65536/load",
            "pids/ 1/where",
            "pids/1/where/x",
        ] {
            assert_eq!(find(path), None, "{path}");
        }
    }

    #[test]
    fn modes_agree_with_guards() {
        for file in FILES {
            let others_write = file.mode & 0o002 != 0;
            assert_eq!(others_write, file.guard == Guard::Owner, "{}", file.path);
            assert_eq!(file.mode & 0o222 == 0, file.guard == Guard::ReadOnly, "{}", file.path);
        }
    }
}
