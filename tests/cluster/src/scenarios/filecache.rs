// SPDX-License-Identifier: GPL-2.0-only

//! The host keeps pages of home's files for the next guest, and never shows one that home's file does not have any more.

use std::time::Duration;

use anyhow::{ensure, Context, Result};
use nix::sys::signal::Signal;

use crate::{
    openmosix::Joined,
    scenario::{own, shared, Scenario},
    Cluster, Node,
};

/// How long a file must be left alone before its pages may be kept (see docs/architecture.md), and a bit.
const SETTLED: Duration = Duration::from_secs(5);
/// Pages of the file that is looked at.
const PAGES: u64 = 64;

pub fn all() -> Vec<Scenario> {
    // It may keep a quarter of its memory.
    let small_host = Cluster::builder().nodes(2).memory_mb(512).node_memory_mb(2, 256);
    vec![
        shared("filecache/kept", kept),
        shared("filecache/text", text),
        shared("filecache/changed", changed),
        own("filecache/full", small_host, |cluster| full(cluster)),
    ]
}

/// A file system whose files' pages are kept, on a loop device: what is in memory has none.
struct Disk<'a>(&'a Node);

impl<'a> Disk<'a> {
    fn new(node: &'a Node, megabytes: u32) -> Result<Self> {
        node.sh(&format!(
            "mkdir -p /tmp/disk && truncate -s {megabytes}M /tmp/disk.image && mke2fs -q -t ext4 /tmp/disk.image && \
             mount -o loop /tmp/disk.image /tmp/disk"
        ))?;
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
    let disk = Disk::new(home, 16)?;
    disk.fill("first")?;
    std::thread::sleep(SETTLED);
    host.sh("echo 2 >/proc/sys/vm/drop_caches")?;
    let mut came = Vec::new();
    for _ in 0..2 {
        let before = received(host)?;
        let (away, there) = disk.look(2)?;
        ensure!(away == there, "away it saw {away}, at home {there}");
        came.push(received(host)? - before);
    }
    let kept = kept_bytes(host)?;
    ensure!(kept >= PAGES * 4096, "the host keeps {kept} bytes only");
    ensure!(
        came[1] + PAGES * 4096 <= came[0],
        "the first one brought {} bytes, the second one {}",
        came[0],
        came[1]
    );
    host.sh("echo 2 >/proc/sys/vm/drop_caches")?;
    ensure!(kept_bytes(host)? < kept, "it was told to let go, and still keeps {} bytes", kept_bytes(host)?);
    Ok(())
}

/// Two guests that run the same program have its text once, and it stays as long as they need it.
fn text(cluster: &Cluster) -> Result<()> {
    let (home, host) = (cluster.node(1), cluster.node(2));
    // In kB, of each guest: text that others have mapped too.
    const SHARED: &str = r#"for process in /proc/[0-9]*; do
        if [ "$(cat $process/comm 2>/dev/null)" = sleep ]; then
            awk '/^[0-9a-f]+-/ {text = $2 == "r-xp"} text && /^Shared_Clean/ {sum += $2} END {print sum + 0}' $process/smaps
        fi
    done"#;
    let sleepers: Vec<_> = (0..2)
        .map(|_| home.command(&["omctl", "mosrun", "2", "sleep", "1000"]).spawn())
        .collect::<Result<_>>()?;
    host.wait_until("both share their text", Duration::from_secs(60), || {
        let shared = host.sh(SHARED)?;
        Ok(shared.lines().count() == 2
            && shared.lines().all(|kb| kb.parse::<u64>().is_ok_and(|kb| kb >= 100)))
    })
    .with_context(|| host.sh(SHARED).unwrap_or_default())?;
    host.sh("echo 2 >/proc/sys/vm/drop_caches")?;
    let kept = kept_bytes(host)?;
    ensure!(kept >= 100 << 10, "text in use was dropped: {kept} bytes are left");
    for sleeper in sleepers {
        sleeper.signal(Signal::SIGTERM)?;
        sleeper.wait()?;
    }
    host.wait_until("it is all dropped", Duration::from_secs(60), || {
        host.sh("echo 2 >/proc/sys/vm/drop_caches")?;
        Ok(kept_bytes(host)? == 0)
    })
}

/// Whatever way a file changes, the next guest sees it.
fn changed(cluster: &Cluster) -> Result<()> {
    let (home, host) = (cluster.node(1), cluster.node(2));
    let disk = Disk::new(home, 16)?;
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

/// Two guests run more text than the host may keep: the rest of it is copied, and they see what is in the file.
fn full(cluster: &Cluster) -> Result<()> {
    const SCRIPT: &str = r#"import mmap, zlib
with open('/tmp/disk/text') as file:
    text = mmap.mmap(file.fileno(), 0, mmap.MAP_PRIVATE, mmap.PROT_READ | mmap.PROT_EXEC)
print(zlib.crc32(text), flush=True)
input()
print(zlib.crc32(text), flush=True)"#;
    /// So much more text than may be kept.
    const MORE: u64 = 12 << 20;
    cluster.load_module()?;
    cluster.join()?;
    let (home, host) = (cluster.node(1), cluster.node(2));
    let limit =
        host.sh("awk '/^MemTotal/ {print $2 * 1024}' /proc/meminfo")?.trim().parse::<u64>()? / 4;
    let _disk = Disk::new(home, ((limit + 2 * MORE) >> 20) as u32)?;
    home.write("/tmp/script", SCRIPT)?;
    home.sh(&format!("head -c {} /dev/urandom >/tmp/disk/text; sync", limit + MORE))?;
    std::thread::sleep(SETTLED);
    let there = home.sh("echo | python3 /tmp/script")?;
    let sum = there.lines().next().context("it said nothing")?;
    let mut guests = Vec::new();
    for _ in 0..2 {
        let guest =
            home.command(&["omctl", "mosrun", "2", "python3", "/tmp/script"]).piped_input().spawn()?;
        guest.wait_for_output(sum)?;
        guests.push(guest);
        let kept = kept_bytes(host)?;
        ensure!(kept <= limit, "the host keeps {kept} bytes, and may keep {limit}");
        ensure!(kept + (4 << 20) >= limit, "the host keeps {kept} bytes only");
        host.sh("echo 2 >/proc/sys/vm/drop_caches")?;
        ensure!(
            kept_bytes(host)? > limit / 2,
            "text in use was dropped: {} bytes are left",
            kept_bytes(host)?
        );
    }
    for guest in guests {
        guest.write(b"\n")?;
        let said = guest.wait()?.expect_success()?.text();
        ensure!(said == there, "away it saw {said}, at home {there}");
    }
    Ok(())
}
