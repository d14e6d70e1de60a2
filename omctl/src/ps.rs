// SPDX-License-Identifier: GPL-2.0-only

//! `omctl ps`: the processes that are away, and the guests.

use proc_hpc::value;
use serde::Serialize;

use crate::cli::JsonArgs;
use crate::failure::Failure;
use crate::hpc::Hpc;
use crate::print::{self, Report, Table};

#[derive(Serialize)]
pub struct Away {
    pid: u32,
    command: String,
    /// The node where it runs.
    #[serde(rename = "where")]
    node: u16,
    nmigs: u64,
}

#[derive(Serialize)]
pub struct Guest {
    pid: u32,
    /// What its home tells of it.
    identity: String,
    /// Its home node.
    from: Option<u16>,
}

/// The processes of this node that run elsewhere.
pub fn away(hpc: &Hpc) -> Vec<Away> {
    let pids = hpc.numbers_in("pids").into_iter();
    pids.filter_map(|pid| {
        // A process may end between two looks: then it is not away.
        let node = value::node(hpc.read(&format!("pids/{pid}/where")).ok()?.as_bytes())?;
        Some(Away { pid, command: command(pid), node, nmigs: hpc.number(&format!("pids/{pid}/nmigs"))? })
    })
    .collect()
}

/// The processes of other nodes that run here.
pub fn guests(hpc: &Hpc) -> Vec<Guest> {
    let pids = hpc.numbers_in("remote").into_iter();
    pids.filter_map(|pid| {
        let from = hpc.read(&format!("remote/{pid}/from")).ok()?;
        let identity = hpc.read(&format!("remote/{pid}/identity")).unwrap_or_default();
        let identity = identity.lines().map(print::tame).collect::<Vec<_>>().join(" ");
        Some(Guest { pid, identity, from: value::node(from.as_bytes()) })
    })
    .collect()
}

pub fn run(args: &JsonArgs) -> Result<Report, Failure> {
    #[derive(Serialize)]
    struct All {
        away: Vec<Away>,
        guests: Vec<Guest>,
    }
    let (hpc, _) = Hpc::member()?;
    let all = All { away: away(&hpc), guests: guests(&hpc) };
    if args.json {
        return Ok(Report::json(&all));
    }
    let mut table = Table::new(&["PID", "NODE", "NMIGS", "COMMAND"]);
    for p in &all.away {
        table.row([p.pid.to_string(), p.node.to_string(), p.nmigs.to_string(), p.command.clone()]);
    }
    let mut text = format!("Away from home: {}\n", all.away.len());
    if !all.away.is_empty() {
        text += &table.to_string();
    }
    let mut table = Table::new(&["PID", "FROM", "IDENTITY"]);
    for g in &all.guests {
        let from = g.from.map_or_else(|| "-".to_owned(), |id| id.to_string());
        table.row([g.pid.to_string(), from, g.identity.clone()]);
    }
    text += &format!("Guests: {}\n", all.guests.len());
    if !all.guests.is_empty() {
        text += &table.to_string();
    }
    Ok(Report::text(text))
}

fn command(pid: u32) -> String {
    match std::fs::read(format!("/proc/{pid}/comm")) {
        Ok(name) => print::tame(&String::from_utf8_lossy(&name)),
        Err(_) => "?".to_owned(),
    }
}
