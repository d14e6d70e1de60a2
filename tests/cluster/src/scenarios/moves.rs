// SPDX-License-Identifier: GPL-2.0-only

//! Processes that move and do not notice.

use std::time::Duration;

use anyhow::{ensure, Context, Result};
use nix::sys::signal::Signal;

use crate::{
    openmosix::{stations, to, Destination, Joined, HOME},
    program::passed,
    protocol::Status,
    scenario::{own, shared, Scenario},
    snapshot::Snapshot,
    Cluster, Faults, NodeId, Program,
};

/// How long a large call may take, on a machine that has other things to do.
const PATIENCE: Duration = Duration::from_secs(240);

/// The programs that go on a tour, and whether only the tour moves them: each exec is made at home.
const TOURISTS: [(&str, bool); 11] = [
    ("memsum -m 8", true),
    ("sparse", true),
    ("fpu", true),
    ("sigs", true),
    ("maps", true),
    ("files", true),
    ("clocks", true),
    ("sleeps", true),
    ("threads", true),
    ("forker", true),
    ("execer", false),
];

pub fn all() -> Vec<Scenario> {
    let mut all = Vec::new();
    for (command, stays) in TOURISTS {
        let (name, arguments) = command.split_once(' ').unwrap_or((command, ""));
        all.push(shared(format!("moves/{name}"), move |cluster| tour(cluster, command, stays)));
        let dynamic = format!("{name}-dynamic {arguments}");
        all.push(shared(format!("moves/{name}-dynamic"), move |cluster| tour(cluster, &dynamic, stays)));
    }
    all.extend([
        shared("moves/unequal-clocks", unequal_clocks),
        shared("moves/sets-the-clock", sets_the_clock),
        shared("moves/late-clock", late_clock),
        shared("moves/features", features),
        shared("moves/from-any-home", from_any_home),
        shared("moves/back-and-forth", |cluster| back_and_forth(cluster, "memsum -m 2", 20)),
        // All threads wait for each other at each turn.
        shared("moves/crowd", |cluster| back_and_forth(cluster, "threads -w 12", 8)),
        shared("moves/many-at-once", many_at_once),
        shared("moves/state-unchanged", |cluster| state_unchanged(cluster, "still")),
        shared("moves/state-unchanged-dynamic", |cluster| state_unchanged(cluster, "still-dynamic")),
        shared("moves/untouched-memory-stays-home", untouched_memory_stays_home),
        shared("moves/to-where-it-is", to_where_it_is),
        shared("moves/taken-back", taken_back),
        shared("moves/called-back", called_back),
        shared("moves/of-its-own", of_its_own),
        shared("moves/who-waits", who_waits),
        shared("moves/proc-files", proc_files),
        shared("moves/visible-at-home", visible_at_home),
        shared("moves/seen-running", seen_running),
        shared("moves/mosrun", mosrun),
        shared("moves/script", script),
        shared("moves/sha256sum", sha256sum),
        shared("moves/python", python),
        own("moves/huge-calls", Cluster::builder().nodes(2).memory_mb(700), huge_calls),
    ]);
    all
}

/// 1, 2, 3, home: with at least two rounds of work at each place.
fn tour(cluster: &Cluster, command: &str, stays: bool) -> Result<()> {
    let home = cluster.node(1);
    let program = Program::start(home, command)?;
    let pid = program.pid();
    for (destination, expected) in [(to(2), 2), (to(3), 3), (HOME, 0)] {
        home.migrate(pid, destination)?;
        let there = || {
            let there = home.where_is(pid)?;
            ensure!(there == expected, "sent to {destination}, it is at {there}");
            Ok(())
        };
        if stays {
            there()?;
        } else {
            // Between exec and its return it is home for a moment.
            home.wait_until(&format!("it is at {destination}"), Duration::from_secs(20), || {
                Ok(there().is_ok())
            })?;
        }
        program.advance(2).with_context(|| format!("after the move to {destination}"))?;
    }
    if stays {
        let moves = home.moves(pid)?;
        let stations = stations(&moves, 1);
        ensure!(stations == [1, 2, 3, 1], "its moves are {moves:?}");
        ensure!(home.moves_count(pid)? == moves.len() as u64, "nmigs is {}", home.moves_count(pid)?);
    }
    program.finish()
}

/// The time of day is home's, whatever the other nodes take it for.
fn unequal_clocks(cluster: &Cluster) -> Result<()> {
    const SOON: Duration = Duration::from_secs(20);
    let set = |ahead: [i64; 2]| {
        cluster.node(2).set_clock(ahead[0], SOON)?;
        cluster.node(3).set_clock(ahead[1], SOON)
    };
    let toured = set([4000, -4000]).and_then(|()| tour(cluster, "clocks", true));
    let set_right = set([0, 0]);
    toured.and(set_right)
}

/// What tells the host of home's clocks was slow, so the guest's are behind by a lot. A sleep, which home times, is as long as it
/// should be all the same, and a timer does not go off early.
fn late_clock(cluster: &Cluster) -> Result<()> {
    const SCRIPT: &str = r#"import ctypes, signal, time
libc = ctypes.CDLL(None)
timer = ctypes.c_void_p()
assert libc.timer_create(time.CLOCK_MONOTONIC, None, ctypes.byref(timer)) == 0
def at(when):
    seconds = int(when)
    spec = (ctypes.c_long * 4)(0, 0, seconds, int((when - seconds) * 1e9) + 1)
    assert libc.timer_settime(timer, 1, ctypes.byref(spec), None) == 0
rung = []
signal.signal(signal.SIGALRM, lambda *_: rung.append(time.monotonic()))
print('there', flush=True)
input()
slept = []
for _ in range(10):
    before = time.monotonic()
    time.sleep(0.1)
    slept.append(time.monotonic() - before)
early = []
for n in range(10):
    when = time.monotonic() + 0.3
    at(when)
    while len(rung) == n:
        pass
    early.append(when - rung[n])
print(min(slept) >= 0.1 and max(early) <= 0, slept, early)"#;
    let home = cluster.node(1);
    home.write("/tmp/script", SCRIPT)?;
    let python = home.command(&["python3", "/tmp/script"]).piped_input().spawn()?;
    python.wait_for_output("there")?;
    cluster.network().set(1, 2, Faults::delay(Duration::from_millis(60)));
    home.migrate(python.pid(), to(2))?;
    cluster.network().restore_all();
    python.write(b"\n")?;
    python.close_input()?;
    let said = python.wait()?.expect_success()?.text();
    ensure!(said.contains("True"), "{said}");
    Ok(())
}

/// A process that is away sets home's clock, sees that itself, and is where it was.
fn sets_the_clock(cluster: &Cluster) -> Result<()> {
    const SCRIPT: &str = r#"import os, time
def where():
    with open('/proc/hpc/pids/self/where') as file:
        return file.read().strip()
before = time.time()
time.clock_settime(time.CLOCK_REALTIME, before + 4000)
passed = time.time() - before
with open('/tmp/made', 'w') as file:
    file.write('x')
made = os.stat('/tmp/made').st_mtime - before
while where() != '2':
    time.sleep(0.1)
print(4000 <= passed < 4100, 4000 <= made < 4100)"#;
    let home = cluster.node(1);
    home.write("/tmp/script", SCRIPT)?;
    let output = home.run("omctl mosrun 2 python3 /tmp/script");
    home.set_clock(0, Duration::from_secs(20))?;
    let said = output?.expect_success()?.text();
    ensure!(said == "True True", "it saw the new time, and so did files: {said}");
    Ok(())
}

/// One call reads more than a window holds, all the same when the process is told to come home meanwhile; another one writes more
/// than goes in one part.
fn huge_calls(cluster: &mut Cluster) -> Result<()> {
    const SCRIPT: &str = r#"import os
SIZE, STEP = 270 << 20, 7 << 20
file = os.open('/tmp/sparse', os.O_RDWR | os.O_CREAT)
os.ftruncate(file, SIZE)
marks = range(0, SIZE, STEP)
for at in marks:
    os.pwrite(file, b'mark %10d' % at, at)
print('reads', flush=True)
data = os.read(file, SIZE + 5)
assert len(data) == SIZE, len(data)
assert all(data[at:at + 15] == b'mark %10d' % at for at in marks)
assert data.count(b'mark') == len(marks)
print('has read', flush=True)
input()
part = memoryview(data)[:70 << 20]
assert os.pwrite(file, part, 5) == len(part)
assert all(os.pread(file, 15, at + 5) == data[at:at + 15] for at in marks if at < len(part))
print('PASS', flush=True)
"#;
    cluster.load_and_join()?;
    let home = cluster.node(1);
    home.write("/tmp/script", SCRIPT)?;
    let python = home.command(&["omctl", "mosrun", "2", "python3", "/tmp/script"]).piped_input().time_limit(PATIENCE).spawn()?;
    python.wait_for_output("reads\n")?;
    ensure!(home.where_is(python.pid())? == 2, "it is not at node 2");
    let moving = home.command(&["omctl", "migrate", &python.pid().to_string(), "home"]).time_limit(PATIENCE).spawn()?;
    home.wait_until("it has read", PATIENCE, || Ok(python.stdout_so_far().contains("has read\n")))?;
    moving.wait()?.expect_success()?;
    home.migrate(python.pid(), to(2))?;
    python.write(b"\n")?;
    let output = python.wait()?.expect_success()?;
    ensure!(output.text().ends_with("PASS"), "{output}");
    Ok(())
}

/// Of the programs that `make semantics` runs, those that have found what others did not: started away, and moved all the time.
fn features(cluster: &Cluster) -> Result<()> {
    for feature in ["threads_file_pages", "threads_exit_shared", "clock_in_handlers", "mmap_sparse_reads", "threads_openmp"] {
        for (by, options) in [("omctl mosrun 2", "-r 1"), ("/programs/stir /tmp/report 2 200", "-t 3000")] {
            let command = format!("{by} /programs/features/{feature} {options} </dev/null");
            let run = cluster.node(1).shell(&command).time_limit(Duration::from_secs(120));
            passed(run.run()?).context(command)?;
        }
    }
    Ok(())
}

/// Every node can be home to a process and host to another, also one that has no files.
fn from_any_home(cluster: &Cluster) -> Result<()> {
    for (home, host) in [(2, 1), (3, 2), (3, 1), (2, 3)] {
        let program = Program::start(cluster.node(home), "memsum -m 4")?;
        cluster.node(home).migrate(program.pid(), to(host))?;
        ensure!(cluster.node(home).where_is(program.pid())? == host, "not where it was sent");
        ensure!(cluster.node(host).guests()?.len() == 1, "node {host} does not show its guest");
        program.advance(2)?;
        program.finish().with_context(|| format!("from node {home} at node {host}"))?;
    }
    Ok(())
}

fn back_and_forth(cluster: &Cluster, command: &str, turns: usize) -> Result<()> {
    let home = cluster.node(1);
    let program = Program::start(home, command)?;
    for turn in 0..turns {
        let destination = [to(2), HOME, to(3), to(2)][turn % 4];
        home.migrate(program.pid(), destination).with_context(|| format!("move {turn}"))?;
        program.advance(1)?;
    }
    program.finish()
}

/// Several processes of several homes move at the same time, in both directions.
fn many_at_once(cluster: &Cluster) -> Result<()> {
    let homes: [NodeId; 9] = [1, 1, 1, 1, 2, 2, 2, 3, 3];
    let mut programs = Vec::new();
    for (index, home) in homes.into_iter().enumerate() {
        let command = ["memsum -m 3", "fpu", "files"][index % 3];
        programs.push(Program::start(cluster.node(home), command)?);
    }
    for step in 1..=3 {
        let mut moves = Vec::new();
        for program in &programs {
            let own = program.node().id();
            let destination = if step == 3 { HOME } else { to((own - 1 + step) % 3 + 1) };
            let words = ["omctl", "migrate", &program.pid().to_string(), &destination.to_string()];
            moves.push(program.node().command(&words).time_limit(Duration::from_secs(120)).spawn()?);
        }
        for process in moves {
            process.wait()?.expect_success().with_context(|| format!("step {step}"))?;
        }
        for program in &programs {
            program.advance(1).with_context(|| format!("after step {step}"))?;
        }
    }
    programs.into_iter().try_for_each(Program::finish)
}

fn state_unchanged(cluster: &Cluster, program: &str) -> Result<()> {
    let home = cluster.node(1);
    let process = home.command(&[&format!("/programs/{program}")]).piped_input().spawn()?;
    let pid = process.pid();
    process.wait_for_output("ready")?;
    let before = Snapshot::take(home, pid)?;
    for route in [&[to(2), HOME][..], &[to(3), to(2), HOME], &[to(2), HOME]] {
        for destination in route {
            home.migrate(pid, *destination)?;
        }
        before.expect_same(&Snapshot::take(home, pid)?, "back home")?;
    }
    home.migrate(pid, to(2))?;
    process.write(b"go\n")?;
    passed(process.wait()?)
}

/// A process with a gigabyte of which it has touched little sends little.
fn untouched_memory_stays_home(cluster: &Cluster) -> Result<()> {
    let home = cluster.node(1);
    let program = Program::start(home, "sparse")?;
    home.migrate(program.pid(), to(2))?;
    program.advance(1)?;
    home.migrate(program.pid(), HOME)?;
    let moves = home.moves(program.pid())?;
    ensure!(moves.len() == 2 && moves.iter().all(|step| step.pages < 8192), "the moves were {moves:?}");
    program.finish()
}

/// Going where one is, is done at once, and harmless.
fn to_where_it_is(cluster: &Cluster) -> Result<()> {
    let home = cluster.node(1);
    let program = Program::start(home, "memsum -m 2")?;
    for destination in [HOME, to(1), to(2), to(2), to(1), HOME] {
        home.migrate(program.pid(), destination)?;
        program.advance(1)?;
    }
    ensure!(home.where_is(program.pid())? == 0, "not at home");
    program.finish()
}

/// A process that has not reacted yet to what it was asked is told to be at home, and does not leave when it reacts.
fn taken_back(cluster: &Cluster) -> Result<()> {
    let home = cluster.node(1);
    for order in ["omctl migrate $PID home", "omctl mosctl bring && omctl mosctl nolstay"] {
        let program = Program::start(home, "vforks")?;
        let pid = program.pid().to_string();
        let asks = home.command(&["omctl", "migrate", &pid, "2"]).spawn()?;
        let crowd = home.shell(&format!("for i in $(seq 15); do omctl migrate {pid} 2 & done; wait")).spawn()?;
        home.wait_until("nobody can ask it any more", Duration::from_secs(20), || {
            Ok(home.run(&format!("timeout 1 omctl migrate {pid} 2"))?.error_text().contains("asked often"))
        })?;
        home.wait_until(&format!("`{order}` takes the request back"), Duration::from_secs(20), || {
            home.sh(&order.replace("$PID", &pid))?;
            Ok(asks.status().is_some() && crowd.status().is_some())
        })?;
        let said = asks.wait()?.expect_failure()?.error_text();
        ensure!(said.contains("told to be at home"), "the first asker heard `{said}`");
        home.write(&format!("{}.go", program.progress()), "")?;
        program.advance(3)?;
        ensure!(home.where_is(program.pid())? == 0 && home.moves_count(program.pid())? == 0, "it has left");
        home.migrate(program.pid(), to(2)).context("after that")?;
        program.advance(1)?;
        program.finish()?;
    }
    // What one was asked who shares its memory, and would take it along.
    let program = Program::start(home, "vforks -w 1")?;
    let pid = program.pid().to_string();
    let asks = home.command(&["omctl", "migrate", &pid, "2"]).spawn()?;
    let sharer = home.sh(&format!("pgrep -o -P {pid}"))?;
    home.wait_until("the request is taken back", Duration::from_secs(20), || {
        home.sh(&format!("omctl migrate {sharer} home"))?;
        Ok(asks.status().is_some())
    })?;
    let said = asks.wait()?.expect_failure()?.error_text();
    ensure!(said.contains("told to be at home"), "the asker heard `{said}`");
    home.write(&format!("{}.go", program.progress()), "")?;
    program.advance(3)?;
    ensure!(home.moves_count(program.pid())? == 0, "it has left");
    program.finish()
}

/// A process that is on its way out is told to be at home: that is answered when it is. The network is slow, so there is time for it.
fn called_back(cluster: &Cluster) -> Result<()> {
    let home = cluster.node(1);
    let program = Program::start(home, "memsum -m 2")?;
    cluster.network().set_both(1, 2, Faults::delay(Duration::from_millis(200)));
    let called = (|| {
        let asks = home.command(&["omctl", "migrate", &program.pid().to_string(), "2"]).spawn()?;
        // A connection to TCP port 2901.
        home.wait_until("it is on its way", Duration::from_secs(20), || {
            Ok(home.read("/proc/net/tcp")?.lines().any(|line| line.contains(":0B55 01 ")))
        })?;
        home.migrate(program.pid(), HOME)?;
        let moves = home.moves(program.pid())?;
        ensure!(home.where_is(program.pid())? == 0 && stations(&moves, 1) == [1, 2, 1], "its moves are {moves:?}");
        asks.wait()?.expect_success()?;
        Ok(())
    })();
    cluster.network().restore(1, 2);
    called?;
    program.advance(1)?;
    program.finish()
}

/// Somebody who waits for another process to come home is moved meanwhile, and goes on waiting.
fn who_waits(cluster: &Cluster) -> Result<()> {
    let home = cluster.node(1);
    // It does not come before its child lets it go on.
    let awaited = Program::start_by(home, "exec omctl mosrun 2", "vforks -w 2", |command| command)?;
    let waiting = home.shell(&format!("echo home > /proc/hpc/pids/{}/goto && echo fine", awaited.pid())).spawn()?;
    let writes = || {
        home.wait_until("it waits in its write", Duration::from_secs(20), || {
            Ok(home.read(&format!("/proc/{}/syscall", waiting.pid()))?.starts_with("1 "))
        })
    };
    for (destination, expected) in [(to(2), 2), (to(3), 3), (HOME, 0)] {
        writes()?;
        home.migrate(waiting.pid(), destination)?;
        ensure!(home.where_is(waiting.pid())? == expected, "it did not go to {destination}");
    }
    writes()?;
    ensure!(home.where_is(awaited.pid())? == 2, "it was not waited for");
    home.write(&format!("{}.go", awaited.progress()), "")?;
    let output = waiting.wait()?.expect_success()?;
    ensure!(output.text() == "fine", "{output}");
    ensure!(home.where_is(awaited.pid())? == 0, "it is not home");
    awaited.finish()
}

/// A process sends itself away: the write says how that went, as to anybody else.
fn of_its_own(cluster: &Cluster) -> Result<()> {
    const SCRIPT: &str = r#"
        cd /
        go() { if echo $1 > /proc/hpc/pids/$$/goto; then echo went; else echo stayed; fi; }
        at() { read -r place < /proc/hpc/pids/$$/where; echo at $place; }
        for place in 2 3 3 home 9; do go $place; at; done
        echo 1 > /proc/hpc/pids/$$/lock; go 2; at
        echo 0 > /proc/hpc/pids/$$/lock; go 2; at"#;
    const SAID: &str = "went at 2 went at 3 went at 3 went at 0 stayed at 0 stayed at 0 ";
    let home = cluster.node(1);
    let said = |expected: String| {
        let said = home.run(SCRIPT)?.expect_success()?.text();
        let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
        ensure!(said == expected, "it said: {said}");
        Ok(())
    };
    said(format!("{SAID}went at 2"))?;
    // Refused when it is on its way already.
    cluster.node(2).sh("omctl mosctl block")?;
    let refused = home.run("echo 2 > /proc/hpc/pids/$$/goto; echo $?; read -r place < /proc/hpc/pids/$$/where; echo $place");
    cluster.node(2).sh("omctl mosctl noblock")?;
    let refused = refused?.expect_success()?.text();
    let refused: Vec<&str> = refused.split_whitespace().collect();
    ensure!(matches!(refused.as_slice(), [code, "0"] if *code != "0"), "a node that is closed: {refused:?}");
    Ok(())
}

/// The files of `/proc/hpc/pids/PID`, and the reason after a refusal.
fn proc_files(cluster: &Cluster) -> Result<()> {
    let home = cluster.node(1);
    let program = Program::start(home, "memsum -m 2")?;
    let pid = program.pid();
    for (name, content) in [("where", "0"), ("nmigs", "0"), ("cantmove", ""), ("lock", "0"), ("moves", "")] {
        let found = home.process_file(pid, name)?;
        ensure!(found == content, "{name} is `{found}`, not `{content}`");
    }
    home.write(&format!("/proc/hpc/pids/{pid}/goto"), "2\n")?;
    ensure!(home.process_file(pid, "where")? == "2" && home.process_file(pid, "nmigs")? == "1");
    home.write(&format!("/proc/hpc/pids/{pid}/lock"), "1\n")?;
    ensure!(home.process_file(pid, "lock")? == "1", "the lock was not taken");
    home.write(&format!("/proc/hpc/pids/{pid}/goto"), "home\n")?;
    ensure!(home.where_is(pid)? == 0);
    let script = format!("exec 3<>/proc/hpc/pids/{pid}/goto; echo 99 >&3 && exit 9; cat <&3");
    let reason = home.sh(&script)?;
    ensure!(!reason.is_empty(), "a refused `goto` gives no reason");
    let output = home.try_migrate(pid, to(99))?.expect_failure()?;
    ensure!(output.error_text().contains(&reason), "omctl does not say `{reason}`: {output}");
    // `self` is another one for each, also while somebody else uses it.
    let script = "exec 3</proc/hpc/pids/self/stay
        sh -c 'echo 1 >/proc/hpc/pids/self/stay && cat /proc/hpc/pids/$$/stay'
        cat /proc/hpc/pids/$$/stay; test \"$(readlink /proc/hpc/pids/self)\" != $$ && ls /proc/hpc/pids/self/";
    let said = home.sh(script)?;
    ensure!(said.starts_with("1\n0\n") && said.contains("execgoto"), "of itself, the other, and below self: `{said}`");
    program.advance(1)?;
    program.finish()
}

/// `ps`, `/proc/PID/cmdline` and `environ` at home see a process that is away.
fn visible_at_home(cluster: &Cluster) -> Result<()> {
    let home = cluster.node(1);
    let set = |command: crate::client::Command| command.env("A_VARIABLE", "its value");
    let program = Program::start_by(home, "exec", "memsum-dynamic -m 2", set)?;
    let pid = program.pid();
    home.migrate(pid, to(2))?;
    let listed = home.sh(&format!("ps -o pid=,args= -p {pid}"))?;
    ensure!(listed.contains("memsum-dynamic -p"), "ps shows `{listed}`");
    let environment = home.read(&format!("/proc/{pid}/environ"))?;
    ensure!(environment.contains("A_VARIABLE=its value"), "its environment is `{environment}`");
    ensure!(home.sh(&format!("readlink /proc/{pid}/exe"))? == "/programs/memsum-dynamic");
    program.advance(1)?;
    program.finish()
}

/// Home shows what computes elsewhere as running, and what waits there as sleeping; signals reach both.
fn seen_running(cluster: &Cluster) -> Result<()> {
    let home = cluster.node(1);
    let sleeps = |pid: i32| {
        home.wait_until(&format!("pid {pid} sleeps"), Duration::from_secs(20), || Ok(home.state(pid)? == 'S'))
    };
    // A shell's loop makes no calls, python waits in one that its own node answers (futex).
    let computes = home.spawn("trap 'echo heard' USR1; while :; do :; done")?;
    let waits = home.spawn("exec python3 -c 'import threading; print(1, flush=True); threading.Event().wait()'")?;
    waits.wait_for_output("1")?;
    for pid in [computes.pid(), waits.pid()] {
        home.migrate(pid, to(2))?;
    }
    sleeps(waits.pid())?;
    for _ in 0..5 {
        let mut seen = String::new();
        for _ in 0..20 {
            seen.push(home.state(computes.pid())?);
        }
        // Its node may be busy with others for a while.
        ensure!(seen.matches('R').count() >= 10, "what computes is seen as {seen}");
        ensure!(home.state(waits.pid())? == 'S', "what waits is seen as {}", home.state(waits.pid())?);
    }
    for _ in 0..3 {
        computes.signal(Signal::SIGUSR1)?;
        computes.signal(Signal::SIGSTOP)?;
        home.wait_until("it is stopped", Duration::from_secs(20), || Ok(home.state(computes.pid())? == 'T'))?;
        computes.signal(Signal::SIGCONT)?;
        home.wait_until("it goes on", Duration::from_secs(20), || Ok(home.state(computes.pid())? == 'R'))?;
    }
    computes.wait_for_output("heard")?;
    for process in [computes, waits] {
        process.signal(Signal::SIGKILL)?;
        let status = process.wait()?.status;
        ensure!(status == Status::Signal(Signal::SIGKILL as i32), "{status}");
    }
    Ok(())
}

fn mosrun(cluster: &Cluster) -> Result<()> {
    let home = cluster.node(1);
    for command in ["memsum -m 4", "memsum-dynamic -m 4"] {
        let program = Program::start_by(home, "exec omctl mosrun 3", command, |command| command)?;
        ensure!(home.where_is(program.pid())? == 3, "mosrun did not start it on node 3");
        program.advance(2)?;
        program.finish()?;
    }
    let status = home.run("omctl mosrun 2 /programs/ends -r 2 exit")?.status;
    ensure!(status.shell_code() == 37, "the status through mosrun: {status}");
    let status = home.run("omctl mosrun 2 /nowhere/to/be/found")?.status;
    ensure!(status.shell_code() == 127, "the status of a command that is not there: {status}");
    Ok(())
}

const SCRIPT: &str = r#"
read start
for i in 1 2 3; do /bin/echo "round $i"; done
cat /proc/hpc/pids/self/where
grep PPid /proc/self/status
(exit 3); echo "code $?"
echo "$(ls /programs | wc -l) programs"
printf '%s\n' c a b | sort | tr '
' ' '
sleep 60 & kill -TERM $!; wait $!; echo "killed $?"
ls /nowhere 2>/dev/null || echo "failed $?"
"#;

/// A shell that is away: its children are born there, and their programs run there.
fn script(cluster: &Cluster) -> Result<()> {
    let home = cluster.node(1);
    let mut texts = Vec::new();
    for node in [0, 2] {
        let process = home.command(&["sh", "-c", SCRIPT]).piped_input().spawn()?;
        let pid = process.pid();
        if node != 0 {
            home.migrate(pid, to(node))?;
        }
        process.write(b"start\n")?;
        process.close_input()?;
        let text = process.wait()?.expect_success()?.text();
        texts.push(text.replace(&pid.to_string(), "PID").replace(&format!("\n{node}\n"), "\nNODE\n"));
    }
    ensure!(texts[0] == texts[1], "at home:\n{}\naway:\n{}", texts[0], texts[1]);
    ensure!(texts[0].contains("killed 143"), "{}", texts[0]);
    Ok(())
}

/// The distribution's `sha256sum` over bytes that come through a pipe, with a move in between.
fn sha256sum(cluster: &Cluster) -> Result<()> {
    let home = cluster.node(1);
    let bytes: Vec<u8> = (0..6u32 << 20).map(|n| (n.wrapping_mul(2654435761) >> 13) as u8).collect();
    let expected = home.command(&["sha256sum"]).input(bytes.clone()).run()?.expect_success()?.text();
    let process = home.command(&["sha256sum"]).piped_input().spawn()?;
    for (part, destination) in bytes.chunks(bytes.len() / 3).zip([to(2), to(3), HOME]) {
        process.write(part)?;
        home.migrate(process.pid(), destination)?;
    }
    process.close_input()?;
    let found = process.wait()?.expect_success()?.text();
    ensure!(found == expected, "{found} instead of {expected}");
    Ok(())
}

const PYTHON: &str = r#"
import sys, hashlib, decimal, random
decimal.getcontext().prec = 60
numbers = random.Random(7)
table, total = {}, decimal.Decimal(0)
for line in sys.stdin:
    for i in range(3000):
        n = numbers.randrange(1 << 40)
        table[n] = hashlib.md5(str(n).encode()).hexdigest()
        total += decimal.Decimal(n).sqrt()
    with open(sys.argv[1], "a") as file:
        file.write(f"{line.strip()} {len(table)} {total} {sorted(table.values())[0]}\n")
    print(line.strip(), flush=True)
"#;

/// The distribution's Python computes in steps and writes a result file; it moves between the steps.
fn python(cluster: &Cluster) -> Result<()> {
    let home = cluster.node(1);
    let mut results = Vec::new();
    let routes: [[Option<Destination>; 4]; 2] =
        [[None; 4], [Some(to(2)), Some(to(3)), Some(HOME), Some(to(2))]];
    for (run, route) in routes.iter().enumerate() {
        let file = format!("/tmp/python.{run}");
        let process = home.command(&["python3", "-c", PYTHON, &file]).piped_input().spawn()?;
        for (step, destination) in route.iter().enumerate() {
            process.write(format!("step {step}\n").as_bytes())?;
            process.wait_for_output(&format!("step {step}"))?;
            if let Some(destination) = destination {
                home.migrate(process.pid(), *destination)?;
            }
        }
        process.write(b"last\n")?;
        process.close_input()?;
        process.wait()?.expect_success()?;
        results.push(home.read(&file)?);
    }
    ensure!(results[0] == results[1], "the results differ:\n{}\n{}", results[0], results[1]);
    ensure!(results[0].lines().count() == 5, "the result is incomplete:\n{}", results[0]);
    Ok(())
}
