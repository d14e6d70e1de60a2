// SPDX-License-Identifier: GPL-2.0-only

//! `omctl setpe`: join a cluster, leave it, print its map, check a map.
//!
//! The map is checked here before the module sees it, with the same parser, so that errors name lines of the file.

use std::io::{self, Read, Write};
use std::path::Path;

use omcore::map::{Ip, Map, SelfError};
use serde::Serialize;

use crate::cli::SetpeArgs;
use crate::failure::{Code, Failure};
use crate::hpc::{self, Hpc};
use crate::print::Report;
use crate::{keys, machine};

/// The map file when none is named.
const DEFAULT_MAP: &str = "/etc/openmosix.map";

pub fn run(args: &SetpeArgs, json: bool) -> Result<Report, Failure> {
    if args.off {
        leave(args)
    } else if args.read {
        print_map(args, json)
    } else {
        join(args, json)
    }
}

fn join(args: &SetpeArgs, json: bool) -> Result<Report, Failure> {
    let (name, text) = map_text(args)?;
    let entries = hpc::read_map(&text)
        .map_err(|error| Failure::new(Code::BadFile, format!("{name}: {error}"), "Nothing was changed."))?;
    let map = Map::new(&entries);
    let own = own_id(args, &name, map)?;
    let key = if args.trusted { None } else { Some(keys::load(&args.key)?) };
    if args.check && json {
        return Ok(Report::json(&JsonMap::of(own, map)));
    }
    if args.check {
        return Ok(Report::line(format_args!(
            "{name}: {} nodes in {} lines; this machine is node {own}",
            map.len(),
            entries.len()
        )));
    }

    let hpc = Hpc::open()?;
    let trusted_before = hpc.read("admin/trusted").ok();
    admit(&hpc, "setpe", key.as_deref())?;
    if let Some(gateways) = args.gateways {
        set(&hpc, "admin/gateways", &format!("{gateways}\n"), "cannot set the number of gateways")?;
    }
    let force = if args.force_write { "force\n" } else { "" };
    let request = format!("self {own}\n{force}{map}");
    if request.len() > proc_hpc::config::MAX_TEXT {
        return Err(Failure::new(
            Code::BadFile,
            format!("{name}: the map is longer than {} bytes", proc_hpc::config::MAX_TEXT),
            "Use ranges (a count) to name many nodes in one line.",
        ));
    }
    if let Err(failure) = set(&hpc, "admin/config", &request, &format!("node {own} cannot join")) {
        // A refused join must not leave a door open that was shut before, nor shut one that is in use.
        if let Some(trusted) = trusted_before {
            set(&hpc, "admin/trusted", &trusted, "cannot set back admin/trusted")?;
        }
        return Err(failure);
    }
    if args.verbose {
        eprintln!("setpe: this is node {own} of {}", map.len());
    }
    Ok(Report::silent())
}

/// Tells the module whom to believe: who knows the key, or everybody.
pub fn admit(hpc: &Hpc, tool: &str, key: Option<&str>) -> Result<(), Failure> {
    match key {
        Some(key) => {
            set(hpc, "admin/key", key, "cannot give the cluster key to the module")?;
            set(hpc, "admin/trusted", "0\n", "cannot require the cluster key")
        }
        None => {
            eprintln!(
                "{tool}: WARNING: joining WITHOUT A KEY. Any machine that can reach TCP port 2901 of this node can \
                 send it programs to run and take over the processes that leave it. Use this only on a network \
                 where you trust every machine and every user; otherwise run \"omctl keygen\", copy the key to \
                 all nodes, and join without --trusted."
            );
            set(hpc, "admin/trusted", "1\n", "cannot allow links without a key")
        }
    }
}

fn leave(args: &SetpeArgs) -> Result<Report, Failure> {
    let hpc = Hpc::open()?;
    hpc.remain();
    if hpc.own()?.is_none() {
        if args.verbose {
            eprintln!("setpe: this node is not a member of a cluster; nothing to leave");
        }
        return Ok(Report::silent());
    }
    let request = if args.force { "off force\n" } else { "off\n" };
    set(&hpc, "admin/config", request, "this node cannot leave")?;
    Ok(Report::silent())
}

fn print_map(args: &SetpeArgs, json: bool) -> Result<Report, Failure> {
    let kernel = Hpc::open()?.map()?;
    if json {
        return Ok(Report::json(&JsonMap::of(kernel.own, kernel.map())));
    }
    let Some(path) = args.file.as_deref().filter(|path| *path != Path::new("-")) else {
        return Ok(Report::text(kernel.text));
    };
    std::fs::File::create(path).and_then(|mut file| file.write_all(kernel.text.as_bytes())).map_err(
        |error| Failure::new(Code::Refused, format!("cannot write {}: {error}", path.display()), ""),
    )?;
    Ok(Report::silent())
}

fn set(hpc: &Hpc, path: &str, text: &str, action: &str) -> Result<(), Failure> {
    hpc.write(path, text).map_err(|refusal| refusal.while_doing(action))
}

/// The name to show for the map, and its text.
fn map_text(args: &SetpeArgs) -> Result<(String, Vec<u8>), Failure> {
    let path = match (&args.file, args.stdin.is_some()) {
        (_, true) => Path::new("-"),
        (Some(path), _) => path,
        (None, _) => Path::new(DEFAULT_MAP),
    };
    // One byte more than a map may have, so that the parser sees that it is too long.
    let limit = omcore::map::MAX_TEXT as u64 + 1;
    let mut text = Vec::new();
    if path == Path::new("-") {
        io::stdin().lock().take(limit).read_to_end(&mut text)
    } else {
        std::fs::File::open(path).and_then(|file| file.take(limit).read_to_end(&mut text))
    }
    .map_err(|error| {
        let next = "Write one line for each range of nodes, for example: 1 192.168.1.1 8";
        Failure::new(Code::BadFile, format!("cannot read the map {}: {error}", path.display()), next)
    })?;
    let name = if path == Path::new("-") { "standard input".to_owned() } else { path.display().to_string() };
    Ok((name, text))
}

/// Which node of the map this machine is: as told, or by its addresses.
fn own_id(args: &SetpeArgs, name: &str, map: Map<'_>) -> Result<u16, Failure> {
    if let Some(id) = args.node {
        return map.ip_of(id).map(|_| id).ok_or_else(|| {
            let what = format!("{name}: node {id}, which --node says this machine is, is not in the map");
            Failure::new(Code::BadFile, what, "")
        });
    }
    let addresses = machine::addresses().map_err(|error| {
        let what = format!("cannot list the addresses of this machine: {error}");
        Failure::new(Code::Refused, what, "Say which node this machine is with --node ID.")
    })?;
    map.find_self(addresses.iter().map(|&ip| u32::from(ip))).map_err(|error| {
        let list: Vec<String> = addresses.iter().map(ToString::to_string).collect();
        let list = if list.is_empty() { "none but loopback".to_owned() } else { list.join(", ") };
        let next = match error {
            SelfError::Missing => format!(
                "Addresses of this machine: {list}. Add the one that the other nodes reach to the map, on all nodes."
            ),
            SelfError::Ambiguous { .. } => {
                format!("Addresses of this machine: {list}. Correct the map, or say which node this is with --node ID.")
            }
        };
        Failure::new(Code::BadFile, format!("{name}: {error}"), next)
    })
}

#[derive(Serialize)]
struct JsonMap {
    #[serde(rename = "self")]
    own: u16,
    entries: Vec<JsonEntry>,
}

#[derive(Serialize)]
struct JsonEntry {
    id: u16,
    address: String,
    count: u16,
    alias: bool,
}

impl JsonMap {
    fn of(own: u16, map: Map<'_>) -> Self {
        let entries = map.entries().iter().map(|e| JsonEntry {
            id: e.first_id,
            address: Ip(e.first_ip).to_string(),
            count: e.count,
            alias: e.alias,
        });
        Self { own, entries: entries.collect() }
    }
}
