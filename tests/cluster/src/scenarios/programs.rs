// SPDX-License-Identifier: GPL-2.0-only

//! Programs of the distribution do away, and while they are moved, what they do at home.
//!
//! Each script of `programs/` runs three times, in an empty directory: at home, moved to and fro with all that it starts, and started
//! away; this last of those that take long is a scenario of its own (`NAME-away`), one of the long ones. What a script prints
//! and how it ends must be the same, letter by letter.

use std::time::{Duration, Instant};

use anyhow::{ensure, Context, Result};
use similar::TextDiff;

use crate::{
    protocol::Status,
    scenario::{shared, Scenario},
    Cluster,
};

/// Those that make or start so much that they take long where each call is a message.
const BUSY: [&str; 9] =
    ["make", "openssl", "redis", "nginx", "postgres", "ffmpeg", "octave", "java", "python-tests"];

const SCRIPTS: [(&str, &str); 15] = [
    ("bash", include_str!("programs/bash.sh")),
    ("make", include_str!("programs/make.sh")),
    ("sqlite", include_str!("programs/sqlite.sh")),
    ("sqlite-wal", include_str!("programs/sqlite-wal.sh")),
    ("perl", include_str!("programs/perl.sh")),
    ("openssl", include_str!("programs/openssl.sh")),
    ("redis", include_str!("programs/redis.sh")),
    ("nginx", include_str!("programs/nginx.sh")),
    ("postgres", include_str!("programs/postgres.sh")),
    ("ffmpeg", include_str!("programs/ffmpeg.sh")),
    ("octave", include_str!("programs/octave.sh")),
    ("go", "exec /programs/runtimes/work-go"),
    ("java", "exec java -cp /programs/runtimes Work"),
    ("node", "exec node /programs/runtimes/work.js"),
    ("python-tests", PYTHON_TESTS),
];

/// Some of the tests that Python has of itself, with what became of each.
const PYTHON_TESTS: &str = concat!(
    "python3 - test_popen test_wait4 test_fcntl 2>errors <<'END'\n",
    include_str!("programs/unittests.py"),
    "END\n"
);

/// How long one run may take, on a machine that has other things to do.
const LIFE: Duration = Duration::from_secs(180);
/// How often each process is moved that goes to and fro, in milliseconds.
const INTERVAL_MS: u32 = 200;

/// Where a script runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    AtHome,
    StartedAway,
    ToAndFro,
}

pub fn all() -> Vec<Scenario> {
    let scenario = |name: &str, script: &'static str, ways: &'static [Way]| {
        shared(format!("programs/{name}"), move |cluster| compare(cluster, script, ways))
    };
    let mut all = Vec::new();
    for (name, script) in SCRIPTS {
        if BUSY.contains(&name) {
            all.push(scenario(name, script, &[Way::ToAndFro]));
            all.push(scenario(&format!("{name}-away"), script, &[Way::StartedAway]).long());
        } else {
            all.push(scenario(name, script, &[Way::StartedAway, Way::ToAndFro]));
        }
    }
    all
}

fn compare(cluster: &Cluster, script: &str, ways: &[Way]) -> Result<()> {
    cluster.node(1).write("/tmp/script", script)?;
    let at_home = run(cluster, Way::AtHome)?;
    for way in ways {
        let found = run(cluster, *way)?;
        ensure!(found == at_home, "{}", difference(&at_home, &found, *way));
    }
    Ok(())
}

/// The lines in which the two differ, with their neighbours.
fn difference(at_home: &str, found: &str, way: Way) -> String {
    let diff = TextDiff::from_lines(at_home, found);
    diff.unified_diff().context_radius(2).header("AtHome", &format!("{way:?}")).to_string()
}

/// What the script prints, and how it ends.
fn run(cluster: &Cluster, way: Way) -> Result<String> {
    let home = cluster.node(1);
    home.sh("rm -rf /tmp/work; mkdir /tmp/work; ln -sfn /proc/self/fd /dev/fd")?;
    let interval = if way == Way::ToAndFro { INTERVAL_MS } else { 0 };
    let by = if way == Way::StartedAway { "omctl mosrun 2 " } else { "" };
    let command = format!(
        "exec /programs/stir /tmp/report 2 {interval} {by}bash -c \
         'cat /proc/hpc/pids/self/where >/tmp/where; exec bash /tmp/script' 2>&1"
    );
    let run = home.shell(&command).cwd("/tmp/work").env("LC_ALL", "C").time_limit(LIFE);
    let started = Instant::now();
    let output = run.run().with_context(|| format!("{way:?}"))?;
    // In the log, for whoever wonders where the time goes.
    home.note(&format!("{way:?}: {:.1} s", started.elapsed().as_secs_f32()))?;
    ensure!(output.status != Status::TimedOut, "{way:?}: timed out; so far it said:\n{}", output.text());
    let node = home.read("/tmp/where")?.trim().to_string();
    let report = home.read("/tmp/report")?;
    match way {
        Way::AtHome => {}
        Way::StartedAway => ensure!(node == "2", "it was started at {node}"),
        Way::ToAndFro => ensure!(moves(&report)? >= 2, "it did not move: {report}"),
    }
    Ok(format!("{}\n{}", output.text(), output.status))
}

/// How often the processes moved, by the report of `stir`.
fn moves(report: &str) -> Result<u32> {
    let count = report.lines().find_map(|line| line.strip_prefix("moved ")).context("no report")?;
    Ok(count.parse()?)
}
