// SPDX-License-Identifier: GPL-2.0-only

//! Runs one program one way.

use std::{
    sync::mpsc::{self, Receiver, RecvTimeoutError},
    thread,
    time::{Duration, Instant},
};

use anyhow::{bail, ensure, Context, Result};
use nix::sys::signal::Signal;

use super::{state, Feature, Verdict, Way};
use crate::{
    openmosix::{to, Destination, HOME},
    protocol::{Status, Stream},
    Node, NodeId, Process,
};

/// How long a program may say nothing, on a machine that has other things to do.
const SILENCE: Duration = Duration::from_secs(45);
/// How long it may take in all. No program takes as long: this only bounds what is forgotten.
const LIFE: Duration = Duration::from_secs(400);
/// How long one move may take, and how long a program takes to end when it has said so.
const PROMPT: Duration = Duration::from_secs(45);
/// How often one is moved that goes to and fro, in milliseconds, and how many times: in the end it is away.
const INTERVAL_MS: &str = "200";
const TIMES: &str = "7";

/// The exit status of a program that has nothing to show here.
const SKIPPED: Status = Status::Code(77);

/// Where a program runs and where it is moved to.
pub(super) struct Stage<'a> {
    pub home: &'a Node,
    pub host: &'a Node,
    /// Move children along, to and fro.
    pub children: bool,
}

/// What a program says, a line each.
#[derive(Debug, PartialEq, Eq)]
enum Said {
    Ready,
    Point {
        number: u32,
        /// It stands still meanwhile.
        still: bool,
    },
    End,
    Passed,
    Failed(String),
    Skipped(String),
    Other(String),
}

impl Said {
    fn parse(line: &str) -> Said {
        let point = || {
            let (kind, number) = line.split_once(' ')?;
            let number = number.parse().ok()?;
            matches!(kind, "point" | "busy").then_some(Said::Point { number, still: kind == "point" })
        };
        match line {
            "ready" => Said::Ready,
            "end" => Said::End,
            "PASS" => Said::Passed,
            _ => match (point(), line.split_once(": ")) {
                (Some(point), _) => point,
                (None, Some(("FAIL", reason))) => Said::Failed(reason.into()),
                (None, Some(("SKIP", reason))) => Said::Skipped(reason.into()),
                _ => Said::Other(line.into()),
            },
        }
    }
}

/// A running program.
struct Play<'a> {
    stage: &'a Stage<'a>,
    name: String,
    process: Process,
    lines: Receiver<String>,
    /// Moves it to and fro; when it has ended, the program is told to end too.
    shuttle: Option<Process>,
    told: bool,
    /// What it said of its end before it ended.
    verdict: Option<Said>,
    /// Why it was not where it was to be.
    reasons: Vec<String>,
}

pub(super) fn run(stage: &Stage, feature: &Feature, way: Way) -> Verdict {
    attempt(stage, feature, way).unwrap_or_else(|error| Verdict::Failed(format!("{error:#}")))
}

fn attempt(stage: &Stage, feature: &Feature, way: Way) -> Result<Verdict> {
    let positions = [stage.home.log_position()?, stage.host.log_position()?];
    let host = stage.host.id().to_string();
    let mosrun = ["/usr/sbin/omctl", "mosrun", &host];
    let (by, options) = match way {
        Way::AtHome => (&[][..], &["-t", "0"][..]),
        Way::StartedAway => (&mosrun[..], &["-t", "0"][..]),
        Way::MovedAtPoints => (&[][..], &[][..]),
        Way::ToAndFro => (&[][..], &["-u"][..]),
    };
    let mut play = Play::start(stage, by, feature, options)?;
    let result = match way {
        Way::AtHome => play.at_home(),
        Way::StartedAway => play.started_away(positions[0]),
        Way::MovedAtPoints => play.moved_at_points(),
        Way::ToAndFro => play.commute(),
    };
    let verdict = match result.and_then(|()| play.verdict()) {
        Ok(Verdict::Failed(why)) => why,
        Ok(verdict) => return Ok(verdict),
        Err(error) => format!("{error:#}"),
    };
    play.kill()?;
    let messages = play.messages(positions)?;
    Ok(Verdict::Failed([verdict].into_iter().chain(messages).collect::<Vec<_>>().join("\n")))
}

/// What kept a process at home, by the report of `shuttle`.
fn reasons_of_shuttle(output: &str) -> Result<Vec<String>> {
    let mut reasons = Vec::new();
    let mut moved = 0;
    for line in output.lines() {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        match word {
            "moved" => moved = rest.parse().unwrap_or(0),
            "came" if rest != "0" => reasons.push(OF_ITSELF.into()),
            "refused" => reasons.push(plain(rest.split_once(' ').map_or("", |(_, reason)| reason))),
            _ => {}
        }
    }
    ensure!(moved >= 2 || !reasons.is_empty(), "it moved {moved} times, and nothing says why");
    Ok(reasons)
}

/// Why a process is at home that was not sent there.
const OF_ITSELF: &str = "it comes home for a call";

/// A reason of the module without what all of them begin with, and without a pid.
fn plain(reason: &str) -> String {
    let reason = reason.trim();
    let reason = reason.strip_prefix("it cannot leave: ").unwrap_or(reason);
    let reason = reason.split(" (kill -CONT").next().unwrap_or(reason);
    let (before, after) = reason.split_once("with pid ").unwrap_or((reason, ""));
    match after.split_once(' ') {
        Some((_, rest)) => format!("{before}with pid N {rest}"),
        None => reason.into(),
    }
}

/// Waits for the end of a program, and says what it printed; kills it when it takes too long. (Without the dump of
/// all tasks that `Process::wait` makes then: other programs run on the node.)
fn finish(process: &Process, limit: Duration) -> Result<(Status, String)> {
    let deadline = Instant::now() + crate::patient(limit);
    loop {
        if let Some(status) = process.status() {
            return Ok((status, process.stdout_so_far()));
        }
        ensure!(process.node().is_running(), "node {} is gone", process.node().id());
        if Instant::now() > deadline {
            process.signal_group(Signal::SIGKILL)?;
            bail!("not done after {limit:?}");
        }
        thread::sleep(Duration::from_millis(10));
    }
}

impl<'a> Play<'a> {
    fn start(stage: &'a Stage<'a>, by: &[&str], feature: &Feature, options: &[&str]) -> Result<Play<'a>> {
        let path = format!("/programs/features/{}", feature.name);
        let words: Vec<&str> =
            by.iter().copied().chain([path.as_str()]).chain(options.iter().copied()).collect();
        let (sender, lines) = mpsc::channel();
        let mut text = String::new();
        let listener = move |stream, data: &[u8]| {
            if stream == Stream::Stdout {
                text.push_str(&String::from_utf8_lossy(data));
                while let Some(end) = text.find('\n') {
                    // Fails when nobody listens any more, and then nothing is lost.
                    let _ = sender.send(text[..end].to_string());
                    text.drain(..=end);
                }
            }
        };
        let command = stage.home.command(&words).piped_input().time_limit(LIFE).listen(listener);
        let process = command.spawn()?;
        Ok(Play {
            stage,
            name: feature.name.clone(),
            process,
            lines,
            shuttle: None,
            told: false,
            verdict: None,
            reasons: Vec::new(),
        })
    }

    fn at_home(&mut self) -> Result<()> {
        while let Some(said) = self.listen()? {
            if said == Said::End {
                self.go_on()?;
            }
        }
        Ok(())
    }

    /// With the place in the kernel log from which on its move is told.
    fn started_away(&mut self, position: u64) -> Result<()> {
        while let Some(said) = self.listen()? {
            if said == Said::End {
                self.look_back_at_start(position)?;
                self.go_on()?;
            }
        }
        Ok(())
    }

    /// At each point it goes to the other side, and at the first there and back and there again, with looks at
    /// its state in between.
    fn moved_at_points(&mut self) -> Result<()> {
        let mut expected = 0;
        while let Some(said) = self.listen()? {
            match said {
                Said::Point { number, still } => {
                    self.expect_at(expected)?;
                    match number {
                        1 => self.move_and_compare(still)?,
                        2 if still && self.place()? != 0 => self.go_home_and_compare()?,
                        _ => self.go_to_other_side()?,
                    }
                    expected = self.place()?;
                    self.go_on()?;
                }
                Said::End => {
                    self.expect_at(expected)?;
                    self.go_on()?;
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn commute(&mut self) -> Result<()> {
        while let Some(said) = self.listen()? {
            match said {
                Said::Ready => {
                    let (pid, host) = (self.pid().to_string(), self.stage.host.id().to_string());
                    let mut command = vec!["/programs/shuttle", &pid, &host, INTERVAL_MS, TIMES];
                    command.extend(self.stage.children.then_some("children"));
                    self.shuttle = Some(self.stage.home.command(&command).time_limit(LIFE).spawn()?);
                }
                Said::End => {
                    let shuttle = self.shuttle.as_ref().context("it was not ready before its end")?;
                    if shuttle.status().is_none() {
                        shuttle.signal(Signal::SIGTERM)?;
                    }
                    let (status, output) = finish(shuttle, PROMPT).context("moving it to and fro")?;
                    ensure!(status.success(), "moving it to and fro: {status}");
                    self.reasons.extend(reasons_of_shuttle(&output)?);
                    self.go_on()?;
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// What it says next, except its verdict, which is kept; nothing when it has ended.
    fn listen(&mut self) -> Result<Option<Said>> {
        let mut deadline = Instant::now() + crate::patient(SILENCE);
        let mut moves = 0;
        loop {
            if !self.told && self.shuttle.as_ref().is_some_and(|shuttle| shuttle.status().is_some()) {
                self.told = true;
                self.go_on()?;
            }
            let line = match self.lines.recv_timeout(Duration::from_millis(20)) {
                Ok(line) => line,
                Err(RecvTimeoutError::Disconnected) => return Ok(None),
                Err(RecvTimeoutError::Timeout) if self.process.status().is_some() => {
                    // Its last words came before the news of its end.
                    match self.lines.try_recv() {
                        Ok(line) => line,
                        Err(_) => return Ok(None),
                    }
                }
                Err(RecvTimeoutError::Timeout) if Instant::now() < deadline => continue,
                // A large one is mostly on its way: as long as it arrives, it goes on.
                Err(RecvTimeoutError::Timeout) if self.travels(&mut moves) => {
                    deadline = Instant::now() + crate::patient(SILENCE);
                    continue;
                }
                Err(RecvTimeoutError::Timeout) => bail!("it does not go on{}", self.stacks()),
            };
            match Said::parse(&line) {
                // The first to fail knows best.
                said @ (Said::Passed | Said::Failed(_) | Said::Skipped(_)) => {
                    self.verdict.get_or_insert(said);
                }
                said => return Ok(Some(said)),
            }
        }
    }

    /// Whether it is moved to and fro, and has moved more than so many times; how often now.
    fn travels(&self, moves: &mut u64) -> bool {
        let before = *moves;
        *moves = self.stage.home.moves_count(self.pid()).unwrap_or(0);
        self.shuttle.is_some() && *moves > before
    }

    /// Gives it a line.
    fn go_on(&self) -> Result<()> {
        self.process.write(b"\n")
    }

    fn pid(&self) -> i32 {
        self.process.pid()
    }

    fn place(&self) -> Result<NodeId> {
        self.stage.home.where_is(self.pid())
    }

    /// Notes if it is not where it was left.
    fn expect_at(&mut self, expected: NodeId) -> Result<()> {
        let place = self.place()?;
        if place == expected {
            return Ok(());
        }
        ensure!(place == 0, "it is at node {place} and was left at {expected}");
        self.note_coming_home()
    }

    /// Notes that it came home of itself, and what keeps it there now.
    fn note_coming_home(&mut self) -> Result<()> {
        let now = self.stage.home.cantmove(self.pid())?;
        self.note(if now.is_empty() { OF_ITSELF.into() } else { now.join(", ") });
        Ok(())
    }

    fn note(&mut self, reason: String) {
        if !self.reasons.contains(&reason) {
            self.reasons.push(reason);
        }
    }

    /// Moves it; if it does not go, notes why and says `false`.
    fn go(&mut self, to: Destination) -> Result<bool> {
        let words = ["/programs/shuttle", &self.pid().to_string(), &to.to_string()];
        let moving = self.stage.home.command(&words).time_limit(LIFE).spawn()?;
        let (status, output) = match finish(&moving, PROMPT) {
            Ok(done) => done,
            Err(error) => bail!("moving it to {to}: {error:#}{}", self.stacks()),
        };
        match status {
            Status::Code(0) => return Ok(true),
            Status::Code(1) => self.note(plain(&output)),
            _ => bail!("moving it to {to}: {status}"),
        }
        Ok(false)
    }

    fn go_to_other_side(&mut self) -> Result<()> {
        let destination = if self.place()? == 0 { to(self.stage.host.id()) } else { HOME };
        self.go(destination).map(drop)
    }

    fn move_and_compare(&mut self, still: bool) -> Result<()> {
        let (home, host) = (self.stage.home, self.stage.host);
        let before = state::take(home, self.pid(), false)?;
        if !self.go(to(host.id()))? {
            return Ok(());
        }
        if !still {
            ensure!(self.go(HOME)?, "it cannot come home: {:?}", self.reasons);
            return self.go(to(host.id())).map(drop);
        }
        let away = state::take(home, self.pid(), true)?;
        let mut differences: Vec<String> = state::changed(&before, &away, "away").into_iter().collect();
        let guest = state::guest_differs(&away, home, host, self.pid(), "after leaving")?;
        if self.place()? == 0 {
            return self.note_coming_home();
        }
        differences.extend(guest);
        ensure!(self.go(HOME)?, "it cannot come home: {:?}", self.reasons);
        let after = state::take(home, self.pid(), false)?;
        differences.extend(state::changed(&before, &after, "home again"));
        ensure!(differences.is_empty(), "the state differs, {}", differences.join("; "));
        self.go(to(host.id())).map(drop)
    }

    fn go_home_and_compare(&mut self) -> Result<()> {
        let (home, host) = (self.stage.home, self.stage.host);
        let away = state::take(home, self.pid(), true)?;
        let mut differences: Vec<String> = Vec::new();
        differences.extend(state::guest_differs(&away, home, host, self.pid(), "after work away")?);
        ensure!(self.go(HOME)?, "it cannot come home: {:?}", self.reasons);
        let after = state::take(home, self.pid(), true)?;
        differences.extend(state::changed(&away, &after, "home after work away"));
        ensure!(differences.is_empty(), "the state differs, {}", differences.join("; "));
        Ok(())
    }

    /// Whether it went away when it started, and is still there.
    fn look_back_at_start(&mut self, position: u64) -> Result<()> {
        if self.place()? != 0 {
            return Ok(());
        }
        if self.stage.home.moves_count(self.pid())? > 0 {
            return self.note_coming_home();
        }
        let log = self.stage.home.kernel_log_from(position)?;
        let stays = format!("pid {} stays: ", self.pid());
        let reason = log.text.lines().find_map(|line| line.split_once(&stays));
        let said = self.process.stderr_so_far();
        let (_, reason) = reason.with_context(|| format!("it was not moved, and the kernel log does not say why: {said}"))?;
        self.note(plain(reason));
        Ok(())
    }

    /// Where its threads are in the kernel, at home and at the host.
    fn stacks(&self) -> String {
        const SCRIPT: &str = r#"
            show() { for task in /proc/$1/task/*; do
                read -r name < $task/comm; echo "$task $name: $(cat $task/syscall)"; cat $task/stack
            done; }
            if [ $WHERE = home ]; then show $PID; fi
            for guest in /proc/hpc/remote/[0-9]*; do
                read -r who < $guest/identity
                case $who in "node $WHERE pid $PID "*) echo "guest of $who:"; show ${guest##*/};; esac
            done"#;
        let mut text = String::from("; its threads:");
        for (node, place) in
            [(self.stage.home, "home".to_string()), (self.stage.host, self.stage.home.id().to_string())]
        {
            let pid = self.pid().to_string();
            let shown = node.shell(SCRIPT).env("PID", &pid).env("WHERE", &place).spawn();
            let output = shown.and_then(|process| finish(&process, PROMPT));
            text.push_str(
                &output.map_or_else(|error| format!("\n{error:#}"), |(_, text)| format!("\n{}", text.trim())),
            );
        }
        text
    }

    /// Ends it, if it has not ended. That one cannot be killed is a complaint.
    fn kill(&self) -> Result<()> {
        for process in [Some(&self.process), self.shuttle.as_ref()].into_iter().flatten() {
            // To all it has started, if it has ended itself.
            let _ = process.signal_group(Signal::SIGKILL);
            if finish(process, PROMPT).is_err() {
                process.node().note(&format!(
                    "pid {} does not die of SIGKILL{}",
                    process.pid(),
                    self.stacks()
                ))?;
            }
        }
        Ok(())
    }

    /// What the kernels have said of it.
    fn messages(&self, positions: [u64; 2]) -> Result<Vec<String>> {
        let name = format!("({:.15} of node", self.name);
        let pid = format!("pid {}", self.pid());
        let mut messages = Vec::new();
        for (node, position) in [self.stage.home, self.stage.host].into_iter().zip(positions) {
            let log = node.kernel_log_from(position)?;
            let about = |line: &&str| {
                let number = line.split_once(&pid).map_or("0", |(_, rest)| rest);
                line.contains("openmosix: ")
                    && (line.contains(&name) || !number.starts_with(|c: char| c.is_ascii_digit()))
            };
            messages.extend(log.text.lines().filter(about).map(|line| format!("node {}: {line}", node.id())));
        }
        Ok(messages)
    }

    /// Waits for its end and judges.
    fn verdict(&mut self) -> Result<Verdict> {
        let (ended, output) = finish(&self.process, PROMPT).context("it does not end")?;
        let reasons = std::mem::take(&mut self.reasons);
        Ok(match self.verdict.take() {
            Some(Said::Passed) if ended.success() && reasons.is_empty() => Verdict::Pass,
            Some(Said::Passed) if ended.success() => Verdict::Home(reasons),
            Some(Said::Skipped(reason)) if ended == SKIPPED => Verdict::Skipped(reason),
            Some(Said::Failed(reason)) => Verdict::Failed(reason),
            _ => {
                let last = output.lines().last().unwrap_or_default().to_string();
                let error = self.process.stderr_so_far().trim().to_string();
                let more: Vec<String> =
                    [("last words", last), ("errors", error), ("reasons", reasons.join(", "))]
                        .into_iter()
                        .filter(|(_, text)| !text.is_empty())
                        .map(|(what, text)| format!("{what}: {text}"))
                        .collect();
                Verdict::Failed(format!("no verdict, {ended}; {}", more.join("; ")))
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_understood() {
        assert_eq!(Said::parse("point 12"), Said::Point { number: 12, still: true });
        assert_eq!(Said::parse("busy 1"), Said::Point { number: 1, still: false });
        assert_eq!(Said::parse("FAIL: round 1: no: nothing"), Said::Failed("round 1: no: nothing".into()));
        assert_eq!(Said::parse("SKIP: not here"), Said::Skipped("not here".into()));
        assert_eq!(Said::parse("pointless"), Said::Other("pointless".into()));
        assert_eq!(Said::parse("end"), Said::End);
    }

    #[test]
    fn a_shuttle_tells_why() {
        assert_eq!(reasons_of_shuttle("moved 7\ncame 0\nchildren 2\n").unwrap(), Vec::<String>::new());
        let told = reasons_of_shuttle("moved 1\ncame 1\nrefused 3 it cannot leave: it has wings\n").unwrap();
        assert_eq!(told, [OF_ITSELF, "it has wings"]);
        assert!(reasons_of_shuttle("moved 1\ncame 0\n").is_err());
    }
}
