// SPDX-License-Identifier: GPL-2.0-only

//! The host keeps pages of home's files for the next guest, and never shows one that home's file does not have any more.

use std::time::Duration;

use anyhow::{ensure, Result};

use crate::{
    scenario::{shared, Scenario},
    Cluster, Node,
};

/// How long a file must be left alone before its pages may be kept (see docs/architecture.md), and a bit.
const SETTLED: Duration = Duration::from_secs(5);
/// Pages of the file that is looked at.
const PAGES: u64 = 64;

pub fn all() -> Vec<Scenario> {
    vec![shared("filecache/kept", kept), shared("filecache/changed", changed)]
}

/// A file system whose files' pages are kept, on a loop device: what is in memory has none.
struct Disk<'a>(&'a Node);

impl<'a> Disk<'a> {
    fn new(node: &'a Node) -> Result<Self> {
        node.sh(
            "mkdir -p /tmp/disk && truncate -s 16M /tmp/disk.image && mke2fs -q -t ext4 /tmp/disk.image && \
             mount -o loop /tmp/disk.image /tmp/disk",
        )?;
        Ok(Disk(node))
    }

    /// Gives the file a content of its own, where it is.
    fn fill(&self, name: &str) -> Result<()> {
        let script = format!(
            "[ -e /tmp/disk/file ] || : >/tmp/disk/file; \
             {{ printf %-8s {name}; head -c {} /dev/urandom; }} | dd of=/tmp/disk/file conv=notrunc status=none",
            PAGES * 4096 - 8
        );
        self.0.sh(&script).map(drop)
    }

    /// What a process sees that is started there, and what there is.
    fn look(&self, node: u16) -> Result<(String, String)> {
        let away = self.0.sh(&format!("omctl mosrun {node} /programs/shows-dynamic /tmp/disk/file"))?;
        Ok((away, self.0.sh("/programs/shows-dynamic /tmp/disk/file")?))
    }
}

impl Drop for Disk<'_> {
    fn drop(&mut self) {
        let _ = self.0.sh("umount /tmp/disk; rm -rf /tmp/disk /tmp/disk.image");
    }
}

fn kept_bytes(host: &Node) -> Result<u64> {
    Ok(host.read("/proc/hpc/info/filecache")?.trim().parse()?)
}

/// What has come over the network so far.
fn received(host: &Node) -> Result<u64> {
    Ok(host.sh("cat /sys/class/net/eth0/statistics/rx_bytes")?.trim().parse()?)
}

/// The second guest finds there what the first one has brought, until the node needs the memory.
fn kept(cluster: &Cluster) -> Result<()> {
    let (home, host) = (cluster.node(1), cluster.node(2));
    let disk = Disk::new(home)?;
    disk.fill("first")?;
    std::thread::sleep(SETTLED);
    host.sh("echo 2 >/proc/sys/vm/drop_caches")?;
    ensure!(kept_bytes(host)? == 0, "it was told to let go of everything, and keeps {} bytes", kept_bytes(host)?);
    let mut came = Vec::new();
    for _ in 0..2 {
        let before = received(host)?;
        let (away, there) = disk.look(2)?;
        ensure!(away == there, "away it saw {away}, at home {there}");
        came.push(received(host)? - before);
    }
    let kept = kept_bytes(host)?;
    ensure!(kept >= PAGES * 4096, "the host keeps {kept} bytes only");
    ensure!(came[1] + PAGES * 4096 <= came[0], "the first one brought {} bytes, the second one {}", came[0], came[1]);
    host.sh("echo 2 >/proc/sys/vm/drop_caches")?;
    ensure!(kept_bytes(host)? < kept, "it was told to let go, and still keeps {} bytes", kept_bytes(host)?);
    Ok(())
}

/// Whatever way a file changes, the next guest sees it.
fn changed(cluster: &Cluster) -> Result<()> {
    let (home, host) = (cluster.node(1), cluster.node(2));
    let disk = Disk::new(home)?;
    disk.fill("first")?;
    std::thread::sleep(SETTLED);
    let ways: [(&str, &str); 5] = [
        ("first", "true"),
        // As rsync, tar and touch do: another content of the same size, with the times of the one before.
        (
            "second",
            "touch -r /tmp/disk/file /tmp/as; printf second.. | dd of=/tmp/disk/file conv=notrunc status=none; touch -r /tmp/as /tmp/disk/file",
        ),
        ("third", "cp /tmp/disk/file /tmp/disk/new; printf third... | dd of=/tmp/disk/new conv=notrunc status=none; mv /tmp/disk/new /tmp/disk/file"),
        ("stored", "/programs/shows-dynamic /tmp/disk/file stored.."),
        ("away", "omctl mosrun 2 /programs/shows-dynamic /tmp/disk/file away...."),
    ];
    for (name, change) in ways {
        home.sh(change)?;
        // At once, and when its pages may be kept again.
        for _ in 0..2 {
            let (away, there) = disk.look(2)?;
            ensure!(away.starts_with(name), "after {name} it saw {away}");
            ensure!(away == there, "away it saw {away}, at home {there}");
            std::thread::sleep(SETTLED);
        }
        ensure!(kept_bytes(host)? != 0, "nothing is kept");
    }
    Ok(())
}
