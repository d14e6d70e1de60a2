// SPDX-License-Identifier: GPL-2.0-only

//! Shared memory that is away, and those at home who want to see it.

use anyhow::{ensure, Context, Result};
use nix::sys::signal::Signal;

use crate::{
    openmosix::{to, HOME},
    scenario::{shared, Scenario},
    Cluster, Node, Program,
};

pub fn all() -> Vec<Scenario> {
    vec![
        shared("sharing/read-at-home", read_at_home),
        shared("sharing/written-at-home", written_at_home),
        shared("sharing/mapped-at-home", mapped_at_home),
        shared("sharing/segment", segment),
        shared("sharing/no-room", no_room),
        shared("sharing/killed", |cluster| ended_by(cluster, Signal::SIGKILL)),
        shared("sharing/terminated", |cluster| ended_by(cluster, Signal::SIGTERM)),
    ]
}

/// The number in page `page` of the file that `mapper` maps, as a process at home reads it.
fn number(home: &Node, page: u64) -> Result<u64> {
    let at = page * 4096 + page * 8;
    let text = home.sh(&format!("od -An -t u8 -j {at} -N 8 /tmp/mapped"))?;
    text.trim().parse().with_context(|| format!("{text:?} is not a number"))
}

fn start_away(cluster: &Cluster, command: &str) -> Result<Program> {
    let home = cluster.node(1);
    home.sh("rm -f /tmp/mapped")?;
    let program = Program::start(home, command)?;
    home.migrate(program.pid(), to(2))?;
    program.advance(2)?;
    Ok(program)
}

/// Who reads the file sees what has been written to it away; for that the process comes home, and may leave again.
fn read_at_home(cluster: &Cluster) -> Result<()> {
    let program = start_away(cluster, "mapper")?;
    let home = cluster.node(1);
    let before = program.rounds()?;
    let seen = number(home, 63)?;
    ensure!(seen >= before, "round {seen} is in the file, after {before} rounds");
    ensure!(home.where_is(program.pid())? == 0, "it has not come home");
    home.migrate(program.pid(), to(2))?;
    program.advance(2)?;
    home.migrate(program.pid(), HOME)?;
    ensure!(number(home, 7)? >= seen, "what was written away did not come home");
    program.finish()
}

/// A write to the file at home is not lost, and the process goes on.
fn written_at_home(cluster: &Cluster) -> Result<()> {
    let program = start_away(cluster, "mapper")?;
    let home = cluster.node(1);
    home.sh("printf abc | dd of=/tmp/mapped bs=1 seek=3000 conv=notrunc")?;
    home.migrate(program.pid(), to(2))?;
    program.advance(2)?;
    ensure!(home.sh("dd if=/tmp/mapped bs=1 skip=3000 count=3")? == "abc", "the write is lost");
    program.finish()
}

/// The file system has no room for what it has stored: it hears of that, stays where it is, and the log says what is lost.
fn no_room(cluster: &Cluster) -> Result<()> {
    const SCRIPT: &str = r#"import errno, mmap
with open('/tmp/small/file', 'r+b') as file:
    memory = mmap.mmap(file.fileno(), 0)
print('mapped', flush=True)
input()
memory[:] = b'x' * len(memory)
try:
    memory.flush()
except OSError as error:
    print('flush:', errno.errorcode[error.errno], flush=True)
input()"#;
    let home = cluster.node(1);
    home.sh("mkdir -p /tmp/small; mount -t tmpfs -o size=1M none /tmp/small; truncate -s 2M /tmp/small/file")?;
    home.write("/tmp/script", SCRIPT)?;
    let python = home.command(&["python3", "/tmp/script"]).piped_input().spawn()?;
    python.wait_for_output("mapped")?;
    home.migrate(python.pid(), to(2))?;
    python.write(b"\n")?;
    python.wait_for_output("flush: ENOSPC")?;
    let refused = home.migrate(python.pid(), HOME).err().context("it came home with more than there is room for")?;
    ensure!(format!("{refused:#}").contains("too little memory"), "{refused:#}");
    ensure!(home.where_is(python.pid())? == 2, "it is not where it was");
    let position = home.log_position()?;
    python.write(b"\n")?;
    python.wait()?.expect_success()?;
    let log = home.kernel_log_from(position)?.text;
    ensure!(log.contains("no room for what it last wrote to a shared mapping"), "the log does not say so:\n{log}");
    home.sh("umount /tmp/small").map(drop)
}

/// Another process maps the same file: from then on both are one group.
fn mapped_at_home(cluster: &Cluster) -> Result<()> {
    let program = start_away(cluster, "mapper")?;
    let home = cluster.node(1);
    let second = home.command(&["python3", "-c", SECOND]).spawn()?;
    second.wait_for_output("mapped")?;
    ensure!(home.where_is(program.pid())? == 0, "it was not called home");
    let pid = second.pid();
    home.migrate(program.pid(), to(2))?;
    ensure!(home.where_is(pid)? == 2, "the second one did not come along");
    program.advance(2)?;
    let before = program.rounds()?;
    second.signal(Signal::SIGUSR1)?;
    second.wait_for_output("round")?;
    program.finish()?;
    let said = second.wait()?.expect_success()?.text();
    let seen: u64 = said.split_whitespace().last().and_then(|w| w.parse().ok()).context(said)?;
    ensure!(seen >= before, "it saw round {seen}, after {before} rounds");
    Ok(())
}

const SECOND: &str = "
import mmap, signal, struct
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
file = open('/tmp/mapped', 'r+b')
memory = mmap.mmap(file.fileno(), 64 * 4096)
print('mapped', flush=True)
signal.sigwait([signal.SIGUSR1])
print('round', struct.unpack_from('Q', memory, 5 * 4096 + 40)[0], flush=True)
";

/// How often a segment is attached is known at home, and who attaches it there sees what is in it.
fn segment(cluster: &Cluster) -> Result<()> {
    let program = start_away(cluster, "mapper -m 0")?;
    let home = cluster.node(1);
    let line = home.sh("ipcs -m | grep 0x006d6170")?;
    ensure!(line.split_whitespace().nth(5) == Some("2"), "attached twice, but: {line}");
    ensure!(home.where_is(program.pid())? == 2, "looking brought it home");
    program.finish()?;
    home.sh("ipcrm -M 0x6d6170")?;
    Ok(())
}

/// What it wrote last is in the file.
fn ended_by(cluster: &Cluster, signal: Signal) -> Result<()> {
    let program = start_away(cluster, "mapper")?;
    let home = cluster.node(1);
    let before = program.rounds()?;
    program.process().signal(signal)?;
    program.into_process().wait()?;
    let seen = number(home, 63)?;
    ensure!(seen >= before, "round {seen} is in the file, after {before} rounds");
    Ok(())
}
