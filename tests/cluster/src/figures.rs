// SPDX-License-Identifier: GPL-2.0-only

//! What is measured, and how it is told: lines for people, JSON for scripts, and one file a group in `target/bench`.
//!
//! Every figure is a ratio of two things measured in one run on the same nodes; absolute times are those of emulated
//! processors. What else this machine had to do meanwhile stands in the file, since it decides what the figure is worth.

use std::{fs, path::PathBuf};

use anyhow::{Context, Result};
use serde::Serialize;

use crate::artifacts;

/// One ratio.
#[derive(Debug, Clone, Serialize)]
pub struct Figure {
    pub what: String,
    /// Of `measured` and `base`.
    pub unit: &'static str,
    /// The medians of the samples.
    pub measured: f64,
    pub base: f64,
    /// What `base` is.
    pub base_is: String,
    /// `measured / base`.
    pub ratio: f64,
    /// What the ratio should be, in words.
    pub aim: &'static str,
    pub measured_samples: Vec<f64>,
    pub base_samples: Vec<f64>,
    /// What one must know to read it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

impl Figure {
    /// # Panics
    /// Without samples.
    pub fn new(what: impl Into<String>, unit: &'static str, measured: Vec<f64>, base: Vec<f64>) -> Figure {
        let (m, b) = (median(&measured), median(&base));
        Figure {
            what: what.into(),
            unit,
            measured: m,
            base: b,
            base_is: String::new(),
            ratio: m / b,
            aim: "-",
            measured_samples: measured,
            base_samples: base,
            notes: Vec::new(),
        }
    }

    pub fn base_is(mut self, what: impl Into<String>) -> Self {
        self.base_is = what.into();
        self
    }

    pub fn aim(mut self, aim: &'static str) -> Self {
        self.aim = aim;
        self
    }

    pub fn note(mut self, note: impl Into<String>) -> Self {
        self.notes.push(note.into());
        self
    }
}

/// What belongs together, and becomes one file.
#[derive(Serialize)]
pub struct Group {
    pub group: String,
    /// `tcg` or `kvm`.
    pub accelerator: String,
    /// Of this machine.
    processors: usize,
    /// What this machine had to do, as `/proc/loadavg` says, before and after; the nodes' own work is in the second.
    load_before: String,
    load_after: String,
    pub figures: Vec<Figure>,
}

impl Group {
    /// To be made before the measurements.
    pub fn begin(group: &str) -> Group {
        Group {
            group: group.into(),
            accelerator: String::new(),
            processors: std::thread::available_parallelism().map_or(1, usize::from),
            load_before: load_average(),
            load_after: String::new(),
            figures: Vec::new(),
        }
    }

    /// Prints the figures and writes the group's file.
    pub fn end(mut self, json: bool) -> Result<()> {
        self.load_after = load_average();
        for figure in &self.figures {
            if json {
                println!("{}", serde_json::to_string(figure)?);
                continue;
            }
            let Figure { what, unit, measured, base, base_is, ratio, aim, .. } = figure;
            println!(
                "{what}: {measured:.1} {unit}; {base_is}: {base:.1} {unit}; ratio {ratio:.2} (aim {aim})"
            );
            for note in &figure.notes {
                println!("    {note}");
            }
        }
        let directory = directory();
        fs::create_dir_all(&directory).with_context(|| format!("cannot create {}", directory.display()))?;
        let path = directory.join(format!("{}.json", self.group));
        fs::write(&path, serde_json::to_string_pretty(&self)? + "\n")
            .with_context(|| format!("cannot write {}", path.display()))
    }
}

/// Where the files go.
pub fn directory() -> PathBuf {
    artifacts::project().join("target/bench")
}

/// The load averages of this machine over 1, 5 and 15 minutes.
pub fn load_average() -> String {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split_whitespace().take(3).collect::<Vec<_>>().join(" ")
}

/// # Panics
/// Without values.
pub fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[sorted.len() / 2]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ratio_of_medians() {
        let figure = Figure::new("x", "s", vec![9.0, 2.0, 4.0], vec![2.0, 1.0, 90.0]);
        assert_eq!((figure.measured, figure.base, figure.ratio), (4.0, 2.0, 2.0));
    }
}
