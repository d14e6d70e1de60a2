// SPDX-License-Identifier: GPL-2.0-only

//! The subcommands of `mosctl`.

use clap::{Args, Subcommand};

use super::node_id;

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  omctl mosctl status 2             the state of node 2 in words
  omctl mosctl getload              the load of this node
  omctl mosctl setdecay 60 900 205  statistics decay every 60 s, to 900 or 205 per mille
  omctl mosctl set maxguests 8      any setting of /proc/hpc/admin

Orderly shutdown of a node: mosctl expel, mosctl bring, setpe -off. After that its power can be cut.")]
pub struct MosctlArgs {
    #[command(subcommand)]
    pub action: MosctlAction,
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
    /// Refused: the cluster file system is not part of this version
    Mfs,
    /// Do without the cluster file system (always so)
    Nomfs,
    /// Print what being away costs on this network, as admin/overheads has it: times in ns
    Gettune,
    /// Print the yardstick: the speed of a standard processor (10000 unless changed)
    Getyard,
    /// Set the yardstick: FAMILY/MHZ counts as MHZ*10, an id as the speed of that node, "this" as that of this node
    Setyard {
        #[arg(value_name = "TYPE/MHZ|ID|this", default_value = "this")]
        by: String,
    },
    /// Print how statistics decay: interval in seconds, slow and fast decay in per mille
    Getdecay,
    /// Set how statistics decay: interval in seconds, slow and fast decay in per mille of the past that is kept
    Setdecay {
        #[arg(value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(1..=3600))]
        interval: u32,
        #[arg(value_name = "SLOW", requires = "fast", value_parser = clap::value_parser!(u16).range(0..=1000))]
        slow: Option<u16>,
        #[arg(value_name = "FAST", value_parser = clap::value_parser!(u16).range(0..=1000))]
        fast: Option<u16>,
    },
    /// Print all settings of this node, or one; docs/proc-hpc.md explains them
    Get { name: Option<String> },
    /// Change a setting of this node: a file of /proc/hpc/admin
    Set {
        name: String,
        #[arg(required = true, allow_hyphen_values = true)]
        value: Vec<String>,
    },
    /// Print the last decisions of the balancer, and why
    #[command(alias = "why")]
    Getreason,
    /// Print what balancer and load messages have done so far
    Getbalance,
    /// Print the load of a node; 100 is one running process on a standard processor
    Getload {
        #[arg(value_name = "ID", value_parser = node_id)]
        node: Option<u16>,
    },
    /// Print the speed of a node; 10000 is a standard processor unless the yardstick was changed
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
