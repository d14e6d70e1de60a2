// SPDX-License-Identifier: GPL-2.0-only

//! `omctl migrate` and `omctl where`: move one process, ask where it is.

use nix::errno::Errno;
use proc_hpc::value::{self, Destination, Move};
use serde::Serialize;

use crate::cli::{MigrateArgs, WhereArgs};
use crate::failure::{Code, Failure};
use crate::hpc::Hpc;
use crate::print::{self, Report};

pub fn run(args: &MigrateArgs, json: bool) -> Result<Report, Failure> {
    let pid = args.pid;
    let destination = args.target;
    let (hpc, _) = Hpc::member()?;
    // A guest is moved through its own file, which asks its home; everybody else through theirs.
    let guest = format!("remote/{pid}/goto");
    let path = if hpc.exists(&guest) { guest } else { format!("pids/{pid}/goto") };
    if path.starts_with("remote") && destination != Destination::Home {
        let home = hpc.read(&format!("remote/{pid}/from")).ok().and_then(|text| value::node(text.as_bytes()));
        if home.is_none() || Some(destination) != home.map(Destination::Node) {
            return Err(Failure::new(
                Code::Refused,
                format!("process {pid} is a guest of this node: from here it can only be sent home"),
                "Say \"home\", or give the command on its home node, which \"omctl ps\" names.",
            ));
        }
    }
    let others = if args.verbose || args.group || json { group(&hpc, pid) } else { Vec::new() };
    let before = whereabouts(&hpc, pid);
    hpc.remain();
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
            Destination::Balance => "to a better node".to_owned(),
        };
        refusal.while_doing(&format!("process {pid} did not move {to}"))
    })?;
    let now = match destination {
        Destination::Home => Some(0),
        Destination::Node(id) => Some(id),
        Destination::Balance => whereabouts(&hpc, pid),
    };
    let stays = destination == Destination::Balance && now == before;
    let came = others.iter().filter(|pid| whereabouts(&hpc, **pid) == now).count();
    if json {
        let moved = if stays { 0 } else { came + 1 };
        return Ok(Report::json(&serde_json::json!({"pid": pid, "where": now, "moved": moved})));
    }
    if stays && args.verbose {
        eprintln!("migrate: process {pid} stays {}: it runs best there", place(now));
    } else if args.verbose {
        tell(&hpc, pid, now);
    }
    if !stays && (args.verbose && !others.is_empty() || args.group) {
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

/// The node where a process runs; 0 is home.
fn whereabouts(hpc: &Hpc, pid: i32) -> Option<u16> {
    let text = hpc.read(&format!("pids/{pid}/where")).ok()?;
    Some(value::node(text.as_bytes()).unwrap_or(0))
}

fn place(node: Option<u16>) -> String {
    match node {
        None | Some(0) => "at home".to_owned(),
        Some(id) => format!("on node {id}"),
    }
}

fn tell(hpc: &Hpc, pid: i32, now: Option<u16>) {
    let place = place(now);
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

pub fn locate(args: &WhereArgs, json: bool) -> Result<Report, Failure> {
    let hpc = Hpc::open()?;
    let pid = args.pid;
    let path = format!("pids/{pid}/where");
    let text = hpc.read(&path).map_err(|error| match error.raw_os_error().map(Errno::from_raw) {
        Some(Errno::ENOENT | Errno::ESRCH) => no_process(pid),
        _ => hpc.unreadable(&path, &error),
    })?;
    let node = value::node(text.as_bytes()).unwrap_or(0);
    Ok(if json { Report::json(&Place { pid, node }) } else { Report::line(node) })
}

fn no_process(pid: i32) -> Failure {
    Failure::new(
        Code::NoProcess,
        format!("no process {pid} on this node"),
        "A process is moved from its home node, or as a guest from the node where it runs.",
    )
}
