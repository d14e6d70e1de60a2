// SPDX-License-Identifier: GPL-2.0-only

//! The self-checking programs of `tests/programs`, run in a node.

use std::{
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use anyhow::{bail, ensure, Context, Result};
use nix::sys::signal::Signal;

use crate::{client::Command, Node, Output, Process};

/// How long a program may run in all; no scenario wants more.
const LIFE: Duration = Duration::from_secs(600);
/// How long a round or two may take: a slow round is no error, a standstill is.
const ROUND: Duration = Duration::from_secs(90);

/// A running program that counts its rounds in a file and ends when it is told to (see `program.h`).
pub struct Program {
    process: Process,
    progress: String,
}

impl Program {
    /// Starts a program of `tests/programs`, such as `memsum -m 16`, and waits for its first round.
    pub fn start(node: &Node, command: &str) -> Result<Program> {
        Self::start_by(node, "exec", command, |command| command)
    }

    /// The same by another command, such as `exec omctl mosrun 2`, and with something more to be set.
    pub fn start_by(
        node: &Node,
        by: &str,
        command: &str,
        set: impl FnOnce(Command) -> Command,
    ) -> Result<Program> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let progress = format!("/tmp/progress.{}", NEXT.fetch_add(1, Ordering::Relaxed));
        let (name, arguments) = command.split_once(' ').unwrap_or((command, ""));
        let script = format!("{by} /programs/{name} -p {progress} {arguments}");
        let process = set(node.shell(&script).time_limit(LIFE)).spawn()?;
        let program = Program { process, progress };
        program.advance(1)?;
        Ok(program)
    }

    pub fn pid(&self) -> i32 {
        self.process.pid()
    }

    pub fn node(&self) -> &Node {
        self.process.node()
    }

    /// The file that counts its rounds.
    pub fn progress(&self) -> &str {
        &self.progress
    }

    pub fn process(&self) -> &Process {
        &self.process
    }

    /// How many rounds it has done.
    pub fn rounds(&self) -> Result<u64> {
        // Not there before the first round, and empty for a moment when it is made.
        Ok(self.node().read(&self.progress).unwrap_or_default().trim().parse().unwrap_or(0))
    }

    /// Waits until it has done so many more rounds.
    pub fn advance(&self, rounds: u64) -> Result<()> {
        let wanted = self.rounds()? + rounds;
        let what = format!("`{}` goes on to round {wanted}", self.progress);
        self.node().wait_until(&what, ROUND, || {
            if let Some(status) = self.process.status() {
                let said = self.process.stdout_so_far();
                bail!("the program ended too early ({status}): {said} {}", self.process.stderr_so_far());
            }
            Ok(self.rounds()? >= wanted)
        })
    }

    /// Tells it to end after the current round; how it ends.
    pub fn stop(self) -> Result<Output> {
        self.node().write(&format!("{}.stop", self.progress), "")?;
        self.process.wait()
    }

    /// Tells it to end, and to have found nothing wrong.
    pub fn finish(self) -> Result<()> {
        let pid = self.pid();
        passed(self.stop()?).with_context(|| format!("pid {pid}"))
    }

    /// Ends it by SIGKILL and waits for that.
    pub fn kill(self) -> Result<()> {
        self.process.signal(Signal::SIGKILL)?;
        self.process.wait().map(drop)
    }

    pub fn into_process(self) -> Process {
        self.process
    }
}

/// Fails unless a program ended with `PASS`.
pub fn passed(output: Output) -> Result<()> {
    let output = output.expect_success()?;
    ensure!(output.text().ends_with("PASS"), "did not pass: {output}");
    Ok(())
}
