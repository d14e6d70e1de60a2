// SPDX-License-Identifier: GPL-2.0-only

//! The commands about processes: moving, starting, finding them.

use std::ffi::OsString;

use clap::{ArgAction, Args};
use proc_hpc::value::Destination;

use super::{node_id, process_id, target};

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  omctl migrate 4711 2        move process 4711 to node 2
  omctl migrate 4711 home     and back
  omctl migrate 4711 balance  to where it runs best, if that is somewhere else
Processes that share writable memory (MAP_SHARED) move together: moving one of them moves all, or none.
/proc/hpc/pids/PID/group lists them.
The command returns when the process has moved. If it cannot, the process runs on where it was, and the message says
why; /proc/hpc/pids/PID/cantmove has the reasons that lie in the process.")]
pub struct MigrateArgs {
    /// The process
    #[arg(value_parser = process_id)]
    pub pid: i32,
    /// A node id, "home", or "balance" for where it runs best
    #[arg(value_name = "NODE|home|balance", value_parser = target)]
    pub target: Destination,
    /// Say on standard error how many processes moved; those that share its memory move with it in any case
    #[arg(short = 'g', long)]
    pub group: bool,
    /// Say on standard error what moved and how long it took
    #[arg(short = 'v', long)]
    pub verbose: bool,
}

#[derive(Debug, Args)]
pub struct WhereArgs {
    /// The process
    #[arg(value_parser = process_id)]
    pub pid: i32,
}

#[derive(Debug, Args)]
#[command(
    disable_help_flag = true,
    override_usage = "omctl mosrun [-h | ID | -j LIST] [-l | -L | -k] [-c | -i] [-f | -s | -n] COMMAND [ARGUMENTS]...",
    after_help = "\
Without the module, or when the node cannot take it, the command runs at home all the same.

Examples:
  omctl mosrun 3 xz -9 big.tar              start on node 3
  omctl mosrun -j 1,4-6,8 ./simulate        start on one of these nodes, by chance
  omctl mosrun 3 -L xz -9 big.tar           and stay there, unless a command moves it
  omctl mosrun -c -f ./simulate             it computes, and changes its ways often"
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
    /// It is not moved automatically afterwards; a command still moves it
    #[arg(short = 'L', conflicts_with = "inherit")]
    pub fixed: bool,
    /// It may be moved if its parent may (the default)
    #[arg(short = 'k')]
    pub inherit: bool,
    /// It needs the processor: a hint to the balancer
    #[arg(short = 'c', conflicts_with = "io")]
    pub cpu: bool,
    /// It needs the disk: a hint to the balancer
    #[arg(short = 'i')]
    pub io: bool,
    /// Its statistics count for a short time
    #[arg(short = 'f', conflicts_with_all = ["slow", "no_decay"])]
    pub fast: bool,
    /// Its statistics count for a long time
    #[arg(short = 's', conflicts_with = "no_decay")]
    pub slow: bool,
    /// Its statistics count from start to end
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
#[command(
    disable_help_flag = true,
    override_usage = "omctl omsh [ID] [-c COMMAND | SCRIPT] [ARGUMENTS]...",
    after_help = "\
Examples:
  omctl omsh -c 'sort big | uniq -c'      the shell may be moved, with what it starts
  omctl omsh 3 -c 'sort big | uniq -c'    all of it on node 3
  omctl omsh script.sh                    as the first line of a script: #!/usr/local/bin/omsh"
)]
pub struct OmshArgs {
    /// Print help
    #[arg(long, action = ArgAction::Help)]
    pub help: Option<bool>,
    /// The node id if there is one, then what sh takes
    #[arg(value_name = "ID|ARGUMENTS", trailing_var_arg = true, allow_hyphen_values = true)]
    pub words: Vec<OsString>,
}

#[derive(Debug, Args)]
#[command(after_help = "\
NODE is the node where the process runs: 0 is home, here. HOME is a guest's home node, - for a process of this node.

Examples:
  mps                  all processes
  mps -u alice         those of a user
  mps -m               only those that are away, and guests
  mps 4711 4712        these")]
pub struct PsArgs {
    /// Only these processes
    #[arg(value_name = "PID", value_parser = process_id)]
    pub pids: Vec<i32>,
    /// Only the processes of this user, by name or number
    #[arg(short = 'u', long, value_name = "USER")]
    pub user: Option<String>,
    /// Only processes that are away, and guests
    #[arg(short = 'm', long)]
    pub moved: bool,
    /// Also the threads of the kernel
    #[arg(short = 'k', long)]
    pub kernel: bool,
}
