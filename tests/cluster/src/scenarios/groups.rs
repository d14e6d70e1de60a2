// SPDX-License-Identifier: GPL-2.0-only

//! Processes that share writable memory move as one.

use anyhow::{ensure, Context, Result};
use nix::sys::signal::Signal;

use crate::{
    openmosix::{to, Joined, HOME},
    scenario::{own, shared, Scenario},
    Cluster, Node, NodeId, Program, Root,
};

/// What needs nothing but the knowledge who shares memory with whom.
pub fn all() -> Vec<Scenario> {
    vec![shared("groups/who", who)]
}

/// What needs memory that is shared across nodes as well. Not in [`super::all`] before processes with such memory can leave.
pub fn travelling() -> Vec<Scenario> {
    let three = Cluster::builder().nodes(3).memory_mb(256).root(Root::None);
    vec![
        shared("groups/prefork", |cluster| tour(cluster, "prefork -m 2", 3)),
        shared("groups/python", |cluster| tour_between(cluster, "pool.py", &[2, 1], 2)),
        shared("groups/one-refuses", one_refuses),
        shared("groups/member-killed", member_killed),
        own("groups/target-down", three, |cluster| {
            cluster.load_and_join()?;
            target_down(cluster)
        }),
    ]
}

/// The processes that move together with one, itself included.
fn group(home: &Node, pid: i32) -> Result<Vec<i32>> {
    let text = home.process_file(pid, "group")?;
    let mut pids: Vec<i32> = text.lines().map(str::parse).collect::<Result<_, _>>().context("not a pid")?;
    pids.sort_unstable();
    Ok(pids)
}

/// The workers of a program: its children that stay.
fn workers(program: &Program) -> Result<Vec<i32>> {
    let (home, pid) = (program.node(), program.pid());
    let text = home.read(&format!("/proc/{pid}/task/{pid}/children"))?;
    Ok(text.split_whitespace().filter_map(|word| word.parse().ok()).collect())
}

/// Fails unless the program and all its workers are there (0: at home).
fn expect_all_at(program: &Program, node: NodeId) -> Result<()> {
    let mut all = workers(program)?;
    all.push(program.pid());
    for pid in all {
        let place = program.node().where_is(pid)?;
        ensure!(place == node, "pid {pid} is at {place}, not {node}");
    }
    Ok(())
}

fn who(cluster: &Cluster) -> Result<()> {
    let home = cluster.node(1);
    let family = Program::start(home, "prefork -m 1")?;
    let other = Program::start(home, "memsum -m 1")?;
    let expected = {
        let mut all = workers(&family)?;
        all.push(family.pid());
        all
    };
    for pid in &expected {
        let found = group(home, *pid)?;
        // A worker has a child now and then.
        ensure!(expected.iter().all(|p| found.contains(p)), "of {pid}: {found:?}, not {expected:?}");
        ensure!(!found.contains(&other.pid()), "of {pid}: a stranger is among {found:?}");
    }
    ensure!(group(home, other.pid())? == [other.pid()], "processes that share nothing are a group");
    other.finish()?;
    family.finish()
}

fn tour(cluster: &Cluster, command: &str, workers: usize) -> Result<()> {
    tour_between(cluster, command, &[2, 3, 2, 1], workers)
}

fn tour_between(cluster: &Cluster, command: &str, stations: &[NodeId], least: usize) -> Result<()> {
    let home = cluster.node(1);
    let program = Program::start(home, command)?;
    let members = workers(&program)?;
    ensure!(members.len() >= least, "it has only {} workers", members.len());
    // Asked is another one each time.
    for (station, pid) in stations.iter().zip([program.pid()].iter().chain(&members).cycle()) {
        let at_home = *station == home.id();
        home.migrate(*pid, if at_home { HOME } else { to(*station) })?;
        expect_all_at(&program, if at_home { 0 } else { *station })?;
        program.advance(2)?;
    }
    program.finish()
}

fn one_refuses(cluster: &Cluster) -> Result<()> {
    let home = cluster.node(1);
    let program = Program::start(home, "prefork -m 1")?;
    let worker = *workers(&program)?.first().context("it has no workers")?;
    home.write(&format!("/proc/hpc/pids/{worker}/lock"), "1\n")?;
    let output = home.try_migrate(program.pid(), to(2))?.expect_failure()?;
    let said = output.error_text();
    ensure!(said.contains(&format!("pid {worker}")) && said.contains("locked"), "the reason is not told: {said}");
    expect_all_at(&program, 0)?;
    program.advance(1)?;
    home.write(&format!("/proc/hpc/pids/{worker}/lock"), "0\n")?;
    home.migrate(program.pid(), to(2))?;
    expect_all_at(&program, 2)?;
    program.advance(1)?;
    program.finish()
}

/// The others do not wait for one that has died, neither on the way out nor on the way home.
fn member_killed(cluster: &Cluster) -> Result<()> {
    let home = cluster.node(1);
    for destination in [to(2), HOME] {
        let program = Program::start(home, "prefork -m 16")?;
        if destination == HOME {
            home.migrate(program.pid(), to(2))?;
        }
        let worker = *workers(&program)?.last().context("it has no workers")?;
        let words = ["omctl", "migrate", &program.pid().to_string(), &destination.to_string()];
        let moving = home.command(&words).spawn()?;
        home.sh(&format!("kill -KILL {worker}"))?;
        moving.wait()?;
        // Wherever they are, they are together, and still there.
        let place = home.where_is(program.pid())?;
        for pid in workers(&program)?.into_iter().filter(|pid| *pid != worker) {
            ensure!(home.where_is(pid)? == place, "pid {pid} is not where its parent is");
        }
        program.process().signal(Signal::SIGKILL)?;
        program.into_process().wait()?;
    }
    Ok(())
}

fn target_down(cluster: &mut Cluster) -> Result<()> {
    let home = cluster.node(1);
    let program = Program::start(home, "prefork -m 1")?;
    cluster.node(3).kill()?;
    home.try_migrate(program.pid(), to(3))?.expect_failure()?;
    expect_all_at(&program, 0)?;
    program.advance(1)?;
    home.migrate(program.pid(), to(2))?;
    home.try_migrate(program.pid(), to(3))?.expect_failure()?;
    expect_all_at(&program, 2)?;
    program.advance(1)?;
    program.finish()
}
