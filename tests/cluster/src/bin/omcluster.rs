// SPDX-License-Identifier: GPL-2.0-only

//! Boots a cluster for one experiment: `omcluster run --nodes 2 -c 'omctl mosctl status'`.

use std::{
    io::Write,
    path::PathBuf,
    process::ExitCode,
    time::{Duration, Instant},
};

use anyhow::{bail, Context, Result};
use clap::{Args, Parser, Subcommand};
use cluster::{
    artifacts::Kernel,
    openmosix::Joined,
    protocol::{Status, Stream},
    Cluster, NodeId, Root,
};

/// Exit status when the command succeeded and a kernel complained.
const KERNEL_COMPLAINED: u8 = 98;
/// Exit status when the experiment could not be made or a node died.
const FAILED: u8 = 99;

/// Boots openMosix nodes on this machine for one experiment.
#[derive(Parser)]
#[command(
    version,
    after_help = "\
Examples:
  omcluster run --nodes 2 -c 'omctl mosctl status; cat /proc/hpc/admin/version'
  omcluster run --no-module --nodes 3 -c 'ping -c 3 10.77.0.2'
  omcluster run --log --node-cmd '2:ls /proc/hpc/remote' -c 'sleep 9 & omctl migrate $! 2'"
)]
struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Boot, load the module, join, run one command on node 1, show its output, judge the kernel logs.
    ///
    /// The exit status is the command's, 124 if its time was up, 98 if it succeeded but a kernel complained,
    /// 99 if the nodes could not be booted or one died.
    Run(Run),
}

#[derive(Args)]
struct Run {
    /// How many nodes to boot
    #[arg(long, short, default_value_t = 2)]
    nodes: u32,
    /// Memory of each node in megabytes
    #[arg(long, default_value_t = 512, value_name = "MB")]
    mem: u32,
    /// Virtual processors of each node
    #[arg(long, default_value_t = 1)]
    smp: u32,
    /// Seconds the command may run
    #[arg(long, default_value_t = 60, value_name = "SECONDS")]
    timeout: u64,
    /// Do not load the module
    #[arg(long)]
    no_module: bool,
    /// Load the module but do not join the nodes
    #[arg(long)]
    no_join: bool,
    /// Use the debug kernel (and the module built for it)
    #[arg(long)]
    debug_kernel: bool,
    /// Give this node busybox only, not this machine's files (may be repeated)
    #[arg(long, value_name = "NODE")]
    bare: Vec<NodeId>,
    /// Words for the kernel command line
    #[arg(long, default_value = "mitigations=off", value_name = "WORDS")]
    kernel_args: String,
    /// Keep the kernel logs in this directory
    #[arg(long, value_name = "DIR")]
    keep_logs: Option<PathBuf>,
    /// Print every node's kernel log at the end, from the node being up
    #[arg(long)]
    log: bool,
    /// Run a command on another node meanwhile (may be repeated); killed when node 1's command has ended
    #[arg(long, value_name = "NODE:COMMAND")]
    node_cmd: Vec<String>,
    /// The shell command for node 1
    #[arg(short, long, conflicts_with = "argv", required_unless_present = "argv")]
    command: Option<String>,
    /// A program with arguments for node 1
    #[arg(last = true)]
    argv: Vec<String>,
}

fn main() -> ExitCode {
    let What::Run(run) = Arguments::parse().what;
    match run.execute() {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            eprintln!("omcluster: {error:#}");
            ExitCode::from(FAILED)
        }
    }
}

impl Run {
    fn execute(&self) -> Result<u8> {
        let others = self.other_commands()?;
        let started = Instant::now();
        let mut builder = Cluster::builder()
            .nodes(self.nodes)
            .memory_mb(self.mem)
            .processors(self.smp)
            .kernel_arguments(&self.kernel_args);
        for node in &self.bare {
            builder = builder.node_root(*node, Root::None);
        }
        if self.debug_kernel {
            builder = builder.kernel(Kernel::Debug);
        }
        if let Some(directory) = &self.keep_logs {
            builder = builder.keep_logs(directory);
        }
        let cluster = builder.start()?;
        eprintln!("omcluster: {} nodes up after {:.1} s", self.nodes, started.elapsed().as_secs_f32());
        let positions = cluster.log_positions()?;
        let result = self.experiment(&cluster, &others);
        if self.log || result.as_ref().is_ok_and(|status| *status == Status::TimedOut) {
            for (node, position) in cluster.nodes().iter().zip(&positions) {
                let log = node.kernel_log_from(*position)?.without_idle_tasks();
                eprintln!("---- kernel log of node {}\n{log}", node.id());
            }
        }
        let judgement = cluster.check_logs(&[]);
        let status = result?;
        eprintln!("omcluster: {status}");
        match judgement {
            Ok(()) => Ok(status.shell_code() as u8),
            Err(error) => {
                eprintln!("omcluster: {error:#}");
                Ok(if status.success() { KERNEL_COMPLAINED } else { status.shell_code() as u8 })
            }
        }
    }

    fn experiment(&self, cluster: &Cluster, others: &[(NodeId, &str)]) -> Result<Status> {
        if !self.no_module {
            cluster.load_module()?;
            if !self.no_join {
                cluster.join()?;
            }
        }
        let limit = Duration::from_secs(self.timeout);
        let mut background = Vec::new();
        for &(id, command) in others {
            let command = cluster.node(id).shell(command).time_limit(limit).listen(show(format!("[{id}] ")));
            background.push(command.spawn()?);
        }
        let first = cluster.node(1);
        let command = match &self.command {
            Some(script) => first.shell(script),
            None => first.command(&self.argv.iter().map(String::as_str).collect::<Vec<_>>()),
        };
        let output = command.time_limit(limit).listen(show(String::new())).run();
        for process in &background {
            let _ = process.signal_group(nix::sys::signal::Signal::SIGKILL);
        }
        Ok(output?.status)
    }

    fn other_commands(&self) -> Result<Vec<(NodeId, &str)>> {
        self.node_cmd
            .iter()
            .map(|text| {
                let (node, command) = text.split_once(':').context("--node-cmd wants NODE:COMMAND")?;
                let node =
                    node.parse().with_context(|| format!("--node-cmd: `{node}` is not a node number"))?;
                if !(1..=self.nodes).contains(&node) {
                    bail!("--node-cmd: there is no node {node}");
                }
                Ok((node, command))
            })
            .collect()
    }
}

/// Prints what a program prints, each line after a prefix.
fn show(prefix: String) -> impl FnMut(Stream, &[u8]) + Send {
    move |stream, data| {
        let text = match prefix.is_empty() {
            true => data.to_vec(),
            false => String::from_utf8_lossy(data)
                .lines()
                .map(|l| format!("{prefix}{l}\n"))
                .collect::<String>()
                .into(),
        };
        // Nobody is left to tell if this fails.
        let _ = match stream {
            Stream::Stdout => std::io::stdout().write_all(&text).and_then(|()| std::io::stdout().flush()),
            Stream::Stderr => std::io::stderr().write_all(&text),
        };
    }
}
