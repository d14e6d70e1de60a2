// SPDX-License-Identifier: GPL-2.0-only

//! `omctl migrate` and `omctl where`: move one process, ask where it is.

use nix::errno::Errno;
use proc_hpc::value::{self, Destination, Move};
use serde::Serialize;

use crate::cli::{MigrateArgs, Target, WhereArgs};
use crate::failure::{Code, Failure};
use crate::hpc::Hpc;
use crate::print::{self, Report};

pub fn run(args: &MigrateArgs) -> Result<Report, Failure> {
    let pid = args.pid;
    let destination = match args.target {
        Target::To(destination) => destination,
        Target::Balance => {
            return Err(Failure::new(
                Code::Refused,
                format!("process {pid} was not moved: automatic balancing is not available yet"),
                "Name a node (see \"omctl status\"), or \"home\".",
            ))
        }
    };
    let (hpc, _) = Hpc::member()?;
    // A guest is moved through its own file, which asks its home; everybody else through theirs.
    let guest = format!("remote/{pid}/goto");
    let path = if hpc.exists(&guest) { guest } else { format!("pids/{pid}/goto") };
    let others = if args.verbose || args.group { group(&hpc, pid) } else { Vec::new() };
    hpc.write(&path, &format!("{destination}\n")).map_err(|mut refusal| {
        if refusal.errno() == Errno::ENOENT {
            return no_process(pid);
        }
        if refusal.reason.is_empty() {
            let reasons = hpc.read(&format!("pids/{pid}/cantmove")).unwrap_or_default();
            refusal.reason = reasons.lines().map(print::tame).collect::<Vec<_>>().join("; ");
        }
        let to = match destination {
            Destination::Home => "home".to_owned(),
            Destination::Node(id) => format!("to node {id}"),
        };
        refusal.while_doing(&format!("process {pid} did not move {to}"))
    })?;
    if args.verbose {
        tell(&hpc, pid, destination);
    }
    if args.verbose && !others.is_empty() || args.group {
        let came = others.iter().filter(|pid| is_at(&hpc, **pid, destination)).count();
        match came {
            0 => eprintln!("migrate: 1 process moved"),
            n => eprintln!("migrate: {} processes moved", n + 1),
        }
    }
    Ok(Report::silent())
}

/// The other processes that share memory with one, as far as this user may know.
fn group(hpc: &Hpc, pid: i32) -> Vec<i32> {
    let pids = hpc.read(&format!("pids/{pid}/group")).unwrap_or_default();
    pids.lines().filter_map(|line| line.parse().ok()).filter(|other| *other != pid).collect()
}

fn is_at(hpc: &Hpc, pid: i32, destination: Destination) -> bool {
    let place = hpc.read(&format!("pids/{pid}/where")).ok().and_then(|text| value::node(text.as_bytes()));
    match destination {
        // 0 is home, and no node's id.
        Destination::Home => place.is_none() && hpc.exists(&format!("pids/{pid}/where")),
        Destination::Node(id) => place == Some(id),
    }
}

fn tell(hpc: &Hpc, pid: i32, destination: Destination) {
    let place = match destination {
        Destination::Home => "at home".to_owned(),
        Destination::Node(id) => format!("on node {id}"),
    };
    let moves = hpc.read(&format!("pids/{pid}/moves")).unwrap_or_default();
    match moves.lines().last().and_then(|line| Move::parse(line.as_bytes())) {
        Some(last) => eprintln!(
            "migrate: process {pid} is {place}: {} pages, {} sent, frozen for {}.{:03} ms",
            last.pages,
            print::bytes(last.bytes),
            last.frozen_us / 1000,
            last.frozen_us % 1000
        ),
        None => eprintln!("migrate: process {pid} is {place}"),
    }
}

#[derive(Serialize)]
struct Place {
    pid: i32,
    /// The node; 0 is home.
    #[serde(rename = "where")]
    node: u16,
}

pub fn locate(args: &WhereArgs) -> Result<Report, Failure> {
    let hpc = Hpc::open()?;
    let pid = args.pid;
    let path = format!("pids/{pid}/where");
    let text = hpc.read(&path).map_err(|error| match error.raw_os_error().map(Errno::from_raw) {
        Some(Errno::ENOENT | Errno::ESRCH) => no_process(pid),
        _ => hpc.unreadable(&path, &error),
    })?;
    let node = value::node(text.as_bytes()).unwrap_or(0);
    Ok(if args.json { Report::json(&Place { pid, node }) } else { Report::line(node) })
}

fn no_process(pid: i32) -> Failure {
    Failure::new(
        Code::NoProcess,
        format!("no process {pid} on this node"),
        "A process is moved from its home node, or as a guest from the node where it runs.",
    )
}
