// SPDX-License-Identifier: GPL-2.0-only

//! The nodes' initial file system: a `newc` cpio archive, written here.
//!
//! ```text
//! /init                the agent
//! /image/*             the module, the tools, the test programs, busybox: laid over every node's root
//! /base/*              where a root without the host's files finds its shell: links into /busybox
//! ```
//! The agent makes the node's root from these, see `bin/node-agent.rs`.

use std::{
    collections::BTreeSet,
    fs,
    io::{self, Write},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{bail, Context, Result};

/// Where busybox-static puts its program.
const BUSYBOX: &str = "/usr/bin/busybox";
/// The tool's old names, each a link to it.
const TOOL_NAMES: [&str; 22] = [
    "setpe",
    "mosctl",
    "migrate",
    "mosrun",
    "mps",
    "mtop",
    "mosmon",
    "runon",
    "omrunon",
    "runhome",
    "nunhome",
    "nomig",
    "cpujob",
    "cputjob",
    "iojob",
    "fastdecay",
    "slowdecay",
    "nodecay",
    "omsh",
    "tune",
    "showmap",
    "omdiscd",
];

const S_IFDIR: u32 = 0o040_000;
const S_IFREG: u32 = 0o100_000;
const S_IFLNK: u32 = 0o120_000;

/// What goes into a node besides the agent and busybox.
#[derive(Debug, Clone, Default)]
pub struct Contents {
    /// Statically linked `node-agent`.
    pub agent: PathBuf,
    /// Becomes `/openmosix.ko`.
    pub module: Option<PathBuf>,
    /// Becomes `/kping.ko`.
    pub kping: Option<PathBuf>,
    /// Statically linked `omctl`, becomes `/usr/sbin/omctl`.
    pub tool: Option<PathBuf>,
    /// Every file in it and in its folders appears below `/programs`.
    pub programs: Option<PathBuf>,
}

/// Writes the archive for `contents` to `path`.
pub fn write(contents: &Contents, path: &Path) -> Result<()> {
    let file = fs::File::create(path).with_context(|| format!("cannot create {}", path.display()))?;
    let mut archive = Archive::new(io::BufWriter::new(file));
    fill(contents, &mut archive)?;
    archive.finish()?.flush()?;
    Ok(())
}

fn fill<W: Write>(contents: &Contents, archive: &mut Archive<W>) -> Result<()> {
    archive.file("init", &read(&contents.agent)?, 0o755)?;

    let busybox = read(Path::new(BUSYBOX)).context("install busybox-static: run scripts/bootstrap")?;
    archive.file("image/busybox/busybox", &busybox, 0o755)?;
    let applets = Command::new(BUSYBOX).arg("--list").output().context("cannot run busybox")?;
    for applet in String::from_utf8_lossy(&applets.stdout).split_whitespace() {
        if applet != "busybox" {
            archive.symlink(&format!("image/busybox/{applet}"), "busybox")?;
        }
    }
    for link in ["base/bin", "base/sbin", "base/usr/bin"] {
        archive.symlink(link, "/busybox")?;
    }

    archive.directory("image/usr/sbin")?;
    if let Some(module) = &contents.module {
        archive.file("image/openmosix.ko", &read(module)?, 0o644)?;
    }
    if let Some(kping) = &contents.kping {
        archive.file("image/kping.ko", &read(kping)?, 0o644)?;
    }
    if let Some(tool) = &contents.tool {
        archive.file("image/usr/sbin/omctl", &read(tool)?, 0o755)?;
        for name in TOOL_NAMES {
            archive.symlink(&format!("image/usr/sbin/{name}"), "omctl")?;
        }
    }
    if let Some(programs) = &contents.programs {
        add_tree(archive, programs, "image/programs")?;
    }
    Ok(())
}

/// Adds a directory with all files in it.
fn add_tree<W: Write>(archive: &mut Archive<W>, from: &Path, to: &str) -> Result<()> {
    archive.directory(to)?;
    for entry in fs::read_dir(from).with_context(|| format!("cannot read {}", from.display()))? {
        let entry = entry?;
        let (name, metadata) = (entry.file_name(), entry.metadata()?);
        let Some(name) = name.to_str() else { bail!("{}: name is not UTF-8", entry.path().display()) };
        let path = format!("{to}/{name}");
        if metadata.is_dir() {
            add_tree(archive, &entry.path(), &path)?;
        } else if metadata.is_file() {
            archive.file(&path, &read(&entry.path())?, metadata.permissions().mode() & 0o777)?;
        }
    }
    Ok(())
}

fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).with_context(|| format!("cannot read {}", path.display()))
}

/// A cpio archive in the `newc` format (Linux `Documentation/driver-api/early-userspace/buffer-format.rst`).
struct Archive<W> {
    to: W,
    next_inode: u32,
    directories: BTreeSet<String>,
}

impl<W: Write> Archive<W> {
    fn new(to: W) -> Self {
        Archive { to, next_inode: 1, directories: BTreeSet::new() }
    }

    fn file(&mut self, path: &str, data: &[u8], permissions: u32) -> Result<()> {
        self.parents_of(path)?;
        self.entry(path, S_IFREG | permissions, data)
    }

    fn symlink(&mut self, path: &str, target: &str) -> Result<()> {
        self.parents_of(path)?;
        self.entry(path, S_IFLNK | 0o777, target.as_bytes())
    }

    /// Makes a directory and those above it, each once.
    fn directory(&mut self, path: &str) -> Result<()> {
        if path.is_empty() || self.directories.contains(path) {
            return Ok(());
        }
        self.parents_of(path)?;
        self.directories.insert(path.to_string());
        self.entry(path, S_IFDIR | 0o755, &[])
    }

    fn parents_of(&mut self, path: &str) -> Result<()> {
        match path.rsplit_once('/') {
            Some((parent, _)) => self.directory(parent),
            None => Ok(()),
        }
    }

    fn entry(&mut self, path: &str, mode: u32, data: &[u8]) -> Result<()> {
        let size =
            u32::try_from(data.len()).with_context(|| format!("{path} is too long for an initramfs"))?;
        let links = if mode & S_IFDIR == S_IFDIR { 2 } else { 1 };
        let name_size = path.len() as u32 + 1;
        // inode, mode, uid, gid, links, mtime, size, device (2), special device (2), name size, checksum
        let fields = [self.next_inode, mode, 0, 0, links, 0, size, 0, 0, 0, 0, name_size, 0];
        self.next_inode += 1;
        let mut header = String::from("070701");
        for field in fields {
            header.push_str(&format!("{field:08x}"));
        }
        self.to.write_all(header.as_bytes())?;
        self.to.write_all(path.as_bytes())?;
        self.to.write_all(&[0])?;
        self.pad(header.len() + path.len() + 1)?;
        self.to.write_all(data)?;
        self.pad(data.len())
    }

    /// Fills up to the next multiple of four.
    fn pad(&mut self, length: usize) -> Result<()> {
        Ok(self.to.write_all(&[0; 3][..length.wrapping_neg() % 4])?)
    }

    fn finish(mut self) -> Result<W> {
        self.entry("TRAILER!!!", 0, &[])?;
        Ok(self.to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_archive_is_one_that_cpio_reads() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("test.cpio");
        let mut archive = Archive::new(fs::File::create(&path).unwrap());
        archive.file("a/b/file", b"hello", 0o755).unwrap();
        archive.symlink("a/link", "b/file").unwrap();
        archive.finish().unwrap();
        let Ok(list) = Command::new("cpio").args(["-it", "--quiet", "-F"]).arg(&path).output() else {
            return;
        };
        assert_eq!(String::from_utf8_lossy(&list.stdout), "a\na/b\na/b/file\na/link\n");
    }
}
