// SPDX-License-Identifier: GPL-2.0-only

//! What a process may do, and whether it may do it away: each program of `tests/programs/features`, four ways.
//!
//! A program says what it is about in its first comment, and speaks in lines (see `feature.h`).

use std::{fmt, fs, time::Duration};

use anyhow::{ensure, Context, Result};

use crate::artifacts;

mod cell;
pub mod document;
mod matrix;
mod state;

pub use matrix::{run, Outcome};

/// Where the sources are, below the project.
const SOURCES: &str = "tests/programs/features";

/// One program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Feature {
    pub group: String,
    pub name: String,
    /// What it does.
    pub what: String,
}

/// In the order of the document.
const GROUPS: [&str; 8] =
    ["life", "threads", "signals", "timers", "identity", "files", "memory", "processor"];

/// All programs, by group and name.
pub fn features() -> Result<Vec<Feature>> {
    let directory = artifacts::project().join(SOURCES);
    let mut features = Vec::new();
    for entry in fs::read_dir(&directory).with_context(|| format!("cannot read {}", directory.display()))? {
        let path = entry?.path();
        if path.extension().is_none_or(|extension| extension != "c") {
            continue;
        }
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let text = fs::read_to_string(&path)?;
        let feature = described(name, &text);
        features.push(feature.with_context(|| format!("{}: no `GROUP: what it does`", path.display()))?);
    }
    ensure!(!features.is_empty(), "no programs in {}", directory.display());
    let place = |feature: &Feature| GROUPS.iter().position(|group| *group == feature.group);
    features.sort_by(|a, b| (place(a), &a.name).cmp(&(place(b), &b.name)));
    Ok(features)
}

/// Reads the second line of a source, `/* GROUP: what it does */`.
fn described(name: String, source: &str) -> Option<Feature> {
    let comment = source.lines().nth(1)?.strip_prefix("/* ")?.strip_suffix(" */")?;
    let (group, what) = comment.split_once(": ")?;
    GROUPS.contains(&group).then(|| Feature { group: group.into(), name, what: what.into() })
}

impl fmt::Display for Feature {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{}/{}", self.group, self.name)
    }
}

/// How a program is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Way {
    AtHome,
    StartedAway,
    MovedAtPoints,
    ToAndFro,
}

impl Way {
    pub const ALL: [Way; 4] = [Way::AtHome, Way::StartedAway, Way::MovedAtPoints, Way::ToAndFro];
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.pad(match self {
            Way::AtHome => "at home",
            Way::StartedAway => "started away",
            Way::MovedAtPoints => "moved at points",
            Way::ToAndFro => "to and fro",
        })
    }
}

/// What became of a program one way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It passed and was where it was to be.
    Pass,
    /// It passed, but stayed at home or came home of itself, with the reasons.
    Home(Vec<String>),
    /// The nodes do not have what it shows.
    Skipped(String),
    Failed(String),
}

impl Verdict {
    /// One word for it.
    pub fn word(&self) -> &'static str {
        match self {
            Verdict::Pass => "pass",
            Verdict::Home(_) => "home",
            Verdict::Skipped(_) => "skip",
            Verdict::Failed(_) => "FAIL",
        }
    }

    /// What is to be said about it.
    pub fn remark(&self) -> String {
        match self {
            Verdict::Pass => String::new(),
            Verdict::Home(reasons) => reasons.join("; "),
            Verdict::Skipped(why) | Verdict::Failed(why) => why.clone(),
        }
    }
}

/// One program, one way, with the outcome.
#[derive(Debug, Clone)]
pub struct Cell {
    pub feature: Feature,
    pub way: Way,
    pub verdict: Verdict,
    pub took: Duration,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_program_says_what_it_does() {
        let features = features().unwrap();
        assert!(features.iter().any(|feature| feature.to_string() == "life/fork_wait"));
    }

    #[test]
    fn a_description_is_the_second_line() {
        let found = described("x".into(), "/* SPDX */\n/* files: pipes: all of them */\n").unwrap();
        assert_eq!((found.group.as_str(), found.what.as_str()), ("files", "pipes: all of them"));
        assert_eq!(described("x".into(), "/* SPDX */\n/* nowhere: nothing */\n"), None);
        assert_eq!(described("x".into(), "int main;\n"), None);
    }
}
