// SPDX-License-Identifier: GPL-2.0-only

//! The commands that go on showing: `mosmon` and `mtop`.

use clap::Args;

#[derive(Debug, Args)]
#[command(after_help = "\
Keys:
  l load   m memory of processes   r physical memory   s speed and processors   u processor use
  d nodes that are down too, or not again   D only those that are up   t number of nodes that are up
  v bars upright or lying   left p, right n scroll   Enter draw anew   h help   q quit

Examples:
  mosmon           the load of all nodes that are up
  mosmon -d -t     also those that are down, and how many are up
  mosmon --once    print the figures and end")]
pub struct MosmonArgs {
    /// Show nodes that are down too
    #[arg(short = 'd', long)]
    pub dead: bool,
    /// Show how many nodes are up
    #[arg(short = 't', long)]
    pub total: bool,
    /// Bars that lie
    #[arg(short = 'w', long)]
    pub horizontal: bool,
    /// Seconds between two looks
    #[arg(short = 'i', long, value_name = "SECONDS", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub interval: u64,
    /// Print once and end; so it does when standard output is no terminal
    #[arg(long)]
    pub once: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Keys:
  P by processor use   M by memory   T by time   N by node   m only those away, and guests, or all again
  up, down scroll   Enter draw anew   h help   q quit

Examples:
  mtop             processes with the node where they run, busiest first
  mtop --once      print one screen and end")]
pub struct MtopArgs {
    /// Seconds between two looks
    #[arg(short = 'd', long, value_name = "SECONDS", default_value_t = 2, value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub interval: u64,
    /// Only the processes of this user, by name or number
    #[arg(short = 'u', long, value_name = "USER")]
    pub user: Option<String>,
    /// Print once and end; so it does when standard output is no terminal
    #[arg(long)]
    pub once: bool,
    /// With --once: at most so many processes
    #[arg(short = 'n', long, value_name = "COUNT", default_value_t = 20)]
    pub count: usize,
}
