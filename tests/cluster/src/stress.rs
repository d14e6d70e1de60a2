// SPDX-License-Identifier: GPL-2.0-only

//! The stress test of the openMosix manual, in our own words: key generation, a simulation in Perl, files that grow, many
//! forks, copies of files, and a script that is moved all the time. First each alone at home, then all together with
//! balancing, again and again. What a test prints and how it ends must be the same, letter by letter.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use anyhow::{ensure, Context, Result};
use serde::Serialize;

use crate::{
    openmosix::{to, Destination, HOME},
    Cluster, Node, NodeId, Output,
};

/// No test takes longer, however slow this machine is.
const LIFE: Duration = Duration::from_secs(3600);

/// One test: a script of bash, run in an empty directory of node 1.
pub struct Test {
    pub name: &'static str,
    /// What the manual calls it.
    pub original: &'static str,
    script: &'static str,
}

pub const ALL: [Test; 5] = [
    Test { name: "keys", original: "distkeygen", script: include_str!("stress/keys.sh") },
    Test { name: "portfolio", original: "portfolio", script: include_str!("stress/portfolio.sh") },
    Test { name: "eatmem", original: "eatmem", script: include_str!("stress/eatmem.sh") },
    Test { name: "forks", original: "forkit", script: include_str!("stress/forks.sh") },
    Test { name: "copy", original: "mfstest", script: include_str!("stress/copy.sh") },
];

const PORTFOLIO: &str = include_str!("stress/portfolio.pl");
const MOVING: &str = include_str!("stress/moving.sh");
/// What the script says that is moved, whatever happens to it.
const MOVING_SAYS: &str = "0 steps were wrong";

/// How much work the tests do.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Size {
    /// RSA keys, about.
    pub keys: u32,
    /// How many times the smallest amount of everything else.
    pub scale: u32,
}

/// How one run of one test went.
#[derive(Debug, Clone, Serialize)]
pub struct Run {
    pub seconds: f64,
    /// It printed what it printed at home, and ended so. The run at home itself: it succeeded.
    pub equal: bool,
    /// Standard output and how it ended.
    pub said: String,
    /// Standard error: nothing, or what was in the way.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub complaints: String,
}

/// What became of the script that is moved.
#[derive(Debug, Default, Clone, Serialize)]
pub struct Moving {
    /// How often it has moved.
    pub moves: u64,
    /// What it was told when it could not.
    pub refused: Vec<String>,
    pub steps: u64,
    pub right: bool,
    pub said: String,
}

/// Where the tests run.
pub struct Stress<'a> {
    cluster: &'a Cluster,
    size: Size,
}

impl<'a> Stress<'a> {
    /// Takes a cluster whose nodes have joined. Node 1 has this machine's files.
    pub fn new(cluster: &'a Cluster, size: Size) -> Result<Self> {
        let home = cluster.node(1);
        home.write("/tmp/portfolio.pl", PORTFOLIO)?;
        home.write("/tmp/moving.sh", MOVING)?;
        for test in &ALL {
            home.write(&format!("/tmp/{}.sh", test.name), test.script)?;
        }
        home.sh("ln -sfn /proc/self/fd /dev/fd")?;
        Ok(Stress { cluster, size })
    }

    fn home(&self) -> &Node {
        self.cluster.node(1)
    }

    /// Runs one test with nothing else, at home.
    pub fn at_home(&self, test: &Test) -> Result<Run> {
        let (seconds, output) = self.run(test, false)?;
        let mut run = told(seconds, &output);
        run.equal = output.status.success();
        Ok(run)
    }

    /// Runs all tests at once, with balancing, while a script is moved at an interval. `ended` hears of each.
    pub fn together(
        &self,
        at_home: &[Run],
        every: Duration,
        ended: impl Fn(usize, &Run) + Sync,
    ) -> Result<(Vec<Run>, Moving)> {
        self.cluster.nodes().iter().try_for_each(|node| node.balance(true))?;
        let over = AtomicBool::new(false);
        let (runs, moving) = thread::scope(|scope| {
            let moving = scope.spawn(|| self.moving(every, &over));
            let tests: Vec<_> = ALL
                .iter()
                .enumerate()
                .map(|(index, test)| {
                    let ended = &ended;
                    scope.spawn(move || -> Result<Run> {
                        let (seconds, output) = self.run(test, true)?;
                        let mut run = told(seconds, &output);
                        run.equal = run.said == at_home[index].said;
                        ended(index, &run);
                        Ok(run)
                    })
                })
                .collect();
            let runs: Result<Vec<Run>> =
                tests.into_iter().map(|test| test.join().expect("a test's thread panicked")).collect();
            over.store(true, Ordering::Relaxed);
            (runs, moving.join().expect("the mover's thread panicked"))
        });
        self.cluster.nodes().iter().try_for_each(|node| node.balance(false))?;
        for node in self.cluster.nodes() {
            ensure!(
                self.home().run(&format!("omctl mosctl isup {}", node.id()))?.status.success(),
                "node {} is not up any more",
                node.id()
            );
        }
        Ok((runs?, moving?))
    }

    fn run(&self, test: &Test, away: bool) -> Result<(f64, Output)> {
        let directory = format!("/tmp/work.{}", test.name);
        self.home().sh(&format!("rm -rf {directory} && mkdir {directory}"))?;
        let begun = Instant::now();
        let output = self
            .home()
            .command(&["bash", &format!("/tmp/{}.sh", test.name)])
            .cwd(&directory)
            .env("LC_ALL", "C")
            .env("AWAY", if away { "1" } else { "0" })
            .env("CPUS", &self.cluster.nodes().len().to_string())
            .env("KEYS", &self.size.keys.to_string())
            .env("SCALE", &self.size.scale.to_string())
            .time_limit(LIFE)
            .run()
            .with_context(|| format!("test {}", test.name))?;
        let seconds = begun.elapsed().as_secs_f64();
        self.home().sh(&format!("rm -rf {directory}"))?;
        Ok((seconds, output))
    }

    /// Moves a script from node to node until the tests are over.
    fn moving(&self, every: Duration, over: &AtomicBool) -> Result<Moving> {
        let home = self.home();
        home.sh("rm -rf /tmp/work.moving && mkdir /tmp/work.moving")?;
        let command = home.command(&["bash", "/tmp/moving.sh"]).cwd("/tmp/work.moving").env("LC_ALL", "C");
        let process = command.time_limit(LIFE).spawn()?;
        let mut moving = Moving::default();
        let stations: Vec<Destination> =
            (2..=self.cluster.nodes().len() as NodeId).map(to).chain([HOME]).collect();
        let mut next = stations.iter().cycle();
        while !over.load(Ordering::Relaxed) && process.status().is_none() {
            let output = home.try_migrate(process.pid(), *next.next().expect("a cycle"))?;
            if !output.status.success() {
                moving.refused.push(output.error_text());
            }
            let until = Instant::now() + every;
            while Instant::now() < until && !over.load(Ordering::Relaxed) {
                thread::sleep(Duration::from_millis(100));
            }
        }
        moving.moves = home.moves_count(process.pid()).unwrap_or_default();
        home.write("/tmp/work.moving/stop", "")?;
        let run = told(0.0, &process.wait()?);
        moving.steps = home.read("/tmp/work.moving/steps").unwrap_or_default().trim().parse().unwrap_or(0);
        moving.right = run.said.starts_with(MOVING_SAYS) && run.said.ends_with("exit status 0");
        moving.said = run.said;
        Ok(moving)
    }

    /// How many processes each node's balancer has sent away so far.
    pub fn balanced(&self) -> Result<Vec<u64>> {
        let count = |node: &Node| -> Result<u64> {
            let text = node.read("/proc/hpc/info/balance")?;
            let line = text.lines().find_map(|line| line.strip_prefix("moved_out "));
            Ok(line.context("no `moved_out` in info/balance")?.trim().parse()?)
        };
        self.cluster.nodes().iter().map(count).collect()
    }
}

fn told(seconds: f64, output: &Output) -> Run {
    let said = format!("{}\n{}", output.text(), output.status);
    Run { seconds, equal: false, said, complaints: output.error_text() }
}
