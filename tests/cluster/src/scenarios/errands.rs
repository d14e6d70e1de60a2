// SPDX-License-Identifier: GPL-2.0-only

//! Processes that come home for a system call, and go back.

use std::time::Duration;

use anyhow::{ensure, Result};

use crate::{
    openmosix::{to, HOME},
    scenario::{shared, Scenario},
    Cluster, Node, NodeId, Process,
};

/// How long a process may take to be somewhere. It rests for ten seconds when it has come home too often.
const PROMPT: Duration = Duration::from_secs(60);

pub fn all() -> Vec<Scenario> {
    vec![
        shared("errands/back-again", back_again),
        shared("errands/threads", threads),
        shared("errands/own-pages", own_pages),
        shared("errands/mapped-file", mapped_file),
        shared("errands/too-many", too_many),
        shared("errands/called-home", called_home),
        shared("errands/sent-elsewhere", sent_elsewhere),
        shared("errands/locked", locked),
        shared("errands/refused", refused),
    ]
}

/// `errands` on node 1, sent to node 2.
fn away(home: &Node) -> Result<Process> {
    let process = home.command(&["/programs/errands"]).piped_input().spawn()?;
    process.wait_for_output("ready\n")?;
    home.migrate(process.pid(), to(2))?;
    Ok(process)
}

fn tell(process: &Process, line: &str, answer: &str) -> Result<()> {
    process.write(line.as_bytes())?;
    process.wait_for_output(answer)
}

fn wait_at(home: &Node, process: &Process, place: NodeId) -> Result<()> {
    home.wait_until(&format!("it is at {place}"), PROMPT, || Ok(home.where_is(process.pid())? == place))
}

/// The nodes where it has been, home every time.
fn places(home: &Node, process: &Process) -> Result<Vec<u32>> {
    let moves = home.moves(process.pid())?;
    Ok(moves.first().map(|m| m.from.into()).into_iter().chain(moves.iter().map(|m| m.to.into())).collect())
}

fn finish(process: Process) -> Result<()> {
    process.close_input()?;
    let output = process.wait()?.expect_success()?;
    ensure!(output.text().ends_with("PASS"), "it said\n{}", output.text());
    Ok(())
}

/// It is told so often to do something for which it comes home; each time it says so, and goes back.
fn there_and_back(cluster: &Cluster, line: &str, answer: &str, turns: usize) -> Result<()> {
    let home = cluster.node(1);
    let process = away(home)?;
    for turn in 1..=turns {
        process.write(line.as_bytes())?;
        home.wait_until("it has done that", PROMPT, || {
            Ok(process.stdout_so_far().matches(answer).count() == turn)
        })?;
        wait_at(home, &process, 2)?;
    }
    let (places, expected) = (places(home, &process)?, [1, 2].repeat(turns + 1));
    ensure!(places == expected, "it was at {places:?}");
    finish(process)
}

fn back_again(cluster: &Cluster) -> Result<()> {
    there_and_back(cluster, "call 1\n", "called 1", 3)
}

/// What the kernel tells a process of its own pages is true: it looks at home, and goes back.
fn own_pages(cluster: &Cluster) -> Result<()> {
    let home = cluster.node(1);
    let process = away(home)?;
    tell(&process, "pages 8\n", "seen 8\n")?;
    wait_at(home, &process, 2)?;
    let places = places(home, &process)?;
    ensure!(places.starts_with(&[1, 2, 1, 2]), "it was at {places:?}");
    finish(process)
}

/// What it writes to a file, those see who have mapped it: that is done at home.
fn mapped_file(cluster: &Cluster) -> Result<()> {
    there_and_back(cluster, "write\n", "written", 2)
}

/// The thread that makes the call takes the others along.
fn threads(cluster: &Cluster) -> Result<()> {
    let home = cluster.node(1);
    let process = away(home)?;
    tell(&process, "thread\n", "called\n")?;
    wait_at(home, &process, 2)?;
    ensure!(home.moves_count(process.pid())? == 3, "its moves are {:?}", home.moves(process.pid())?);
    finish(process)
}

/// One that makes many such calls makes most of them at home, and is away again later.
fn too_many(cluster: &Cluster) -> Result<()> {
    let home = cluster.node(1);
    let process = away(home)?;
    tell(&process, "call 200\n", "called 200\n")?;
    wait_at(home, &process, 2)?;
    let moves = home.moves_count(process.pid())?;
    ensure!((3..=101).contains(&moves), "it moved {moves} times for 200 calls");
    finish(process)
}

/// Who is home for a call and is called home stays there.
fn called_home(cluster: &Cluster) -> Result<()> {
    let home = cluster.node(1);
    let process = away(home)?;
    let pid = process.pid();
    process.write(b"wait\n")?;
    wait_at(home, &process, 0)?;
    home.migrate(pid, HOME)?;
    home.sh(&format!("head -c 8192 /proc/{pid}/fd/3 > /dev/null"))?;
    process.wait_for_output("waited\n")?;
    tell(&process, "call 1\n", "called 1\n")?;
    ensure!(home.where_is(pid)? == 0, "it is at {}", home.where_is(pid)?);
    ensure!(home.moves_count(pid)? == 2, "its moves are {:?}", home.moves(pid)?);
    finish(process)
}

/// One that is sent on while it is home for a call makes the call again later, and goes back to where it was sent.
fn sent_elsewhere(cluster: &Cluster) -> Result<()> {
    let home = cluster.node(1);
    let process = away(home)?;
    let pid = process.pid();
    process.write(b"wait\n")?;
    wait_at(home, &process, 0)?;
    home.migrate(pid, to(3))?;
    wait_at(home, &process, 0)?;
    home.sh(&format!("head -c 8192 /proc/{pid}/fd/3 > /dev/null"))?;
    process.wait_for_output("waited\n")?;
    wait_at(home, &process, 3)?;
    let places = places(home, &process)?;
    ensure!(places == [1, 2, 1, 3, 1, 3], "it was at {places:?}");
    finish(process)
}

fn locked(cluster: &Cluster) -> Result<()> {
    let home = cluster.node(1);
    let process = away(home)?;
    let pid = process.pid();
    home.write(&format!("/proc/hpc/pids/{pid}/lock"), "1\n")?;
    let reasons = home.cantmove(pid)?;
    ensure!(reasons.iter().any(|r| r.contains("locked")), "cantmove says {reasons:?}");
    tell(&process, "call 1\n", "called 1\n")?;
    tell(&process, "call 2\n", "called 2\n")?;
    ensure!(home.where_is(pid)? == 0, "it left in spite of its lock");
    finish(process)
}

/// When its host takes no guests any more it stays at home, and the log says so.
fn refused(cluster: &Cluster) -> Result<()> {
    let (home, host) = (cluster.node(1), cluster.node(2));
    let process = away(home)?;
    let position = home.log_position()?;
    host.sh("omctl mosctl block")?;
    tell(&process, "call 1\n", "called 1\n")?;
    let stays = tell(&process, "call 2\n", "called 2\n");
    host.sh("omctl mosctl noblock")?;
    stays?;
    ensure!(home.where_is(process.pid())? == 0, "it is away");
    let log = home.kernel_log_from(position)?.text;
    let times = log.matches("it takes no guests").count();
    ensure!(times == 1, "{times} lines of the log tell why it stays:\n{log}");
    finish(process)
}
