// SPDX-License-Identifier: GPL-2.0-only

//! `omctl mosrun` and its shorthands: run a command, with a wish where.
//!
//! A wish that cannot be met never keeps the command from running: without the module, outside a cluster or when the
//! node is down it runs at home, as the manual demands (5.3.4, mosrun).

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::os::unix::process::CommandExt;
use std::process::Command;

use proc_hpc::value::{self, Status};

use crate::cli::{CommandArgs, MosrunArgs, RunonArgs};
use crate::failure::{Code, Failure};
use crate::hpc::Hpc;
use crate::machine;
use crate::print::Report;
use crate::status::Node;

/// Where the command is to run.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Place {
    /// No wish.
    Anywhere,
    Home,
    Node(u16),
    /// One of these, by chance.
    Among(BTreeSet<u16>),
}

/// Whether it may be moved automatically afterwards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stay {
    /// As the parent.
    Inherit,
    Movable,
    Fixed,
}

#[derive(Debug, PartialEq, Eq)]
struct Plan {
    place: Place,
    stay: Stay,
    command: Vec<OsString>,
}

pub fn run(args: MosrunArgs) -> Result<Report, Failure> {
    let plan = plan(args).map_err(|what| Failure::new(Code::Usage, what, "See \"omctl mosrun --help\"."))?;
    start(plan)
}

/// `runon ID command`: go there and be fixed there.
pub fn run_on(args: RunonArgs) -> Result<Report, Failure> {
    start(Plan { place: Place::Node(args.node), stay: Stay::Fixed, command: args.command })
}

/// `runhome command`, `nomig command`: stay.
pub fn run_home(args: CommandArgs) -> Result<Report, Failure> {
    start(Plan { place: Place::Home, stay: Stay::Fixed, command: args.command })
}

/// `cpujob command`, `iojob command`: hints for a balancer, which there is none of yet.
pub fn run_here(args: CommandArgs) -> Result<Report, Failure> {
    start(Plan { place: Place::Anywhere, stay: Stay::Inherit, command: args.command })
}

/// clap has taken the options before the first word. In the old syntax a node id may be that word, with further
/// options after it.
fn plan(args: MosrunArgs) -> Result<Plan, String> {
    let mut place = match (args.home, args.among) {
        (true, _) => Place::Home,
        (false, Some(list)) => Place::Among(node_list(&list)?),
        (false, None) => Place::Anywhere,
    };
    let mut stay = match (args.movable, args.fixed) {
        (_, true) => Stay::Fixed,
        (true, false) => Stay::Movable,
        (false, false) => Stay::Inherit,
    };
    let mut words = args.words.into_iter().peekable();
    let digits = |word: &OsString| !word.is_empty() && word.as_encoded_bytes().iter().all(u8::is_ascii_digit);
    if place == Place::Anywhere {
        if let Some(word) = words.next_if(digits) {
            let id = value::node(word.as_encoded_bytes());
            place = Place::Node(id.ok_or("the node id must be a number from 1 to 65535")?);
        }
    }
    let option = |word: &OsString| {
        const OPTIONS: [&str; 8] = ["-l", "-L", "-k", "-c", "-i", "-f", "-s", "-n"];
        OPTIONS.iter().any(|option| word == OsStr::new(option))
    };
    while let Some(word) = words.next_if(option) {
        match word.as_encoded_bytes() {
            b"-l" => stay = Stay::Movable,
            b"-L" => stay = Stay::Fixed,
            b"-k" => stay = Stay::Inherit,
            _ => {}
        }
    }
    words.next_if(|word| word == OsStr::new("--"));
    let command: Vec<OsString> = words.collect();
    if command.is_empty() {
        return Err("no command to run".to_owned());
    }
    Ok(Plan { place, stay, command })
}

/// Reads a list like `1,4-6,8`.
fn node_list(list: &str) -> Result<BTreeSet<u16>, String> {
    let wrong = || format!("\"{list}\" is not a list of node ids like 1,4-6,8");
    let id = |word: &str| value::node(word.as_bytes()).ok_or_else(wrong);
    let mut nodes = BTreeSet::new();
    for part in list.split(',') {
        let (first, last) = match part.split_once('-') {
            Some((first, last)) => (id(first)?, id(last)?),
            None => (id(part)?, id(part)?),
        };
        if first > last {
            return Err(wrong());
        }
        nodes.extend(first..=last);
    }
    Ok(nodes)
}

/// Tells the module what is wished, as far as there is one, and becomes the command.
fn start(plan: Plan) -> Result<Report, Failure> {
    if let Ok((hpc, own)) = Hpc::member() {
        wish(&hpc, own, &plan);
    }
    let [program, arguments @ ..] = plan.command.as_slice() else {
        return Err(Failure::new(Code::Refused, "no command to run", ""));
    };
    // Comes back only when it fails.
    let error = Command::new(program).args(arguments).exec();
    let code = match error.kind() {
        std::io::ErrorKind::NotFound => Code::NoCommand,
        _ => Code::CannotExecute,
    };
    Err(Failure::new(code, format!("{}: {error}", program.to_string_lossy()), ""))
}

fn wish(hpc: &Hpc, own: u16, plan: &Plan) {
    let node = match &plan.place {
        Place::Anywhere | Place::Home => None,
        Place::Node(id) => Some(*id),
        Place::Among(nodes) => choose(hpc, nodes),
    };
    // Nothing moves a process away from a node unasked, so only "stay at home" needs the lock today; on the way to
    // another node it would stand in the way.
    let lock = match (plan.stay, &plan.place) {
        (Stay::Movable, _) => Some("0\n"),
        (Stay::Fixed, Place::Home) => Some("1\n"),
        _ => None,
    };
    if let Some(text) = lock {
        if let Err(refusal) = hpc.write("pids/self/lock", text) {
            note(&refusal.while_doing("cannot set the lock").what);
        }
    }
    if let Some(id) = node.filter(|&id| id != own) {
        if let Err(refusal) = hpc.write("pids/self/execgoto", &format!("{id}\n")) {
            note(&refusal.while_doing(&format!("running at home, not on node {id}")).what);
        }
    }
}

fn note(what: &str) {
    eprintln!("mosrun: {what}");
}

/// One of the nodes by chance, of those that are up if any is.
fn choose(hpc: &Hpc, nodes: &BTreeSet<u16>) -> Option<u16> {
    let up: Vec<u16> = hpc
        .numbers_in("nodes")
        .into_iter()
        .filter_map(|id| u16::try_from(id).ok())
        .filter(|id| nodes.contains(id))
        .filter(|&id| Node::read(hpc, id).is_some_and(|node| node.up || node.status.has(Status::SELF)))
        .collect();
    let candidates = if up.is_empty() { nodes.iter().copied().collect() } else { up };
    let random = machine::random::<8>().map_or(0, u64::from_ne_bytes);
    let index = random.checked_rem(candidates.len() as u64)?;
    candidates.get(index as usize).copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    fn parsed(line: &str) -> Result<Plan, String> {
        let words = line.split(' ').map(OsString::from).collect();
        match crate::cli::Cli::try_parse_from(crate::cli::rewrite(words).1)
            .map_err(|e| e.to_string())?
            .command
        {
            crate::cli::Command::Mosrun(args) => plan(args),
            other => Err(other.name().to_owned()),
        }
    }

    #[track_caller]
    fn is(line: &str, place: Place, stay: Stay, command: &str) {
        let command = command.split(' ').map(OsString::from).collect();
        assert_eq!(parsed(line), Ok(Plan { place, stay, command }), "{line}");
    }

    #[test]
    fn the_manuals_list() {
        let nodes: Vec<u16> = node_list("1,4-6,8,19-21").unwrap().into_iter().collect();
        assert_eq!(nodes, [1, 4, 5, 6, 8, 19, 20, 21]);
        for bad in ["", "0", "1,", "6-4", "1-", "a", "1-2-3", "65536"] {
            assert!(node_list(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn options_stand_before_and_after_the_place() {
        is("mosrun 3 xz -k big", Place::Node(3), Stay::Inherit, "xz -k big");
        is("mosrun 3 -L -c xz -l", Place::Node(3), Stay::Fixed, "xz -l");
        is("mosrun -L 3 xz", Place::Node(3), Stay::Fixed, "xz");
        is("mosrun -h -l ls -h", Place::Home, Stay::Movable, "ls -h");
        is("mosrun -h 3", Place::Home, Stay::Inherit, "3");
        is("mosrun -j 2-3 -i -- -x", Place::Among([2, 3].into()), Stay::Inherit, "-x");
        is("omctl mosrun sleep 3", Place::Anywhere, Stay::Inherit, "sleep 3");
        is("mosrun 3 -l -- -l", Place::Node(3), Stay::Movable, "-l");
        assert!(parsed("mosrun 3").is_err());
        assert!(parsed("mosrun 70000 ls").is_err());
        assert!(parsed("mosrun -j 1 -h ls").is_err());
    }
}
