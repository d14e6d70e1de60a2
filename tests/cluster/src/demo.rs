// SPDX-License-Identifier: GPL-2.0-only

//! Ordinary programs of the distribution that move while they work. Each is run twice on node 1, once at
//! home and once on the move; the two results must be equal byte for byte.
//!
//! The demo shows them; the scenarios run them with less work.

use std::time::Duration;

use anyhow::{bail, ensure, Context, Result};
use nix::sys::signal::Signal;

use crate::{
    openmosix::{stations, to, Destination, Move, HOME},
    scenario::{shared, Scenario},
    Cluster, Node, NodeId, Process,
};

/// Limit for one run of one program, however slow the machine.
const RUN_TIME: Duration = Duration::from_secs(180);

/// Computes with whole and broken numbers and writes a line of [`LINE`] bytes after each step.
const PYTHON: &str = r#"
import math, sys
steps, path = int(sys.argv[1]), sys.argv[2]
total, state = 0.0, 1
with open(path, "w") as result:
    for step in range(steps):
        for i in range(20000):
            state = (state * 6364136223846793005 + 1442695040888963407) & 0xffffffffffffffff
            total += math.sin(state >> 11)
        result.write(f"{step:6d} {state:20d} {total:25.17e}\n")
        result.flush()
"#;

const LINE: u64 = 54;

/// How much work the programs get.
#[derive(Debug, Clone, Copy)]
pub struct Size {
    /// Of the file that `sha256sum` reads.
    pub sum_mb: u64,
    pub python_steps: u64,
    /// What `tar` packs: a shell pattern.
    pub tar: &'static str,
    /// Of the file that `xz` compresses.
    pub xz_mb: u64,
}

impl Size {
    /// For people to watch.
    pub const FULL: Size = Size {
        sum_mb: 96,
        python_steps: 130,
        tar: "/usr/lib/python3*/*.py /usr/lib/python3*/asyncio",
        xz_mb: 24,
    };
    /// For a test among many.
    pub const SMALL: Size =
        Size { sum_mb: 48, python_steps: 24, tar: "/usr/lib/python3*/[a-h]*.py", xz_mb: 4 };
}

/// When a process is to be moved.
#[derive(Debug, Clone, Copy)]
enum When {
    /// It has read so many bytes.
    Read(u64),
    /// It has written so many bytes.
    Written(u64),
}

/// A program, and where it goes when.
pub struct Case {
    /// What people read.
    pub title: String,
    /// A shell script, run with `$OUT` for the result file.
    script: String,
    /// What is put before the program that moves, in place of `@`.
    by: &'static str,
    /// Which child of the script moves; the script itself if empty.
    child: &'static str,
    route: Vec<(When, Destination)>,
    /// The node where `by` starts it.
    starts_at: Option<Destination>,
}

/// What became of a case.
pub struct Outcome {
    pub pid: i32,
    pub moves: Vec<Move>,
    pub equal: bool,
}

/// The four cases of the demo.
pub fn cases(size: Size) -> Vec<Case> {
    let mega = |part: u64, of: u64, percent: u64| part * (of << 20) * percent / 100;
    let step = |part: u64| When::Written(size.python_steps * LINE * part / 8);
    vec![
        Case {
            title: format!("sha256sum of a file of {} MB", size.sum_mb),
            script: "exec @ sha256sum /tmp/demo.bytes > $OUT".into(),
            by: "",
            child: "",
            route: vec![
                (When::Read(mega(1, size.sum_mb, 30)), to(2)),
                (When::Read(mega(1, size.sum_mb, 80)), HOME),
            ],
            starts_at: None,
        },
        Case {
            title: "python3 computes and writes a file".into(),
            script: format!("exec @ python3 /tmp/demo.py {} $OUT", size.python_steps),
            by: "",
            child: "",
            route: vec![(step(2), to(2)), (step(4), to(3)), (step(6), HOME)],
            starts_at: None,
        },
        Case {
            title: "tar | gzip -9 | wc -c, gzip moves".into(),
            script: format!("tar cf - -C / {} 2> /dev/null | @ gzip -9 | wc -c > $OUT", size.tar),
            by: "",
            child: "gzip",
            route: vec![(When::Read(200 << 10), to(3)), (When::Read(600 << 10), HOME)],
            starts_at: None,
        },
        Case {
            title: format!("xz of {} MB, started by mosrun", size.xz_mb),
            script: "exec @ xz -1 -T1 -c /tmp/demo.text > $OUT".into(),
            by: "omctl mosrun 3",
            child: "",
            route: vec![(When::Read(mega(1, size.xz_mb, 80)), HOME)],
            starts_at: Some(to(3)),
        },
    ]
}

/// Makes the input files on node 1; no other node has them.
pub fn prepare(home: &Node, size: Size) -> Result<()> {
    home.write("/tmp/demo.py", PYTHON)?;
    let script = format!(
        "head -c {}M /dev/urandom > /tmp/demo.bytes && seq 1 {} | head -c {}M > /tmp/demo.text",
        size.sum_mb,
        size.xz_mb * 200_000,
        size.xz_mb
    );
    home.shell(&script).time_limit(RUN_TIME).run()?.expect_success().map(drop)
}

impl Case {
    /// Runs the program where it is.
    pub fn run_at_home(&self, home: &Node) -> Result<()> {
        self.command(home, "", "/tmp/demo.home").run()?.expect_success().map(drop)
    }

    /// Runs the program and moves it, then compares with the run at home.
    pub fn run_on_the_move(&self, home: &Node) -> Result<Outcome> {
        let process = self.command(home, self.by, "/tmp/demo.away").spawn()?;
        let result = self.follow(home, &process);
        if result.is_err() {
            let _ = process.signal_group(Signal::SIGKILL);
        }
        let (pid, moves) = result?;
        process.wait()?.expect_success()?;
        let equal = are_equal(home, "/tmp/demo.home", "/tmp/demo.away")?;
        Ok(Outcome { pid, moves, equal })
    }

    fn command(&self, home: &Node, by: &str, out: &str) -> crate::client::Command {
        home.shell(&self.script.replace('@', by)).env("OUT", out).time_limit(RUN_TIME)
    }

    /// Moves the process along its route. Its id, and its moves as told after the last one.
    fn follow(&self, home: &Node, process: &Process) -> Result<(i32, Vec<Move>)> {
        let pid = self.find(home, process)?;
        if let Some(Destination::Node(node)) = self.starts_at {
            home.wait_until("mosrun has sent the program away", RUN_TIME, || {
                ensure!(process.status().is_none(), "the program ended before it was away");
                Ok(home.where_is(pid)? == u32::from(node))
            })?;
        }
        for (when, destination) in &self.route {
            home.wait_until(&format!("pid {pid}: {when:?}"), RUN_TIME, || {
                if process.status().is_some() {
                    bail!("the program ended before its move to {destination}");
                }
                when.has_come(home, pid)
            })?;
            home.migrate(pid, *destination)?;
        }
        let moves = home.moves(pid)?;
        let expected = self.starts_at.iter().chain(self.route.iter().map(|(_, destination)| destination));
        let expected = expected.map(|destination| match destination {
            Destination::Node(node) => NodeId::from(*node),
            Destination::Home | Destination::Balance => home.id(),
        });
        let expected: Vec<NodeId> = std::iter::once(home.id()).chain(expected).collect();
        ensure!(stations(&moves, home.id()) == expected, "it went {moves:?} instead of {expected:?}");
        Ok((pid, moves))
    }

    fn find(&self, home: &Node, process: &Process) -> Result<i32> {
        if self.child.is_empty() {
            return Ok(process.pid());
        }
        let mut found = None;
        home.wait_until(&format!("{} is started", self.child), RUN_TIME, || {
            let children = home.read(&format!("/proc/{0}/task/{0}/children", process.pid()))?;
            found = children.split_whitespace().filter_map(|word| word.parse().ok()).find(|child: &i32| {
                home.read(&format!("/proc/{child}/comm")).is_ok_and(|name| name.trim() == self.child)
            });
            Ok(found.is_some())
        })?;
        found.context("not found")
    }
}

impl When {
    fn has_come(self, home: &Node, pid: i32) -> Result<bool> {
        let (key, bytes) = match self {
            When::Read(bytes) => ("rchar:", bytes),
            When::Written(bytes) => ("wchar:", bytes),
        };
        let counters = home.read(&format!("/proc/{pid}/io"))?;
        let counter = counters.lines().find_map(|line| line.strip_prefix(key)?.trim().parse::<u64>().ok());
        Ok(counter.context("no such counter")? >= bytes)
    }
}

/// Whether two results are there and the same, byte for byte.
fn are_equal(home: &Node, one: &str, other: &str) -> Result<bool> {
    Ok(home.run(&format!("cmp {one} {other} && test -s {other}"))?.status.success())
}

/// Programs that are all started on node 1, and that nobody moves: the balancer does.
pub struct Balanced {
    pub outcomes: Vec<Outcome>,
    /// What it says of that.
    pub reasons: String,
}

/// So many at a time; there are as many nodes.
const CROWD: usize = 3;
/// Long enough for the balancer to see them.
const CROWD_STEPS: u64 = 90;

/// What the crowd does, for people.
pub fn crowd_title() -> String {
    format!("{CROWD} times python3 at once, nobody says where")
}

/// Runs the crowd, with one at home before it that its results are compared with.
pub fn run_balanced(cluster: &Cluster) -> Result<Balanced> {
    let home = cluster.node(1);
    let command = |out: &str| {
        home.shell(&format!("exec python3 /tmp/demo.py {CROWD_STEPS} /tmp/{out}")).time_limit(RUN_TIME)
    };
    command("demo.alone").run()?.expect_success()?;
    cluster.nodes().iter().try_for_each(|node| node.balance(true))?;
    let processes: Result<Vec<Process>> =
        (0..CROWD).map(|number| command(&format!("demo.crowd{number}")).spawn()).collect();
    let processes = processes?;
    let mut moves: Vec<Vec<Move>> = vec![Vec::new(); CROWD];
    home.wait_until("all have ended", RUN_TIME, || {
        for (process, moves) in processes.iter().zip(&mut moves) {
            // Of one that has ended meanwhile nothing is told any more.
            if let Ok(now) = home.moves(process.pid()) {
                *moves = now;
            }
        }
        Ok(processes.iter().all(|process| process.status().is_some()))
    })?;
    cluster.nodes().iter().try_for_each(|node| node.balance(false))?;
    let reasons = home.read("/proc/hpc/info/reason")?;
    ensure!(moves.iter().any(|moves| !moves.is_empty()), "the balancer has moved nobody: {reasons}");
    let mut outcomes = Vec::new();
    for (number, (process, moves)) in processes.into_iter().zip(moves).enumerate() {
        let pid = process.pid();
        process.wait()?.expect_success()?;
        let equal = are_equal(home, "/tmp/demo.alone", &format!("/tmp/demo.crowd{number}"))?;
        outcomes.push(Outcome { pid, moves, equal });
    }
    Ok(Balanced { outcomes, reasons })
}

/// The route as people read it, such as `1→2→3→1`.
pub fn route(moves: &[Move], home: NodeId) -> String {
    if moves.is_empty() {
        return home.to_string();
    }
    stations(moves, home).iter().map(NodeId::to_string).collect::<Vec<_>>().join("→")
}

/// The cases as scenarios.
pub fn scenarios() -> Vec<Scenario> {
    let names = ["sha256sum", "python", "pipeline", "mosrun-xz"];
    let run = |index: usize| {
        move |cluster: &Cluster| {
            let home = cluster.node(1);
            prepare(home, Size::SMALL)?;
            let case = &cases(Size::SMALL)[index];
            case.run_at_home(home)?;
            let outcome = case.run_on_the_move(home)?;
            ensure!(outcome.equal, "the result differs from the one at home");
            home.sh("rm -f /tmp/demo.*").map(drop)
        }
    };
    names.into_iter().enumerate().map(|(index, name)| shared(format!("demo/{name}"), run(index))).collect()
}
