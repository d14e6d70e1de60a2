// SPDX-License-Identifier: GPL-2.0-only

//! What the cluster needs of this node: map, key, membership, and that nodes reach each other.

use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;

use omcore::map::{Entry, Ip, Map};
use proc_hpc::value::Status;

use super::{Finding, Verdict};
use crate::cli::DoctorArgs;
use crate::failure::Code;
use crate::hpc::{self, Hpc, KernelMap};
use crate::status::Node;
use crate::{keys, machine, processes};

/// Where a member accepts links.
const PORT: u16 = 2901;
/// How long a node may take to accept a connection.
const PATIENCE: Duration = Duration::from_secs(2);
/// More nodes are not tried: a problem of many shows with some.
const MOST: usize = 64;
/// A link takes some tenths of a second.
const MOST_LINKS: usize = 8;

pub fn check(hpc: Option<&Hpc>, args: &DoctorArgs) -> Vec<Finding> {
    let kernel = hpc.and_then(|hpc| hpc.map().ok());
    let discovers = processes::all(None).iter().any(|process| process.command.contains("omdiscd"));
    let mut findings = Vec::new();
    let (finding, own, entries) = map(&args.map, kernel.as_ref(), discovers);
    findings.push(finding);
    let trusted = hpc.is_some_and(|hpc| hpc.read("admin/trusted").is_ok_and(|text| text.trim() == "1"));
    findings.push(key(&args.key, kernel.is_some() && trusted));
    if let Some(hpc) = hpc {
        findings.push(member(hpc, kernel.as_ref()));
    }
    if !args.no_network {
        findings.extend(network(hpc.filter(|_| kernel.is_some()), own, &entries));
    }
    findings
}

/// The map, this node's id in it, and its entries; those of the module count more than those of the file.
fn map(path: &Path, kernel: Option<&KernelMap>, discovers: bool) -> (Finding, Option<u16>, Vec<Entry>) {
    const ABOUT: &str = "map";
    let shown = path.display();
    let in_use = |kernel: &KernelMap| (Some(kernel.own), kernel.map().entries().to_vec());
    let text = match std::fs::read(path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return match kernel {
                Some(kernel) => {
                    let (own, entries) = in_use(kernel);
                    let what =
                        format!("the module has one of {} nodes; {shown} is not there", kernel.map().len());
                    let todo =
                        "So this node does not join again by itself, unless omdiscd is started at boot.";
                    let finding = if discovers {
                        Finding::ok(ABOUT, what)
                    } else {
                        Finding::warning(ABOUT, what, todo)
                    };
                    (finding, own, entries)
                }
                None => {
                    let todo = "Write one line for each range of nodes, for example: 1 192.168.1.1 8; or run omdiscd on all nodes.";
                    (Finding::problem(ABOUT, format!("{shown} is not there"), todo), None, Vec::new())
                }
            };
        }
        Err(error) => {
            let finding = Finding::problem(ABOUT, format!("cannot read {shown}: {error}"), "");
            return (finding, None, Vec::new());
        }
    };
    let entries = match hpc::read_map(&text) {
        Ok(entries) => entries,
        Err(error) => {
            let todo = "Correct the line; omctl setpe -c checks again.";
            return (Finding::problem(ABOUT, format!("{shown}: {error}"), todo), None, Vec::new());
        }
    };
    let file = Map::new(&entries);
    let addresses = machine::addresses().unwrap_or_default();
    let own = file.find_self(addresses.iter().map(|&ip| u32::from(ip)));
    let finding = match (&own, kernel) {
        (_, Some(kernel)) if kernel.map() != file => {
            let todo = if discovers {
                "omdiscd runs: move the file away, the two ways must not be mixed."
            } else {
                "Take the file over with omctl setpe -W, on every node."
            };
            Finding::warning(ABOUT, format!("the module has another map than {shown}"), todo)
        }
        (Err(error), None) => {
            let list: Vec<String> = addresses.iter().map(ToString::to_string).collect();
            let todo = format!(
                "Addresses of this machine: {}. Correct the map on all nodes, or use setpe --node ID.",
                list.join(", ")
            );
            Finding::problem(ABOUT, format!("{shown}: {error}"), todo)
        }
        (Ok(id), None) => Finding::ok(ABOUT, format!("{shown}: {} nodes, this is node {id}", file.len())),
        (_, Some(kernel)) => Finding::ok(
            ABOUT,
            format!("{shown}: {} nodes, this is node {}, and the module has it", file.len(), kernel.own),
        ),
    };
    match kernel {
        Some(kernel) => {
            let (own, entries) = in_use(kernel);
            (finding, own, entries)
        }
        None => (finding, own.ok(), entries),
    }
}

fn key(path: &Path, trusted: bool) -> Finding {
    const ABOUT: &str = "key";
    if trusted {
        let what = "links need none (trusted): whoever reaches TCP port 2901 can run programs here";
        return Finding::warning(
            ABOUT,
            what,
            "Only for a network on which you trust everybody; otherwise keygen, and join again.",
        );
    }
    match keys::load(path) {
        Ok(_) => Finding::ok(ABOUT, format!("{} is a key, and only its owner reads it", path.display())),
        Err(failure) => {
            let verdict = if failure.code == Code::Denied { Verdict::Warning } else { Verdict::Problem };
            Finding::new(ABOUT, verdict, failure.what, failure.next)
        }
    }
}

fn member(hpc: &Hpc, kernel: Option<&KernelMap>) -> Finding {
    const ABOUT: &str = "membership";
    let Some(kernel) = kernel else {
        return Finding::problem(
            ABOUT,
            "this node is not a member of a cluster",
            "Join with omctl setpe -w.",
        );
    };
    let switches = ["block", "stay", "lstay", "quiet"];
    let on: Vec<&str> = switches
        .into_iter()
        .filter(|name| hpc.read(&format!("admin/{name}")).is_ok_and(|text| text.trim() == "1"))
        .collect();
    let what = format!("this is node {} of {}", kernel.own, kernel.map().len());
    if on.is_empty() {
        return Finding::ok(ABOUT, what);
    }
    let todo: Vec<String> = on.iter().map(|name| format!("mosctl no{name}")).collect();
    let what = format!("{what}; set: {}", on.join(", "));
    Finding::warning(ABOUT, what, format!("If that is not meant: {}.", todo.join(", ")))
}

/// Tries real links: only those show that both have the same map and key.
fn links(hpc: &Hpc, ids: impl Iterator<Item = u16>) -> Option<Finding> {
    const ABOUT: &str = "links";
    let (good, bad): (Vec<u16>, Vec<u16>) =
        ids.partition(|id| hpc.number(&format!("nodes/{id}/rtt")).is_some());
    let list = |ids: &[u16]| ids.iter().map(u16::to_string).collect::<Vec<_>>().join(", ");
    if !bad.is_empty() {
        let what =
            format!("nodes that answer, but do not take this node for one of the cluster: {}", list(&bad));
        let todo = "Compare sha256sum /etc/openmosix.key and the maps on both; then setpe -W. dmesg on both says more.";
        return Some(Finding::problem(ABOUT, what, todo));
    }
    (!good.is_empty()).then(|| Finding::ok(ABOUT, format!("same key and map: {}", list(&good))))
}

/// Whether the files for root alone can be read.
fn is_root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|about| about.uid() == 0)
}

/// How a node answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Answer {
    Reached,
    Refused,
    Silent,
}

fn network(hpc: Option<&Hpc>, own: Option<u16>, entries: &[Entry]) -> Vec<Finding> {
    const ABOUT: &str = "other nodes";
    let map = Map::new(entries);
    let others: Vec<(u16, Ipv4Addr)> =
        map.nodes().filter(|(id, _)| Some(*id) != own).map(|(id, ip)| (id, ip.into())).take(MOST).collect();
    if others.is_empty() {
        return Vec::new();
    }
    // Each of them may be silent; so all are asked at once.
    let asked: Vec<_> = others.iter().map(|&(_, ip)| std::thread::spawn(move || ask(ip))).collect();
    let answers = asked.into_iter().map(|thread| thread.join().unwrap_or(Answer::Silent));
    let answers: Vec<(u16, Ipv4Addr, Answer)> =
        others.iter().zip(answers).map(|(&(id, ip), a)| (id, ip, a)).collect();
    let unheard = |id: u16| {
        let node = hpc.and_then(|hpc| Node::read(hpc, id));
        node.is_some_and(|node| !node.up && !node.status.has(Status::QUIET))
    };
    let mut findings = judge(ABOUT, &answers);
    if let Some(hpc) = hpc.filter(|_| is_root()) {
        let reached = answers.iter().filter(|(.., answer)| *answer == Answer::Reached).take(MOST_LINKS);
        findings.extend(links(hpc, reached.map(|(id, ..)| *id)));
    }
    let deaf: Vec<String> = answers
        .iter()
        .filter(|(id, _, answer)| *answer == Answer::Reached && unheard(*id))
        .map(|(id, ..)| id.to_string())
        .collect();
    if !deaf.is_empty() {
        let todo = "Is UDP port 5428 open both ways? Are the maps the same? A node that has just joined takes some seconds.";
        let what = format!("reached by TCP, but not heard of: {}", deaf.join(", "));
        findings.push(Finding::warning("load messages", what, todo));
    }
    findings
}

fn ask(ip: Ipv4Addr) -> Answer {
    match TcpStream::connect_timeout(&SocketAddr::from((ip, PORT)), PATIENCE) {
        Ok(_) => Answer::Reached,
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => Answer::Refused,
        Err(_) => Answer::Silent,
    }
}

fn judge(about: &'static str, answers: &[(u16, Ipv4Addr, Answer)]) -> Vec<Finding> {
    let of = |wanted: Answer| {
        let some: Vec<String> = answers
            .iter()
            .filter(|(.., answer)| *answer == wanted)
            .map(|(id, ip, _)| format!("{id} ({})", Ip(u32::from(*ip))))
            .collect();
        (some.len(), some.join(", "))
    };
    let mut findings = Vec::new();
    let (reached, _) = of(Answer::Reached);
    if reached > 0 {
        findings.push(Finding::ok(about, format!("{reached} of {} accept links", answers.len())));
    }
    let (n, refused) = of(Answer::Refused);
    if n > 0 {
        let todo = "There: is the module loaded, has the node joined (omctl doctor there), does this node's address stand in its map?";
        findings.push(Finding::warning(about, format!("TCP port {PORT} is closed on {refused}"), todo));
    }
    let (n, silent) = of(Answer::Silent);
    if n > 0 {
        let todo = format!("Are they on? Is TCP port {PORT} open in the firewall, both ways?");
        findings.push(Finding::warning(about, format!("no answer from {silent}"), todo));
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_summed_up() {
        let ip = Ipv4Addr::new(10, 0, 0, 1);
        let all = [
            (2, ip, Answer::Reached),
            (3, ip, Answer::Silent),
            (4, ip, Answer::Refused),
            (5, ip, Answer::Reached),
        ];
        let findings = judge("other nodes", &all);
        let whats: Vec<&str> = findings.iter().map(|finding| finding.what.as_str()).collect();
        assert_eq!(
            whats,
            ["2 of 4 accept links", "TCP port 2901 is closed on 4 (10.0.0.1)", "no answer from 3 (10.0.0.1)"]
        );
    }
}
