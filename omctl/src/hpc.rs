// SPDX-License-Identifier: GPL-2.0-only

//! The `/proc/hpc` tree as the tools use it. `OMCTL_PROC` names another root, for tests on plain files.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use omcore::map::{self, Entry, Map};
use proc_hpc::config::Head;
use proc_hpc::value;

use crate::failure::{Code, Failure, Refusal};

/// The tree of a loaded module.
pub struct Hpc {
    root: PathBuf,
}

impl Hpc {
    /// Finds the tree, or says that the module is not loaded.
    pub fn open() -> Result<Self, Failure> {
        let root = std::env::var_os("OMCTL_PROC").map_or_else(|| PathBuf::from("/proc/hpc"), PathBuf::from);
        let hpc = Self { root };
        if hpc.exists("admin") {
            return Ok(hpc);
        }
        Err(Failure::new(
            Code::NoModule,
            format!("the openMosix module is not loaded ({} is not there)", hpc.root.display()),
            "Load it with \"modprobe openmosix\", or \"insmod openmosix.ko\" from where it was built.",
        ))
    }

    /// Finds the tree and this node's id in it, or says what is missing.
    pub fn member() -> Result<(Self, u16), Failure> {
        let hpc = Self::open()?;
        match hpc.own()? {
            Some(id) => Ok((hpc, id)),
            None => Err(not_member()),
        }
    }

    pub fn exists(&self, path: &str) -> bool {
        self.root.join(path).exists()
    }

    /// The content of a file.
    pub fn read(&self, path: &str) -> io::Result<String> {
        fs::read(self.root.join(path)).map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
    }

    /// The content of a file that every loaded module has.
    pub fn get(&self, path: &str) -> Result<String, Failure> {
        self.read(path).map_err(|error| self.unreadable(path, &error))
    }

    /// A number, where the module offers it.
    pub fn number(&self, path: &str) -> Option<u64> {
        value::number(self.read(path).ok()?.as_bytes())
    }

    /// This node's id, if it is a member.
    pub fn own(&self) -> Result<Option<u16>, Failure> {
        Ok(value::node(self.get("admin/mospe")?.as_bytes()))
    }

    /// The map the module has.
    pub fn map(&self) -> Result<KernelMap, Failure> {
        let text = self.get("config")?;
        let Some(Head(own)) = Head::parse(text.as_bytes()) else {
            return Err(not_member());
        };
        let entries = read_map(text.as_bytes()).map_err(|error| {
            Failure::new(
                Code::Refused,
                format!("the module's own map does not read: {error}"),
                "Module and tools may be of different versions: see admin/version.",
            )
        })?;
        Ok(KernelMap { own, entries, text })
    }

    /// The numbers that name the folders of `folder`, rising. A folder that is not there has none.
    pub fn numbers_in(&self, folder: &str) -> Vec<u32> {
        let Ok(names) = fs::read_dir(self.root.join(folder)) else {
            return Vec::new();
        };
        let mut numbers: Vec<u32> =
            names.filter_map(|name| name.ok()?.file_name().to_str()?.parse().ok()).collect();
        numbers.sort_unstable();
        numbers
    }

    /// This tool is about to wait for others: the balancer shall not move it meanwhile, which would interrupt its waiting. Where
    /// it cannot say so it waits all the same.
    pub fn remain(&self) {
        let _ = self.write("pids/self/stay", "1\n");
    }

    /// Writes once. A refusal brings the reason that the module gives on the same open file.
    pub fn write(&self, path: &str, text: &str) -> Result<(), Refusal> {
        let refusal = |error, reason| Refusal { error, reason };
        let mut file = open_to_write(&self.root.join(path)).map_err(|e| refusal(e, String::new()))?;
        match file.write(text.as_bytes()) {
            Ok(n) if n == text.len() => Ok(()),
            Ok(n) => {
                let error = io::Error::from(io::ErrorKind::WriteZero);
                Err(refusal(error, format!("the module took {n} of {} bytes", text.len())))
            }
            Err(error) => Err(refusal(error, reason(&mut file))),
        }
    }

    pub fn unreadable(&self, path: &str, error: &io::Error) -> Failure {
        let code = match error.kind() {
            io::ErrorKind::PermissionDenied => Code::Denied,
            _ => Code::Refused,
        };
        let path = self.root.join(path);
        Failure::new(
            code,
            format!("cannot read {}: {error}", path.display()),
            "Module and tools may be of different versions.",
        )
    }
}

/// What the module has as its configuration.
pub struct KernelMap {
    pub own: u16,
    entries: Vec<Entry>,
    /// As the module printed it, with the line that names this node.
    pub text: String,
}

impl KernelMap {
    pub fn map(&self) -> Map<'_> {
        Map::new(&self.entries)
    }
}

/// Parses a map into as many entries as it needs.
pub fn read_map(text: &[u8]) -> Result<Vec<Entry>, map::MapError> {
    let mut entries = vec![Entry::default(); map::entries_needed(text)];
    let used = map::parse(text, &mut entries)?;
    entries.truncate(used);
    Ok(entries)
}

pub fn not_member() -> Failure {
    Failure::new(
        Code::NotConfigured,
        "this node is not a member of a cluster",
        "Join with \"omctl setpe -w -f /etc/openmosix.map\".",
    )
}

pub fn no_such_node(id: u16) -> Failure {
    Failure::new(
        Code::NotConfigured,
        format!("node {id} is not configured: it is not in the map"),
        "See the nodes with \"omctl status\".",
    )
}

/// Opens for writing and, where the mode lets us, for reading the reason of a refusal.
fn open_to_write(path: &Path) -> io::Result<File> {
    let file = match OpenOptions::new().read(true).write(true).open(path) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            OpenOptions::new().write(true).open(path)?
        }
        other => other?,
    };
    // Files of procfs have no length. A plain file, in a tree made for a test, must not keep its old tail.
    let about = file.metadata()?;
    if about.is_file() && about.len() > 0 {
        file.set_len(0)?;
    }
    Ok(file)
}

fn reason(file: &mut File) -> String {
    let mut bytes = Vec::new();
    if file.take(4096).read_to_end(&mut bytes).is_err() {
        return String::new();
    }
    let text = String::from_utf8_lossy(&bytes);
    let text = text.trim_matches(|c: char| c == '\0' || c.is_whitespace());
    text.lines().map(crate::print::tame).collect::<Vec<_>>().join("; ")
}
