// SPDX-License-Identifier: GPL-2.0-only

//! The harness itself, on two nodes without the module. Without a kernel (see `tests/kernel/build`) or a
//! node agent (`make tools`) there is nothing to boot, and the test says so.

use std::time::Duration;

use anyhow::{ensure, Result};
use cluster::{artifacts, protocol::Status, Cluster, Root};
use nix::sys::signal::Signal;

#[test]
fn the_harness_does_what_it_says() -> Result<()> {
    let kind = artifacts::Kernel::Reference;
    if let Err(error) = artifacts::kernel_image(kind).and_then(|_| artifacts::contents(kind)) {
        eprintln!("skipped: {error:#}");
        return Ok(());
    }
    let mut cluster = Cluster::builder().nodes(2).memory_mb(256).node_root(2, Root::None).start()?;
    commands(&cluster)?;
    files(&cluster)?;
    network(&cluster)?;
    cluster.check_logs(&[])?;
    life_and_death(&mut cluster)?;
    complaints(&cluster)
}

fn commands(cluster: &Cluster) -> Result<()> {
    let (one, two) = (cluster.node(1), cluster.node(2));
    ensure!(one.sh("hostname")? == "node1" && two.sh("hostname")? == "node2");
    let output = one.run("echo out; echo err >&2; exit 3")?;
    ensure!(output.status == Status::Code(3) && output.text() == "out" && output.error_text() == "err");
    ensure!(one.run("kill -9 $$")?.status == Status::Signal(9));
    ensure!(one.command(&["/nowhere"]).run().is_err());
    let output = one.command(&["sh", "-c", "echo $WHAT; pwd"]).env("WHAT", "this").cwd("/tmp").run()?;
    ensure!(output.text() == "this\n/tmp", "{output}");
    // More than a pipe and a message hold.
    let bytes: Vec<u8> = (0..3_000_000u32).map(|n| (n * 7) as u8).collect();
    ensure!(two.command(&["cat"]).input(bytes.clone()).run()?.stdout == bytes);

    // Two at once, one of which waits for its input.
    let cat = one.command(&["cat"]).piped_input().spawn()?;
    ensure!(one.sh("echo meanwhile")? == "meanwhile");
    cat.write(b"line\n")?;
    cat.wait_for_output("line")?;
    ensure!(cat.status().is_none());
    cat.close_input()?;
    cat.wait()?.expect_success()?;

    // What a shell left running keeps its output open, and the shell's end is reported all the same.
    ensure!(one.run("sleep 1000 & echo started")?.text() == "started");
    let output = one.shell("echo before; sleep 1000").time_limit(Duration::from_secs(1)).run()?;
    ensure!(output.status == Status::TimedOut && output.text() == "before", "{output}");

    // Ctrl-C on a terminal.
    let sleeper = two.shell("tty; sleep 1000").terminal().spawn()?;
    sleeper.wait_for_output("/dev/pts/")?;
    sleeper.write(&[3])?;
    ensure!(sleeper.wait()?.status == Status::Signal(Signal::SIGINT as i32));
    Ok(())
}

fn files(cluster: &Cluster) -> Result<()> {
    for node in cluster.nodes() {
        let bytes: Vec<u8> = (0..1_000_000u32).map(|n| (n ^ n >> 8) as u8).collect();
        node.write_mode("/tmp/new/directory/file", &bytes, 0o640)?;
        ensure!(node.read_bytes("/tmp/new/directory/file")? == bytes);
        ensure!(node.sh("stat -c %a /tmp/new/directory/file")? == "640");
        ensure!(node.read("/nowhere").is_err());
        ensure!(node.read("/proc/sys/kernel/hostname")?.trim() == format!("node{}", node.id()));
    }
    // Node 1 has this machine's files and may change them without harm; node 2 has none of them.
    let (one, two) = (cluster.node(1), cluster.node(2));
    ensure!(one.sh("cat /etc/os-release")? == std::fs::read_to_string("/etc/os-release")?.trim());
    one.sh("rm /etc/os-release")?;
    ensure!(std::path::Path::new("/etc/os-release").exists());
    ensure!(!two.run("ls /etc/os-release")?.status.success());
    Ok(())
}

fn network(cluster: &Cluster) -> Result<()> {
    let ping = |from, to| -> Result<bool> {
        let script = format!("/busybox/ping -c 1 -W 2 10.77.0.{to}");
        Ok(cluster.node(from).run(&script)?.status.success())
    };
    ensure!(ping(1, 2)? && ping(2, 1)?);
    cluster.network().cut(1, 2);
    ensure!(!ping(1, 2)?);
    cluster.network().restore(1, 2);
    ensure!(ping(1, 2)?);
    Ok(())
}

fn life_and_death(cluster: &mut Cluster) -> Result<()> {
    let two = cluster.node(2).clone();
    two.pause()?;
    let away = cluster.node(1).run("/busybox/ping -c 1 -W 1 node2")?;
    ensure!(!away.status.success(), "a paused node answers: {away}");
    two.resume()?;
    ensure!(two.sh("echo here")? == "here");
    let positions = cluster.log_positions()?;
    two.kill()?;
    ensure!(two.sh("echo here").is_err());
    cluster.check_logs(&positions)?;
    cluster.boot_again(2)?;
    ensure!(cluster.node(2).sh("echo here")? == "here");
    Ok(())
}

/// Comes last: it leaves the nodes with complaints.
fn complaints(cluster: &Cluster) -> Result<()> {
    cluster.node(1).write("/dev/kmsg", "WARNING: a test of the harness\n")?;
    let error = cluster.check_logs(&[]).unwrap_err().to_string();
    ensure!(error.contains("node 1") && error.contains("a test of the harness"), "{error}");

    let error = cluster.node(2).run("echo c > /proc/sysrq-trigger; sleep 10").unwrap_err();
    let text = format!("{error:#}");
    ensure!(text.contains("node 2 is gone") && text.contains("sysrq triggered crash"), "{text}");
    Ok(())
}
