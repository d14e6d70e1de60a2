// SPDX-License-Identifier: GPL-2.0-only

//! Joining, leaving, the map, the administrator's switches, loading and unloading.

use std::time::Duration;

use anyhow::{ensure, Context, Result};

use crate::{
    openmosix::{to, Joined, HOME, MAP, MODULE, TEST_KEY},
    protocol::Status,
    scenario::{own, shared, Scenario},
    Cluster, Node, Program, Root,
};

/// How long a node may take to hear of another.
const GOSSIP: Duration = Duration::from_secs(60);

pub fn all() -> Vec<Scenario> {
    let small = || Cluster::builder().nodes(2).memory_mb(256).root(Root::None);
    vec![
        shared("admin/map-errors", map_errors),
        shared("admin/old-names", old_names),
        shared("admin/block", block),
        shared("admin/bring-and-expel", bring_and_expel),
        shared("admin/expel-sleepers", expel_sleepers),
        shared("admin/new-map-while-away", new_map_while_away),
        shared("admin/leave-while-away", leave_while_away),
        shared("admin/unload-refused", unload_refused),
        own("admin/join-and-leave", small(), |cluster| join_and_leave(cluster)),
        own("admin/discovery", small().nodes(3), |cluster| discovery(cluster)),
        own("admin/unload-100-times", small(), |cluster| unload_100_times(cluster)),
    ]
}

/// Not the cluster's.
const OTHER_KEY: &str = "2222222222222222222222222222222222222222222222222222222222222222";

/// Leaves, as a state to start from, and joins again at the end.
fn rejoin(node: &Node, cluster: &Cluster) -> Result<()> {
    node.join(&cluster.map())
}

fn map_errors(cluster: &Cluster) -> Result<()> {
    let node = cluster.node(1);
    // The map, the line that is named (0: none), a word of the message.
    let wrong = [
        ("1 10.77.0.1 3\n2 10.77.0.9 1\n", 2, "already"),
        ("1 10.77.0.1 3\n\n# comment\n7 10.77.0.2 1\n", 4, "already"),
        ("1 10.77.0.1 3\n3 10.77.5.1 8\n", 2, "already"),
        ("1 10.77.0.1 3\n4 127.0.0.1 1\n", 2, "127"),
        ("1 10.77.0.1\n", 1, "three words"),
        ("0 10.77.0.1 1\n", 1, "node id"),
        ("1 node1 1\n", 1, "address"),
        ("1 10.77.0.1 0\n", 1, "count"),
        ("1 10.77.0.1 1\n9 10.77.9.9 ALIAS\n", 2, "alias"),
        ("65535 10.77.0.1 2\n", 1, "65535"),
        ("5 10.99.0.1 4\n", 0, "address"),
        ("# nothing\n", 0, "no node"),
    ];
    for (map, line, word) in wrong {
        node.write("/tmp/wrong.map", map)?;
        for how in ["-c", "-w"] {
            let output = node.run(&format!("omctl setpe {how} -f /tmp/wrong.map"))?.expect_failure()?;
            let said = output.error_text();
            let names_line = line == 0 || said.contains(&format!("line {line}"));
            ensure!(names_line && said.to_lowercase().contains(word), "for `{map}`: {output}");
        }
    }
    // A wrong map has changed nothing.
    ensure!(node.sh("omctl setpe -r")?.contains(cluster.map().trim()), "the map has changed");
    node.write("/tmp/right.map", "# all\n1 10.77.0.1 2\n3\t10.77.0.3  1 # the third\n3 10.78.0.3 ALIAS\n")?;
    node.sh("omctl setpe -c -f /tmp/right.map")?;
    Ok(())
}

fn old_names(cluster: &Cluster) -> Result<()> {
    let node = cluster.node(1);
    ensure!(node.sh("mosctl whois")? == "1" && node.sh("mosctl whois 10.77.0.2")? == "2");
    ensure!(node.sh("mosctl whois 3")? == "10.77.0.3");
    ensure!(node.sh("setpe -r")?.contains(cluster.map().trim()));
    let program = Program::start(node, "memsum -m 1")?;
    node.sh(&format!("migrate {} 2", program.pid()))?;
    ensure!(node.sh(&format!("omctl where {}", program.pid()))? == "2");
    node.sh(&format!("migrate {} home", program.pid()))?;
    program.finish()?;
    ensure!(node.run("mosrun 2 /programs/ends -r 1 exit")?.status == Status::Code(37));
    Ok(())
}

fn block(cluster: &Cluster) -> Result<()> {
    let (home, host) = (cluster.node(1), cluster.node(2));
    let program = Program::start(home, "memsum -m 1")?;
    host.sh("omctl mosctl block")?;
    let output = home.try_migrate(program.pid(), to(2))?.expect_failure()?;
    ensure!(output.error_text().contains("block"), "`migrate` does not say why: {output}");
    ensure!(home.where_is(program.pid())? == 0, "it is away");
    program.advance(1)?;
    host.sh("omctl mosctl noblock")?;
    home.migrate(program.pid(), to(2))?;
    program.advance(1)?;
    program.finish()
}

/// Guests that sleep in a call that home makes for them leave too, and sleep on; their calls are not cut short.
fn expel_sleepers(cluster: &Cluster) -> Result<()> {
    const READS: &str = "exec python3 -c 'import os; print(1, flush=True); print(os.read(0, 100), flush=True)'";
    const POLLS: &str = "exec python3 -c 'import select; print(1, flush=True); print(select.select([0], [], []), flush=True)'";
    const THREADS: &str = "exec python3 -c 'import os, threading; ts = [threading.Thread(target=os.read, args=(0, 1)) for i in range(3)]; \
        [t.start() for t in ts]; print(1, flush=True); [t.join() for t in ts]; print(\"joined\")'";
    let (one, two) = (cluster.node(1), cluster.node(2));
    let sleepers = [(READS, "b'abc'"), (POLLS, "([0], [], [])"), (THREADS, "joined")];
    let started = sleepers.map(|(command, _)| one.shell(command).piped_input().spawn());
    let started = started.into_iter().collect::<Result<Vec<_>>>()?;
    for process in &started {
        process.wait_for_output("1\n")?;
    }
    for _ in 0..2 {
        for process in &started {
            one.migrate(process.pid(), to(2))?;
        }
        two.sh("omctl mosctl expel && omctl mosctl noblock")?;
        for process in &started {
            ensure!(one.where_is(process.pid())? == 0, "pid {} is not home", process.pid());
            ensure!(process.status().is_none(), "pid {} has ended", process.pid());
        }
    }
    for (process, (command, said)) in started.into_iter().zip(sleepers) {
        process.write(b"abc")?;
        let output = process.wait()?.expect_success()?;
        ensure!(output.text().contains(said), "{command}: {output}");
    }
    Ok(())
}

fn bring_and_expel(cluster: &Cluster) -> Result<()> {
    let (one, two) = (cluster.node(1), cluster.node(2));
    let programs = [
        Program::start(one, "memsum -m 2")?,
        Program::start(one, "fpu")?,
        Program::start(two, "memsum -m 2")?,
    ];
    let spread = || -> Result<()> {
        one.migrate(programs[0].pid(), to(2))?;
        one.migrate(programs[1].pid(), to(3))?;
        two.migrate(programs[2].pid(), to(1))
    };
    let places = || -> Result<[u32; 3]> {
        let place = |program: &Program| program.node().where_is(program.pid());
        Ok([place(&programs[0])?, place(&programs[1])?, place(&programs[2])?])
    };
    spread()?;
    ensure!(places()? == [2, 3, 1]);
    one.sh("omctl mosctl bring")?;
    ensure!(places()? == [0, 0, 1], "after bring: {:?}", places()?);
    one.sh("omctl mosctl expel")?;
    ensure!(places()? == [0, 0, 0], "after expel: {:?}", places()?);
    ensure!(one.guests()?.is_empty(), "expel left a guest");
    one.sh("omctl mosctl nolstay; omctl mosctl noblock")?;
    spread()?;
    for program in &programs {
        program.advance(1)?;
    }
    programs.into_iter().try_for_each(Program::finish)
}

fn new_map_while_away(cluster: &Cluster) -> Result<()> {
    let (home, host) = (cluster.node(1), cluster.node(2));
    let program = Program::start(home, "memsum -m 2")?;
    home.migrate(program.pid(), to(2))?;
    // A node less; another address for one; another key.
    let same = cluster.map();
    for (map, options) in [
        ("1 10.77.0.1 2\n", ""),
        ("1 10.77.0.1 2\n3 10.77.0.4 1\n", ""),
        (&same, "--key /tmp/other.key"),
    ] {
        for node in [home, host] {
            node.write("/tmp/other.map", map)?;
            node.sh(&format!("umask 077; echo {OTHER_KEY} >/tmp/other.key"))?;
            let said = node.run(&format!("omctl setpe -w -f /tmp/other.map {options}"))?.expect_failure()?.error_text();
            ensure!(said.contains("can be added"), "setpe says `{said}`");
            ensure!(node.sh("omctl setpe -r")?.contains(cluster.map().trim()), "the map has changed");
            ensure!(home.where_is(program.pid())? == 2, "a refused setpe has moved it");
        }
    }
    program.advance(1)?;
    // More nodes, and one more address.
    for node in [home, host] {
        node.write("/tmp/more.map", "1 10.77.0.1 3\n3 10.78.0.3 ALIAS\n7 10.77.0.7 2\n")?;
        node.sh("omctl setpe -w -f /tmp/more.map")?;
        node.sh("test -d /proc/hpc/nodes/8")?;
        ensure!(home.where_is(program.pid())? == 2, "a larger map has moved it");
    }
    let gone = home.try_migrate(program.pid(), to(7))?.expect_failure()?;
    ensure!(!gone.error_text().contains("not in the map"), "node 7 is not known: {gone}");
    program.advance(1)?;
    home.migrate(program.pid(), to(3)).context("with the larger map")?;
    program.advance(1)?;
    home.migrate(program.pid(), to(2))?;
    home.sh(&format!("omctl setpe -W -f {MAP}"))?;
    ensure!(home.where_is(program.pid())? == 0, "setpe -W did not bring it home");
    program.advance(1)?;
    home.migrate(program.pid(), to(2))?;
    host.sh(&format!("omctl setpe -W -f {MAP}"))?;
    ensure!(home.where_is(program.pid())? == 0, "setpe -W did not send the guest home");
    program.finish()
}

fn leave_while_away(cluster: &Cluster) -> Result<()> {
    let (one, two) = (cluster.node(1), cluster.node(2));
    let own = Program::start(one, "memsum -m 2")?;
    let guest = Program::start(two, "memsum -m 2")?;
    one.migrate(own.pid(), to(2))?;
    two.migrate(guest.pid(), to(1))?;
    one.sh("omctl setpe -off")?;
    ensure!(two.where_is(guest.pid())? == 0, "the guest was not sent home");
    ensure!(two.guests()?.is_empty(), "node 2 still hosts node 1's process");
    own.advance(1)?;
    guest.advance(1)?;
    ensure!(one.read("/proc/hpc/config")?.trim().is_empty(), "there still is a map");
    one.try_migrate(own.pid(), to(2))?.expect_failure()?;
    rejoin(one, cluster)?;
    one.migrate(own.pid(), to(2)).context("after joining again")?;
    own.advance(1)?;
    own.finish()?;
    guest.finish()
}

fn unload_refused(cluster: &Cluster) -> Result<()> {
    let (home, host) = (cluster.node(1), cluster.node(2));
    let program = Program::start(home, "memsum -m 2")?;
    home.migrate(program.pid(), to(2))?;
    for node in [home, host] {
        let output = node.run("rmmod openmosix")?.expect_failure()?;
        let said = output.error_text().to_lowercase();
        ensure!(said.contains("in use") || said.contains("busy"), "rmmod says something else: {output}");
        program.advance(1)?;
    }
    home.migrate(program.pid(), HOME)?;
    for node in [home, host] {
        node.sh("rmmod openmosix")?;
        ensure!(!node.sh("ls /proc")?.lines().any(|name| name == "hpc"), "/proc/hpc is still there");
        program.advance(1)?;
        node.load_module()?;
        rejoin(node, cluster)?;
    }
    home.migrate(program.pid(), to(2)).context("after loading again")?;
    program.advance(1)?;
    program.finish()
}

fn join_and_leave(cluster: &Cluster) -> Result<()> {
    let node = cluster.node(1);
    let no_module = node.run("omctl mosctl whois")?;
    ensure!(no_module.status == Status::Code(3), "without the module: {no_module}");
    cluster.load_module()?;
    node.sh("test -d /proc/hpc/admin && test -e /proc/hpc/config && test -d /proc/hpc/info")?;
    ensure!(node.read("/proc/hpc/config")?.is_empty(), "a map before joining");
    for turn in 0..3 {
        cluster.join()?;
        ensure!(node.read("/proc/hpc/admin/mospe")?.trim() == "1");
        let printed = node.sh("omctl setpe -r")?;
        ensure!(printed.contains("1 10.77.0.1 2"), "setpe -r prints `{printed}`");
        for (asked, other) in [(1, 2), (2, 1)] {
            let up = format!("omctl mosctl isup {other}");
            cluster
                .node(asked)
                .wait_until(&up, GOSSIP, || Ok(cluster.node(asked).run(&up)?.status.success()))?;
        }
        node.sh("test -e /proc/hpc/nodes/2/status && omctl mosctl status 2")?;
        let program = Program::start(node, "memsum -m 1")?;
        node.migrate(program.pid(), to(2)).with_context(|| format!("turn {turn}"))?;
        program.advance(1)?;
        program.finish()?;
        for node in cluster.nodes() {
            node.sh("omctl setpe -off")?;
        }
        ensure!(node.read("/proc/hpc/config")?.is_empty(), "a map after leaving");
        ensure!(node.read("/proc/hpc/admin/mospe")?.trim() == "0");
    }
    Ok(())
}

/// Nodes find each other and join; one with another key is not believed; one that comes later is taken in.
fn discovery(cluster: &Cluster) -> Result<()> {
    let [one, two, three] = [1, 2, 3].map(|id| cluster.node(id));
    let discover = |node: &Node, key: &str| {
        node.write_key(key)?;
        node.sh("omctl omdiscd -i eth0").map(drop)
    };
    let knows = |node: &Node, id: u16| Ok(node.run(&format!("test -e /proc/hpc/nodes/{id}"))?.status.success());
    cluster.load_module()?;
    for (node, key) in [(one, TEST_KEY), (two, TEST_KEY), (three, OTHER_KEY)] {
        discover(node, key)?;
    }
    for (node, other) in [(one, 2), (two, 1)] {
        node.wait_until("it has found the other", GOSSIP, || knows(node, other))?;
    }
    let program = Program::start(one, "memsum -m 1")?;
    one.migrate(program.pid(), to(2))?;
    program.advance(1)?;
    ensure!(!knows(one, 3)? && !knows(three, 1)?, "they have another key, and believe each other");

    // A node comes while a process is away.
    three.sh("kill $(pidof omctl)")?;
    discover(three, TEST_KEY)?;
    for (node, other) in [(one, 3), (two, 3), (three, 1)] {
        node.wait_until("it has found the other", GOSSIP, || knows(node, other))?;
    }
    ensure!(one.where_is(program.pid())? == 2, "the process has not stayed where it was");
    one.migrate(program.pid(), to(3))?;
    program.advance(1)?;
    one.migrate(program.pid(), HOME)?;
    program.finish()
}

fn unload_100_times(cluster: &Cluster) -> Result<()> {
    let node = cluster.node(1);
    let plain = format!("for i in $(seq 100); do insmod {MODULE} && rmmod openmosix || exit 1; done");
    node.shell(&plain).time_limit(Duration::from_secs(300)).run()?.expect_success()?;
    cluster.load_and_join()?;
    let joined = format!(
        "for i in $(seq 20); do rmmod openmosix && insmod {MODULE} && omctl setpe -w -f {MAP} || exit 1
         omctl mosrun 2 /programs/ends -r 1 exit; [ $? = 37 ] || exit 2; done"
    );
    node.shell(&joined).time_limit(Duration::from_secs(300)).run()?.expect_success()?;
    Ok(())
}
