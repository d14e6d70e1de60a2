// SPDX-License-Identifier: GPL-2.0-only

//! `omctl ps`, the original `mps`: processes with the node where they run, guests with their home. Works without the
//! module too, and then knows no nodes.

use crate::cli::PsArgs;
use crate::failure::{Code, Failure};
use crate::hpc::Hpc;
use crate::print::{self, Report, Table};
use crate::processes::{self, Process};

pub fn run(args: &PsArgs, json: bool) -> Result<Report, Failure> {
    let hpc = match Hpc::member() {
        Ok((hpc, _)) => Some(hpc),
        // Without a cluster nothing has moved.
        Err(failure) if args.moved => return Err(failure),
        Err(_) => None,
    };
    let mut all = processes::all(hpc.as_ref());
    all.retain(|process| {
        (args.pids.is_empty() || args.pids.contains(&process.pid))
            && args.user.as_deref().is_none_or(|user| processes::is_of(process, user))
            && (!args.moved || process.moved())
            && (args.kernel || !process.kernel || !args.pids.is_empty())
    });
    if let Some(pid) = args.pids.iter().find(|pid| !all.iter().any(|process| process.pid == **pid)) {
        if args.user.is_none() && !args.moved {
            return Err(Failure::new(Code::NoProcess, format!("no process {pid} on this node"), ""));
        }
    }
    Ok(if json { Report::json(&all) } else { Report::text(table(&all)) })
}

fn table(all: &[Process]) -> String {
    let mut table = Table::new(&["PID", "USER", "NODE", "HOME", "NMIGS", "S", "MEM", "TIME", "COMMAND"]);
    for process in all {
        table.row([
            process.pid.to_string(),
            process.user.clone(),
            processes::id(process.node),
            processes::id(process.home),
            process.nmigs.to_string(),
            process.state.to_string(),
            print::bytes(process.memory),
            processes::time(process.cpu_ms),
            process.command.clone(),
        ]);
    }
    table.to_string()
}
