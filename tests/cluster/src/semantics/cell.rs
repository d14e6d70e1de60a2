// SPDX-License-Identifier: GPL-2.0-only

//! Runs one program one way.

use std::{
    sync::mpsc::{self, Receiver, RecvTimeoutError},
    time::{Duration, Instant},
};

use anyhow::{ensure, Context, Result};
use nix::sys::signal::Signal;

use super::{state, Feature, Verdict, Way};
use crate::{
    openmosix::{to, Destination, HOME},
    protocol::{Status, Stream},
    Node, NodeId, Process,
};

/// How long a program may take in all, on a machine that has other things to do.
const LIFE: Duration = Duration::from_secs(60);
/// How long one that is moved to and fro works at least, and how often it is moved.
const LASTING_MS: &str = "1500";
const INTERVAL_MS: &str = "200";

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
    Point(u32),
    End,
    Passed,
    Failed(String),
    Skipped(String),
    Other(String),
}

impl Said {
    fn parse(line: &str) -> Said {
        let number = || line.strip_prefix("point ")?.parse().ok();
        match line {
            "ready" => Said::Ready,
            "end" => Said::End,
            "PASS" => Said::Passed,
            _ => match (number(), line.split_once(": ")) {
                (Some(number), _) => Said::Point(number),
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
    process: Process,
    lines: Receiver<String>,
    deadline: Instant,
    /// What it said of its end before it ended.
    verdict: Option<Said>,
    /// Why it was not where it was to be.
    reasons: Vec<String>,
}

pub(super) fn run(stage: &Stage, feature: &Feature, way: Way) -> Verdict {
    let result = match way {
        Way::AtHome => at_home(stage, feature),
        Way::StartedAway => started_away(stage, feature),
        Way::MovedAtPoints => moved_at_points(stage, feature),
        Way::ToAndFro => to_and_fro(stage, feature),
    };
    result.unwrap_or_else(|error| Verdict::Failed(format!("{error:#}")))
}

fn at_home(stage: &Stage, feature: &Feature) -> Result<Verdict> {
    let mut play = Play::start(stage, &[], feature, &["-t", "0"])?;
    while let Some(said) = play.listen()? {
        if said == Said::End {
            play.go_on()?;
        }
    }
    play.verdict()
}

fn started_away(stage: &Stage, feature: &Feature) -> Result<Verdict> {
    let position = stage.home.log_position()?;
    let mosrun = ["/usr/sbin/omctl", "mosrun", &stage.host.id().to_string()];
    let mut play = Play::start(stage, &mosrun, feature, &["-t", "0"])?;
    while let Some(said) = play.listen()? {
        if said == Said::End {
            play.look_back_at_start(position)?;
            play.go_on()?;
        }
    }
    play.verdict()
}

/// At each point it goes to the other side, and at the first there and back and there again, with looks at its
/// state in between.
fn moved_at_points(stage: &Stage, feature: &Feature) -> Result<Verdict> {
    let mut play = Play::start(stage, &[], feature, &[])?;
    let mut expected = 0;
    while let Some(said) = play.listen()? {
        match said {
            Said::Point(number) => {
                play.expect_at(expected)?;
                match number {
                    1 => play.move_and_compare()?,
                    2 if play.place()? != 0 => play.go_home_and_compare()?,
                    _ => play.go_to_other_side()?,
                }
                expected = play.place()?;
                play.go_on()?;
            }
            Said::End => {
                play.expect_at(expected)?;
                play.go_on()?;
            }
            _ => {}
        }
    }
    play.verdict()
}

fn to_and_fro(stage: &Stage, feature: &Feature) -> Result<Verdict> {
    let mut play = Play::start(stage, &[], feature, &["-t", LASTING_MS])?;
    let pid = play.process.pid().to_string();
    let mut shuttle = None;
    while let Some(said) = play.listen()? {
        match said {
            Said::Ready => {
                let host = stage.host.id().to_string();
                let mut command = vec!["/programs/shuttle", &pid, &host, INTERVAL_MS];
                command.extend(stage.children.then_some("children"));
                shuttle = Some(stage.home.command(&command).time_limit(LIFE).spawn()?);
            }
            Said::End => {
                let shuttle = shuttle.take().context("it was not ready before its end")?;
                shuttle.signal(Signal::SIGTERM)?;
                let output = shuttle.wait()?.expect_success()?.text();
                play.reasons.extend(reasons_of_shuttle(&output)?);
                play.go_on()?;
            }
            _ => {}
        }
    }
    play.verdict()
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

/// A reason of the module without what all of them begin with.
fn plain(reason: &str) -> String {
    reason.strip_prefix("it cannot leave: ").unwrap_or(reason).trim().into()
}

impl<'a> Play<'a> {
    fn start(
        stage: &'a Stage<'a>,
        by: &[&str],
        feature: &Feature,
        options: &[&str],
    ) -> Result<Play<'a>> {
        let path = format!("/programs/features/{}", feature.name);
        let words: Vec<&str> = by.iter().copied().chain([path.as_str()]).chain(options.iter().copied()).collect();
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
        let deadline = Instant::now() + crate::patient(LIFE);
        Ok(Play { stage, process, lines, deadline, verdict: None, reasons: Vec::new() })
    }

    /// What it says next, except its verdict, which is kept; nothing when it has ended.
    fn listen(&mut self) -> Result<Option<Said>> {
        loop {
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
                Err(RecvTimeoutError::Timeout) if Instant::now() < self.deadline => continue,
                Err(RecvTimeoutError::Timeout) => return Ok(None),
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
        let output = self.stage.home.command(&words).time_limit(LIFE).run()?;
        match output.status {
            Status::Code(0) => return Ok(true),
            Status::Code(1) => self.note(plain(&output.text())),
            _ => return Err(output.expect_success().err().context("no error")?),
        }
        Ok(false)
    }

    fn go_to_other_side(&mut self) -> Result<()> {
        let destination = if self.place()? == 0 { to(self.stage.host.id()) } else { HOME };
        self.go(destination).map(drop)
    }

    fn move_and_compare(&mut self) -> Result<()> {
        let (home, host) = (self.stage.home, self.stage.host);
        let before = state::take(home, self.pid(), false)?;
        if !self.go(to(host.id()))? {
            return Ok(());
        }
        let away = state::take(home, self.pid(), true)?;
        let mut differences: Vec<String> = state::changed(&before, &away, "away").into_iter().collect();
        differences.extend(state::guest_differs(&away, home, host, self.pid(), "after leaving")?);
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
        self.note(plain(reason.map_or("it was not moved, and nothing says why", |(_, reason)| reason)));
        Ok(())
    }

    /// Waits for its end and judges.
    fn verdict(self) -> Result<Verdict> {
        let said = self.verdict;
        let output = self.process.wait()?;
        let ended = output.status;
        Ok(match said {
            Some(Said::Passed) if ended.success() && self.reasons.is_empty() => Verdict::Pass,
            Some(Said::Passed) if ended.success() => Verdict::Home(self.reasons),
            Some(Said::Skipped(reason)) if ended == SKIPPED => Verdict::Skipped(reason),
            Some(Said::Failed(reason)) => Verdict::Failed(reason),
            _ => {
                let last = output.text().lines().last().unwrap_or_default().to_string();
                let error = output.error_text();
                let reasons = self.reasons.join(", ");
                let more: Vec<String> = [("last words", last), ("errors", error), ("reasons", reasons)]
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
        assert_eq!(Said::parse("point 12"), Said::Point(12));
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
