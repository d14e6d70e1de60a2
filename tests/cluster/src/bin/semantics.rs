// SPDX-License-Identifier: GPL-2.0-only

//! Runs the feature programs at home, away and on the move, and writes what came of it into docs/semantics.md.

use std::{
    fs,
    path::PathBuf,
    process::ExitCode,
    time::{Duration, Instant},
};

use anyhow::{ensure, Context, Result};
use clap::Parser;
use cluster::{
    artifacts,
    semantics::{self, document, Cell, Feature, Outcome, Verdict, Way},
};

/// Runs each feature program at home, started away, moved at the points it announces, and moved to and fro, on
/// two QEMU nodes. The exit status is 1 if one of them fails.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// Run only the features whose name, `group/name`, contains one of these words
    names: Vec<String>,
    /// Print the names and run nothing
    #[arg(long)]
    list: bool,
    /// Only some of the ways, by their first letters: h (at home), a (away), p (at points), t (to and fro)
    #[arg(long, value_name = "LETTERS")]
    ways: Option<String>,
    /// Run each so often
    #[arg(long, default_value_t = 1, value_name = "N")]
    repeat: usize,
    /// Do not move children along when a program goes to and fro
    #[arg(long)]
    leave_children: bool,
    /// Write docs/semantics.md (of all features and ways)
    #[arg(long)]
    write_docs: bool,
    /// Where to keep the kernel logs
    #[arg(long, value_name = "DIR", default_value_os_t = artifacts::project().join("target/semantics-logs"))]
    logs: PathBuf,
}

fn main() -> ExitCode {
    match execute(&Arguments::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("semantics: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Whether none failed.
fn execute(arguments: &Arguments) -> Result<bool> {
    let mut features = semantics::features()?;
    if !arguments.names.is_empty() {
        let chosen = |feature: &Feature| {
            let name = feature.to_string();
            arguments.names.iter().any(|word| name.contains(word.as_str()))
        };
        features.retain(chosen);
        ensure!(!features.is_empty(), "no feature has such a name; see --list");
    }
    if arguments.list {
        for feature in &features {
            println!("{feature}  {}", feature.what);
        }
        return Ok(true);
    }
    let ways = ways(arguments.ways.as_deref())?;
    let all = arguments.names.is_empty() && ways == Way::ALL && arguments.repeat == 1;
    let features: Vec<Feature> = std::iter::repeat_n(features, arguments.repeat).flatten().collect();
    ensure!(all || !arguments.write_docs, "--write-docs wants all features and ways, once");
    // Logs of former runs only confuse.
    let _ = fs::remove_dir_all(&arguments.logs);
    let started = Instant::now();
    let Outcome { cells, complaints } =
        semantics::run(&features, &ways, !arguments.leave_children, &arguments.logs, &mut show)?;
    for complaint in &complaints {
        println!("complaint {complaint}");
    }
    summarise(&cells, started.elapsed());
    if arguments.write_docs {
        let path = artifacts::project().join("docs/semantics.md");
        fs::write(&path, document::write(&features, &cells))
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(complaints.is_empty() && !cells.iter().any(|cell| matches!(cell.verdict, Verdict::Failed(_))))
}

fn ways(letters: Option<&str>) -> Result<Vec<Way>> {
    let Some(letters) = letters else { return Ok(Way::ALL.to_vec()) };
    ensure!(letters.chars().all(|letter| "hapt".contains(letter)), "--ways wants letters of h, a, p, t");
    let wanted = |(_, letter): &(Way, char)| letters.contains(*letter);
    Ok(Way::ALL.into_iter().zip("hapt".chars()).filter(wanted).map(|(way, _)| way).collect())
}

fn show(cell: &Cell) {
    let remark = cell.verdict.remark().replace('\n', "\n      ");
    let name = format!("{}, {}", cell.feature, cell.way);
    println!("{}  {name:<50} {:4.1} s  {remark}", cell.verdict.word(), cell.took.as_secs_f32());
}

fn summarise(cells: &[Cell], took: Duration) {
    for way in Way::ALL {
        let of_way: Vec<&Cell> = cells.iter().filter(|cell| cell.way == way).collect();
        let count = |word| of_way.iter().filter(|cell| cell.verdict.word() == word).count();
        if !of_way.is_empty() {
            println!(
                "{way:<16} {:3} pass, {:3} home, {:2} skipped, {:3} failed",
                count("pass"),
                count("home"),
                count("skip"),
                count("FAIL")
            );
        }
    }
    let failed: Vec<&Cell> = cells.iter().filter(|cell| cell.verdict.word() == "FAIL").collect();
    for cell in &failed {
        println!("failed: {}, {}", cell.feature, cell.way);
    }
    println!("{} cells took {:.0} s, {} failed", cells.len(), took.as_secs_f32(), failed.len());
}
