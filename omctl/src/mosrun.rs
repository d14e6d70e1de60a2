// SPDX-License-Identifier: GPL-2.0-only

//! `omctl mosrun` and its shorthands: run a command, with a [`Wish`].
//!
//! Without the module, outside a cluster or when the node is down the command runs at home, as the manual demands
//! (5.3.4, mosrun).

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::os::unix::process::CommandExt;
use std::process::Command;

use proc_hpc::value;

use crate::cli::{CommandArgs, MosrunArgs, OmshArgs, RunonArgs};
use crate::failure::{Code, Failure};
use crate::hpc::Hpc;
use crate::print::Report;
use crate::wish::{Decay, Job, Place, Stay, Wish};

#[derive(Debug, PartialEq, Eq)]
struct Plan {
    wish: Wish,
    command: Vec<OsString>,
}

pub fn run(args: MosrunArgs) -> Result<Report, Failure> {
    let plan = plan(args).map_err(|what| Failure::new(Code::Usage, what, "See \"omctl mosrun --help\"."))?;
    start(plan)
}

/// `runon ID command`: go there and stay there.
pub fn run_on(args: RunonArgs) -> Result<Report, Failure> {
    let wish = Wish { place: Place::Node(args.node), stay: Stay::Fixed, ..Wish::default() };
    start(Plan { wish, command: args.command })
}

/// `runhome command`: locked at home.
pub fn run_home(args: CommandArgs) -> Result<Report, Failure> {
    let wish = Wish { place: Place::Home, stay: Stay::Locked, ..Wish::default() };
    start(Plan { wish, command: args.command })
}

/// `nomig command`: at home, and not moved automatically.
pub fn no_migration(args: CommandArgs) -> Result<Report, Failure> {
    let wish = Wish { place: Place::Home, stay: Stay::Fixed, ..Wish::default() };
    start(Plan { wish, command: args.command })
}

/// `cpujob command` and the like.
pub fn run_as(args: CommandArgs, wish: Wish) -> Result<Report, Failure> {
    start(Plan { wish, command: args.command })
}

/// `omsh [ID] …`: `sh` with the same arguments.
pub fn shell(args: OmshArgs) -> Result<Report, Failure> {
    start(shell_plan(args.words).map_err(|what| Failure::new(Code::Usage, what, ""))?)
}

fn shell_plan(words: Vec<OsString>) -> Result<Plan, String> {
    let mut words = words.into_iter().peekable();
    let mut wish = Wish::default();
    if let Some(id) = place(&mut words)? {
        wish = Wish { place: Place::Node(id), stay: Stay::Fixed, ..wish };
    }
    Ok(Plan { wish, command: std::iter::once("sh".into()).chain(words).collect() })
}

/// The node id, if that is the next word.
fn place(words: &mut std::iter::Peekable<std::vec::IntoIter<OsString>>) -> Result<Option<u16>, String> {
    let digits = |word: &OsString| !word.is_empty() && word.as_encoded_bytes().iter().all(u8::is_ascii_digit);
    let Some(word) = words.next_if(digits) else { return Ok(None) };
    let id = value::node(word.as_encoded_bytes()).ok_or("the node id must be a number from 1 to 65535")?;
    Ok(Some(id))
}

/// clap has taken the options before the first word. In the old syntax a node id may be that word, with further
/// options after it.
fn plan(args: MosrunArgs) -> Result<Plan, String> {
    let mut wish = Wish {
        place: match (args.home, args.among) {
            (true, _) => Place::Home,
            (false, Some(list)) => Place::Among(node_list(&list)?),
            (false, None) => Place::Anywhere,
        },
        stay: match (args.movable, args.fixed) {
            (_, true) => Stay::Fixed,
            (true, false) => Stay::Movable,
            (false, false) => Stay::Inherit,
        },
        job: [(args.cpu, Job::Cpu), (args.io, Job::Io)].into_iter().find_map(|(on, job)| on.then_some(job)),
        decay: [(args.fast, Decay::Fast), (args.slow, Decay::Slow), (args.no_decay, Decay::Never)]
            .into_iter()
            .find_map(|(on, decay)| on.then_some(decay)),
    };
    let mut words = args.words.into_iter().peekable();
    if wish.place == Place::Anywhere {
        if let Some(id) = place(&mut words)? {
            wish.place = Place::Node(id);
        }
    }
    while let Some(word) = words.peek() {
        match word.as_encoded_bytes() {
            b"-l" => wish.stay = Stay::Movable,
            b"-L" => wish.stay = Stay::Fixed,
            b"-k" => wish.stay = Stay::Inherit,
            b"-c" => wish.job = Some(Job::Cpu),
            b"-i" => wish.job = Some(Job::Io),
            b"-f" => wish.decay = Some(Decay::Fast),
            b"-s" => wish.decay = Some(Decay::Slow),
            b"-n" => wish.decay = Some(Decay::Never),
            _ => break,
        }
        words.next();
    }
    words.next_if(|word| word == OsStr::new("--"));
    let command: Vec<OsString> = words.collect();
    if command.is_empty() {
        return Err("no command to run".to_owned());
    }
    Ok(Plan { wish, command })
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
        plan.wish.tell(&hpc, own);
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

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Plan, String> {
        let words = line.split(' ').map(OsString::from).collect();
        match crate::cli::parse(crate::cli::rewrite(words).1).map_err(|e| e.to_string())?.1.command {
            crate::cli::Command::Mosrun(args) => plan(args),
            crate::cli::Command::Omsh(args) => shell_plan(args.words),
            other => Err(format!("{other:?}")),
        }
    }

    #[track_caller]
    fn is(line: &str, place: Place, stay: Stay, command: &str) {
        let command = command.split(' ').map(OsString::from).collect();
        let plan = parsed(line).unwrap();
        assert_eq!((plan.wish.place, plan.wish.stay, plan.command), (place, stay, command), "{line}");
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

    #[test]
    fn what_the_command_is_like() {
        for (line, job, decay) in [
            ("mosrun -c ls", Some(Job::Cpu), None),
            ("mosrun -i -f ls", Some(Job::Io), Some(Decay::Fast)),
            ("mosrun 3 -l -i -s ls -n", Some(Job::Io), Some(Decay::Slow)),
            ("mosrun -j 1,2 -n ls", None, Some(Decay::Never)),
            ("mosrun ls -c", None, None),
        ] {
            let wish = parsed(line).unwrap().wish;
            assert_eq!((wish.job, wish.decay), (job, decay), "{line}");
        }
        for wrong in ["mosrun -c -i ls", "mosrun -f -s ls", "mosrun -s -n ls"] {
            assert!(parsed(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn omsh_is_sh_on_a_node() {
        is("omsh -c ls", Place::Anywhere, Stay::Inherit, "sh -c ls");
        is("omsh 3 -c ls", Place::Node(3), Stay::Fixed, "sh -c ls");
        is("omsh script 3", Place::Anywhere, Stay::Inherit, "sh script 3");
    }
}
