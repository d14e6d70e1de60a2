// SPDX-License-Identifier: GPL-2.0-only

//! The command line, defined once: parsing, help, man pages and completions come from here.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use clap::{ArgAction, ArgGroup, Args, Parser, Subcommand};
use proc_hpc::value::{self, Destination};

/// Names of the original tools that this binary answers to, and the subcommand each means.
pub const OLD_NAMES: [(&str, &str); 11] = [
    ("setpe", "setpe"),
    ("mosctl", "mosctl"),
    ("migrate", "migrate"),
    ("mosrun", "mosrun"),
    ("mps", "ps"),
    ("runon", "runon"),
    ("omrunon", "runon"),
    ("runhome", "runhome"),
    ("nomig", "nomig"),
    ("cpujob", "cpujob"),
    ("iojob", "iojob"),
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
mosrun and its shorthands give the exit code of the command they run; 126 and 127 as a shell does when the command
cannot be run.

Environment:
  OMCTL_PROC   a folder to use instead of /proc/hpc
  NO_COLOR     no colours, even on a terminal";

/// The tools of openMosix: join machines to a cluster and move running processes between them.
///
/// Also works under the names of the original tools, by links: setpe, mosctl, migrate, mosrun, mps, runon, omrunon,
/// runhome, nomig, cpujob, iojob.
#[derive(Debug, Parser)]
#[command(name = "omctl", version, after_help = EXIT_CODES, max_term_width = 110)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Join a cluster from a map file, leave it, print or check the map
    Setpe(SetpeArgs),
    /// Make a new cluster key
    Keygen(KeygenArgs),
    /// Move a process to a node, or home
    Migrate(MigrateArgs),
    /// Print the node where a process runs; 0 is home
    Where(WhereArgs),
    /// Show all nodes, and this one
    Status(JsonArgs),
    /// Look at a configured node and change how it behaves
    Mosctl(MosctlArgs),
    /// List the processes that are away, and the guests
    Ps(JsonArgs),
    /// Run a command, on a chosen node if possible
    Mosrun(MosrunArgs),
    /// Run a command on a node: mosrun ID -L
    Runon(RunonArgs),
    /// Run a command at home and lock it there: mosrun -h -L
    Runhome(CommandArgs),
    /// The same as runhome
    Nomig(CommandArgs),
    /// Run a command that needs the processor: mosrun -c
    Cpujob(CommandArgs),
    /// Run a command that needs the disk: mosrun -i
    Iojob(CommandArgs),
    /// Write the man pages
    Man(ManArgs),
    /// Print the completions for a shell
    Completions(CompletionsArgs),
}

impl Command {
    pub fn name(&self) -> &'static str {
        match self {
            Self::Setpe(_) => "setpe",
            Self::Keygen(_) => "keygen",
            Self::Migrate(_) => "migrate",
            Self::Where(_) => "where",
            Self::Status(_) => "status",
            Self::Mosctl(_) => "mosctl",
            Self::Ps(_) => "ps",
            Self::Mosrun(_) => "mosrun",
            Self::Runon(_) => "runon",
            Self::Runhome(_) => "runhome",
            Self::Nomig(_) => "nomig",
            Self::Cpujob(_) => "cpujob",
            Self::Iojob(_) => "iojob",
            Self::Man(_) => "man",
            Self::Completions(_) => "completions",
        }
    }
}

#[derive(Debug, Args)]
#[command(
    group(ArgGroup::new("action").required(true).args(["write", "force_write", "check", "read", "off"])),
    after_help = "\
Examples:
  omctl setpe -c -f /etc/openmosix.map   is this map right, and which node am I?
  omctl setpe -w -f /etc/openmosix.map   join
  omctl setpe -W -f new.map              take a new map, whatever is running where
  omctl setpe -w -                       the map comes from standard input
  omctl setpe -r                         print the map the kernel has
  omctl setpe -off                       leave"
)]
pub struct SetpeArgs {
    /// Join with the map; refused while a process is away or a guest is here
    #[arg(short = 'w')]
    pub write: bool,
    /// Join with the map whatever it takes: bring and expel all processes first
    #[arg(short = 'W')]
    pub force_write: bool,
    /// Do all that -w does, except tell the kernel
    #[arg(short = 'c')]
    pub check: bool,
    /// Print the map the kernel has, or write it to FILE
    #[arg(short = 'r')]
    pub read: bool,
    /// Leave: bring own processes home, send guests home, forget the map (the old spelling -off works too)
    #[arg(long)]
    pub off: bool,
    /// With --off: leave even when that cannot be done in order
    #[arg(long, conflicts_with_all = ["write", "force_write", "check", "read"])]
    pub force: bool,
    /// The map file; - is standard input [default: /etc/openmosix.map]
    #[arg(short = 'f', value_name = "FILE", conflicts_with = "off")]
    pub file: Option<PathBuf>,
    /// Take the map from standard input
    #[arg(value_name = "-", value_parser = ["-"], conflicts_with_all = ["file", "off", "read"])]
    pub stdin: Option<String>,
    /// Most gateways between two nodes, 0 to 2; accepted for old scripts, not needed
    #[arg(short = 'g', value_name = "N", value_parser = clap::value_parser!(u8).range(0..=2), conflicts_with_all = ["read", "off"])]
    pub gateways: Option<u8>,
    /// The file with the cluster key
    #[arg(long, value_name = "FILE", default_value = "/etc/openmosix.key")]
    pub key: PathBuf,
    /// Join without a key: every machine on the network is trusted with everything
    #[arg(long, conflicts_with = "key")]
    pub trusted: bool,
    /// Which node this machine is, when its addresses do not tell
    #[arg(long, value_name = "ID", value_parser = node_id)]
    pub node: Option<u16>,
    /// Say what was done
    #[arg(short = 'v', long)]
    pub verbose: bool,
    /// With -r: print JSON
    #[arg(long, conflicts_with_all = ["write", "force_write", "check", "off", "file"])]
    pub json: bool,
}

#[derive(Debug, Args)]
pub struct KeygenArgs {
    /// The file to make; an existing file is left alone
    #[arg(default_value = "/etc/openmosix.key")]
    pub file: PathBuf,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  omctl migrate 4711 2      move process 4711 to node 2
  omctl migrate 4711 home   and back
Processes that share writable memory (MAP_SHARED) move together: moving one of them moves all, or none.
/proc/hpc/pids/PID/group lists them.
The command returns when the process has moved. If it cannot, the process runs on where it was, and the message says
why; /proc/hpc/pids/PID/cantmove has the reasons that lie in the process.")]
pub struct MigrateArgs {
    /// The process
    #[arg(value_parser = process_id)]
    pub pid: i32,
    /// A node id, or "home"
    #[arg(value_name = "NODE|home|balance", value_parser = target)]
    pub target: Target,
    /// Say on standard error how many processes moved; those that share its memory move with it in any case
    #[arg(short = 'g', long)]
    pub group: bool,
    /// Say on standard error what moved and how long it took
    #[arg(short = 'v', long)]
    pub verbose: bool,
}

/// The second word of `migrate`.
#[derive(Clone, Copy, Debug)]
pub enum Target {
    To(Destination),
    /// Wherever is best.
    Balance,
}

#[derive(Debug, Args)]
pub struct WhereArgs {
    /// The process
    #[arg(value_parser = process_id)]
    pub pid: i32,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub struct JsonArgs {
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Orderly shutdown of a node: mosctl expel, mosctl bring, setpe -off. After that its power can be cut.")]
pub struct MosctlArgs {
    #[command(subcommand)]
    pub action: MosctlAction,
    /// Print JSON
    #[arg(long, global = true)]
    pub json: bool,
}

#[derive(Debug, Subcommand)]
pub enum MosctlAction {
    /// Print the address of an id, the id of an address or host, or without argument this node's id
    Whois {
        #[arg(value_name = "ID|ADDRESS|HOST")]
        who: Option<String>,
    },
    /// Ask whether a node is up: prints yes or no, exit code 0 or 1
    Isup {
        #[arg(value_name = "ID", value_parser = node_id)]
        node: u16,
    },
    /// Show the state of a node
    #[command(alias = "getstatus")]
    Status {
        #[arg(value_name = "ID", value_parser = node_id)]
        node: Option<u16>,
    },
    /// Set lstay, bring all own processes home; returns when they are
    Bring,
    /// Set block, send all guests home; returns when they are gone
    Expel,
    /// Take no guests
    Block,
    /// Take guests again
    Noblock,
    /// Let no process leave automatically
    Stay,
    /// Let processes leave automatically again (the default)
    Nostay,
    /// Let no process of this node leave automatically
    Lstay,
    /// Let processes of this node leave automatically again
    Nolstay,
    /// Do not tell other nodes this node's load
    Quiet,
    /// Tell other nodes this node's load again
    Noquiet,
    /// Print the load of a node
    Getload {
        #[arg(value_name = "ID", value_parser = node_id)]
        node: Option<u16>,
    },
    /// Print the speed of a node
    Getspeed {
        #[arg(value_name = "ID", value_parser = node_id)]
        node: Option<u16>,
    },
    /// Print the memory of a node that processes can have, and its memory in all, in bytes
    Getmem {
        #[arg(value_name = "ID", value_parser = node_id)]
        node: Option<u16>,
    },
    /// Print the free physical memory of a node, and its memory in all, in bytes
    Getfree {
        #[arg(value_name = "ID", value_parser = node_id)]
        node: Option<u16>,
    },
    /// Print how busy the processors of a node are, in percent
    Getutil {
        #[arg(value_name = "ID", value_parser = node_id)]
        node: Option<u16>,
    },
    /// Set the speed that this node believes to have (10000 is a standard processor)
    Setspeed {
        #[arg(value_parser = clap::value_parser!(u32).range(1..))]
        speed: u32,
    },
}

#[derive(Debug, Args)]
#[command(
    disable_help_flag = true,
    override_usage = "omctl mosrun [-h | ID | -j LIST] [-l | -L | -k] [-c | -i] COMMAND [ARGUMENTS]...",
    after_help = "\
Without the module, or when the node cannot take it, the command runs at home all the same.

Examples:
  omctl mosrun 3 xz -9 big.tar              start on node 3
  omctl mosrun -j 1,4-6,8 ./simulate        start on one of these nodes, by chance"
)]
pub struct MosrunArgs {
    /// Run at home
    #[arg(short = 'h', conflicts_with = "among")]
    pub home: bool,
    /// Run on one of these nodes, by chance, of those that are up: ids and ranges, like 1,4-6,8
    #[arg(short = 'j', value_name = "LIST")]
    pub among: Option<String>,
    /// It may be moved automatically afterwards
    #[arg(short = 'l', conflicts_with_all = ["fixed", "inherit"])]
    pub movable: bool,
    /// It is not moved automatically afterwards; with -h it is locked: no command moves it either
    #[arg(short = 'L', conflicts_with = "inherit")]
    pub fixed: bool,
    /// It may be moved if its parent may (the default)
    #[arg(short = 'k')]
    pub inherit: bool,
    /// It needs the processor (a hint to the balancer; no effect yet)
    #[arg(short = 'c', conflicts_with = "io")]
    pub cpu: bool,
    /// It needs the disk (a hint to the balancer; no effect yet)
    #[arg(short = 'i')]
    pub io: bool,
    /// Keep its statistics for a short time (no effect yet)
    #[arg(short = 'f')]
    pub fast: bool,
    /// Keep its statistics for a long time (no effect yet)
    #[arg(short = 's')]
    pub slow: bool,
    /// Keep its statistics from start to end (no effect yet)
    #[arg(short = 'n')]
    pub no_decay: bool,
    /// Print help
    #[arg(long, action = ArgAction::Help)]
    pub help: Option<bool>,
    /// The node id if it is given as a word, then the command and its arguments
    #[arg(value_name = "ID|COMMAND", required = true, trailing_var_arg = true, allow_hyphen_values = true)]
    pub words: Vec<OsString>,
}

#[derive(Debug, Args)]
pub struct RunonArgs {
    /// The node
    #[arg(value_name = "ID", value_parser = node_id)]
    pub node: u16,
    /// The command and its arguments
    #[arg(value_name = "COMMAND", required = true, trailing_var_arg = true, allow_hyphen_values = true)]
    pub command: Vec<OsString>,
}

#[derive(Debug, Args)]
pub struct CommandArgs {
    /// The command and its arguments
    #[arg(value_name = "COMMAND", required = true, trailing_var_arg = true, allow_hyphen_values = true)]
    pub command: Vec<OsString>,
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
}

fn node_id(word: &str) -> Result<u16, String> {
    value::node(word.as_bytes()).ok_or_else(|| "a node id is a number from 1 to 65535".to_owned())
}

fn process_id(word: &str) -> Result<i32, String> {
    value::pid(word.as_bytes()).ok_or_else(|| "a process id is a number from 1".to_owned())
}

fn target(word: &str) -> Result<Target, String> {
    match word {
        "balance" => Ok(Target::Balance),
        _ => Destination::parse(word.as_bytes())
            .map(Target::To)
            .ok_or_else(|| "give a node id (1 to 65535), \"home\" or \"balance\"".to_owned()),
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

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
        let parse = |line: &str| {
            Cli::try_parse_from(rewrite(line.split(' ').map(OsString::from).collect()).1)
                .map(|cli| cli.command)
        };
        for (name, command) in OLD_NAMES {
            let rest = match command {
                "setpe" => "-off",
                "mosctl" => "bring",
                "migrate" => "1 home",
                "ps" => "--json",
                _ => "3 ls",
            };
            assert_eq!(parse(&format!("/usr/bin/{name} {rest}")).unwrap().name(), command);
        }
        assert!(parse("setpe -w -").is_ok());
        assert!(parse("setpe -W -f - -g 2").is_ok());
        for wrong in [
            "setpe",
            "setpe -w -c",
            "setpe -w -g 3",
            "setpe -off -f x",
            "setpe -w --force",
            "setpe -w --json",
            "migrate 0 1",
            "migrate 1 70000",
        ] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
