// SPDX-License-Identifier: GPL-2.0-only

//! `omctl status`: this node and all others at a glance.

use proc_hpc::value::Status;
use serde::Serialize;

use crate::failure::{Code, Failure};
use crate::hpc::Hpc;
use crate::print::{self, Colour, Report, Table};
use crate::processes;

/// One node as its folder shows it. What the module does not know yet is `None`.
#[derive(Serialize)]
pub struct Node {
    pub id: u16,
    pub address: Option<String>,
    pub up: bool,
    /// The words of its status bits.
    pub flags: Vec<&'static str>,
    pub load: Option<u64>,
    pub speed: Option<u64>,
    pub cpus: Option<u64>,
    pub util: Option<u64>,
    /// Memory that processes can have.
    pub mem: Option<u64>,
    /// Free physical memory.
    pub rmem: Option<u64>,
    /// Physical memory in all.
    pub tmem: Option<u64>,
    pub guests: Option<u64>,
    pub slots: Option<u64>,
    #[serde(skip)]
    pub status: Status,
}

impl Node {
    /// All nodes of the map, by rising id.
    pub fn all(hpc: &Hpc) -> Vec<Self> {
        let ids = hpc.numbers_in("nodes").into_iter();
        ids.filter_map(|id| Self::read(hpc, id.try_into().ok()?)).collect()
    }

    /// `None` when the node has no folder, so is not in the map.
    pub fn read(hpc: &Hpc, id: u16) -> Option<Self> {
        let file = |name: &str| format!("nodes/{id}/{name}");
        let status = Status::parse(hpc.read(&file("status")).ok()?.as_bytes()).unwrap_or_default();
        Some(Self {
            id,
            address: hpc.read(&file("address")).ok().map(|text| print::tame(&text)),
            up: status.has(Status::UP),
            flags: status.words().collect(),
            load: hpc.number(&file("load")),
            speed: hpc.number(&file("speed")),
            cpus: hpc.number(&file("cpus")),
            util: hpc.number(&file("util")),
            mem: hpc.number(&file("mem")),
            rmem: hpc.number(&file("rmem")),
            tmem: hpc.number(&file("tmem")),
            guests: hpc.number(&file("guests")),
            slots: hpc.number(&file("slots")),
            status,
        })
    }

    /// The flags that the other columns do not show.
    fn remarks(&self) -> String {
        let told = ["configured", "up"];
        self.flags.iter().copied().filter(|word| !told.contains(word)).collect::<Vec<_>>().join(",")
    }
}

#[derive(Serialize)]
struct Overview {
    version: String,
    /// `None`: not a member.
    #[serde(rename = "self")]
    own: Option<u16>,
    nodes: Vec<Node>,
    away: usize,
    guests: usize,
}

pub fn run(json: bool) -> Result<Report, Failure> {
    let hpc = Hpc::open()?;
    let own = hpc.own()?;
    let overview = Overview {
        version: hpc.read("admin/version").map(|text| print::tame(&text)).unwrap_or_default(),
        own,
        nodes: Node::all(&hpc),
        away: processes::away(&hpc).len(),
        guests: processes::guests(&hpc).len(),
    };
    let report = if json { Report::json(&overview) } else { Report::text(text(&overview)) };
    let code = if own.is_some() { Code::Ok } else { Code::NotConfigured };
    Ok(report.with(code))
}

fn text(overview: &Overview) -> String {
    let Overview { version, own, nodes, away, guests } = overview;
    let Some(own) = own else {
        return format!(
            "openMosix {version}: this node is not a member of a cluster.\n\
             Join with \"omctl setpe -w -f /etc/openmosix.map\".\n"
        );
    };
    let up = nodes.iter().filter(|node| node.up).count();
    let mut table =
        Table::new(&["NODE", "ADDRESS", "STATE", "FLAGS", "LOAD", "SPEED", "CPUS", "UTIL", "FREE", "MEMORY"]);
    let number = |n: Option<u64>| n.map_or_else(|| "-".to_owned(), |n| n.to_string());
    let size = |n: Option<u64>| n.map_or_else(|| "-".to_owned(), print::bytes);
    for node in nodes {
        let remarks = node.remarks();
        table.row([
            node.id.to_string(),
            node.address.clone().unwrap_or_else(|| "-".to_owned()),
            if node.up { print::paint(Colour::Good, "up") } else { print::paint(Colour::Bad, "DEAD") },
            if remarks.is_empty() { "-".to_owned() } else { remarks },
            number(node.load),
            number(node.speed),
            number(node.cpus),
            node.util.map_or_else(|| "-".to_owned(), |n| format!("{n}%")),
            size(node.mem),
            size(node.tmem),
        ]);
    }
    format!(
        "openMosix {version}: this is node {own} of {}, {up} up; {away} processes away, {guests} guests\n{table}",
        nodes.len()
    )
}
