// SPDX-License-Identifier: GPL-2.0-only

//! What cannot move stays home, unharmed, and the reason is told.

use anyhow::{ensure, Context, Result};
use nix::sys::signal::Signal;

use crate::{
    openmosix::to,
    program::passed,
    protocol::Status,
    scenario::{shared, Scenario},
    Cluster, Process, Program,
};

/// What `stays` can set up, and a word of the reason for each.
const KINDS: [(&str, &str); 5] = [
    ("secret", "secret"),
    ("userfaultfd", "userfaultfd"),
    ("realtime", "real-time"),
    ("io_uring", "io_uring"),
    ("traced", "trac"),
];

pub fn all() -> Vec<Scenario> {
    let mut all: Vec<Scenario> = KINDS
        .into_iter()
        .map(|(kind, word)| shared(format!("refusals/{kind}"), move |cluster| stays(cluster, kind, word)))
        .collect();
    all.extend([
        shared("refusals/ia32", ia32),
        shared("refusals/kernel-thread", kernel_thread),
        shared("refusals/no-reason", no_reason),
        shared("refusals/unknown", unknown),
    ]);
    all
}

/// Fails unless a process is refused for a reason with this word, at home, by file and tool alike.
fn expect_refusal(process: &Process, word: &str) -> Result<()> {
    let (home, pid) = (process.node(), process.pid());
    let reasons = home.cantmove(pid)?;
    let told = |text: &str| text.to_lowercase().contains(word);
    ensure!(reasons.iter().any(|reason| told(reason)), "no reason has the word `{word}`: {reasons:?}");
    let output = home.try_migrate(pid, to(2))?.expect_failure()?;
    ensure!(told(&output.error_text()), "`migrate` does not say why: {output}");
    ensure!(home.where_is(pid)? == 0, "it is away");
    Ok(())
}

fn stays(cluster: &Cluster, kind: &str, word: &str) -> Result<()> {
    let process = cluster.node(1).command(&["/programs/stays", kind]).spawn()?;
    process.wait_for_output("ready")?;
    expect_refusal(&process, word)?;
    process.signal(Signal::SIGTERM)?;
    passed(process.wait()?).context("after the refusal")
}

fn ia32(cluster: &Cluster) -> Result<()> {
    let process = cluster.node(1).command(&["/programs/ia32"]).spawn()?;
    process.wait_for_output("ready")?;
    expect_refusal(&process, "32")?;
    ensure!(process.status().is_none(), "it has ended");
    process.signal(Signal::SIGTERM)?;
    let status = process.wait()?.status;
    ensure!(status == Status::Signal(15), "{status}");
    Ok(())
}

fn kernel_thread(cluster: &Cluster) -> Result<()> {
    let home = cluster.node(1);
    let output = home.try_migrate(2, to(2))?.expect_failure()?;
    ensure!(!output.error_text().is_empty(), "no reason is given: {output}");
    ensure!(!home.cantmove(2)?.is_empty(), "kthreadd is said to be movable");
    Ok(())
}

fn no_reason(cluster: &Cluster) -> Result<()> {
    let program = Program::start(cluster.node(1), "memsum-dynamic -m 1")?;
    let reasons = cluster.node(1).cantmove(program.pid())?;
    ensure!(reasons.is_empty(), "an ordinary process may not move: {reasons:?}");
    program.finish()
}

fn unknown(cluster: &Cluster) -> Result<()> {
    let home = cluster.node(1);
    let status = home.try_migrate(4_000_000, to(2))?.status;
    ensure!(status == Status::Code(7), "the status for a process that does not exist: {status}");
    let program = Program::start(home, "memsum -m 1")?;
    let output = home.try_migrate(program.pid(), to(99))?.expect_failure()?;
    ensure!(!output.error_text().is_empty(), "no reason is given: {output}");
    program.advance(1)?;
    program.finish()
}
