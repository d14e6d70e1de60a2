// SPDX-License-Identifier: GPL-2.0-only

//! Makes a node slower than the others, from outside: its QEMU gets only a share of a processor of this machine.
//!
//! The quota is enforced by this machine's scheduler in slices of milliseconds, so the node is slower but still answers; it
//! knows nothing of it, and its speed must be told to its module. Stopping and continuing the process would do the same to
//! the mean and make every answer late.

use std::{
    fs, io,
    path::{Path, PathBuf},
    process, thread,
    time::Duration,
};

use anyhow::{bail, Context, Result};

/// The period of the quota: short, for the sake of answers.
const PERIOD_US: u32 = 10_000;

/// Holds the share; dropping it gives the whole processor back.
pub struct Throttle {
    directory: PathBuf,
    /// The file of the group above, where the process belongs again afterwards.
    back: PathBuf,
    pid: i32,
}

impl Throttle {
    /// Gives a process a share, below 1, of one processor. `None` if this machine lets nobody do that: it has no control
    /// group for processors that may be written.
    pub fn new(pid: i32, share: f64) -> Result<Option<Throttle>> {
        let quota = (f64::from(PERIOD_US) * share) as u32;
        let Some((top, version)) = hierarchy() else { return Ok(None) };
        let directory = top.join(format!("openmosix-bench-{}-{pid}", process::id()));
        if fs::create_dir(&directory).is_err() {
            return Ok(None);
        }
        let throttle = Throttle { back: top.join("cgroup.procs"), directory, pid };
        match version {
            1 => {
                throttle.set("cpu.cfs_period_us", &PERIOD_US.to_string())?;
                throttle.set("cpu.cfs_quota_us", &quota.to_string())?;
            }
            _ => throttle.set("cpu.max", &format!("{quota} {PERIOD_US}"))?,
        }
        throttle.set("cgroup.procs", &pid.to_string())?;
        Ok(Some(throttle))
    }

    fn set(&self, name: &str, value: &str) -> Result<()> {
        let path = self.directory.join(name);
        fs::write(&path, value).with_context(|| format!("cannot write {value} to {}", path.display()))
    }

    fn lift(&self) -> Result<()> {
        if Path::new(&format!("/proc/{}", self.pid)).exists() {
            fs::write(&self.back, self.pid.to_string())?;
        }
        // A process that has just ended still counts for a moment.
        for _ in 0..100 {
            match fs::remove_dir(&self.directory) {
                Err(error) if error.kind() == io::ErrorKind::ResourceBusy => {
                    thread::sleep(Duration::from_millis(20));
                }
                other => return other.context("cannot remove the control group"),
            }
        }
        bail!("the control group {} stays busy", self.directory.display())
    }
}

impl Drop for Throttle {
    fn drop(&mut self) {
        if let Err(error) = self.lift() {
            eprintln!("{error:#}");
        }
    }
}

/// The top of a hierarchy with the processor controller, and its version.
fn hierarchy() -> Option<(PathBuf, u32)> {
    let mounts = fs::read_to_string("/proc/mounts").ok()?;
    let mut unified = None;
    for line in mounts.lines() {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let [_, place, kind, options, ..] = fields[..] else { continue };
        if kind == "cgroup" && options.split(',').any(|option| option == "cpu") {
            return Some((place.into(), 1));
        }
        if kind == "cgroup2" {
            let has = fs::read_to_string(Path::new(place).join("cgroup.subtree_control")).unwrap_or_default();
            if has.split_whitespace().any(|controller| controller == "cpu") {
                unified = Some((place.into(), 2));
            }
        }
    }
    unified
}
