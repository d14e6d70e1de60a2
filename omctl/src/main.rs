// SPDX-License-Identifier: GPL-2.0-only

//! `omctl`: the tools of openMosix in one binary.
//!
//! Called by one of the old names (`setpe`, `mosctl`, `migrate`, `mosrun`, `mps`, `runon` …) it acts as that tool.
//! Each subcommand has a file of its own; what they share is the tree ([`hpc`]), failures and exit codes
//! ([`failure`]), and output ([`print`]).

mod cli;
mod docs;
mod failure;
mod hpc;
mod keys;
mod machine;
mod migrate;
mod mosctl;
mod mosrun;
mod print;
mod ps;
mod setpe;
mod status;

use std::ffi::OsString;
use std::io::Write;
use std::process::ExitCode;

use clap::Parser;

use cli::{Cli, Command};
use failure::{Code, Failure};
use print::Report;

fn main() -> ExitCode {
    let (tool, args) = cli::rewrite(std::env::args_os().collect::<Vec<OsString>>());
    let command = Cli::parse_from(args).command;
    let tool = tool.unwrap_or_else(|| format!("omctl {}", command.name()));
    let code = match run(command) {
        Ok(report) => show(&report),
        Err(failure) => {
            failure.show(&tool);
            failure.code
        }
    };
    ExitCode::from(code as u8)
}

fn run(command: Command) -> Result<Report, Failure> {
    match command {
        Command::Setpe(args) => setpe::run(&args),
        Command::Keygen(args) => keys::generate(&args),
        Command::Migrate(args) => migrate::run(&args),
        Command::Where(args) => migrate::locate(&args),
        Command::Status(args) => status::run(&args),
        Command::Mosctl(args) => mosctl::run(&args),
        Command::Ps(args) => ps::run(&args),
        Command::Mosrun(args) => mosrun::run(args),
        Command::Runon(args) => mosrun::run_on(args),
        Command::Runhome(args) | Command::Nomig(args) => mosrun::run_home(args),
        Command::Cpujob(args) | Command::Iojob(args) => mosrun::run_here(args),
        Command::Man(args) => docs::man(&args),
        Command::Completions(args) => docs::completions(&args),
    }
}

/// Prints a report. A reader that went away (`omctl ps | head -1`) is no failure.
fn show(report: &Report) -> Code {
    let mut out = std::io::stdout().lock();
    match out.write_all(report.text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            eprintln!("omctl: cannot write the output: {error}");
            Code::Refused
        }
        _ => report.code,
    }
}
