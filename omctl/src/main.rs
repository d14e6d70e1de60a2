// SPDX-License-Identifier: GPL-2.0-only

//! `omctl`: the tools of openMosix in one binary.
//!
//! Called by one of the old names (`setpe`, `mosctl`, `migrate`, `mosrun`, `mps`, `runon` …) it acts as that tool.
//! Each subcommand has a file of its own; what they share is the tree ([`hpc`]), failures and exit codes
//! ([`failure`]), and output ([`print`]).

mod cli;
mod docs;
mod doctor;
mod failure;
mod hpc;
mod keys;
mod machine;
mod migrate;
mod mosctl;
mod mosmon;
mod mosrun;
mod mtop;
mod omdiscd;
mod print;
mod processes;
mod ps;
mod screen;
mod setpe;
mod showmap;
mod status;
mod tune;
mod wish;

use std::ffi::OsString;
use std::io::Write;
use std::process::ExitCode;

use cli::{Cli, Command};
use failure::{Code, Failure};
use print::Report;

fn main() -> ExitCode {
    let (old, args) = cli::rewrite(std::env::args_os().collect::<Vec<OsString>>());
    let (name, Cli { command, json }) = cli::parse(args).unwrap_or_else(|error| error.exit());
    let tool = old.unwrap_or_else(|| format!("omctl {name}"));
    let code = match run(command, json) {
        Ok(report) => show(&report, json),
        Err(failure) => {
            failure.show(&tool, json);
            failure.code
        }
    };
    ExitCode::from(code as u8)
}

fn run(command: Command, json: bool) -> Result<Report, Failure> {
    match command {
        Command::Setpe(args) => setpe::run(&args, json),
        Command::Keygen(args) => keys::generate(&args, json),
        Command::Omdiscd(args) => omdiscd::run(&args, json),
        Command::Showmap => showmap::run(json),
        Command::Doctor(args) => doctor::run(&args, json),
        Command::Status => status::run(json),
        Command::Mosctl(args) => mosctl::run(&args, json),
        Command::Tune(args) => tune::run(&args, json),
        Command::TuneWorker => tune::worker::run(),
        Command::Mosmon(args) => mosmon::run(&args, json),
        Command::Migrate(args) => migrate::run(&args, json),
        Command::Where(args) => migrate::locate(&args, json),
        Command::Ps(args) => ps::run(&args, json),
        Command::Mtop(args) => mtop::run(&args, json),
        Command::Mosrun(args) => mosrun::run(args),
        Command::Runon(args) => mosrun::run_on(args),
        Command::Runhome(args) => mosrun::run_home(args),
        Command::Nomig(args) => mosrun::no_migration(args),
        Command::Cpujob(args) => mosrun::run_as(args, wish::Wish::cpu_job()),
        Command::Iojob(args) => mosrun::run_as(args, wish::Wish::io_job()),
        Command::Fastdecay(args) => mosrun::run_as(args, wish::Wish::decay(wish::Decay::Fast)),
        Command::Slowdecay(args) => mosrun::run_as(args, wish::Wish::decay(wish::Decay::Slow)),
        Command::Nodecay(args) => mosrun::run_as(args, wish::Wish::decay(wish::Decay::Never)),
        Command::Omsh(args) => mosrun::shell(args),
        Command::Man(args) => docs::man(&args),
        Command::Completions(args) => docs::completions(&args),
    }
}

/// Prints a report. A reader that went away (`omctl ps | head -1`) is no failure.
fn show(report: &Report, json: bool) -> Code {
    let mut out = std::io::stdout().lock();
    let text = if json && report.text.is_empty() { "{\"done\":true}\n" } else { &report.text };
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            eprintln!("omctl: cannot write the output: {error}");
            Code::Refused
        }
        _ => report.code,
    }
}
