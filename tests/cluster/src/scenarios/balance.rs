// SPDX-License-Identifier: GPL-2.0-only

//! Processes that are moved by themselves, and what people say to that.

use std::time::Duration;

use anyhow::{ensure, Context, Result};

use crate::{
    openmosix::{to, Joined, HOME},
    scenario::{alone, shared, Scenario},
    Cluster, Node, NodeId, Process, Program, Root,
};

/// How long the balancer may take: it looks once a second, waits for moves, and the machine may be busy.
const PATIENCE: Duration = Duration::from_secs(120);
/// Rounds of another process within which something that must not happen would have happened.
const MEANWHILE: u64 = 40;

pub fn all() -> Vec<Scenario> {
    let pair = || Cluster::builder().nodes(2).memory_mb(256).root(Root::None);
    let ushering = Cluster::builder().nodes(2).memory_mb(512).node_memory_mb(1, 320).root(Root::None);
    vec![
        shared("balance/files", files),
        shared("balance/wishes", wishes),
        shared("balance/sigmig", sigmig),
        shared("balance/asked", asked),
        shared("balance/admission", admission),
        alone("balance/spreads", pair(), |cluster| spreads(cluster)),
        alone("balance/stays", pair(), |cluster| stays(cluster)),
        alone("balance/calls", pair(), |cluster| calls(cluster)),
        alone("balance/evicted", pair(), |cluster| evicted(cluster)),
        alone("balance/thresholds", pair(), |cluster| thresholds(cluster)),
        alone("balance/ushering", ushering, |cluster| ushered(cluster)),
        alone("balance/node-goes", pair(), |cluster| node_goes(cluster)),
    ]
}

/// A cluster whose nodes balance.
fn balancing(cluster: &Cluster) -> Result<()> {
    cluster.load_and_join()?;
    cluster.nodes().iter().try_for_each(|node| node.balance(true))
}

fn start(node: &Node, command: &str, count: usize) -> Result<Vec<Program>> {
    (0..count).map(|_| Program::start(node, command)).collect()
}

fn finish(programs: Vec<Program>) -> Result<()> {
    programs.into_iter().try_for_each(Program::finish)
}

fn away(home: &Node, programs: &[Program]) -> Result<usize> {
    let places: Result<Vec<NodeId>> = programs.iter().map(|program| home.where_is(program.pid())).collect();
    Ok(places?.into_iter().filter(|place| *place != 0).count())
}

fn wait_for_away(home: &Node, programs: &[Program], wanted: usize) -> Result<()> {
    let found = home.wait_until(&format!("{wanted} of {} are away", programs.len()), PATIENCE, || {
        Ok(away(home, programs)? == wanted)
    });
    found.with_context(|| format!("the balancer says:\n{}", reasons(home)))
}

fn reasons(node: &Node) -> String {
    node.sh("cat /proc/hpc/info/reason /proc/hpc/info/balance /proc/hpc/nodes/*/load").unwrap_or_default()
}

fn set(node: &Node, name: &str, value: &str) -> Result<()> {
    node.write(&format!("/proc/hpc/admin/{name}"), value)
}

fn admin(node: &Node, name: &str) -> Result<String> {
    Ok(node.read(&format!("/proc/hpc/admin/{name}"))?.trim().to_string())
}

/// Every setting takes what it says, and refuses the rest.
fn files(cluster: &Cluster) -> Result<()> {
    let node = cluster.node(1);
    let settings: &[(&str, &[&str], &[&str])] = &[
        ("gateways", &["2", "0"], &["3", "-1", "x", ""]),
        ("period", &["100", "60000", "1000"], &["99", "60001"]),
        ("policy", &["thresholds", "cost"], &["best", ""]),
        ("thresholds", &["0 0 0", "1 3 4", "1 3 9"], &["3 1 9", "1 2", "1 2 3 4", "1 2 100001"]),
        ("victim", &["1", "4", "2"], &["0", "5"]),
        ("preferred", &["2 3", "3", ""], &["0", "2 2", "70000"]),
        ("loadlimit", &["250", "0"], &["-5"]),
        ("loadlimitmode", &["2", "0"], &["3"]),
        ("cpulimit", &["50", "0"], &["a"]),
        ("cpulimitmode", &["1", "0"], &["3"]),
        ("maxguests", &["7", "0"], &["x"]),
        ("residence", &["0", "86400", "5"], &["86401"]),
        ("decayinterval", &["1", "60"], &["0", "3601"]),
        ("slowdecay", &["0", "1000", "976"], &["1001"]),
        ("fastdecay", &["205", "926"], &["1001"]),
        ("overheads", &["1 2 3 4 5 6 1 9", "250000 120000 130000 12000 130000 12000 0 0"], &["1 2 3", "1 2 3 4 5 6 9 1"]),
        ("speed", &["20000", "10000"], &["0"]),
        ("nomfs", &["1"], &["0"]),
        ("mfcosts", &[], &["1"]),
        ("mfskill", &[], &["/tmp"]),
        ("dfsalinks", &[], &["/tmp"]),
    ];
    for (name, good, bad) in settings {
        for value in *good {
            set(node, name, &format!("{value}\n"))?;
            ensure!(admin(node, name)? == *value, "{name} reads {} after {value}", admin(node, name)?);
        }
        let before = admin(node, name).ok();
        for value in *bad {
            let output = node.run(&format!("printf '%s\\n' '{value}' > /proc/hpc/admin/{name}"))?;
            output.expect_failure().with_context(|| format!("{name} took {value:?}"))?;
        }
        ensure!(admin(node, name).ok() == before, "{name} has changed");
    }
    for name in ["load", "upload", "mem", "rmem", "tmem", "speed", "status", "util", "cpus", "guests", "slots"] {
        let own: u64 = node.read(&format!("/proc/hpc/info/{name}"))?.trim().parse()?;
        let other: u64 = node.read(&format!("/proc/hpc/nodes/2/{name}"))?.trim().parse()?;
        let large = matches!(name, "mem" | "rmem" | "tmem");
        ensure!(!large || own > 1 << 20 && other > 1 << 20, "{name} is {own} here and {other} on node 2");
    }
    ensure!(node.read("/proc/hpc/gateways")?.trim() == "0");
    // Root alone may set.
    let output = node.run("setpriv --reuid 12345 --clear-groups sh -c 'echo 5 > /proc/hpc/admin/maxguests'");
    ensure!(!output?.status.success() && admin(node, "maxguests")? == "0", "everybody may set maxguests");
    Ok(())
}

/// `wishes` on a node; asks and compares what it says.
struct Wisher(Process);

impl Wisher {
    fn start(node: &Node) -> Result<Self> {
        let process = node.command(&["/programs/wishes"]).piped_input().spawn()?;
        process.wait_for_output("ready\n")?;
        Ok(Wisher(process))
    }

    fn ask(&self, order: &str, answer: &str) -> Result<()> {
        let before = self.0.stdout_so_far();
        self.0.write(format!("{order}\n").as_bytes())?;
        let wanted = format!("{before}{answer}\n");
        let answered = self.0.wait_for_output(&wanted);
        answered.with_context(|| format!("`{order}`: it says {:?}", self.0.stdout_so_far().strip_prefix(&before)))
    }

    fn finish(self) -> Result<()> {
        self.0.close_input()?;
        let output = self.0.wait()?.expect_success()?;
        ensure!(output.text().ends_with("PASS"), "it said\n{}", output.text());
        Ok(())
    }
}

/// What a process says of itself, at home and away; what its children and programs have of it.
fn wishes(cluster: &Cluster) -> Result<()> {
    let home = cluster.node(1);
    for place in [HOME, to(2)] {
        let wisher = Wisher::start(home)?;
        home.migrate(wisher.0.pid(), place)?;
        wisher.ask("write decay/slow 1", "written")?;
        wisher.ask("read decay/own", "976")?;
        wisher.ask("write decay/fast 1", "written")?;
        wisher.ask("write decay/cpujob 1", "written")?;
        wisher.ask("read decay/own", "926 cpujob")?;
        wisher.ask("write decay/cpujob 0", "refused 22")?;
        wisher.ask("fork decay/own", "976")?;
        wisher.ask("write decay/inherit 1", "written")?;
        wisher.ask("fork decay/own", "926 cpujob inherit")?;
        wisher.ask("write decay/execonce 1", "written")?;
        wisher.ask("exec", "ready")?;
        wisher.ask("read decay/own", "926 cpujob inherit")?;
        wisher.ask("exec", "ready")?;
        wisher.ask("read decay/own", "976")?;
        wisher.ask("write decay/none 1", "written")?;
        wisher.ask("write decay/iojob 1", "written")?;
        wisher.ask("write decay/exec 1", "written")?;
        wisher.ask("exec", "ready")?;
        wisher.ask("exec", "ready")?;
        wisher.ask("read decay/own", "1000 iojob exec")?;
        wisher.ask("write decay/clear 1", "written")?;
        wisher.ask("read decay/own", "1000 exec")?;
        wisher.ask("write pids/self/stay 1", "written")?;
        wisher.ask("fork pids/self/stay", "1")?;
        wisher.ask("exec", "ready")?;
        wisher.ask("read pids/self/stay", "1")?;
        wisher.ask("write pids/self/stay 0", "written")?;
        wisher.ask("fork pids/self/stay", "0")?;
        wisher.ask("write pids/self/disclosure 4", "refused 22")?;
        wisher.finish()?;
    }
    let wisher = Wisher::start(home)?;
    wisher.ask("write pids/self/disclosure 1", "written")?;
    let pid = wisher.0.pid();
    home.migrate(pid, to(3))?;
    let identity = cluster.node(3).sh("cat /proc/hpc/remote/*/identity")?;
    ensure!(identity.trim() == format!("node 1 pid {pid}"), "node 3 knows of it: {identity}");
    home.migrate(pid, HOME)?;
    wisher.finish()
}

/// A process that asks for it is told of its moves.
fn sigmig(cluster: &Cluster) -> Result<()> {
    let home = cluster.node(1);
    let wisher = Wisher::start(home)?;
    wisher.ask("write pids/self/sigmig 65", "refused 22")?;
    wisher.ask("write pids/self/sigmig 35", "written")?;
    wisher.ask("read pids/self/sigmig", "35")?;
    for (place, told) in [(to(2), "moved to 2"), (to(3), "moved to 3"), (HOME, "moved to 0")] {
        let wanted = format!("{}{told}\n", wisher.0.stdout_so_far());
        home.migrate(wisher.0.pid(), place)?;
        wisher.0.wait_for_output(&wanted).with_context(|| format!("after the move to {place}"))?;
    }
    wisher.ask("fork pids/self/sigmig", "0")?;
    wisher.finish()
}

/// `migrate PID balance`.
fn asked(cluster: &Cluster) -> Result<()> {
    let home = cluster.node(1);
    let programs = start(home, "burn -m 1", 3)?;
    let pid = programs[0].pid();
    // It needs to have been seen for a moment; nothing says when it is worth while, so it is asked again.
    home.wait_until("it has left for a better place", PATIENCE, || {
        home.sh(&format!("echo balance > /proc/hpc/pids/{pid}/goto || true"))?;
        Ok(home.where_is(pid)? != 0)
    })?;
    ensure!(away(home, &programs)? == 1, "others have left as well");
    let stats = home.read(&format!("/proc/hpc/pids/{pid}/stats"))?;
    for name in ["load ", "cpu_ms ", "calls_per_s ", "memory_kb ", "age_s ", "here_s ", "hint none", "decay 976"] {
        ensure!(stats.contains(name), "its statistics have no {name}:\n{stats}");
    }
    finish(programs)
}

/// What a target says to one that comes by itself, and to one that a person sends.
fn admission(cluster: &Cluster) -> Result<()> {
    let (home, host) = (cluster.node(1), cluster.node(2));
    let programs = start(home, "burn -m 1", 2)?;
    set(host, "maxguests", "1")?;
    home.migrate(programs[0].pid(), to(2))?;
    ensure!(host.read("/proc/hpc/info/slots")?.trim() == "0" && host.read("/proc/hpc/info/guests")?.trim() == "1");
    let output = home.try_migrate(programs[1].pid(), to(2))?.expect_failure()?;
    ensure!(output.error_text().contains("maxguests"), "{output}");
    set(host, "maxguests", "0")?;
    // A limit of load is no matter for a person.
    set(host, "loadlimit", "1")?;
    home.migrate(programs[1].pid(), to(2))?;
    set(host, "loadlimit", "0")?;
    finish(programs)
}

/// Four on one of two nodes: two leave, and nobody moves again. Those that are away come home when it is free.
fn spreads(cluster: &Cluster) -> Result<()> {
    let home = cluster.node(1);
    balancing(cluster)?;
    let mut programs = start(home, "burn -m 2", 4)?;
    wait_for_away(home, &programs, 2)?;
    for program in &programs {
        program.advance(MEANWHILE)?;
    }
    let moves: Result<Vec<u64>> = programs.iter().map(|p| home.moves_count(p.pid())).collect();
    let moves: u64 = moves?.into_iter().sum();
    ensure!(away(home, &programs)? == 2 && moves == 2, "{moves} moves for two:\n{}", reasons(home));
    // The node that is free now takes the others back: one of two, or both when they had no company.
    let (gone, left): (Vec<_>, Vec<_>) =
        programs.drain(..).partition(|program| matches!(home.where_is(program.pid()), Ok(0)));
    finish(gone)?;
    wait_for_away(home, &left, 1)?;
    finish(left)
}

/// Switches, locks and wishes are kept.
fn stays(cluster: &Cluster) -> Result<()> {
    let home = cluster.node(1);
    balancing(cluster)?;
    for switch in ["stay", "lstay"] {
        set(home, switch, "1")?;
        let programs = start(home, "burn -m 1", 3)?;
        programs[0].advance(MEANWHILE)?;
        ensure!(away(home, &programs)? == 0, "they left in spite of {switch}:\n{}", reasons(home));
        set(home, switch, "0")?;
        wait_for_away(home, &programs, 1)?;
        finish(programs)?;
    }
    // None is on its way when it is told.
    set(home, "stay", "1")?;
    let programs = start(home, "burn -m 1", 3)?;
    for (program, file) in programs.iter().zip(["stay", "lock", "stay"]) {
        home.write(&format!("/proc/hpc/pids/{}/{file}", program.pid()), "1")?;
    }
    set(home, "stay", "0")?;
    programs[0].advance(MEANWHILE)?;
    ensure!(away(home, &programs)? == 0, "they left in spite of stay and lock:\n{}", reasons(home));
    // A command moves one that stays.
    home.migrate(programs[0].pid(), to(2))?;
    ensure!(home.where_is(programs[0].pid())? == 2);
    finish(programs)
}

/// One that lives on its calls is where they are made.
fn calls(cluster: &Cluster) -> Result<()> {
    let home = cluster.node(1);
    balancing(cluster)?;
    let chatter = Program::start(home, "chatter")?;
    let burners = start(home, "burn -m 1", 2)?;
    wait_for_away(home, &burners, 1)?;
    burners[0].advance(MEANWHILE)?;
    ensure!(home.moves_count(chatter.pid())? == 0, "one that lives on its calls left:\n{}", reasons(home));
    // Sent away, it is called home.
    home.migrate(chatter.pid(), to(2))?;
    home.wait_until("it is home again", PATIENCE, || Ok(home.where_is(chatter.pid())? == 0))
        .with_context(|| reasons(home))?;
    chatter.finish()?;
    finish(burners)
}

/// A host that needs its processors, or has a limit, sends guests home.
fn evicted(cluster: &Cluster) -> Result<()> {
    let (home, host) = (cluster.node(1), cluster.node(2));
    balancing(cluster)?;
    home.balance(false)?;
    let programs = start(home, "burn -m 1", 1)?;
    let wait_home = |what: &str| -> Result<()> {
        home.wait_until(what, PATIENCE, || Ok(home.where_is(programs[0].pid())? == 0))
            .with_context(|| reasons(host))
    };
    home.migrate(programs[0].pid(), to(2))?;
    set(host, "cpulimit", "20")?;
    wait_home("the limit of processor use sends it home")?;
    set(host, "cpulimit", "0")?;
    home.migrate(programs[0].pid(), to(2))?;
    set(host, "lstay", "1")?;
    let own = start(host, "burn -m 1", 1)?;
    set(host, "block", "1")?;
    wait_home("the host's own work sends it home")?;
    ensure!(host.read("/proc/hpc/info/reason")?.contains("the node's own processes need it"), "{}", reasons(host));
    finish(own)?;
    finish(programs)
}

/// The second policy.
fn thresholds(cluster: &Cluster) -> Result<()> {
    let home = cluster.node(1);
    cluster.load_and_join()?;
    for node in cluster.nodes() {
        set(node, "policy", "thresholds")?;
        set(node, "thresholds", "1 3 4")?;
        node.balance(true)?;
    }
    let programs = start(home, "burn -m 1", 3)?;
    programs[0].advance(MEANWHILE)?;
    ensure!(away(home, &programs)? == 0, "three are not too many:\n{}", reasons(home));
    let more = start(home, "burn -m 1", 2)?;
    let all: Vec<Program> = programs.into_iter().chain(more).collect();
    wait_for_away(home, &all, 2)?;
    // It says so when it has looked again.
    home.wait_until("the balancer says why", PATIENCE, || {
        Ok(home.read("/proc/hpc/info/reason")?.contains("threshold"))
    })
    .with_context(|| reasons(home))?;
    finish(all)
}

/// Memory runs short on a small node: one leaves, load or no load.
fn ushered(cluster: &Cluster) -> Result<()> {
    let home = cluster.node(1);
    balancing(cluster)?;
    // No load makes anybody leave.
    set(home, "policy", "thresholds")?;
    set(home, "thresholds", "100 200 300")?;
    let free: u64 = home.read("/proc/hpc/info/mem")?.trim().parse()?;
    let total: u64 = home.read("/proc/hpc/info/tmem")?.trim().parse()?;
    let half = (free >> 20) / 2;
    let mut programs = start(home, &format!("burn -m {half}"), 1)?;
    programs[0].advance(MEANWHILE)?;
    ensure!(away(home, &programs)? == 0, "there is memory enough:\n{}", reasons(home));
    programs.extend(start(home, &format!("burn -m {}", half * 9 / 10), 1)?);
    // What is left is filled little by little. Ushering begins below three hundredths.
    for _ in 0..20 {
        programs[0].advance(3)?;
        // One that was chosen takes its time to leave.
        if home.sh("grep '^usher ' /proc/hpc/info/balance")? != "usher 0" {
            break;
        }
        let free: u64 = home.read("/proc/hpc/info/mem")?.trim().parse()?;
        ensure!(free > total / 100, "the node is full, and nobody has left:\n{}", reasons(home));
        programs.extend(start(home, "burn -m 4", 1)?);
    }
    // It says so when it has looked again.
    home.wait_until("one has left, and the balancer says why", PATIENCE, || {
        Ok(away(home, &programs)? > 0 && reasons(home).contains("memory runs short"))
    })
    .with_context(|| reasons(home))?;
    finish(programs)
}

/// A node leaves in order, and joins again, under load: nothing is lost.
fn node_goes(cluster: &Cluster) -> Result<()> {
    let (home, host) = (cluster.node(1), cluster.node(2));
    balancing(cluster)?;
    let programs = start(home, "burn -m 2", 4)?;
    wait_for_away(home, &programs, 2)?;
    host.sh("omctl mosctl expel && omctl mosctl bring && omctl setpe -off")?;
    ensure!(away(home, &programs)? == 0, "some are still away");
    programs[0].advance(2)?;
    host.join(&cluster.map())?;
    host.sh("omctl mosctl nolstay")?;
    wait_for_away(home, &programs, 2)?;
    finish(programs)
}
