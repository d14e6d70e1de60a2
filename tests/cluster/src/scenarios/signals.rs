// SPDX-License-Identifier: GPL-2.0-only

//! Signals sent at home reach a process that is away; how it ends is seen at home.

use std::{thread, time::Duration};

use anyhow::{ensure, Context, Result};
use nix::sys::signal::Signal;

use crate::{
    openmosix::{to, HOME},
    program::passed,
    protocol::Status,
    scenario::{shared, Scenario},
    Cluster, Faults, Program,
};

pub fn all() -> Vec<Scenario> {
    vec![
        shared("signals/handlers", handlers),
        shared("signals/stop-and-continue", stop_and_continue),
        shared("signals/stopped-when-moved", stopped_when_moved),
        shared("signals/stopped-comes-home", stopped_comes_home),
        shared("signals/default-actions", default_actions),
        shared("signals/faults", faults),
        shared("signals/core-file", core_file),
        shared("signals/core-pipe", core_pipe),
        shared("signals/debugger", debugger),
        shared("signals/cpu-timers", cpu_timers),
        shared("signals/exit-status", exit_status),
        shared("signals/ctrl-c", ctrl_c),
        shared("signals/sleeping-call", sleeping_call),
        shared("signals/during-a-move", during_a_move),
        shared("signals/faster-than-the-network", faster_than_the_network),
    ]
}

/// SIGUSR1, one at a time, arrives exactly as often as it is sent, home or away; SIGTERM's handler ends it.
fn handlers(cluster: &Cluster) -> Result<()> {
    let home = cluster.node(1);
    let program = Program::start(home, "sigs")?;
    let mut sent = 0;
    for destination in [to(2), to(3), HOME, to(2)] {
        home.migrate(program.pid(), destination)?;
        for _ in 0..3 {
            program.process().signal(Signal::SIGUSR1)?;
            sent += 1;
            program.process().wait_for_output(&format!("usr1 {sent}\n"))?;
        }
    }
    program.process().signal(Signal::SIGTERM)?;
    let output = program.into_process().wait()?;
    ensure!(output.text().contains("term"), "SIGTERM's handler did not run: {output}");
    ensure!(!output.text().contains(&format!("usr1 {}", sent + 1)), "a signal came twice: {output}");
    passed(output)
}

fn state(program: &Program) -> Result<char> {
    program.node().state(program.pid())
}

fn stop_and_continue(cluster: &Cluster) -> Result<()> {
    let home = cluster.node(1);
    let program = Program::start(home, "memsum -m 1")?;
    home.migrate(program.pid(), to(2))?;
    for _ in 0..3 {
        program.process().signal(Signal::SIGSTOP)?;
        home.wait_until("the process is stopped", Duration::from_secs(20), || Ok(state(&program)? == 'T'))?;
        let rounds = program.rounds()?;
        thread::sleep(Duration::from_millis(500));
        ensure!(program.rounds()? == rounds, "a stopped process goes on");
        program.process().signal(Signal::SIGCONT)?;
        program.advance(1)?;
        ensure!(home.where_is(program.pid())? == 2, "it is not where it was");
    }
    program.finish()
}

/// A stopped process is moved, or refuses to be; in any case it is well when it continues.
fn stopped_when_moved(cluster: &Cluster) -> Result<()> {
    let home = cluster.node(1);
    let program = Program::start(home, "memsum -m 1")?;
    for destination in [to(2), HOME] {
        program.process().signal(Signal::SIGSTOP)?;
        home.wait_until("the process is stopped", Duration::from_secs(20), || Ok(state(&program)? == 'T'))?;
        let words = ["omctl", "migrate", &program.pid().to_string(), &destination.to_string()];
        let moving = home.command(&words).time_limit(Duration::from_secs(60)).spawn()?;
        thread::sleep(Duration::from_millis(500));
        program.process().signal(Signal::SIGCONT)?;
        moving.wait()?;
        program.advance(2)?;
    }
    program.finish()
}

/// A process that is stopped while it is away comes home when it is told to, and is stopped all the time.
fn stopped_comes_home(cluster: &Cluster) -> Result<()> {
    let home = cluster.node(1);
    for command in ["memsum -m 1", "threads -w 4"] {
        let program = Program::start(home, command)?;
        let is_stopped = || {
            home.wait_until("the process is stopped", Duration::from_secs(20), || Ok(state(&program)? == 'T'))
        };
        let by_home = format!("omctl migrate {} home", program.pid());
        for (node, order) in [(1, by_home.as_str()), (1, "omctl mosctl bring && omctl mosctl nolstay"), (2, "omctl mosctl expel && omctl mosctl noblock")] {
            home.migrate(program.pid(), to(2))?;
            program.advance(1)?;
            program.process().signal(Signal::SIGSTOP)?;
            is_stopped()?;
            let rounds = program.rounds()?;
            let refused = home.try_migrate(program.pid(), to(3))?.expect_failure()?.error_text();
            ensure!(refused.contains("it is stopped"), "{refused}");
            cluster.node(node).sh(order)?;
            ensure!(home.where_is(program.pid())? == 0, "it is not home after `{order}`");
            is_stopped()?;
            thread::sleep(Duration::from_millis(300));
            ensure!(state(&program)? == 'T' && program.rounds()? == rounds, "a stopped process goes on");
            program.process().signal(Signal::SIGCONT)?;
            program.advance(1)?;
        }
        program.finish().with_context(|| command.to_string())?;
    }
    Ok(())
}

fn default_actions(cluster: &Cluster) -> Result<()> {
    let home = cluster.node(1);
    for signal in [Signal::SIGTERM, Signal::SIGKILL, Signal::SIGHUP, Signal::SIGQUIT, Signal::SIGALRM] {
        let program = Program::start(home, "memsum -m 1")?;
        home.migrate(program.pid(), to(2))?;
        program.process().signal(signal)?;
        let status = program.into_process().wait()?.status;
        ensure!(status == Status::Signal(signal as i32), "{signal}: {status}");
        home.wait_until("the guest is gone", Duration::from_secs(20), || {
            Ok(cluster.node(2).guests()?.is_empty())
        })?;
    }
    Ok(())
}

/// What kills a process by its own doing kills it away as it does at home.
fn faults(cluster: &Cluster) -> Result<()> {
    let home = cluster.node(1);
    for (how, signal) in [("segv", 11), ("fpe", 8), ("ill", 4), ("abort", 6), ("term", 15)] {
        let program = Program::start(home, &format!("ends {how}"))?;
        home.migrate(program.pid(), to(2))?;
        program.advance(1)?;
        let status = program.stop()?.status;
        ensure!(status == Status::Signal(signal), "{how}: {status}");
    }
    Ok(())
}

/// A core file of a process that dies while it is away has the guest's registers and memory.
fn core_file(cluster: &Cluster) -> Result<()> {
    let home = cluster.node(1);
    // The second one takes the signal where it has stood still, without a look whether it should come home first.
    for kill in ["kill -SEGV $child", "kill -STOP $child; sleep 0.5; kill -SEGV $child; kill -CONT $child"] {
        let script = format!(
            "rm -rf /tmp/core && mkdir /tmp/core && cd /tmp/core && ulimit -c unlimited
            /programs/timers-dynamic -p progress forever & child=$!
            while ! [ -s progress ]; do sleep 0.1; done
            omctl migrate $child 2 || exit 1; sleep 1; [ $(omctl where $child) = 2 ] || exit 2
            {kill}; wait $child; echo $?
            gdb -batch -ex 'print *(int *)&marker' -ex backtrace /programs/timers-dynamic core* 2>&1
            echo 'where the program header should be:'; ls -ls core*; od -A d -t x1 -j 8192 -N 128 core*"
        );
        let found = home.sh(&script)?;
        for word in ["139\n", "= 271828", "main ("] {
            ensure!(found.contains(word), "no `{word}` after {kill} in:\n{found}");
        }
    }
    Ok(())
}

/// A program that collects core dumps (core(5)) finds the dying process at home, whole, and gets its memory.
fn core_pipe(cluster: &Cluster) -> Result<()> {
    const COLLECTOR: &str = "#!/bin/bash
        cd /tmp/piped && cat >core && tr '\\0' ' ' </proc/$1/cmdline >cmdline && cp /proc/$1/{maps,status,environ,limits} . &&
        readlink /proc/$1/{exe,cwd} >links && echo $2 >signal";
    let home = cluster.node(1);
    let before = home.read("/proc/sys/kernel/core_pattern")?;
    home.write("/tmp/collector", COLLECTOR)?;
    let script = "chmod 755 /tmp/collector; rm -rf /tmp/piped; mkdir /tmp/piped; cd /tmp/piped
        echo '|/tmp/collector %P %s' >/proc/sys/kernel/core_pattern; echo 2 >/proc/sys/kernel/core_pipe_limit
        /programs/timers-dynamic -p progress forever & child=$!
        while ! [ -s progress ]; do sleep 0.1; done
        omctl migrate $child 2 || exit 1; sleep 1; [ $(omctl where $child) = 2 ] || exit 2
        kill -ABRT $child; wait $child; echo $?
        for i in $(seq 100); do [ -s signal ] && break; sleep 0.1; done; cat signal cmdline links
        grep -c timers-dynamic maps; ls -s environ status limits | wc -l
        gdb -batch -ex 'print *(int *)&marker' -ex backtrace /programs/timers-dynamic core 2>&1";
    let found = home.sh(script);
    home.write("/proc/sys/kernel/core_pattern", before.trim_end())?;
    home.write("/proc/sys/kernel/core_pipe_limit", "0")?;
    let found = found?;
    for word in ["134\n", "\n6\n", "/programs/timers-dynamic -p progress forever", "/tmp/piped\n", "= 271828", "main ("] {
        ensure!(found.contains(word), "no `{word}` in:\n{found}");
    }
    Ok(())
}

/// A debugger and a tracer find the whole process: it comes home for them, and goes on when they leave.
fn debugger(cluster: &Cluster) -> Result<()> {
    let home = cluster.node(1);
    let program = Program::start(home, "timers-dynamic forever")?;
    let pid = program.pid();
    home.migrate(pid, to(2))?;
    program.advance(1)?;
    let found = home.sh(&format!("gdb -batch -p {pid} -ex 'print *(int *)&marker' -ex backtrace 2>&1"))?;
    for word in ["= 271828", "main ("] {
        ensure!(found.contains(word), "no `{word}` in:\n{found}");
    }
    ensure!(home.where_is(pid)? == 0, "it is away while it is looked at");
    program.advance(1)?;
    // One that is stopped: at home, and then away.
    let mut seen = Vec::new();
    for destination in [HOME, to(2)] {
        home.migrate(pid, destination)?;
        program.process().signal(Signal::SIGSTOP)?;
        home.wait_until("the process is stopped", Duration::from_secs(20), || Ok(state(&program)? == 'T'))?;
        let found = home.sh(&format!("gdb -batch -p {pid} -ex 'print *(int *)&marker' -ex 'info threads' -ex backtrace 2>&1"))?;
        for word in ["= 271828", "main ("] {
            ensure!(found.contains(word), "stopped on {destination}: no `{word}` in:\n{found}");
        }
        ensure!(home.where_is(pid)? == 0, "it is stopped and away while it is looked at");
        thread::sleep(Duration::from_secs(1));
        seen.push(state(&program)?);
        program.process().signal(Signal::SIGCONT)?;
        program.advance(1)?;
    }
    ensure!(seen[0] == seen[1], "after the debugger it is {} at home, and {} if it was away", seen[0], seen[1]);
    home.migrate(pid, to(2))?;
    program.advance(1)?;
    let strace = home.command(&["strace", "-o", "/tmp/strace.out", "-p", &pid.to_string()]).spawn()?;
    home.wait_until("the trace shows calls and signals", Duration::from_secs(60), || {
        let trace = home.read("/tmp/strace.out").unwrap_or_default();
        Ok(trace.contains("SIGVTALRM") && trace.contains("pwrite64("))
    })?;
    // What it shows first may be of the way home.
    home.wait_until("it is home while it is traced", Duration::from_secs(20), || Ok(home.where_is(pid)? == 0))?;
    let calls = || Ok::<_, anyhow::Error>(home.read("/tmp/strace.out")?.matches("pwrite64(").count());
    let before = calls()?;
    home.wait_until("the trace goes on", Duration::from_secs(60), || Ok(calls()? > before + 1))?;
    ensure!(home.where_is(pid)? == 0, "it is away while it is traced");
    strace.signal(Signal::SIGINT)?;
    strace.wait()?;
    program.advance(1)?;
    program.finish()
}

/// Timers that count CPU time count what the guest uses, and `ps` shows it.
fn cpu_timers(cluster: &Cluster) -> Result<()> {
    let home = cluster.node(1);
    let program = Program::start(home, "timers")?;
    for destination in [to(2), HOME, to(2)] {
        home.migrate(program.pid(), destination)?;
        program.advance(2)?;
    }
    let used = |program: &Program| -> Result<u64> {
        let stat = home.read(&format!("/proc/{}/stat", program.pid()))?;
        let fields: Vec<&str> = stat.rsplit_once(") ").context("no name")?.1.split(' ').collect();
        Ok(fields[11].parse::<u64>()? + fields[12].parse::<u64>()?)
    };
    let before = used(&program)?;
    program.advance(2)?;
    ensure!(used(&program)? > before, "home sees no CPU time of it");
    program.finish()
}

fn exit_status(cluster: &Cluster) -> Result<()> {
    let home = cluster.node(1);
    for command in ["ends exit", "ends-dynamic exit"] {
        let program = Program::start(home, command)?;
        home.migrate(program.pid(), to(3))?;
        let status = program.stop()?.status;
        ensure!(status == Status::Code(37), "{command}: {status}");
    }
    // A shell at home waits for a child that is away.
    let script = "rm -f /tmp/ends*; /programs/ends -p /tmp/ends exit & child=$!
        while ! [ -s /tmp/ends ]; do sleep 0.1; done
        omctl migrate $child 2 || exit 1; touch /tmp/ends.stop; wait $child; echo $?";
    let found = home.sh(script)?;
    ensure!(found == "37", "the shell saw status {found}");
    Ok(())
}

/// Ctrl-C on the terminal reaches a foreground process that is away.
fn ctrl_c(cluster: &Cluster) -> Result<()> {
    let home = cluster.node(1);
    let program = Program::start_by(home, "exec", "memsum -m 1", |command| command.terminal())?;
    home.migrate(program.pid(), to(2))?;
    program.advance(1)?;
    program.process().write(&[3])?;
    let status = program.into_process().wait()?.status;
    ensure!(status == Status::Signal(Signal::SIGINT as i32), "Ctrl-C: {status}");
    Ok(())
}

/// A process that sleeps in a forwarded call can be moved, stopped, continued and killed.
fn sleeping_call(cluster: &Cluster) -> Result<()> {
    let home = cluster.node(1);
    let cat = home.command(&["cat"]).piped_input().spawn()?;
    for (step, destination) in [to(2), to(3), HOME, to(2)].into_iter().enumerate() {
        home.migrate(cat.pid(), destination)?;
        cat.signal(Signal::SIGSTOP)?;
        cat.signal(Signal::SIGCONT)?;
        cat.write(format!("line {step}\n").as_bytes())?;
        cat.wait_for_output(&format!("line {step}\n"))?;
    }
    cat.signal(Signal::SIGTERM)?;
    let status = cat.wait()?.status;
    ensure!(status == Status::Signal(15), "{status}");

    let cat = home.command(&["cat"]).piped_input().spawn()?;
    home.migrate(cat.pid(), to(2))?;
    cat.write(b"bytes")?;
    cat.close_input()?;
    let output = cat.wait()?.expect_success()?;
    ensure!(output.text() == "bytes", "{output}");
    Ok(())
}

/// A signal that comes while a process is on its way ends the call that the process was in.
fn during_a_move(cluster: &Cluster) -> Result<()> {
    let run = |words: &str| {
        let command = format!("exec /programs/suspends 2 {words}");
        passed(cluster.node(1).shell(&command).time_limit(Duration::from_secs(120)).run()?).context(words.to_string())
    };
    run("150")?;
    for call in ["pause", "read", "poll", "epoll_wait", "nanosleep"] {
        run(&format!("20 {call}"))?;
    }
    Ok(())
}

/// A timer that fires more often than the network goes to and fro leaves a program that is away time to go on.
fn faster_than_the_network(cluster: &Cluster) -> Result<()> {
    let home = cluster.node(1);
    cluster.network().set_both(1, 2, Faults::delay(Duration::from_millis(20)));
    let run = || {
        for feature in ["sa_restart", "interrupted_read"] {
            let command = format!("omctl mosrun 2 /programs/features/{feature} -r 1 </dev/null");
            passed(home.shell(&command).time_limit(Duration::from_secs(60)).run()?).context(feature)?;
        }
        Ok(())
    };
    let result = run();
    cluster.network().set_both(1, 2, Faults::default());
    result
}
