// SPDX-License-Identifier: GPL-2.0-only

//! Links, nodes and memory that fail: what was not in it goes on, what was in it ends in a defined way.

use std::{thread, time::Duration};

use anyhow::{ensure, Context, Result};
use nix::sys::signal::Signal;

use crate::{
    openmosix::{to, Joined, HOME},
    protocol::Status,
    scenario::{own, Scenario},
    Builder, Cluster, Faults, Node, Program, Root,
};

/// How long a node may take to notice that a link is dead.
const NOTICE: Duration = Duration::from_secs(180);

pub fn all() -> Vec<Scenario> {
    let three = || Cluster::builder().nodes(3).memory_mb(256).root(Root::None);
    let large =
        |memory| Cluster::builder().nodes(2).memory_mb(512).root(Root::None).node_memory_mb(2, memory);
    let joined = |name: &str, builder: Builder, run: fn(&mut Cluster) -> Result<()>| {
        own(format!("failures/{name}"), builder, move |cluster| {
            cluster.load_and_join()?;
            run(cluster)
        })
    };
    vec![
        joined("target-is-down", three(), target_is_down),
        joined("cut-half-way", large(512), cut_half_way),
        joined("cut-on-the-way-home", large(512), cut_on_the_way_home),
        joined("no-memory-at-target", large(160), no_memory_at_target),
        joined("no-memory-at-home", large(512), no_memory_at_home),
        joined("out-of-memory", large(256).may_run_out_of_memory(), out_of_memory),
        joined("link-dies", three(), link_dies),
        joined("host-dies", three(), host_dies),
        joined("home-dies", three(), home_dies),
        joined("host-hangs", three(), host_hangs),
        joined("short-pause", three(), short_pause),
        joined("bad-network", three(), bad_network),
    ]
}

fn target_is_down(cluster: &mut Cluster) -> Result<()> {
    let home = cluster.node(1);
    let program = Program::start(home, "memsum -m 2")?;
    cluster.node(3).kill()?;
    let output = home.try_migrate(program.pid(), to(3))?.expect_failure()?;
    ensure!(!output.error_text().is_empty(), "no reason is given: {output}");
    ensure!(home.where_is(program.pid())? == 0, "it is away");
    program.advance(1)?;
    home.migrate(program.pid(), to(2))?;
    // From node to node: it stays where it is.
    home.try_migrate(program.pid(), to(3))?.expect_failure()?;
    ensure!(home.where_is(program.pid())? == 2, "it is not at node 2");
    program.advance(1)?;
    program.finish()
}

/// Starts a move and waits until so many bytes of it have passed.
fn move_until(
    cluster: &Cluster,
    program: &Program,
    destination: &str,
    direction: (u32, u32),
    bytes: u64,
) -> Result<crate::Process> {
    let home = program.node();
    let before = cluster.network().traffic(direction.0, direction.1).bytes;
    let words = ["omctl", "migrate", &program.pid().to_string(), destination];
    let moving = home.command(&words).time_limit(NOTICE).spawn()?;
    home.wait_until("the move has begun", Duration::from_secs(60), || {
        ensure!(moving.status().is_none(), "the move ended too early: {:?}", moving.status());
        Ok(cluster.network().traffic(direction.0, direction.1).bytes > before + bytes)
    })?;
    Ok(moving)
}

fn cut_half_way(cluster: &mut Cluster) -> Result<()> {
    let home = cluster.node(1);
    let program = Program::start(home, "memsum -m 160")?;
    let moving = move_until(cluster, &program, "2", (1, 2), 30 << 20)?;
    cluster.network().cut(1, 2);
    let output = moving.wait()?.expect_failure()?;
    ensure!(!output.error_text().is_empty(), "no reason is given: {output}");
    ensure!(home.where_is(program.pid())? == 0, "it is away");
    program.advance(1)?;
    cluster.network().restore(1, 2);
    no_guests(cluster.node(2))?;
    retry_move(&program, 2)?;
    program.advance(1)?;
    program.finish()
}

/// A link that dies while a process comes home either brings it home or ends it; nothing in between.
fn cut_on_the_way_home(cluster: &mut Cluster) -> Result<()> {
    let home = cluster.node(1);
    let program = Program::start(home, "memsum -m 160")?;
    home.migrate(program.pid(), to(2))?;
    let moving = move_until(cluster, &program, "home", (2, 1), 30 << 20)?;
    cluster.network().cut(1, 2);
    moving.wait()?.expect_failure()?;
    expect_lost(program, 2)?;
    cluster.network().restore(1, 2);
    no_guests(cluster.node(2))
}

fn no_memory_at_target(cluster: &mut Cluster) -> Result<()> {
    let home = cluster.node(1);
    let program = Program::start(home, "memsum -m 256")?;
    let small = Program::start(home, "memsum -m 2")?;
    home.migrate(small.pid(), to(2))?;
    let output = home.try_migrate(program.pid(), to(2))?.expect_failure()?;
    ensure!(output.error_text().contains("memory"), "`migrate` does not say why: {output}");
    ensure!(home.where_is(program.pid())? == 0, "it is away");
    program.advance(1)?;
    // The other guest has not suffered.
    small.advance(1)?;
    ensure!(home.where_is(small.pid())? == 2, "the small one is not at node 2");
    small.finish()?;
    program.finish()
}

/// What home has no room for stays away, running or stopped, and nobody is killed for it. What comes for a call waits for room.
fn no_memory_at_home(cluster: &mut Cluster) -> Result<()> {
    let home = cluster.node(1);
    let program = Program::start(home, "memsum -m 130")?;
    let errands = home.command(&["/programs/errands"]).piped_input().spawn()?;
    errands.write(b"memory 100\n")?;
    errands.wait_for_output("has 100\n")?;
    home.migrate(errands.pid(), to(2))?;
    home.migrate(program.pid(), to(2))?;
    let available = || -> Result<u64> {
        let told = home.read("/proc/meminfo")?;
        let line = told.lines().find(|l| l.starts_with("MemAvailable:")).context("no MemAvailable")?;
        Ok(line.split_whitespace().nth(1).context("no number")?.parse::<u64>()? / 1024)
    };
    let filler = Program::start(home, &format!("memsum -m {}", available()? - 70))?;
    for stopped in [false, true] {
        if stopped {
            program.process().signal(Signal::SIGSTOP)?;
            home.wait_until("it is stopped", NOTICE, || Ok(home.state(program.pid())? == 'T'))?;
        }
        let refused = home.try_migrate(program.pid(), HOME)?.expect_failure()?.error_text();
        ensure!(refused.contains("home has too little memory"), "{refused}");
        ensure!(home.where_is(program.pid())? == 2, "it is not where it was");
    }
    thread::sleep(Duration::from_secs(1));
    ensure!(home.state(program.pid())? == 'T', "a stopped process goes on");
    program.process().signal(Signal::SIGCONT)?;
    program.advance(1)?;
    errands.write(b"call 1\n")?;
    home.wait_until("it has been turned away twice", NOTICE, || {
        let line = format!("pid {}: could not be received", errands.pid());
        Ok(home.kernel_log()?.text.matches(&line).count() >= 2)
    })?;
    ensure!(home.where_is(errands.pid())? == 2 && !errands.stdout_so_far().contains("called"), "it has made its call");
    filler.advance(1)?;
    filler.finish()?;
    errands.wait_for_output("called 1\n")?;
    home.migrate(program.pid(), HOME)?;
    program.advance(1)?;
    program.finish()?;
    errands.close_input()?;
    errands.wait()?.expect_success()?;
    ensure!(!home.kernel_log()?.contains("Out of memory"), "somebody was killed for memory");
    Ok(())
}

/// A guest that grows beyond what its host has is killed there, and nobody else; one that is away does not suffer when home kills
/// for memory.
fn out_of_memory(cluster: &mut Cluster) -> Result<()> {
    let (home, host) = (cluster.node(1), cluster.node(2));
    let small = Program::start(home, "memsum -m 20")?;
    home.migrate(small.pid(), to(2))?;
    let grows = home.command(&["omctl", "mosrun", "2", "/programs/errands"]).piped_input().spawn()?;
    grows.wait_for_output("ready")?;
    ensure!(home.where_is(grows.pid())? == 2, "it is not at node 2");
    grows.write(b"memory 200\nmemory 200\n")?;
    home.wait_until("it ends", NOTICE, || Ok(grows.status().is_some()))?;
    ensure!(grows.wait()?.status == Status::Signal(9), "it ended otherwise");
    let killed = |node: &Node| Ok::<_, anyhow::Error>(node.kernel_log()?.text.matches("Out of memory: Killed process").count());
    ensure!(killed(host)? == 1 && killed(home)? == 0, "somebody else was killed");
    small.advance(2)?;
    ensure!(home.where_is(small.pid())? == 2, "the small one is not at node 2");

    let hog = home.command(&["omctl", "runhome", "/programs/errands"]).piped_input().spawn()?;
    hog.wait_for_output("ready")?;
    hog.write(b"memory 300\nmemory 300\n")?;
    home.wait_until("it ends", NOTICE, || Ok(hog.status().is_some()))?;
    ensure!(hog.wait()?.status == Status::Signal(9), "it ended otherwise");
    ensure!(killed(home)? == 1, "somebody else was killed");
    small.advance(2)?;
    home.migrate(small.pid(), HOME)?;
    small.advance(1)?;
    small.finish()
}

/// Waits until the processes of a lost link have ended as they should: killed, with a line in the log.
fn expect_lost(program: Program, host: u32) -> Result<()> {
    let (home, pid) = (program.node().clone(), program.pid());
    home.wait_until("the deputy ends", NOTICE, || Ok(program.process().status().is_some()))?;
    let status = program.into_process().wait()?.status;
    ensure!(status == Status::Signal(9), "the deputy ended otherwise: {status}");
    let line = format!("openmosix: pid {pid}: link to node {host} lost");
    ensure!(home.kernel_log()?.contains(&line), "the log does not say `{line}`");
    Ok(())
}

fn no_guests(node: &Node) -> Result<()> {
    node.wait_until("its guests are gone", NOTICE, || Ok(node.guests()?.is_empty()))
}

/// Moves a process, again and again if the nodes have not yet noticed that the link is well again.
fn retry_move(program: &Program, host: u32) -> Result<()> {
    let home = program.node();
    home.wait_until("the move succeeds again", NOTICE, || {
        Ok(home.try_migrate(program.pid(), to(host))?.status.success())
    })
}

fn link_dies(cluster: &mut Cluster) -> Result<()> {
    let home = cluster.node(1);
    let lost = Program::start(home, "memsum -m 2")?;
    let away = Program::start(home, "memsum -m 2")?;
    let at_home = Program::start(home, "memsum -m 2")?;
    home.migrate(lost.pid(), to(2))?;
    home.migrate(away.pid(), to(3))?;
    cluster.network().cut(1, 2);
    expect_lost(lost, 2)?;
    no_guests(cluster.node(2))?;
    away.advance(1)?;
    at_home.advance(1)?;
    cluster.network().restore(1, 2);
    retry_move(&at_home, 2)?;
    at_home.advance(1)?;
    at_home.finish()?;
    away.finish()
}

fn host_dies(cluster: &mut Cluster) -> Result<()> {
    let home = cluster.node(1).clone();
    let lost = Program::start(&home, "memsum -m 2")?;
    let away = Program::start(&home, "memsum -m 2")?;
    home.migrate(lost.pid(), to(2))?;
    home.migrate(away.pid(), to(3))?;
    cluster.node(2).kill()?;
    expect_lost(lost, 2)?;
    away.advance(1)?;
    cluster.boot_again(2)?;
    cluster.node(2).load_module()?;
    cluster.node(2).join(&cluster.map())?;
    retry_move(&away, 2)?;
    away.advance(1)?;
    away.finish()
}

fn home_dies(cluster: &mut Cluster) -> Result<()> {
    let program = Program::start(cluster.node(1), "memsum -m 2")?;
    let other = Program::start(cluster.node(2), "memsum -m 2")?;
    cluster.node(1).migrate(program.pid(), to(2))?;
    cluster.node(2).migrate(other.pid(), to(3))?;
    cluster.node(1).kill()?;
    no_guests(cluster.node(2))?;
    other.advance(1)?;
    cluster.node(2).migrate(other.pid(), crate::openmosix::HOME)?;
    other.finish()?;
    cluster.node(2).sh("rmmod openmosix")?;
    Ok(())
}

/// A host that hangs until it is given up, and then wakes up: its guest must not live on beside nobody.
fn host_hangs(cluster: &mut Cluster) -> Result<()> {
    let home = cluster.node(1);
    let program = Program::start(home, "memsum -m 2")?;
    home.migrate(program.pid(), to(2))?;
    cluster.node(2).pause()?;
    expect_lost(program, 2)?;
    cluster.node(2).resume()?;
    no_guests(cluster.node(2))
}

/// A short standstill of a host is survived.
fn short_pause(cluster: &mut Cluster) -> Result<()> {
    let home = cluster.node(1);
    let program = Program::start(home, "memsum -m 2")?;
    home.migrate(program.pid(), to(2))?;
    cluster.node(2).pause()?;
    thread::sleep(Duration::from_secs(2));
    cluster.node(2).resume()?;
    program.advance(2)?;
    ensure!(home.where_is(program.pid())? == 2, "it is not where it was");
    program.finish()
}

fn bad_network(cluster: &mut Cluster) -> Result<()> {
    let faults = Faults {
        delay: Duration::from_millis(1),
        jitter: Duration::from_millis(3),
        loss: 0.01,
        duplicate: 0.02,
        reorder: 0.05,
        ..Faults::default()
    };
    for (a, b) in [(1, 2), (1, 3), (2, 3)] {
        cluster.network().set_both(a, b, faults);
    }
    let home = cluster.node(1);
    let programs = [Program::start(home, "memsum -m 4")?, Program::start(home, "files")?];
    for destination in [to(2), to(3), crate::openmosix::HOME] {
        for program in &programs {
            home.migrate(program.pid(), destination)?;
            program.advance(1)?;
        }
    }
    programs.into_iter().try_for_each(Program::finish)
}
