// SPDX-License-Identifier: GPL-2.0-only

//! `omctl mosctl`: look at a configured node and change how it behaves.

pub mod settings;

use std::net::Ipv4Addr;

use omcore::map::Ip;
use proc_hpc::value::{self, Status};
use serde::Serialize;

use crate::cli::{MosctlAction as Action, MosctlArgs};
use crate::failure::{Code, Failure};
use crate::hpc::{self, Hpc};
use crate::machine;
use crate::print::{self, Report, Table};
use crate::status::Node;

pub fn run(args: &MosctlArgs, json: bool) -> Result<Report, Failure> {
    match &args.action {
        Action::Whois { who } => whois(who.as_deref(), json),
        Action::Isup { node } => is_up(*node, json),
        Action::Status { node } => status(*node, json),
        Action::Bring => act("admin/bring", "1\n", "not all processes came home"),
        Action::Expel => act("admin/expel", "1\n", "not all guests went home"),
        Action::Block => toggle("block", true),
        Action::Noblock => toggle("block", false),
        Action::Stay => toggle("stay", true),
        Action::Nostay => toggle("stay", false),
        Action::Lstay => toggle("lstay", true),
        Action::Nolstay => toggle("lstay", false),
        Action::Quiet => toggle("quiet", true),
        Action::Noquiet => toggle("quiet", false),
        Action::Mfs => act("admin/nomfs", "0\n", "the cluster file system cannot be had"),
        Action::Nomfs => act("admin/nomfs", "1\n", "nomfs was not set"),
        Action::Gettune => settings::overheads(json),
        Action::Getyard => settings::show("sspeed", json),
        Action::Setyard { by } => settings::set_yardstick(by),
        Action::Getdecay => settings::decay(json),
        Action::Setdecay { interval, slow, fast } => settings::set_decay(*interval, slow.zip(*fast)),
        Action::Get { name: None } => settings::all(json),
        Action::Get { name: Some(name) } => settings::show(name, json),
        Action::Set { name, value } => settings::set(name, &value.join(" ")),
        Action::Getreason => reasons(json),
        Action::Getbalance => counters(json),
        Action::Getload { node } => figures(*node, &["load"], json),
        Action::Getspeed { node } => figures(*node, &["speed"], json),
        Action::Getmem { node } => figures(*node, &["mem", "tmem"], json),
        Action::Getfree { node } => figures(*node, &["rmem", "tmem"], json),
        Action::Getutil { node } => figures(*node, &["util"], json),
        Action::Setspeed { speed } => act("admin/speed", &format!("{speed}\n"), "the speed was not set"),
    }
}

fn act(path: &str, text: &str, failed: &str) -> Result<Report, Failure> {
    let (hpc, _) = Hpc::member()?;
    hpc.remain();
    hpc.write(path, text).map_err(|refusal| refusal.while_doing(failed))?;
    Ok(Report::silent())
}

fn toggle(name: &str, on: bool) -> Result<Report, Failure> {
    let text = if on { "1\n" } else { "0\n" };
    act(&format!("admin/{name}"), text, &format!("{name} was not changed"))
}

/// The last decisions of the balancer.
fn reasons(json: bool) -> Result<Report, Failure> {
    let (hpc, _) = Hpc::member()?;
    let text = hpc.get("info/reason")?;
    let lines: Vec<String> = text.lines().map(print::tame).collect();
    Ok(if json {
        Report::json(&lines)
    } else {
        Report::text(lines.iter().map(|line| format!("{line}\n")).collect::<String>())
    })
}

fn counters(json: bool) -> Result<Report, Failure> {
    let (hpc, _) = Hpc::member()?;
    let text = hpc.get("info/balance")?;
    let pairs = value::counters(text.as_bytes()).map(|(name, n)| (String::from_utf8_lossy(name), n));
    if json {
        let object: serde_json::Map<_, _> = pairs.map(|(name, n)| (name.into_owned(), n.into())).collect();
        return Ok(Report::json(&object));
    }
    let mut table = Table::default();
    pairs.for_each(|(name, n)| table.row([print::tame(&name), n.to_string()]));
    Ok(Report::text(table.to_string()))
}

/// The four questions of the manual: who am I, which address has an id, which id has an address, or a host.
fn whois(who: Option<&str>, json: bool) -> Result<Report, Failure> {
    #[derive(Serialize)]
    struct Answer {
        id: u16,
        address: Option<String>,
    }
    let kernel = Hpc::open()?.map()?;
    let map = kernel.map();
    let (id, by_id) = match who {
        None => (kernel.own, false),
        Some(word) => match (word.bytes().all(|b| b.is_ascii_digit()), word.parse::<Ipv4Addr>()) {
            (true, _) => (word.parse().ok().unwrap_or(0), true),
            (false, Ok(ip)) => (map.id_of(ip.into()).ok_or_else(|| not_in_cluster(word, ""))?, false),
            (false, Err(_)) => {
                let ips = machine::addresses_of(word).unwrap_or_default();
                let ids = ips.iter().find_map(|&ip| map.id_of(ip.into()));
                let next = if ips.is_empty() {
                    "The name is not in /etc/hosts, the only place where it is looked up; give the address."
                } else {
                    ""
                };
                (ids.ok_or_else(|| not_in_cluster(word, next))?, false)
            }
        },
    };
    let address = map.ip_of(id).map(|ip| Ip(ip).to_string());
    match (json, by_id, address) {
        (_, true, None) => Err(not_in_cluster(&format!("node {}", who.unwrap_or_default()), "")),
        (true, _, address) => Ok(Report::json(&Answer { id, address })),
        (false, true, Some(address)) => Ok(Report::line(address)),
        (false, false, _) => Ok(Report::line(id)),
    }
}

fn not_in_cluster(who: &str, next: &str) -> Failure {
    Failure::new(Code::NotConfigured, format!("{who} is not in the cluster"), next)
}

/// The node asked about: the named one or this one.
fn node(id: Option<u16>) -> Result<(Hpc, Node), Failure> {
    let (hpc, own) = Hpc::member()?;
    let id = id.unwrap_or(own);
    let node = Node::read(&hpc, id).ok_or_else(|| hpc::no_such_node(id))?;
    Ok((hpc, node))
}

fn is_up(id: u16, json: bool) -> Result<Report, Failure> {
    let (_, node) = node(Some(id))?;
    if json {
        let code = if node.up { Code::Ok } else { Code::Refused };
        return Ok(Report::json(&serde_json::json!({"id": id, "up": node.up})).with(code));
    }
    Ok(if node.up { Report::line("yes") } else { Report::line("no").with(Code::Refused) })
}

fn status(id: Option<u16>, json: bool) -> Result<Report, Failure> {
    let (_, node) = node(id)?;
    if json {
        return Ok(Report::json(&node));
    }
    let has = |bit| node.status.has(bit);
    let yes_no = |yes: bool| if yes { "yes" } else { "no" }.to_owned();
    let leaves = match (has(Status::STAY), has(Status::LSTAY)) {
        (true, _) => "no (stay)",
        (false, true) => "guests only (lstay)",
        (false, false) => "yes",
    };
    let mut table = Table::default();
    let mut line = |name: &str, value: String| table.row([name.to_owned(), value]);
    line("node", node.id.to_string());
    line("address", node.address.clone().unwrap_or_else(|| "-".to_owned()));
    line("this node", yes_no(has(Status::SELF)));
    line("up", yes_no(node.up));
    line("takes guests", if has(Status::BLOCK) { "no (block)".to_owned() } else { "yes".to_owned() });
    line("processes leave by themselves", leaves.to_owned());
    line("tells its load", if has(Status::QUIET) { "no (quiet)".to_owned() } else { "yes".to_owned() });
    Ok(Report::text(table.to_string()))
}

/// Some figures of a node, on one line in the order of `names`.
fn figures(id: Option<u16>, names: &[&str], json: bool) -> Result<Report, Failure> {
    let (hpc, node) = node(id)?;
    let mut values = Vec::new();
    for name in names {
        // The local node's figures are current in info/, whatever its own folder holds.
        let folder =
            if node.status.has(Status::SELF) { "info".to_owned() } else { format!("nodes/{}", node.id) };
        let value = hpc.number(&format!("{folder}/{name}")).ok_or_else(|| {
            Failure::new(
                Code::Refused,
                format!("the {name} of node {} is not known", node.id),
                "A node that is down, or that was told to be quiet, does not tell it.",
            )
        })?;
        values.push(value);
    }
    if json {
        let named = names.iter().map(|&n| n.to_owned()).zip(values.iter().map(|&v| v.into()));
        let mut object: serde_json::Map<String, serde_json::Value> = named.collect();
        object.insert("id".to_owned(), node.id.into());
        return Ok(Report::json(&object));
    }
    Ok(Report::line(values.iter().map(u64::to_string).collect::<Vec<_>>().join(" ")))
}
