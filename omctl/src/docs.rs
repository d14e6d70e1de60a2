// SPDX-License-Identifier: GPL-2.0-only

//! Man pages and shell completions, made from the one definition of the command line.

use std::io;
use std::path::Path;

use clap::CommandFactory;

use crate::cli::{Cli, CompletionsArgs, ManArgs, OLD_NAMES};
use crate::failure::{Code, Failure};
use crate::print::Report;

pub fn man(args: &ManArgs) -> Result<Report, Failure> {
    write_pages(&args.dir).map_err(|error| {
        Failure::new(Code::Refused, format!("cannot write man pages to {}: {error}", args.dir.display()), "")
    })?;
    Ok(Report::silent())
}

fn write_pages(dir: &Path) -> io::Result<()> {
    std::fs::create_dir_all(dir)?;
    clap_mangen::generate_to(Cli::command().disable_help_subcommand(true), dir)?;
    for (name, command) in OLD_NAMES {
        std::fs::write(dir.join(format!("{name}.1")), format!(".so man1/omctl-{command}.1\n"))?;
    }
    Ok(())
}

pub fn completions(args: &CompletionsArgs) -> Result<Report, Failure> {
    let mut text = Vec::new();
    let mut cli = Cli::command();
    match args.tool.as_deref() {
        None => clap_complete::generate(args.shell, &mut cli, "omctl", &mut text),
        Some(tool) => {
            let known = OLD_NAMES.iter().find(|(name, _)| *name == tool);
            let found = known.and_then(|(name, command)| {
                // What all commands share is with the topmost one.
                let shared = cli.get_arguments().cloned();
                Some(cli.find_subcommand(command)?.clone().name(name).args(shared))
            });
            let mut alone = found.ok_or_else(|| {
                let names: Vec<&str> = OLD_NAMES.iter().map(|(name, _)| *name).collect();
                let next = format!("The tools are: {}.", names.join(", "));
                Failure::new(Code::Usage, format!("there is no tool \"{tool}\""), next)
            })?;
            clap_complete::generate(args.shell, &mut alone, tool, &mut text);
        }
    }
    Ok(Report::text(String::from_utf8_lossy(&text)))
}
