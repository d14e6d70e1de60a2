// SPDX-License-Identifier: GPL-2.0-only

//! The command line, defined once: parsing, help, man pages and completions come from here.

mod mosctl;
mod node;
mod process;
mod view;

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand};
use proc_hpc::value::{self, Destination};

pub use mosctl::{MosctlAction, MosctlArgs};
pub use node::{DoctorArgs, KeygenArgs, OmdiscdArgs, SetpeArgs, TuneArgs};
pub use process::{CommandArgs, MigrateArgs, MosrunArgs, OmshArgs, PsArgs, RunonArgs, WhereArgs};
pub use view::{MosmonArgs, MtopArgs};

/// Names of the original tools that this binary answers to, and the subcommand each means. Some are slips of the old
/// manual that scripts of its time repeat.
pub const OLD_NAMES: [(&str, &str); 22] = [
    ("setpe", "setpe"),
    ("mosctl", "mosctl"),
    ("migrate", "migrate"),
    ("mosrun", "mosrun"),
    ("mps", "ps"),
    ("mtop", "mtop"),
    ("mosmon", "mosmon"),
    ("runon", "runon"),
    ("omrunon", "runon"),
    ("runhome", "runhome"),
    ("nunhome", "runhome"),
    ("nomig", "nomig"),
    ("cpujob", "cpujob"),
    ("cputjob", "cpujob"),
    ("iojob", "iojob"),
    ("fastdecay", "fastdecay"),
    ("slowdecay", "slowdecay"),
    ("nodecay", "nodecay"),
    ("omsh", "omsh"),
    ("tune", "tune"),
    ("showmap", "showmap"),
    ("omdiscd", "omdiscd"),
];

const EXIT_CODES: &str = "\
Exit codes:
  0    done
  1    refused or failed (also: isup says no)
  2    wrong command line
  3    the openMosix module is not loaded
  4    this node is not a member of a cluster, or the named node is not in the map
  5    the map file or the key file is missing or wrong
  6    not permitted for this user
  7    no such process
doctor has its own: 0 all is well, 1 warnings, 2 problems.
mosrun and its shorthands give the exit code of the command they run; 126 and 127 as a shell does when the command
cannot be run. With --json, failures are JSON too, on standard error.

Environment:
  OMCTL_PROC   a folder to use instead of /proc/hpc
  NO_COLOR     no colours, even on a terminal";

/// The tools of openMosix: join machines to a cluster and move running processes between them.
///
/// Also works under the names of the original tools, by links: setpe, mosctl, migrate, mosrun, runon, runhome, nomig,
/// cpujob, iojob, fastdecay, slowdecay, nodecay, omsh, mps, mtop, mosmon, tune, showmap, omdiscd.
#[derive(Debug, Parser)]
#[command(name = "omctl", version, after_help = EXIT_CODES, max_term_width = 110)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
    /// Print JSON
    #[arg(long, global = true)]
    pub json: bool,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Join a cluster from a map file, leave it, print or check the map
    Setpe(SetpeArgs),
    /// Make a new cluster key
    Keygen(KeygenArgs),
    /// Find the other nodes by multicast and join
    Omdiscd(OmdiscdArgs),
    /// Print this node's id and the map, as omdiscd made it
    Showmap,
    /// Check this node, and say what to do
    Doctor(DoctorArgs),
    /// Show all nodes, and this one
    Status,
    /// Look at a configured node and change how it behaves
    Mosctl(MosctlArgs),
    /// Measure what being away costs on this network
    Tune(TuneArgs),
    /// Watch load, memory, speed and use of all nodes
    #[command(alias = "mon")]
    Mosmon(MosmonArgs),
    /// Move a process to a node, home, or to where it runs best
    Migrate(MigrateArgs),
    /// Print the node where a process runs; 0 is home
    Where(WhereArgs),
    /// List processes with the node where they run
    #[command(alias = "mps")]
    Ps(PsArgs),
    /// Watch processes with the node where they run, busiest first
    Mtop(MtopArgs),
    /// Run a command, on a chosen node if possible
    Mosrun(MosrunArgs),
    /// Run a command on a node, where it stays: mosrun ID -L
    #[command(alias = "omrunon")]
    Runon(RunonArgs),
    /// Run a command at home and lock it there: no command moves it either
    Runhome(CommandArgs),
    /// Run a command at home; it is not moved automatically: mosrun -h -L
    Nomig(CommandArgs),
    /// Run a command that needs the processor: mosrun -c
    #[command(alias = "cputjob")]
    Cpujob(CommandArgs),
    /// Run a command that needs the disk: mosrun -i
    Iojob(CommandArgs),
    /// Run a command whose statistics count for a short time: mosrun -f
    Fastdecay(CommandArgs),
    /// Run a command whose statistics count for a long time: mosrun -s
    Slowdecay(CommandArgs),
    /// Run a command whose statistics count from start to end: mosrun -n
    Nodecay(CommandArgs),
    /// Run a shell, on a chosen node if possible; takes what sh takes
    Omsh(OmshArgs),
    /// Write the man pages
    Man(ManArgs),
    /// Print the completions for a shell
    Completions(CompletionsArgs),
    /// What tune runs on the partner node
    #[command(hide = true)]
    TuneWorker,
}

#[derive(Debug, Args)]
pub struct ManArgs {
    /// The folder to write them to; it is made if needed
    #[arg(long)]
    pub dir: PathBuf,
}

#[derive(Debug, Args)]
pub struct CompletionsArgs {
    /// The shell
    pub shell: clap_complete::Shell,
    /// One of the original tools, instead of omctl
    pub tool: Option<String>,
}

fn node_id(word: &str) -> Result<u16, String> {
    value::node(word.as_bytes()).ok_or_else(|| "a node id is a number from 1 to 65535".to_owned())
}

fn process_id(word: &str) -> Result<i32, String> {
    value::pid(word.as_bytes()).ok_or_else(|| "a process id is a number from 1".to_owned())
}

fn target(word: &str) -> Result<Destination, String> {
    Destination::parse(word.as_bytes())
        .ok_or_else(|| "give a node id (1 to 65535), \"home\" or \"balance\"".to_owned())
}

/// Turns a call by an old name into a call of `omctl`, and `-off`, which no parser of today would read, into `--off`.
/// Returns the old name, if it was one, for messages.
pub fn rewrite(mut args: Vec<OsString>) -> (Option<String>, Vec<OsString>) {
    let called = args.first().and_then(|arg| Path::new(arg).file_name()).and_then(OsStr::to_str);
    let old = OLD_NAMES.iter().find(|(name, _)| Some(*name) == called);
    if let Some((_, command)) = old {
        args.splice(0..1, ["omctl".into(), (*command).into()]);
    }
    if args.get(1).is_some_and(|arg| arg == "setpe") {
        for arg in args.iter_mut().filter(|arg| *arg == "-off") {
            *arg = "--off".into();
        }
    }
    (old.map(|(name, _)| (*name).to_owned()), args)
}

/// Parses; gives the subcommand's name too, for messages.
pub fn parse(args: Vec<OsString>) -> Result<(String, Cli), clap::Error> {
    let matches = Cli::command().try_get_matches_from(args)?;
    let name = matches.subcommand_name().unwrap_or_default().to_owned();
    Ok((name, Cli::from_arg_matches(&matches)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }

    /// `make install` makes a link for each of them.
    #[test]
    fn the_makefile_knows_the_old_names() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../Makefile");
        let makefile = std::fs::read_to_string(path).unwrap();
        let list = makefile.lines().find_map(|line| line.strip_prefix("OLD_NAMES := ")).unwrap();
        assert_eq!(list.split(' ').collect::<Vec<_>>(), OLD_NAMES.map(|(name, _)| name));
    }

    #[test]
    fn old_names_and_spellings() {
        let parse = |line: &str| parse(rewrite(line.split(' ').map(OsString::from).collect()).1);
        for (name, command) in OLD_NAMES {
            let rest = match command {
                "setpe" => "-off",
                "mosctl" => "bring",
                "migrate" => "1 home",
                "runon" | "omsh" => "3 ls",
                "tune" => "2",
                "ps" | "mtop" | "mosmon" | "showmap" | "omdiscd" => "--json",
                _ => "ls -l",
            };
            assert_eq!(parse(&format!("/usr/bin/{name} {rest}")).unwrap().0, command);
        }
        assert!(parse("setpe -w -").is_ok());
        assert!(parse("setpe -W -f - -g 2").is_ok());
        for wrong in [
            "setpe",
            "setpe -w -c",
            "setpe -w -g 3",
            "setpe -off -f x",
            "setpe -w --force",
            "mosctl setdecay 60 900",
            "tune 2 --range 3-2",
            "migrate 0 1",
            "migrate 1 70000",
        ] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
