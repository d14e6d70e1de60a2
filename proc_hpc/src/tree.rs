// SPDX-License-Identifier: GPL-2.0-only

//! The table of the files under `/proc/hpc`.
//!
//! The module walks [`FILES`] to make the tree and finds the row of an opened file with [`find`]; `docs/proc-hpc.md` is
//! made from it. Context: any.
//!
//! A write that is refused fails with an errno, and the next `read()` of the same open file gives the reason in words.

pub use super::files::FILES;
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
    /// Everyone, for the file is about the process that opens it.
    Anyone,
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
    /// A decimal number from the first to the second ([`value::within`]).
    Range(u64, u64),
    /// 0 to 1000 ([`value::per_mille`]).
    PerMille,
    /// [`value::Policy`].
    Policy,
    /// [`value::Thresholds`].
    Thresholds,
    /// [`value::NodeList`].
    Nodes,
    /// [`value::Overheads`].
    Overheads,
    /// Lines of a name and a number ([`value::counters`]).
    Counters,
    /// Belongs to the cluster file system, which this version does not have: a write fails with EOPNOTSUPP.
    Absent,
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
    /// What its numbers count; empty where that is no question.
    pub unit: &'static str,
    /// One line of help.
    pub help: &'static str,
    /// The openMosix file it continues, with the place in the manual where that is described; empty when new.
    pub origin: &'static str,
}

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
            assert_eq!(others_write, matches!(file.guard, Guard::Owner | Guard::Anyone), "{}", file.path);
            assert_eq!(file.mode & 0o222 == 0, file.guard == Guard::ReadOnly, "{}", file.path);
        }
    }

    /// The module numbers files in a byte.
    #[test]
    fn there_are_fewer_than_256_files() {
        assert!(FILES.len() < 256);
    }

    #[test]
    fn defaults_are_values() {
        for file in FILES {
            let Some(default) = file.default.map(str::as_bytes) else { continue };
            let good = match file.kind {
                Kind::Toggle => value::toggle(default).is_some(),
                Kind::Number | Kind::Node => value::number(default).is_some(),
                Kind::Range(least, most) => value::within(default, least, most).is_some(),
                Kind::PerMille => value::per_mille(default).is_some(),
                Kind::Policy => value::Policy::parse(default) == Some(value::Policy::default()),
                Kind::Thresholds => value::Thresholds::parse(default) == Some(value::Thresholds::default()),
                Kind::Nodes => value::NodeList::parse(default) == Some(value::NodeList::default()),
                Kind::Overheads => value::Overheads::parse(default) == Some(value::Overheads::default()),
                Kind::Absent => default.is_empty(),
                _ => false,
            };
            assert!(good, "{}", file.path);
        }
    }
}
