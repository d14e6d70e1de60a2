// SPDX-License-Identifier: GPL-2.0-only

//! The commands about the node: joining, finding each other, measuring, checking.

use std::net::Ipv4Addr;
use std::path::PathBuf;

use clap::{ArgGroup, Args};

use super::node_id;

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
    /// Most gateways between two nodes, 0 to 2; without it the module keeps what it has
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
  omctl omdiscd               find the other nodes and join, as a daemon
  omctl omdiscd -n -i eth1    the same in the foreground, on this interface
  omctl omdiscd -n --dry-run  only say who is there

Every node runs it, or none: do not mix it with /etc/openmosix.map. A node's id is the low 16 bits of its address:
192.168.10.220 is node 2780. A node that is down stays in the map, unless --forget says how long.")]
pub struct OmdiscdArgs {
    /// The interfaces to speak on; the first one's address is this node's [default: that of the default route]
    #[arg(short = 'i', long, value_name = "IFACE,...", value_delimiter = ',')]
    pub interfaces: Vec<String>,
    /// Stay in the foreground, messages on standard error
    #[arg(short = 'n', long)]
    pub foreground: bool,
    /// How many routers a packet may cross
    #[arg(short = 'm', long, value_name = "TTL", default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..))]
    pub ttl: u8,
    /// Which of the first interface's addresses is this node's
    #[arg(long, value_name = "ADDRESS")]
    pub address: Option<Ipv4Addr>,
    /// Take a node out of the map that has not been heard of for so long
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(30..))]
    pub forget: Option<u64>,
    /// The file with the cluster key
    #[arg(long, value_name = "FILE", default_value = "/etc/openmosix.key")]
    pub key: PathBuf,
    /// Without a key: believe every machine on the network
    #[arg(long, conflicts_with = "key")]
    pub trusted: bool,
    /// Do not tell the module; print the map instead
    #[arg(long)]
    pub dry_run: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  omctl tune 2            measure what a process on node 2 costs
  omctl tune 2 --write    and let the balancer use it
  omctl tune 9 --range 8-16 --write
                          for the nodes 8 to 16, which are farther away

Run it as root on a node that is otherwise idle, like its partner. To set the values again after a restart of the machine, keep the line
that it prints: mosctl set overheads \"...\"")]
pub struct TuneArgs {
    /// The partner
    #[arg(value_name = "NODE", value_parser = node_id)]
    pub node: u16,
    /// Give the values to the module
    #[arg(long)]
    pub write: bool,
    /// The nodes the values hold for [default: all]
    #[arg(long, value_name = "FIRST-LAST", value_parser = range)]
    pub range: Option<(u16, u16)>,
}

fn range(word: &str) -> Result<(u16, u16), String> {
    let (first, last) = word.split_once('-').unwrap_or((word, word));
    let range = (node_id(first)?, node_id(last)?);
    if range.0 > range.1 {
        return Err("the first node has the larger id".to_owned());
    }
    Ok(range)
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  omctl doctor                what is wrong with this node?
  omctl doctor --no-network   without asking the other nodes

Exit code: 0 all is well, 1 there are warnings, 2 something must be repaired.")]
pub struct DoctorArgs {
    /// The map file
    #[arg(short = 'f', long, value_name = "FILE", default_value = "/etc/openmosix.map")]
    pub map: PathBuf,
    /// The file with the cluster key
    #[arg(long, value_name = "FILE", default_value = "/etc/openmosix.key")]
    pub key: PathBuf,
    /// Do not try to reach the other nodes
    #[arg(long)]
    pub no_network: bool,
}
