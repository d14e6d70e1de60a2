// SPDX-License-Identifier: GPL-2.0-only

//! `docs/proc-hpc.md` is the tree as it is. `UPDATE_DOCS=1 cargo test -p proc_hpc` writes it anew.

use std::fmt::Write;

use proc_hpc::tree::{File, Guard, Kind, FILES};

const HEAD: &str = "\
# Reference: /proc/hpc

Made from `proc_hpc/src/files.rs` by `UPDATE_DOCS=1 cargo test -p proc_hpc`; do not edit.

All that the tools do goes through these files; scripts may use them too. `N` is a node id, `PID` a process id; `pids/self` is
the process that opens it. A file is read and written whole: one `write()` is one request.

**Errors.** A write that is refused fails with an errno, and the next `read()` of the same open file gives the reason in words.
The column *errors* has what a write can fail with; `-` stands where nobody writes.

| errno | means |
|---|---|
| EINVAL | not a value for this file, or out of its range |
| EPERM, EACCES | not for this user |
| ESRCH | the process has ended |
| EBUSY | processes are away or hosted here, or another such request is running, or too many are |
| ECANCELED | somebody has told the process to be at home before it left |
| EINTR | a signal came to the process that writes; what it asked for may still be done |
| ENXIO, ENETDOWN | the node is not in the map, or this node is not a member |
| EHOSTUNREACH, ETIMEDOUT, ECONNREFUSED, ECONNRESET | the other node does not answer, refuses, or went away |
| ENOMEM | no memory, here or there |
| EOPNOTSUPP | this version does not have it, or not from this node, or the process cannot leave |

**Who writes.** *root*: root of this node. *owner*: whoever may send the process a signal (same real or effective user), and
root. *anyone*: it is about the process that opens the file.
";

/// What a folder's files have in common.
const FOLDERS: [(&str, &str, &str); 7] = [
    ("", "At the top", ""),
    (
        "admin/",
        "admin: this node's settings",
        "`admin/config` takes one write of at most 65536 bytes: `off`, or `off force`, alone; or `self ID`, optionally `force`,\n\
         then the map. Its errors count lines from the first line written.\n",
    ),
    (
        "info/",
        "info: this node",
        "`status` is the sum of: 1 in the map, 2 up, 4 takes no guests (`block`), 8 `stay`, 16 `lstay`, 32 `quiet`, 64 this\n\
         node.\n",
    ),
    ("nodes/", "nodes/N: every node of the map", ""),
    (
        "decay/",
        "decay: what a process says of itself",
        "Written by the process itself, before it executes a program for instance; `mosrun` does that.\n",
    ),
    ("remote/", "remote/PID: the guests", ""),
    (
        "pids/",
        "pids/PID: the processes of this node",
        "A write to `goto` or `migrate` returns when the process has moved. `moves` has a line for each move: from, to (node\n\
         ids), pages, bytes, microseconds frozen, calls forwarded before.\n",
    ),
];

/// What is written or read, and its range.
fn form(file: &File) -> String {
    let words = match file.kind {
        Kind::Config => "node map, see below",
        Kind::Toggle => "0 or 1",
        Kind::Command => "1",
        Kind::Key => "64 hexadecimal digits",
        Kind::Node => "node id, 0 for none",
        Kind::Destination if file.guard == Guard::Root => "node id, home",
        Kind::Destination => "node id, home, balance",
        Kind::Number => "number",
        Kind::Range(least, u64::MAX) => return join(&format!("{least} and more"), file.unit),
        Kind::Range(least, most) => return join(&format!("{least} to {most}"), file.unit),
        Kind::PerMille => return join("0 to 1000", file.unit),
        Kind::Policy => "cost or thresholds",
        Kind::Thresholds => "three numbers, 0 to 100000, rising",
        Kind::Nodes => "node ids, at most 64, each once",
        Kind::Overheads => return join("six times to 10 s, two node ids or 0 0", file.unit),
        Kind::Bytes => "bytes",
        Kind::Status => "sum of bits",
        Kind::Address => "IPv4 address",
        Kind::Lines => "text",
        Kind::Counters => "lines: name number",
        Kind::Moves => "lines of six numbers",
        Kind::Absent => "-",
    };
    join(words, file.unit)
}

fn join(words: &str, unit: &str) -> String {
    if unit.is_empty() {
        words.to_owned()
    } else {
        format!("{words}; {unit}")
    }
}

fn errors(file: &File) -> String {
    if file.guard == Guard::ReadOnly {
        return "-".to_owned();
    }
    let mut errors = match file.kind {
        Kind::Absent => vec!["EOPNOTSUPP"],
        _ => vec!["EINVAL"],
    };
    match file.guard {
        Guard::Owner => errors.extend(["EPERM", "ESRCH"]),
        Guard::Root => errors.push("EPERM"),
        Guard::Anyone | Guard::ReadOnly => {}
    }
    errors.extend(match (file.path, file.kind) {
        ("admin/nomfs", _) => &["EOPNOTSUPP"][..],
        ("admin/config", _) => &["EBUSY", "ENOMEM"],
        ("admin/bring" | "admin/expel", _) => &["EINTR"],
        ("pids/PID/execgoto", _) => &["ENXIO"],
        ("remote/PID/goto", _) => &["ESRCH", "EOPNOTSUPP"],
        (_, Kind::Destination) => &[
            "EOPNOTSUPP",
            "EBUSY",
            "ECANCELED",
            "EINTR",
            "ENXIO",
            "ENETDOWN",
            "EHOSTUNREACH",
            "ETIMEDOUT",
            "ECONNREFUSED",
            "ECONNRESET",
            "ENOMEM",
        ],
        _ => &[],
    });
    errors.join(" ")
}

fn row(file: &File) -> String {
    let who = match file.guard {
        Guard::ReadOnly => "-",
        Guard::Root => "root",
        Guard::Owner => "owner",
        Guard::Anyone => "anyone",
    };
    let default = file.default.map_or_else(String::new, |text| match text {
        "" => "empty".to_owned(),
        text => format!("`{text}`"),
    });
    let File { path, mode, help, origin, .. } = file;
    format!(
        "| `{path}` | {mode:04o} | {who} | {help} | {default} | {} | {} | {origin} |\n",
        form(file),
        errors(file)
    )
}

fn reference() -> String {
    let mut text = HEAD.to_owned();
    for (folder, title, note) in FOLDERS {
        write!(
            text,
            "\n## {title}\n\n| file | mode | who writes | what | default | values, unit | errors | from openMosix |\n\
             |---|---|---|---|---|---|---|---|\n"
        )
        .unwrap();
        let here = |file: &&File| match folder {
            "" => !file.path.contains('/'),
            _ => file.path.starts_with(folder),
        };
        FILES.iter().filter(here).for_each(|file| text += &row(file));
        if !note.is_empty() {
            write!(text, "\n{note}").unwrap();
        }
    }
    text
}

#[test]
fn the_reference_is_the_tree() {
    let text = reference();
    for file in FILES {
        let rows = text.matches(&format!("| `{}` |", file.path)).count();
        assert_eq!(rows, 1, "{}", file.path);
    }
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/proc-hpc.md");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(path, text).unwrap();
    } else {
        let there = std::fs::read_to_string(path).unwrap();
        assert_eq!(there, text, "UPDATE_DOCS=1 cargo test -p proc_hpc writes it anew");
    }
}
